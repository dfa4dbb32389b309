/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Who has a tuple: claims and releases against a list, and two workers that want the same
 * tuples at the same time. One has it, or none for now; never both, and no slot is lost.
 */
#include "dice.h"
#include "harness.h"

#include <pthread.h>
#include <sched.h>

#define BUCKETS 8
#define TUPLES	96 /* of 56 places: some find none */

static struct sg_ways *bucket;
static struct sg_flow_table table;

static int setup(void **state)
{
	(void)state;
	bucket = bed_alloc(64, BUCKETS * sizeof(*bucket));
	table = (struct sg_flow_table){
		bucket, bed_alloc(8, BUCKETS * sizeof(struct sg_flow_tuples)),
		bed_alloc(8, BUCKETS), BUCKETS};
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	free(bucket);
	free(table.tuples);
	free(table.homes);
	return 0;
}

static struct sg_tuple tuple_of(__u32 i)
{
	struct sg_tuple t = {.lport = 80, .pport = (__u16)i};

	return t;
}

static __u32 hash_of(__u32 i)
{
	struct sg_tuple t = tuple_of(i);
	struct sg_tuple_key k;

	sg_tuple_key_make(&k, &(struct sg_key){{3, 4}});
	return sg_tuple_hash(&k, &t).table;
}

static int claim(__u32 i, __u16 owner)
{
	struct sg_tuple t = tuple_of(i);

	return sg_flow_claim(&table, hash_of(i), &t, owner);
}

static int owner_of(__u32 i)
{
	struct sg_tuple t = tuple_of(i);

	return sg_flow_owner(&table, hash_of(i), &t);
}

static int release(__u32 i)
{
	struct sg_tuple t = tuple_of(i);

	return sg_flow_release(&table, hash_of(i), &t);
}

static __u32 taken(void)
{
	__u32 n = 0, spilled = 0, in_second = 0, homes = 0;

	for (__u32 i = 0; i < BUCKETS * SG_WAYS; i++) {
		__u64 w = bucket[i / SG_WAYS].slot[i % SG_WAYS];

		in_second += sg_slot_state(w) != SG_SLOT_FREE &&
			     sg_bucket_first(sg_slot_tag(w), BUCKETS) != i / SG_WAYS;
	}
	for (__u32 i = 0; i < BUCKETS; i++) {
		spilled += (__u32)bucket[i].spilled;
		homes += table.homes[i];
	}
	assert_int_equal(spilled, in_second);
	for (__u32 i = 0; i < BUCKETS * SG_WAYS; i++)
		n += sg_slot_state(bucket[i / SG_WAYS].slot[i % SG_WAYS]) != SG_SLOT_FREE;
	return n;
}

/* --- one thread --------------------------------------------------------------------- */

static void test_claim_find_release(void **state)
{
	(void)state;
	assert_int_equal(owner_of(1), -ENOENT);
	assert_int_equal(release(1), -ENOENT);
	assert_int_equal(claim(1, 7), 7);
	assert_int_equal(owner_of(1), 7);
	assert_int_equal(claim(1, 7), 7); /* again: once is enough */
	assert_int_equal(claim(1, 8), 7); /* first come */
	assert_int_equal(taken(), 1);
	assert_int_equal(owner_of(2), -ENOENT);
	assert_int_equal(release(1), 0);
	assert_int_equal(release(1), -ENOENT);
	assert_int_equal(owner_of(1), -ENOENT);
	assert_int_equal(taken(), 0);
	assert_int_equal(claim(1, 65535), 65535); /* the largest number there is */
	assert_int_equal(claim(1, 0), 65535);
}

/* The hash alone is no name: a tuple that shares it is not taken for the other. */
static void test_equal_hashes(void **state)
{
	struct sg_tuple a = tuple_of(1), b = tuple_of(2);

	(void)state;
	assert_int_equal(sg_flow_claim(&table, 99, &a, 1), 1);
	assert_int_equal(sg_flow_owner(&table, 99, &b), -ENOENT);
	assert_int_equal(sg_flow_release(&table, 99, &b), -ENOENT);
	assert_int_equal(sg_flow_claim(&table, 99, &b, 2), -EBUSY); /* one in 4 billion: refused */
	assert_int_equal(taken(), 1);
	assert_int_equal(sg_flow_owner(&table, 99, &a), 1);
}

