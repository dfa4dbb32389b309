/* SPDX-License-Identifier: BSD-2-Clause */
#include "io/locals.h"

#include <arpa/inet.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "io/netif.h"

#define LOCALS_BUF 32768 /* what the kernel puts into one dump message at most */

struct local_set {
	struct sg_prefix *key;
	size_t n, room;
};

struct locals {
	struct front *f;
	struct mnl_socket *events;
	struct local_set have; /* what is in the map, sorted */
	bool dirty;
	bool link; /* our interface has changed */
	unsigned seq;
	char buf[LOCALS_BUF];
};

/* --- a sorted set of prefixes -------------------------------------------------------- */

static int local_cmp(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct sg_prefix));
}

static int local_add(struct local_set *s, const struct sg_prefix *k)
{
	if (s->n == s->room) {
		size_t room = s->room ? 2 * s->room : 64;
		void *p = reallocarray(s->key, room, sizeof(*s->key));

		if (!p)
			return -ENOMEM;
		s->key = p;
		s->room = room;
	}
	s->key[s->n++] = *k;
	return 0;
}

static void local_sort(struct local_set *s)
{
	size_t n = 0;

	if (s->n)
		qsort(s->key, s->n, sizeof(*s->key), local_cmp);
	for (size_t i = 0; i < s->n; i++) {
		if (n == 0 || local_cmp(&s->key[n - 1], &s->key[i]))
			s->key[n++] = s->key[i];
	}
	s->n = n;
}

/* An address off the wire; loopback is nothing that a frame may carry. */
static int local_add_raw(struct local_set *s, int family, const void *addr, __u32 len)
{
	static const struct sg_addr lo6 = {.addr = {[15] = 1}};
	struct sg_prefix k = {.prefix = len + (family == AF_INET ? 96 : 0)};

	if (family == AF_INET) {
		sg_addr_from4(&k.addr, addr);
		if (k.addr.addr[12] == 127)
			return 0;
	} else {
		memcpy(k.addr.addr, addr, 16);
		if (sg_addr_eq(&k.addr, &lo6))
			return 0;
	}
	return local_add(s, &k);
}

/* --- asking the kernel ----------------------------------------------------------------- */

struct attrs {
	const struct nlattr *at[RTA_MAX + 1];
};

static int attr_keep(const struct nlattr *a, void *arg)
{
	struct attrs *attrs = arg;

	if (mnl_attr_get_type(a) <= RTA_MAX)
		attrs->at[mnl_attr_get_type(a)] = a;
	return MNL_CB_OK;
}

static size_t family_len(int family)
{
	return family == AF_INET ? 4 : family == AF_INET6 ? 16 : 0;
}

static bool route_is_local(const struct nlmsghdr *h)
{
	const struct rtmsg *r = mnl_nlmsg_get_payload(h);

	return r->rtm_type == RTN_LOCAL && r->rtm_table == RT_TABLE_LOCAL &&
	       family_len(r->rtm_family);
}

static int route_add(const struct nlmsghdr *h, void *arg)
{
	static const __u8 any[16];
	const struct rtmsg *r = mnl_nlmsg_get_payload(h);
	struct attrs a = {};
	const void *dst = any;

	if (h->nlmsg_type != RTM_NEWROUTE || !route_is_local(h))
		return MNL_CB_OK;
	mnl_attr_parse(h, sizeof(*r), attr_keep, &a);
	if (a.at[RTA_DST]) {
		if (mnl_attr_get_payload_len(a.at[RTA_DST]) != family_len(r->rtm_family))
			return MNL_CB_OK;
		dst = mnl_attr_get_payload(a.at[RTA_DST]);
	}
	return local_add_raw(arg, r->rtm_family, dst, r->rtm_dst_len) ? MNL_CB_ERROR : MNL_CB_OK;
}

