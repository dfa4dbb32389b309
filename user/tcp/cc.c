/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Congestion control: NewReno (RFC 5681, 6582) in bytes, initial window of ten segments
 * (RFC 6928), limited transmit (RFC 3042, in output.c).
 */
#include "tcp/stack.h"

static __u32 cc_flight(const struct tcp *t)
{
	return (__u32)seq_diff(t->snd_max, t->snd_una);
}

static __u32 cc_half(const struct tcp *t) /* RFC 5681 (4) */
{
	__u32 half = cc_flight(t) / 2;

	return half > 2u * t->mss ? half : 2u * t->mss;
}

/* `resent`: SYNs or SYN-ACKs sent again. Two of them are a loss (RFC 5681 3.1, and Linux). */
void cc_init(struct tcp *t, __u32 resent)
{
	__u32 floor = 2u * t->mss > 14600 ? 2u * t->mss : 14600;

	t->cwnd = 10u * t->mss < floor ? 10u * t->mss : floor;
	if (resent > 1)
		t->cwnd = t->mss;
	t->ssthresh = 0x7fffffff;
	t->recover = t->iss;
}

/* `flight` was what was out before this ACK: a window that was not used does not grow. */
void cc_acked(struct tcp *t, __u32 bytes, __u32 flight)
{
	if (seq_after(t->snd_una, t->recover)) /* left 2 GB behind, it would lie ahead */
		t->recover = seq_add(t->snd_una, (__u32)-1);
	if (flight + t->mss < t->cwnd && !(t->cwnd < t->ssthresh && 2 * flight >= t->cwnd))
		return;
	if (t->cwnd >= BUF_MAX)
		return;
	if (t->cwnd < t->ssthresh) { /* a jump, as after a timeout, stops at ssthresh */
		t->cwnd = bytes < t->ssthresh - t->cwnd ? t->cwnd + bytes : t->ssthresh;
		return;
	}
	t->cwnd_acked += bytes;
	if (t->cwnd_acked >= t->cwnd) {
		t->cwnd_acked -= t->cwnd;
		t->cwnd += t->mss;
	}
}

void cc_dupack(struct tcp_stack *s, struct tcp *t)
{
	t->dupacks++;
	if (t->flags & T_RECOVERY) { /* RFC 6582 3.2 step 3; RFC 5681 5: no more than is out */
		if (t->cwnd < t->ssthresh + cc_flight(t))
			t->cwnd += t->mss;
	} else if (t->dupacks == 3 && seq_after(t->snd_una, t->recover)) { /* step 2 */
		t->ssthresh = cc_half(t);
		t->recover = t->snd_max;
		t->cwnd = t->ssthresh + 3u * t->mss;
		t->flags |= T_RECOVERY | T_REXMIT;
		s->cfg.mib->TCPFastRetrans++;
	}
	output_ready(s, t);
}

bool cc_recovery_acked(struct tcp_stack *s, struct tcp *t, __u32 bytes)
{
	__u32 flight = cc_flight(t);

	if (!(t->flags & T_RECOVERY))
		return false;
	if (!seq_before(t->snd_una, t->recover)) { /* full acknowledgment */
		t->flags &= ~(__u32)T_RECOVERY;
		t->cwnd = (flight > t->mss ? flight : t->mss) + t->mss;
		if (t->cwnd > t->ssthresh)
			t->cwnd = t->ssthresh;
		return true;
	}
	t->cwnd = t->cwnd > bytes ? t->cwnd - bytes : 0; /* partial acknowledgment */
	if (bytes >= t->mss || t->cwnd < t->mss)
		t->cwnd += t->mss;
	t->flags |= T_REXMIT;
	output_ready(s, t);
	return true;
}

void cc_timeout(struct tcp *t) /* RFC 5681 3.1 (4), RFC 6582 4 */
{
	if (t->backoff == 0)
		t->ssthresh = cc_half(t);
	t->cwnd = t->mss;
	t->cwnd_acked = 0;
	t->recover = t->snd_max;
	t->dupacks = 0;
	t->flags &= ~(__u32)(T_RECOVERY | T_REXMIT);
}
