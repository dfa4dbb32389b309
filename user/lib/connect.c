/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "app/endpoint.h"
#include "lib/lib.h"

#define CONNECT_GRACE_S 2 /* for the daemon to say that the time is over */

/* --- a channel for each daemon ---------------------------------------------------------------- */

struct client {
	struct client *next;
	pid_t pid; /* who opened it: a child of a fork opens its own */
	struct syngate_listener *channel;
	char instance[];
};

static pthread_mutex_t clients_lock = PTHREAD_MUTEX_INITIALIZER;
static struct client *clients;

static void clients_hold(void)
{
	pthread_mutex_lock(&clients_lock);
}

static void clients_release(void)
{
	pthread_mutex_unlock(&clients_lock);
}

/* No thread has it in a child of a fork. */
static void __attribute__((constructor)) clients_init(void)
{
	pthread_atfork(clients_hold, clients_release, clients_release);
}

static bool client_is_of_use(const struct client *k)
{
	struct pollfd p = {.fd = k->channel->channel, .events = POLLRDHUP};

	return k->pid == getpid() && poll(&p, 1, 0) == 0;
}

/* Those of no use any more go. */
static struct client *client_find(const char *instance)
{
	struct client **at = &clients, *k;

	while ((k = *at)) {
		if (client_is_of_use(k)) {
			if (!strcmp(k->instance, instance))
				return k;
			at = &k->next;
			continue;
		}
		*at = k->next;
		listener_put(k->channel);
		free(k);
	}
	return NULL;
}

static int client_new(struct client **out, const char *instance)
{
	const struct sg_channel_request r = {.magic = SG_CHANNEL_MAGIC, .op = SG_CHANNEL_CLIENT};
	struct client *k = calloc(1, sizeof(*k) + strlen(instance) + 1);
	int rc;

	if (!k)
		return why_set(-ENOMEM, "no memory");
	rc = listener_open(&k->channel, instance, &r);
	if (rc) {
		free(k);
		return rc;
	}
	strcpy(k->instance, instance);
	k->pid = getpid();
	k->next = clients;
	clients = k;
	*out = k;
	return 0;
}

/* Held: listener_put(). */
static int client_channel(struct syngate_listener **out, const char *instance)
{
	struct client *k;
	int rc = 0;

	if (!instance)
		instance = "";
	clients_hold();
	k = client_find(instance);
	if (!k)
		rc = client_new(&k, instance);
	if (!rc) {
		*out = k->channel;
		atomic_fetch_add(&(*out)->refs, 1);
	}
	clients_release();
	return rc;
}

/* --- one connection --------------------------------------------------------------------------- */

static int connect_read(struct sg_channel_connect *m, const char *address,
			const struct syngate_connect_options *o)
{
	*m = (struct sg_channel_connect){
		.magic = SG_CHANNEL_MAGIC,
		.op = SG_CHANNEL_CONNECT,
		.timeout_s = o ? o->timeout_s : 0,
	};
	if (o && o->size != sizeof(*o))
		return why_set(-EINVAL, "options of another size: set .size, and build against this "
					"library's syngate.h");
	if (endpoint_read(address, &m->peer, &m->peer_port) || sg_addr_is_any(&m->peer))
		return why_set(-EINVAL, "'%.60s' is nothing to connect to: 192.0.2.1:80 or [2001:db8::1]:80",
			       address);
	if (o && o->source && endpoint_read_addr(o->source, &m->source) &&
	    endpoint_read(o->source, &m->source, &m->source_port))
		return why_set(-EINVAL, "'%.60s' is no source: 192.0.2.2, [2001:db8::2] or 192.0.2.2:4000",
			       o->source);
	return 0;
}

static int connect_wait(int fd, unsigned timeout_s)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};
	int n;

	do
		n = poll(&p, 1, timeout_s && timeout_s < 1000000 ? (int)(timeout_s + CONNECT_GRACE_S) * 1000 : -1);
	while (n < 0 && errno == EINTR);
	return n ? 0 : why_set(-ETIMEDOUT, "the syngate daemon does not answer: is it stopped?");
}

static int connect_answer(int fd, struct sg_channel_conn *conn)
{
	struct sg_channel_connected r;
	ssize_t n;

	do
		n = recv(fd, &r, sizeof(r), MSG_WAITALL);
	while (n < 0 && errno == EINTR);
	if (n != sizeof(r))
		return why_set(-ENETDOWN, "the syngate daemon, or its interface, has gone meanwhile");
	if (r.reply.magic != SG_CHANNEL_MAGIC || r.reply.error > 0)
		return why_set(-EPROTO, "the syngate daemon is of another version than this library");
	r.reply.text[sizeof(r.reply.text) - 1] = 0;
	*conn = r.conn;
	return r.reply.error ? why_set(r.reply.error, "%s", r.reply.text) : 0;
}

static int connect_ask(struct syngate_listener *l, const struct sg_channel_connect *m, int fd[2],
		       struct sg_channel_conn *conn)
{
	int rc = channel_connect(l->channel, m, fd[1]);

	close(fd[1]);
	if (rc)
		return why_set(rc == -EPIPE || rc == -ECONNRESET ? -ESRCH : rc,
			       "the syngate daemon cannot be asked: %s", strerror(-rc));
	rc = connect_wait(fd[0], m->timeout_s);
	return rc ? rc : connect_answer(fd[0], conn);
}

static int connect_through(struct syngate_listener *l, const struct sg_channel_connect *m,
			   struct syngate_conn *c)
{
	struct sg_channel_conn conn;
	int fd[2], rc;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fd))
		return why_set(-errno, "no descriptor for a connection: %s", strerror(errno));
	rc = connect_ask(l, m, fd, &conn);
	if (rc)
		close(fd[0]);
	else
		conn_begin(c, l, &conn, fd[0]);
	return rc;
}

int syngate_connect(struct syngate_conn **out, const char *address,
		    const struct syngate_connect_options *o)
{
	struct sg_channel_connect m;
	struct syngate_listener *l;
	struct syngate_conn *c;
	int rc = connect_read(&m, address, o);

	if (!rc)
		rc = client_channel(&l, o ? o->instance : NULL);
	if (rc)
		return rc;
	c = calloc(1, sizeof(*c));
	rc = c ? connect_through(l, &m, c) : why_set(-ENOMEM, "no memory");
	listener_put(l);
	if (rc)
		free(c);
	else
		*out = c;
	return rc;
}
