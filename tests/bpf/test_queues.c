/* SPDX-License-Identifier: BSD-2-Clause */
/* The limits: exact ones, and what is counted when they are met. */
#include "rig.h"

#include "syngate/budget.h"

#include <pthread.h>

static struct spec nth(const struct rig *r, int i)
{
	struct spec s = rig_syn(r);

	s.sport = (uint16_t)(10000 + i);
	return s;
}

/* Linux's rule: full when length > limit, so backlog + 1 get in. */
static void test_syn_backlog(void **state)
{
	static const __u32 limits[] = {0, 1, 5, 64};
	struct rig *r = *state;
	struct sg_queue *q = &r->f->queue[1];
	struct spec s;

	for (size_t i = 0; i < SG_ARRAY_SIZE(limits); i++) {
		rig_reset(r);
		rig_listen(r, 1, "10.9.0.1", RIG_PORT, limits[i], 1000);
		for (__u32 n = 0; n <= limits[i]; n++) {
			s = nth(r, (int)n);
			rig_send(r, &s, XDP_TX, SYNACK_SENT);
			assert_int_equal(q->halfopen, n + 1);
		}
		for (__u32 n = 0; n < 3; n++) {
			s = nth(r, 5000 + (int)n);
			rig_send(r, &s, XDP_DROP, HALFOPEN_FULL);
		}
		assert_int_equal(q->halfopen, limits[i] + 1);
		assert_int_equal(q->TCPReqQFullDrop, 3);
		assert_int_equal(q->ListenDrops, 3);
		assert_int_equal(q->ListenOverflows, 0);
	}
}

/* The queue is full, but what is in it is answered. */
static void test_full_queue_still_answers(void **state)
{
	struct rig *r = *state;
	struct spec s = nth(r, 0), t = nth(r, 1);

	rig_listen(r, 1, "10.9.0.1", RIG_PORT, 0, 1000);
	rig_send(r, &s, XDP_TX, SYNACK_SENT);
	rig_send(r, &t, XDP_DROP, HALFOPEN_FULL);
	rig_send(r, &s, XDP_TX, SYNACK_REPEATED);
}

static void test_accept_queue(void **state)
{
	static const __u32 limits[] = {0, 1, 5};
	struct rig *r = *state;
	struct sg_queue *q = &r->f->queue[1];
	struct spec s = nth(r, 0);

	for (size_t i = 0; i < SG_ARRAY_SIZE(limits); i++) {
		rig_reset(r);
		rig_listen(r, 1, "10.9.0.1", RIG_PORT, 1000, limits[i]);
		q->acceptq = limits[i] + 1; /* it holds backlog + 1: full now */
		rig_send(r, &s, XDP_DROP, ACCEPTQ_FULL);
		assert_int_equal(q->ListenOverflows, 1);
		assert_int_equal(q->ListenDrops, 1);
		assert_int_equal(q->TCPReqQFullDrop, 0);
		assert_int_equal(q->halfopen, 0);
		q->acceptq = limits[i]; /* room for one more */
		rig_send(r, &s, XDP_TX, SYNACK_SENT);
	}
}

/* Linux's order: the half-open queue, then the accept queue. */
static void test_both_full(void **state)
{
	struct rig *r = *state;
	struct spec s = nth(r, 0);

	rig_listen(r, 1, "10.9.0.1", RIG_PORT, 0, 0);
	r->f->queue[1].acceptq = 1;
	r->f->queue[1].halfopen = 1;
	rig_send(r, &s, XDP_DROP, HALFOPEN_FULL);
	assert_int_equal(r->f->queue[1].TCPReqQFullDrop, 1);
	assert_int_equal(r->f->queue[1].ListenOverflows, 0);
	assert_int_equal(r->f->queue[1].halfopen, 1);
	r->f->queue[1].halfopen = 0;
	rig_send(r, &s, XDP_DROP, ACCEPTQ_FULL);
	assert_int_equal(r->f->queue[1].ListenOverflows, 1);
	assert_int_equal(r->f->queue[1].ListenDrops, 2);
}

static void occupy(struct sg_ways *b)
{
	for (int i = 0; i < SG_WAYS; i++)
		b->slot[i] = sg_slot_make(SG_SLOT_LIVE, 9, 0, 0xdeadbeef + (__u32)i);
}

