/* SPDX-License-Identifier: BSD-2-Clause */
/* The kernel's way to an address, as `ip route get` shows it. */
#ifndef IO_ROUTE_H
#define IO_ROUTE_H

#include <libmnl/libmnl.h>
#include <stdbool.h>

#include "syngate/addr.h"

struct route_query {
	struct sg_addr dst, src; /* src zero: the kernel chooses */
	__u16 dport, sport;	 /* 0: any. Rules may go by them */
	unsigned ifindex;	 /* 0: any */
};

enum route_kind {
	ROUTE_UNICAST,
	ROUTE_LOCAL, /* the destination is this host */
	ROUTE_OTHER, /* broadcast, multicast, ...: nothing for TCP */
};

struct route {
	enum route_kind kind;
	unsigned ifindex;    /* out of it */
	struct sg_addr src;  /* our address on that way; zero: not told */
	struct sg_addr next; /* whose link-layer address frames carry: a router, or dst itself */
	__u32 mtu, advmss;   /* metrics; 0: the interface's */
};

/*
 * -ENETUNREACH: there is none. -EHOSTUNREACH, -EACCES, -EINVAL: an unreachable, a prohibit, a
 * blackhole route. Others as the kernel has them.
 */
int route_find(const struct route_query *q, struct route *r);

/* The request, into `buf`, and one message of the answer. False: it is no route. */
struct nlmsghdr *route_request(void *buf, const struct route_query *q);
bool route_parse(const struct nlmsghdr *h, const struct sg_addr *dst, struct route *r);

#endif
