/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The engine on a bench: one or two stacks that share tables. After each step every list
 * of the engine is walked; at the end nothing may be in use any more.
 */
#ifndef UNIT_BED_H
#define UNIT_BED_H

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
#define BED_MSS	      1460
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
	struct sg_tuple_key key;
	struct sg_queue *queues;
	struct sg_halfopen_table halfopen;
	struct sg_flow_table flows;
	struct sg_proven_bucket *proven;
	struct sg_listener listener;
	struct tcp_stack *s[BED_WORKERS];
	struct tcp_config cfg[BED_WORKERS];
	__u32 timewaits;
	struct sg_tcp_counters mib[BED_WORKERS];
	void *mem[BED_WORKERS];
	unsigned workers;
	sg_time now;
	bool damaged; /* numbers may be wrong: only memory is checked, and that all is given back */
	unsigned n; /* segments in `sent` */
	struct sent *sent;
};

/* --- the bench ------------------------------------------------------------------------- */

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
		.proven = b->proven,
		.flows = b->flows,
		.queues = b->queues,
		.max_listeners = BED_LISTENERS,
		.timewaits = &b->timewaits,
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
	/* most peers here sack nothing: what looks at SACK blocks is switched on where it is tested */
	b->set.tcp_moderate_rcvbuf = 0; /* the whole of tcp_rmem, but where growth is tested */
	b->set.tcp_early_retrans = b->set.tcp_frto = 0;
	sg_tuple_key_make(&b->key, &(struct sg_key){{0x0706050403020100, 0x0f0e0d0c0b0a0908}});
	b->set.tcp_syncookies = 0; /* but where they are tested */
	b->now = 1000 * SG_SEC;
	b->queues = bed_alloc(64, BED_LISTENERS * sizeof(*b->queues));
	b->halfopen.ways = bed_alloc(64, BED_BUCKETS * sizeof(*b->halfopen.ways));
	b->halfopen.entry = bed_alloc(64, BED_BUCKETS * SG_WAYS * sizeof(*b->halfopen.entry));
	b->halfopen.buckets = BED_BUCKETS;
	b->flows.ways = bed_alloc(64, BED_BUCKETS * sizeof(*b->flows.ways));
	b->flows.tuples = bed_alloc(64, BED_BUCKETS * sizeof(*b->flows.tuples));
	b->flows.homes = bed_alloc(64, BED_BUCKETS);
	b->flows.buckets = BED_BUCKETS;
	b->proven = bed_alloc(64, SG_PROVEN_BUCKETS * sizeof(*b->proven));
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
	q->strangers = UINT32_MAX;
	for (unsigned w = 0; w < b->workers; w++)
		assert_int_equal(tcp_listen(b->s[w], id, &b->listener), 0);
}

static inline struct bed *bed_listening(unsigned workers, __u32 backlog)
{
	struct bed *b = bed_new(workers);

	bed_listen_at(b, 0, BED_PORT, backlog);
	return b;
}

/* --- what must hold at any time -------------------------------------------------------- */

/* What the engine says of itself (tcp_check), and that deadlines are kept. */
static inline void bed_check(const struct bed *b)
{
	if (b->damaged)
		return;
	for (unsigned w = 0; w < b->workers; w++) {
		const struct tcp_stack *s = b->s[w];
		const char *why = tcp_check(s);

		if (why)
			fail_msg("worker %u: %s", w, why);
		for (__u32 i = 1; i <= s->conns.high; i++) {
			sg_time first = timer_next(conn_at(s, i));

			if (conn_at(s, i)->gen & 1 && first != SG_NEVER)
				assert_true(tcp_deadline(s) < first + (2ULL << WHEEL_SHIFT));
		}
	}
}

/* --- effects --------------------------------------------------------------------------- */

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

/* --- the end --------------------------------------------------------------------------- */

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
	for (unsigned i = 0; i < BED_BUCKETS; i++) {
		assert_int_equal(b->flows.ways[i].spilled, 0);
		assert_int_equal(b->flows.homes[i], 0);
		assert_int_equal(b->halfopen.ways[i].spilled, 0);
		for (unsigned way = 0; way < SG_WAYS; way++) {
			assert_true(sg_slot_state(b->flows.ways[i].slot[way]) == SG_SLOT_FREE);
			assert_true(sg_slot_state(b->halfopen.ways[i].slot[way]) == SG_SLOT_FREE);
		}
	}
	for (unsigned i = 0; i < BED_LISTENERS; i++) {
		assert_int_equal(b->queues[i].halfopen, 0);
		assert_int_equal(b->queues[i].young, 0);
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
	free(b->halfopen.ways);
	free(b->halfopen.entry);
	free(b->flows.ways);
	free(b->flows.tuples);
	free(b->flows.homes);
	free(b->proven);
	free(b->sent);
	free(b);
}

/* --- small help ------------------------------------------------------------------------ */

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
