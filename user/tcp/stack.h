/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Inside the engine: the connection block, the stack, and what the engine's files call of
 * each other. RFC 9293's variable names. All links are indices into the pools, 0 = none.
 */
#ifndef TCP_STACK_H
#define TCP_STACK_H

#include "syngate/cookie.h"
#include "syngate/proven.h"
#include "syngate/synq.h"
#include "tcp/tcp.h"

#define NIL 0u
#define NO_LISTENER ((__u32)-1)

/* --- buffers (buf.c) ------------------------------------------------------------------ */

/*
 * A window onto a byte stream, held in chunks: `inl` lists the first few, a directory
 * chunk more of them, as a ring from `first`. Holes are chunks that are not there.
 */
#define BUF_INLINE 4
#define BUF_DIR (TCP_CHUNK / 4)
#define BUF_MAX ((BUF_DIR - 1) * TCP_CHUNK)

struct buf {
	__u32 len; /* bytes from the first on that count as there */
	__u32 dir; /* chunk that holds the directory; NIL: inl[] does */
	__u32 inl[BUF_INLINE];
	__u16 first; /* ring index of the chunk that holds the first byte */
	__u16 off;   /* where in it the first byte lies */
	__u32 span;  /* chunks from the first on that may be there */
};

/* --- the connection block --------------------------------------------------------------- */

enum { /* tcp.flags */
	T_OWNED = 1 << 0,       /* an application, or the accept queue, has it */
	T_WAITING = 1 << 1,     /* in the accept queue */
	T_TS = 1 << 2,          /* timestamps agreed on */
	T_SACK = 1 << 3,        /* SACK agreed on */
	T_FIN_QUEUED = 1 << 4,  /* our FIN follows the buffered data */
	T_FIN_RCVD = 1 << 5,    /* the peer's FIN is in order */
	T_RCV_SHUT = 1 << 6,    /* the application reads no more */
	T_NODELAY = 1 << 7,     /* no Nagle */
	T_WANT_WRITE = 1 << 8,  /* the application met a full send buffer */
	T_REORDERED = 1 << 9,   /* this path has been seen to reorder */
	T_ACK_NOW = 1 << 10,    /* owes an ACK */
	T_RST = 1 << 11,        /* owes a RST */
	T_KEEPALIVE = 1 << 12,  /* probe it when idle */
	T_PROBE = 1 << 13,      /* owes a zero-window or keep-alive probe */
	T_READY = 1 << 14,      /* on the output list */
	T_HASHED = 1 << 15,     /* in the flow table */
	T_LINGER0 = 1 << 16,    /* tcp_close() resets */
	T_OOO = 1 << 17,        /* `reasm` holds ranges */
	T_SYN_QUEUED = 1 << 18, /* counts in its listener's half-open length */
	T_FIN_SEEN = 1 << 19,   /* the peer's FIN was seen, at fin_seq, perhaps out of order */
	T_WSCALE = 1 << 20,     /* window scaling agreed on, be it by 0 */
	T_SYN_YOUNG = 1 << 21,  /* counts in its listener's young ones too */
	T_DSACK = 1 << 22,      /* dsack_left, dsack_right: to be told with the next ACK */
	T_ORPHAN = 1 << 23,     /* in FIN_WAIT_2 without an owner, counted in TW */
	T_ECN = 1 << 24,        /* agreed on, or asked for */
	T_ECN_CE = 1 << 25,     /* a mark was seen: ECE until the peer says CWR */
	T_ECN_CWR = 1 << 26,    /* our window was cut: to be told with the next new data */
	T_CORK = 1 << 27,       /* full segments only */
	T_QUICKACK = 1 << 28,   /* no delayed ACKs */
	T_READ_END = 1 << 30,   /* shutdown(SHUT_RD): nothing to read is the end */
	T_URGENT = 1u << 31,    /* rcv_up is ahead of what the application has read */
	T_UNOWNED = 1 << 29,    /* closed by its application, not over: counts in tcp_stack.orphans */
};

/* What rexmit_at is for: a timeout, a window probe, RACK's second look, a tail loss probe. */
enum timer_kind { TIMER_REXMIT, TIMER_PERSIST, TIMER_REORDER, TIMER_TLP };
enum {
	DUE_REXMIT = 1 << TIMER_REXMIT,
	DUE_PERSIST = 1 << TIMER_PERSIST,
	DUE_REORDER = 1 << TIMER_REORDER,
	DUE_TLP = 1 << TIMER_TLP,
	DUE_DELACK = 16,
	DUE_LIFE = 32,
};

