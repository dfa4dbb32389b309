/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The pools of a process that is dead, mapped anew: check, repair, go on. Only blocks are
 * believed; every list, table and sum is made again from them. The one connection whose block
 * was just being changed (tcp_stack.step) is reset, for nobody can say how far it came.
 */
#include <errno.h>
#include <string.h>

#include "tcp/flight.h"

#define CHUNK_FREE  0u /* in chunk_next[], while it is found out who has which */
#define CHUNK_TAKEN ((__u32)-1)

#define AGE_BITS   5 /* of `since` in a pass of the sort */
#define AGE_HEADS  (1u << AGE_BITS)
#define AGE_PASSES 4 /* 20 bits */

static bool adopt_in_use(const struct tcp *t)
{
	return t->gen & 1;
}

/* --- connections --------------------------------------------------------------------------- */

/* What is left of one that cannot go on: its peer gets a RST, its application an error. */
static void adopt_reset(struct tcp *t, bool tell)
{
	bool owned = t->flags & T_OWNED && !(t->flags & T_WAITING);
	struct buf none = {0};

	t->snd = t->rcv = none;
	t->flight = t->reasm = NIL;
	t->flags &= T_TS | T_WSCALE;
	t->flags |= (owned ? T_OWNED : 0) | (tell ? T_RST | T_READY : 0u);
	t->events = 0;
	t->error = -ECONNRESET;
	t->snd_wscale = t->rcv_wscale = 0;
	t->state = TCP_CLOSED;
	t->timer = TIMER_REXMIT;
	t->ca = CA_OPEN;
	t->cc = SG_CC_CUBIC;
	t->listener = NO_LISTENER;
	timer_init(t);
	rtt_init(t);
	t->backoff = 0;
}

/* Does its peer have something that a RST would end? Not if the tuple is only half there. */
static bool adopt_tells(const struct tcp_stack *s, const struct tcp *t)
{
	bool synced = t->state >= TCP_SYN_RCVD && t->state <= TCP_LAST_ACK;

	return (synced || t->flags & T_RST) &&
	       sg_tuple_hash(&s->cfg.key, &t->tuple).table == t->hash;
}

static bool adopt_is_over(const struct tcp *t)
{
	return t->state == TCP_CLOSED && !(t->flags & (T_OWNED | T_READY));
}

/* Its listener was being closed, and it with it. */
static bool adopt_is_abandoned(const struct tcp_stack *s, const struct tcp *t)
{
	return (t->flags & T_WAITING || t->state == TCP_SYN_RCVD) && t->listener != NO_LISTENER &&
	       !listener_at(s, t->listener);
}

static bool adopt_take_chunk(struct tcp_stack *s, __u32 i)
{
	if (i == NIL)
		return true;
	if (i > s->chunks.high || s->chunk_next[i] == CHUNK_TAKEN)
		return false;
	s->chunk_next[i] = CHUNK_TAKEN;
	s->chunks.used++;
	return true;
}

static void adopt_give_chunk(struct tcp_stack *s, __u32 i)
{
	s->chunk_next[i] = CHUNK_FREE;
	s->chunks.used--;
}

/* The list of a buffer's chunks must be known to be whole before it is walked. */
static bool adopt_take_buf(struct tcp_stack *s, const struct buf *b)
{
	__u32 cursor = 0, undo = 0, i, left;

	if (!adopt_take_chunk(s, b->dir))
		return false;
	while ((i = check_next_chunk(s, b, &cursor)) != NIL && adopt_take_chunk(s, i))
		undo++;
	if (i == NIL)
		return true;
	for (cursor = 0, left = undo; left; left--)
		adopt_give_chunk(s, check_next_chunk(s, b, &cursor));
	if (b->dir != NIL)
		adopt_give_chunk(s, b->dir);
	return false;
}

static void adopt_give_buf(struct tcp_stack *s, const struct buf *b)
{
	__u32 cursor = 0, i;

	while ((i = check_next_chunk(s, b, &cursor)) != NIL)
		adopt_give_chunk(s, i);
	if (b->dir != NIL)
		adopt_give_chunk(s, b->dir);
}

