/* SPDX-License-Identifier: BSD-2-Clause */
#include "app/libport.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

/*
 * So many are on their way to the program at a time, so that it need not wait for us between two. They
 * count as waiting in the accept queue until it takes them.
 */
#define LIBPORT_AHEAD 8

/* --- slots ----------------------------------------------------------------------------------- */

static __u32 libport_slot(struct library_port *p)
{
	__u32 *cell, at;

	if (!p->slot_free)
		return SG_CHANNEL_NO_SLOT;
	p->slot_free--;
	at = p->slot[p->slot_head];
	p->slot_head = (p->slot_head + 1) % p->slots;
	cell = &p->lib->memory->error[at];
	SG_WRITE_ONCE(*cell, ((SG_READ_ONCE(*cell) >> 16) + 1) << 16); /* the next generation */
	SG_WRITE_ONCE(p->lib->memory->end[at], SG_CHANNEL_OPEN);
	return at;
}

static void libport_slot_back(struct library_port *p, __u32 at)
{
	if (at == SG_CHANNEL_NO_SLOT)
		return;
	p->slot[(p->slot_head + p->slot_free) % p->slots] = at;
	p->slot_free++;
}

void libport_tell(const struct library_port *p, __u32 slot, int error)
{
	if (slot != SG_CHANNEL_NO_SLOT)
		__atomic_fetch_or(&p->lib->memory->error[slot], (__u32)error & 0xffff,
				  __ATOMIC_RELEASE);
}

enum sg_channel_end libport_asked(const struct library_conn *k)
{
	if (k->slot == SG_CHANNEL_NO_SLOT)
		return SG_CHANNEL_OPEN;
	return __atomic_load_n(&k->port->lib->memory->end[k->slot], __ATOMIC_ACQUIRE);
}

/* --- the accept queue ------------------------------------------------------------------------ */

static struct sg_queue *libport_queue(const struct library_port *p)
{
	return &p->app->queues[p->listener];
}

static __u32 libport_ahead(const struct library_port *p)
{
	return p->sent - p->taken;
}

/* Those that the program has taken since we last looked are no longer in the accept queue. */
static void libport_settle(struct library_port *p)
{
	__u32 n = SG_READ_ONCE(p->lib->memory->taken[p->source]) - p->taken;

	if (n > libport_ahead(p)) /* it cannot have: all of them, and that is all that it gains */
		n = libport_ahead(p);
	if (!n)
		return;
	p->taken += n;
	__sync_fetch_and_sub(&libport_queue(p)->acceptq, n);
}

/*
 * When it is the program that keeps the queue full, every one that it takes counts at once. Ask for the
 * bell first and look then: it writes down first and looks for the bell then.
 */
static void libport_watch(struct library_port *p)
{
	const struct sg_queue *q = libport_queue(p);
	__u32 ring = libport_ahead(p) && SG_READ_ONCE(q->acceptq) > q->backlog / 2;

	if (SG_READ_ONCE(p->lib->memory->ring) == ring)
		return;
	SG_WRITE_ONCE(p->lib->memory->ring, ring);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	libport_settle(p);
}

bool libport_room(struct library_port *p)
{
	libport_settle(p);
	return !p->closed && !p->stuck && libport_ahead(p) < LIBPORT_AHEAD;
}

/* --- giving them to the program -------------------------------------------------------------- */

/* 0, -EAGAIN: later, or another negative errno. */
static int libport_send(const struct library_port *p, const struct library_conn *k)
{
	char control[CMSG_SPACE(sizeof(int))] __attribute__((aligned(8))) = {0};
	struct sg_channel_conn msg = {
		.magic = SG_CHANNEL_MAGIC,
		.slot = k->slot,
		.source = p->source,
	};
	struct iovec iov = {&msg, sizeof(msg)};
	struct msghdr m = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control,
		.msg_controllen = sizeof(control),
	};
	struct cmsghdr *c = CMSG_FIRSTHDR(&m);
	struct tcp_facts f;

	tcp_info(p->app->stack, k->c.id, p->app->now, &f);
	msg.tuple = f.tuple;
	if (k->slot != SG_CHANNEL_NO_SLOT)
		msg.gen = (__u16)(p->lib->memory->error[k->slot] >> 16);
	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(c), &k->theirs, sizeof(int));
	return sendmsg(p->lib->channel, &m, MSG_DONTWAIT | MSG_NOSIGNAL) < 0 ? -errno : 0;
}

void libport_give(struct library_port *p, struct library_conn *k)
{
	int rc = libport_send(p, k);

	p->stuck = rc == -EAGAIN ? k : NULL;
	if (!p->stuck) { /* or the program is dead, and the main thread will say so */
		close(k->theirs);
		k->theirs = -1;
		k->sent = true;
	}
	libport_watch(p);
}

