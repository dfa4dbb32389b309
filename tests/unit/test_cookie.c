/* SPDX-License-Identifier: BSD-2-Clause */
/* SYN cookies: what goes in comes out, what is not ours does not, for both families. */
#include "dice.h"
#include "harness.h"
#include "syngate/cookie.h"

#define MINUTE 60000ull

static struct sg_cookie_keys keys = {.key = {{{1, 2}}, {{3, 4}}}, .clock = 1234567};

static struct sg_halfopen syn_of(bool v4, __u16 mss, __u8 opts)
{
	struct sg_halfopen e = {.irs = 0xfffffff0, .mss = mss, .opts = opts, .tsval = 77};

	e.tuple = (struct sg_tuple){.lport = 80, .pport = 40000};
	memset(e.tuple.local.addr, 0x11, 16);
	memset(e.tuple.peer.addr, 0x22, 16);
	if (v4) {
		memset(e.tuple.peer.addr, 0, 10);
		memset(e.tuple.peer.addr + 10, 0xff, 2);
	}
	return e;
}

/* The peer's answer to the SYN-ACK that was sent at `now`. */
static struct sg_synq_seg answer(const struct sg_halfopen *e, __u64 now, __u32 clock)
{
	return (struct sg_synq_seg){
		.seq = sg_seq_of(e->irs + 1),
		.ack = sg_seq_of(sg_cookie_make(&keys, e, now).v + 1),
		.tsval = e->tsval + 10,
		.tsecr = e->opts & SG_OPT_TS ? sg_cookie_tsval(clock, e->opts) : 0,
		.has_ts = !!(e->opts & SG_OPT_TS),
		.flags = SG_ACK,
	};
}

static int check(const struct sg_halfopen *e, const struct sg_synq_seg *s, __u64 now,
		 struct sg_cookie *c)
{
	return sg_cookie_check(&keys, &e->tuple, s, now, c);
}

/* Every combination of options: scale 0 to 14 and none, SACK, ECN, timestamps, each MSS. */
static void test_round_trip(void **state)
{
	static const __u16 mss[] = {88,	  100,	216,  344,  535,  536,	756,  996,
				    1200, 1220, 1300, 1360, 1400, 1412, 1440, 1452,
				    1459, 1460, 4095, 4096, 8960, 65535};

	(void)state;
	for (int v4 = 0; v4 < 2; v4++)
		for (size_t i = 0; i < SG_ARRAY_SIZE(mss); i++)
			for (unsigned o = 0; o < 128; o++) {
				__u8 opts = (__u8)((o & 15) | (o & 16 ? SG_OPT_SACK : 0) |
						   (o & 32 ? SG_OPT_ECN : 0) |
						   (o & 64 ? SG_OPT_TS : 0));
				struct sg_halfopen e = syn_of(v4, mss[i], opts);
				struct sg_synq_seg s = answer(&e, 5 * MINUTE, 0x12345678 + o);
				struct sg_cookie c;

				assert_true(check(&e, &s, 5 * MINUTE, &c));
				assert_int_equal(c.opts, opts);
				assert_true(c.mss <= mss[i]);
				if (opts & SG_OPT_TS) /* one of sixteen */
					assert_int_equal(
						c.mss, sg_cookie_mss(sg_cookie_mss_index(mss[i])));
			}
}

/* What paths really have costs no more than the step below it. */
static void test_mss_is_rounded_down(void **state)
{
	static const struct {
		bool v4, ts;
		__u16 in, out;
	} row[] = {
		{true, true, 1460, 1460},   {true, true, 1452, 1452},	{true, true, 1412, 1412},
		{true, true, 1300, 1300},   {true, true, 536, 536},	{true, true, 535, 344},
		{true, true, 8960, 4096},   {true, true, 10, 88},	{true, false, 1460, 1460},
		{true, false, 1459, 1360},  {true, false, 1360, 1360},	{true, false, 1300, 536},
		{true, false, 535, 88},	    {false, true, 1440, 1440},	{false, true, 1220, 1220},
		{false, false, 1440, 1440}, {false, false, 1439, 1220}, {false, false, 1219, 536},
	};

	(void)state;
	for (size_t i = 0; i < SG_ARRAY_SIZE(row); i++) {
		struct sg_halfopen e = syn_of(row[i].v4, row[i].in, row[i].ts ? SG_OPT_TS : 0);
		struct sg_synq_seg s = answer(&e, MINUTE, 1000);
		struct sg_cookie c;

		assert_true(check(&e, &s, MINUTE, &c));
		assert_int_equal(c.mss, row[i].out);
	}
}

