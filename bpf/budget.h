/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Stage: may this be answered? So many SYN-ACKs and RSTs a second for each source prefix, so that
 * we are no reflector and a flood's answers leave room for those to clients; and in all, where that
 * is asked for. Whoever has completed a handshake before is answered all the same, and whoever is
 * allowed.
 */
#ifndef BPF_BUDGET_H
#define BPF_BUDGET_H

#include "listener.h"
#include "syngate/budget.h"
#include "syngate/proven.h"

/*
 * The cell of a source's prefix, /24 or /64: a keyed hash, cheap, since nobody sees its result and
 * prefixes that share a cell share a budget, no more.
 */
SG_INLINE struct sg_budget *budget_of(__u32 queue, const struct packet *p)
{
	const __u32 *a = sg_addr_words(&p->tuple.peer);
	__u32 zero = 0, cell;
	struct sg_keys *k = bpf_map_lookup_elem(&keys, &zero);
	__u64 x = p->v6 ? (__u64)a[0] << 32 | a[1] : bpf_ntohl(a[3]) >> 8;

	if (!k)
		return 0;
	x = (x ^ p->tuple.vlan[0] ^ k->tuple.sip.k[0]) * 0x9e3779b97f4a7c15ULL;
	x = (x ^ x >> 32) * (k->tuple.sip.k[1] | 1);
	cell = queue * SG_BUDGET_CELLS + (__u32)(x >> 32) % SG_BUDGET_CELLS;
	return bpf_map_lookup_elem(&budgets, &cell);
}

/* Has this source completed a handshake before? */
STAGE int budget_is_proven(const struct sg_tuple *t)
{
	struct sg_proven_bucket *b;
	struct sg_keys *k;
	__u32 zero = 0, bucket;
	__u64 mark;

	k = bpf_map_lookup_elem(&keys, &zero);
	if (!k || !t)
		return 0;
	mark = sg_proven_mark(&k->tuple.sip, t, SG_PROVEN_SHOOK);
	bucket = sg_proven_bucket(mark);
	b = bpf_map_lookup_elem(&proven, &bucket);
	return b && sg_proven_has(b, mark);
}

/* One more SYN-ACK. */
STAGE int budget_synack(const struct packet *p, __u32 queue, __u64 now)
{
	const struct sg_settings *set = settings_get();
	struct sg_worker *w = bpf_map_lookup_elem(&workers, &queue);
	struct sg_budget *b;

	if (!p || !set || !w)
		return 0;
	b = budget_of(queue, p);
	if (!b)
		return 0;
	if (sg_budget_has(b->synack, now, set->synack_prefix_limit) &&
	    sg_budget_has(w->synack_until, now, set->synack_limit)) {
		sg_budget_spend(&b->synack, now, set->synack_prefix_limit);
		sg_budget_spend(&w->synack_until, now, set->synack_limit);
		return 1;
	}
	return peer_is_allowed(p, set) || budget_is_proven(&p->tuple);
}

/* One more RST. Whoever is proven can wait for one. */
STAGE int budget_rst(const struct packet *p, __u32 queue, __u64 now)
{
	const struct sg_settings *set = settings_get();
	struct sg_worker *w = bpf_map_lookup_elem(&workers, &queue);
	struct sg_budget *b;

	if (!p || !set || !w)
		return 0;
	b = budget_of(queue, p);
	if (!b || !sg_budget_has(b->rst, now, set->rst_prefix_limit) ||
	    !sg_budget_has(w->rst_until, now, set->rst_limit)) {
		if (peer_is_allowed(p, set))
			return 1;
		w->rsts_limited++;
		return 0;
	}
	sg_budget_spend(&b->rst, now, set->rst_prefix_limit);
	sg_budget_spend(&w->rst_until, now, set->rst_limit);
	return 1;
}

#endif
