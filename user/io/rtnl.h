/* SPDX-License-Identifier: BSD-2-Clause */
/* One request to rtnetlink and its answer, and what its messages have in common. */
#ifndef IO_RTNL_H
#define IO_RTNL_H

#include <libmnl/libmnl.h>

#include "syngate/addr.h"

#define RTNL_BUF   8192 /* for an answer to one request, which is no dump */
#define RTNL_ATTRS 64

/* Attributes by type; NULL: not there. Those of RTNL_ATTRS and above are of no interest. */
struct rtnl_attrs {
	const struct nlattr *at[RTNL_ATTRS];
};

/* What follows `header` bytes of the family's own header. False: malformed. */
bool rtnl_parse(const struct nlmsghdr *h, size_t header, struct rtnl_attrs *a);

/* A payload that is an address of `family`. False: it is not there, or not that long. */
bool rtnl_addr(const struct nlattr *at, int family, struct sg_addr *a);

/* AF_INET or AF_INET6; and an attribute of that address. */
int rtnl_family(const struct sg_addr *a);
void rtnl_put_addr(struct nlmsghdr *h, __u16 type, const struct sg_addr *a);

/*
 * Send `h` and have `cb` called with each message of the answer (NULL: an acknowledgment is
 * all there is). 0, or the negative errno that the kernel answered.
 */
int rtnl_ask(struct nlmsghdr *h, mnl_cb_t cb, void *arg);

/* The same of another netlink protocol; a dump (NLM_F_DUMP) is read to its end. */
int rtnl_ask_at(int protocol, struct nlmsghdr *h, mnl_cb_t cb, void *arg);

#endif
