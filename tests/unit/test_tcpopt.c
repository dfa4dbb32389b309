/* SPDX-License-Identifier: BSD-2-Clause */
/* TCP options: what has hung or overread other stacks first, then what must be understood. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "dice.h"
#include "syngate/tcpopt.h"

/* Read a copy of exactly this length: the sanitizer sees a byte too many. */
static int get(const void *opts, __u32 len, struct sg_tcpopts *o)
{
	struct sg_opt_reader r;
	void *copy = malloc(len ? len : 1);
	int ret;

	assert_non_null(copy);
	memcpy(copy, opts, len);
	ret = sg_opt_read(&r, copy, len);
	free(copy);
	*o = r.o;
	return ret;
}

static void nothing_but_defaults(const struct sg_tcpopts *o)
{
	assert_int_equal(o->mss, 0);
	assert_int_equal(o->wscale, SG_WSCALE_NONE);
	assert_int_equal(o->sack_ok, 0);
	assert_int_equal(o->has_ts, 0);
	assert_int_equal(o->tsval, 0);
	assert_int_equal(o->tsecr, 0);
	assert_int_equal(o->nsack, 0);
}

#define GET(text, o) get(text, sizeof(text) - 1, o)

/* --- malformed ---------------------------------------------------------------------- */

static void test_malformed_is_refused(void **state)
{
	static const struct {
		const char *bytes;
		__u32 len;
	} row[] = {
		{"\x02\x00\x05\xb4", 4}, /* length 0: would never advance */
		{"\x02\x01\x05\xb4", 4}, /* length 1: the length byte is a part of it */
		{"\xfe\x00\x00\x00", 4}, /* the same for a kind we do not know */
		{"\xfe\x01\x00\x00", 4},
		{"\x01\x01\x01\x02", 4}, /* a kind byte and no length byte */
		{"\x01\x01\x01\xfe", 4},
		{"\x08", 1},
		{"\x02\x04\x05", 3}, /* past the end */
		{"\x01\x02\x04\x05", 4},
		{"\x08\x0a\x00\x00\x00\x01\x00\x00\x00", 9},
		{"\x05\xff\x00\x00", 4},
		{"\xfe\x05\x00\x00", 4},
		{"\x03\x03\x07\x02\xff\x00\x00\x00", 8}, /* good ones first do not help */
	};
	struct sg_tcpopts o;

	(void)state;
	for (size_t i = 0; i < SG_ARRAY_SIZE(row); i++)
		assert_int_equal(get(row[i].bytes, row[i].len, &o), -1);
}

static void test_more_than_forty_bytes_are_refused(void **state)
{
	__u8 nops[64];
	struct sg_opt_reader r;

	(void)state;
	memset(nops, SG_OPT_KIND_NOP, sizeof(nops));
	assert_int_equal(sg_opt_read(&r, nops, 40), 0);
	assert_int_equal(sg_opt_read(&r, nops, 41), -1);
	assert_int_equal(sg_opt_read(&r, nops, 0xffffffff), -1);
}

static void test_no_options_and_forty_nops(void **state)
{
	__u8 nops[40];
	struct sg_tcpopts o;

	(void)state;
	assert_int_equal(get("", 0, &o), 0);
	nothing_but_defaults(&o);
	memset(nops, SG_OPT_KIND_NOP, sizeof(nops));
	assert_int_equal(get(nops, 40, &o), 0);
	nothing_but_defaults(&o);
}

static void test_nothing_counts_behind_the_end(void **state)
{
	struct sg_tcpopts o;

	(void)state;
	assert_int_equal(GET("\x00\x02\x04\x05\xb4\x03\x03\x07", &o), 0);
	nothing_but_defaults(&o);
	assert_int_equal(GET("\x02\x04\x05\xb4\x00\x02\x00\x00", &o), 0); /* garbage neither */
	assert_int_equal(o.mss, 1460);
}

