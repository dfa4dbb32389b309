/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The servers behind one listener: who is asked next, and how they do. One object for all workers
 * and the main thread; each changes it by atomic operations, and whoever has it holds it.
 */
#ifndef APP_BACKENDS_H
#define APP_BACKENDS_H

#include "app/proxy_config.h"
#include "syngate/abi.h"
#include "tcp/tcp.h"

#define BACKENDS_FALL 3 /* attempts in a row that fail: it is down */

struct backend {
	struct endpoint at;
	struct backends *of;
	unsigned number;
	/* the daemon's main thread's own: health.c */
	int check;	  /* a socket; -1: none is under way */
	sg_time check_at; /* when the next one begins, or this one is given up */
	/* changed by all threads */
	__u32 active __attribute__((aligned(64))); /* places taken: connections, and attempts */
	__u32 error;	/* why the last attempt failed, an errno; 0: none did */
	__u32 failures; /* attempts and checks in a row */
	__u32 down;
	sg_time since;		 /* when it went down, or up */
	__u64 connected, failed; /* attempts; checks do not count */
};

struct backends {
	enum proxy_version version;
	sg_time connect, idle; /* how long; `idle` SG_NEVER: for ever */
	sg_time check;	       /* between two health checks; 0: none, and nobody is ever down */
	__u32 limit;	       /* places at each; UINT32_MAX: any number */
	unsigned n;
	int wake[SG_MAX_QUEUES]; /* each worker's eventfd */
	/* changed by all threads */
	__u32 users __attribute__((aligned(64)));
	__u32 turn;    /* where to begin among those that are alike */
	__u64 waiting; /* workers that met a full house, and want to be woken */
	struct backend backend[];
};

/* NULL: no memory. All are up. */
struct backends *backends_new(const struct proxy_config *cfg, sg_time now);
struct backends *backends_hold(struct backends *s);
/* The last one frees it. NULL is fine. */
void backends_drop(struct backends *s);

/* Before a worker asks for places: how it is woken. */
void backends_join(struct backends *s, unsigned worker, int eventfd);

/* Is there one that is not in `tried` (bits, by number)? */
bool backends_left(const struct backends *s, __u32 tried);

/*
 * A place at the server with the fewest connections, in turns among equals, without those in
 * `tried`, and without those that are down unless all others are. NULL: they are all at their
 * limit; the worker is woken when that may have changed.
 */
struct backend *backends_take(struct backends *s, unsigned worker, __u32 tried);
void backends_give(struct backends *s, struct backend *b);

/* How a connection's attempt ended; `error` is a positive errno. */
void backends_connected(struct backend *b, sg_time now);
void backends_failed(struct backend *b, int error, sg_time now);
/* How a health check ended; 0: well. */
void backends_checked(struct backend *b, int error, sg_time now);

#endif
