/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Health checks of backends, by the main thread: a connection now and then, which is reset as soon
 * as it is there.
 */
#include <errno.h>
#include <sys/epoll.h>

#include "app/backend.h"
#include "daemon/state.h"

#define HEALTH_EVENTS 64

static void health_end(struct backend *b, int error, sg_time began, sg_time now)
{
	if (b->check >= 0)
		backend_close(b->check, 1);
	b->check = -1;
	b->check_at = began + b->of->check;
	backends_checked(b, error, now);
}

static void health_begin(struct daemon *d, struct backend *b, sg_time now)
{
	int fd = backend_connect(&b->at, d->health, b);

	if (fd < 0) {
		health_end(b, -fd, now, now);
		return;
	}
	b->check = fd;
	b->check_at = now + b->of->connect;
}

/* When it began is known by when it would be given up. */
static sg_time health_began(const struct backend *b)
{
	return b->check_at - b->of->connect;
}

static void health_backend(struct daemon *d, struct backend *b, sg_time now)
{
	if (now < b->check_at)
		return;
	if (b->check < 0)
		health_begin(d, b, now);
	else
		health_end(b, ETIMEDOUT, now, now);
}

void health_look(struct daemon *d, struct attachment *a, sg_time now)
{
	if (now < a->health_at)
		return;
	a->health_at = SG_NEVER;
	for (__u32 i = 0; i < a->front->max_listeners; i++) {
		struct backends *s = a->listening[i].used ? a->listening[i].backends : NULL;

		for (unsigned k = 0; s && s->check && k < s->n; k++) {
			struct backend *b = &s->backend[k];

			health_backend(d, b, now);
			a->health_at = b->check_at < a->health_at ? b->check_at : a->health_at;
		}
	}
}

void health_ready(struct daemon *d, sg_time now)
{
	struct epoll_event ev[HEALTH_EVENTS];
	int n = epoll_wait(d->health, ev, HEALTH_EVENTS, 0);

	for (int i = 0; i < n; i++) {
		struct backend *b = ev[i].data.ptr;
		int error = backend_error(b->check);

		if (error || ev[i].events & EPOLLOUT)
			health_end(b, error, health_began(b), now);
	}
	for (struct attachment *a = d->first; a; a = a->next)
		a->health_at = now; /* the next ones are due earlier than these would have been */
}

void health_forget(struct backends *s)
{
	for (unsigned i = 0; s && i < s->n; i++) {
		if (s->backend[i].check >= 0)
			backend_close(s->backend[i].check, 1);
		s->backend[i].check = -1;
	}
}
