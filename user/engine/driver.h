/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The driver's part on the host, for one stack that has nobody in front of it: the pure code of
 * syngate/synq.h and flow.h, in the order of bpf/front.bpf.c.
 */
#ifndef ENGINE_DRIVER_H
#define ENGINE_DRIVER_H

#include "tcp/stack.h"

struct driver {
	struct tcp_stack *stack;
	__u64 rst_second; /* the RST budget, rst_limit a second */
	__u32 rst_spent;
	__u64 cookie_second; /* likewise, syncookie_limit */
	__u32 cookie_spent;
};

/* One segment. Needs actions_room() >= ACTIONS_PER_INPUT. */
void driver_input(struct driver *d, struct seg *in, sg_time now, struct actions *out);

/* Is there a half-open entry of this pair? */
bool driver_has_halfopen(const struct tcp_stack *s, const struct sg_tuple *t);

#endif
