/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Stage 1: what is this frame? Ethernet, up to two VLAN tags, IPv4 with options or IPv6
 * with extension headers, TCP. ETH_P_IP and ETH_P_IPV6 are told apart here and in
 * synack.h, nowhere else.
 *
 * A malformed frame is no reason to drop it yet: it may be somebody else's. So the fault
 * is noted and takes effect once the frame turns out to be for us.
 */
#ifndef BPF_PARSE_H
#define BPF_PARSE_H

#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/tcp.h>

#include "maps.h"

#define PARSE_IP6_HEADERS 6	 /* extension headers looked through at most */
#define PARSE_MAX_L4_OFF  0x3fff /* 22 + 40 + 6 * 2048 is less */

struct packet {
	struct sg_tuple tuple;
	__u32 seq, ack;
	__u16 l3_off, l4_off;
	__u16 l4_len; /* TCP header and data, as the IP header says */
	__u8 hdr_len; /* TCP header with options */
	__u8 flags;
	__u8 v6;
	__u8 proto;
	__u8 fault; /* enum sg_verdict; 0: none */
	__u8 zero;
};

/* Sequence space that the segment takes, RFC 9293 3.4. */
SG_INLINE __u32 packet_space(const struct packet *p)
{
	return (__u32)p->l4_len - p->hdr_len + !!(p->flags & SG_SYN) + !!(p->flags & SG_FIN);
}

enum parsed {
	PARSED_TCP,
	PARSED_ICMP,	  /* an error message: `l4_off` is where it begins */
	PARSED_OTHER,	  /* neither */
	PARSED_NOT_LOCAL, /* not to our Ethernet address */
	PARSED_FRAGMENT,  /* of TCP, not the first */
};

/* Reads from `pos` on; whoever reads looks first that `pos` + n <= `end`. */
struct cursor {
	void *pos, *end;
};

SG_INLINE int parse_vlan(__be16 proto)
{
	return proto == bpf_htons(ETH_P_8021Q) || proto == bpf_htons(ETH_P_8021AD);
}

/* The Ethernet header and its tags. Returns the protocol behind them, 0: cut short. */
SG_INLINE __be16 parse_eth(struct cursor *c, struct packet *p)
{
	struct ethhdr *eth = c->pos;
	__be16 proto;

	if ((void *)(eth + 1) > c->end)
		return 0;
	proto = eth->h_proto;
	c->pos = eth + 1;
	p->l3_off = sizeof(*eth);
	SG_UNROLL
	for (int i = 0; i < 2; i++) {
		struct {
			__be16 tci, proto;
		} *tag = c->pos;

		if (!parse_vlan(proto))
			break;
		if ((void *)(tag + 1) > c->end)
			return 0;
		p->tuple.vlan[i] = SG_VLAN_PRESENT | (bpf_ntohs(tag->tci) & SG_VLAN_VID);
		if (proto == bpf_htons(ETH_P_8021AD))
			p->tuple.vlan[i] |= SG_VLAN_8021AD;
		proto = tag->proto;
		c->pos = tag + 1;
		p->l3_off += sizeof(*tag);
	}
	return proto;
}

SG_INLINE int parse_mac_is_ours(const void *data, const struct sg_settings *set)
{
	const __u16 *a = data, *b = (const void *)set->mac;

	return a[0] == b[0] && a[1] == b[1] && a[2] == b[2];
}

/* An answer goes back to where the frame came from, and that is not for a group to hear. */
SG_INLINE int parse_mac_is_group(const void *data)
{
	return ((const __u8 *)data)[ETH_ALEN] & 1;
}

SG_INLINE enum parsed parse_proto(const struct packet *p)
{
	if (p->proto == IPPROTO_TCP)
		return PARSED_TCP;
	return p->proto == (p->v6 ? IPPROTO_ICMPV6 : IPPROTO_ICMP) ? PARSED_ICMP : PARSED_OTHER;
}

/* Length of what is behind the IP header(s), `total` and `head` counted from the IP header. */
SG_INLINE void parse_l4_len(struct packet *p, __u32 total, __u32 head)
{
	if (total < head + sizeof(struct tcphdr) && !p->fault)
		p->fault = SG_V_BAD_IP;
	p->l4_len = total > head ? total - head : 0;
}

SG_INLINE enum parsed parse_ip4(struct cursor *c, struct packet *p, int quoted)
{
	struct iphdr *ip = c->pos;
	__u32 head;
	__u16 frag;

	if ((void *)(ip + 1) > c->end || ip->version != 4 || ip->ihl < 5)
		return PARSED_OTHER;
	p->proto = ip->protocol;
	if (parse_proto(p) == PARSED_OTHER)
		return PARSED_OTHER;
	frag = bpf_ntohs(ip->frag_off);
	if (frag & 0x1fff)
		return p->proto == IPPROTO_TCP ? PARSED_FRAGMENT : PARSED_OTHER;
	if (frag & 0x2000)
		p->fault = SG_V_FIRST_FRAGMENT;
	head = ip->ihl * 4;
	parse_l4_len(p, bpf_ntohs(ip->tot_len), head);
	sg_addr_from4(quoted ? &p->tuple.peer : &p->tuple.local, &ip->daddr);
	sg_addr_from4(quoted ? &p->tuple.local : &p->tuple.peer, &ip->saddr);
	c->pos += head;
	return parse_proto(p);
}

/*
 * One extension header. Returns 1 to go on, 0 when `p->proto` is no extension header, -1
 * when it is cut short or its route goes on from here (RFC 8200 4.4: that is the kernel's
 * to judge), and 2 for a fragment that is not the first.
 */
