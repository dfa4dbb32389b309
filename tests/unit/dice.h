/* SPDX-License-Identifier: BSD-2-Clause */
/* Random numbers for tests that play: seeded, so that a failure comes again. */
#ifndef UNIT_DICE_H
#define UNIT_DICE_H

#include <linux/types.h>
#include <stddef.h>

struct dice {
	__u64 s; /* any seed */
};

/* SplitMix64 (Steele, Lea, Flood 2014): any state will do, zero too. */
static inline __u64 dice_roll64(struct dice *d)
{
	__u64 z = d->s += 0x9e3779b97f4a7c15ULL;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ z >> 27) * 0x94d049bb133111ebULL;
	return z ^ z >> 31;
}

static inline __u32 dice_roll(struct dice *d)
{
	return (__u32)(dice_roll64(d) >> 32);
}

/* 0 .. n-1 */
static inline __u32 dice_below(struct dice *d, __u32 n)
{
	return (__u32)((__u64)dice_roll(d) * n >> 32);
}

static inline void dice_fill(struct dice *d, void *p, size_t len)
{
	for (size_t i = 0; i < len; i++)
		((__u8 *)p)[i] = (__u8)dice_roll(d);
}

#endif
