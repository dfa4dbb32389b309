/* SPDX-License-Identifier: BSD-2-Clause */
/* Attach and detach: the driver's program, an AF_XDP socket and a worker per RX queue. */
#include <errno.h>
#include <stdlib.h>

#include "daemon/forward.h"
#include "daemon/programs.h"
#include "daemon/rxqueues.h"
#include "daemon/state.h"
#include "daemon/watch.h"
#include "io/clock.h"
#include "io/locals.h"
#include "io/log.h"

struct attachment *attachment_find(const struct daemon *d, const char *iface)
{
	for (struct attachment *a = d->first; a; a = a->next)
		if (strcmp(a->front->ifname, iface) == 0)
			return a;
	return NULL;
}

struct attachment *attachment_need(const struct daemon *d, const char *iface, struct err *err)
{
	struct attachment *a = attachment_find(d, iface);

	if (!a)
		err_set(err, -ENODEV, EXIT_USAGE,
			"not attached to %s: attach first (syngate attach %s)", iface, iface);
	return a;
}

/* So long whoever attaches has time to ask for what a dead daemon was asked for. */
#define ATTACHMENT_FORGET (5 * SG_SEC)

void attachment_forget(struct attachment *a)
{
	struct err err;

	a->forget_at = SG_NEVER;
	for (__u32 i = 0; i < a->front->max_listeners; i++)
		if (!a->listening[i].used && a->front->queue[i].in_use &&
		    front_forget(a->front, i, &err))
			log_warn("%s", err.msg);
	if (a->front->took_over)
		front_unlist_old(a->front);
}

void attachment_forget_late(struct attachment *a)
{
	if (clock_now() >= a->forget_at)
		attachment_forget(a);
}

/* Let go of all of it; what was attached stays so unless it was detached before. */
static void attachment_free(struct attachment *a)
{
	for (__u32 i = 0; i < a->workers; i++)
		worker_stop(a->worker[i]); /* none may pass a frame to one that is freed */
	for (__u32 i = 0; i < a->workers; i++)
		worker_free(a->worker[i]);
	forward_free(a->forward);
	if (a->locals)
		locals_close(a->locals);
	for (__u32 i = 0; a->listening && i < a->front->max_listeners; i++)
		if (a->listening[i].used) {
			kernel_let_go(&a->listening[i]);
			health_forget(a->listening[i].backends);
			backends_drop(a->listening[i].backends);
		}
	front_close(a->front);
	free(a->worker);
	free(a->listening);
	free(a);
}

static int attachment_worker(struct attachment *a, __u32 queue, bool copy, struct err *err)
{
	struct front *f = a->front;
	int rc = worker_new(&a->worker[queue], f, queue, a->forward, err);

	if (rc)
		return rc;
	a->workers = queue + 1;
	rc = xsk_open(&a->worker[queue]->xsk, f->ifname, queue, copy, err);
	if (!rc)
		rc = front_set_xsk(f, queue, a->worker[queue]->xsk->fd, err);
	if (!rc)
		a->zero_copy = a->worker[queue]->xsk->zero_copy;
	return rc;
}

/* All of them before the first runs: each may pass frames to any other. */
static int attachment_workers(struct attachment *a, const struct front_config *cfg, struct err *err)
{
	__u32 n = a->front->queues;
	int rc = forward_new(&a->forward, n);

	a->worker = calloc(n, sizeof(struct worker *));
	if (rc || !a->worker)
		return err_set(err, -ENOMEM, EXIT_KERNEL, "no memory for %u workers", n);
	for (__u32 i = 0; !rc && i < n; i++)
		rc = attachment_worker(a, i, cfg->mode == FRONT_SKB, err);
	for (__u32 i = 0; !rc && i < n; i++)
		rc = worker_start(a->worker[i], err);
	return rc;
}

