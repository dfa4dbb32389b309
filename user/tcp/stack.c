/* SPDX-License-Identifier: BSD-2-Clause */
/* The stack itself: its memory, its clock, its events, its listeners. */
#include <errno.h>
#include <string.h>

#include "tcp/stack.h"

/* --- memory ------------------------------------------------------------------------------- */

struct layout {
	size_t listener, hash, conn, timewait, chunk_next, chunk, end;
	__u32 hash_words;
};

static size_t layout_take(size_t *at, size_t size, size_t align)
{
	size_t start = (*at + align - 1) / align * align;

	*at = start + size;
	return start;
}

/* Index 0 of each pool is never used: hence one more. */
static void layout_make(const struct tcp_config *c, struct layout *l)
{
	size_t at = sizeof(struct tcp_stack);

	l->hash_words = 1024;
	while (l->hash_words < 2ull * ((__u64)c->max_conns + c->max_timewait))
		l->hash_words *= 2;
	l->listener = layout_take(&at, c->max_listeners * sizeof(struct listener), 64);
	l->hash = layout_take(&at, (size_t)l->hash_words * sizeof(__u64), 64);
	l->conn = layout_take(&at, (c->max_conns + 1ull) * sizeof(struct tcp), 64);
	l->timewait = layout_take(&at, (c->max_timewait + 1ull) * sizeof(struct timewait), 64);
	l->chunk_next = layout_take(&at, (c->max_chunks + 1ull) * sizeof(__u32), 64);
	l->chunk = layout_take(&at, (c->max_chunks + 1ull) * TCP_CHUNK, TCP_CHUNK);
	l->end = at;
}

size_t tcp_pool_size(const struct tcp_config *cfg)
{
	struct layout l;

	layout_make(cfg, &l);
	return l.end;
}

bool stack_place(struct tcp_stack *s, size_t size, const struct tcp_config *cfg)
{
	struct layout l;
	__u8 *base = (void *)s;

	layout_make(cfg, &l);
	if (size < l.end || cfg->max_conns >= FLOW_TIMEWAIT || cfg->max_timewait >= FLOW_TIMEWAIT)
		return false;
	s->cfg = *cfg;
	s->conns.max = cfg->max_conns;
	s->timewaits.max = cfg->max_timewait;
	s->chunks.max = cfg->max_chunks;
	s->hash_mask = l.hash_words - 1;
	s->listener = (struct listener *)(void *)(base + l.listener);
	s->hash = (__u64 *)(void *)(base + l.hash);
	s->conn = (struct tcp *)(void *)(base + l.conn);
	s->timewait = (struct timewait *)(void *)(base + l.timewait);
	s->chunk_next = (__u32 *)(void *)(base + l.chunk_next);
	s->chunk = base + l.chunk;
	return true;
}

int tcp_init(void *mem, size_t size, const struct tcp_config *cfg, sg_time now,
	     struct tcp_stack **out)
{
	struct tcp_stack *s = mem;

	if (!stack_place(s, size, cfg))
		return -EINVAL;
	s->version = STACK_VERSION;
	s->conn_size = sizeof(struct tcp);
	s->timewait_size = sizeof(struct timewait);
	s->now = now;
	s->wheel.tick = now >> WHEEL_SHIFT;
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	s->magic = STACK_MAGIC;
	*out = s;
	return 0;
}

/* --- time ----------------------------------------------------------------------------------- */

/* Chunks are to be had again: wake those who were refused one. */
static void stack_feed(struct tcp_stack *s)
{
	if (!s->starved || s->chunks.used > s->chunks.max / 8 * 7)
		return;
	s->starved = false;
	for (__u32 i = 1; i <= s->conns.high; i++) {
		struct tcp *t = conn_at(s, i);

		if (t->gen & 1 && t->flags & T_WANT_WRITE) {
			t->flags &= ~(__u32)T_WANT_WRITE;
			event_post(s, t, TCP_EV_WRITE);
		}
	}
}

void tcp_expire(struct tcp_stack *s, sg_time now)
{
	s->now = now;
	wheel_run(s, now);
	timewait_expire(s, now);
	stack_feed(s);
}

sg_time tcp_deadline(const struct tcp_stack *s)
{
	sg_time wheel = wheel_next(s), tw = timewait_next(s);

	if (s->ready.head != NIL || s->events.head != NIL || s->accept_events)
		return s->now;
	return wheel < tw ? wheel : tw;
}

