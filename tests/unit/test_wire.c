/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Frames: what is written is read, checksums are right by a sum of this file's own, and
 * whatever is cut short, wrong or not ours to read is refused.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "dice.h"
#include "wire/wire.h"

static const __u8 own_mac[6] = {0x02, 0, 0, 0, 0, 0x01};
static const __u8 peer_mac[6] = {0x02, 0, 0, 0, 0, 0x02};

/* --- a frame, put together by hand ----------------------------------------------------------- */

struct raw {
	__u8 p[2048];
	__u32 len;
	__u32 ip, tcp; /* where these headers begin */
};

static void raw_put(struct raw *f, const void *p, __u32 len)
{
	assert_true(f->len + len <= sizeof(f->p));
	memcpy(f->p + f->len, p, len);
	f->len += len;
}

static void raw_put16(struct raw *f, __u16 v)
{
	__u8 b[2];

	sg_put16(b, v);
	raw_put(f, b, 2);
}

static void raw_ethernet(struct raw *f, const __u16 *tags, int n, __u16 type)
{
	memset(f, 0, sizeof(*f));
	raw_put(f, own_mac, 6);
	raw_put(f, peer_mac, 6);
	for (int i = 0; i < n; i++) {
		raw_put16(f, tags[2 * i]);
		raw_put16(f, tags[2 * i + 1]);
	}
	raw_put16(f, type);
	f->ip = f->len;
}

static void raw_ip4(struct raw *f, __u32 options)
{
	static const __u8 addrs[8] = {10, 9, 0, 2, 10, 9, 0, 1};
	__u8 h[60] = {0};

	h[0] = (__u8)(0x40 | (20 + options) / 4);
	h[8] = 64;
	h[9] = 6;
	memcpy(h + 12, addrs, 8);
	memset(h + 20, 1, options); /* NOPs */
	raw_put(f, h, 20 + options);
	f->tcp = f->len;
}

static void raw_ip6(struct raw *f, __u8 next)
{
	__u8 h[40] = {0x60};

	h[6] = next;
	h[7] = 64;
	h[8] = h[24] = 0xfd;
	h[23] = 2;
	h[39] = 1;
	raw_put(f, h, 40);
	f->tcp = f->len;
}

/* An extension header of `len` bytes in front of TCP. */
static void raw_ext(struct raw *f, __u8 next, __u8 units, __u32 len)
{
	__u8 h[64] = {next, units};

	raw_put(f, h, len);
	f->tcp = f->len;
}

static void raw_tcp(struct raw *f, __u8 flags, const void *opts, __u32 opt_len, const void *data,
		    __u32 len)
{
	__u8 h[20] = {0};

	sg_put16(h, 40000);
	sg_put16(h + 2, 80);
	sg_put32(h + 4, 0xfffffffe);
	sg_put32(h + 8, 0x80000001);
	h[12] = (__u8)((20 + opt_len) / 4 << 4);
	h[13] = flags;
	sg_put16(h + 14, 502);
	raw_put(f, h, 20);
	raw_put(f, opts, opt_len);
	raw_put(f, data, len);
}

/* RFC 1071, as 16-bit numbers. */
static __u32 plain_sum(__u32 sum, const __u8 *p, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		sum += i % 2 ? p[i] : (__u32)p[i] << 8;
		sum = (sum & 0xffff) + (sum >> 16);
	}
	return sum;
}

static __u16 raw_tcp_sum(const __u8 *ip, const __u8 *tcp, __u32 tcp_len)
{
	int v4 = ip[0] >> 4 == 4;
	__u8 tail[8] = {0};
	__u32 sum;

	sum = v4 ? plain_sum(0, ip + 12, 8) : plain_sum(0, ip + 8, 32);
	sg_put32(tail, tcp_len);
	tail[7] = 6;
	sum = plain_sum(sum, tail, 8);
	return (__u16)~plain_sum(sum, tcp, tcp_len);
}

/* Lengths and checksums, as they must be. */
static void raw_finish(struct raw *f)
{
	__u8 *ip = f->p + f->ip, *tcp = f->p + f->tcp;
	__u32 tcp_len = f->len - f->tcp;

	if (ip[0] >> 4 == 4) {
		sg_put16(ip + 2, (__u16)(f->len - f->ip));
		sg_put16(ip + 10, 0);
		sg_put16(ip + 10, (__u16)~plain_sum(0, ip, (ip[0] & 15) * 4u));
	} else {
		sg_put16(ip + 4, (__u16)(f->len - f->ip - 40));
	}
	sg_put16(tcp + 16, 0);
	sg_put16(tcp + 16, raw_tcp_sum(ip, tcp, tcp_len));
}