SG_INLINE int parse_ip6_header(struct cursor *c, struct packet *p)
{
	struct {
		__u8 next, len;
		__be16 frag;
		__be32 id;
	} *x = c->pos;
	__u8 proto = p->proto;

	if (proto != IPPROTO_HOPOPTS && proto != IPPROTO_ROUTING && proto != IPPROTO_DSTOPTS &&
	    proto != IPPROTO_FRAGMENT && proto != IPPROTO_AH)
		return 0;
	if ((void *)(x + 1) > c->end)
		return -1;
	if (proto == IPPROTO_ROUTING && x->frag & bpf_htons(0xff)) /* segments left */
		return -1;
	p->proto = x->next;
	if (proto == IPPROTO_FRAGMENT) {
		if (x->frag & bpf_htons(0xfff8))
			return 2;
		if (x->frag & bpf_htons(1)) /* without: an atomic fragment, RFC 6946 */
			p->fault = SG_V_FIRST_FRAGMENT;
		c->pos = x + 1;
	} else if (proto == IPPROTO_AH) {
		c->pos += ((__u32)x->len + 2) * 4;
	} else {
		c->pos += ((__u32)x->len + 1) * 8;
	}
	return 1;
}

/* IPv4 is mapped at parse, so a mapped address on the wire would pass for another's. */
SG_INLINE void parse_ip6_addrs(struct packet *p, const struct ipv6hdr *ip, int quoted)
{
	struct sg_addr *to = quoted ? &p->tuple.peer : &p->tuple.local;
	struct sg_addr *from = quoted ? &p->tuple.local : &p->tuple.peer;

	sg_store64(to->addr, sg_load64(&ip->daddr));
	sg_store64(to->addr + 8, sg_load64((const __u8 *)&ip->daddr + 8));
	sg_store64(from->addr, sg_load64(&ip->saddr));
	sg_store64(from->addr + 8, sg_load64((const __u8 *)&ip->saddr + 8));
	if (sg_addr_is4(&p->tuple.local) || sg_addr_is4(&p->tuple.peer))
		p->fault = SG_V_BAD_ADDRESS;
}

SG_INLINE enum parsed parse_ip6(struct cursor *c, struct packet *p, int quoted)
{
	struct ipv6hdr *ip = c->pos;
	void *start = c->pos;
	int step = 1;

	if ((void *)(ip + 1) > c->end || ip->version != 6)
		return PARSED_OTHER;
	p->v6 = 1;
	p->proto = ip->nexthdr;
	parse_ip6_addrs(p, ip, quoted);
	c->pos = ip + 1;
	for (int i = 0; i < PARSE_IP6_HEADERS && step == 1; i++)
		step = parse_ip6_header(c, p);
	if (step < 0)
		return PARSED_OTHER;
	if (step == 2)
		return p->proto == IPPROTO_TCP ? PARSED_FRAGMENT : PARSED_OTHER;
	parse_l4_len(p, sizeof(*ip) + bpf_ntohs(ip->payload_len), (__u32)(c->pos - start));
	return parse_proto(p);
}

/* In one store, with the tags: the tuple is hashed by words, at once. */
SG_INLINE void parse_ports(struct packet *p, __u16 peer, __u16 local)
{
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
	__u64 tags = sg_load32(p->tuple.vlan);

	sg_store64(&p->tuple.lport, local | (__u32)peer << 16 | tags << 32);
#else
	p->tuple.lport = local;
	p->tuple.pport = peer;
#endif
}

/* Ports, and the rest of the header as far as it is there. */
SG_INLINE enum parsed parse_tcp(struct cursor *c, struct packet *p)
{
	struct tcphdr *tcp = c->pos;
	__u16 *port = c->pos;

	if ((void *)(port + 2) > c->end)
		return PARSED_OTHER;
	parse_ports(p, bpf_ntohs(port[0]), bpf_ntohs(port[1]));
	if (p->fault)
		return PARSED_TCP;
	p->fault = SG_V_BAD_TCP;
	if ((void *)(tcp + 1) > c->end)
		return PARSED_TCP;
	p->seq = bpf_ntohl(tcp->seq);
	p->ack = bpf_ntohl(tcp->ack_seq);
	p->flags = ((__u8 *)tcp)[13];
	p->hdr_len = tcp->doff * 4;
	if (p->hdr_len < sizeof(*tcp) || p->hdr_len > p->l4_len || c->pos + p->hdr_len > c->end)
		return PARSED_TCP;
	p->fault = 0;
	return PARSED_TCP;
}

/* `p` is zeroed by the caller. */
SG_INLINE enum parsed parse(struct xdp_md *ctx, const struct sg_settings *set, struct packet *p)
{
	void *data = (void *)(long)ctx->data;
	struct cursor c = {data, (void *)(long)ctx->data_end};
	__be16 proto = parse_eth(&c, p);
	enum parsed what;

	if (proto != bpf_htons(ETH_P_IP) && proto != bpf_htons(ETH_P_IPV6))
		return PARSED_OTHER;
	if (data + ETH_HLEN > c.end || !parse_mac_is_ours(data, set))
		return PARSED_NOT_LOCAL;
	if (parse_mac_is_group(data))
		p->fault = SG_V_BAD_ADDRESS;
	what = proto == bpf_htons(ETH_P_IP) ? parse_ip4(&c, p, 0) : parse_ip6(&c, p, 0);
	p->l4_off = (__u16)(c.pos - data);
	return what == PARSED_TCP ? parse_tcp(&c, p) : what;
}

#endif
