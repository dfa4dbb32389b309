/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Stage: what arrives for a half-open entry, and what arrives for nothing at all. The
 * entry stays whatever happens: the engine says when it is done with it.
 */
#ifndef BPF_COMPLETE_H
#define BPF_COMPLETE_H

#include "admit.h"

/* A segment that belongs to nothing: RST, but none for a RST. */
SG_INLINE enum sg_verdict stray(struct xdp_md *ctx, const struct packet *p, struct request *rq,
				const struct sg_settings *set)
{
	int bad;

	if (p->flags & SG_RST || !budget_rst(p, ctx->rx_queue_index, rq->now_budget))
		return SG_V_STRAY;
	bad = verify(ctx, p, &rq->r, set->verify_checksum); /* before it is answered */
	if (bad)
		return bad;
	rst_make(&rq->a, p);
	return SG_V_RST_SENT;
}

/* Where an entry is. */
struct found {
	struct sg_halfopen *e;
	__u64 *slot;
	__u64 word;
	__u32 index;
};

/* The entry, copied to `e`. 0, or -1 when it has gone since halfopen_find() saw it. */
SG_INLINE int found_at(struct found *f, __u32 index, __u32 tag, struct sg_halfopen *e)
{
	__u32 bucket = sg_index_bucket(index), way = sg_index_way(index);
	struct sg_ways *w = bpf_map_lookup_elem(&halfopen, &bucket);

	if (!w || way >= SG_WAYS)
		return -1;
	f->e = halfopen_entry(bucket, way);
	if (!f->e)
		return -1;
	f->slot = &w->slot[way];
	f->word = SG_READ_ONCE(*f->slot);
	f->index = index;
	*e = *f->e;
	if (!sg_slot_hit(f->word, tag))
		return -1;
	/* freed and taken by another tuple while we copied? */
	return sg_slot_gen(SG_READ_ONCE(*f->slot)) == sg_slot_gen(f->word) ? 0 : -1;
}

/* The same SYN again: the same SYN-ACK, and the timer starts anew. */
SG_INLINE enum sg_verdict complete_repeat(const struct packet *p, struct request *rq,
					  const struct found *f, __u32 rto_ms)
{
	sg_synq_rearm(f->slot, f->word, rq->now, rto_ms, sg_slot_retries(f->word));
	synack_make(&rq->a, p, &rq->l, &rq->e, &rq->h, rq->now);
	sg_synq_answered(f->e, rq->now);
	return SG_V_SYNACK_REPEATED;
}

/*
 * An ACK, and `v`; `limited` when one was sent just now. Data is always answered, as in Linux:
 * what two ends can send each other for ever is bare.
 */
SG_INLINE enum sg_verdict complete_challenge(struct request *rq, const struct found *f,
					     const struct sg_synq_seg *s, __u32 ratelimit,
					     enum sg_verdict v, enum sg_verdict limited)
{
	int bare = s->len == 0 || s->flags & SG_SYN;

	if (bare && sg_synq_limited(&rq->e, rq->now, ratelimit))
		return limited;
	if (bare)
		sg_synq_answered(f->e, rq->now);
	challenge_make(&rq->a, &rq->l, &rq->e, &rq->h, rq->now);
	return v;
}

SG_INLINE void complete_seg(struct sg_synq_seg *s, const struct packet *p, const struct request *rq)
{
	s->seq = sg_seq_of(p->seq);
	s->ack = sg_seq_of(p->ack);
	s->len = packet_space(p);
	s->tsval = rq->r.o.tsval;
	s->tsecr = rq->r.o.tsecr;
	s->flags = p->flags;
	s->has_ts = rq->r.o.has_ts;
}

/* 1 and `c`, if it answers a cookie of ours. */
STAGE int cookie_is_good(const struct packet *p, struct request *rq, struct sg_cookie *c)
{
	__u32 zero = 0;
	struct sg_keys *k = bpf_map_lookup_elem(&keys, &zero);
	struct sg_synq_seg s;

	if (!p || !rq || !c || !k)
		return 0;
	complete_seg(&s, p, rq);
	return sg_cookie_check(&k->cookie, &p->tuple, &s, rq->now_ms, c);
}

