/* SPDX-License-Identifier: BSD-2-Clause */
/* What synload and its two XDP programs share. Times in us are the low 32 bits of the clock. */
#ifndef SYNLOAD_SHARED_H
#define SYNLOAD_SHARED_H

#include "latency.h"
#include "syngate/addr.h"

/* Kinds of frame, each a mode by itself, and more modes. */
enum sl_mode {
	SL_SYN,
	SL_ACK,
	SL_RST,
	SL_FIN,
	SL_SYNACK,
	SL_DATA,
	SL_FRAGMENT,
	SL_LAND,
	SL_BOGUS,
	SL_KINDS,
	SL_MIXED = SL_KINDS, /* all of these */
	SL_HANDSHAKE,
	SL_REQUEST,
	SL_MODES,
};

#define SL_TEMPLATES 16 /* SL_KINDS, rounded up to a power of two */

#define SL_FRAME_MAX   1514
#define SL_REQUEST_MAX 200 /* an answer grows by its head, and there is no more room */

/* A frame that lacks its source and its numbers. */
struct sl_template {
	__u16 len;
	__u8 l4_off;
	__u8 ts_off;  /* of TSval, from the beginning; 0: no timestamps */
	__u64 ip_sum; /* IPv4 header */
	__u64 l4_sum; /* pseudo header, TCP header and data */
	__u8 frame[SL_FRAME_MAX];
};

struct sl_config {
	struct sg_addr to;	   /* the target, and */
	struct sg_addr from, mask; /* the prefix of the sources, IPv4 mapped */
	__u16 port;
	__u8 v6;
	__u8 bits;	   /* of a source address that vary one by one: at most 48 */
	__u8 mode;	   /* enum sl_mode */
	__u8 bad_checksum; /* the bits of TCP's that are turned over */
	__u16 request_len;
	__u32 ifindex;
	__u64 seed;
	__u64 gap;	   /* between two frames, in 1/1024 ns; 0: none */
	__u64 time, count; /* when to end: ns, frames; 0: no limit */
	__u64 request_sum;
	__u32 most;	   /* connections under way at a time; 0: no limit */
	__u8 request[SL_REQUEST_MAX];
};

#define SL_NS_SHIFT 10 /* of struct sl_config's gap */

/* Where the sender is. It runs on one processor at a time. */
struct sl_sender {
	__u64 begin, now;    /* ns */
	__u64 due, earliest; /* of the next frame, in 1/1024 ns since `begin` */
	__u64 sent, last;    /* frames, and when the last of them went (ns) */
	__u64 drawn;	     /* calls of the program */
	__u32 done;
	__u32 slot; /* the next connection's */
};

/*
 * The last million connections: what an answer belongs to, and how far it is. Its number, the
 * slot, stands in our ISN, so that any acknowledgment finds it.
 */
#define SL_SLOTS      (1u << 20)
#define SL_SLOT_SHIFT 12 /* ISN = slot << 12: room for what we send, which is the request */

enum sl_state {
	SL_NONE, /* nothing was sent out of this slot */
	SL_SYN_SENT,
	SL_OPEN,    /* SYN-ACK came */
	SL_DATA_IN, /* and data */
	SL_BAD,	    /* and it was an HTTP error */
	SL_CLOSED,  /* FIN came */
	SL_RESET,
};

struct sl_slot {
	__u32 sent_us;
	__u32 rcv_nxt;
	__u32 name; /* port and the end of the address: whose it is */
	__u32 state;
};

struct sl_stats {
	__u64 synack, rst, ack, data, fin; /* what came from the target, each frame once */
	__u64 answered;			   /* connections and SYNs, each once */
	__u64 again;			   /* SYN-ACKs that came again, or too late to tell */
	__u64 completed;
	__u64 bad;     /* requests that had no answer, or one that says so */
	__u64 refused; /* connections that a RST ended before they were complete */
	__u64 stray;   /* answers to nothing that we sent */
	__u64 bytes;   /* of data, once */
	__u64 max_us;
	__u64 latency[SL_BUCKETS];
};

#define SL_LATE_US 900000 /* SYN-ACKs are sent again after a second, RFC 6298 2.1 */
#define SL_LOST_US 3500000 /* and after three: whoever has nothing by then is given up */

#endif
