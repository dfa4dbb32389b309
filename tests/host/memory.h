/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The memory of one frame as an XDP driver lays it out: headroom, the linear part, and a
 * fragment for the rest. The helpers that read and move its edges are here too.
 */
#ifndef TESTS_HOST_MEMORY_H
#define TESTS_HOST_MEMORY_H

#include <stdbool.h>
#include <stddef.h>

#include <linux/bpf.h>

/* Copy a frame in; fenced at its start, or at its end. */
void memory_place(const void *frame, size_t len, size_t linear, bool fence_start);

/* Its edges, as the program sees them. */
void memory_show(struct xdp_md *ctx);

/* Like a NIC driver that has no room for metadata. */
void memory_no_meta(bool no_meta);

/* The metadata in front of it. 0, or -1: there is none of this length. */
int memory_meta(void *to, size_t len);

/* The frame as it is now; returns its length. */
size_t memory_read(void *to);

/* Under AddressSanitizer: nobody may touch these bytes. */
void memory_close(const void *p, size_t len);

#endif