enum ca { CA_OPEN, CA_CWR, CA_RECOVERY, CA_LOSS }; /* recovery.h */

#define CC_NO_SSTHRESH 0x7fffffffu

struct cubic { /* RFC 9438 4.1; windows in bytes */
	__u32 w_max, w_est, origin, est_acked;
	__u32 epoch, k; /* ms; epoch 0: begins with the next ACK */
};

struct hystart { /* RFC 9406 4.2; round trips in microseconds */
	sg_seq end;
	__u32 last_min, cur_min, css_base;
	__u8 samples, css; /* css: rounds of conservative slow start; 0: none */
};

/*
 * How large a segment the path lets through (mtu.c). Sizes are bytes of data, as `mss`;
 * those from `low` to `high` are still to be tried.
 */
struct mtu {
	__u16 top;   /* what the two sides agreed on */
	__u16 low;   /* passes; 0: no search is on (RFC 4821 7) */
	__u16 high;  /* the most that may pass */
	__u16 probe; /* size of the probe that is out; 0: none */
	sg_seq probe_seq;
	__u16 since; /* seconds: when `high` or the search was set */
	__s16 soft_error; /* icmp.c: negative errno, what a timeout will have been */
};

/*
 * One connection. What every segment in order touches comes first (TCP_HOT bytes), since with a
 * million connections each line of it is a miss.
 */
struct tcp {
	struct sg_tuple tuple;
	__u32 gen; /* odd while in use */
	__u32 flags;
	__u8 state; /* enum tcp_state; changed by state_set() alone */
	__u8 timer; /* enum timer_kind: what rexmit_at is for */
	__u8 snd_wscale, rcv_wscale;
	__u8 mac[6];
	__u16 mss;     /* bytes of data in a full segment of ours */
	__u16 our_mss; /* what we told the peer */
	__u16 rcv_mss; /* the largest segment seen lately, for delayed ACKs */
	__s16 error;   /* negative errno */
	__u16 events;  /* TCP_EV_* not yet taken */
	sg_seq iss, snd_una, snd_nxt, snd_max;
	sg_seq snd_wl1, snd_wl2;
	__u32 snd_wnd, max_wnd;
	sg_seq rcv_nxt;
	sg_seq rcv_adv; /* right edge of the window that we last offered */
	sg_seq last_ack_sent;
	__u32 ts_off, ts_recent; /* RFC 7323 */
	struct buf rcv;		 /* from the first unread byte; len counts what is in order */
	__u32 reasm;		 /* chunk with the ranges out of order */
	__u32 data_at;		 /* ms, when data in order came last */
	__u32 rcv_buf;		 /* how large the receive buffer may become; 0: tcp_rmem_default */
	__u32 rcv_rtt;		 /* microseconds, from the echoes in the peer's data; 0: none yet */
	__u32 drs_at;		 /* flight_clock() when this round of reading began */
	__u32 drs_copied, drs_before; /* bytes read in it, and in the one before */
	__u32 rcv_at;		      /* ms, when something acceptable arrived last */
	__u8 quick : 5, pushed : 2, pingpong : 1; /* delack.c */
	__u8 keep_probes; /* sent so far without an answer */
	__u8 ca;	  /* enum ca */
	__u8 dupacks;	  /* 255: that many or more */
	__u32 flight;	  /* chunk with what is out; NIL: no account is kept */
	__u32 cwnd;	  /* bytes, as all of congestion control */
	__u32 ready_next, event_next;
	__u32 backoff;	   /* timeouts in a row */
	sg_time delack_at; /* timers: assigned in timer.c alone */
	__u64 user;
	__u64 bytes_in;
	__u32 ts_recent_at; /* seconds, when ts_recent came */
	__u32 born;	    /* ms */
	__u16 ato;	    /* ms: how long an ACK waits; 0: no data has come yet */
	__u8 tos, ttl;	    /* of what we send; ttl 0: ip_default_ttl */
	struct buf snd;	    /* data from snd_una on */

	__u32 hash; /* sg_hash.table */
	__u32 listener;
	__u32 oow_at; /* ms, last answer to an invalid segment; 0: none */
	__u64 bytes_out;
	struct mtu mtu;

	/* what is out, and what comes out of order */
	sg_seq irs;
	sg_seq fin_seq;			/* where the peer's FIN lies */
	sg_seq rcv_up;			/* T_URGENT: behind its urgent data */
	sg_seq dsack_left, dsack_right; /* data that came twice */
	sg_seq recover;			/* recovery ends here */
	__u32 sent_at;			/* ms, when data was sent last; 0: never */
	__u32 retrans;			/* segments sent again */
	__u8 cc;			/* enum sg_cc */
	__u8 reo_more;	  /* RACK's window is that many quarters of a round trip wider */
	__u8 reo_persist; /* for how many recoveries reo_more stays as it is */

