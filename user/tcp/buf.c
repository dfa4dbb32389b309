/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A window onto a byte stream, kept in chunks that are found by position in one step.
 * Chunks that hold nothing are not there, so data far out of order costs what it brings.
 */
#include <string.h>

#include "tcp/stack.h"

static __u32 *buf_slot(const struct tcp_stack *s, struct buf *b, __u32 i)
{
	if (b->dir == NIL)
		return &b->inl[(b->first + i) % BUF_INLINE];
	return &((__u32 *)(void *)chunk_at(s, b->dir))[(b->first + i) % BUF_DIR];
}

/* Make the list long enough for chunk i. */
static bool buf_grow(struct tcp_stack *s, struct buf *b, __u32 i)
{
	__u32 *list;
	__u32 dir;

	if (i >= BUF_DIR)
		return false;
	if (b->dir == NIL && i >= BUF_INLINE) {
		dir = chunk_new(s);
		if (dir == NIL)
			return false;
		list = (__u32 *)(void *)chunk_at(s, dir);
		memset(list, 0, TCP_CHUNK);
		for (__u32 k = 0; k < BUF_INLINE; k++)
			list[k] = b->inl[(b->first + k) % BUF_INLINE];
		memset(b->inl, 0, sizeof(b->inl));
		b->dir = dir;
		b->first = 0;
	}
	if (b->span <= i)
		b->span = i + 1;
	return true;
}

/* The memory at `pos`, and how much of it runs on in this chunk. NULL: no chunk is left. */
static __u8 *buf_at(struct tcp_stack *s, struct buf *b, __u32 pos, __u32 *run)
{
	__u32 at = b->off + pos;
	__u32 *slot;

	if (!buf_grow(s, b, at / TCP_CHUNK))
		return NULL;
	slot = buf_slot(s, b, at / TCP_CHUNK);
	if (*slot == NIL)
		*slot = chunk_new(s);
	if (*slot == NIL)
		return NULL;
	*run = TCP_CHUNK - at % TCP_CHUNK;
	return chunk_at(s, *slot) + at % TCP_CHUNK;
}

__u32 buf_write(struct tcp_stack *s, struct buf *b, __u32 pos, const void *data, __u32 len)
{
	__u32 done = 0, run;

	while (done < len) {
		__u8 *to = buf_at(s, b, pos + done, &run);

		if (!to)
			break;
		if (run > len - done)
			run = len - done;
		memcpy(to, (const __u8 *)data + done, run);
		done += run;
	}
	return done;
}

int buf_read(const struct tcp_stack *s, const struct buf *b, __u32 pos, __u32 len,
	     struct iovec *iov, int max)
{
	int n = 0;

	while (len > 0 && n < max) {
		__u32 at = b->off + pos;
		__u32 run = TCP_CHUNK - at % TCP_CHUNK;
		__u32 chunk = *buf_slot(s, (struct buf *)b, at / TCP_CHUNK);

		if (run > len)
			run = len;
		iov[n].iov_base = chunk_at(s, chunk) + at % TCP_CHUNK;
		iov[n++].iov_len = run;
		pos += run;
		len -= run;
	}
	return n;
}

int buf_room(struct tcp_stack *s, struct buf *b, __u32 pos, __u32 len, struct iovec *iov, int max)
{
	int n = 0;
	__u32 run;

	while (len > 0 && n < max) {
		__u8 *at = buf_at(s, b, pos, &run);

		if (!at)
			break;
		if (run > len)
			run = len;
		iov[n].iov_base = at;
		iov[n++].iov_len = run;
		pos += run;
		len -= run;
	}
	return n;
}

static void buf_drop_first(struct tcp_stack *s, struct buf *b)
{
	__u32 *slot = buf_slot(s, b, 0);

	if (*slot != NIL)
		chunk_free(s, *slot);
	*slot = NIL;
	b->first = (__u16)((b->first + 1) % (b->dir == NIL ? BUF_INLINE : BUF_DIR));
	if (b->span > 0)
		b->span--;
}

void buf_drop(struct tcp_stack *s, struct buf *b, __u32 n, bool keep)
{
	__u32 at = b->off + n;

	b->len -= n;
	for (; at >= TCP_CHUNK; at -= TCP_CHUNK)
		buf_drop_first(s, b);
	b->off = (__u16)at;
	if (b->len == 0 && !keep)
		buf_clear(s, b);
}

void buf_trim(struct tcp_stack *s, struct buf *b)
{
	__u32 keep = (b->off + b->len + TCP_CHUNK - 1) / TCP_CHUNK;

	if (b->len == 0) {
		buf_clear(s, b);
		return;
	}
	for (; b->span > keep; b->span--) {
		__u32 *slot = buf_slot(s, b, b->span - 1);

		if (*slot != NIL)
			chunk_free(s, *slot);
		*slot = NIL;
	}
}

void buf_clear(struct tcp_stack *s, struct buf *b)
{
	while (b->span > 0)
		buf_drop_first(s, b);
	if (b->dir != NIL)
		chunk_free(s, b->dir);
	memset(b, 0, sizeof(*b));
}