static void raw_plain4(struct raw *f)
{
	raw_ethernet(f, NULL, 0, 0x0800);
	raw_ip4(f, 0);
	raw_tcp(f, SG_ACK | SG_PSH, "\x01\x01\x08\x0a\x00\x00\x00\x07\x00\x00\x00\x09", 12, "hello",
		5);
	raw_finish(f);
}

static void raw_plain6(struct raw *f)
{
	raw_ethernet(f, NULL, 0, 0x86dd);
	raw_ip6(f, 6);
	raw_tcp(f, SG_ACK | SG_PSH, "\x01\x01\x08\x0a\x00\x00\x00\x07\x00\x00\x00\x09", 12, "hello",
		5);
	raw_finish(f);
}

/* Decode a copy of exactly this length: the sanitizer sees a byte too many. */
static int decode(const void *p, __u32 len, bool verify, struct seg *out)
{
	static __u8 data[2048];
	__u8 *copy = malloc(len ? len : 1);
	int ret;

	assert_non_null(copy);
	memcpy(copy, p, len);
	ret = wire_decode(copy, len, verify, out);
	if (ret == 0) {
		assert_true(out->data[0] >= copy && out->data[0] + out->len <= copy + len);
		assert_true(out->len <= sizeof(data));
		memcpy(data, out->data[0], out->len);
		out->data[0] = data;
	}
	free(copy);
	return ret;
}

static int raw_decode(const struct raw *f, struct seg *out)
{
	return decode(f->p, f->len, true, out);
}

static void is_hello(const struct seg *s)
{
	assert_int_equal(s->tuple.pport, 40000);
	assert_int_equal(s->tuple.lport, 80);
	assert_int_equal(s->seq.v, 0xfffffffe);
	assert_int_equal(s->ack.v, 0x80000001);
	assert_int_equal(s->wnd, 502);
	assert_int_equal(s->flags, SG_ACK | SG_PSH);
	assert_int_equal(s->opt.has_ts, 1);
	assert_int_equal(s->opt.tsval, 7);
	assert_int_equal(s->opt.tsecr, 9);
	assert_int_equal(s->len, 5);
	assert_int_equal(s->data_len[0], 5);
	assert_int_equal(s->data_len[1], 0);
	assert_memory_equal(s->data[0], "hello", 5);
	assert_memory_equal(s->mac, peer_mac, 6);
	assert_null(s->handshake);
}

/* --- decode: what is good ------------------------------------------------------------------- */

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

