/* SPDX-License-Identifier: BSD-2-Clause */
#include "daemon/clients.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "app/libdial.h"
#include "daemon/dial.h"
#include "daemon/state.h"
#include "io/neigh.h"
#include "io/reserve.h"

#define CLIENTS_SEARCHES 256 /* for a next hop, at a time; */
#define CLIENTS_SHARE	 64  /* of one program */
#define CLIENTS_PORTS	 16 /* that are tried when one is in TIME_WAIT */

/* One that is asked for: the main thread's until a worker has it. */
struct client {
	struct client *next;
	struct library *lib; /* held */
	struct library_own own;
	struct dial dial;
	bool any_port;
	struct neigh_search search; /* while the next hop is looked for */
	sg_time until;
};

struct clients {
	int epoll;
	struct client *first; /* whose next hop is looked for */
	unsigned n;
	unsigned turn; /* of the workers */
};

int clients_new(struct clients **out)
{
	struct clients *c = calloc(1, sizeof(*c));

	if (!c)
		return -ENOMEM;
	c->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (c->epoll < 0) {
		free(c);
		return -errno;
	}
	*out = c;
	return 0;
}

static void client_free(struct client *k)
{
	if (k->own.fd >= 0)
		close(k->own.fd);
	dial_close(&k->dial);
	library_put(k->lib);
	free(k);
}

static void client_refuse(struct client *k, int error, const char *text)
{
	libdial_refuse(k->own.fd, error, text);
	client_free(k);
}

/* --- a worker's part ------------------------------------------------------------------------- */

static struct library_port *client_port(struct worker *w, struct library *lib)
{
	for (struct library_port *p = w->app.ports; p; p = p->next)
		if (p->lib == lib && p->listener == LIBRARY_OWN && p->holds && !p->closed)
			return p;
	return library_port(&w->app, lib, LIBRARY_OWN);
}

/* The port may be one that was just in use: then another one. */
static int client_try(struct worker *w, struct client *k, tcp_id *id)
{
	struct dial *d = &k->dial;
	int rc = -EADDRINUSE;

	for (int i = 0; rc == -EADDRINUSE && i < CLIENTS_PORTS; i++) {
		if (i && !k->any_port)
			break;
		if (i) {
			int before = d->reserved; /* kept, so that it is not this one again */

			d->tuple.lport = 0;
			d->reserved = reserve_port(&d->tuple.local, d->ifindex, &d->tuple.lport);
			close(before);
			if (d->reserved < 0)
				return d->reserved;
		}
		front_own_port(w->front, d->tuple.lport); /* before the SYN-ACK can be there */
		rc = tcp_connect(w->stack, &d->tuple, d->mac, d->mss, w->now, id);
	}
	return rc;
}

static void client_open(void *worker, void *arg)
{
	struct app_target to = {.kind = APP_LIBRARY};
	struct worker *w = worker;
	struct client *k = arg;
	tcp_id id;
	int rc;

	if (!w) {
		client_refuse(k, -ENETDOWN, "the interface was detached meanwhile");
		return;
	}
	to.port = client_port(w, k->lib);
	rc = to.port ? client_try(w, k, &id) : -ENOMEM;
	if (rc) {
		client_refuse(k, rc, strerror(-rc));
		return;
	}
	k->own.reserved = k->dial.reserved;
	k->dial.reserved = -1;
	to.own = &k->own;
	app_adopt(&w->app, id, &to);
	k->dial.reserved = k->own.reserved; /* none, if it was taken over */
	if (k->own.fd >= 0)
		client_refuse(k, -ENOMEM, "no memory");
	else
		client_free(k);
}

/* --- the way there ---------------------------------------------------------------------------- */

static void client_go(struct clients *c, struct daemon *d, struct client *k)
{
	struct attachment *a = attachment_find(d, k->dial.iface);
	struct err err;
	int rc;

	if (a)
		rc = mailbox_post(&a->worker[c->turn++ % a->workers]->mailbox, client_open, k);
	else
		rc = err_set(&err, -ENODEV, EXIT_USAGE, "not attached to %s: syngate attach %s",
			     k->dial.iface, k->dial.iface);
	if (rc)
		client_refuse(k, rc, a ? strerror(-rc) : err.msg);
}

static void client_found(struct clients *c, struct daemon *d, struct client *k, int rc)
{
	struct err err;

	neigh_end(&k->search);
	memcpy(k->dial.mac, k->search.n.mac, sizeof(k->dial.mac));
	if (rc)
		client_refuse(k, dial_unresolved(&k->dial, rc, &err), err.msg);
	else
		client_go(c, d, k);
}

static bool client_may_search(const struct clients *c, const struct library *lib)
{
	unsigned n = 0;

	for (const struct client *k = c->first; k; k = k->next)
		n += k->lib == lib;
	return c->n < CLIENTS_SEARCHES && n < CLIENTS_SHARE;
}

