/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One AF_XDP socket: the frames of one RX queue in, ours out. Belongs to one thread.
 * Zero-copy where the driver can, else copy mode.
 */
#ifndef IO_XSK_H
#define IO_XSK_H

#include <stdbool.h>
#include <xdp/xsk.h>

#include "io/err.h"
#include "io/umem.h"
#include "syngate/abi.h"

#define XSK_RX_BATCH 64

struct xsk {
	struct umem *mem;
	struct xsk_umem *umem;
	struct xsk_socket *sock;
	struct xsk_ring_prod fill, tx;
	struct xsk_ring_cons rx, comp;
	int fd;
	bool zero_copy;
	__u32 rx_idx; /* of the batch that is out */
	__u32 rx_n;
};

/* A frame that arrived, and the record in front of it (without magic: there is none). */
struct xsk_frame {
	const struct sg_meta *meta;
	const __u8 *data;
	__u32 len;
};

/* `copy`: do not even try zero-copy. Waits a moment for a queue that is being let go. */
int xsk_open(struct xsk **out, const char *ifname, __u32 queue, bool copy, struct err *err);
void xsk_close(struct xsk *x);

/*
 * Up to `max` frames (XSK_RX_BATCH at most). They are borrowed until xsk_rx_done(), which
 * gives all of them back to the kernel.
 */
unsigned xsk_rx(struct xsk *x, struct xsk_frame *f, unsigned max);
void xsk_rx_done(struct xsk *x);

/* How many frames may be sent now. */
unsigned xsk_tx_room(struct xsk *x);

/* A frame to write to, UMEM_FRAME_ROOM bytes; xsk_tx_send() queues its first `len`. */
__u64 xsk_tx_frame(struct xsk *x);
void xsk_tx_send(struct xsk *x, __u64 frame, __u32 len);
void xsk_tx_drop(struct xsk *x, __u64 frame);

/* Get what is queued under way. False: the device would not take all of it, try later. */
bool xsk_tx_kick(struct xsk *x);

#endif
