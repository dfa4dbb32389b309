/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The pools. Free blocks are linked through a field of theirs; blocks above `high` were
 * never touched, so memory that is not needed costs nothing.
 */
#include <string.h>

#include "tcp/flight.h"

/* An index, or NIL. `next` is where the block `p->free` keeps its successor. */
static __u32 pool_take(struct pool *p, const __u32 *next)
{
	__u32 i = p->free;

	if (i != NIL)
		p->free = *next;
	else if (p->high < p->max)
		i = ++p->high;
	else
		return NIL;
	p->used++;
	return i;
}

static void pool_give(struct pool *p, __u32 i, __u32 *next)
{
	*next = p->free;
	p->free = i;
	p->used--;
}

struct tcp *conn_new(struct tcp_stack *s, const struct sg_tuple *t, const struct sg_hash *h,
		     sg_time now)
{
	__u32 i = pool_take(&s->conns, &conn_at(s, s->conns.free)->ready_next);
	struct tcp *c = conn_at(s, i);
	__u32 gen = c->gen;

	if (i == NIL)
		return NULL;
	step_begin(s, c);
	memset(c, 0, offsetof(struct tcp, gen));
	memset(&c->flags, 0, sizeof(*c) - offsetof(struct tcp, flags));
	c->tuple = *t;
	c->hash = h->table;
	c->ts_off = h->ts_off;
	c->listener = NO_LISTENER;
	c->born = time_ms(now);
	timer_init(c);
	rtt_init(c);
	flowtable_add(s, c->hash, i);
	c->flags = T_HASHED;
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	c->gen = gen + 1;
	return c;
}

void conn_free(struct tcp_stack *s, struct tcp *t)
{
	t->gen++;
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	timer_stop(s, t);
	reasm_clear(s, t);
	flight_close(s, t);
	buf_clear(s, &t->snd);
	buf_clear(s, &t->rcv);
	pool_give(&s->conns, conn_index(s, t), &t->ready_next);
}

/* They leave a quarter of the flow table to connections that live. */
static __u32 timewait_most(const struct tcp_stack *s)
{
	__u64 share = (__u64)s->cfg.flows.buckets * SG_BUCKET_ENTRIES / 4 * 3;
	__u32 knob = knobs(s)->tcp_max_tw_buckets;

	return knob < share ? knob : (__u32)share;
}

__u32 timewait_new(struct tcp_stack *s)
{
	__u32 i = NIL;

	if (__sync_fetch_and_add(s->cfg.timewaits, 1) < timewait_most(s))
		i = pool_take(&s->timewaits, &s->timewait[s->timewaits.free].next);
	if (i == NIL)
		__sync_fetch_and_add(s->cfg.timewaits, (__u32)-1);
	return i;
}

void timewait_free(struct tcp_stack *s, __u32 i)
{
	s->timewait[i].tuple.lport = 0;
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	pool_give(&s->timewaits, i, &s->timewait[i].next);
	__sync_fetch_and_add(s->cfg.timewaits, (__u32)-1);
}

__u32 chunk_new(struct tcp_stack *s)
{
	return pool_take(&s->chunks, &s->chunk_next[s->chunks.free]);
}

void chunk_free(struct tcp_stack *s, __u32 i)
{
	pool_give(&s->chunks, i, &s->chunk_next[i]);
}
