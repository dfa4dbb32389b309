/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What must hold between any two calls into a stack. Nothing here changes anything: tests, the
 * simulator and the fuzzers ask after each step, and whoever maps the pools of a dead process does.
 */
#include "tcp/flight.h"

/* --- a connection ------------------------------------------------------------------------ */

__u32 check_next_chunk(const struct tcp_stack *s, const struct buf *b, __u32 *cursor)
{
	const __u32 *list = b->dir != NIL ? (const void *)chunk_at(s, b->dir) : b->inl;
	__u32 size = b->dir != NIL ? BUF_DIR : BUF_INLINE;

	while (*cursor < size && list[*cursor] == NIL)
		++*cursor;
	return *cursor < size ? list[(*cursor)++] : NIL;
}

static __u32 check_buf_chunks(const struct tcp_stack *s, const struct buf *b)
{
	__u32 n = b->dir != NIL, cursor = 0;

	while (check_next_chunk(s, b, &cursor) != NIL)
		n++;
	return n;
}

/* What counts as there is there, and nothing outside the span. */
static const char *check_buf(const struct tcp_stack *s, const struct buf *b)
{
	const __u32 *list = b->dir != NIL ? (const void *)chunk_at(s, b->dir) : b->inl;
	__u32 size = b->dir != NIL ? BUF_DIR : BUF_INLINE, held = 0;

	if (b->first >= size || b->off >= TCP_CHUNK || b->span > size || b->len > BUF_MAX)
		return "a buffer out of bounds";
	for (__u32 i = 0; i < b->span; i++) {
		bool there = list[(b->first + i) % size] != NIL;

		if (!there && i * TCP_CHUNK < (b->len ? b->off + b->len : 0))
			return "a hole in a buffer";
		held += there;
	}
	if (b->span * TCP_CHUNK < (b->len ? b->off + b->len : 0))
		return "a buffer longer than its chunks";
	return held + (b->dir != NIL) == check_buf_chunks(s, b) ? NULL : "a chunk behind a buffer";
}

static __u32 check_chunks(const struct tcp_stack *s, const struct tcp *t)
{
	return check_buf_chunks(s, &t->snd) + check_buf_chunks(s, &t->rcv) + (t->reasm != NIL) +
	       (t->flight != NIL);
}

/* The scoreboard: runs in order up to snd_max, and sums that are theirs. */
static const char *check_flight(const struct tcp_stack *s, const struct tcp *t)
{
	struct flight *f = flight_of(s, t);
	__u32 sacked = 0, lost = 0;
	sg_seq left = t->snd_una;

	if (!f)
		return t->ca == CA_OPEN ? NULL : "recovery without a scoreboard";
	if (f->n > FLIGHT_RUNS || f->first > FLIGHT_RUNS - f->n)
		return "runs beyond the scoreboard";
	for (__u32 i = 0; i < f->n; i++) {
		const struct run *r = flight_run(f, i);
		__u32 len = (__u32)seq_diff(r->end, left);

		if (!seq_after(r->end, left))
			return "an empty run";
		if ((r->flags & (RUN_SACKED | RUN_LOST)) == (RUN_SACKED | RUN_LOST))
			return "a run that is both lost and there";
		sacked += r->flags & RUN_SACKED ? len : 0;
		lost += r->flags & RUN_LOST ? len : 0;
		left = r->end;
	}
	if (!seq_eq(left, t->snd_max))
		return "the scoreboard does not end at snd_max";
	if (lost != f->lost)
		return "lost bytes do not add up";
	if (t->flags & T_SACK && sacked != f->sacked)
		return "sacked bytes do not add up";
	return NULL;
}

static const char *check_numbers(const struct tcp *t)
{
	if (!seq_eq(t->snd_una, t->snd_max) && t->rexmit_at == SG_NEVER && !(t->flags & T_READY))
		return "something is out and nothing waits for it";
	if (seq_after(t->snd_una, t->snd_nxt) || seq_after(t->snd_nxt, t->snd_max))
		return "snd_una, snd_nxt, snd_max are out of order";
	if (t->state >= TCP_ESTABLISHED &&
	    (__u32)seq_diff(t->snd_max, t->snd_una) >
		    syn_is_out(t) + t->snd.len + !!(t->flags & T_FIN_QUEUED))
		return "more is out than there is";
	if (t->state > TCP_SYN_RCVD && (t->mss == 0 || t->mss > TCP_CHUNK || t->cwnd < t->mss))
		return "no window to send in";
	return NULL;
}

/* Fields that select or shift are in bounds. */
static const char *check_fields(const struct tcp_stack *s, const struct tcp *t)
{
	if (t->state == TCP_LISTEN || t->state > TCP_LAST_ACK)
		return "a state that a block cannot be in";
	if (t->timer > TIMER_TLP || t->ca > CA_LOSS || t->cc > SG_CC_RENO ||
	    t->snd_wscale > SG_WSCALE_MAX || t->rcv_wscale > SG_WSCALE_MAX || t->rto < SG_MS ||
	    t->rto > RTO_MAX || t->backoff > 255)
		return "a field out of bounds";
	if (t->listener != NO_LISTENER && t->listener >= s->cfg.max_listeners)
		return "a listener that there is not";
	if (t->listener == NO_LISTENER && t->flags & (T_WAITING | T_SYN_QUEUED | T_SYN_YOUNG))
		return "in a queue of no listener";
	return NULL;
}

