/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * SipHash-2-4 against the paper (Aumasson, Bernstein 2012, section 2), written a second
 * time here: byte by byte, for any length, one state array. And where tuples lie in tables.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdbool.h>
#include <string.h>

#include "dice.h"
#include "syngate/siphash.h"

static __u64 le64(const __u8 *p, size_t n)
{
	__u64 v = 0;

	for (size_t i = 0; i < n; i++)
		v |= (__u64)p[i] << (8 * i);
	return v;
}

static __u64 left(__u64 x, int n)
{
	return x << n | x >> (64 - n);
}

/* Figure 2.1 of the paper. */
static void rounds(__u64 v[4], int n)
{
	while (n-- > 0) {
		v[0] += v[1];
		v[2] += v[3];
		v[1] = left(v[1], 13) ^ v[0];
		v[3] = left(v[3], 16) ^ v[2];
		v[0] = left(v[0], 32);
		v[2] += v[1];
		v[0] += v[3];
		v[1] = left(v[1], 17) ^ v[2];
		v[3] = left(v[3], 21) ^ v[0];
		v[2] = left(v[2], 32);
	}
}

static void plain(const __u8 key[16], const __u8 *m, size_t len, __u8 out[8])
{
	static const char init[] = "somepseudorandomlygeneratedbytes";
	__u64 v[4];

	for (int i = 0; i < 4; i++) {
		v[i] = le64(key + i % 2 * 8, 8);
		for (int k = 0; k < 8; k++) /* the constants are text, read big-endian */
			v[i] ^= (__u64)(__u8)init[8 * i + k] << (8 * (7 - k));
	}
	for (size_t at = 0; at <= len; at += 8) {
		size_t n = len - at < 8 ? len - at : 8;
		__u64 w = le64(m + at, n);

		if (n < 8)
			w |= (__u64)(__u8)len << 56;
		v[3] ^= w;
		rounds(v, 2);
		v[0] ^= w;
	}
	v[2] ^= 0xff;
	rounds(v, 4);
	for (int i = 0; i < 8; i++)
		out[i] = (__u8)((v[0] ^ v[1] ^ v[2] ^ v[3]) >> (8 * i));
}

static void counting(__u8 *p, size_t len)
{
	for (size_t i = 0; i < len; i++)
		p[i] = (__u8)i;
}

static struct sg_key key_of(const __u8 key[16])
{
	return (struct sg_key){{le64(key, 8), le64(key + 8, 8)}};
}

/* Fixed vectors: the authors' for no bytes; OpenSSL's `mac -macopt size:8 SIPHASH` for the rest. */
static const struct {
	size_t len;
	const char *out;
} vectors[] = {
	{0, "\x31\x0e\x0e\xdd\x47\xdb\x6f\x72"},
	{8, "\x62\x24\x93\x9a\x79\xf5\xf5\x93"},
	{16, "\xdb\x9b\xc2\x57\x7f\xcc\x2a\x3f"},
	{40, "\xd0\xa7\x04\x53\x6b\xa9\x3e\x0e"},
};

static void test_the_plain_one_is_right(void **state)
{
	__u8 key[16], m[40], out[8];

	(void)state;
	counting(key, 16);
	counting(m, 40);
	for (size_t i = 0; i < SG_ARRAY_SIZE(vectors); i++) {
		plain(key, m, vectors[i].len, out);
		assert_memory_equal(out, vectors[i].out, 8);
	}
}

static void test_fixed_vectors(void **state)
{
	__u8 key[16], m[40];
	__u64 words[5];
	struct sg_key k;

	(void)state;
	counting(key, 16);
	counting(m, 40);
	memcpy(words, m, sizeof(words));
	k = key_of(key);
	for (size_t i = 0; i < SG_ARRAY_SIZE(vectors); i++)
		assert_int_equal(sg_siphash(&k, words, (int)vectors[i].len / 8),
				 le64((const __u8 *)vectors[i].out, 8));
}

static void test_random_keys_and_words(void **state)
{
	struct dice d = {7};

	(void)state;
	for (int i = 0; i < 5000; i++) {
		__u8 key[16], m[64], want[8];
		__u64 words[8];
		struct sg_key k;
		int n = i % 9;

		dice_fill(&d, key, sizeof(key));
		dice_fill(&d, m, sizeof(m));
		memcpy(words, m, sizeof(m));
		k = key_of(key);
		plain(key, m, (size_t)n * 8, want);
		assert_int_equal(sg_siphash(&k, words, n), le64(want, 8));
	}
}

/* --- tuples ---------------------------------------------------------------------------------- */

static void tuple_fill(struct dice *d, struct sg_tuple *t, bool v4)
{
	__u32 addr[2];

	dice_fill(d, t, sizeof(*t));
	if (!v4)
		return;
	dice_fill(d, addr, sizeof(addr));
	sg_addr_from4(&t->local, &addr[0]);
	sg_addr_from4(&t->peer, &addr[1]);
}

