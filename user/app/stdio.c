/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A connection of our own, joined to two descriptors: what is read from one goes to the peer,
 * what the peer sends to the other. A side that cannot take more stops the other; each
 * direction ends by itself.
 */
#include <errno.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "app/app.h"
#include "app/endpoint.h"
#include "app/session.h"
#include "io/log.h"

#define STDIO_SHARE  (256u << 10) /* bytes each way in one call */
#define STDIO_PIECES 16

struct stdio {
	struct app_conn c;
	struct session *s;
	bool in_polled, out_polled; /* epoll has it; it does not take regular files */
	bool readable, writable;    /* until it says no */
	bool in_done, out_done; /* the end: of the input; of what the peer sends, carried over */
	bool leaving;		/* idle: gone after the peer's FIN, or soon */
};

/* What moving data comes to. */
enum stdio_flow {
	FLOW_MORE,  /* there may be more */
	FLOW_WAIT,  /* one side has no data or no room */
	FLOW_ENDED, /* it is over, and the state is gone */
};

/* --- the end --------------------------------------------------------------------------------- */

static void stdio_outcome(struct app *a, struct stdio *p, enum session_end end, int error)
{
	p->s->end = end;
	p->s->error = error;
	tcp_info(a->stack, p->c.id, a->now, &p->s->last);
}

static enum stdio_flow stdio_end(struct app *a, struct stdio *p, enum session_end end)
{
	stdio_outcome(a, p, p->leaving ? SESSION_IDLE : end, 0);
	app_end(a, &p->c);
	return FLOW_ENDED;
}

static enum stdio_flow stdio_fail(struct app *a, struct stdio *p, enum session_end end, int error)
{
	stdio_outcome(a, p, end, error);
	app_abort(a, &p->c);
	return FLOW_ENDED;
}

static void stdio_unpoll(struct app *a, bool *polled, int fd)
{
	if (!*polled)
		return;
	epoll_ctl(a->epoll, EPOLL_CTL_DEL, fd, NULL); /* others may keep the file open */
	*polled = false;
	a->descriptors--;
}

static void stdio_drop(struct app *a, struct app_conn *c)
{
	struct stdio *p = (struct stdio *)c;
	__u64 one = 1;

	stdio_unpoll(a, &p->in_polled, p->s->in.fd);
	stdio_unpoll(a, &p->out_polled, p->s->out.fd);
	if (p->s->end == SESSION_RUNS)
		p->s->end = SESSION_CUT;
	if (write(p->s->over, &one, sizeof(one)) != sizeof(one))
		log_error("cannot tell that the connection is over");
}

/* --- data ------------------------------------------------------------------------------------ */

/* No more from us. The stack's own errors show where we read. */
static void stdio_input_ends(struct app *a, struct stdio *p)
{
	p->in_done = true;
	stdio_unpoll(a, &p->in_polled, p->s->in.fd);
	if (!p->s->keep_open || p->out_done)
		tcp_shutdown(a->stack, p->c.id, a->now);
}

static void stdio_output_ends(struct app *a, struct stdio *p)
{
	p->out_done = true;
	stdio_unpoll(a, &p->out_polled, p->s->out.fd);
	nonblock_drop(&p->s->out); /* who reads from it sees the end now */
	if (p->in_done && p->s->keep_open)
		tcp_shutdown(a->stack, p->c.id, a->now);
}

static enum stdio_flow stdio_errno(struct app *a, struct stdio *p, bool *able, enum session_end end)
{
	if (errno == EINTR)
		return FLOW_MORE;
	if (errno != EAGAIN)
		return stdio_fail(a, p, end, errno);
	*able = false;
	return FLOW_WAIT;
}

/* Input to peer, once. */
static enum stdio_flow stdio_up(struct app *a, struct stdio *p, size_t *moved)
{
	struct iovec iov[STDIO_PIECES];
	ssize_t got;
	int n;

	if (p->in_done || !p->readable)
		return FLOW_WAIT;
	n = tcp_send_room(a->stack, p->c.id, iov, STDIO_PIECES);
	if (n < 0)
		return FLOW_WAIT;
	got = readv(p->s->in.fd, iov, n);
	tcp_send_done(a->stack, p->c.id, got > 0 ? (size_t)got : 0, a->now);
	if (got < 0)
		return stdio_errno(a, p, &p->readable, SESSION_INPUT);
	if (got == 0) {
		stdio_input_ends(a, p);
		return FLOW_WAIT;
	}
	p->s->sent += (__u64)got;
	*moved += (size_t)got;
	return FLOW_MORE;
}

/* Peer to output, once. */
static enum stdio_flow stdio_down(struct app *a, struct stdio *p, size_t *moved)
{
	struct iovec iov[STDIO_PIECES];
	ssize_t put;
	int n;

	if (p->out_done || !p->writable)
		return FLOW_WAIT;
	n = tcp_recv_peek(a->stack, p->c.id, iov, STDIO_PIECES);
	if (n == -EAGAIN)
		return FLOW_WAIT;
	if (n < 0)
		return stdio_fail(a, p, SESSION_LOST, -n);
	if (n == 0) {
		stdio_output_ends(a, p);
		return FLOW_WAIT;
	}
	put = writev(p->s->out.fd, iov, n);
	if (put < 0)
		return stdio_errno(a, p, &p->writable, SESSION_OUTPUT);
	tcp_recv_done(a->stack, p->c.id, (size_t)put, a->now);
	p->s->received += (__u64)put;
	*moved += (size_t)put;
	return FLOW_MORE;
}

