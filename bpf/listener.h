/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Stage 2: whose segment is this? Flows first, then listeners, exact before wildcard. */
#ifndef BPF_LISTENER_H
#define BPF_LISTENER_H

#include "parse.h"
#include "syngate/flow.h"

/* May the port have a listener or a flow? One cached bit, for all the traffic that is not ours. */
SG_INLINE int port_is_ours(const struct packet *p)
{
	__u32 word = p->tuple.lport / 64;
	__u64 *bits = bpf_map_lookup_elem(&ports, &word);

	return bits && SG_READ_ONCE(*bits) >> (p->tuple.lport % 64) & 1;
}

/* 0, or -1: no key, which cannot be. */
STAGE int tuple_hash(const struct sg_tuple *t, struct sg_hash *h)
{
	__u32 zero = 0;
	struct sg_keys *k = bpf_map_lookup_elem(&keys, &zero);

	if (!k || !t || !h)
		return -1;
	*h = sg_tuple_hash(&k->tuple, t);
	return 0;
}

/* Is way `way` of this bucket this tuple's? */
SG_INLINE int flow_is(__u32 bucket, __u32 way, const struct sg_tuple *t)
{
	struct sg_flow_tuples *f = bpf_map_lookup_elem(&flow_tuples, &bucket);

	return f && way < SG_WAYS && sg_tuple_eq(&f->tuple[way], t);
}

SG_INLINE int flow_find_in(const struct sg_ways *w, __u32 bucket, __u32 tag,
			   const struct sg_tuple *t)
{
	int owner = -1;

	SG_UNROLL
	for (__u32 i = 0; i < SG_WAYS; i++) {
		__u64 word = SG_READ_ONCE(w->slot[i]);

		if (sg_slot_hit(word, tag) && flow_is(bucket, i, t)) {
			owner = sg_slot_info(word);
			break;
		}
	}
	return owner;
}

/* The worker that has this flow, or -1. */
STAGE int flow_find(const struct sg_tuple *t, __u32 tag)
{
	__u32 bucket = sg_bucket_first(tag, flow_buckets);
	struct sg_ways *w = bpf_map_lookup_elem(&flows, &bucket);
	int owner;

	if (!t || !w)
		return -1;
	owner = flow_find_in(w, bucket, tag, t);
	if (owner >= 0 || !SG_READ_ONCE(w->spilled))
		return owner;
	bucket = sg_bucket_second(tag, flow_buckets);
	w = bpf_map_lookup_elem(&flows, &bucket);
	return w ? flow_find_in(w, bucket, tag, t) : -1;
}

SG_INLINE const struct sg_listener *listener_open(const struct sg_listener_key *k)
{
	const struct sg_listener *l = bpf_map_lookup_elem(&listeners, k);

	return l && l->state == SG_LISTENER_OPEN ? l : 0;
}

SG_INLINE int listener_addr_is_local(const struct sg_addr *a)
{
	struct sg_local_key k = {.prefix = 128, .addr = *a};

	return bpf_map_lookup_elem(&locals, &k) != 0;
}

/* The listener, or none and `why`. A wildcard one takes what is to the host itself, no more. */
SG_INLINE const struct sg_listener *listener_find(const struct packet *p, enum sg_verdict *why)
{
	struct sg_listener_key k = {.addr = p->tuple.local, .port = p->tuple.lport};
	const struct sg_listener *l = listener_open(&k);

	if (l)
		return l;
	*why = SG_V_PASS_NO_LISTENER;
	sg_memset(&k.addr, 0, sizeof(k.addr));
	l = listener_open(&k);
	if (!l || listener_addr_is_local(&p->tuple.local))
		return l;
	*why = SG_V_PASS_NOT_LOCAL;
	return 0;
}

#endif