static struct sg_tuple_key tuple_key(__u64 a, __u64 b)
{
	struct sg_tuple_key k;

	sg_tuple_key_make(&k, &(struct sg_key){{a, b}});
	return k;
}

/* IPv6: the tuple as it lies. IPv4: both addresses, then ports and tags. */
static void test_numbers(void **state)
{
	struct dice d = {8};

	(void)state;
	for (int i = 0; i < 1000; i++) {
		__u8 m[16], want[8];
		struct sg_tuple_key k;
		struct sg_tuple t;
		struct sg_hash h;
		__u8 key[16];

		dice_fill(&d, key, sizeof(key));
		tuple_fill(&d, &t, i % 2);
		k.sip = key_of(key);
		sg_tuple_key_make(&k, &k.sip);
		h = sg_tuple_hash(&k, &t);
		memcpy(m, t.local.addr + 12, 4);
		memcpy(m + 4, t.peer.addr + 12, 4);
		memcpy(m + 8, &t.lport, 8);
		if (i % 2)
			plain(key, m, sizeof(m), want);
		else
			plain(key, (const __u8 *)&t, sizeof(t), want);
		assert_int_equal(h.iss, le64(want, 4));
		assert_int_equal(h.ts_off, le64(want + 4, 4));
		assert_int_equal(h.table, sg_tuple_table(&k, &t));
	}
}

/* No bit of a tuple and none of the secret is left out: each flip changes about half of the bits. */
static void every_bit(struct sg_tuple *t, size_t skip)
{
	struct sg_key secret = {{1, 2}};
	struct sg_tuple_key k;
	struct sg_hash h;
	double table = 0, n = 0;

	sg_tuple_key_make(&k, &secret);
	h = sg_tuple_hash(&k, t);
	for (size_t bit = 0; bit < 8 * sizeof(*t) + 128; bit++) {
		__u8 *byte = bit < 8 * sizeof(*t) ? (__u8 *)t + bit / 8
						  : (__u8 *)&secret + (bit / 8 - sizeof(*t));
		struct sg_hash other;

		if (bit / 8 % 16 < skip && bit / 8 < 32) /* what makes it IPv4 */
			continue;
		*byte ^= (__u8)(1u << bit % 8);
		sg_tuple_key_make(&k, &secret);
		other = sg_tuple_hash(&k, t);
		*byte ^= (__u8)(1u << bit % 8);
		assert_in_range(__builtin_popcount(h.iss ^ other.iss) +
					__builtin_popcount(h.ts_off ^ other.ts_off),
				12, 52); /* 32 +- five sigma */
		assert_int_not_equal(h.table, other.table);
		table += __builtin_popcount(h.table ^ other.table);
		n++;
	}
	assert_true(table / n > 15 && table / n < 17);
}

static void test_every_bit_counts(void **state)
{
	struct sg_tuple t;
	struct dice d = {9};

	(void)state;
	tuple_fill(&d, &t, false);
	every_bit(&t, 0);
	tuple_fill(&d, &t, true);
	every_bit(&t, 12);
}

/*
 * Places are spread as if they were drawn, whatever pattern the tuples have: counting addresses or
 * ports, one bit each, both at once. The chi-square of 4,096 buckets, 64 tuples each.
 */
static void test_places_are_spread(void **state)
{
	static __u32 count[4096];

	(void)state;
	for (int pattern = 0; pattern < 8; pattern++) {
		struct sg_tuple_key k = tuple_key(3, (__u64)pattern);
		double chi = 0;

		memset(count, 0, sizeof(count));
		for (__u32 i = 0; i < 64 * 4096; i++) {
			struct sg_tuple t = {.lport = 80, .pport = 1024};
			__u32 addr = sg_be32(0x0a000000 | (pattern == 0 ? i : i >> 8));

			sg_addr_from4(&t.local, "\x0a\x09\0\x01");
			if (pattern < 4)
				sg_addr_from4(&t.peer, &addr);
			else
				memcpy(t.peer.addr + 4 * (pattern - 4), &i, 4);
			if (pattern == 1)
				t.pport = (__u16)(1024 + (i & 255));
			else if (pattern == 2)
				t.pport = (__u16)((i & 255) << 8);
			else if (pattern == 3)
				t.pport = (__u16)(i & 255) * 257;
			count[sg_tuple_table(&k, &t) >> 20]++;
		}
		for (int b = 0; b < 4096; b++)
			chi += ((double)count[b] - 64) * ((double)count[b] - 64) / 64;
		assert_true(chi > 4095 - 6 * 90.5 && chi < 4095 + 6 * 90.5); /* six sigma */
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_plain_one_is_right),
		cmocka_unit_test(test_fixed_vectors),
		cmocka_unit_test(test_random_keys_and_words),
		cmocka_unit_test(test_numbers),
		cmocka_unit_test(test_every_bit_counts),
		cmocka_unit_test(test_places_are_spread),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
