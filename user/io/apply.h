/* SPDX-License-Identifier: BSD-2-Clause */
/* Carries out what the engine wants: its segments become frames in the TX ring. */
#ifndef IO_APPLY_H
#define IO_APPLY_H

#include "io/xsk.h"
#include "syngate/mib.h"
#include "tcp/actions.h"

struct apply {
	struct xsk *xsk;
	const __u8 *mac; /* our own address */
	struct sg_tcp_counters *mib;
	__u64 bytes_out; /* of TCP data */
};

/*
 * Queue all of `a`, in order, and empty it. The caller keeps a->max within
 * xsk_tx_room(); xsk_tx_kick() sends them.
 */
void apply_actions(struct apply *ap, struct actions *a);

#endif
