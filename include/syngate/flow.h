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

/* The way that holds `t`, or -1; `word` is then the slot word (its info: the owner). */
SG_INLINE int sg_flow_find(const struct sg_flow_bucket *b, __u32 tag, const struct sg_tuple *t,
			   __u64 *word)
{
	int found = -1;

	SG_UNROLL
	for (int i = 0; i < SG_WAYS; i++) {
		__u64 w = SG_READ_ONCE(b->slot[i]);

		if (sg_slot_hit(w, tag) && sg_tuple_eq(&b->tuple[i], t)) {
			*word = w;
			found = i;
			break;
		}
	}
	return found;
}

#ifndef __bpf__
#include <errno.h>

struct sg_flow_table {
	struct sg_flow_bucket *bucket;
	__u32 buckets;
};

/* The owner of `t`, or -ENOENT. */
SG_INLINE int sg_flow_owner(const struct sg_flow_table *f, __u32 hash, const struct sg_tuple *t)
{
	__u64 w;

	if (sg_flow_find(&f->bucket[sg_bucket_first(hash, f->buckets)], hash, t, &w) >= 0 ||
	    sg_flow_find(&f->bucket[sg_bucket_second(hash, f->buckets)], hash, t, &w) >= 0)
		return sg_slot_info(w);
	return -ENOENT;
}

/*
 * Claim `t` for `owner`. Returns the worker that has it now, which is another one when
 * it was there first; -EBUSY while another claim is being made; -ENOSPC when neither
 * bucket has a free way.
 */
static inline int sg_flow_claim(struct sg_flow_table *f, __u32 hash, const struct sg_tuple *t,
				__u16 owner)
{
	struct sg_flow_bucket *b0 = &f->bucket[sg_bucket_first(hash, f->buckets)];
	struct sg_flow_bucket *b1 = &f->bucket[sg_bucket_second(hash, f->buckets)];
	int second = sg_bucket_free(b1->slot) > sg_bucket_free(b0->slot);
	struct sg_flow_bucket *b = second ? b1 : b0;
	int has = sg_flow_owner(f, hash, t);
	__u64 word;
	int way;

	if (has >= 0)
		return has;
	way = sg_bucket_claim(b->slot, hash, owner, &word);
	if (way < 0) {
		second = !second;
		b = second ? b1 : b0;
		way = sg_bucket_claim(b->slot, hash, owner, &word);
	}
	if (way < 0)
		return -ENOSPC;
	if (sg_bucket_rival(b->slot, hash, way) ||
	    sg_bucket_rival(second ? b0->slot : b1->slot, hash, -1)) {
		sg_slot_free(&b->slot[way], word);
		has = sg_flow_owner(f, hash, t);
		return has >= 0 ? has : -EBUSY;
	}
	b->tuple[way] = *t;
	sg_slot_publish(&b->slot[way], word);
	return owner;
}

/* Give `t` back. Returns 0, or -ENOENT. */
static inline int sg_flow_release(struct sg_flow_table *f, __u32 hash, const struct sg_tuple *t)
{
	struct sg_flow_bucket *b[2] = {
		&f->bucket[sg_bucket_first(hash, f->buckets)],
		&f->bucket[sg_bucket_second(hash, f->buckets)],
	};
	__u64 w;

	for (int i = 0; i < 2; i++) {
		int way = sg_flow_find(b[i], hash, t, &w);

		if (way >= 0)
			return sg_slot_free(&b[i]->slot[way], w) ? 0 : -ENOENT;
	}
	return -ENOENT;
}
#endif

#endif
