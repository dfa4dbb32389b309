/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * SYNs that come to the engine, because the driver saw a flow of theirs: one that opens a
 * pair anew out of TIME_WAIT (RFC 9293 3.6.1), and one whose flow ended while it was on the
 * way up.
 */
#include <string.h>

#include "tcp/stack.h"

static struct listener *syn_listener(struct tcp_stack *s, const struct sg_tuple *t, __u32 *id)
{
	struct listener *wild = NULL;

	for (__u32 i = 0; i < s->cfg.max_listeners; i++) {
		const struct sg_queue *q = &s->cfg.queues[i];

		if (!s->listener[i].open || q->port != t->lport)
			continue;
		if (sg_addr_eq(&q->addr, &t->local)) {
			*id = i;
			return &s->listener[i];
		}
		if (sg_addr_is_any(&q->addr)) {
			*id = i;
			wild = &s->listener[i];
		}
	}
	return wild;
}

/*
 * The old pair's numbers rule out the table's ISS, so the engine holds this one itself, in
 * SYN-RECEIVED. It counts in the half-open length but is not held to its limit, as in Linux.
 */
bool syn_reopen(struct tcp_stack *s, const struct seg *in, const struct sg_hash *h, sg_seq iss,
		sg_time now)
{
	struct listener *l;
	struct tcp *t;
	__u32 id = 0;

	l = syn_listener(s, &in->tuple, &id);
	if (!l)
		return false;
	t = conn_new(s, &in->tuple, h, now);
	if (!t)
		return false;
	t->listener = id;
	memcpy(t->mac, in->mac, 6);
	handshake_options(t, l, sg_synq_opts(&in->opt, knobs(s)), seg_mss(in));
	t->iss = t->snd_una = t->snd_nxt = t->snd_max = iss;
	t->snd_wnd = t->max_wnd = in->wnd;
	t->irs = in->seq;
	t->rcv_nxt = t->last_ack_sent = seq_add(t->irs, 1);
	t->rcv_adv = seq_add(t->rcv_nxt, l->cfg.window);
	t->ts_recent = in->opt.tsval;
	t->ts_recent_at = now;
	t->rcv_mss = t->mss;
	t->quick_acks = 16;
	cc_init(t, 0);
	t->flags |= T_SYN_QUEUED;
	__sync_fetch_and_add(&s->cfg.queues[id].halfopen, 1);
	state_set(t, TCP_SYN_RCVD);
	output_ready(s, t);
	s->cfg.mib->SynAckByWorker++;
	return true;
}

/* Linux's MIB counters of a listener, as the driver keeps them. */
static void syn_refused(struct sg_queue *q, enum sg_admission why)
{
	if (why == SG_ADMIT_ACCEPTQ_FULL)
		__sync_fetch_and_add(&q->ListenOverflows, 1);
	if (why == SG_ADMIT_HALFOPEN_FULL)
		__sync_fetch_and_add(&q->TCPReqQFullDrop, 1);
	if (why != SG_ADMIT_RIVAL)
		__sync_fetch_and_add(&q->ListenDrops, 1);
}

static void syn_entry(const struct tcp_stack *s, const struct seg *in, __u32 id, sg_time now,
		      struct sg_halfopen *e)
{
	__u16 mss = seg_mss(in);

	*e = (struct sg_halfopen){
		.tuple = in->tuple,
		.irs = in->seq.v,
		.when = time_ms(now),
		.mss = mss < SG_MSS_MIN ? SG_MSS_MIN : mss,
		.opts = sg_synq_opts(&in->opt, knobs(s)),
		.answered = (__u8)(time_ms(now) >> SG_ANSWERED_SHIFT),
		.listener = (__u16)id,
	};
	e->tsval = e->opts & SG_OPT_TS ? in->opt.tsval : 0;
	memcpy(e->mac, in->mac, 6);
}

bool syn_admit(struct tcp_stack *s, const struct seg *in, const struct sg_hash *h, sg_time now,
	       struct actions *out)
{
	__u32 buckets = s->cfg.halfopen_buckets, id = 0;
	struct listener *l = syn_listener(s, &in->tuple, &id);
	enum sg_admission how;
	struct sg_synq_place at;
	struct sg_halfopen e;

	if (!l)
		return false;
	syn_entry(s, in, id, now, &e);
	how = sg_synq_admit(&s->cfg.halfopen[sg_bucket_first(h->table, buckets)],
			    &s->cfg.halfopen[sg_bucket_second(h->table, buckets)],
			    &s->cfg.queues[id], &e, h->table, time_ms(now),
			    knobs(s)->synack_rto_ms, &at);
	if (how != SG_ADMIT_ENTRY) {
		syn_refused(&s->cfg.queues[id], how);
		return true;
	}
	handshake_synack(s, l, &e, now, out);
	s->cfg.mib->SynAckByWorker++;
	return true;
}