/* No way free in either of its buckets: dropped, and the length is given back. */
static void test_buckets_full(void **state)
{
	struct rig *r = *state;
	struct spec s = nth(r, 0);
	struct sg_tuple t = rig_tuple(&s);
	__u32 tag = rig_hash(r, &t).table, n = r->f->halfopen.buckets;
	struct sg_ways *b0 = &r->f->halfopen.ways[sg_bucket_first(tag, n)];
	struct sg_ways *b1 = &r->f->halfopen.ways[sg_bucket_second(tag, n)];
	__u64 word = 0;

	assert_ptr_not_equal(b0, b1);
	occupy(b0);
	occupy(b1);
	rig_send(r, &s, XDP_DROP, BUCKET_FULL);
	assert_int_equal(r->f->queue[0].halfopen, 0);
	assert_int_equal(r->f->queue[0].ListenDrops, 1);
	assert_int_equal(r->f->queue[0].ListenOverflows, 0);
	sg_slot_free(&b1->slot[3], b1->slot[3]);
	rig_send(r, &s, XDP_TX, SYNACK_SENT);
	assert_ptr_equal(rig_entry(r, &s, &word), sg_synq_entry(&r->f->halfopen, sg_bucket_second(tag, n), 3));
	assert_int_equal(sg_slot_gen(word), 10);
	assert_int_equal(sg_slot_tag(word), tag);
}

/* Another CPU is admitting this very SYN just now, in whichever way: it answers, or nobody. */
static void test_rival(void **state)
{
	struct rig *r = *state;
	struct spec s = nth(r, 0);
	struct sg_tuple t = rig_tuple(&s);
	__u32 tag = rig_hash(r, &t).table, n = r->f->halfopen.buckets;
	__u32 bucket[2] = {sg_bucket_first(tag, n), sg_bucket_second(tag, n)};

	for (int i = 0; i < 2 * SG_WAYS; i++) {
		__u64 *slot = &r->f->halfopen.ways[bucket[i / SG_WAYS]].slot[i % SG_WAYS];

		*slot = sg_slot_make(SG_SLOT_BUSY, 1, 0, tag);
		r->f->halfopen.ways[bucket[0]].spilled = i >= SG_WAYS;
		rig_send(r, &s, XDP_DROP, SYN_LIMITED);
		assert_int_equal(r->f->queue[0].halfopen, 0);
		assert_null(rig_entry(r, &s, NULL));
		*slot = SG_SLOT_FREE;
	}
	rig_send(r, &s, XDP_TX, SYNACK_SENT);
}

/*
 * As many as the table is made for. At the limit 4 in 10,000 find both their buckets full; and two
 * tuples may have one tag.
 */
static void test_table_holds_its_size(void **state)
{
	static bool in[RIG_ENTRIES];
	struct rig *r = *state;
	__u32 n = 0;

	rig_listen(r, 1, "10.9.0.1", RIG_PORT, 100000, 1000);
	for (int i = 0; i < RIG_ENTRIES; i++) {
		struct spec s = nth(r, i);

		rig_run(r, &s);
		in[i] = r->verdict == SG_V_SYNACK_SENT;
		n += in[i];
	}
	assert_in_range(n, RIG_ENTRIES - 8, RIG_ENTRIES);
	assert_int_equal(r->f->queue[1].halfopen, n);
	for (int i = 0; i < RIG_ENTRIES; i++) {
		struct spec s = nth(r, i);

		rig_run(r, &s);
		if (in[i])
			rig_expect(r, "the same SYN", XDP_TX, SG_V_SYNACK_REPEATED);
	}
	assert_int_equal(r->f->queue[1].halfopen, n);
}

/* Without cookies the last quarter is for peers that are proven, by address alone. */
static void test_last_quarter(void **state)
{
	struct rig *r = *state;
	struct sg_queue *q = &r->f->queue[1];
	struct spec s = nth(r, 0), friend = nth(r, 1);
	struct sg_tuple t;
	__u64 mark;

	friend.src = "10.9.0.77";
	friend.sport = 1;
	t = rig_tuple(&friend);
	mark = sg_proven_mark(&r->f->keys.tuple.sip, &t, SG_PROVEN_CLOSED);
	rig_listen(r, 1, "10.9.0.1", RIG_PORT, 1000, 1000);
	q->strangers = 3;
	q->halfopen = 4;
	rig_send(r, &s, XDP_DROP, HALFOPEN_RESERVED);
	rig_send(r, &friend, XDP_DROP, HALFOPEN_RESERVED);
	assert_int_equal(q->ListenDrops, 2);
	assert_int_equal(q->TCPReqQFullDrop + q->ListenOverflows, 0);
	assert_int_equal(q->halfopen, 4);
	sg_proven_add(&r->f->proven[sg_proven_bucket(mark)], mark, 0);
	rig_send(r, &s, XDP_DROP, HALFOPEN_RESERVED);
	rig_send(r, &friend, XDP_TX, SYNACK_SENT);
	assert_int_equal(q->halfopen, 5);
	assert_int_equal(q->young, 1);
	friend.sport++;
	rig_send(r, &friend, XDP_TX, SYNACK_SENT);
	q->halfopen = 3;
	rig_send(r, &s, XDP_TX, SYNACK_SENT);
}

/* --- two CPUs at once ------------------------------------------------------------------ */

#define PAIR_SYNS 3000

struct cpu {
	struct rig *r;
	pthread_barrier_t *start;
	__u32 queue;
	int failed;
};

