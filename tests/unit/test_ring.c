/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/ring.c"

static _Alignas(8) __u8 memory[4096];

static void push(struct ring *r, __u32 len, __u8 fill)
{
	void *p = ring_reserve(r, len);

	assert_non_null(p);
	memset(p, fill, len);
	ring_push(r);
}

static void expect(struct ring *r, __u32 len, __u8 fill)
{
	__u32 got;
	const __u8 *p = ring_peek(r, &got);

	assert_non_null(p);
	assert_int_equal(got, len);
	for (__u32 i = 0; i < len; i++)
		assert_int_equal(p[i], fill);
	ring_pop(r);
}

static void test_size_is_a_power_of_two(void **state)
{
	struct ring r;

	(void)state;
	assert_int_equal(ring_init(&r, memory, 0), -EINVAL);
	assert_int_equal(ring_init(&r, memory, 32), -EINVAL);
	assert_int_equal(ring_init(&r, memory, 100), -EINVAL);
	assert_int_equal(ring_init(&r, memory, 4096), 0);
}

static void test_order_is_kept(void **state)
{
	struct ring r;
	__u32 len;

	(void)state;
	ring_init(&r, memory, sizeof(memory));
	assert_true(ring_empty(&r));
	assert_null(ring_peek(&r, &len));
	push(&r, 1, 'a');
	push(&r, 0, 0);
	push(&r, 100, 'b');
	assert_false(ring_empty(&r));
	expect(&r, 1, 'a');
	expect(&r, 0, 0);
	expect(&r, 100, 'b');
	assert_true(ring_empty(&r));
}

static void test_reserved_but_not_pushed_is_not_seen(void **state)
{
	struct ring r;
	__u32 len;

	(void)state;
	ring_init(&r, memory, sizeof(memory));
	assert_non_null(ring_reserve(&r, 10));
	assert_null(ring_peek(&r, &len));
	push(&r, 20, 'x'); /* takes the place of the one that was given up */
	expect(&r, 20, 'x');
	assert_true(ring_empty(&r));
}

static void test_full_refuses_and_loses_nothing(void **state)
{
	struct ring r;
	int n = 0;

	(void)state;
	ring_init(&r, memory, sizeof(memory));
	while (ring_reserve(&r, 120)) {
		push(&r, 120, (__u8)n);
		n++;
	}
	assert_int_equal(n, 4096 / 128); /* to the last byte */
	expect(&r, 120, 0);
	push(&r, 120, (__u8)n);
	for (int i = 1; i <= n; i++)
		expect(&r, 120, (__u8)i);
	assert_true(ring_empty(&r));
}

static void test_too_long_a_record_is_refused(void **state)
{
	struct ring r;

	(void)state;
	ring_init(&r, memory, sizeof(memory));
	assert_null(ring_reserve(&r, 1025));
	assert_null(ring_reserve(&r, 0xffffffff));
	assert_non_null(ring_reserve(&r, 1024));
}

static void test_any_length_at_any_place(void **state)
{
	struct ring r;

	(void)state;
	ring_init(&r, memory, sizeof(memory));
	for (__u32 round = 0; round < 20000; round++) {
		__u32 a = round * 7 % 1025, b = round * 13 % 1025;

		push(&r, a, (__u8)round);
		push(&r, b, (__u8)(round + 1));
		expect(&r, a, (__u8)round);
		expect(&r, b, (__u8)(round + 1));
	}
}

static void test_counters_wrap(void **state)
{
	struct ring r;

	(void)state;
	ring_init(&r, memory, sizeof(memory));
	r.head = r.tail = r.tail_seen = 0xfffffff0;
	for (int i = 0; i < 100; i++) {
		push(&r, 50, (__u8)i);
		expect(&r, 50, (__u8)i);
	}
	assert_true(r.head < 0xfffffff0);
}

#define TURNS 300000u

static void *producer(void *arg)
{
	struct ring *r = arg;

	for (__u32 i = 0; i < TURNS;) {
		__u32 len = 4 + i % 200;
		__u8 *p = ring_reserve(r, len);

		if (!p)
			continue;
		memcpy(p, &i, 4);
		memset(p + 4, (int)i, len - 4);
		ring_push(r);
		i++;
	}
	return NULL;
}

static void test_two_threads(void **state)
{
	struct ring r;
	pthread_t t;

	(void)state;
	ring_init(&r, memory, sizeof(memory));
	assert_int_equal(pthread_create(&t, NULL, producer, &r), 0);
	for (__u32 i = 0; i < TURNS;) {
		__u32 len, seen;
		const __u8 *p = ring_peek(&r, &len);

		if (!p)
			continue;
		memcpy(&seen, p, 4);
		assert_int_equal(seen, i);
		assert_int_equal(len, 4 + i % 200);
		assert_true(len == 4 || p[len - 1] == (__u8)i);
		ring_pop(&r);
		i++;
	}
	pthread_join(t, NULL);
	assert_true(ring_empty(&r));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_size_is_a_power_of_two),
		cmocka_unit_test(test_order_is_kept),
		cmocka_unit_test(test_reserved_but_not_pushed_is_not_seen),
		cmocka_unit_test(test_full_refuses_and_loses_nothing),
		cmocka_unit_test(test_too_long_a_record_is_refused),
		cmocka_unit_test(test_any_length_at_any_place),
		cmocka_unit_test(test_counters_wrap),
		cmocka_unit_test(test_two_threads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
