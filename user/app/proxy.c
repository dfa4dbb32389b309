/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A connection in front of servers that know nothing of us: what the client sends goes
 * to a kernel socket and back, straight between that socket and the engine's buffers.
 * A side that cannot take more stops the other; a FIN is carried over each way by
 * itself, and so is a RST. The server may be told of the client by a header in front. A server
 * that cannot be connected to is passed over, until there is none left.
 */
#include <endian.h>
#include <errno.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "app/backend.h"
#include "app/backends.h"
#include "app/pump.h"
#include "io/log.h"

struct proxy {
	struct app_conn c;
	struct pump pump;
	bool connected;
	bool greeting; /* the PROXY protocol's header is not all out */
	__u8 greeted;  /* bytes of it that are */
	__u8 asked;    /* number of the server that was asked last */
	__u64 serial;
	struct backends *to;
	struct backend *b; /* with a place there; NULL: there is none yet */
	__u32 tried, listener;
};

/* --- the end --------------------------------------------------------------------------------- */

/* The server's side; `reset`: a FIN would say that all has been sent. */
static void proxy_leave(struct app *a, struct proxy *p, bool reset)
{
	if (p->pump.fd >= 0) {
		backend_close(p->pump.fd, reset);
		a->descriptors--;
	}
	if (p->b)
		backends_give(p->to, p->b);
	p->pump.fd = -1;
	p->b = NULL;
}

static void proxy_drop(struct app *a, struct app_conn *c)
{
	struct proxy *p = (struct proxy *)c;

	proxy_leave(a, p, !p->pump.up_done || !p->pump.down_done);
	backends_drop(p->to);
}

/* --- which server ---------------------------------------------------------------------------- */

/* There is a place at a server. If not: false when its listener has gone, else it waits for one. */
static bool proxy_place(struct app *a, struct proxy *p)
{
	p->b = backends_take(p->to, a->number, p->tried);
	if (p->b)
		app_resumed(&p->c);
	else if (a->listener[p->listener].to.backends != p->to)
		return false;
	else
		app_wait(a, &p->c, p->listener);
	return true;
}

/* This one cannot be had. Is there another? */
static bool proxy_next(struct app *a, struct proxy *p, int error)
{
	backends_failed(p->b, error, a->now);
	proxy_leave(a, p, true);
	if (!backends_left(p->to, p->tried))
		return false;
	app_touch(a, &p->c, SG_NEVER);
	a->mib->BackendRetried++;
	return proxy_place(a, p);
}

static void proxy_refused(struct app *a, struct proxy *p, int error)
{
	char text[ENDPOINT_SERVER_TEXT];

	a->mib->BackendRefused++;
	endpoint_print_server(text, &p->to->backend[p->asked].at);
	log_warn("backend %s: %s", text, strerror(error));
	app_abort(a, &p->c);
}

/* Ask the one that we have a place at, or those after it. The state may be gone then. */
static void proxy_connect(struct app *a, struct proxy *p)
{
	int fd;

	p->connected = false;
	p->pump = (struct pump){.fd = -1};
	p->greeting = p->to->version != PROXY_NONE;
	p->greeted = 0;
	while (p->b) {
		p->asked = (__u8)p->b->number;
		a->mib->BackendDown += SG_READ_ONCE(p->b->down);
		p->tried |= 1u << p->b->number;
		fd = backend_connect(&p->b->at, a->epoll, p);
		if (fd >= 0) {
			p->pump.fd = fd;
			a->descriptors++;
			app_touch(a, &p->c, p->to->connect);
			return;
		}
		if (!proxy_next(a, p, -fd)) {
			proxy_refused(a, p, -fd);
			return;
		}
	}
}

static void proxy_again(struct app *a, struct proxy *p, int error)
{
	if (proxy_next(a, p, error))
		proxy_connect(a, p);
	else
		proxy_refused(a, p, error);
}

/* --- data ------------------------------------------------------------------------------------ */

static size_t proxy_header(struct app *a, const struct proxy *p, __u8 out[PROXY_HEADER_MAX])
{
	__u64 unique[2] = {a->run, htobe64(p->serial)};
	struct tcp_facts f = {0};
	struct proxy_header h;

	tcp_info(a->stack, p->c.id, a->now, &f); /* it is ours, so it is there */
	h = (struct proxy_header){
		.tuple = f.tuple,
		.cookie = f.cookie,
		.handshake_us = f.handshake_us,
	};
	memcpy(h.unique, unique, sizeof(h.unique));
	return proxy_header_make(p->to->version, &h, out);
}

/* The first bytes: the header, in one piece with what the client has sent already. */
static enum pump_flow proxy_greet(struct app *a, struct proxy *p)
{
	__u8 header[PROXY_HEADER_MAX];
	size_t len = proxy_header(a, p, header) - p->greeted;
	struct iovec iov[1 + PUMP_PIECES] = {{header + p->greeted, len}};
	int n = tcp_recv_peek(a->stack, p->c.id, iov + 1, PUMP_PIECES);
	struct msghdr m = {.msg_iov = iov, .msg_iovlen = 1};
	ssize_t sent;

