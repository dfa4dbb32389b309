/* SPDX-License-Identifier: BSD-2-Clause */
#include "app/pump.h"

#include <errno.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#define PUMP_SHARE  (128u << 10) /* bytes each way in one call */
#define PUMP_FIRST  2 /* pieces of room at first: taking what is not used costs */

void pump_ready(struct pump *p, unsigned events)
{
	/* errors and ends show when we read or write */
	p->ending |= !!(events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR));
	p->whole = p->pair && events & (EPOLLRDHUP | EPOLLHUP) && !(events & EPOLLERR);
	p->hung_up |= !!(events & EPOLLHUP);
	p->readable |= p->ending || events & EPOLLIN;
	p->writable |= !!(events & (EPOLLOUT | EPOLLHUP | EPOLLERR));
}

static bool pump_hung_up(struct pump *p)
{
	struct pollfd fd = {.fd = p->fd};

	if (!p->hung_up)
		p->hung_up = poll(&fd, 1, 0) > 0 && fd.revents & POLLHUP;
	return p->hung_up;
}

enum pump_flow pump_errno(bool *able)
{
	if (errno == EINTR)
		return PUMP_MORE;
	if (errno != EAGAIN)
		return PUMP_LOST;
	*able = false;
	return PUMP_WAIT;
}

/* Client to socket, once. */
static enum pump_flow pump_up(struct app *a, tcp_id id, struct pump *p, size_t *moved)
{
	struct iovec iov[PUMP_PIECES];
	struct msghdr m = {.msg_iov = iov};
	ssize_t sent;
	int n;

	if (p->up_done || !p->writable)
		return PUMP_WAIT;
	n = tcp_recv_peek(a->stack, id, iov, PUMP_PIECES);
	if (n == -EAGAIN)
		return PUMP_WAIT;
	if (n < 0)
		return PUMP_RESET;
	if (n == 0) {
		p->up_done = true;
		if (p->down_done) /* it will be closed, and that is a FIN */
			return PUMP_WAIT;
		return shutdown(p->fd, SHUT_WR) ? PUMP_LOST : PUMP_WAIT;
	}
	m.msg_iovlen = (size_t)n;
	sent = sendmsg(p->fd, &m, MSG_DONTWAIT | MSG_NOSIGNAL);
	if (sent < 0 && errno == EPIPE && p->pair) {
		p->up_done = true; /* nobody reads any more: it waits for whoever does, as in Linux */
		return PUMP_WAIT;
	}
	if (sent < 0)
		return pump_errno(&p->writable);
	tcp_recv_done(a->stack, id, (size_t)sent, a->now);
	*moved += (size_t)sent;
	return PUMP_MORE;
}

/* All of it is read. */
static void pump_down_ends(struct app *a, tcp_id id, struct pump *p)
{
	p->down_done = true;
	if (!p->pair || !pump_hung_up(p)) /* else its owner says how it ends */
		tcp_shutdown(a->stack, id, a->now);
}

/* Socket to client, once. */
static enum pump_flow pump_down(struct app *a, tcp_id id, struct pump *p, size_t *moved)
{
	struct iovec iov[PUMP_PIECES];
	struct msghdr m = {.msg_iov = iov};
	size_t room = 0;
	ssize_t got;
	int n;

	if (p->down_done || !p->readable)
		return PUMP_WAIT;
	n = tcp_send_room(a->stack, id, iov, p->bulk ? PUMP_PIECES : PUMP_FIRST);
	if (n < 0)
		return n == -EAGAIN ? PUMP_WAIT : PUMP_RESET;
	m.msg_iovlen = (size_t)n;
	got = recvmsg(p->fd, &m, MSG_DONTWAIT);
	if (got <= 0)
		tcp_send_done(a->stack, id, 0, a->now);
	if (got < 0)
		return pump_errno(&p->readable);
	if (got == 0) {
		pump_down_ends(a, id, p);
		return PUMP_WAIT;
	}
	tcp_send_done(a->stack, id, (size_t)got, a->now);
	*moved += (size_t)got;
	for (int i = 0; i < n; i++)
		room += iov[i].iov_len;
	/* less than there was room for: empty (epoll(7)), unless its end is still to be read */
	p->readable = p->ending || (size_t)got == room;
	if (p->whole && (size_t)got < room)
		pump_down_ends(a, id, p);
	p->bulk = (size_t)got == room || (size_t)got > PUMP_FIRST * TCP_CHUNK;
	return PUMP_MORE;
}

typedef enum pump_flow (*pump_way)(struct app *a, tcp_id id, struct pump *p, size_t *moved);

/* One way until its share is used up. */
static enum pump_flow pump_share(struct app *a, tcp_id id, struct pump *p, pump_way way)
{
	enum pump_flow flow = PUMP_MORE;
	size_t moved = 0;

	while (flow == PUMP_MORE && moved < PUMP_SHARE)
		flow = way(a, id, p, &moved);
	p->moved |= moved > 0;
	return flow;
}

enum pump_flow pump_move(struct app *a, tcp_id id, struct pump *p)
{
	enum pump_flow up, down;

	p->moved = false;
	up = pump_share(a, id, p, pump_up);
	down = up == PUMP_RESET || up == PUMP_LOST ? up : pump_share(a, id, p, pump_down);
	p->used |= p->moved;
	return down == PUMP_WAIT ? up : down;
}
