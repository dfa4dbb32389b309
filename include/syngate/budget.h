/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * So many a second: a leaky bucket in one word, "virtual scheduling" (ITU-T I.371). The word says
 * until when what was spent is being paid off; a second's worth may be spent at once. Changed without
 * a lock: two CPUs at once may spend one too many.
 */
#ifndef SYNGATE_BUDGET_H
#define SYNGATE_BUDGET_H

#include "base.h"

#define SG_BUDGET_SHIFT	  10			     /* the clock's unit: 1024 ns */
#define SG_BUDGET_SECOND  (1000000000 >> SG_BUDGET_SHIFT)
#define SG_BUDGET_NO_LIMIT 1000000 /* and above */

/* What is still to be paid off. */
SG_INLINE __u64 sg_budget_debt(__u64 until, __u64 now)
{
	return until > now ? until - now : 0;
}

/* One more, of `limit` a second? */
SG_INLINE int sg_budget_has(__u64 until, __u64 now, __u32 limit)
{
	if (limit >= SG_BUDGET_NO_LIMIT)
		return 1;
	return limit && sg_budget_debt(until, now) + SG_BUDGET_SECOND / limit <= SG_BUDGET_SECOND;
}

SG_INLINE void sg_budget_spend(__u64 *until, __u64 now, __u32 limit)
{
	if (limit && limit < SG_BUDGET_NO_LIMIT)
		SG_WRITE_ONCE(*until, now + sg_budget_debt(*until, now) + SG_BUDGET_SECOND / limit);
}

#endif
