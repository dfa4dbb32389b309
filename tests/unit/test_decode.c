/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Frames that are read: good ones are understood; cut short, wrong or not ours, refused
 * (test_malformed.c has more of these).
 */
#include "raw.h"

/* --- what is good ----------------------------------------------------------- */

static void test_ipv4(void **state)
{
	static const __u8 peer[4] = {10, 9, 0, 2}, local[4] = {10, 9, 0, 1};
	struct sg_addr a, b;
	struct raw f;
	struct seg s;

	(void)state;
	sg_addr_from4(&a, peer);
	sg_addr_from4(&b, local);
	for (__u32 options = 0; options <= 40; options += 4) {
		raw_ethernet(&f, NULL, 0, 0x0800);
		raw_ip4(&f, options);
		raw_tcp(&f, SG_ACK | SG_PSH, "\x01\x01\x08\x0a\0\0\0\x07\0\0\0\x09", 12, "hello",
			5);
		f.p[f.ip + 1] = 0xb8 | 2; /* DSCP is not ECN */
		raw_finish(&f);
		assert_int_equal(raw_decode(&f, &s), 0);
		is_hello(&s);
		assert_true(sg_addr_eq(&s.tuple.peer, &a));
		assert_true(sg_addr_eq(&s.tuple.local, &b));
		assert_int_equal(s.ecn, 2);
		assert_int_equal(s.tuple.vlan[0] | s.tuple.vlan[1], 0);
	}
}

/* RFC 9293 3.9.2 (MUST-50): what is in IP options is not TCP's business. */
static void test_ip_options_are_ignored(void **state)
{
	static const __u8 row[][8] = {
		{7, 7, 4, 0, 0, 0, 0, 0},    /* record route */
		{68, 8, 5, 0, 0, 0, 0, 0},   /* timestamps */
		{131, 7, 4, 10, 9, 0, 3},    /* a source route, of which nothing is kept */
		{148, 4, 0, 0},		     /* router alert */
		{0x9e, 8, 1, 2, 3, 4, 5, 6}, /* nobody knows it */
		{0x9e, 0, 0xff, 0xff},	     /* nor its length */
		{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff},
	};
	struct raw f;
	struct seg s;

	(void)state;
	for (size_t i = 0; i < SG_ARRAY_SIZE(row); i++) {
		raw_ethernet(&f, NULL, 0, 0x0800);
		raw_ip4(&f, 8);
		memcpy(f.p + f.ip + 20, row[i], 8);
		raw_tcp(&f, SG_ACK | SG_PSH, "\x01\x01\x08\x0a\0\0\0\x07\0\0\0\x09", 12, "hello",
			5);
		raw_finish(&f);
		assert_int_equal(raw_decode(&f, &s), 0);
		is_hello(&s);
	}
}

/* RFC 9293 3.1: those that nobody has a use for yet say nothing. */
static void test_reserved_bits(void **state)
{
	struct raw f;
	struct seg s;

	(void)state;
	for (__u8 bits = 0; bits < 16; bits++) {
		raw_plain6(&f);
		f.p[f.tcp + 12] |= bits;
		raw_finish(&f);
		assert_int_equal(raw_decode(&f, &s), 0);
		is_hello(&s);
	}
}

static void test_ipv6(void **state)
{
	struct raw f;
	struct seg s;

	(void)state;
	raw_plain6(&f);
	f.p[f.ip + 1] = 0x3f; /* ECN 3, and bits of the flow label */
	assert_int_equal(raw_decode(&f, &s), 0);
	is_hello(&s);
	assert_memory_equal(s.tuple.peer.addr, f.p + f.ip + 8, 16);
	assert_memory_equal(s.tuple.local.addr, f.p + f.ip + 24, 16);
	assert_int_equal(s.ecn, 3);
}

