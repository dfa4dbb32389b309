/* SPDX-License-Identifier: BSD-2-Clause */
/* The clocks: the engine's, the one that the driver compares heartbeats with, the world's. */
#ifndef IO_CLOCK_H
#define IO_CLOCK_H

#include <linux/types.h>

/* CLOCK_MONOTONIC in nanoseconds: the engine's sg_time. */
__u64 clock_now(void);

/* CLOCK_MONOTONIC_COARSE in milliseconds: what bpf_ktime_get_coarse_ns() shows. */
__u64 clock_coarse_ms(void);

/* CLOCK_REALTIME in milliseconds. */
__u64 clock_real_ms(void);

/* Wait `ms`: for back-off where the kernel offers no event to wait for. */
void clock_pause(unsigned ms);

#endif
