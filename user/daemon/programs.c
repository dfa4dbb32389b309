/* SPDX-License-Identifier: BSD-2-Clause */
#include "daemon/programs.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "app/endpoint.h"
#include "app/library.h"
#include "daemon/clients.h"
#include "daemon/sockfile.h"
#include "daemon/state.h"
#include "io/clock.h"
#include "io/log.h"

#define PROGRAMS_PATIENCE_MS 5000 /* for the request */
#define PROGRAMS_PORTS	     1024 /* below: root's, as ip_unprivileged_port_start has it */

struct program {
	int fd; /* -1: free */
	__u64 deadline;	     /* of its request; 0: it listens */
	struct library *lib; /* the library has a descriptor of its own */
	bool root;
	bool client; /* it listens for nobody */
	struct listen_args args; /* of its listener */
};

struct programs {
	struct sockfile sock;
	struct program program[PROGRAMS_MAX];
};

/* --- listeners ------------------------------------------------------------------------------- */

struct programs_call {
	const struct library *lib;
	bool all;
};

static void programs_let_go(struct worker *w, void *arg)
{
	const struct programs_call *c = arg;

	library_close(&w->app, c->lib, c->all);
}

/* Out of every interface. `all`: the program is dead, its connections are reset. */
static void program_unlisten(struct program *p, struct daemon *d, bool all)
{
	struct programs_call c = {p->lib, all};
	struct err err;

	for (struct attachment *a = d->first; a; a = a->next) {
		for (__u32 i = 0; i < a->front->max_listeners; i++)
			if (a->listening[i].used && a->listening[i].args.library == p->lib &&
			    daemon_unlisten(d, a->front->ifname, &a->listening[i].args.key, &err))
				log_warn("%s", err.msg);
		for (__u32 i = 0; i < a->workers; i++)
			worker_call(a->worker[i], programs_let_go, &c);
	}
}

static void program_end(struct program *p, struct daemon *d)
{
	if (p->lib) {
		clients_forget(d->clients, p->lib);
		/* connections in rings have no descriptors that would hang up */
		program_unlisten(p, d, p->lib->rings || !atomic_load(&p->lib->bye));
		library_put(p->lib);
	}
	close(p->fd);
	memset(p, 0, sizeof(*p));
	p->fd = -1;
}

/* Does nobody listen for it any more: unlistened by somebody, or its interfaces have gone? */
static bool program_is_idle(const struct program *p, const struct daemon *d)
{
	if (p->client)
		return false;
	for (const struct attachment *a = d->first; a; a = a->next)
		for (__u32 i = 0; i < a->front->max_listeners; i++)
			if (a->listening[i].used && a->listening[i].args.library == p->lib)
				return false;
	return true;
}

/* --- what they ask --------------------------------------------------------------------------- */

static int program_answer(const struct program *p, int error, const char *text)
{
	struct sg_channel_reply r = {.magic = SG_CHANNEL_MAGIC, .error = error};
	char control[CMSG_SPACE(4 * sizeof(int))] __attribute__((aligned(8))) = {0};
	struct iovec iov = {&r, sizeof(r)};
	struct msghdr m = {.msg_iov = &iov, .msg_iovlen = 1};
	struct cmsghdr *c;

	snprintf(r.text, sizeof(r.text), "%s", text);
	if (!error) {
		const int fd[4] = {p->lib->shared, p->lib->bell, p->lib->ring_shared,
				   p->lib->ring_bell};
		size_t len = (p->lib->rings ? 4 : 2) * sizeof(int);

		m.msg_control = control;
		m.msg_controllen = CMSG_SPACE(len);
		c = CMSG_FIRSTHDR(&m);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(len);
		memcpy(CMSG_DATA(c), fd, len);
	}
	return sendmsg(p->fd, &m, MSG_DONTWAIT | MSG_NOSIGNAL) < 0 ? -errno : 0;
}

static __u32 program_workers(const struct daemon *d)
{
	__u32 n = 0;

	for (const struct attachment *a = d->first; a; a = a->next)
		n += a->workers;
	return n;
}

