/* SPDX-License-Identifier: BSD-2-Clause */
#include "app/backend.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

static socklen_t backend_address(const struct sg_addr *addr, __u16 port,
				 struct sockaddr_storage *ss)
{
	struct sockaddr_in6 *six = (struct sockaddr_in6 *)ss;
	struct sockaddr_in *sin = (struct sockaddr_in *)ss;

	memset(ss, 0, sizeof(*ss));
	if (sg_addr_is4(addr)) {
		sin->sin_family = AF_INET;
		sin->sin_port = htons(port);
		memcpy(&sin->sin_addr, addr->addr + 12, 4);
		return sizeof(*sin);
	}
	six->sin6_family = AF_INET6;
	six->sin6_port = htons(port);
	memcpy(&six->sin6_addr, addr->addr, 16);
	return sizeof(*six);
}

static int backend_start(int fd, const struct sockaddr_storage *ss, socklen_t len, int epoll,
			 void *ptr)
{
	struct epoll_event ev = {
		.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET,
		.data.ptr = ptr,
	};
	int one = 1;

	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	if (connect(fd, (const struct sockaddr *)ss, len) && errno != EINPROGRESS)
		return -errno;
	return epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &ev) ? -errno : 0;
}

int backend_connect(const struct sg_addr *addr, __u16 port, int epoll, void *ptr)
{
	struct sockaddr_storage ss;
	socklen_t len = backend_address(addr, port, &ss);
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