	/* options; 0: the knob's value */
	__u8 keep_cnt;		     /* probes at most */
	__u16 keep_idle, keep_intvl; /* seconds */
	__s16 linger2;		     /* TCP_OPT_LINGER2, seconds */
	__u16 wheel_slot;	     /* 1 + level * 64 + slot; 0: not on the wheel */
	__u32 user_timeout;	     /* ms */

	/* congestion control */
	__u32 ssthresh, cwnd_acked;
	union {
		struct cubic cubic;
		struct hystart hystart; /* before the first loss */
	} grow;

	/* round trip, RFC 6298, nanoseconds */
	sg_seq rtt_seq; /* one sample a round trip: what was sent behind this tells the next */
	__u32 shook;	/* ms from SYN to final ACK, and one more; 0: nobody knows */
	__u64 srtt, rttvar, rto;
	__u32 min_rtt;	  /* microseconds, the least of the last minutes; 0: none */
	__u32 min_rtt_at; /* ms */

	/* timers: assigned in timer.c alone */
	__u32 wheel_next, wheel_prev;
	__u32 wait_next, wait_prev; /* in the accept queue */
	sg_time rexmit_at, life_at;
	sg_time stalled_at; /* since when nothing of what we sent was acknowledged */
};

#define TCP_HOT offsetof(struct tcp, snd.dir)

_Static_assert(sizeof(struct tcp) <= 512, "an idle connection is 512 bytes at most");

/* TIME_WAIT is its own small type: what RFC 9293 3.10.7 still needs of a connection. */
struct timewait {
	struct sg_tuple tuple; /* lport 0: the block is free, and it is set last */
	sg_seq snd_nxt, rcv_nxt;
	__u32 ts_recent; /* 0: no timestamps */
	__u32 since : 20;    /* ms: it ends timewait_ms later */
	__u32 answered : 12; /* last answer that was limited, in 16 ms, 1 to 4095; 0: none */
	__u32 next, prev; /* in order of `since` */
};

_Static_assert(sizeof(struct timewait) == 64, "TIME_WAIT is 64 bytes");

/* --- the stack ---------------------------------------------------------------------------- */

#define WHEEL_LEVELS 4
#define WHEEL_SLOTS 64
#define WHEEL_SHIFT 20 /* a tick is 2^20 ns, about a millisecond */

struct wheel {
	__u64 tick; /* the last one done */
	__u64 busy[WHEEL_LEVELS];
	__u32 head[WHEEL_LEVELS][WHEEL_SLOTS];
};

/* A pool of equal blocks: those above `high` were never touched. Index 0 is never given out. */
struct pool {
	__u32 max, high, free, used;
};

struct fifo {
	__u32 head, tail;
};

/* What ICMP errors told of the path to a peer: the least wins, until it is old. */
#define PMTU_BUCKETS 64
#define PMTU_WAYS 4

struct pmtu {
	__u64 peer; /* sg_proven_mark(); 0: free */
	sg_time until;
	__u32 mtu;
};

struct listener {
	struct sg_listener cfg;
	__u32 open;
	__u32 event;       /* TCP_EV_ACCEPT not yet taken */
	struct fifo waiting; /* accept queue, by tcp.wait_next */
};

#define STACK_MAGIC 0x73796e67617465ULL
#define STACK_VERSION 3 /* goes up when anything that lies in the pools changes */

struct tcp_stack {
	__u64 magic;
	__u32 version;
	__u32 conn_size, timewait_size;
	struct tcp_config cfg;

	__u32 step; /* the connection that is being changed, step_begin(); NIL: none */
	struct pool conns, timewaits, chunks;
	__u32 hash_mask;
	sg_time now; /* when tcp_expire() last ran */
	struct wheel wheel;
	struct fifo ready, events;
	struct fifo tw_order; /* TIME_WAIT blocks, the oldest in front */
	bool starved;         /* somebody was refused a chunk */
	__u32 orphans;        /* connections with T_UNOWNED */
	__u32 accept_events; /* listeners with an event not yet taken */
	__u64 challenge_second;
	__u32 challenge_spent;
	sg_time pmtu_until; /* nothing in the table is younger */
	struct pmtu pmtu[PMTU_BUCKETS][PMTU_WAYS];

