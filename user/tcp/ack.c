/* SPDX-License-Identifier: BSD-2-Clause */
/* What an acknowledgment does: RFC 9293 3.10.7.4 step 5, with RFC 5961 5. */
#include "tcp/cc.h"
#include "tcp/recovery.h"

static void ack_window(struct tcp_stack *s, struct tcp *t, const struct seg *in)
{
	__u32 wnd = seg_window(t, in);

	if (seq_after(t->snd_wl1, in->seq) ||
	    (seq_eq(t->snd_wl1, in->seq) && seq_after(t->snd_wl2, in->ack)))
		return;
	t->snd_wl1 = in->seq;
	t->snd_wl2 = in->ack;
	if (wnd > t->snd_wnd) {
		timer_window_open(t);
		output_ready(s, t);
	}
	t->snd_wnd = wnd;
	if (wnd > t->max_wnd)
		t->max_wnd = wnd;
}

/*
 * RFC 5681 2: acknowledges nothing new, brings nothing, moves no window, while data is out.
 * With SACK the blocks tell, and the window may move (RFC 6675 2).
 */
static bool ack_is_duplicate(const struct tcp *t, const struct seg *in)
{
	bool sacked = t->flags & T_SACK && in->opt.nsack > 0 &&
		      seq_after(in->sack[0].right, t->snd_una);

	return seq_eq(in->ack, t->snd_una) && in->len == 0 &&
	       !(in->flags & (SG_SYN | SG_FIN)) && !seq_eq(t->snd_una, t->snd_max) &&
	       (sacked || seg_window(t, in) == t->snd_wnd);
}

/* RFC 7323 4: what was sent twice is told apart by its timestamp. Only after a timeout. */
static bool ack_rtt_stamp(struct tcp *t, const struct seg *in, sg_time now)
{
	__u32 ms = time_ms(now) + t->ts_off - in->opt.tsecr;

	if (!(t->flags & T_TS) || !in->opt.has_ts || t->backoff == 0)
		return false;
	if (ms > time_ms(now) - t->born) /* never sent by us */
		return false;
	rtt_sample(t, (ms ? ms : 1) * SG_MS);
	return true;
}

/* Karn: what was sent once tells the round trip, one sample each (RFC 6298 3). */
static void ack_rtt(struct tcp_stack *s, struct tcp *t, const struct seg *in, sg_time now,
		    const struct ack_news *news)
{
	bool syn = seq_eq(news->before, t->iss);

	if (news->rtt)
		rtt_least(s, t, news->rtt, now);
	if (news->bytes == 0)
		return;
	if (syn && t->backoff == 0 && t->stalled_at != SG_NEVER) {
		rtt_sample(t, now - t->stalled_at);
	} else if (news->rtt && !seq_before(in->ack, t->rtt_seq)) {
		t->rtt_seq = seq_add(t->snd_max, 1);
		rtt_sample(t, news->rtt * 1000ull);
	} else if (!ack_rtt_stamp(t, in, now)) {
		rtt_progress(t);
	}
}

/* Everything up to in->ack has arrived. Returns true when that takes in our FIN. */
static bool ack_advance(struct tcp_stack *s, struct tcp *t, const struct seg *in, __u32 bytes)
{
	__u32 data = bytes < t->snd.len ? bytes : t->snd.len;
	__u32 syn = syn_is_out(t);

	buf_drop(s, &t->snd, data, false);
	t->snd_una = in->ack;
	if (seq_before(t->snd_nxt, t->snd_una))
		t->snd_nxt = t->snd_una;
	t->dupacks = 0;
	mtu_acked(s, t);
	output_ready(s, t);
	if (t->flags & T_WANT_WRITE && t->snd.len <= window_send_buffer(s, t) / 3 * 2) {
		t->flags &= ~(__u32)T_WANT_WRITE;
		event_post(s, t, TCP_EV_WRITE);
	}
	return t->flags & T_FIN_QUEUED && bytes > data + syn;
}

static void ack_duplicate(struct tcp_stack *s, struct tcp *t, struct ack_news *news)
{
	s->cfg.mib->TCPDupAcksIn++;
	if (t->dupacks < 255)
		t->dupacks++;
	if (t->flight != NIL && !(t->flags & T_SACK))
		flight_guess(s, t, news);
	output_ready(s, t);
}

