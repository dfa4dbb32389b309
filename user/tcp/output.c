/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What may be sent now: RFC 9293 3.10.2 and 3.8.6. Connections that may have something
 * stand in a list; tcp_output() serves them in turn, a bounded number of segments each,
 * until the caller's room is used up.
 */
#include <string.h>

#include "tcp/cc.h"
#include "tcp/recovery.h"

#define OUTPUT_QUANTUM 32 /* segments of one connection before the next has its turn */

void output_ready(struct tcp_stack *s, struct tcp *t)
{
	if (t->flags & T_READY)
		return;
	t->flags |= T_READY;
	t->ready_next = NIL;
	if (s->ready.tail != NIL)
		conn_at(s, s->ready.tail)->ready_next = conn_index(s, t);
	else
		s->ready.head = conn_index(s, t);
	s->ready.tail = conn_index(s, t);
}

void output_ack_now(struct tcp_stack *s, struct tcp *t)
{
	t->flags |= T_ACK_NOW;
	output_ready(s, t);
}

/* --- one segment -------------------------------------------------------------------------------- */

/* Header fields that every segment of a connection shares. */
static struct seg *output_new(struct tcp_stack *s, struct tcp *t, __u8 flags, sg_seq seq,
			      sg_time now, struct actions *out)
{
	struct seg *a = seg_new(s, out);

	a->tos = t->tos;
	if (t->ttl)
		a->ttl = t->ttl;
	a->tuple = t->tuple;
	memcpy(a->mac, t->mac, 6);
	a->flags = flags;
	a->seq = seq;
	if (t->flags & T_TS) {
		a->opt.has_ts = 1;
		a->opt.tsval = time_ms(now) + t->ts_off;
		a->opt.tsecr = t->ts_recent;
	}
	if (flags & SG_ACK) {
		if (t->flags & T_ECN_CE && !(flags & SG_SYN))
			a->flags |= SG_ECE;
		a->ack = t->rcv_nxt;
		if (!(flags & SG_SYN)) /* whose window is never scaled: output_syn() */
			a->wnd = window_offer(s, t);
		delack_sent(s, t);
		t->last_ack_sent = t->rcv_nxt;
		t->flags &= ~(__u32)T_ACK_NOW;
		if (t->flags & T_DSACK)
			dsack_block(t, a);
		if (t->flags & T_SACK && reasm_has_blocks(t))
			reasm_sack(s, t, a);
	}
	s->cfg.mib->OutSegs++;
	return a;
}

/*
 * Sequence number of a segment without data: the highest sent, which the peer accepts even
 * while a timeout has taken snd_nxt back; never beyond a window that the peer shrank.
 */
static sg_seq output_bare_seq(const struct tcp *t)
{
	sg_seq edge = seq_add(t->snd_una, t->snd_wnd);
	__s32 over = seq_diff(t->snd_max, edge);

	/* a SYN or FIN, and what scaling rounds away, may stand out */
	return over > 1 << t->snd_wscale ? edge : t->snd_max;
}

void output_ack(struct tcp_stack *s, struct tcp *t, sg_time now, struct actions *out)
{
	output_new(s, t, SG_ACK, output_bare_seq(t), now, out);
}

static void output_syn(struct tcp_stack *s, struct tcp *t, sg_time now, struct actions *out)
{
	bool synack = t->state != TCP_SYN_SENT;
	struct seg *a = output_new(s, t, ecn_syn_flags(s, t), t->iss, now, out);
	__u32 wnd = (__u32)seq_diff(t->rcv_adv, t->rcv_nxt);

	a->opt.mss = t->our_mss;
	a->opt.nsack = 0;
	a->opt.sack_ok = synack ? !!(t->flags & T_SACK) : knobs(s)->tcp_sack;
	a->opt.wscale = !synack || t->flags & T_WSCALE ? t->rcv_wscale : SG_WSCALE_NONE;
	if (!synack) {
		a->opt.has_ts = knobs(s)->tcp_timestamps;
		a->opt.tsval = time_ms(now) + t->ts_off;
		a->opt.tsecr = t->ts_recent; /* of the pair's last life, as Linux's tcp_tw_reuse */
		if (!knobs(s)->tcp_window_scaling)
			a->opt.wscale = SG_WSCALE_NONE;
		wnd = knobs(s)->tcp_rmem;
	}
	a->wnd = (__u16)(wnd < 65535 ? wnd : 65535);
	if (!seq_eq(t->snd_max, t->iss)) {
		s->cfg.mib->RetransSegs++;
		s->cfg.mib->TCPSynRetrans++;
	}
	t->snd_nxt = t->rtt_seq = seq_add(t->iss, 1);
	t->snd_max = seq_max(t->snd_max, t->snd_nxt); /* a FIN may have followed */
	timer_sent_data(s, t, now);
}

