/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef DAEMON_RXQUEUES_H
#define DAEMON_RXQUEUES_H

/* How many RX queues an interface of this network namespace has, or a negative errno. */
int rxqueues_count(const char *ifname);

#endif
