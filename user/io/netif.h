/* SPDX-License-Identifier: BSD-2-Clause */
/* Facts about a network interface of the calling thread's network namespace. */
#ifndef IO_NETIF_H
#define IO_NETIF_H

#include <linux/types.h>
#include <stdbool.h>

struct netif {
	unsigned ifindex;
	bool ethernet; /* its frames begin with an Ethernet header */
	__u8 mac[6];
	__u16 mtu;
	__u64 netns; /* inode of the network namespace */
};

/* -ENODEV: no such interface. */
int netif_read(struct netif *n, const char *ifname);

/* Inode of the calling thread's network namespace; 0: unknown. */
__u64 netif_netns(void);

#endif
