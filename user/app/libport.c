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
#define LIBPORT_AHEAD	    32
#define LIBPORT_AHEAD_RINGS 64 /* no descriptors lie in a socket for them */

/* --- the accept queue ------------------------------------------------------------------------ */

static struct sg_queue *libport_queue(const struct library_port *p)
{
	return &p->app->queues[p->listener];
}

__u32 libport_ahead(const struct library_port *p)
{
	return p->sent - p->taken + p->waiting;
}

/* Those that the program has taken since we last looked are no longer in the accept queue. */
static void libport_settle(struct library_port *p)
{
	__u32 said = SG_READ_ONCE(p->lib->memory->taken[p->source]), n = said - p->seen;

	p->seen = said;
	if (n > p->sent - p->taken) /* it cannot have: all of them, and that is all that it gains */
		n = p->sent - p->taken;
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

#define LIBPORT_MESSAGES 8 /* in one system call */

/* Connections, each with its descriptor. */
struct libport_message {
	struct sg_channel_conn conn[SG_CHANNEL_BATCH];
	char control[CMSG_SPACE(SG_CHANNEL_BATCH * sizeof(int))] __attribute__((aligned(8)));
	struct iovec iov;
};

static void libport_describe(const struct library_port *p, const struct library_conn *k,
			     struct sg_channel_conn *to)
{
	struct tcp_facts f;

	tcp_info(p->app->stack, k->c.id, p->app->now, &f);
	*to = (struct sg_channel_conn){
		.magic = SG_CHANNEL_MAGIC,
		.slot = k->slot.slot,
		.gen = k->slot.gen,
		.source = p->source,
		.tuple = f.tuple,
		.handshake_us = f.handshake_us,
		.admitted = f.cookie ? SG_CHANNEL_COOKIE : SG_CHANNEL_QUEUE,
		.nonblock = k->nonblock,
	};
}

/* As many as one message takes, from `k` on. Returns the first one behind. */
static struct library_conn *libport_pack(const struct library_port *p, struct library_conn *k,
					 struct libport_message *m, struct msghdr *h)
{
	int fd[SG_CHANNEL_BATCH];
	struct cmsghdr *c;
	unsigned n = 0;

	for (; k && n < p->lib->batch; k = k->out_next) {
		libport_describe(p, k, &m->conn[n]);
		fd[n++] = k->theirs;
	}
	m->iov = (struct iovec){m->conn, n * sizeof(m->conn[0])};
	*h = (struct msghdr){
		.msg_iov = &m->iov,
		.msg_iovlen = 1,
		.msg_control = m->control,
		.msg_controllen = CMSG_SPACE(n * sizeof(int)),
	};
	c = CMSG_FIRSTHDR(h);
	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(n * sizeof(int));
	memcpy(CMSG_DATA(c), fd, n * sizeof(int));
	return k;
}

/* The first of those that are to go is on its way. */
static void libport_gone(struct library_port *p)
{
	struct library_conn *k = p->out;

	p->out = k->out_next;
	if (!p->out)
		p->out_last = &p->out;
	close(k->theirs);
	k->theirs = -1;
	k->sent = true;
	k->turn = p->sent++;
	p->waiting--;
}

/* One system call's worth. False: there is no room until the program has taken some. */
static bool libport_send(struct library_port *p)
{
	struct libport_message message[LIBPORT_MESSAGES];
	struct mmsghdr h[LIBPORT_MESSAGES];
	struct library_conn *k = p->out;
	unsigned n = 0, conns = 0;
	int sent;

	while (k && n < LIBPORT_MESSAGES) {
		k = libport_pack(p, k, &message[n], &h[n].msg_hdr);
		n++;
	}
	sent = sendmmsg(p->lib->channel, h, n, MSG_DONTWAIT | MSG_NOSIGNAL);
	if (sent < 0 && errno != EPIPE && errno != ECONNRESET)
		return false;
	if (sent < 0) /* the program is dead, and the main thread will say so */
		sent = 1;
	for (int i = 0; i < sent; i++)
		conns += (unsigned)(message[i].iov.iov_len / sizeof(struct sg_channel_conn));
	while (conns--)
		libport_gone(p);
	return true;
}

static void libport_flush(struct library_port *p)
{
	if (!p->out)
		return;
	do
		p->stuck = !libport_send(p);
	while (p->out && !p->stuck);
	libport_watch(p);
}

void library_flush(struct app *a)
{
	for (struct library_port *p = a->ports; p; p = p->next) {
		if (p->news)
			ringport_wake(p);
		if (!p->stuck && !p->closed && !p->lib->rings)
			libport_flush(p);
	}
}

void libport_give(struct library_port *p, struct library_conn *k)
{
	*p->out_last = k;
	p->out_last = &k->out_next;
}

void libport_given(struct library_port *p, struct library_conn *k)
{
	k->sent = true;
	k->turn = p->sent++;
	p->waiting--;
	libport_watch(p);
}

static void libport_join(struct library_port *p, struct library_conn *k)
{
	p->holds++;
	k->port = p;
	libslot_take(&p->slots, &k->slot, k->c.id);
	k->next = p->conns;
	if (k->next)
		k->next->prev = k;
	p->conns = k;
}

void libport_add(struct library_port *p, struct library_conn *k)
{
	__sync_fetch_and_add(&libport_queue(p)->acceptq, 1);
	p->waiting++;
	libport_join(p, k);
}

void libport_add_own(struct library_port *p, struct library_conn *k)
{
	k->sent = true;
	k->turn = p->sent++;
	p->taken = p->sent;
	libport_join(p, k);
}

static void libport_not_out(struct library_port *p, const struct library_conn *k)
{
	struct library_conn **at = &p->out;

	while (*at && *at != k)
		at = &(*at)->out_next;
	if (!*at)
		return;
	*at = k->out_next;
	if (p->out_last == &k->out_next)
		p->out_last = at;
}

/* It never was on its way: nobody will take it. */
static void libport_not_sent(struct library_port *p, struct library_conn *k)
{
	if (k->sent)
		return;
	if (k->theirs >= 0)
		close(k->theirs);
	libport_not_out(p, k);
	p->waiting--;
	if (!p->closed)
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
	libport_flush(p);
	app_accept(a, p->listener);
	libport_watch(p);
}

void library_look(struct app *a)
{
	libport_reap(a);
	for (struct library_port *p = a->ports; p; p = p->next) {
		if (!p->closed && libport_ahead(p))
			libport_settle(p);
		if (p->slots.more || (p->lib->rings && libslots_asked(&p->slots)))
			libslots_serve(&p->slots, a);
		if (p->lib->rings && atomic_load_explicit(&p->lib->hungry, memory_order_relaxed))
			libslots_spare(&p->slots);
		if (p->lib->rings && !p->closed)
			app_accept(a, p->listener); /* there is room for those that it has taken */
	}
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
	p->out_last = &p->out;
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

/* Rings are not taken in the order in which they were given. */
static bool libport_is_taken(const struct library_port *p, const struct library_conn *k)
{
	if (k->slot.ring)
		return SG_READ_ONCE(p->lib->rings->ring[k->slot.slot].program) & SG_RING_TAKEN;
	return k->sent && (__s32)(k->turn - p->taken) < 0;
}

/* All but those that the program has closed itself, or those that it has not taken. */
static void libport_reset(struct library_port *p, bool all)
{
	for (struct library_conn *k = p->conns, *next; k; k = next) {
		next = k->next;
		if (!libport_is_taken(p, k) ||
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