/*
 * An ACK for nothing that we know of, to a listener that has sent cookies lately. What is no cookie's
 * may be data right behind an ACK that is, on the way up still: the worker knows.
 */
STAGE enum sg_verdict cookie(struct xdp_md *ctx, const struct packet *p, struct request *rq,
			     struct sg_queue *q)
{
	const struct sg_settings *set = settings_get();
	__u32 queue = ctx->rx_queue_index;
	struct sg_worker *w = bpf_map_lookup_elem(&workers, &queue);
	struct sg_cookie c = {};
	int bad;

	if (!p || !rq || !q || !set || !w)
		return SG_V_STRAY;
	if (!sg_budget_has(w->cookie_until, rq->now_budget, set->syncookie_limit))
		return SG_V_COOKIE_LIMITED;
	bad = verify(ctx, p, &rq->r, set->verify_checksum);
	if (bad)
		return bad;
	if (options_read(&rq->r))
		return SG_V_BAD_OPTION;
	if (cookie_is_good(p, rq, &c)) {
		steer_cookie(&rq->m, p, rq->l.id, &c);
		return SG_V_STEER_COOKIE;
	}
	sg_budget_spend(&w->cookie_until, rq->now_budget, set->syncookie_limit);
	__sync_fetch_and_add(&q->SyncookiesFailed, 1);
	steer_flow(&rq->m, p, 0, SG_META_NONE);
	return SG_V_STEER_NO_COOKIE;
}

/* Neither a flow's, nor an entry's, nor a SYN. A flood is made of these: no look too many. */
SG_INLINE enum sg_verdict other(struct xdp_md *ctx, const struct packet *p, struct request *rq,
				const struct sg_settings *set)
{
	__u32 id = rq->l.id;
	struct sg_queue *q = bpf_map_lookup_elem(&queues, &id);

	if (q && set->tcp_syncookies && sg_cookie_recent(q, rq->now) &&
	    (p->flags & (SG_SYN | SG_RST | SG_ACK)) == SG_ACK)
		return cookie(ctx, p, rq, q);
	return stray(ctx, p, rq, set);
}

/* A segment with an entry, verified. One case for each way it can fit. */
STAGE enum sg_verdict complete(struct xdp_md *ctx, const struct packet *p, struct request *rq,
			       __u32 index)
{
	const struct sg_settings *set = settings_get();
	struct sg_synq_seg s;
	struct found f;
	__u32 ratelimit;

	if (!p || !rq || !set)
		return SG_V_HALFOPEN_BAD;
	if (found_at(&f, index, rq->h.table, &rq->e))
		return flow_now(p, rq) ? SG_V_STEER_FLOW : SG_V_HALFOPEN_BAD;
	tuple_numbers(&p->tuple, &rq->h);
	complete_seg(&s, p, rq);
	ratelimit = set->tcp_invalid_ratelimit;
	switch (sg_synq_check(&rq->e, &rq->h, &s, rq->l.window, rq->now, ratelimit)) {
	case SG_FIT_REPEAT:
		return complete_repeat(p, rq, &f, set->synack_rto_ms);
	case SG_FIT_SILENT:
		return SG_V_SYN_LIMITED;
	case SG_FIT_ACK:
	case SG_FIT_RESET:
		steer_handshake(&rq->m, p, &rq->e, f.index, f.word);
		return SG_V_STEER_HANDSHAKE;
	case SG_FIT_BAD_ACK:
		return stray(ctx, p, rq, set);
	case SG_FIT_OLD:
		if (s.flags & SG_RST)
			return SG_V_OLD_RST;
		return complete_challenge(rq, &f, &s, ratelimit, SG_V_OLD_ACKED, SG_V_OLD_LIMITED);
	case SG_FIT_OUTSIDE:
		return complete_challenge(rq, &f, &s, ratelimit, SG_V_ACK_CHALLENGED,
					  SG_V_SYN_LIMITED);
	case SG_FIT_INEXACT:
		return complete_challenge(rq, &f, &s, ratelimit, SG_V_RST_CHALLENGED,
					  SG_V_SYN_LIMITED);
	case SG_FIT_DROP:
		return SG_V_HALFOPEN_BAD;
	}
	return SG_V_HALFOPEN_BAD;
}

#endif
