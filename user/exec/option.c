/* SPDX-License-Identifier: BSD-2-Clause */
/* Names and options, as a TCP socket's. */
#include <linux/tcp.h>
#include <netinet/in.h>
#include <string.h>

#include "exec/shim.h"

/* --- names -------------------------------------------------------------------------------------- */

static int option_give(const void *from, socklen_t size, void *to, socklen_t *len)
{
	memcpy(to, from, size < *len ? size : *len);
	*len = size;
	return 0;
}

void shim_address(int family, const struct sg_addr *a, __u16 port, struct sockaddr *to, socklen_t *len)
{
	struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(port)};
	struct sockaddr_in6 in6 = {.sin6_family = AF_INET6, .sin6_port = htons(port)};

	memcpy(&in.sin_addr, a->addr + 12, 4);
	memcpy(&in6.sin6_addr, a->addr, 16);
	if (family == AF_INET)
		option_give(&in, sizeof(in), to, len);
	else
		option_give(&in6, sizeof(in6), to, len);
}

SHIM int getsockname(int fd, struct sockaddr *addr, socklen_t *len)
{
	struct shim_sock *s = shim_hold(fd);
	int rc = 0;

	if (s && s->kind == SHIM_LISTENER)
		option_give(&s->local, s->local_len, addr, len);
	else if (s && s->kind == SHIM_CONN)
		shim_address(s->family, &s->conn->tuple.local, s->conn->tuple.lport, addr, len);
	else
		rc = shim_real()->getsockname(fd, addr, len);
	shim_put(s);
	return rc;
}

SHIM int getpeername(int fd, struct sockaddr *addr, socklen_t *len)
{
	struct shim_sock *s = shim_hold(fd);
	int rc = 0;

	if (s && s->kind == SHIM_LISTENER)
		rc = shim_fail(ENOTCONN);
	else if (s && s->kind == SHIM_CONN && syngate_error(s->conn))
		rc = shim_fail(ENOTCONN);
	else if (s && s->kind == SHIM_CONN)
		shim_address(s->family, &s->conn->tuple.peer, s->conn->tuple.pport, addr, len);
	else
		rc = shim_real()->getpeername(fd, addr, len);
	shim_put(s);
	return rc;
}

/* --- what a listener's connections begin with ------------------------------------------------------ */

void shim_remember(struct shim_sock *s, int level, int name, int value)
{
	int i = 0;

	while (i < s->options && (s->option[i].level != level || s->option[i].name != name))
		i++;
	if (i == SHIM_OPTIONS)
		return;
	s->option[i] = (struct shim_option){level, name, value};
	s->options += i == s->options;
}

void shim_inherit(struct shim_sock *l, int fd)
{
	if (l->linger.l_onoff)
		setsockopt(fd, SOL_SOCKET, SO_LINGER, &l->linger, sizeof(l->linger));
	for (int i = 0; i < l->options; i++)
		setsockopt(fd, l->option[i].level, l->option[i].name, &l->option[i].value,
			   sizeof(l->option[i].value));
}

/* --- options -------------------------------------------------------------------------------------- */

/* Those that TCP has and that change nothing here: a program need not know. */
static bool option_is_idle(int level, int name)
{
	static const int tcp[] = {TCP_DEFER_ACCEPT, TCP_FASTOPEN,   TCP_SYNCNT, TCP_CONGESTION,
				  TCP_MAXSEG,	    TCP_WINDOW_CLAMP, TCP_THIN_LINEAR_TIMEOUTS,
				  TCP_NOTSENT_LOWAT};

	if (level == IPPROTO_IPV6 || level == IPPROTO_IP)
		return true;
	for (size_t i = 0; i < SG_ARRAY_SIZE(tcp); i++)
		if (level == IPPROTO_TCP && name == tcp[i])
			return true;
	return false;
}