void libport_add(struct library_port *p, struct library_conn *k)
{
	__sync_fetch_and_add(&libport_queue(p)->acceptq, 1);
	p->holds++;
	k->port = p;
	k->turn = p->sent++;
	k->slot = libport_slot(p);
	k->next = p->conns;
	if (k->next)
		k->next->prev = k;
	p->conns = k;
}

/* It never was on its way: nobody will take it. */
static void libport_not_sent(struct library_port *p, struct library_conn *k)
{
	if (k->sent)
		return;
	if (k->theirs >= 0)
		close(k->theirs);
	if (p->stuck == k)
		p->stuck = NULL;
	if (p->closed)
		return;
	p->sent--; /* it was the last one */
	__sync_fetch_and_sub(&libport_queue(p)->acceptq, 1);
}

static void libport_let_go(struct library_port *p)
{
	struct library_port **at = &p->app->ports;

	if (--p->holds)
		return;
	while (*at != p)
		at = &(*at)->next;
	*at = p->next;
	library_put(p->lib);
	free(p->slot);
	free(p);
}

void libport_remove(struct library_port *p, struct library_conn *k)
{
	libport_not_sent(p, k);
	libport_slot_back(p, k->slot);
	*(k->prev ? &k->prev->next : &p->conns) = k->next;
	if (k->next)
		k->next->prev = k->prev;
	libport_let_go(p);
}

/* The program has taken some, or the channel has room again. */
static void libport_ready(struct app *a, struct app_conn *c, unsigned events)
{
	struct library_port *p = (struct library_port *)c;

	(void)events;
	if (p->closed)
		return;
	if (p->stuck)
		libport_give(p, p->stuck);
	app_accept(a, p->listener);
	libport_watch(p);
}

void library_look(struct app *a)
{
	for (struct library_port *p = a->ports; p; p = p->next)
		if (!p->closed && libport_ahead(p))
			libport_settle(p);
}

/* --- beginning and end ----------------------------------------------------------------------- */

static const struct app_ops libport_ops = {.name = "program", .ready = libport_ready};

static int libport_epoll(struct library_port *p, int fd, unsigned events)
{
	struct epoll_event ev = {.events = events | EPOLLET, .data.ptr = &p->c};

	return epoll_ctl(p->app->epoll, EPOLL_CTL_ADD, fd, &ev);
}

struct library_port *library_port(struct app *a, struct library *l, __u32 listener)
{
	struct library_port *p = calloc(1, sizeof(*p));
	__u32 slots = SG_CHANNEL_SLOTS / l->most;

	if (!p)
		return NULL;
	*p = (struct library_port){.c.ops = &libport_ops,
				   .app = a,
				   .lib = l,
				   .listener = listener,
				   .source = l->ports++,
				   .holds = 1,
				   .slots = slots,
				   .slot_free = slots,
				   .slot = calloc(slots, sizeof(*p->slot))};
	if (!p->slot || libport_epoll(p, l->channel, EPOLLOUT) || libport_epoll(p, l->bell, EPOLLIN)) {
		free(p->slot);
		free(p); /* epoll forgets it with the channel */
		return NULL;
	}
	for (__u32 i = 0; i < slots; i++)
		p->slot[i] = p->source * slots + i;
	atomic_fetch_add(&l->refs, 1);
	p->next = a->ports;
	a->ports = p;
	a->descriptors++;
	return p;
}

/* All but those that the program has closed itself, or those that it has not taken. */
static void libport_reset(struct library_port *p, bool all)
{
	for (struct library_conn *k = p->conns, *next; k; k = next) {
		next = k->next;
		if ((__s32)(k->turn - p->taken) >= 0 ||
		    (all && libport_asked(k) != SG_CHANNEL_CLOSED))
			app_abort(p->app, &k->c);
	}
}

static void libport_close(struct library_port *p)
{
	struct app *a = p->app;

	libport_settle(p);
	p->closed = true;
	epoll_ctl(a->epoll, EPOLL_CTL_DEL, p->lib->channel, NULL);
	epoll_ctl(a->epoll, EPOLL_CTL_DEL, p->lib->bell, NULL);
	a->descriptors--;
	__sync_fetch_and_sub(&libport_queue(p)->acceptq, libport_ahead(p));
}

void library_close(struct app *a, const struct library *l, bool all)
{
	for (struct library_port *p = a->ports, *next; p; p = next) {
		bool was_open = !p->closed;

		next = p->next;
		if (l && p->lib != l)
			continue;
		p->holds++; /* as long as we are at it */
		if (was_open)
			libport_close(p);
		if (was_open || all)
			libport_reset(p, all);
		p->taken = p->sent;
		p->holds -= was_open;
		libport_let_go(p);
	}
}
