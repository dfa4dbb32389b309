/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Every struct that lies in a BPF map or in frame metadata. bpf/ and user/ meet here
 * and nowhere else. Host byte order unless a field says otherwise; addresses are
 * struct sg_addr (network order, IPv4 mapped).
 *
 * Pins, under /sys/fs/bpf/syngate/<instance>/: `link`, and the maps
 *
 *	listeners    hash      sg_listener_key -> sg_listener    read by people
 *	locals       LPM trie  sg_prefix -> __u8                 the host's own addresses
 *	prefixes     LPM trie  sg_prefix -> sg_listed            allowed and denied peers
 *	queues       array     listener id -> sg_queue           mmapable, read by people
 *	counters     per-CPU   0 -> sg_counters                  read by people
 *	tcp_counters array     worker -> sg_tcp_counters         mmapable, read by people
 *	settings     array     0 -> sg_settings                  mmapable, read by people
 *	workers      array     RX queue -> sg_worker             mmapable, read by people
 *	keys         array     0 -> sg_keys                      root's secret
 *	halfopen     array     bucket -> sg_ways                 mmapable; `syngate show halfopen`
 *	halfopen_entries  array  bucket * SG_WAYS + way -> sg_halfopen    mmapable
 *	proven       array     bucket -> sg_proven_bucket        mmapable; proven.h
 *	flows        array     bucket -> sg_ways                 mmapable; `syngate show conns`
 *	flow_tuples  array     bucket -> sg_flow_tuples          mmapable; whose they are
 *	flow_homes   array     bucket / 8 -> __u8[8]             mmapable; is there any at all?
 *	xsks         xskmap    RX queue -> AF_XDP socket
 *
 * Not pinned: `ports`, SG_PORT_* for each local port, and `budgets`, what may still be answered.
 */
#ifndef SYNGATE_ABI_H
#define SYNGATE_ABI_H

#include "addr.h"
#include "base.h"
#include "settings.h"
#include "siphash.h"
#include "verdict.h"

#define SG_ABI 7 /* goes up when anything in this file changes shape or meaning */
#define SG_MAX_LISTENERS 4096
#define SG_MAX_QUEUES 64

/* --- listeners ------------------------------------------------------------------- */

struct sg_listener_key { /* key of `listeners` */
	struct sg_addr addr; /* all zero: every local address, IPv4 and IPv6 */
	__u16 port;          /* host order: people read it in bpftool */
	__u16 zero;          /* keys are compared as bytes: no holes */
};

enum sg_listener_state {
	SG_LISTENER_CLOSED = 0, /* taken out: its frames go to the kernel */
	SG_LISTENER_OPEN = 1,
};

struct sg_listener { /* value of `listeners` */
	__u32 id;                     /* index into `queues` */
	enum sg_listener_state state;
	__u16 mss4, mss6;             /* MSS to offer, by address family */
	__u8 wscale;                  /* window scale to offer */
	__u8 zero;
	__u16 window;                 /* window in the SYN-ACK, unscaled */
};

struct sg_prefix { /* key of `locals` (what is this host) and `prefixes`; an address or more */
	__u32 prefix; /* bits, of 128: an IPv4 address has 128, an IPv4 /16 has 112 */
	struct sg_addr addr;
};

#define SG_MAX_LOCALS 65536
#define SG_MAX_PREFIXES 262144

enum sg_list {
	SG_LIST_NONE = 0,
	SG_LIST_ALLOW = 1, /* no budget keeps it from being answered, and it counts as proven */
	SG_LIST_DENY = 2,  /* its segments to us are dropped */
};

struct sg_listed { /* value of `prefixes`: the longest one that fits a peer counts */
	enum sg_list list;
	__u16 bits;  /* its length, of 32 or 128 */
	__u16 v6;    /* 1: IPv6. ::/0 fits mapped addresses as well, and is not meant for them */
	__u32 since; /* sg_settings.generation when it was put there */
};

/* Two bits a local port in `ports`, 32 ports a word. */
#define SG_PORT_OURS 1	 /* it may have a listener or a flow. All other TCP passes at once */
#define SG_PORT_KERNEL 2 /* the kernel may have a connection there: it is asked */

