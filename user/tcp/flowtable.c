/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * tuple -> connection or TIME_WAIT block: open addressing with linear probing over words
 * that hold the tuple's hash beside the index, so that a probe seldom touches a block.
 * The table has at least twice as many words as there can be entries.
 */
#include <stdint.h>

#include "tcp/stack.h"

static __u64 flow_word(__u32 hash, __u32 what)
{
	return (__u64)hash << 32 | what;
}

static const struct sg_tuple *flow_tuple(const struct tcp_stack *s, __u32 what)
{
	if (what & FLOW_TIMEWAIT)
		return &s->timewait[what & ~FLOW_TIMEWAIT].tuple;
	return &conn_at(s, what)->tuple;
}

__u32 flowtable_find(const struct tcp_stack *s, __u32 hash, const struct sg_tuple *t)
{
	for (__u32 i = hash & s->hash_mask;; i = (i + 1) & s->hash_mask) {
		__u64 w = s->hash[i];

		if (w == 0)
			return 0;
		if ((__u32)(w >> 32) == hash && sg_tuple_eq(flow_tuple(s, (__u32)w), t))
			return (__u32)w;
	}
}

void flowtable_add(struct tcp_stack *s, __u32 hash, __u32 what)
{
	__u32 i = hash & s->hash_mask;

	while (s->hash[i] != 0)
		i = (i + 1) & s->hash_mask;
	s->hash[i] = flow_word(hash, what);
}

/* Close the gap at `hole`: move up what would no longer be found behind it. */
static void flowtable_close_gap(struct tcp_stack *s, __u32 hole)
{
	for (__u32 i = (hole + 1) & s->hash_mask; s->hash[i] != 0; i = (i + 1) & s->hash_mask) {
		__u32 home = (__u32)(s->hash[i] >> 32) & s->hash_mask;

		if (((i - home) & s->hash_mask) < ((i - hole) & s->hash_mask))
			continue;
		s->hash[hole] = s->hash[i];
		hole = i;
	}
	s->hash[hole] = 0;
}

void flowtable_del(struct tcp_stack *s, __u32 hash, __u32 what)
{
	for (__u32 i = hash & s->hash_mask; s->hash[i] != 0; i = (i + 1) & s->hash_mask) {
		if (s->hash[i] == flow_word(hash, what)) {
			flowtable_close_gap(s, i);
			return;
		}
	}
}

/* --- a batch ------------------------------------------------------------------------------ */

static void flowtable_prefetch(const void *block, size_t size)
{
	uintptr_t end = (uintptr_t)block + size;

	for (uintptr_t at = (uintptr_t)block & ~(SG_CACHELINE - 1ul); at < end; at += SG_CACHELINE)
		__builtin_prefetch((const void *)at, 1);
}

/* The first word with this tag is the right one, but for one in four billion. */
static void flowtable_prefetch_block(const struct tcp_stack *s, __u32 hash)
{
	__u32 i = hash & s->hash_mask;

	while (s->hash[i] != 0 && (__u32)(s->hash[i] >> 32) != hash)
		i = (i + 1) & s->hash_mask;
	if ((__u32)s->hash[i] & FLOW_TIMEWAIT)
		flowtable_prefetch(flow_tuple(s, (__u32)s->hash[i]), sizeof(struct timewait));
	else if (s->hash[i])
		flowtable_prefetch(conn_at(s, (__u32)s->hash[i]), TCP_HOT);
}

void tcp_prepare(const struct tcp_stack *s, struct seg *in, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		in[i].hash = sg_tuple_hash(&s->cfg.key, &in[i].tuple);
		in[i].hashed = true;
		__builtin_prefetch(&s->hash[in[i].hash.table & s->hash_mask]);
	}
	for (unsigned i = 0; i < n; i++)
		flowtable_prefetch_block(s, in[i].hash.table);
}