/* Addresses of links that are in a VRF are in no table named local. */
static int addr_add(const struct nlmsghdr *h, void *arg)
{
	const struct ifaddrmsg *m = mnl_nlmsg_get_payload(h);
	size_t len = family_len(m->ifa_family);
	struct attrs a = {};
	const struct nlattr *at;
	__u32 flags;

	if (h->nlmsg_type != RTM_NEWADDR || !len)
		return MNL_CB_OK;
	mnl_attr_parse(h, sizeof(*m), attr_keep, &a);
	flags = a.at[IFA_FLAGS] ? mnl_attr_get_u32(a.at[IFA_FLAGS]) : m->ifa_flags;
	if ((flags & (IFA_F_TENTATIVE | IFA_F_DADFAILED)) && !(flags & IFA_F_OPTIMISTIC))
		return MNL_CB_OK; /* another host may have it */
	at = a.at[IFA_LOCAL] ? a.at[IFA_LOCAL] : a.at[IFA_ADDRESS];
	if (!at || mnl_attr_get_payload_len(at) != len)
		return MNL_CB_OK;
	return local_add_raw(arg, m->ifa_family, mnl_attr_get_payload(at), (__u32)(8 * len))
		       ? MNL_CB_ERROR
		       : MNL_CB_OK;
}

static struct nlmsghdr *request_new(struct locals *l, __u16 type)
{
	struct nlmsghdr *h = mnl_nlmsg_put_header(l->buf);

	h->nlmsg_type = type;
	h->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
	h->nlmsg_seq = ++l->seq;
	return h;
}

/* Send the request in `h`, run `cb` over the answer. -EINTR: it changed meanwhile, ask again. */
static int request_run(struct locals *l, struct mnl_socket *nl, struct nlmsghdr *h, mnl_cb_t cb,
		       struct local_set *s)
{
	unsigned port = mnl_socket_get_portid(nl);
	ssize_t n;
	int ret;

	if (mnl_socket_sendto(nl, h, h->nlmsg_len) < 0)
		return -errno;
	do {
		n = mnl_socket_recvfrom(nl, l->buf, sizeof(l->buf));
		if (n < 0)
			return -errno;
		ret = mnl_cb_run(l->buf, (size_t)n, l->seq, port, cb, s);
	} while (ret > MNL_CB_STOP);
	return ret < 0 ? -errno : 0;
}

/* The local table alone: there may be a million routes in the others. */
static int request_routes(struct locals *l, struct mnl_socket *nl, __u8 family, struct local_set *s)
{
	struct nlmsghdr *h = request_new(l, RTM_GETROUTE);
	struct rtmsg *r = mnl_nlmsg_put_extra_header(h, sizeof(*r));
	int ret;

	r->rtm_family = family;
	r->rtm_table = RT_TABLE_LOCAL;
	ret = request_run(l, nl, h, route_add, s);
	return ret == -ENOENT || ret == -EOPNOTSUPP ? 0 : ret; /* no such table: no IPv6 */
}

static int request_addrs(struct locals *l, struct mnl_socket *nl, struct local_set *s)
{
	struct nlmsghdr *h = request_new(l, RTM_GETADDR);

	mnl_nlmsg_put_extra_header(h, sizeof(struct ifaddrmsg));
	return request_run(l, nl, h, addr_add, s);
}

static int locals_ask(struct locals *l, struct local_set *s)
{
	struct mnl_socket *nl = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);
	int one = 1, ret;

	if (!nl)
		return -errno;
	if (mnl_socket_setsockopt(nl, NETLINK_GET_STRICT_CHK, &one, sizeof(one)) ||
	    mnl_socket_bind(nl, 0, MNL_SOCKET_AUTOPID)) {
		ret = -errno;
		goto out;
	}
	do {
		s->n = 0;
		ret = request_routes(l, nl, AF_INET, s);
		if (!ret)
			ret = request_routes(l, nl, AF_INET6, s);
		if (!ret)
			ret = request_addrs(l, nl, s);
	} while (ret == -EINTR);
out:
	mnl_socket_close(nl);
	return ret;
}

/* --- the map --------------------------------------------------------------------------- */

/* Both sets are sorted: walk them side by side. New ones go in before old ones go out. */
static int locals_apply(struct locals *l, const struct local_set *want)
{
	const struct local_set *have = &l->have;
	int ret = 0, r;

	for (int adding = 1; adding >= 0; adding--) {
		size_t i = 0, j = 0;

		while (i < have->n || j < want->n) {
			int c = i == have->n   ? 1
				: j == want->n ? -1
					       : local_cmp(&have->key[i], &want->key[j]);

			r = 0;
			if (c < 0 && !adding)
				r = front_del_local(l->f, &have->key[i].addr, have->key[i].prefix);
			else if (c > 0 && adding)
				r = front_set_local(l->f, &want->key[j].addr, want->key[j].prefix);
			ret = ret ? ret : r;
			i += c <= 0;
			j += c >= 0;
		}
	}
	return ret;
}

