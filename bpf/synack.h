/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Stage: the answer. A segment without data is built in place of the frame that it
 * answers: Ethernet addresses swapped, same VLAN tags, fresh IP and TCP headers.
 */
#ifndef BPF_SYNACK_H
#define BPF_SYNACK_H

#include "parse.h"
#include "syngate/csum.h"
#include "syngate/synq.h"

struct answer {
	__u32 seq, ack;
	__u16 window;
	__u8 flags;
	__u8 optlen; /* a multiple of 4 */
	__u8 opt[20];
};

struct answer_tcp { /* as it goes out */
	__be16 sport, dport;
	__be32 seq, ack;
	__u8 off, flags;
	__be16 window;
	__u16 check;
	__be16 urgent;
	__u8 opt[20];
};

/*
 * Make the frame `want` bytes long. It shrinks at its end and grows at its beginning:
 * growing the end fails where the driver left no room there (veth).
 */
SG_INLINE int answer_resize(struct xdp_md *ctx, __u32 want)
{
	__u32 have = bpf_xdp_get_buff_len(ctx);

	if (have > want)
		return bpf_xdp_adjust_tail(ctx, -(int)(have - want));
	return have < want ? bpf_xdp_adjust_head(ctx, -(int)(want - have)) : 0;
}

SG_INLINE __u8 answer_ttl(void)
{
	const struct sg_settings *set = settings_get();

	return set ? (__u8)set->ip_default_ttl : 64;
}

SG_INLINE void answer_ip4(void *to, const struct packet *p, __u32 len)
{
	struct iphdr ip = {
		.version = 4,
		.ihl = 5,
		.tot_len = bpf_htons(len),
		.frag_off = bpf_htons(0x4000), /* DF; with it the id may be 0, RFC 6864 */
		.ttl = answer_ttl(),
		.protocol = IPPROTO_TCP,
	};

	sg_memcpy(&ip.saddr, p->tuple.local.addr + 12, 4);
	sg_memcpy(&ip.daddr, p->tuple.peer.addr + 12, 4);
	ip.check = sg_csum_fold(sg_csum_words(0, &ip, 5));
	sg_memcpy(to, &ip, sizeof(ip));
}

SG_INLINE void answer_ip6(void *to, const struct packet *p, __u32 len)
{
	struct ipv6hdr ip = {
		.version = 6,
		.payload_len = bpf_htons(len - sizeof(ip)),
		.nexthdr = IPPROTO_TCP,
		.hop_limit = answer_ttl(),
	};

	sg_memcpy(&ip.saddr, p->tuple.local.addr, 16);
	sg_memcpy(&ip.daddr, p->tuple.peer.addr, 16);
	sg_memcpy(to, &ip, sizeof(ip));
}

/* Header and options, with a checksum. Bytes of `opt` behind `optlen` are zero: they add nothing.
 */
SG_INLINE void answer_tcp(struct answer_tcp *t, const struct packet *p, const struct answer *a)
{
	__u32 len = sizeof(struct tcphdr) + a->optlen;

	t->sport = bpf_htons(p->tuple.lport);
	t->dport = bpf_htons(p->tuple.pport);
	t->seq = bpf_htonl(a->seq);
	t->ack = bpf_htonl(a->ack);
	t->off = (__u8)(len / 4 << 4);
	t->flags = a->flags;
	t->window = bpf_htons(a->window);
	t->check = 0;
	t->urgent = 0;
	sg_memcpy(t->opt, a->opt, sizeof(t->opt));
	t->check = sg_csum_fold(sg_csum_words(
		sg_csum_pseudo(&p->tuple.local, &p->tuple.peer, len, IPPROTO_TCP), t, 10));
}

/* The Ethernet header and tags as they came, with the addresses swapped. */
struct answer_eth {
	__u8 dst[6], src[6];
	__u8 rest[10]; /* ethertype, or tags and ethertype */
};

