/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * From the half-open queue to a connection: the final ACK that the driver let through,
 * and the SYN-ACKs that are due again. The half-open table is shared with the driver and
 * the other workers; who frees a slot by compare-and-swap is the one who takes it.
 */
#include <errno.h>
#include <string.h>

#include "tcp/stack.h"

#define CLAIM_TURNS 64

struct halfopen_ref {
	struct sg_halfopen *entry;
	__u64 *slot;
	__u64 word;
	__u32 bucket, way;
	struct sg_halfopen e; /* a copy that belongs to `word` */
};

bool handshake_has(const struct tcp_stack *s, const struct sg_hash *h, const struct sg_tuple *t)
{
	__u64 word;

	return sg_synq_where(&s->cfg.halfopen, h->table, t, &word) >= 0;
}

/* Copy the entry. False: the slot changed hands meanwhile. */
static bool handshake_copy(struct halfopen_ref *ref)
{
	ref->e = *ref->entry;
	__sync_synchronize();
	return sg_slot_gen(SG_READ_ONCE(*ref->slot)) == sg_slot_gen(ref->word);
}

static void handshake_at(struct tcp_stack *s, __u32 bucket, __u32 way, struct halfopen_ref *ref)
{
	ref->bucket = bucket;
	ref->way = way;
	ref->entry = sg_synq_entry(&s->cfg.halfopen, bucket, way);
	ref->slot = &s->cfg.halfopen.ways[bucket].slot[way];
}

/* The entry that a segment's record names, if it is still that entry. */
static bool handshake_find(struct tcp_stack *s, const struct seg *in, const struct sg_hash *h,
			   struct halfopen_ref *ref)
{
	const struct seg_handshake *r = in->handshake;

	if (sg_index_bucket(r->slot) >= s->cfg.halfopen.buckets || sg_index_way(r->slot) >= SG_WAYS)
		return false;
	handshake_at(s, sg_index_bucket(r->slot), sg_index_way(r->slot), ref);
	ref->word = SG_READ_ONCE(*ref->slot);
	return sg_slot_hit(ref->word, h->table) && sg_slot_gen(ref->word) == r->gen &&
	       handshake_copy(ref) && sg_tuple_eq(&ref->e.tuple, &in->tuple);
}

/* Take the entry out of the table. False: somebody else did. */
static bool handshake_release(struct tcp_stack *s, const struct halfopen_ref *ref)
{
	__u32 listener = sg_synq_listener(&ref->e);
	__u64 word = ref->word;

	/* a sweeping worker may just have put the timer off */
	while (!sg_synq_free(&s->cfg.halfopen, ref->bucket, ref->way, word)) {
		__u64 now = SG_READ_ONCE(*ref->slot);

		if (sg_slot_state(now) != SG_SLOT_LIVE || sg_slot_gen(now) != sg_slot_gen(word))
			return false;
		word = now;
	}
	if (listener < s->cfg.max_listeners)
		sg_synq_leave(&s->cfg.queues[listener], word);
	return true;
}

static void handshake_check_seg(const struct seg *in, struct sg_synq_seg *c)
{
	*c = (struct sg_synq_seg){
		.seq = in->seq,
		.ack = in->ack,
		.len = seg_space(in),
		.tsval = in->opt.tsval,
		.tsecr = in->opt.tsecr,
		.flags = in->flags,
		.has_ts = in->opt.has_ts,
	};
}

void handshake_options(struct tcp *t, const struct listener *l, __u8 opts, __u16 peer_mss)
{
	__u16 ours = sg_addr_is4(&t->tuple.peer) ? l->cfg.mss4 : l->cfg.mss6;

	t->our_mss = ours;
	t->mss = mss_between(ours, peer_mss);
	if (opts & SG_OPT_TS) {
		t->flags |= T_TS;
		t->mss -= 12;
	}
	if (opts & SG_OPT_SACK)
		t->flags |= T_SACK;
	if (opts & SG_OPT_ECN)
		t->flags |= T_ECN;
	if ((opts & SG_OPT_WSCALE) != SG_OPT_NO_WSCALE) {
		t->flags |= T_WSCALE;
		t->snd_wscale = opts & SG_OPT_WSCALE;
		t->rcv_wscale = l->cfg.wscale;
	}
}

