/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * libsyngate: servers on syngate's TCP. Connections are descriptors, for read(2), write(2), epoll(7) and
 * the like; data, end of stream, half-close and back-pressure mean what they mean on a TCP socket.
 *
 * Functions return 0 or a count, or a negative errno; syngate_why() then has one line that names the cause
 * and what mends it. They may be called from any thread; a handle is one thread's at a time, but for
 * syngate_accept(), which several threads and forked processes may call on the same listener.
 *
 * The daemon (`syngate run` or `syngated`) must run; who may open its socket, /run/syngate/NAME.app,
 * may listen. A program that ends without syngate_listener_close() gives its connections a reset.
 */
#ifndef SYNGATE_H
#define SYNGATE_H

#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/types.h>

#ifdef __cplusplus
extern "C" {
#endif

#pragma GCC visibility push(default)

struct syngate_listener;
struct syngate_conn;

struct syngate_listen_options {
	size_t size;		/* sizeof(struct syngate_listen_options) */
	const char *instance;	/* the daemon's name; NULL: $SYNGATE_INSTANCE, else the only one
				   that runs, else `syngated` */
	int backlog;		/* as listen(2); -1: somaxconn. The queue holds one more, as Linux's does */
	int syn_backlog;	/* of the half-open queue; -1: the backlog */
	unsigned flags;		/* SG_OPT_RING, SG_OPT_BATCH */
	unsigned ring_size;	/* bytes each way, a power of two from 4096 to 2^20; 0: 16384 */
	unsigned ring_conns;	/* at a time, a multiple of 256; 0: 1024, or 256 for each RX queue if that is more.
				   Further ones wait in the accept queue */
};

#define SG_OPT_RING 1u /* connections without descriptors: see syngate_wait() */

/*
 * The program promises to accept until -EAGAIN (or -EMFILE and the like) whenever the listener is
 * readable, and in one process: several connections then come by one system call.
 */
#define SG_OPT_BATCH 2u

/*
 * Listen on "192.0.2.1:80", "[2001:db8::1]:80" or "*:80", on every interface that the daemon is attached
 * to. `options` may be NULL. -EINVAL: malformed. -EADDRINUSE. -ESRCH: no daemon. -EACCES: its socket is
 * not for us, or the port is below 1024 and we are not root. -EPROTO: it is of another version. -ENOSPC: it has no room
 * for another listener, or for its rings.
 */
int syngate_listen(struct syngate_listener **out, const char *address,
		   const struct syngate_listen_options *options);

/*
 * For epoll(7) and poll(2): readable when a connection waits, or when the daemon has gone, which
 * syngate_accept() then says. Nothing else may be done with it. Borrowed.
 */
int syngate_listener_fd(const struct syngate_listener *l);

/*
 * The next connection; `flags` as accept4(2): SOCK_NONBLOCK, SOCK_CLOEXEC are those of its descriptor.
 * SYNGATE_NOWAIT: -EAGAIN instead of waiting. -ECONNRESET: the daemon has gone; so is the listener: close it,
 * and listen anew. -EMFILE and the like as accept(2).
 */
#define SYNGATE_NOWAIT 0x40000000
int syngate_accept(struct syngate_listener *l, struct syngate_conn **out, int flags);

/* Connections that wait are reset; those that were accepted go on. */
void syngate_listener_close(struct syngate_listener *l);

struct syngate_connect_options {
	size_t size;	      /* sizeof(struct syngate_connect_options) */
	const char *instance; /* as in struct syngate_listen_options */
	const char *source;   /* "192.0.2.2", "192.0.2.2:4000" or the like; NULL: as the route says */
	unsigned timeout_s;   /* for the handshake; 0: as long as tcp_syn_retries take */
};

/*
 * Connect to "192.0.2.1:80" or "[2001:db8::1]:80" from an interface that the daemon is attached to; waits
 * for the handshake. The descriptor is blocking, and close-on-exec. `options` may be NULL. Several threads
 * at once do not wait for each other; a child of fork(2) is a program of its own. Errors as connect(2), and
 * -ENODEV: the way there is none of the daemon's. -EINVAL: malformed, or this host itself. -ENETDOWN: the
 * daemon or its interface went meanwhile.
 */
int syngate_connect(struct syngate_conn **out, const char *address,
		    const struct syngate_connect_options *options);

/* --- a connection ------------------------------------------------------------------------ */

/* Its descriptor: read, write, shutdown, poll. Not to be closed: syngate_close() does. Borrowed. */
int syngate_fd(const struct syngate_conn *c);

/*
 * As recv(2) and send(2), but for the return value; and they tell a reset (-ECONNRESET) and a timeout (-ETIMEDOUT)
 * from the end of the stream, which a plain read(2) cannot.
 */
ssize_t syngate_recv(struct syngate_conn *c, void *buf, size_t len, int flags);
ssize_t syngate_send(struct syngate_conn *c, const void *buf, size_t len, int flags);

/* Why it died: 0 (it did not), -ECONNRESET or -ETIMEDOUT. After a read(2) of 0: was that all? */
int syngate_error(const struct syngate_conn *c);

/* struct sockaddr_in or sockaddr_in6; `len` as in getpeername(2). 0 or -EINVAL. */
int syngate_peer(const struct syngate_conn *c, struct sockaddr *addr, socklen_t *len);
int syngate_local(const struct syngate_conn *c, struct sockaddr *addr, socklen_t *len);

/* As shutdown(2): SHUT_WR sends FIN behind what was written. */
int syngate_shutdown(struct syngate_conn *c, int how);

/*
 * As setsockopt(2) and getsockopt(2) of a TCP socket, but for the return value: TCP_NODELAY, TCP_CORK,
 * TCP_QUICKACK, TCP_KEEPIDLE, TCP_KEEPINTVL, TCP_KEEPCNT, TCP_LINGER2, TCP_USER_TIMEOUT; SO_KEEPALIVE,
 * SO_LINGER; IP_TOS, IP_TTL, IPV6_TCLASS, IPV6_UNICAST_HOPS; to be read only: TCP_INFO, TCP_MAXSEG,
 * TCP_CONGESTION, SO_ERROR, SO_DOMAIN and the like. Other options of SOL_SOCKET are those of the
 * descriptor. -ENOPROTOOPT: there is no such option here. To get what only the daemon knows:
 * -ECONNRESET: the connection is over; -ETIMEDOUT: the daemon does not answer.
 */
int syngate_setsockopt(struct syngate_conn *c, int level, int name, const void *value, socklen_t len);
int syngate_getsockopt(struct syngate_conn *c, int level, int name, void *value, socklen_t *len);

enum syngate_admitted {
	SYNGATE_QUEUE = 0,  /* by the half-open queue */
	SYNGATE_COOKIE = 1, /* by a SYN cookie */
	SYNGATE_OURS = 2,   /* syngate_connect() */
};

struct syngate_info {
	size_t size; /* sizeof(struct syngate_info) */
	enum syngate_admitted admitted;
	unsigned handshake_us; /* SYN to final ACK, in whole ms; 0: nobody knows */
	int state;	       /* TCP_ESTABLISHED, ... of <netinet/tcp.h> */
	unsigned rtt_us, rttvar_us, min_rtt_us, rto_ms;
	unsigned backoff;      /* timeouts in a row */
	unsigned mss;
	unsigned cwnd, ssthresh, snd_wnd, rcv_wnd; /* bytes */
	unsigned unread;       /* bytes that arrived */
	unsigned unacked;      /* bytes that the daemon has and the peer has not acknowledged */
	uint64_t retransmits;  /* in all */
	uint64_t bytes_in, bytes_out;
	char congestion[16];
};

/* What the daemon knows of it. Once it is over: state TCP_CLOSE, and how it was admitted. -ETIMEDOUT. */
int syngate_info(const struct syngate_conn *c, struct syngate_info *info);

/* In good order: what was written is sent, then FIN. Unread data: RST, as Linux does. Frees it. */
void syngate_close(struct syngate_conn *c);

/* RST at once, as close(2) with SO_LINGER of 0. Frees it. */
void syngate_abort(struct syngate_conn *c);

/* --- rings ------------------------------------------------------------------------------- */

/*
 * A listener with SG_OPT_RING has connections in memory that it shares with the daemon, ring_conns * ring_size * 2 bytes
 * at most, and no descriptors: nothing above takes a system call but what waits. All the functions above are for them,
 * but syngate_fd(), which is -1. Whoever made the listener uses it and its connections, in one thread at a time; a forked child may
 * not (-EPERM).
 *
 * syngate_listener_fd() is readable when syngate_wait() has something to say, once that has returned 0.
 */
struct syngate_event {
	struct syngate_conn *conn; /* NULL: connections wait for syngate_accept(), or the daemon has gone, which that says */
	unsigned events;	   /* SYNGATE_IN, SYNGATE_OUT, SYNGATE_END */
	void *data;		   /* syngate_set_data() */
};

#define SYNGATE_IN  1u /* there is something to read, or the end */
#define SYNGATE_OUT 2u /* half of the ring is free again, after -EAGAIN or a part */
#define SYNGATE_END 4u /* reset or timed out: syngate_error() */

/*
 * What is new, by edges as epoll(7)'s EPOLLET: read until -EAGAIN. How many, 0 after `timeout_ms` (-1: never), or -EINTR. That the
 * daemon has gone is said each time. What was sent and closed leaves at the latest with this call, with one that waits, or with
 * syngate_flush().
 */
int syngate_wait(struct syngate_listener *l, struct syngate_event *events, int max, int timeout_ms);
void syngate_flush(struct syngate_listener *l);

/* A value of the program's own: also for connections with a descriptor. */
void syngate_set_data(struct syngate_conn *c, void *data);
void *syngate_data(const struct syngate_conn *c);

/* What the last call of this thread that failed had to say. */
const char *syngate_why(void);

#pragma GCC visibility pop

#ifdef __cplusplus
}
#endif
#endif
