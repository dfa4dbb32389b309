/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Peers on the bench, nothing but sequence numbers. Their SYNs are admitted by the driver's
 * pure code; states are reached by segments and calls alone.
 */
#ifndef UNIT_PEER_H
#define UNIT_PEER_H

#include "bed.h"

/* --- a peer: the other end as sequence numbers ----------------------------------------- */

struct peer {
	struct bed *b;
	unsigned w; /* the worker that its segments reach */
	struct sg_tuple tuple;
	struct sg_tcpopts syn; /* what it offers */
	__u8 syn_flags;	       /* beside SYN */
	sg_seq isn, iss;       /* its own, the engine's */
	sg_seq nxt, ack;       /* what it sends next, what it has received */
	__u16 wnd;	       /* as it stands in the header */
	__u32 tsval, tsecr;
	struct seg_handshake hs;
	const struct seg_handshake *record; /* &hs while the driver would attach it */
	tcp_id id;
};

static inline void peer_init(struct peer *p, struct bed *b, __u8 host)
{
	const __u8 local[4] = {10, 9, 0, 1}, peer[4] = {10, 9, 1, host};

	*p = (struct peer){.b = b, .wnd = 65535, .tsval = 5000};
	sg_addr_from4(&p->tuple.local, local);
	sg_addr_from4(&p->tuple.peer, peer);
	p->tuple.lport = BED_PORT;
	p->tuple.pport = (__u16)(40000 + host);
	p->syn = (struct sg_tcpopts){.mss = BED_MSS, .wscale = 7, .sack_ok = 1, .has_ts = 1};
	p->isn = sg_seq_of(0xfffff000u + host); /* wraps soon */
}

static inline struct sg_hash peer_hash(const struct peer *p)
{
	return sg_tuple_hash(&p->b->key, &p->tuple);
}

/* The driver's entry of this peer, or NULL. */
static inline struct sg_halfopen *peer_entry(const struct peer *p, __u64 **slot)
{
	const struct sg_halfopen_table *h = &p->b->halfopen;
	__u64 word;
	__s64 at = sg_synq_where(h, peer_hash(p).table, &p->tuple, &word);

	if (at < 0)
		return NULL;
	if (slot)
		*slot = &h->ways[sg_index_bucket((__u32)at)].slot[sg_index_way((__u32)at)];
	return sg_synq_entry(h, sg_index_bucket((__u32)at), sg_index_way((__u32)at));
}

/* The record that the driver puts before a segment that belongs to the entry `at`. */
static inline void peer_record(struct peer *p, const struct sg_halfopen *e,
			       __u32 index, __u64 word)
{
	p->hs = (struct seg_handshake){
		.slot = index,
		.irs = e->irs,
		.when = e->when,
		.tsval = e->tsval,
		.gen = sg_slot_gen(word),
		.listener = sg_synq_listener(e),
		.mss = e->mss,
		.opts = e->opts,
	};
	p->record = &p->hs;
}

/* Its SYN reaches the driver, which admits it as bpf/admit.h does, and answers. */
static inline enum sg_admission peer_syn(struct peer *p)
{
	struct bed *b = p->b;
	struct sg_hash h = peer_hash(p);
	__u32 bucket[2] = {sg_bucket_first(h.table, BED_BUCKETS),
			   sg_bucket_second(h.table, BED_BUCKETS)};
	struct sg_place at = {0};
	struct sg_halfopen e = {.tuple = p->tuple};
	enum sg_admission how;

	e.irs = p->isn.v;
	e.when = time_ms(b->now);
	e.opts = sg_synq_opts(&p->syn, p->syn_flags, &b->set);
	e.tsval = e.opts & SG_OPT_TS ? p->tsval : 0;
	e.mss = p->syn.mss;
	memset(e.mac, 0x22, 6);
	how = sg_synq_admit(&b->halfopen, &b->queues[0], &e, 0, h.table, e.when,
			    b->set.synack_rto_ms, &at);
	if (how != SG_ADMIT_ENTRY)
		return how;
	peer_record(p, &e, sg_index(bucket[at.second], at.way), at.word);
	p->iss = sg_iss(&h, e.when);
	p->nxt = seq_add(p->isn, 1);
	p->ack = seq_add(p->iss, 1);
	p->tsecr = sg_ts_clock(&h, e.when);
	return how;
}

