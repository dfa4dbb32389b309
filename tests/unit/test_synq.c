/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The half-open queue: who is let in, by one CPU and by two, and who has to go. The very code
 * that the driver runs.
 */
#include "dice.h"
#include "harness.h"

#include <pthread.h>

#define BUCKETS 64

static struct sg_halfopen_table table;
static struct sg_queue *queue;
static int proven; /* so is whoever asks */

static int setup(void **state)
{
	(void)state;
	table.ways = bed_alloc(64, BUCKETS * sizeof(*table.ways));
	table.entry = bed_alloc(64, BUCKETS * SG_WAYS * sizeof(*table.entry));
	table.buckets = BUCKETS;
	queue = bed_alloc(64, sizeof(*queue));
	queue->strangers = UINT32_MAX;
	proven = 0;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	free(table.ways);
	free(table.entry);
	free(queue);
	return 0;
}

static struct sg_halfopen entry_of(__u32 i)
{
	struct sg_halfopen e = {.irs = i, .when = 5000};

	e.tuple.lport = 80;
	e.tuple.pport = (__u16)i;
	e.tuple.peer.addr[0] = (__u8)(i >> 16);
	return e;
}

static __u32 tag_of(__u32 i)
{
	struct sg_halfopen e = entry_of(i);
	struct sg_tuple_key k;

	sg_tuple_key_make(&k, &(struct sg_key){{1, 2}});
	return sg_tuple_hash(&k, &e.tuple).table;
}

static enum sg_admission admit(__u32 i, struct sg_place *at)
{
	struct sg_halfopen e = entry_of(i);
	__u32 tag = tag_of(i);

	return sg_synq_admit(&table, queue, &e, proven, tag, e.when, 1000, at);
}

/* The same in the first two buckets, whatever the tag says. */
static enum sg_admission admit_in_two(__u32 tag, struct sg_place *at)
{
	enum sg_admission how =
		sg_synq_take(&table.ways[0], &table.ways[1], queue, 0, tag, 5000, 1000, at);

	if (how == SG_ADMIT_ENTRY)
		at->word = sg_slot_publish(&table.ways[at->second].slot[at->way], at->word);
	return how;
}

static __u32 taken(void)
{
	__u32 n = 0;

	for (__u32 i = 0; i < BUCKETS; i++)
		n += SG_WAYS - sg_ways_free(&table.ways[i]);
	return n;
}

/* --- admission ---------------------------------------------------------------------- */

/* Linux, measured: backlogs of 0, 1, 5, 64 hold 1, 2, 6, 65. */
static void test_holds_backlog_and_one(void **state)
{
	static const __u32 limit[] = {0, 1, 5, 64};
	struct sg_place at = {0};

	(void)state;
	for (size_t k = 0; k < SG_ARRAY_SIZE(limit); k++) {
		memset(table.ways, 0, BUCKETS * sizeof(*table.ways));
		*queue = (struct sg_queue){.syn_backlog = limit[k], .strangers = UINT32_MAX};
		for (__u32 i = 0; i <= limit[k]; i++)
			assert_int_equal(admit(i, &at), SG_ADMIT_ENTRY);
		for (__u32 i = 100; i < 200; i++)
			assert_int_equal(admit(i, &at), SG_ADMIT_HALFOPEN_FULL);
		assert_int_equal(queue->halfopen, limit[k] + 1);
		assert_int_equal(taken(), limit[k] + 1);
		queue->halfopen--; /* one goes, one comes */
		assert_int_equal(admit(300, &at), SG_ADMIT_ENTRY);
		assert_int_equal(admit(301, &at), SG_ADMIT_HALFOPEN_FULL);
	}
}

/* By the same rule; when both are full it is the half-open queue's fault, as in Linux. */
static void test_accept_queue_full(void **state)
{
	struct sg_place at = {0};

	(void)state;
	*queue = (struct sg_queue){.syn_backlog = 0, .backlog = 2, .strangers = UINT32_MAX};
	for (queue->acceptq = 0; queue->acceptq <= 2; queue->acceptq++) {
		assert_int_equal(admit(queue->acceptq, &at), SG_ADMIT_ENTRY);
		queue->halfopen = 0;
	}
	assert_int_equal(admit(50, &at), SG_ADMIT_ACCEPTQ_FULL);
	queue->halfopen = 1; /* both are full */
	assert_int_equal(admit(51, &at), SG_ADMIT_HALFOPEN_FULL);
	assert_int_equal(queue->halfopen, 1);
	assert_int_equal(queue->acceptq, 3);
	queue->acceptq = SG_QUEUE_STOPPED; /* somebody counts: not even looked at */
	assert_int_equal(admit(51, &at), SG_ADMIT_ACCEPTQ_FULL);
	queue->acceptq = 3;
	assert_int_equal(queue->young, 3); /* those that were let in */
}

