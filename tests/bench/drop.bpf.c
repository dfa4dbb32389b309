/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What costs least of all: the frame is counted and dropped. */
#include "count.h"

SEC("xdp.frags")
int drop(struct xdp_md *ctx)
{
	(void)ctx;
	count_run();
	return XDP_DROP;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
