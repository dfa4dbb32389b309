/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A record is a word with its length, then its bytes, padded to 8. One that would cross
 * the end of the memory begins again at the start, behind a word that says SKIP. `head`
 * and `tail` count bytes without wrapping at the size; both are multiples of 8.
 */
#include "daemon/ring.h"

#include <errno.h>
#include <string.h>

#define RING_WORD 8u
#define RING_SKIP 0xffffffffu

int ring_init(struct ring *r, void *mem, __u32 size)
{
	if (size < 64 || size & (size - 1))
		return -EINVAL;
	memset(r, 0, sizeof(*r));
	r->mem = mem;
	r->size = size;
	return 0;
}

static __u8 *ring_at(const struct ring *r, __u32 pos)
{
	return r->mem + (pos & (r->size - 1));
}

static __u32 ring_space(__u32 len)
{
	return RING_WORD + ((len + RING_WORD - 1) & ~(RING_WORD - 1));
}

static bool ring_fits(struct ring *r, __u32 bytes)
{
	if (r->size - (r->head - r->tail_seen) >= bytes)
		return true;
	r->tail_seen = __atomic_load_n(&r->tail, __ATOMIC_ACQUIRE);
	return r->size - (r->head - r->tail_seen) >= bytes;
}

void *ring_reserve(struct ring *r, __u32 len)
{
	const __u32 skip = RING_SKIP;
	__u32 pos = r->head, space, to_end = r->size - (pos & (r->size - 1));

	if (len > r->size / 4)
		return NULL;
	space = ring_space(len);
	if (!ring_fits(r, space <= to_end ? space : to_end + space))
		return NULL;
	if (space > to_end) {
		memcpy(ring_at(r, pos), &skip, sizeof(skip));
		pos += to_end;
	}
	memcpy(ring_at(r, pos), &len, sizeof(len));
	r->reserved = pos + space;
	return ring_at(r, pos) + RING_WORD;
}

void ring_push(struct ring *r)
{
	__atomic_store_n(&r->head, r->reserved, __ATOMIC_RELEASE);
}

const void *ring_peek(struct ring *r, __u32 *len)
{
	__u32 head = __atomic_load_n(&r->head, __ATOMIC_ACQUIRE);
	__u32 pos = r->tail;

	if (pos == head)
		return NULL;
	memcpy(len, ring_at(r, pos), sizeof(*len));
	if (*len == RING_SKIP) {
		pos += r->size - (pos & (r->size - 1));
		memcpy(len, ring_at(r, pos), sizeof(*len));
	}
	r->next = pos + ring_space(*len);
	return ring_at(r, pos) + RING_WORD;
}

void ring_pop(struct ring *r)
{
	__atomic_store_n(&r->tail, r->next, __ATOMIC_RELEASE);
}

bool ring_empty(const struct ring *r)
{
	return __atomic_load_n(&r->head, __ATOMIC_ACQUIRE) ==
	       __atomic_load_n(&r->tail, __ATOMIC_ACQUIRE);
}
