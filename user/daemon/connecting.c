/* SPDX-License-Identifier: BSD-2-Clause */
/* A connection of our own: the driver is told of its port, the first worker opens it. */
#include <errno.h>
#include <string.h>

#include "app/endpoint.h"
#include "app/session.h"
#include "daemon/dial.h"
#include "daemon/state.h"

struct connecting_call {
	const struct dial *to;
	struct session *session;
	int rc;
};

static void connecting_open(struct worker *w, void *arg)
{
	struct connecting_call *c = arg;
	struct app_target target = {.kind = APP_STDIO, .session = c->session};
	tcp_id id;

	c->rc = tcp_connect(w->stack, &c->to->tuple, c->to->mac, c->to->mss, w->now, &id);
	if (!c->rc)
		app_adopt(&w->app, id, &target);
}

int daemon_connect(struct daemon *d, const struct dial *to, struct session *s, struct err *err)
{
	struct attachment *a = attachment_need(d, to->iface, err);
	struct connecting_call c = {to, s, 0};
	char text[ENDPOINT_TEXT];
	int rc;

	if (!a)
		return -ENODEV;
	front_own_port(a->front, to->tuple.lport); /* before the SYN-ACK can be there */
	rc = worker_call(a->worker[0], connecting_open, &c);
	rc = rc ? rc : c.rc;
	if (rc)
		return err_set(err, rc, EXIT_KERNEL, "cannot connect to %s: %s; try again",
			       endpoint_print(text, &to->tuple.peer, to->tuple.pport),
			       strerror(-rc));
	d->over = s->over;
	return 0;
}
