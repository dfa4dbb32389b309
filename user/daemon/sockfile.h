/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A listening Unix socket of the daemon's, /run/syngate/<name><tail>. It is root's, until somebody gives it
 * to others (sockfile_group()); they may pass through the directory and not look into it.
 */
#ifndef DAEMON_SOCKFILE_H
#define DAEMON_SOCKFILE_H

#include <sys/un.h>

#include "io/err.h"

struct sockfile {
	int fd;
	struct sockaddr_un addr;
};

/* A dead daemon's is replaced. -EADDRINUSE: a live one has it. */
int sockfile_open(struct sockfile *s, const char *name, const char *tail, int type, struct err *err);
/* It is this group's as well, by name or number. -ENOENT: there is none. */
int sockfile_group(const struct sockfile *s, const char *group, struct err *err);
/* Takes the file away, and the directory if it was the last one. */
void sockfile_close(struct sockfile *s);

#endif
