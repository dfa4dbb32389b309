/* SPDX-License-Identifier: BSD-2-Clause */
#include "daemon/lookup.h"

#include "daemon/worker.h"
#include "syngate/cookie.h"

/* A copy of the entry of `t`. Returns its slot number, or -1. */
static __s64 lookup_entry(const struct front *f, __u32 tag, const struct sg_tuple *t,
			  struct sg_halfopen *e, __u64 *word)
{
	const struct sg_halfopen_table *h = &f->halfopen;
	__s64 at = sg_synq_where(h, tag, t, word);
	__u32 b = sg_index_bucket((__u32)at), way = sg_index_way((__u32)at);

	if (at < 0)
		return -1;
	*e = *sg_synq_entry(h, b, way);
	__atomic_thread_fence(__ATOMIC_ACQUIRE);
	if (sg_slot_gen(SG_READ_ONCE(h->ways[b].slot[way])) != sg_slot_gen(*word))
		return -1; /* freed and taken again while we copied */
	return at;
}

/* As the driver finds it: a listener's own address goes before any. -1: nobody listens. */
static int lookup_listener(const struct front *f, const struct sg_tuple *t)
{
	int any = -1;

	for (__u32 i = 0; i < f->max_listeners; i++) {
		const struct sg_queue *q = &f->queue[i];

		if (!SG_READ_ONCE(q->in_use) || q->port != t->lport)
			continue;
		if (sg_addr_eq(&q->addr, &t->local))
			return (int)i;
		if (sg_addr_is_any(&q->addr))
			any = (int)i;
	}
	return any;
}

/* The answer to a cookie of a listener that has sent some lately? */
static int lookup_cookie(const struct worker *w, const struct seg *seg,
			 const struct sg_synq_seg *s, struct seg_handshake *hs)
{
	const struct front *f = w->front;
	int id = lookup_listener(f, &seg->tuple);
	struct sg_cookie c;

	if (id < 0 || !f->settings->tcp_syncookies ||
	    !sg_cookie_recent(&f->queue[id], (__u32)(w->now / SG_MS)) ||
	    !sg_cookie_check(&f->keys.cookie, &seg->tuple, s, w->now / SG_MS, &c))
		return 0;
	*hs = (struct seg_handshake){
		.cookie = true,
		.irs = seg->seq.v - 1,
		.listener = (__u16)id,
		.mss = c.mss,
		.opts = c.opts,
	};
	return 1;
}

int lookup_handshake(const struct worker *w, const struct seg *seg, struct seg_handshake *hs)
{
	struct sg_hash h = sg_tuple_hash(&w->front->keys.tuple, &seg->tuple);
	const struct sg_synq_seg s = {
		.seq = seg->seq,
		.ack = seg->ack,
		.len = seg_space(seg),
		.tsval = seg->opt.tsval,
		.tsecr = seg->opt.tsecr,
		.flags = seg->flags,
		.has_ts = seg->opt.has_ts,
	};
	struct sg_halfopen e;
	enum sg_synq_fit fit;
	__u64 word;
	__s64 slot = lookup_entry(w->front, h.table, &seg->tuple, &e, &word);

	if (slot < 0)
		return lookup_cookie(w, seg, &s, hs);
	if (sg_synq_listener(&e) >= w->front->max_listeners)
		return 0;
	fit = sg_synq_check(&e, &h, &s, w->listener[sg_synq_listener(&e)].window,
			    (__u32)(w->now / SG_MS), w->front->settings->tcp_invalid_ratelimit);
	if (fit != SG_FIT_ACK && fit != SG_FIT_RESET)
		return 0;
	*hs = (struct seg_handshake){
		.slot = (__u32)slot,
		.irs = e.irs,
		.when = e.when,
		.tsval = e.tsval,
		.gen = sg_slot_gen(word),
		.listener = sg_synq_listener(&e),
		.mss = e.mss,
		.opts = e.opts,
	};
	return 1;
}
