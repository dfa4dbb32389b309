/* SPDX-License-Identifier: BSD-2-Clause */
/* NewReno: RFC 5681, 6582 and 6928, step by step with round numbers. */
#include "harness.h"

#define MSS 1000u

static struct bed *bed;
static struct tcp_stack *stack;

static int group_setup(void **state)
{
	(void)state;
	bed = bed_new(1);
	stack = bed->s[0];
	return 0;
}

static int setup(void **state)
{
	(void)state;
	memset(bed->mib, 0, sizeof(bed->mib));
	return 0;
}

static int group_teardown(void **state)
{
	(void)state;
	free(bed->mem[0]);
	free(bed->queues);
	free(bed->halfopen);
	free(bed->flows);
	free(bed->proven);
	free(bed->sent);
	free(bed);
	return 0;
}

/* An established connection that has sent nothing: sequence numbers are about to wrap. */
static struct tcp *fresh(__u16 mss)
{
	struct tcp *t = conn_at(stack, 1);

	memset(t, 0, sizeof(*t));
	stack->ready = (struct fifo){0};
	t->mss = mss;
	t->iss = sg_seq_of(0xfffff000);
	t->snd_una = t->snd_nxt = t->snd_max = seq_add(t->iss, 1);
	cc_init(t, 0);
	return t;
}

static struct tcp *with_flight(__u32 segments)
{
	struct tcp *t = fresh(MSS);

	t->cwnd = segments * MSS;
	t->snd_nxt = t->snd_max = seq_add(t->snd_una, segments * MSS);
	return t;
}

/* As ack.c does: what is new moves snd_una first. Returns true in recovery. */
static bool acked(struct tcp *t, __u32 bytes)
{
	__u32 flight = (__u32)seq_diff(t->snd_max, t->snd_una);

	t->snd_una = seq_add(t->snd_una, bytes);
	t->dupacks = 0;
	if (cc_recovery_acked(stack, t, bytes))
		return true;
	cc_acked(t, bytes, flight);
	return false;
}

static void sent(struct tcp *t, __u32 bytes)
{
	t->snd_nxt = t->snd_max = seq_add(t->snd_max, bytes);
}

static void dupacks(struct tcp *t, int n)
{
	while (n-- > 0)
		cc_dupack(stack, t);
}

/* Fill the window, have all of it acknowledged, one segment at a time. */
static void round_trip(struct tcp *t)
{
	__u32 out = t->cwnd / t->mss;

	sent(t, t->cwnd - (__u32)seq_diff(t->snd_max, t->snd_una));
	while (out-- > 0) {
		acked(t, t->mss);
		sent(t, t->mss);
	}
}

/* --- growth ------------------------------------------------------------------------- */

static void test_initial_window(void **state) /* RFC 6928 2 */
{
	static const struct {
		__u16 mss;
		__u32 cwnd;
	} row[] = {
		{88, 880},     {536, 5360},   {1220, 12200}, {1448, 14480}, {1460, 14600},
		{2000, 14600}, {7300, 14600}, {7301, 14602}, {9000, 18000}, {65495, 130990},
	};

	(void)state;
	for (size_t i = 0; i < SG_ARRAY_SIZE(row); i++) {
		struct tcp *t = fresh(row[i].mss);

		assert_int_equal(t->cwnd, row[i].cwnd);
		assert_true(t->ssthresh > BUF_MAX); /* as high as can be */
	}
}

static void test_slow_start_doubles(void **state)
{
	struct tcp *t = fresh(MSS);

	(void)state;
	for (__u32 want = 10; want <= 640; want *= 2) {
		assert_int_equal(t->cwnd, want * MSS);
		round_trip(t);
	}
}

static void test_slow_start_stops_at_ssthresh(void **state)
{
	struct tcp *t = with_flight(10);

	(void)state;
	t->ssthresh = 12 * MSS + 1;
	acked(t, 2 * MSS);
	assert_int_equal(t->cwnd, 12 * MSS);
	acked(t, 8 * MSS); /* one ACK for many */
	assert_true(t->cwnd >= t->ssthresh && t->cwnd <= 13 * MSS + 1);
}

static void test_congestion_avoidance_adds_one_a_round(void **state)
{
	struct tcp *t = fresh(MSS);

	(void)state;
	t->ssthresh = t->cwnd = 10 * MSS;
	for (__u32 want = 11; want < 40; want++) {
		round_trip(t);
		assert_int_equal(t->cwnd, want * MSS);
	}
}