	/* where things lie in this process: set by whoever maps the pools, stack_place() */
	struct listener *listener;
	__u64 *hash; /* tag << 32 | is_timewait << 31 | index; 0: free */
	struct tcp *conn;
	struct timewait *timewait;
	__u32 *chunk_next;
	__u8 *chunk;
};

static inline const struct sg_settings *knobs(const struct tcp_stack *s)
{
	return s->cfg.settings;
}

static inline struct tcp *conn_at(const struct tcp_stack *s, __u32 i)
{
	return &s->conn[i];
}

static inline __u32 conn_index(const struct tcp_stack *s, const struct tcp *t)
{
	return (__u32)(t - s->conn);
}

static inline __u32 time_ms(sg_time now)
{
	return (__u32)(now / SG_MS);
}

/*
 * Data in a full segment, by what the two sides told each other: it lies in two chunks at
 * most, and is never so short that headers are all there is.
 */
static inline __u16 mss_between(__u16 ours, __u16 peer)
{
	__u16 mss = peer < ours ? peer : ours;

	if (mss < SG_MSS_MIN)
		mss = SG_MSS_MIN;
	return mss < TCP_CHUNK ? mss : TCP_CHUNK;
}

/* Until data tells more (RFC 9293 3.7.1's default): segments may be shorter than was agreed on. */
static inline __u16 rcv_mss_guess(__u16 mss)
{
	return mss < SG_MSS_DEFAULT4 ? mss : SG_MSS_DEFAULT4;
}

/* The MSS of a SYN, RFC 9293 3.7.1. */
static inline __u16 seg_mss(const struct seg *in)
{
	if (in->opt.mss)
		return in->opt.mss;
	return sg_addr_is4(&in->tuple.peer) ? SG_MSS_DEFAULT4 : SG_MSS_DEFAULT6;
}

/* The window that a segment offers: in a SYN it is never scaled (RFC 7323 2.2). */
static inline __u32 seg_window(const struct tcp *t, const struct seg *in)
{
	return in->flags & SG_SYN ? in->wnd : (__u32)in->wnd << t->snd_wscale;
}

/*
 * A process can die between any two stores, and whoever maps its pools goes on (adopt.c). A
 * block that is not being changed is always whole; between these two it may not be. Lists,
 * tables and sums are made anew from the blocks, so they need no such care.
 */
static inline void step_begin(struct tcp_stack *s, const struct tcp *t)
{
	s->step = conn_index(s, t);
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
}

static inline void step_end(struct tcp_stack *s)
{
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	s->step = NIL;
}

/* One more segment to send, all zero but for what every packet of ours has. Needs room. */
static inline struct seg *seg_new(const struct tcp_stack *s, struct actions *out)
{
	struct seg *a = &out->send[out->n++];

	*a = (struct seg){.ttl = (__u8)knobs(s)->ip_default_ttl};
	return a;
}

/* Nothing is acknowledged yet, not even our SYN: also when its owner has closed meanwhile. */
static inline bool syn_is_out(const struct tcp *t)
{
	return seq_eq(t->snd_una, t->iss) && t->bytes_out == 0;
}

/* --- pool.c ------------------------------------------------------------------------------- */

struct tcp *conn_new(struct tcp_stack *s, const struct sg_tuple *t, const struct sg_hash *h,
		     sg_time now);
void conn_free(struct tcp_stack *s, struct tcp *t);
__u32 timewait_new(struct tcp_stack *s);
void timewait_free(struct tcp_stack *s, __u32 i);
__u32 chunk_new(struct tcp_stack *s);
void chunk_free(struct tcp_stack *s, __u32 i);
static inline __u8 *chunk_at(const struct tcp_stack *s, __u32 i)
{
	return s->chunk + (size_t)i * TCP_CHUNK;
}

/* --- buf.c --------------------------------------------------------------------------------- */

/* Copy to position `pos` (from the first byte). Returns bytes copied: less when chunks ran out. */
__u32 buf_write(struct tcp_stack *s, struct buf *b, __u32 pos, const void *data, __u32 len);
/* Pieces of [pos, pos + len), which must be there. */
int buf_read(const struct tcp_stack *s, const struct buf *b, __u32 pos, __u32 len,
	     struct iovec *iov, int max);
/* Room behind `pos`, chunks taken as needed, at most `len` bytes. */
int buf_room(struct tcp_stack *s, struct buf *b, __u32 pos, __u32 len, struct iovec *iov, int max);
/* Forget the first n bytes; `keep`: positions behind len are in use too. */
void buf_drop(struct tcp_stack *s, struct buf *b, __u32 n, bool keep);
/* Give back chunks that hold nothing: room that was asked for and not used. */
void buf_trim(struct tcp_stack *s, struct buf *b);
void buf_clear(struct tcp_stack *s, struct buf *b);

