/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The TCP engine (RFC 9293). Pure: no system call, no clock, no global, no I/O. Time
 * goes in as an argument, segments to send come out as values, all state lies in memory
 * that the caller hands over. One stack belongs to one thread; what several stacks share
 * (half-open table, flow table, listener queues) is changed by atomic operations only.
 *
 * A worker's round is: tcp_input() for what arrived, tcp_expire(), tcp_next_event()
 * until there is none, tcp_output() for as much as the TX ring has room for, and then
 * sleep until tcp_deadline().
 *
 * Functions return 0 or a count, or a negative errno.
 */
#ifndef TCP_TCP_H
#define TCP_TCP_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>
#include <sys/uio.h>

#include "actions.h"
#include "seg.h"
#include "syngate/abi.h"
#include "syngate/flow.h"
#include "syngate/synq.h"
#include "syngate/mib.h"

typedef __u64 sg_time; /* nanoseconds of CLOCK_MONOTONIC */
#define SG_NEVER ((sg_time)-1)
#define SG_MS 1000000ULL
#define SG_SEC 1000000000ULL

/* A connection's handle: generation and index. 0 is none. Stale handles get -EBADF. */
typedef __u64 tcp_id;

struct tcp_stack;

struct tcp_config {
	__u8 boot[16];	       /* whose clock it is: tcp_adopt() compares */
	__u16 worker;          /* our number: the owner that goes into the flow table */
	__u32 max_conns;       /* connection blocks */
	__u32 max_timewait;    /* TIME_WAIT blocks */
	__u32 max_chunks;      /* buffer chunks of TCP_CHUNK bytes */
	struct sg_tuple_key key; /* sg_keys.tuple */
	/* shared, borrowed for the life of the stack: */
	const struct sg_settings *settings;      /* read at each use, may change */
	struct sg_halfopen_table halfopen;       /* shared by all stacks */
	struct sg_proven_bucket *proven;         /* [SG_PROVEN_BUCKETS], likewise shared */
	struct sg_flow_table flows;
	struct sg_queue *queues;                 /* [max_listeners] */
	__u32 max_listeners;
	const struct sg_cookie_keys *cookies;	 /* may change; NULL: no cookies */
	__u32 *timewaits;                        /* in TIME_WAIT, of all stacks together */
	struct sg_tcp_counters *mib;             /* ours to add to */
};

#define TCP_CHUNK 4096

/* Bytes of memory a stack of this size needs. Untouched pages stay untouched. */
size_t tcp_pool_size(const struct tcp_config *cfg);

/* Make a stack in `mem` (page-aligned, zeroed, tcp_pool_size() bytes). -EINVAL: too small. */
int tcp_init(void *mem, size_t size, const struct tcp_config *cfg, sg_time now,
	     struct tcp_stack **out);

struct tcp_adopted {
	__u32 conns, timewait; /* that go on; connections with those whose end is still to be told */
	__u32 reset;	       /* of these: it was just being changed, or its listener being closed */
	__u32 broken;	       /* of these: its block did not make sense */
};

/*
 * Go on with the pools of a process that is dead, `mem` as tcp_init() had it, anywhere in memory
 * and with every store of that process up to any one of them in it. What is whole goes on where
 * it was, under the same handles; who was being changed is reset (-ECONNRESET, and RST to the
 * peer). Each that an application has gets an event, which is how the next one finds the handles;
 * tcp_info() says how far its streams are. tcp_set_user() values are 0. Listeners go on; offer
 * them anew.
 *
 * Shared tables: nobody may use them meanwhile. Before the first stack is adopted `acceptq` of all
 * queues and *timewaits must be 0, and `halfopen` and `young` what the half-open table holds; each
 * adoption adds what is its own. Flows of ours that nobody has any more are given back.
 *
 * -EPROTO: no pools of this program's. -EINVAL: not of this configuration, or too small. -ESTALE:
 * of another boot, or from a clock that is ahead. Then nothing has been changed.
 */
