/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * CUBIC, RFC 9438. The window is a cubic function of the time since it was last cut: steep,
 * flat around where the loss was, steep again; and never less than Reno would have.
 *
 *	W(t) = C (t - K)^3 + W_max,  C = 0.4 segments/s^3,  K = cbrt((W_max - cwnd) / C)
 *
 * Times are milliseconds, so C comes with 10^-9.
 */
#include "tcp/cc.h"

#define CUBIC_SPAN 200000u /* ms from K that are told apart: more is more than any window */

static __u32 cubic_root(__u64 v)
{
	__u64 lo = 0, hi = 2000000;

	while (lo < hi) { /* the largest whose cube is not above v */
		__u64 mid = (lo + hi + 1) / 2;

		if (mid * mid * mid <= v)
			lo = mid;
		else
			hi = mid - 1;
	}
	return (__u32)lo;
}

/* 4.6, 4.7: 0.7 of the window is left; one that did not come as far as last time gives way. */
static __u32 cubic_loss(struct tcp_stack *s, struct tcp *t)
{
	struct cubic *c = &t->grow.cubic;

	(void)s;
	c->w_max = t->cwnd < c->w_max ? t->cwnd / 20 * 17 : t->cwnd;
	c->epoch = 0;
	return (__u32)((__u64)t->cwnd * 7 / 10);
}

static void cubic_begin(struct tcp *t, __u32 ms)
{
	struct cubic *c = &t->grow.cubic;
	__u64 below = c->w_max > t->cwnd ? c->w_max - t->cwnd : 0;

	c->epoch = ms | !ms;
	c->k = cubic_root(below * 2500000000u / t->mss);
	c->origin = below ? c->w_max : t->cwnd;
	c->w_est = t->cwnd;
	c->est_acked = 0;
	t->cwnd_acked = 0;
}

/* 4.2: W(t). */
static __u32 cubic_window(const struct tcp *t, __u32 ms)
{
	const struct cubic *c = &t->grow.cubic;
	__u64 off = ms > c->k ? ms - c->k : c->k - ms;
	__u64 delta;

	if (off > CUBIC_SPAN)
		off = CUBIC_SPAN;
	delta = off * off * off / 10 * 4 / 1000000000u * t->mss + /* whole segments, then the rest */
		off * off * off / 10 * 4 % 1000000000u * t->mss / 1000000000u;
	if (ms < c->k)
		return delta < c->origin ? c->origin - (__u32)delta : 0;
	return delta < BUF_MAX ? c->origin + (__u32)delta : c->origin + BUF_MAX;
}

/* 4.3: what Reno would have, its increase scaled to the milder cut. */
static void cubic_estimate(struct tcp *t, __u32 bytes)
{
	struct cubic *c = &t->grow.cubic;
	__u32 step = c->w_est < c->w_max ? t->cwnd / 9 * 17 : t->cwnd; /* 3 (1 - b) / (1 + b) */

	c->est_acked += bytes;
	if (c->est_acked >= step) {
		c->est_acked -= step;
		c->w_est += t->mss;
	}
}

static void cubic_avoid(struct tcp *t, __u32 bytes, sg_time now)
{
	struct cubic *c = &t->grow.cubic;
	__u32 ms = time_ms(now), since, target;
	__u64 acc;

	if (!c->epoch)
		cubic_begin(t, ms);
	since = ms - c->epoch;
	cubic_estimate(t, bytes);
	if (cubic_window(t, since) < c->w_est) {
		if (t->cwnd < c->w_est)
			t->cwnd = c->w_est;
		return;
	}
	target = cubic_window(t, since + (__u32)(t->srtt / SG_MS)); /* 4.4: a round trip ahead */
	if (target > t->cwnd / 2 * 3)
		target = t->cwnd / 2 * 3;
	if (target <= t->cwnd)
		return;
	acc = t->cwnd_acked + (__u64)(target - t->cwnd) * bytes;
	t->cwnd_acked = (__u32)(acc % t->cwnd);
	t->cwnd += (__u32)(acc / t->cwnd);
}

static void cubic_undo(struct tcp *t) /* 4.9 */
{
	struct cubic *c = &t->grow.cubic;

	if (t->ssthresh == CC_NO_SSTHRESH)
		return;
	c->epoch = 0;
	if (c->w_max < t->cwnd)
		c->w_max = t->cwnd;
}

const struct cc_ops cc_cubic = {"cubic", cubic_loss, cubic_avoid, cubic_undo};
