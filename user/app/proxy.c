/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A connection in front of a server that knows nothing of us: what the client sends goes
 * to a kernel socket and back, straight between that socket and the engine's buffers.
 * A side that cannot take more stops the other; a FIN is carried over each way by
 * itself, and so is a RST.
 */
#include <errno.h>
#include <sys/epoll.h>

#include "app/backend.h"
#include "app/endpoint.h"
#include "app/pump.h"
#include "io/log.h"

struct proxy {
	struct app_conn c;
	struct pump pump;
	bool connected;
	struct app_target to;
};

/* --- the end --------------------------------------------------------------------------------- */

static void proxy_drop(struct app *a, struct app_conn *c)
{
	struct proxy *p = (struct proxy *)c;

	if (p->pump.fd < 0)
		return;
	/* a FIN now would say that all has been sent: whatever cut it short, say RST */
	backend_close(p->pump.fd, !p->pump.up_done || !p->pump.down_done);
	p->pump.fd = -1;
	a->descriptors--;
}

static void proxy_refused(struct app *a, struct proxy *p, int error)
{
	char text[ENDPOINT_TEXT];

	a->mib->BackendRefused++;
	log_warn("backend %s: %s", endpoint_print(text, &p->to.backend, p->to.backend_port),
		 strerror(error));
	app_abort(a, &p->c);
}

/* --- data ------------------------------------------------------------------------------------ */

static void proxy_move(struct app *a, struct proxy *p)
{
	enum pump_flow flow;

	if (!p->connected)
		return;
	flow = pump_move(a, p->c.id, &p->pump);
	if (flow == PUMP_RESET)
		app_abort(a, &p->c);
	else if (p->pump.up_done && p->pump.down_done)
		app_end(a, &p->c);
	else if (flow == PUMP_MORE)
		app_again(a, &p->c);
}

/* --- events ---------------------------------------------------------------------------------- */

static void proxy_open(struct app *a, struct app_conn *c, const struct app_target *to)
{
	struct proxy *p = (struct proxy *)c;

	p->to = *to;
	tcp_set_opt(a->stack, c->id, TCP_OPT_NODELAY, 1, a->now); /* the server has its own idea of that */
	p->pump.fd = backend_connect(&to->backend, to->backend_port, a->epoll, p);
	if (p->pump.fd < 0)
		proxy_refused(a, p, -p->pump.fd);
	else
		a->descriptors++;
}

static void proxy_event(struct app *a, struct app_conn *c, unsigned events)
{
	struct proxy *p = (struct proxy *)c;

	if (events & TCP_EV_CLOSED)
		app_abort(a, c); /* reset or timed out: so is the backend's side */
	else
		proxy_move(a, p);
}

static void proxy_ready(struct app *a, struct app_conn *c, unsigned events)
{
	struct proxy *p = (struct proxy *)c;

	if (!p->connected) {
		int error = backend_error(p->pump.fd);

		if (error) {
			proxy_refused(a, p, error);
			return;
		}
		if (!(events & EPOLLOUT))
			return; /* not yet */
		p->connected = true;
		a->mib->BackendConnected++;
	}
	pump_ready(&p->pump, events);
	proxy_move(a, p);
}

const struct app_ops app_proxy = {
	.name = "proxy",
	.size = sizeof(struct proxy),
	.open = proxy_open,
	.event = proxy_event,
	.ready = proxy_ready,
	.drop = proxy_drop,
};
