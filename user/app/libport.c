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
#define LIBPORT_AHEAD	    8
#define LIBPORT_AHEAD_RINGS 64 /* no descriptors lie in a socket for them */

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
	__u32 said = SG_READ_ONCE(p->lib->memory->taken[p->source]), n = said - p->seen;

	p->seen = said;
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
	__u32 want = libport_ahead(p) && SG_READ_ONCE(q->acceptq) > q->backlog / 2;
	__u32 *ring = &p->lib->memory->ring[p->source];

	if (SG_READ_ONCE(*ring) == want)
		return;
	SG_WRITE_ONCE(*ring, want);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	libport_settle(p);
}

bool libport_room(struct library_port *p)
{
	__u32 most = p->lib->rings ? LIBPORT_AHEAD_RINGS : LIBPORT_AHEAD;

	libport_settle(p);
	if (p->closed || p->stuck || libport_ahead(p) >= most)
		return false;
	return !p->lib->rings || libslots_room(&p->slots);
}

/* --- giving them to the program -------------------------------------------------------------- */

/* 0, -EAGAIN: later, or another negative errno. */
static int libport_send(const struct library_port *p, const struct library_conn *k)
{
	char control[CMSG_SPACE(sizeof(int))] __attribute__((aligned(8))) = {0};
	struct sg_channel_conn msg = {
		.magic = SG_CHANNEL_MAGIC,
		.slot = k->slot.slot,
		.gen = k->slot.gen,
		.source = p->source,
		.nonblock = k->nonblock,
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
	msg.handshake_us = f.handshake_us;
	msg.admitted = f.cookie ? SG_CHANNEL_COOKIE : SG_CHANNEL_QUEUE;
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

void libport_given(struct library_port *p)
{
	libport_watch(p);
}

static void libport_join(struct library_port *p, struct library_conn *k)
{
	p->holds++;
	k->port = p;
	k->turn = p->sent++;
	libslot_take(&p->slots, &k->slot, k->c.id);
	k->next = p->conns;
	if (k->next)
		k->next->prev = k;
	p->conns = k;
}

void libport_add(struct library_port *p, struct library_conn *k)
{
	__sync_fetch_and_add(&libport_queue(p)->acceptq, 1);
	libport_join(p, k);
}

void libport_add_own(struct library_port *p, struct library_conn *k)
{
	k->sent = true;
	libport_join(p, k);
	p->taken = p->sent;
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

/* It may be among what epoll has just said: library_look() frees it. */
static void libport_let_go(struct library_port *p)
{
	if (--p->holds)
		return;
	epoll_ctl(p->app->epoll, EPOLL_CTL_DEL, p->lib->bell, NULL);
	p->app->descriptors--;
}

static void libport_free(struct library_port *p)
{
	libslots_free(&p->slots);
	library_source_back(p->lib, p->source);
	library_put(p->lib);
	free(p);
}

static void libport_reap(struct app *a)
{
	struct library_port **at = &a->ports, *p;

	while ((p = *at)) {
		if (p->holds) {
			at = &p->next;
			continue;
		}
		*at = p->next;
		libport_free(p);
	}
}

void libport_remove(struct library_port *p, struct library_conn *k)
{
	libport_not_sent(p, k);
	if (k->slot.ring && !(k->slot.state & (SG_CHANNEL_CLOSED | SG_CHANNEL_RESET)))
		libslot_hold(&k->slot);
	else
		libslot_give(&k->slot);
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
	if (p->holds)
		libslots_serve(&p->slots, a);
	if (p->closed || p->listener == LIBRARY_OWN)
		return;
	if (p->stuck)
		libport_give(p, p->stuck);
	app_accept(a, p->listener);
	libport_watch(p);
}

void library_look(struct app *a)
{
	libport_reap(a);
	for (struct library_port *p = a->ports; p; p = p->next) {
		if (!p->closed && libport_ahead(p))
			libport_settle(p);
		if (!p->lib->rings)
			continue;
		if (libslots_asked(&p->slots))
			libslots_serve(&p->slots, a);
		if (!p->closed)
			app_accept(a, p->listener); /* there is room for those that it has taken */
	}
}

void library_ring(struct app *a)
{
	const __u64 one = 1;

	for (struct library_port *p = a->ports; p; p = p->next) {
		if (!p->news)
			continue;
		p->news = false;
		if (SG_READ_ONCE(p->lib->rings->program_sleeps) &&
		    write(p->lib->ring_bell, &one, sizeof(one)) < 0)
			continue; /* EAGAIN: it has been ringing for long */
	}
}

static bool libport_has_taken(const struct library_port *p)
{
	return !p->closed && SG_READ_ONCE(p->lib->memory->taken[p->source]) != p->seen;
}

/* It says what it did first and looks who sleeps then: the other way round here. */
bool library_sleeps(struct app *a)
{
	bool busy = false, rings = false;

	for (struct library_port *p = a->ports; p; p = p->next) {
		if (!p->lib->rings)
			continue;
		SG_WRITE_ONCE(p->lib->rings->daemon_sleeps[p->source], 1);
		rings = true;
	}
	if (!rings)
		return false;
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	for (struct library_port *p = a->ports; p; p = p->next)
		busy |= p->lib->rings && (p->news || libport_has_taken(p) || libslots_asked(&p->slots));
	return busy;
}

void library_wakes(struct app *a)
{
	for (struct library_port *p = a->ports; p; p = p->next)
		if (p->lib->rings)
			SG_WRITE_ONCE(p->lib->rings->daemon_sleeps[p->source], 0);
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
	int source = library_source(l);

	if (!p || source < 0)
		goto err_free;
	*p = (struct library_port){.c.ops = &libport_ops,
				   .app = a,
				   .lib = l,
				   .listener = listener,
				   .source = (__u32)source,
				   .holds = 1};
	p->seen = SG_READ_ONCE(l->memory->taken[source]);
	libslots_init(&p->slots, l, p->source);
	if (listener != LIBRARY_OWN && libport_epoll(p, l->channel, EPOLLOUT))
		goto err_free;
	if (libport_epoll(p, l->bell, EPOLLIN))
		goto err_epoll;
	atomic_fetch_add(&l->refs, 1);
	p->next = a->ports;
	a->ports = p;
	a->descriptors++;
	return p;

err_epoll:
	epoll_ctl(a->epoll, EPOLL_CTL_DEL, l->channel, NULL);
err_free:
	if (source >= 0)
		library_source_back(l, (__u32)source);
	free(p);
	return NULL;
}

/* All but those that the program has closed itself, or those that it has not taken. */
static void libport_reset(struct library_port *p, bool all)
{
	for (struct library_conn *k = p->conns, *next; k; k = next) {
		next = k->next;
		if ((__s32)(k->turn - p->taken) >= 0 ||
		    (all && !(libslot_look(p->app, &k->slot) & SG_CHANNEL_CLOSED)))
			app_abort(p->app, &k->c);
		else if (k->slot.ring) /* it may not have said so any more */
			app_again(p->app, &k->c);
	}
}

static void libport_close(struct library_port *p)
{
	struct app *a = p->app;

	libport_settle(p);
	p->closed = true;
	if (p->listener == LIBRARY_OWN)
		return;
	epoll_ctl(a->epoll, EPOLL_CTL_DEL, p->lib->channel, NULL);
	__sync_fetch_and_sub(&libport_queue(p)->acceptq, libport_ahead(p));
}

void library_close(struct app *a, const struct library *l, bool all)
{
	for (struct library_port *p = a->ports, *next; p; p = next) {
		bool was_open = !p->closed;

		next = p->next;
		if (!p->holds || (l && p->lib != l))
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
	if (!l)
		libport_reap(a);
}