static int attachment_locals(struct attachment *a, struct err *err)
{
	int rc = locals_open(&a->locals, a->front);

	return rc ? err_set(err, rc, EXIT_KERNEL, "cannot read the host's addresses: %s",
			    strerror(-rc))
		  : 0;
}

static int attachment_open(struct attachment *a, const struct front_config *cfg, struct err *err)
{
	int rc = front_open(&a->front, cfg, err);

	if (rc)
		return rc;
	a->listening = calloc(a->front->max_listeners, sizeof(*a->listening));
	if (!a->listening)
		return err_set(err, -ENOMEM, EXIT_KERNEL, "no memory for %u listeners",
			       a->front->max_listeners);
	summary_read(a, &a->before);
	rc = attachment_locals(a, err);
	return rc ? rc : attachment_workers(a, cfg, err);
}

/* What must be as it was when it did not come off. */
static void attachment_undo(struct attachment *a)
{
	struct err ignored;

	if (a->front && !a->front->took_over)
		front_detach(a->front, &ignored);
	attachment_free(a);
}

static void attachment_notice(const struct attachment *a, const struct front_config *cfg)
{
	if (cfg->mode == FRONT_AUTO && a->front->mode == FRONT_SKB)
		log_warn("%s: its driver takes no XDP program (%s): in generic mode, slower",
			 a->front->ifname, strerror(abs(a->front->native_errno)));
}

/* Once more: fine, unless it is to be something else. */
static int attachment_again(const struct front *f, const struct front_config *cfg, struct err *err)
{
	if (front_is(f, cfg))
		return 0;
	return err_set(err, -EEXIST, EXIT_USAGE,
		       "%s is attached already, otherwise: --mode %s --halfopen-entries %u "
		       "--flow-entries %u --max-listeners %u; first take it off: syngate detach %s",
		       f->ifname, f->mode == FRONT_SKB ? "skb" : "native",
		       front_room(f->halfopen.buckets), front_room(f->flows.buckets),
		       f->max_listeners, f->ifname);
}

int daemon_attach(struct daemon *d, const struct front_config *cfg, struct err *err)
{
	struct front_config with = *cfg;
	struct attachment *a = attachment_find(d, cfg->ifname);
	struct sg_settings knobs;
	int rc;

	if (a)
		return attachment_again(a->front, cfg, err);
	rc = rxqueues_count(cfg->ifname);
	with.queues = rc > 0 ? (__u32)rc : 1; /* front_open() knows why, if there is none */
	a = calloc(1, sizeof(*a));
	if (!a)
		return err_set(err, -ENOMEM, EXIT_KERNEL, "no memory");
	settings_fill(d, &knobs);
	with.knobs = &knobs;
	a->since = clock_now();
	a->forget_at = SG_NEVER;
	rc = attachment_open(a, &with, err);
	if (!rc)
		rc = front_attach(a->front, err);
	if (rc) {
		attachment_undo(a);
		return rc;
	}
	attachment_notice(a, cfg);
	cookies_attach(d, a, clock_now());
	watch_attach(a, clock_now());
	if (a->front->took_over)
		a->forget_at = clock_now() + ATTACHMENT_FORGET;
	a->next = d->first;
	d->first = a;
	programs_attached(d->programs, d, a->front->ifname);
	return 0;
}

/* The driver goes first, so that nobody is answered whom nobody will serve. */
int daemon_detach(struct daemon *d, const char *iface, struct err *err)
{
	struct attachment **p = &d->first, *a;
	struct daemon_summary now;
	int rc;

	while (*p && strcmp((*p)->front->ifname, iface) != 0)
		p = &(*p)->next;
	a = *p;
	if (!a)
		return 0;
	for (__u32 i = 0; i < a->workers; i++)
		worker_stop(a->worker[i]);
	summary_read(a, &now);
	rc = front_detach(a->front, err);
	summary_add(&d->gone, &now, &a->before);
	*p = a->next;
	attachment_free(a);
	return rc;
}