/* What a dead daemon left there. */
static int locals_inherit(struct locals *l)
{
	struct sg_prefix k;
	int ret = front_next_local(l->f, NULL, &k);

	while (!ret) {
		ret = local_add(&l->have, &k);
		if (!ret)
			ret = front_next_local(l->f, &k, &k);
	}
	local_sort(&l->have);
	return ret == -ENOENT ? 0 : ret;
}

static int locals_sync(struct locals *l)
{
	struct local_set want = {};
	int ret = locals_ask(l, &want);

	if (ret) {
		free(want.key);
		return ret;
	}
	local_sort(&want);
	ret = locals_apply(l, &want);
	free(l->have.key);
	l->have = want;
	return ret;
}

/* The driver compares each frame's destination with our address. -ENODEV: it has gone. */
static int locals_link(struct locals *l)
{
	struct netif n;
	int ret = netif_read(&n, l->f->ifname);

	if (ret == -ENODEV || (!ret && n.ifindex != l->f->ifindex))
		return -ENODEV;
	if (ret)
		return 0; /* the next event, then */
	memcpy(l->f->settings->mac, n.mac, sizeof(n.mac));
	l->f->settings->mtu = n.mtu;
	return 0;
}

/* --- events ---------------------------------------------------------------------------- */

static int locals_event(const struct nlmsghdr *h, void *arg)
{
	const struct ifinfomsg *link = mnl_nlmsg_get_payload(h);
	struct locals *l = arg;

	switch (h->nlmsg_type) {
	case RTM_NEWADDR:
	case RTM_DELADDR:
		l->dirty = true;
		break;
	case RTM_NEWROUTE:
	case RTM_DELROUTE:
		l->dirty |= route_is_local(h);
		break;
	case RTM_NEWLINK:
	case RTM_DELLINK: /* or moved into another namespace */
		l->link |= link->ifi_index == (int)l->f->ifindex;
		break;
	}
	return MNL_CB_OK;
}

int locals_handle(struct locals *l)
{
	int fd = locals_fd(l), ret;
	ssize_t n;

	for (;;) {
		n = recv(fd, l->buf, sizeof(l->buf), MSG_DONTWAIT);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno != ENOBUFS)
			break;
		if (n < 0 || mnl_cb_run(l->buf, (size_t)n, 0, 0, locals_event, l) < 0)
			l->dirty = l->link = true; /* some were lost: look at everything */
	}
	if (errno != EAGAIN)
		return -errno;
	ret = l->link ? locals_link(l) : 0;
	l->link = false;
	if (ret)
		return ret;
	if (!l->dirty)
		return 0;
	ret = locals_sync(l);
	l->dirty = ret != 0; /* with the next event, if not now */
	return ret;
}

int locals_fd(const struct locals *l)
{
	return mnl_socket_get_fd(l->events);
}

static int locals_subscribe(struct locals *l)
{
	static const int groups[] = {RTNLGRP_LINK, RTNLGRP_IPV4_IFADDR, RTNLGRP_IPV6_IFADDR,
				     RTNLGRP_IPV4_ROUTE, RTNLGRP_IPV6_ROUTE};

	l->events = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (!l->events || mnl_socket_bind(l->events, 0, MNL_SOCKET_AUTOPID))
		return -errno;
	for (size_t i = 0; i < SG_ARRAY_SIZE(groups); i++) {
		if (mnl_socket_setsockopt(l->events, NETLINK_ADD_MEMBERSHIP, (void *)&groups[i],
					  sizeof(groups[i])))
			return -errno;
	}
	return 0;
}

/* Subscribe first: what changes while we ask is then seen as an event. */
int locals_open(struct locals **out, struct front *f)
{
	struct locals *l = calloc(1, sizeof(*l));
	int ret;

	if (!l)
		return -ENOMEM;
	l->f = f;
	ret = locals_subscribe(l);
	if (!ret)
		ret = locals_inherit(l);
	if (!ret)
		ret = locals_sync(l);
	if (ret) {
		locals_close(l);
		return ret;
	}
	*out = l;
	return 0;
}

void locals_close(struct locals *l)
{
	if (!l)
		return;
	if (l->events)
		mnl_socket_close(l->events);
	free(l->have.key);
	free(l);
}