static inline struct seg peer_seg(const struct peer *p, __u8 flags, const void *data, __u32 len)
{
	struct seg s = {
		.tuple = p->tuple,
		.seq = p->nxt,
		.ack = flags & SG_ACK ? p->ack : sg_seq_of(0),
		.len = len,
		.wnd = p->wnd,
		.flags = flags,
		.mac = {0x22, 0x22, 0x22, 0x22, 0x22, 0x22},
		.data = {data},
		.data_len = {len},
		.handshake = p->record,
	};

	s.opt.wscale = SG_WSCALE_NONE;
	if (flags & SG_SYN)
		s.opt = p->syn;
	if (p->syn.has_ts) {
		s.opt.has_ts = 1;
		s.opt.tsval = p->tsval;
		s.opt.tsecr = p->tsecr;
	}
	return s;
}

/* What the engine sent to this peer has arrived. Returns bytes that are new, in order. */
static inline __u32 peer_take(struct peer *p)
{
	__u32 fresh = 0;

	for (unsigned i = 0; i < p->b->n; i++) {
		const struct seg *s = &p->b->sent[i].s;
		sg_seq end = seq_add(s->seq, seg_space(s));

		if (!sg_tuple_eq(&s->tuple, &p->tuple) || s->flags & SG_RST)
			continue;
		if (s->opt.has_ts)
			p->tsecr = s->opt.tsval;
		if (!seq_after(s->seq, p->ack) && seq_after(end, p->ack)) {
			fresh += (__u32)seq_diff(end, p->ack) - !!(s->flags & SG_FIN);
			p->ack = end;
		}
	}
	return fresh;
}

/* It sends a segment at its own place in the stream; the answer is in `sent`. */
static inline int peer_send(struct peer *p, __u8 flags, const void *data, __u32 len)
{
	struct seg s = peer_seg(p, flags, data, len);

	p->nxt = seq_add(p->nxt, seg_space(&s));
	return bed_input(p->b, p->w, &s);
}

/* The same from anywhere else, without moving on. */
static inline int peer_send_at(struct peer *p, __s32 off, __u8 flags, const void *data, __u32 len)
{
	struct seg s = peer_seg(p, flags, data, len);

	s.seq = seq_add(p->nxt, (__u32)off);
	return bed_input(p->b, p->w, &s);
}

/* It has taken what was sent, and says so. */
static inline int peer_ack(struct peer *p)
{
	peer_take(p);
	return peer_send(p, SG_ACK, NULL, 0);
}

/* --- a connection in any state --------------------------------------------------------- */

static inline struct tcp *peer_conn(const struct peer *p)
{
	const struct tcp_stack *s = p->b->s[p->w];
	__u32 what = flowtable_find(s, peer_hash(p).table, &p->tuple);

	return what && !(what & FLOW_TIMEWAIT) ? conn_at(s, what) : NULL;
}

/* TCP_TIME_WAIT also for the small block; TCP_CLOSED when the pair is not known. */
static inline enum tcp_state peer_state(const struct peer *p)
{
	const struct tcp_stack *s = p->b->s[p->w];
	__u32 what = flowtable_find(s, peer_hash(p).table, &p->tuple);

	if (what & FLOW_TIMEWAIT)
		return TCP_TIME_WAIT;
	return what ? (enum tcp_state)conn_at(s, what)->state : TCP_CLOSED;
}

static inline struct timewait *peer_timewait(const struct peer *p)
{
	const struct tcp_stack *s = p->b->s[p->w];
	__u32 what = flowtable_find(s, peer_hash(p).table, &p->tuple);

	assert_true(what & FLOW_TIMEWAIT);
	return &s->timewait[what & ~FLOW_TIMEWAIT];
}

static inline struct tcp_stack *peer_stack(const struct peer *p)
{
	return p->b->s[p->w];
}

