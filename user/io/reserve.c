/* SPDX-License-Identifier: BSD-2-Clause */
#include "io/reserve.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

union reserve_name {
	struct sockaddr sa;
	struct sockaddr_in in;
	struct sockaddr_in6 in6;
};

static socklen_t reserve_name(union reserve_name *n, const struct sg_addr *a, unsigned ifindex,
			      __u16 port)
{
	memset(n, 0, sizeof(*n));
	if (sg_addr_is4(a)) {
		n->in.sin_family = AF_INET;
		n->in.sin_port = htons(port);
		memcpy(&n->in.sin_addr, a->addr + 12, 4);
		return sizeof(n->in);
	}
	n->in6.sin6_family = AF_INET6;
	n->in6.sin6_port = htons(port);
	memcpy(&n->in6.sin6_addr, a->addr, 16);
	if (IN6_IS_ADDR_LINKLOCAL(&n->in6.sin6_addr))
		n->in6.sin6_scope_id = ifindex;
	return sizeof(n->in6);
}

int reserve_port(const struct sg_addr *addr, unsigned ifindex, __u16 *port)
{
	union reserve_name n;
	socklen_t len = reserve_name(&n, addr, ifindex, *port);
	int fd = socket(n.sa.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0), ret;

	if (fd < 0)
		return -errno;
	if (bind(fd, &n.sa, len) || getsockname(fd, &n.sa, &len)) {
		ret = -errno;
		close(fd);
		return ret;
	}
	*port = ntohs(sg_addr_is4(addr) ? n.in.sin_port : n.in6.sin6_port);
	return fd;
}
