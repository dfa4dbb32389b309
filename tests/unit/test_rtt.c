/* SPDX-License-Identifier: BSD-2-Clause */
/* The retransmission timeout: RFC 6298's arithmetic, its bounds, back-off and recovery. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "dice.h"
#include "tcp/stack.h"

static struct tcp fresh(void)
{
	struct tcp t = {0};

	rtt_init(&t);
	return t;
}

static void test_before_any_sample(void **state) /* RFC 6298 2.1 */
{
	struct tcp t = fresh();

	(void)state;
	assert_int_equal(t.rto, SG_SEC);
	assert_int_equal(t.srtt, 0);
}

static void test_first_sample(void **state) /* 2.2 */
{
	struct tcp t = fresh();

	(void)state;
	rtt_sample(&t, 800 * SG_MS);
	assert_int_equal(t.srtt, 800 * SG_MS);
	assert_int_equal(t.rttvar, 400 * SG_MS);
	assert_int_equal(t.rto, 2400 * SG_MS);
}

/* 2.3, by hand: SRTT 800, RTTVAR 400; then R' = 1600 and R' = 400. */
static void test_next_samples(void **state)
{
	struct tcp t = fresh();

	(void)state;
	rtt_sample(&t, 800 * SG_MS);
	rtt_sample(&t, 1600 * SG_MS);
	assert_int_equal(t.rttvar, 500 * SG_MS); /* 3/4 * 400 + 1/4 * |800 - 1600| */
	assert_int_equal(t.srtt, 900 * SG_MS);	 /* 7/8 * 800 + 1/8 * 1600 */
	assert_int_equal(t.rto, 2900 * SG_MS);
	rtt_sample(&t, 400 * SG_MS);
	assert_int_equal(t.rttvar, 500 * SG_MS); /* 3/4 * 500 + 1/4 * |900 - 400| */
	assert_int_equal(t.srtt, 837500000);
	assert_int_equal(t.rto, 2837500000);
}

/* The same in floating point, over any samples: whole nanoseconds lose next to nothing. */
static void test_random_samples(void **state)
{
	struct tcp t = fresh();
	struct dice d = {30};
	double srtt = 0, var = 0;

	(void)state;
	for (int i = 0; i < 20000; i++) {
		__u64 r = SG_MS + dice_below(&d, 2000 * SG_MS);
		double off = srtt > (double)r ? srtt - (double)r : (double)r - srtt;

		var = i ? 0.75 * var + 0.25 * off : (double)r / 2;
		srtt = i ? 0.875 * srtt + 0.125 * (double)r : (double)r;
		rtt_sample(&t, r);
		assert_true((double)t.srtt - srtt < 50 && srtt - (double)t.srtt < 50);
		assert_true((double)t.rttvar - var < 100 && var - (double)t.rttvar < 100);
		assert_int_equal(t.rto, t.srtt + (4 * t.rttvar > RTO_MIN ? 4 * t.rttvar : RTO_MIN));
	}
}

/* Linux's TCP_RTO_MIN bounds the variance, so that a steady path's RTO stays above its RTT. */
static void test_at_least_200_ms_over_the_round_trip(void **state)
{
	struct tcp t = fresh();

	(void)state;
	rtt_sample(&t, 0); /* an answer within the clock's tick */
	assert_true(t.srtt > 0);
	assert_int_equal(t.rto, 200 * SG_MS + t.srtt);
	for (int i = 0; i < 1000; i++) {
		rtt_sample(&t, i % 3);
		assert_true(t.srtt > 0); /* 0 would mean: none yet */
		assert_int_equal(t.rto, 200 * SG_MS + t.srtt);
	}
	for (int i = 0; i < 1000; i++) /* steady at 3 s */
		rtt_sample(&t, 3 * SG_SEC);
	assert_true(t.rto >= 3200 * SG_MS - 100 && t.rto < 3201 * SG_MS);
}

static void test_never_over_120_s(void **state)
{
	struct tcp t = fresh();

	(void)state;
	rtt_sample(&t, 300 * SG_SEC);
	assert_int_equal(t.rto, 120 * SG_SEC);
	rtt_sample(&t, ~0ULL); /* a clock gone back: it is over after a while */
	assert_int_equal(t.rto, 120 * SG_SEC);
	for (int i = 0; i < 80; i++)
		rtt_sample(&t, 100 * SG_MS);
	assert_true(t.rto < SG_SEC);
}

static void test_backoff_doubles_up_to_120_s(void **state) /* 5.5 */
{
	static const unsigned after[] = {2, 4, 8, 16, 32, 64, 120, 120, 120};
	struct tcp t = fresh();

	(void)state;
	for (unsigned i = 0; i < SG_ARRAY_SIZE(after); i++) {
		rtt_backoff(&t);
		assert_int_equal(t.rto, after[i] * SG_SEC);
		assert_int_equal(t.backoff, i + 1);
	}
}

static void test_a_sample_ends_the_backoff(void **state) /* 5, last paragraph */
{
	struct tcp t = fresh();

	(void)state;
	rtt_sample(&t, 100 * SG_MS);
	assert_int_equal(t.rto, 300 * SG_MS);
	rtt_backoff(&t);
	rtt_backoff(&t);
	assert_int_equal(t.rto, 1200 * SG_MS);
	rtt_sample(&t, 100 * SG_MS);
	assert_int_equal(t.backoff, 0);
	assert_int_equal(t.rto, 300 * SG_MS);
}

/*
 * Karn: an ACK that could not be timed ends the row of timeouts, but the timeout stays as
 * it is. Were it taken back, a path that has become slower would never be timed: all that
 * is sent would be sent twice.
 */
static void test_progress_keeps_the_timeout(void **state)
{
	struct tcp t = fresh();

	(void)state;
	rtt_sample(&t, 100 * SG_MS);
	for (int i = 0; i < 3; i++)
		rtt_backoff(&t);
	rtt_progress(&t);
	assert_int_equal(t.backoff, 0);
	assert_int_equal(t.rto, 2400 * SG_MS);
	rtt_progress(&t);
	assert_int_equal(t.rto, 2400 * SG_MS);
	rtt_sample(&t, 2 * SG_SEC); /* at last one that was sent once */
	assert_true(t.rto > 2 * SG_SEC);
}

/* Probes of a shut window back off too, but say nothing of the path (RFC 9293 3.8.6.1). */
static void test_an_open_window_takes_the_backoff_back(void **state)
{
	struct tcp t = fresh();

	(void)state;
	rtt_backoff(&t);
	rtt_restore(&t);
	assert_int_equal(t.rto, SG_SEC);
	rtt_sample(&t, 100 * SG_MS);
	for (int i = 0; i < 12; i++)
		rtt_backoff(&t);
	assert_int_equal(t.rto, 120 * SG_SEC);
	rtt_restore(&t);
	assert_int_equal(t.rto, 300 * SG_MS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_before_any_sample),
		cmocka_unit_test(test_first_sample),
		cmocka_unit_test(test_next_samples),
		cmocka_unit_test(test_random_samples),
		cmocka_unit_test(test_at_least_200_ms_over_the_round_trip),
		cmocka_unit_test(test_never_over_120_s),
		cmocka_unit_test(test_backoff_doubles_up_to_120_s),
		cmocka_unit_test(test_a_sample_ends_the_backoff),
		cmocka_unit_test(test_progress_keeps_the_timeout),
		cmocka_unit_test(test_an_open_window_takes_the_backoff_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
