/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One thread per RX queue: its AF_XDP socket, its engine, its applications. All that is
 * in here belongs to that thread; others ask through worker_call().
 */
#ifndef DAEMON_WORKER_H
#define DAEMON_WORKER_H

#include <pthread.h>
#include <stdbool.h>

#include "app/app.h"
#include "daemon/mailbox.h"
#include "daemon/receive.h"
#include "io/apply.h"
#include "io/bpf.h"
#include "io/xsk.h"
#include "tcp/tcp.h"

#define WORKER_BATCH 32 /* segments between two system calls that send them */

struct forward;

struct worker {
	/* read by others */
	bool sleeping __attribute__((aligned(64))); /* wake it when you gave it something */
	struct mailbox mailbox;
	__u32 queue;   /* the RX queue, and our number as an owner of flows */
	__u32 workers; /* how many there are */

	/* the thread's own */
	struct front *front __attribute__((aligned(64)));
	struct forward *forward;
	struct xsk *xsk;
	struct tcp_stack *stack;
	void *pool;
	size_t pool_size;
	struct sg_tcp_counters *mib;
	struct sg_listener *listener; /* [max_listeners], as the driver knows them */
	struct app app;
	struct apply apply;
	struct actions out;
	struct seg seg[WORKER_BATCH];
	struct receive receive;
	int epoll;
	bool stop;
	bool tx_stuck; /* the device would not take all that is queued */
	sg_time now;   /* when this round began */
	sg_time beat_at, sweep_at;
	bool sweeping;		     /* there were half-open entries when we last looked */
	__u32 sweep_next, sweep_end; /* buckets of the half-open table still to look at */
	__u32 sweep_pieces, sweep_stop; /* into how many that is parted; where this one ends */
	__u64 bytes_in;

	pthread_t thread;
	bool running;
	char ifname[IF_NAMESIZE];
};

/* A worker that does not run yet. `forward` is borrowed. */
int worker_new(struct worker **out, struct front *front, __u32 queue, struct forward *forward,
	       struct err *err);

/* Start its thread; returns when it goes round. */
int worker_start(struct worker *w, struct err *err);

/* Reset what it has, end the thread. */
void worker_stop(struct worker *w);
void worker_free(struct worker *w);

/* Have `fn` called in the worker's thread and wait for it. 0 or -ESHUTDOWN. */
int worker_call(struct worker *w, void (*fn)(struct worker *w, void *arg), void *arg);
/* The same, if it begins within `ms`; else -ETIMEDOUT. */
int worker_try(struct worker *w, void (*fn)(struct worker *w, void *arg), void *arg, unsigned ms);

/* In its thread: serve listener `id`, or no longer. */
int worker_listen(struct worker *w, __u32 id, const struct sg_listener *l,
		  const struct app_target *to);
/* The same listener offers something else. -EINVAL: it is not served. */
int worker_offer(struct worker *w, __u32 id, const struct sg_listener *l);
void worker_unlisten(struct worker *w, __u32 id);

#endif