/* --- flowtable.c ----------------------------------------------------------------------------- */

#define FLOW_TIMEWAIT 0x80000000u

/* 0: unknown; else an index, with FLOW_TIMEWAIT for a TIME_WAIT block. */
__u32 flowtable_find(const struct tcp_stack *s, __u32 hash, const struct sg_tuple *t);
void flowtable_add(struct tcp_stack *s, __u32 hash, __u32 what);
void flowtable_del(struct tcp_stack *s, __u32 hash, __u32 what);

/* --- timer.c ----------------------------------------------------------------------------------- */

void timer_init(struct tcp *t);
void timer_sent_data(struct tcp_stack *s, struct tcp *t, sg_time now);
void timer_acked(struct tcp_stack *s, struct tcp *t, sg_time now);
void timer_persist(struct tcp_stack *s, struct tcp *t, sg_time now);
void timer_delack(struct tcp_stack *s, struct tcp *t, sg_time at);
void timer_ack_sent(struct tcp *t);
void timer_life(struct tcp_stack *s, struct tcp *t, sg_time at);
unsigned timer_take(struct tcp *t, sg_time now);
__u64 timer_user_timeout(const struct tcp_stack *s, const struct tcp *t); /* ms; 0: none */
void timer_window_open(struct tcp *t); /* the end of probing, if it was on */
/* RACK wants to look again after `us`; 0: no more. */
void timer_reorder(struct tcp_stack *s, struct tcp *t, __u32 us, sg_time now);
void timer_stop(struct tcp_stack *s, struct tcp *t);
void timer_adopt(struct tcp_stack *s, struct tcp *t);
/* timeout.c: what follows when timers (DUE_*) have fired. */
void timeout_fire(struct tcp_stack *s, struct tcp *t, unsigned due, sg_time now);
sg_time timer_next(const struct tcp *t);
void wheel_run(struct tcp_stack *s, sg_time now);
sg_time wheel_next(const struct tcp_stack *s);

/* --- keepalive.c: the time is life_at, which nobody else uses while somebody has it ------------ */

void keepalive_arm(struct tcp_stack *s, struct tcp *t, sg_time now);
void keepalive_fire(struct tcp_stack *s, struct tcp *t, sg_time now);
__u32 keepalive_idle(const struct tcp_stack *s, const struct tcp *t);     /* seconds */
__u32 keepalive_interval(const struct tcp_stack *s, const struct tcp *t); /* seconds */
__u32 keepalive_count(const struct tcp_stack *s, const struct tcp *t);

/* --- state.c ----------------------------------------------------------------------------------- */

void state_set(struct tcp *t, enum tcp_state to);

/* --- handshake.c, acceptq.c ------------------------------------------------------------------------ */

int handshake_input(struct tcp_stack *s, const struct seg *in, const struct sg_hash *h,
		    sg_time now, struct actions *out);
/* Is there a half-open entry of this pair? */
bool handshake_has(const struct tcp_stack *s, const struct sg_hash *h, const struct sg_tuple *t);
/* What the two sides agreed on, into a new block. */
void handshake_options(struct tcp *t, const struct listener *l, __u8 opts, __u16 peer_mss);
/* It is complete; its SYN came at `since` (ms). */
void handshake_took(struct tcp *t, __u32 since, sg_time now);
/* The SYN-ACK of a half-open entry; needs room. */
void handshake_synack(struct tcp_stack *s, const struct listener *l, const struct sg_halfopen *e,
		      sg_time now, struct actions *out);
/* The same with a cookie instead of an entry. */
void handshake_synack_cookie(struct tcp_stack *s, const struct listener *l,
			     const struct sg_halfopen *e, sg_time now, struct actions *out);

/* --- syn.c ------------------------------------------------------------------------------- */

/*
 * A SYN that may reopen a pair that was in TIME_WAIT, which is out of the engine's table but
 * still has its flow. The pair is over whatever becomes of the SYN, unless nobody listens
 * there any more: false.
 */
bool syn_reopen(struct tcp_stack *s, const struct seg *in, const struct sg_hash *h, sg_seq iss,
		sg_time now);
/*
 * May this have overtaken the ACK of a cookie? Then it comes again behind it, and a RST would end
 * what is just beginning: so there is none while cookies are about.
 */
