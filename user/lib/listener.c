/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "app/endpoint.h"
#include "lib/lib.h"

enum { LISTENER_MEMORY, LISTENER_BELL, LISTENER_RINGS, LISTENER_RING_BELL, LISTENER_FDS }; /* what comes with the answer */

/* What came in one message: those that are still to be accepted. */
struct listener_batch {
	pthread_mutex_t lock;
	int at, n;
	struct sg_channel_conn conn[SG_CHANNEL_BATCH];
	int fd[SG_CHANNEL_BATCH];
};

static int listener_batch_new(struct syngate_listener *l)
{
	l->batch = calloc(1, sizeof(*l->batch));
	if (!l->batch) {
		listener_put(l);
		return why_set(-ENOMEM, "no memory");
	}
	pthread_mutex_init(&l->batch->lock, NULL);
	return 0;
}

static void listener_batch_free(struct listener_batch *b)
{
	if (!b)
		return;
	for (; b->at < b->n; b->at++)
		if (b->fd[b->at] >= 0)
			close(b->fd[b->at]);
	pthread_mutex_destroy(&b->lock);
	free(b);
}

void listener_put(struct syngate_listener *l)
{
	if (atomic_fetch_sub(&l->refs, 1) > 1)
		return;
	if (l->rings)
		rings_close(l);
	listener_batch_free(l->batch);
	if (l->memory)
		munmap(l->memory, sizeof(*l->memory));
	if (l->bell >= 0)
		close(l->bell);
	if (l->channel >= 0)
		close(l->channel);
	free(l);
}

static int listener_map(struct syngate_listener *l, int memory)
{
	void *p = mmap(NULL, sizeof(*l->memory), PROT_READ | PROT_WRITE, MAP_SHARED, memory, 0);

	if (p == MAP_FAILED)
		return why_set(-errno, "the listener's memory cannot be mapped: %s", strerror(errno));
	l->memory = p;
	return 0;
}

static int listener_ask(struct syngate_listener *l, const struct sg_channel_request *r)
{
	int fd[LISTENER_FDS], fds = r->flags & SG_CHANNEL_RINGS ? LISTENER_FDS : LISTENER_RINGS;
	int rc = channel_ask(l->channel, r, fd, fds);

	if (rc)
		return rc;
	l->bell = fd[LISTENER_BELL];
	if (fd[fds - 1] < 0) /* they come in this order */
		rc = why_set(-EMFILE, "no descriptor is free for a listener: raise the limit (ulimit -n)");
	else
		rc = listener_map(l, fd[LISTENER_MEMORY]);
	if (!rc && r->flags & SG_CHANNEL_RINGS)
		rc = rings_open(l, r, fd[LISTENER_RINGS], fd[LISTENER_RING_BELL]);
	for (int i = 0; i < fds; i++)
		if (fd[i] >= 0 && fd[i] != l->bell && (i != LISTENER_RING_BELL || rc))
			close(fd[i]);
	return rc;
}

int listener_open(struct syngate_listener **out, const char *instance,
		  const struct sg_channel_request *r)
{
	struct syngate_listener *l = calloc(1, sizeof(*l));
	int rc;

	if (!l)
		return why_set(-ENOMEM, "no memory");
	l->refs = 1;
	l->bell = -1;
	rc = l->channel = channel_open(instance);
	if (rc >= 0)
		rc = listener_ask(l, r);
	if (rc)
		listener_put(l);
	else
		*out = l;
	return rc;
}

