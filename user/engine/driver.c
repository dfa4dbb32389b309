/* SPDX-License-Identifier: BSD-2-Clause */
#include "engine/driver.h"

#include <string.h>

/* Where a half-open entry is, and a copy of it. */
struct found {
	struct sg_halfopen *entry;
	__u64 *slot;
	__u64 word;
	__u32 index;
};

static bool driver_find(const struct tcp_stack *s, const struct sg_hash *h,
			const struct sg_tuple *t, struct found *f)
{
	const struct sg_halfopen_table *table = &s->cfg.halfopen;
	__s64 at = sg_synq_where(table, h->table, t, &f->word);
	__u32 b = sg_index_bucket((__u32)at), way = sg_index_way((__u32)at);

	if (at < 0)
		return false;
	f->entry = sg_synq_entry(table, b, way);
	f->slot = &table->ways[b].slot[way];
	f->index = (__u32)at;
	return true;
}

bool driver_has_halfopen(const struct tcp_stack *s, const struct sg_tuple *t)
{
	struct sg_hash h = sg_tuple_hash(&s->cfg.key, t);

	return handshake_has(s, &h, t);
}

/* The same SYN again: the same SYN-ACK, and the timer starts anew. */
static void driver_repeat(struct tcp_stack *s, const struct listener *l,
			  const struct found *f, sg_time now, struct actions *out)
{
	sg_synq_rearm(f->slot, f->word, time_ms(now), knobs(s)->synack_rto_ms,
		      sg_slot_retries(f->word));
	sg_synq_answered(f->entry, time_ms(now));
	handshake_synack(s, l, f->entry, now, out);
}

/* "This is where we are", RFC 9293 3.10.7.4; what is bare only so often. */
static void driver_challenge(const struct tcp_stack *s, const struct listener *l,
			     const struct found *f, const struct seg *in, const struct sg_hash *h,
			     sg_time now, struct actions *out)
{
	const struct sg_halfopen *e = f->entry;
	bool bare = seg_space(in) == 0 || in->flags & SG_SYN;
	bool scaled = (e->opts & SG_OPT_WSCALE) != SG_OPT_NO_WSCALE;
	struct seg *a;

	if (bare && sg_synq_limited(e, time_ms(now), knobs(s)->tcp_invalid_ratelimit))
		return;
	if (bare)
		sg_synq_answered(f->entry, time_ms(now));
	a = seg_new(s, out);
	a->tuple = in->tuple;
	memcpy(a->mac, in->mac, 6);
	a->flags = SG_ACK;
	a->seq = sg_seq_of(sg_iss(h, e->when).v + 1);
	a->ack = sg_seq_of(e->irs + 1);
	a->wnd = scaled ? l->cfg.window >> l->cfg.wscale : l->cfg.window;
	if (e->opts & SG_OPT_TS) {
		a->opt.has_ts = 1;
		a->opt.tsval = sg_ts_clock(h, time_ms(now));
		a->opt.tsecr = e->tsval;
	}
	s->cfg.mib->OutSegs++;
}

static bool driver_rst_allowed(struct driver *d, sg_time now)
{
	if (d->rst_second != now / SG_SEC) {
		d->rst_second = now / SG_SEC;
		d->rst_spent = 0;
	}
	return d->rst_spent++ < knobs(d->stack)->rst_limit;
}

static void driver_stray(struct driver *d, const struct seg *in, sg_time now, struct actions *out)
{
	if (!(in->flags & SG_RST) && driver_rst_allowed(d, now))
		input_reset(d->stack, in, out);
}

static void driver_steer(struct driver *d, struct seg *in, const struct found *f, sg_time now,
			 struct actions *out)
{
	const struct sg_halfopen *e = f->entry;
	const struct seg_handshake r = {
		.slot = f->index,
		.irs = e->irs,
		.when = e->when,
		.tsval = e->tsval,
		.gen = sg_slot_gen(f->word),
		.listener = sg_synq_listener(e),
		.mss = e->mss,
		.opts = e->opts,
	};

	in->handshake = &r;
	tcp_input(d->stack, in, now, out);
	in->handshake = NULL;
}