bool syn_cookie_may_come(struct tcp_stack *s, const struct seg *in, sg_time now);
/* Who listens for this pair: its own address before any; NULL: nobody. */
struct listener *syn_listener(struct tcp_stack *s, const struct sg_tuple *t, __u32 *id);
/* A connection that syn_reopen() made leaves the half-open queue, or is no longer young. */
void syn_leave(struct tcp_stack *s, struct tcp *t);
void syn_grow_old(struct tcp_stack *s, struct tcp *t);
/*
 * A SYN whose flow was there in the driver and is not any more: admitted, or dropped and
 * counted, as the driver would have. False: nobody listens there.
 */
bool syn_admit(struct tcp_stack *s, const struct seg *in, const struct sg_hash *h, sg_time now,
	       struct actions *out);
struct listener *listener_at(const struct tcp_stack *s, __u32 id);
/* Reserve a place in the accept queue; false and counted: it is full. */
bool acceptq_reserve(struct tcp_stack *s, __u32 id);
void acceptq_unreserve(struct tcp_stack *s, __u32 id);
void acceptq_push(struct tcp_stack *s, struct tcp *t);
void acceptq_remove(struct tcp_stack *s, struct tcp *t);

/* --- input.c, ack.c, reasm.c ------------------------------------------------------------------------ */

/* The rest of SEGMENT ARRIVES for a connection that is found. */
void input_conn(struct tcp_stack *s, struct tcp *t, const struct seg *in, sg_time now,
		struct actions *out);
/*
 * opening.c: the same in SYN-RECEIVED after syn_reopen(). True: it is the final ACK and goes on
 * through the other steps.
 */
bool opening_input(struct tcp_stack *s, struct tcp *t, const struct seg *in, sg_time now,
		   struct actions *out);
/* synsent.c: the same in SYN-SENT. */
void synsent_input(struct tcp_stack *s, struct tcp *t, const struct seg *in, sg_time now,
		   struct actions *out);
/* RFC 9293 3.10.7.1: answer a segment that belongs to nobody. */
void input_reset(struct tcp_stack *s, const struct seg *in, struct actions *out);
/* The connection is over: the segment that ended it is answered with RST. */
void input_abort(struct tcp_stack *s, struct tcp *t, const struct seg *in, struct actions *out);
/* Is its timestamp older than the last one (PAWS)? */
bool input_is_old(const struct tcp *t, const struct seg *in, sg_time now);
/* RFC 5961 7: may a challenge ACK go out? And: one goes out, if it may. */
bool input_challenge_allowed(struct tcp_stack *s, sg_time now);
void input_challenge(struct tcp_stack *s, struct tcp *t, sg_time now);
/* An ACK for a segment that does not fit; they are bounded for those without data. */
void input_oow_ack(struct tcp_stack *s, struct tcp *t, const struct seg *in, sg_time now,
		   unsigned long long *skipped);
/* May another answer to an invalid segment go out (tcp_invalid_ratelimit)? */
bool input_oow_allowed(const struct tcp_stack *s, struct tcp *t, sg_time now);
/* Take the acknowledgment in; false: the segment goes no further. */
bool ack_input(struct tcp_stack *s, struct tcp *t, const struct seg *in, sg_time now);
/* Put data at its place; returns bytes by which rcv_nxt moved. */
__u32 reasm_input(struct tcp_stack *s, struct tcp *t, sg_seq seq, const __u8 *data, __u32 len);
/* The peer's FIN is here, and something in front of it is not. */
static inline bool reasm_fin_waits(const struct tcp *t)
{
	return t->flags & T_FIN_SEEN && !(t->flags & T_FIN_RCVD) &&
	       seq_after(t->fin_seq, t->rcv_nxt);
}
/* Does an ACK now bear SACK blocks, if they were agreed on? */
static inline bool reasm_has_blocks(const struct tcp *t)
{
	return t->flags & T_OOO || reasm_fin_waits(t);
}
void reasm_sack(const struct tcp_stack *s, const struct tcp *t, struct seg *out);
void reasm_clear(struct tcp_stack *s, struct tcp *t);
/* As check_block(). */
const char *reasm_check(const struct tcp_stack *s, const struct tcp *t);

/* --- dsack.c ------------------------------------------------------------------------------ */

/* [left, right) came twice: the next ACK says so, if SACK was agreed on. */
void dsack_note(struct tcp_stack *s, struct tcp *t, sg_seq left, sg_seq right);
/* The same, joined with what is to be told already, if they touch (Linux's tcp_dsack_extend). */
void dsack_extend(struct tcp_stack *s, struct tcp *t, sg_seq left, sg_seq right);
/* The part of a segment that lies before rcv_nxt, if any. */
void dsack_note_old(struct tcp_stack *s, struct tcp *t, const struct seg *in);
void dsack_block(struct tcp *t, struct seg *out);

