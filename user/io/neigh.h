/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The link-layer address of a neighbour, out of the kernel's table. The kernel resolves and
 * confirms it (ARP, RFC 826; neighbour discovery, RFC 4861); we ask it to and wait for its
 * word.
 */
#ifndef IO_NEIGH_H
#define IO_NEIGH_H

#include <libmnl/libmnl.h>
#include <stdbool.h>

#include "syngate/addr.h"

struct neigh {
	unsigned ifindex;
	struct sg_addr addr;
	__u16 state; /* NUD_*; 0: it is not in the table */
	bool has_mac;
	__u8 mac[6];
};

/* What is to be done next. */
enum neigh_step {
	NEIGH_KNOWN,   /* its address is there and holds */
	NEIGH_CONFIRM, /* it is old: have the kernel ask for it */
	NEIGH_RESOLVE, /* it is not there: likewise */
	NEIGH_WAIT,    /* the kernel is at it */
	NEIGH_FAILED,  /* nobody answered */
};

/* `confirmed`, `resolved`: that has been asked for already. */
enum neigh_step neigh_step(const struct neigh *n, bool confirmed, bool resolved);

/* A RTM_NEWNEIGH or RTM_DELNEIGH message. False: it is neither. */
bool neigh_parse(const struct nlmsghdr *h, struct neigh *n);

/* One who looks for a neighbour and has other things to do meanwhile. */
struct neigh_search {
	struct neigh n;
	bool confirmed, resolved;
	struct mnl_socket *events;
};

/* 0, and it is to be ended; or a negative errno. */
int neigh_begin(struct neigh_search *s, unsigned ifindex, const struct sg_addr *addr);
/* 0: `n.mac` it is. -EAGAIN: again when its descriptor is readable. -EHOSTUNREACH: nobody answers. */
int neigh_go(struct neigh_search *s);
int neigh_fd(const struct neigh_search *s);
void neigh_end(struct neigh_search *s);

/*
 * The address that frames to `addr` out of interface `ifindex` carry. Waits, at most `ms`.
 * -EHOSTUNREACH: nobody answers. -ETIMEDOUT: not within `ms`.
 */
int neigh_find(unsigned ifindex, const struct sg_addr *addr, unsigned ms, __u8 mac[6]);

#endif
