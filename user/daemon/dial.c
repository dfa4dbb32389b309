/* SPDX-License-Identifier: BSD-2-Clause */
#include "daemon/dial.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "app/endpoint.h"
#include "io/neigh.h"
#include "io/netif.h"
#include "io/reserve.h"
#include "io/route.h"
#include "io/umem.h"
#include "wire/wire.h"

#define DIAL_NEIGH_MS 10000 /* the kernel gives up earlier, if its settings are the default */

static bool dial_is_link_local(const struct sg_addr *a)
{
	return a->addr[0] == 0xfe && (a->addr[1] & 0xc0) == 0x80;
}

/* --- the route ------------------------------------------------------------------------------ */

static int dial_no_route(const struct route_query *q, const struct dial_args *a, int code,
			 struct err *err)
{
	char to[ENDPOINT_TEXT];
	const char *get = sg_addr_is4(&q->dst) ? "ip" : "ip -6";

	endpoint_addr(to, &q->dst);
	switch (code) {
	case -ENETUNREACH:
		return err_set(err, code, EXIT_KERNEL,
			       "no route to %s%s%s: see %s route, and add one: %s route add", to,
			       a->iface ? " out of " : "", a->iface ? a->iface : "", get, get);
	case -EHOSTUNREACH:
	case -EACCES:
	case -EINVAL:
		return err_set(err, code, EXIT_KERNEL,
			       "the route to %s forbids it (unreachable, prohibit or blackhole): "
			       "see %s route get %s",
			       to, get, to);
	}
	return err_set(err, code, EXIT_KERNEL, "the kernel has no route to %s (%s): see %s route",
		       to, strerror(-code), get);
}

static int dial_route(const struct dial_args *a, unsigned ifindex, struct route *r, struct err *err)
{
	const struct route_query q = {a->peer, a->source, a->peer_port, a->source_port, ifindex};
	char to[ENDPOINT_TEXT];
	int rc = route_find(&q, r);

	if (rc)
		return dial_no_route(&q, a, rc, err);
	endpoint_addr(to, &a->peer);
	if (r->kind == ROUTE_LOCAL)
		return err_set(err, -EINVAL, EXIT_USAGE,
			       "%s is this host itself: what is sent there passes no interface; "
			       "use nc, or connect from another host",
			       to);
	if (r->kind != ROUTE_UNICAST)
		return err_set(err, -EINVAL, EXIT_USAGE,
			       "%s is no single host's address (broadcast or the like): TCP needs "
			       "one",
			       to);
	return 0;
}

/* --- the local side ------------------------------------------------------------------------- */

static int dial_reserve(struct dial *d, const struct dial_args *a, unsigned ifindex,
			struct err *err)
{
	char from[ENDPOINT_TEXT];

	d->tuple.lport = a->source_port;
	d->reserved = reserve_port(&d->tuple.local, ifindex, &d->tuple.lport);
	if (d->reserved >= 0)
		return 0;
	endpoint_addr(from, &d->tuple.local);
	if (d->reserved == -EADDRNOTAVAIL)
		return err_set(err, d->reserved, EXIT_USAGE,
			       "source %s is no address of this host: see ip addr", from);
	if (d->reserved == -EADDRINUSE)
		return err_set(err, d->reserved, EXIT_USAGE,
			       "source port %u of %s is in use: take another one, or none",
			       a->source_port, from);
	return err_set(err, d->reserved, EXIT_KERNEL, "cannot reserve a port of %s: %s", from,
		       strerror(-d->reserved));
}

/* Data that we take in one segment: what fits the way and our frames. */
static __u16 dial_mss(const struct sg_addr *peer, const struct route *r, __u32 mtu)
{
	__u32 headers = (sg_addr_is4(peer) ? 20 : 40) + 20;
	__u32 mss = UMEM_FRAME_ROOM - WIRE_HEADROOM;

	if (r->mtu && r->mtu < mtu)
		mtu = r->mtu;
	if (mtu < headers + mss)
		mss = mtu > headers ? mtu - headers : 1;
	return (__u16)(r->advmss && r->advmss < mss ? r->advmss : mss);
}

