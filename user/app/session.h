/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A connection of our own, joined to two descriptors (stdio.c): what whoever opens it asks for,
 * and how it ended. The worker's alone until `over` can be read.
 */
#ifndef APP_SESSION_H
#define APP_SESSION_H

#include "io/nonblock.h"
#include "tcp/tcp.h"

enum session_end {
	SESSION_RUNS,
	SESSION_DONE,	    /* both sides have closed, everything was carried over */
	SESSION_IDLE,	    /* nothing moved for `wait`; nothing was lost by that */
	SESSION_UNANSWERED, /* not connected within `wait` */
	SESSION_STUCK,	    /* the peer acknowledged nothing for `wait` */
	SESSION_LOST,	    /* refused, reset or timed out: `error` */
	SESSION_INPUT,	    /* cannot be read: `error` */
	SESSION_OUTPUT,	    /* cannot be written: `error` */
	SESSION_CUT,	    /* taken down with its worker */
};

struct session {
	struct nonblock in, out;
	bool keep_open; /* no FIN at the end of `in`, but behind the peer's */
	sg_time wait;	/* 0: for ever */
	int over;	/* eventfd */

	enum session_end end;
	int error; /* a positive errno */
	bool connected;
	__u64 sent, received;  /* bytes read from `in`, written to `out` */
	struct tcp_facts last; /* of the connection, shortly before its end */
};

/* The session on descriptors `in` and `out`. 0 or a negative errno with `which` of them. */
int session_init(struct session *s, int in, int out, int *which);
void session_free(struct session *s);

#endif
