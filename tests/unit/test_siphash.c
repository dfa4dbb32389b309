/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * SipHash-2-4-128 against the paper (Aumasson, Bernstein 2012, section 2), written a second
 * time here: byte by byte, for any length, one state array.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

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

static void plain(const __u8 key[16], const __u8 *m, size_t len, __u8 out[16])
{
	static const char init[] = "somepseudorandomlygeneratedbytes";
	__u64 v[4];

	for (int i = 0; i < 4; i++) {
		v[i] = le64(key + i % 2 * 8, 8);
		for (int k = 0; k < 8; k++) /* the constants are text, read big-endian */
			v[i] ^= (__u64)(__u8)init[8 * i + k] << (8 * (7 - k));
	}
	v[1] ^= 0xee; /* 128 bits of output */
	for (size_t at = 0; at <= len; at += 8) {
		size_t n = len - at < 8 ? len - at : 8;
		__u64 w = le64(m + at, n);

		if (n < 8)
			w |= (__u64)(__u8)len << 56;
		v[3] ^= w;
		rounds(v, 2);
		v[0] ^= w;
	}
	v[2] ^= 0xee;
	for (int half = 0; half < 2; half++) {
		__u64 w;

		rounds(v, 4);
		w = v[0] ^ v[1] ^ v[2] ^ v[3];
		for (int i = 0; i < 8; i++)
			out[8 * half + i] = (__u8)(w >> (8 * i));
		v[1] ^= 0xdd;
	}
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

/* Fixed vectors: the authors' for no bytes; OpenSSL's `mac -macopt size:16 SIPHASH` for the rest.
 */
static const struct {
	size_t len;
	const char *out;
} vectors[] = {
	{0, "\xa3\x81\x7f\x04\xba\x25\xa8\xe6\x6d\xf6\x72\x14\xc7\x55\x02\x93"},
	{8, "\x3b\x62\xa9\xba\x62\x58\xf5\x61\x0f\x83\xe2\x64\xf3\x14\x97\xb4"},
	{40, "\xdf\x6a\x30\x1e\x95\xc9\x5d\xad\x97\xae\x0c\xc8\xc6\x91\x3b\xd8"},
};

static void test_the_plain_one_is_right(void **state)
{
	__u8 key[16], m[40], out[16];

	(void)state;
	counting(key, 16);
	counting(m, 40);
	for (size_t i = 0; i < SG_ARRAY_SIZE(vectors); i++) {
		plain(key, m, vectors[i].len, out);
		assert_memory_equal(out, vectors[i].out, 16);
	}
}

static void test_fixed_vectors(void **state)
{
	__u8 key[16], m[40];
	__u64 words[5], out[2];
	struct sg_key k;

	(void)state;
	counting(key, 16);
	counting(m, 40);
	memcpy(words, m, sizeof(words));
	k = key_of(key);
	for (size_t i = 0; i < SG_ARRAY_SIZE(vectors); i++) {
		sg_siphash128(&k, words, (int)vectors[i].len / 8, out);
		assert_int_equal(out[0], le64((const __u8 *)vectors[i].out, 8));
		assert_int_equal(out[1], le64((const __u8 *)vectors[i].out + 8, 8));
	}
}

static void test_random_keys_and_words(void **state)
{
	struct dice d = {7};

	(void)state;
	for (int i = 0; i < 5000; i++) {
		__u8 key[16], m[64], want[16];
		__u64 words[8], out[2];
		struct sg_key k;
		int n = i % 9;

		dice_fill(&d, key, sizeof(key));
		dice_fill(&d, m, sizeof(m));
		memcpy(words, m, sizeof(m));
		k = key_of(key);
		sg_siphash128(&k, words, n, out);
		plain(key, m, (size_t)n * 8, want);
		assert_int_equal(out[0], le64(want, 8));
		assert_int_equal(out[1], le64(want + 8, 8));
	}
}

static void test_tuple_hash_takes_the_tuple_as_it_lies(void **state)
{
	struct dice d = {8};

	(void)state;
	for (int i = 0; i < 1000; i++) {
		__u8 key[16], want[16];
		struct sg_tuple t;
		struct sg_hash h;
		struct sg_key k;

		dice_fill(&d, key, sizeof(key));
		dice_fill(&d, &t, sizeof(t));
		k = key_of(key);
		h = sg_tuple_hash(&k, &t);
		plain(key, (const __u8 *)&t, sizeof(t), want);
		assert_int_equal(h.iss, le64(want, 4));
		assert_int_equal(h.table, le64(want + 4, 4));
		assert_int_equal(h.ts_off, le64(want + 8, 4));
		assert_int_equal(h.spare, le64(want + 12, 4));
	}
}

/* No byte of a tuple and no bit of the key is left out: each flip changes about half of the bits.
 */
static void test_every_bit_counts(void **state)
{
	struct sg_key k = {{1, 2}};
	struct sg_tuple t;
	struct dice d = {9};
	struct sg_hash h;

	(void)state;
	dice_fill(&d, &t, sizeof(t));
	h = sg_tuple_hash(&k, &t);
	for (size_t bit = 0; bit < 8 * sizeof(t) + 128; bit++) {
		__u8 *byte = bit < 8 * sizeof(t) ? (__u8 *)&t + bit / 8
						 : (__u8 *)&k + (bit / 8 - sizeof(t));
		struct sg_hash other;
		int changed;

		*byte ^= (__u8)(1u << bit % 8);
		other = sg_tuple_hash(&k, &t);
		*byte ^= (__u8)(1u << bit % 8);
		changed = __builtin_popcount(h.iss ^ other.iss) +
			  __builtin_popcount(h.table ^ other.table) +
			  __builtin_popcount(h.ts_off ^ other.ts_off) +
			  __builtin_popcount(h.spare ^ other.spare);
		assert_in_range(changed, 32, 96); /* 64 +- more than five sigma */
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_plain_one_is_right),
		cmocka_unit_test(test_fixed_vectors),
		cmocka_unit_test(test_random_keys_and_words),
		cmocka_unit_test(test_tuple_hash_takes_the_tuple_as_it_lies),
		cmocka_unit_test(test_every_bit_counts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
