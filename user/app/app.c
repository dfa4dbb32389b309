/* SPDX-License-Identifier: BSD-2-Clause */
#include "app/library.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>

/* What is done in one round, so that packets get their turn. */
#define APP_EVENTS 128
#define APP_AGAIN  64

static const struct app_ops *const app_table[APP_KINDS] = {
	[APP_HTTP] = &app_http, [APP_ECHO] = &app_echo,	  [APP_DISCARD] = &app_discard,
	[APP_HOLD] = &app_hold, [APP_PROXY] = &app_proxy,
	[APP_STDIO] = &app_stdio, [APP_LIBRARY] = &app_library,
};

static sg_time app_time(const struct app *a, int patience)
{
	static const sg_time time[APP_OWN] = {
		[APP_FOREVER] = SG_NEVER,
		[APP_IDLE] = APP_IDLE_TIME,
		[APP_LINGER] = APP_LINGER_TIME,
		[APP_PARTING] = APP_PARTING_TIME,
	};

	return patience == APP_OWN ? a->own_time : time[patience];
}

const struct app_ops *app_ops_of(enum app_kind kind)
{
	return app_table[kind];
}

int app_init(struct app *a, struct tcp_stack *s, const struct sg_settings *settings,
	     struct sg_tcp_counters *mib, struct sg_queue *queues, __u32 max_listeners, int epoll)
{
	memset(a, 0, sizeof(*a));
	a->target = calloc(max_listeners, sizeof(*a->target));
	if (!a->target)
		return -ENOMEM;
	a->stack = s;
	a->settings = settings;
	a->mib = mib;
	a->epoll = epoll;
	a->max_listeners = max_listeners;
	a->queues = queues;
	a->again_last = &a->again;
	for (int i = 0; i < APP_KINDS; i++)
		slab_init(&a->slab[i], app_table[i]->size);
	return 0;
}

void app_listen(struct app *a, __u32 id, const struct app_target *to)
{
	a->target[id] = *to;
}

/* --- patience --------------------------------------------------------------------------- */

static void list_remove(struct app_list *l, struct app_conn *c)
{
	*(c->prev ? &c->prev->next : &l->first) = c->next;
	*(c->next ? &c->next->prev : &l->last) = c->prev;
}

static void list_append(struct app_list *l, struct app_conn *c)
{
	c->next = NULL;
	c->prev = l->last;
	*(l->last ? &l->last->next : &l->first) = c;
	l->last = c;
}

/* Each list is in the order of `since`, so its first is the next to be given up. */
void app_touch(struct app *a, struct app_conn *c, enum app_patience p)
{
	if (c->patience == p && c->since == a->now)
		return;
	list_remove(&a->list[c->patience], c);
	c->patience = (__u8)p;
	c->since = a->now;
	list_append(&a->list[p], c);
}

static void app_expire(struct app *a)
{
	for (int p = APP_IDLE; p < APP_PATIENCES; p++) {
		struct app_conn *c;

		while ((c = a->list[p].first) && a->now - c->since >= app_time(a, p)) {
			if (c->ops->expire)
				c->ops->expire(a, c);
			else
				app_end(a, c);
		}
	}
}

sg_time app_deadline(const struct app *a)
{
	sg_time next = a->again ? a->now : SG_NEVER;

	for (int p = APP_IDLE; p < APP_PATIENCES; p++) {
		const struct app_conn *c = a->list[p].first;

		if (c && c->since + app_time(a, p) < next)
			next = c->since + app_time(a, p);
	}
	return next;
}

/* --- connections that asked to be called again -------------------------------------------- */

void app_again(struct app *a, struct app_conn *c)
{
	if (c->again_at)
		return;
	c->again_next = NULL;
	c->again_at = a->again_last;
	*a->again_last = c;
	a->again_last = &c->again_next;
}

static void again_remove(struct app *a, struct app_conn *c)
{
	if (!c->again_at)
		return;
	*c->again_at = c->again_next;
	if (c->again_next)
		c->again_next->again_at = c->again_at;
	else
		a->again_last = c->again_at;
	c->again_at = NULL;
}

/* --- birth and death -------------------------------------------------------------------- */

static void app_forget(struct app *a, struct app_conn *c)
{
	again_remove(a, c);
	list_remove(&a->list[c->patience], c);
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
	for (int p = 0; p < APP_PATIENCES; p++)
		while (a->list[p].first)
			app_abort(a, a->list[p].first);
	library_close(a, NULL, true);
	for (int i = 0; i < APP_KINDS; i++)
		slab_free(&a->slab[i]);
	free(a->target);
	a->target = NULL;
}

void app_adopt(struct app *a, tcp_id id, const struct app_target *to)
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
	c->patience = APP_FOREVER;
	c->since = a->now;
	list_append(&a->list[APP_FOREVER], c);
	a->conns++;
	tcp_set_user(a->stack, id, (__u64)(uintptr_t)c);
	app_again(a, c); /* what came before it was accepted has no event of its own */
	ops->open(a, c, to);
}

void app_accept(struct app *a, __u32 listener)
{
	const struct app_target *to = &a->target[listener];
	const struct app_ops *ops = app_ops_of(to->kind);
	tcp_id id;

	if (ops->size == 0)
		return;
	while ((!ops->room || ops->room(to)) && tcp_accept(a->stack, listener, &id) == 0)
		app_adopt(a, id, to);
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
	for (; calls < APP_AGAIN && a->again; calls++) {
		struct app_conn *c = a->again;

		again_remove(a, c);
		c->ops->event(a, c, 0);
	}
	return events == APP_EVENTS || a->again;
}

void app_ready(struct app *a, struct app_conn *c, unsigned events, sg_time now)
{
	a->now = now;
	c->ops->ready(a, c, events);
}
