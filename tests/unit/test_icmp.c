/* SPDX-License-Identifier: BSD-2-Clause */
/* user/wire/icmp.c: what an ICMP error says, and that nothing malformed is believed. */
#include "bed.h"

#include "syngate/csum.h"
#include "wire/wire.h"

#define SEQ 0x01020304u

/* A frame as it is built, from the outside in. */
struct icmp_frame {
	__u8 b[256];
	__u32 len, l3, icmp, quoted, tcp;
	bool v6;
};

static __u8 *add(struct icmp_frame *f, __u32 n)
{
	__u8 *p = f->b + f->len;

	f->len += n;
	assert_true(f->len <= sizeof(f->b));
	memset(p, 0, n);
	return p;
}

/* `from` to `to` are last bytes of the addresses 10.9.0.x and fd09::x. */
static void add_ip(struct icmp_frame *f, __u8 proto, __u8 from, __u8 to, __u32 payload)
{
	const __u8 net6[2] = {0xfd, 0x09}, net4[3] = {10, 9, 0};
	__u8 *ip = add(f, f->v6 ? 40 : 20);
	__u16 csum;

	if (f->v6) {
		ip[0] = 0x60;
		sg_put16(ip + 4, (__u16)payload);
		ip[6] = proto;
		memcpy(ip + 8, net6, 2);
		memcpy(ip + 24, net6, 2);
		ip[23] = from;
		ip[39] = to;
		return;
	}
	ip[0] = 0x45;
	sg_put16(ip + 2, (__u16)(20 + payload));
	ip[9] = proto;
	memcpy(ip + 12, net4, 3);
	memcpy(ip + 16, net4, 3);
	ip[15] = from;
	ip[19] = to;
	csum = sg_csum_fold(sg_csum_words(0, ip, 5));
	memcpy(ip + 10, &csum, 2);
}

/* Both checksums, and the outer length, after the frame was changed. */
static void seal(struct icmp_frame *f)
{
	__u8 *ip = f->b + f->l3, *icmp = f->b + f->icmp;
	__u32 n = f->len - f->icmp;
	struct sg_addr a, b;
	__u64 sum = 0;
	__u16 csum;

	memset(icmp + 2, 0, 2);
	if (f->v6) {
		memcpy(a.addr, ip + 8, 16);
		memcpy(b.addr, ip + 24, 16);
		sum = sg_csum_pseudo(&a, &b, n, 58);
		sg_put16(ip + 4, (__u16)(f->len - f->l3 - 40));
	} else {
		sg_put16(ip + 2, (__u16)(f->len - f->l3));
		memset(ip + 10, 0, 2);
		csum = sg_csum_fold(sg_csum_words(0, ip, 5));
		memcpy(ip + 10, &csum, 2);
	}
	csum = sg_csum_fold(sg_csum_bytes(sum, icmp, n));
	memcpy(icmp + 2, &csum, 2);
}

/* From router .254 to us, .1, about our segment of 1500 bytes to .2, with `tags` VLAN tags. */
static struct icmp_frame make(bool v6, __u8 type, __u8 code, __u32 mtu, int tags)
{
	struct icmp_frame f = {.v6 = v6};
	__u8 *p = add(&f, 12);

	p[6] = 2;
	for (int i = 0; i < tags; i++)
		sg_put32(add(&f, 4), (i || tags == 1 ? 0x8100u : 0x88a8u) << 16 | (7u + (__u32)i));
	sg_put16(add(&f, 2), v6 ? 0x86dd : 0x0800);
	f.l3 = f.len;
	add_ip(&f, v6 ? 58 : 1, 254, 1, 0);
	f.icmp = f.len;
	p = add(&f, 8);
	p[0] = type;
	p[1] = code;
	sg_put32(p + 4, mtu);
	f.quoted = f.len;
	add_ip(&f, 6, 1, 2, v6 ? 1460 : 1480);
	f.tcp = f.len;
	p = add(&f, 8);
	sg_put16(p, 80);
	sg_put16(p + 2, 40000);
	sg_put32(p + 4, SEQ);
	seal(&f);
	return f;
}

static int decode(const struct icmp_frame *f, struct icmp_error *e)
{
	__u8 *exact = malloc(f->len); /* the sanitizer sees one byte too many */
	int ret;

	assert_non_null(exact);
	memcpy(exact, f->b, f->len);
	ret = wire_decode_icmp(exact, f->len, true, e);
	free(exact);
	return ret;
}

