/* SPDX-License-Identifier: BSD-2-Clause */
/* Who is given up when: lists by time, made as they are needed, each in the order of silence. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "app/patience.c"

#define CONNS 1000

static struct app_conn conn[CONNS];
static struct patiences p;

static void begin(unsigned n)
{
	patience_init(&p);
	for (unsigned i = 0; i < n; i++)
		patience_add(&p, &conn[i], 0);
}

static void end(unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		struct app_conn *c = patience_any(&p);

		assert_non_null(c);
		patience_remove(c);
	}
	assert_null(patience_any(&p));
	assert_int_equal(patience_deadline(&p), SG_NEVER);
	patience_free(&p);
}

static unsigned lists(void)
{
	unsigned n = 0;

	for (const struct patience *l = p.others; l; l = l->next)
		n++;
	return n;
}

static void test_for_ever(void **state)
{
	(void)state;
	begin(2);
	assert_int_equal(patience_deadline(&p), SG_NEVER);
	assert_null(patience_over(&p, SG_NEVER - 1));
	patience_move(&p, &conn[0], SG_NEVER, 5);
	assert_int_equal(lists(), 0);
	end(2);
}

static void test_each_has_its_own_time(void **state)
{
	(void)state;
	begin(3);
	patience_move(&p, &conn[0], 100, 10);
	patience_move(&p, &conn[1], 30, 20);
	assert_int_equal(patience_deadline(&p), 50);
	assert_null(patience_over(&p, 49));
	assert_ptr_equal(patience_over(&p, 50), &conn[1]);
	patience_move(&p, &conn[1], 100, 50); /* another patience */
	assert_int_equal(patience_deadline(&p), 110);
	patience_move(&p, &conn[0], 100, 60); /* it did something */
	assert_int_equal(patience_deadline(&p), 150);
	assert_ptr_equal(patience_over(&p, 155), &conn[1]);
	patience_remove(&conn[1]);
	assert_null(patience_over(&p, 155));
	assert_ptr_equal(patience_over(&p, 160), &conn[0]);
	end(2);
}

static void test_in_the_order_of_silence(void **state)
{
	(void)state;
	begin(CONNS);
	for (unsigned i = 0; i < CONNS; i++)
		patience_move(&p, &conn[i], 1000, i);
	for (unsigned i = 0; i < CONNS; i += 2)
		patience_move(&p, &conn[i], 1000, 5000 + i);
	for (unsigned i = 1; i < CONNS; i += 2) {
		assert_ptr_equal(patience_over(&p, 5000), &conn[i]);
		patience_move(&p, &conn[i], SG_NEVER, 5000);
	}
	assert_null(patience_over(&p, 5999));
	for (unsigned i = 0; i < CONNS; i += 2) {
		assert_ptr_equal(patience_over(&p, 9000), &conn[i]);
		patience_move(&p, &conn[i], SG_NEVER, 9000);
	}
	assert_int_equal(lists(), 1);
	end(CONNS);
}

/* A time that is used no more leaves its list to the next one. */
static void test_no_more_lists_than_times_in_use(void **state)
{
	(void)state;
	begin(2);
	for (sg_time t = 1; t < 1000; t++) {
		patience_move(&p, &conn[0], t, t);
		patience_move(&p, &conn[1], t & 1 ? t : t + 1000, t);
		assert_in_range(lists(), 1, 3);
	}
	end(2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_for_ever),
		cmocka_unit_test(test_each_has_its_own_time),
		cmocka_unit_test(test_in_the_order_of_silence),
		cmocka_unit_test(test_no_more_lists_than_times_in_use),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
