/* SPDX-License-Identifier: BSD-2-Clause */
#include "io/xsk.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "io/clock.h"

#define BIND_TRIES  10 /* 10 + 20 + 40 ... ms: a queue is let go asynchronously */
#define SEND_BUFFER (8 << 20)

#ifndef SOL_XDP
#define SOL_XDP 283
#endif

/* All RX frames to the kernel. */
static int xsk_fill(struct xsk *x)
{
	__u32 idx;

	if (xsk_ring_prod__reserve(&x->fill, UMEM_RX_FRAMES, &idx) != UMEM_RX_FRAMES)
		return -ENOSPC;
	for (__u32 i = 0; i < UMEM_RX_FRAMES; i++)
		*xsk_ring_prod__fill_addr(&x->fill, idx + i) = (__u64)i * UMEM_FRAME;
	xsk_ring_prod__submit(&x->fill, UMEM_RX_FRAMES);
	return 0;
}

static int xsk_try(struct xsk *x, const char *ifname, __u32 queue, __u16 how)
{
	const struct xsk_umem_config umem = {
		.fill_size = UMEM_RX_FRAMES,
		.comp_size = UMEM_TX_FRAMES,
		.frame_size = UMEM_FRAME,
	};
	const struct xsk_socket_config sock = {
		.rx_size = UMEM_RX_FRAMES,
		.tx_size = UMEM_TX_FRAMES,
		.libxdp_flags = XSK_LIBXDP_FLAGS__INHIBIT_PROG_LOAD,
		.bind_flags = (__u16)(how | XDP_USE_NEED_WAKEUP),
	};
	int rc;

	/* libxdp sets but part of them, and an earlier try may have left the rest */
	memset(&x->fill, 0, sizeof(x->fill));
	memset(&x->comp, 0, sizeof(x->comp));
	memset(&x->rx, 0, sizeof(x->rx));
	memset(&x->tx, 0, sizeof(x->tx));
	rc = xsk_umem__create(&x->umem, x->mem->area, x->mem->size, &x->fill, &x->comp, &umem);
	if (rc)
		return rc;
	rc = xsk_fill(x); /* before frames can arrive */
	if (!rc)
		rc = xsk_socket__create(&x->sock, ifname, queue, x->umem, &x->rx, &x->tx, &sock);
	if (rc) {
		xsk_umem__delete(x->umem);
		x->umem = NULL;
		return rc;
	}
	x->fd = xsk_socket__fd(x->sock);
	return 0;
}

static int xsk_bind(struct xsk *x, const char *ifname, __u32 queue, bool copy)
{
	int rc = -EOPNOTSUPP;

	if (!copy)
		rc = xsk_try(x, ifname, queue, XDP_ZEROCOPY);
	for (int i = 0; rc && i < BIND_TRIES; i++) {
		if (i)
			clock_pause(10u << (i < 6 ? i - 1 : 5));
		rc = xsk_try(x, ifname, queue, XDP_COPY);
		if (rc != -EBUSY)
			break;
	}
	return rc;
}

static int xsk_explain(struct err *err, int rc, const char *ifname, __u32 queue)
{
	if (rc == -EBUSY)
		return err_set(err, rc, EXIT_KERNEL,
			       "queue %u of %s has another AF_XDP socket: stop the program that "
			       "has it (`ss --xdp` names it)",
			       queue, ifname);
	if (rc == -EPERM)
		return err_set(err, rc, EXIT_KERNEL,
			       "no permission for an AF_XDP socket on %s: run as root", ifname);
	if (rc == -ENOBUFS || rc == -ENOMEM)
		return err_set(err, rc, EXIT_KERNEL,
			       "no memory for the packet buffers of %s queue %u: free some, or "
			       "use fewer queues (`ethtool -L %s`)",
			       ifname, queue, ifname);
	return err_set(err, rc, EXIT_KERNEL, "cannot open an AF_XDP socket on %s queue %u: %s",
		       ifname, queue, strerror(-rc));
}