/* The same SYNs as the other CPU, in the same order. */
static void *cpu_run(void *arg)
{
	struct cpu *c = arg;

	for (int i = 0; i < PAIR_SYNS; i++) {
		struct spec s = nth(c->r, i);
		struct xdp_md in = {.ingress_ifindex = c->r->ifindex, .rx_queue_index = c->queue};
		struct frame f;
		LIBBPF_OPTS(bpf_test_run_opts, o, .data_in = f.b, .ctx_in = &in,
			    .ctx_size_in = sizeof(in));

		build(&s, &f);
		o.data_size_in = in.data_end = (__u32)f.len;
		if (i % 50 == 0)
			pthread_barrier_wait(c->start);
		c->failed |= bpf_prog_test_run_opts(front_prog_fd(c->r->f), &o) != 0;
	}
	return NULL;
}

static void run_pair(struct rig *r)
{
	pthread_barrier_t start;
	struct cpu c[2] = {{r, &start, 0, 0}, {r, &start, 1, 0}};
	pthread_t thread;

	assert_int_equal(pthread_barrier_init(&start, NULL, 2), 0);
	assert_int_equal(pthread_create(&thread, NULL, cpu_run, &c[0]), 0);
	cpu_run(&c[1]);
	assert_int_equal(pthread_join(thread, NULL), 0);
	assert_int_equal(c[0].failed | c[1].failed, 0);
}

static int by_bytes(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct sg_tuple));
}

/* One entry a tuple at most, and as many as the length says. Returns how many. */
static __u32 check_entries(const struct rig *r, const struct sg_queue *q)
{
	static struct sg_tuple t[2 * PAIR_SYNS];
	__u32 n = 0;

	for (__u32 i = 0; i < r->f->halfopen.buckets * SG_WAYS; i++) {
		__u64 w = r->f->halfopen.ways[i / SG_WAYS].slot[i % SG_WAYS];

		assert_int_not_equal(sg_slot_state(w), SG_SLOT_BUSY);
		if (sg_slot_state(w) == SG_SLOT_LIVE)
			t[n++] = r->f->halfopen.entry[i].tuple;
	}
	qsort(t, n, sizeof(t[0]), by_bytes);
	for (__u32 i = 1; i < n; i++)
		assert_int_not_equal(by_bytes(&t[i - 1], &t[i]), 0);
	assert_int_equal(q->halfopen, n);
	return n;
}

static void test_two_cpus(void **state)
{
	struct rig *r = *state;
	struct sg_counters c;

	rig_listen(r, 1, "10.9.0.1", RIG_PORT, 100000, 1000);
	run_pair(r);
	/* of two at the very same moment one in ten may give way to each other */
	assert_true(check_entries(r, &r->f->queue[1]) > PAIR_SYNS - PAIR_SYNS / 4);
	assert_int_equal(front_counters(r->f, &c), 0);
	assert_int_equal(c.SynAckSent + c.SynAckRepeated + c.RepeatedSynLimited +
				 c.HalfOpenBucketFull,
			 2 * PAIR_SYNS);
	assert_int_equal(c.SynAckSent, r->f->queue[1].halfopen);
}

static void test_limit_with_two_cpus(void **state)
{
	struct rig *r = *state;

	for (__u32 limit = 0; limit < 200; limit += 40) {
		rig_reset(r);
		rig_listen(r, 1, "10.9.0.1", RIG_PORT, limit, 1000);
		run_pair(r);
		assert_int_equal(check_entries(r, &r->f->queue[1]), limit + 1);
	}
}

/* No more than rst_limit a second, on each queue by itself. */
static void test_rst_limit(void **state)
{
	struct rig *r = *state;
	struct spec s = nth(r, 0);

	s.flags = ACK;
	r->f->settings->rst_limit = 3;
	for (int i = 0; i < 3; i++)
		rig_send(r, &s, XDP_TX, RST_SENT);
	rig_send(r, &s, XDP_DROP, STRAY);
	rig_run_on(r, &s, 1);
	rig_expect(r, "queue 1", XDP_TX, SG_V_RST_SENT);
	r->f->worker[0].rst_until -= SG_BUDGET_SECOND / 3; /* a third of a second later */
	rig_send(r, &s, XDP_TX, RST_SENT);
	r->f->settings->rst_limit = 0;
	rig_send(r, &s, XDP_DROP, STRAY);
}

int main(void)
{
#define T(x) cmocka_unit_test_setup_teardown(x, rig_setup, rig_teardown)
	const struct CMUnitTest tests[] = {
		T(test_syn_backlog),	      T(test_full_queue_still_answers),
		T(test_accept_queue),	      T(test_both_full),
		T(test_accept_queue),	      T(test_last_quarter),
		T(test_buckets_full),	      T(test_rival),
		T(test_table_holds_its_size), T(test_two_cpus),
		T(test_limit_with_two_cpus),  T(test_rst_limit),
	};

	rig_namespace();
	return cmocka_run_group_tests_name("queues", tests, NULL, NULL);
}
