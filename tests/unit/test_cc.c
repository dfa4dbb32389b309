/* SPDX-License-Identifier: BSD-2-Clause */
/* How windows grow and by how much they are cut: RFC 5681, 6928, 9438, 9406, with round numbers. */
#include "harness.h"
#include "tcp/cc.h"

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
	bed->set.tcp_congestion_control = SG_CC_RENO;
	bed->now = 1000 * SG_SEC;
	return 0;
}

static int group_teardown(void **state)
{
	(void)state;
	free(bed->mem[0]);
	free(bed->queues);
	free(bed->halfopen.ways);
	free(bed->halfopen.entry);
	free(bed->flows.ways);
	free(bed->flows.tuples);
	free(bed->flows.homes);
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
	t->mss = mss;
	t->iss = sg_seq_of(0xfffff000);
	t->snd_una = t->snd_nxt = t->snd_max = seq_add(t->iss, 1);
	cc_init(stack, t, 0);
	return t;
}

/* As ack.c does: what is new moves snd_una first. */
static void acked(struct tcp *t, __u32 bytes, __u32 rtt)
{
	struct ack_news news = {
		.pipe = (__u32)seq_diff(t->snd_max, t->snd_una),
		.bytes = bytes,
		.delivered = bytes,
		.rtt = rtt,
	};

	t->snd_una = seq_add(t->snd_una, bytes);
	cc_acked(stack, t, bed->now, &news);
}

static void sent(struct tcp *t, __u32 bytes)
{
	t->snd_nxt = t->snd_max = seq_add(t->snd_max, bytes);
}

/* As much as the window takes. */
static void fill_window(struct tcp *t)
{
	__u32 out = (__u32)seq_diff(t->snd_max, t->snd_una);

	if (t->cwnd > out)
		sent(t, (t->cwnd - out) / t->mss * t->mss);
}

/* Fill the window, have all of it acknowledged, one segment at a time, in `rtt` microseconds. */
static void round_trip(struct tcp *t, __u32 rtt)
{
	__u32 out = t->cwnd / t->mss;

	fill_window(t);
	for (__u32 i = 0; i < out; i++) {
		bed->now += rtt * 1000ull / out;
		acked(t, t->mss, rtt);
		fill_window(t);
	}
}

/* Cut, as recovery does, and all that was out arrives. */
static void cut(struct tcp *t)
{
	t->cwnd = t->ssthresh = cc_loss(stack, t, bed->now);
	t->snd_una = t->snd_nxt = t->snd_max;
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
		round_trip(t, 1000);
	}
}

static void test_slow_start_stops_at_ssthresh(void **state)
{
	struct tcp *t = fresh(MSS);

	(void)state;
	sent(t, 10 * MSS);
	t->ssthresh = 12 * MSS + 1;
	acked(t, 2 * MSS, 0);
	assert_int_equal(t->cwnd, 12 * MSS);
	acked(t, 8 * MSS, 0); /* one ACK for many */
	assert_true(t->cwnd >= t->ssthresh && t->cwnd <= 13 * MSS + 1);
}

static void test_congestion_avoidance_adds_one_a_round(void **state)
{
	struct tcp *t = fresh(MSS);

	(void)state;
	t->ssthresh = t->cwnd = 10 * MSS;
	for (__u32 want = 11; want < 40; want++) {
		round_trip(t, 1000);
		assert_int_equal(t->cwnd, want * MSS);
	}
}

static void test_a_window_that_is_not_used_does_not_grow(void **state) /* RFC 7661's reason */
{
	struct tcp *t = fresh(MSS);

	(void)state;
	for (int i = 0; i < 1000; i++) {
		sent(t, MSS);
		acked(t, MSS, 0);
	}
	assert_int_equal(t->cwnd, 10 * MSS);
	t->ssthresh = 5 * MSS; /* nor in congestion avoidance */
	for (int i = 0; i < 1000; i++) {
		sent(t, 8 * MSS);
		acked(t, 8 * MSS, 0);
	}
	assert_int_equal(t->cwnd, 10 * MSS);
}

static void test_growth_has_an_end(void **state)
{
	struct tcp *t = fresh(MSS);

	(void)state;
	for (int i = 0; i < 30; i++)
		round_trip(t, 1000);
	assert_true(t->cwnd >= BUF_MAX && t->cwnd < 2 * BUF_MAX);
}

/* --- RFC 5681 --------------------------------------------------------------------------- */

static void test_reno_halves(void **state)
{
	struct tcp *t = fresh(MSS);

	(void)state;
	sent(t, 20 * MSS);
	cut(t);
	assert_int_equal(t->ssthresh, 10 * MSS);
	sent(t, 3 * MSS); /* two segments at least, (4) */
	cut(t);
	assert_int_equal(t->ssthresh, 2 * MSS);
	assert_string_equal(cc_name(t), "reno");
}

/* What was out when nothing was sent for long says nothing of now: half for each RTO. */
static void test_idle(void **state)
{
	static const struct {
		unsigned idle; /* RTOs */
		bool on;
		__u32 cwnd;
	} row[] = {{0, 1, 80}, {1, 1, 40}, {2, 1, 20}, {3, 1, 10}, {9, 1, 10}, {9, 0, 80}};

	(void)state;
	for (size_t i = 0; i < SG_ARRAY_SIZE(row); i++) {
		struct tcp *t = fresh(MSS);

		bed->set.tcp_slow_start_after_idle = row[i].on;
		t->rto = 300 * SG_MS;
		t->cwnd = 80 * MSS;
		t->ssthresh = 10 * MSS;
		t->sent_at = time_ms(bed->now) - 300 * row[i].idle;
		cc_restart(stack, t, bed->now);
		assert_int_equal(t->cwnd, row[i].cwnd * MSS);
		assert_int_equal(t->ssthresh, row[i].idle && row[i].on ? 60 * MSS : 10 * MSS);
	}
	bed->set.tcp_slow_start_after_idle = 1;
}

