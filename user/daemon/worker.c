/* SPDX-License-Identifier: BSD-2-Clause */
#include "daemon/worker.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <unistd.h>

#include "app/backends.h"
#include "daemon/forward.h"
#include "daemon/round.h"
#include "io/clock.h"

/* --- the thread ------------------------------------------------------------------------------- */

static void *worker_main(void *arg)
{
	struct worker *w = arg;
	bool polled = true; /* epoll was asked since the last busy round */

	w->front->worker[w->queue].tid = (__u32)gettid();
	w->front->worker[w->queue].rx_queue = w->queue;
	while (!w->stop) {
		bool busy = round_once(w);

		if (!busy)
			round_sleep(w);
		else if (!polled && w->app.descriptors)
			round_events(w, 0);
		polled = !busy || !polled; /* mostly sleep follows, and asks */
	}
	round_farewell(w);
	SG_WRITE_ONCE(w->front->worker[w->queue].heartbeat, 0);
	SG_WRITE_ONCE(w->front->worker[w->queue].tid, 0);
	mailbox_close(&w->mailbox);
	return NULL;
}

struct worker_closure {
	void (*fn)(struct worker *w, void *arg);
	void *arg;
};

static void worker_closure_run(void *worker, void *arg)
{
	struct worker_closure *c = arg;

	c->fn(worker, c->arg);
}

int worker_call(struct worker *w, void (*fn)(struct worker *w, void *arg), void *arg)
{
	struct worker_closure c = {fn, arg};

	return mailbox_call(&w->mailbox, worker_closure_run, &c);
}

int worker_try(struct worker *w, void (*fn)(struct worker *w, void *arg), void *arg, unsigned ms)
{
	struct worker_closure c = {fn, arg};

	return mailbox_try(&w->mailbox, worker_closure_run, &c, ms);
}

int worker_listen(struct worker *w, __u32 id, const struct sg_listener *l,
		  const struct app_target *to)
{
	int rc = tcp_listen(w->stack, id, l);

	if (rc)
		return rc;
	w->listener[id] = *l;
	app_listen(&w->app, id, to);
	if (to->backends)
		backends_join(to->backends, w->queue, w->mailbox.event);
	return 0;
}

int worker_offer(struct worker *w, __u32 id, const struct sg_listener *l)
{
	int rc = tcp_listen_offer(w->stack, id, l);

	if (!rc)
		w->listener[id] = *l;
	return rc;
}

void worker_unlisten(struct worker *w, __u32 id)
{
	tcp_unlisten(w->stack, id, w->now);
	app_unlisten(&w->app, id);
}

/* --- life ---------------------------------------------------------------------------------------
 */

/* Buffers may take half of the machine's memory, shared among the workers. */
static __u32 worker_chunks(__u32 workers)
{
	__u64 bytes = (__u64)sysconf(_SC_PHYS_PAGES) * (__u64)sysconf(_SC_PAGESIZE) / 2;
	__u64 n = bytes / workers / TCP_CHUNK;

	return n < 4096 ? 4096 : n > 4194304 ? 4194304 : (__u32)n;
}

