/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The engine on a bench: one or two stacks that share tables, and peers that are nothing
 * but sequence numbers. SYNs are admitted by the driver's pure code, states are reached by
 * segments and calls alone. After each step every list of the engine is walked; at the end
 * nothing may be in use any more.
 */
#ifndef UNIT_HARNESS_H
#define UNIT_HARNESS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tcp/stack.h"

#define BED_BUCKETS   16
#define BED_LISTENERS 4
#define BED_WORKERS   2
#define BED_PORT      80
#define BED_SENT      256
#define BED_MSS       1460
#define BED_WSCALE    5
#define BED_CONNS     16
#define BED_TIMEWAITS 8
#define BED_CHUNKS    1024

/* A segment that the engine sent, with its own copy of the data. */
struct sent {
	struct seg s;
	sg_time at;
	__u8 data[TCP_CHUNK];
};

struct bed {
	struct sg_settings set;
	struct sg_key key;
	struct sg_queue *queues;
	struct sg_halfopen_bucket *halfopen;
	struct sg_flow_bucket *flows;
	struct sg_listener listener;
	struct tcp_stack *s[BED_WORKERS];
	struct tcp_config cfg[BED_WORKERS];
	struct sg_tcp_counters mib[BED_WORKERS];
	void *mem[BED_WORKERS];
	unsigned workers;
	sg_time now;
	unsigned n; /* segments in `sent` */
	struct sent *sent;
};

/* --- the bench --------------------------------------------------------------------------- */

static inline void *bed_alloc(size_t align, size_t size)
{
	void *p = aligned_alloc(align, (size + align - 1) / align * align);

	assert_non_null(p);
	memset(p, 0, size);
	return p;
}

static inline void bed_stack(struct bed *b, unsigned w)
{
	struct tcp_config *c = &b->cfg[w];

	*c = (struct tcp_config){
		.worker = (__u16)w,
		.max_conns = BED_CONNS,
		.max_timewait = BED_TIMEWAITS,
		.max_chunks = BED_CHUNKS,
		.key = b->key,
		.settings = &b->set,
		.halfopen = b->halfopen,
		.halfopen_buckets = BED_BUCKETS,
		.flows = {b->flows, BED_BUCKETS},
		.queues = b->queues,
		.max_listeners = BED_LISTENERS,
		.mib = &b->mib[w],
	};
	b->mem[w] = bed_alloc(TCP_CHUNK, tcp_pool_size(c));
	assert_int_equal(tcp_init(b->mem[w], tcp_pool_size(c), c, b->now, &b->s[w]), 0);
}

static inline struct bed *bed_new(unsigned workers)
{
	struct bed *b = calloc(1, sizeof(*b));

	assert_non_null(b);
#define X(name, def, min, max, text) b->set.name = def;
	SG_SETTINGS(X)
#undef X
	b->key.k[0] = 0x0706050403020100ULL;
	b->key.k[1] = 0x0f0e0d0c0b0a0908ULL;
	b->now = 1000 * SG_SEC;
	b->queues = bed_alloc(64, BED_LISTENERS * sizeof(*b->queues));
	b->halfopen = bed_alloc(64, BED_BUCKETS * sizeof(*b->halfopen));
	b->flows = bed_alloc(64, BED_BUCKETS * sizeof(*b->flows));
	b->sent = calloc(BED_SENT, sizeof(*b->sent));
	assert_non_null(b->sent);
	b->workers = workers;
	for (unsigned w = 0; w < workers; w++)
		bed_stack(b, w);
	return b;
}

static inline void bed_listen_at(struct bed *b, __u32 id, __u16 port, __u32 backlog)
{
	struct sg_queue *q = &b->queues[id];

	b->listener = (struct sg_listener){
		.id = id,
		.state = SG_LISTENER_OPEN,
		.mss4 = BED_MSS,
		.mss6 = BED_MSS - 20,
		.wscale = BED_WSCALE,
		.window = 65535,
	};
	q->port = port;
	q->in_use = 1;
	q->backlog = backlog;
	q->syn_backlog = backlog;
	for (unsigned w = 0; w < b->workers; w++)
		assert_int_equal(tcp_listen(b->s[w], id, &b->listener), 0);
}