/*
 * Good in its own minute and the next one, whatever the minutes' parity, and where the clock is up
 * to two seconds behind the one that made it.
 */
static void test_age(void **state)
{
	struct sg_cookie c;

	(void)state;
	for (unsigned ts = 0; ts < 2; ts++)
		for (__u64 at = 100 * MINUTE; at < 104 * MINUTE; at += 7001) {
			struct sg_halfopen e = syn_of(true, 1460, ts ? SG_OPT_TS | 7 : 7);
			struct sg_synq_seg s = answer(&e, at, 5);
			__u64 left = MINUTE - (at + keys.clock) % MINUTE;

			assert_true(check(&e, &s, at, &c));
			assert_true(check(&e, &s, at - SG_COOKIE_AHEAD_MS, &c));
			left -= SG_COOKIE_AHEAD_MS;
			assert_true(check(&e, &s, at + left + MINUTE - 1, &c));
			assert_false(check(&e, &s, at + left + MINUTE, &c));
			assert_false(check(&e, &s, at + left + 2 * MINUTE, &c));
			assert_false(check(&e, &s, at - 2 * MINUTE, &c)); /* not made yet */
		}
}

/* The key before is still good; one that is older, or nobody's, is not. */
static void test_keys(void **state)
{
	struct sg_cookie_keys was = keys;
	struct sg_halfopen e = syn_of(true, 1460, SG_OPT_TS | SG_OPT_SACK | 7);
	struct sg_synq_seg s = answer(&e, MINUTE, 1000);
	struct sg_cookie c;

	(void)state;
	sg_cookie_rotate(&keys, &(struct sg_key){{5, 6}});
	assert_int_equal(keys.current, 1);
	assert_true(check(&e, &s, MINUTE, &c));
	sg_cookie_rotate(&keys, &(struct sg_key){{7, 8}});
	assert_int_equal(keys.current, 0);
	assert_false(check(&e, &s, MINUTE, &c));
	keys.key[0] = was.key[0];
	keys.key[1] = (struct sg_key){{0, 0}};
	assert_true(check(&e, &s, MINUTE, &c));
	keys.key[0] = (struct sg_key){{9, 9}}; /* no key of zeros is ever tried */
	s.ack = sg_seq_of(sg_cookie_of(&keys.key[1], &e.tuple, e.irs,
				       sg_cookie_period(&keys, MINUTE), e.opts, 14) +
			  1);
	assert_false(check(&e, &s, MINUTE, &c));
	keys = was;
}

