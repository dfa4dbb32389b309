/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A router that tells nobody when a packet is too big: its ICMP errors about that do not leave. */
#include <linux/bpf.h>
#include <linux/pkt_cls.h>
#include <bpf/bpf_helpers.h>

#define ETH_LEN 14

SEC("tc")
int hole(struct __sk_buff *skb)
{
	unsigned char head[ETH_LEN + 41] = {};

	if (bpf_skb_load_bytes(skb, 0, head, sizeof(head)))
		return TC_ACT_OK;
	if (head[12] == 0x08 && head[13] == 0x00 && head[ETH_LEN + 9] == 1 && head[ETH_LEN + 20] == 3)
		return TC_ACT_SHOT;
	if (head[12] == 0x86 && head[13] == 0xdd && head[ETH_LEN + 6] == 58 && head[ETH_LEN + 40] == 2)
		return TC_ACT_SHOT;
	return TC_ACT_OK;
}

char _license[] SEC("license") = "Dual BSD/GPL";