static void test_unknown_kinds_are_passed_over(void **state)
{
	struct sg_tcpopts o;

	(void)state;
	for (unsigned kind = 2; kind < 256; kind++) {
		__u8 p[] = {(__u8)kind, 6, 1, 2, 3, 4, 2, 4, 0x05, 0xb4};

		assert_int_equal(get(p, sizeof(p), &o), 0);
		assert_int_equal(o.mss, 1460);
		assert_int_equal(o.nsack, 0);
		assert_int_equal(o.has_ts, 0);
		assert_int_equal(o.wscale, SG_WSCALE_NONE);
	}
}

static void test_known_kinds_of_odd_length_are_passed_over(void **state)
{
	struct sg_tcpopts o;

	(void)state;
	assert_int_equal(GET("\x02\x03\x05\x03\x04\x07\x00\x04\x03\x00\x08\x04\x01\x02", &o), 0);
	nothing_but_defaults(&o);
	assert_int_equal(GET("\x02\x02\x03\x02\x08\x02\x05\x02", &o), 0);
	nothing_but_defaults(&o);
	assert_int_equal(GET("\x05\x09zzzzzzz\x05\x0bzzzzzzzzz", &o), 0); /* no whole block */
	assert_int_equal(o.nsack, 0);
}

/* --- understood --------------------------------------------------------------------- */

static void test_a_linux_syn(void **state)
{
	struct sg_tcpopts o;

	(void)state;
	assert_int_equal(GET("\x02\x04\x05\xb4\x04\x02\x08\x0a\x80\x00\x00\x01\xff\xff\xff\xfe"
			     "\x01\x03\x03\x07",
			     &o),
			 0);
	assert_int_equal(o.mss, 1460);
	assert_int_equal(o.sack_ok, 1);
	assert_int_equal(o.has_ts, 1);
	assert_int_equal(o.tsval, 0x80000001);
	assert_int_equal(o.tsecr, 0xfffffffe);
	assert_int_equal(o.wscale, 7);
}

/* RFC 7323 2.3: above 14 counts as 14. */
static void test_window_scale_is_capped(void **state)
{
	struct sg_tcpopts o;

	(void)state;
	for (unsigned w = 0; w < 256; w++) {
		__u8 p[] = {3, 3, (__u8)w};

		assert_int_equal(get(p, 3, &o), 0);
		assert_int_equal(o.wscale, w < 14 ? w : 14);
	}
}

static void test_sack_blocks_are_found(void **state)
{
	struct sg_tcpopts o;

	(void)state;
	for (__u8 n = 1; n <= 4; n++) {
		__u8 p[40] = {1, 1, 5, (__u8)(2 + 8 * n)};

		assert_int_equal(get(p, 4 + 8u * n, &o), 0);
		assert_int_equal(o.nsack, n);
		assert_int_equal(o.sack_off, 4);
	}
}

static void test_the_last_of_two_counts(void **state)
{
	struct sg_tcpopts o;

	(void)state;
	assert_int_equal(GET("\x02\x04\x05\xb4\x02\x04\x02\x18", &o), 0);
	assert_int_equal(o.mss, 536);
}

static void test_at_the_very_end_of_the_room(void **state)
{
	__u8 p[40];
	struct sg_tcpopts o;

	(void)state;
	memset(p, SG_OPT_KIND_NOP, sizeof(p));
	memcpy(p + 30, "\x08\x0a\x01\x02\x03\x04\x05\x06\x07\x08", 10);
	assert_int_equal(get(p, 40, &o), 0);
	assert_int_equal(o.tsval, 0x01020304);
	assert_int_equal(o.tsecr, 0x05060708);
	assert_int_equal(get(p, 39, &o), -1);
}

/* --- any bytes ---------------------------------------------------------------------- */

