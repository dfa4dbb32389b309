/* SPDX-License-Identifier: BSD-2-Clause */
#include "daemon/worker.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <unistd.h>

#include "daemon/forward.h"
#include "daemon/receive.h"
#include "io/clock.h"
#include "io/log.h"
#include "syngate/synq.h"

#define WORKER_BEAT_MAX  (50 * SG_MS)
#define WORKER_SWEEP     (16 * SG_MS) /* how often the half-open table is looked through */
#define WORKER_SWEEP_MAX 4096u        /* buckets in one round */
#define WORKER_TX_RETRY  (SG_MS / 5)  /* until a device that is full is asked again */
#define WORKER_TX_TURNS  8            /* batches in one round, so that ACKs get their turn */
#define WORKER_EVENTS    64
#define WORKER_FAREWELL  (100 * SG_MS) /* for what is still to be sent at the end */

/* --- one round ------------------------------------------------------------------------------ */

static void worker_beat(struct worker *w)
{
	sg_time period = (sg_time)w->front->settings->heartbeat_ms * SG_MS / 4;

	if (w->now < w->beat_at)
		return;
	SG_WRITE_ONCE(w->front->worker[w->queue].heartbeat, clock_coarse_ms());
	w->beat_at = w->now + (period < WORKER_BEAT_MAX ? period : WORKER_BEAT_MAX);
}

static bool worker_receive(struct worker *w)
{
	struct xsk_frame f[XSK_RX_BATCH];
	unsigned room = xsk_tx_room(w->xsk) / ACTIONS_PER_INPUT;
	unsigned n = xsk_rx(w->xsk, f, room < XSK_RX_BATCH ? room : XSK_RX_BATCH);

	w->out.max = WORKER_BATCH;
	for (unsigned i = 0; i < n; i++)
		receive_frame(w, &f[i], false);
	xsk_rx_done(w->xsk);
	return n > 0;
}

static bool worker_halfopen_used(const struct worker *w)
{
	for (__u32 i = 0; i < w->front->max_listeners; i++)
		if (SG_READ_ONCE(w->front->queue[i].halfopen))
			return true;
	return false;
}

/* Our share of the half-open table: SYN-ACKs that are due, entries that have run out. */
static bool worker_sweep(struct worker *w)
{
	__u64 buckets = w->front->halfopen_buckets;
	__u32 left = WORKER_SWEEP_MAX, done;

	if (w->sweep_next == w->sweep_end && w->now >= w->sweep_at) {
		w->sweep_at = w->now + WORKER_SWEEP;
		w->sweeping = worker_halfopen_used(w);
		if (!w->sweeping)
			return false;
		w->sweep_next = (__u32)(buckets * w->queue / w->workers);
		w->sweep_end = (__u32)(buckets * (w->queue + 1) / w->workers);
	}
	while (w->sweep_next < w->sweep_end && left) {
		__u32 n = w->sweep_end - w->sweep_next;
		unsigned room = xsk_tx_room(w->xsk);

		if (room < WORKER_BATCH) /* a bucket alone may need eight */
			break;
		w->out.max = WORKER_BATCH;
		done = tcp_sweep_halfopen(w->stack, w->sweep_next, n < left ? n : left, w->now,
					  &w->out);
		apply_actions(&w->apply, &w->out);
		w->sweep_next += done;
		left -= done;
	}
	return w->sweep_next < w->sweep_end;
}

/* As much as there is to send and the device takes. True: there is more. */
static bool worker_transmit(struct worker *w)
{
	bool more = true;

	w->tx_stuck = !xsk_tx_kick(w->xsk); /* answers of this round */
	for (int i = 0; more && !w->tx_stuck && i < WORKER_TX_TURNS; i++) {
		unsigned room = xsk_tx_room(w->xsk);

		w->out.max = room < WORKER_BATCH ? room : WORKER_BATCH;
		if (w->out.max == 0) {
			w->tx_stuck = true;
			break;
		}
		tcp_output(w->stack, w->now, &w->out);
		more = w->out.n == w->out.max;
		apply_actions(&w->apply, &w->out);
		w->tx_stuck = !xsk_tx_kick(w->xsk);
	}
	return more && !w->tx_stuck;
}

