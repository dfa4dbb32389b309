/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * SYN cookies (RFC 4987 3.6): a connection request that needs no memory, for when the half-open
 * queue is full. What the SYN offered comes back with the final ACK: out of our timestamp, if the
 * peer echoes one, or else all of it out of the sequence number. Pure: the driver and the engine
 * run this very code.
 *
 *	with timestamps     ISN: period 1 | MSS 4 | MAC 27       TSval: clock 26 | ECN 1 | SACK 1 |
 *scale 4 without             ISN: period 1 | MSS 2 | scale 4 | SACK 1 | ECN 1 | MAC 23
 *
 * The MAC is SipHash over pair, the peer's ISN, period and options. Two keys are valid, so a
 * guess is right once in 2^26 or in 2^22 times. The period is a minute of a clock that is the same
 * on every host with these keys, to two seconds; a cookie is good in the period that made it and the
 * next: two minutes at most.
 */
#ifndef SYNGATE_COOKIE_H
#define SYNGATE_COOKIE_H

#include "abi.h"
#include "seq.h"
#include "synq.h"

#define SG_COOKIE_PERIOD_MS 60000
#define SG_COOKIE_AHEAD_MS  2000   /* so much may the clock that made it be ahead of ours */
#define SG_COOKIE_RECENT_MS 120000 /* who has sent none for so long gets none back */
#define SG_COOKIE_TS_BITS   6	   /* of our TSval */

/* What is left of a SYN when its ACK comes back. */
struct sg_cookie {
	__u16 mss; /* rounded down to one of a few */
	__u8 opts; /* SG_OPT_* of abi.h */
};

/* --- what is remembered ---------------------------------------------------------------- */

#define SG_COOKIE_MSS(X)                                                                           \
	X(0, 88)                                                                                   \
	X(1, 216) X(2, 344) X(3, 536) X(4, 756) X(5, 996) X(6, 1200) X(7, 1220) X(8, 1300)         \
		X(9, 1360) X(10, 1400) X(11, 1412) X(12, 1440) X(13, 1452) X(14, 1460) X(15, 4096)

SG_INLINE __u16 sg_cookie_mss(__u32 index)
{
	__u16 mss = 88;

#define X(i, bytes)                                                                                \
	if (index == (i))                                                                          \
		mss = (bytes);
	SG_COOKIE_MSS(X)
#undef X
	return mss;
}

/* The largest that is not larger. */
SG_INLINE __u32 sg_cookie_mss_index(__u16 mss)
{
	__u32 index = 0;

#define X(i, bytes)                                                                                \
	if (mss >= (bytes))                                                                        \
		index = (i);
	SG_COOKIE_MSS(X)
#undef X
	return index;
}

/* Two bits have to do without timestamps: 88, 536, and two that paths of the family have. */
SG_INLINE __u32 sg_cookie_mss_wide(__u32 two, int v4)
{
	if (two == 0)
		return 0;
	if (two == 1)
		return 3;
	if (two == 2)
		return v4 ? 9 : 7; /* 1360, 1220 */
	return v4 ? 14 : 12;	   /* 1460, 1440 */
}

SG_INLINE __u32 sg_cookie_mss_two(__u32 index, int v4)
{
	if (index >= sg_cookie_mss_wide(3, v4))
		return 3;
	if (index >= sg_cookie_mss_wide(2, v4))
		return 2;
	return index >= 3;
}

/* --- the keyed part ---------------------------------------------------------------------- */

/* Minutes of the clock that hosts agree on; `now` is CLOCK_MONOTONIC in ms, all of it. */
SG_INLINE __u32 sg_cookie_period(const struct sg_cookie_keys *k, __u64 now)
{
	return (__u32)((now + k->clock) / SG_COOKIE_PERIOD_MS);
}

SG_INLINE const struct sg_key *sg_cookie_key(const struct sg_cookie_keys *k, int before)
{
	return &k->key[(SG_READ_ONCE(k->current) + (__u32)before) & 1];
}

SG_INLINE __u32 sg_cookie_mac(const struct sg_key *key, const struct sg_tuple *t, __u32 irs,
			      __u32 period, __u8 opts, __u32 mss)
{
	__u64 m[6], agreed = (__u64)opts << 8 | mss;

	if (sg_addr_is4(&t->peer)) {
		sg_tuple_words4(t, m);
		m[2] = (__u64)period << 32 | irs;
		return (__u32)sg_siphash_last(key, m, 3, 26ULL << 56 | agreed);
	}
	sg_memcpy(m, t, sizeof(*t));
	m[5] = (__u64)period << 32 | irs;
	return (__u32)sg_siphash_last(key, m, 6, 50ULL << 56 | agreed);
}

SG_INLINE __u32 sg_cookie_of(const struct sg_key *key, const struct sg_tuple *t, __u32 irs,
			     __u32 period, __u8 opts, __u32 mss)
{
	__u32 mac = sg_cookie_mac(key, t, irs, period, opts, mss);

	if (opts & SG_OPT_TS)
		return period << 31 | mss << 27 | (mac & 0x7ffffff);
	return period << 31 | sg_cookie_mss_two(mss, sg_addr_is4(&t->peer)) << 29 |
	       (__u32)(opts & SG_OPT_WSCALE) << 25 | (__u32) !!(opts & SG_OPT_SACK) << 24 |
	       (__u32) !!(opts & SG_OPT_ECN) << 23 | (mac & 0x7fffff);
}