static void test_every_bit_of_the_tuple_counts(void **state)
{
	struct sg_tuple t = tuple_of(1);

	(void)state;
	assert_int_equal(sg_flow_claim(&table, 5, &t, 1), 1);
	for (size_t bit = 0; bit < 8 * sizeof(t); bit++) {
		((__u8 *)&t)[bit / 8] ^= (__u8)(1u << bit % 8);
		assert_int_equal(sg_flow_owner(&table, 5, &t), -ENOENT);
		((__u8 *)&t)[bit / 8] ^= (__u8)(1u << bit % 8);
	}
}

static void test_both_buckets_full(void **state)
{
	__u32 home = 3, n = 0, last = 0;

	(void)state;
	for (__u32 i = 0; i < 1 << 20 && n <= 2 * SG_WAYS; i++) {
		struct sg_tuple t = tuple_of(n);
		__u32 h = i << 12; /* many hashes: those whose buckets are these two */

		if (sg_bucket_first(h, BUCKETS) != home || sg_bucket_second(h, BUCKETS) != 5)
			continue;
		last = h;
		assert_int_equal(sg_flow_claim(&table, h, &t, 1), n++ < 2 * SG_WAYS ? 1 : -ENOSPC);
		/* the second one once six are in the first, and then the emptier of the two */
		assert_int_equal(SG_WAYS - sg_ways_free(&bucket[5]),
				 n <= 6 ? 0 : n <= 12 ? n - 6 : n == 13 ? 6 : 7);
		assert_int_equal(bucket[home].spilled, SG_WAYS - sg_ways_free(&bucket[5]));
	}
	assert_int_equal(n, 2 * SG_WAYS + 1);
	assert_int_equal(taken(), 2 * SG_WAYS);
	assert_int_equal(sg_ways_free(&bucket[home]), 0);
	assert_int_equal(sg_ways_free(&bucket[5]), 0);
	bucket[home].slot[4] &= SG_SLOT_GEN; /* one goes: there is room for one */
	assert_int_equal(sg_flow_claim(&table, last, &(struct sg_tuple){.lport = 1}, 1), 1);
}

static void test_two_buckets_are_never_one(void **state)
{
	static const __u32 sizes[] = {2, 3, 8, 1000, 65536};
	struct dice d = {60};

	(void)state;
	for (size_t k = 0; k < SG_ARRAY_SIZE(sizes); k++)
		for (int i = 0; i < 20000; i++) {
			__u32 h = dice_roll(&d);

			assert_true(sg_bucket_first(h, sizes[k]) < sizes[k]);
			assert_true(sg_bucket_second(h, sizes[k]) < sizes[k]);
			assert_int_not_equal(sg_bucket_first(h, sizes[k]),
					     sg_bucket_second(h, sizes[k]));
		}
}

/* A slot that was used again is told from what it was, and the count comes round. */
static void test_generations(void **state)
{
	__u64 was = 0;

	(void)state;
	for (__u32 i = 0; i < 40000; i++) {
		__u64 w = 0, now;
		int way;

		way = sg_ways_claim(&bucket[0], 9, 3, &w);
		assert_int_equal(way, 0);
		assert_int_equal(sg_slot_state(w), SG_SLOT_BUSY);
		assert_false(sg_slot_hit(w, 9)); /* not yet to be seen */
		now = sg_slot_publish(&bucket[0].slot[0], w);
		assert_true(sg_slot_hit(now, 9));
		assert_int_equal(sg_slot_gen(now), (i + 1) & SG_SLOT_GEN >> SG_SLOT_GEN_SHIFT);
		assert_int_equal(sg_slot_info(now), 3);
		if (was)
			assert_false(sg_slot_free(&bucket[0].slot[0], was));
		assert_true(sg_slot_free(&bucket[0].slot[0], now));
		assert_int_equal(bucket[0].slot[0] & ~SG_SLOT_GEN, 0);
		was = now;
	}
}

static void test_random(void **state)
{
	int owner[TUPLES];
	struct dice d = {61};
	__u32 refused = 0, held = 0;

	(void)state;
	for (__u32 i = 0; i < TUPLES; i++)
		owner[i] = -ENOENT;
	for (int step = 0; step < 60000; step++) {
		__u32 i = dice_below(&d, TUPLES);
		__u16 me = (__u16)dice_below(&d, 4);
		int got;

		assert_int_equal(owner_of(i), owner[i]);
		if (dice_below(&d, 2)) {
			assert_int_equal(release(i), owner[i] < 0 ? -ENOENT : 0);
			held -= owner[i] >= 0;
			owner[i] = -ENOENT;
			continue;
		}
		got = claim(i, me);
		if (owner[i] < 0 && got == -ENOSPC) {
			refused++;
			continue;
		}
		assert_int_equal(got, owner[i] < 0 ? me : owner[i]);
		held += owner[i] < 0;
		owner[i] = got;
		if (step % 100 == 0)
			assert_int_equal(taken(), held);
	}
	assert_true(refused > 0); /* both buckets were full now and then */
}

