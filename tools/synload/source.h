/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Sources that look random and do not repeat: the n-th frame's address and port are a
 * permutation of n, so that each pair comes once until all have come.
 */
#ifndef SYNLOAD_SOURCE_H
#define SYNLOAD_SOURCE_H

#include "maps.h"
#include "permute.h"

#define SOURCE_PORT_MIN 1024
#define SOURCE_PORTS	(65536 - SOURCE_PORT_MIN)

struct source {
	struct sg_addr addr;
	__u16 port;
};

/* The address's end goes through the permutation; free bits in front of that follow from it. */
SG_INLINE void source_make(struct source *s, __u64 n)
{
	__u32 bits = config.bits & 63;
	__u64 end = (1ull << bits) - 1, host, hash, word[2], from[2], mask[2];

	n += config.seed >> 8;
	host = sl_permute(n & end, end, bits, config.seed);
	hash = sl_mix(host);
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
