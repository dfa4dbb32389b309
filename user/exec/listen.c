/* SPDX-License-Identifier: BSD-2-Clause */
/* Sockets that listen, and what comes to them. */
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "app/endpoint.h"
#include "exec/env.h"
#include "exec/shim.h"

static pthread_mutex_t listen_lock = PTHREAD_MUTEX_INITIALIZER;
static struct shim_sock *listen_all; /* that are open */

SHIM int socket(int domain, int type, int protocol)
{
	int fd = shim_real()->socket(domain, type, protocol);
	struct shim_sock *s;

	if (fd < 0)
		return fd;
	shim_set(fd, NULL);
	if ((domain != AF_INET && domain != AF_INET6) || (type & 0xf) != SOCK_STREAM ||
	    (protocol != 0 && protocol != IPPROTO_TCP))
		return fd;
	s = shim_new(SHIM_SOCKET);
	if (s) {
		s->family = domain;
		shim_set(fd, s);
		shim_put(s);
	}
	return fd;
}

/* --- is it to be ours? ---------------------------------------------------------------------------- */

static void listen_endpoint(const struct sockaddr_storage *a, struct sg_addr *addr, __u16 *port)
{
	const struct sockaddr_in *in = (const void *)a;
	const struct sockaddr_in6 *in6 = (const void *)a;

	memset(addr, 0, sizeof(*addr));
	if (a->ss_family == AF_INET) {
		*port = ntohs(in->sin_port);
		if (in->sin_addr.s_addr)
			sg_addr_from4(addr, (const __u8 *)&in->sin_addr);
		return;
	}
	*port = ntohs(in6->sin6_port);
	memcpy(addr->addr, &in6->sin6_addr, 16);
}

/* One of `*:80 192.0.2.1:443`; nothing said: any. */
static bool listen_is_asked_for(const struct sg_addr *addr, __u16 port)
{
	const char *list = getenv(EXEC_LISTEN);
	char copy[EXEC_LISTEN_MAX], *save = NULL;
	struct sg_addr a;
	__u16 p;

	if (!list || !list[0])
		return true;
	snprintf(copy, sizeof(copy), "%s", list);
	for (char *w = strtok_r(copy, " ", &save); w; w = strtok_r(NULL, " ", &save))
		if (!endpoint_read(w, &a, &p) && p == port && (sg_addr_is_any(&a) || sg_addr_eq(&a, addr)))
			return true;
	return false;
}

/* --- from a socket of the kernel's to one of ours --------------------------------------------------- */

static void listen_keep_options(struct shim_sock *s, int fd, int channel)
{
	static const int name[][2] = {
		{IPPROTO_TCP, TCP_NODELAY},   {SOL_SOCKET, SO_KEEPALIVE},  {IPPROTO_TCP, TCP_KEEPIDLE},
		{IPPROTO_TCP, TCP_KEEPINTVL}, {IPPROTO_TCP, TCP_KEEPCNT}, {IPPROTO_TCP, TCP_USER_TIMEOUT},
	};
	socklen_t len = sizeof(s->linger);
	int alive = 0, n = 0;

	shim_real()->getsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &n, &(socklen_t){sizeof(n)});
	shim_real()->setsockopt(channel, SOL_SOCKET, SO_REUSEADDR, &n, sizeof(n));
	shim_real()->getsockopt(fd, SOL_SOCKET, SO_LINGER, &s->linger, &len);
	for (size_t i = 0; i < SG_ARRAY_SIZE(name); i++) {
		len = sizeof(n);
		if (shim_real()->getsockopt(fd, name[i][0], name[i][1], &n, &len) || !n)
			continue;
		alive |= name[i][1] == SO_KEEPALIVE && name[i][0] == SOL_SOCKET;
		if (alive || name[i][1] == TCP_NODELAY || name[i][1] == TCP_USER_TIMEOUT)
			shim_remember(s, name[i][0], name[i][1], n);
	}
}

static void listen_remember(struct shim_sock *s)
{
	pthread_mutex_lock(&listen_lock);
	s->next = listen_all;
	listen_all = s;
	pthread_mutex_unlock(&listen_lock);
}

/* Others may have it, in other processes: when they have closed it as well the daemon hears of it. */
void shim_unlisten(struct shim_sock *s)
{
	struct shim_sock **at = &listen_all;
	int channel;

	pthread_mutex_lock(&listen_lock);
	while (*at && *at != s)
		at = &(*at)->next;
	if (*at)
		*at = s->next;
	channel = s->listener ? s->listener->channel : -1;
	if (s->listener)
		s->listener->channel = -1;
	pthread_mutex_unlock(&listen_lock);
	shim_inside++;
	if (channel >= 0)
		close(channel);
	shim_inside--;
}

