/* SPDX-License-Identifier: BSD-2-Clause */
#include "app/app.h"

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
	[APP_STDIO] = &app_stdio,
};

const struct app_ops *app_ops_of(enum app_kind kind)
{
	return app_table[kind];
}

int app_init(struct app *a, struct tcp_stack *s, const struct sg_settings *settings,
	     struct sg_tcp_counters *mib, __u32 max_listeners, int epoll)
{
	memset(a, 0, sizeof(*a));
	if (getrandom(&a->run, sizeof(a->run), 0) != sizeof(a->run))
		return -errno;
	a->target = calloc(max_listeners, sizeof(*a->target));
	if (!a->target)
		return -ENOMEM;
	a->stack = s;
	a->settings = settings;
	a->mib = mib;
	a->epoll = epoll;
	a->max_listeners = max_listeners;
	a->again_last = &a->again;
	patience_init(&a->patiences);
	for (int i = 0; i < APP_KINDS; i++)
		slab_init(&a->slab[i], app_table[i]->size);
	return 0;
}

void app_listen(struct app *a, __u32 id, const struct app_target *to)
{
	a->target[id] = *to;
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
	return a->again ? a->now : patience_deadline(&a->patiences);
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
	patience_add(&a->patiences, c, a->now);
	a->conns++;
	tcp_set_user(a->stack, id, (__u64)(uintptr_t)c);
	app_again(a, c); /* what came before it was accepted has no event of its own */
	ops->open(a, c, to);
}

static void app_accept(struct app *a, __u32 listener)
{
	const struct app_target *to = &a->target[listener];
	tcp_id id;

	if (app_ops_of(to->kind)->size == 0)
		return;
	while (tcp_accept(a->stack, listener, &id) == 0)
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
	for (; events < APP_EVENTS && tcp_next_event(a->stack, &ev); events++)
		app_event(a, &ev);
	for (; calls < APP_AGAIN && a->again; calls++) {
		struct app_conn *c = a->again;

		again_remove(a, c);
		c->ops->event(a, c, 0);
	}
	return events == APP_EVENTS || a->again;
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
