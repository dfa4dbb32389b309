/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A connection that a program has, in rings (syngate/channel_ring.h). Indices are ours; those that the program
 * writes are read once, and what makes no sense ends that connection.
 */
#include <errno.h>

#include "app/libport.h"

#define RINGCONN_PIECES 8	    /* of the engine's buffers, in one call */
#define RINGCONN_SHARE	(128u << 10) /* bytes each way in one call */

struct ring_conn {
	struct library_conn k; /* without its pump */
	__u32 rx_tail, tx_head;
	bool up_done, down_done; /* the end carried over: to the program, to the client */
};

enum ring_flow {
	RING_WAIT, /* one side has no data or no room */
	RING_MORE,
	RING_LOST, /* the client is dead */
	RING_CORRUPT,
};

static struct ring_conn *ringconn_of(struct app_conn *c)
{
	return (struct ring_conn *)c;
}

static struct library *ringconn_library(const struct ring_conn *k)
{
	return k->k.port->lib;
}

static struct sg_ring *ringconn_shared(const struct ring_conn *k)
{
	return &ringconn_library(k)->rings->ring[k->k.slot.slot];
}

static __u8 *ringconn_rx(const struct ring_conn *k)
{
	const struct library *l = ringconn_library(k);

	return sg_ring_rx(l->rings, l->ring_conns, l->ring_size, k->k.slot.slot);
}

/* The program is to look at it, when this round is over. */
static void ringconn_news(struct ring_conn *k)
{
	struct sg_ring_memory *m = ringconn_library(k)->rings;
	__u32 slot = k->k.slot.slot;

	__atomic_fetch_or(&m->ready[slot / 64], 1ULL << slot % 64, __ATOMIC_SEQ_CST);
	__atomic_fetch_or(&m->some[slot / 4096], 1ULL << slot / 64 % 64, __ATOMIC_SEQ_CST);
	k->k.port->news = true;
}

static void ringconn_say(struct ring_conn *k, __u32 set, __u32 clear)
{
	struct sg_ring *r = ringconn_shared(k);

	__atomic_store_n(&r->daemon, (SG_READ_ONCE(r->daemon) | set) & ~clear, __ATOMIC_RELEASE);
}

/* --- client to program ----------------------------------------------------------------------- */

/* Into the ring, `n` bytes that there is room for. */
static void ringconn_put(struct ring_conn *k, const struct iovec *iov, __u32 n)
{
	__u32 size = ringconn_library(k)->ring_size, at = k->rx_tail;
	__u8 *ring = ringconn_rx(k);

	for (; n; iov++) {
		__u32 piece = iov->iov_len < n ? (__u32)iov->iov_len : n;

		sg_ring_put(ring, size, at, iov->iov_base, piece);
		at += piece;
		n -= piece;
	}
}

/* Bytes of room in rx; RING_CORRUPT. When there is none the program will say when there is. */
static enum ring_flow ringconn_rx_room(struct ring_conn *k, __u32 *room)
{
	struct sg_ring *r = ringconn_shared(k);
	__u32 size = ringconn_library(k)->ring_size;

	for (int look = 0; look < 2; look++) {
		__u32 used = k->rx_tail - __atomic_load_n(&r->rx_head, __ATOMIC_ACQUIRE);

		if (used > size)
			return RING_CORRUPT;
		*room = size - used;
		if (*room)
			break;
		ringconn_say(k, SG_RING_FULL, 0);
		__atomic_thread_fence(__ATOMIC_SEQ_CST);
	}
	return *room ? RING_MORE : RING_WAIT;
}

static enum ring_flow ringconn_up(struct app *a, struct ring_conn *k, __u32 *moved)
{
	struct sg_ring *r = ringconn_shared(k);
	struct iovec iov[RINGCONN_PIECES];
	enum ring_flow flow;
	__u32 room, there = 0;
	int n;

