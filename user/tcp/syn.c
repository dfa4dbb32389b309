/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * SYNs that come to the engine, because the driver saw a flow of theirs: one that opens a
 * pair anew out of TIME_WAIT (RFC 9293 3.6.1), and one whose flow ended while it was on the
 * way up.
 */
#include <string.h>

#include "tcp/stack.h"

struct listener *syn_listener(struct tcp_stack *s, const struct sg_tuple *t, __u32 *id)
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

/* Linux's MIB counters of a listener, as the driver keeps them. */
static void syn_refused(struct tcp_stack *s, __u32 id, enum sg_admission why)
{
	struct sg_queue *q = &s->cfg.queues[id];

	if (why == SG_ADMIT_RIVAL)
		return;
	if (why == SG_ADMIT_HALFOPEN_FULL) {
		__sync_fetch_and_add(&q->TCPReqQFullDrop, 1);
		s->cfg.mib->TCPReqQFullDrop++;
	} else if (why == SG_ADMIT_ACCEPTQ_FULL) {
		__sync_fetch_and_add(&q->ListenOverflows, 1);
		s->cfg.mib->ListenOverflows++;
	}
	__sync_fetch_and_add(&q->ListenDrops, 1);
	s->cfg.mib->ListenDrops++;
}

/* --- out of TIME_WAIT ------------------------------------------------------------------- */

void syn_grow_old(struct tcp_stack *s, struct tcp *t)
{
	if (t->flags & T_SYN_YOUNG)
		__sync_fetch_and_add(&s->cfg.queues[t->listener].young, (__u32)-1);
	t->flags &= ~(__u32)T_SYN_YOUNG;
}

void syn_leave(struct tcp_stack *s, struct tcp *t)
{
	syn_grow_old(s, t);
	if (t->flags & T_SYN_QUEUED)
		__sync_fetch_and_add(&s->cfg.queues[t->listener].halfopen, (__u32)-1);
	t->flags &= ~(__u32)T_SYN_QUEUED;
}

/* The block of a connection that begins with this SYN, and with our number `iss`. */
static void syn_fill(struct tcp_stack *s, struct tcp *t, const struct seg *in, sg_seq iss, __u32 id,
		     sg_time now)
{
	const struct listener *l = &s->listener[id];

	t->listener = id;
	memcpy(t->mac, in->mac, 6);
	handshake_options(t, l, sg_synq_opts(&in->opt, in->flags, knobs(s)), seg_mss(in));
	t->iss = t->snd_una = t->snd_nxt = t->snd_max = iss;
	t->snd_wnd = t->max_wnd = in->wnd;
	t->irs = in->seq;
	t->rcv_nxt = t->last_ack_sent = seq_add(t->irs, 1);
	t->rcv_adv = seq_add(t->rcv_nxt, l->cfg.window);
	t->ts_recent = in->opt.tsval;
	t->ts_recent_at = (__u32)(now / SG_SEC);
	t->rcv_mss = rcv_mss_guess(t->mss);
	mtu_init(s, t, now);
	cc_init(s, t, 0);
	t->flags |= T_SYN_QUEUED | T_SYN_YOUNG;
	__sync_fetch_and_add(&s->cfg.queues[id].halfopen, 1);
	__sync_fetch_and_add(&s->cfg.queues[id].young, 1);
	state_set(t, TCP_SYN_RCVD);
}

/* The SYN is dropped, and with it the flow that the pair still had. */
static bool syn_not_reopened(struct tcp_stack *s, const struct seg *in, const struct sg_hash *h,
			     __u32 id, enum sg_admission why)
{
	sg_flow_release(&s->cfg.flows, h->table, &in->tuple);
	syn_refused(s, id, why);
	return true;
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
	if (in->flags & SG_FIN) /* Linux's listener drops it, but its TIME_WAIT is gone by then */
		return syn_not_reopened(s, in, h, id, SG_ADMIT_RIVAL);
	if (SG_READ_ONCE(s->cfg.queues[id].acceptq) > s->cfg.queues[id].backlog)
		return syn_not_reopened(s, in, h, id, SG_ADMIT_ACCEPTQ_FULL);
	t = conn_new(s, &in->tuple, h, now);
	if (!t)
		return syn_not_reopened(s, in, h, id, SG_ADMIT_BUCKET_FULL);
	syn_fill(s, t, in, iss, id, now);
	output_ready(s, t);
	s->cfg.mib->SynAckByWorker++;
	s->cfg.mib->TimeWaitReopened++;
	return true;
}

/* --- in the driver's place ---------------------------------------------------------------- */

static bool syn_is_proven(const struct tcp_stack *s, const struct sg_tuple *t)
{
	__u64 mark = sg_proven_mark(&s->cfg.key.sip, t, SG_PROVEN_CLOSED);

	return sg_proven_has(&s->cfg.proven[sg_proven_bucket(mark)], mark);
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
		.opts = sg_synq_opts(&in->opt, in->flags, knobs(s)),
		.tail = (__u16)id,
	};
	e->tsval = e->opts & SG_OPT_TS ? in->opt.tsval : 0;
	memcpy(e->mac, in->mac, 6);
}

/* A place in the table for `e`, a cookie instead of one, or neither. */
static enum sg_admission syn_place(struct tcp_stack *s, struct sg_queue *q, const struct sg_halfopen *e,
				   const struct sg_hash *h, sg_time now)
{
	__u32 cookies = s->cfg.cookies ? knobs(s)->tcp_syncookies : 0;
	enum sg_admission how = SG_ADMIT_HALFOPEN_FULL;
	struct sg_place at;
	int proven;

	if (cookies < 2) {
		proven = cookies || (sg_synq_wants_proven(q) && syn_is_proven(s, &e->tuple));
		how = sg_synq_admit(&s->cfg.halfopen, q, e, proven, h->table, time_ms(now), knobs(s)->synack_rto_ms, &at);
	}
	return sg_cookie_instead(q, how, cookies);
}

bool syn_admit(struct tcp_stack *s, const struct seg *in, const struct sg_hash *h, sg_time now,
	       struct actions *out)
{
	__u32 id = 0;
	struct listener *l = syn_listener(s, &in->tuple, &id);
	enum sg_admission how;
	struct sg_halfopen e;

	if (!l)
		return false;
	syn_entry(s, in, id, now, &e);
	how = syn_place(s, &s->cfg.queues[id], &e, h, now);
	if (how == SG_ADMIT_COOKIE) {
		handshake_synack_cookie(s, l, &e, now, out);
	} else if (how == SG_ADMIT_ENTRY) {
		handshake_synack(s, l, &e, now, out);
	} else {
		syn_refused(s, id, how);
		return true;
	}
	s->cfg.mib->SynAckByWorker++;
	return true;
}

bool syn_cookie_may_come(struct tcp_stack *s, const struct seg *in, sg_time now)
{
	__u32 id = 0;

	return (in->flags & (SG_SYN | SG_RST | SG_ACK)) == SG_ACK && s->cfg.cookies &&
	       knobs(s)->tcp_syncookies && syn_listener(s, &in->tuple, &id) &&
	       sg_cookie_recent(&s->cfg.queues[id], time_ms(now));
}
