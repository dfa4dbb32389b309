/* SPDX-License-Identifier: BSD-2-Clause */
/* Round-trip time and the retransmission timeout, RFC 6298, with Linux's bounds. */
#include "tcp/stack.h"

static __u64 rtt_clamp(__u64 rto)
{
	return rto > RTO_MAX ? RTO_MAX : rto;
}

void rtt_init(struct tcp *t)
{
	t->srtt = t->rttvar = 0;
	t->rto = RTO_INIT;
}

void rtt_syn_lost(struct tcp *t) /* 5.7 */
{
	if (!t->srtt)
		t->rto = RTO_SYN_LOST;
}

/* 2.3, 2.4. As in Linux the minimum bounds the variance, or a steady path's RTO meets its RTT. */
void rtt_restore(struct tcp *t)
{
	__u64 margin = 4 * t->rttvar > RTO_MIN ? 4 * t->rttvar : RTO_MIN;

	t->rto = t->srtt ? rtt_clamp(t->srtt + margin) : RTO_INIT;
}

void rtt_sample(struct tcp *t, __u64 rtt)
{
	__u64 off;

	if (rtt == 0)
		rtt = 1;
	if (rtt > RTO_MAX) /* more says no more: the timeout is bounded too */
		rtt = RTO_MAX;
	if (t->srtt == 0) { /* RFC 6298 2.2 */
		t->srtt = rtt;
		t->rttvar = rtt / 2;
	} else { /* 2.3 */
		off = rtt > t->srtt ? rtt - t->srtt : t->srtt - rtt;
		t->rttvar = t->rttvar - t->rttvar / 4 + off / 4;
		t->srtt = t->srtt - t->srtt / 8 + rtt / 8;
	}
	t->backoff = 0;
	rtt_restore(t);
}

void rtt_least(struct tcp_stack *s, struct tcp *t, __u32 us, sg_time now)
{
	__u32 old = time_ms(now) - t->min_rtt_at;

	if (t->min_rtt && us > t->min_rtt && old < knobs(s)->tcp_min_rtt_wlen * 1000)
		return;
	t->min_rtt = us;
	t->min_rtt_at = time_ms(now);
}

void rtt_backoff(struct tcp *t) /* 5.5 */
{
	t->backoff++;
	t->rto = rtt_clamp(t->rto * 2);
}

void rtt_progress(struct tcp *t) /* Karn: the RTO stays as it is until a round trip is measured */
{
	t->backoff = 0;
}