SG_INLINE void answer_eth(void *data, const struct answer_eth *e, __u32 l3_off)
{
	sg_memcpy(data, e->src, 6);
	sg_memcpy(data + 6, e->dst, 6);
	sg_memcpy(data + 12, e->rest, 2);
	if (l3_off >= ETH_HLEN + 4)
		sg_memcpy(data + 14, e->rest + 2, 4);
	if (l3_off >= ETH_HLEN + 8)
		sg_memcpy(data + 18, e->rest + 6, 4);
}

/* Put the answer in the frame's place. Returns 0; or -1 when it must be dropped. */
STAGE int answer(struct xdp_md *ctx, const struct packet *p, const struct answer *a)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	struct answer_eth eth;
	struct answer_tcp tcp;
	__u32 l3_off, ip_len, len;
	void *l4;

	if (!p || !a || data + sizeof(eth) > end)
		return -1;
	l3_off = p->l3_off & 31;
	ip_len = p->v6 ? 40 : 20;
	len = ip_len + sizeof(struct tcphdr) + a->optlen;
	sg_memcpy(&eth, data, sizeof(eth));
	if (answer_resize(ctx, l3_off + len))
		return -1;
	data = (void *)(long)ctx->data;
	end = (void *)(long)ctx->data_end;
	l4 = data + l3_off + ip_len;
	if (data + sizeof(eth) > end || l4 + sizeof(struct tcphdr) > end)
		return -1;
	answer_eth(data, &eth, l3_off);
	if (p->v6)
		answer_ip6(data + l3_off, p, len);
	else
		answer_ip4(data + l3_off, p, len);
	answer_tcp(&tcp, p, a);
	sg_memcpy(l4, &tcp, sizeof(struct tcphdr));
	l4 += sizeof(struct tcphdr);
	SG_UNROLL
	for (int i = 0; i < 5; i++, l4 += 4) {
		if (4 * i >= a->optlen)
			break;
		if (l4 + 4 > end)
			return -1;
		sg_memcpy(l4, tcp.opt + 4 * i, 4);
	}
	return 0;
}

SG_INLINE void synack_build(struct answer *a, const struct packet *p, const struct sg_listener *l,
			    const struct sg_halfopen *e, sg_seq isn, __u32 tsval)
{
	const struct sg_hash none = {};
	struct sg_tcpopts o;

	*a = (struct answer){
		.seq = isn.v,
		.ack = e->irs + 1,
		.window = l->window,
		.flags = sg_synack_flags(e->opts),
	};
	sg_synack_opts(&o, e->opts, e->tsval, p->v6 ? l->mss6 : l->mss4, l->wscale, &none, tsval);
	a->optlen = (__u8)sg_opt_write_syn(a->opt, &o);
}

/* The SYN-ACK of an entry: the same each time but for the clock in it. */
SG_INLINE void synack_make(struct answer *a, const struct packet *p, const struct sg_listener *l,
			   const struct sg_halfopen *e, const struct sg_hash *h, __u32 now)
{
	synack_build(a, p, l, e, sg_iss(h, e->when), sg_ts_clock(h, now));
}

/* RFC 9293 3.10.7.1. */
SG_INLINE void rst_make(struct answer *a, const struct packet *p)
{
	if (p->flags & SG_ACK)
		*a = (struct answer){.seq = p->ack, .flags = SG_RST};
	else
		*a = (struct answer){.ack = p->seq + packet_space(p), .flags = SG_RST | SG_ACK};
}

/* "This is where we are": for what does not fit a half-open entry, RFC 9293 3.10.7.4. */
SG_INLINE void challenge_make(struct answer *a, const struct sg_listener *l,
			      const struct sg_halfopen *e, const struct sg_hash *h, __u32 now)
{
	int scaled = (e->opts & SG_OPT_WSCALE) != SG_OPT_NO_WSCALE;

	*a = (struct answer){
		.seq = sg_iss(h, e->when).v + 1,
		.ack = e->irs + 1,
		.window = scaled ? l->window >> (l->wscale & 15) : l->window,
		.flags = SG_ACK,
	};
	if (e->opts & SG_OPT_TS)
		a->optlen = (__u8)sg_opt_write_ts(a->opt, sg_ts_clock(h, now), e->tsval);
}

#endif