static int option_set_listener(struct shim_sock *s, int fd, int level, int name, const void *value, socklen_t len)
{
	int n;

	if (level == SOL_SOCKET && name == SO_LINGER && len >= sizeof(s->linger)) {
		memcpy(&s->linger, value, sizeof(s->linger));
		return 0;
	}
	if (level == SOL_SOCKET && name != SO_KEEPALIVE)
		return shim_real()->setsockopt(fd, level, name, value, len);
	if (len < sizeof(n))
		return option_is_idle(level, name) ? 0 : shim_fail(EINVAL);
	memcpy(&n, value, sizeof(n));
	if (level == IPPROTO_TCP || level == SOL_SOCKET || (level == IPPROTO_IP && name == IP_TOS))
		shim_remember(s, level, name, n);
	return 0;
}

static int option_set_conn(struct shim_sock *s, int fd, int level, int name, const void *value, socklen_t len)
{
	int rc;

	s->conn->fd = fd; /* the one that the program has now */
	shim_inside++;
	rc = syngate_setsockopt(s->conn, level, name, value, len);
	shim_inside--;
	if (rc == -ENOPROTOOPT && option_is_idle(level, name))
		rc = 0;
	return rc ? shim_fail(-rc) : 0;
}

SHIM int setsockopt(int fd, int level, int name, const void *value, socklen_t len)
{
	struct shim_sock *s = shim_inside ? NULL : shim_hold(fd); /* the library asks the kernel */
	int rc;

	if (s && s->kind == SHIM_LISTENER)
		rc = option_set_listener(s, fd, level, name, value, len);
	else if (s && s->kind == SHIM_CONN)
		rc = option_set_conn(s, fd, level, name, value, len);
	else
		rc = shim_real()->setsockopt(fd, level, name, value, len);
	shim_put(s);
	return rc;
}

static int option_get_listener(struct shim_sock *s, int fd, int level, int name, void *value, socklen_t *len)
{
	const struct tcp_info info = {.tcpi_state = 10}; /* LISTEN */
	const int stream = SOCK_STREAM, tcp = IPPROTO_TCP, yes = 1, no = 0;

	if (level == IPPROTO_TCP && name == TCP_INFO)
		return option_give(&info, sizeof(info), value, len);
	for (int i = 0; i < s->options; i++)
		if (s->option[i].level == level && s->option[i].name == name)
			return option_give(&s->option[i].value, sizeof(int), value, len);
	if (level != SOL_SOCKET)
		return option_give(&no, sizeof(no), value, len);
	switch (name) {
	case SO_LINGER:
		return option_give(&s->linger, sizeof(s->linger), value, len);
	case SO_DOMAIN:
		return option_give(&s->family, sizeof(s->family), value, len);
	case SO_TYPE:
		return option_give(&stream, sizeof(stream), value, len);
	case SO_PROTOCOL:
		return option_give(&tcp, sizeof(tcp), value, len);
	case SO_ACCEPTCONN:
		return option_give(&yes, sizeof(yes), value, len);
	case SO_KEEPALIVE:
		return option_give(&no, sizeof(no), value, len);
	}
	return shim_real()->getsockopt(fd, level, name, value, len);
}

/* As Linux: SO_ERROR says it once. */
static int option_get_conn(struct shim_sock *s, int fd, int level, int name, void *value, socklen_t *len)
{
	int rc, died;

	if (level == SOL_SOCKET && name == SO_ERROR) {
		died = shim_died(s);
		return option_give(&died, sizeof(died), value, len);
	}
	if (level == SOL_SOCKET && name == SO_DOMAIN)
		return option_give(&s->family, sizeof(s->family), value, len);
	s->conn->fd = fd;
	shim_inside++;
	rc = syngate_getsockopt(s->conn, level, name, value, len);
	shim_inside--;
	return rc ? shim_fail(-rc) : 0;
}

SHIM int getsockopt(int fd, int level, int name, void *value, socklen_t *len)
{
	struct shim_sock *s = shim_inside ? NULL : shim_hold(fd); /* the library asks the kernel */
	int rc;

	if (s && s->kind == SHIM_LISTENER)
		rc = option_get_listener(s, fd, level, name, value, len);
	else if (s && s->kind == SHIM_CONN)
		rc = option_get_conn(s, fd, level, name, value, len);
	else
		rc = shim_real()->getsockopt(fd, level, name, value, len);
	shim_put(s);
	return rc;
}
