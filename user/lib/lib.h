/* SPDX-License-Identifier: BSD-2-Clause */
/* What the files of libsyngate share. */
#ifndef LIB_LIB_H
#define LIB_LIB_H

#include <stdatomic.h>
#include <stdbool.h>

#include "syngate.h"
#include "syngate/channel_ring.h"

struct rings;

struct syngate_listener {
	int channel, bell;
	struct sg_channel_memory *memory;
	struct rings *rings; /* NULL: its connections have descriptors */
	bool closed;	     /* and its connections go on */
	struct listener_batch *batch; /* SG_OPT_BATCH; or NULL */
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
	void *data;
	/* rings: */
	struct sg_ring *ring;
	__u32 rx_head, tx_tail;
	__u32 source, turn;
	bool nonblock, deaf, shut; /* deaf: shut down for reading */
	bool waits, news;	   /* which list it is in: to be accepted; it has some */
	struct syngate_conn *next; /* of that */
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

/* The daemon has: -ECONNRESET. */
int channel_gone(void);

/* A connection is asked for; the answer comes through the other end of `fd`. */
int channel_connect(int channel, const struct sg_channel_connect *m, int fd);

/*
 * The next connections, `max` at most, with their descriptors, -1 if none was free for one: how
 * many. `flags`: MSG_DONTWAIT, MSG_CMSG_CLOEXEC.
 * -EAGAIN; -ECONNRESET: the daemon has gone; -EPROTO: what it says makes no sense.
 */
int channel_conns(int channel, struct sg_channel_conn *c, int *fd, int max, int flags);

/* As the daemon told of it, with descriptor `fd`, on `l`, which it holds; `c` is zeroed. */
void conn_begin(struct syngate_conn *c, struct syngate_listener *l, const struct sg_channel_conn *m,
		int fd);
/* Why it ended, for syngate_why() as well; 0: with a FIN. */
ssize_t conn_end(const struct syngate_conn *c);
/* Its descriptor is to be as it was asked for. */
void conn_mode(struct syngate_conn *c, bool nonblock);

/* A channel whose first message is `r`. */
int listener_open(struct syngate_listener **out, const char *instance,
		  const struct sg_channel_request *r);
void listener_put(struct syngate_listener *l);
/* One is no longer in the accept queue. */
void listener_taken(struct syngate_listener *l, __u32 source);

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

/* --- rings: as the functions of syngate.h ------------------------------------------------------- */

/* With the two descriptors that came with the answer, which are taken over. */
int rings_open(struct syngate_listener *l, const struct sg_channel_request *r, int memory, int bell);
void rings_close(struct syngate_listener *l);
int rings_fd(const struct syngate_listener *l);
int rings_accept(struct syngate_listener *l, struct syngate_conn **out, int flags);
/* 0, or -EPERM: rings that are another process's. */
int rings_check(const struct syngate_listener *l);
/* Until there is something to look at. 0, or a negative errno. */
int rings_await(struct syngate_listener *l);
/* Has the daemon gone, as far as we know? */
bool rings_daemon_is_gone(const struct syngate_listener *l);
/* It is something to look at for the daemon. */
void rings_say(struct syngate_conn *c);
/* Where its bytes are. */
__u8 *rings_bytes(const struct syngate_conn *c, __u32 *size);
/* Who has not been accepted is reset. */
void rings_let_go(struct syngate_listener *l);
/* It is no more here; the daemon knows by its slot. */
void rings_forget(struct syngate_conn *c);

ssize_t ring_recv(struct syngate_conn *c, void *buf, size_t len, int flags);
ssize_t ring_send(struct syngate_conn *c, const void *buf, size_t len, int flags);
int ring_shutdown(struct syngate_conn *c, int how);
/* SYNGATE_IN and the like: what there is. */
unsigned ring_events(struct syngate_conn *c);
/* Bytes in its ring that nobody has read. */
__u32 ring_unread(const struct syngate_conn *c);

/* Facts as Linux has them; NULL: the connection is over. */
struct tcp_info;
void info_tcp(const struct sg_channel_facts *f, struct tcp_info *t);

#endif