static void output_rst(struct tcp_stack *s, struct tcp *t, sg_time now, struct actions *out)
{
	t->flags &= ~(__u32)T_RST;
	output_new(s, t, SG_RST | SG_ACK, output_bare_seq(t), now, out);
	s->cfg.mib->OutRsts++;
}

/* Account of what has just been made: sequence numbers, the scoreboard, the timer. */
static void output_sent(struct tcp_stack *s, struct tcp *t, struct seg *a, sg_time now)
{
	bool again = seq_before(a->seq, t->snd_max);
	sg_seq end = seq_add(a->seq, seg_space(a));

	if (again) {
		t->retrans++;
		s->cfg.mib->RetransSegs++;
	} else {
		flight_open(s, t);
		ecn_new_data(t, a);
		if (a->len > 0)
			delack_answered(t, now);
	}
	if (seq_after(end, t->snd_nxt))
		t->snd_nxt = end;
	t->snd_max = seq_max(t->snd_max, end);
	mtu_sent(t, a->seq, a->len, again);
	if (t->flight != NIL) {
		if (again)
			flight_resent(s, t, a->seq, end, now);
		else
			flight_sent(s, t, end, now);
		recovery_sent(s, t, seg_space(a), again, a->opt.tsval);
	}
	t->sent_at = time_ms(now);
	timer_sent_data(s, t, now);
}

/* Data [seq, seq + len) and perhaps the FIN behind it. */
static void output_data(struct tcp_stack *s, struct tcp *t, sg_seq seq, __u32 len, bool fin,
			sg_time now, struct actions *out)
{
	__u32 pos = (__u32)seq_diff(seq, t->snd_una);
	struct seg *a = output_new(s, t, SG_ACK, seq, now, out);
	struct iovec iov[2];
	int n = buf_read(s, &t->snd, pos, len, iov, 2);

	for (int i = 0; i < n; i++) {
		a->data[i] = iov[i].iov_base;
		a->data_len[i] = (__u32)iov[i].iov_len;
	}
	a->len = len;
	if (fin)
		a->flags |= SG_FIN;
	if (len > 0 && pos + len == t->snd.len)
		a->flags |= SG_PSH;
	output_sent(s, t, a, now);
}

/* --- what may go --------------------------------------------------------------------------------- */

struct output_next {
	sg_seq seq;
	__u32 len;
	bool fin;
};

/* Our FIN is not acknowledged yet: it goes with the last data. */
static bool output_fin_due(const struct tcp *t)
{
	return t->state == TCP_FIN_WAIT_1 || t->state == TCP_CLOSING || t->state == TCP_LAST_ACK;
}

static bool output_fin_at(const struct tcp *t, __u32 end)
{
	return output_fin_due(t) && end == t->snd.len;
}

/* RFC 9293 3.8.6.2.1 and RFC 1122 4.2.3.4 (Nagle): is a short segment worth sending? */
static bool output_worth(const struct tcp *t, __u32 pos, const struct output_next *n)
{
	if (n->fin || n->len >= mtu_now(t) || seq_before(t->snd_nxt, t->snd_max))
		return true;
	if (t->flags & T_CORK)
		return false;
	if (pos + n->len == t->snd.len && (t->flags & T_NODELAY || pos == 0))
		return true;
	return n->len >= t->max_wnd / 2;
}

bool output_has_new(const struct tcp *t)
{
	__u32 pos = (__u32)seq_diff(t->snd_max, t->snd_una);

	return pos < t->snd.len && pos < t->snd_wnd;
}