int tcp_adopt(void *mem, size_t size, const struct tcp_config *cfg, sg_time now,
	      struct tcp_adopted *what, struct tcp_stack **out);

/* --- segments and time ------------------------------------------------------------- */

/*
 * Take one segment in. Needs actions_room() >= ACTIONS_PER_INPUT. Returns -1, or the
 * number of the worker that has this flow: the segment is its to take, pass it on.
 */
int tcp_input(struct tcp_stack *s, const struct seg *in, sg_time now, struct actions *out);

/*
 * Segments that arrived together, before they are taken in one by one: fills in `hash` and brings
 * near what each of them will need, which lies anywhere in memory. Nothing but speed.
 */
void tcp_prepare(const struct tcp_stack *s, struct seg *in, unsigned n);

/*
 * Take in what an ICMP error tells of a segment of ours. Nobody vouches for it: it counts
 * only if the segment is still out (RFC 5927). Returns as tcp_input() does.
 */
int tcp_icmp(struct tcp_stack *s, const struct icmp_error *in, sg_time now);

/* Fill `out` (to its max) with what may be sent now: data, ACKs, FINs, RSTs, probes. */
void tcp_output(struct tcp_stack *s, sg_time now, struct actions *out);

/* Let timers fire that are due. Makes no segment itself: tcp_output() does. */
void tcp_expire(struct tcp_stack *s, sg_time now);

/* When tcp_expire() or tcp_output() has something to do; `now` or before: at once. */
sg_time tcp_deadline(const struct tcp_stack *s);

/*
 * Walk `n` buckets of the half-open table from `first`: send SYN-ACKs again that are
 * due, forget entries that ran out of retries. Stops early when `out` is full and
 * returns the number of buckets done. Workers share the table by walking apart.
 */
__u32 tcp_sweep_halfopen(struct tcp_stack *s, __u32 first, __u32 n, sg_time now,
			 struct actions *out);

/* --- listeners --------------------------------------------------------------------- */

/*
 * Serve listener `id`, whose sg_queue the caller has filled in (address, port, limits).
 * -EINVAL: no such id. -EALREADY: served already.
 */
int tcp_listen(struct tcp_stack *s, __u32 id, const struct sg_listener *l);

/* The same listener offers something else from now on. -EINVAL: it is not served. */
int tcp_listen_offer(struct tcp_stack *s, __u32 id, const struct sg_listener *l);

/* Stop. Connections of this stack that wait in its accept queue are reset. */
void tcp_unlisten(struct tcp_stack *s, __u32 id, sg_time now);

/* Does a connection of this stack wait at `id`? */
bool tcp_waiting(const struct tcp_stack *s, __u32 id);

/* The oldest connection of this stack that waits at `id`. -EAGAIN: none. */
int tcp_accept(struct tcp_stack *s, __u32 id, tcp_id *conn);

/* --- connections --------------------------------------------------------------------- */

/*
 * Active open. `mac` is the next hop's address, `mss` what we can take in one segment.
 * -EADDRINUSE: the tuple is taken, or in TIME_WAIT and tcp_tw_reuse keeps it. -ENOBUFS: no block
 * or slot is free. -ENETUNREACH: the peer is a multicast or broadcast address. -EINVAL: nor is it
 * one host's otherwise. -EADDRNOTAVAIL: neither is `local`.
 */
int tcp_connect(struct tcp_stack *s, const struct sg_tuple *t, const __u8 mac[6], __u16 mss,
		sg_time now, tcp_id *conn);

/*
 * Data that arrived in order, without copying: fills up to `max` pieces and returns how
 * many; 0: end of stream; -EAGAIN: nothing yet; -ECONNRESET, -ETIMEDOUT: dead. A stream that has
 * come to its end stays ended, whatever becomes of the connection then.
 * Pieces are borrowed until tcp_recv_done() says how many bytes were used up.
 */
int tcp_recv_peek(struct tcp_stack *s, tcp_id id, struct iovec *iov, int max);
int tcp_recv_done(struct tcp_stack *s, tcp_id id, size_t n, sg_time now);