/* All of a connection's chunks, or none. */
static bool adopt_take_chunks(struct tcp_stack *s, const struct tcp *t)
{
	if (!adopt_take_chunk(s, t->reasm))
		return false;
	if (!adopt_take_chunk(s, t->flight))
		goto reasm;
	if (!adopt_take_buf(s, &t->snd))
		goto flight;
	if (adopt_take_buf(s, &t->rcv))
		return true;
	adopt_give_buf(s, &t->snd);
flight:
	if (t->flight != NIL)
		adopt_give_chunk(s, t->flight);
reasm:
	if (t->reasm != NIL)
		adopt_give_chunk(s, t->reasm);
	return false;
}

static void adopt_give_chunks(struct tcp_stack *s, const struct tcp *t)
{
	adopt_give_buf(s, &t->rcv);
	adopt_give_buf(s, &t->snd);
	if (t->flight != NIL)
		adopt_give_chunk(s, t->flight);
	if (t->reasm != NIL)
		adopt_give_chunk(s, t->reasm);
}

/* In the flow table and in the driver's. False: somebody else has this pair. */
static bool adopt_hash(struct tcp_stack *s, const struct sg_tuple *t, __u32 hash, __u32 what)
{
	if (sg_tuple_hash(&s->cfg.key, t).table != hash || flowtable_find(s, hash, t))
		return false;
	if (sg_flow_claim(&s->cfg.flows, hash, t, s->cfg.worker) != s->cfg.worker)
		return false;
	flowtable_add(s, hash, what);
	return true;
}

/* No timer waits for longer than a day (TCP_OPT_USER_TIMEOUT). */
static bool adopt_fires(const struct tcp_stack *s, sg_time at)
{
	return at == SG_NEVER || at < s->now + 2 * 86400 * SG_SEC;
}

/* Can it go on as it is? Then it has its chunks and its place in the tables. */
static bool adopt_keeps(struct tcp_stack *s, struct tcp *t)
{
	if (!adopt_take_chunks(s, t))
		return false;
	if (check_block(s, t) || !adopt_fires(s, t->rexmit_at) || !adopt_fires(s, t->delack_at) ||
	    !adopt_fires(s, t->life_at))
		goto chunks;
	if (t->state == TCP_CLOSED)
		t->flags &= ~(__u32)T_HASHED;
	else if (!adopt_hash(s, &t->tuple, t->hash, conn_index(s, t)))
		goto chunks;
	else
		t->flags |= T_HASHED;
	return true;
chunks:
	adopt_give_chunks(s, t);
	return false;
}

static void adopt_conns(struct tcp_stack *s, struct tcp_adopted *what)
{
	for (__u32 i = 1; i <= s->conns.high; i++) {
		struct tcp *t = conn_at(s, i);

		if (!adopt_in_use(t))
			continue;
		if (i == s->step || adopt_is_abandoned(s, t)) {
			adopt_reset(t, adopt_tells(s, t));
			what->reset++;
		} else if (!adopt_is_over(t) && !adopt_keeps(s, t)) {
			adopt_reset(t, false);
			what->broken++;
		}
		if (adopt_is_over(t))
			t->gen++;
		else
			what->conns++;
	}
}

/* It counts where it counted, and everybody has a turn: what was due is found out then. */
static void adopt_link(struct tcp_stack *s, struct tcp *t)
{
	s->conns.used++;
	timer_adopt(s, t);
	s->orphans += !!(t->flags & T_UNOWNED);
	if (t->flags & T_SYN_QUEUED)
		__sync_fetch_and_add(&s->cfg.queues[t->listener].halfopen, 1);
	if (t->flags & T_SYN_YOUNG)
		__sync_fetch_and_add(&s->cfg.queues[t->listener].young, 1);
	t->flags &= ~(__u32)(T_READY | T_WANT_WRITE);
	output_ready(s, t);
	t->user = 0;
	t->events = 0;
	event_post(s, t, TCP_EV_READ | TCP_EV_WRITE | (t->error ? TCP_EV_CLOSED : 0u));
}

