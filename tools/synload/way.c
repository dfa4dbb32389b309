/* SPDX-License-Identifier: BSD-2-Clause */
#include "way.h"

#include <errno.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <string.h>
#include <sys/stat.h>

#include "cli/addr.h"
#include "io/neigh.h"
#include "io/route.h"
#include "io/rtnl.h"

#define WAY_NEIGH_MS 5000

/* --- where we are --------------------------------------------------------------------------- */

static int way_guard(const struct args *a, struct err *err)
{
	struct stat host;

	if (a->force)
		return 0;
	if (stat("/proc/1/ns/net", &host))
		return err_set(err, -EPERM, EXIT_USAGE,
			       "cannot tell whether this is the host's own network namespace "
			       "(/proc/1/ns/net: %s): if '%s' may be flooded, add --force",
			       strerror(errno), a->iface);
	if (host.st_ino != netif_netns())
		return 0;
	return err_set(
		err, -EPERM, EXIT_USAGE,
		"'%s' is in the host's own network namespace: run it in another one (ip netns "
		"exec NAME synload ...), or add --force if it may be flooded",
		a->iface);
}

static int way_interface(struct way *w, const struct args *a, struct err *err)
{
	int rc = netif_read(&w->nif, a->iface);

	if (rc == -ENODEV)
		return err_set(err, rc, EXIT_USAGE,
			       "no interface '%s' in this network namespace: see ip -br link",
			       a->iface);
	if (rc)
		return err_set(err, rc, EXIT_KERNEL, "%s: %s; see ip link show %s", a->iface,
			       strerror(-rc), a->iface);
	if (!w->nif.ethernet)
		return err_set(err, -EINVAL, EXIT_USAGE,
			       "%s has no Ethernet header (a tunnel?): take another interface",
			       a->iface);
	return 0;
}

/* --- where it goes -------------------------------------------------------------------------- */

static int way_route(const struct way *w, const struct args *a, struct route *r, struct err *err)
{
	const struct route_query q = {.dst = a->to, .dport = a->port, .ifindex = w->nif.ifindex};
	const char *get = sg_addr_is4(&a->to) ? "ip" : "ip -6";
	int rc = route_find(&q, r);

	if (!rc && r->kind == ROUTE_UNICAST)
		return 0;
	if (!rc)
		return err_set(err, -EINVAL, EXIT_USAGE,
			       "%s is this host itself, or no single host: take a target behind %s",
			       a->to_text, a->iface);
	return err_set(err, rc, EXIT_KERNEL,
		       "no route to %s out of %s (%s): add one with %s route add, or give --gw MAC",
		       a->to_text, a->iface, strerror(-rc), get);
}

static int way_neighbour(struct way *w, const struct args *a, const struct route *r,
			 struct err *err)
{
	char next[ADDR_TEXT];
	int rc = neigh_find(w->nif.ifindex, &r->next, WAY_NEIGH_MS, w->dst);

	if (!rc)
		return 0;
	return err_set(err, rc, EXIT_KERNEL,
		       "%s does not answer on %s (%s): is it up? See ip neigh, or give --gw MAC",
		       addr_format_host(&r->next, next), a->iface, strerror(-rc));
}

int way_find(struct way *w, const struct args *a, struct err *err)
{
	struct route r;
	int rc = way_guard(a, err);

	if (!rc)
		rc = way_interface(w, a, err);
	if (rc)
		return rc;
	if (a->has_gw) {
		memcpy(w->dst, a->gw, 6);
		return 0;
	}
	rc = way_route(w, a, &r, err);
	return rc ? rc : way_neighbour(w, a, &r, err);
}

/* --- what has gone -------------------------------------------------------------------------- */

static int way_take(const struct nlmsghdr *h, void *arg)
{
	struct rtnl_link_stats64 s;
	struct rtnl_attrs at;

	if (h->nlmsg_type != RTM_NEWLINK || !rtnl_parse(h, sizeof(struct ifinfomsg), &at) ||
	    !at.at[IFLA_STATS64] || mnl_attr_get_payload_len(at.at[IFLA_STATS64]) < 16)
		return MNL_CB_OK;
	memcpy(&s, mnl_attr_get_payload(at.at[IFLA_STATS64]), 16);
	*(__u64 *)arg = s.tx_packets;
	return MNL_CB_OK;
}

int way_sent(const struct way *w, __u64 *frames)
{
	char buf[RTNL_BUF] __attribute__((aligned(8)));
	struct nlmsghdr *h = mnl_nlmsg_put_header(buf);
	struct ifinfomsg *m = mnl_nlmsg_put_extra_header(h, sizeof(*m));

	h->nlmsg_type = RTM_GETLINK;
	m->ifi_index = (int)w->nif.ifindex;
	*frames = 0;
	return rtnl_ask(h, way_take, frames);
}
