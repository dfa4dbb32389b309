/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The driver's side of one interface: the XDP program, its maps and their pins.
 *
 * Life: front_open() loads (or takes over what a dead daemon left), front_attach() puts
 * the program on the interface, front_detach() takes it off and removes every pin;
 * front_close() only lets go of the descriptors, so that what is attached stays.
 * Functions return 0 or a negative errno with `err` filled.
 *
 * A front is locked while it is open: another front_open() of the same instance, from
 * whichever process, gets -EBUSY. The lock ends with the process, however it ends.
 *
 * Takeover (`took_over`): the pins are of a dead daemon, same interface, same ABI. The
 * half-open entries, the keys, the proven peers, the listeners, the locals and the prefixes are
 * kept, so that at no time the kernel gets what is ours, nobody gets in who is denied, and final
 * ACKs under way still fit; the
 * rest is cleared: flows, heartbeats, accept queue lengths, knobs (the new daemon's
 * configuration counts). In queue[], an element of such a listener, or with half-open
 * entries, keeps in_use = 1, address, port and counters, and its lengths are counted anew;
 * in_use = 0 in the others. So whoever listens looks for an element in use with the same
 * address and port first, takes a free one else, and calls front_forget() for those that
 * nobody listens on any more, and front_unlist_old() once what is to be listed is. When the sizes asked for differ from those found, neither
 * half-open entries nor listeners are kept.
 */
#ifndef IO_BPF_H
#define IO_BPF_H

#include <net/if.h>
#include <stdbool.h>

#include "io/err.h"
#include "io/prefix.h"
#include "syngate/abi.h"
#include "syngate/flow.h"
#include "syngate/synq.h"

enum front_mode { FRONT_AUTO, FRONT_NATIVE, FRONT_SKB }; /* auto: native, or skb with a notice */

struct front_config {
	const char *ifname;
	const char *instance;   /* NULL: the interface's name. Directory of the pins. */
	enum front_mode mode;
	__u32 queues;           /* RX queues of the interface */
	__u32 halfopen_entries; /* 0: 65,536. The table gets 1.75 slots an entry */
	__u32 flow_entries;     /* 0: 262,144. Likewise */
	__u32 max_listeners;    /* 0: 16 */
	const struct sg_settings *knobs; /* what the knobs are to be; NULL: their defaults */
};

struct front {
	char ifname[IF_NAMESIZE];
	char instance[64];
	unsigned ifindex;
	enum front_mode mode;    /* FRONT_NATIVE or FRONT_SKB once attached */
	int native_errno;        /* FRONT_AUTO came to FRONT_SKB: what native mode failed with */
	bool attached;
	bool took_over;          /* maps of an earlier daemon are in use */
	__u32 queues;
	__u32 max_listeners;
	struct sg_flow_table flows;
	/* mapped memory, shared with the driver */
	struct sg_settings *settings;
	struct sg_queue *queue;              /* [max_listeners] */
	struct sg_worker *worker;            /* [queues] */
	struct sg_tcp_counters *tcp_counters; /* [queues] */
	struct sg_halfopen_table halfopen;
	struct sg_proven_bucket *proven;     /* [SG_PROVEN_BUCKETS] */
	struct sg_keys keys;
	__u32 timewaits; /* in TIME_WAIT, of all workers together */
	struct front_priv *priv;
};

int front_open(struct front **out, const struct front_config *cfg, struct err *err);
/* Is it as this asks for? What is not asked for is as it is. */
bool front_is(const struct front *f, const struct front_config *cfg);
/* Room in a table of so many buckets, in entries. */
__u32 front_room(__u32 buckets);
int front_attach(struct front *f, struct err *err);
int front_detach(struct front *f, struct err *err);

/*
 * Take off what a dead daemon left: its program, its pins, also when its interface has gone.
 * Returns 1 when there was something, 0 when there was nothing (-ENODEV: no interface
 * either); -EBUSY: a live daemon has it.
 */
int front_remove(const char *ifname, const char *instance, struct err *err);
void front_close(struct front *f);

/* Put AF_XDP socket `fd` on RX queue `queue`. */
int front_set_xsk(struct front *f, __u32 queue, int fd, struct err *err);

/* `listeners`: put in, or take out (0 also when it is not there). */
int front_set_listener(struct front *f, const struct sg_listener_key *k,
		       const struct sg_listener *l, struct err *err);
int front_del_listener(struct front *f, const struct sg_listener_key *k, struct err *err);

/* Take listener `id` out of `listeners`, if it is there; free its half-open entries, queue[id]. */
int front_forget(struct front *f, __u32 id, struct err *err);

/*
 * Segments to local port `port` are looked up in `flows`. front_set_listener() says so
 * by itself; whoever makes connections from other ports (connect()) must, beforehand.
 */
void front_own_port(struct front *f, __u16 port);

/* May the kernel have connections from local port `port`? Until this says no, the driver asks. */
void front_kernel_port(struct front *f, __u16 port, bool may_have);
/* Does it ask? The driver itself says so where it gives the kernel a SYN. */
bool front_kernel_asked(const struct front *f, __u16 port);

/* The keys of SYN cookies from now on. Returns 0 or a negative errno. */
int front_set_cookies(struct front *f, const struct sg_cookie_keys *k);
/* From now on `key` makes them, and the one that did stays good. */
int front_cookie_rotate(struct front *f, const struct sg_key *key);
/* Whose cookies are good as well; all 0: none's. */
int front_cookie_previous(struct front *f, const struct sg_key *key);
/* The clock that hosts agree on is the wall clock: it may have been set. */
int front_cookie_clock(struct front *f);

/*
 * `locals`: the host's own addresses, kept current by io/locals.c. `prefix` bits of `a`
 * count, of 128: 128 for one address, 96 + n for a mapped IPv4 prefix.
 */
int front_set_local(struct front *f, const struct sg_addr *a, __u32 prefix);
int front_del_local(struct front *f, const struct sg_addr *a, __u32 prefix);
/* The one behind `k`, or the first (NULL). -ENOENT: there is none. `next` may be `k`. */
int front_next_local(struct front *f, const struct sg_prefix *k, struct sg_prefix *next);

/*
 * `prefixes`: list `p` as allowed or denied, whatever it was before; SG_LIST_NONE: take it out. -ENOENT:
 * it was not listed; -ENOSPC: there is no room for more.
 */
int front_list(struct front *f, const struct prefix *p, enum sg_list list, struct err *err);
/* The one behind `key`, or the first (NULL). -ENOENT: there is none. */
int front_next_listed(const struct front *f, const struct sg_prefix *key, struct prefix *next,
		      enum sg_list *list);
/* Take out those that a dead daemon listed and nobody has since. */
void front_unlist_old(struct front *f);

/* The driver's counters, all CPUs added up. */
int front_counters(const struct front *f, struct sg_counters *sum);

/* The loaded program, for BPF_PROG_TEST_RUN. Borrowed. */
int front_prog_fd(const struct front *f);

#endif