int syngate_listen(struct syngate_listener **out, const char *address,
		   const struct syngate_listen_options *o)
{
	struct sg_channel_request r = {
		.magic = SG_CHANNEL_MAGIC,
		.op = SG_CHANNEL_LISTEN,
		.backlog = o ? o->backlog : -1,
		.syn_backlog = o ? o->syn_backlog : -1,
		.flags = o && o->flags & SG_OPT_RING ? SG_CHANNEL_RINGS : 0,
		.ring_size = o && o->ring_size ? o->ring_size : SG_RING_SIZE,
		.ring_conns = o ? o->ring_conns : 0,
		.batch = o && o->flags & SG_OPT_BATCH ? SG_CHANNEL_BATCH : 1,
	};
	int rc;

	if (o && o->size != sizeof(*o))
		return why_set(-EINVAL, "options of another size: set .size, and build against this "
					"library's syngate.h");
	if (endpoint_read(address, &r.addr, &r.port))
		return why_set(-EINVAL, "'%.60s' is no address to listen on: 192.0.2.1:80, "
					"[2001:db8::1]:80 or *:80",
			       address);
	rc = listener_open(out, o ? o->instance : NULL, &r);
	if (!rc && r.batch > 1)
		rc = listener_batch_new(*out);
	return rc;
}

int syngate_listener_fd(const struct syngate_listener *l)
{
	return l->rings ? rings_fd(l) : l->channel;
}

/* The daemon counts it in the queue until it reads this. */
void listener_taken(struct syngate_listener *l, __u32 source)
{
	const __u64 one = 1;

	__atomic_fetch_add(&l->memory->taken[source], 1, __ATOMIC_SEQ_CST); /* before `ring` is read */
	if (SG_READ_ONCE(l->memory->ring[source]) && write(l->bell, &one, sizeof(one)) < 0)
		return; /* EAGAIN: it has been ringing for long */
}

/* Those that come next are to be made so. */
static void listener_mode(struct syngate_listener *l, bool nonblock)
{
	if (SG_READ_ONCE(l->memory->nonblock) != nonblock)
		SG_WRITE_ONCE(l->memory->nonblock, nonblock);
}

static int listener_batch(struct syngate_listener *l, struct sg_channel_conn *m, int *fd, int flags)
{
	struct listener_batch *b = l->batch;
	int rc = 0;

	pthread_mutex_lock(&b->lock);
	if (b->at == b->n) {
		b->at = b->n = 0;
		rc = channel_conns(l->channel, b->conn, b->fd, SG_CHANNEL_BATCH, flags);
		b->n = rc > 0 ? rc : 0;
	}
	if (b->at < b->n) {
		*m = b->conn[b->at];
		*fd = b->fd[b->at++];
		rc = 1;
	}
	pthread_mutex_unlock(&b->lock);
	return rc;
}

static int listener_next(struct syngate_listener *l, struct sg_channel_conn *m, int *fd, int flags)
{
	int how = (flags & SYNGATE_NOWAIT ? MSG_DONTWAIT : 0) |
		  (flags & SOCK_CLOEXEC ? MSG_CMSG_CLOEXEC : 0);
	int rc = l->batch ? listener_batch(l, m, fd, how) : channel_conns(l->channel, m, fd, 1, how);

	if (rc < 0)
		return rc;
	listener_taken(l, m->source);
	return *fd >= 0 ? 0
			: why_set(-EMFILE, "no descriptor is free for a connection, which is lost: "
					   "raise the limit (ulimit -n)");
}

int syngate_accept(struct syngate_listener *l, struct syngate_conn **out, int flags)
{
	struct syngate_conn *c;
	bool nonblock = flags & SOCK_NONBLOCK;
	struct sg_channel_conn m;
	int fd, rc;

	if (l->rings)
		return rings_accept(l, out, flags);
	c = calloc(1, sizeof(*c));
	if (!c)
		return why_set(-ENOMEM, "no memory");
	listener_mode(l, nonblock);
	rc = listener_next(l, &m, &fd, flags);
	if (rc) {
		free(c);
		return rc;
	}
	conn_begin(c, l, &m, fd);
	if (m.nonblock != nonblock)
		conn_mode(c, nonblock);
	*out = c;
	return 0;
}

void syngate_listener_close(struct syngate_listener *l)
{
	const struct sg_channel_request r = {.magic = SG_CHANNEL_MAGIC, .op = SG_CHANNEL_BYE};

	if (l->rings)
		rings_let_go(l);
	l->closed = true;
	if (!rings_check(l))
		send(l->channel, &r, sizeof(r), MSG_NOSIGNAL); /* it may have gone */
	listener_put(l);
}
