/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Listen and unlisten. A listener is ready in every worker before the driver answers the
 * first SYN for it, and is taken out the other way round.
 */
#include <errno.h>

#include "app/endpoint.h"
#include "app/library.h"
#include "daemon/state.h"
#include "daemon/watch.h"
#include "io/clock.h"
#include "io/log.h"

#define LISTENING_MAX 0x7fffffffL

struct listening *listening_find(const struct attachment *a, const struct sg_listener_key *k)
{
	for (__u32 i = 0; i < a->front->max_listeners; i++) {
		struct listening *l = &a->listening[i];

		if (l->used && sg_addr_eq(&l->args.key.addr, &k->addr) &&
		    l->args.key.port == k->port)
			return l;
	}
	return NULL;
}

/* --- limits ---------------------------------------------------------------------------------- */

/*
 * Linux: min(asked, somaxconn). The SYN queue's own limit is not capped, and stands for
 * tcp_max_syn_backlog: without cookies, strangers get no more than three quarters of it.
 */
static void listening_limit(const struct attachment *a, const struct listen_args *args,
			    struct sg_queue *q)
{
	const struct sg_settings *set = a->front->settings;
	__u32 cap = set->somaxconn, most = set->tcp_max_syn_backlog;
	__u32 backlog = args->backlog < 0 || args->backlog > cap ? cap : (__u32)args->backlog;
	__u32 syn = backlog;

	if (args->syn_backlog >= 0)
		syn = most = (__u32)args->syn_backlog;
	SG_WRITE_ONCE(q->backlog, backlog);
	SG_WRITE_ONCE(q->syn_backlog, syn);
	SG_WRITE_ONCE(q->strangers, set->tcp_syncookies ? UINT32_MAX : most - most / 4);
}

void listening_limits(struct attachment *a)
{
	for (__u32 i = 0; i < a->front->max_listeners; i++)
		if (a->listening[i].used)
			listening_limit(a, &a->listening[i].args, &a->front->queue[i]);
}

/* --- the number --------------------------------------------------------------------------------
 */

static bool listening_is_same(const struct sg_queue *q, const struct sg_listener_key *k)
{
	return q->in_use && q->port == k->port && sg_addr_eq(&q->addr, &k->addr);
}

/*
 * The one that a dead daemon had for this address, whose half-open entries it thereby
 * keeps; else a free one; else one that nobody listens on any more.
 */
static int listening_pick(struct attachment *a, const struct sg_listener_key *k, struct err *err)
{
	struct front *f = a->front;

	for (__u32 i = 0; i < f->max_listeners; i++)
		if (!a->listening[i].used && listening_is_same(&f->queue[i], k))
			return (int)i;
	for (__u32 i = 0; i < f->max_listeners; i++)
		if (!a->listening[i].used && !f->queue[i].in_use &&
		    !SG_READ_ONCE(f->queue[i].halfopen) && !SG_READ_ONCE(f->queue[i].acceptq))
			return (int)i;
	for (__u32 i = 0; i < f->max_listeners; i++)
		if (!a->listening[i].used && !front_forget(f, i, err))
			return (int)i;
	return err_set(err, -ENOSPC, EXIT_USAGE,
		       "%s has %u listeners, which is all it was attached for: unlisten one, or "
		       "detach it and attach it with more --max-listeners",
		       f->ifname, f->max_listeners);
}

/* Both lengths are left alone: entries of an earlier listener may still be leaving. */
static void listening_queue(struct attachment *a, __u32 id, const struct listen_args *args)
{
	struct sg_queue *q = &a->front->queue[id];

	if (!listening_is_same(q, &args->key))
		q->ListenOverflows = q->ListenDrops = q->TCPReqQFullDrop = q->PassiveOpens =
			q->SyncookiesSent = q->SyncookiesRecv = q->SyncookiesFailed = 0;
	q->addr = args->key.addr;
	q->port = args->key.port;
	listening_limit(a, args, q);
	q->in_use = 1;
}

/* --- workers ------------------------------------------------------------------------------------
 */

struct listening_call {
	__u32 id;
	struct sg_listener offer;
	struct app_target to;
	int rc;
};

static void listening_open(struct worker *w, void *arg)
{
	struct listening_call *c = arg;
	struct app_target to = c->to;

	if (to.library)
		to.port = library_port(&w->app, to.library, c->id);
	c->rc = to.library && !to.port ? -ENOMEM : worker_listen(w, c->id, &c->offer, &to);
}

static void listening_close(struct worker *w, void *arg)
{
	struct listening_call *c = arg;

	worker_unlisten(w, c->id);
	if (c->to.library)
		library_close(&w->app, c->to.library, false);
}

