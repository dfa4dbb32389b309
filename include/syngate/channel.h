/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Between a program (libsyngate) and the daemon: messages on a SOCK_SEQPACKET socket,
 * /run/syngate/<name>.app, and one shared page-aligned memory for each listener. Host byte order, but for
 * struct sg_addr. The daemon believes nothing that a program writes.
 *
 *	program                                   daemon
 *	  SG_CHANNEL_LISTEN -------------------->
 *	  <--- reply, with the memory and a bell     the socket is the listener from now on
 *	  <--- struct sg_channel_conn, with a descriptor, for each connection
 *	  SG_CHANNEL_BYE ----------------------->    no more; those that are accepted go on
 *	  (hang up without that: the program is dead, and its connections are reset)
 *
 * A connection that is on its way counts as one of the accept queue until the program has taken it,
 * which it says in `taken`. If `ring` is set by then it writes to the bell, an eventfd.
 */
#ifndef SYNGATE_CHANNEL_H
#define SYNGATE_CHANNEL_H

#include "addr.h"
#include "base.h"

#define SG_CHANNEL_MAGIC   0x53474331 /* "SGC1": goes up with any change of this file */
#define SG_CHANNEL_SOURCES 64	      /* workers that a listener's connections come from */
#define SG_CHANNEL_SLOTS   65536      /* connections of a listener whose end can be told; more are served */
#define SG_CHANNEL_NO_SLOT 0xffffffffu

enum sg_channel_op {
	SG_CHANNEL_LISTEN = 1, /* the first message of a socket */
	SG_CHANNEL_BYE = 2,    /* on a listener's: it is to be closed */
};

struct sg_channel_request {
	__u32 magic;
	__u32 op;
	struct sg_addr addr; /* zero: every local address */
	__u16 port;
	__u16 zero;
	__s32 backlog;	   /* -1: somaxconn */
	__s32 syn_backlog; /* -1: the backlog */
};

struct sg_channel_reply {
	__u32 magic;
	__s32 error;	/* 0 or a negative errno */
	char text[256]; /* then: why, and what mends it */
};

struct sg_channel_conn {
	__u32 magic;
	__u32 slot;   /* in sg_channel_memory, or SG_CHANNEL_NO_SLOT */
	__u32 source; /* whose `taken` is to be one up */
	__u16 gen;    /* of that slot */
	__u16 zero;
	struct sg_tuple tuple; /* local: the address that it came to */
};

enum sg_channel_end {
	SG_CHANNEL_OPEN = 0, /* should its descriptor be closed all the same, perhaps the program is dead */
	SG_CHANNEL_CLOSED = 1, /* in good order: what was written is sent, then FIN */
	SG_CHANNEL_RESET = 2,  /* SO_LINGER 0 */
};

struct sg_channel_memory {
	__u32 ring; /* the daemon's: 1: tell me when you take one */
	__u32 taken[SG_CHANNEL_SOURCES]; /* the program's: connections that it has taken so far */
	/*
	 * The generation of the slot, and below that, in 16 bits, why its connection died: a positive errno,
	 * set before its descriptor shows the end; 0: it did not.
	 */
	__u32 error[SG_CHANNEL_SLOTS];
	/* the program's: enum sg_channel_end, before it closes its descriptor */
	__u8 end[SG_CHANNEL_SLOTS];
};

#endif