/* The accept queue, in the order of age: `born` is in ms, within one the index decides. */
static void adopt_waiting(struct tcp_stack *s, struct tcp *t)
{
	struct listener *l = &s->listener[t->listener];
	__u32 after = l->waiting.tail, before = NIL, i = conn_index(s, t);

	while (after != NIL && (__s32)(conn_at(s, after)->born - t->born) > 0) {
		before = after;
		after = conn_at(s, after)->wait_prev;
	}
	t->wait_prev = after;
	t->wait_next = before;
	if (after != NIL)
		conn_at(s, after)->wait_next = i;
	else
		l->waiting.head = i;
	if (before != NIL)
		conn_at(s, before)->wait_prev = i;
	else
		l->waiting.tail = i;
	__sync_fetch_and_add(&s->cfg.queues[t->listener].acceptq, 1);
	event_post_accept(s, l);
}

static void adopt_links(struct tcp_stack *s)
{
	for (__u32 i = s->conns.high; i > 0; i--) {
		struct tcp *t = conn_at(s, i);

		if (adopt_in_use(t)) {
			adopt_link(s, t);
		} else {
			t->ready_next = s->conns.free;
			s->conns.free = i;
		}
	}
	for (__u32 i = 1; i <= s->conns.high; i++)
		if (adopt_in_use(conn_at(s, i)) && conn_at(s, i)->flags & T_WAITING)
			adopt_waiting(s, conn_at(s, i));
}

/* --- TIME_WAIT ----------------------------------------------------------------------------- */

static void adopt_timewaits(struct tcp_stack *s, struct fifo *found, struct tcp_adopted *what)
{
	for (__u32 i = s->timewaits.high; i > 0; i--) {
		struct timewait *w = &s->timewait[i];
		__u32 hash = sg_tuple_hash(&s->cfg.key, &w->tuple).table;

		if (w->tuple.lport && !adopt_hash(s, &w->tuple, hash, i | FLOW_TIMEWAIT))
			w->tuple.lport = 0;
		if (w->tuple.lport) {
			w->next = found->head;
			found->head = i;
			what->timewait++;
		} else {
			w->next = s->timewaits.free;
			s->timewaits.free = i;
		}
	}
	s->timewaits.used = what->timewait;
	__sync_fetch_and_add(s->cfg.timewaits, what->timewait);
}

/* Oldest first: a radix sort of the list by how long ago each began. */
static __u32 adopt_sort(struct tcp_stack *s, __u32 list, sg_time now)
{
	for (unsigned pass = 0; pass < AGE_PASSES; pass++) {
		struct fifo age[AGE_HEADS] = {0};

		while (list != NIL) {
			struct timewait *w = &s->timewait[list];
			struct fifo *f =
				&age[timewait_age(w, now) >> pass * AGE_BITS & (AGE_HEADS - 1)];

			if (f->tail != NIL)
				s->timewait[f->tail].next = list;
			else
				f->head = list;
			f->tail = list;
			list = w->next;
		}
		for (unsigned k = 0; k < AGE_HEADS; k++) { /* the last becomes the first */
			if (age[k].head == NIL)
				continue;
			s->timewait[age[k].tail].next = list;
			list = age[k].head;
		}
	}
	return list;
}

static void adopt_order(struct tcp_stack *s, __u32 list)
{
	s->tw_order = (struct fifo){list, NIL};
	for (; list != NIL; list = s->timewait[list].next) {
		s->timewait[list].prev = s->tw_order.tail;
		s->tw_order.tail = list;
	}
}

/* --- the whole ------------------------------------------------------------------------------ */

