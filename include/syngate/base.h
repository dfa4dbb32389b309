/* SPDX-License-Identifier: BSD-2-Clause */
/* The few words that every header here shares. Compiled for BPF and for the host. */
#ifndef SYNGATE_BASE_H
#define SYNGATE_BASE_H

#include <linux/types.h>

#define SG_INLINE static inline __attribute__((always_inline, unused))

#ifdef __clang__
#define SG_UNROLL _Pragma("unroll")
#else
#define SG_UNROLL /* gcc unrolls short loops by itself */
#endif

#define SG_CACHELINE 64
#define SG_ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

/* TCP header flags, RFC 9293 3.1 (and 3168 for the last two). */
#define SG_FIN 0x01
#define SG_SYN 0x02
#define SG_RST 0x04
#define SG_PSH 0x08
#define SG_ACK 0x10
#define SG_URG 0x20
#define SG_ECE 0x40
#define SG_CWR 0x80

/* Do the flags of a stranger's segment make sense together? Those for data come and go. */
SG_INLINE int sg_flags_are_valid(__u8 flags)
{
	switch (flags & (SG_SYN | SG_FIN | SG_RST | SG_ACK)) {
	case SG_SYN:
	case SG_SYN | SG_ACK:
	case SG_ACK:
	case SG_RST:
	case SG_RST | SG_ACK:
	case SG_FIN | SG_ACK:
		return 1;
	}
	return 0;
}

#ifdef __bpf__
#define sg_memcpy __builtin_memcpy
#define sg_memset __builtin_memset
#else
#include <string.h>
#define sg_memcpy memcpy
#define sg_memset memset
#endif

#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define sg_be16(x) __builtin_bswap16(x)
#define sg_be32(x) __builtin_bswap32(x)
#else
#define sg_be16(x) (x)
#define sg_be32(x) (x)
#endif

/*
 * Loads and stores at any alignment, each in one piece. From a pointer of which it knows nothing clang
 * makes a BPF program go byte by byte; that costs time, and more when a CPU has to put a word together
 * out of stores that have not got to its cache yet.
 */
#ifdef __bpf__
#define SG_ACCESS(bits)                                                                            \
	SG_INLINE __u##bits sg_load##bits(const void *p)                                           \
	{                                                                                          \
		return *(const __u##bits *)p;                                                      \
	}                                                                                          \
	SG_INLINE void sg_store##bits(void *p, __u##bits v)                                        \
	{                                                                                          \
		*(__u##bits *)p = v;                                                               \
	}
#else
#define SG_ACCESS(bits)                                                                            \
	SG_INLINE __u##bits sg_load##bits(const void *p)                                           \
	{                                                                                          \
		__u##bits v;                                                                       \
                                                                                                   \
		memcpy(&v, p, sizeof(v));                                                          \
		return v;                                                                          \
	}                                                                                          \
	SG_INLINE void sg_store##bits(void *p, __u##bits v)                                        \
	{                                                                                          \
		memcpy(p, &v, sizeof(v));                                                          \
	}
#endif
SG_ACCESS(16)
SG_ACCESS(32)
SG_ACCESS(64)

/* The same in network byte order. */
SG_INLINE __u16 sg_get16(const void *p)
{
	return sg_be16(sg_load16(p));
}

SG_INLINE __u32 sg_get32(const void *p)
{
	return sg_be32(sg_load32(p));
}

SG_INLINE void sg_put16(void *p, __u16 v)
{
	sg_store16(p, sg_be16(v));
}

SG_INLINE void sg_put32(void *p, __u32 v)
{
	sg_store32(p, sg_be32(v));
}

/* A word that the driver and several threads change: read it whole, publish it whole. */
#define SG_READ_ONCE(x) (*(const volatile __typeof__(x) *)&(x))
#define SG_WRITE_ONCE(x, v) (*(volatile __typeof__(x) *)&(x) = (v))

#endif