/* Linux, measured: of tcp_max_syn_backlog=256 strangers get 193; the rest is for the proven. */
static void test_last_quarter(void **state)
{
	struct sg_place at = {0};

	(void)state;
	*queue = (struct sg_queue){.syn_backlog = 256, .backlog = 256, .strangers = 256 - 256 / 4};
	for (__u32 i = 0; i < 193; i++) {
		assert_false(sg_synq_wants_proven(queue));
		assert_int_equal(admit(i, &at), SG_ADMIT_ENTRY);
	}
	assert_true(sg_synq_wants_proven(queue));
	assert_int_equal(admit(500, &at), SG_ADMIT_RESERVED);
	assert_int_equal(queue->halfopen, 193);
	assert_int_equal(queue->young, 193);
	proven = 1;
	for (__u32 i = 193; i < 257; i++)
		assert_int_equal(admit(i, &at), SG_ADMIT_ENTRY);
	assert_int_equal(admit(500, &at), SG_ADMIT_HALFOPEN_FULL);
	assert_int_equal(queue->halfopen, 257);
}

/* --- pruning ------------------------------------------------------------------------- */

/* Linux's reqsk_timer_handler, row by row worked out by hand. */
static void test_retries_under_pressure(void **state)
{
	static const struct {
		__u32 backlog, len, young, max, want;
	} row[] = {
		{0, 0, 0, 5, 5},
		{0, 4, 0, 5, 5},	/* up to four of eight are no danger */
		{0, 5, 0, 5, 2},	/* all old: two retries, no less */
		{0, 5, 5, 5, 5},	/* all young */
		{0, 5, 2, 5, 4},	/* 5 >= 4, then 5 < 8 */
		{64, 32, 0, 5, 5},	/* half full */
		{64, 33, 0, 5, 2},
		{64, 33, 16, 5, 4},
		{64, 33, 17, 5, 5},
		{64, 65, 8, 5, 2},	/* 16, 32, 64: three times */
		{64, 65, 9, 5, 3},	/* 18, 36, and 72 is more */
		{64, 65, 0, 2, 2},
		{64, 65, 0, 1, 1},	/* asked for fewer than two */
		{64, 65, 0, 0, 0},
		{64, 65, 0, 15, 2},
		{4096, 0x80000000, 0x40000000, 5, 4},
		{4096, 0xffffffff, 0xffffffff, 5, 5},
	};

	(void)state;
	for (size_t i = 0; i < SG_ARRAY_SIZE(row); i++) {
		*queue = (struct sg_queue){.syn_backlog = row[i].backlog,
					   .halfopen = row[i].len,
					   .young = row[i].young};
		if (sg_synq_retries(queue, row[i].max) != row[i].want)
			fail_msg("row %zu: %u", i, sg_synq_retries(queue, row[i].max));
	}
}

/* Who leaves takes itself out of both counts: out of the young ones only if it is one. */
static void test_leave(void **state)
{
	(void)state;
	*queue = (struct sg_queue){.halfopen = 2, .young = 1};
	sg_synq_leave(queue, SG_SLOT_LIVE | 3ULL << SG_SLOT_RETRIES_SHIFT);
	assert_int_equal(queue->halfopen, 1);
	assert_int_equal(queue->young, 1);
	sg_synq_leave(queue, SG_SLOT_LIVE);
	assert_int_equal(queue->halfopen, 0);
	assert_int_equal(queue->young, 0);
}

static void test_an_entry_is_where_it_says(void **state)
{
	(void)state;
	queue->syn_backlog = 1000;
	for (__u32 i = 0; i < 200; i++) {
		struct sg_halfopen e = entry_of(i);
		__u32 tag = tag_of(i);
		__u32 b[2] = {sg_bucket_first(tag, BUCKETS), sg_bucket_second(tag, BUCKETS)};
		struct sg_place at = {0};
		__u64 word = 0;

		assert_int_equal(sg_synq_find(&table, b[0], tag, &e.tuple, &word), -1);
		assert_int_equal(sg_synq_find(&table, b[1], tag, &e.tuple, &word), -1);
		assert_int_equal(admit(i, &at), SG_ADMIT_ENTRY);
		assert_int_equal(sg_synq_find(&table, b[at.second], tag, &e.tuple, &word), at.way);
		assert_int_equal(sg_synq_find(&table, b[!at.second], tag, &e.tuple, &word), -1);
		assert_true(word == at.word);
		assert_memory_equal(sg_synq_entry(&table, b[at.second], at.way), &e, sizeof(e));
		assert_false(sg_is_due(word, e.when + 999));
		assert_true(sg_is_due(word, e.when + 1000 + 8));
		e.tuple.vlan[0] = 1; /* the tag alone is no name */
		assert_int_equal(sg_synq_find(&table, b[at.second], tag, &e.tuple, &word), -1);
	}
}

