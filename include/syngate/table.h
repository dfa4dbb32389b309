/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The shape that `halfopen` and `flows` share: an array of buckets of seven ways, two
 * candidate buckets for each tuple, slots owned through one 64-bit word each (abi.h). An entry
 * lies in its first bucket, unless that is nearly full and the second has more room; then the first
 * one counts it as spilled, so that who searches looks into the second only if there may be one.
 * No lock: a slot is claimed and freed by compare-and-swap from any CPU and from
 * userspace. The caller finds the buckets (a map lookup in BPF, an array on the host).
 */
#ifndef SYNGATE_TABLE_H
#define SYNGATE_TABLE_H

#include "abi.h"

/*
 * Entries that a bucket is there for: 1.75 slots each. At the limit a tuple finds both of its
 * buckets full 4 times in 10,000, and 16 % of the entries lie in their second one.
 */
#define SG_BUCKET_ENTRIES 4

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

/* A slot's number, as metadata has it. */
SG_INLINE __u32 sg_index(__u32 bucket, __u32 way)
{
	return bucket << 3 | way;
}

SG_INLINE __u32 sg_index_bucket(__u32 index)
{
	return index >> 3;
}

/* To be looked at: a stranger's may be SG_WAYS. */
SG_INLINE __u32 sg_index_way(__u32 index)
{
	return index & 7;
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
	__u64 want = SG_SLOT_LIVE | (__u64)tag << SG_SLOT_TAG_SHIFT;

	return ((w ^ want) & (SG_SLOT_STATE | ~0ULL << SG_SLOT_TAG_SHIFT)) == 0;
}

/* How many ways are free. No branches: the verifier would walk every combination. */
SG_INLINE __u32 sg_ways_free(const struct sg_ways *w)
{
	__u64 n = 0;

SG_UNROLL
	for (int i = 0; i < SG_WAYS; i++)
		n += (sg_slot_state(SG_READ_ONCE(w->slot[i])) - 1) >> 63;
	return (__u32)n;
}

/* The way that a tag takes if it is free: so its line can be asked for before the slots are read. */
SG_INLINE __u32 sg_ways_first(__u32 tag)
{
	return (tag & 0xffff) * SG_WAYS >> 16;
}

/* FREE -> BUSY in any way of the bucket. Returns the way and the word, or -1: none is free. */
SG_INLINE int sg_ways_claim(struct sg_ways *b, __u32 tag, __u16 info, __u64 *word)
{
	__u32 first = sg_ways_first(tag);
	__u64 was = SG_READ_ONCE(b->slot[first]);

	if (sg_slot_state(was) == SG_SLOT_FREE) {
		*word = sg_slot_make(SG_SLOT_BUSY, sg_slot_gen(was) + 1, info, tag);
		if (sg_slot_cas(&b->slot[first], was, *word))
			return (int)first;
	}
SG_UNROLL
	for (int i = 0; i < SG_WAYS; i++) {
		__u64 w = SG_READ_ONCE(b->slot[i]);

		if (sg_slot_state(w) != SG_SLOT_FREE)
			continue;
		*word = sg_slot_make(SG_SLOT_BUSY, sg_slot_gen(w) + 1, info, tag);
		if (sg_slot_cas(&b->slot[i], w, *word))
			return i;
	}
	return -1;
}

/*
 * BUSY -> LIVE: whoever sees LIVE sees the entry. Where stores are seen in order a plain one will do,
 * since nobody else touches a BUSY slot; a locked one would wait for the entry's line.
 */
SG_INLINE __u64 sg_slot_publish(__u64 *slot, __u64 word)
{
	__u64 live = (word & ~SG_SLOT_STATE) | SG_SLOT_LIVE;

#if defined(__x86_64__) || defined(SG_BPF_X86)
	__asm__ volatile("" ::: "memory");
	SG_WRITE_ONCE(*slot, live);
#else
	(void)sg_slot_cas(slot, word, live);
#endif
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
SG_INLINE int sg_ways_rival(const struct sg_ways *b, __u32 tag, int own)
{
	__u64 found = 0;

SG_UNROLL
	for (int i = 0; i < SG_WAYS; i++) { /* no branches, as above: each factor is 0 or 1 */
		__u64 w = SG_READ_ONCE(b->slot[i]);
		__u64 same = ((__u64)(sg_slot_tag(w) ^ tag) - 1) >> 63;
		__u64 taken = (sg_slot_state(w) + 3) >> 2;
		__u64 other = -(__u64)(__u32)(i ^ own) >> 63;

		found |= same & taken & other;
	}
	return (int)found;
}

/* A claimed slot: bucket 0 or 1 of the two, way, and the slot's word. */
struct sg_place {
	__u32 second;
	__u32 way;
	__u64 word;
};

enum sg_taken {
	SG_TAKEN,
	SG_TAKEN_FULL,	/* neither bucket has a free way */
	SG_TAKEN_RIVAL, /* another one is inserting this very tuple */
};

SG_INLINE int sg_ways_claim_in(struct sg_ways *first, struct sg_ways *second, __u32 in_second,
			       __u32 tag, __u16 info, struct sg_place *at)
{
	int way;

	if (in_second)
		__sync_fetch_and_add(&first->spilled, 1); /* before the claim: who looks must know */
	way = sg_ways_claim(in_second ? second : first, tag, info, &at->word);
	if (way < 0 && in_second)
		__sync_fetch_and_add(&first->spilled, (__u64)-1);
	at->second = in_second;
	at->way = (__u32)way;
	return way >= 0 && way < SG_WAYS ? 0 : -1;
}

/* The claim, or the entry that is gone by now, was in the second bucket: the first one counts. */
SG_INLINE void sg_ways_unspill(struct sg_ways *first)
{
	__sync_fetch_and_add(&first->spilled, (__u64)-1);
}

/* A slot for `tag` that is BUSY, to be filled and published. */
SG_INLINE enum sg_taken sg_ways_take(struct sg_ways *first, struct sg_ways *second, __u32 tag,
				     __u16 info, struct sg_place *at)
{
	__u32 room = sg_ways_free(first);
	__u32 in_second = room < 2 && sg_ways_free(second) > room;
	struct sg_ways *b;

	if (sg_ways_claim_in(first, second, in_second, tag, info, at) &&
	    sg_ways_claim_in(first, second, !in_second, tag, info, at))
		return SG_TAKEN_FULL;
	b = at->second ? second : first;
	if (!sg_ways_rival(b, tag, (int)at->way) &&
	    (at->second ? !sg_ways_rival(first, tag, -1)
			: !SG_READ_ONCE(first->spilled) || !sg_ways_rival(second, tag, -1)))
		return SG_TAKEN;
	if (at->way < SG_WAYS)
		sg_slot_free(&b->slot[at->way], at->word);
	if (at->second)
		sg_ways_unspill(first);
	return SG_TAKEN_RIVAL;
}

#endif
