/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * In which mode is a listener, or an interface? The driver decides frame by frame; here it is
 * noticed, out of counters that somebody looks at every second or so. A mode begins with the look
 * that shows it, and ends when none has shown it for MODES_QUIET. Each switch is an event with its
 * evidence. Pure: counters and the time in, events out.
 */
#ifndef DAEMON_MODES_H
#define DAEMON_MODES_H

#include <stdbool.h>
#include <stddef.h>

#include "syngate/addr.h"
#include "tcp/tcp.h"

#define MODES_QUIET  (10 * SG_SEC)
#define MODES_LEVELS 3
#define MODES_TEXT   256

/* Of one track each, better ones first. */
enum modes_mode {
	MODES_QUEUE, /* a listener: every SYN has its place */
	MODES_COOKIES,
	MODES_FULL, /* SYNs or final ACKs are dropped */

	MODES_ANSWERING, /* an interface: nothing is over a budget */
	MODES_BUDGET,

	MODES_WORKERS, /* an interface: all of them answer */
	MODES_NO_WORKER,
};

/* As `status` and `show listeners` call it. */
const char *modes_name(enum modes_mode m);

/* One switch. What does not concern it is 0. */
struct modes_event {
	sg_time at;
	__u64 real_ms; /* the same by the wall clock; filled in by others, as are the next two */
	struct sg_addr addr; /* the listener's */
	__u16 port;	     /* 0: it is the interface's */
	enum modes_mode from, to;
	const char *reason; /* a constant */
	bool still;	    /* `to` is what it was before something worse */
	/* then */
	__u32 halfopen, syn_backlog, acceptq, backlog;
	__u32 workers, late;
	/* a second, between the last two looks; SYNs: to all listeners of the interface */
	__u64 syn_rate, cookie_rate, drop_rate, limited_rate, pass_rate;
	/* since it left its first mode */
	__u64 cookies, cookies_back, dropped, limited, passed;
	__u64 lasted_ms; /* until it was last seen not to be in that */
};

/* What it says, with the interface in front. Returns `text`. */
const char *modes_text(const struct modes_event *e, const char *ifname, char text[MODES_TEXT]);

/* --- what is looked at ----------------------------------------------------------------------- */

/* A listener at one moment: sg_queue's lengths, and its counters, which only grow. */
struct modes_queue {
	__u32 halfopen, syn_backlog, acceptq, backlog;
	__u64 cookies, cookies_back; /* SyncookiesSent, SyncookiesRecv */
	__u64 drops, overflows, reqq_full;
};

/* An interface at one moment. */
struct modes_iface {
	__u64 syns;
	__u64 synacks, rsts, acks; /* over their budgets */
	__u64 passed, no_socket;   /* for want of a worker */
	__u32 workers, late;
};

/* What else decides about a listener. */
struct modes_around {
	__u32 syncookies; /* the setting */
	bool dense;	  /* the half-open table: it may have had no slot */
	__u64 syn_rate;
};

/* --- what is kept ---------------------------------------------------------------------------- */

struct modes_track {
	enum modes_mode first;
	unsigned level;		       /* it is in mode first + level */
	sg_time until[MODES_LEVELS];   /* a level that was seen stays so long; 0: never seen */
	const char *why[MODES_LEVELS]; /* when it was last seen */
	sg_time began, last; /* since when it is not in its first mode, and was last seen so */
};

struct modes_listener {
	struct modes_track track;
	struct modes_queue seen; /* at the last look */
	struct modes_queue base; /* when it was last in its first mode */
	sg_time at;
};

struct modes_interface {
	struct modes_track budget, worker;
	struct modes_iface seen, budget_base, worker_base;
	sg_time at;
	__u64 syn_rate;
};

/* A new one, in its first mode; or, with tcp_syncookies = 2, in MODES_COOKIES. */
void modes_listener_begin(struct modes_listener *m, const struct modes_queue *q, __u32 syncookies,
			  sg_time now);
void modes_interface_begin(struct modes_interface *m, const struct modes_iface *i, sg_time now);

/* One more look. Returns how many events there are in `e`: at most one, or one a track. */
int modes_listener_look(struct modes_listener *m, const struct modes_queue *q,
			const struct modes_around *around, sg_time now, struct modes_event *e);
#define MODES_INTERFACE_EVENTS 2
int modes_interface_look(struct modes_interface *m, const struct modes_iface *i, sg_time now,
			 struct modes_event e[MODES_INTERFACE_EVENTS]);

static inline enum modes_mode modes_of(const struct modes_track *t)
{
	return (enum modes_mode)(t->first + t->level);
}

#endif
