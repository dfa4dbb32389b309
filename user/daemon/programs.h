/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Programs that listen through libsyngate (syngate/channel.h): the socket that they come to, and their
 * listeners. The main thread's. What they send is not believed.
 */
#ifndef DAEMON_PROGRAMS_H
#define DAEMON_PROGRAMS_H

#include <poll.h>

#include "daemon/daemon.h"

struct programs;

#define PROGRAMS_MAX 256 /* at a time; more wait to be taken */
#define PROGRAMS_FDS (PROGRAMS_MAX + 1)

/* The socket /run/syngate/<name>.app. */
int programs_open(struct programs **out, const char *name, struct err *err);
/* Who may come there beside root. */
int programs_group(struct programs *p, const char *group, struct err *err);
/* An interface was attached: those that listen do so there as well, as far as nobody else does. */
void programs_attached(struct programs *p, struct daemon *d, const char *iface);
/* Their listeners are closed by then. */
void programs_close(struct programs *p);

/* What is to be polled, PROGRAMS_FDS at most; returns how many. */
int programs_poll(const struct programs *p, struct pollfd *fds);
/* Milliseconds until one that has said nothing is to be let go, or -1. */
int programs_timeout(const struct programs *p);
/* After poll(), with what programs_poll() returned. */
void programs_handle(struct programs *p, struct daemon *d, const struct pollfd *fds, int n);

#endif