/* The first bucket, then the emptier one; then there is no room, and nothing is counted. */
static void test_both_buckets_full(void **state)
{
	struct sg_place at = {0};

	(void)state;
	queue->syn_backlog = 1000;
	for (__u32 i = 0; i <= 2 * SG_WAYS; i++) {
		enum sg_admission how = admit_in_two(i, &at);

		if (i == 2 * SG_WAYS) {
			assert_int_equal(how, SG_ADMIT_BUCKET_FULL);
			break;
		}
		assert_int_equal(how, SG_ADMIT_ENTRY);
		/* six in the first, six in the second; then the emptier of the two */
		assert_int_equal(at.second, i < 12 ? i / 6 : i - 12);
		assert_int_equal(at.way, i < 12 ? i % 6 : 6);
		assert_int_equal(table.ways[0].spilled, i < 6 ? 0 : i < 13 ? i - 5 - i / 12 : 7);
	}
	assert_int_equal(queue->halfopen, 2 * SG_WAYS);
	assert_true(sg_slot_free(&table.ways[1].slot[3], table.ways[1].slot[3]));
	queue->halfopen--;
	assert_int_equal(admit_in_two(99, &at), SG_ADMIT_ENTRY);
	assert_int_equal(at.second, 1);
	assert_int_equal(at.way, 3);
	assert_int_equal(sg_slot_gen(at.word), 2); /* not the entry that was there */
}

/* Somebody else is putting the same SYN in: we leave it to him, wherever his claim lies. */
static void test_rival(void **state)
{
	static const __u64 his[] = {SG_SLOT_BUSY, SG_SLOT_LIVE};
	struct sg_place at = {0};

	(void)state;
	queue->syn_backlog = 1000;
	for (size_t k = 0; k < SG_ARRAY_SIZE(his); k++)
		for (__u32 i = 0; i < 2 * SG_WAYS; i++) {
			__u64 *slot = &table.ways[i / SG_WAYS].slot[i % SG_WAYS];

			memset(table.ways, 0, BUCKETS * sizeof(*table.ways));
			*slot = sg_slot_make(his[k], 1, 0, 77);
			table.ways[0].spilled = i >= SG_WAYS;
			assert_int_equal(admit_in_two(77, &at), SG_ADMIT_RIVAL);
			assert_int_equal(queue->halfopen, 0);
			assert_int_equal(taken(), 1);
			*slot = sg_slot_make(his[k], 1, 0, 78); /* somebody else's: no rival */
			assert_int_equal(admit_in_two(77, &at), SG_ADMIT_ENTRY);
			*slot = sg_slot_make(SG_SLOT_FREE, 1, 0, 0);
			queue->halfopen = 0;
		}
}

/* --- two CPUs ----------------------------------------------------------------------- */

struct cpu {
	__u32 first;
	__u32 in, full, other;
	bool leave;
};

static void *cpu(void *arg)
{
	struct cpu *c = arg;

	for (__u32 i = 0; i < 20000; i++) {
		__u32 tag = tag_of(c->first + i);
		struct sg_place at = {0};

		switch (admit(c->first + i, &at)) {
		case SG_ADMIT_ENTRY:
			c->in++;
			if (c->leave) {
				__u32 b = at.second ? sg_bucket_second(tag, BUCKETS)
						    : sg_bucket_first(tag, BUCKETS);

				c->other += !sg_synq_free(&table, b, at.way, at.word);
				sg_synq_leave(queue, at.word);
			}
			break;
		case SG_ADMIT_HALFOPEN_FULL:
			c->full++;
			break;
		default:
			c->other++;
		}
	}
	return NULL;
}

static void two_cpus(struct cpu c[2])
{
	pthread_t t;

	assert_int_equal(pthread_create(&t, NULL, cpu, &c[1]), 0);
	cpu(&c[0]);
	assert_int_equal(pthread_join(t, NULL), 0);
	assert_int_equal(c[0].other + c[1].other, 0);
	assert_int_equal(taken(), queue->halfopen);
	assert_int_equal(queue->young, queue->halfopen);
}

static void test_the_limit_is_exact_with_two_cpus(void **state)
{
	struct cpu c[2] = {{.first = 0}, {.first = 100000}};

	(void)state;
	queue->syn_backlog = 40; /* of 512 places: no bucket is ever full */
	two_cpus(c);
	assert_int_equal(c[0].in + c[1].in, 41);
	assert_int_equal(queue->halfopen, 41);
}

