/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A histogram of times: sixteen buckets for each power of two, so that a bucket's middle is at
 * most 3 % off. The program counts into it, the report reads it.
 */
#ifndef SYNLOAD_LATENCY_H
#define SYNLOAD_LATENCY_H

#include "syngate/base.h"

#define SL_BUCKETS 464 /* of 32-bit times: below 32 each its own, then 27 powers of two */

SG_INLINE __u32 sl_bucket(__u32 v)
{
	__u32 shift = 0;

	if (v >> 20) {
		v >>= 16;
		shift += 16;
	}
	if (v >> 12) {
		v >>= 8;
		shift += 8;
	}
	if (v >> 8) {
		v >>= 4;
		shift += 4;
	}
	for (int i = 0; i < 3 && v >= 32; i++) {
		v >>= 1;
		shift++;
	}
	return shift * 16 + v;
}

/* The middle of what falls into bucket `i`. */
SG_INLINE __u64 sl_bucket_middle(__u32 i)
{
	__u32 shift = i < 32 ? 0 : i / 16 - 1;

	return ((__u64)(i - shift * 16) << shift) + (1ull << shift >> 1);
}

#endif