/* Each step advances or stops, nothing outside the options is looked at. */
static void test_any_bytes_come_to_an_end(void **state)
{
	static const __u8 likely[] = {0, 1, 2, 3, 4, 5, 8, 10, 254};
	struct dice d = {10};

	(void)state;
	for (int i = 0; i < 100000; i++) {
		__u32 len = dice_below(&d, 41), steps = 0, off = 0;
		struct sg_opt_reader r, again;

		sg_opt_begin(&r, len);
		dice_fill(&d, r.buf, sizeof(r.buf));
		for (__u32 k = 0; k < len; k++)
			if (dice_below(&d, 4))
				r.buf[k] = likely[dice_below(&d, sizeof(likely))];
		again = r;
		memset(again.buf + len, 0xff, sizeof(again.buf) - len);
		while (sg_opt_step(&r) == SG_OPT_MORE) {
			assert_true(r.off > off);
			assert_true(r.off <= len);
			assert_true(++steps <= len);
			off = r.off;
		}
		while (sg_opt_step(&again) == SG_OPT_MORE)
			;
		assert_int_equal(r.status, again.status);
		assert_memory_equal(&r.o, &again.o, sizeof(r.o));
		assert_true(r.o.sack_off + 8u * r.o.nsack <= len);
		assert_true(r.o.wscale <= SG_WSCALE_MAX || r.o.wscale == SG_WSCALE_NONE);
	}
}

/* --- written ------------------------------------------------------------------------ */

static void test_what_is_written_is_read(void **state)
{
	static const __u8 wscales[] = {SG_WSCALE_NONE, 0, 7, 14};

	(void)state;
	for (unsigned i = 0; i < 16; i++) {
		struct sg_tcpopts in = {
			.mss = 1220,
			.sack_ok = i & 1,
			.has_ts = i >> 1 & 1,
			.wscale = wscales[i >> 2],
		};
		struct sg_tcpopts out;
		__u8 p[20];
		__u32 len;

		if (in.has_ts) {
			in.tsval = 0xdeadbeef;
			in.tsecr = 0x01020304;
		}
		len = sg_opt_write_syn(p, &in);
		assert_true(len <= sizeof(p));
		assert_int_equal(len % 4, 0);
		assert_int_equal(get(p, len, &out), 0);
		assert_memory_equal(&in, &out, sizeof(in));
	}
}

static void test_a_syn_is_laid_out_as_linux_does(void **state)
{
	const struct sg_tcpopts o = {
		.mss = 1460, .sack_ok = 1, .has_ts = 1, .wscale = 7, .tsval = 1, .tsecr = 2};
	__u8 p[20];

	(void)state;
	assert_int_equal(sg_opt_write_syn(p, &o), 20);
	assert_memory_equal(p,
			    "\x02\x04\x05\xb4\x04\x02\x08\x0a\x00\x00\x00\x01\x00\x00\x00\x02"
			    "\x01\x03\x03\x07",
			    20);
}

static void test_timestamps_of_other_segments(void **state)
{
	__u8 p[12];
	struct sg_tcpopts o;

	(void)state;
	assert_int_equal(sg_opt_write_ts(p, 0x80000000, 0xffffffff), 12);
	assert_memory_equal(p, "\x01\x01\x08\x0a\x80\x00\x00\x00\xff\xff\xff\xff", 12);
	assert_int_equal(get(p, 12, &o), 0);
	assert_int_equal(o.has_ts, 1);
	assert_int_equal(o.mss, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_malformed_is_refused),
		cmocka_unit_test(test_more_than_forty_bytes_are_refused),
		cmocka_unit_test(test_no_options_and_forty_nops),
		cmocka_unit_test(test_nothing_counts_behind_the_end),
		cmocka_unit_test(test_unknown_kinds_are_passed_over),
		cmocka_unit_test(test_known_kinds_of_odd_length_are_passed_over),
		cmocka_unit_test(test_a_linux_syn),
		cmocka_unit_test(test_window_scale_is_capped),
		cmocka_unit_test(test_sack_blocks_are_found),
		cmocka_unit_test(test_the_last_of_two_counts),
		cmocka_unit_test(test_at_the_very_end_of_the_room),
		cmocka_unit_test(test_any_bytes_come_to_an_end),
		cmocka_unit_test(test_what_is_written_is_read),
		cmocka_unit_test(test_a_syn_is_laid_out_as_linux_does),
		cmocka_unit_test(test_timestamps_of_other_segments),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