static void test_two_cpus_come_and_go(void **state)
{
	struct cpu c[2] = {{.first = 0, .leave = true}, {.first = 100000, .leave = true}};

	(void)state;
	queue->syn_backlog = 1000;
	two_cpus(c);
	assert_int_equal(c[0].in + c[1].in, 40000);
	assert_int_equal(queue->halfopen, 0);
}

/* --- numbers ------------------------------------------------------------------------ */

static void test_timeouts(void **state)
{
	(void)state;
	for (__u32 n = 0; n < 16; n++)
		assert_int_equal(sg_synack_timeout(1000, n), n < 7 ? 1000u << n : 120000u);
	assert_int_equal(sg_synack_timeout(120000, 15), 120000);
	assert_int_equal(sg_synack_timeout(10, 0), 10);
}

/* Never early, late by less than two steps of 8 ms, across each wrap of the clock. */
static void test_due(void **state)
{
	static const __u32 start[] = {0, 12345, (1u << 19) - 4, 0x7ffffff8, 0xfffffc18, 0xffffffff};
	static const __u32 timeout[] = {10, 1000, 2000, 32000, 120000};

	(void)state;
	for (size_t i = 0; i < SG_ARRAY_SIZE(start); i++)
		for (size_t k = 0; k < SG_ARRAY_SIZE(timeout); k++) {
			__u16 due = sg_due(start[i], timeout[k]);
			__u64 w = sg_slot_make(SG_SLOT_LIVE, 1, due, 42);
			__u32 at = 0;

			while (!sg_is_due(w, start[i] + at))
				at++;
			assert_in_range(at, timeout[k], timeout[k] + 15);
			assert_true(sg_is_due(w, start[i] + at + 60000)); /* a sweep that is late */
		}
}

static void test_rearm(void **state)
{
	__u64 slot = sg_slot_make(SG_SLOT_LIVE, 77, 5, 0xdeadbeef), was = slot;

	(void)state;
	for (__u32 n = 1; n <= 15; n++) {
		__u64 word = slot;

		assert_true(sg_synq_rearm(&slot, word, 1000, 1000, n));
		assert_int_equal(sg_slot_retries(slot), n);
		assert_int_equal(sg_slot_info(slot), sg_due(1000, sg_synack_timeout(1000, n)));
		assert_int_equal(sg_slot_gen(slot), 77);
		assert_true(sg_slot_hit(slot, 0xdeadbeef));
	}
	assert_false(sg_synq_rearm(&slot, was, 5000, 1000, 1)); /* somebody was faster */
	assert_int_equal(sg_slot_retries(slot), 15);
}

static void test_initial_sequence_number(void **state) /* RFC 6528, RFC 9293 3.4.1 */
{
	struct sg_hash h = {.iss = 0xffffff00, .ts_off = 0xfffffff0};

	(void)state;
	assert_int_equal(sg_iss(&h, 0).v, 0xffffff00);
	assert_int_equal(sg_iss(&h, 1).v - sg_iss(&h, 0).v, 250); /* 4 us */
	assert_int_equal(sg_iss(&h, 0).v - sg_iss(&h, 0xffffffff).v, 250);
	assert_int_equal(sg_ts_clock(&h, 0x20), 0x10); /* RFC 7323 5.4: 1 ms */
}

/* The first repeat is answered at once, the next ones no oftener than the limit allows. */
static void test_answers_are_limited(void **state)
{
	static const __u32 limit[] = {0, 500, 60000};

	(void)state;
	for (__u32 at = 0xfffff000; at != 0x1000; at += 16)
		for (size_t k = 0; k < SG_ARRAY_SIZE(limit); k++) {
			struct sg_halfopen e = {.tail = 4095};

			assert_false(sg_synq_was_answered(&e));
			assert_false(sg_synq_limited(&e, at, limit[k]));
			sg_synq_answered(&e, at);
			assert_true(sg_synq_was_answered(&e));
			assert_int_equal(sg_synq_listener(&e), 4095);
			for (__u32 ms = 0; ms < 63000; ms += ms < 1100 ? 1 : 97) {
				if (ms + 16 < limit[k])
					assert_true(sg_synq_limited(&e, at + ms, limit[k]));
				if (ms >= limit[k] + 32) /* for 65 s, which is when it wraps */
					assert_false(sg_synq_limited(&e, at + ms, limit[k]));
			}
		}
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(test_holds_backlog_and_one),
		T(test_accept_queue_full),
		T(test_last_quarter),
		T(test_retries_under_pressure),
		T(test_leave),
		T(test_an_entry_is_where_it_says),
		T(test_both_buckets_full),
		T(test_rival),
		T(test_the_limit_is_exact_with_two_cpus),
		T(test_two_cpus_come_and_go),
		T(test_timeouts),
		T(test_due),
		T(test_rearm),
		T(test_initial_sequence_number),
		T(test_answers_are_limited),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
