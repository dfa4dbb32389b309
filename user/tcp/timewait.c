/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * TIME_WAIT: 2 MSL, for the two reasons of RFC 9293 3.4.2 and 3.6: the peer's FIN may come
 * again and must be acknowledged again, and old duplicates must die before the pair is used
 * anew. RFC 1337 and RFC 6191 as Linux has them (tcp_timewait_state_process). Blocks stand
 * in a list in the order in which they came, or were last seen.
 */
#include <string.h>

#include "tcp/stack.h"

#define TIMEWAIT_SINCE	   ((1u << 20) - 1) /* more than timewait_ms can be */
#define TIMEWAIT_ANSWERED  4095u
#define TIMEWAIT_STEP	   65537 /* Linux's: behind any window of the old pair */
#define TIMEWAIT_KILLED_MS 4000 /* Linux counts a wait that short under another name */

static struct timewait *timewait_at(const struct tcp_stack *s, __u32 i)
{
	return &s->timewait[i];
}

static void timewait_link(struct tcp_stack *s, __u32 i, sg_time now)
{
	struct timewait *w = timewait_at(s, i);

	w->since = time_ms(now) & TIMEWAIT_SINCE;
	w->next = NIL;
	w->prev = s->tw_order.tail;
	if (w->prev != NIL)
		timewait_at(s, w->prev)->next = i;
	else
		s->tw_order.head = i;
	s->tw_order.tail = i;
}

static void timewait_unlink(struct tcp_stack *s, __u32 i)
{
	struct timewait *w = timewait_at(s, i);

	if (w->prev != NIL)
		timewait_at(s, w->prev)->next = w->next;
	else
		s->tw_order.head = w->next;
	if (w->next != NIL)
		timewait_at(s, w->next)->prev = w->prev;
	else
		s->tw_order.tail = w->prev;
}

/* `now` may be from before it began. */
__u32 timewait_age(const struct timewait *w, sg_time now)
{
	return (time_ms(now) - w->since + TIMEWAIT_AHEAD) & TIMEWAIT_SINCE;
}

/* Milliseconds since it began, or was last seen. */
static __s32 timewait_gone(const struct tcp_stack *s, __u32 i, sg_time now)
{
	return (__s32)timewait_age(timewait_at(s, i), now) - TIMEWAIT_AHEAD;
}

static void timewait_restart(struct tcp_stack *s, __u32 i, sg_time now)
{
	timewait_unlink(s, i);
	timewait_link(s, i, now);
}

/* The end of a pair: nobody knows it any more. */
static void timewait_kill(struct tcp_stack *s, __u32 i, const struct sg_hash *h)
{
	struct timewait *w = timewait_at(s, i);

	timewait_unlink(s, i);
	flowtable_del(s, h->table, i | FLOW_TIMEWAIT);
	sg_flow_release(&s->cfg.flows, h->table, &w->tuple);
	timewait_free(s, i);
}

/*
 * May connect() have the pair again? Linux's tcp_twsk_unique: timestamps tell what is new from
 * old duplicates, once the clocks have gone on by tcp_tw_reuse_delay.
 */
bool timewait_reusable(const struct tcp_stack *s, __u32 i, sg_time now)
{
	const struct timewait *w = timewait_at(s, i);
	__u32 how = knobs(s)->tcp_tw_reuse;

	if (how == 2)
		how = sg_addr_is_loopback(&w->tuple.local) || sg_addr_is_loopback(&w->tuple.peer);
	return how && w->ts_recent && knobs(s)->tcp_timestamps &&
	       timewait_gone(s, i, now) > (__s32)knobs(s)->tcp_tw_reuse_delay;
}

void timewait_reuse(struct tcp_stack *s, __u32 i, struct tcp *t)
{
	const struct timewait *w = timewait_at(s, i);

	t->iss = seq_add(w->snd_nxt, TIMEWAIT_STEP);
	t->ts_recent = w->ts_recent;
	timewait_unlink(s, i);
	timewait_free(s, i);
	s->cfg.mib->TWRecycled++;
}

void timewait_counted(struct tcp_stack *s, __u64 ms)
{
	if (ms > TIMEWAIT_KILLED_MS)
		s->cfg.mib->TW++;
	else
		s->cfg.mib->TWKilled++;
}

/* The connection becomes a TIME_WAIT block; its own block only waits for the application. */
void timewait_enter(struct tcp_stack *s, struct tcp *t, sg_time now)
{
	__u32 i = timewait_new(s);
	struct timewait *w = timewait_at(s, i);

	close_in_order(s, t);
	state_set(t, TCP_TIME_WAIT);
	if (i == NIL) {
		s->cfg.mib->TCPTimeWaitOverflow++;
		close_done(s, t, 0);
		return;
	}
	w->tuple = t->tuple;
	w->tuple.lport = 0;
	w->snd_nxt = t->snd_max;
	w->rcv_nxt = t->rcv_nxt;
	w->ts_recent = t->flags & T_TS ? t->ts_recent | !t->ts_recent : 0;
	w->answered = 0;
	if (!(t->flags & T_ORPHAN)) /* else it has been counted in FIN_WAIT_2 */
		timewait_counted(s, knobs(s)->timewait_ms);
	timewait_link(s, i, now);
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	w->tuple.lport = t->tuple.lport;
	close_unhash(s, t); /* the flow stays ours */
	flowtable_add(s, t->hash, i | FLOW_TIMEWAIT);
	close_done(s, t, 0);
}

