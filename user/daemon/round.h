/* SPDX-License-Identifier: BSD-2-Clause */
/* What a worker does, over and over. All of it in the worker's own thread. */
#ifndef DAEMON_ROUND_H
#define DAEMON_ROUND_H

#include <stdbool.h>

#include "tcp/tcp.h"

struct worker;

/* One share of everything there is to do. True: there is more, do not sleep. */
bool round_once(struct worker *w);

/* Until something happens or is due. */
void round_sleep(struct worker *w);

/* Wait, at most `wait` ns, and take what epoll has. */
bool round_events(struct worker *w, sg_time wait);

/* The end: let go of everybody, and give the RSTs a moment to leave. */
void round_farewell(struct worker *w);

#endif