static inline struct bed *bed_listening(unsigned workers, __u32 backlog)
{
	struct bed *b = bed_new(workers);

	bed_listen_at(b, 0, BED_PORT, backlog);
	return b;
}

/* --- what must hold at any time -------------------------------------------------------------- */

static inline void bed_check_conn(const struct tcp_stack *s, const struct tcp *t)
{
	sg_time first = timer_next(t);

	if (first != SG_NEVER) {
		assert_int_not_equal(t->wheel_slot, 0);
		assert_true(tcp_deadline(s) < first + (2ULL << WHEEL_SHIFT));
	}
	if (t->flags & T_HASHED)
		assert_int_equal(flowtable_find(s, t->hash, &t->tuple), conn_index(s, t));
	if (t->state != TCP_CLOSED)
		assert_true(t->flags & T_HASHED);
	assert_int_equal(!!(t->flags & T_OOO), t->reasm != NIL);
	assert_true(t->rcv.len <= BUF_MAX && t->snd.len <= BUF_MAX);
	assert_false(seq_after(t->snd_una, t->snd_nxt));
	assert_false(seq_after(t->snd_nxt, t->snd_max));
}

/* No list holds a block that is free, each block stands where it says, tails are tails. */
static inline void bed_check(const struct bed *b)
{
	for (unsigned w = 0; w < b->workers; w++) {
		const struct tcp_stack *s = b->s[w];
		__u32 ready = 0, events = 0, used = 0, last = NIL;

		for (__u32 i = s->ready.head; i != NIL; last = i, i = conn_at(s, i)->ready_next) {
			assert_true(conn_at(s, i)->gen & 1 && conn_at(s, i)->flags & T_READY);
			assert_true(++ready <= s->conns.max);
		}
		assert_int_equal(last, s->ready.tail);
		last = NIL;
		for (__u32 i = s->events.head; i != NIL; last = i, i = conn_at(s, i)->event_next) {
			assert_true(conn_at(s, i)->gen & 1 && conn_at(s, i)->events);
			assert_true(++events <= s->conns.max);
		}
		assert_int_equal(last, s->events.tail);
		for (__u32 i = 1; i <= s->conns.high; i++) {
			const struct tcp *t = conn_at(s, i);

			if (!(t->gen & 1))
				continue;
			used++;
			ready -= !!(t->flags & T_READY);
			events -= t->events != 0;
			bed_check_conn(s, t);
		}
		assert_int_equal(used, s->conns.used);
		assert_int_equal(ready, 0);
		assert_int_equal(events, 0);
	}
}

/* --- effects ------------------------------------------------------------------------------------ */

static inline void bed_keep(struct bed *b, const struct actions *a)
{
	for (unsigned i = 0; i < a->n; i++) {
		struct sent *k = &b->sent[b->n++];
		__u32 at = 0;

		assert_true(b->n <= BED_SENT);
		k->s = a->send[i];
		k->at = b->now;
		for (int j = 0; j < 2; j++) {
			assert_true(at + k->s.data_len[j] <= sizeof(k->data));
			if (k->s.data_len[j])
				memcpy(k->data + at, k->s.data[j], k->s.data_len[j]);
			at += k->s.data_len[j];
		}
		assert_int_equal(at, k->s.len);
		k->s.data[0] = k->data;
		k->s.data_len[0] = at;
		k->s.data_len[1] = 0;
		k->s.data[1] = NULL;
	}
}

/* All that the engine wants to send now is added to `sent`. */
static inline void bed_output(struct bed *b)
{
	struct seg room[64];

	for (unsigned w = 0; w < b->workers; w++) {
		for (;;) {
			struct actions a = {0, 64, room};

			tcp_output(b->s[w], b->now, &a);
			if (a.n == 0)
				break;
			bed_keep(b, &a);
		}
	}
	bed_check(b);
}

/* One segment into worker `w`, and what comes of it into `sent`. Returns tcp_input()'s. */
static inline int bed_input(struct bed *b, unsigned w, const struct seg *in)
{
	struct seg room[ACTIONS_PER_INPUT];
	struct actions a = {0, ACTIONS_PER_INPUT, room};
	int ret;

	b->n = 0;
	ret = tcp_input(b->s[w], in, b->now, &a);
	bed_keep(b, &a);
	bed_check(b);
	bed_output(b);
	return ret;
}