static int dial_interface(struct dial *d, const struct dial_args *a, const struct route *r,
			  struct err *err)
{
	struct netif nif;
	int rc;

	if (!if_indextoname(r->ifindex, d->iface))
		return err_set(err, -ENODEV, EXIT_KERNEL,
			       "the route goes out of interface %u, which has gone: try again",
			       r->ifindex);
	rc = netif_read(&nif, d->iface);
	if (rc)
		return err_set(err, rc, EXIT_KERNEL, "%s: %s", d->iface, strerror(-rc));
	if (!nif.ethernet)
		return err_set(
			err, -EINVAL, EXIT_USAGE,
			"the route goes out of %s, which has no Ethernet header (a tunnel?): "
			"choose another interface with --iface",
			d->iface);
	d->mss = dial_mss(&a->peer, r, nif.mtu);
	d->next = r->next;
	return 0;
}

/* --- the next hop --------------------------------------------------------------------------- */

unsigned dial_patience(const struct dial_args *a)
{
	return a->wait && a->wait < DIAL_NEIGH_MS / 1000 ? a->wait * 1000 : DIAL_NEIGH_MS;
}

int dial_unresolved(const struct dial *d, int code, struct err *err)
{
	char next[ENDPOINT_TEXT];

	endpoint_addr(next, &d->next);
	if (code == -EHOSTUNREACH || code == -ETIMEDOUT)
		return err_set(err, code, EXIT_KERNEL,
			       "%s %s does not answer on %s: is it up, and on that network? See ip "
			       "neigh show %s",
			       sg_addr_eq(&d->next, &d->tuple.peer) ? "neighbour" : "router", next,
			       d->iface, next);
	return err_set(err, code, EXIT_KERNEL, "cannot resolve %s on %s: %s", next, d->iface,
		       strerror(-code));
}

/* --- all of it ------------------------------------------------------------------------------ */

static int dial_all(struct dial *d, const struct dial_args *a, unsigned ifindex, struct err *err)
{
	bool given = !sg_addr_is_any(&a->source);
	struct route r = {0};
	int rc = 0;

	d->tuple.local = a->source;
	if (given) /* before the route, which only says that it is invalid */
		rc = dial_reserve(d, a, ifindex, err);
	if (!rc)
		rc = dial_route(a, ifindex, &r, err);
	if (!rc)
		rc = dial_interface(d, a, &r, err);
	if (!rc && !given && sg_addr_is_any(&r.src))
		rc = err_set(err, -EADDRNOTAVAIL, EXIT_USAGE,
			     "%s has no address to connect from: give one with --source", d->iface);
	if (!rc && !given) {
		d->tuple.local = r.src;
		rc = dial_reserve(d, a, r.ifindex, err);
	}
	d->ifindex = r.ifindex;
	return rc;
}

int dial_begin(struct dial *d, const struct dial_args *a, struct err *err)
{
	unsigned ifindex = a->iface ? if_nametoindex(a->iface) : 0;
	int rc;

	memset(d, 0, sizeof(*d));
	d->reserved = -1;
	d->tuple.peer = a->peer;
	d->tuple.pport = a->peer_port;
	if (a->iface && !ifindex)
		return err_set(err, -ENODEV, EXIT_USAGE,
			       "no interface '%s' in this network namespace: see ip link",
			       a->iface);
	if (!a->iface && dial_is_link_local(&a->peer))
		return err_set(err, -EINVAL, EXIT_USAGE,
			       "a link-local address is of one interface: say which with --iface");
	rc = dial_all(d, a, ifindex, err);
	if (rc)
		dial_close(d);
	return rc;
}

int dial_find(struct dial *d, const struct dial_args *a, struct err *err)
{
	int rc = dial_begin(d, a, err);

	if (rc)
		return rc;
	rc = neigh_find(d->ifindex, &d->next, dial_patience(a), d->mac);
	if (!rc)
		return 0;
	dial_close(d);
	return dial_unresolved(d, rc, err);
}

void dial_close(struct dial *d)
{
	if (d->reserved >= 0)
		close(d->reserved);
	d->reserved = -1;
}
