/* SPDX-License-Identifier: BSD-2-Clause */
/* What the two files of a listener with rings share: rings.c exchanges news with the daemon, rings_wait.c tells the program. */
#ifndef LIB_RINGS_H
#define LIB_RINGS_H

#include "lib/lib.h"

struct rings_list {
	struct syngate_conn *first, **last;
};

struct rings {
	struct sg_ring_memory *memory;
	__u32 conns, size;
	int bell, epoll; /* the second has the first, and the channel */
	const bool *ours; /* false in a forked child */
	__u64 said;	  /* sources whose workers have something to look at and may sleep */
	__u32 sleep;	  /* number of the last one */
	__u32 rung[SG_CHANNEL_SOURCES]; /* of workers' sleeps that were ended */
	bool gone;	  /* the daemon */
	bool told;	  /* that connections wait */
	struct rings_list news, waiting;
	struct syngate_conn *conn[]; /* by slot */
};

void rings_append(struct rings_list *list, struct syngate_conn *c);
/* The first one, or NULL. */
struct syngate_conn *rings_take(struct rings_list *list);

/* What the daemon has to say, into both lists. Was there anything? */
bool rings_collect(struct syngate_listener *l);
/* Asleep. 0: nothing came, and we are asleep still; 1: something did, perhaps; or a negative errno. */
int rings_sleep(struct syngate_listener *l, int timeout_ms);

#endif
