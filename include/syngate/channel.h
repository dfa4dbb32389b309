/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Between a program (libsyngate) and the daemon: messages on a SOCK_SEQPACKET socket,
 * /run/syngate/<name>.app, and one shared page-aligned memory for each listener. Host byte order, but for
 * struct sg_addr. The daemon believes nothing that a program writes.
 *
 *	program                                   daemon
 *	  SG_CHANNEL_LISTEN -------------------->
 *	  <--- reply, with the memory and a bell     the socket is the listener from now on
 *	  <--- struct sg_channel_conn, with a descriptor, for each connection; or several
 *	  SG_CHANNEL_BYE ----------------------->    no more; those that are accepted go on
 *	  (hang up without that: the program is dead, and its connections are reset)
 *
 *	  SG_CHANNEL_CLIENT -------------------->    or so, for connections of its own
 *	  <--- reply, likewise
 *	  SG_CHANNEL_CONNECT, with a descriptor ->   struct sg_channel_connected comes through that
 *
 * A connection that is on its way counts as one of the accept queue until the program has taken it,
 * which it says in `taken`. If `ring` is set by then it writes to the bell, an eventfd.
 */
#ifndef SYNGATE_CHANNEL_H
#define SYNGATE_CHANNEL_H

#include "addr.h"
#include "base.h"

#define SG_CHANNEL_MAGIC   0x53474333 /* "SGC3": goes up with any change of this file */
#define SG_CHANNEL_SOURCES 64	      /* workers that a listener's connections come from */
#define SG_CHANNEL_CHUNK   256u	      /* slots that a worker gets at a time */
#define SG_CHANNEL_CHUNKS  256u
#define SG_CHANNEL_SLOTS   (SG_CHANNEL_CHUNK * SG_CHANNEL_CHUNKS) /* more are served */
#define SG_CHANNEL_NO_SLOT 0xffffffffu
#define SG_CHANNEL_BATCH   16

enum sg_channel_op {
	SG_CHANNEL_LISTEN = 1,	/* the first message of a socket, */
	SG_CHANNEL_CLIENT = 2,	/* or this: it has connections of its own, and no listener */
	SG_CHANNEL_BYE = 3,	/* on a listener's: it is to be closed */
	SG_CHANNEL_CONNECT = 4, /* on a client's: struct sg_channel_connect */
};

struct sg_channel_request {
	__u32 magic;
	__u32 op;
	struct sg_addr addr; /* zero: every local address */
	__u16 port;
	__u16 zero;
	__s32 backlog;	   /* -1: somaxconn */
	__s32 syn_backlog; /* -1: the backlog */
	__u32 flags;	   /* SG_CHANNEL_RINGS */
	__u32 ring_size;   /* bytes of a ring, a power of two; and connections: channel_ring.h */
	__u32 ring_conns;  /* 0: SG_RING_CONNS, or more if the workers are many; the memory's size tells */
	__u32 batch;	   /* connections that may come in one message, to SG_CHANNEL_BATCH; 0: one */
};

#define SG_CHANNEL_RINGS 1u

/* With one end of a stream socket pair, where the answer comes first, and then the connection's data. */
struct sg_channel_connect {
	__u32 magic;
	__u32 op;
	struct sg_addr peer, source; /* source zero: as the route says */
	__u16 peer_port, source_port; /* source_port 0: any */
	__u32 timeout_s;	      /* 0: as long as tcp_syn_retries take */
};

struct sg_channel_reply {
	__u32 magic;
	__s32 error;	/* 0 or a negative errno */
	char text[256]; /* then: why, and what mends it */
};

enum sg_channel_admitted {
	SG_CHANNEL_QUEUE,  /* by the half-open queue */
	SG_CHANNEL_COOKIE, /* by a SYN cookie */
	SG_CHANNEL_OURS,   /* a connection of our own */
};