static void test_fields(void **state)
{
	struct icmp_error e;

	(void)state;
	for (int v6 = 0; v6 < 2; v6++)
		for (int tags = 0; tags < 3; tags++) {
			struct icmp_frame f = make(v6, v6 ? 2 : 3, v6 ? 0 : 4, 1400, tags);

			assert_int_equal(decode(&f, &e), 0);
			assert_int_equal(e.kind, ICMP_TOO_BIG);
			assert_int_equal(e.mtu, 1400);
			assert_int_equal(e.seq.v, SEQ);
			assert_int_equal(e.tuple.lport, 80);
			assert_int_equal(e.tuple.pport, 40000);
			assert_int_equal(e.tuple.local.addr[15], 1);
			assert_int_equal(e.tuple.peer.addr[15], 2);
			assert_int_equal(sg_addr_is4(&e.tuple.peer), !v6);
			assert_int_equal(e.tuple.vlan[0],
					 tags == 0   ? 0
					 : tags == 1 ? (SG_VLAN_PRESENT | 7)
						     : (SG_VLAN_PRESENT | SG_VLAN_8021AD | 7));
			assert_int_equal(e.tuple.vlan[1], tags == 2 ? (SG_VLAN_PRESENT | 8) : 0);
		}
}

/* Type and code to kind and errno: those that Linux gives. 0: no error that we know. */
static void test_meanings(void **state)
{
	static const struct {
		bool v6;
		__u8 type, code;
		int error;
		enum icmp_kind kind;
	} rows[] = {
		{false, 3, 0, ENETUNREACH, ICMP_SOFT},
		{false, 3, 1, EHOSTUNREACH, ICMP_SOFT},
		{false, 3, 2, ENOPROTOOPT, ICMP_HARD},
		{false, 3, 3, ECONNREFUSED, ICMP_HARD},
		{false, 3, 4, EMSGSIZE, ICMP_TOO_BIG},
		{false, 3, 5, EOPNOTSUPP, ICMP_SOFT},
		{false, 3, 6, ENETUNREACH, ICMP_HARD},
		{false, 3, 7, EHOSTDOWN, ICMP_HARD},
		{false, 3, 8, ENONET, ICMP_HARD},
		{false, 3, 9, ENETUNREACH, ICMP_HARD},
		{false, 3, 10, EHOSTUNREACH, ICMP_HARD},
		{false, 3, 11, ENETUNREACH, ICMP_SOFT},
		{false, 3, 12, EHOSTUNREACH, ICMP_SOFT},
		{false, 3, 13, EHOSTUNREACH, ICMP_HARD},
		{false, 3, 14, EHOSTUNREACH, ICMP_HARD},
		{false, 3, 15, EHOSTUNREACH, ICMP_HARD},
		{false, 11, 0, EHOSTUNREACH, ICMP_SOFT},
		{false, 12, 0, EPROTO, ICMP_SOFT},
		{true, 1, 0, ENETUNREACH, ICMP_SOFT},
		{true, 1, 1, EACCES, ICMP_HARD},
		{true, 1, 2, EHOSTUNREACH, ICMP_SOFT},
		{true, 1, 3, EHOSTUNREACH, ICMP_SOFT},
		{true, 1, 4, ECONNREFUSED, ICMP_HARD},
		{true, 1, 5, EACCES, ICMP_HARD},
		{true, 1, 6, EACCES, ICMP_HARD},
		{true, 2, 0, EMSGSIZE, ICMP_TOO_BIG},
		{true, 3, 0, EHOSTUNREACH, ICMP_SOFT},
		{true, 4, 1, EPROTO, ICMP_SOFT},
		{false, 3, 16, 0, ICMP_SOFT},
		{false, 5, 1, 0, ICMP_SOFT},
		{false, 0, 0, 0, ICMP_SOFT},
		{false, 8, 0, 0, ICMP_SOFT},
		{true, 1, 7, 0, ICMP_SOFT},
		{true, 0, 0, 0, ICMP_SOFT},
		{true, 128, 0, 0, ICMP_SOFT},
		{true, 135, 0, 0, ICMP_SOFT},
	};
	struct icmp_error e;

	(void)state;
	for (unsigned i = 0; i < SG_ARRAY_SIZE(rows); i++) {
		struct icmp_frame f = make(rows[i].v6, rows[i].type, rows[i].code, 1400, 0);

		assert_int_equal(decode(&f, &e), rows[i].error ? 0 : -EPROTO);
		if (!rows[i].error)
			continue;
		assert_int_equal(e.error, -rows[i].error);
		assert_int_equal(e.kind, rows[i].kind);
		assert_int_equal(e.type, rows[i].type);
		assert_int_equal(e.code, rows[i].code);
	}
}

