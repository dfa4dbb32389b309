/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Sequence numbers, RFC 9293 3.4: a type of their own, so that `a < b` on two of
 * them does not compile. Host byte order.
 */
#ifndef SYNGATE_SEQ_H
#define SYNGATE_SEQ_H

#include "base.h"

typedef struct {
	__u32 v;
} sg_seq;

SG_INLINE sg_seq sg_seq_of(__u32 v)
{
	return (sg_seq){v};
}

SG_INLINE sg_seq seq_add(sg_seq a, __u32 n)
{
	return (sg_seq){a.v + n};
}

/* Distance from b up to a: negative when a is before b. */
SG_INLINE __s32 seq_diff(sg_seq a, sg_seq b)
{
	return (__s32)(a.v - b.v);
}

SG_INLINE int seq_eq(sg_seq a, sg_seq b)
{
	return a.v == b.v;
}

SG_INLINE int seq_before(sg_seq a, sg_seq b)
{
	return seq_diff(a, b) < 0;
}

SG_INLINE int seq_after(sg_seq a, sg_seq b)
{
	return seq_diff(a, b) > 0;
}

/* lo <= a <= hi */
SG_INLINE int seq_between(sg_seq a, sg_seq lo, sg_seq hi)
{
	return hi.v - lo.v >= a.v - lo.v;
}

SG_INLINE sg_seq seq_max(sg_seq a, sg_seq b)
{
	return seq_after(a, b) ? a : b;
}

#endif
