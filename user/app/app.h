/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Who takes accepted connections. One struct app per worker, used by its thread alone;
 * an application is a table of functions, driven by the engine's events and, if it has a
 * descriptor, by epoll. None of them blocks, and none does unbounded work in one call.
 */
#ifndef APP_APP_H
#define APP_APP_H

#include <stdbool.h>

#include "app/kind.h"
#include "app/patience.h"
#include "app/slab.h"
#include "tcp/tcp.h"

struct app;
struct backend;
struct backends;
struct session;
struct library;
struct library_port;
struct library_own;

/* Where a listener's connections go. */
struct app_target {
	enum app_kind kind;
	struct backends *backends; /* APP_PROXY; its listener holds it */
	struct backend *place;	   /* APP_PROXY: taken, for the next one that is accepted */
	__u32 listener;
	struct session *session; /* APP_STDIO */
	struct library *library; /* APP_LIBRARY, APP_RING: whose listener it is, */
	struct library_port *port; /* and the worker's part of it, */
	struct library_own *own;   /* and a connection that it asked for; NULL: accepted */
};

struct app_conn;

struct app_queue {
	struct app_conn *first, **last;
};

#define APP_IDLE    (60 * SG_SEC) /* of an HTTP client between two segments */
#define APP_LINGER  (5 * SG_SEC)  /* for what still comes in after our last byte */
#define APP_PARTING (20 * SG_MS) /* for the rest of a program that may be dying */

/* How a connection's state begins. */
struct app_conn {
	const struct app_ops *ops;
	tcp_id id;
	struct patience *patience;
	struct app_conn *prev, *next;		 /* in that list */
	struct app_queue *queue;		 /* NULL: it is in none */
	struct app_conn *queue_next, **queue_at;
	sg_time since;				 /* when it last did something */
};

struct app_ops {
	const char *name;
	size_t size; /* of a connection's state; 0: this application never accepts */
	/* May one more be accepted? NULL: always. Who said no calls app_accept() or app_stall(). */
	bool (*room)(struct app *a, struct app_target *to);
	/* Its listener goes. NULL: it does not mind. */
	void (*unlisten)(struct app *a, struct app_target *to);
	/* A connection, accepted; state zeroed. What it has to say comes with the first event. */
	void (*open)(struct app *a, struct app_conn *c, struct app_target *to);
	/* TCP_EV_*, or 0: go on, you had more to do. May end in app_end(). */
	void (*event)(struct app *a, struct app_conn *c, unsigned events);
	/* EPOLL* of its descriptor. NULL: it has none. */
	void (*ready)(struct app *a, struct app_conn *c, unsigned events);
	/* Its patience is over: end it or touch it. NULL: app_end(). */
	void (*expire)(struct app *a, struct app_conn *c);
	/* Let go of what is not the engine's. NULL: there is nothing. */
	void (*drop)(struct app *a, struct app_conn *c);
	/* app_backend(). NULL: there is none. */
	const struct backend *(*backend)(const struct app_conn *c, struct backends **holds);
};

extern const struct app_ops app_http, app_echo, app_discard, app_hold, app_proxy, app_stdio, app_library, app_ring;

struct app_listener {
	struct app_target to;
	bool stalled;		  /* app_stall() */
	struct app_queue waiting; /* app_wait() */
};

struct app {
	unsigned number; /* which worker's: set by whoever makes it */
	struct tcp_stack *stack;
	const struct sg_settings *settings;
	struct sg_tcp_counters *mib;
	sg_time now; /* of this round */
	int epoll;   /* descriptors are registered with their struct app_conn */
	unsigned descriptors;
	__u32 max_listeners;
	struct sg_queue *queues;       /* [max_listeners], shared */
	struct app_listener *listener; /* [max_listeners] */
	unsigned stalled;	       /* how many of them are */
	struct library_port *ports;
	struct slab slab[APP_KINDS];
	struct patiences patiences;
	__u64 run, serial; /* for unique IDs: random when it began; how many there were */
	struct app_queue again;
	__u32 conns;
};

const struct app_ops *app_ops_of(enum app_kind kind);

/* `epoll` is borrowed. -ENOMEM, or why there are no random numbers. */
int app_init(struct app *a, struct tcp_stack *s, const struct sg_settings *settings,
	     struct sg_tcp_counters *mib, struct sg_queue *queues, __u32 max_listeners, int epoll);
/* Every connection is reset. */
void app_free(struct app *a);

void app_listen(struct app *a, __u32 id, const struct app_target *to);
void app_unlisten(struct app *a, __u32 id);

/* Take what waits in its accept queue, as far as there is room(). */
void app_accept(struct app *a, __u32 listener);

/* A connection of the engine's, from now on an application's. */
void app_adopt(struct app *a, tcp_id id, struct app_target *to);

/* One share of what is to be done; true: there is more. */
bool app_run(struct app *a, sg_time now);

/* What epoll said about a connection's descriptor. */
void app_ready(struct app *a, struct app_conn *c, unsigned events, sg_time now);

/*
 * The server of the connection whose tcp_facts.user this is, and what holds it, to be dropped by
 * the caller; NULL: it has none.
 */
const struct backend *app_backend(__u64 user, struct backends **holds);

/* When app_run() has something to do. */
sg_time app_deadline(const struct app *a);

/* --- for the applications ------------------------------------------------------------- */

/* Let the connection go in good order, or with a RST; the state is gone. */
void app_end(struct app *a, struct app_conn *c);
void app_abort(struct app *a, struct app_conn *c);

/* Be called again soon: there is more to do. */
void app_again(struct app *a, struct app_conn *c);

/* There is no room: look again in each round. True: it was not so before. */
bool app_stall(struct app *a, __u32 listener);

/* Likewise, for a connection: it is called before anybody is accepted, until app_resumed(). */
void app_wait(struct app *a, struct app_conn *c, __u32 listener);
void app_resumed(struct app_conn *c);

/* It did something; it may be silent for `time` from now on (patience_move()). */
void app_touch(struct app *a, struct app_conn *c, sg_time time);

#endif
