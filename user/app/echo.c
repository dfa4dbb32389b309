/* SPDX-License-Identifier: BSD-2-Clause */
/* What comes in goes back (RFC 862); after the peer's FIN and the last byte, ours. */
#include <errno.h>

#include "app/app.h"

#define ECHO_SHARE  (256u << 10)
#define ECHO_PIECES 16

/* Returns bytes moved; 0: end of stream; or a negative errno, -EAGAIN: wait. */
static ssize_t echo_move(struct app *a, struct app_conn *c)
{
	struct iovec iov[ECHO_PIECES];
	int n = tcp_recv_peek(a->stack, c->id, iov, ECHO_PIECES);
	ssize_t sent = 0, done = 0;

	if (n <= 0)
		return n;
	for (int i = 0; i < n; i++) {
		sent = tcp_send(a->stack, c->id, iov[i].iov_base, iov[i].iov_len, a->now);
		if (sent > 0)
			done += sent;
		if (sent < (ssize_t)iov[i].iov_len)
			break;
	}
	if (done == 0)
		return sent < 0 ? sent : -EAGAIN;
	tcp_recv_done(a->stack, c->id, (size_t)done, a->now);
	return done;
}

static void echo_event(struct app *a, struct app_conn *c, unsigned events)
{
	ssize_t n = 1;

	if (events & TCP_EV_CLOSED)
		n = -ECONNRESET;
	for (size_t moved = 0; n > 0 && moved < ECHO_SHARE; moved += (size_t)n) {
		n = echo_move(a, c);
		if (n <= 0)
			break;
	}
	if (n > 0)
		app_again(a, c);
	else if (n != -EAGAIN)
		app_end(a, c); /* FIN behind what is still to be sent */
}

static void echo_open(struct app *a, struct app_conn *c, struct app_target *to)
{
	(void)a;
	(void)c;
	(void)to;
}

const struct app_ops app_echo = {
	.name = "echo",
	.size = sizeof(struct app_conn),
	.open = echo_open,
	.event = echo_event,
};
