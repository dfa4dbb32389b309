/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The size of a segment. Routers tell when it is too large (RFC 1191, 8201); where none does,
 * and large segments vanish, it is found out by trying (RFC 4821, with Linux's rules): down to
 * tcp_base_mss, and up again by segments of a size between what passes and what may pass.
 * A probe that is lost says nothing about congestion.
 */
#include "tcp/recovery.h"

#define MTU_PROBE_CWND 11 /* segments: below it a lost probe would be missed by a timeout alone */
#define MTU_PROBE_ROOM 4  /* segments behind the probe, whose ACKs tell that it was lost */

static __u16 mtu_clock(sg_time now)
{
	return (__u16)(now / SG_SEC);
}

/* IP and TCP headers with the options that every segment has. */
static __u32 mtu_headers(const struct tcp *t)
{
	return (sg_addr_is4(&t->tuple.peer) ? 20 : 40) + 20 + (t->flags & T_TS ? 12 : 0);
}

static __u16 mtu_bound(const struct tcp_stack *s, const struct tcp *t, __u32 mss)
{
	if (mss < knobs(s)->tcp_min_snd_mss)
		mss = knobs(s)->tcp_min_snd_mss;
	return mss < t->mtu.top ? (__u16)mss : t->mtu.top;
}

/* `mss` follows what is known; the window has room for one of them, whatever it was before. */
static void mtu_sync(struct tcp *t)
{
	struct mtu *m = &t->mtu;

	if (m->low > m->high)
		m->low = m->high;
	t->mss = m->low ? m->low : m->high;
	if (t->cwnd < t->mss)
		t->cwnd = t->mss;
}

/* The path lets `mtu` through, bytes of a whole IP packet. */
static void mtu_limit(struct tcp_stack *s, struct tcp *t, __u32 mtu, sg_time now)
{
	__u32 headers = mtu_headers(t);

	t->mtu.high = mtu_bound(s, t, mtu > headers ? mtu - headers : 0);
	t->mtu.since = mtu_clock(now);
	mtu_sync(t);
}

void mtu_init(struct tcp_stack *s, struct tcp *t, sg_time now)
{
	__u32 known = pmtu_find(s, &t->tuple, now);

	t->mtu = (struct mtu){
		.top = t->mss,
		.high = t->mss,
		.since = mtu_clock(now),
		.soft_error = t->mtu.soft_error,
	};
	if (knobs(s)->tcp_mtu_probing == 2)
		t->mtu.low = mtu_bound(s, t, knobs(s)->tcp_base_mss);
	if (known)
		mtu_limit(s, t, known, now);
	mtu_sync(t);
}

/* RFC 1191 6.4, 8201 5.4: what is out goes again at once, and the window stays as it is. */
void mtu_too_big(struct tcp_stack *s, struct tcp *t, __u32 mtu, sg_time now)
{
	__u32 least = sg_addr_is4(&t->tuple.peer) ? knobs(s)->min_pmtu : 1280;
	__u16 before = t->mss;

	mtu = mtu > least ? mtu : least;
	if (mtu >= t->mtu.high + mtu_headers(t)) { /* no news, nor is any size taken back */
		s->cfg.mib->IcmpIgnored++;
		return;
	}
	pmtu_learn(s, &t->tuple, mtu, now);
	mtu_limit(s, t, mtu, now);
	if (t->mss == before)
		return;
	s->cfg.mib->PmtuLowered++;
	if (!seq_eq(t->snd_una, t->snd_max))
		recovery_resize(s, t);
}

/* --- the search, RFC 4821 7 ---------------------------------------------------------------- */

void mtu_black_hole(struct tcp_stack *s, struct tcp *t, sg_time now)
{
	struct mtu *m = &t->mtu;
	__u32 out = (__u32)seq_diff(t->snd_max, t->snd_una);
	__u32 base = knobs(s)->tcp_base_mss;

	if (!knobs(s)->tcp_mtu_probing)
		return;
	if (m->low) { /* not even that passes */
		base = m->low / 2u < base ? m->low / 2u : base;
		if (base < knobs(s)->tcp_mtu_probe_floor)
			base = knobs(s)->tcp_mtu_probe_floor;
	}
	base = mtu_bound(s, t, base);
	if (out <= base || t->mss <= base) /* it is not the size */
		return;
	s->cfg.mib->PmtuBlackHole++;
	if (!m->low)
		m->since = mtu_clock(now);
	m->low = (__u16)base;
	m->probe = 0;
	mtu_sync(t);
}

/* After so long the path may be another one. */
static void mtu_age(struct tcp_stack *s, struct tcp *t, sg_time now)
{
	struct mtu *m = &t->mtu;
	__u16 age = mtu_clock(now) - m->since;
	__u32 most = m->low ? knobs(s)->tcp_probe_interval : knobs(s)->mtu_expires;

	if (age < most)
		return;
	m->since = mtu_clock(now);
	m->high = m->top;
	mtu_sync(t);
}

/* Is there a size to try? 0: no. */
static __u32 mtu_next(struct tcp_stack *s, struct tcp *t, sg_time now)
{
	const struct mtu *m = &t->mtu;

	if (!m->low || m->high - m->low < (int)knobs(s)->tcp_probe_threshold) {
		mtu_age(s, t, now);
		return 0;
	}
	return (m->low + m->high) / 2u;
}

static bool mtu_may_probe(const struct tcp_stack *s, const struct tcp *t)
{
	const struct flight *f = flight_of(s, t);

	return !t->mtu.probe && mtu_now(t) == t->mss && t->ca == CA_OPEN &&
	       t->cwnd >= MTU_PROBE_CWND * t->mss && seq_eq(t->snd_nxt, t->snd_max) &&
	       (!f || f->sacked + f->lost == 0);
}

/* RFC 6691 3: `mss` counts the options that every segment has; SACK blocks come and go. */
__u32 mtu_now(const struct tcp *t)
{
	__u32 blocks = t->flags & T_TS ? 4 + 3 * 8 : 4 + 4 * 8;

	if (!(t->flags & T_DSACK) && !(t->flags & T_SACK && reasm_has_blocks(t)))
		return t->mss;
	return t->mss > blocks + 8 ? t->mss - blocks : 8;
}

__u32 mtu_size(struct tcp_stack *s, struct tcp *t, __u32 avail, __u32 usable, sg_time now)
{
	__u32 probe;

	if (t->mss == t->mtu.top)
		return mtu_now(t);
	probe = mtu_next(s, t, now);
	if (probe <= t->mss || !mtu_may_probe(s, t))
		return mtu_now(t);
	if (avail < probe + MTU_PROBE_ROOM * t->mss || usable < probe + MTU_PROBE_ROOM * t->mss)
		return mtu_now(t);
	return probe;
}

void mtu_sent(struct tcp *t, sg_seq seq, __u32 len, bool again)
{
	if (again) {
		t->mtu.probe = 0; /* whatever it was, the probe tells no more */
	} else if (len > t->mss) {
		t->mtu.probe = (__u16)len;
		t->mtu.probe_seq = seq;
	}
}

void mtu_acked(struct tcp_stack *s, struct tcp *t)
{
	struct mtu *m = &t->mtu;

	m->soft_error = 0;
	if (!m->probe || seq_before(t->snd_una, seq_add(m->probe_seq, m->probe)))
		return;
	s->cfg.mib->TCPMTUPSuccess++;
	m->low = m->probe;
	m->probe = 0;
	mtu_sync(t);
}

bool mtu_lost(struct tcp_stack *s, struct tcp *t)
{
	struct mtu *m = &t->mtu;

	if (!m->probe || !seq_eq(t->snd_una, m->probe_seq))
		return false;
	s->cfg.mib->TCPMTUPFail++;
	if (m->high >= m->probe)
		m->high = m->probe - 1;
	flight_lose_to(s, t, seq_add(m->probe_seq, m->probe));
	m->probe = 0;
	recovery_without_cut(s, t);
	return true;
}
