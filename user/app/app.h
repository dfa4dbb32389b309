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
#include "app/slab.h"
#include "tcp/tcp.h"

struct app;
struct session;
struct library;
struct library_port;

/* Where a listener's connections go. */
struct app_target {
	enum app_kind kind;
	struct sg_addr backend; /* APP_PROXY */
	__u16 backend_port;
	struct session *session; /* APP_STDIO */
	struct library *library; /* APP_LIBRARY: whose listener it is, */
	struct library_port *port; /* and the worker's part of it */
};

/* How long a silent connection is put up with. */
enum app_patience { APP_FOREVER, APP_IDLE, APP_LINGER, APP_PARTING, APP_OWN, APP_PATIENCES };

#define APP_IDLE_TIME	(60 * SG_SEC) /* of an HTTP client between two segments */
#define APP_LINGER_TIME (5 * SG_SEC)  /* for what still comes in after our last byte */
#define APP_PARTING_TIME (3 * SG_MS)  /* for the rest of a program that may be dying */

/* How a connection's state begins. */
struct app_conn {
	const struct app_ops *ops;
	tcp_id id;
	struct app_conn *prev, *next;		 /* in the list of its patience */
	struct app_conn *again_next, **again_at; /* at NULL: not in the list */
	sg_time since;				 /* when it last did something */
	__u8 patience;
};

struct app_ops {
	const char *name;
	size_t size; /* of a connection's state; 0: this application never accepts */
	/* May one more be accepted? NULL: always. Who said no calls app_accept() in time. */
	bool (*room)(const struct app_target *to);
	/* A connection, accepted; state zeroed. What it has to say comes with the first event. */
	void (*open)(struct app *a, struct app_conn *c, const struct app_target *to);
	/* TCP_EV_*, or 0: go on, you had more to do. May end in app_end(). */
	void (*event)(struct app *a, struct app_conn *c, unsigned events);
	/* EPOLL* of its descriptor. NULL: it has none. */
	void (*ready)(struct app *a, struct app_conn *c, unsigned events);
	/* Its patience is over: end it or touch it. NULL: app_end(). */
	void (*expire)(struct app *a, struct app_conn *c);
	/* Let go of what is not the engine's. NULL: there is nothing. */
	void (*drop)(struct app *a, struct app_conn *c);
};

extern const struct app_ops app_http, app_echo, app_discard, app_hold, app_proxy, app_stdio, app_library;

struct app_list {
	struct app_conn *first, *last;
};

struct app {
	struct tcp_stack *stack;
	const struct sg_settings *settings;
	struct sg_tcp_counters *mib;
	sg_time now; /* of this round */
	int epoll;   /* descriptors are registered with their struct app_conn */
	unsigned descriptors;
	__u32 max_listeners;
	struct sg_queue *queues;   /* [max_listeners], shared */
	struct app_target *target; /* [max_listeners] */
	struct library_port *ports;
	struct slab slab[APP_KINDS];
	struct app_list list[APP_PATIENCES];
	sg_time own_time; /* of APP_OWN: as its application says */
	struct app_conn *again, **again_last;
	__u32 conns;
};

const struct app_ops *app_ops_of(enum app_kind kind);

/* `epoll` is borrowed. -ENOMEM. */
int app_init(struct app *a, struct tcp_stack *s, const struct sg_settings *settings,
	     struct sg_tcp_counters *mib, struct sg_queue *queues, __u32 max_listeners, int epoll);
/* Every connection is reset. */
void app_free(struct app *a);

void app_listen(struct app *a, __u32 id, const struct app_target *to);

/* Take what waits in its accept queue, as far as there is room(). */
void app_accept(struct app *a, __u32 listener);

/* A connection of the engine's, from now on an application's. */
void app_adopt(struct app *a, tcp_id id, const struct app_target *to);

/* One share of what is to be done; true: there is more. */
bool app_run(struct app *a, sg_time now);

/* What epoll said about a connection's descriptor. */
void app_ready(struct app *a, struct app_conn *c, unsigned events, sg_time now);

/* When app_run() has something to do. */
sg_time app_deadline(const struct app *a);

/* --- for the applications ------------------------------------------------------------- */

/* Let the connection go in good order, or with a RST; the state is gone. */
void app_end(struct app *a, struct app_conn *c);
void app_abort(struct app *a, struct app_conn *c);

/* Be called again soon: there is more to do. */
void app_again(struct app *a, struct app_conn *c);

/* It did something; be patient with it from now on. */
void app_touch(struct app *a, struct app_conn *c, enum app_patience p);

#endif
