/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * When data is acknowledged: RFC 9293 3.8.6.3 and RFC 5681 4.2, with Linux's judgement. Who only
 * receives tells of every second full segment; at the start, after a pause and when something
 * came twice, of each (`quick`). Who answers what comes (`pingpong`) lets the answer carry the
 * ACK. What is put off waits for `ato`, which follows the time between segments.
 */
#include "tcp/stack.h"

#define DELACK_QUICK 16	   /* Linux's TCP_MAX_QUICKACKS */
#define DELACK_MAX   200   /* ms, Linux's TCP_DELACK_MAX */
#define DELACK_ATO   65535 /* ms, what the field holds */

static __u32 delack_least(const struct tcp_stack *s)
{
	return knobs(s)->delack_ms;
}

/* Not above the RTO: for the slow ones, since it lies far from what each segment touches. */
static void delack_slower(struct tcp *t, __u64 ms)
{
	__u64 most = t->rto / SG_MS;

	if (most > DELACK_ATO)
		most = DELACK_ATO;
	t->ato = (__u16)(ms < most ? ms : most);
}

/* Bytes in order of which no ACK has told. */
static __u32 delack_owed(const struct tcp *t)
{
	return (__u32)seq_diff(t->rcv_nxt, t->last_ack_sent);
}

/* --- what is told at once ------------------------------------------------------------------- */

/* As many as a sender in slow start may need, half a window. */
static void delack_more_quick(struct tcp *t, __u32 most)
{
	__u32 n = (__u32)seq_diff(t->rcv_adv, t->rcv_nxt) / (2u * t->rcv_mss);

	n = n ? n : 2;
	n = n < most ? n : most;
	if (n > t->quick)
		t->quick = n & 31;
}

void delack_quick(struct tcp_stack *s, struct tcp *t, __u32 most)
{
	delack_more_quick(t, most < DELACK_QUICK ? most : DELACK_QUICK);
	t->pingpong = 0;
	t->ato = (__u16)delack_least(s);
}

void delack_sent(const struct tcp_stack *s, struct tcp *t)
{
	timer_ack_sent(t);
	t->pushed = 0;
	if (t->quick == 0 || delack_owed(t) == 0)
		return;
	t->quick--;
	if (t->quick == 0)
		t->ato = (__u16)delack_least(s);
}

/* --- what arrives, what is sent --------------------------------------------------------------- */

/* A segment that is short, or pushed, ends what its sender had: it may wait for our ACK. */
static void delack_measure(struct tcp *t, __u32 len, bool psh)
{
	if (len < t->rcv_mss) {
		t->pushed = t->pushed ? 2 : 1;
		return;
	}
	t->rcv_mss = (__u16)(len < 65535 ? len : 65535);
	t->pushed |= psh;
}

/* Data in order. */
void delack_arrived(struct tcp_stack *s, struct tcp *t, __u32 len, bool psh, sg_time now)
{
	__u32 gap = time_ms(now) - t->data_at, least = delack_least(s);

	delack_measure(t, len, psh);
	t->data_at = time_ms(now);
	if (t->flags & T_QUICKACK) /* there is nothing to judge */
		return;
	if (t->ato == 0) {
		delack_more_quick(t, DELACK_QUICK);
		t->ato = (__u16)least;
	} else if (gap <= least / 2) {
		t->ato = (__u16)(t->ato / 2u + least / 2);
	} else if (gap < t->ato) {
		delack_slower(t, t->ato / 2u + gap);
	} else if (gap > t->rto / SG_MS) { /* its window may be small again */
		delack_more_quick(t, DELACK_QUICK);
	}
}

/* New data of ours leaves: soon after the peer's it is an answer. */
void delack_answered(struct tcp *t, sg_time now)
{
	if (time_ms(now) - t->data_at < t->ato)
		t->pingpong = 1;
}

/* --- now or later ------------------------------------------------------------------------------
 */

/* Milliseconds: ato, at least delack_ms, at most a round trip and 200. */
static __u32 delack_span(const struct tcp_stack *s, const struct tcp *t)
{
	__u32 least = delack_least(s), most = DELACK_MAX, rtt = (__u32)(t->srtt / SG_MS);

	if (t->srtt && rtt < most)
		most = rtt;
	if (most < least)
		most = least;
	if (t->ato < least)
		return least;
	return t->ato < most ? t->ato : most;
}

static void delack_later(struct tcp_stack *s, struct tcp *t, sg_time now)
{
	sg_time span = delack_span(s, t) * SG_MS;

	if (t->delack_at <= now + span / 4) /* it is nearly due */
		output_ack_now(s, t);
	else
		timer_delack(s, t, now + span);
}

/* Text has been taken in: by `moved` more is in order, and `gap` says that something was missing.
 */
void delack_decide(struct tcp_stack *s, struct tcp *t, __u32 moved, bool gap, sg_time now)
{
	if (moved == 0 || gap || t->flags & T_QUICKACK || delack_least(s) == 0 ||
	    delack_owed(t) > t->rcv_mss || (t->quick && !t->pingpong))
		output_ack_now(s, t);
	else
		delack_later(s, t, now);
}

/* The application has read all that there was, and the sender may have no more without an ACK. */
void delack_read(struct tcp_stack *s, struct tcp *t)
{
	if (t->rcv.len == 0 && delack_owed(t) && t->pushed > t->pingpong)
		output_ack_now(s, t);
}

/* Nothing came that could carry it: longer next time, or no interactive session after all. */
void delack_fired(struct tcp_stack *s, struct tcp *t)
{
	if (t->pingpong)
		t->ato = (__u16)delack_least(s);
	else
		delack_slower(t, 2u * t->ato);
	t->pingpong = 0;
	s->cfg.mib->DelayedACKs++;
	output_ack_now(s, t);
}

/* TCP_OPT_QUICKACK. */
void delack_at_once(struct tcp_stack *s, struct tcp *t)
{
	t->pingpong = 0;
	if (delack_owed(t) && t->delack_at != SG_NEVER)
		output_ack_now(s, t);
}
