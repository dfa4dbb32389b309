/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A bad network, on the client's end of a veth: XDP loses what syngate sends, tc egress
 * what the client sends, and either marks what it does not lose. The rules lie in the map `rules`, what was lost is counted in
 * `lost`. tests/lib.sh: loss_load, loss_set, loss_lost.
 */
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/pkt_cls.h>
#include <linux/tcp.h>
#include <linux/in.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

struct rules {
	__u32 in_permille;  /* of what arrives, at random; 1000: all of it */
	__u32 out_permille; /* of what leaves */
	__u32 synacks;      /* the first so many SYN-ACKs to each port */
	__u32 syns;         /* the first so many SYNs from each port */
	__u32 syn_only;     /* 1: of TCP, nothing but SYNs leaves */
	__u32 mark;	    /* ECN: permille of what is capable, both ways, that gets a mark */
};

struct lost {
	__u64 in, out;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct rules);
} rules SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct lost);
} lost SEC(".maps");

/* By the client's port: SYN-ACKs and SYNs lost so far. */
struct ports {
	__u32 synacks, syns;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 65536);
	__type(key, __u32);
	__type(value, struct ports);
} ports SEC(".maps");

/* The TCP header, or NULL. No options, no extension headers: a kernel client sends none. */
static __always_inline struct tcphdr *tcp_of(void *data, void *end)
{
	struct ethhdr *eth = data;
	struct iphdr *ip4 = (void *)(eth + 1);
	struct ipv6hdr *ip6 = (void *)(eth + 1);
	struct tcphdr *tcp = NULL;

	if ((void *)(eth + 1) > end)
		return NULL;
	if (eth->h_proto == bpf_htons(ETH_P_IP) && (void *)(ip4 + 1) <= end &&
	    ip4->protocol == IPPROTO_TCP)
		tcp = (void *)(ip4 + 1);
	else if (eth->h_proto == bpf_htons(ETH_P_IPV6) && (void *)(ip6 + 1) <= end &&
		 ip6->nexthdr == IPPROTO_TCP)
		tcp = (void *)(ip6 + 1);
	if (!tcp || (void *)(tcp + 1) > end)
		return NULL;
	return tcp;
}

static __always_inline int by_chance(__u32 permille)
{
	return permille && bpf_get_prandom_u32() % 1000 < permille;
}

/* Congestion experienced (RFC 3168 5), on what is capable of it. */
static __always_inline void mark(void *data, void *end, __u32 permille)
{
	struct ethhdr *eth = data;
	struct iphdr *ip4 = (void *)(eth + 1);
	struct ipv6hdr *ip6 = (void *)(eth + 1);
	__u32 sum;

	if ((void *)(ip6 + 1) > end || !by_chance(permille))
		return;
	if (eth->h_proto == bpf_htons(ETH_P_IP) && ip4->tos & 3 && (ip4->tos & 3) != 3) {
		sum = (__u16)~ip4->check + (bpf_htons(ip4->tos | 3) - bpf_htons(ip4->tos));
		sum = (sum & 0xffff) + (sum >> 16);
		ip4->check = (__u16)~(sum + (sum >> 16));
		ip4->tos |= 3;
	} else if (eth->h_proto == bpf_htons(ETH_P_IPV6) && ip6->flow_lbl[0] & 0x30) {
		ip6->flow_lbl[0] |= 0x30;
	}
}

SEC("xdp")
int loss_in(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	struct tcphdr *tcp = tcp_of(data, end);
	__u32 zero = 0, port;
	struct rules *r = bpf_map_lookup_elem(&rules, &zero);
	struct lost *l = bpf_map_lookup_elem(&lost, &zero);
	struct ports *p = NULL;
	int lose;

	if (!r || !l)
		return XDP_PASS;
	lose = tcp && by_chance(r->in_permille);
	if (tcp && tcp->syn && tcp->ack) {
		port = bpf_ntohs(tcp->dest);
		p = bpf_map_lookup_elem(&ports, &port);
	}
	if (p && p->synacks < r->synacks) {
		p->synacks++;
		lose = 1;
	}
	if (lose)
		__sync_fetch_and_add(&l->in, 1);
	else
		mark(data, end, r->mark);
	return lose ? XDP_DROP : XDP_PASS;
}

SEC("tc")
int loss_out(struct __sk_buff *ctx)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	struct tcphdr *tcp = tcp_of(data, end);
	__u32 zero = 0, port;
	struct rules *r = bpf_map_lookup_elem(&rules, &zero);
	struct lost *l = bpf_map_lookup_elem(&lost, &zero);
	struct ports *p = NULL;
	int lose;

	if (!r || !l)
		return TC_ACT_OK;
	lose = tcp && (by_chance(r->out_permille) || (r->syn_only && !tcp->syn));
	if (tcp && tcp->syn && !tcp->ack) {
		port = bpf_ntohs(tcp->source);
		p = bpf_map_lookup_elem(&ports, &port);
	}
	if (p && p->syns < r->syns) {
		p->syns++;
		lose = 1;
	}
	if (lose)
		__sync_fetch_and_add(&l->out, 1);
	else
		mark(data, end, r->mark);
	return lose ? TC_ACT_STOLEN : TC_ACT_OK; /* SHOT would tell the sender */
}

char _license[] SEC("license") = "Dual BSD/GPL";
