/* SPDX-License-Identifier: BSD-2-Clause */
/* A kernel TCP socket to the server that stands behind us. Never blocks. */
#ifndef APP_BACKEND_H
#define APP_BACKEND_H

#include "syngate/addr.h"

/* A connect under way, known to `epoll` by `ptr` (edges, both directions). fd or -errno. */
int backend_connect(const struct sg_addr *addr, __u16 port, int epoll, void *ptr);

/* Why the connect failed, as a positive errno; 0: it did not. */
int backend_error(int fd);

/* Close; `reset`: with a RST. */
void backend_close(int fd, int reset);

#endif
