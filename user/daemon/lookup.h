/* SPDX-License-Identifier: BSD-2-Clause */
/* What the driver would have told us, for frames whose driver cannot carry metadata. */
#ifndef DAEMON_LOOKUP_H
#define DAEMON_LOOKUP_H

#include "tcp/seg.h"

struct worker;

/* Does the segment fit a half-open entry? 1 and `hs` filled in, or 0. */
int lookup_handshake(const struct worker *w, const struct seg *seg, struct seg_handshake *hs);

#endif