static void xsk_learn(struct xsk *x)
{
	struct xdp_options opt = {0};
	socklen_t len = sizeof(opt);
	int size = SEND_BUFFER;

	if (!getsockopt(x->fd, SOL_XDP, XDP_OPTIONS, &opt, &len))
		x->zero_copy = opt.flags & XDP_OPTIONS_ZEROCOPY;
	/* bounds what copy mode may have under way; the default is good for 90 frames */
	if (setsockopt(x->fd, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof(size)))
		setsockopt(x->fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
}

int xsk_open(struct xsk **out, const char *ifname, __u32 queue, bool copy, struct err *err)
{
	struct xsk *x = calloc(1, sizeof(*x));
	int rc = -ENOMEM;

	if (!x)
		goto fail;
	rc = umem_open(&x->mem);
	if (rc)
		goto fail;
	rc = xsk_bind(x, ifname, queue, copy);
	if (rc)
		goto fail;
	xsk_learn(x);
	*out = x;
	return 0;
fail:
	if (x)
		umem_close(x->mem);
	free(x);
	return xsk_explain(err, rc, ifname, queue);
}

void xsk_close(struct xsk *x)
{
	if (!x)
		return;
	xsk_socket__delete(x->sock);
	xsk_umem__delete(x->umem);
	umem_close(x->mem);
	free(x);
}

unsigned xsk_rx(struct xsk *x, struct xsk_frame *f, unsigned max)
{
	x->rx_n = xsk_ring_cons__peek(&x->rx, max, &x->rx_idx);
	for (__u32 i = 0; i < x->rx_n; i++) {
		const struct xdp_desc *d = xsk_ring_cons__rx_desc(&x->rx, x->rx_idx + i);

		f[i].data = umem_at(x->mem, d->addr);
		f[i].len = d->len;
		f[i].meta = (const void *)(f[i].data - sizeof(struct sg_meta));
	}
	return x->rx_n;
}

/* The kernel has as many fill slots as there are RX frames: there is always room. */
void xsk_rx_done(struct xsk *x)
{
	__u32 idx;

	if (x->rx_n == 0 || xsk_ring_prod__reserve(&x->fill, x->rx_n, &idx) != x->rx_n)
		return;
	for (__u32 i = 0; i < x->rx_n; i++) {
		__u64 addr = xsk_ring_cons__rx_desc(&x->rx, x->rx_idx + i)->addr;

		umem_wipe_meta(x->mem, addr);
		*xsk_ring_prod__fill_addr(&x->fill, idx + i) = addr & ~(__u64)(UMEM_FRAME - 1);
	}
	xsk_ring_prod__submit(&x->fill, x->rx_n);
	xsk_ring_cons__release(&x->rx, x->rx_n);
	x->rx_n = 0;
	if (x->zero_copy && xsk_ring_prod__needs_wakeup(&x->fill))
		recvfrom(x->fd, NULL, 0, MSG_DONTWAIT, NULL, NULL);
}

/* Frames that the kernel has sent are ours again. */
static void xsk_reclaim(struct xsk *x)
{
	__u32 idx, n = xsk_ring_cons__peek(&x->comp, UMEM_TX_FRAMES, &idx);

	for (__u32 i = 0; i < n; i++)
		umem_give(x->mem, *xsk_ring_cons__comp_addr(&x->comp, idx + i));
	if (n)
		xsk_ring_cons__release(&x->comp, n);
}

unsigned xsk_tx_room(struct xsk *x)
{
	unsigned slots;

	xsk_reclaim(x);
	slots = xsk_prod_nb_free(&x->tx, UMEM_TX_FRAMES);
	return slots < x->mem->tx_free ? slots : x->mem->tx_free;
}

__u64 xsk_tx_frame(struct xsk *x)
{
	return umem_take(x->mem);
}

void xsk_tx_send(struct xsk *x, __u64 frame, __u32 len)
{
	struct xdp_desc *d;
	__u32 idx;

	if (xsk_ring_prod__reserve(&x->tx, 1, &idx) != 1) {
		xsk_tx_drop(x, frame); /* cannot be: the caller looked at xsk_tx_room() */
		return;
	}
	d = xsk_ring_prod__tx_desc(&x->tx, idx);
	d->addr = frame;
	d->len = len;
	d->options = 0;
	xsk_ring_prod__submit(&x->tx, 1);
}

void xsk_tx_drop(struct xsk *x, __u64 frame)
{
	umem_give(x->mem, frame);
}

static __u32 xsk_tx_queued(const struct xsk *x)
{
	return *x->tx.producer - __atomic_load_n(x->tx.consumer, __ATOMIC_ACQUIRE);
}

/* Copy mode sends in the system call, a few dozen frames at a time, and then says EAGAIN. */
bool xsk_tx_kick(struct xsk *x)
{
	__u32 queued = xsk_tx_queued(x);

	if (x->zero_copy) {
		if (queued && xsk_ring_prod__needs_wakeup(&x->tx))
			sendto(x->fd, NULL, 0, MSG_DONTWAIT, NULL, 0);
		return true;
	}
	while (queued) {
		int rc = (int)sendto(x->fd, NULL, 0, MSG_DONTWAIT, NULL, 0);
		__u32 left = xsk_tx_queued(x);

		if (left == queued || (rc < 0 && errno != EAGAIN))
			return left == 0;
		queued = left;
	}
	return true;
}
