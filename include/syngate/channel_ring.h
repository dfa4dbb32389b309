/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Rings, for a program that asks for them (SG_CHANNEL_RINGS): its connections are two rings of bytes each in memory
 * that it shares with the daemon, and no descriptors. One more memory comes with the answer, and the program's bell, an eventfd.
 * A connection's ring is that of its slot (channel.h). The daemon believes nothing that a program writes.
 *
 * Indices count bytes since the connection began, modulo 2^32; only their owner moves them:
 *
 *	rx: daemon --> program		rx_head <= rx_tail <= rx_head + size
 *	tx: program --> daemon		tx_head <= tx_tail <= tx_head + size
 *
 * What there is to look at: the program sets the slot's bit in sg_channel_memory.ask, the daemon the one in
 * `ready` and then that word's in `some`. Who is about to sleep says so by a number that is neither 0 nor the last one,
 * looks once more, and sleeps until its bell is written to, which the other side does when it has set bits and finds it asleep,
 * once for each number.
 *
 * A slot is used again when both have let go: the program by SG_CHANNEL_CLOSED or SG_CHANNEL_RESET.
 */
#ifndef SYNGATE_CHANNEL_RING_H
#define SYNGATE_CHANNEL_RING_H

#include "channel.h"

#define SG_RING_SIZE	  16384u /* bytes of a ring, if the program does not say */
#define SG_RING_SIZE_MIN  4096u
#define SG_RING_SIZE_MAX  (1u << 20)
#define SG_RING_CONNS	  1024u	      /* connections, likewise; multiples of SG_CHANNEL_CHUNK */
#define SG_RING_BYTES_MAX (1ULL << 32) /* of a program's rings */
#define SG_RING_PAGE	  4096u

enum sg_ring_daemon {
	SG_RING_FIN = 1,  /* the peer's, behind rx_tail */
	SG_RING_FULL = 2, /* there is more for rx: set the bit when half of it is free */
};

enum sg_ring_program {
	SG_RING_SHUT = 1, /* FIN behind tx_tail */
	SG_RING_WANT = 2, /* tx was full: set the bit when half of it is free */
	SG_RING_TAKEN = 4, /* it was accepted */
};

struct sg_ring {
	/* the daemon's */
	__u32 gen __attribute__((aligned(64))); /* of the slot; set last */
	__u32 rx_tail, tx_head;
	__u32 daemon;	       /* enum sg_ring_daemon */
	__u32 source;	       /* whose `taken` is to be one up, and who sleeps */
	__u32 handshake_us;    /* as in struct sg_channel_conn */
	__u32 admitted;
	struct sg_tuple tuple;
	__u32 turn; /* of that source's, in which order they are to be accepted */
	/* the program's; the daemon's when the connection begins */
	__u32 rx_head __attribute__((aligned(64)));
	__u32 tx_tail;
	__u32 program; /* enum sg_ring_program */
};

/* The rings' bytes follow, from the next page on: rx and tx of slot 0, of slot 1, ... */
struct sg_ring_memory {
	__u32 program_sleeps;			/* the program's; 0: it does not */
	__u32 daemon_sleeps[SG_CHANNEL_SOURCES] __attribute__((aligned(64)));
	__u64 some[SG_CHANNEL_SLOTS / 64 / 64] __attribute__((aligned(64)));
	__u64 ready[SG_CHANNEL_SLOTS / 64] __attribute__((aligned(64)));
	struct sg_ring ring[];
};

/* The number of the next sleep. */
SG_INLINE __u32 sg_ring_sleep(__u32 last)
{
	return last + 1 ? last + 1 : 1;
}

/* Where the bytes begin, and where they end. */
SG_INLINE __u64 sg_ring_head_bytes(__u32 conns)
{
	__u64 n = sizeof(struct sg_ring_memory) + (__u64)conns * sizeof(struct sg_ring);

	return (n + SG_RING_PAGE - 1) / SG_RING_PAGE * SG_RING_PAGE;
}

SG_INLINE __u64 sg_ring_bytes(__u32 conns, __u32 size)
{
	return sg_ring_head_bytes(conns) + (__u64)conns * 2 * size;
}

/* The connections of a memory of so many bytes; 0: it is none. */
SG_INLINE __u32 sg_ring_conns(__u64 bytes, __u32 size)
{
	for (__u32 conns = SG_CHANNEL_CHUNK; conns <= SG_CHANNEL_SLOTS; conns += SG_CHANNEL_CHUNK)
		if (sg_ring_bytes(conns, size) == bytes)
			return conns;
	return 0;
}

SG_INLINE __u8 *sg_ring_rx(struct sg_ring_memory *m, __u32 conns, __u32 size, __u32 slot)
{
	return (__u8 *)m + sg_ring_head_bytes(conns) + (__u64)slot * 2 * size;
}

/* The piece of a ring from index `at` on that lies in a row: `n` bytes or less. */
SG_INLINE __u32 sg_ring_row(__u32 size, __u32 at, __u32 n)
{
	__u32 row = size - (at & (size - 1));

	return n < row ? n : row;
}

/* `n` bytes, `size` at most, into a ring from index `at` on; and out of it. */
SG_INLINE void sg_ring_put(__u8 *ring, __u32 size, __u32 at, const __u8 *from, __u32 n)
{
	__u32 row = sg_ring_row(size, at, n);

	sg_memcpy(ring + (at & (size - 1)), from, row);
	sg_memcpy(ring, from + row, n - row);
}

SG_INLINE void sg_ring_get(const __u8 *ring, __u32 size, __u32 at, __u8 *to, __u32 n)
{
	__u32 row = sg_ring_row(size, at, n);

	sg_memcpy(to, ring + (at & (size - 1)), row);
	sg_memcpy(to + row, ring, n - row);
}

SG_INLINE int sg_ring_is_sound(__u32 conns, __u32 size)
{
	return size >= SG_RING_SIZE_MIN && size <= SG_RING_SIZE_MAX && !(size & (size - 1)) && conns &&
	       conns <= SG_CHANNEL_SLOTS && conns % SG_CHANNEL_CHUNK == 0 &&
	       (__u64)conns * 2 * size <= SG_RING_BYTES_MAX;
}

#endif
