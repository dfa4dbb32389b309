/* SPDX-License-Identifier: BSD-2-Clause */
/* A connection in rings (syngate/channel_ring.h): bytes in and out, without a system call. */
#include <errno.h>

#include "lib/lib.h"

#define RING_FLAGS (MSG_DONTWAIT | MSG_NOSIGNAL)

static bool ring_is_ours(const struct syngate_conn *c)
{
	return __atomic_load_n(&c->ring->gen, __ATOMIC_ACQUIRE) == c->gen;
}

__u32 ring_unread(const struct syngate_conn *c)
{
	return __atomic_load_n(&c->ring->rx_tail, __ATOMIC_ACQUIRE) - c->rx_head;
}

/* --- reading --------------------------------------------------------------------------------- */

/* The FIN stands behind all data: look for it first. */
static bool ring_has_fin(const struct syngate_conn *c)
{
	return __atomic_load_n(&c->ring->daemon, __ATOMIC_ACQUIRE) & SG_RING_FIN;
}

/* The daemon asks first whether it is to be told, and looks then. */
static void ring_read(struct syngate_conn *c, __u32 n)
{
	__u32 size;

	c->rx_head += n;
	__atomic_store_n(&c->ring->rx_head, c->rx_head, __ATOMIC_RELEASE);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	rings_bytes(c, &size);
	if (SG_READ_ONCE(c->ring->daemon) & SG_RING_FULL && ring_unread(c) <= size / 2)
		rings_say(c);
}

/* -EAGAIN: nothing yet. */
static ssize_t ring_try_recv(struct syngate_conn *c, void *buf, size_t len, int flags)
{
	bool fin = ring_has_fin(c);
	__u32 there = ring_unread(c), size;
	const __u8 *rx = rings_bytes(c, &size);

	if (!ring_is_ours(c) || (!there && !fin && !c->deaf))
		return conn_end(c) ?: -EAGAIN;
	if (!there) /* and whatever becomes of the connection then */
		return 0;
	if (len < there)
		there = (__u32)len;
	sg_ring_get(rx, size, c->rx_head, buf, there);
	if (!(flags & MSG_PEEK))
		ring_read(c, there);
	return there;
}

ssize_t ring_recv(struct syngate_conn *c, void *buf, size_t len, int flags)
{
	size_t got = 0;
	ssize_t n;

	if (flags & ~(RING_FLAGS | MSG_PEEK | MSG_WAITALL))
		return why_set(-EOPNOTSUPP, "rings know MSG_DONTWAIT, MSG_PEEK and MSG_WAITALL only");
	if (rings_check(c->l))
		return -EPERM;
	if (!len)
		return 0;
	for (;;) {
		n = ring_try_recv(c, (__u8 *)buf + got, len - got, flags);
		got += n > 0 ? (size_t)n : 0;
		if (n > 0 && flags & MSG_WAITALL && !(flags & MSG_PEEK) && got < len)
			continue;
		if (n != -EAGAIN)
			break;
		if (c->nonblock || flags & MSG_DONTWAIT)
			break;
		n = rings_await(c->l);
		if (n)
			break;
	}
	return got ? (ssize_t)got : n;
}

/* --- writing --------------------------------------------------------------------------------- */

/* Bytes of room; if there is none the daemon is asked to say when there is. */
static __u32 ring_room(const struct syngate_conn *c, __u32 size)
{
	struct sg_ring *r = c->ring;
	__u32 room = 0;

	for (int look = 0; look < 2 && !room; look++) {
		room = size - (c->tx_tail - __atomic_load_n(&r->tx_head, __ATOMIC_ACQUIRE));
		if (room)
			break;
		SG_WRITE_ONCE(r->program, r->program | SG_RING_WANT);
		__atomic_thread_fence(__ATOMIC_SEQ_CST);
	}
	return room;
}

static ssize_t ring_try_send(struct syngate_conn *c, const void *buf, size_t len)
{
	__u32 size, room, n;
	__u8 *tx = rings_bytes(c, &size) + size;
	ssize_t rc;

	if (c->shut)
		return why_set(-EPIPE, "send: after a shutdown");
	rc = ring_is_ours(c) ? 0 : -ECONNRESET;
	rc = conn_end(c) ?: rc;
	if (rc)
		return rc;
	room = ring_room(c, size);
	if (!room)
		return -EAGAIN;
	n = len < room ? (__u32)len : room;
	sg_ring_put(tx, size, c->tx_tail, buf, n);
	c->tx_tail += n;
	__atomic_store_n(&c->ring->tx_tail, c->tx_tail, __ATOMIC_RELEASE);
	rings_say(c);
	return n;
}

ssize_t ring_send(struct syngate_conn *c, const void *buf, size_t len, int flags)
{
	size_t sent = 0;
	ssize_t n = 0;

	if (flags & ~(RING_FLAGS | MSG_MORE))
		return why_set(-EOPNOTSUPP, "rings know MSG_DONTWAIT and MSG_NOSIGNAL only");
	if (rings_check(c->l))
		return -EPERM;
	while (sent < len) {
		n = ring_try_send(c, (const __u8 *)buf + sent, len - sent);
		if (n >= 0) {
			sent += (size_t)n;
			continue;
		}
		if (n != -EAGAIN || c->nonblock || flags & MSG_DONTWAIT)
			break;
		n = rings_await(c->l);
		if (n)
			break;
	}
	return sent || !len ? (ssize_t)sent : n;
}

int ring_shutdown(struct syngate_conn *c, int how)
{
	if (rings_check(c->l))
		return -EPERM;
	if (conn_end(c))
		return why_set(-ENOTCONN, "shutdown: the connection is over");
	if (how != SHUT_RD && how != SHUT_WR && how != SHUT_RDWR)
		return why_set(-EINVAL, "shutdown: %d is no way to do it", how);
	c->deaf |= how != SHUT_WR;
	if (how == SHUT_RD || c->shut)
		return 0;
	c->shut = true;
	__atomic_store_n(&c->ring->program, c->ring->program | SG_RING_SHUT, __ATOMIC_RELEASE);
	rings_say(c);
	return 0;
}

/* --- events ---------------------------------------------------------------------------------- */

unsigned ring_events(struct syngate_conn *c)
{
	unsigned events = 0;
	__u32 size;

	if (ring_has_fin(c) || ring_unread(c))
		events |= SYNGATE_IN;
	if (syngate_error(c))
		return events | SYNGATE_IN | SYNGATE_END;
	rings_bytes(c, &size);
	if (c->ring->program & SG_RING_WANT &&
	    c->tx_tail - __atomic_load_n(&c->ring->tx_head, __ATOMIC_ACQUIRE) <= size / 2) {
		SG_WRITE_ONCE(c->ring->program, c->ring->program & ~(__u32)SG_RING_WANT);
		events |= SYNGATE_OUT;
	}
	return events;
}
