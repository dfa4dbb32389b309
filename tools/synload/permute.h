/* SPDX-License-Identifier: BSD-2-Clause */
/* Numbers that look random and do not repeat. */
#ifndef SYNLOAD_PERMUTE_H
#define SYNLOAD_PERMUTE_H

#include "syngate/base.h"

/* splitmix64 */
SG_INLINE __u64 sl_mix(__u64 x)
{
	x += 0x9e3779b97f4a7c15ull;
	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9ull;
	x = (x ^ x >> 27) * 0x94d049bb133111ebull;
	return x ^ x >> 31;
}

/* One to one among the numbers of so many bits, as each step can be undone; `end` has them set. */
SG_INLINE __u64 sl_permute(__u64 x, __u64 end, __u32 bits, __u64 seed)
{
	__u32 half = bits / 2 + 1;

	x = (x * 0xd1342543de82ef95ull + seed) & end;
	x ^= x >> half;
	x = (x * 0xaf251af3b0f025b5ull) & end;
	return x ^ x >> half;
}

#endif
