/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Somebody who knows the flood's sources beforehand, 16.0.0.0/4 and 2001:2::/48: it is dropped, all
 * else goes to the kernel. No defence against a flood lets its clients wait less than this.
 */
#include "count.h"

static __always_inline int is_flood4(const struct iphdr *ip)
{
	return (ip->saddr & bpf_htonl(0xf0000000)) == bpf_htonl(0x10000000);
}

static __always_inline int is_flood6(const struct ipv6hdr *ip)
{
	return ip->saddr.s6_addr32[0] == bpf_htonl(0x20010002) && !ip->saddr.s6_addr16[2];
}

SEC("xdp.frags")
int floor_run(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	struct ethhdr *eth = data;
	void *l3 = eth + 1;
	int flood = 0;

	count_run();
	if (l3 > end)
		return XDP_PASS;
	if (eth->h_proto == bpf_htons(ETH_P_IP) && l3 + sizeof(struct iphdr) <= end)
		flood = is_flood4(l3);
	else if (eth->h_proto == bpf_htons(ETH_P_IPV6) && l3 + sizeof(struct ipv6hdr) <= end)
		flood = is_flood6(l3);
	return flood ? XDP_DROP : XDP_PASS;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
