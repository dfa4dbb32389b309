/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What comes from the target to one of our sources, read. */
#ifndef SYNLOAD_RECEIVE_H
#define SYNLOAD_RECEIVE_H

#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/tcp.h>

#include "maps.h"
#include "source.h"

struct answer_in {
	struct sg_addr us;
	__u8 eth[12]; /* both addresses */
	__u16 port;   /* ours */
	__u8 flags;
	__u8 has_ts;
	__u8 class; /* first digit of an HTTP status, where data begins with one */
	__u32 seq, ack, len;
	__be32 tsval;
};

/* The length of IP's data, and where it begins; 0: it is not TCP for one of our sources. */
SG_INLINE __u32 receive_ip4(void *l3, void *end, struct answer_in *in)
{
	struct iphdr *ip = l3;
	struct sg_addr from, to;

	if ((void *)(ip + 1) > end || ip->ihl != 5 || ip->protocol != IPPROTO_TCP ||
	    ip->frag_off & bpf_htons(0x3fff))
		return 0;
	sg_addr_from4(&from, &ip->saddr);
	sg_addr_from4(&in->us, &ip->daddr);
	config_addr(to.addr, &config.to);
	if (!sg_addr_eq(&from, &to))
		return 0;
	return bpf_ntohs(ip->tot_len) - sizeof(*ip);
}

SG_INLINE __u32 receive_ip6(void *l3, void *end, struct answer_in *in)
{
	struct ipv6hdr *ip = l3;
	struct sg_addr from, to;

	if ((void *)(ip + 1) > end || ip->nexthdr != IPPROTO_TCP)
		return 0;
	sg_memcpy(from.addr, &ip->saddr, 16);
	sg_memcpy(in->us.addr, &ip->daddr, 16);
	config_addr(to.addr, &config.to);
	if (!sg_addr_eq(&from, &to))
		return 0;
	return bpf_ntohs(ip->payload_len);
}

/* Of a SYN-ACK, MSS, SACK-permitted and others may stand in front of the timestamps. */
SG_INLINE void receive_timestamps(void *opt, void *end, __u32 room, struct answer_in *in)
{
	__u8 *o = opt;

	for (int i = 0; i < 10 && room >= 10; i++) {
		if ((void *)(o + 10) > end)
			return;
		if (o[0] == 8 && o[1] == 10) {
			sg_memcpy(&in->tsval, o + 2, 4);
			in->has_ts = 1;
			return;
		}
		if (o[0] == 0 || (o[0] != 1 && o[1] < 2))
			return;
		__u32 step = o[0] == 1 ? 1 : o[1] & 63;
		if (step > room)
			return;
		room -= step;
		o += step;
	}
}

/* "HTTP/1.1 200" */
SG_INLINE void receive_class(void *payload, void *end, struct answer_in *in)
{
	__u8 *p = payload;

	if (in->len >= 12 && (void *)(p + 12) <= end && p[0] == 'H' && p[1] == 'T')
		in->class = p[9];
}

SG_INLINE int receive_tcp(void *l4, void *end, __u32 l4_len, struct answer_in *in)
{
	struct tcphdr *tcp = l4;
	__u32 off;

	if ((void *)(tcp + 1) > end || bpf_ntohs(tcp->source) != config.port)
		return -1;
	off = tcp->doff * 4u;
	if (off < sizeof(*tcp) || off > l4_len)
		return -1;
	in->port = bpf_ntohs(tcp->dest);
	in->seq = bpf_ntohl(tcp->seq);
	in->ack = bpf_ntohl(tcp->ack_seq);
	in->flags = ((__u8 *)l4)[13];
	in->len = l4_len - off;
	receive_timestamps(tcp + 1, end, off - sizeof(*tcp), in);
	receive_class(l4 + (off & 63), end, in);
	return 0;
}

/* 0, or -1: not ours. */
SG_INLINE int receive(struct xdp_md *ctx, struct answer_in *in)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	struct ethhdr *eth = data;
	__u32 len;

	if ((void *)(eth + 1) > end)
		return -1;
	sg_memcpy(in->eth, data, 12);
	if (config.v6 && eth->h_proto == bpf_htons(ETH_P_IPV6))
		len = receive_ip6(eth + 1, end, in);
	else if (!config.v6 && eth->h_proto == bpf_htons(ETH_P_IP))
		len = receive_ip4(eth + 1, end, in);
	else
		return -1;
	if (!len || !source_covers(&in->us))
		return -1;
	return receive_tcp((void *)(eth + 1) + (config.v6 ? 40 : 20), end, len, in);
}

#endif
