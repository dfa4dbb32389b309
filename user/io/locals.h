/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Keeps the map `locals` equal to the addresses of this host, which are what a wildcard
 * listener answers for: the kernel's local table (with AnyIP prefixes) and the addresses
 * of all links, without loopback. Follows the interface's own MAC address and MTU too.
 */
#ifndef IO_LOCALS_H
#define IO_LOCALS_H

#include "io/bpf.h"

struct locals;

/* Subscribe, and fill the map. `f` is borrowed. Negative errno. */
int locals_open(struct locals **out, struct front *f);

/* Becomes readable when something may have changed: call locals_handle(). */
int locals_fd(const struct locals *l);

/*
 * Read what is there and bring the map up to date. Never blocks on the network. -ENODEV: the
 * interface has been deleted, or moved into another network namespace.
 */
int locals_handle(struct locals *l);

void locals_close(struct locals *l);

#endif
