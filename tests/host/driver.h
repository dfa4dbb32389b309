/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The XDP program, bpf/front.bpf.c, as a function of this process: no kernel, no verifier,
 * but the compiler's sanitizers. A frame lies in memory of its own, fenced byte by byte:
 * poisoned around it under AddressSanitizer, and with a page that cannot be touched right
 * behind its end or right before its start.
 *
 * Whatever the program does that the verifier would have forbidden ends the process.
 */
#ifndef TESTS_HOST_DRIVER_H
#define TESTS_HOST_DRIVER_H

#include <linux/bpf.h>
#include <stdbool.h>
#include <stddef.h>

#include "maps.h"
#include "syngate/abi.h"

#define DRIVER_LINEAR 3520 /* bytes of a frame in its first page; BPF_PROG_TEST_RUN's figure */
#define DRIVER_FRAME  9216

enum driver_fence { FENCE_END, FENCE_START }; /* where the page is that cannot be touched */

struct driver {
	/* set by the test */
	__u64 now_ns;
	enum driver_fence fence;
	__u32 linear; /* the rest of a frame is in a fragment */
	bool no_meta; /* like a NIC driver without metadata */
	struct bpf_sock *(*socket)(const struct bpf_sock_tuple *t, __u32 size);
	/* of the last run */
	int action;
	enum sg_verdict verdict;
	struct sg_meta meta; /* kind 0: there was none */
	__u8 out[DRIVER_FRAME];
	size_t len;
};

extern struct driver driver;

/* Forget all. Sizes as userspace would set them before it loads. */
void driver_reset(__u32 halfopen_buckets, __u32 flow_buckets);

/* One frame on an RX queue; exactly one counter moves. */
void driver_run(const void *frame, size_t len, __u32 queue);

/* The memory alone, for tests of the fence: what `ctx` spans may be touched, no byte more. */
void driver_place(const void *frame, size_t len, struct xdp_md *ctx);

#endif
