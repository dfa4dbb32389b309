/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The shape that `halfopen` and `flows` share: an array of buckets of eight ways, two
 * candidate buckets for each tuple, slots owned through one 64-bit word each (abi.h).
 * No lock: a slot is claimed and freed by compare-and-swap from any CPU and from
 * userspace. The caller finds the buckets (a map lookup in BPF, an array on the host).
 */
#ifndef SYNGATE_TABLE_H
#define SYNGATE_TABLE_H

#include "abi.h"

SG_INLINE __u32 sg_bucket_first(__u32 hash, __u32 buckets)
{
	return (__u32)((__u64)hash * buckets >> 32);
}

/* Never the first one, if there are two. */
SG_INLINE __u32 sg_bucket_second(__u32 hash, __u32 buckets)
{
	__u32 first = sg_bucket_first(hash, buckets);
	__u32 second = sg_bucket_first((hash ^ 0x5bd1e995u) * 0x9e3779b1u, buckets);

	if (second == first)
		second = second + 1 < buckets ? second + 1 : 0;
	return second;
}

SG_INLINE __u64 sg_slot_state(__u64 w)
{
	return w & SG_SLOT_STATE;
}

SG_INLINE __u16 sg_slot_gen(__u64 w)
{
	return (__u16)((w & SG_SLOT_GEN) >> SG_SLOT_GEN_SHIFT);
}

SG_INLINE __u32 sg_slot_retries(__u64 w)
{
	return (w & SG_SLOT_RETRIES) >> SG_SLOT_RETRIES_SHIFT;
}

SG_INLINE __u16 sg_slot_info(__u64 w)
{
	return (__u16)(w >> SG_SLOT_INFO_SHIFT);
}

SG_INLINE __u32 sg_slot_tag(__u64 w)
{
	return (__u32)(w >> SG_SLOT_TAG_SHIFT);
}

SG_INLINE __u64 sg_slot_make(__u64 state, __u16 gen, __u16 info, __u32 tag)
{
	return state | ((__u64)gen << SG_SLOT_GEN_SHIFT & SG_SLOT_GEN) |
	       (__u64)info << SG_SLOT_INFO_SHIFT | (__u64)tag << SG_SLOT_TAG_SHIFT;
}

SG_INLINE int sg_slot_cas(__u64 *slot, __u64 from, __u64 to)
{
	return __sync_val_compare_and_swap(slot, from, to) == from;
}

/* Does this word hold a live entry with this tag? */
SG_INLINE int sg_slot_hit(__u64 w, __u32 tag)
{
	return sg_slot_tag(w) == tag && sg_slot_state(w) == SG_SLOT_LIVE;
}

/* How many ways are free. No branches: the verifier would walk every combination. */
SG_INLINE __u32 sg_bucket_free(const __u64 *slot)
{
	__u64 n = 0;

SG_UNROLL
	for (int i = 0; i < SG_WAYS; i++)
		n += (sg_slot_state(SG_READ_ONCE(slot[i])) - 1) >> 63;
	return (__u32)n;
}

/* FREE -> BUSY in any way of the bucket. Returns the way and the word, or -1: none is free. */
SG_INLINE int sg_bucket_claim(__u64 *slot, __u32 tag, __u16 info, __u64 *word)
{
SG_UNROLL
	for (int i = 0; i < SG_WAYS; i++) {
		__u64 w = SG_READ_ONCE(slot[i]);

		if (sg_slot_state(w) != SG_SLOT_FREE)
			continue;
		*word = sg_slot_make(SG_SLOT_BUSY, sg_slot_gen(w) + 1, info, tag);
		if (sg_slot_cas(&slot[i], w, *word))
			return i;
	}
	return -1;
}

/* BUSY -> LIVE: a full barrier, so that whoever sees LIVE sees the entry. */
SG_INLINE __u64 sg_slot_publish(__u64 *slot, __u64 word)
{
	__u64 live = (word & ~SG_SLOT_STATE) | SG_SLOT_LIVE;

	(void)sg_slot_cas(slot, word, live);
	return live;
}

/* -> FREE, keeping the generation. Returns 0 when the slot is no longer what `word` says. */
SG_INLINE int sg_slot_free(__u64 *slot, __u64 word)
{
	return sg_slot_cas(slot, word, word & SG_SLOT_GEN);
}

/*
 * Does the bucket hold another entry or claim with this tag than the one in way `own` (-1:
 * it is in the other bucket)? Two CPUs that insert the same tuple at once both look after
 * claiming, and whoever sees the other gives way. Perhaps both do: no order of the ways
 * would be safe, for the one behind may have looked before the one in front claimed.
 */
SG_INLINE int sg_bucket_rival(const __u64 *slot, __u32 tag, int own)
{
	__u64 found = 0;

SG_UNROLL
	for (int i = 0; i < SG_WAYS; i++) { /* no branches, as above: each factor is 0 or 1 */
		__u64 w = SG_READ_ONCE(slot[i]);
		__u64 same = ((__u64)(sg_slot_tag(w) ^ tag) - 1) >> 63;
		__u64 taken = (sg_slot_state(w) + 3) >> 2;
		__u64 other = -(__u64)(__u32)(i ^ own) >> 63;

		found |= same & taken & other;
	}
	return (int)found;
}

#endif
