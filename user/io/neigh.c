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

int neigh_begin(struct neigh_search *s, unsigned ifindex, const struct sg_addr *addr)
{
	int rc;

	*s = (struct neigh_search){.n = {.ifindex = ifindex, .addr = *addr}};
	/* subscribed first: what happens between the look and the wait is not missed */
	s->events = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (!s->events)
		return -errno;
	rc = mnl_socket_bind(s->events, RTMGRP_NEIGH, MNL_SOCKET_AUTOPID) ? -errno
									  : neigh_look(&s->n);
	if (rc)
		neigh_end(s);
	return rc;
}

void neigh_end(struct neigh_search *s)
{
	mnl_socket_close(s->events);
}

int neigh_fd(const struct neigh_search *s)
{
	return mnl_socket_get_fd(s->events);
}

/* What has changed in the table. -EAGAIN: nothing has. */
static int neigh_hear(struct neigh_search *s)
{
	char buf[RTNL_BUF] __attribute__((aligned(8)));
	ssize_t len = mnl_socket_recvfrom(s->events, buf, sizeof(buf));

	if (len < 0 && errno == ENOBUFS) /* some were lost */
		return neigh_look(&s->n);
	if (len < 0)
		return errno == EINTR ? 0 : -errno;
	return mnl_cb_run(buf, (size_t)len, 0, 0, neigh_take, &s->n) < 0 ? -errno : 0;
}

int neigh_go(struct neigh_search *s)
{
	int ret = 0;

	while (!ret) {
		switch (neigh_step(&s->n, s->confirmed, s->resolved)) {
		case NEIGH_KNOWN:
			return 0;
		case NEIGH_FAILED:
			return -EHOSTUNREACH;
		case NEIGH_CONFIRM:
			s->confirmed = true;
			ret = neigh_confirm(&s->n);
			break;
		case NEIGH_RESOLVE:
			s->resolved = true;
			ret = neigh_resolve(&s->n);
			s->n.state = NUD_INCOMPLETE; /* until we hear otherwise */
			break;
		case NEIGH_WAIT:
			ret = neigh_hear(s);
			break;
		}
	}
	return ret;
}

static int neigh_await(const struct neigh_search *s, __u64 until)
{
	struct pollfd p = {.fd = neigh_fd(s), .events = POLLIN};
	__u64 now = clock_now();

	if (now >= until || poll(&p, 1, (int)((until - now) / 1000000) + 1) == 0)
		return -ETIMEDOUT;
	return 0;
}

int neigh_find(unsigned ifindex, const struct sg_addr *addr, unsigned ms, __u8 mac[6])
{
	__u64 until = clock_now() + (__u64)ms * 1000000;
	struct neigh_search s;
	int ret = neigh_begin(&s, ifindex, addr);

	if (ret)
		return ret;
	while ((ret = neigh_go(&s)) == -EAGAIN) {
		ret = neigh_await(&s, until);
		if (ret)
			break;
	}
	neigh_end(&s);
	if (!ret)
		memcpy(mac, s.n.mac, 6);
	return ret;
}
