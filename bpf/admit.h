/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Stage: the half-open queue. The search for a segment's entry, and the admission of a
 * new SYN. The rules are in syngate/synq.h; here are the map lookups and the counters.
 */
#ifndef BPF_ADMIT_H
#define BPF_ADMIT_H

#include "budget.h"
#include "steer.h"
#include "synack.h"
#include "syngate/cookie.h"
#include "syngate/proven.h"
#include "verify.h"

/*
 * A segment to a listener, of no known flow: what the stages tell each other. It lies in
 * a per-CPU element and not on the stack, of which there are 512 bytes for all stages.
 * (XDP programs of one CPU do not interrupt each other.)
 */
struct request {
	struct sg_listener l;
	__u32 beside; /* id of the wildcard listener beside it, or its own */
	__u64 clock;  /* ns */
	__u64 now_ms; /* the same */
	__u64 now_budget; /* as budgets have it */
	__u32 now;    /* as entries have it */
	struct sg_hash h;
	struct sg_opt_reader r;
	struct sg_halfopen e; /* its entry, a copy */
	struct answer a;      /* to be sent, if the verdict is to answer */
	struct sg_meta m;     /* to go along, if the verdict is to hand over */
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct request);
} scratch SEC(".maps");

/* A tick is long: the division is made once for all its frames. */
SG_INLINE void request_clock(struct request *rq)
{
	__u64 ns = bpf_ktime_get_coarse_ns();

	if (rq->clock == ns)
		return;
	rq->clock = ns;
	rq->now_ms = ns / 1000000;
	rq->now = (__u32)rq->now_ms;
	rq->now_budget = ns >> SG_BUDGET_SHIFT;
}

SG_INLINE struct request *request_get(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&scratch, &zero);
}


SG_INLINE struct sg_halfopen *halfopen_entry(__u32 bucket, __u32 way)
{
	__u32 at = bucket * SG_WAYS + way;

	return bpf_map_lookup_elem(&halfopen_entries, &at);
}

SG_INLINE int halfopen_is(__u32 bucket, __u32 way, const struct sg_tuple *t)
{
	struct sg_halfopen *e = halfopen_entry(bucket, way);

	return e && sg_tuple_eq(&e->tuple, t);
}

/* The tuple's entry, sg_index(), or -1. */
SG_INLINE int halfopen_find_in(const struct sg_ways *w, __u32 bucket, __u32 tag,
			       const struct sg_tuple *t)
{
	int at = -1;

	SG_UNROLL
	for (__u32 i = 0; i < SG_WAYS; i++) {
		if (sg_slot_hit(SG_READ_ONCE(w->slot[i]), tag) && halfopen_is(bucket, i, t)) {
			at = (int)sg_index(bucket, i);
			break;
		}
	}
	return at;
}

/*
 * Ask for the line that the entry of a new SYN will most likely be written to, while everything else
 * about it is worked out. There is no instruction for that: it is read.
 */
SG_INLINE void halfopen_expect(__u32 tag)
{
	struct sg_halfopen *e =
		halfopen_entry(sg_bucket_first(tag, halfopen_buckets), sg_ways_first(tag));

	if (e)
		(void)SG_READ_ONCE(e->irs);
}

STAGE int halfopen_find(const struct sg_tuple *t, __u32 tag)
{
	__u32 bucket = sg_bucket_first(tag, halfopen_buckets);
	struct sg_ways *w = bpf_map_lookup_elem(&halfopen, &bucket);
	int at;

	if (!t || !w)
		return -1;
	at = halfopen_find_in(w, bucket, tag, t);
	if (at >= 0 || !SG_READ_ONCE(w->spilled))
		return at;
	bucket = sg_bucket_second(tag, halfopen_buckets);
	w = bpf_map_lookup_elem(&halfopen, &bucket);
	return w ? halfopen_find_in(w, bucket, tag, t) : -1;
}

/*
 * A worker makes the flow and then frees the half-open entry. Who saw no flow, and then
 * no entry, may have looked just in between: is there a flow now?
 */
SG_INLINE int flow_now(const struct packet *p, struct request *rq)
{
	int owner = flow_find(&p->tuple, rq->h.table);

	if (owner < 0)
		return 0;
	steer_flow(&rq->m, p, owner, SG_META_FLOW);
	return 1;
}

/*
 * Has this queue's worker stopped? It is dead once its heartbeat is older than
 * heartbeat_ms, and alive again once it is younger than half of that.
 */
STAGE int worker_is_dead(__u32 queue, __u64 now, __u32 limit)
{
	struct sg_worker *w = bpf_map_lookup_elem(&workers, &queue);
	__u64 beat;
	__s64 age;

	if (!w)
		return 1;
	beat = SG_READ_ONCE(w->heartbeat);
	age = (__s64)(now - beat);
	if (!beat || age > (__s64)limit)
		SG_WRITE_ONCE(w->dead, 1);
	else if (w->dead && age < (__s64)limit / 2)
		SG_WRITE_ONCE(w->dead, 0);
	return SG_READ_ONCE(w->dead) != 0;
}