typedef enum stdio_flow (*stdio_way)(struct app *a, struct stdio *p, size_t *moved);

/* One way until its share is used up. */
static enum stdio_flow stdio_pump(struct app *a, struct stdio *p, stdio_way way, size_t *total)
{
	enum stdio_flow flow = FLOW_MORE;
	size_t moved = 0;

	while (flow == FLOW_MORE && moved < STDIO_SHARE)
		flow = way(a, p, &moved);
	*total += moved;
	return flow;
}

/* Each end has been carried over: is the connection itself over? Its last FIN may be under way. */
static void stdio_settle(struct app *a, struct stdio *p)
{
	struct tcp_facts f;

	if (!p->out_done || tcp_info(a->stack, p->c.id, a->now, &f) || f.state != TCP_CLOSED)
		return;
	if (f.error)
		stdio_fail(a, p, SESSION_LOST, -f.error);
	else if (p->in_done)
		stdio_end(a, p, SESSION_DONE);
}

static void stdio_move(struct app *a, struct stdio *p)
{
	enum stdio_flow up, down;
	size_t moved = 0;

	down = stdio_pump(a, p, stdio_down, &moved); /* all that came, then the error, if any */
	if (down == FLOW_ENDED)
		return;
	up = stdio_pump(a, p, stdio_up, &moved);
	if (up == FLOW_ENDED)
		return;
	if (moved && p->s->wait && !p->leaving)
		app_touch(a, &p->c, p->s->wait);
	if (up == FLOW_MORE || down == FLOW_MORE)
		app_again(a, &p->c);
	else
		stdio_settle(a, p);
}

/* --- events ---------------------------------------------------------------------------------- */

static bool stdio_poll(struct app *a, struct stdio *p, int fd, __u32 events)
{
	struct epoll_event ev = {.events = events | EPOLLET, .data.ptr = p};

	if (epoll_ctl(a->epoll, EPOLL_CTL_ADD, fd, &ev))
		return false;
	a->descriptors++;
	return true;
}

static void stdio_open(struct app *a, struct app_conn *c, struct app_target *to)
{
	struct stdio *p = (struct stdio *)c;

	p->s = to->session;
	p->in_polled = stdio_poll(a, p, p->s->in.fd, EPOLLIN | EPOLLRDHUP);
	p->out_polled = stdio_poll(a, p, p->s->out.fd, EPOLLOUT);
	p->readable = p->writable = true;
	if (p->s->wait)
		app_touch(a, c, p->s->wait);
}

static void stdio_connected(struct app *a, struct stdio *p)
{
	char from[ENDPOINT_TEXT], to[ENDPOINT_TEXT];
	struct tcp_facts f;

	if (tcp_info(a->stack, p->c.id, a->now, &f) || f.state == TCP_SYN_SENT || f.error)
		return;
	p->s->connected = true;
	log_info("connected: %s to %s, rtt %.3f ms, mss %u",
		 endpoint_print(from, &f.tuple.local, f.tuple.lport),
		 endpoint_print(to, &f.tuple.peer, f.tuple.pport), f.srtt_us / 1e3, f.mss);
	if (p->s->wait)
		app_touch(a, &p->c, p->s->wait);
}

static void stdio_event(struct app *a, struct app_conn *c, unsigned events)
{
	struct stdio *p = (struct stdio *)c;

	if (!p->s->connected && events)
		stdio_connected(a, p);
	if (p->s->connected || events & TCP_EV_CLOSED)
		stdio_move(a, p);
}

static void stdio_ready(struct app *a, struct app_conn *c, unsigned events)
{
	struct stdio *p = (struct stdio *)c;

	/* whichever of the two it was: the other one says that it is not */
	p->readable |= !!(events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR));
	p->writable |= !!(events & (EPOLLOUT | EPOLLHUP | EPOLLERR));
	if (p->s->connected)
		stdio_move(a, p);
}

/* Nothing moved for as long as we were told to wait. Whose fault is it? */
static void stdio_expire(struct app *a, struct app_conn *c)
{
	struct stdio *p = (struct stdio *)c;
	struct tcp_facts f;

	tcp_info(a->stack, c->id, a->now, &f);
	if (!p->s->connected)
		stdio_fail(a, p, SESSION_UNANSWERED, ETIMEDOUT);
	else if (f.recv_q) /* ours: who reads our output is slow */
		app_touch(a, c, c->patience->time);
	else if (f.send_q)
		stdio_fail(a, p, SESSION_STUCK, ETIMEDOUT);
	else if (p->leaving || f.state != TCP_ESTABLISHED)
		stdio_fail(a, p, SESSION_IDLE, 0);
	else {
		p->leaving = true;
		p->s->keep_open = false;
		stdio_input_ends(a, p);
		app_touch(a, c, APP_LINGER);
	}
}

const struct app_ops app_stdio = {
	.name = "stdio",
	.size = sizeof(struct stdio),
	.open = stdio_open,
	.event = stdio_event,
	.ready = stdio_ready,
	.expire = stdio_expire,
	.drop = stdio_drop,
};
