/* SPDX-License-Identifier: BSD-2-Clause */
#include "app/library.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/random.h>

/* What is done in one round, so that packets get their turn. */
#define APP_EVENTS 128
#define APP_AGAIN  64

static const struct app_ops *const app_table[APP_KINDS] = {
	[APP_HTTP] = &app_http, [APP_ECHO] = &app_echo,	  [APP_DISCARD] = &app_discard,
	[APP_HOLD] = &app_hold, [APP_PROXY] = &app_proxy,
	[APP_STDIO] = &app_stdio, [APP_LIBRARY] = &app_library, [APP_RING] = &app_ring,
};

const struct app_ops *app_ops_of(enum app_kind kind)
{
	return app_table[kind];
}

/* --- connections that asked to be called again -------------------------------------------- */

static void queue_init(struct app_queue *q)
{
	q->first = NULL;
	q->last = &q->first;
}

/* Once only, in whichever. */
static void queue_add(struct app_queue *q, struct app_conn *c)
{
	if (c->queue)
		return;
	c->queue = q;
	c->queue_next = NULL;
	c->queue_at = q->last;
	*q->last = c;
	q->last = &c->queue_next;
}

static void queue_remove(struct app_conn *c)
{
	if (!c->queue)
		return;
	*c->queue_at = c->queue_next;
	if (c->queue_next)
		c->queue_next->queue_at = c->queue_at;
	else
		c->queue->last = c->queue_at;
	c->queue = NULL;
}

void app_again(struct app *a, struct app_conn *c)
{
	queue_add(&a->again, c);
}

/* --- life ------------------------------------------------------------------------------- */

int app_init(struct app *a, struct tcp_stack *s, const struct sg_settings *settings,
	     struct sg_tcp_counters *mib, struct sg_queue *queues, __u32 max_listeners, int epoll)
{
	memset(a, 0, sizeof(*a));
	if (getrandom(&a->run, sizeof(a->run), 0) != sizeof(a->run))
		return -errno;
	a->listener = calloc(max_listeners, sizeof(*a->listener));
	if (!a->listener)
		return -ENOMEM;
	a->stack = s;
	a->settings = settings;
	a->mib = mib;
	a->epoll = epoll;
	a->max_listeners = max_listeners;
	a->queues = queues;
	queue_init(&a->again);
	patience_init(&a->patiences);
	for (int i = 0; i < APP_KINDS; i++)
		slab_init(&a->slab[i], app_table[i]->size);
	return 0;
}

/* --- time --------------------------------------------------------------------------------- */

void app_touch(struct app *a, struct app_conn *c, sg_time time)
{
	patience_move(&a->patiences, c, time, a->now);
}

static void app_expire(struct app *a)
{
	struct app_conn *c;

	while ((c = patience_over(&a->patiences, a->now))) {
		if (c->ops->expire)
			c->ops->expire(a, c);
		else
			app_end(a, c);
	}
}

sg_time app_deadline(const struct app *a)
{
	return a->again.first ? a->now : patience_deadline(&a->patiences);
}

/* --- birth and death -------------------------------------------------------------------- */

static void app_forget(struct app *a, struct app_conn *c)
{
	queue_remove(c);
	patience_remove(c);
	if (c->ops->drop)
		c->ops->drop(a, c);
	a->conns--;
	for (int i = 0; i < APP_KINDS; i++)
		if (app_table[i] == c->ops)
			slab_give(&a->slab[i], c);
}

void app_end(struct app *a, struct app_conn *c)
{
	tcp_close(a->stack, c->id, a->now);
	app_forget(a, c);
}

void app_abort(struct app *a, struct app_conn *c)
{
	tcp_abort(a->stack, c->id, a->now);
	app_forget(a, c);
}

void app_free(struct app *a)
{
	struct app_conn *c;

	while ((c = patience_any(&a->patiences)))
		app_abort(a, c);
	patience_free(&a->patiences);
	for (__u32 i = 0; i < a->max_listeners; i++)
		app_unlisten(a, i);
	library_close(a, NULL, true);
	for (int i = 0; i < APP_KINDS; i++)
		slab_free(&a->slab[i]);
	free(a->listener);
	a->listener = NULL;
}

