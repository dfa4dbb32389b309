/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The flow table against a list that is searched from end to end: chains of equal hashes,
 * chains that wrap around the end, gaps closed in every place.
 */
#include "dice.h"
#include "harness.h"

#define CONNS	  300 /* the table has 1024 words */
#define TIMEWAITS 200

struct model {
	__u32 hash;
	bool there;
};

static struct tcp_stack *stack;
static void *memory;
static struct sg_settings settings;
static struct model model[2][CONNS + 1]; /* by kind and index */

static int setup(void **state)
{
	struct tcp_config c = {.max_conns = CONNS,
			       .max_timewait = TIMEWAITS,
			       .max_chunks = 1,
			       .settings = &settings};

	(void)state;
	memory = bed_alloc(TCP_CHUNK, tcp_pool_size(&c));
	memset(model, 0, sizeof(model));
	return tcp_init(memory, tcp_pool_size(&c), &c, 0, &stack);
}

static int teardown(void **state)
{
	(void)state;
	free(memory);
	return 0;
}

/* Each block has a tuple of its own; half of them differ in the last word alone. */
static struct sg_tuple tuple_of(bool tw, __u32 i)
{
	struct sg_tuple t = {.lport = 80, .pport = (__u16)(i / 2), .vlan = {0, (__u16)(i % 2)}};

	t.local.addr[15] = tw;
	return t;
}

static __u32 what_of(bool tw, __u32 i)
{
	return tw ? i | FLOW_TIMEWAIT : i;
}

static void add(bool tw, __u32 i, __u32 hash)
{
	if (tw)
		stack->timewait[i].tuple = tuple_of(tw, i);
	else
		conn_at(stack, i)->tuple = tuple_of(tw, i);
	flowtable_add(stack, hash, what_of(tw, i));
	model[tw][i] = (struct model){hash, true};
}

static void del(bool tw, __u32 i)
{
	flowtable_del(stack, model[tw][i].hash, what_of(tw, i));
	model[tw][i].there = false;
}

static void check_one(bool tw, __u32 i)
{
	struct sg_tuple t = tuple_of(tw, i);
	__u32 got = flowtable_find(stack, model[tw][i].hash, &t);

	assert_int_equal(got, model[tw][i].there ? what_of(tw, i) : 0);
}

/* Each one is found or not, as it should be, and the table holds nothing else. */
static void check_all(void)
{
	__u32 held = 0, there = 0;

	for (__u32 i = 1; i <= CONNS; i++) {
		check_one(false, i);
		there += model[0][i].there;
		if (i > TIMEWAITS)
			continue;
		check_one(true, i);
		there += model[1][i].there;
	}
	for (__u32 i = 0; i <= stack->hash_mask; i++)
		held += stack->hash[i] != 0;
	assert_int_equal(held, there);
}

static void test_size(void **state)
{
	(void)state;
	assert_int_equal(stack->hash_mask, 1023);
	assert_true(stack->hash_mask + 1 >= 2 * (CONNS + TIMEWAITS)); /* half of it stays free */
}

static void test_found_by_hash_and_tuple(void **state)
{
	struct sg_tuple t = tuple_of(false, 1);

	(void)state;
	assert_int_equal(flowtable_find(stack, 77, &t), 0);
	add(false, 1, 77);
	assert_int_equal(flowtable_find(stack, 77, &t), 1);
	assert_int_equal(flowtable_find(stack, 77 + 1024, &t), 0); /* same place, other hash */
	assert_int_equal(flowtable_find(stack, 78, &t), 0);
	t.vlan[0] = 1;
	assert_int_equal(flowtable_find(stack, 77, &t), 0);
}

static void test_hash_zero_and_all_ones(void **state)
{
	(void)state;
	add(false, 1, 0);
	add(false, 2, 0xffffffff);
	add(true, 1, 0xffffffff);
	add(true, 2, 0);
	check_all();
	del(false, 1);
	del(false, 2);
	check_all();
}

static void test_a_conn_and_a_timewait_of_equal_index(void **state)
{
	(void)state;
	add(false, 5, 100);
	add(true, 5, 100);
	check_all();
	del(false, 5);
	check_all();
	add(false, 5, 100);
	del(true, 5);
	check_all();
}