/* --- two threads -------------------------------------------------------------------- */

#define ROUNDS 15000u

static struct {
	__u32 at[2]; /* the round that each has reached */
	int got[2];
} race;

/* Both go on together, so that they meet in every round. */
static void meet(int me, __u32 round)
{
	__atomic_store_n(&race.at[me], round, __ATOMIC_SEQ_CST);
	while (__atomic_load_n(&race.at[!me], __ATOMIC_SEQ_CST) < round)
		sched_yield();
}

static void racer_round(int me, __u32 r)
{
	meet(me, 4 * r + 1);
	race.got[me] = claim(r % 7, (__u16)me);
	meet(me, 4 * r + 2);
}

static void *racer(void *arg)
{
	(void)arg;
	for (__u32 r = 0; r < ROUNDS; r++) {
		racer_round(1, r);
		meet(1, 4 * r + 3);
	}
	return NULL;
}

/* The same tuple at the same time: an owner that both agree on, or none and no slot lost. */
static void test_two_workers_want_one_tuple(void **state)
{
	__u32 wins[2] = {0, 0}, none = 0;
	pthread_t t;

	(void)state;
	memset(&race, 0, sizeof(race));
	assert_int_equal(pthread_create(&t, NULL, racer, NULL), 0);
	for (__u32 r = 0; r < ROUNDS; r++) {
		int owner;

		racer_round(0, r);
		owner = owner_of(r % 7);
		for (int i = 0; i < 2; i++)
			assert_true(race.got[i] == -EBUSY || race.got[i] == owner);
		if (owner >= 0) {
			assert_int_equal(race.got[owner], owner); /* who has it knows it */
			assert_int_equal(release(r % 7), 0);
			wins[owner]++;
		} else {
			assert_true(race.got[0] == -EBUSY && race.got[1] == -EBUSY);
			none++;
		}
		assert_int_equal(taken(), 0);
		meet(0, 4 * r + 3);
	}
	assert_int_equal(pthread_join(t, NULL), 0);
	assert_int_equal(wins[0] + wins[1] + none, ROUNDS);
	assert_true(none < ROUNDS / 2);
}

struct worker {
	__u16 me;
	int wrong;
	__u32 claims;
};

/* What I have stays mine until I let it go, whatever the other does to the same buckets. */
static void *worker(void *arg)
{
	struct worker *w = arg;
	struct dice d = {62u + w->me};
	bool mine[TUPLES] = {false};

	for (int step = 0; step < 60000; step++) {
		__u32 i = dice_below(&d, TUPLES);

		if (mine[i]) {
			w->wrong += owner_of(i) != w->me;
			w->wrong += claim(i, w->me) != w->me;
			w->wrong += release(i) != 0;
			mine[i] = false;
			continue;
		}
		w->wrong += owner_of(i) == w->me;
		mine[i] = claim(i, w->me) == w->me;
		w->claims += mine[i];
	}
	for (__u32 i = 0; i < TUPLES; i++)
		w->wrong += mine[i] && release(i) != 0;
	return NULL;
}

static void test_two_workers_in_the_same_buckets(void **state)
{
	struct worker w[2] = {{.me = 1}, {.me = 2}};
	pthread_t t;

	(void)state;
	assert_int_equal(pthread_create(&t, NULL, worker, &w[1]), 0);
	worker(&w[0]);
	assert_int_equal(pthread_join(t, NULL), 0);
	assert_int_equal(w[0].wrong + w[1].wrong, 0);
	assert_true(w[0].claims > 1000 && w[1].claims > 1000);
	assert_int_equal(taken(), 0);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(test_claim_find_release),
		T(test_equal_hashes),
		T(test_every_bit_of_the_tuple_counts),
		T(test_both_buckets_full),
		T(test_two_buckets_are_never_one),
		T(test_generations),
		T(test_random),
		T(test_two_workers_want_one_tuple),
		T(test_two_workers_in_the_same_buckets),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
