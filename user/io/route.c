/* SPDX-License-Identifier: BSD-2-Clause */
#include "io/route.h"

#include <errno.h>
#include <linux/rtnetlink.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

#include "io/rtnl.h"

struct nlmsghdr *route_request(void *buf, const struct route_query *q)
{
	struct nlmsghdr *h = mnl_nlmsg_put_header(buf);
	struct rtmsg *m = mnl_nlmsg_put_extra_header(h, sizeof(*m));
	__u8 bits = sg_addr_is4(&q->dst) ? 32 : 128;

	h->nlmsg_type = RTM_GETROUTE;
	h->nlmsg_flags = NLM_F_REQUEST;
	m->rtm_family = (__u8)rtnl_family(&q->dst);
	m->rtm_dst_len = bits;
	rtnl_put_addr(h, RTA_DST, &q->dst);
	if (!sg_addr_is_any(&q->src)) {
		m->rtm_src_len = bits;
		rtnl_put_addr(h, RTA_SRC, &q->src);
	}
	if (q->ifindex)
		mnl_attr_put_u32(h, RTA_OIF, q->ifindex);
	mnl_attr_put_u8(h, RTA_IP_PROTO, IPPROTO_TCP);
	if (q->dport)
		mnl_attr_put_u16(h, RTA_DPORT, htons(q->dport));
	if (q->sport)
		mnl_attr_put_u16(h, RTA_SPORT, htons(q->sport));
	return h;
}

static enum route_kind route_kind(__u8 type)
{
	if (type == RTN_UNICAST)
		return ROUTE_UNICAST;
	return type == RTN_LOCAL ? ROUTE_LOCAL : ROUTE_OTHER;
}

static void route_metrics(const struct nlattr *metrics, struct route *r)
{
	const struct nlattr *at;

	if (!metrics)
		return;
	mnl_attr_for_each_nested(at, metrics)
	{
		if (mnl_attr_get_payload_len(at) != sizeof(__u32))
			continue;
		if (mnl_attr_get_type(at) == RTAX_MTU)
			r->mtu = mnl_attr_get_u32(at);
		if (mnl_attr_get_type(at) == RTAX_ADVMSS)
			r->advmss = mnl_attr_get_u32(at);
	}
}

/* An IPv4 route may go by an IPv6 router: RTA_VIA has its family in front. */
static bool route_via(const struct nlattr *at, struct sg_addr *next)
{
	const struct rtvia *v = at ? mnl_attr_get_payload(at) : NULL;

	if (!v || mnl_attr_get_payload_len(at) != sizeof(*v) + 16 || v->rtvia_family != AF_INET6)
		return false;
	memcpy(next->addr, v->rtvia_addr, 16);
	return true;
}

bool route_parse(const struct nlmsghdr *h, const struct sg_addr *dst, struct route *r)
{
	const struct rtmsg *m = mnl_nlmsg_get_payload(h);
	struct rtnl_attrs a;

	memset(r, 0, sizeof(*r));
	if (h->nlmsg_type != RTM_NEWROUTE || !rtnl_parse(h, sizeof(*m), &a) ||
	    m->rtm_family != rtnl_family(dst))
		return false;
	r->kind = route_kind(m->rtm_type);
	if (a.at[RTA_OIF] && mnl_attr_get_payload_len(a.at[RTA_OIF]) == sizeof(__u32))
		r->ifindex = mnl_attr_get_u32(a.at[RTA_OIF]);
	rtnl_addr(a.at[RTA_PREFSRC], m->rtm_family, &r->src);
	if (!route_via(a.at[RTA_VIA], &r->next) &&
	    !rtnl_addr(a.at[RTA_GATEWAY], m->rtm_family, &r->next))
		r->next = *dst;
	route_metrics(a.at[RTA_METRICS], r);
	return true;
}

struct route_answer {
	const struct route_query *q;
	struct route *r;
	bool found;
};

static int route_take(const struct nlmsghdr *h, void *arg)
{
	struct route_answer *a = arg;

	a->found |= route_parse(h, &a->q->dst, a->r);
	return MNL_CB_OK;
}

int route_find(const struct route_query *q, struct route *r)
{
	char buf[RTNL_BUF] __attribute__((aligned(8)));
	struct route_answer a = {q, r, false};
	int ret = rtnl_ask(route_request(buf, q), route_take, &a);

	if (ret)
		return ret;
	return a.found ? 0 : -ENETUNREACH;
}
