/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Proven peers, of two kinds. Addresses that a connection came from which ended in good order,
 * after its round trip had been measured (Linux keeps them in tcp_metrics): without SYN cookies the
 * last quarter of a half-open queue is theirs. And addresses that have completed a handshake: what
 * they ask for is answered when budgets are spent.
 *
 * A set of marks, keyed hashes of addresses: one stranger in 2^47 is taken for proven. Eight
 * marks a cache line, each read and written in one piece, so that nobody locks; a full line
 * loses one of its own. The driver reads, the workers write.
 */
#ifndef SYNGATE_PROVEN_H
#define SYNGATE_PROVEN_H

#include "abi.h"

enum sg_proven_kind {
	SG_PROVEN_CLOSED = 0, /* a connection ended in good order */
	SG_PROVEN_SHOOK = 1,  /* a handshake was completed */
};

/* What stands for the peer of a tuple, on its network: never 0. */
SG_INLINE __u64 sg_proven_mark(const struct sg_key *key, const struct sg_tuple *t,
			       enum sg_proven_kind kind)
{
	struct sg_tuple peer;

	sg_memset(&peer, 0, sizeof(peer));
	peer.peer = t->peer;
	peer.vlan[0] = t->vlan[0];
	peer.vlan[1] = t->vlan[1];
	peer.pport = (__u16)kind;
	return sg_tuple_prf(key, &peer) | 1;
}

SG_INLINE __u32 sg_proven_bucket(__u64 mark)
{
	return (__u32)(mark >> 1) % SG_PROVEN_BUCKETS;
}

SG_INLINE int sg_proven_has(const struct sg_proven_bucket *b, __u64 mark)
{
	__u64 found = 0;

	SG_UNROLL
	for (int i = 0; i < SG_PROVEN_WAYS; i++)
		found |= SG_READ_ONCE(b->mark[i]) == mark;
	return (int)found;
}

#ifndef __bpf__
/* `dice`: any number; when the line is full, whom it hits goes. */
static inline void sg_proven_add(struct sg_proven_bucket *b, __u64 mark, __u32 dice)
{
	__u32 way = dice % SG_PROVEN_WAYS;

	if (sg_proven_has(b, mark))
		return;
	for (__u32 i = 0; i < SG_PROVEN_WAYS; i++)
		if (!SG_READ_ONCE(b->mark[i])) {
			way = i;
			break;
		}
	SG_WRITE_ONCE(b->mark[way], mark);
}
#endif

#endif
