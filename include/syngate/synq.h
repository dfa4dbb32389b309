/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The half-open (SYN) queue: admission, what the SYN-ACK says, the check of the final
 * ACK, the resend schedule. Pure: the driver and the engine run this very code.
 *
 * Times are milliseconds of CLOCK_MONOTONIC, low 32 bits, and are compared by their
 * signed difference.
 */
#ifndef SYNGATE_SYNQ_H
#define SYNGATE_SYNQ_H

#include "abi.h"
#include "seq.h"
#include "table.h"
#include "tcpopt.h"

#define SG_MSS_DEFAULT4 536  /* RFC 9293 3.7.1: a peer that sends no MSS option */
#define SG_MSS_DEFAULT6 1220
#define SG_MSS_MIN 88	     /* Linux's TCP_MIN_SND_MSS + options: below this a peer is hostile */
#define SG_RTO_MAX_MS 120000 /* Linux's TCP_RTO_MAX */
#define SG_TICK_MS 4	       /* of the driver's coarse clock, at HZ=250 */
#define SG_CLOCK_SLACK_MS 16 /* the driver's coarse clock lags behind the engine's by a tick */

/* --- numbers ---------------------------------------------------------------------- */

/* RFC 6528: ISS = M + F(tuple), M a clock of 4 us. */
SG_INLINE sg_seq sg_iss(const struct sg_hash *h, __u32 when)
{
	return sg_seq_of(h->iss + when * 250);
}

/* Our timestamp clock on this connection, RFC 7323 5.4: 1 ms, from a keyed offset. */
SG_INLINE __u32 sg_ts_clock(const struct sg_hash *h, __u32 now)
{
	return now + h->ts_off;
}

/* --- what both sides agree on ------------------------------------------------------ */

/* sg_halfopen.opts out of a SYN's options and flags and our settings: offered and wanted. */
SG_INLINE __u8 sg_synq_opts(const struct sg_tcpopts *syn, __u8 flags,
			    const struct sg_settings *set)
{
	__u8 opts = SG_OPT_NO_WSCALE;

	if (syn->wscale != SG_WSCALE_NONE && set->tcp_window_scaling)
		opts = syn->wscale;
	if (syn->sack_ok && set->tcp_sack)
		opts |= SG_OPT_SACK;
	if (syn->has_ts && set->tcp_timestamps)
		opts |= SG_OPT_TS;
	if ((flags & (SG_ECE | SG_CWR)) == (SG_ECE | SG_CWR) && set->tcp_ecn) /* RFC 3168 6.1.1 */
		opts |= SG_OPT_ECN;
	return opts;
}

SG_INLINE __u8 sg_synack_flags(__u8 opts)
{
	return SG_SYN | SG_ACK | (opts & SG_OPT_ECN ? SG_ECE : 0);
}

/* The options of the SYN-ACK: only what was offered is echoed. */
SG_INLINE void sg_synack_opts(struct sg_tcpopts *o, __u8 opts, __u32 peer_tsval, __u16 our_mss,
			      __u8 our_wscale, const struct sg_hash *h, __u32 now)
{
	o->mss = our_mss;
	o->wscale = (opts & SG_OPT_WSCALE) == SG_OPT_NO_WSCALE ? SG_WSCALE_NONE : our_wscale;
	o->sack_ok = !!(opts & SG_OPT_SACK);
	o->has_ts = !!(opts & SG_OPT_TS);
	o->tsval = sg_ts_clock(h, now);
	o->tsecr = peer_tsval;
	o->sack_off = o->nsack = o->zero = 0;
}

/* --- the resend schedule ----------------------------------------------------------- */

/* Timeout after the SYN-ACK that has been sent again `retries` times: doubles, capped. */
SG_INLINE __u32 sg_synack_timeout(__u32 rto_ms, __u32 retries)
{
	__u64 t = (__u64)rto_ms << (retries & 15);

	return t > SG_RTO_MAX_MS ? SG_RTO_MAX_MS : (__u32)t;
}

/* Due times lie in the slot word; rounded up, so that a timer is never early: `now` may be a tick ago. */
SG_INLINE __u16 sg_due(__u32 now, __u32 timeout)
{
	return (__u16)((now + timeout + SG_TICK_MS + (1u << SG_DUE_SHIFT) - 1) >> SG_DUE_SHIFT);
}

SG_INLINE int sg_is_due(__u64 word, __u32 now)
{
	return (__s16)((__u16)(now >> SG_DUE_SHIFT) - sg_slot_info(word)) >= 0;
}

