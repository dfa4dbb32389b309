/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The sender says which queue of a veth a frame takes: its mark (SO_MARK), less one, is the TX
 * queue and so the peer's RX queue. tests/lib.sh: wire_routes.
 */
#include <linux/bpf.h>
#include <linux/pkt_cls.h>
#include <bpf/bpf_helpers.h>

SEC("tc")
int queue_pick(struct __sk_buff *skb)
{
	/* skb_tx_hash() takes a recorded RX queue, which is the number plus one, for its choice */
	if (skb->mark)
		skb->queue_mapping = skb->mark;
	return TC_ACT_UNSPEC; /* on to the next filter */
}

char _license[] SEC("license") = "Dual BSD/GPL";