/* What is out, and how much may be: `news` says what changed. */
static void ack_recovery(struct tcp_stack *s, struct tcp *t, const struct seg *in, sg_time now,
			 struct ack_news *news)
{
	bool syn = seq_eq(news->before, t->iss);

	ack_rtt(s, t, in, now, news);
	ecn_echo(s, t, in, now);
	if (t->flight != NIL)
		recovery_acked(s, t, in, now, news);
	else if (news->bytes && !syn) /* RFC 5681 3.1: not for a SYN */
		cc_acked(s, t, now, news);
	if (news->bytes)
		timer_acked(s, t, now);
	if (t->flight != NIL)
		timer_reorder(s, t, news->wait, now);
	if (seq_eq(t->snd_una, t->snd_max))
		flight_close(s, t);
}

/* Returns true when our FIN has been acknowledged. */
static bool ack_take(struct tcp_stack *s, struct tcp *t, const struct seg *in, bool duplicate,
		     sg_time now)
{
	struct ack_news news = {
		.before = t->snd_una,
		.pipe = flight_pipe(s, t),
		.duplicate = duplicate,
	};
	bool fin = false;

	if (seq_after(in->ack, t->snd_una)) {
		news.bytes = (__u32)seq_diff(in->ack, t->snd_una);
		if (t->flight != NIL)
			flight_acked(s, t, in, now, &news);
		else
			news.delivered = news.bytes;
		fin = ack_advance(s, t, in, news.bytes);
	} else if (duplicate) {
		ack_duplicate(s, t, &news);
	}
	if (t->flight != NIL && t->flags & T_SACK && in->opt.nsack)
		flight_sacked(s, t, in, now, &news);
	ack_recovery(s, t, in, now, &news);
	return fin;
}

static void ack_of_fin(struct tcp_stack *s, struct tcp *t, sg_time now)
{
	if (t->state == TCP_FIN_WAIT_1) {
		state_set(t, TCP_FIN_WAIT_2);
	} else if (t->state == TCP_CLOSING) {
		timewait_enter(s, t, now);
	} else if (t->state == TCP_LAST_ACK) {
		close_in_order(s, t);
		close_done(s, t, 0);
	}
}

/*
 * RFC 5961 5.2: how old an acknowledgment may be. Not older than what was ever sent: it would
 * be of an earlier connection of the same pair.
 */
static __u32 ack_reach(const struct tcp *t)
{
	__s32 acked = seq_diff(t->snd_una, seq_add(t->iss, 1));

	if (t->bytes_out - t->snd.len >= t->max_wnd)
		return t->max_wnd;
	return acked > 0 ? (__u32)acked : 0;
}

/* RFC 7323 4.3, once the segment is known to be in the window and its acknowledgment to be new. */
static void ack_stamp(struct tcp *t, const struct seg *in, sg_time now)
{
	if (!in->opt.has_ts || !(t->flags & T_TS) || seq_after(in->seq, t->last_ack_sent) ||
	    input_is_old(t, in, now))
		return;
	t->ts_recent = in->opt.tsval;
	t->ts_recent_at = (__u32)(now / SG_SEC);
}

bool ack_input(struct tcp_stack *s, struct tcp *t, const struct seg *in, sg_time now)
{
	bool duplicate = ack_is_duplicate(t, in);

	if (seq_after(in->ack, t->snd_max)) { /* acknowledges what was never sent */
		if (input_challenge_allowed(s, now))
			output_ack_now(s, t);
		return false;
	}
	if (seq_before(in->ack, t->snd_una) &&
	    seq_diff(t->snd_una, in->ack) > (__s32)ack_reach(t)) {
		if (input_challenge_allowed(s, now))
			output_ack_now(s, t);
		return false;
	}
	if (seq_before(in->ack, t->snd_una)) {
		if (t->flight != NIL && t->flags & T_SACK && in->opt.nsack)
			ack_take(s, t, in, false, now); /* late, but its blocks may be news */
		return true;
	}
	ack_stamp(t, in, now);
	if (t->timer == TIMER_PERSIST)
		rtt_progress(t); /* the peer is there: probes go on */
	ack_window(s, t, in);
	if (ack_take(s, t, in, duplicate, now))
		ack_of_fin(s, t, now);
	return true;
}
