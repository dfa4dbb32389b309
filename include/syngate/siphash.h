/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The hashes of a connection's tuple. What a peer can see of it is SipHash-2-4 (Aumasson, Bernstein:
 * "SipHash: a fast short-input PRF"). Where it lies in a table nobody sees, and every segment of a
 * flood asks: that is a multilinear hash with random multipliers, which is strongly universal (Lemire,
 * Kaser: "Strongly universal string hashing is fast"), mixed once more.
 */
#ifndef SYNGATE_SIPHASH_H
#define SYNGATE_SIPHASH_H

#include "addr.h"

struct sg_key {
	__u64 k[2];
};

#define SG_TUPLE_WORDS 10

struct sg_tuple_key { /* sg_tuple_key_make() */
	struct sg_key sip;
	__u64 add, mult[SG_TUPLE_WORDS];
};

struct sg_hash {
	__u32 iss;    /* F(tuple) of RFC 6528 */
	__u32 table;  /* bucket choice and tag: never leaves the machine */
	__u32 ts_off; /* RFC 7323 5.4: offset of our timestamp clock on this connection */
};

#define SG_ROTL64(x, b) (((x) << (b)) | ((x) >> (64 - (b))))
#define SG_SIPROUND(v0, v1, v2, v3)                                                                \
	do {                                                                                       \
		v0 += v1;                                                                          \
		v1 = SG_ROTL64(v1, 13);                                                            \
		v1 ^= v0;                                                                          \
		v0 = SG_ROTL64(v0, 32);                                                            \
		v2 += v3;                                                                          \
		v3 = SG_ROTL64(v3, 16);                                                            \
		v3 ^= v2;                                                                          \
		v0 += v3;                                                                          \
		v3 = SG_ROTL64(v3, 21);                                                            \
		v3 ^= v0;                                                                          \
		v2 += v1;                                                                          \
		v1 = SG_ROTL64(v1, 17);                                                            \
		v1 ^= v2;                                                                          \
		v2 = SG_ROTL64(v2, 32);                                                            \
	} while (0)

/*
 * Of n 64-bit words, taken as they lie in memory (little-endian), and up to seven bytes behind them:
 * `last` is those bytes, with the length of it all in its highest one.
 */
SG_INLINE __u64 sg_siphash_last(const struct sg_key *key, const __u64 *m, int n, __u64 last)
{
	__u64 v0 = key->k[0] ^ 0x736f6d6570736575ULL;
	__u64 v1 = key->k[1] ^ 0x646f72616e646f6dULL;
	__u64 v2 = key->k[0] ^ 0x6c7967656e657261ULL;
	__u64 v3 = key->k[1] ^ 0x7465646279746573ULL;

SG_UNROLL
	for (int i = 0; i < n; i++) {
		v3 ^= m[i];
		SG_SIPROUND(v0, v1, v2, v3);
		SG_SIPROUND(v0, v1, v2, v3);
		v0 ^= m[i];
	}
	v3 ^= last;
	SG_SIPROUND(v0, v1, v2, v3);
	SG_SIPROUND(v0, v1, v2, v3);
	v0 ^= last;
	v2 ^= 0xff;
	SG_SIPROUND(v0, v1, v2, v3);
	SG_SIPROUND(v0, v1, v2, v3);
	SG_SIPROUND(v0, v1, v2, v3);
	SG_SIPROUND(v0, v1, v2, v3);
	return v0 ^ v1 ^ v2 ^ v3;
}

SG_INLINE __u64 sg_siphash(const struct sg_key *key, const __u64 *m, int n)
{
	return sg_siphash_last(key, m, n, (__u64)(n * 8) << 56);
}

/* A pair of IPv4 in two words, which no tuple of IPv6 can be: it has five. */
SG_INLINE void sg_tuple_words4(const struct sg_tuple *t, __u64 m[2])
{
	m[0] = (__u64)sg_addr_words(&t->peer)[3] << 32 | sg_addr_words(&t->local)[3];
	sg_memcpy(&m[1], &t->lport, 8); /* ports and tags */
}

/* 64 bits that tell nothing of the key, nor of any other tuple's. */
SG_INLINE __u64 sg_tuple_prf(const struct sg_key *key, const struct sg_tuple *t)
{
	__u64 m[5];

	if (sg_addr_is4(&t->peer)) {
		sg_tuple_words4(t, m);
		return sg_siphash(key, m, 2);
	}
	sg_memcpy(m, t, sizeof(m));
	return sg_siphash(key, m, 5);
}

/* Bucket choice and tag. */
SG_INLINE __u32 sg_tuple_table(const struct sg_tuple_key *key, const struct sg_tuple *t)
{
	const __u32 *local = sg_addr_words(&t->local), *peer = sg_addr_words(&t->peer);
	__u64 h = key->add + key->mult[8] * sg_load32(&t->lport) +
		  key->mult[9] * sg_load32(t->vlan) + key->mult[3] * local[3] +
		  key->mult[7] * peer[3];

	if (!sg_addr_is4(&t->peer))
		h += key->mult[0] * local[0] + key->mult[1] * local[1] + key->mult[2] * local[2] +
		     key->mult[4] * peer[0] + key->mult[5] * peer[1] + key->mult[6] * peer[2];
	h = (h ^ h >> 32) * 0x9e3779b97f4a7c15ULL;
	return (__u32)(h >> 32);
}

/* What is left of it, where more than the place is asked for. */
SG_INLINE void sg_tuple_numbers(const struct sg_tuple_key *key, const struct sg_tuple *t,
				struct sg_hash *h)
{
	__u64 x = sg_tuple_prf(&key->sip, t);

	h->iss = (__u32)x;
	h->ts_off = (__u32)(x >> 32);
}

SG_INLINE struct sg_hash sg_tuple_hash(const struct sg_tuple_key *key, const struct sg_tuple *t)
{
	struct sg_hash h = {.table = sg_tuple_table(key, t)};

	sg_tuple_numbers(key, t, &h);
	return h;
}

#ifndef __bpf__
/* All there is to a tuple's hashes, out of one secret. */
static inline void sg_tuple_key_make(struct sg_tuple_key *key, const struct sg_key *secret)
{
	__u64 n = 0x746c75 /* a domain of its own */;

	key->sip = *secret;
	key->add = sg_siphash(secret, &n, 1);
	for (int i = 0; i < SG_TUPLE_WORDS; i++) {
		n++;
		key->mult[i] = sg_siphash(secret, &n, 1);
	}
}
#endif

#endif
