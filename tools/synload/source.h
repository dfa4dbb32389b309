/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Sources that look random and do not repeat: the n-th frame's address and port are a
 * permutation of n, so that each pair comes once until all have come.
 */
#ifndef SYNLOAD_SOURCE_H
#define SYNLOAD_SOURCE_H

#include "maps.h"

#define SOURCE_PORT_MIN 1024
#define SOURCE_PORTS	(65536 - SOURCE_PORT_MIN)

struct source {
	struct sg_addr addr;
	__u16 port;
};

/* splitmix64 */
SG_INLINE __u64 source_mix(__u64 x)
{
	x += 0x9e3779b97f4a7c15ull;
	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9ull;
	x = (x ^ x >> 27) * 0x94d049bb133111ebull;
	return x ^ x >> 31;
}

/* One to one within the mask's bits: each step can be undone. */
SG_INLINE __u64 source_permute(__u64 x, __u64 mask, __u32 bits)
{
	__u32 half = bits / 2 + 1;

	x = (x * 0xd1342543de82ef95ull + config.seed) & mask;
	x ^= x >> half;
	x = (x * 0xaf251af3b0f025b5ull) & mask;
	x ^= x >> half;
	return x;
}

/* The address's end goes through the permutation; free bits in front of that follow from it. */
SG_INLINE void source_make(struct source *s, __u64 n)
{
	__u32 bits = config.bits & 63;
	__u64 end = (1ull << bits) - 1, host, hash, word[2], from[2], mask[2];

	n += config.seed >> 8;
	host = source_permute(n & end, end, bits);
	hash = source_mix(host);
	s->port = (__u16)(SOURCE_PORT_MIN + ((n >> bits) + hash) % SOURCE_PORTS);
	config_addr(from, &config.from);
	config_addr(mask, &config.mask);
	word[0] = from[0] | (hash & ~mask[0]);
	word[1] = from[1] | (__builtin_bswap64(host | (hash & ~end)) & ~mask[1]);
	sg_memcpy(s->addr.addr, word, 16);
}

/* Does an answer go to one of ours? */
SG_INLINE int source_covers(const struct sg_addr *a)
{
	__u64 x[2], from[2], mask[2];

	sg_memcpy(x, a->addr, 16);
	config_addr(from, &config.from);
	config_addr(mask, &config.mask);
	return ((x[0] & mask[0]) ^ from[0]) == 0 && ((x[1] & mask[1]) ^ from[1]) == 0;
}

#endif