static void client_search(struct clients *c, struct daemon *d, struct client *k)
{
	struct epoll_event ev = {.events = EPOLLIN};
	int rc = neigh_begin(&k->search, k->dial.ifindex, &k->dial.next);
	struct err err;

	if (rc) {
		client_refuse(k, dial_unresolved(&k->dial, rc, &err), err.msg);
		return;
	}
	rc = neigh_go(&k->search);
	if (rc == -EAGAIN && !client_may_search(c, k->lib)) {
		neigh_end(&k->search);
		client_refuse(k, -EAGAIN, "too many connects at once whose next hop is not known yet");
	} else if (rc != -EAGAIN) {
		client_found(c, d, k, rc);
	} else if (epoll_ctl(c->epoll, EPOLL_CTL_ADD, neigh_fd(&k->search), &ev)) {
		client_found(c, d, k, -errno);
	} else {
		k->next = c->first;
		c->first = k;
		c->n++;
	}
}

/* Is it an end of a pair of stream sockets, as the message says? */
static bool client_is_pair(int fd)
{
	int type = 0, domain = 0;
	socklen_t len = sizeof(int);
	struct sockaddr_storage a;
	socklen_t ours = sizeof(a), theirs = sizeof(a);

	return !getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len) && type == SOCK_STREAM &&
	       !getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &len) && domain == AF_UNIX &&
	       !getsockname(fd, (struct sockaddr *)&a, &ours) && ours == sizeof(sa_family_t) &&
	       !getpeername(fd, (struct sockaddr *)&a, &theirs) && theirs == sizeof(sa_family_t);
}

static int client_check(const struct sg_channel_connect *m, bool root, struct err *err)
{
	if (sg_addr_is_any(&m->peer) || !m->peer_port)
		return err_set(err, -EINVAL, EXIT_USAGE, "a connection needs an address and a port");
	if (m->source_port && m->source_port < 1024 && !root)
		return err_set(err, -EACCES, EXIT_USAGE, "source port %u: below 1024 is for root",
			       m->source_port);
	return 0;
}

static struct client *client_new(struct library *lib, const struct sg_channel_connect *m, int fd)
{
	struct client *k = client_is_pair(fd) ? calloc(1, sizeof(*k)) : NULL;

	if (!k) {
		close(fd);
		return NULL;
	}
	atomic_fetch_add(&lib->refs, 1);
	*k = (struct client){
		.lib = lib,
		.own = {fd, -1, m->timeout_s},
		.dial.reserved = -1,
		.any_port = !m->source_port,
	};
	return k;
}

bool clients_connect(struct clients *c, struct daemon *d, struct library *lib,
		     const struct sg_channel_connect *m, int fd, bool root)
{
	const struct dial_args args = {
		.peer = m->peer,
		.source = m->source,
		.peer_port = m->peer_port,
		.source_port = m->source_port,
		.wait = m->timeout_s,
	};
	struct client *k = client_new(lib, m, fd);
	struct err err;
	int rc;

	if (!k)
		return false;
	k->until = clock_now() + dial_patience(&args) * SG_MS;
	rc = client_check(m, root, &err);
	if (!rc)
		rc = dial_begin(&k->dial, &args, &err);
	if (rc)
		client_refuse(k, rc, err.msg);
	else if (!attachment_find(d, k->dial.iface))
		client_go(c, d, k);
	else
		client_search(c, d, k);
	return true;
}

/* --- those whose next hop is looked for ------------------------------------------------------- */

static struct client *clients_take(struct clients *c, struct client **at)
{
	struct client *k = *at;

	*at = k->next;
	c->n--;
	return k;
}

void clients_forget(struct clients *c, const struct library *lib)
{
	struct client **at = &c->first;

	while (*at) {
		if (lib && (*at)->lib != lib) {
			at = &(*at)->next;
			continue;
		}
		neigh_end(&(*at)->search);
		client_free(clients_take(c, at));
	}
}

void clients_free(struct clients *c)
{
	if (!c)
		return;
	clients_forget(c, NULL);
	close(c->epoll);
	free(c);
}

int clients_fd(const struct clients *c)
{
	return c->epoll;
}

sg_time clients_deadline(const struct clients *c)
{
	sg_time at = SG_NEVER;

	for (const struct client *k = c->first; k; k = k->next)
		at = k->until < at ? k->until : at;
	return at;
}

void clients_look(struct clients *c, struct daemon *d, sg_time now)
{
	struct client **at = &c->first;

	while (*at) {
		int rc = neigh_go(&(*at)->search);

		if (rc == -EAGAIN && now >= (*at)->until)
			rc = -ETIMEDOUT;
		if (rc == -EAGAIN)
			at = &(*at)->next;
		else
			client_found(c, d, clients_take(c, at), rc);
	}
}