static inline sg_time bed_deadline(const struct bed *b)
{
	sg_time first = SG_NEVER;

	for (unsigned w = 0; w < b->workers; w++)
		if (tcp_deadline(b->s[w]) < first)
			first = tcp_deadline(b->s[w]);
	return first;
}

/* Let time go by from one deadline to the next; what is sent meanwhile is in `sent`. */
static inline void bed_run(struct bed *b, sg_time span)
{
	sg_time end = b->now + span;

	b->n = 0;
	for (int idle = 0; bed_deadline(b) <= end && idle < 64; idle++) {
		sg_time at = bed_deadline(b);

		idle = at > b->now ? 0 : idle;
		b->now = at > b->now ? at : b->now;
		for (unsigned w = 0; w < b->workers; w++)
			tcp_expire(b->s[w], b->now);
		bed_output(b);
	}
	b->now = end;
	for (unsigned w = 0; w < b->workers; w++)
		tcp_expire(b->s[w], b->now);
	bed_output(b);
}

/* --- the end -------------------------------------------------------------------------------------- */

static inline void bed_drain_events(struct bed *b)
{
	struct tcp_event ev;

	for (unsigned w = 0; w < b->workers; w++)
		while (tcp_next_event(b->s[w], &ev))
			;
}

static inline void bed_empty(const struct bed *b)
{
	for (unsigned w = 0; w < b->workers; w++) {
		const struct tcp_stack *s = b->s[w];
		struct tcp_usage u;

		tcp_usage(s, &u);
		assert_int_equal(u.conns, 0);
		assert_int_equal(u.timewait, 0);
		assert_int_equal(u.chunks, 0);
		for (__u32 i = 0; i <= s->hash_mask; i++)
			assert_true(s->hash[i] == 0);
		for (unsigned l = 0; l < WHEEL_LEVELS; l++)
			assert_true(s->wheel.busy[l] == 0);
		assert_true(tcp_deadline(s) == SG_NEVER);
	}
	for (unsigned i = 0; i < BED_BUCKETS; i++)
		for (unsigned way = 0; way < SG_WAYS; way++) {
			assert_true(sg_slot_state(b->flows[i].slot[way]) == SG_SLOT_FREE);
			assert_true(sg_slot_state(b->halfopen[i].slot[way]) == SG_SLOT_FREE);
		}
	for (unsigned i = 0; i < BED_LISTENERS; i++) {
		assert_int_equal(b->queues[i].halfopen, 0);
		assert_int_equal(b->queues[i].acceptq, 0);
	}
}

/* Unlisten, let go of every connection, wait for TIME_WAIT and orphans: nothing is left. */
static inline void bed_end(struct bed *b)
{
	for (unsigned w = 0; w < b->workers; w++) {
		struct tcp_stack *s = b->s[w];

		for (__u32 id = 0; id < BED_LISTENERS; id++)
			tcp_unlisten(s, id, b->now);
		for (__u32 i = 1; i <= s->conns.high; i++)
			if (conn_at(s, i)->gen & 1 && conn_at(s, i)->flags & T_OWNED)
				tcp_abort(s, conn_id(s, conn_at(s, i)), b->now);
	}
	b->n = 0;
	bed_output(b);
	bed_drain_events(b);
	for (int i = 0; i < 60 && bed_deadline(b) != SG_NEVER; i++)
		bed_run(b, 60 * SG_SEC);
	bed_drain_events(b);
	bed_empty(b);
	for (unsigned w = 0; w < b->workers; w++)
		free(b->mem[w]);
	free(b->queues);
	free(b->halfopen);
	free(b->flows);
	free(b->sent);
	free(b);
}

/* --- a peer: the other end as sequence numbers -------------------------------------------------- */

