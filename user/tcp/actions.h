/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the engine wants done: segments to send, in order. The caller hands over the
 * room and carries them out before it calls again (their data is borrowed).
 */
#ifndef TCP_ACTIONS_H
#define TCP_ACTIONS_H

#include "seg.h"

struct actions {
	unsigned n;
	unsigned max;
	struct seg *send; /* [max] */
};

/* One call of tcp_input() adds this many at most. */
#define ACTIONS_PER_INPUT 2

static inline unsigned actions_room(const struct actions *a)
{
	return a->max - a->n;
}

#endif
