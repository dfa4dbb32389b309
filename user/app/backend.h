/* SPDX-License-Identifier: BSD-2-Clause */
/* A kernel socket to a server that stands behind us. Never blocks. */
#ifndef APP_BACKEND_H
#define APP_BACKEND_H

#include "app/endpoint.h"

/* A connect under way, known to `epoll` by `ptr` (edges, both directions). fd or -errno. */
int backend_connect(const struct endpoint *e, int epoll, void *ptr);

/* Why the connect failed, as a positive errno; 0: it did not. */
int backend_error(int fd);

/* Close; `reset`: with a RST. A Unix socket knows none: its other side sees the end. */
void backend_close(int fd, int reset);

#endif
