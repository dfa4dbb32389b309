/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A bounded ring of records between two threads: one pushes, one pops, nobody waits.
 * Records are of any length up to a quarter of the ring and lie in one piece.
 */
#ifndef DAEMON_RING_H
#define DAEMON_RING_H

#include <linux/types.h>
#include <stdbool.h>
#include <stddef.h>

struct ring {
	__u8 *mem;
	__u32 size; /* a power of two */
	/* the producer's line */
	__u32 head __attribute__((aligned(64))); /* published */
	__u32 reserved;				 /* where head goes when the record is done */
	__u32 tail_seen;
	/* the consumer's line */
	__u32 tail __attribute__((aligned(64)));
	__u32 next; /* where tail goes when the record is done */
};

/* `mem` is 8-aligned and lasts as long as the ring. -EINVAL: size is no power of two >= 64. */
int ring_init(struct ring *r, void *mem, __u32 size);

/* Room for a record of `len` bytes, or NULL: full. Then ring_push() publishes it. */
void *ring_reserve(struct ring *r, __u32 len);
void ring_push(struct ring *r);

/* The oldest record, or NULL. Borrowed until ring_pop(). */
const void *ring_peek(struct ring *r, __u32 *len);
void ring_pop(struct ring *r);

/* Is there something? From either side. */
bool ring_empty(const struct ring *r);

#endif
