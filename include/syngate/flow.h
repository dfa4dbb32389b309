/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The flow table: which worker has a tuple. The driver reads it for every segment; a
 * worker claims a tuple before its engine makes the connection, and gives it back when
 * the engine has forgotten it.
 */
#ifndef SYNGATE_FLOW_H
#define SYNGATE_FLOW_H

#include "abi.h"
#include "table.h"

#ifndef __bpf__
#include <errno.h>

struct sg_flow_table {
	struct sg_ways *ways;
	struct sg_flow_tuples *tuples; /* the same number */
	__u8 *homes;                   /* likewise, sg_flow_homes */
	__u32 buckets;
};

/* The way of bucket `b` that holds `t`, or -1; `word` is then the slot word (its info: the owner). */
SG_INLINE int sg_flow_find(const struct sg_flow_table *f, __u32 b, __u32 tag,
			   const struct sg_tuple *t, __u64 *word)
{
	for (int i = 0; i < SG_WAYS; i++) {
		*word = SG_READ_ONCE(f->ways[b].slot[i]);
		if (sg_slot_hit(*word, tag) && sg_tuple_eq(&f->tuples[b].tuple[i], t))
			return i;
	}
	return -1;
}

/* Where `t` is: a way of bucket `b`. Or -1. */
static inline int sg_flow_where(const struct sg_flow_table *f, __u32 tag, const struct sg_tuple *t,
				__u32 *b, __u64 *word)
{
	int way;

	*b = sg_bucket_first(tag, f->buckets);
	way = sg_flow_find(f, *b, tag, t, word);
	if (way >= 0 || !SG_READ_ONCE(f->ways[*b].spilled))
		return way;
	*b = sg_bucket_second(tag, f->buckets);
	return sg_flow_find(f, *b, tag, t, word);
}

/* The owner of `t`, or -ENOENT. */
static inline int sg_flow_owner(const struct sg_flow_table *f, __u32 tag, const struct sg_tuple *t)
{
	__u32 b;
	__u64 w;

	return sg_flow_where(f, tag, t, &b, &w) < 0 ? -ENOENT : sg_slot_info(w);
}

/*
 * Claim `t` for `owner`. Returns the worker that has it now, which is another one when
 * it was there first; -EBUSY while another claim is being made; -ENOSPC when neither
 * bucket has a free way.
 */
static inline int sg_flow_claim(struct sg_flow_table *f, __u32 tag, const struct sg_tuple *t,
				__u16 owner)
{
	__u32 b[2] = {sg_bucket_first(tag, f->buckets), sg_bucket_second(tag, f->buckets)};
	int has = sg_flow_owner(f, tag, t);
	struct sg_place at;

	if (has >= 0)
		return has;
	__sync_fetch_and_add(&f->homes[b[0]], 1); /* before the flow is there */
	switch (sg_ways_take(&f->ways[b[0]], &f->ways[b[1]], tag, owner, &at)) {
	case SG_TAKEN_FULL:
		__sync_fetch_and_sub(&f->homes[b[0]], 1);
		return -ENOSPC;
	case SG_TAKEN_RIVAL:
		__sync_fetch_and_sub(&f->homes[b[0]], 1);
		has = sg_flow_owner(f, tag, t);
		return has >= 0 ? has : -EBUSY;
	case SG_TAKEN:
		break;
	}
	f->tuples[b[at.second]].tuple[at.way] = *t;
	sg_slot_publish(&f->ways[b[at.second]].slot[at.way], at.word);
	return owner;
}

/* Free way `way` of bucket `b`. 0, or -ENOENT: it is no longer what `word` says. */
static inline int sg_flow_free(struct sg_flow_table *f, __u32 b, int way, __u64 word)
{
	__u32 first = sg_bucket_first(sg_slot_tag(word), f->buckets);

	if (!sg_slot_free(&f->ways[b].slot[way], word))
		return -ENOENT;
	if (first != b)
		sg_ways_unspill(&f->ways[first]);
	__sync_fetch_and_sub(&f->homes[first], 1);
	return 0;
}

/* Give `t` back. Returns 0, or -ENOENT. */
static inline int sg_flow_release(struct sg_flow_table *f, __u32 tag, const struct sg_tuple *t)
{
	__u32 b;
	__u64 w;
	int way = sg_flow_where(f, tag, t, &b, &w);

	return way < 0 ? -ENOENT : sg_flow_free(f, b, way, w);
}
#endif

#endif
