/* SPDX-License-Identifier: BSD-2-Clause */
#include "io/neigh.h"

#include <errno.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

#include "io/clock.h"
#include "io/rtnl.h"

#define NEIGH_GOOD (NUD_REACHABLE | NUD_PERMANENT | NUD_NOARP)
#define NEIGH_OLD  (NUD_STALE | NUD_DELAY)
#define NEIGH_BUSY (NUD_PROBE | NUD_INCOMPLETE)

/* --- pure ----------------------------------------------------------------------------------- */

bool neigh_parse(const struct nlmsghdr *h, struct neigh *n)
{
	const struct ndmsg *m = mnl_nlmsg_get_payload(h);
	struct rtnl_attrs a;

	memset(n, 0, sizeof(*n));
	if ((h->nlmsg_type != RTM_NEWNEIGH && h->nlmsg_type != RTM_DELNEIGH) ||
	    !rtnl_parse(h, sizeof(*m), &a) || !rtnl_addr(a.at[NDA_DST], m->ndm_family, &n->addr))
		return false;
	n->ifindex = (unsigned)m->ndm_ifindex;
	n->state = h->nlmsg_type == RTM_NEWNEIGH ? m->ndm_state : NUD_NONE;
	n->has_mac = a.at[NDA_LLADDR] && mnl_attr_get_payload_len(a.at[NDA_LLADDR]) == 6;
	if (n->has_mac)
		memcpy(n->mac, mnl_attr_get_payload(a.at[NDA_LLADDR]), 6);
	return true;
}

enum neigh_step neigh_step(const struct neigh *n, bool confirmed, bool resolved)
{
	if (n->state & NEIGH_GOOD && n->has_mac)
		return NEIGH_KNOWN;
	if (n->state & NEIGH_OLD)
		return confirmed ? NEIGH_WAIT : NEIGH_CONFIRM;
	if (n->state & NEIGH_BUSY)
		return NEIGH_WAIT;
	return resolved ? NEIGH_FAILED : NEIGH_RESOLVE; /* absent, or it failed */
}

static struct nlmsghdr *neigh_request(void *buf, __u16 type, const struct neigh *n)
{
	struct nlmsghdr *h = mnl_nlmsg_put_header(buf);
	struct ndmsg *m = mnl_nlmsg_put_extra_header(h, sizeof(*m));

	h->nlmsg_type = type;
	h->nlmsg_flags = NLM_F_REQUEST;
	m->ndm_family = (__u8)rtnl_family(&n->addr);
	m->ndm_ifindex = (int)n->ifindex;
	rtnl_put_addr(h, NDA_DST, &n->addr);
	return h;
}

/* --- the kernel's table --------------------------------------------------------------------- */

static bool neigh_same(const struct neigh *a, const struct neigh *b)
{
	return a->ifindex == b->ifindex && sg_addr_eq(&a->addr, &b->addr);
}

/* Messages about others are passed over. */
static int neigh_take(const struct nlmsghdr *h, void *arg)
{
	struct neigh *n = arg, got;

	if (neigh_parse(h, &got) && neigh_same(&got, n))
		*n = got;
	return MNL_CB_OK;
}

static int neigh_look(struct neigh *n)
{
	char buf[RTNL_BUF] __attribute__((aligned(8)));
	int ret = rtnl_ask(neigh_request(buf, RTM_GETNEIGH, n), neigh_take, n);

	return ret == -ENOENT ? 0 : ret; /* not there: n->state is 0 */
}

/* As if a packet were to be sent to it. */
static int neigh_resolve(const struct neigh *n)
{
	char buf[RTNL_BUF] __attribute__((aligned(8)));
	struct nlmsghdr *h = neigh_request(buf, RTM_NEWNEIGH, n);
	struct ndmsg *m = mnl_nlmsg_get_payload(h);

	h->nlmsg_flags |= NLM_F_CREATE;
	m->ndm_flags = NTF_USE;
	return rtnl_ask(h, NULL, NULL);
}

/* Now, not after the five seconds that a packet would leave it. */
static int neigh_confirm(const struct neigh *n)
{
	char buf[RTNL_BUF] __attribute__((aligned(8)));
	struct nlmsghdr *h = neigh_request(buf, RTM_NEWNEIGH, n);
	struct ndmsg *m = mnl_nlmsg_get_payload(h);
	int ret;

	h->nlmsg_flags |= NLM_F_REPLACE;
	m->ndm_state = NUD_PROBE;
	ret = rtnl_ask(h, NULL, NULL);
	return ret == -ENOENT || ret == -EINVAL ? neigh_resolve(n) : ret; /* it has just gone */
}

/* --- waiting -------------------------------------------------------------------------------- */

/* Until the table changes. -ETIMEDOUT after `until`. */
static int neigh_await(struct mnl_socket *events, struct neigh *n, __u64 until)
{
	char buf[RTNL_BUF] __attribute__((aligned(8)));
	struct pollfd p = {.fd = mnl_socket_get_fd(events), .events = POLLIN};
	__u64 now = clock_now();
	ssize_t len;
	int ret;

	if (now >= until)
		return -ETIMEDOUT;
	ret = poll(&p, 1, (int)((until - now) / 1000000) + 1);
	if (ret <= 0)
		return ret == 0 ? -ETIMEDOUT : errno == EINTR ? 0 : -errno;
	len = mnl_socket_recvfrom(events, buf, sizeof(buf));
	if (len < 0 && errno == ENOBUFS) /* some were lost */
		return neigh_look(n);
	if (len < 0)
		return -errno;
	return mnl_cb_run(buf, (size_t)len, 0, 0, neigh_take, n) < 0 ? -errno : 0;
}

static int neigh_follow(struct mnl_socket *events, struct neigh *n, __u64 until)
{
	bool confirmed = false, resolved = false;
	int ret = neigh_look(n);

	while (!ret) {
		switch (neigh_step(n, confirmed, resolved)) {
		case NEIGH_KNOWN:
			return 0;
		case NEIGH_FAILED:
			return -EHOSTUNREACH;
		case NEIGH_CONFIRM:
			confirmed = true;
			ret = neigh_confirm(n);
			break;
		case NEIGH_RESOLVE:
			resolved = true;
			ret = neigh_resolve(n);
			n->state = NUD_INCOMPLETE; /* until we hear otherwise */
			break;
		case NEIGH_WAIT:
			ret = neigh_await(events, n, until);
			break;
		}
	}
	return ret;
}

int neigh_find(unsigned ifindex, const struct sg_addr *addr, unsigned ms, __u8 mac[6])
{
	/* subscribed first: what happens between the look and the wait is not missed */
	struct mnl_socket *events = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);
	struct neigh n = {.ifindex = ifindex, .addr = *addr};
	__u64 until = clock_now() + (__u64)ms * 1000000;
	int ret;

	if (!events)
		return -errno;
	if (mnl_socket_bind(events, RTMGRP_NEIGH, MNL_SOCKET_AUTOPID))
		ret = -errno;
	else
		ret = neigh_follow(events, &n, until);
	mnl_socket_close(events);
	if (!ret)
		memcpy(mac, n.mac, 6);
	return ret;
}