static int program_check(const struct program *p, const struct daemon *d,
			 const struct sg_channel_request *r, struct err *err)
{
	__u32 workers = program_workers(d);

	if (!p->root && r->port < PROGRAMS_PORTS)
		return err_set(err, -EACCES, EXIT_USAGE, "port %u: below %d is for root", r->port,
			       PROGRAMS_PORTS);
	if (!workers)
		return err_set(err, -ENODEV, EXIT_USAGE,
			       "no interface is attached: syngate attach IFACE");
	if (workers > SG_CHANNEL_SOURCES)
		return err_set(err, -ENOSPC, EXIT_USAGE, "%u RX queues are served; programs: %d at most",
			       workers, SG_CHANNEL_SOURCES);
	return 0;
}

static int program_library(struct program *p, struct err *err)
{
	int fd = fcntl(p->fd, F_DUPFD_CLOEXEC, 0);
	int rc = fd < 0 ? -errno : library_new(&p->lib, fd);

	if (!rc)
		return 0;
	p->lib = NULL;
	return err_set(err, rc, EXIT_KERNEL, "cannot set up a channel: %s", strerror(-rc));
}

/* Bytes of rings that may still be given to somebody: a quarter of the machine's memory is for all of them. */
static __u64 programs_rings_left(const struct programs *p)
{
	__u64 left = (__u64)sysconf(_SC_PHYS_PAGES) * (__u64)sysconf(_SC_PAGESIZE) / 4;

	for (int i = 0; i < PROGRAMS_MAX; i++) {
		const struct library *l = p->program[i].lib;
		__u64 used = l && l->rings ? sg_ring_bytes(l->ring_conns, l->ring_size) : 0;

		left -= used < left ? used : left;
	}
	return left;
}

static int program_rings(const struct program *p, const struct daemon *d,
			 const struct sg_channel_request *r, struct err *err)
{
	__u64 left = programs_rings_left(d->programs);
	__u32 workers = program_workers(d), conns = r->ring_conns;
	int rc;

	if (!conns)
		conns = workers * SG_CHANNEL_CHUNK > SG_RING_CONNS ? workers * SG_CHANNEL_CHUNK : SG_RING_CONNS;
	if (r->flags != SG_CHANNEL_RINGS || !sg_ring_is_sound(conns, r->ring_size))
		return err_set(err, -EINVAL, EXIT_USAGE,
			       "rings are of %u to %u bytes, a power of two, for %u to %u connections, "
			       "a multiple of %u, and of 4 GiB in all",
			       SG_RING_SIZE_MIN, SG_RING_SIZE_MAX, SG_CHANNEL_CHUNK, SG_CHANNEL_SLOTS,
			       SG_CHANNEL_CHUNK);
	if (conns < workers * SG_CHANNEL_CHUNK)
		return err_set(err, -EINVAL, EXIT_USAGE,
			       "%u RX queues need rings for %u connections at least: ring_conns",
			       workers, workers * SG_CHANNEL_CHUNK);
	if (sg_ring_bytes(conns, r->ring_size) > left)
		return err_set(err, -ENOSPC, EXIT_USAGE,
			       "no room for these rings: of a quarter of the machine's memory, which is for "
			       "all programs' rings, %llu MiB are left",
			       (unsigned long long)(left >> 20));
	rc = library_rings(p->lib, conns, r->ring_size, workers);
	return rc ? err_set(err, rc, EXIT_KERNEL, "cannot set up rings: %s", strerror(-rc)) : 0;
}

/* On every interface, or on none. */
static int program_listen(struct program *p, struct daemon *d, const struct sg_channel_request *r,
			  struct err *err)
{
	int rc = program_check(p, d, r, err);

