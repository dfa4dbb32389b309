/* SPDX-License-Identifier: BSD-2-Clause */
/* Frames that the driver handed to us, into the engine. */
#ifndef DAEMON_RECEIVE_H
#define DAEMON_RECEIVE_H

#include <stdbool.h>

#include "io/xsk.h"
#include "tcp/tcp.h"

struct worker;

/* The segments of a batch: all are decoded before the first is taken in (tcp_prepare). */
struct receive {
	unsigned n;
	struct seg seg[XSK_RX_BATCH];
	struct seg_handshake handshake[XSK_RX_BATCH];
	const struct xsk_frame *frame[XSK_RX_BATCH];
};

/* May another frame be taken in: is there room for what the engine answers at once? */
bool receive_ready(struct worker *w);

/* XSK_RX_BATCH at most. `forwarded`: another worker passed them on; they go no further from here.
 */
void receive_frames(struct worker *w, const struct xsk_frame *f, unsigned n, bool forwarded);

#endif