/* Another socket of this program's at the same address, as SO_REUSEPORT allows: they share one queue. Held. */
static struct shim_sock *listen_shared(const struct shim_sock *s)
{
	struct shim_sock *l;

	pthread_mutex_lock(&listen_lock);
	for (l = listen_all; l; l = l->next)
		if (l->local_len == s->local_len && !memcmp(&l->local, &s->local, s->local_len))
			break;
	if (l)
		atomic_fetch_add(&l->refs, 1);
	pthread_mutex_unlock(&listen_lock);
	return l;
}

static int listen_take(struct shim_sock *s, int fd, const char *where, int backlog)
{
	const struct syngate_listen_options o = {
		.size = sizeof(o), .backlog = backlog < 0 ? -1 : backlog, .syn_backlog = -1};
	struct syngate_listener *l;
	int rc, channel;

	shim_inside++;
	rc = syngate_listen(&l, where, &o);
	if (!rc) {
		l->channel = shim_hide(l->channel);
		l->bell = shim_hide(l->bell);
		channel = shim_real()->fcntl(l->channel, F_DUPFD_CLOEXEC, 0);
		rc = channel < 0 ? -errno : 0;
		if (!rc) {
			listen_keep_options(s, fd, channel);
			rc = shim_replace(fd, channel, s);
		}
		if (rc)
			syngate_listener_close(l);
		else
			s->listener = l;
	}
	shim_inside--;
	return rc;
}

static int listen_share(struct shim_sock *s, int fd)
{
	struct shim_sock *other = listen_shared(s);
	int channel, rc;

	if (!other)
		return -EADDRINUSE;
	channel = shim_real()->fcntl(other->listener->channel, F_DUPFD_CLOEXEC, 0);
	rc = channel < 0 ? -errno : shim_replace(fd, channel, s);
	if (!rc)
		shim_set(fd, other);
	shim_put(other);
	return rc;
}

/* 0: it is ours; 1: it is the kernel's; -1: it cannot be, and must. */
static int listen_ours(struct shim_sock *s, int fd, int backlog)
{
	char where[ENDPOINT_TEXT];
	struct sg_addr addr;
	__u16 port;
	int rc;

	s->local_len = sizeof(s->local);
	if (shim_real()->getsockname(fd, (struct sockaddr *)&s->local, &s->local_len))
		return 1;
	listen_endpoint(&s->local, &addr, &port);
	if (!port || !listen_is_asked_for(&addr, port))
		return 1;
	endpoint_print(where, &addr, port);
	if (!listen_share(s, fd))
		return 0;
	rc = listen_take(s, fd, where, backlog);
	if (!rc) {
		s->kind = SHIM_LISTENER;
		listen_remember(s);
		shim_say("syngate: %s: accelerated", where);
		return 0;
	}
	shim_say("syngate: %s: left to the kernel: %s", where, syngate_why());
	if (!getenv(EXEC_REQUIRE))
		return 1;
	errno = rc == -EADDRINUSE ? EADDRINUSE : EACCES;
	return -1;
}

SHIM int listen(int fd, int backlog)
{
	struct shim_sock *s = shim_is_ours() ? shim_hold(fd) : NULL;
	int rc = 1;

	if (s && s->kind == SHIM_LISTENER) /* once more: a new backlog, which ours has not */
		rc = 0;
	else if (s && s->kind == SHIM_SOCKET)
		rc = listen_ours(s, fd, backlog);
	shim_put(s);
	return rc > 0 ? shim_real()->listen(fd, backlog) : rc;
}

/* --- accept --------------------------------------------------------------------------------------- */

/* The daemon has gone: a descriptor that is never ready again, so that nobody turns in circles. */
static int listen_lost(struct shim_sock *s, int fd)
{
	int nothing;

	if (!atomic_exchange(&s->told, true)) {
		shim_say("syngate: %s", syngate_why());
		nothing = eventfd(0, EFD_CLOEXEC);
		if (nothing >= 0 && shim_is_ours())
			shim_replace(fd, nothing, s);
	}
	return shim_fail(EINVAL);
}

