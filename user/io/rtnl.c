/* SPDX-License-Identifier: BSD-2-Clause */
#include "io/rtnl.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

static int rtnl_keep(const struct nlattr *at, void *arg)
{
	struct rtnl_attrs *a = arg;

	if (mnl_attr_get_type(at) < RTNL_ATTRS)
		a->at[mnl_attr_get_type(at)] = at;
	return MNL_CB_OK;
}

bool rtnl_parse(const struct nlmsghdr *h, size_t header, struct rtnl_attrs *a)
{
	size_t skip = MNL_ALIGN(header);

	memset(a, 0, sizeof(*a));
	if (h->nlmsg_len < MNL_NLMSG_HDRLEN + header)
		return false;
	if (h->nlmsg_len <= MNL_NLMSG_HDRLEN + skip)
		return true;
	/* by the length that it has, not that it would have with padding */
	return mnl_attr_parse_payload((const char *)h + MNL_NLMSG_HDRLEN + skip,
				      h->nlmsg_len - MNL_NLMSG_HDRLEN - skip, rtnl_keep,
				      a) >= MNL_CB_STOP;
}

bool rtnl_addr(const struct nlattr *at, int family, struct sg_addr *a)
{
	if (!at || mnl_attr_get_payload_len(at) != (family == AF_INET ? 4 : 16))
		return false;
	if (family == AF_INET)
		sg_addr_from4(a, mnl_attr_get_payload(at));
	else
		memcpy(a->addr, mnl_attr_get_payload(at), 16);
	return family == AF_INET || family == AF_INET6;
}

int rtnl_family(const struct sg_addr *a)
{
	return sg_addr_is4(a) ? AF_INET : AF_INET6;
}

void rtnl_put_addr(struct nlmsghdr *h, __u16 type, const struct sg_addr *a)
{
	if (sg_addr_is4(a))
		mnl_attr_put(h, type, 4, a->addr + 12);
	else
		mnl_attr_put(h, type, 16, a->addr);
}

static int rtnl_exchange(struct mnl_socket *nl, struct nlmsghdr *h, mnl_cb_t cb, void *arg)
{
	char buf[RTNL_BUF] __attribute__((aligned(8)));
	int ret = MNL_CB_OK;
	ssize_t n;

	h->nlmsg_flags |= NLM_F_REQUEST; /* an end, whatever the answer is: */
	if ((h->nlmsg_flags & NLM_F_DUMP) != NLM_F_DUMP)
		h->nlmsg_flags |= NLM_F_ACK;
	h->nlmsg_seq = 1;
	if (mnl_socket_bind(nl, 0, MNL_SOCKET_AUTOPID) ||
	    mnl_socket_sendto(nl, h, h->nlmsg_len) < 0)
		return -errno;
	while (ret > MNL_CB_STOP) {
		n = mnl_socket_recvfrom(nl, buf, sizeof(buf));
		if (n < 0)
			return -errno;
		ret = mnl_cb_run(buf, (size_t)n, 1, mnl_socket_get_portid(nl), cb, arg);
	}
	return ret < 0 ? -errno : 0;
}

int rtnl_ask_at(int protocol, struct nlmsghdr *h, mnl_cb_t cb, void *arg)
{
	struct mnl_socket *nl = mnl_socket_open2(protocol, SOCK_CLOEXEC);
	int ret;

	if (!nl)
		return -errno;
	ret = rtnl_exchange(nl, h, cb, arg);
	mnl_socket_close(nl);
	return ret;
}

int rtnl_ask(struct nlmsghdr *h, mnl_cb_t cb, void *arg)
{
	return rtnl_ask_at(NETLINK_ROUTE, h, cb, arg);
}
