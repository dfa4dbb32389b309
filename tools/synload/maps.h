/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#ifndef SYNLOAD_MAPS_H
#define SYNLOAD_MAPS_H

#include <linux/bpf.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "shared.h"

const volatile struct sl_config config;
struct sl_template templates[SL_TEMPLATES];
struct sl_sender sender;

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct sl_stats);
} stats SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, SL_SLOTS);
	__type(key, __u32);
	__type(value, struct sl_slot);
} slots SEC(".maps");

SG_INLINE struct sl_slot *slot_get(__u32 i)
{
	i &= SL_SLOTS - 1;
	return bpf_map_lookup_elem(&slots, &i);
}

/* Does this mode remember its connections? The others know a SYN's time by its ISN. */
SG_INLINE int mode_connects(void)
{
	return config.mode == SL_HANDSHAKE || config.mode == SL_REQUEST;
}

/* `config` without its `volatile`, which must not be cast away: the compiler takes it for zero. */
SG_INLINE void config_addr(void *to, const volatile struct sg_addr *a)
{
	const volatile __u32 *w = (const volatile void *)a->addr;
	__u32 copy[4] = {w[0], w[1], w[2], w[3]};

	sg_memcpy(to, copy, 16);
}

SG_INLINE __u32 clock_us(__u64 ns)
{
	return (__u32)(ns / 1000);
}

#endif
