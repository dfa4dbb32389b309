/* SPDX-License-Identifier: BSD-2-Clause */
/* What all algorithms share: the initial window, slow start, what an idle time costs. */
#include "tcp/cc.h"

#include <string.h>

static const struct cc_ops *const cc_list[] = {
	[SG_CC_CUBIC] = &cc_cubic,
	[SG_CC_RENO] = &cc_reno,
};

static __u32 cc_initial(const struct tcp *t) /* RFC 6928 */
{
	__u32 floor = 2u * t->mss > 14600 ? 2u * t->mss : 14600;

	return 10u * t->mss < floor ? 10u * t->mss : floor;
}

void cc_init(struct tcp_stack *s, struct tcp *t, __u32 resent)
{
	t->cc = (__u8)knobs(s)->tcp_congestion_control;
	t->cwnd = resent > 1 ? t->mss : cc_initial(t);
	t->ssthresh = CC_NO_SSTHRESH;
	t->recover = t->iss;
	t->rtt_seq = t->snd_una;
	t->ca = CA_OPEN;
	hystart_init(t);
}

const char *cc_name(const struct tcp *t)
{
	return cc_list[t->cc]->name;
}

__u32 cc_loss(struct tcp_stack *s, struct tcp *t, sg_time now)
{
	__u32 ssthresh;

	(void)now;
	if (t->ssthresh == CC_NO_SSTHRESH) /* the end of HyStart++, whose place CUBIC's state takes */
		memset(&t->grow, 0, sizeof(t->grow));
	ssthresh = cc_list[t->cc]->loss(s, t);
	t->cwnd_acked = 0;
	return ssthresh > 2u * t->mss ? ssthresh : 2u * t->mss; /* RFC 5681 (4) */
}

void cc_undo(struct tcp *t)
{
	cc_list[t->cc]->undo(t);
}

/* Slow start, RFC 5681 3.1: a jump, as after a timeout, stops at ssthresh. */
static void cc_slow_start(struct tcp *t, const struct ack_news *news)
{
	__u32 bytes = news->delivered;

	if (t->ssthresh == CC_NO_SSTHRESH) {
		t->cwnd += hystart_acked(t, bytes, news);
		return;
	}
	t->cwnd = bytes < t->ssthresh - t->cwnd ? t->cwnd + bytes : t->ssthresh;
}

/* A window that was not used does not grow (RFC 7661); slow start may run ahead by half. */
static bool cc_is_limited(const struct tcp *t, __u32 pipe)
{
	return pipe + t->mss >= t->cwnd || (t->cwnd < t->ssthresh && 2 * pipe >= t->cwnd);
}

void cc_acked(struct tcp_stack *s, struct tcp *t, sg_time now, const struct ack_news *news)
{
	(void)s;
	if (seq_after(t->snd_una, t->recover)) /* left 2 GB behind, it would lie ahead */
		t->recover = seq_add(t->snd_una, (__u32)-1);
	if (!cc_is_limited(t, news->pipe) || t->cwnd >= BUF_MAX)
		return;
	if (t->cwnd < t->ssthresh)
		cc_slow_start(t, news);
	else
		cc_list[t->cc]->avoid(t, news->delivered, now);
}

/*
 * After an RTO without sending, what was learnt of the path is old: half the window for each,
 * down to the initial one (RFC 5681 4.1, as Linux has it).
 */
void cc_restart(struct tcp_stack *s, struct tcp *t, sg_time now)
{
	__u64 idle = (__u64)(__u32)(time_ms(now) - t->sent_at) * SG_MS;
	__u32 floor = cc_initial(t), most = t->cwnd / 4 * 3;

	if (t->ca != CA_OPEN || t->sent_at == 0 || idle < t->rto)
		return;
	if (t->ssthresh != CC_NO_SSTHRESH)
		memset(&t->grow, 0, sizeof(t->grow)); /* an epoch that was not used says nothing */
	if (!knobs(s)->tcp_slow_start_after_idle)
		return;
	if (t->ssthresh < most)
		t->ssthresh = most;
	for (; idle >= t->rto && t->cwnd > floor; idle -= t->rto)
		t->cwnd /= 2;
	if (t->cwnd < floor)
		t->cwnd = floor;
	t->cwnd_acked = 0;
}
