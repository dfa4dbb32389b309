/* SPDX-License-Identifier: BSD-2-Clause */
/* Which server is next: the one with the fewest connections, in turns among equals. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>

#include "app/backends.c"
#include "app/endpoint.c"

static struct backends *servers(unsigned n)
{
	struct proxy_config cfg = {.backends = n};
	char text[32];

	for (unsigned i = 0; i < n; i++) {
		snprintf(text, sizeof(text), "127.0.0.1:%u", 8000 + i);
		assert_int_equal(endpoint_read_server(text, &cfg.backend[i]), 0);
	}
	return backends_new(&cfg);
}

static int next(struct backends *s, __u32 tried)
{
	struct backend *b = backends_take(s, tried);

	return b ? (int)b->number : -1;
}

static void test_in_turns_among_equals(void **state)
{
	struct backends *s = servers(3);
	unsigned got[3] = {0};

	(void)state;
	for (int i = 0; i < 300; i++)
		got[next(s, 0)]++;
	for (int i = 0; i < 3; i++) {
		assert_int_equal(got[i], 100);
		assert_int_equal(s->backend[i].active, 100);
	}
	/* also when each is over before the next begins */
	memset(got, 0, sizeof(got));
	for (int i = 0; i < 300; i++) {
		struct backend *b = backends_take(s, 0);

		got[b->number]++;
		backends_give(b);
	}
	for (int i = 0; i < 3; i++)
		assert_int_equal(got[i], 100);
	backends_drop(s);
}

static void test_fewest_connections(void **state)
{
	struct backends *s = servers(3);

	(void)state;
	s->backend[0].active = 5;
	s->backend[1].active = 3;
	s->backend[2].active = 4;
	assert_int_equal(next(s, 0), 1); /* 5 4 4 */
	for (int i = 0; i < 2; i++)
		assert_in_range(next(s, 0), 1, 2); /* 5 5 5 */
	backends_give(&s->backend[0]);
	assert_int_equal(next(s, 0), 0);
	backends_drop(s);
}

static void test_not_one_that_was_tried(void **state)
{
	struct backends *s = servers(3);

	(void)state;
	s->backend[1].active = 7;
	for (int i = 0; i < 5; i++)
		assert_int_equal(next(s, 1 << 0 | 1 << 2), 1);
	assert_int_equal(s->backend[1].active, 12);
	assert_int_equal(next(s, 7), -1);
	backends_drop(s);
	s = servers(1);
	assert_int_equal(next(s, 0), 0);
	assert_int_equal(next(s, 1), -1);
	backends_drop(s);
}

static void test_as_many_as_may_be(void **state)
{
	struct backends *s = servers(PROXY_BACKENDS);

	(void)state;
	for (int i = 0; i < PROXY_BACKENDS; i++)
		next(s, 0);
	for (int i = 0; i < PROXY_BACKENDS; i++)
		assert_int_equal(s->backend[i].active, 1);
	assert_int_equal(next(s, ~(1u << 31)), 31);
	backends_drop(s);
}

static void test_what_is_counted(void **state)
{
	struct backends *s = servers(2);

	(void)state;
	backends_connected(&s->backend[1]);
	backends_failed(&s->backend[1], 111);
	backends_failed(&s->backend[1], 110);
	assert_int_equal(s->backend[1].connected, 1);
	assert_int_equal(s->backend[1].failed, 2);
	assert_int_equal(s->backend[1].error, 110);
	assert_int_equal(s->backend[0].failed + s->backend[0].connected, 0);
	backends_drop(s);
}

/* The sanitizers say when it is freed too early, or never. */
static void test_held_until_the_last_one(void **state)
{
	struct backends *s = servers(1);

	(void)state;
	assert_ptr_equal(backends_hold(s), s);
	backends_drop(s);
	assert_int_equal(next(s, 0), 0);
	backends_drop(s);
	backends_drop(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_in_turns_among_equals),
		cmocka_unit_test(test_fewest_connections),
		cmocka_unit_test(test_not_one_that_was_tried),
		cmocka_unit_test(test_as_many_as_may_be),
		cmocka_unit_test(test_what_is_counted),
		cmocka_unit_test(test_held_until_the_last_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
