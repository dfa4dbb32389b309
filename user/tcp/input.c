/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * SEGMENT ARRIVES, RFC 9293 3.10.7, in the RFC's order and with its step numbers, with
 * RFC 5961 (challenge ACKs) and RFC 7323 (timestamps). Where the RFC leaves room, Linux.
 */
#include <errno.h>
#include <string.h>

#include "tcp/stack.h"

#define PAWS_IDLE (24 * 86400u) /* seconds, RFC 7323 5.5: then ts_recent is worth nothing */

enum step { STEP_NEXT, STEP_DONE };
typedef enum step (*step_fn)(struct tcp_stack *, struct tcp *, const struct seg *, sg_time,
			     struct actions *);

/* --- answers --------------------------------------------------------------------------- */

static struct seg *input_answer(const struct tcp_stack *s, struct actions *out,
				const struct seg *in)
{
	struct seg *a = seg_new(s, out);

	a->tuple = in->tuple;
	memcpy(a->mac, in->mac, 6);
	return a;
}

void input_reset(struct tcp_stack *s, const struct seg *in, struct actions *out)
{
	struct seg *a;

	if (in->flags & SG_RST || !actions_room(out))
		return;
	a = input_answer(s, out, in);
	a->flags = SG_RST;
	if (in->flags & SG_ACK) {
		a->seq = in->ack;
	} else {
		a->flags |= SG_ACK;
		a->ack = seq_add(in->seq, seg_space(in));
	}
	s->cfg.mib->OutRsts++;
	s->cfg.mib->OutSegs++;
}

void input_abort(struct tcp_stack *s, struct tcp *t, const struct seg *in, struct actions *out)
{
	input_reset(s, in, out);
	close_done(s, t, -ECONNRESET);
}

bool input_challenge_allowed(struct tcp_stack *s, sg_time now)
{
	__u64 second = now / SG_SEC;

	if (s->challenge_second != second) {
		s->challenge_second = second;
		s->challenge_spent = 0;
	}
	if (s->challenge_spent >= knobs(s)->tcp_challenge_ack_limit)
		return false;
	s->challenge_spent++;
	s->cfg.mib->TCPChallengeACK++;
	return true;
}

void input_challenge(struct tcp_stack *s, struct tcp *t, sg_time now)
{
	if (input_challenge_allowed(s, now))
		output_ack_now(s, t);
}

static void input_syn_challenge(struct tcp_stack *s, struct tcp *t, sg_time now)
{
	s->cfg.mib->InErrs++;
	s->cfg.mib->TCPSYNChallenge++;
	input_challenge(s, t, now);
}

bool input_oow_allowed(const struct tcp_stack *s, struct tcp *t, sg_time now)
{
	__u32 ms = time_ms(now);

	if (t->oow_at && ms - t->oow_at < knobs(s)->tcp_invalid_ratelimit)
		return false;
	t->oow_at = ms ? ms : 1;
	return true;
}

void input_oow_ack(struct tcp_stack *s, struct tcp *t, const struct seg *in, sg_time now,
		   unsigned long long *skipped)
{
	if (in->len == 0 && !input_oow_allowed(s, t, now)) {
		++*skipped;
		return;
	}
	output_ack_now(s, t);
}

/* --- the other states, 3.10.7.4 -------------------------------------------------------- */

/* PAWS, RFC 7323 5.3. A peer whose clock stood at 0 has told nothing yet (tcp_paws_check). */
bool input_is_old(const struct tcp *t, const struct seg *in, sg_time now)
{
	return t->flags & T_TS && in->opt.has_ts && t->ts_recent &&
	       (__s32)(in->opt.tsval - t->ts_recent) < 0 && (__u32)(now / SG_SEC) - t->ts_recent_at < PAWS_IDLE;
}

/*
 * A bare ACK that only came late, overtaken by data, and says nothing new: no reason to
 * answer (Linux's tcp_disordered_ack).
 */
static bool input_is_disordered(const struct tcp *t, const struct seg *in)
{
	return (in->flags & (SG_SYN | SG_FIN | SG_RST | SG_ACK)) == SG_ACK && in->len == 0 &&
	       seq_eq(in->seq, t->rcv_nxt) && seq_eq(in->ack, t->snd_una) &&
	       seg_window(t, in) <= t->snd_wnd &&
	       t->ts_recent - in->opt.tsval <= t->rto * 12 / 10 / SG_MS;
}