static void test_what_is_not_there_is_not_deleted(void **state)
{
	(void)state;
	add(false, 1, 10);
	add(false, 2, 10);
	flowtable_del(stack, 10, 3);
	flowtable_del(stack, 11, 1);
	flowtable_del(stack, 10, 1 | FLOW_TIMEWAIT);
	flowtable_del(stack, 500, 1);
	check_all();
}

/* Every arrangement of five neighbours around the end of the table, each one deleted. */
static void test_gaps_around_the_end(void **state)
{
	(void)state;
	for (__u32 code = 0; code < 5 * 5 * 5 * 5 * 5; code++) {
		__u32 gone = 1 + code % 5, c = code;

		for (__u32 i = 1; i <= 5; i++, c /= 5) /* home: 1021, 1022, 1023, 0, 1 */
			add(false, i, (c % 5 + 1021) % 1024 + 4096 * i);
		del(false, gone);
		check_all();
		for (__u32 i = 1; i <= 5; i++)
			if (i != gone)
				del(false, i);
		check_all();
	}
}

static __u32 some_hash(struct dice *d, int kind)
{
	switch (kind) {
	case 0: /* spread */
		return dice_roll(d);
	case 1: /* a few homes, many hashes */
		return dice_roll(d) << 10 | (1016 + dice_below(d, 16)) % 1024;
	default: /* few hashes altogether */
		return 1020 + dice_below(d, 6);
	}
}

static void test_random(void **state)
{
	struct dice d = {20};

	(void)state;
	for (int step = 0; step < 30000; step++) {
		bool tw = dice_below(&d, 2);
		__u32 i = 1 + dice_below(&d, tw ? TIMEWAITS : CONNS);

		if (model[tw][i].there)
			del(tw, i);
		else
			add(tw, i, some_hash(&d, step / 10000));
		check_one(tw, i);
		check_one(!tw, 1 + dice_below(&d, TIMEWAITS));
		if (step % 200 == 0)
			check_all();
	}
	check_all();
}

static void test_full_and_empty_again(void **state)
{
	struct dice d = {21};

	(void)state;
	for (__u32 i = 1; i <= CONNS; i++)
		add(false, i, some_hash(&d, 2));
	for (__u32 i = 1; i <= TIMEWAITS; i++)
		add(true, i, some_hash(&d, 1));
	check_all();
	for (__u32 i = 1; i <= CONNS; i++)
		del(false, i);
	check_all();
	for (__u32 i = TIMEWAITS; i > 0; i--)
		del(true, i);
	check_all();
	for (__u32 i = 0; i <= stack->hash_mask; i++)
		assert_true(stack->hash[i] == 0);
}

/* Of a connection, of one in TIME_WAIT, of nobody, behind neighbours with other hashes. */
static void test_prepare(void **state)
{
	struct seg in[3] = {0};

	(void)state;
	for (__u32 i = 0; i < 3; i++) {
		struct sg_hash h;

		in[i].tuple = tuple_of(i == 1, 1 + i);
		h = sg_tuple_hash(&stack->cfg.key, &in[i].tuple);
		add(false, 10 + i, h.table + 1024);
		if (i < 2)
			add(i == 1, 1 + i, h.table);
	}
	tcp_prepare(stack, in, 0);
	assert_false(in[0].hashed);
	tcp_prepare(stack, in, 3);
	for (__u32 i = 0; i < 3; i++) {
		struct sg_hash h = sg_tuple_hash(&stack->cfg.key, &in[i].tuple);

		assert_true(in[i].hashed);
		assert_memory_equal(&in[i].hash, &h, sizeof(h));
	}
	check_all();
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(test_size),
		T(test_found_by_hash_and_tuple),
		T(test_hash_zero_and_all_ones),
		T(test_a_conn_and_a_timewait_of_equal_index),
		T(test_what_is_not_there_is_not_deleted),
		T(test_gaps_around_the_end),
		T(test_random),
		T(test_prepare),
		T(test_full_and_empty_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