/*
 * Room to write into, without copying: up to `max` pieces; -EAGAIN: the send buffer is
 * full, TCP_EV_WRITE will come; -EPIPE: after tcp_shutdown(); -ECONNRESET, -ETIMEDOUT.
 * tcp_send_done() sends the first `n` bytes of it and gives the rest back; call it with 0
 * when nothing came, so that an idle connection holds no memory.
 */
int tcp_send_room(struct tcp_stack *s, tcp_id id, struct iovec *iov, int max);
int tcp_send_done(struct tcp_stack *s, tcp_id id, size_t n, sg_time now);

/* The same with a copy. Return bytes moved, 0 at end of stream (recv), or as above. */
ssize_t tcp_recv(struct tcp_stack *s, tcp_id id, void *buf, size_t len, sg_time now);
ssize_t tcp_send(struct tcp_stack *s, tcp_id id, const void *buf, size_t len, sg_time now);

/*
 * No more data from us: FIN after what is buffered. In SYN-SENT the connection is over
 * (-ECONNRESET, no segment), as in Linux. -ENOTCONN: it is over already.
 */
int tcp_shutdown(struct tcp_stack *s, tcp_id id, sg_time now);

/*
 * We read no more: what is there and what still comes can be read, and when there is nothing it is
 * the end of the stream, as in Linux. The peer is not told. In SYN-SENT as tcp_shutdown().
 * -ENOTCONN.
 */
int tcp_shutdown_read(struct tcp_stack *s, tcp_id id);

/* The application lets go; the handle is dead. Unread data: RST, as Linux does. */
int tcp_close(struct tcp_stack *s, tcp_id id, sg_time now);

/* RST at once; the handle is dead. */
int tcp_abort(struct tcp_stack *s, tcp_id id, sg_time now);

/* Options, as setsockopt(2) has them in tcp(7) and socket(7). */
enum tcp_opt {
	TCP_OPT_NODELAY,      /* 1: no Nagle (RFC 9293 3.7.4): short segments go out at once. 0 */
	TCP_OPT_CORK,	      /* 1: nothing but full segments, until it is 0 again. 0 */
	TCP_OPT_QUICKACK,     /* 1: acknowledge at once. 0 */
	TCP_OPT_KEEPALIVE,    /* 1: probe when idle (RFC 9293 3.8.4). 0, or the knob `keepalive` */
	TCP_OPT_KEEPIDLE,     /* seconds, 1 to 32767. tcp_keepalive_time */
	TCP_OPT_KEEPINTVL,    /* seconds, 1 to 32767. tcp_keepalive_intvl */
	TCP_OPT_KEEPCNT,      /* probes, 1 to 127. tcp_keepalive_probes */
	TCP_OPT_LINGER,	      /* 0: tcp_close() resets. Else it leaves in order, as -1 at first */
	TCP_OPT_LINGER2,      /* seconds in FIN_WAIT_2 without an owner, 1 to 3600; -1: none.
				 0: tcp_fin_timeout */
	TCP_OPT_USER_TIMEOUT, /* ms until unacknowledged data ends it, to 86400000.
				 0: user_timeout_ms */
	TCP_OPT_TOS,	      /* the DiffServ byte, IP_TOS or IPV6_TCLASS: 0 to 255, of which the
				 two ECN bits are left out. 0, whatever the peer's packets bear */
	TCP_OPT_TTL,	      /* IP_TTL or IPV6_UNICAST_HOPS, 1 to 255; -1: ip_default_ttl */
	TCP_OPT_URGENT,	      /* read only: bytes to read until urgent data is behind (1: at the
				 mark, see SIOCATMARK of tcp(7)). 0: there is none */
	TCP_OPT_MAXSEG,	      /* read only: data in a full segment of ours */
	TCP_OPT_ERROR,	      /* read only: why it died, a positive errno; 0: it lives */
};