static void test_vlan_tags(void **state)
{
	static const struct {
		__u16 tags[4];
		int n;
		__u16 vlan[2];
	} row[] = {
		{{0x8100, 5}, 1, {0x1005, 0}},
		{{0x88a8, 5}, 1, {0x3005, 0}},
		{{0x8100, 0xe064}, 1, {0x1064, 0}}, /* the priority is no part of the key */
		{{0x8100, 0}, 1, {0x1000, 0}},
		{{0x88a8, 100, 0x8100, 0x0fff}, 2, {0x3064, 0x1fff}},
		{{0x8100, 1, 0x8100, 2}, 2, {0x1001, 0x1002}},
		{{0x88a8, 1, 0x88a8, 2}, 2, {0x3001, 0x3002}},
	};
	struct raw f;
	struct seg s;

	(void)state;
	for (size_t i = 0; i < 2 * SG_ARRAY_SIZE(row); i++) {
		size_t k = i / 2;

		raw_ethernet(&f, row[k].tags, row[k].n, i % 2 ? 0x86dd : 0x0800);
		if (i % 2)
			raw_ip6(&f, 6);
		else
			raw_ip4(&f, 0);
		raw_tcp(&f, SG_ACK | SG_PSH, "\x01\x01\x08\x0a\0\0\0\x07\0\0\0\x09", 12, "hello",
			5);
		raw_finish(&f);
		assert_int_equal(raw_decode(&f, &s), 0);
		is_hello(&s);
		assert_int_equal(s.tuple.vlan[0], row[k].vlan[0]);
		assert_int_equal(s.tuple.vlan[1], row[k].vlan[1]);
	}
}

static void test_ethernet_padding_is_no_data(void **state)
{
	struct raw f;
	struct seg s;

	(void)state;
	for (int v6 = 0; v6 < 2; v6++) {
		raw_ethernet(&f, NULL, 0, v6 ? 0x86dd : 0x0800);
		if (v6)
			raw_ip6(&f, 6);
		else
			raw_ip4(&f, 0);
		raw_tcp(&f, SG_ACK, "", 0, "", 0);
		raw_finish(&f);
		raw_put(&f, "paddin", 6);
		assert_int_equal(raw_decode(&f, &s), 0);
		assert_int_equal(s.len, 0);
	}
}

static void test_sack_blocks(void **state)
{
	struct raw f;
	struct seg s;

	(void)state;
	for (__u8 n = 1; n <= 4; n++) {
		__u8 o[36] = {1, 1, 5, (__u8)(2 + 8 * n)};

		for (__u8 i = 0; i < 2 * n; i++)
			sg_put32(o + 4 + 4 * i, 0xfffffff0u + 8u * i);
		raw_ethernet(&f, NULL, 0, 0x0800);
		raw_ip4(&f, 0);
		raw_tcp(&f, SG_ACK, o, 4 + 8u * n, "", 0);
		raw_finish(&f);
		assert_int_equal(raw_decode(&f, &s), 0);
		assert_int_equal(s.opt.nsack, n);
		for (__u8 i = 0; i < n; i++) {
			assert_int_equal(s.sack[i].left.v, 0xfffffff0u + 16u * i);
			assert_int_equal(s.sack[i].right.v, 0xfffffff8u + 16u * i);
		}
	}
}

/* --- IPv6 extension headers (RFC 8200 4) -------------------------------------------- */

static void test_ipv6_extension_headers(void **state)
{
	static const struct {
		__u8 kind, units;
		__u32 len;
	} row[] = {
		{0, 0, 8},   {0, 2, 24},  {43, 1, 16}, {60, 0, 8},
		{60, 3, 32}, {51, 4, 24}, {51, 0, 8},
	};
	struct raw f;
	struct seg s;

	(void)state;
	for (size_t i = 0; i < SG_ARRAY_SIZE(row); i++) {
		raw_ethernet(&f, NULL, 0, 0x86dd);
		raw_ip6(&f, row[i].kind);
		raw_ext(&f, 60, row[i].units, row[i].len);
		raw_ext(&f, 6, 0, 8);
		raw_tcp(&f, SG_ACK | SG_PSH, "\x01\x01\x08\x0a\0\0\0\x07\0\0\0\x09", 12, "hello",
			5);
		raw_finish(&f);
		assert_int_equal(raw_decode(&f, &s), 0);
		is_hello(&s);
	}
}

