/* SPDX-License-Identifier: BSD-2-Clause */
#include "app/backend.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stddef.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static socklen_t backend_inet(const struct endpoint *e, struct sockaddr_storage *ss)
{
	struct sockaddr_in6 *six = (struct sockaddr_in6 *)ss;
	struct sockaddr_in *sin = (struct sockaddr_in *)ss;

	if (sg_addr_is4(&e->addr)) {
		sin->sin_family = AF_INET;
		sin->sin_port = htons(e->port);
		memcpy(&sin->sin_addr, e->addr.addr + 12, 4);
		return sizeof(*sin);
	}
	six->sin6_family = AF_INET6;
	six->sin6_port = htons(e->port);
	memcpy(&six->sin6_addr, e->addr.addr, 16);
	return sizeof(*six);
}

/* An abstract name has no NUL behind it, but one in front. */
static socklen_t backend_unix(const struct endpoint *e, struct sockaddr_storage *ss)
{
	struct sockaddr_un *un = (struct sockaddr_un *)ss;
	size_t len = strlen(e->path);

	un->sun_family = AF_UNIX;
	memcpy(un->sun_path, e->path, len + 1);
	if (e->path[0] != '@')
		return sizeof(*un);
	un->sun_path[0] = 0;
	return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len);
}

static socklen_t backend_address(const struct endpoint *e, struct sockaddr_storage *ss)
{
	memset(ss, 0, sizeof(*ss));
	return e->port ? backend_inet(e, ss) : backend_unix(e, ss);
}

static int backend_start(int fd, const struct sockaddr_storage *ss, socklen_t len, int epoll,
			 void *ptr)
{
	struct epoll_event ev = {
		.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET,
		.data.ptr = ptr,
	};
	int one = 1;

	if (ss->ss_family != AF_UNIX)
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	if (connect(fd, (const struct sockaddr *)ss, len) && errno != EINPROGRESS)
		return -errno; /* of a Unix socket, -EAGAIN: its queue is full */
	return epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &ev) ? -errno : 0;
}

int backend_connect(const struct endpoint *e, int epoll, void *ptr)
{
	struct sockaddr_storage ss;
	socklen_t len = backend_address(e, &ss);
	int fd = socket(ss.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), rc;

	if (fd < 0)
		return -errno;
	rc = backend_start(fd, &ss, len, epoll, ptr);
	if (rc) {
		close(fd);
		return rc;
	}
	return fd;
}

int backend_error(int fd)
{
	int error = 0;
	socklen_t len = sizeof(error);

	return getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len) ? errno : error;
}

void backend_close(int fd, int reset)
{
	struct linger at_once = {.l_onoff = 1};

	if (reset)
		setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
	close(fd); /* leaves epoll by itself */
}