void handshake_took(struct tcp *t, __u32 since, sg_time now)
{
	__u32 ms = time_ms(now) - since;

	t->shook = ((__s32)ms > 0 ? ms : 0) + 1;
}

/* Karn: only then does the final ACK tell the round-trip time. A cookie remembers no time. */
static bool handshake_answered_once(const struct halfopen_ref *ref)
{
	return ref->slot && sg_slot_retries(ref->word) == 0 && !(ref->e.opts & SG_OPT_ACKED) &&
	       !sg_synq_was_answered(&ref->e);
}

/*
 * A SYN-ACK that was sent again is told apart by the timestamp that comes back, as Linux does;
 * without one nothing is known.
 */
static void handshake_rtt(struct tcp *t, const struct halfopen_ref *ref, const struct seg *in,
			  sg_time now)
{
	__u32 ms = time_ms(now) - ref->e.when;

	if (!ref->slot)
		return;
	if (!handshake_answered_once(ref)) {
		ms = time_ms(now) + t->ts_off - in->opt.tsecr;
		if (!(t->flags & T_TS) || !in->opt.has_ts || !in->opt.tsecr) {
			rtt_syn_lost(t);
			return;
		}
	}
	rtt_sample(t, ((__s32)ms > 0 ? ms : 1) * SG_MS);
}

/* Another host's cookie, with another host's clock in it: ours goes on from there (RFC 7323). */
static void handshake_clock(struct tcp *t, const struct seg *in, sg_time now)
{
	__u32 ahead = time_ms(now) + t->ts_off - in->opt.tsecr;

	if (t->flags & T_TS && ahead > SG_COOKIE_RECENT_MS + (1u << SG_COOKIE_TS_BITS))
		t->ts_off = in->opt.tsecr + (1u << SG_COOKIE_TS_BITS) - time_ms(now);
}

/* The connection block as it is right behind the final ACK. */
static void handshake_fill(struct tcp_stack *s, struct tcp *t, const struct listener *l, const struct halfopen_ref *ref,
			   const struct sg_hash *h, const struct seg *in, sg_time now)
{
	const struct sg_halfopen *e = &ref->e;

	t->listener = sg_synq_listener(e);
	memcpy(t->mac, in->mac, 6);
	handshake_options(t, l, e->opts, e->mss);
	t->iss = ref->slot ? sg_iss(h, e->when) : sg_seq_of(in->ack.v - 1);
	if (ref->slot)
		handshake_took(t, e->when, now);
	else
		handshake_clock(t, in, now);
	t->snd_una = t->snd_nxt = t->snd_max = seq_add(t->iss, 1);
	t->irs = sg_seq_of(e->irs);
	t->rcv_nxt = t->last_ack_sent = seq_add(t->irs, 1);
	t->rcv_adv = seq_add(t->rcv_nxt, l->cfg.window);
	t->snd_wl1 = in->seq;
	t->snd_wl2 = in->ack;
	t->snd_wnd = t->max_wnd = seg_window(t, in);
	t->ts_recent = e->tsval;
	t->ts_recent_at = (__u32)(now / SG_SEC);
	t->rcv_mss = rcv_mss_guess(t->mss);
	t->rcv_at = time_ms(now);
	mtu_init(s, t, now);
	cc_init(s, t, e->opts & SG_OPT_ACKED ? 0 : sg_slot_retries(ref->word));
	handshake_rtt(t, ref, in, now);
	state_set(t, TCP_ESTABLISHED);
	if (knobs(s)->keepalive) {
		t->flags |= T_KEEPALIVE;
		keepalive_arm(s, t, now);
	}
}

