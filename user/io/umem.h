/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The packet memory that a worker shares with the kernel: equal frames, the first half
 * for what arrives (they live in the fill and RX rings), the second for what we send
 * (a stack of free ones: the last used is the warmest).
 */
#ifndef IO_UMEM_H
#define IO_UMEM_H

#include <linux/types.h>
#include <stddef.h>

#define UMEM_FRAME     4096u
#define UMEM_RX_FRAMES 4096u
#define UMEM_TX_FRAMES 4096u
#define UMEM_HEADROOM  256u /* the kernel's XDP_PACKET_HEADROOM, in front of what arrives */

/* The longest frame that fits in either direction. */
#define UMEM_FRAME_ROOM (UMEM_FRAME - UMEM_HEADROOM)

struct umem {
	__u8 *area;
	size_t size;
	__u32 tx_free;
	__u64 tx[UMEM_TX_FRAMES];
};

/* -ENOMEM. */
int umem_open(struct umem **out);
void umem_close(struct umem *u);

static inline __u8 *umem_at(const struct umem *u, __u64 addr)
{
	return u->area + addr;
}

/* The caller has looked at tx_free. */
static inline __u64 umem_take(struct umem *u)
{
	return u->tx[--u->tx_free];
}

void umem_give(struct umem *u, __u64 addr);

/* Wipe what lies in front of a frame, so that nobody takes an old record for a new one. */
void umem_wipe_meta(struct umem *u, __u64 addr);

#endif