/* It ends in good order, whatever ends the program: so do the kernel's. */
static struct shim_sock *listen_conn(struct shim_sock *listener, struct syngate_conn *c)
{
	struct shim_sock *s = shim_new(SHIM_CONN);

	if (!s)
		return NULL;
	s->family = listener->family;
	s->conn = c;
	s->of = listener;
	atomic_fetch_add(&listener->refs, 1);
	if (c->slot != SG_CHANNEL_NO_SLOT)
		slot_change(c, 0, SG_CHANNEL_CLOSED);
	return s;
}

static int listen_accept(struct shim_sock *l, int fd, struct sockaddr *addr, socklen_t *len, int flags)
{
	struct syngate_conn *c;
	struct shim_sock *s;
	int rc, new;

	shim_inside++;
	rc = syngate_accept(l->listener, &c, flags);
	shim_inside--;
	if (rc == -ECONNRESET)
		return listen_lost(l, fd);
	if (rc)
		return shim_fail(-rc);
	s = listen_conn(l, c);
	new = syngate_fd(c);
	if (!s) {
		syngate_abort(c);
		return shim_fail(ENOMEM);
	}
	shim_set(new, s);
	shim_put(s);
	shim_inherit(l, new);
	if (addr && len)
		shim_address(l->family, &c->tuple.peer, c->tuple.pport, addr, len);
	return new;
}

SHIM int accept4(int fd, struct sockaddr *addr, socklen_t *len, int flags)
{
	struct shim_sock *s = shim_hold(fd);
	int rc;

	if (!s || s->kind != SHIM_LISTENER) {
		shim_put(s);
		rc = shim_real()->accept4(fd, addr, len, flags);
		if (rc >= 0)
			shim_set(rc, NULL);
		return rc;
	}
	rc = flags & ~(SOCK_NONBLOCK | SOCK_CLOEXEC) ? shim_fail(EINVAL)
						     : listen_accept(s, fd, addr, len, flags);
	shim_put(s);
	return rc;
}

SHIM int accept(int fd, struct sockaddr *addr, socklen_t *len)
{
	return accept4(fd, addr, len, 0);
}

/* --- connect -------------------------------------------------------------------------------------- */

static int connect_ours(struct shim_sock *s, int fd, const struct sockaddr_storage *to)
{
	char where[ENDPOINT_TEXT], from[ENDPOINT_TEXT];
	struct sockaddr_storage local = {0};
	struct syngate_connect_options o = {.size = sizeof(o)};
	socklen_t len = sizeof(local);
	struct syngate_conn *c;
	struct sg_addr addr;
	__u16 port;
	int rc;

	listen_endpoint(to, &addr, &port);
	endpoint_print(where, &addr, port);
	if (!shim_real()->getsockname(fd, (struct sockaddr *)&local, &len)) {
		listen_endpoint(&local, &addr, &port);
		if (!sg_addr_is_any(&addr)) {
			if (port)
				endpoint_print(from, &addr, port);
			else
				endpoint_addr(from, &addr);
			o.source = from;
		}
	}
	shim_inside++;
	rc = syngate_connect(&c, where, &o);
	if (!rc) {
		int pair = syngate_fd(c);

		s->conn = c;
		s->kind = SHIM_CONN;
		if (c->slot != SG_CHANNEL_NO_SLOT)
			slot_change(c, 0, SG_CHANNEL_CLOSED);
		rc = shim_replace(fd, pair, s);
	}
	shim_inside--;
	return rc;
}

/* The way there is none of ours, or there is no daemon: the kernel's. */
static bool connect_is_not_ours(int rc)
{
	return rc == -ENODEV || rc == -ESRCH || rc == -EINVAL || rc == -EACCES || rc == -EPROTO;
}

SHIM int connect(int fd, const struct sockaddr *to, socklen_t len)
{
	struct shim_sock *s = shim_hold(fd);
	struct sockaddr_storage copy = {0};
	int rc = -EINVAL;

	if (s && s->kind == SHIM_CONN) {
		shim_put(s);
		return shim_fail(EISCONN);
	}
	if (s && s->kind == SHIM_SOCKET && getenv(EXEC_CONNECT) && shim_is_ours() && len <= sizeof(copy) &&
	    (to->sa_family == AF_INET || to->sa_family == AF_INET6)) {
		memcpy(&copy, to, len);
		rc = connect_ours(s, fd, &copy);
	}
	shim_put(s);
	if (connect_is_not_ours(rc))
		return shim_real()->connect(fd, to, len);
	return rc ? shim_fail(-rc) : 0;
}