	if (k->up_done)
		return RING_WAIT;
	n = tcp_recv_peek(a->stack, k->k.c.id, iov, RINGCONN_PIECES);
	if (n < 0)
		return n == -EAGAIN ? RING_WAIT : RING_LOST;
	if (n == 0) {
		k->up_done = true;
		ringconn_say(k, SG_RING_FIN, 0);
		ringconn_news(k);
		return RING_WAIT;
	}
	flow = ringconn_rx_room(k, &room);
	if (flow != RING_MORE)
		return flow;
	for (int i = 0; i < n; i++)
		there += (__u32)iov[i].iov_len;
	if (there > room)
		there = room;
	ringconn_put(k, iov, there);
	k->rx_tail += there;
	__atomic_store_n(&r->rx_tail, k->rx_tail, __ATOMIC_RELEASE);
	ringconn_say(k, 0, SG_RING_FULL);
	tcp_recv_done(a->stack, k->k.c.id, there, a->now);
	ringconn_news(k);
	*moved += there;
	return RING_MORE;
}

/* --- program to client ----------------------------------------------------------------------- */

static __u32 ringconn_get(struct ring_conn *k, const struct iovec *iov, int pieces, __u32 n)
{
	__u32 size = ringconn_library(k)->ring_size, at = k->tx_head;
	const __u8 *ring = ringconn_rx(k) + size;

	for (int i = 0; i < pieces && n; i++) {
		__u32 piece = iov[i].iov_len < n ? (__u32)iov[i].iov_len : n;

		sg_ring_get(ring, size, at, iov[i].iov_base, piece);
		at += piece;
		n -= piece;
	}
	return at - k->tx_head;
}

/* The ring is empty, and the program has said that nothing comes behind it. */
static enum ring_flow ringconn_shut(struct app *a, struct ring_conn *k)
{
	k->down_done = true;
	if (!(k->k.slot.state & SG_CHANNEL_CLOSED)) /* else the whole of it ends */
		tcp_shutdown(a->stack, k->k.c.id, a->now);
	return RING_WAIT;
}

static enum ring_flow ringconn_down(struct app *a, struct ring_conn *k, __u32 *moved)
{
	struct sg_ring *r = ringconn_shared(k);
	__u32 flags = __atomic_load_n(&r->program, __ATOMIC_ACQUIRE); /* in front of the index */
	__u32 used = __atomic_load_n(&r->tx_tail, __ATOMIC_ACQUIRE) - k->tx_head;
	struct iovec iov[RINGCONN_PIECES];
	int n;

	if (used > ringconn_library(k)->ring_size)
		return RING_CORRUPT;
	if (k->down_done)
		return RING_WAIT;
	if (!used && (flags & SG_RING_SHUT || k->k.slot.state & SG_CHANNEL_CLOSED))
		return ringconn_shut(a, k);
	if (!used)
		return RING_WAIT;
	n = tcp_send_room(a->stack, k->k.c.id, iov, used > 2 * TCP_CHUNK ? RINGCONN_PIECES : 2);
	if (n < 0)
		return n == -EAGAIN ? RING_WAIT : RING_LOST;
	used = ringconn_get(k, iov, n, used);
	tcp_send_done(a->stack, k->k.c.id, used, a->now);
	k->tx_head += used;
	__atomic_store_n(&r->tx_head, k->tx_head, __ATOMIC_RELEASE);
	__atomic_thread_fence(__ATOMIC_SEQ_CST); /* the program asks first and looks then */
	if (SG_READ_ONCE(r->program) & SG_RING_WANT &&
	    SG_READ_ONCE(r->tx_tail) - k->tx_head <= ringconn_library(k)->ring_size / 2)
		ringconn_news(k);
	*moved += used;
	return RING_MORE;
}

/* --- events ---------------------------------------------------------------------------------- */

static void ringconn_tell(struct ring_conn *k, int error)
{
	if (!k->k.told)
		libslot_tell(&k->k.slot, error);
	k->k.told = true;
	ringconn_news(k);
}

static void ringconn_lost(struct app *a, struct ring_conn *k)
{
	struct tcp_facts f = {0};

	tcp_info(a->stack, k->k.c.id, a->now, &f);
	ringconn_tell(k, f.error ? -f.error : ECONNRESET);
	app_abort(a, &k->k.c);
}