struct peer {
	struct bed *b;
	unsigned w; /* the worker that its segments reach */
	struct sg_tuple tuple;
	struct sg_tcpopts syn; /* what it offers */
	sg_seq isn, iss;       /* its own, the engine's */
	sg_seq nxt, ack;       /* what it sends next, what it has received */
	__u16 wnd;             /* as it stands in the header */
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

static inline void peer_buckets(const struct peer *p, struct sg_halfopen_bucket *b[2])
{
	__u32 tag = peer_hash(p).table;

	b[0] = &p->b->halfopen[sg_bucket_first(tag, BED_BUCKETS)];
	b[1] = &p->b->halfopen[sg_bucket_second(tag, BED_BUCKETS)];
}

/* The driver's entry of this peer, or NULL. */
static inline struct sg_halfopen *peer_entry(const struct peer *p, __u64 **slot)
{
	struct sg_halfopen_bucket *b[2];
	__u64 word;

	peer_buckets(p, b);
	for (int i = 0; i < 2; i++) {
		int way = sg_synq_find(b[i], peer_hash(p).table, &p->tuple, &word);

		if (way >= 0 && slot)
			*slot = &b[i]->slot[way];
		if (way >= 0)
			return &b[i]->entry[way];
	}
	return NULL;
}

/* The record that the driver puts before a segment that belongs to the entry `at`. */
static inline void peer_record(struct peer *p, const struct sg_halfopen *e,
			       const struct sg_halfopen_bucket *b, __u32 way, __u64 word)
{
	p->hs = (struct seg_handshake){
		.slot = (__u32)(b - p->b->halfopen) * SG_WAYS + way,
		.irs = e->irs,
		.when = e->when,
		.tsval = e->tsval,
		.gen = sg_slot_gen(word),
		.listener = e->listener,
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
	struct sg_halfopen_bucket *bk[2];
	struct sg_synq_place at = {0};
	struct sg_halfopen e = {.tuple = p->tuple};
	enum sg_admission how;

	peer_buckets(p, bk);
	e.irs = p->isn.v;
	e.when = time_ms(b->now);
	e.opts = sg_synq_opts(&p->syn, &b->set);
	e.tsval = e.opts & SG_OPT_TS ? p->tsval : 0;
	e.mss = p->syn.mss;
	e.answered = (__u8)(e.when >> SG_ANSWERED_SHIFT);
	e.listener = 0;
	memset(e.mac, 0x22, 6);
	how = sg_synq_admit(bk[0], bk[1], &b->queues[0], &e, h.table, e.when,
			    b->set.synack_rto_ms, &at);
	if (how != SG_ADMIT_ENTRY)
		return how;
	peer_record(p, &e, bk[at.bucket], at.way, at.word);
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

/* --- a connection in any state ------------------------------------------------------------------- */

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

/* --- what is looked at --------------------------------------------------------------------------------- */

/* Was segment `i` this one? Sequence numbers count from the first byte after each SYN. */
#define assert_sent(p, i, want_flags, want_seq, want_ack, want_len)                                \
	do {                                                                                       \
		const struct seg *g_ = &(p)->b->sent[i].s;                                         \
		assert_true((unsigned)(i) < (p)->b->n);                                            \
		assert_int_equal(g_->flags, (want_flags));                                         \
		assert_int_equal(seq_diff(g_->seq, seq_add((p)->iss, 1)), (want_seq));             \
		assert_int_equal(seq_diff(g_->ack, seq_add((p)->isn, 1)), (want_ack));             \
		assert_int_equal(g_->len, (want_len));                                             \
	} while (0)

/* All events of `id` that are there now. */
static inline unsigned events_of(struct bed *b, unsigned w, tcp_id id)
{
	struct tcp_event ev;
	unsigned all = 0;

	while (tcp_next_event(b->s[w], &ev))
		if (ev.id == id)
			all |= ev.events;
	return all;
}

/* Data that tells its position. */
static inline void fill(__u8 *p, __u32 from, __u32 len)
{
	for (__u32 i = 0; i < len; i++)
		p[i] = (__u8)((from + i) * 31 + ((from + i) >> 8));
}

static inline const __u8 *bytes(__u32 from, __u32 len)
{
	static __u8 block[1 << 16];

	assert_true(len <= sizeof(block));
	fill(block, from, len);
	return block;
}

#endif