/*
 * The entry is gone. Another worker may just have made a connection of it, before it took
 * the entry: then the segment belongs there, above all a RST.
 */
static int handshake_missed(struct tcp_stack *s, const struct seg *in, const struct sg_hash *h,
			    struct actions *out)
{
	int owner = sg_flow_owner(&s->cfg.flows, h->table, &in->tuple);

	if (owner >= 0 && owner != s->cfg.worker)
		return owner;
	input_reset(s, in, out);
	return -1;
}

static int handshake_overflow(struct tcp_stack *s, const struct seg *in, const struct sg_hash *h,
			      struct halfopen_ref *ref, struct actions *out)
{
	if (!knobs(s)->tcp_abort_on_overflow) {
		ref->entry->opts |= SG_OPT_ACKED;
		return -1;
	}
	if (!handshake_release(s, ref))
		return handshake_missed(s, in, h, out);
	s->cfg.mib->EmbryonicRsts++;
	input_reset(s, in, out);
	return -1;
}

/* The listener drops it; the entry stays, and the SYN-ACK comes again. */
static int handshake_drop(struct tcp_stack *s, __u32 listener, unsigned long long *why)
{
	acceptq_unreserve(s, listener);
	__sync_fetch_and_add(&s->cfg.queues[listener].ListenDrops, 1);
	s->cfg.mib->ListenDrops++;
	(*why)++;
	return -1;
}

/* Somebody else has ended the entry meanwhile: its RST came on another queue. */
static int handshake_undo(struct tcp_stack *s, struct tcp *t, const struct seg *in, __u32 listener,
			  struct actions *out)
{
	acceptq_unreserve(s, listener);
	sg_flow_release(&s->cfg.flows, t->hash, &in->tuple);
	close_unhash(s, t);
	conn_free(s, t);
	input_reset(s, in, out);
	return -1;
}

/*
 * Two segments of one tuple on two queues: while both claim it both give way. Whoever is
 * at it is done in no time, unless its thread has just lost the CPU.
 */
static int handshake_claim(struct tcp_stack *s, const struct seg *in, const struct sg_hash *h)
{
	int owner = -EBUSY;

	for (int turn = 0; owner == -EBUSY && turn < CLAIM_TURNS; turn++)
		owner = sg_flow_claim(&s->cfg.flows, h->table, &in->tuple, s->cfg.worker);
	return owner;
}

/* Nobody completes a handshake from an address that is not his. */
static void handshake_proves(struct tcp_stack *s, const struct tcp *t)
{
	__u64 mark = sg_proven_mark(&s->cfg.key.sip, &t->tuple, SG_PROVEN_SHOOK);

	sg_proven_add(&s->cfg.proven[sg_proven_bucket(mark)], mark, t->iss.v);
}

/* Make the connection. The tuple is claimed first: another worker may be doing the same. */
static int handshake_complete(struct tcp_stack *s, const struct seg *in, const struct sg_hash *h,
			      struct halfopen_ref *ref, sg_time now, struct actions *out)
{
	__u32 id = sg_synq_listener(&ref->e);
	struct listener *l = listener_at(s, id);
	struct tcp *t;
	int owner;

	if (!l)
		return -1;
	if (!acceptq_reserve(s, id)) /* a cookie's ACK can come again: Linux says nothing */
		return ref->slot ? handshake_overflow(s, in, h, ref, out) : -1;
	owner = handshake_claim(s, in, h);
	if (owner == -ENOSPC)
		return handshake_drop(s, id, &s->cfg.mib->FlowTableFull);
	if (owner != s->cfg.worker) { /* -EBUSY: it is being claimed elsewhere */
		acceptq_unreserve(s, id);
		return owner < 0 ? -1 : owner;
	}
	t = conn_new(s, &in->tuple, h, now);
	if (!t) {
		sg_flow_release(&s->cfg.flows, h->table, &in->tuple);
		return handshake_drop(s, id, &s->cfg.mib->ConnTableFull);
	}
	if (ref->slot && !handshake_release(s, ref))
		return handshake_undo(s, t, in, id, out);
	handshake_fill(s, t, l, ref, h, in, now);
	handshake_proves(s, t);
	acceptq_push(s, t);
	input_conn(s, t, in, now, out);
	return -1;
}