/*
 * Put the timer off, for the SYN-ACK that has been sent again `retries` times. Returns 0 when
 * somebody else has just moved or freed the slot.
 */
SG_INLINE int sg_synq_rearm(__u64 *slot, __u64 word, __u32 now, __u32 rto_ms, __u32 retries)
{
	__u64 to = word & ~(SG_SLOT_INFO | SG_SLOT_RETRIES);

	to |= (__u64)sg_due(now, sg_synack_timeout(rto_ms, retries)) << SG_SLOT_INFO_SHIFT;
	to |= (__u64)retries << SG_SLOT_RETRIES_SHIFT & SG_SLOT_RETRIES;
	return sg_slot_cas(slot, word, to);
}

/*
 * How often the SYN-ACK of this listener may be sent again: `max` times, less when the
 * queue is half full or more of entries that are old. Half of the room is for the young
 * (Linux's reqsk_timer_handler).
 */
SG_INLINE __u32 sg_synq_retries(const struct sg_queue *q, __u32 max)
{
	__u64 len = SG_READ_ONCE(q->halfopen), young = SG_READ_ONCE(q->young) * 2ULL;

	if (len * 2 <= (q->syn_backlog > 8 ? q->syn_backlog : 8))
		return max;
	for (; max > 2 && len >= young; young *= 2)
		max--;
	return max;
}

/* --- the entry's own small fields ----------------------------------------------------- */

SG_INLINE __u16 sg_synq_listener(const struct sg_halfopen *e)
{
	return e->tail & (SG_MAX_LISTENERS - 1);
}

/* A repeated SYN, or a segment outside the window, is being answered. */
SG_INLINE void sg_synq_answered(struct sg_halfopen *e, __u32 now)
{
	__u32 at = now >> SG_ANSWERED_SHIFT & SG_ANSWERED_MASK;

	if (!at)
		at = SG_ANSWERED_MASK; /* 0 says never; this is 16 ms early */
	SG_WRITE_ONCE(e->answered, (__u8)at);
	SG_WRITE_ONCE(e->tail, (__u16)(sg_synq_listener(e) | at >> 8 << 12));
}

SG_INLINE int sg_synq_was_answered(const struct sg_halfopen *e)
{
	return e->answered || e->tail >> 12;
}

/* Was that less than `limit` ms ago? Linux's tcp_invalid_ratelimit; the time wraps at 65 s. */
SG_INLINE int sg_synq_limited(const struct sg_halfopen *e, __u32 now, __u32 limit)
{
	__u32 at = e->answered | (__u32)(e->tail >> 12) << 8;
	__u32 ago = ((now >> SG_ANSWERED_SHIFT) - at) & SG_ANSWERED_MASK;

	return at && ago < (limit + (1u << SG_ANSWERED_SHIFT) - 1) >> SG_ANSWERED_SHIFT;
}

/* --- search and admission ----------------------------------------------------------- */

enum sg_admission {
	SG_ADMIT_ENTRY,         /* new entry: answer */
	SG_ADMIT_RIVAL,         /* another CPU is admitting this very SYN: it answers */
	SG_ADMIT_HALFOPEN_FULL, /* the listener's limit. Drop */
	SG_ADMIT_ACCEPTQ_FULL,  /* no use: it could not be accepted. Drop */
	SG_ADMIT_RESERVED,      /* the rest of the queue is for proven peers. Drop */
	SG_ADMIT_BUCKET_FULL,   /* the table has no slot for this tuple. Drop */
	SG_ADMIT_COOKIE,        /* no place, but it needs none: answer with a cookie (cookie.h) */
};

/* An entry leaves its listener's queue; `word`: its last slot word. */
SG_INLINE void sg_synq_leave(struct sg_queue *q, __u64 word)
{
	__sync_fetch_and_add(&q->halfopen, (__u32)-1);
	if (!sg_slot_retries(word))
		__sync_fetch_and_add(&q->young, (__u32)-1);
}

/* Would a SYN now want a proven peer? Only then is it worth asking. */
SG_INLINE int sg_synq_wants_proven(const struct sg_queue *q)
{
	return SG_READ_ONCE(q->halfopen) > q->strangers;
}

/* As `acceptq`, for a moment: a new daemon counts the entries, and nobody may touch them. */
#define SG_QUEUE_STOPPED 0xffffffffu

/*
 * A place in the queue of half-open entries, by Linux's tests in Linux's order
 * (tcp_conn_request): full when length > limit. SG_ADMIT_ENTRY: there is one.
 */
