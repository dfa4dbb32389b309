/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What answers a frame with the least work: both MAC addresses, both IP addresses and both ports
 * change places, and the frame goes back (checksums stay right). No SYN is answered faster.
 */
#include "count.h"

struct swapped4 {
	struct ethhdr eth;
	struct iphdr ip;
	__be16 port[2];
} __attribute__((packed));

struct swapped6 {
	struct ethhdr eth;
	struct ipv6hdr ip;
	__be16 port[2];
} __attribute__((packed));

#define SWAP(a, b)                                                                                 \
	do {                                                                                       \
		__typeof__(a) was = (a);                                                           \
		(a) = (b);                                                                         \
		(b) = was;                                                                         \
	} while (0)

static __always_inline void swap_eth(struct ethhdr *eth)
{
	__u16 *w = (void *)eth;

	for (int i = 0; i < 3; i++)
		SWAP(w[i], w[i + 3]);
}

SEC("xdp.frags")
int reflector(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	struct swapped4 *v4 = data;
	struct swapped6 *v6 = data;

	count_run();
	if ((void *)(v4 + 1) > end)
		return XDP_PASS;
	if (v4->eth.h_proto == bpf_htons(ETH_P_IP)) {
		swap_eth(&v4->eth);
		SWAP(v4->ip.saddr, v4->ip.daddr);
		SWAP(v4->port[0], v4->port[1]);
		return XDP_TX;
	}
	if (v6->eth.h_proto != bpf_htons(ETH_P_IPV6) || (void *)(v6 + 1) > end)
		return XDP_PASS;
	swap_eth(&v6->eth);
	SWAP(v6->ip.saddr, v6->ip.daddr);
	SWAP(v6->port[0], v6->port[1]);
	return XDP_TX;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