/* What arrives for a half-open entry: one case for each way it can fit (bpf/complete.h). */
static void driver_complete(struct driver *d, struct seg *in, const struct sg_hash *h,
			    const struct found *f, sg_time now, struct actions *out)
{
	const struct sg_synq_seg c = {in->seq,	      in->ack,	     seg_space(in), in->opt.tsval,
				      in->opt.tsecr, in->flags, in->opt.has_ts};
	struct tcp_stack *s = d->stack;
	const struct listener *l = listener_at(s, sg_synq_listener(f->entry));

	if (!l)
		return;
	switch (sg_synq_check(f->entry, h, &c, l->cfg.window, time_ms(now),
			      knobs(s)->tcp_invalid_ratelimit)) {
	case SG_FIT_REPEAT:
		driver_repeat(s, l, f, now, out);
		return;
	case SG_FIT_ACK:
	case SG_FIT_RESET:
		driver_steer(d, in, f, now, out);
		return;
	case SG_FIT_BAD_ACK:
		driver_stray(d, in, now, out);
		return;
	case SG_FIT_OLD:
		if (in->flags & SG_RST)
			return;
		/* fallthrough */
	case SG_FIT_OUTSIDE:
	case SG_FIT_INEXACT:
		driver_challenge(s, l, f, in, h, now, out);
		return;
	case SG_FIT_SILENT:
	case SG_FIT_DROP:
		return;
	}
}

/* May another ACK be looked at, of those that were no cookie's? */
static bool driver_cookie_allowed(struct driver *d, sg_time now)
{
	if (d->cookie_second != now / SG_SEC) {
		d->cookie_second = now / SG_SEC;
		d->cookie_spent = 0;
	}
	return d->cookie_spent < knobs(d->stack)->syncookie_limit;
}

/*
 * An ACK for nothing that we know of, to a listener that has just sent cookies (bpf/complete.h).
 * One that is no cookie's may be data right behind one that is: the engine knows.
 */
static void driver_cookie(struct driver *d, struct seg *in, __u32 id, sg_time now, struct actions *out)
{
	const struct sg_synq_seg c = {in->seq,	      in->ack,	     seg_space(in), in->opt.tsval,
				      in->opt.tsecr, in->flags, in->opt.has_ts};
	struct tcp_stack *s = d->stack;
	struct seg_handshake r = {.cookie = true, .irs = in->seq.v - 1, .listener = (__u16)id};
	struct sg_cookie made;

	if (!driver_cookie_allowed(d, now))
		return;
	if (sg_cookie_check(s->cfg.cookies, &in->tuple, &c, now / SG_MS, &made)) {
		r.mss = made.mss;
		r.opts = made.opts;
		in->handshake = &r;
	} else {
		d->cookie_spent++;
		s->cfg.queues[id].SyncookiesFailed++;
		s->cfg.mib->SyncookiesFailed++;
	}
	tcp_input(s, in, now, out);
	in->handshake = NULL;
}

/* What belongs to no entry and is no SYN. */
static void driver_other(struct driver *d, struct seg *in, sg_time now, struct actions *out)
{
	struct tcp_stack *s = d->stack;
	__u32 id = 0;

	if ((in->flags & (SG_SYN | SG_RST | SG_ACK)) == SG_ACK && s->cfg.cookies &&
	    knobs(s)->tcp_syncookies && syn_listener(s, &in->tuple, &id) &&
	    sg_cookie_recent(&s->cfg.queues[id], time_ms(now)))
		driver_cookie(d, in, id, now, out);
	else
		driver_stray(d, in, now, out);
}

/* bpf/verify.h: what no host sends is dropped; what is for nobody is reset, whatever its flags. */
static bool driver_verify(struct tcp_stack *s, const struct seg *in)
{
	__u32 id;

	if (sg_tuple_is_valid(&in->tuple) && sg_addr_is_host(&in->tuple.local) &&
	    (sg_flags_are_valid(in->flags) || !syn_listener(s, &in->tuple, &id)))
		return true;
	s->cfg.mib->InErrs++;
	return false;
}

void driver_input(struct driver *d, struct seg *in, sg_time now, struct actions *out)
{
	struct tcp_stack *s = d->stack;
	struct sg_hash h;
	struct found f;

	tcp_prepare(s, in, 1);
	h = in->hash;
	if (sg_flow_owner(&s->cfg.flows, h.table, &in->tuple) >= 0)
		tcp_input(s, in, now, out);
	else if (!driver_verify(s, in))
		return;
	else if (driver_find(s, &h, &in->tuple, &f))
		driver_complete(d, in, &h, &f, now, out);
	else if ((in->flags & (SG_SYN | SG_ACK | SG_RST | SG_FIN)) != SG_SYN ||
		 !syn_admit(s, in, &h, now, out))
		driver_other(d, in, now, out);
}
