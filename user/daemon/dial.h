/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where a connection of our own goes: the kernel's route, the next hop's address, a local port.
 * Found out before anything on an interface is touched.
 */
#ifndef DAEMON_DIAL_H
#define DAEMON_DIAL_H

#include <net/if.h>

#include "io/err.h"
#include "syngate/addr.h"

struct daemon;
struct session;

struct dial_args {
	struct sg_addr peer, source;  /* source zero: as the route says */
	__u16 peer_port, source_port; /* source_port 0: any */
	const char *iface;	      /* NULL: as the route says */
	unsigned wait;		      /* seconds; 0: as long as it takes */
};

struct dial {
	char iface[IF_NAMESIZE];
	unsigned ifindex;
	struct sg_tuple tuple;
	struct sg_addr next; /* hop */
	__u8 mac[6];
	__u16 mss;
	int reserved; /* the kernel's socket that keeps the local port */
};

/* 0, or a negative errno with `err` filled; then there is nothing to close. */
int dial_find(struct dial *d, const struct dial_args *a, struct err *err);
void dial_close(struct dial *d);

/* All of it but the next hop's `mac`, which takes a while: neigh.h. */
int dial_begin(struct dial *d, const struct dial_args *a, struct err *err);
/* How many ms it may take. */
unsigned dial_patience(const struct dial_args *a);
/* It cannot be found: returns `code`. */
int dial_unresolved(const struct dial *d, int code, struct err *err);

/*
 * Connect from the interface, which is attached, in its first worker. When the session is over
 * (s->end), daemon_serve() returns. `s` must outlive the daemon.
 */
int daemon_connect(struct daemon *d, const struct dial *to, struct session *s, struct err *err);

#endif
