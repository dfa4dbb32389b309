/* SPDX-License-Identifier: BSD-2-Clause */
/* A frame that the driver handed to us, into the engine. */
#ifndef DAEMON_RECEIVE_H
#define DAEMON_RECEIVE_H

#include <stdbool.h>

#include "io/xsk.h"

struct worker;

/* May receive_frame() be called: is there room for what the engine answers at once? */
bool receive_ready(struct worker *w);

/* `forwarded`: another worker passed it on; it goes no further from here. */
void receive_frame(struct worker *w, const struct xsk_frame *f, bool forwarded);

#endif