/* --- when ---------------------------------------------------------------------------------- */

/* Full, but for a connection that could be accepted: Linux's tcp_syn_flood_action(). */
SG_INLINE enum sg_admission sg_cookie_instead(const struct sg_queue *q, enum sg_admission how,
					      __u32 syncookies)
{
	if (!syncookies || (how != SG_ADMIT_HALFOPEN_FULL && how != SG_ADMIT_BUCKET_FULL))
		return how;
	return SG_READ_ONCE(q->acceptq) > q->backlog ? SG_ADMIT_ACCEPTQ_FULL : SG_ADMIT_COOKIE;
}

/* --- making ------------------------------------------------------------------------------- */

/* Our ISN in the SYN-ACK, for `e`, which is the entry that there is no place for. */
SG_INLINE sg_seq sg_cookie_make(const struct sg_cookie_keys *k, const struct sg_halfopen *e,
				__u64 now)
{
	__u32 mss = sg_cookie_mss_index(e->mss);

	if (!(e->opts & SG_OPT_TS))
		mss = sg_cookie_mss_wide(sg_cookie_mss_two(mss, sg_addr_is4(&e->tuple.peer)),
					 sg_addr_is4(&e->tuple.peer));
	return sg_seq_of(sg_cookie_of(sg_cookie_key(k, 0), &e->tuple, e->irs, sg_cookie_period(k, now),
				      e->opts & ~SG_OPT_ACKED, mss));
}

/* Our TSval in it: the clock, 64 ms late at most, with the options in its low bits. */
SG_INLINE __u32 sg_cookie_tsval(__u32 clock, __u8 opts)
{
	__u32 low = (opts & SG_OPT_WSCALE) | (opts & SG_OPT_SACK ? 0x10 : 0) |
		    (opts & SG_OPT_ECN ? 0x20 : 0);
	__u32 ts = (clock & ~((1u << SG_COOKIE_TS_BITS) - 1)) | low;

	return (__s32)(ts - clock) > 0 ? ts - (1u << SG_COOKIE_TS_BITS) : ts;
}

#ifndef __bpf__
/* From now on `key` makes them; the one that did is good still, the one before that is not. */
static inline void sg_cookie_rotate(struct sg_cookie_keys *k, const struct sg_key *key)
{
	__u32 next = ~k->current & 1;

	k->key[next] = *key;
	__sync_synchronize();
	SG_WRITE_ONCE(k->current, next);
}
#endif

/* --- checking -------------------------------------------------------------------------------- */

/* Has this listener sent a cookie within the last two minutes? `cookie_at` 0: never. */
SG_INLINE int sg_cookie_recent(const struct sg_queue *q, __u32 now)
{
	__u32 at = SG_READ_ONCE(q->cookie_at);

	return at && now - at + SG_CLOCK_SLACK_MS < SG_COOKIE_RECENT_MS + SG_CLOCK_SLACK_MS;
}

SG_INLINE void sg_cookie_sent(struct sg_queue *q, __u32 now)
{
	SG_WRITE_ONCE(q->cookie_at, now ? now : 1);
}

/* What the bits say, before anybody knows whether they are ours. Returns the MSS's index. */
SG_INLINE __u32 sg_cookie_read(const struct sg_tuple *t, __u32 isn, const struct sg_synq_seg *s,
			       struct sg_cookie *c)
{
	__u32 mss;

	if (s->has_ts && s->tsecr) {
		c->opts = SG_OPT_TS | (__u8)(s->tsecr & SG_OPT_WSCALE) |
			  (s->tsecr & 0x10 ? SG_OPT_SACK : 0) | (s->tsecr & 0x20 ? SG_OPT_ECN : 0);
		mss = isn >> 27 & 15;
	} else {
		c->opts = (__u8)(isn >> 25 & SG_OPT_WSCALE) | (isn & 1u << 24 ? SG_OPT_SACK : 0) |
			  (isn & 1u << 23 ? SG_OPT_ECN : 0);
		mss = sg_cookie_mss_wide(isn >> 29 & 3, sg_addr_is4(&t->peer));
	}
	c->mss = sg_cookie_mss(mss);
	return mss;
}

/*
 * Is `s`, an ACK of this pair for which there is neither flow nor entry, the answer to a cookie of
 * ours? 1, and what was agreed on in `c`; or 0.
 */
SG_INLINE int sg_cookie_check(const struct sg_cookie_keys *k, const struct sg_tuple *t,
			      const struct sg_synq_seg *s, __u64 now, struct sg_cookie *c)
{
	__u32 isn = s->ack.v - 1, irs = s->seq.v - 1, mss;
	__u32 period = sg_cookie_period(k, now + SG_COOKIE_AHEAD_MS);
	const struct sg_key *before = sg_cookie_key(k, 1);
	int good;

	if ((s->flags & (SG_SYN | SG_RST | SG_ACK)) != SG_ACK)
		return 0;
	mss = sg_cookie_read(t, isn, s, c);
	period -= (period ^ isn >> 31) & 1; /* this one, or the one before */
	good = isn == sg_cookie_of(sg_cookie_key(k, 0), t, irs, period, c->opts, mss);
	if (!good && (before->k[0] | before->k[1]))
		good = isn == sg_cookie_of(before, t, irs, period, c->opts, mss);
	return good;
}

#endif
