/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * May the kernel's TCP have anything to do with a local port of ours? If it may, the driver has to ask
 * it for every stranger's segment, and a flood is nothing else.
 */
#ifndef IO_KPORT_H
#define IO_KPORT_H

#include <linux/types.h>

/*
 * Keep the port: no connect() of the kernel's takes it as its own from now on. A server that sets
 * SO_REUSEADDR, as they do, can still be started there. Returns a descriptor to be closed;
 * -EADDRINUSE: a server of the kernel's is there; or another negative errno.
 */
int kport_hold(__u16 port);

/* Does a socket of the kernel's listen there, other than on a loopback address? 1, 0 or an errno. */
int kport_listens(__u16 port);

/* Has it any socket there: listening, connected, in TIME_WAIT? The same; looks at all there are. */
int kport_used(__u16 port);

#endif
