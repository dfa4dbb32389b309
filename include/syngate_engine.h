/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The TCP engine by itself (RFC 9293): whole IP packets in, whole IP packets out, time as an
 * argument. SYN admission, the half-open queue and SYN-ACKs are the code that runs in the driver,
 * compiled for the host. There is no thread, no clock, no system call, no global and no call back:
 * several engines can live in one process, each in the memory that its caller gave it, each used
 * by one thread at a time.
 *
 * A driver of it goes round: sge_input() for each packet that arrived, sge_expire(), the calls of
 * the application, sge_output() until it returns 0, and then waits until sge_deadline().
 *
 * Times are nanoseconds of any clock that never goes back and does not begin at 0. Calls return 0,
 * a count or a handle, or a negative errno. None blocks: -EAGAIN says that sge_poll() will tell.
 */
#ifndef SYNGATE_ENGINE_H
#define SYNGATE_ENGINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define SGE_NEVER UINT64_MAX
#define SGE_PACKET 65535 /* room that any packet fits */

struct sge;

struct sge_config {
	uint32_t max_conns;    /* connections, 1 to 16777216; and as many in TIME_WAIT */
	uint32_t max_buffers;  /* of 4096 bytes each, which all connections share */
	uint32_t max_halfopen; /* half-open (SYN) entries */
	uint32_t max_listeners; /* 1 to 4096 */
	uint16_t mtu;	       /* of the interface, 576 to 65535: what is offered as MSS */
	uint8_t key[16];       /* secret: sequence numbers (RFC 6528), timestamps, tables */
	uint8_t cookie_key[16]; /* secret: SYN cookies; engines with the same take each other's */
};

struct sge_addr {
	uint8_t ip[16]; /* network order; IPv4 as ::ffff:a.b.c.d; all 0: any (sge_listen alone) */
	uint16_t port;	/* host order */
};

/* An IPv4 address in that form. */
static inline struct sge_addr sge_addr4(uint8_t a, uint8_t b, uint8_t c, uint8_t d, uint16_t port)
{
	struct sge_addr r = {{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, a, b, c, d}, port};

	return r;
}

/* --- life --------------------------------------------------------------------------------- */

/* Bytes that an engine of this size needs. 0: the configuration is out of bounds. */
size_t sge_size(const struct sge_config *cfg);

/*
 * Make an engine in `mem`: `size` bytes, zeroed, page-aligned. It stays the caller's and is freed
 * by him; nothing else has to be. -EINVAL: too small, or the configuration is out of bounds.
 */
int sge_init(void *mem, size_t size, const struct sge_config *cfg, uint64_t now,
	     struct sge **out);

/*
 * Go on with the memory of an engine whose process is dead, mapped anywhere and as it was at any of
 * its stores. The handles are what they were (sge_next() lists them) and so are the listeners;
 * sge_position() says how far each stream is. Who was just being changed is reset: ECONNRESET, and
 * RST to its peer. Returns how many were (0 or 1; more: the memory was damaged), -EINVAL: not of
 * this configuration, -EPROTO: not an engine's, or another version's, -ESTALE: `now` is before it.
 */
int sge_adopt(void *mem, size_t size, const struct sge_config *cfg, uint64_t now,
	      struct sge **out);

/* --- packets and time ------------------------------------------------------------------------ */

/*
 * One IPv4 or IPv6 packet without link header, addressed to whoever: the engine is all addresses.
 * ICMP errors about our segments are taken too. It is not kept. -EPROTO: neither, a fragment, or
 * malformed. -EBADMSG: a wrong checksum.
 * -ENOBUFS: answers wait, call sge_output() first; the packet has not been looked at.
 */
int sge_input(struct sge *e, const void *packet, size_t len, uint64_t now);

/* The next packet to send, into `buf`. Its length; 0: none now. -EMSGSIZE: `room` is too small. */
ssize_t sge_output(struct sge *e, void *buf, size_t room, uint64_t now);

/* Let timers fire that are due. */
void sge_expire(struct sge *e, uint64_t now);

/* When sge_expire() or sge_output() has something to do; `now` or before: at once. */
uint64_t sge_deadline(const struct sge *e);

/* --- listeners ---------------------------------------------------------------------------------- */

/*
 * Listen. Each of the two queues, half-open and accept, holds backlog + 1, as in Linux; backlog is
 * bounded by the knob somaxconn. Returns the listener's number. -EADDRINUSE; -ENOBUFS: all
 * numbers are taken; -EINVAL: port 0; -EADDRNOTAVAIL: a multicast or broadcast address.
 */
int sge_listen(struct sge *e, const struct sge_addr *at, uint32_t backlog);

/* Who waits in its queues is reset. -EBADF. */
int sge_unlisten(struct sge *e, int listener, uint64_t now);

/* --- connections -------------------------------------------------------------------------------- */

typedef uint64_t sge_conn; /* 0 is none; one that is closed is never valid again */

/* The connection that has waited longest. -EAGAIN: none. -EBADF: no such listener. */
int sge_accept(struct sge *e, int listener, sge_conn *conn);

/*
 * Begin to open. SGE_OUT says when it is open, SGE_ERR that it failed (ECONNREFUSED, ETIMEDOUT).
 * -EADDRINUSE: the pair exists; -ENOBUFS; -EINVAL: a port is 0, the families differ, or nobody has
 * the peer's address (0.0.0.0); -ENETUNREACH: it is a multicast or broadcast one; -EADDRNOTAVAIL:
 * so is `local`, or it is not given.
 */
