/* SPDX-License-Identifier: BSD-2-Clause */
/* The checksum against RFC 1071 as it is written: 16-bit words, one after the other. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "dice.h"
#include "syngate/csum.h"

/* As a number; the code under test works on memory as it lies. */
static __u16 plain(const __u8 *p, size_t len)
{
	__u32 sum = 0;

	for (size_t i = 0; i < len; i++) {
		sum += i % 2 ? p[i] : (__u32)p[i] << 8;
		sum = (sum & 0xffff) + (sum >> 16);
	}
	return (__u16)~sum;
}

static __u16 as_number(__u16 lies)
{
	return sg_get16(&lies);
}

static void test_example_of_rfc_1071(void **state)
{
	const __u8 p[] = {0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7};

	(void)state;
	assert_int_equal(as_number(sg_csum_fold(sg_csum_bytes(0, p, 8))), 0x220d);
	assert_int_equal(as_number(sg_csum_fold(sg_csum_words(0, p, 2))), 0x220d);
}

/* In a block of exactly this size, so that a read past its end is seen. */
static void test_every_length(void **state)
{
	struct dice d = {2};

	(void)state;
	for (__u32 len = 0; len < 600; len++) {
		__u8 *p = malloc(len ? len : 1);

		assert_non_null(p);
		dice_fill(&d, p, len);
		assert_int_equal(as_number(sg_csum_fold(sg_csum_bytes(0, p, len))), plain(p, len));
		free(p);
	}
}

static void test_any_alignment(void **state)
{
	__u8 block[128];
	struct dice d = {3};

	(void)state;
	dice_fill(&d, block, sizeof(block));
	for (__u32 off = 0; off < 16; off++)
		for (__u32 len = 0; len < 100; len++)
			assert_int_equal(
				as_number(sg_csum_fold(sg_csum_bytes(0, block + off, len))),
				plain(block + off, len));
}

static void test_carries_are_not_lost(void **state)
{
	static __u8 ones[65536];

	(void)state;
	memset(ones, 0xff, sizeof(ones));
	assert_int_equal(sg_csum_fold(sg_csum_bytes(0, ones, sizeof(ones))), 0);
	assert_int_equal(sg_csum_fold(~0ULL), 0);
	assert_int_equal(sg_csum_fold(0x1ffffffffULL), (__u16)~1); /* the carry comes round */
	assert_int_equal(sg_csum_fold(0), 0xffff);
	assert_int_equal(as_number(sg_csum_fold(sg_csum_bytes(~0ULL, "\x12\x34", 2))),
			 (__u16)~0x1234);
}

static void test_pieces_of_even_length(void **state)
{
	__u8 p[999];
	struct dice d = {4};

	(void)state;
	dice_fill(&d, p, sizeof(p));
	for (__u32 cut = 0; cut < sizeof(p); cut += 2) {
		__u64 sum = sg_csum_bytes(0, p, cut);

		sum = sg_csum_bytes(sum, p + cut, (__u32)sizeof(p) - cut);
		assert_int_equal(as_number(sg_csum_fold(sum)), plain(p, sizeof(p)));
	}
}

static void test_pseudo_header_of_ipv4(void **state)
{
	const __u8 a[4] = {192, 0, 2, 1}, b[4] = {198, 51, 100, 255};
	__u8 pseudo[12] = {192, 0, 2, 1, 198, 51, 100, 255, 0, 6};
	struct sg_addr x, y;

	(void)state;
	sg_addr_from4(&x, a);
	sg_addr_from4(&y, b);
	for (__u32 len = 20; len < 65536; len += 977) {
		sg_put16(pseudo + 10, (__u16)len); /* RFC 9293 3.1 */
		assert_int_equal(as_number(sg_csum_fold(sg_csum_pseudo(&x, &y, len, 6))),
				 plain(pseudo, sizeof(pseudo)));
	}
}

static void test_pseudo_header_of_ipv6(void **state)
{
	__u8 pseudo[40] = {0};
	struct sg_addr x, y;
	struct dice d = {5};

	(void)state;
	for (int i = 0; i < 100; i++) {
		__u32 len = dice_below(&d, 1 << 20); /* RFC 8200 8.1: a 32-bit length */

		dice_fill(&d, pseudo, 32);
		memcpy(x.addr, pseudo, 16);
		memcpy(y.addr, pseudo + 16, 16);
		sg_put32(pseudo + 32, len);
		pseudo[39] = 6;
		assert_int_equal(as_number(sg_csum_fold(sg_csum_pseudo(&x, &y, len, 6))),
				 plain(pseudo, sizeof(pseudo)));
	}
}

/* What a receiver does: the sum over data and checksum together folds to nothing. */
static void test_stored_sum_checks_to_zero(void **state)
{
	__u8 p[100];
	struct dice d = {6};

	(void)state;
	for (int i = 0; i < 1000; i++) {
		__u16 sum;

		dice_fill(&d, p, sizeof(p));
		memset(p + 16, 0, 2);
		sum = sg_csum_fold(sg_csum_bytes(0, p, sizeof(p)));
		memcpy(p + 16, &sum, 2);
		assert_int_equal(sg_csum_fold(sg_csum_bytes(0, p, sizeof(p))), 0);
		p[dice_below(&d, sizeof(p))] ^= (__u8)(1u << dice_below(&d, 8));
		assert_int_not_equal(sg_csum_fold(sg_csum_bytes(0, p, sizeof(p))), 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_example_of_rfc_1071),
		cmocka_unit_test(test_every_length),
		cmocka_unit_test(test_any_alignment),
		cmocka_unit_test(test_carries_are_not_lost),
		cmocka_unit_test(test_pieces_of_even_length),
		cmocka_unit_test(test_pseudo_header_of_ipv4),
		cmocka_unit_test(test_pseudo_header_of_ipv6),
		cmocka_unit_test(test_stored_sum_checks_to_zero),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