	p->args = (struct listen_args){
		.key = {.addr = r->addr, .port = r->port},
		.app = APP_LIBRARY,
		.backlog = r->backlog < 0 ? -1 : r->backlog,
		.syn_backlog = r->syn_backlog < 0 ? -1 : r->syn_backlog,
	};
	if (!rc)
		rc = program_library(p, err);
	if (!rc && r->flags) {
		rc = program_rings(p, d, r, err);
		p->args.app = APP_RING;
	}
	if (!rc && r->batch)
		p->lib->batch = r->batch < SG_CHANNEL_BATCH ? r->batch : SG_CHANNEL_BATCH;
	p->args.library = p->lib;
	for (struct attachment *a = d->first; a && !rc; a = a->next)
		rc = daemon_listen(d, a->front->ifname, &p->args, err);
	return rc;
}

static void program_begin(struct program *p, struct daemon *d, const struct sg_channel_request *r)
{
	struct err err;
	int rc;

	p->client = r->op == SG_CHANNEL_CLIENT;
	rc = p->client ? program_library(p, &err) : program_listen(p, d, r, &err);
	p->deadline = 0;
	if (program_answer(p, rc, rc ? err.msg : "") || rc)
		program_end(p, d);
}

union program_message {
	struct {
		__u32 magic, op;
	} head;
	struct sg_channel_request request;
	struct sg_channel_connect connect;
};

/* One descriptor may come with it; the kernel drops further ones. */
static ssize_t program_receive(const struct program *p, union program_message *msg, int *fd)
{
	char control[CMSG_SPACE(sizeof(int))] __attribute__((aligned(8)));
	struct iovec iov = {msg, sizeof(*msg)};
	struct msghdr m = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control,
		.msg_controllen = CMSG_LEN(sizeof(int)),
	};
	ssize_t n = recvmsg(p->fd, &m, MSG_DONTWAIT | MSG_TRUNC | MSG_CMSG_CLOEXEC);
	struct cmsghdr *c = n < 0 ? NULL : CMSG_FIRSTHDR(&m);

	*fd = -1;
	if (c && c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS)
		memcpy(fd, CMSG_DATA(c), sizeof(*fd));
	return n < 0 ? -errno : n;
}

static bool program_is(const union program_message *m, size_t n, __u32 op, size_t size)
{
	return n == size && m->head.magic == SG_CHANNEL_MAGIC && m->head.op == op;
}

/* Does it make sense? Then it is done; `fd` is taken over if it is used. */
static bool program_message(struct program *p, struct daemon *d, const union program_message *m,
			    size_t n, int *fd)
{
	bool listens = p->lib && !p->client;

	if (!p->lib && (program_is(m, n, SG_CHANNEL_LISTEN, sizeof(m->request)) ||
			program_is(m, n, SG_CHANNEL_CLIENT, sizeof(m->request)))) {
		program_begin(p, d, &m->request);
		return true;
	}
	if (listens && program_is(m, n, SG_CHANNEL_BYE, sizeof(m->request))) {
		atomic_store(&p->lib->bye, true);
		program_unlisten(p, d, false);
		return true;
	}
	if (p->client && *fd >= 0 && program_is(m, n, SG_CHANNEL_CONNECT, sizeof(m->connect))) {
		int its = *fd;

		*fd = -1;
		return clients_connect(d->clients, d, p->lib, &m->connect, its, p->root);
	}
	return false;
}

static void programs_count(void *worker, void *arg)
{
	struct worker *w = worker;

	(void)arg;
	if (w)
		w->mib->ProgramRefused++;
}

static void program_refuse(struct program *p, struct daemon *d)
{
	if (d->first) /* counters are a worker's; one that is not counted is no reason to stop */
		mailbox_post(&d->first->worker[0]->mailbox, programs_count, NULL);
	if (!p->lib)
		program_answer(p, -EPROTO, "not a message of this version");
	program_end(p, d);
}

static void program_read(struct program *p, struct daemon *d)
{
	union program_message m;
	int fd;
	ssize_t n = program_receive(p, &m, &fd);

	if (n == -EAGAIN || n == -EINTR)
		return;
	if (n <= 0)
		program_end(p, d);
	else if (!program_message(p, d, &m, (size_t)n, &fd))
		program_refuse(p, d);
	if (fd >= 0)
		close(fd);
}