	m.msg_iovlen += n > 0 ? (size_t)n : 0; /* what is wrong shows when it is read */
	sent = sendmsg(p->pump.fd, &m, MSG_DONTWAIT | MSG_NOSIGNAL);
	if (sent < 0)
		return pump_errno(&p->pump.writable);
	p->greeting = (size_t)sent < len;
	if (p->greeting) {
		p->greeted += (__u8)sent;
		return PUMP_MORE;
	}
	if ((size_t)sent > len)
		p->pump.used = true;
	tcp_recv_done(a->stack, p->c.id, (size_t)sent - len, a->now);
	return PUMP_MORE;
}

/* The server is dead. As long as it said and was told nothing, another will do. */
static void proxy_lost(struct app *a, struct proxy *p)
{
	if (!p->pump.used && !p->pump.down_done && proxy_next(a, p, ECONNRESET))
		proxy_connect(a, p);
	else
		app_abort(a, &p->c);
}

static enum pump_flow proxy_pump(struct app *a, struct proxy *p)
{
	enum pump_flow flow = PUMP_MORE;

	while (p->greeting && flow == PUMP_MORE)
		flow = proxy_greet(a, p);
	return p->greeting ? flow : pump_move(a, p->c.id, &p->pump);
}

static void proxy_move(struct app *a, struct proxy *p)
{
	enum pump_flow flow;

	if (!p->connected)
		return;
	flow = proxy_pump(a, p);
	if (p->pump.moved && p->to->idle != SG_NEVER)
		app_touch(a, &p->c, p->to->idle);
	if (flow == PUMP_LOST)
		proxy_lost(a, p);
	else if (flow == PUMP_RESET)
		app_abort(a, &p->c);
	else if (p->pump.up_done && p->pump.down_done)
		app_end(a, &p->c);
	else if (flow == PUMP_MORE)
		app_again(a, &p->c);
}

/* --- events ---------------------------------------------------------------------------------- */

static bool proxy_room(struct app *a, struct app_target *to)
{
	if (!to->place)
		to->place = backends_take(to->backends, a->number, 0);
	if (!to->place)
		a->mib->BackendLimit += app_stall(a, to->listener);
	return to->place;
}

static void proxy_unlisten(struct app *a, struct app_target *to)
{
	(void)a;
	if (to->place)
		backends_give(to->backends, to->place);
}

static void proxy_open(struct app *a, struct app_conn *c, struct app_target *to)
{
	struct proxy *p = (struct proxy *)c;
	int error = 0;

	p->pump.fd = -1;
	p->to = backends_hold(to->backends);
	p->b = to->place;
	to->place = NULL;
	p->listener = to->listener;
	p->serial = a->serial++;
	tcp_get_opt(a->stack, c->id, TCP_OPT_ERROR, &error);
	if (error) { /* it is over already: it had to wait for too long */
		app_abort(a, c);
		return;
	}
	tcp_set_opt(a->stack, c->id, TCP_OPT_NODELAY, 1, a->now); /* the server has its own idea of that */
	proxy_connect(a, p);
}

static void proxy_event(struct app *a, struct app_conn *c, unsigned events)
{
	struct proxy *p = (struct proxy *)c;

	if (events & TCP_EV_CLOSED)
		app_abort(a, c); /* reset or timed out: so is the backend's side */
	else if (p->b)
		proxy_move(a, p);
	else if (proxy_place(a, p))
		proxy_connect(a, p);
	else
		app_abort(a, c);
}

/* False: not yet, or not to this one. */
static bool proxy_is_connected(struct app *a, struct proxy *p, unsigned events)
{
	int error = events & (EPOLLERR | EPOLLHUP) ? backend_error(p->pump.fd) : 0;

	if (error) {
		proxy_again(a, p, error);
		return false;
	}
	p->connected = events & EPOLLOUT;
	if (p->connected) {
		backends_connected(p->b, a->now);
		a->mib->BackendConnected++;
		app_touch(a, &p->c, p->to->idle);
	}
	return p->connected;
}

static void proxy_ready(struct app *a, struct app_conn *c, unsigned events)
{
	struct proxy *p = (struct proxy *)c;

	if (!p->connected && !proxy_is_connected(a, p, events))
		return;
	pump_ready(&p->pump, events);
	proxy_move(a, p);
}

/* The server has not answered in time; or nothing moved for too long, and then both sides go. */
static void proxy_expire(struct app *a, struct app_conn *c)
{
	struct proxy *p = (struct proxy *)c;

	if (!p->connected) {
		a->mib->BackendTimeout++;
		proxy_again(a, p, ETIMEDOUT);
	} else {
		a->mib->BackendIdle++;
		app_abort(a, c);
	}
}

static const struct backend *proxy_backend(const struct app_conn *c, struct backends **holds)
{
	const struct proxy *p = (const struct proxy *)c;

	*holds = backends_hold(p->to);
	return p->b;
}

const struct app_ops app_proxy = {
	.name = "proxy",
	.size = sizeof(struct proxy),
	.room = proxy_room,
	.unlisten = proxy_unlisten,
	.open = proxy_open,
	.event = proxy_event,
	.ready = proxy_ready,
	.expire = proxy_expire,
	.drop = proxy_drop,
	.backend = proxy_backend,
};