/* A RST in front of the peer's FIN: some stacks send it after their close, and Linux takes it. */
static bool input_rst_at_fin(const struct tcp *t, const struct seg *in)
{
	return in->flags & SG_RST && t->flags & T_FIN_RCVD &&
	       seq_eq(seq_add(in->seq, 1), t->rcv_nxt);
}

/* Not acceptable, for its timestamp or its place (`skipped` says which): an ACK, or nothing. */
static enum step input_refuse(struct tcp_stack *s, struct tcp *t, const struct seg *in,
			      sg_time now, unsigned long long *skipped)
{
	if (in->flags & SG_RST)
		return input_rst_at_fin(t, in) ? STEP_NEXT : STEP_DONE;
	if (in->flags & SG_SYN && t->state != TCP_SYN_RCVD) {
		input_syn_challenge(s, t, now);
	} else {
		if (t->state != TCP_SYN_RCVD)
			dsack_note_old(s, t, in);
		if (in->len && seq_before(in->seq, t->rcv_nxt))
			delack_quick(s, t, 16);
		input_oow_ack(s, t, in, now, skipped);
	}
	return STEP_DONE;
}

/* PAWS: a bare ACK that was overtaken is not worth an answer. */
static enum step input_old(struct tcp_stack *s, struct tcp *t, const struct seg *in, sg_time now)
{
	bool opening = t->state == TCP_SYN_RCVD;

	if (!opening && in->flags & SG_ACK && seg_space(in) == 0 &&
	    seq_before(in->seq, t->rcv_nxt)) {
		s->cfg.mib->PAWSOldAck++;
		return STEP_DONE;
	}
	if (opening || !(in->flags & SG_SYN))
		s->cfg.mib->PAWSEstab++;
	return input_refuse(s, t, in, now, &s->cfg.mib->TCPACKSkippedPAWS);
}

/* Step 1: is the segment acceptable? Linux's test: its end not before what we last told. */
static enum step step1_acceptable(struct tcp_stack *s, struct tcp *t, const struct seg *in,
				  sg_time now, struct actions *out)
{
	bool old = input_is_old(t, in, now) && !input_is_disordered(t, in);
	sg_seq end = seq_add(in->seq, seg_space(in));

	(void)out;
	if (old && !(in->flags & SG_RST))
		return input_old(s, t, in, now);
	if (seq_before(end, t->last_ack_sent) || seq_after(in->seq, t->rcv_adv))
		return input_refuse(s, t, in, now, &s->cfg.mib->TCPACKSkippedSeq);
	return STEP_NEXT;
}

/* Step 2: RST, as RFC 5961 3 has it. */
static enum step step2_rst(struct tcp_stack *s, struct tcp *t, const struct seg *in, sg_time now,
			   struct actions *out)
{
	(void)out;
	if (!(in->flags & SG_RST))
		return STEP_NEXT;
	if (!seq_eq(in->seq, t->rcv_nxt) && !input_rst_at_fin(t, in)) {
		input_challenge(s, t, now);
		return STEP_DONE;
	}
	if (t->state == TCP_SYN_RCVD)
		s->cfg.mib->AttemptFails++;
	close_done(s, t, t->state == TCP_CLOSE_WAIT ? -EPIPE : -ECONNRESET);
	return STEP_DONE;
}

/* Step 4: SYN, as RFC 5961 4 has it; the same SYN again in SYN-RECEIVED is answered again. */
static enum step step4_syn(struct tcp_stack *s, struct tcp *t, const struct seg *in, sg_time now,
			   struct actions *out)
{
	(void)out;
	if (!(in->flags & SG_SYN))
		return STEP_NEXT;
	if (t->state == TCP_SYN_RCVD && seq_eq(in->seq, t->irs)) {
		if (in->flags & SG_ACK)
			return STEP_NEXT; /* simultaneous open: the other's SYN-ACK */
		if (!input_oow_allowed(s, t, now))
			return STEP_DONE;
		t->snd_nxt = t->iss;
		output_ready(s, t);
		return STEP_DONE;
	}
	input_syn_challenge(s, t, now);
	return STEP_DONE;
}