/* --- urgent.c ------------------------------------------------------------------------------- */

void urgent_arrived(struct tcp_stack *s, struct tcp *t, const struct seg *in);
/* Bytes to be read until the urgent data is behind; 0: there is none. */
__u32 urgent_left(const struct tcp *t);
void urgent_read(struct tcp *t);

/* --- delack.c: when to acknowledge ---------------------------------------------------------- */

/* Data in order arrived; new data of ours left; an ACK left, with or without data. */
void delack_arrived(struct tcp_stack *s, struct tcp *t, __u32 len, bool psh, sg_time now);
void delack_answered(struct tcp *t, sg_time now);
void delack_sent(const struct tcp_stack *s, struct tcp *t);
void delack_decide(struct tcp_stack *s, struct tcp *t, __u32 moved, bool gap, sg_time now);
/* Each of the next `most` segments is to be acknowledged. */
void delack_quick(struct tcp_stack *s, struct tcp *t, __u32 most);
void delack_read(struct tcp_stack *s, struct tcp *t);
void delack_fired(struct tcp_stack *s, struct tcp *t);
void delack_at_once(struct tcp_stack *s, struct tcp *t);

/* --- output.c ------------------------------------------------------------------------------------------ */

void output_ready(struct tcp_stack *s, struct tcp *t);
void output_ack_now(struct tcp_stack *s, struct tcp *t);
/* A pure ACK at once; needs room. */
void output_ack(struct tcp_stack *s, struct tcp *t, sg_time now, struct actions *out);
/* Is there anything that was never sent, and a window for it? */
bool output_has_new(const struct tcp *t);

/* --- window.c -------------------------------------------------------------------------------- */

/* The window field of a segment; the edge that it offers is remembered. */
__u16 window_offer(const struct tcp_stack *s, struct tcp *t);
/* Would an ACK now tell of a window worth telling of? */
bool window_grew(const struct tcp_stack *s, const struct tcp *t);
void window_arrived(struct tcp *t, const struct seg *in, sg_time now);
void window_read(struct tcp_stack *s, struct tcp *t, __u32 n, sg_time now);
/* Bytes that the application may have waiting. */
__u32 window_send_buffer(const struct tcp_stack *s, const struct tcp *t);

/* --- ecn.c ------------------------------------------------------------------------------------- */

/* The flags of our SYN or SYN-ACK. */
__u8 ecn_syn_flags(const struct tcp_stack *s, struct tcp *t);
/* The answer to our SYN. */
void ecn_synack(struct tcp *t, __u8 flags);
/* Something acceptable arrived in an established connection. */
void ecn_input(struct tcp_stack *s, struct tcp *t, const struct seg *in);
/* The peer echoes a mark. */
void ecn_echo(struct tcp_stack *s, struct tcp *t, const struct seg *in, sg_time now);
/* A segment that was never sent before is about to leave. */
void ecn_new_data(struct tcp *t, struct seg *a);

/* --- rtt.c; cc.h, recovery.h, rack.h, flight.h ------------------------------------------------------------ */

#define RTO_INIT SG_SEC         /* RFC 6298 2.1 */
#define RTO_SYN_LOST (3 * SG_SEC)   /* 5.7 */
#define RTO_MIN (200 * SG_MS)   /* Linux's TCP_RTO_MIN */
#define RTO_MAX (120 * SG_SEC)

void rtt_init(struct tcp *t);
void rtt_sample(struct tcp *t, __u64 rtt);
/* The least of tcp_min_rtt_wlen seconds. */
void rtt_least(struct tcp_stack *s, struct tcp *t, __u32 us, sg_time now);
void rtt_backoff(struct tcp *t);
/* The peer is there: timeouts no longer in a row. */
void rtt_progress(struct tcp *t);
/* It is open, and if no round trip was measured by then, a SYN was lost. */
void rtt_syn_lost(struct tcp *t);
/* The RTO that the measurements give, without back-off. */
void rtt_restore(struct tcp *t);

void cc_init(struct tcp_stack *s, struct tcp *t, __u32 resent);
/* ECN: the peer has seen a mark. Once a round trip it counts as a loss (RFC 3168 6.1.2). */
void cc_ece(struct tcp_stack *s, struct tcp *t, sg_time now);

/* --- mtu.c, pmtu.c -------------------------------------------------------------------------------- */