int sge_connect(struct sge *e, const struct sge_addr *local, const struct sge_addr *peer,
		uint64_t now, sge_conn *conn);

/*
 * Bytes read, 0 at the end of the stream, also if the connection was reset later. With SGE_PEEK
 * they stay. -EAGAIN; -ECONNRESET, -ETIMEDOUT, -ECONNREFUSED: why it is over; -EBADF.
 */
#define SGE_PEEK 1
ssize_t sge_recv(struct sge *e, sge_conn c, void *buf, size_t len, int flags, uint64_t now);

/* Bytes taken. -EAGAIN: the buffer is full, or it is not open yet. -EPIPE: after sge_shutdown();
 * -ECONNRESET, -ETIMEDOUT, -ECONNREFUSED; -EBADF. */
ssize_t sge_send(struct sge *e, sge_conn c, const void *buf, size_t len, uint64_t now);

/* SGE_WR: FIN behind what was sent. SGE_RD: nothing to read is the end of the stream from now on;
 * the peer is not told. Before it is open either is the end of it, without a packet.
 * -ENOTCONN: it is over; -EINVAL; -EBADF. */
enum { SGE_RD = 1, SGE_WR = 2, SGE_RDWR = 3 };
int sge_shutdown(struct sge *e, sge_conn c, int how, uint64_t now);

/* Let go: what was sent still arrives. With data unread, or SGE_LINGER 0: RST. -EBADF. */
int sge_close(struct sge *e, sge_conn c, uint64_t now);
/* RST at once. -EBADF. */
int sge_abort(struct sge *e, sge_conn c, uint64_t now);

/* What can be done now. 0 for a handle that is not valid. */
enum {
	SGE_IN = 1,  /* data or the end of the stream */
	SGE_PRI = 2, /* urgent data is there or on its way: SGE_URGENT. It is read in line */
	SGE_OUT = 4, /* room in the send buffer */
	SGE_ERR = 8, /* over: SGE_ERROR says why */
};
int sge_poll(struct sge *e, sge_conn c);

/* --- options and looking --------------------------------------------------------------------------- */

enum sge_opt { /* as setsockopt(2) has them in tcp(7) and socket(7) */
	SGE_NODELAY, SGE_CORK, SGE_QUICKACK,
	SGE_KEEPALIVE, SGE_KEEPIDLE, SGE_KEEPINTVL, SGE_KEEPCNT, /* seconds, probes */
	SGE_LINGER,	  /* 0: sge_close() resets. -1: it does not, as at first */
	SGE_LINGER2,	  /* seconds in FIN_WAIT_2 after sge_close(); -1: none; 0: tcp_fin_timeout */
	SGE_USER_TIMEOUT, /* ms */
	SGE_MAXSEG,	  /* read only: bytes in a full segment */
	SGE_ERROR,	  /* read only: a positive errno; 0: it lives */
	SGE_TOS,	  /* the DiffServ byte of its packets, but for the ECN bits. 0 */
	SGE_URGENT,	  /* read only: bytes to read until urgent data is behind; 0: none */
	SGE_TTL,	  /* their hop limit, 1 to 255; -1: the knob ip_default_ttl */
};

/* -EINVAL: out of bounds; -ENOPROTOOPT: read only, or no such option; -EBADF. */
int sge_setsockopt(struct sge *e, sge_conn c, enum sge_opt opt, int value, uint64_t now);
int sge_getsockopt(struct sge *e, sge_conn c, enum sge_opt opt, int *value);

/*
 * Cookies are made with another key from now on; those of the one before are still taken. `clock`
 * is what makes `now` the time that all engines with this key agree on, in ms.
 */
void sge_cookie_key(struct sge *e, const uint8_t key[16], uint64_t clock);

/* A knob by its name, as docs/settings.md lists them: Linux's sysctls and a few more.
 * -ENOENT: no such name; -ERANGE: out of its bounds. */
int sge_sysctl_set(struct sge *e, const char *name, uint32_t value);
int sge_sysctl_get(const struct sge *e, const char *name, uint32_t *value);

/* A counter by its name, as docs/counters.md lists them ("RetransSegs"). -ENOENT. */
int sge_counter(const struct sge *e, const char *name, uint64_t *value);

/* The next handle that is held, beginning with *cursor = 0; 0: no more. */
sge_conn sge_next(const struct sge *e, uint64_t *cursor);

/* Bytes that sge_recv() has given, and that sge_send() has taken, so far. -EBADF. */
int sge_position(struct sge *e, sge_conn c, uint64_t *received, uint64_t *sent);

/* -EBADF. */
int sge_getsockname(struct sge *e, sge_conn c, struct sge_addr *addr);
int sge_getpeername(struct sge *e, sge_conn c, struct sge_addr *addr);

/* "ESTAB", "FIN-WAIT-1", ... as ss(8) prints it; "CLOSED" for a handle that is not valid. */
const char *sge_state(struct sge *e, sge_conn c);

/* The state of a pair that may have no handle any more: also "SYN-RECV", "TIME-WAIT", "CLOSED". */
const char *sge_pair_state(struct sge *e, const struct sge_addr *local,
			   const struct sge_addr *peer);

struct sge_usage {
	uint32_t conns, timewait, buffers, halfopen; /* in use */
};
void sge_usage(const struct sge *e, struct sge_usage *u);

#endif