static bool output_next_data(struct tcp_stack *s, struct tcp *t, sg_time now,
			     struct output_next *n)
{
	__u32 pos = (__u32)seq_diff(t->snd_nxt, t->snd_una);
	__u32 pipe = flight_pipe(s, t), usable, size;

	if (pos > t->snd.len) /* the FIN is out */
		return false;
	if (pos == t->snd.len && !output_fin_due(t))
		return false;
	if (seq_eq(t->snd_una, t->snd_max) && t->snd.len > 0)
		cc_restart(s, t, now);
	usable = t->snd_wnd > pos ? t->snd_wnd - pos : 0;
	if (usable > t->cwnd - pipe || pipe > t->cwnd)
		usable = pipe < t->cwnd ? t->cwnd - pipe : 0;
	n->seq = t->snd_nxt;
	n->len = t->snd.len - pos;
	if (n->len > usable)
		n->len = usable;
	size = mtu_size(s, t, n->len, usable, now);
	if (n->len > size)
		n->len = size;
	n->fin = output_fin_at(t, pos + n->len) && (usable > n->len || pos + n->len == 0);
	if (n->len == 0 && !n->fin)
		return false;
	return output_worth(t, pos, n);
}

/* [seq, seq + space) once more: how much of it is data, and is it the FIN too? */
static void output_again(const struct tcp *t, sg_seq seq, __u32 space, struct output_next *n)
{
	__u32 pos = (__u32)seq_diff(seq, t->snd_una);

	n->seq = seq;
	n->fin = pos + space > t->snd.len;
	n->len = space - n->fin;
}

/* What is lost and fits both windows. */
static bool output_next_lost(struct tcp_stack *s, struct tcp *t, struct output_next *n)
{
	struct flight *f = flight_of(s, t);
	__u32 space, pos, room;
	sg_seq from;

	if (!f || f->lost == 0 || f->frto == 2)
		return false;
	space = flight_lost(f, t->snd_una, mtu_now(t), &from);
	pos = (__u32)seq_diff(from, t->snd_una);
	if (!f->hurry && flight_pipe(s, t) + space > t->cwnd)
		return false;
	output_again(t, from, space, n);
	room = t->snd_wnd > pos ? t->snd_wnd - pos : 0;
	if (n->len > room)
		n->len = room;
	n->fin = n->fin && n->len + 1 == space && (room > n->len || pos + n->len == 0);
	return n->len > 0 || n->fin;
}

/* A tail loss probe: something new, or else the last segment again (RFC 8985 7.3). */
static void output_tlp(struct tcp_stack *s, struct tcp *t, sg_time now, struct actions *out)
{
	struct flight *f = flight_of(s, t);
	__u32 pos = (__u32)seq_diff(t->snd_max, t->snd_una);
	bool fresh = output_has_new(t);
	struct output_next n = {t->snd_max, 0, false};

	if (fresh) {
		n.len = t->snd.len - pos < t->snd_wnd - pos ? t->snd.len - pos : t->snd_wnd - pos;
		n.len = n.len < mtu_now(t) ? n.len : mtu_now(t);
	} else {
		__u32 fin = pos > t->snd.len;
		__u32 space = pos < mtu_now(t) + fin ? pos : mtu_now(t) + fin;

		output_again(t, seq_add(t->snd_max, -space), space, &n);
	}
	f->tlp = fresh ? TLP_NEW : TLP_RESENT;
	s->cfg.mib->TCPLossProbes++;
	output_data(s, t, n.seq, n.len, n.fin, now, out);
	f->tlp_end = t->snd_max;
}

static bool output_tlp_due(const struct tcp_stack *s, const struct tcp *t)
{
	const struct flight *f = flight_of(s, t);

	return f && f->tlp == TLP_DUE;
}

/* Nothing that was sent is thought to be under way. */
static bool output_is_idle(const struct tcp_stack *s, const struct tcp *t)
{
	return flight_pipe(s, t) == 0;
}

/*
 * Linux's zero-window probe: a segment just left of the window, which must be answered. If
 * the window is not shut but too small to be worth a segment, it has waited long enough
 * (RFC 9293 3.8.6.2.1, the override timeout).
 */
