/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Frames that came in on one queue and belong to the worker of another: a bounded ring
 * from each worker to each other one.
 */
#ifndef DAEMON_FORWARD_H
#define DAEMON_FORWARD_H

#include "io/xsk.h"

struct worker;
struct forward;

/* For `workers` of them. -ENOMEM. */
int forward_new(struct forward **out, __u32 workers);
void forward_free(struct forward *f);

/* Make worker `w` known, before any of them runs. */
void forward_join(struct forward *f, struct worker *w);

/* From `w`: a copy of the frame goes to worker `to`. Counted: passed on, or lost. */
void forward_send(struct worker *w, __u32 to, const struct xsk_frame *f);

/* To `w`: take what others sent, at most `max`. Returns how many. */
unsigned forward_receive(struct worker *w, unsigned max);

/* To `w`: is there something? */
bool forward_waiting(const struct worker *w);

#endif
