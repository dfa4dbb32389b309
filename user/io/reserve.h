/* SPDX-License-Identifier: BSD-2-Clause */
/* A local TCP port that the kernel hands to nobody while we use it ourselves. */
#ifndef IO_RESERVE_H
#define IO_RESERVE_H

#include "syngate/addr.h"

/*
 * A kernel socket bound to `addr` and `*port` (0: one that the kernel chooses, stored there). It
 * neither listens nor connects. `ifindex`: for link-local addresses. Returns its descriptor, to be
 * closed; -EADDRNOTAVAIL: not an address of this host; -EADDRINUSE: the kernel uses it.
 */
int reserve_port(const struct sg_addr *addr, unsigned ifindex, __u16 *port);

#endif