static void output_probe(struct tcp_stack *s, struct tcp *t, sg_time now, struct actions *out)
{
	__u32 len = t->snd.len < t->snd_wnd ? t->snd.len : t->snd_wnd;

	t->flags &= ~(__u32)T_PROBE;
	if (!output_is_idle(s, t))
		return;
	if (t->flight != NIL && len > (__u32)seq_diff(t->snd_max, t->snd_una))
		len = (__u32)seq_diff(t->snd_max, t->snd_una);
	if (t->snd.len == 0 && !output_fin_due(t))
		s->cfg.mib->TCPKeepAlive++;
	else
		s->cfg.mib->TCPWinProbe++;
	if (len > 0)
		output_data(s, t, t->snd_una, len < mtu_now(t) ? len : mtu_now(t), false, now, out);
	else
		output_new(s, t, SG_ACK, sg_seq_of(t->snd_una.v - 1), now, out);
}

/*
 * Who has something to send, or something out, waits for something: for the window, when nothing is
 * out that would bring an ACK, else for that ACK. An ACK that took a timeout back, before what
 * it had found lost was sent again, leaves nothing to send and no timer.
 */
static void output_wait(struct tcp_stack *s, struct tcp *t, sg_time now)
{
	bool waits = t->snd.len > 0 || output_fin_due(t);

	if (waits && output_is_idle(s, t))
		timer_persist(s, t, now);
	else if (!seq_eq(t->snd_una, t->snd_max) && t->rexmit_at == SG_NEVER)
		timer_sent_data(s, t, now);
}

/*
 * Our SYN is not acknowledged yet. Behind it only the FIN of who has closed already may go;
 * data cannot have been buffered. Returns true when room was missing.
 */
static bool output_opening(struct tcp_stack *s, struct tcp *t, sg_time now, struct actions *out)
{
	if (seq_eq(t->snd_nxt, t->iss))
		output_syn(s, t, now, out);
	if (output_fin_due(t) && seq_eq(t->snd_nxt, seq_add(t->iss, 1)) && t->snd_wnd > 1) {
		if (actions_room(out) == 0)
			return true;
		output_data(s, t, t->snd_nxt, 0, true, now, out);
	}
	if (t->flags & T_ACK_NOW && actions_room(out) == 0)
		return true;
	if (t->flags & T_ACK_NOW)
		output_ack(s, t, now, out);
	return false;
}

/* Returns true when it could send more than its turn allowed. */
static bool output_conn(struct tcp_stack *s, struct tcp *t, sg_time now, struct actions *out)
{
	unsigned stop = out->n + OUTPUT_QUANTUM;
	struct output_next n;

	if (stop > out->max)
		stop = out->max;
	if (t->flags & T_RST) {
		output_rst(s, t, now, out);
		return false;
	}
	if (t->state == TCP_CLOSED) {
		if (t->flags & T_ACK_NOW) /* of the FIN that led to TIME_WAIT */
			output_ack(s, t, now, out);
		return false;
	}
	if (syn_is_out(t))
		return output_opening(s, t, now, out);
	if (out->n < stop && output_tlp_due(s, t))
		output_tlp(s, t, now, out);
	if (out->n < stop && t->flags & T_PROBE)
		output_probe(s, t, now, out);
	while (out->n < stop && (output_next_lost(s, t, &n) || output_next_data(s, t, now, &n)))
		output_data(s, t, n.seq, n.len, n.fin, now, out);
	if (out->n == stop)
		return true;
	if (t->flags & T_ACK_NOW)
		output_ack(s, t, now, out);
	output_wait(s, t, now);
	return false;
}

void tcp_output(struct tcp_stack *s, sg_time now, struct actions *out)
{
	while (s->ready.head != NIL && actions_room(out) > 0) {
		struct tcp *t = conn_at(s, s->ready.head);

		step_begin(s, t);
		s->ready.head = t->ready_next;
		if (s->ready.head == NIL)
			s->ready.tail = NIL;
		t->flags &= ~(__u32)T_READY;
		if (output_conn(s, t, now, out))
			output_ready(s, t);
		else
			close_reap(s, t);
		step_end(s);
	}
}
