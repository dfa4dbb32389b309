/* SPDX-License-Identifier: BSD-2-Clause */
/* What a program is told of its connections in rings: which are to be accepted, and which have news. */
#include <errno.h>
#include <time.h>

#include "lib/rings.h"

int rings_accept(struct syngate_listener *l, struct syngate_conn **out, int flags)
{
	struct rings *g = l->rings;
	struct syngate_conn *c;
	int rc = rings_check(l);

	if (rc)
		return rc;
	while (!(c = rings_take(&g->waiting))) {
		rings_collect(l);
		if (g->waiting.first)
			continue;
		if (g->gone)
			return channel_gone();
		if (flags & SYNGATE_NOWAIT)
			return -EAGAIN;
		rc = rings_await(l);
		if (rc)
			return rc;
	}
	SG_WRITE_ONCE(c->ring->program, SG_RING_TAKEN);
	listener_taken(l, c->source);
	g->said |= 1ULL << c->source;
	c->nonblock = flags & SOCK_NONBLOCK;
	c->waits = false;
	*out = c;
	/* what came meanwhile has no event of its own */
	c->news = true;
	rings_append(&g->news, c);
	return 0;
}

static int rings_events(struct syngate_listener *l, struct syngate_event *ev, int max)
{
	struct rings *g = l->rings;
	struct syngate_conn *c;
	int n = 0;

	if (n < max && (g->gone || (!g->told && g->waiting.first))) {
		g->told = true;
		ev[n++] = (struct syngate_event){.events = SYNGATE_IN};
	}
	while (n < max && (c = rings_take(&g->news))) {
		unsigned events = ring_events(c);

		c->news = false;
		if (events)
			ev[n++] = (struct syngate_event){c, events, c->data};
	}
	return n;
}

static __s64 rings_now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (__s64)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/* Woken in vain we sleep on for the rest of the time. */
static int rings_wait(struct syngate_listener *l, struct syngate_event *ev, int max, int timeout_ms)
{
	__s64 until = timeout_ms > 0 ? rings_now_ms() + timeout_ms : 0;
	int rc;

	for (;;) {
		rc = rings_sleep(l, timeout_ms);
		if (rc <= 0)
			return rc;
		rc = rings_events(l, ev, max);
		if (rc)
			return rc;
		if (timeout_ms > 0) {
			__s64 left = until - rings_now_ms();

			timeout_ms = left > 0 ? (int)left : 0;
		}
	}
}

int syngate_wait(struct syngate_listener *l, struct syngate_event *ev, int max, int timeout_ms)
{
	int rc;

	if (!l->rings || max <= 0)
		return why_set(-EINVAL, "syngate_wait() is for listeners with SG_OPT_RING, and for one event or more");
	rc = rings_check(l);
	if (rc)
		return rc;
	syngate_flush(l);
	rings_collect(l);
	rc = rings_events(l, ev, max);
	return rc ? rc : rings_wait(l, ev, max, timeout_ms);
}

void rings_let_go(struct syngate_listener *l)
{
	struct syngate_conn *c;

	while ((c = rings_take(&l->rings->waiting)))
		syngate_abort(c);
	syngate_flush(l);
}

void rings_forget(struct syngate_conn *c)
{
	struct rings *g = c->l->rings;
	struct rings_list *list = &g->news;

	if (c->news) {
		struct syngate_conn **at = &list->first;

		while (*at != c)
			at = &(*at)->next;
		*at = c->next;
		if (list->last == &c->next)
			list->last = at;
	}
	g->conn[c->slot] = NULL;
}
