/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Slots of a program's shared memory (syngate/channel.h), as a worker has them: what the program wants of a
 * connection, and what it is told. A worker takes them by chunks as it needs them.
 */
#ifndef APP_LIBSLOT_H
#define APP_LIBSLOT_H

#include "app/library.h"

struct libslot_chunk;

/* A connection's. */
struct libslot {
	tcp_id id;
	struct libslots *from;
	__u32 slot; /* SG_CHANNEL_NO_SLOT: none was free */
	__u32 gen;
	__u32 state; /* SG_CHANNEL_CLOSED and the like, as last seen */
	struct app_conn *ring; /* whose rings are looked at when the program says so; or NULL */
};

/* Those of a worker's port. */
struct libslots {
	struct library *lib;
	__u32 source;
	struct libslot_chunk *chunk[SG_CHANNEL_CHUNKS]; /* by number; NULL: not ours */
	__u32 next; /* chunk to be looked at */
	bool more;  /* those that were not served last time */
	__u32 first, last; /* slots that are free: what was given back last is used last; rings: first */
};

void libslots_init(struct libslots *s, struct library *lib, __u32 source);
/* All have been given back. */
void libslots_free(struct libslots *s);
/* Options that were changed, facts that are asked for, rings: a share of them. */
void libslots_serve(struct libslots *s, struct app *a);

/* Is one free? */
bool libslots_room(struct libslots *s);
/* Another worker found no chunk: those that we do not need, but for one, are its. */
void libslots_spare(struct libslots *s);
/* Has the program set the bit of one? */
bool libslots_asked(const struct libslots *s);

void libslot_take(struct libslots *s, struct libslot *l, tcp_id id);
void libslot_give(struct libslot *l);
/* Its connection is over: it is free when the program has let go as well. */
void libslot_hold(struct libslot *l);

/* What the program wants of it now; options in there are the engine's by then. */
__u32 libslot_look(struct app *a, struct libslot *l);
/* Why it died, a positive errno. */
void libslot_tell(const struct libslot *l, int error);

#endif
