/* SPDX-License-Identifier: BSD-2-Clause */
#include "io/umem.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "syngate/abi.h"

#define UMEM_FRAMES (UMEM_RX_FRAMES + UMEM_TX_FRAMES)

int umem_open(struct umem **out)
{
	struct umem *u = calloc(1, sizeof(*u));

	if (!u)
		return -ENOMEM;
	u->size = (size_t)UMEM_FRAMES * UMEM_FRAME;
	u->area = mmap(NULL, u->size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (u->area == MAP_FAILED) {
		free(u);
		return -ENOMEM;
	}
	while (u->tx_free < UMEM_TX_FRAMES) {
		u->tx[u->tx_free] = (__u64)(UMEM_FRAMES - 1 - u->tx_free) * UMEM_FRAME;
		u->tx_free++;
	}
	*out = u;
	return 0;
}

void umem_close(struct umem *u)
{
	if (!u)
		return;
	munmap(u->area, u->size);
	free(u);
}

void umem_give(struct umem *u, __u64 addr)
{
	if (u->tx_free < UMEM_TX_FRAMES)
		u->tx[u->tx_free++] = addr & ~(__u64)(UMEM_FRAME - 1);
}

void umem_wipe_meta(struct umem *u, __u64 addr)
{
	__u64 base = addr & ~(__u64)(UMEM_FRAME - 1);
	__u64 used = addr - base;

	memset(umem_at(u, base) + UMEM_HEADROOM - sizeof(struct sg_meta), 0,
	       sizeof(struct sg_meta));
	if (used >= sizeof(struct sg_meta)) /* a driver with a headroom of its own */
		memset(umem_at(u, addr) - sizeof(struct sg_meta), 0, sizeof(struct sg_meta));
}