/* --- the socket ------------------------------------------------------------------------------ */

static struct program *programs_free(struct programs *p)
{
	for (int i = 0; i < PROGRAMS_MAX; i++)
		if (p->program[i].fd < 0)
			return &p->program[i];
	return NULL;
}

static void programs_accept(struct programs *p)
{
	struct program *free = programs_free(p);
	struct ucred cred = {.uid = (uid_t)-1};
	socklen_t len = sizeof(cred);
	int fd = free ? accept4(p->sock.fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC) : -1;

	if (fd < 0)
		return;
	(void)getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len);
	*free = (struct program){
		.fd = fd,
		.deadline = clock_coarse_ms() + PROGRAMS_PATIENCE_MS,
		.root = cred.uid == 0,
	};
}

int programs_poll(const struct programs *p, struct pollfd *fds)
{
	int n = 0, used = 0;

	for (int i = 0; i < PROGRAMS_MAX; i++) {
		fds[i] = (struct pollfd){.fd = p->program[i].fd, .events = POLLIN};
		used += p->program[i].fd >= 0;
		n = p->program[i].fd >= 0 ? i + 1 : n;
	}
	fds[n] = (struct pollfd){.fd = used < PROGRAMS_MAX ? p->sock.fd : -1, .events = POLLIN};
	return n + 1;
}

int programs_timeout(const struct programs *p)
{
	__u64 now = clock_coarse_ms(), first = (__u64)-1;

	for (int i = 0; i < PROGRAMS_MAX; i++)
		if (p->program[i].fd >= 0 && p->program[i].deadline &&
		    p->program[i].deadline < first)
			first = p->program[i].deadline;
	if (first == (__u64)-1)
		return -1;
	return first > now ? (int)(first - now) + 1 : 0;
}

void programs_handle(struct programs *p, struct daemon *d, const struct pollfd *fds, int n)
{
	__u64 now = clock_coarse_ms();

	for (int i = 0; i < n - 1; i++) {
		struct program *one = &p->program[i];

		if (one->fd >= 0 && fds[i].revents)
			program_read(one, d);
		if (one->fd >= 0 && one->deadline && now >= one->deadline)
			program_end(one, d);
		else if (one->fd >= 0 && one->lib && !atomic_load(&one->lib->bye) &&
			 program_is_idle(one, d))
			program_end(one, d);
	}
	if (fds[n - 1].revents)
		programs_accept(p);
}

int programs_group(struct programs *p, const char *group, struct err *err)
{
	return sockfile_group(&p->sock, group, err);
}

void programs_attached(struct programs *p, struct daemon *d, const char *iface)
{
	char text[ENDPOINT_TEXT];
	struct err err;

	for (int i = 0; i < PROGRAMS_MAX; i++) {
		const struct program *one = &p->program[i];

		if (one->lib && !one->client && !atomic_load(&one->lib->bye) &&
		    daemon_listen(d, iface, &one->args, &err))
			log_warn("%s: the program that listens on %s does not there: %s", iface,
				 endpoint_print(text, &one->args.key.addr, one->args.key.port),
				 err.msg);
	}
}

int programs_open(struct programs **out, const char *name, struct err *err)
{
	struct programs *p = calloc(1, sizeof(*p));
	int rc;

	if (!p)
		return err_set(err, -ENOMEM, EXIT_KERNEL, "no memory");
	for (int i = 0; i < PROGRAMS_MAX; i++)
		p->program[i].fd = -1;
	rc = sockfile_open(&p->sock, name, ".app", SOCK_SEQPACKET, err);
	if (rc) {
		free(p);
		return rc;
	}
	*out = p;
	return 0;
}

void programs_close(struct programs *p)
{
	if (!p)
		return;
	for (int i = 0; i < PROGRAMS_MAX; i++) {
		if (p->program[i].lib)
			library_put(p->program[i].lib);
		if (p->program[i].fd >= 0)
			close(p->program[i].fd);
	}
	sockfile_close(&p->sock);
	free(p);
}
