/* SPDX-License-Identifier: BSD-2-Clause */
/* The interface and the way to the target. */
#ifndef SYNLOAD_WAY_H
#define SYNLOAD_WAY_H

#include "args.h"
#include "io/netif.h"

struct way {
	struct netif nif;
	__u8 dst[6]; /* Ethernet address of the next hop */
};

/* Refuses the host's own network namespace, unless forced. */
int way_find(struct way *w, const struct args *a, struct err *err);

/* Frames that the interface has sent since it exists, as it counts them itself. */
int way_sent(const struct way *w, __u64 *frames);

#endif