/* -EBADF: no such connection. -EINVAL: out of bounds. -ENOPROTOOPT: read only. */
int tcp_set_opt(struct tcp_stack *s, tcp_id id, enum tcp_opt opt, int value, sg_time now);
int tcp_get_opt(struct tcp_stack *s, tcp_id id, enum tcp_opt opt, int *value);

/* A value of the application's own. */
int tcp_set_user(struct tcp_stack *s, tcp_id id, __u64 user);

/* --- events -------------------------------------------------------------------------- */

enum {
	TCP_EV_ACCEPT = 1, /* listener `listener` has a connection waiting */
	TCP_EV_READ = 2,   /* data or end of stream */
	TCP_EV_WRITE = 4,  /* room in the send buffer, after it was full; or connected */
	TCP_EV_CLOSED = 8, /* reset or timed out: tcp_info().error says which. Close it. */
	TCP_EV_URGENT = 16, /* urgent data, or more of it, is on its way: TCP_OPT_URGENT */
};

struct tcp_event {
	unsigned events;
	__u32 listener; /* TCP_EV_ACCEPT alone */
	tcp_id id;
	__u64 user;
};

/* The next event, or false. An event that has been taken comes again only when more happens. */
bool tcp_next_event(struct tcp_stack *s, struct tcp_event *ev);

/* --- looking ------------------------------------------------------------------------- */

enum tcp_state { /* RFC 9293 3.3.2 */
	TCP_CLOSED,
	TCP_LISTEN,
	TCP_SYN_SENT,
	TCP_SYN_RCVD,
	TCP_ESTABLISHED,
	TCP_FIN_WAIT_1,
	TCP_FIN_WAIT_2,
	TCP_CLOSE_WAIT,
	TCP_CLOSING,
	TCP_LAST_ACK,
	TCP_TIME_WAIT,
};

/* As ss(8) prints it: "ESTAB", "FIN-WAIT-1", ... */
const char *tcp_state_name(enum tcp_state st);

struct tcp_facts {
	struct sg_tuple tuple;
	tcp_id id;
	enum tcp_state state;
	int error;          /* why it died, negative errno; 0: it lives */
	__u32 listener;     /* (__u32)-1: active open */
	bool waiting;       /* in the accept queue */
	bool cookie;        /* it came with a SYN cookie, not from the half-open queue */
	__u32 handshake_us; /* SYN to final ACK, in whole ms; 0: a cookie's, which nobody knows, or ours */
	bool orphan;        /* no application has it */
	__u32 recv_q;       /* bytes the application has not read */
	__u32 send_q;       /* bytes not yet acknowledged */
	__u32 snd_cwnd, snd_ssthresh, snd_wnd, rcv_wnd; /* bytes */
	__u32 mss;
	__u32 srtt_us, rttvar_us, min_rtt_us, rto_ms;
	const char *cc;     /* congestion control: "cubic", "reno" */
	const char *ca;     /* its state: "open", "cwr", "recovery", "loss" */
	__u32 retrans;      /* timeouts in a row */
	__u64 total_retrans;
	__u64 bytes_in, bytes_out;
	const char *timer;  /* "on" (retransmission, or a probe for a lost tail), "persist", "keepalive", "timewait", "" */
	__u32 timer_ms;     /* until it fires */
	sg_time born;
	__u64 user;	    /* tcp_set_user(); 0: no application has it */
};

int tcp_info(const struct tcp_stack *s, tcp_id id, sg_time now, struct tcp_facts *info);

/*
 * All connections, then all in TIME_WAIT (state TCP_TIME_WAIT, id 0), in no order. Start
 * with *cursor = 0; false at the end. The stack must not change in between.
 */
bool tcp_each(const struct tcp_stack *s, __u64 *cursor, sg_time now, struct tcp_facts *info);

struct tcp_usage {
	__u32 conns, timewait, chunks; /* in use */
	__u32 max_conns, max_timewait, max_chunks;
};
void tcp_usage(const struct tcp_stack *s, struct tcp_usage *u);

/* Does everything hold that must? NULL, or what does not. For tests: it looks at every block. */
const char *tcp_check(const struct tcp_stack *s);

#endif
