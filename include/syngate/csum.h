/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The Internet checksum (RFC 1071). Sums are taken over memory as it lies, so a folded
 * sum is stored as it lies too: no byte swapping anywhere.
 */
#ifndef SYNGATE_CSUM_H
#define SYNGATE_CSUM_H

#include "addr.h"

/* Add `words` 32-bit words; `words` is a constant where this is compiled for BPF. */
SG_INLINE __u64 sg_csum_words(__u64 sum, const void *p, int words)
{
	const __u8 *b = p;

SG_UNROLL
	for (int i = 0; i < words; i++)
		sum += sg_load32(b + 4 * i);
	return sum;
}

SG_INLINE __u16 sg_csum_fold(__u64 sum)
{
	sum = (sum & 0xffffffff) + (sum >> 32);
	sum = (sum & 0xffffffff) + (sum >> 32);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return (__u16)~sum;
}

/*
 * TCP's pseudo header (RFC 9293 3.1), for both families: mapped IPv4 addresses add only
 * their last word. `len` is header and data together, in bytes.
 */
SG_INLINE __u64 sg_csum_pseudo(const struct sg_addr *a, const struct sg_addr *b, __u32 len,
			       __u8 proto)
{
	__u64 sum = (__u64)__builtin_bswap32(len) + __builtin_bswap32(proto);

	if (sg_addr_is4(a)) {
		sum = sg_csum_words(sum, a->addr + 12, 1);
		return sg_csum_words(sum, b->addr + 12, 1);
	}
	sum = sg_csum_words(sum, a->addr, 4);
	return sg_csum_words(sum, b->addr, 4);
}

#ifndef __bpf__
typedef __u64 sg_csum_lane __attribute__((vector_size(16)));

SG_INLINE __u64 sg_csum_add(__u64 sum, __u64 w)
{
	sum += w;
	return sum + (sum < w); /* end-around carry */
}

/* 32 bytes a turn, in halves of 64-bit lanes that cannot overflow within a packet. */
SG_INLINE __u64 sg_csum_blocks(__u64 sum, const __u8 *b, __u32 blocks)
{
	const sg_csum_lane low = {0xffffffff, 0xffffffff};
	sg_csum_lane s0 = {0, 0}, s1 = {0, 0};

	for (; blocks; b += 32, blocks--) {
		sg_csum_lane v0, v1;

		memcpy(&v0, b, 16);
		memcpy(&v1, b + 16, 16);
		s0 += (v0 & low) + (v0 >> 32);
		s1 += (v1 & low) + (v1 >> 32);
	}
	s0 += s1;
	return sg_csum_add(sum, s0[0] + s0[1]);
}

/* Any length; an odd last byte is padded with zero, so only the last piece may be odd. */
SG_INLINE __u64 sg_csum_bytes(__u64 sum, const void *p, __u32 len)
{
	const __u8 *b = p;

	sum = sg_csum_blocks(sum, b, len / 32);
	b += len & ~31u;
	len &= 31;
	for (; len >= 8; b += 8, len -= 8) {
		__u64 w;

		memcpy(&w, b, 8);
		sum = sg_csum_add(sum, w);
	}
	if (len) {
		__u64 w = 0;

		memcpy(&w, b, len);
		sum = sg_csum_add(sum, w);
	}
	return sum;
}
#endif

#endif
