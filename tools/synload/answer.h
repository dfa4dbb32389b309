/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The other side of a connection: what came is counted, and what it wants is sent. */
#ifndef SYNLOAD_ANSWER_H
#define SYNLOAD_ANSWER_H

#include "maps.h"
#include "receive.h"
#include "syngate/csum.h"

struct answer {
	__u32 seq, ack;
	__u8 flags;
	__u8 request; /* the data is the request */
};

/* --- what is sent --------------------------------------------------------------------------- */

struct answer_tcp { /* with timestamps, or its first 20 bytes without */
	__be16 sport, dport;
	__be32 seq, ack;
	__u8 off, flags;
	__be16 window;
	__u16 check;
	__be16 urgent;
	__u8 ts[4]; /* NOP, NOP, kind, length */
	__be32 tsval, tsecr;
};

struct answer_head4 {
	__u16 zero; /* so that words are aligned */
	__u8 eth[12];
	__be16 proto;
	struct iphdr ip;
	struct answer_tcp tcp;
};

struct answer_head6 {
	__u16 zero; /* so that words are aligned */
	__u8 eth[12];
	__be16 proto;
	struct ipv6hdr ip;
	struct answer_tcp tcp;
};

SG_INLINE void answer_tcp(struct answer_tcp *t, const struct answer_in *in, const struct answer *a)
{
	__u32 len = in->has_ts ? 32 : 20;
	struct sg_addr to;
	__u64 sum = 0;

	config_addr(to.addr, &config.to);
	sg_memset(t, 0, sizeof(*t));
	t->sport = bpf_htons(in->port);
	t->dport = bpf_htons(config.port);
	t->seq = bpf_htonl(a->seq);
	t->ack = bpf_htonl(a->ack);
	t->off = (__u8)(len / 4 << 4);
	t->flags = a->flags;
	t->window = bpf_htons(65535);
	if (in->has_ts) {
		*(__u32 *)t->ts = bpf_htonl(0x0101080a);
		t->tsval = bpf_htonl(clock_us(bpf_ktime_get_ns()));
		t->tsecr = in->tsval;
	}
	if (a->request) {
		len += config.request_len;
		sum = config.request_sum;
	}
	sum += sg_csum_pseudo(&in->us, &to, len, IPPROTO_TCP);
	t->check = sg_csum_fold(sg_csum_words(sum, t, 8)) ^ config.bad_checksum;
}

/* It shrinks at its end and grows at its beginning, where drivers leave room. */
SG_INLINE int answer_resize(struct xdp_md *ctx, __u32 want)
{
	__u32 have = bpf_xdp_get_buff_len(ctx);

	if (have > want)
		return (int)bpf_xdp_adjust_tail(ctx, -(int)(have - want));
	return have < want ? (int)bpf_xdp_adjust_head(ctx, -(int)(want - have)) : 0;
}

/* Both addresses, the other way round. */
SG_INLINE void answer_eth(__u8 to[12], const struct answer_in *in)
{
	sg_memcpy(to, in->eth + 6, 6);
	sg_memcpy(to + 6, in->eth, 6);
}

SG_INLINE int answer_store(struct xdp_md *ctx, const struct answer *a, void *head, __u32 len)
{
	__u32 data = a->request ? config.request_len & 255 : 0;
	__u32 pad = len + data < 60 ? 60 - len - data : 0;
	static const __u8 zero[8];
	long rc;

	if (answer_resize(ctx, len + data + pad) || bpf_xdp_store_bytes(ctx, 0, head, len))
		return -1;
	if (pad)
		return (int)bpf_xdp_store_bytes(ctx, len, (void *)zero, pad & 7);
	if (!data)
		return 0;
	rc = bpf_xdp_store_bytes(ctx, len, (void *)config.request, data);
	return (int)rc;
}

SG_INLINE int answer_send4(struct xdp_md *ctx, const struct answer_in *in, const struct answer *a)
{
	__u32 tcp_len = in->has_ts ? 32 : 20;
	struct answer_head4 h = {
		.proto = bpf_htons(ETH_P_IP),
		.ip =
			{
				.version = 4,
				.ihl = 5,
				.frag_off = bpf_htons(0x4000),
				.ttl = 64,
				.protocol = IPPROTO_TCP,
			},
	};

	answer_eth(h.eth, in);
	h.ip.tot_len = bpf_htons(20 + tcp_len + (a->request ? config.request_len : 0));
	sg_memcpy(&h.ip.saddr, in->us.addr + 12, 4);
	h.ip.daddr = ((const volatile __u32 *)config.to.addr)[3];
	h.ip.check = sg_csum_fold(sg_csum_words(0, &h.ip, 5));
	answer_tcp(&h.tcp, in, a);
	return answer_store(ctx, a, h.eth, 14 + 20 + tcp_len);
}

SG_INLINE int answer_send6(struct xdp_md *ctx, const struct answer_in *in, const struct answer *a)
{
	__u32 tcp_len = in->has_ts ? 32 : 20;
	struct answer_head6 h = {
		.proto = bpf_htons(ETH_P_IPV6),
		.ip = {.version = 6, .nexthdr = IPPROTO_TCP, .hop_limit = 64},
	};

	answer_eth(h.eth, in);
	h.ip.payload_len = bpf_htons(tcp_len + (a->request ? config.request_len : 0));
	sg_memcpy(&h.ip.saddr, in->us.addr, 16);
	config_addr(&h.ip.daddr, &config.to);
	answer_tcp(&h.tcp, in, a);
	return answer_store(ctx, a, h.eth, 14 + 40 + tcp_len);
}

/* Redirected, as the sender's frames are: a veth's XDP_TX wants more of the peer. */
SG_INLINE int answer_send(struct xdp_md *ctx, const struct answer_in *in, const struct answer *a)
{
	int rc = config.v6 ? answer_send6(ctx, in, a) : answer_send4(ctx, in, a);

	return rc ? XDP_DROP : (int)bpf_redirect(config.ifindex, 0);
}

#endif