/*
 * Value of `queues`. `halfopen` and `acceptq` are changed by the driver and by every
 * worker: reserve with an atomic add, give back when the old value was over the limit.
 * Linux's rule: a queue is full when its length > its limit, so it holds limit + 1.
 */
struct sg_queue {
	__u32 halfopen __attribute__((aligned(SG_CACHELINE))); /* entries in the half-open queue */
	__u32 young; /* of these: SYN-ACK never sent again by the timer */
	__u32 acceptq __attribute__((aligned(SG_CACHELINE)));  /* established, not yet accepted */
	/* written by the daemon when it listens, read on the SYN path */
	struct sg_addr addr __attribute__((aligned(SG_CACHELINE)));
	__u16 port;
	__u16 in_use;      /* 1: this element belongs to a listener */
	__u32 syn_backlog; /* limit of halfopen */
	__u32 strangers;   /* the same for peers that are not proven */
	__u32 backlog;     /* limit of acceptq */
	/* atomic adds, Linux's MIB names */
	__u64 ListenOverflows __attribute__((aligned(SG_CACHELINE)));
	__u64 ListenDrops;
	__u64 TCPReqQFullDrop;
	__u64 PassiveOpens;
	__u64 SyncookiesSent;
	__u64 SyncookiesRecv;
	__u64 SyncookiesFailed;
	__u32 cookie_at; /* ms, low 32 bits of CLOCK_MONOTONIC: the last cookie sent; 0: never */
	__u32 zero;
};

/* --- the half-open queue --------------------------------------------------------- */

/*
 * Half-open entry: one cache line, what the final ACK and a resend need and no more.
 * ISS is recomputed: sg_iss(hash, when). The word that owns the slot is in `halfopen`.
 */
struct sg_halfopen {
	struct sg_tuple tuple;
	__u32 irs;      /* the SYN's sequence number */
	__u32 when;     /* ms, low 32 bits of CLOCK_MONOTONIC: the SYN's arrival */
	__u32 tsval;    /* the SYN's TSval (TS.Recent); 0 without SG_OPT_TS */
	__u8 mac[6];    /* the peer's, or its router's, Ethernet address */
	__u16 mss;      /* the peer's MSS; the default of its family if it sent none */
	__u8 opts;      /* SG_OPT_* */
	__u8 answered;  /* last answer to a repeat: ms >> SG_ANSWERED_SHIFT, low 8 bits; 0: none */
	__u16 tail;     /* sg_synq_listener(): id, 12 bits; above it the next 4 of `answered` */
};

#define SG_ANSWERED_SHIFT 4
#define SG_ANSWERED_MASK 0xfff

/* sg_halfopen.opts: the peer's window scale, 15 = not offered, and what both agreed on. */
#define SG_OPT_WSCALE 0x0f
#define SG_OPT_NO_WSCALE 0x0f
#define SG_OPT_SACK 0x10
#define SG_OPT_TS 0x20
#define SG_OPT_ECN 0x40
#define SG_OPT_ACKED 0x80 /* final ACK seen, accept queue was full */

_Static_assert(sizeof(struct sg_halfopen) == 64, "a half-open entry is one cache line");

/*
 * Slot word, changed by compare-and-swap only: FREE -> BUSY -> LIVE -> FREE.
 *
 *	bits  0..1   state
 *	bits  2..11  generation, one up each time the slot is claimed
 *	bits 12..15  `halfopen`: SYN-ACKs sent again by the timer
 *	bits 16..31  `halfopen`: when the SYN-ACK timer is due, ms >> SG_DUE_SHIFT, low
 *	             16 bits; `flows`: the worker that owns the flow
 *	bits 32..63  tag: sg_hash.table
 */
#define SG_SLOT_STATE 0x3ULL
#define SG_SLOT_FREE 0ULL
#define SG_SLOT_BUSY 1ULL
#define SG_SLOT_LIVE 2ULL
#define SG_SLOT_GEN_SHIFT 2
#define SG_SLOT_GEN 0x0ffcULL
#define SG_SLOT_RETRIES_SHIFT 12
#define SG_SLOT_RETRIES 0xf000ULL
#define SG_SLOT_INFO_SHIFT 16
#define SG_SLOT_INFO 0xffff0000ULL
#define SG_SLOT_TAG_SHIFT 32

#define SG_DUE_SHIFT 3

#define SG_WAYS 7