static void test_ipv6_headers_that_lead_nowhere(void **state)
{
	static const __u8 kinds[] = {1, 17, 50, 58, 59, 135, 253};
	struct raw f;
	struct seg s;

	(void)state;
	for (size_t i = 0; i < sizeof(kinds); i++) {
		raw_ethernet(&f, NULL, 0, 0x86dd);
		raw_ip6(&f, kinds[i]);
		raw_ext(&f, 6, 0, 8);
		raw_tcp(&f, SG_ACK, "", 0, "", 0);
		raw_finish(&f);
		assert_int_equal(raw_decode(&f, &s), -EPROTO);
	}
	raw_ethernet(&f, NULL, 0, 0x86dd); /* longer than the packet */
	raw_ip6(&f, 60);
	raw_ext(&f, 6, 255, 8);
	raw_tcp(&f, SG_ACK, "", 0, "", 0);
	raw_finish(&f);
	assert_int_equal(raw_decode(&f, &s), -EPROTO);
	raw_ethernet(&f, NULL, 0, 0x86dd); /* without end */
	raw_ip6(&f, 60);
	for (int i = 0; i < 64; i++)
		raw_ext(&f, 60, 0, 8);
	raw_tcp(&f, SG_ACK, "", 0, "", 0);
	raw_finish(&f);
	assert_int_equal(raw_decode(&f, &s), -EPROTO);
}

/* --- fragments ---------------------------------------------------------------------- */

static void test_fragments_are_refused(void **state)
{
	static const __u16 frag[] = {0x2000, 0x0001, 0x2001, 0x1fff, 0x6000};
	struct raw f;
	struct seg s;

	(void)state;
	for (size_t i = 0; i < SG_ARRAY_SIZE(frag); i++) {
		raw_plain4(&f);
		sg_put16(f.p + f.ip + 6, frag[i]);
		raw_finish(&f);
		assert_int_equal(raw_decode(&f, &s), -EPROTO);
	}
	raw_plain4(&f);
	sg_put16(f.p + f.ip + 6, 0x4000); /* do not fragment: no fragment */
	raw_finish(&f);
	assert_int_equal(raw_decode(&f, &s), 0);
	sg_put16(f.p + f.ip + 6, 0x8000); /* the bit that means nothing */
	raw_finish(&f);
	assert_int_equal(raw_decode(&f, &s), 0);
}

static int fragment6(__u16 offset_and_more)
{
	struct raw f;
	struct seg s;

	raw_ethernet(&f, NULL, 0, 0x86dd);
	raw_ip6(&f, 44);
	raw_ext(&f, 6, 0xff, 8); /* its second byte is reserved, no length */
	sg_put16(f.p + f.tcp - 6, offset_and_more);
	raw_tcp(&f, SG_ACK, "", 0, "", 0);
	raw_finish(&f);
	return raw_decode(&f, &s);
}

static void test_ipv6_fragments_are_refused(void **state)
{
	(void)state;
	assert_int_equal(fragment6(0x0001), -EPROTO);
	assert_int_equal(fragment6(0x0008), -EPROTO);
	assert_int_equal(fragment6(0xfff8), -EPROTO);
	assert_int_equal(fragment6(0x0000), 0); /* atomic, RFC 6946: the driver takes it too */
	assert_int_equal(fragment6(0x0006), 0); /* reserved bits */
}

/* --- what is bad -------------------------------------------------------------------- */

static void test_cut_short_at_every_byte(void **state)
{
	static const __u16 tags[] = {0x88a8, 1, 0x8100, 2};
	struct raw f;
	struct seg s;

	(void)state;
	for (int v6 = 0; v6 < 2; v6++) {
		raw_ethernet(&f, tags, 2, v6 ? 0x86dd : 0x0800);
		if (v6) {
			raw_ip6(&f, 60);
			raw_ext(&f, 6, 1, 16);
		} else {
			raw_ip4(&f, 8);
		}
		raw_tcp(&f, SG_ACK | SG_PSH, "\x01\x01\x08\x0a\0\0\0\x07\0\0\0\x09", 12, "hello",
			5);
		raw_finish(&f);
		assert_int_equal(raw_decode(&f, &s), 0);
		for (__u32 len = 0; len < f.len; len++)
			assert_int_equal(decode(f.p, len, false, &s), -EPROTO);
	}
}