/* --- events ----------------------------------------------------------------------------------- */

void event_post(struct tcp_stack *s, struct tcp *t, unsigned events)
{
	__u32 i = conn_index(s, t);

	if (!(t->flags & T_OWNED) || t->flags & T_WAITING)
		return;
	if (t->events == 0) {
		t->event_next = NIL;
		if (s->events.tail != NIL)
			conn_at(s, s->events.tail)->event_next = i;
		else
			s->events.head = i;
		s->events.tail = i;
	}
	t->events |= (__u16)events;
}

void event_post_accept(struct tcp_stack *s, struct listener *l)
{
	if (!l->event)
		s->accept_events++;
	l->event = 1;
}

static bool event_accept(struct tcp_stack *s, struct tcp_event *ev)
{
	for (__u32 i = 0; s->accept_events && i < s->cfg.max_listeners; i++) {
		if (!s->listener[i].event)
			continue;
		s->listener[i].event = 0;
		s->accept_events--;
		*ev = (struct tcp_event){.events = TCP_EV_ACCEPT, .listener = i};
		return true;
	}
	return false;
}

bool tcp_next_event(struct tcp_stack *s, struct tcp_event *ev)
{
	if (s->accept_events && event_accept(s, ev))
		return true;
	while (s->events.head != NIL) {
		struct tcp *t = conn_at(s, s->events.head);
		unsigned events = t->events;

		s->events.head = t->event_next;
		if (s->events.head == NIL)
			s->events.tail = NIL;
		t->events = 0;
		if (!(t->flags & T_OWNED)) {
			close_reap(s, t);
			continue;
		}
		*ev = (struct tcp_event){
			.events = events, .id = conn_id(s, t), .user = t->user};
		return true;
	}
	return false;
}

/* --- listeners ----------------------------------------------------------------------------------- */

int tcp_listen(struct tcp_stack *s, __u32 id, const struct sg_listener *l)
{
	if (id >= s->cfg.max_listeners)
		return -EINVAL;
	if (s->listener[id].open)
		return -EALREADY;
	s->listener[id] = (struct listener){.cfg = *l};
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	s->listener[id].open = 1;
	return 0;
}

int tcp_listen_offer(struct tcp_stack *s, __u32 id, const struct sg_listener *l)
{
	struct listener *open = listener_at(s, id);

	if (!open)
		return -EINVAL;
	open->cfg = *l;
	return 0;
}

/* Half-open entries of a listener that is gone. Several workers may do this at once. */
static void stack_forget_halfopen(struct tcp_stack *s, __u32 id)
{
	const struct sg_halfopen_table *h = &s->cfg.halfopen;

	for (__u32 i = 0; i < h->buckets; i++) {
		for (__u32 way = 0; way < SG_WAYS; way++) {
			__u64 w = SG_READ_ONCE(h->ways[i].slot[way]);

			if (sg_slot_state(w) != SG_SLOT_LIVE ||
			    sg_synq_listener(sg_synq_entry(h, i, way)) != id)
				continue;
			if (sg_synq_free(h, i, way, w))
				sg_synq_leave(&s->cfg.queues[id], w);
		}
	}
}

void tcp_unlisten(struct tcp_stack *s, __u32 id, sg_time now)
{
	struct listener *l = listener_at(s, id);

	(void)now;
	if (!l)
		return;
	l->open = 0;
	if (l->event)
		s->accept_events--;
	l->event = 0;
	while (l->waiting.head != NIL) {
		struct tcp *t = conn_at(s, l->waiting.head);

		step_begin(s, t);
		acceptq_remove(s, t);
		t->flags &= ~(__u32)T_OWNED;
		if (t->state != TCP_CLOSED)
			close_reset(s, t, -ECONNRESET);
		else
			close_reap(s, t);
		step_end(s);
	}
	for (__u32 i = 1; i <= s->conns.high; i++) {
		struct tcp *t = conn_at(s, i);

		if (!(t->gen & 1) || t->state != TCP_SYN_RCVD || t->listener != id)
			continue;
		step_begin(s, t);
		close_reset(s, t, -ECONNRESET);
		step_end(s);
	}
	stack_forget_halfopen(s, id);
}