/* Wait, at most `wait` ns, and take what epoll has. */
static bool worker_events(struct worker *w, sg_time wait)
{
	struct timespec ts = {(time_t)(wait / SG_SEC), (long)(wait % SG_SEC)};
	struct epoll_event ev[WORKER_EVENTS];
	int n = epoll_pwait2(w->epoll, ev, WORKER_EVENTS, &ts, NULL);

	if (n > 0)
		w->now = clock_now();
	for (int i = 0; i < n; i++) {
		if (ev[i].data.ptr == &w->mailbox)
			mailbox_awake(&w->mailbox);
		else if (ev[i].data.ptr != w->xsk)
			app_ready(&w->app, ev[i].data.ptr, ev[i].events, w->now);
	}
	return n > 0;
}

static sg_time worker_wait(const struct worker *w)
{
	sg_time now = clock_now(), at = w->beat_at;
	sg_time tcp = tcp_deadline(w->stack), app = app_deadline(&w->app);

	at = tcp < at ? tcp : at;
	at = app < at ? app : at;
	if (w->tx_stuck) /* what the engine has to send cannot go anyway */
		at = now + WORKER_TX_RETRY;
	else if (w->sweeping && w->sweep_at < at)
		at = w->sweep_at;
	return at > now ? at - now : 0;
}

static void worker_sleep(struct worker *w)
{
	sg_time wait = worker_wait(w);

	__atomic_store_n(&w->sleeping, true, __ATOMIC_RELAXED);
	__atomic_thread_fence(__ATOMIC_SEQ_CST); /* pairs with forward_wake() */
	if (forward_waiting(w))
		wait = 0;
	worker_events(w, wait);
	__atomic_store_n(&w->sleeping, false, __ATOMIC_RELAXED);
}

static bool worker_round(struct worker *w)
{
	bool busy;

	w->now = clock_now();
	worker_beat(w);
	busy = worker_receive(w);
	busy |= forward_receive(w, XSK_RX_BATCH) > 0;
	busy |= worker_sweep(w);
	tcp_expire(w->stack, w->now);
	busy |= app_run(&w->app, w->now);
	busy |= worker_transmit(w);
	busy |= mailbox_run(&w->mailbox, w);
	return busy;
}

/* --- the thread ------------------------------------------------------------------------------- */

/* Let go of everybody, and give the RSTs a moment to leave. */
static void worker_farewell(struct worker *w)
{
	sg_time until = clock_now() + WORKER_FAREWELL;

	w->now = clock_now();
	app_free(&w->app);
	for (__u32 i = 0; i < w->front->max_listeners; i++)
		tcp_unlisten(w->stack, i, w->now);
	while (w->now < until && (worker_transmit(w) || w->tx_stuck)) {
		if (w->tx_stuck)
			clock_pause(1);
		w->now = clock_now();
	}
}

static void *worker_main(void *arg)
{
	struct worker *w = arg;

	w->front->worker[w->queue].tid = (__u32)gettid();
	w->front->worker[w->queue].rx_queue = w->queue;
	while (!w->stop) {
		if (!worker_round(w))
			worker_sleep(w);
		else if (w->app.descriptors)
			worker_events(w, 0);
	}
	worker_farewell(w);
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

int worker_listen(struct worker *w, __u32 id, const struct sg_listener *l,
		  const struct app_target *to)
{
	int rc = tcp_listen(w->stack, id, l);

	if (rc)
		return rc;
	w->listener[id] = *l;
	app_listen(&w->app, id, to);
	return 0;
}

void worker_unlisten(struct worker *w, __u32 id)
{
	tcp_unlisten(w->stack, id, w->now);
}

/* --- life --------------------------------------------------------------------------------------- */

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
	__u32 flows = f->flows.buckets * SG_WAYS / 3 * 2; /* 1.5 slots a flow */
	const struct tcp_config cfg = {
		.worker = (__u16)w->queue,
		.max_conns = flows,
		.max_timewait = flows,
		.max_chunks = worker_chunks(w->workers),
		.key = f->keys.tuple,
		.settings = f->settings,
		.halfopen = f->halfopen,
		.halfopen_buckets = f->halfopen_buckets,
		.flows = f->flows,
		.queues = f->queue,
		.max_listeners = f->max_listeners,
		.mib = w->mib,
	};

	w->pool_size = tcp_pool_size(&cfg);
	w->pool = mmap(NULL, w->pool_size, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (w->pool == MAP_FAILED)
		return -ENOMEM;
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
		rc = app_init(&w->app, w->stack, w->front->settings, w->mib,
			      w->front->max_listeners, w->epoll);
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

	w->apply = (struct apply){
		.xsk = w->xsk, .mac = w->front->settings->mac, .mib = w->mib};
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
	if (w->app.target)
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
