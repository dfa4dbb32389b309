/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The accept queue. Its length is one word that all workers share (reserve, then commit),
 * so its limit is exact; the order is kept by each worker for its own connections.
 */
#include <errno.h>

#include "tcp/stack.h"

struct listener *listener_at(const struct tcp_stack *s, __u32 id)
{
	if (id >= s->cfg.max_listeners || !s->listener[id].open)
		return NULL;
	return &s->listener[id];
}

/* Linux's rule: full when length > backlog. */
bool acceptq_reserve(struct tcp_stack *s, __u32 id)
{
	struct sg_queue *q = &s->cfg.queues[id];

	if (__sync_fetch_and_add(&q->acceptq, 1) <= q->backlog)
		return true;
	acceptq_unreserve(s, id);
	__sync_fetch_and_add(&q->ListenOverflows, 1);
	__sync_fetch_and_add(&q->ListenDrops, 1);
	s->cfg.mib->ListenOverflows++;
	s->cfg.mib->ListenDrops++;
	return false;
}

void acceptq_unreserve(struct tcp_stack *s, __u32 id)
{
	__sync_fetch_and_add(&s->cfg.queues[id].acceptq, (__u32)-1);
}

/* The place was reserved. The listener's half-open length no longer counts it. */
void acceptq_push(struct tcp_stack *s, struct tcp *t)
{
	struct listener *l = listener_at(s, t->listener);
	__u32 i = conn_index(s, t);

	syn_leave(s, t);
	t->flags |= T_WAITING | T_OWNED;
	t->wait_next = NIL;
	t->wait_prev = l->waiting.tail;
	if (l->waiting.tail != NIL)
		conn_at(s, l->waiting.tail)->wait_next = i;
	else
		l->waiting.head = i;
	l->waiting.tail = i;
	__sync_fetch_and_add(&s->cfg.queues[t->listener].PassiveOpens, 1);
	s->cfg.mib->PassiveOpens++;
	event_post_accept(s, l);
}

void acceptq_remove(struct tcp_stack *s, struct tcp *t)
{
	struct listener *l = &s->listener[t->listener];

	if (t->wait_prev != NIL)
		conn_at(s, t->wait_prev)->wait_next = t->wait_next;
	else
		l->waiting.head = t->wait_next;
	if (t->wait_next != NIL)
		conn_at(s, t->wait_next)->wait_prev = t->wait_prev;
	else
		l->waiting.tail = t->wait_prev;
	t->flags &= ~(__u32)T_WAITING;
	acceptq_unreserve(s, t->listener);
}

bool tcp_waiting(const struct tcp_stack *s, __u32 id)
{
	const struct listener *l = listener_at(s, id);

	return l && l->waiting.head != NIL;
}

int tcp_accept(struct tcp_stack *s, __u32 id, tcp_id *conn)
{
	struct listener *l = listener_at(s, id);
	struct tcp *t;

	if (!l)
		return -EINVAL;
	if (l->waiting.head == NIL)
		return -EAGAIN;
	t = conn_at(s, l->waiting.head);
	acceptq_remove(s, t);
	*conn = conn_id(s, t);
	/* what happened while it waited */
	if (t->rcv.len > 0 || t->flags & T_FIN_RCVD)
		event_post(s, t, TCP_EV_READ);
	if (t->error)
		event_post(s, t, TCP_EV_CLOSED);
	return 0;
}
