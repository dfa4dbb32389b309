/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * How evenly TCP comes: gaps between one frame and the next, in the map `gaps` by powers of
 * two of a nanosecond (128 us and more, 64 us and more, ...). Everything is passed on.
 */
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#define GAPS 64

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, GAPS);
	__type(key, __u32);
	__type(value, __u64);
} gaps SEC(".maps");

__u64 last;

static __always_inline int is_tcp(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	struct ethhdr *eth = data;
	struct iphdr *ip = (void *)(eth + 1);

	return (void *)(ip + 1) <= end && eth->h_proto == bpf_htons(ETH_P_IP) &&
	       ip->protocol == IPPROTO_TCP;
}

SEC("xdp.frags")
int gaps_count(struct xdp_md *ctx)
{
	__u64 now = bpf_ktime_get_ns(), gap = now - last, *n;
	__u32 i = 0;

	if (!is_tcp(ctx))
		return XDP_PASS;
	for (; i < GAPS - 1 && gap > 1; gap >>= 1)
		i++;
	n = bpf_map_lookup_elem(&gaps, &i);
	if (n && last)
		__sync_fetch_and_add(n, 1);
	last = now;
	return XDP_PASS;
}

char _license[] SEC("license") = "Dual BSD/GPL";
