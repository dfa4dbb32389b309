/* SPDX-License-Identifier: BSD-2-Clause */
/* What the files of libsyngate share. */
#ifndef LIB_LIB_H
#define LIB_LIB_H

#include <stdatomic.h>
#include <stdbool.h>

#include "syngate.h"
#include "syngate/channel.h"

struct syngate_listener {
	int channel, bell;
	struct sg_channel_memory *memory;
	atomic_uint refs; /* itself, and each connection: its end is told in `memory` */
};

struct syngate_conn {
	int fd;
	__u32 slot;
	__u16 gen;
	struct sg_tuple tuple;
	struct syngate_listener *l;
};

/* Keep the line for syngate_why() and return `code`. */
int why_set(int code, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* A socket of the daemon `instance` (NULL: as syngate.h says), or a negative errno. */
int channel_open(const char *instance);

/*
 * Ask, and take the answer with its `max` descriptors, -1 for those that did not come. 0, or what the
 * daemon refused with.
 */
int channel_ask(int channel, const struct sg_channel_request *r, int *fd, int max);

/*
 * The next connection, with its descriptor. `flags`: MSG_DONTWAIT, MSG_CMSG_CLOEXEC. -EAGAIN; -ECONNRESET: the
 * daemon has gone; -EPROTO: what it says makes no sense.
 */
int channel_conn(int channel, struct sg_channel_conn *c, int *fd, int flags);

/* Its descriptor is to be as it was asked for. */
void conn_mode(struct syngate_conn *c, bool nonblock);

void listener_put(struct syngate_listener *l);

#endif
