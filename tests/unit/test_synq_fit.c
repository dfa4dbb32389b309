/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The half-open queue: what both sides agree on, and what fits an entry. The very code that the
 * driver runs.
 */
#include "dice.h"
#include "harness.h"

/* --- options ------------------------------------------------------------------------ */

/* On is what was offered and is wanted here. */
static void test_options_that_both_want(void **state)
{
	static const __u8 wscale[] = {SG_WSCALE_NONE, 0, 7, 14};

	(void)state;
	for (unsigned i = 0; i < 128; i++) {
		struct sg_tcpopts syn = {.mss = 1460,
					 .wscale = wscale[i & 3],
					 .sack_ok = i >> 2 & 1,
					 .has_ts = i >> 3 & 1};
		struct sg_settings set = {.tcp_window_scaling = i >> 4 & 1,
					  .tcp_sack = i >> 5 & 1,
					  .tcp_timestamps = i >> 6 & 1};
		bool ws = syn.wscale != SG_WSCALE_NONE && set.tcp_window_scaling;
		bool sack = syn.sack_ok && set.tcp_sack, ts = syn.has_ts && set.tcp_timestamps;
		struct sg_hash h = {.ts_off = 100};
		struct sg_tcpopts answer;
		__u8 opts = sg_synq_opts(&syn, 0, &set);

		assert_int_equal(opts & SG_OPT_WSCALE, ws ? syn.wscale : SG_OPT_NO_WSCALE);
		assert_int_equal(!!(opts & SG_OPT_SACK), sack);
		assert_int_equal(!!(opts & SG_OPT_TS), ts);
		assert_int_equal(opts & (SG_OPT_ECN | SG_OPT_ACKED), 0);
		memset(&answer, 0xff, sizeof(answer));
		sg_synack_opts(&answer, opts, 555, 1440, 5, &h, 23);
		assert_int_equal(answer.mss, 1440);
		assert_int_equal(answer.wscale, ws ? 5 : SG_WSCALE_NONE);
		assert_int_equal(answer.sack_ok, sack);
		assert_int_equal(answer.has_ts, ts);
		assert_int_equal(answer.tsval, 123);
		assert_int_equal(answer.tsecr, 555);
		assert_int_equal(answer.nsack, 0);
	}
}

/* --- what fits an entry: tcp_check_req()'s order ------------------------------------ */

#define WND 65535u

enum { NO_TS = 0x7fffffff };

struct fit {
	const char *what;
	__u8 flags;
	__u32 seq; /* from IRS + 1 */
	__u32 ack; /* from ISS + 1 */
	__u32 len;
	__s32 tsval; /* from the SYN's; NO_TS: none */
	__s32 tsecr; /* from the SYN-ACK's */
	__u32 ms;    /* after the SYN */
	enum sg_synq_fit fit;
};

#define SYN SG_SYN
#define RST SG_RST
#define ACK SG_ACK
#define FIN SG_FIN
#define PSH SG_PSH