/* RFC 6633, RFC 9293 MUST-55: a source quench says nothing, whatever its code. */
static void test_source_quench(void **state)
{
	struct icmp_error e;

	(void)state;
	for (unsigned code = 0; code < 256; code++) {
		struct icmp_frame f = make(false, 4, (__u8)code, 0, 0);

		assert_int_equal(decode(&f, &e), -EPROTO);
	}
}

static void test_truncated(void **state)
{
	struct icmp_error e;

	(void)state;
	for (int v6 = 0; v6 < 2; v6++) {
		struct icmp_frame f = make(v6, v6 ? 2 : 3, v6 ? 0 : 4, 1400, 1);
		__u32 whole = f.len;

		for (f.len = 0; f.len < whole; f.len++) {
			assert_int_not_equal(decode(&f, &e), 0); /* as it is */
			if (f.len < f.icmp + 8)
				continue;
			seal(&f); /* and with lengths and checksums that fit */
			assert_int_equal(decode(&f, &e), -EPROTO);
		}
		seal(&f);
		assert_int_equal(decode(&f, &e), 0);
	}
}

/* Each byte of the frame to each of a few values: whatever comes of it, nothing is overread. */
static void test_every_byte(void **state)
{
	static const __u8 values[] = {0, 1, 4, 5, 0x0f, 0x40, 0x4f, 0x7f, 0x80, 0xff};
	struct icmp_error e;
	unsigned taken = 0;

	(void)state;
	for (int v6 = 0; v6 < 2; v6++) {
		struct icmp_frame f = make(v6, v6 ? 2 : 3, v6 ? 0 : 4, 1400, 1);

		for (__u32 at = 0; at < f.len; at++)
			for (unsigned i = 0; i < SG_ARRAY_SIZE(values); i++) {
				struct icmp_frame g = f;

				g.b[at] = values[i];
				taken += !wire_decode_icmp(g.b, g.len, false, &e);
				decode(&g, &e);
			}
	}
	assert_true(taken > 0);
}

static void test_checksums(void **state)
{
	struct icmp_error e;

	(void)state;
	for (int v6 = 0; v6 < 2; v6++) {
		struct icmp_frame f = make(v6, v6 ? 2 : 3, v6 ? 0 : 4, 1400, 0);

		f.b[f.len - 1] ^= 1;
		assert_int_equal(decode(&f, &e), -EBADMSG);
		assert_int_equal(wire_decode_icmp(f.b, f.len, false, &e), 0);
		f.b[f.len - 1] ^= 1;
		f.b[f.l3 + (v6 ? 23 : 15)] ^=
			1; /* an address: the IP header's, or the pseudo header's */
		assert_int_equal(decode(&f, &e), -EBADMSG);
	}
}

static void test_quoted(void **state)
{
	struct icmp_frame f = make(false, 3, 4, 1400, 0), g;
	struct icmp_error e;

	(void)state;
	g = f, g.b[g.quoted] = 0x65, seal(&g);
	assert_int_equal(decode(&g, &e), -EPROTO); /* version */
	g = f, g.b[g.quoted] = 0x44, seal(&g);
	assert_int_equal(decode(&g, &e), -EPROTO); /* header length below 20 */
	g = f, g.b[g.quoted] = 0x4f, seal(&g);
	assert_int_equal(decode(&g, &e), -EPROTO); /* beyond what is quoted */
	g = f, g.b[g.quoted + 9] = 17, seal(&g);
	assert_int_equal(decode(&g, &e), -EPROTO); /* UDP */
	g = f, g.b[g.quoted + 7] = 1, seal(&g);
	assert_int_equal(decode(&g, &e), -EPROTO); /* a later fragment */
	g = f, g.b[g.quoted + 6] = 0x20, seal(&g);
	assert_int_equal(decode(&g, &e), 0); /* the first one has the ports */
	g = f, g.b[g.l3 + 6] = 0x20, seal(&g);
	assert_int_equal(decode(&g, &e), -EPROTO); /* the error itself is a fragment */
}