/* SYN-RECEIVED: the handshake ends here, if the accept queue has room. */
static enum step step5_syn_rcvd(struct tcp_stack *s, struct tcp *t, const struct seg *in,
				sg_time now, struct actions *out)
{
	if (!seq_after(in->ack, t->snd_una) || seq_after(in->ack, t->snd_max)) {
		input_reset(s, in, out);
		return STEP_DONE;
	}
	if (t->listener != NO_LISTENER) {
		if (!acceptq_reserve(s, t->listener)) {
			if (!knobs(s)->tcp_abort_on_overflow)
				return STEP_DONE;
			s->cfg.mib->EmbryonicRsts++;
			close_reset(s, t, -ECONNRESET);
			return STEP_DONE;
		}
		handshake_took(t, t->born, now);
		acceptq_push(s, t);
	}
	t->snd_wnd = t->max_wnd = seg_window(t, in);
	t->snd_wl1 = in->seq;
	t->snd_wl2 = in->ack;
	cc_init(s, t, t->backoff);
	state_set(t, TCP_ESTABLISHED);
	if (t->flags & T_FIN_QUEUED)
		close_fin(s, t);
	event_post(s, t, TCP_EV_WRITE);
	return STEP_NEXT;
}

/* Nobody will read, and there is more: data, or a FIN ahead of data. */
static bool input_unwanted(const struct tcp *t, const struct seg *in)
{
	sg_seq end = seq_add(in->seq, in->len + !!(in->flags & SG_SYN));

	return t->flags & (T_RCV_SHUT | T_FIN_RCVD) && seg_space(in) && seq_after(end, t->rcv_nxt);
}

static enum step input_refuse_data(struct tcp_stack *s, struct tcp *t, const struct seg *in,
				   struct actions *out)
{
	s->cfg.mib->TCPAbortOnData++;
	input_abort(s, t, in, out);
	return STEP_DONE;
}

/* Our FIN has just been acknowledged, and nobody has the connection any more. */
static enum step step5_orphan(struct tcp_stack *s, struct tcp *t, const struct seg *in,
			      sg_time now, struct actions *out)
{
	if (input_unwanted(t, in))
		return input_refuse_data(s, t, in, out);
	if (in->flags & SG_FIN) { /* it goes on to TIME_WAIT at once, if that is the right one */
		orphan_timer(s, t, now);
		return STEP_NEXT;
	}
	orphan_enter(s, t, now);
	return STEP_DONE;
}

/* Step 5: ACK. */
static enum step step5_ack(struct tcp_stack *s, struct tcp *t, const struct seg *in, sg_time now,
			   struct actions *out)
{
	bool closing = t->state == TCP_FIN_WAIT_1, opening = t->state == TCP_SYN_RCVD;

	if (!(in->flags & SG_ACK))
		return STEP_DONE;
	if (opening && step5_syn_rcvd(s, t, in, now, out) == STEP_DONE)
		return STEP_DONE;
	ecn_input(s, t, in);
	if (!ack_input(s, t, in, now) || t->state == TCP_CLOSED)
		return STEP_DONE;
	if (opening)
		rtt_syn_lost(t);
	if (closing && t->state == TCP_FIN_WAIT_2 && !(t->flags & T_OWNED))
		return step5_orphan(s, t, in, now, out);
	return STEP_NEXT;
}

/* How much of the data is new and inside the window. Returns its offset in the segment. */
static __u32 input_trim(const struct tcp *t, sg_seq seq, __u32 *len)
{
	__s32 skip = seq_diff(t->rcv_nxt, seq);
	__s32 room;

	if (skip < 0)
		skip = 0;
	if ((__u32)skip > *len)
		skip = (__s32)*len;
	*len -= (__u32)skip;
	room = seq_diff(t->rcv_adv, seq_add(seq, (__u32)skip));
	if (room < 0)
		room = 0;
	if (*len > (__u32)room)
		*len = (__u32)room;
	return (__u32)skip;
}

/* Step 7: the segment's text; step 6, the urgent pointer, goes before it. */
static enum step step7_text(struct tcp_stack *s, struct tcp *t, const struct seg *in, sg_time now,
			    struct actions *out)
{
	sg_seq seq = seq_add(in->seq, !!(in->flags & SG_SYN));
	bool gap = t->flags & T_OOO;
	__u32 len = in->len, skip, moved;

	if (t->flags & T_FIN_RCVD && !seq_before(seq, t->rcv_nxt))
		return STEP_DONE; /* nothing can come behind its FIN */
	if (t->state != TCP_ESTABLISHED && input_unwanted(t, in))
		return input_refuse_data(s, t, in, out);
	if (in->flags & SG_URG)
		urgent_arrived(s, t, in);
	if (in->len == 0)
		return STEP_NEXT;
	dsack_note_old(s, t, in);
	skip = input_trim(t, seq, &len);
	if (len == 0) { /* an ACK of ours was lost, or the window is shut */
		delack_quick(s, t, 16);
		output_ack_now(s, t);
		return STEP_NEXT;
	}
	window_arrived(t, in, now);
	moved = reasm_input(s, t, seq_add(seq, skip), in->data[0] + skip, len);
	t->bytes_in += moved;
	if (moved) {
		delack_arrived(s, t, len, in->flags & SG_PSH, now);
		event_post(s, t, TCP_EV_READ);
	}
	delack_decide(s, t, moved, gap, now);
	return STEP_NEXT;
}

