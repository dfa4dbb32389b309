/* SPDX-License-Identifier: BSD-2-Clause */
/* Sequence numbers: order across the wrap. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "dice.h"
#include "syngate/seq.h"

static sg_seq at(__u32 v)
{
	return sg_seq_of(v);
}

static void test_order_across_the_wrap(void **state)
{
	static const struct {
		__u32 a, b;
		int before, after;
	} row[] = {
		{0, 0, 0, 0},
		{0, 1, 1, 0},
		{0xffffffff, 0, 1, 0},
		{0xfffffff0, 0x10, 1, 0},
		{0x7fffffff, 0x80000000, 1, 0},
		{0, 0x7fffffff, 1, 0},
		{1, 0, 0, 1},
		{0, 0xffffffff, 0, 1},
		{0x80000000, 0x7fffffff, 0, 1},
	};

	(void)state;
	for (size_t i = 0; i < SG_ARRAY_SIZE(row); i++) {
		sg_seq a = at(row[i].a), b = at(row[i].b);

		assert_int_equal(seq_before(a, b), row[i].before);
		assert_int_equal(seq_after(a, b), row[i].after);
		assert_int_equal(seq_eq(a, b), row[i].a == row[i].b);
		assert_int_equal(seq_max(a, b).v, row[i].before ? row[i].b : row[i].a);
		assert_int_equal(seq_max(b, a).v, row[i].before ? row[i].b : row[i].a);
	}
}

static void test_add_and_diff(void **state)
{
	struct dice d = {1};

	(void)state;
	assert_int_equal(seq_add(at(0xffffffff), 1).v, 0);
	assert_int_equal(seq_diff(at(5), at(0xfffffffb)), 10);
	assert_int_equal(seq_diff(at(0xfffffffb), at(5)), -10);
	for (int i = 0; i < 1000; i++) {
		__u32 a = dice_roll(&d), n = dice_below(&d, 0x7fffffff);

		assert_int_equal(seq_diff(seq_add(at(a), n), at(a)), n);
		assert_int_equal(seq_diff(at(a), seq_add(at(a), n)), -(__s32)n);
	}
}

static void test_between_takes_in_both_ends(void **state)
{
	(void)state;
	for (__u32 base = 0xfffffff8; base != 8; base++) {
		assert_true(seq_between(at(base), at(base), at(base)));
		assert_true(seq_between(at(base), at(base), at(base + 4)));
		assert_true(seq_between(at(base + 4), at(base), at(base + 4)));
		assert_false(seq_between(at(base + 5), at(base), at(base + 4)));
		assert_false(seq_between(at(base - 1), at(base), at(base + 4)));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_order_across_the_wrap),
		cmocka_unit_test(test_add_and_diff),
		cmocka_unit_test(test_between_takes_in_both_ends),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
