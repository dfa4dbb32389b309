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
	__u32 slot, gen;
	struct sg_tuple tuple;
	__u32 handshake_us;
	enum syngate_admitted admitted;
	struct linger linger;
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

/* A connection is asked for; the answer comes through the other end of `fd`. */
int channel_connect(int channel, const struct sg_channel_connect *m, int fd);

/*
 * The next connection, with its descriptor. `flags`: MSG_DONTWAIT, MSG_CMSG_CLOEXEC. -EAGAIN; -ECONNRESET: the
 * daemon has gone; -EPROTO: what it says makes no sense.
 */
int channel_conn(int channel, struct sg_channel_conn *c, int *fd, int flags);

/* As the daemon told of it, with descriptor `fd`, on `l`, which it holds; `c` is zeroed. */
void conn_begin(struct syngate_conn *c, struct syngate_listener *l, const struct sg_channel_conn *m,
		int fd);
/* Its descriptor is to be as it was asked for. */
void conn_mode(struct syngate_conn *c, bool nonblock);

/* A channel whose first message is `r`. */
int listener_open(struct syngate_listener **out, const char *instance,
		  const struct sg_channel_request *r);
void listener_put(struct syngate_listener *l);

/* --- a connection's slot: 0, or -EOPNOTSUPP: it has none; -ECONNRESET: it is another's ---------- */

int slot_state(const struct syngate_conn *c, __u32 *state);
int slot_change(const struct syngate_conn *c, __u32 clear, __u32 set);
/* The daemon is to look at once. */
void slot_bell(const struct syngate_conn *c);
/* A value that the daemon is told of; as it was set, if it was. */
int slot_option(const struct syngate_conn *c, enum sg_channel_option option, int value);
int slot_option_set(const struct syngate_conn *c, enum sg_channel_option option);
/* Ask the daemon. -ETIMEDOUT: it does not answer. */
int slot_facts(const struct syngate_conn *c, struct sg_channel_facts *f);

/* Facts as Linux has them; NULL: the connection is over. */
struct tcp_info;
void info_tcp(const struct sg_channel_facts *f, struct tcp_info *t);

#endif