static inline void peer_accept(struct peer *p)
{
	assert_int_equal(tcp_accept(peer_stack(p), 0, &p->id), 0);
}

/* SYN, SYN-ACK in the driver, final ACK: in the accept queue. */
static inline void peer_establish(struct peer *p)
{
	assert_int_equal(peer_syn(p), SG_ADMIT_ENTRY);
	p->b->now += 10 * SG_MS;
	p->tsval += 10;
	assert_int_equal(peer_send(p, SG_ACK, NULL, 0), -1);
	assert_int_equal(peer_state(p), TCP_ESTABLISHED);
	p->record = NULL;
	assert_int_equal(p->b->n, 0);
}

static inline void peer_active(struct peer *p)
{
	static const __u8 mac[6] = {0x22, 0x22, 0x22, 0x22, 0x22, 0x22};

	p->tuple.lport = 50000;
	assert_int_equal(tcp_connect(peer_stack(p), &p->tuple, mac, BED_MSS, p->b->now, &p->id), 0);
	p->b->n = 0;
	bed_output(p->b);
	assert_int_equal(p->b->n, 1);
	p->iss = p->b->sent[0].s.seq;
	p->ack = seq_add(p->iss, 1);
	p->tsecr = p->b->sent[0].s.opt.tsval;
	p->nxt = p->isn;
}

/* Bring the peer's connection into `state`, by segments and calls alone. */
static inline void conn_in(struct peer *p, enum tcp_state state)
{
	struct tcp_stack *s = peer_stack(p);

	if (state == TCP_SYN_SENT || state == TCP_SYN_RCVD) {
		peer_active(p);
		if (state == TCP_SYN_RCVD) {
			peer_send(p, SG_SYN, NULL, 0); /* simultaneous open */
			peer_take(p);
		}
		assert_int_equal(peer_state(p), state);
		return;
	}
	peer_establish(p);
	peer_accept(p);
	bed_drain_events(p->b);
	switch (state) {
	case TCP_CLOSE_WAIT:
	case TCP_LAST_ACK:
		peer_send(p, SG_FIN | SG_ACK, NULL, 0);
		break;
	case TCP_FIN_WAIT_1:
	case TCP_FIN_WAIT_2:
	case TCP_CLOSING:
	case TCP_TIME_WAIT:
		assert_int_equal(tcp_close(s, p->id, p->b->now), 0);
		break;
	default:
		break;
	}
	if (state == TCP_LAST_ACK)
		assert_int_equal(tcp_close(s, p->id, p->b->now), 0);
	p->b->n = 0;
	bed_output(p->b);
	if (state == TCP_CLOSING) /* its FIN crosses ours: it has not seen ours yet */
		peer_send(p, SG_FIN | SG_ACK, NULL, 0);
	if (state == TCP_FIN_WAIT_2 || state == TCP_TIME_WAIT)
		peer_ack(p);
	if (state == TCP_TIME_WAIT)
		peer_send(p, SG_FIN | SG_ACK, NULL, 0);
	if (state == TCP_CLOSING || state == TCP_LAST_ACK || state == TCP_FIN_WAIT_1)
		p->ack = seq_add(p->iss, 1);
	assert_int_equal(peer_state(p), state);
}

/* --- what is looked at ----------------------------------------------------------------- */

/* Was segment `i` this one? Sequence numbers count from the first byte after each SYN. */
#define assert_sent(p, i, want_flags, want_seq, want_ack, want_len)                                \
	do {                                                                                       \
		const struct seg *g_ = &(p)->b->sent[i].s;                                         \
		assert_true((unsigned)(i) < (p)->b->n);                                            \
		assert_true(sg_tuple_eq(&g_->tuple, &(p)->tuple));                                 \
		assert_int_equal(g_->flags, (want_flags));                                         \
		assert_int_equal(seq_diff(g_->seq, seq_add((p)->iss, 1)), (want_seq));             \
		assert_int_equal(seq_diff(g_->ack, seq_add((p)->isn, 1)), (want_ack));             \
		assert_int_equal(g_->len, (want_len));                                             \
	} while (0)

#endif