static const struct fit fits[] = {
	/* the same SYN */
	{"again, at once", SYN, -1, 0, 1, 0, 0, 10, SG_FIT_REPEAT},
	{"again, after 1 s", SYN, -1, 0, 1, 1000, 0, 1000, SG_FIT_REPEAT},
	{"again, without its timestamp", SYN, -1, 0, 1, NO_TS, 0, 1000, SG_FIT_REPEAT},
	{"again, older than itself", SYN, -1, 0, 1, -1, 0, 1000, SG_FIT_OLD},
	{"again, with data (TFO)", SYN, -1, 0, 101, 1000, 0, 1000, SG_FIT_REPEAT},
	/* another SYN */
	{"new SYN in the window", SYN, 1000, 0, 1, 10, 0, 10, SG_FIT_RESET},
	{"new SYN at the left edge", SYN, 0, 0, 1, 10, 0, 10, SG_FIT_RESET},
	{"new SYN before it", SYN, -2, 0, 1, 10, 0, 10, SG_FIT_OUTSIDE},
	{"new SYN behind it", SYN, WND, 0, 1, 10, 0, 10, SG_FIT_OUTSIDE},
	{"old SYN in the window", SYN, 1000, 0, 1, -1, 0, 10, SG_FIT_OLD},
	{"SYN-ACK in the window", SYN | ACK, 1000, 0, 1, 10, 0, 10, SG_FIT_RESET},
	{"SYN-ACK with a bad ACK", SYN | ACK, 1000, 1, 1, 10, 0, 10, SG_FIT_BAD_ACK},
	/* acknowledgments */
	{"final ACK", ACK, 0, 0, 0, 10, 0, 10, SG_FIT_ACK},
	{"final ACK, no timestamp", ACK, 0, 0, 0, NO_TS, 0, 10, SG_FIT_ACK},
	{"final ACK, same timestamp", ACK, 0, 0, 0, 0, 0, 0, SG_FIT_ACK},
	{"final ACK after 62 s", ACK, 0, 0, 0, 62000, 62000, 62000, SG_FIT_ACK},
	{"ACK of nothing", ACK, 0, -1, 0, 10, 0, 10, SG_FIT_BAD_ACK},
	{"ACK of too much", ACK, 0, 1, 0, 10, 0, 10, SG_FIT_BAD_ACK},
	{"ACK from far", ACK, 0, 0x80000000, 0, 10, 0, 10, SG_FIT_BAD_ACK},
	{"bad before old", ACK, 0, 1, 0, -1, 0, 10, SG_FIT_BAD_ACK},
	{"bad before outside", ACK, WND, 1, 0, 10, 0, 10, SG_FIT_BAD_ACK},
	{"old ACK", ACK, 0, 0, 0, -1, 0, 10, SG_FIT_OLD},
	{"old ACK outside", ACK, -1, 0, 0, -1, 0, 10, SG_FIT_OLD},
	{"ACK before the window", ACK, -1, 0, 0, 10, 0, 10, SG_FIT_OUTSIDE},
	{"ACK at its end", ACK, WND - 1, 0, 0, 10, 0, 10, SG_FIT_ACK},
	{"ACK behind it", ACK, WND + 1, 0, 0, 10, 0, 10, SG_FIT_OUTSIDE},
	{"with data", ACK | PSH, 0, 0, 1460, 10, 0, 10, SG_FIT_ACK},
	{"data alone arrives, the ACK was lost", ACK, 1460, 0, 1460, 10, 0, 10, SG_FIT_ACK},
	{"data behind the window", ACK, WND + 1, 0, 1460, 10, 0, 10, SG_FIT_OUTSIDE},
	{"data that begins before it", ACK, -1, 0, 2, 10, 0, 10, SG_FIT_ACK},
	{"data that ends before it", ACK, -1, 0, 1, 10, 0, 10, SG_FIT_OUTSIDE},
	{"with FIN", ACK | FIN, 0, 0, 1, 10, 0, 10, SG_FIT_ACK},
	/* echoes of a time at which no SYN-ACK left */
	{"echo of now", ACK, 0, 0, 0, 10, 10, 10, SG_FIT_ACK},
	{"echo a clock tick ahead", ACK, 0, 0, 0, 10, 10 + SG_CLOCK_SLACK_MS, 10, SG_FIT_ACK},
	{"echo of later", ACK, 0, 0, 0, 10, 11 + SG_CLOCK_SLACK_MS, 10, SG_FIT_OUTSIDE},
	{"echo of before", ACK, 0, 0, 0, 10, -1, 10, SG_FIT_OUTSIDE},
	{"bad before a bad echo", ACK, 0, 1, 0, 10, -1, 10, SG_FIT_BAD_ACK},
	/* resets */
	{"RST", RST, 0, 0, 0, NO_TS, 0, 10, SG_FIT_RESET},
	{"RST in the window", RST, WND - 1, 0, 0, NO_TS, 0, 10, SG_FIT_INEXACT},
	{"RST at its end", RST, WND, 0, 0, NO_TS, 0, 10, SG_FIT_INEXACT},
	{"RST before it", RST, -1, 0, 0, NO_TS, 0, 10, SG_FIT_DROP},
	{"RST behind it", RST, WND + 1, 0, 0, NO_TS, 0, 10, SG_FIT_DROP},
	{"RST with our ACK", RST | ACK, 0, 0, 0, 10, 0, 10, SG_FIT_RESET},
	{"RST with a bad ACK", RST | ACK, 0, 1, 0, 10, 0, 10, SG_FIT_RESET},
	{"RST in it with a bad ACK", RST | ACK, 9, 1, 0, 10, 0, 10, SG_FIT_INEXACT},
	{"old RST", RST, 0, 0, 0, -1, 0, 10, SG_FIT_OLD},
	/* no ACK */
	{"nothing set", 0, 0, 0, 0, NO_TS, 0, 10, SG_FIT_DROP},
	{"data without ACK", PSH, 0, 0, 100, 10, 0, 10, SG_FIT_DROP},
	{"FIN without ACK", FIN, 0, 0, 1, 10, 0, 10, SG_FIT_DROP},
	{"outside without ACK", FIN, WND + 1, 0, 1, 10, 0, 10, SG_FIT_OUTSIDE},
};

