/* SPDX-License-Identifier: BSD-2-Clause */
#include "io/kport.h"

#include <arpa/inet.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/inet_diag.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "io/rtnl.h"

#define KPORT_LISTEN (1u << TCP_LISTEN)
#define KPORT_ALL    (0x1ffeu & ~(1u << TCP_CLOSE)) /* not what is bound alone, as ours is */

static int kport_bind(int family, __u16 port)
{
	struct sockaddr_in6 in6 = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
	struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(port)};
	int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0), yes = 1, no = 0, ret = 0;

	if (fd < 0)
		return -errno;
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes)))
		ret = -errno;
	else if (family == AF_INET)
		ret = bind(fd, (struct sockaddr *)&in, sizeof(in)) ? -errno : 0;
	else if (setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &no, sizeof(no)) ||
		 bind(fd, (struct sockaddr *)&in6, sizeof(in6)))
		ret = -errno;
	if (ret)
		close(fd);
	return ret ? ret : fd;
}

int kport_hold(__u16 port)
{
	int fd = kport_bind(AF_INET6, port);

	return fd == -EAFNOSUPPORT || fd == -EADDRNOTAVAIL ? kport_bind(AF_INET, port) : fd;
}

static bool kport_is_loopback(const struct inet_diag_msg *m)
{
	struct sg_addr a;

	if (m->idiag_family == AF_INET)
		sg_addr_from4(&a, m->id.idiag_src);
	else
		memcpy(a.addr, m->id.idiag_src, sizeof(a.addr));
	return sg_addr_is_loopback(&a);
}

static int kport_found(const struct nlmsghdr *h, void *arg)
{
	const struct inet_diag_msg *m = mnl_nlmsg_get_payload(h);

	if (mnl_nlmsg_get_payload_len(h) >= sizeof(*m) && !kport_is_loopback(m))
		*(int *)arg = 1;
	return MNL_CB_OK;
}

static int kport_ask(int family, __u16 port, __u32 states)
{
	char buf[MNL_NLMSG_HDRLEN + MNL_ALIGN(sizeof(struct inet_diag_req_v2))]
		__attribute__((aligned(8)));
	struct nlmsghdr *h = mnl_nlmsg_put_header(buf);
	struct inet_diag_req_v2 *req = mnl_nlmsg_put_extra_header(h, sizeof(*req));
	int found = 0, ret;

	h->nlmsg_type = SOCK_DIAG_BY_FAMILY;
	h->nlmsg_flags = NLM_F_DUMP;
	req->sdiag_family = (__u8)family;
	req->sdiag_protocol = IPPROTO_TCP;
	req->idiag_states = states;
	req->id.idiag_sport = htons(port);
	ret = rtnl_ask_at(NETLINK_SOCK_DIAG, h, kport_found, &found);
	return ret ? ret : found;
}

static int kport_any(__u16 port, __u32 states)
{
	int ret = kport_ask(AF_INET, port, states);

	return ret ? ret : kport_ask(AF_INET6, port, states);
}

int kport_listens(__u16 port)
{
	return kport_any(port, KPORT_LISTEN);
}

int kport_used(__u16 port)
{
	return kport_any(port, KPORT_ALL);
}