SG_INLINE enum sg_admission sg_synq_reserve(struct sg_queue *q, int proven)
{
	enum sg_admission how = SG_ADMIT_ENTRY;
	__u32 len;

	if (SG_READ_ONCE(q->acceptq) == SG_QUEUE_STOPPED)
		return SG_ADMIT_ACCEPTQ_FULL;
	len = __sync_fetch_and_add(&q->halfopen, 1);
	if (len > q->syn_backlog)
		how = SG_ADMIT_HALFOPEN_FULL;
	else if (SG_READ_ONCE(q->acceptq) > q->backlog)
		how = SG_ADMIT_ACCEPTQ_FULL;
	else if (len > q->strangers && !proven)
		how = SG_ADMIT_RESERVED;
	if (how != SG_ADMIT_ENTRY)
		__sync_fetch_and_add(&q->halfopen, (__u32)-1);
	return how;
}

/*
 * A SYN without an entry. `w` are its two buckets; `proven`: so is its peer, if
 * sg_synq_wants_proven(). On SG_ADMIT_ENTRY `at` is its slot, BUSY: to be filled and published.
 */
SG_INLINE enum sg_admission sg_synq_take(struct sg_ways *w0, struct sg_ways *w1,
					 struct sg_queue *q, int proven, __u32 tag, __u32 now,
					 __u32 rto_ms, struct sg_place *at)
{
	__u16 due = sg_due(now, sg_synack_timeout(rto_ms, 0));
	enum sg_admission how = sg_synq_reserve(q, proven);
	enum sg_taken taken;

	if (how != SG_ADMIT_ENTRY)
		return how;
	taken = sg_ways_take(w0, w1, tag, due, at);
	if (taken == SG_TAKEN) {
		__sync_fetch_and_add(&q->young, 1); /* before the entry: see sg_slot_publish() */
		return SG_ADMIT_ENTRY;
	}
	__sync_fetch_and_add(&q->halfopen, (__u32)-1);
	return taken == SG_TAKEN_RIVAL ? SG_ADMIT_RIVAL : SG_ADMIT_BUCKET_FULL;
}

#ifndef __bpf__
struct sg_halfopen_table {
	struct sg_ways *ways;
	struct sg_halfopen *entry; /* SG_WAYS to a bucket */
	__u32 buckets;
};

static inline struct sg_halfopen *sg_synq_entry(const struct sg_halfopen_table *h, __u32 b, __u32 way)
{
	return &h->entry[(size_t)b * SG_WAYS + way];
}

/* The way of bucket `b` that holds `t`, or -1. `word` is then the slot word that was seen. */
static inline int sg_synq_find(const struct sg_halfopen_table *h, __u32 b, __u32 tag,
			       const struct sg_tuple *t, __u64 *word)
{
	for (__u32 i = 0; i < SG_WAYS; i++) {
		__u64 w = SG_READ_ONCE(h->ways[b].slot[i]);

		if (sg_slot_hit(w, tag) && sg_tuple_eq(&sg_synq_entry(h, b, i)->tuple, t)) {
			*word = w;
			return (int)i;
		}
	}
	return -1;
}

/* Where `t` is, sg_index(), or -1. */
static inline __s64 sg_synq_where(const struct sg_halfopen_table *h, __u32 tag,
				  const struct sg_tuple *t, __u64 *word)
{
	__u32 b = sg_bucket_first(tag, h->buckets);
	int way = sg_synq_find(h, b, tag, t, word);

	if (way < 0 && SG_READ_ONCE(h->ways[b].spilled)) {
		b = sg_bucket_second(tag, h->buckets);
		way = sg_synq_find(h, b, tag, t, word);
	}
	return way < 0 ? -1 : (__s64)sg_index(b, (__u32)way);
}

/* sg_synq_take(), and the entry is live. */
static inline enum sg_admission sg_synq_admit(const struct sg_halfopen_table *h, struct sg_queue *q,
					      const struct sg_halfopen *e, int proven, __u32 tag,
					      __u32 now, __u32 rto_ms, struct sg_place *at)
{
	__u32 b[2] = {sg_bucket_first(tag, h->buckets), sg_bucket_second(tag, h->buckets)};
	enum sg_admission how = sg_synq_take(&h->ways[b[0]], &h->ways[b[1]], q, proven, tag, now,
					     rto_ms, at);

	if (how != SG_ADMIT_ENTRY)
		return how;
	*sg_synq_entry(h, b[at->second], at->way) = *e;
	at->word = sg_slot_publish(&h->ways[b[at->second]].slot[at->way], at->word);
	return how;
}