/* The same with an IP header that agrees: then it is the TCP header that is short. */
static void test_ip_length_cut_short_at_every_byte(void **state)
{
	struct raw f;
	struct seg s;

	(void)state;
	raw_plain4(&f);
	for (__u32 len = 0; len < 20 + 32; len++) {
		sg_put16(f.p + f.ip + 2, (__u16)len);
		assert_int_equal(decode(f.p, f.len, false, &s), -EPROTO);
	}
	for (__u32 len = 52; len <= 57; len++) {
		sg_put16(f.p + f.ip + 2, (__u16)len);
		assert_int_equal(decode(f.p, f.len, false, &s), 0);
		assert_int_equal(s.len, len - 52);
	}
	sg_put16(f.p + f.ip + 2, 58); /* more than there is */
	assert_int_equal(decode(f.p, f.len, false, &s), -EPROTO);
	raw_plain6(&f);
	for (__u32 len = 0; len < 32; len++) {
		sg_put16(f.p + f.ip + 4, (__u16)len);
		assert_int_equal(decode(f.p, f.len, false, &s), -EPROTO);
	}
	sg_put16(f.p + f.ip + 4, 38);
	assert_int_equal(decode(f.p, f.len, false, &s), -EPROTO);
}

static void test_bad_header_lengths(void **state)
{
	struct raw f;
	struct seg s;

	(void)state;
	for (__u8 n = 0; n < 16; n++) {
		raw_plain4(&f);
		f.p[f.ip] = 0x40 | n;
		assert_int_equal(raw_decode(&f, &s) == 0, n == 5);
		if (n < 5 || n * 4 > 57) /* bytes of IP altogether */
			assert_int_equal(raw_decode(&f, &s), -EPROTO);
		raw_plain4(&f);
		f.p[f.tcp + 12] = (__u8)(n << 4);
		raw_finish(&f); /* 37 bytes of TCP: 20 + 12 + 5; an option is cut at 6 and 7 */
		assert_int_equal(raw_decode(&f, &s), n == 5 || n == 8 ? 0 : -EPROTO);
	}
}

static void test_wrong_versions_and_protocols(void **state)
{
	struct raw f;
	struct seg s;

	(void)state;
	for (__u8 v = 0; v < 16; v++) {
		raw_plain4(&f);
		f.p[f.ip] = (__u8)(v << 4 | 5);
		assert_int_equal(raw_decode(&f, &s), v == 4 ? 0 : -EPROTO);
		raw_plain6(&f);
		f.p[f.ip] = (__u8)(v << 4);
		assert_int_equal(raw_decode(&f, &s), v == 6 ? 0 : -EPROTO);
	}
	for (unsigned proto = 0; proto < 256; proto++) {
		raw_plain4(&f);
		f.p[f.ip + 9] = (__u8)proto;
		assert_int_equal(raw_decode(&f, &s), proto == 6 ? 0 : -EPROTO);
	}
	for (unsigned type = 0; type < 65536; type++) {
		raw_plain4(&f);
		sg_put16(f.p + 12, (__u16)type);
		if (type != 0x0800)
			assert_int_equal(raw_decode(&f, &s), -EPROTO);
	}
}

/* Mapped once, at parse: on the wire it would pass for an IPv4 peer (RFC 4291 2.5.5.2). */
static void test_mapped_addresses_on_the_wire_are_refused(void **state)
{
	static const __u8 mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
	struct raw f;
	struct seg s;

	(void)state;
	for (int i = 0; i < 2; i++) {
		raw_plain6(&f);
		memcpy(f.p + f.ip + 8 + 16 * i, mapped, 12);
		raw_finish(&f);
		assert_int_equal(raw_decode(&f, &s), -EPROTO);
	}
}