static void timewait_ack(struct tcp_stack *s, const struct timewait *w, const struct seg *in,
			 const struct sg_hash *h, sg_time now, struct actions *out)
{
	struct seg *a = seg_new(s, out);

	a->tuple = w->tuple;
	memcpy(a->mac, in->mac, 6);
	a->flags = SG_ACK;
	a->seq = w->snd_nxt;
	a->ack = w->rcv_nxt;
	a->wnd = 65535;
	if (w->ts_recent) {
		a->opt.has_ts = 1;
		a->opt.tsval = sg_ts_clock(h, time_ms(now));
		a->opt.tsecr = w->ts_recent;
	}
	s->cfg.mib->OutSegs++;
}

/*
 * Linux's tcp_oow_rate_limited: FINs and data are always answered, what may be half of an ACK
 * loop at most every tcp_invalid_ratelimit ms.
 */
static bool timewait_answers(struct tcp_stack *s, struct timewait *w, const struct seg *in,
			     sg_time now)
{
	__u32 at = (time_ms(now) >> 4) % TIMEWAIT_ANSWERED + 1;
	__u32 gone = (at + TIMEWAIT_ANSWERED - w->answered) % TIMEWAIT_ANSWERED;

	if (seg_space(in) != 0 && !(in->flags & SG_SYN))
		return true;
	if (w->answered && gone << 4 < knobs(s)->tcp_invalid_ratelimit) {
		s->cfg.mib->TCPACKSkippedTimeWait++;
		return false;
	}
	w->answered = at & TIMEWAIT_ANSWERED;
	return true;
}

/* RFC 9293 3.6.1, RFC 6191: may this SYN open the pair anew? */
static bool timewait_may_reopen(const struct timewait *w, const struct seg *in)
{
	if ((in->flags & (SG_SYN | SG_RST | SG_ACK)) != SG_SYN)
		return false;
	return seq_after(in->seq, w->rcv_nxt) ||
	       (w->ts_recent && in->opt.has_ts && (__s32)(w->ts_recent - in->opt.tsval) < 0);
}

static bool timewait_reopen(struct tcp_stack *s, __u32 i, const struct seg *in,
			    const struct sg_hash *h, sg_time now)
{
	sg_seq iss = seq_add(timewait_at(s, i)->snd_nxt, TIMEWAIT_STEP);

	flowtable_del(s, h->table, i | FLOW_TIMEWAIT);
	if (!syn_reopen(s, in, h, iss, now)) {
		flowtable_add(s, h->table, i | FLOW_TIMEWAIT);
		return false;
	}
	timewait_unlink(s, i);
	timewait_free(s, i);
	return true;
}

int timewait_input(struct tcp_stack *s, __u32 i, const struct seg *in, const struct sg_hash *h,
		   sg_time now, struct actions *out)
{
	struct timewait *w = timewait_at(s, i);
	bool old = w->ts_recent && in->opt.has_ts &&
		   (__s32)(in->opt.tsval - w->ts_recent) < 0;
	bool bare = seg_space(in) == 0 || in->flags & SG_RST;

	if (!old && bare && seq_eq(in->seq, w->rcv_nxt)) { /* a bare ACK, or a RST that fits */
		if (in->flags & SG_RST && !knobs(s)->tcp_rfc1337) {
			timewait_kill(s, i, h);
			return -1;
		}
		if (!(in->flags & SG_RST))
			timewait_restart(s, i, now);
		if (w->ts_recent && in->opt.has_ts)
			w->ts_recent = in->opt.tsval | !in->opt.tsval;
		return -1;
	}
	if (!old && timewait_may_reopen(w, in) && timewait_reopen(s, i, in, h, now))
		return -1;
	if (old)
		s->cfg.mib->PAWSTimewait++;
	if (in->flags & SG_RST)
		return -1;
	if (old || in->flags & SG_ACK)
		timewait_restart(s, i, now);
	if (timewait_answers(s, w, in, now))
		timewait_ack(s, w, in, h, now, out);
	return -1;
}

__s32 timewait_left(const struct tcp_stack *s, __u32 i, sg_time now)
{
	return (__s32)knobs(s)->timewait_ms - timewait_gone(s, i, now);
}

void timewait_expire(struct tcp_stack *s, sg_time now)
{
	while (s->tw_order.head != NIL) {
		__u32 i = s->tw_order.head;
		struct sg_hash h;

		if (timewait_left(s, i, now) > 0)
			return;
		h = sg_tuple_hash(&s->cfg.key, &timewait_at(s, i)->tuple);
		timewait_kill(s, i, &h);
	}
}

sg_time timewait_next(const struct tcp_stack *s)
{
	__s32 left;

	if (s->tw_order.head == NIL)
		return SG_NEVER;
	left = timewait_left(s, s->tw_order.head, s->now);
	return left > 0 ? s->now - s->now % SG_MS + (__u64)left * SG_MS : s->now;
}