/* The driver has found the cookie to be good: it is as if there had been an entry. */
static int handshake_cookie(struct tcp_stack *s, const struct seg *in, const struct sg_hash *h,
			    sg_time now, struct actions *out)
{
	const struct seg_handshake *r = in->handshake;
	struct halfopen_ref ref = {
		.e = {
			.tuple = in->tuple,
			.irs = r->irs,
			.tsval = r->opts & SG_OPT_TS ? in->opt.tsval : 0,
			.mss = r->mss,
			.opts = r->opts,
			.tail = r->listener,
		},
	};

	if (r->listener >= s->cfg.max_listeners)
		return -1;
	__sync_fetch_and_add(&s->cfg.queues[r->listener].SyncookiesRecv, 1);
	s->cfg.mib->SyncookiesRecv++;
	return handshake_complete(s, in, h, &ref, now, out);
}

int handshake_input(struct tcp_stack *s, const struct seg *in, const struct sg_hash *h,
		    sg_time now, struct actions *out)
{
	struct sg_synq_seg check;
	struct halfopen_ref ref;
	struct listener *l;

	if (in->handshake->cookie)
		return handshake_cookie(s, in, h, now, out);
	if (!handshake_find(s, in, h, &ref))
		return handshake_missed(s, in, h, out);
	l = listener_at(s, sg_synq_listener(&ref.e));
	handshake_check_seg(in, &check);
	switch (sg_synq_check(&ref.e, h, &check, l ? l->cfg.window : 0, time_ms(now),
			      knobs(s)->tcp_invalid_ratelimit)) {
	case SG_FIT_ACK:
		return handshake_complete(s, in, h, &ref, now, out);
	case SG_FIT_RESET:
		if (!handshake_release(s, &ref))
			return handshake_missed(s, in, h, out);
		s->cfg.mib->EmbryonicRsts++;
		s->cfg.mib->AttemptFails++;
		input_reset(s, in, out);
		return -1;
	case SG_FIT_BAD_ACK:
		input_reset(s, in, out);
		return -1;
	case SG_FIT_REPEAT: /* all these the driver answers or drops by itself */
	case SG_FIT_SILENT:
	case SG_FIT_OLD:
	case SG_FIT_INEXACT:
	case SG_FIT_OUTSIDE:
	case SG_FIT_DROP:
		return -1;
	}
	return -1;
}

/* --- SYN-ACKs that are due again -------------------------------------------------------------- */

void handshake_synack(struct tcp_stack *s, const struct listener *l, const struct sg_halfopen *e,
		      sg_time now, struct actions *out)
{
	struct sg_hash h = sg_tuple_hash(&s->cfg.key, &e->tuple);
	__u16 mss = sg_addr_is4(&e->tuple.peer) ? l->cfg.mss4 : l->cfg.mss6;
	struct seg *a = seg_new(s, out);

	a->tuple = e->tuple;
	memcpy(a->mac, e->mac, 6);
	a->flags = sg_synack_flags(e->opts);
	a->seq = sg_iss(&h, e->when);
	a->ack = sg_seq_of(e->irs + 1);
	a->wnd = l->cfg.window;
	sg_synack_opts(&a->opt, e->opts, e->tsval, mss, l->cfg.wscale, &h, time_ms(now));
	s->cfg.mib->OutSegs++;
}

