/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/lib.h"

void conn_begin(struct syngate_conn *c, struct syngate_listener *l, const struct sg_channel_conn *m,
		int fd)
{
	atomic_fetch_add(&l->refs, 1);
	c->l = l;
	c->fd = fd;
	c->tuple = m->tuple;
	c->slot = m->slot < SG_CHANNEL_SLOTS ? m->slot : SG_CHANNEL_NO_SLOT;
	c->gen = m->gen;
	c->handshake_us = m->handshake_us;
	c->admitted = (enum syngate_admitted)m->admitted;
}

void conn_mode(struct syngate_conn *c, bool nonblock)
{
	fcntl(c->fd, F_SETFL, O_RDWR | (nonblock ? O_NONBLOCK : 0));
}

int syngate_fd(const struct syngate_conn *c)
{
	return c->fd;
}

/* --- how it ended ---------------------------------------------------------------------------- */

static bool conn_daemon_is_gone(const struct syngate_conn *c)
{
	struct pollfd p = {.fd = c->l->channel, .events = POLLRDHUP};

	if (c->ring)
		return rings_daemon_is_gone(c->l);
	return poll(&p, 1, 0) > 0 && p.revents & (POLLRDHUP | POLLHUP | POLLERR);
}

int syngate_error(const struct syngate_conn *c)
{
	__u64 word = (__u64)c->gen << 32;

	if (c->slot != SG_CHANNEL_NO_SLOT)
		word = __atomic_load_n(&c->l->memory->slot[c->slot].error, __ATOMIC_ACQUIRE);
	if (word == (__u64)c->gen << 32)
		return conn_daemon_is_gone(c) ? -ECONNRESET : 0;
	/* another generation: it has been over for long, and nobody knows how */
	return word == ((__u64)c->gen << 32 | ETIMEDOUT) ? -ETIMEDOUT : -ECONNRESET;
}

/* The end of the stream: or of the connection, or of the daemon? */
ssize_t conn_end(const struct syngate_conn *c)
{
	int error = syngate_error(c);

	if (error)
		why_set(error, error == -ETIMEDOUT ? "the peer no longer answers"
						   : "the connection was reset");
	return error;
}

ssize_t syngate_recv(struct syngate_conn *c, void *buf, size_t len, int flags)
{
	ssize_t n;

	if (c->ring)
		return ring_recv(c, buf, len, flags);
	n = recv(c->fd, buf, len, flags);
	if (n > 0 || (n == 0 && len == 0))
		return n;
	if (n == 0 || errno == ECONNRESET)
		return conn_end(c) ?: n < 0 ? -ECONNRESET : 0;
	return why_set(-errno, "recv: %s", strerror(errno));
}

ssize_t syngate_send(struct syngate_conn *c, const void *buf, size_t len, int flags)
{
	ssize_t n;
	int error;

	if (c->ring)
		return ring_send(c, buf, len, flags);
	n = send(c->fd, buf, len, flags | MSG_NOSIGNAL);
	if (n >= 0)
		return n;
	error = errno;
	if (error == EPIPE || error == ECONNRESET)
		return conn_end(c) ?: why_set(-error, "send: %s", strerror(error));
	return why_set(-error, "send: %s", strerror(error));
}

void syngate_set_data(struct syngate_conn *c, void *data)
{
	c->data = data;
}

void *syngate_data(const struct syngate_conn *c)
{
	return c->data;
}

/* --- who ------------------------------------------------------------------------------------- */

static int conn_sockaddr(const struct sg_addr *a, __u16 port, struct sockaddr *to, socklen_t *len)
{
	struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(port)};
	struct sockaddr_in6 in6 = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
	const void *from = sg_addr_is4(a) ? (const void *)&in : &in6;
	socklen_t size = sg_addr_is4(a) ? sizeof(in) : sizeof(in6);

	if (!to || !len)
		return why_set(-EINVAL, "an address needs a place and its length");
	memcpy(&in.sin_addr, a->addr + 12, 4);
	memcpy(&in6.sin6_addr, a->addr, 16);
	memcpy(to, from, size < *len ? size : *len);
	*len = size;
	return 0;
}

int syngate_peer(const struct syngate_conn *c, struct sockaddr *addr, socklen_t *len)
{
	return conn_sockaddr(&c->tuple.peer, c->tuple.pport, addr, len);
}

int syngate_local(const struct syngate_conn *c, struct sockaddr *addr, socklen_t *len)
{
	return conn_sockaddr(&c->tuple.local, c->tuple.lport, addr, len);
}

/* --- the end --------------------------------------------------------------------------------- */

int syngate_shutdown(struct syngate_conn *c, int how)
{
	if (c->ring)
		return ring_shutdown(c, how);
	return shutdown(c->fd, how) ? why_set(-errno, "shutdown: %s", strerror(errno)) : 0;
}

static void conn_close(struct syngate_conn *c, __u32 how)
{
	/* it may be over already, or our parent's */
	bool told = c->slot != SG_CHANNEL_NO_SLOT && slot_change(c, 0, how) == 0;

	if (c->ring) {
		rings_forget(c);
		if (told)
			rings_say(c);
	} else {
		close(c->fd);
	}
	listener_put(c->l);
	free(c);
}

void syngate_close(struct syngate_conn *c)
{
	conn_close(c, c->ring && ring_unread(c) ? SG_CHANNEL_RESET : SG_CHANNEL_CLOSED);
}

void syngate_abort(struct syngate_conn *c)
{
	conn_close(c, SG_CHANNEL_RESET);
}