/* Options in the quoted IPv4 header, extension headers in both IPv6 headers. */
static void test_longer_headers(void **state)
{
	struct icmp_frame f = make(false, 3, 4, 1400, 0);
	struct icmp_error e;

	(void)state;
	memmove(f.b + f.tcp + 8, f.b + f.tcp, 8);
	memset(f.b + f.tcp, 1, 8); /* NOPs */
	f.b[f.quoted] = 0x47;
	f.len += 8;
	seal(&f);
	assert_int_equal(decode(&f, &e), 0);
	assert_int_equal(e.seq.v, SEQ);

	f = make(true, 2, 0, 1300, 0);
	memmove(f.b + f.tcp + 8, f.b + f.tcp, 8);
	memset(f.b + f.tcp, 0, 8); /* destination options */
	f.b[f.tcp] = 6;
	f.b[f.quoted + 6] = 60;
	f.len += 8;
	memmove(f.b + f.icmp + 8, f.b + f.icmp, f.len - f.icmp);
	memset(f.b + f.icmp, 0, 8);
	f.b[f.icmp] = 58;
	f.b[f.l3 + 6] = 0; /* hop by hop */
	f.icmp += 8;
	f.quoted += 8;
	f.len += 8;
	seal(&f);
	assert_int_equal(decode(&f, &e), 0);
	assert_int_equal(e.mtu, 1300);
	assert_int_equal(e.seq.v, SEQ);
	f.b[f.icmp - 7] = 0xff; /* an extension header as long as it gets */
	seal(&f);
	assert_int_equal(decode(&f, &e), -EPROTO);
}

/* RFC 1191 7: the next plateau below the packet that is quoted. */
static void test_plateaus(void **state)
{
	static const __u16 rows[][2] = {{1500, 1492},	{1492, 1006}, {1006, 508}, {9000, 8166},
					{65535, 32000}, {508, 296},   {296, 68},   {60, 68}};
	struct icmp_error e;

	(void)state;
	for (unsigned i = 0; i < SG_ARRAY_SIZE(rows); i++) {
		struct icmp_frame f = make(false, 3, 4, 0, 0);

		sg_put16(f.b + f.quoted + 2, rows[i][0]);
		seal(&f);
		assert_int_equal(decode(&f, &e), 0);
		assert_int_equal(e.mtu, rows[i][1]);
	}
}

/* Without its Ethernet header it says the same. */
static void test_packet(void **state)
{
	struct icmp_error whole, bare;

	(void)state;
	for (int v6 = 0; v6 < 2; v6++) {
		struct icmp_frame f = make(v6, v6 ? 2 : 3, v6 ? 0 : 4, 1400, 0);

		assert_int_equal(wire_decode_icmp(f.b, f.len, true, &whole), 0);
		assert_int_equal(wire_decode_icmp_ip(f.b + f.l3, f.len - f.l3, true, &bare), 0);
		assert_memory_equal(&whole, &bare, sizeof(whole));
		for (__u32 n = 0; n < f.len - f.l3; n++)
			assert_int_not_equal(wire_decode_icmp_ip(f.b + f.l3, n, true, &bare), 0);
	}
}

static void test_is_icmp(void **state)
{
	struct icmp_frame f;

	(void)state;
	for (int v6 = 0; v6 < 2; v6++) {
		f = make(v6, v6 ? 2 : 3, v6 ? 0 : 4, 1400, 2);
		assert_true(wire_is_icmp(f.b, f.len));
		f.b[f.l3 + (v6 ? 6 : 9)] = 6;
		assert_false(wire_is_icmp(f.b, f.len));
		for (__u32 n = 0; n < f.icmp; n++)
			assert_false(wire_is_icmp(f.b, n));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_fields),	      cmocka_unit_test(test_meanings),
		cmocka_unit_test(test_source_quench), cmocka_unit_test(test_truncated),
		cmocka_unit_test(test_every_byte),    cmocka_unit_test(test_checksums),
		cmocka_unit_test(test_quoted),	      cmocka_unit_test(test_longer_headers),
		cmocka_unit_test(test_plateaus),      cmocka_unit_test(test_packet),
		cmocka_unit_test(test_is_icmp),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
