/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * SipHash-2-4 (Aumasson, Bernstein: "SipHash: a fast short-input PRF") over a
 * connection's 40-byte tuple, with 128 bits of output: everything keyed that a
 * segment needs comes out of one pass.
 */
#ifndef SYNGATE_SIPHASH_H
#define SYNGATE_SIPHASH_H

#include "addr.h"

struct sg_key {
	__u64 k[2];
};

/*
 * What one pass yields. The parts that a peer can see (iss, ts_off) tell nothing of
 * the part that places the tuple in a table: they are disjoint bits of a PRF.
 */
struct sg_hash {
	__u32 iss;    /* F(tuple) of RFC 6528 */
	__u32 table;  /* bucket choice and tag: never leaves the machine */
	__u32 ts_off; /* RFC 7323 5.4: offset of our timestamp clock on this connection */
	__u32 spare;
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

/* out[0], out[1]: the 128 bits, of n 64-bit words taken as they lie in memory (little-endian). */
SG_INLINE void sg_siphash128(const struct sg_key *key, const __u64 *m, int n, __u64 out[2])
{
	__u64 v0 = key->k[0] ^ 0x736f6d6570736575ULL;
	__u64 v1 = key->k[1] ^ 0x646f72616e646f6dULL ^ 0xee;
	__u64 v2 = key->k[0] ^ 0x6c7967656e657261ULL;
	__u64 v3 = key->k[1] ^ 0x7465646279746573ULL;
	__u64 last = (__u64)(n * 8) << 56;

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
	v2 ^= 0xee;
	SG_SIPROUND(v0, v1, v2, v3);
	SG_SIPROUND(v0, v1, v2, v3);
	SG_SIPROUND(v0, v1, v2, v3);
	SG_SIPROUND(v0, v1, v2, v3);
	out[0] = v0 ^ v1 ^ v2 ^ v3;
	v1 ^= 0xdd;
	SG_SIPROUND(v0, v1, v2, v3);
	SG_SIPROUND(v0, v1, v2, v3);
	SG_SIPROUND(v0, v1, v2, v3);
	SG_SIPROUND(v0, v1, v2, v3);
	out[1] = v0 ^ v1 ^ v2 ^ v3;
}

/* A pair of IPv4 in two words, which no tuple of IPv6 can be: it has five. */
SG_INLINE void sg_tuple_words4(const struct sg_tuple *t, __u64 m[2])
{
	m[0] = (__u64)sg_addr_words(&t->peer)[3] << 32 | sg_addr_words(&t->local)[3];
	sg_memcpy(&m[1], &t->lport, 8); /* ports and tags */
}

SG_INLINE struct sg_hash sg_tuple_hash(const struct sg_key *key, const struct sg_tuple *t)
{
	__u64 m[5], out[2];

	if (sg_addr_is4(&t->peer)) {
		sg_tuple_words4(t, m);
		sg_siphash128(key, m, 2, out);
	} else {
		sg_memcpy(m, t, sizeof(m));
		sg_siphash128(key, m, 5, out);
	}
	return (struct sg_hash){
		.iss = (__u32)out[0],
		.table = (__u32)(out[0] >> 32),
		.ts_off = (__u32)out[1],
		.spare = (__u32)(out[1] >> 32),
	};
}

#endif