void app_adopt(struct app *a, tcp_id id, struct app_target *to)
{
	const struct app_ops *ops = app_ops_of(to->kind);
	struct app_conn *c = slab_take(&a->slab[to->kind]);

	if (!c) {
		a->mib->TCPAbortOnMemory++;
		tcp_abort(a->stack, id, a->now);
		return;
	}
	c->ops = ops;
	c->id = id;
	patience_add(&a->patiences, c, a->now);
	a->conns++;
	tcp_set_user(a->stack, id, (__u64)(uintptr_t)c);
	app_again(a, c); /* what came before it was accepted has no event of its own */
	ops->open(a, c, to);
}

/* --- listeners -------------------------------------------------------------------------- */

void app_listen(struct app *a, __u32 id, const struct app_target *to)
{
	struct app_listener *l = &a->listener[id];

	*l = (struct app_listener){.to = *to};
	l->to.listener = id;
	queue_init(&l->waiting);
}

bool app_stall(struct app *a, __u32 listener)
{
	struct app_listener *l = &a->listener[listener];
	bool was = l->stalled;

	l->stalled = true;
	a->stalled += !was;
	return !was;
}

static void app_go_on(struct app *a, struct app_listener *l)
{
	a->stalled -= l->stalled;
	l->stalled = false;
}

/* Who was accepted and waits for a server once more gets none any more. */
void app_unlisten(struct app *a, __u32 id)
{
	struct app_listener *l = &a->listener[id];
	const struct app_ops *ops = app_ops_of(l->to.kind);

	app_go_on(a, l);
	while (l->waiting.first)
		app_abort(a, l->waiting.first);
	if (ops->unlisten)
		ops->unlisten(a, &l->to);
	memset(l, 0, sizeof(*l));
}

void app_wait(struct app *a, struct app_conn *c, __u32 listener)
{
	struct app_listener *l = &a->listener[listener];

	if (c->queue == &l->waiting)
		return;
	queue_remove(c);
	queue_add(&l->waiting, c);
	app_stall(a, listener);
}

void app_resumed(struct app_conn *c)
{
	queue_remove(c);
}

void app_accept(struct app *a, __u32 listener)
{
	struct app_listener *l = &a->listener[listener];
	const struct app_ops *ops = app_ops_of(l->to.kind);
	tcp_id id;

	if (ops->size == 0)
		return;
	while (!l->waiting.first && tcp_waiting(a->stack, listener)) {
		if (ops->room && !ops->room(a, &l->to))
			return;
		if (tcp_accept(a->stack, listener, &id) == 0)
			app_adopt(a, id, &l->to);
	}
}

/* Something may have changed: those who were accepted first, then the others. */
static void app_resume(struct app *a, __u32 listener)
{
	struct app_listener *l = &a->listener[listener];
	struct app_conn *c;

	while ((c = l->waiting.first)) {
		c->ops->event(a, c, 0);
		if (l->waiting.first == c)
			return;
	}
	app_accept(a, listener);
	if (!l->waiting.first && !tcp_waiting(a->stack, listener))
		app_go_on(a, l);
}

/* --- the round -------------------------------------------------------------------------- */

static void app_event(struct app *a, const struct tcp_event *ev)
{
	struct app_conn *c = (struct app_conn *)(uintptr_t)ev->user;

	if (ev->events & TCP_EV_ACCEPT)
		app_accept(a, ev->listener);
	else if (c) /* 0: still in the accept queue */
		c->ops->event(a, c, ev->events);
}

bool app_run(struct app *a, sg_time now)
{
	int events = 0, calls = 0;
	struct tcp_event ev;

	a->now = now;
	app_expire(a);
	library_look(a);
	for (; events < APP_EVENTS && tcp_next_event(a->stack, &ev); events++)
		app_event(a, &ev);
	for (; calls < APP_AGAIN && a->again.first; calls++) {
		struct app_conn *c = a->again.first;

		queue_remove(c);
		c->ops->event(a, c, 0);
	}
	for (__u32 i = 0; a->stalled && i < a->max_listeners; i++)
		if (a->listener[i].stalled)
			app_resume(a, i);
	library_flush(a);
	return events == APP_EVENTS || a->again.first;
}

const struct backend *app_backend(__u64 user, struct backends **holds)
{
	const struct app_conn *c = (const struct app_conn *)(uintptr_t)user;

	return c && c->ops->backend ? c->ops->backend(c, holds) : NULL;
}

void app_ready(struct app *a, struct app_conn *c, unsigned events, sg_time now)
{
	a->now = now;
	c->ops->ready(a, c, events);
}