/* Is it what this program would have made of this configuration? */
static int adopt_check(const struct tcp_stack *s, size_t size, const struct tcp_config *c,
		       sg_time now)
{
	const struct tcp_config *was = &s->cfg;

	if (size < sizeof(*s) || s->magic != STACK_MAGIC || s->version != STACK_VERSION ||
	    s->conn_size != sizeof(struct tcp) || s->timewait_size != sizeof(struct timewait))
		return -EPROTO;
	if (was->worker != c->worker || was->max_conns != c->max_conns ||
	    was->max_timewait != c->max_timewait || was->max_chunks != c->max_chunks ||
	    was->max_listeners != c->max_listeners || memcmp(&was->key, &c->key, sizeof(c->key)))
		return -EINVAL;
	if (memcmp(was->boot, c->boot, sizeof(c->boot)) || now < s->now)
		return -ESTALE;
	if (s->conns.high > c->max_conns || s->timewaits.high > c->max_timewait ||
	    s->chunks.high > c->max_chunks)
		return -EPROTO;
	return 0;
}

/* Nothing but blocks. `step` stays what it is until all is done: one may die here, too. */
static void adopt_forget(struct tcp_stack *s, sg_time now)
{
	memset(s->hash, 0, (s->hash_mask + 1ull) * sizeof(*s->hash));
	memset(&s->wheel, 0, sizeof(s->wheel));
	memset(s->pmtu, 0, sizeof(s->pmtu));
	memset(s->chunk_next, CHUNK_FREE, (s->chunks.high + 1ull) * sizeof(*s->chunk_next));
	s->wheel.tick = now >> WHEEL_SHIFT;
	s->now = now;
	s->pmtu_until = 0;
	s->ready = s->events = s->tw_order = (struct fifo){NIL, NIL};
	s->conns.free = s->timewaits.free = s->chunks.free = NIL;
	s->conns.used = s->timewaits.used = s->chunks.used = 0;
	s->starved = false;
	s->orphans = s->accept_events = 0;
	for (__u32 i = 0; i < s->cfg.max_listeners; i++) {
		s->listener[i].event = 0;
		s->listener[i].waiting = (struct fifo){NIL, NIL};
	}
}

static void adopt_free_chunks(struct tcp_stack *s)
{
	for (__u32 i = s->chunks.high; i > 0; i--) {
		if (s->chunk_next[i] == CHUNK_TAKEN)
			continue;
		s->chunk_next[i] = s->chunks.free;
		s->chunks.free = i;
	}
}

/* Entries of ours that no block stands behind, and claims that were never finished. */
static void adopt_flows(struct tcp_stack *s)
{
	struct sg_flow_table *f = &s->cfg.flows;

	for (__u32 i = 0; i < f->buckets * SG_WAYS; i++) {
		__u32 b = i / SG_WAYS, way = i % SG_WAYS;
		__u64 w = SG_READ_ONCE(f->ways[b].slot[way]);

		if (sg_slot_state(w) == SG_SLOT_FREE || sg_slot_info(w) != s->cfg.worker)
			continue;
		if (sg_slot_state(w) == SG_SLOT_BUSY ||
		    !flowtable_find(s, sg_slot_tag(w), &f->tuples[b].tuple[way]))
			sg_flow_free(f, b, (int)way, w);
	}
}

int tcp_adopt(void *mem, size_t size, const struct tcp_config *cfg, sg_time now,
	      struct tcp_adopted *what, struct tcp_stack **out)
{
	struct tcp_stack *s = mem;
	struct fifo found = {NIL, NIL};
	int rc = adopt_check(s, size, cfg, now);

	if (rc)
		return rc;
	if (!stack_place(s, size, cfg))
		return -EINVAL;
	memset(what, 0, sizeof(*what));
	adopt_forget(s, now);
	adopt_conns(s, what);
	adopt_timewaits(s, &found, what);
	adopt_order(s, adopt_sort(s, found.head, now));
	adopt_flows(s);
	adopt_free_chunks(s);
	adopt_links(s);
	step_end(s);
	*out = s;
	return 0;
}