static int listening_open_all(struct attachment *a, struct listening_call *c)
{
	for (__u32 i = 0; i < a->workers; i++) {
		int rc = worker_call(a->worker[i], listening_open, c);

		if (rc || c->rc)
			return rc ? rc : c->rc;
	}
	return 0;
}

static void listening_close_all(struct attachment *a, __u32 id, struct library *library)
{
	struct listening_call c = {.id = id, .to.library = library};
	struct err err;

	for (__u32 i = 0; i < a->workers; i++)
		worker_call(a->worker[i], listening_close, &c);
	if (front_forget(a->front, id, &err)) /* what the driver let in meanwhile */
		log_warn("%s", err.msg);
	a->front->queue[id].in_use = 0;
}

/* --- the contract -------------------------------------------------------------------------------
 */

static int listening_check(const struct attachment *a, const struct listen_args *args,
			   struct err *err)
{
	static const struct sg_addr any4 = {{[10] = 0xff, [11] = 0xff}};
	char text[ENDPOINT_TEXT];

	endpoint_print(text, &args->key.addr, args->key.port);
	if (args->key.port == 0)
		return err_set(err, -EINVAL, EXIT_USAGE, "%s: a port is 1 to 65535", text);
	if (sg_addr_eq(&args->key.addr, &any4))
		return err_set(err, -EINVAL, EXIT_USAGE,
			       "0.0.0.0 is not an address to listen on: *:%u means every local "
			       "one, IPv4 and IPv6",
			       args->key.port);
	if (args->backlog > LISTENING_MAX || args->syn_backlog > LISTENING_MAX)
		return err_set(err, -EINVAL, EXIT_USAGE, "a backlog is 0 to %ld", LISTENING_MAX);
	if (args->app == APP_PROXY && !args->proxy.backends)
		return err_set(err, -EINVAL, EXIT_USAGE, "%s: there is no backend", text);
	if (listening_find(a, &args->key))
		return err_set(err, -EADDRINUSE, EXIT_USAGE,
			       "%s is already listened on at %s: syngate unlisten %s %s", text,
			       a->front->ifname, a->front->ifname, text);
	return 0;
}

static int listening_start(struct attachment *a, __u32 id, const struct listening *l,
			   struct err *err)
{
	const struct listen_args *args = &l->args;
	struct listening_call c = {
		.id = id,
		.offer = l->offer,
		.to = {.kind = args->app, .backends = l->backends, .library = args->library},
	};
	struct sg_listener_key key = args->key;
	int rc;

	key.zero = 0;
	listening_queue(a, id, args);
	rc = listening_open_all(a, &c);
	if (rc)
		err_set(err, rc, EXIT_KERNEL, "worker refused the listener: %s", strerror(-rc));
	else
		rc = front_set_listener(a->front, &key, &c.offer, err);
	if (rc)
		listening_close_all(a, id, args->library);
	return rc;
}

int daemon_listen(struct daemon *d, const char *iface, const struct listen_args *args,
		  struct err *err)
{
	struct attachment *a = attachment_need(d, iface, err);
	struct listening l = {.used = true, .args = *args, .held = -1};
	int rc, id;

	if (!a)
		return -ENODEV;
	rc = listening_check(a, args, err);
	if (rc)
		return rc;
	id = listening_pick(a, &args->key, err);
	if (id < 0)
		return id;
	offer_make(a, (__u32)id, &l.offer);
	if (args->app == APP_PROXY && !(l.backends = backends_new(&args->proxy, clock_now())))
		return err_set(err, -ENOMEM, EXIT_KERNEL, "no memory");
	rc = listening_start(a, (__u32)id, &l, err);
	if (rc) {
		backends_drop(l.backends);
		return rc;
	}
	a->listening[id] = l;
	watch_listen(a, (__u32)id, clock_now());
	a->kernel_at = a->kernel_all_at = a->health_at = 0; /* at once */
	return 0;
}

int daemon_unlisten(struct daemon *d, const char *iface, const struct sg_listener_key *k,
		    struct err *err)
{
	struct attachment *a = attachment_need(d, iface, err);
	struct sg_listener_key key = *k;
	char text[ENDPOINT_TEXT];
	struct listening *l;
	int rc;

	if (!a)
		return -ENODEV;
	key.zero = 0;
	l = listening_find(a, &key);
	if (!l)
		return err_set(err, -ENOENT, EXIT_USAGE,
			       "nobody listens on %s at %s: see syngate show listeners",
			       endpoint_print(text, &k->addr, k->port), iface);
	rc = front_del_listener(a->front, &key, err);
	if (rc)
		return rc;
	listening_close_all(a, (__u32)(l - a->listening), l->args.library);
	kernel_let_go(l);
	health_forget(l->backends);
	backends_drop(l->backends);
	l->used = false;
	return 0;
}
