/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The control socket /run/syngate/<name>.sock: root alone, one request and one answer a
 * connection. Nothing in here blocks; a slow client costs a buffer and a deadline.
 */
#ifndef DAEMON_CONTROL_H
#define DAEMON_CONTROL_H

#include <poll.h>

#include "io/err.h"

#define CONTROL_CLIENTS 32
#define CONTROL_FDS	(1 + CONTROL_CLIENTS)

struct control;
struct daemon;

/* -EADDRINUSE: a live daemon has the name. A dead one's socket is replaced. */
int control_open(struct control **out, const char *name, struct err *err);

/* The socket is removed, and its directory if that was the last one. */
void control_close(struct control *c);

/* Fill in what to poll, at most CONTROL_FDS; how long at most (ms, -1: for ever). */
int control_poll(const struct control *c, struct pollfd *p);
int control_timeout(const struct control *c);

/* What poll() found, in the same order. */
void control_handle(struct control *c, struct daemon *d, const struct pollfd *p, int n);

#endif