static void test_a_window_that_is_not_used_does_not_grow(void **state) /* RFC 7661's reason */
{
	struct tcp *t = fresh(MSS);

	(void)state;
	for (int i = 0; i < 1000; i++) {
		sent(t, MSS);
		acked(t, MSS);
	}
	assert_int_equal(t->cwnd, 10 * MSS);
	t->ssthresh = 5 * MSS; /* nor in congestion avoidance */
	for (int i = 0; i < 1000; i++) {
		sent(t, 8 * MSS);
		acked(t, 8 * MSS);
	}
	assert_int_equal(t->cwnd, 10 * MSS);
}

static void test_growth_has_an_end(void **state)
{
	struct tcp *t = fresh(MSS);

	(void)state;
	for (int i = 0; i < 30; i++)
		round_trip(t);
	assert_true(t->cwnd >= BUF_MAX && t->cwnd < 2 * BUF_MAX);
}

/* --- fast retransmit, fast recovery ------------------------------------------------- */

static void test_three_duplicates(void **state) /* RFC 5681 3.2 */
{
	struct tcp *t = with_flight(20);

	(void)state;
	dupacks(t, 2);
	assert_int_equal(t->flags & (T_RECOVERY | T_REXMIT), 0);
	assert_int_equal(t->cwnd, 20 * MSS);
	assert_int_equal(bed->mib[0].TCPFastRetrans, 0);
	dupacks(t, 1);
	assert_int_equal(t->flags & (T_RECOVERY | T_REXMIT), T_RECOVERY | T_REXMIT);
	assert_int_equal(t->ssthresh, 10 * MSS);
	assert_int_equal(t->cwnd, 13 * MSS);
	assert_int_equal(t->recover.v, t->snd_max.v);
	assert_int_equal(bed->mib[0].TCPFastRetrans, 1);
	assert_true(t->flags & T_READY);
	dupacks(t, 4);
	assert_int_equal(t->cwnd, 17 * MSS);
	assert_int_equal(bed->mib[0].TCPFastRetrans, 1);
}

static void test_two_duplicates_and_progress_are_nothing(void **state)
{
	struct tcp *t = with_flight(20);

	(void)state;
	for (int i = 0; i < 5; i++) {
		dupacks(t, 2);
		acked(t, MSS);
	}
	assert_int_equal(t->flags & (T_RECOVERY | T_REXMIT), 0);
	assert_int_equal(bed->mib[0].TCPFastRetrans, 0);
}

static void test_ssthresh_is_two_segments_at_least(void **state) /* RFC 5681 (4) */
{
	struct tcp *t = with_flight(3);

	(void)state;
	dupacks(t, 3);
	assert_int_equal(t->ssthresh, 2 * MSS);
	t = with_flight(1);
	cc_timeout(t);
	assert_int_equal(t->ssthresh, 2 * MSS);
}

/* RFC 5681 5: a receiver that makes up duplicates may not blow the window up with them. */
static void test_made_up_duplicates(void **state)
{
	struct tcp *t = with_flight(20);

	(void)state;
	dupacks(t, 100000);
	assert_true(t->cwnd >= 30 * MSS);
	assert_true(t->cwnd <= 10 * MSS + 20 * MSS + MSS);
}

static void test_partial_acknowledgment(void **state) /* RFC 6582 3.2 step 3 */
{
	struct tcp *t = with_flight(20);

	(void)state;
	dupacks(t, 3);
	t->flags &= ~(__u32)(T_REXMIT | T_READY);
	assert_true(acked(t, 4 * MSS));
	assert_int_equal(t->cwnd, (13 - 4 + 1) * MSS);
	assert_int_equal(t->flags & (T_RECOVERY | T_REXMIT), T_RECOVERY | T_REXMIT);
	assert_int_equal(t->ssthresh, 10 * MSS);
	t->flags &= ~(__u32)T_REXMIT;
	assert_true(acked(t, 15 * MSS)); /* more than the window: it stays usable */
	assert_int_equal(t->cwnd, MSS);
	assert_int_equal(t->flags & (T_RECOVERY | T_REXMIT), T_RECOVERY | T_REXMIT);
	assert_int_equal(bed->mib[0].TCPFastRetrans, 1);
}

static void test_full_acknowledgment(void **state)
{
	struct tcp *t = with_flight(20);

	(void)state;
	dupacks(t, 3);
	sent(t, 2 * MSS);
	assert_true(acked(t, 20 * MSS)); /* all up to `recover`; two are out */
	assert_int_equal(t->flags & T_RECOVERY, 0);
	assert_int_equal(t->cwnd, 3 * MSS); /* min(ssthresh, flight + SMSS): no burst */
	assert_int_equal(t->ssthresh, 10 * MSS);
	t = with_flight(20);
	dupacks(t, 3);
	sent(t, 15 * MSS);
	assert_true(acked(t, 20 * MSS));
	assert_int_equal(t->cwnd, 10 * MSS);
	assert_false(acked(t, MSS)); /* it is over */
}