/* `t->mss` is what the two sides agreed on: what the path is known to let through of it. */
void mtu_init(struct tcp_stack *s, struct tcp *t, sg_time now);
/* A router says that no more than `mtu` will pass. */
void mtu_too_big(struct tcp_stack *s, struct tcp *t, __u32 mtu, sg_time now);
/* tcp_retries1 timeouts in a row. */
void mtu_black_hole(struct tcp_stack *s, struct tcp *t, sg_time now);
/* Bytes of data in a full segment, beside the SACK blocks that go with it now. */
__u32 mtu_now(const struct tcp *t);
/* Bytes of data of the next new segment, of `avail` that wait and `usable` that may go. */
__u32 mtu_size(struct tcp_stack *s, struct tcp *t, __u32 avail, __u32 usable, sg_time now);
/* [seq, seq + len) left, new or again; snd_una has moved; something was lost. */
void mtu_sent(struct tcp *t, sg_seq seq, __u32 len, bool again);
void mtu_acked(struct tcp_stack *s, struct tcp *t);
/* True: it was the probe, which is no congestion, and it is taken care of. */
bool mtu_lost(struct tcp_stack *s, struct tcp *t);

void pmtu_learn(struct tcp_stack *s, const struct sg_tuple *t, __u32 mtu, sg_time now);
/* 0: nothing is known. */
__u32 pmtu_find(const struct tcp_stack *s, const struct sg_tuple *t, sg_time now);

/* --- close.c, orphan.c, timewait.c ------------------------------------------------------------------------------------ */

/* The connection is over: error is 0 or a negative errno for the application. */
void close_done(struct tcp_stack *s, struct tcp *t, int error);
/* Our FIN follows what is buffered. */
void close_fin(struct tcp_stack *s, struct tcp *t);
/* It is about to be over in good order, which proves its peer. */
void close_in_order(struct tcp_stack *s, const struct tcp *t);
/* The same, and the peer is told with a RST. */
void close_reset(struct tcp_stack *s, struct tcp *t, int error);
/* FIN_WAIT_2 without an owner begins, and what may come in it. */
void orphan_enter(struct tcp_stack *s, struct tcp *t, sg_time now);
void orphan_timer(struct tcp_stack *s, struct tcp *t, sg_time now);
void orphan_input(struct tcp_stack *s, struct tcp *t, const struct seg *in, sg_time now,
		  struct actions *out);
/* Free the block once nobody has it and it owes nothing. */
void close_reap(struct tcp_stack *s, struct tcp *t);
/* It is no longer among the orphans that tcp_max_orphans bounds. */
void close_uncount(struct tcp_stack *s, struct tcp *t);
void close_unhash(struct tcp_stack *s, struct tcp *t);

/* Counted as Linux does, when a pair begins to wait for nothing but time. */
void timewait_counted(struct tcp_stack *s, __u64 ms);
void timewait_enter(struct tcp_stack *s, struct tcp *t, sg_time now);
int timewait_input(struct tcp_stack *s, __u32 i, const struct seg *in, const struct sg_hash *h,
		   sg_time now, struct actions *out);
/* May connect() have the pair of block `i`, and then: `t` begins where it ended. */
bool timewait_reusable(const struct tcp_stack *s, __u32 i, sg_time now);
void timewait_reuse(struct tcp_stack *s, __u32 i, struct tcp *t);
/* Milliseconds until block `i` goes; 0 or less: it is over. */
__s32 timewait_left(const struct tcp_stack *s, __u32 i, sg_time now);
void timewait_expire(struct tcp_stack *s, sg_time now);
sg_time timewait_next(const struct tcp_stack *s);

/* Milliseconds since it began, TIMEWAIT_AHEAD more: never below 0. */
#define TIMEWAIT_AHEAD 65536
__u32 timewait_age(const struct timewait *w, sg_time now);

/* --- check.c ----------------------------------------------------------------------------------------------- */

/* Can this block be worked with? NULL, or what is wrong. Its chunks are known to be in the pool. */
const char *check_block(const struct tcp_stack *s, const struct tcp *t);
/* The chunks that a buffer has, one after the other; *cursor is 0 at first. NIL: no more. */
__u32 check_next_chunk(const struct tcp_stack *s, const struct buf *b, __u32 *cursor);

/* --- stack.c --------------------------------------------------------------------------------------------------- */

/* Find the pools in `mem`. False: they need more. */
bool stack_place(struct tcp_stack *s, size_t size, const struct tcp_config *cfg);
void event_post(struct tcp_stack *s, struct tcp *t, unsigned events);
void event_post_accept(struct tcp_stack *s, struct listener *l);
struct tcp *conn_get(const struct tcp_stack *s, tcp_id id);
tcp_id conn_id(const struct tcp_stack *s, const struct tcp *t);

#endif
