/* SPDX-License-Identifier: BSD-2-Clause */
/* Connections that programs ask for (SG_CHANNEL_CONNECT): the way there, and then a worker. The main thread's. */
#ifndef DAEMON_CLIENTS_H
#define DAEMON_CLIENTS_H

#include "app/library.h"
#include "daemon/daemon.h"
#include "io/clock.h"

struct clients;

int clients_new(struct clients **out);
void clients_free(struct clients *c);

/*
 * A program's message; its answer goes through `fd`, which is taken over. `root`: it may have ports below 1024. False:
 * that is no descriptor to be answered through.
 */
bool clients_connect(struct clients *c, struct daemon *d, struct library *lib,
		     const struct sg_channel_connect *m, int fd, bool root);
/* A program is dead. */
void clients_forget(struct clients *c, const struct library *lib);

/* To be polled; when it is readable, or it is time, look. */
int clients_fd(const struct clients *c);
sg_time clients_deadline(const struct clients *c);
void clients_look(struct clients *c, struct daemon *d, sg_time now);

#endif