/*
 * The slots of a bucket, one cache line: what a search that finds nothing reads, mostly this
 * alone. Entries lie elsewhere, so that these have few pages and are in a cache. `spilled`: entries whose first bucket this is and that lie in their second one; never
 * less than there are.
 */
struct sg_ways {
	__u64 slot[SG_WAYS];
	__u64 spilled;
} __attribute__((aligned(SG_CACHELINE)));

/* --- proven peers ---------------------------------------------------------------- */

#define SG_PROVEN_BUCKETS 8192 /* 65,536 addresses */
#define SG_PROVEN_WAYS 8

/* Value of `proven`: marks of addresses, sg_proven_mark(); 0: free. One cache line. */
struct sg_proven_bucket {
	__u64 mark[SG_PROVEN_WAYS];
} __attribute__((aligned(SG_CACHELINE)));

/* --- flows ----------------------------------------------------------------------- */

/* Value of `flow_tuples`: the tuples of a bucket of `flows`, which are struct sg_ways, info = owner. */
struct sg_flow_tuples {
	struct sg_tuple tuple[SG_WAYS];
};

_Static_assert(sizeof(struct sg_flow_tuples) == 280, "flow tuples are ABI");

/* A word of `flow_homes`: of how many flows a bucket is the first one; never less than there are. */
struct sg_flow_homes {
	__u8 flows[8];
};

/* --- per RX queue ---------------------------------------------------------------- */

struct sg_worker { /* value of `workers` */
	__u64 heartbeat; /* ms of CLOCK_MONOTONIC when the worker last went round; 0: none */
	__u32 tid;       /* its thread */
	__u32 rx_queue;
	/* the driver's budgets for this queue, budget.h: all SYN-ACKs, all RSTs, and ACKs that
	 * might have answered a cookie and did not */
	__u64 synack_until __attribute__((aligned(SG_CACHELINE)));
	__u64 rst_until;
	__u64 cookie_until;
	__u32 dead; /* the driver's: heartbeat late; 0 again once it is younger than half the limit */
	__u64 rsts_limited; /* RSTs that were not sent, for want of budget */
};

#define SG_BUDGET_CELLS 16384

/* Value of `budgets`: one for each RX queue and hash of a source prefix. */
struct sg_budget {
	__u64 synack;
	__u64 rst;
};

/* SYN cookies, cookie.h. Hosts that have the same ones take each other's. */
struct sg_cookie_keys {
	struct sg_key key[2]; /* the one that makes them, and the one before it; all 0: none */
	__u32 current;        /* which: 0 or 1. Changed last, so that nobody sees half a key */
	__u32 zero;
	__u64 clock; /* ms: with CLOCK_MONOTONIC the clock that those hosts agree on */
};

struct sg_keys { /* value of `keys` */
	struct sg_tuple_key tuple; /* ISN, timestamp offset, table placement */
	struct sg_cookie_keys cookie;
};

/* --- frame metadata -------------------------------------------------------------- */

enum sg_meta_kind {
	SG_META_NONE = 0,
	SG_META_FLOW = 1,      /* known flow: `owner` is valid */
	SG_META_HANDSHAKE = 2, /* fits the half-open entry in `slot` */
	SG_META_ICMP = 3,      /* ICMP error that quotes the flow of `owner` */
	SG_META_COOKIE = 4,    /* answer to a SYN cookie: `irs`, `tsval`, `mss`, `opts`, `listener` */
};

#define SG_META_MAGIC 0x5347 /* "SG" */

/*
 * 32 bytes in front of a frame that XDP hands to a worker: what the driver decided.
 * A worker that finds no magic looks the frame up itself (drivers without metadata).
 */
struct sg_meta {
	__u16 magic;
	__u8 kind;      /* enum sg_meta_kind */
	__u8 opts;      /* the half-open entry's, as are irs, when, tsval, mss, listener */
	__u32 slot;     /* sg_index() */
	__u16 gen;      /* generation of that slot */
	__u16 listener;
	__u32 irs;
	__u32 when;
	__u32 tsval;
	__u16 mss;
	__u16 owner;    /* worker that has the flow */
	__u16 l3_off;   /* offset of the IP header in the frame */
	__u16 l4_off;   /* offset of the TCP header */
};

_Static_assert(sizeof(struct sg_meta) == 32, "metadata is 32 bytes");

#endif