static enum ring_flow ringconn_share(struct app *a, struct ring_conn *k,
				     enum ring_flow (*way)(struct app *a, struct ring_conn *k,
							   __u32 *moved))
{
	enum ring_flow flow = RING_MORE;
	__u32 moved = 0;

	while (flow == RING_MORE && moved < RINGCONN_SHARE)
		flow = way(a, k, &moved);
	return flow;
}

/* Its program wants it no more, and all that it wrote is on its way. */
static bool ringconn_leaves(struct app *a, struct ring_conn *k)
{
	__u32 state = libslot_look(a, &k->k.slot);

	if (state & SG_CHANNEL_RESET || (state & SG_CHANNEL_CLOSED && state & SG_CHANNEL_LINGER0)) {
		app_abort(a, &k->k.c);
		return true;
	}
	if (!(state & SG_CHANNEL_CLOSED) || !k->down_done)
		return false;
	app_end(a, &k->k.c); /* which resets if there is data that nobody reads any more */
	return true;
}

static void ringconn_event(struct app *a, struct app_conn *c, unsigned events)
{
	struct ring_conn *k = ringconn_of(c);
	enum ring_flow up = RING_WAIT, down;

	if (ringconn_leaves(a, k))
		return;
	if (!(k->k.slot.state & SG_CHANNEL_CLOSED))
		up = ringconn_share(a, k, ringconn_up);
	down = events & TCP_EV_CLOSED ? RING_LOST : ringconn_share(a, k, ringconn_down);
	if (up == RING_CORRUPT || down == RING_CORRUPT)
		a->mib->ProgramRefused++;
	if (up >= RING_LOST || down >= RING_LOST)
		ringconn_lost(a, k);
	else if (ringconn_leaves(a, k))
		return;
	else if (k->up_done && k->down_done)
		app_end(a, c);
	else if (up == RING_MORE || down == RING_MORE)
		app_again(a, c);
}

/* --- beginning and end ----------------------------------------------------------------------- */

static void ringconn_begin(struct app *a, struct ring_conn *k)
{
	struct sg_ring *r = ringconn_shared(k);
	struct tcp_facts f;

	tcp_info(a->stack, k->k.c.id, a->now, &f);
	SG_WRITE_ONCE(r->rx_tail, 0);
	SG_WRITE_ONCE(r->tx_head, 0);
	SG_WRITE_ONCE(r->daemon, 0);
	SG_WRITE_ONCE(r->rx_head, 0);
	SG_WRITE_ONCE(r->tx_tail, 0);
	SG_WRITE_ONCE(r->program, 0);
	r->source = k->k.port->source;
	r->handshake_us = f.handshake_us;
	r->admitted = f.cookie ? SG_CHANNEL_COOKIE : SG_CHANNEL_QUEUE;
	r->tuple = f.tuple;
	r->turn = k->k.port->sent;
	__atomic_store_n(&r->gen, k->k.slot.gen, __ATOMIC_RELEASE);
	ringconn_news(k);
}

static void ringconn_open(struct app *a, struct app_conn *c, struct app_target *to)
{
	struct ring_conn *k = ringconn_of(c);

	k->k.pump.fd = k->k.theirs = k->k.reserved = -1;
	libport_add(to->port, &k->k);
	k->k.slot.ring = c;
	ringconn_begin(a, k);
	libport_given(to->port, &k->k);
}

static void ringconn_drop(struct app *a, struct app_conn *c)
{
	struct ring_conn *k = ringconn_of(c);

	if (!(libslot_look(a, &k->k.slot) & (SG_CHANNEL_CLOSED | SG_CHANNEL_RESET)) &&
	    (!k->up_done || !k->down_done))
		ringconn_tell(k, ECONNRESET);
	libport_remove(k->k.port, &k->k);
}

static bool ringconn_room(struct app *a, struct app_target *to)
{
	(void)a;
	return libport_room(to->port);
}

const struct app_ops app_ring = {
	.name = "ring",
	.size = sizeof(struct ring_conn),
	.room = ringconn_room,
	.open = ringconn_open,
	.event = ringconn_event,
	.drop = ringconn_drop,
};
