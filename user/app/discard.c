/* SPDX-License-Identifier: BSD-2-Clause */
/* Everything is read and dropped (RFC 863); closes when the peer does. */
#include <errno.h>

#include "app/app.h"

#define DISCARD_TURNS  16
#define DISCARD_PIECES 16

/* As tcp_recv_peek(), with what it showed used up. */
static int discard_some(struct app *a, struct app_conn *c)
{
	struct iovec iov[DISCARD_PIECES];
	int n = tcp_recv_peek(a->stack, c->id, iov, DISCARD_PIECES);
	size_t len = 0;

	for (int i = 0; i < n; i++)
		len += iov[i].iov_len;
	if (n > 0)
		tcp_recv_done(a->stack, c->id, len, a->now);
	return n;
}

static void discard_event(struct app *a, struct app_conn *c, unsigned events)
{
	int n = events & TCP_EV_CLOSED ? -ECONNRESET : 1;

	for (int turn = 0; n > 0 && turn < DISCARD_TURNS; turn++)
		n = discard_some(a, c);
	if (n > 0)
		app_again(a, c);
	else if (n != -EAGAIN)
		app_end(a, c);
}

static void discard_open(struct app *a, struct app_conn *c, struct app_target *to)
{
	(void)a;
	(void)c;
	(void)to;
}

const struct app_ops app_discard = {
	.name = "discard",
	.size = sizeof(struct app_conn),
	.open = discard_open,
	.event = discard_event,
};

/* Never accepts, so that its accept queue can be looked at. */
const struct app_ops app_hold = {.name = "hold"};