static void test_every_flipped_bit_is_seen(void **state)
{
	struct raw f;
	struct seg s;

	(void)state;
	for (int v6 = 0; v6 < 2; v6++) {
		if (v6)
			raw_plain6(&f);
		else
			raw_plain4(&f);
		for (__u32 bit = 8 * f.tcp; bit < 8 * f.len; bit++) {
			f.p[bit / 8] ^= (__u8)(1u << bit % 8);
			assert_int_equal(raw_decode(&f, &s) == 0, 0);
			f.p[bit / 8] ^= (__u8)(1u << bit % 8);
		}
		f.p[f.len - 1] ^= 1;
		assert_int_equal(decode(f.p, f.len, true, &s), -EBADMSG);
		assert_int_equal(decode(f.p, f.len, false, &s), 0); /* only when asked to */
	}
}

/* A checksum that came out as zero is sent as zero: TCP knows no "none". */
static void test_checksum_zero_is_a_checksum(void **state)
{
	struct raw f;
	struct seg s;
	__u16 sum;

	(void)state;
	raw_plain4(&f);
	sum = sg_get16(f.p + f.tcp + 16);
	sg_put16(f.p + f.tcp + 14, (__u16)plain_sum(0, f.p + f.tcp + 14, 4)); /* wnd += sum */
	sg_put16(f.p + f.tcp + 16, 0);
	assert_int_not_equal(sum, 0);
	assert_int_equal(raw_tcp_sum(f.p + f.ip, f.p + f.tcp, f.len - f.tcp), 0);
	assert_int_equal(raw_decode(&f, &s), 0);
	f.p[f.len - 1] ^= 1;
	assert_int_equal(raw_decode(&f, &s), -EBADMSG);
}

static void test_ip4_checksum(void **state)
{
	struct raw f;
	struct seg s;

	(void)state;
	raw_plain4(&f);
	assert_int_equal(decode(f.p, f.len, true, &s), 0);
	f.p[f.ip + 8] ^= 1; /* TTL: nothing else would notice */
	assert_int_equal(decode(f.p, f.len, true, &s), -EBADMSG);
	assert_int_equal(decode(f.p, f.len, false, &s), 0);
}

static void test_any_bytes(void **state)
{
	struct dice d = {11};
	struct raw f;
	struct seg s;
	int good = 0;

	(void)state;
	for (int i = 0; i < 60000; i++) {
		__u32 hits = dice_below(&d, 6);

		if (i % 2)
			raw_plain4(&f);
		else
			raw_plain6(&f);
		while (hits-- > 0)
			f.p[12 + dice_below(&d, f.len - 12)] = (__u8)dice_roll(&d);
		good += decode(f.p, f.len - dice_below(&d, 2), false, &s) == 0;
	}
	assert_true(good > 1000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ipv4),
		cmocka_unit_test(test_ip_options_are_ignored),
		cmocka_unit_test(test_reserved_bits),
		cmocka_unit_test(test_ipv6),
		cmocka_unit_test(test_vlan_tags),
		cmocka_unit_test(test_ethernet_padding_is_no_data),
		cmocka_unit_test(test_sack_blocks),
		cmocka_unit_test(test_ipv6_extension_headers),
		cmocka_unit_test(test_ipv6_headers_that_lead_nowhere),
		cmocka_unit_test(test_fragments_are_refused),
		cmocka_unit_test(test_ipv6_fragments_are_refused),
		cmocka_unit_test(test_cut_short_at_every_byte),
		cmocka_unit_test(test_ip_length_cut_short_at_every_byte),
		cmocka_unit_test(test_bad_header_lengths),
		cmocka_unit_test(test_wrong_versions_and_protocols),
		cmocka_unit_test(test_mapped_addresses_on_the_wire_are_refused),
		cmocka_unit_test(test_every_flipped_bit_is_seen),
		cmocka_unit_test(test_checksum_zero_is_a_checksum),
		cmocka_unit_test(test_ip4_checksum),
		cmocka_unit_test(test_any_bytes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