/* Step 8: FIN, once all that goes before it is there. */
static enum step step8_fin(struct tcp_stack *s, struct tcp *t, const struct seg *in, sg_time now,
			   struct actions *out)
{
	if (in->flags & SG_FIN) {
		t->fin_seq = seq_add(in->seq, in->len + !!(in->flags & SG_SYN));
		t->flags |= T_FIN_SEEN;
	}
	if (!(t->flags & T_FIN_SEEN) || t->flags & T_FIN_RCVD || !seq_eq(t->fin_seq, t->rcv_nxt)) {
		if (in->flags & SG_FIN && in->len == 0)
			dsack_note_old(s, t, in); /* text has been told of in step 7 */
		if (in->flags & SG_FIN)
			output_ack_now(s, t);
		return STEP_DONE;
	}
	t->flags |= T_FIN_RCVD;
	t->rcv_nxt = seq_add(t->rcv_nxt, 1);
	reasm_clear(s, t); /* what came from behind it is nobody's */
	event_post(s, t, TCP_EV_READ);
	if (t->state == TCP_ESTABLISHED) {
		state_set(t, TCP_CLOSE_WAIT);
	} else if (t->state == TCP_FIN_WAIT_1) {
		state_set(t, TCP_CLOSING);
	} else if (t->state == TCP_FIN_WAIT_2) {
		output_ack(s, t, now, out);
		timewait_enter(s, t, now);
		return STEP_DONE;
	}
	output_ack_now(s, t);
	return STEP_DONE;
}

void input_conn(struct tcp_stack *s, struct tcp *t, const struct seg *in, sg_time now,
		struct actions *out)
{
	static const step_fn steps[] = {step1_acceptable, step2_rst,  step4_syn,
					step5_ack,	  step7_text, step8_fin};

	if (t->state == TCP_SYN_SENT) {
		memcpy(t->mac, in->mac, 6);
		synsent_input(s, t, in, now, out);
		return;
	}
	if (t->flags & T_ORPHAN) {
		orphan_input(s, t, in, now, out);
		return;
	}
	if (t->flags & T_SYN_QUEUED && !opening_input(s, t, in, now, out))
		return;
	for (size_t i = 0; i < SG_ARRAY_SIZE(steps); i++) {
		if (steps[i](s, t, in, now, out) == STEP_DONE)
			return;
		if (i == 0) { /* acceptable: answer the way it came */
			memcpy(t->mac, in->mac, 6);
			t->rcv_at = time_ms(now);
			t->keep_probes = 0;
		}
	}
}

/* Returns as tcp_input() does. */
static int input_segment(struct tcp_stack *s, const struct seg *in, sg_time now,
			 struct actions *out)
{
	struct sg_hash h = in->hashed ? in->hash : sg_tuple_hash(&s->cfg.key, &in->tuple);
	__u32 what = flowtable_find(s, h.table, &in->tuple);
	int owner;

	s->cfg.mib->InSegs++;
	if (what & FLOW_TIMEWAIT)
		return timewait_input(s, what & ~FLOW_TIMEWAIT, in, &h, now, out);
	if (what) {
		step_begin(s, conn_at(s, what));
		input_conn(s, conn_at(s, what), in, now, out);
		return -1;
	}
	owner = sg_flow_owner(&s->cfg.flows, h.table, &in->tuple);
	if (owner >= 0 && owner != s->cfg.worker)
		return owner;
	if (in->handshake)
		return handshake_input(s, in, &h, now, out);
	if ((in->flags & (SG_SYN | SG_ACK | SG_RST | SG_FIN)) == SG_SYN &&
	    syn_admit(s, in, &h, now, out))
		return -1;
	if (syn_cookie_may_come(s, in, now))
		return -1;
	input_reset(s, in, out);
	return -1;
}

int tcp_input(struct tcp_stack *s, const struct seg *in, sg_time now, struct actions *out)
{
	int owner = input_segment(s, in, now, out);

	step_end(s);
	return owner;
}
