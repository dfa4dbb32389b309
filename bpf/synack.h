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
	__u8 opt[20]; /* what is behind `optlen` is zero */
};

/* A header as it goes out, by words; the sixth and up are options. */
struct answer_tcp {
	__u32 w[10];
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
	__u32 w[5] = {
		sg_be32(0x45000000 | len),
		sg_be32(0x4000), /* DF; with it the id may be 0, RFC 6864 */
		sg_be32((__u32)answer_ttl() << 24 | IPPROTO_TCP << 16),
		sg_addr_words(&p->tuple.local)[3],
		sg_addr_words(&p->tuple.peer)[3],
	};
	__u16 sum = sg_csum_fold((__u64)w[0] + w[1] + w[2] + w[3] + w[4]);

	SG_UNROLL
	for (int i = 0; i < 5; i++)
		sg_store32(to + 4 * i, w[i]);
	sg_store16(to + 10, sum);
}

SG_INLINE void answer_ip6(void *to, const struct packet *p, __u32 len)
{
	sg_put32(to, 6u << 28);
	sg_put32(to + 4, (len - 40) << 16 | IPPROTO_TCP << 8 | answer_ttl());
	SG_UNROLL
	for (int i = 0; i < 4; i++) {
		sg_store32(to + 8 + 4 * i, sg_addr_words(&p->tuple.local)[i]);
		sg_store32(to + 24 + 4 * i, sg_addr_words(&p->tuple.peer)[i]);
	}
}

/* Header and options, with a checksum. */
SG_INLINE void answer_tcp(struct answer_tcp *t, const struct packet *p, const struct answer *a)
{
	__u32 len = sizeof(struct tcphdr) + a->optlen;
	__u64 sum = sg_csum_pseudo(&p->tuple.local, &p->tuple.peer, len, IPPROTO_TCP);

	t->w[0] = sg_be32((__u32)p->tuple.lport << 16 | p->tuple.pport);
	t->w[1] = sg_be32(a->seq);
	t->w[2] = sg_be32(a->ack);
	t->w[3] = sg_be32((len / 4) << 28 | (__u32)a->flags << 16 | a->window);
	SG_UNROLL
	for (int i = 0; i < 5; i++)
		t->w[5 + i] = sg_load32(a->opt + 4 * i);
	t->w[4] = 0;
	SG_UNROLL
	for (int i = 0; i < 10; i++)
		sum += t->w[i];
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
	t->w[4] = sg_csum_fold(sum);
#else
	t->w[4] = (__u32)sg_csum_fold(sum) << 16;
#endif
}

/* The Ethernet header and tags as they came. */
struct answer_eth {
	__u32 dst, src;
	__u16 dst_end, src_end;
	__u16 type; /* or the first tag's */
	__u32 tag[2]; /* and what comes behind it */
};

/* 24 bytes that are there: those behind the header are not looked at without tags. */
SG_INLINE void answer_eth_read(struct answer_eth *e, const void *data)
{
	e->dst = sg_load32(data);
	e->dst_end = sg_load16(data + 4);
	e->src = sg_load32(data + 6);
	e->src_end = sg_load16(data + 10);
	e->type = sg_load16(data + 12);
	e->tag[0] = sg_load32(data + 14);
	e->tag[1] = sg_load32(data + 18);
}

/* With the addresses swapped. */
SG_INLINE void answer_eth_write(void *data, const struct answer_eth *e, __u32 l3_off)
{
	sg_store32(data, e->src);
	sg_store16(data + 4, e->src_end);
	sg_store32(data + 6, e->dst);
	sg_store16(data + 10, e->dst_end);
	sg_store16(data + 12, e->type);
	if (l3_off >= ETH_HLEN + 4)
		sg_store32(data + 14, e->tag[0]);
	if (l3_off >= ETH_HLEN + 8)
		sg_store32(data + 18, e->tag[1]);
}

/* Put the answer in the frame's place. Returns 0; or -1 when it must be dropped. */
STAGE int answer(struct xdp_md *ctx, const struct packet *p, const struct answer *a)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	struct answer_eth eth;
	struct answer_tcp tcp;
	__u32 l3_off, ip_len, len;
	void *l4;

	if (!p || !a || data + 24 > end)
		return -1;
	l3_off = p->l3_off & 31;
	ip_len = p->v6 ? 40 : 20;
	len = ip_len + sizeof(struct tcphdr) + a->optlen;
	answer_eth_read(&eth, data);
	if (answer_resize(ctx, l3_off + len))
		return -1;
	data = (void *)(long)ctx->data;
	end = (void *)(long)ctx->data_end;
	l4 = data + l3_off + ip_len;
	if (data + 24 > end || l4 + sizeof(struct tcphdr) > end)
		return -1;
	answer_eth_write(data, &eth, l3_off);
	if (p->v6)
		answer_ip6(data + l3_off, p, len);
	else
		answer_ip4(data + l3_off, p, len);
	answer_tcp(&tcp, p, a);
	SG_UNROLL
	for (int i = 0; i < 10; i++, l4 += 4) {
		if (i >= 5 && 4 * (i - 5) >= a->optlen)
			break;
		if (i >= 5 && l4 + 4 > end)
			return -1;
		sg_store32(l4, tcp.w[i]);
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