static void test_one_fast_retransmit_a_recovery(void **state)
{
	struct tcp *t = with_flight(20);

	(void)state;
	dupacks(t, 3);
	for (int i = 0; i < 5; i++) {
		acked(t, MSS);
		dupacks(t, 10);
		assert_int_equal(t->ssthresh, 10 * MSS);
	}
	assert_int_equal(bed->mib[0].TCPFastRetrans, 1);
	acked(t, 15 * MSS); /* up to `recover`: duplicates of what was sent before are old news */
	sent(t, 5 * MSS);
	dupacks(t, 10);
	assert_int_equal(bed->mib[0].TCPFastRetrans, 1);
	acked(t, MSS); /* beyond it a loss is a new one */
	dupacks(t, 3);
	assert_int_equal(bed->mib[0].TCPFastRetrans, 2);
}

static void test_the_very_first_segment_may_be_lost(void **state)
{
	struct tcp *t = with_flight(5);

	(void)state;
	dupacks(t, 3);
	assert_int_equal(t->flags & (T_RECOVERY | T_REXMIT), T_RECOVERY | T_REXMIT);
}

/* `recover` must not stay behind until it seems to lie ahead. */
static void test_loss_after_gigabytes_without(void **state)
{
	struct tcp *t = with_flight(20);

	(void)state;
	for (__u32 n = 1; n <= 5; n++) { /* 3 GB each time: half way round and more */
		for (__u32 i = 0; i < 3 * 1024; i++) {
			sent(t, 1u << 20);
			acked(t, 1u << 20);
		}
		dupacks(t, 3);
		assert_int_equal(bed->mib[0].TCPFastRetrans, n);
		acked(t, 20 * MSS);
		assert_int_equal(t->flags & T_RECOVERY, 0);
		sent(t, 20 * MSS);
	}
}

/* --- timeout ------------------------------------------------------------------------ */

static void test_timeout(void **state) /* RFC 5681 3.1 */
{
	struct tcp *t = with_flight(20);

	(void)state;
	cc_timeout(t);
	assert_int_equal(t->ssthresh, 10 * MSS);
	assert_int_equal(t->cwnd, MSS);
	t->backoff = 1; /* the same segment again: held constant, whatever it is */
	t->ssthresh = 7 * MSS;
	cc_timeout(t);
	assert_int_equal(t->ssthresh, 7 * MSS);
	assert_int_equal(t->cwnd, MSS);
	t->ssthresh = 10 * MSS;
	t->backoff = 0;
	acked(t, MSS);
	assert_int_equal(t->cwnd, 2 * MSS); /* slow start */
	acked(t, 19 * MSS);
	assert_int_equal(t->cwnd, 10 * MSS);
}

static void test_timeout_ends_recovery(void **state)
{
	struct tcp *t = with_flight(20);

	(void)state;
	dupacks(t, 3);
	cc_timeout(t);
	assert_int_equal(t->flags & (T_RECOVERY | T_REXMIT), 0);
	assert_int_equal(t->dupacks, 0);
	assert_int_equal(t->cwnd, MSS);
	assert_false(acked(t, MSS));
}

/* RFC 6582 4: what was out at the timeout is sent again, and its duplicates mean nothing. */
static void test_duplicates_after_a_timeout(void **state)
{
	struct tcp *t = with_flight(20);

	(void)state;
	cc_timeout(t);
	dupacks(t, 10);
	for (int i = 0; i < 20; i++) {
		acked(t, MSS);
		dupacks(t, 10);
	}
	assert_int_equal(bed->mib[0].TCPFastRetrans, 0);
	assert_int_equal(t->flags & T_RECOVERY, 0);
	sent(t, 20 * MSS);
	acked(t, MSS);
	dupacks(t, 3);
	assert_int_equal(bed->mib[0].TCPFastRetrans, 1);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup(f, setup)
	const struct CMUnitTest tests[] = {
		T(test_initial_window),
		T(test_slow_start_doubles),
		T(test_slow_start_stops_at_ssthresh),
		T(test_congestion_avoidance_adds_one_a_round),
		T(test_a_window_that_is_not_used_does_not_grow),
		T(test_growth_has_an_end),
		T(test_three_duplicates),
		T(test_two_duplicates_and_progress_are_nothing),
		T(test_ssthresh_is_two_segments_at_least),
		T(test_made_up_duplicates),
		T(test_partial_acknowledgment),
		T(test_full_acknowledgment),
		T(test_one_fast_retransmit_a_recovery),
		T(test_the_very_first_segment_may_be_lost),
		T(test_loss_after_gigabytes_without),
		T(test_timeout),
		T(test_timeout_ends_recovery),
		T(test_duplicates_after_a_timeout),
	};

	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