static enum sg_synq_fit check(const struct fit *r, __u32 irs, __u32 when, __u32 tsval, __u8 opts)
{
	struct sg_hash h = {.iss = 0xfffffe00, .ts_off = 0x80000000};
	struct sg_halfopen e = {.irs = irs,
				.when = when,
				.tsval = opts & SG_OPT_TS ? tsval : 0,
				.opts = opts};
	struct sg_synq_seg s = {
		.seq = sg_seq_of(irs + 1 + r->seq),
		.ack = sg_seq_of(r->flags & ACK ? sg_iss(&h, when).v + 1 + r->ack : 0),
		.len = r->len,
		.flags = r->flags,
		.has_ts = r->tsval != NO_TS,
		.tsval = tsval + (__u32)r->tsval,
		.tsecr = sg_ts_clock(&h, when) + (__u32)r->tsecr,
	};

	return sg_synq_check(&e, &h, &s, WND, when + r->ms, 500);
}

static void test_check_in_linuxs_order(void **state)
{
	static const __u32 irs[] = {1000, 0xffffffff, 0xffff8000, 0x7fffffff};
	static const __u32 when[] = {5000, 0xffffff80, 0x7fffff80};

	(void)state;
	for (size_t i = 0; i < SG_ARRAY_SIZE(fits); i++)
		for (size_t k = 0; k < SG_ARRAY_SIZE(irs) * SG_ARRAY_SIZE(when); k++) {
			enum sg_synq_fit got =
				check(&fits[i], irs[k / 3], when[k % 3], 0x7ffffff8, SG_OPT_TS);

			if (got != fits[i].fit)
				fail_msg("%s: %d, not %d", fits[i].what, got, fits[i].fit);
		}
}

/* Without timestamps agreed on, none counts: nothing is old. */
static void test_check_without_timestamps(void **state)
{
	(void)state;
	for (size_t i = 0; i < SG_ARRAY_SIZE(fits); i++) {
		struct fit plain = fits[i];

		plain.tsval = NO_TS;
		assert_int_equal(check(&fits[i], 1000, 5000, 77, 0),
				 check(&plain, 1000, 5000, 77, SG_OPT_TS));
	}
}

static void test_an_echo_of_zero_is_none(void **state)
{
	struct fit r = {"", ACK, 0, 0, 0, 10, 0, 10, SG_FIT_ACK};
	__u32 clock = 0x80000000u + 5000;

	(void)state;
	r.tsecr = (__s32)-clock;
	assert_int_equal(check(&r, 1000, 5000, 77, SG_OPT_TS), SG_FIT_ACK);
	r.tsecr++;
	assert_int_equal(check(&r, 1000, 5000, 77, SG_OPT_TS), SG_FIT_OUTSIDE);
}