void handshake_synack_cookie(struct tcp_stack *s, const struct listener *l,
			     const struct sg_halfopen *e, sg_time now, struct actions *out)
{
	struct sg_queue *q = &s->cfg.queues[sg_synq_listener(e)];
	struct seg *a = &out->send[out->n];

	handshake_synack(s, l, e, now, out);
	a->seq = sg_cookie_make(s->cfg.cookies, e, now / SG_MS);
	if (e->opts & SG_OPT_TS)
		a->opt.tsval = sg_cookie_tsval(a->opt.tsval, e->opts);
	sg_cookie_sent(q, time_ms(now));
	__sync_fetch_and_add(&q->SyncookiesSent, 1);
	s->cfg.mib->SyncookiesSent++;
	s->cfg.mib->TCPReqQFullDoCookies++;
}

/*
 * Who moves the slot's word on sends; the copy is from before, so it is that word's entry.
 * Counted as Linux does: each timer, also the last one, is a timeout.
 */
static void handshake_due(struct tcp_stack *s, struct halfopen_ref *ref, sg_time now,
			  struct actions *out)
{
	__u32 retries = sg_slot_retries(ref->word), id;
	struct listener *l;
	struct sg_queue *q;

	if (!handshake_copy(ref))
		return;
	id = sg_synq_listener(&ref->e);
	l = listener_at(s, id);
	if (!l) /* a dead daemon's: nobody listens yet; whoever will not, frees it */
		return;
	q = &s->cfg.queues[id];
	if (retries >= sg_synq_retries(q, knobs(s)->tcp_synack_retries)) {
		if (handshake_release(s, ref)) {
			s->cfg.mib->TCPTimeouts++;
			s->cfg.mib->TCPReqExpired++;
		}
		return;
	}
	if (!sg_synq_rearm(ref->slot, ref->word, time_ms(now), knobs(s)->synack_rto_ms, retries + 1))
		return;
	if (retries == 0)
		__sync_fetch_and_add(&q->young, (__u32)-1);
	handshake_synack(s, l, &ref->e, now, out);
	s->cfg.mib->TCPTimeouts++;
	s->cfg.mib->RetransSegs++;
	s->cfg.mib->TCPSynRetrans++;
}

static void sweep_slot(struct tcp_stack *s, __u32 bucket, __u32 way, __u64 word, sg_time now,
		       struct actions *out)
{
	struct halfopen_ref ref = {.word = word};

	handshake_at(s, bucket, way, &ref);
	handshake_due(s, &ref, now, out);
}

/* Is any of the bucket's entries due? Most are not: no branches, and no look at the entries. */
static bool sweep_any_due(const struct sg_ways *b, __u32 now_ms)
{
	__u64 now = now_ms >> SG_DUE_SHIFT, due = 0;

	for (int i = 0; i < SG_WAYS; i++) {
		__u64 w = SG_READ_ONCE(b->slot[i]);
		__u64 not = ((w ^ SG_SLOT_LIVE) & SG_SLOT_STATE) |
			    ((now - (w >> SG_SLOT_INFO_SHIFT)) & 0x8000); /* as sg_is_due() */

		due |= not - 1;
	}
	return due >> 63;
}

__u32 tcp_sweep_halfopen(struct tcp_stack *s, __u32 first, __u32 n, sg_time now,
			 struct actions *out)
{
	const struct sg_ways *b = &s->cfg.halfopen.ways[first];
	__u32 now_ms = time_ms(now);

	for (__u32 i = 0; i < n; i++, b++) {
		if (!sweep_any_due(b, now_ms))
			continue;
		if (actions_room(out) < SG_WAYS)
			return i;
		for (__u32 way = 0; way < SG_WAYS; way++) {
			__u64 word = SG_READ_ONCE(b->slot[way]);

			if (sg_slot_state(word) == SG_SLOT_LIVE && sg_is_due(word, now_ms))
				sweep_slot(s, first + i, way, word, now, out);
		}
	}
	return n;
}
