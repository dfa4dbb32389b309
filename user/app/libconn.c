/* SPDX-License-Identifier: BSD-2-Clause */
/* A connection that a program has, at the end of a socket pair. */
#include <errno.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "app/libdial.h"

static struct library_conn *libconn_of(struct app_conn *c)
{
	return (struct library_conn *)c;
}

/* What is told first counts. */
static void libconn_tell(struct library_conn *k, int error)
{
	if (!k->told)
		libslot_tell(&k->slot, error);
	k->told = true;
}

/* Its error is there before its end is. */
static void libconn_drop(struct app *a, struct app_conn *c)
{
	struct library_conn *k = libconn_of(c);

	if (!k->pump.up_done || !k->pump.down_done)
		libconn_tell(k, ECONNRESET);
	if (k->pump.fd >= 0) {
		close(k->pump.fd); /* leaves epoll by itself */
		a->descriptors--;
	}
	if (k->reserved >= 0)
		close(k->reserved);
	libport_remove(k->port, k);
}

static int libconn_pair(struct app *a, struct library_conn *k)
{
	struct epoll_event ev = {
		.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET,
		.data.ptr = k,
	};
	int fd[2];

	k->nonblock = SG_READ_ONCE(k->port->lib->memory->nonblock) == 1;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | (k->nonblock ? SOCK_NONBLOCK : 0), 0,
		       fd))
		return -errno;
	k->pump.fd = fd[0];
	k->theirs = fd[1];
	k->pump.writable = k->pump.pair = true;
	a->descriptors++;
	return epoll_ctl(a->epoll, EPOLL_CTL_ADD, fd[0], &ev) ? -errno : 0;
}

static void libconn_open(struct app *a, struct app_conn *c, struct app_target *to)
{
	struct library_conn *k = libconn_of(c);

	k->pump.fd = k->theirs = k->reserved = -1;
	if (to->own) {
		libport_add_own(to->port, k);
		libdial_open(a, k, to->own);
		return;
	}
	libport_add(to->port, k);
	if (!libconn_pair(a, k)) {
		libport_give(to->port, k);
		return;
	}
	a->mib->TCPAbortOnMemory++; /* no descriptor is left */
	app_abort(a, c);
}

static void libconn_lost(struct app *a, struct library_conn *k)
{
	struct tcp_facts f = {0};

	tcp_info(a->stack, k->c.id, a->now, &f);
	libconn_tell(k, f.error ? -f.error : ECONNRESET);
	app_abort(a, &k->c);
}

/*
 * Its descriptor was closed, and all that it wrote is on its way. By the library, in good order; or by
 * close(2); or because the program is dead, in which case its channel will hang up as well, but the kernel closes
 * descriptors in any order: a moment will tell.
 */
static void libconn_leaves(struct app *a, struct library_conn *k)
{
	__u32 state = libslot_look(a, &k->slot);

	if (state & (SG_CHANNEL_RESET | SG_CHANNEL_LINGER0))
		app_abort(a, &k->c);
	else if (state & SG_CHANNEL_CLOSED)
		app_end(a, &k->c);
	else if (library_is_dead(k->port->lib))
		app_abort(a, &k->c);
	else if (k->parted)
		app_end(a, &k->c);
	else
		app_touch(a, &k->c, APP_PARTING);
}

static void libconn_move(struct app *a, struct library_conn *k)
{
	enum pump_flow flow;

	libslot_look(a, &k->slot);
	if (k->pump.hung_up && k->slot.state & (SG_CHANNEL_RESET | SG_CHANNEL_LINGER0)) {
		app_abort(a, &k->c);
		return;
	}
	flow = pump_move(a, k->c.id, &k->pump);
	if (flow == PUMP_RESET || flow == PUMP_LOST)
		libconn_lost(a, k);
	else if (k->pump.down_done && k->pump.hung_up)
		libconn_leaves(a, k);
	else if (k->pump.down_done && k->pump.up_done)
		app_end(a, &k->c);
	else if (flow == PUMP_MORE)
		app_again(a, &k->c);
}

/* The moment is over, and its program lives. */
static void libconn_expire(struct app *a, struct app_conn *c)
{
	struct library_conn *k = libconn_of(c);

	if (k->dialing) {
		libdial_expire(a, k);
		return;
	}
	k->parted = true;
	libconn_leaves(a, k);
}

static void libconn_event(struct app *a, struct app_conn *c, unsigned events)
{
	struct library_conn *k = libconn_of(c);

	if (k->dialing && !libdial_event(a, k))
		return;
	if (events & TCP_EV_CLOSED)
		libconn_lost(a, k);
	else
		libconn_move(a, k);
}

static void libconn_ready(struct app *a, struct app_conn *c, unsigned events)
{
	struct library_conn *k = libconn_of(c);

	pump_ready(&k->pump, events);
	if (!k->dialing || libdial_event(a, k))
		libconn_move(a, k);
}

static bool libconn_room(struct app *a, struct app_target *to)
{
	(void)a;
	return libport_room(to->port);
}

const struct app_ops app_library = {
	.name = "library",
	.size = sizeof(struct library_conn),
	.room = libconn_room,
	.open = libconn_open,
	.event = libconn_event,
	.ready = libconn_ready,
	.expire = libconn_expire,
	.drop = libconn_drop,
};