/* A TSval of 0 in the SYN is none to be older than (tcp_paws_check). */
static void test_a_timestamp_of_zero_tells_nothing(void **state)
{
	struct fit r = {"", ACK, 0, 0, 0, (__s32)0x80000001, 0, 10, SG_FIT_ACK};

	(void)state;
	assert_int_equal(check(&r, 1000, 5000, 0, SG_OPT_TS), SG_FIT_ACK);
	assert_int_equal(check(&r, 1000, 5000, 1, SG_OPT_TS), SG_FIT_OLD);
}

/* A repeat was answered just now: the next one waits, everything else does not. */
static void test_check_of_what_was_answered(void **state)
{
	struct sg_hash h = {0};
	struct sg_halfopen e = {.irs = 10, .when = 5000};
	struct sg_synq_seg syn = {.seq = sg_seq_of(10), .len = 1, .flags = SYN};
	struct sg_synq_seg ack = {.seq = sg_seq_of(11), .flags = ACK};

	(void)state;
	ack.ack = sg_seq_of(sg_iss(&h, 5000).v + 1);
	sg_synq_answered(&e, 5000);
	assert_int_equal(sg_synq_check(&e, &h, &syn, WND, 5400, 500), SG_FIT_SILENT);
	assert_int_equal(sg_synq_check(&e, &h, &syn, WND, 5400, 300), SG_FIT_REPEAT);
	assert_int_equal(sg_synq_check(&e, &h, &syn, WND, 5600, 500), SG_FIT_REPEAT);
	assert_int_equal(sg_synq_check(&e, &h, &ack, WND, 5001, 500), SG_FIT_ACK);
}

/* Linux's tcp_in_window, by walking: the next number due, bytes inside, or empty at an edge. */
static int inside(__u32 seq, __u32 len, __u32 nxt, __u32 wnd)
{
	__s32 first = (__s32)(seq - nxt), end = first + (__s32)len;

	if (first == 0)
		return 1;
	if (end > 0 && first < (__s32)wnd)
		return 1;
	return first == (__s32)wnd && len == 0;
}

static void test_inside_as_linux_has_it(void **state)
{
	(void)state;
	for (__u32 nxt = 0xfffffffa; nxt != 3; nxt++)
		for (__u32 wnd = 0; wnd < 6; wnd++)
			for (__u32 len = 0; len < 6; len++)
				for (__u32 seq = nxt - 12; seq != nxt + 12; seq++)
					assert_int_equal(!!sg_synq_inside(sg_seq_of(seq), len,
									  sg_seq_of(nxt), wnd),
							 inside(seq, len, nxt, wnd));
}

/* A window of nothing takes what is due, and what is empty. */
static void test_check_with_a_window_of_zero(void **state)
{
	struct sg_hash h = {0};
	struct sg_halfopen e = {.irs = 10, .when = 0};
	struct sg_synq_seg s = {.seq = sg_seq_of(11), .ack = sg_seq_of(1), .flags = ACK};

	(void)state;
	assert_int_equal(sg_synq_check(&e, &h, &s, 0, 0, 500), SG_FIT_ACK);
	s = (struct sg_synq_seg){.seq = sg_seq_of(12), .ack = sg_seq_of(1), .flags = ACK};
	assert_int_equal(sg_synq_check(&e, &h, &s, 0, 0, 500), SG_FIT_OUTSIDE);
}

int main(void)
{
#define T(f) cmocka_unit_test(f)
	const struct CMUnitTest tests[] = {
		T(test_options_that_both_want),
		T(test_check_in_linuxs_order),
		T(test_check_without_timestamps),
		T(test_an_echo_of_zero_is_none),
		T(test_a_timestamp_of_zero_tells_nothing),
		T(test_check_of_what_was_answered),
		T(test_inside_as_linux_has_it),
		T(test_check_with_a_window_of_zero),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
