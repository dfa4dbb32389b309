/* SPDX-License-Identifier: BSD-2-Clause */
#include "app/libdial.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "app/endpoint.h"

void libdial_refuse(int fd, int error, const char *text)
{
	struct sg_channel_connected r = {.reply = {.magic = SG_CHANNEL_MAGIC, .error = error}};

	snprintf(r.reply.text, sizeof(r.reply.text), "%s", text);
	send(fd, &r, sizeof(r), MSG_DONTWAIT | MSG_NOSIGNAL); /* it may have gone */
}

static void libdial_fail(struct app *a, struct library_conn *k, int error)
{
	char peer[ENDPOINT_TEXT], text[ENDPOINT_TEXT + 64];
	struct tcp_facts f = {0};

	tcp_info(a->stack, k->c.id, a->now, &f);
	snprintf(text, sizeof(text), "%s: %s", endpoint_print(peer, &f.tuple.peer, f.tuple.pport),
		 strerror(-error));
	libdial_refuse(k->pump.fd, error, text);
	app_abort(a, &k->c);
}

void libdial_open(struct app *a, struct library_conn *k, struct library_own *own)
{
	struct epoll_event ev = {
		.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET,
		.data.ptr = k,
	};

	k->pump.fd = own->fd;
	k->reserved = own->reserved;
	own->fd = own->reserved = -1;
	k->pump.writable = k->pump.pair = true;
	k->dialing = true;
	a->descriptors++;
	if (epoll_ctl(a->epoll, EPOLL_CTL_ADD, k->pump.fd, &ev))
		libdial_fail(a, k, -ENOMEM);
	else if (own->timeout_s)
		app_touch(a, &k->c, own->timeout_s * SG_SEC);
}

static bool libdial_there(struct app *a, struct library_conn *k, const struct tcp_facts *f)
{
	struct sg_channel_connected r = {
		.reply.magic = SG_CHANNEL_MAGIC,
		.conn = {
			.magic = SG_CHANNEL_MAGIC,
			.slot = k->slot.slot,
			.gen = k->slot.gen,
			.tuple = f->tuple,
			.admitted = SG_CHANNEL_OURS,
		},
	};

	k->dialing = false;
	app_touch(a, &k->c, SG_NEVER);
	if (send(k->pump.fd, &r, sizeof(r), MSG_DONTWAIT | MSG_NOSIGNAL) == sizeof(r))
		return true;
	app_abort(a, &k->c); /* the program has gone, or its socket has no room */
	return false;
}

bool libdial_event(struct app *a, struct library_conn *k)
{
	struct tcp_facts f = {.error = -ECONNRESET};

	tcp_info(a->stack, k->c.id, a->now, &f);
	if (f.error)
		libdial_fail(a, k, f.error);
	else if (k->pump.hung_up)
		app_abort(a, &k->c);
	else if (f.state != TCP_SYN_SENT && f.state != TCP_SYN_RCVD)
		return libdial_there(a, k, &f);
	return false;
}

void libdial_expire(struct app *a, struct library_conn *k)
{
	libdial_fail(a, k, -ETIMEDOUT);
}