/* No live worker, and the kernel is to have what is new? */
SG_INLINE int fail_open(struct xdp_md *ctx, const struct sg_settings *set, __u64 now_ms)
{
	return set->fail_policy == SG_FAIL_PASS &&
	       worker_is_dead(ctx->rx_queue_index, now_ms, set->heartbeat_ms);
}

/*
 * Does the kernel have a socket of its own for this tuple: a connection from before we
 * attached or from a time without workers, its TIME_WAIT, a connect() of its own?
 */
STAGE int kernel_has(struct xdp_md *ctx, const struct packet *p)
{
	struct bpf_sock_tuple t = {};
	struct bpf_sock *sk;
	__u32 size;
	int has;

	if (!p)
		return 0;
	if (p->v6) {
		sg_memcpy(t.ipv6.saddr, p->tuple.peer.addr, 16);
		sg_memcpy(t.ipv6.daddr, p->tuple.local.addr, 16);
		t.ipv6.sport = bpf_htons(p->tuple.pport);
		t.ipv6.dport = bpf_htons(p->tuple.lport);
		size = sizeof(t.ipv6);
	} else {
		sg_memcpy(&t.ipv4.saddr, p->tuple.peer.addr + 12, 4);
		sg_memcpy(&t.ipv4.daddr, p->tuple.local.addr + 12, 4);
		t.ipv4.sport = bpf_htons(p->tuple.pport);
		t.ipv4.dport = bpf_htons(p->tuple.lport);
		size = sizeof(t.ipv4);
	}
	sk = bpf_skc_lookup_tcp(ctx, &t, size, BPF_F_CURRENT_NETNS, 0);
	if (!sk)
		return 0;
	has = sk->state != BPF_TCP_LISTEN;
	bpf_sk_release(sk);
	return has;
}

/* RFC 9293 3.7.1, and no smaller than Linux takes: a tiny MSS multiplies the work. */
SG_INLINE __u16 admit_mss(const struct packet *p, __u16 offered)
{
	if (!offered)
		return p->v6 ? SG_MSS_DEFAULT6 : SG_MSS_DEFAULT4;
	return offered < SG_MSS_MIN ? SG_MSS_MIN : offered;
}

/*
 * The entry to be. By words, because it is copied into its slot at once: that copy would have to wait
 * for each field to reach the cache.
 */
SG_INLINE void admit_entry(struct sg_halfopen *e, struct xdp_md *ctx, const struct packet *p,
			   const struct request *rq, const struct sg_settings *set)
{
	void *data = (void *)(long)ctx->data;
	__u8 opts = sg_synq_opts(&rq->r.o, p->flags, set);
	__u32 tsval = opts & SG_OPT_TS ? rq->r.o.tsval : 0;
	__u16 mss = admit_mss(p, rq->r.o.mss);

	e->tuple = p->tuple;
	if (data + ETH_HLEN > (void *)(long)ctx->data_end)
		return;
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
	sg_store64(&e->irs, p->seq | (__u64)rq->now << 32);
	sg_store64(&e->tsval, tsval | (__u64)sg_load32(data + ETH_ALEN) << 32);
	sg_store64(&e->mac[4], sg_load16(data + ETH_ALEN + 4) | (__u64)mss << 16 |
				       (__u64)opts << 32 | (__u64)(__u16)rq->l.id << 48);
#else
	e->irs = p->seq;
	e->when = rq->now;
	e->tsval = tsval;
	sg_memcpy(e->mac, data + ETH_ALEN, ETH_ALEN);
	e->mss = mss;
	e->opts = opts;
	e->answered = 0;
	e->tail = (__u16)rq->l.id;
#endif
}

/* Linux's MIB counters of a listener, beside the verdict. */
SG_INLINE enum sg_verdict admit_refused(struct sg_queue *q, enum sg_verdict v)
{
	if (v == SG_V_HALFOPEN_FULL)
		__sync_fetch_and_add(&q->TCPReqQFullDrop, 1);
	if (v == SG_V_ACCEPTQ_FULL)
		__sync_fetch_and_add(&q->ListenOverflows, 1);
	__sync_fetch_and_add(&q->ListenDrops, 1);
	return v;
}

/* Has a connection of this peer's ended in good order before? */
STAGE int peer_is_proven(const struct sg_tuple *t)
{
	struct sg_proven_bucket *b;
	struct sg_keys *k;
	__u32 zero = 0, bucket;
	__u64 mark;

	k = bpf_map_lookup_elem(&keys, &zero);
	if (!k || !t)
		return 0;
	mark = sg_proven_mark(&k->tuple.sip, t, SG_PROVEN_CLOSED);
	bucket = sg_proven_bucket(mark);
	b = bpf_map_lookup_elem(&proven, &bucket);
	return b && sg_proven_has(b, mark);
}