/* Free way `way` of bucket `b`. 0: the slot is no longer what `word` says. */
static inline int sg_synq_free(const struct sg_halfopen_table *h, __u32 b, __u32 way, __u64 word)
{
	__u32 first = sg_bucket_first(sg_slot_tag(word), h->buckets);

	if (!sg_slot_free(&h->ways[b].slot[way], word))
		return 0;
	if (first != b)
		sg_ways_unspill(&h->ways[first]);
	return 1;
}
#endif

/* --- the check of what arrives for an entry ------------------------------------------ */

struct sg_synq_seg {
	sg_seq seq, ack;
	__u32 len;    /* data, plus one each for SYN and FIN */
	__u32 tsval, tsecr;
	__u8 flags;   /* SG_SYN ... */
	__u8 has_ts;
};

enum sg_synq_fit {
	SG_FIT_REPEAT,  /* the same SYN: the same SYN-ACK */
	SG_FIT_SILENT,  /* the same SYN, a repeat of which was answered just now: drop */
	SG_FIT_ACK,     /* completes the handshake: to the worker */
	SG_FIT_RESET,   /* exact RST, or new SYN inside the window: the worker ends the entry */
	SG_FIT_BAD_ACK, /* acknowledges what we never sent: RST */
	SG_FIT_OLD,     /* old timestamp: ACK, limited like SILENT; none for a RST */
	SG_FIT_OUTSIDE, /* outside the window: likewise */
	SG_FIT_INEXACT, /* RST inside the window, RFC 5961 3: ACK, limited like SILENT */
	SG_FIT_DROP,    /* no ACK flag, or a RST that does not fit */
};

/* Linux's tcp_in_window: what is empty may also lie just at the right edge. */
SG_INLINE int sg_synq_inside(sg_seq seq, __u32 len, sg_seq rcv_nxt, __u32 window)
{
	__u32 off = seq.v - rcv_nxt.v;

	if (off == 0 || (off == window && len == 0))
		return 1;
	return off < window || (off >= 0x80000000u && len > (__u32)-off);
}

/*
 * Linux's order (tcp_check_req): repeated SYN, bad acknowledgment, PAWS and window,
 * RST or SYN, no ACK, then the child. A RST is judged by its sequence number alone, RFC 9293
 * 3.10.7.4. `window` is what the SYN-ACK offered, `ratelimit` tcp_invalid_ratelimit. A TSval
 * of 0 in the SYN tells nothing (tcp_paws_check).
 */
SG_INLINE enum sg_synq_fit sg_synq_check(const struct sg_halfopen *e, const struct sg_hash *h,
					 const struct sg_synq_seg *s, __u32 window, __u32 now,
					 __u32 ratelimit)
{
	sg_seq iss = sg_iss(h, e->when);
	sg_seq rcv_nxt = sg_seq_of(e->irs + 1);
	int ts = s->has_ts && (e->opts & SG_OPT_TS);
	int old = ts && e->tsval && (__s32)(s->tsval - e->tsval) < 0;
	int rst = s->flags & SG_RST;

	if ((s->flags & (SG_SYN | SG_RST | SG_ACK)) == SG_SYN && s->seq.v == e->irs && !old)
		return sg_synq_limited(e, now, ratelimit) ? SG_FIT_SILENT : SG_FIT_REPEAT;
	if (!rst && s->flags & SG_ACK && s->ack.v != iss.v + 1)
		return SG_FIT_BAD_ACK;
	if (old)
		return SG_FIT_OLD;
	if (!sg_synq_inside(s->seq, s->len, rcv_nxt, window))
		return rst ? SG_FIT_DROP : SG_FIT_OUTSIDE;
	/* an echo of a time at which no SYN-ACK can have left (RFC 7323 3.2); 0 is no echo */
	if (ts && s->flags & SG_ACK && s->tsecr &&
	    (s->tsecr - sg_ts_clock(h, e->when) > now - e->when + SG_CLOCK_SLACK_MS))
		return rst ? SG_FIT_DROP : SG_FIT_OUTSIDE;
	if (rst)
		return s->seq.v == rcv_nxt.v ? SG_FIT_RESET : SG_FIT_INEXACT;
	if (s->flags & SG_SYN && s->seq.v != e->irs)
		return SG_FIT_RESET;
	if (!(s->flags & SG_ACK))
		return SG_FIT_DROP;
	return SG_FIT_ACK;
}

#endif