static void test_three_tags_are_refused(void **state)
{
	static const __u16 tags[] = {0x8100, 1, 0x8100, 2, 0x8100, 3};
	struct raw f;
	struct seg s;

	(void)state;
	raw_ethernet(&f, tags, 3, 0x0800);
	raw_ip4(&f, 0);
	raw_tcp(&f, SG_ACK, "", 0, "", 0);
	raw_finish(&f);
	assert_int_equal(raw_decode(&f, &s), -EPROTO);
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

/* --- IPv6 extension headers (RFC 8200 4) -------------------------------------------------------
 */

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

/* --- fragments -------------------------------------------------------------------------------- */

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

/* --- what is bad ---------------------------------------------------------------------------------
 */

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

static void test_malformed_options_are_refused(void **state)
{
	static const char *const opts[] = {"\x02\x00\x05\xb4", "\x01\x01\x01\x08",
					   "\x08\x0a\x01\x01"};
	struct raw f;
	struct seg s;

	(void)state;
	for (size_t i = 0; i < SG_ARRAY_SIZE(opts); i++) {
		raw_ethernet(&f, NULL, 0, 0x0800);
		raw_ip4(&f, 0);
		raw_tcp(&f, SG_ACK, opts[i], 4, "", 0);
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

/* --- encode
 * --------------------------------------------------------------------------------------- */

/* The headers of a frame of ours, with sums of this file's own. Returns where TCP begins. */
static __u32 encoded(const __u8 *p, __u32 len, const struct seg *s)
{
	__u32 ip = 14, tcp;

	assert_memory_equal(p, s->mac, 6);
	assert_memory_equal(p + 6, own_mac, 6);
	for (int i = 0; i < 2 && s->tuple.vlan[i]; i++) {
		assert_int_equal(sg_get16(p + ip - 2),
				 s->tuple.vlan[i] & SG_VLAN_8021AD ? 0x88a8 : 0x8100);
		assert_int_equal(sg_get16(p + ip), s->tuple.vlan[i] & SG_VLAN_VID);
		ip += 4;
	}
	if (sg_get16(p + ip - 2) == 0x0800) {
		tcp = ip + 20;
		assert_int_equal(p[ip], 0x45);
		assert_int_equal(sg_get16(p + ip + 2), len - ip);
		assert_int_equal(sg_get16(p + ip + 6), 0x4000);
		assert_int_equal(p[ip + 9], 6);
		assert_int_equal(plain_sum(0, p + ip, 20), 0xffff);
		assert_memory_equal(p + ip + 12, s->tuple.local.addr + 12, 4);
		assert_memory_equal(p + ip + 16, s->tuple.peer.addr + 12, 4);
	} else {
		tcp = ip + 40;
		assert_int_equal(sg_get16(p + ip - 2), 0x86dd);
		assert_int_equal(p[ip] >> 4, 6);
		assert_int_equal(sg_get16(p + ip + 4), len - tcp);
		assert_int_equal(p[ip + 6], 6);
		assert_memory_equal(p + ip + 8, s->tuple.local.addr, 16);
		assert_memory_equal(p + ip + 24, s->tuple.peer.addr, 16);
	}
	assert_int_equal(raw_tcp_sum(p + ip, p + tcp, len - tcp), 0);
	return tcp;
}

/* Any segment that the engine may send. `text` is what it carries. */
static void random_seg(struct dice *d, struct seg *s, const __u8 *text, __u32 len)
{
	memset(s, 0, sizeof(*s));
	dice_fill(d, &s->tuple, sizeof(s->tuple));
	s->tuple.vlan[0] = s->tuple.vlan[1] = 0;
	for (__u32 i = 0, n = dice_below(d, 3); i < n; i++)
		s->tuple.vlan[i] =
			(__u16)((dice_roll(d) & (SG_VLAN_VID | SG_VLAN_8021AD)) | SG_VLAN_PRESENT);
	if (dice_below(d, 2)) {
		sg_addr_from4(&s->tuple.local, s->tuple.local.addr);
		sg_addr_from4(&s->tuple.peer, s->tuple.peer.addr);
	}
	memcpy(s->mac, peer_mac, 6);
	s->seq = sg_seq_of(dice_roll(d));
	s->ack = sg_seq_of(dice_roll(d));
	s->wnd = (__u16)dice_roll(d);
	s->urg = (__u16)dice_roll(d);
	s->flags = (__u8)dice_roll(d) & (__u8)~SG_SYN;
	s->ecn = (__u8)dice_below(d, 4);
	s->opt.wscale = SG_WSCALE_NONE;
	s->opt.has_ts = (__u8)dice_below(d, 2);
	if (s->opt.has_ts) {
		s->opt.tsval = dice_roll(d);
		s->opt.tsecr = dice_roll(d);
	}
	s->opt.nsack = (__u8)dice_below(d, s->opt.has_ts ? 4 : 5);
	for (int i = 0; i < s->opt.nsack; i++) {
		s->sack[i].left = sg_seq_of(dice_roll(d));
		s->sack[i].right = sg_seq_of(dice_roll(d));
	}
	s->len = dice_below(d, len + 1);
	s->data[0] = text;
	s->data_len[0] = dice_below(d, s->len + 1); /* odd ones too */
	s->data[1] = text + s->data_len[0];
	s->data_len[1] = s->len - s->data_len[0];
}

static void test_what_is_written_is_read(void **state)
{
	__u8 text[1460], frame[WIRE_HEADROOM + 1460];
	struct dice d = {12};
	struct seg s, back;

	(void)state;
	dice_fill(&d, text, sizeof(text));
	for (int i = 0; i < 3000; i++) {
		int len;

		random_seg(&d, &s, text, sizeof(text));
		len = wire_encode(frame, sizeof(frame), own_mac, &s);
		assert_true(len > 0);
		encoded(frame, (__u32)len, &s);
		assert_int_equal(decode(frame, (__u32)len, true, &back), 0);
		assert_true(sg_addr_eq(&back.tuple.peer, &s.tuple.local));
		assert_true(sg_addr_eq(&back.tuple.local, &s.tuple.peer));
		assert_int_equal(back.tuple.pport, s.tuple.lport);
		assert_int_equal(back.tuple.lport, s.tuple.pport);
		assert_memory_equal(back.tuple.vlan, s.tuple.vlan, sizeof(s.tuple.vlan));
		assert_memory_equal(back.mac, own_mac, 6);
		assert_int_equal(back.seq.v, s.seq.v);
		assert_int_equal(back.ack.v, s.ack.v);
		assert_int_equal(back.wnd, s.wnd);
		assert_int_equal(back.urg, s.urg);
		assert_int_equal(back.flags, s.flags);
		assert_int_equal(back.ecn, s.ecn);
		s.opt.sack_off = back.opt.sack_off;
		assert_memory_equal(&back.opt, &s.opt, sizeof(s.opt));
		assert_memory_equal(back.sack, s.sack, s.opt.nsack * sizeof(s.sack[0]));
		assert_int_equal(back.len, s.len);
		assert_memory_equal(back.data[0], text, s.len);
	}
}

static void test_options_of_a_syn(void **state)
{
	static const __u8 wscales[] = {SG_WSCALE_NONE, 0, 14};
	__u8 frame[WIRE_HEADROOM];
	struct dice d = {13};
	struct seg s, back;

	(void)state;
	for (unsigned i = 0; i < 24; i++) {
		int len;

		random_seg(&d, &s, NULL, 0);
		s.flags = i % 2 ? SG_SYN | SG_ACK : SG_SYN;
		s.opt = (struct sg_tcpopts){.mss = 1440,
					    .wscale = wscales[i / 8],
					    .sack_ok = i >> 1 & 1,
					    .has_ts = i >> 2 & 1};
		if (s.opt.has_ts) {
			s.opt.tsval = 1;
			s.opt.tsecr = 0x80000000;
		}
		len = wire_encode(frame, sizeof(frame), own_mac, &s);
		assert_true(len > 0);
		encoded(frame, (__u32)len, &s);
		assert_int_equal(decode(frame, (__u32)len, true, &back), 0);
		assert_memory_equal(&back.opt, &s.opt, sizeof(s.opt));
	}
}

/* Forty bytes is all there is: with timestamps there is room for three blocks (RFC 2018 3). */
static void test_more_sack_blocks_than_fit(void **state)
{
	__u8 frame[WIRE_HEADROOM];
	struct dice d = {14};
	struct seg s, back;
	int len;

	(void)state;
	for (__u8 n = 3; n < 8; n++)
		for (__u8 ts = 0; ts < 2; ts++) {
			random_seg(&d, &s, NULL, 0);
			s.opt.has_ts = ts;
			s.opt.nsack = n;
			len = wire_encode(frame, sizeof(frame), own_mac, &s);
			assert_true(len > 0);
			assert_int_equal(decode(frame, (__u32)len, true, &back), 0);
			assert_int_equal(back.opt.has_ts, ts);
			assert_int_equal(back.opt.nsack, ts || n == 3 ? 3 : 4);
		}
}

static void test_room_is_looked_at(void **state)
{
	static __u8 text[70000];
	__u8 *frame = malloc(WIRE_HEADROOM + sizeof(text));
	struct dice d = {15};
	struct seg s;

	(void)state;
	assert_non_null(frame);
	random_seg(&d, &s, text, 0);
	s.len = s.data_len[0] = 100;
	s.data_len[1] = 0;
	assert_int_equal(wire_encode(frame, 0, own_mac, &s), -EMSGSIZE);
	assert_int_equal(wire_encode(frame, 154, own_mac, &s), -EMSGSIZE);
	assert_true(wire_encode(frame, WIRE_HEADROOM + 100, own_mac, &s) > 0);
	for (__u32 len = 65400; len < 65600; len++) { /* IP can say no more than 65535 */
		int n;

		s.len = s.data_len[0] = len;
		n = wire_encode(frame, WIRE_HEADROOM + sizeof(text), own_mac, &s);
		assert_true(len > 65435 ? n <= 65535 + 14 + 8 + 40 : n > (int)len);
		if (n != -EMSGSIZE)
			encoded(frame, (__u32)n, &s); /* whose length field says it all */
	}
	for (__u32 len = 65516; len; len <<= 1) {
		s.len = len;
		assert_int_equal(wire_encode(frame, 0xffffffff, own_mac, &s), -EMSGSIZE);
	}
	free(frame);
}

/* Nothing of what a frame held before shows through. */
static void test_no_stale_bytes(void **state)
{
	__u8 a[WIRE_HEADROOM + 64], b[WIRE_HEADROOM + 64], text[64] = {1, 2, 3};
	struct dice d = {16};
	struct seg s;

	(void)state;
	for (int i = 0; i < 1000; i++) {
		int len;

		random_seg(&d, &s, text, sizeof(text));
		if (i % 4 == 0)
			s.flags |= SG_SYN;
		memset(a, 0x00, sizeof(a));
		memset(b, 0xff, sizeof(b));
		len = wire_encode(a, sizeof(a), own_mac, &s);
		assert_true(len > 0);
		assert_int_equal(wire_encode(b, sizeof(b), own_mac, &s), len);
		assert_memory_equal(a, b, (size_t)len);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ipv4),
		cmocka_unit_test(test_ipv6),
		cmocka_unit_test(test_vlan_tags),
		cmocka_unit_test(test_three_tags_are_refused),
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
		cmocka_unit_test(test_malformed_options_are_refused),
		cmocka_unit_test(test_every_flipped_bit_is_seen),
		cmocka_unit_test(test_checksum_zero_is_a_checksum),
		cmocka_unit_test(test_any_bytes),
		cmocka_unit_test(test_what_is_written_is_read),
		cmocka_unit_test(test_options_of_a_syn),
		cmocka_unit_test(test_more_sack_blocks_than_fit),
		cmocka_unit_test(test_room_is_looked_at),
		cmocka_unit_test(test_no_stale_bytes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