/* May it have what is kept for those that are known? */
SG_INLINE int admit_preferred(const struct sg_queue *q, const struct packet *p,
			      const struct sg_settings *set)
{
	return sg_synq_wants_proven(q) && (peer_is_allowed(p, set) || peer_is_proven(&p->tuple));
}

SG_INLINE enum sg_admission admit_into(struct sg_queue *q, const struct packet *p,
				       const struct request *rq, const struct sg_settings *set)
{
	__u32 cookies = set->tcp_syncookies;
	__u32 tag = rq->h.table;
	__u32 i0 = sg_bucket_first(tag, halfopen_buckets);
	__u32 i1 = sg_bucket_second(tag, halfopen_buckets);
	struct sg_ways *w0 = bpf_map_lookup_elem(&halfopen, &i0);
	struct sg_ways *w1 = bpf_map_lookup_elem(&halfopen, &i1), *w;
	enum sg_admission how;
	struct sg_halfopen *e;
	struct sg_place at;
	int is_proven;

	if (!w0 || !w1)
		return SG_ADMIT_BUCKET_FULL;
	if (cookies > 1)
		return SG_ADMIT_HALFOPEN_FULL;
	is_proven = cookies || admit_preferred(q, p, set);
	how = sg_synq_take(w0, w1, q, is_proven, tag, rq->now, set->synack_rto_ms, &at);
	if (how != SG_ADMIT_ENTRY || at.way >= SG_WAYS)
		return how;
	e = halfopen_entry(at.second ? i1 : i0, at.way);
	w = at.second ? w1 : w0;
	if (e)
		*e = rq->e;
	sg_slot_publish(&w->slot[at.way], at.word);
	return how;
}

/* The entry that there was no place for, as a cookie. 0, or -1: no keys, which cannot be. */
STAGE int admit_cookie(const struct packet *p, struct request *rq)
{
	__u32 zero = 0, id, tsval;
	struct sg_keys *k = bpf_map_lookup_elem(&keys, &zero);
	struct sg_queue *q;
	sg_seq isn;

	if (!p || !rq || !k)
		return -1;
	id = rq->l.id;
	q = bpf_map_lookup_elem(&queues, &id);
	if (!q)
		return -1;
	sg_tuple_numbers(&k->tuple, &p->tuple, &rq->h); /* side by side: the CPU does both at once */
	isn = sg_cookie_make(&k->cookie, &rq->e, rq->now_ms);
	tsval = sg_cookie_tsval(sg_ts_clock(&rq->h, rq->now), rq->e.opts);
	synack_build(&rq->a, p, &rq->l, &rq->e, isn, tsval);
	sg_cookie_sent(q, rq->now);
	__sync_fetch_and_add(&q->SyncookiesSent, 1);
	return 0;
}

/* A SYN that has no entry yet, verified. One case for each way it can go. */
STAGE enum sg_verdict admit(struct xdp_md *ctx, const struct packet *p, struct request *rq)
{
	const struct sg_settings *set = settings_get();
	enum sg_admission how;
	struct sg_queue *q;
	__u32 id;

	if (!p || !rq || !set)
		return SG_V_PASS_NO_LISTENER;
	id = rq->l.id;
	q = bpf_map_lookup_elem(&queues, &id);
	if (!q)
		return SG_V_PASS_NO_LISTENER;
	if (!budget_synack(p, ctx->rx_queue_index, rq->now_budget))
		return SG_V_SYNACK_LIMITED; /* no matter of the queues */
	admit_entry(&rq->e, ctx, p, rq, set);
	how = admit_into(q, p, rq, set);
	switch (sg_cookie_instead(q, how, set->tcp_syncookies)) {
	case SG_ADMIT_ENTRY:
		tuple_numbers(&p->tuple, &rq->h);
		synack_make(&rq->a, p, &rq->l, &rq->e, &rq->h, rq->now);
		return SG_V_SYNACK_SENT;
	case SG_ADMIT_RIVAL:
		return SG_V_SYN_LIMITED;
	case SG_ADMIT_ACCEPTQ_FULL:
		return admit_refused(q, SG_V_ACCEPTQ_FULL);
	case SG_ADMIT_HALFOPEN_FULL:
		return admit_refused(q, SG_V_HALFOPEN_FULL);
	case SG_ADMIT_RESERVED:
		return admit_refused(q, SG_V_HALFOPEN_RESERVED);
	case SG_ADMIT_BUCKET_FULL:
		return admit_refused(q, SG_V_BUCKET_FULL);
	case SG_ADMIT_COOKIE: /* nobody would take its ACK: what is promised stays bounded */
		if (worker_is_dead(ctx->rx_queue_index, rq->now_ms, set->heartbeat_ms))
			return admit_refused(q, SG_V_HALFOPEN_FULL);
		return admit_cookie(p, rq) ? SG_V_BUCKET_FULL : SG_V_COOKIE_SENT;
	}
	return SG_V_BUCKET_FULL;
}

#endif