struct sg_channel_conn {
	__u32 magic;
	__u32 slot;   /* in sg_channel_memory, or SG_CHANNEL_NO_SLOT */
	__u32 gen;    /* of that slot */
	__u32 source; /* whose `taken` is to be one up */
	struct sg_tuple tuple; /* local: the address that it came to */
	__u32 handshake_us;    /* 0: nobody knows */
	__u8 admitted;	       /* enum sg_channel_admitted */
	__u8 nonblock;	       /* its descriptor has O_NONBLOCK */
	__u16 zero;
};

struct sg_channel_connected {
	struct sg_channel_reply reply;
	struct sg_channel_conn conn;
};

/* --- a connection's slot ------------------------------------------------------------------- */

/* How the program wants it to be: sg_channel_slot.state, below the generation. */
#define SG_CHANNEL_CLOSED   (1u << 0) /* closed in good order: what was written is sent, then FIN */
#define SG_CHANNEL_RESET    (1u << 1) /* closed by a reset */
#define SG_CHANNEL_LINGER0  (1u << 2) /* to be closed by a reset, whoever closes it */
#define SG_CHANNEL_NODELAY  (1u << 3)
#define SG_CHANNEL_CORK	    (1u << 4)
#define SG_CHANNEL_QUICKACK (1u << 5)
#define SG_CHANNEL_SET(o)   (1u << (16 + (o))) /* option[o] counts */

enum sg_channel_option {
	SG_CHANNEL_KEEPALIVE,
	SG_CHANNEL_KEEPIDLE,
	SG_CHANNEL_KEEPINTVL,
	SG_CHANNEL_KEEPCNT,
	SG_CHANNEL_LINGER2,
	SG_CHANNEL_USER_TIMEOUT,
	SG_CHANNEL_TOS,
	SG_CHANNEL_TTL,
	SG_CHANNEL_OPTIONS,
};

/*
 * Two words begin with the slot's generation in their upper half: who finds another one there than its
 * own has a connection that is over, and leaves the words alone.
 */
struct sg_channel_slot {
	/* the daemon's: below, why the connection died: a positive errno, set before its descriptor shows
	   the end; 0: it did not */
	__u64 error __attribute__((aligned(64)));
	/* the program's, by compare-and-swap; the daemon's when the connection begins */
	__u64 state __attribute__((aligned(64)));
	__s32 option[SG_CHANNEL_OPTIONS]; /* written before `state` says that it counts */
	__u32 asked;			  /* one up: facts are asked for */
};

/* The daemon's, when it was asked for. */
struct sg_channel_facts {
	__u32 answered; /* what `asked` was, and a futex */
	__u32 version;	/* odd: just being written */
	__u32 gen;	/* of whom; another one: that connection is over */
	__u32 state;	/* as Linux numbers them */
	__u32 rtt_us, rttvar_us, min_rtt_us, rto_ms;
	__u32 mss, cwnd, ssthresh, snd_wnd, rcv_wnd; /* bytes */
	__u32 recv_q, send_q;			     /* bytes unread, unacknowledged */
	__u32 ca;	/* congestion control's state, as Linux numbers them */
	__u32 backoff;	/* timeouts in a row */
	__u32 keepalive, keepidle, keepintvl, keepcnt, user_timeout, tos, ttl;
	__s32 linger2;
	__u32 zero;
	__u64 retransmits, bytes_in, bytes_out;
	char cc[16]; /* congestion control */
} __attribute__((aligned(64)));

/* Changes of options and questions: the bit of the slot, then the bell. */
struct sg_channel_memory {
	__u32 ring[SG_CHANNEL_SOURCES];	 /* the daemon's: 1: ring when you take one */
	__u32 taken[SG_CHANNEL_SOURCES]; /* the program's: connections that it has taken so far */
	__u32 nonblock;			 /* the program's: descriptors are to have O_NONBLOCK */
	__u64 ask[SG_CHANNEL_SLOTS / 64] __attribute__((aligned(64)));
	struct sg_channel_slot slot[SG_CHANNEL_SLOTS];
	struct sg_channel_facts facts[SG_CHANNEL_SLOTS];
};

#endif
