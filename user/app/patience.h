/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How long silent connections are put up with. A list for each time that is in use, in the order
 * in which its connections last did something: the first is the next to be given up.
 */
#ifndef APP_PATIENCE_H
#define APP_PATIENCE_H

#include "tcp/tcp.h"

struct app_conn;

struct patience {
	struct patience *next; /* another time */
	sg_time time;
	struct app_conn *first, *last;
};

struct patiences {
	struct patience forever; /* SG_NEVER */
	struct patience *others;
};

void patience_init(struct patiences *p);
void patience_free(struct patiences *p);

/* A connection's first list is that of those who may be silent for ever. */
void patience_add(struct patiences *p, struct app_conn *c, sg_time now);
void patience_remove(struct app_conn *c);

/* It did something: `time` from now on. Without memory for a list it stays in its own. */
void patience_move(struct patiences *p, struct app_conn *c, sg_time time, sg_time now);

/* One whose time is over, or NULL; it is to be moved or removed before the next is asked for. */
struct app_conn *patience_over(const struct patiences *p, sg_time now);

/* When there will be one; SG_NEVER. */
sg_time patience_deadline(const struct patiences *p);

/* Any connection, or NULL. */
struct app_conn *patience_any(const struct patiences *p);

#endif