static int worker_stack(struct worker *w)
{
	struct front *f = w->front;
	__u32 flows = f->flows.buckets * SG_BUCKET_ENTRIES;
	const struct tcp_config cfg = {
		.worker = (__u16)w->queue,
		.max_conns = flows,
		.max_timewait = flows,
		.max_chunks = worker_chunks(w->workers),
		.key = f->keys.tuple,
		.settings = f->settings,
		.halfopen = f->halfopen,
		.proven = f->proven,
		.flows = f->flows,
		.queues = f->queue,
		.max_listeners = f->max_listeners,
		.cookies = &f->keys.cookie,
		.timewaits = &f->timewaits,
		.mib = w->mib,
	};

	w->pool_size = tcp_pool_size(&cfg);
	w->pool = mmap(NULL, w->pool_size, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (w->pool == MAP_FAILED)
		return -ENOMEM;
	madvise(w->pool, w->pool_size, MADV_HUGEPAGE); /* a kernel without them: slower, no more */
	return tcp_init(w->pool, w->pool_size, &cfg, clock_now(), &w->stack);
}

static int worker_watch(struct worker *w, int fd, void *ptr)
{
	struct epoll_event ev = {.events = EPOLLIN, .data.ptr = ptr};

	return epoll_ctl(w->epoll, EPOLL_CTL_ADD, fd, &ev) ? -errno : 0;
}

static int worker_setup(struct worker *w)
{
	int rc = mailbox_init(&w->mailbox);

	w->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (rc || w->epoll < 0)
		return rc ? rc : -errno;
	w->listener = calloc(w->front->max_listeners, sizeof(*w->listener));
	if (!w->listener)
		return -ENOMEM;
	rc = worker_stack(w);
	if (!rc)
		rc = app_init(&w->app, w->stack, w->front->settings, w->mib, w->front->queue,
			      w->front->max_listeners, w->epoll);
	w->app.number = w->queue;
	if (!rc)
		rc = worker_watch(w, w->mailbox.event, &w->mailbox);
	return rc;
}

int worker_new(struct worker **out, struct front *front, __u32 queue, struct forward *forward,
	       struct err *err)
{
	struct worker *w = aligned_alloc(64, (sizeof(*w) + 63) & ~(size_t)63);
	int rc;

	if (!w)
		return err_set(err, -ENOMEM, EXIT_KERNEL, "no memory for a worker: free some");
	memset(w, 0, sizeof(*w));
	w->queue = queue;
	w->workers = front->queues;
	w->front = front;
	w->forward = forward;
	w->mib = &front->tcp_counters[queue];
	w->out.send = w->seg;
	w->epoll = w->mailbox.event = -1;
	w->pool = MAP_FAILED;
	snprintf(w->ifname, sizeof(w->ifname), "%s", front->ifname);
	rc = worker_setup(w);
	if (rc) {
		worker_free(w);
		return err_set(err, rc, EXIT_KERNEL,
			       "cannot set up worker %u: %s; ask for fewer flows "
			       "(--flow-entries) or free memory",
			       queue, strerror(-rc));
	}
	forward_join(forward, w);
	*out = w;
	return 0;
}

/* Names have 15 bytes: the interface's gives way to the queue's number. */
static void worker_name(const struct worker *w)
{
	char name[16], num[12];
	int n = snprintf(num, sizeof(num), "-%u", w->queue);

	snprintf(name, sizeof(name), "sg/%.*s%s", 12 - n, w->ifname, num);
	pthread_setname_np(w->thread, name);
}

static void worker_nothing(struct worker *w, void *arg)
{
	(void)w;
	(void)arg;
}

int worker_start(struct worker *w, struct err *err)
{
	int rc;

	w->apply = (struct apply){.xsk = w->xsk, .mac = w->front->settings->mac, .mib = w->mib};
	rc = worker_watch(w, w->xsk->fd, w->xsk);
	if (!rc)
		rc = -pthread_create(&w->thread, NULL, worker_main, w);
	if (rc)
		return err_set(err, rc, EXIT_KERNEL, "cannot start worker %u: %s", w->queue,
			       strerror(-rc));
	w->running = true;
	worker_name(w);
	return worker_call(w, worker_nothing, NULL);
}

static void worker_do_stop(struct worker *w, void *arg)
{
	(void)arg;
	w->stop = true;
}

void worker_stop(struct worker *w)
{
	if (!w->running)
		return;
	worker_call(w, worker_do_stop, NULL);
	pthread_join(w->thread, NULL);
	w->running = false;
}

void worker_free(struct worker *w)
{
	if (!w)
		return;
	worker_stop(w);
	if (w->app.listener)
		app_free(&w->app); /* it never ran */
	xsk_close(w->xsk);
	if (w->pool != MAP_FAILED)
		munmap(w->pool, w->pool_size);
	free(w->listener);
	if (w->epoll >= 0)
		close(w->epoll);
	mailbox_free(&w->mailbox);
	free(w);
}