/* Each thing that it is bound to, changed: refused. */
static void test_bound(void **state)
{
	(void)state;
	for (unsigned ts = 0; ts < 2; ts++) {
		struct sg_halfopen e = syn_of(true, 1460, ts ? SG_OPT_TS | SG_OPT_SACK | 7 : 7), f;
		const struct sg_synq_seg s = answer(&e, MINUTE, 1000);
		struct sg_synq_seg bad;
		struct sg_cookie c;

		f = e;
		f.tuple.pport++;
		assert_false(check(&f, &s, MINUTE, &c));
		f = e;
		f.tuple.peer.addr[15] ^= 1;
		assert_false(check(&f, &s, MINUTE, &c));
		f = e;
		f.tuple.local.addr[15] ^= 1;
		assert_false(check(&f, &s, MINUTE, &c));
		f = e;
		f.tuple.vlan[0] ^= 1;
		assert_false(check(&f, &s, MINUTE, &c));
		bad = s;
		bad.seq.v++;
		assert_false(check(&e, &bad, MINUTE, &c));
		for (int bit = 0; bit < 32; bit++) {
			bad = s;
			bad.ack.v = ((s.ack.v - 1) ^ 1u << bit) + 1;
			assert_false(check(&e, &bad, MINUTE, &c));
		}
		for (int bit = 0; ts && bit < 6; bit++) { /* the options that we get back */
			bad = s;
			bad.tsecr ^= 1u << bit;
			assert_false(check(&e, &bad, MINUTE, &c));
		}
		bad = s; /* the clock above them is the peer's to tell */
		bad.tsecr += ts ? 64 : 0;
		assert_true(check(&e, &bad, MINUTE, &c));
		for (unsigned flags = 0; flags < 256; flags++) {
			bad = s;
			bad.flags = (__u8)flags;
			assert_int_equal(check(&e, &bad, MINUTE, &c),
					 (flags & (SG_SYN | SG_RST | SG_ACK)) == SG_ACK);
		}
	}
}

/* Our clock in a cookie: at most 64 ms behind, never ahead, the options in its low bits. */
static void test_clock(void **state)
{
	(void)state;
	for (__u32 clock = 0xfffffe00; clock != 0x200; clock++)
		for (unsigned o = 0; o < 64; o += 7) {
			__u8 opts = (__u8)((o & 15) | (o & 16 ? SG_OPT_SACK : 0) |
					   (o & 32 ? SG_OPT_ECN : 0));
			__u32 ts = sg_cookie_tsval(clock, opts);

			assert_true(clock - ts < 64);
			assert_int_equal(ts & 63, o);
		}
}

/* Guesses: with two keys one in 2^22 is right without timestamps, one in 2^26 with them. */
static void test_guesses(void **state)
{
	struct sg_halfopen e = syn_of(true, 1460, 7);
	struct sg_synq_seg s = {.seq = sg_seq_of(e.irs + 1), .flags = SG_ACK};
	struct dice d = {5};
	struct sg_cookie c;
	unsigned hits = 0;

	(void)state;
	for (unsigned i = 0; i < 1u << 24; i++) {
		s.ack = sg_seq_of(dice_roll(&d));
		hits += (unsigned)check(&e, &s, MINUTE, &c);
	}
	assert_in_range(hits, 0, 16); /* 4 are expected */
	s.has_ts = 1;
	for (unsigned i = 0, ts = 0; i < 1u << 24; i++) {
		s.ack = sg_seq_of(dice_roll(&d));
		s.tsecr = dice_roll(&d) | 1;
		ts += (unsigned)check(&e, &s, MINUTE, &c);
		assert_true(ts < 4); /* 1/4 is expected */
	}
}

static void test_recent(void **state)
{
	struct sg_queue q = {0};

	(void)state;
	assert_false(sg_cookie_recent(&q, 5));
	sg_cookie_sent(&q, 0xffffffff);
	assert_true(sg_cookie_recent(&q, 0xffffffff - 15)); /* the driver's clock is behind */
	assert_false(sg_cookie_recent(&q, 0xffffffff - 17));
	assert_true(sg_cookie_recent(&q, 5));
	assert_true(sg_cookie_recent(&q, SG_COOKIE_RECENT_MS - 2));
	assert_false(sg_cookie_recent(&q, SG_COOKIE_RECENT_MS - 1));
	sg_cookie_sent(&q, 0);
	assert_true(sg_cookie_recent(&q, 1000));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip), cmocka_unit_test(test_mss_is_rounded_down),
		cmocka_unit_test(test_age),	   cmocka_unit_test(test_keys),
		cmocka_unit_test(test_bound),	   cmocka_unit_test(test_clock),
		cmocka_unit_test(test_guesses),	   cmocka_unit_test(test_recent),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