/* --- CUBIC, RFC 9438 ---------------------------------------------------------------------- */

static struct tcp *cubic(__u32 segments)
{
	struct tcp *t;

	bed->set.tcp_congestion_control = SG_CC_CUBIC;
	t = fresh(MSS);
	t->cwnd = segments * MSS;
	t->srtt = 100 * SG_MS;
	sent(t, t->cwnd);
	cut(t);
	return t;
}

static void test_cubic_cuts_to_seven_tenths(void **state)
{
	struct tcp *t = cubic(1000);

	(void)state;
	assert_int_equal(t->cwnd, 700 * MSS);
	assert_int_equal(t->grow.cubic.w_max, 1000 * MSS);
	cut(t); /* did not come as far: it gives way (fast convergence, 4.7) */
	assert_int_equal(t->cwnd, 490 * MSS);
	assert_int_equal(t->grow.cubic.w_max, 595 * MSS);
	assert_string_equal(cc_name(t), "cubic");
}

/* W(t) = 0.4 (t - K)^3 + W_max, K = cbrt(0.3 * 1000 / 0.4) = 9.086 s. */
static void test_cubic_curve(void **state)
{
	static const struct {
		unsigned s;
		unsigned segments;
	} row[] = {{1, 789}, {2, 858}, {4, 947}, {6, 988}, {9, 1000}, {10, 1000}, {13, 1024}, {16, 1132}};
	struct tcp *t = cubic(1000);
	unsigned k = 0;
	sg_time start = bed->now;

	(void)state;
	for (unsigned i = 0; k < SG_ARRAY_SIZE(row); i++) {
		round_trip(t, 100000);
		if ((bed->now - start) / SG_SEC < row[k].s)
			continue;
		assert_in_range(t->cwnd / MSS, row[k].segments - row[k].segments / 50,
				row[k].segments + row[k].segments / 50);
		k++;
	}
	assert_in_range(t->grow.cubic.k, 9080, 9090);
}

/* 4.3: on a short path Reno grows faster, and CUBIC is never below what Reno would have. */
static void test_cubic_is_no_slower_than_reno(void **state)
{
	struct tcp *t = cubic(20);
	__u32 at = t->cwnd;

	(void)state;
	t->srtt = 2 * SG_MS;
	assert_int_equal(at, 14 * MSS);
	for (int i = 0; i < 30; i++)
		round_trip(t, 2000);
	assert_in_range(t->cwnd, at + 12 * MSS, at + 30 * MSS); /* 9/17 a round, then one */
}

/* Not faster than by half in a round, however long it waited (4.4). */
static void test_cubic_is_bounded(void **state)
{
	struct tcp *t = cubic(100);
	__u32 before;

	(void)state;
	round_trip(t, 100000);
	bed->now += 60 * SG_SEC;
	for (int i = 0; i < 40; i++) {
		before = t->cwnd;
		round_trip(t, 100000);
		assert_true(t->cwnd <= before + before / 2 + MSS);
		assert_true(t->cwnd < 2 * BUF_MAX);
	}
	assert_true(t->cwnd >= BUF_MAX);
}

/* --- HyStart++, RFC 9406 ------------------------------------------------------------------- */

static struct tcp *starting(void)
{
	struct tcp *t = fresh(MSS);

	for (int i = 0; i < 3; i++)
		round_trip(t, 40000);
	assert_int_equal(t->cwnd, 80 * MSS);
	return t;
}

static void test_hystart_slows_and_stops(void **state)
{
	struct tcp *t = starting();
	__u32 before;

	(void)state;
	round_trip(t, 44999); /* an eighth is 5 ms */
	assert_int_equal(t->grow.hystart.css, 0);
	round_trip(t, 55000);
	assert_true(t->grow.hystart.css > 0);
	for (int i = 0; i < 5; i++) { /* conservative: a quarter of the pace, five rounds */
		assert_int_equal(t->ssthresh, CC_NO_SSTHRESH);
		before = t->cwnd;
		round_trip(t, 55000);
		assert_in_range(t->cwnd, before + before / 8, before + before / 3);
	}
	round_trip(t, 55000);
	assert_int_not_equal(t->ssthresh, CC_NO_SSTHRESH);
	before = t->cwnd;
	round_trip(t, 55000);
	assert_true(t->cwnd <= before + 2 * MSS);
}

static void test_hystart_takes_it_back(void **state)
{
	struct tcp *t = starting();

	(void)state;
	round_trip(t, 55000);
	round_trip(t, 55000);
	assert_true(t->grow.hystart.css > 0);
	round_trip(t, 40000); /* it was an accident */
	round_trip(t, 40000);
	assert_int_equal(t->grow.hystart.css, 0);
	for (int i = 0; i < 8; i++)
		round_trip(t, 40000);
	assert_int_equal(t->ssthresh, CC_NO_SSTHRESH);
}

/* Eight segments an ACK at most while nothing is paced. */
static void test_hystart_bounds_a_jump(void **state)
{
	struct tcp *t = fresh(MSS);

	(void)state;
	sent(t, 10 * MSS);
	acked(t, 10 * MSS, 1000);
	assert_int_equal(t->cwnd, 18 * MSS);
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
		T(test_reno_halves),
		T(test_idle),
		T(test_cubic_cuts_to_seven_tenths),
		T(test_cubic_curve),
		T(test_cubic_is_no_slower_than_reno),
		T(test_cubic_is_bounded),
		T(test_hystart_slows_and_stops),
		T(test_hystart_takes_it_back),
		T(test_hystart_bounds_a_jump),
	};

	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
