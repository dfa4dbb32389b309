/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The driver's side of one interface: the XDP program, its maps and their pins.
 *
 * Life: front_open() loads (or takes over what a dead daemon left), front_attach() puts
 * the program on the interface, front_detach() takes it off and removes every pin;
 * front_close() only lets go of the descriptors, so that what is attached stays.
 * Functions return 0 or a negative errno with `err` filled.
 */
#ifndef IO_BPF_H
#define IO_BPF_H

#include <net/if.h>
#include <stdbool.h>

#include "io/err.h"
#include "syngate/abi.h"
#include "syngate/flow.h"

enum front_mode { FRONT_AUTO, FRONT_NATIVE, FRONT_SKB }; /* auto: native, or skb with a notice */

struct front_config {
	const char *ifname;
	const char *instance;   /* NULL: the interface's name. Directory of the pins. */
	enum front_mode mode;
	__u32 queues;           /* RX queues of the interface */
	__u32 halfopen_entries; /* 0: 65,536. The table gets 1.5 slots an entry */
	__u32 flow_entries;     /* 0: 262,144. Likewise */
	__u32 max_listeners;    /* 0: 16 */
};

struct front {
	char ifname[IF_NAMESIZE];
	char instance[64];
	unsigned ifindex;
	enum front_mode mode;    /* FRONT_NATIVE or FRONT_SKB once attached */
	bool attached;
	bool took_over;          /* maps of an earlier daemon are in use */
	__u32 queues;
	__u32 max_listeners;
	__u32 halfopen_buckets;
	struct sg_flow_table flows;
	/* mapped memory, shared with the driver */
	struct sg_settings *settings;
	struct sg_queue *queue;              /* [max_listeners] */
	struct sg_worker *worker;            /* [queues] */
	struct sg_tcp_counters *tcp_counters; /* [queues] */
	struct sg_halfopen_bucket *halfopen; /* [halfopen_buckets] */
	struct sg_keys keys;
	struct front_priv *priv;
};

int front_open(struct front **out, const struct front_config *cfg, struct err *err);
int front_attach(struct front *f, struct err *err);
int front_detach(struct front *f, struct err *err);
void front_close(struct front *f);

/* Put AF_XDP socket `fd` on RX queue `queue`. */
int front_set_xsk(struct front *f, __u32 queue, int fd, struct err *err);

/* `listeners`: put in, or take out (0 also when it is not there). */
int front_set_listener(struct front *f, const struct sg_listener_key *k,
		       const struct sg_listener *l, struct err *err);
int front_del_listener(struct front *f, const struct sg_listener_key *k, struct err *err);

/* `locals`: the host's own addresses, kept current by io/locals.c. */
int front_set_local(struct front *f, const struct sg_addr *a);
int front_del_local(struct front *f, const struct sg_addr *a);

/* The driver's counters, all CPUs added up. */
int front_counters(const struct front *f, struct sg_counters *sum);

#endif
