/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Two pages between two that cannot be touched:
 *
 *	| PROT_NONE | headroom | linear part | PROT_NONE |
 *
 * A frame that is fenced at its end lies against the last page. One that is fenced at its
 * start begins with its own page, and the headroom cannot be touched either until the
 * program asks for some of it. What is not the frame's is poisoned besides.
 */
#include "memory.h"

#include <errno.h>
#include <linux/if_ether.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "syngate/base.h"
#include "bpf/bpf_helpers.h"

#define PAGE	  4096
#define HEADROOM  256 /* XDP_PACKET_HEADROOM */
#define META_MAX  32  /* of Linux 6.1; later ones allow more */
#define XDP_FRAME 40  /* sizeof(struct xdp_frame), which the kernel keeps in the headroom */

#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/asan_interface.h>
#else
#define ASAN_POISON_MEMORY_REGION(p, n)	  ((void)(p), (void)(n))
#define ASAN_UNPOISON_MEMORY_REGION(p, n) ((void)(p), (void)(n))
#endif

static struct {
	__u8 *head, *linear; /* the two pages */
	__u8 *floor;	     /* where the headroom begins */
	__u8 *meta, *data, *end;
	__u8 *frag; /* what is beyond the linear part */
	size_t frag_len;
	bool no_meta;
} mem;

void memory_close(const void *p, size_t len)
{
	ASAN_POISON_MEMORY_REGION(p, len);
}

static void memory_fail(const char *what)
{
	perror(what);
	abort();
}

/* struct xdp_md has 32-bit pointers. */
static void memory_map(void)
{
	__u8 *p = mmap(NULL, 4 * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);

	if (p == MAP_FAILED)
		memory_fail("mmap below 2 GB");
	mem.head = p + PAGE;
	mem.linear = p + 2 * PAGE;
}

static void memory_protect(__u8 *page, int how)
{
	if (mprotect(page, PAGE, how))
		memory_fail("mprotect");
}

/* The program has moved an edge, or the frame is new: that much and no more may be touched. */
static void memory_fence(void)
{
	ASAN_POISON_MEMORY_REGION(mem.head, 2 * PAGE);
	ASAN_UNPOISON_MEMORY_REGION(mem.meta, (size_t)(mem.end - mem.meta));
	if (mem.meta < mem.linear)
		memory_protect(mem.head, PROT_READ | PROT_WRITE);
}

void memory_place(const void *frame, size_t len, size_t linear, bool fence_start)
{
	size_t head = len < linear ? len : linear;

	if (!mem.head)
		memory_map();
	memory_protect(mem.head, fence_start ? PROT_NONE : PROT_READ | PROT_WRITE);
	memory_protect(mem.linear, PROT_READ | PROT_WRITE);
	free(mem.frag);
	mem.frag_len = len - head;
	mem.frag = mem.frag_len ? malloc(mem.frag_len) : NULL;
	if (mem.frag_len && !mem.frag)
		memory_fail("malloc");
	mem.data = mem.meta = fence_start ? mem.linear : mem.linear + PAGE - head;
	mem.end = mem.data + head;
	mem.floor = mem.data - HEADROOM + XDP_FRAME;
	ASAN_UNPOISON_MEMORY_REGION(mem.head, 2 * PAGE);
	memcpy(mem.data, frame, head);
	if (mem.frag_len)
		memcpy(mem.frag, (const __u8 *)frame + head, mem.frag_len);
	memory_fence();
}

void memory_show(struct xdp_md *ctx)
{
	ctx->data_meta = (__u32)(unsigned long)mem.meta;
	ctx->data = (__u32)(unsigned long)mem.data;
	ctx->data_end = (__u32)(unsigned long)mem.end;
}

void memory_no_meta(bool no_meta)
{
	mem.no_meta = no_meta;
}

int memory_meta(void *to, size_t len)
{
	if ((size_t)(mem.data - mem.meta) != len)
		return -1;
	memcpy(to, mem.meta, len);
	return 0;
}

size_t memory_read(void *to)
{
	size_t head = (size_t)(mem.end - mem.data);

	memcpy(to, mem.data, head);
	if (mem.frag_len)
		memcpy((__u8 *)to + head, mem.frag, mem.frag_len);
	return head + mem.frag_len;
}

/* --- the program's helpers, as net/core/filter.c has them ------------------------------- */

static size_t memory_len(void)
{
	return (size_t)(mem.end - mem.data) + mem.frag_len;
}

__u64 bpf_xdp_get_buff_len(struct xdp_md *ctx)
{
	(void)ctx;
	return memory_len();
}

long bpf_xdp_load_bytes(struct xdp_md *ctx, __u32 off, void *to, __u32 len)
{
	size_t head = (size_t)(mem.end - mem.data), n = 0;

	(void)ctx;
	if (off > 0xffff || len > 0xffff)
		return -EFAULT;
	if (off + len > memory_len())
		return -EINVAL;
	if (off < head) {
		n = len < head - off ? len : head - off;
		memcpy(to, mem.data + off, n);
	}
	if (n < len)
		memcpy((__u8 *)to + n, mem.frag + (off + n - head), len - n);
	return 0;
}

long bpf_xdp_adjust_head(struct xdp_md *ctx, int by)
{
	size_t meta = (size_t)(mem.data - mem.meta);
	__u8 *data = mem.data + by;

	if (data < mem.floor + meta || data > mem.end - ETH_HLEN)
		return -EINVAL;
	mem.data = data;
	mem.meta = data - meta; /* the program moves the frame before it writes metadata */
	memory_fence();
	memory_show(ctx);
	return 0;
}

long bpf_xdp_adjust_meta(struct xdp_md *ctx, int by)
{
	__u8 *meta = mem.meta + by;
	size_t len = (size_t)(mem.data - meta);

	if (mem.no_meta)
		return -ENOTSUP;
	if (meta < mem.floor || meta > mem.data)
		return -EINVAL;
	if (len % 4 || len > META_MAX)
		return -EACCES;
	mem.meta = meta;
	memory_fence();
	memory_show(ctx);
	return 0;
}

/* There is no room behind a frame: it shrinks only, the fragment first. */
long bpf_xdp_adjust_tail(struct xdp_md *ctx, int by)
{
	size_t less = (size_t)-by, cut;

	if (by > 0 || less + ETH_HLEN > memory_len())
		return -EINVAL;
	cut = less < mem.frag_len ? less : mem.frag_len;
	mem.frag_len -= cut;
	mem.end -= less - cut;
	memory_fence();
	memory_show(ctx);
	return 0;
}