const char *check_block(const struct tcp_stack *s, const struct tcp *t)
{
	const char *why = check_fields(s, t);

	why = why ? why : check_buf(s, &t->snd);
	why = why ? why : check_buf(s, &t->rcv);
	why = why ? why : reasm_check(s, t);
	if (why)
		return why;
	if (t->state == TCP_CLOSED)
		return t->snd.span || t->flight != NIL ? "what is over holds buffers" : NULL;
	why = check_numbers(t);
	return why ? why : check_flight(s, t);
}

static const char *check_conn(const struct tcp_stack *s, const struct tcp *t)
{
	if (timer_next(t) != SG_NEVER && t->wheel_slot == 0)
		return "a timer that is not on the wheel";
	if (t->flags & T_HASHED && flowtable_find(s, t->hash, &t->tuple) != conn_index(s, t))
		return "a connection that is not found";
	if (t->state != TCP_CLOSED && !(t->flags & T_HASHED))
		return "a connection that is not in the table";
	return check_block(s, t);
}

/* --- lists -------------------------------------------------------------------------------- */

static bool check_is_used(const struct tcp_stack *s, __u32 i)
{
	return i != NIL && i <= s->conns.high && conn_at(s, i)->gen & 1;
}

/* Everybody on the list is in use and says so, nobody twice; `n` of them. */
static const char *check_ready(const struct tcp_stack *s, __u32 *n)
{
	__u32 last = NIL;

	for (__u32 i = s->ready.head; i != NIL; last = i, i = conn_at(s, i)->ready_next) {
		if (!check_is_used(s, i) || !(conn_at(s, i)->flags & T_READY) ||
		    ++*n > s->conns.max)
			return "the output list is broken";
	}
	return last == s->ready.tail ? NULL : "the output list has another end";
}

static const char *check_events(const struct tcp_stack *s, __u32 *n)
{
	__u32 last = NIL;

	for (__u32 i = s->events.head; i != NIL; last = i, i = conn_at(s, i)->event_next) {
		if (!check_is_used(s, i) || !conn_at(s, i)->events || ++*n > s->conns.max)
			return "the event list is broken";
	}
	return last == s->events.tail ? NULL : "the event list has another end";
}

static const char *check_waiting(const struct tcp_stack *s, __u32 *n)
{
	for (__u32 id = 0; id < s->cfg.max_listeners; id++) {
		__u32 last = NIL;

		for (__u32 i = s->listener[id].waiting.head; i != NIL;
		     last = i, i = conn_at(s, i)->wait_next) {
			if (!check_is_used(s, i) || !(conn_at(s, i)->flags & T_WAITING) ||
			    conn_at(s, i)->listener != id || ++*n > s->conns.max)
				return "an accept queue is broken";
		}
		if (last != s->listener[id].waiting.tail)
			return "an accept queue has another end";
	}
	return NULL;
}

static const char *check_timewaits(const struct tcp_stack *s)
{
	__u32 n = 0, last = NIL;

	for (__u32 i = s->tw_order.head; i != NIL; last = i, i = s->timewait[i].next) {
		if (s->timewait[i].prev != last || ++n > s->timewaits.used)
			return "the order of TIME_WAIT is broken";
	}
	return n == s->timewaits.used && last == s->tw_order.tail ? NULL :
								   "a TIME_WAIT block is lost";
}

static const char *check_free_chunks(const struct tcp_stack *s)
{
	__u32 n = 0;

	for (__u32 i = s->chunks.free; i != NIL; i = s->chunk_next[i])
		if (i > s->chunks.high || ++n > s->chunks.high)
			return "the list of free chunks is broken";
	return n + s->chunks.used == s->chunks.high ? NULL : "a chunk is lost";
}

/* --- the whole ------------------------------------------------------------------------------ */

const char *tcp_check(const struct tcp_stack *s)
{
	__u32 ready = 0, events = 0, waiting = 0, used = 0, chunks = 0, orphans = 0;
	const char *why = check_ready(s, &ready);

	why = why ? why : check_events(s, &events);
	why = why ? why : check_waiting(s, &waiting);
	why = why ? why : check_timewaits(s);
	why = why ? why : check_free_chunks(s);
	for (__u32 i = 1; !why && i <= s->conns.high; i++) {
		const struct tcp *t = conn_at(s, i);

		if (!(t->gen & 1))
			continue;
		used++;
		ready -= !!(t->flags & T_READY);
		events -= t->events != 0;
		waiting -= !!(t->flags & T_WAITING);
		orphans += !!(t->flags & T_UNOWNED);
		chunks += check_chunks(s, t);
		why = check_conn(s, t);
	}
	if (why)
		return why;
	if (ready || events || waiting)
		return "a list lacks somebody";
	if (used != s->conns.used || chunks != s->chunks.used || orphans != s->orphans)
		return "blocks do not add up";
	return NULL;
}
