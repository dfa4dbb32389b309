/* SPDX-License-Identifier: BSD-2-Clause */
/* A struct seg into an Ethernet frame, checksums and all. */
#include <errno.h>
#include <string.h>

#include "syngate/csum.h"
#include "wire/wire.h"

#define ETH_IPV4 0x0800
#define ETH_IPV6 0x86dd
#define ETH_VLAN 0x8100
#define ETH_QINQ 0x88a8
#define PROTO_TCP 6

static __u8 *encode_ethernet(__u8 *p, const __u8 own_mac[6], const struct seg *s, int v4)
{
	memcpy(p, s->mac, 6);
	memcpy(p + 6, own_mac, 6);
	p += 12;
	for (int i = 0; i < 2 && s->tuple.vlan[i] & SG_VLAN_PRESENT; i++) {
		sg_put16(p, s->tuple.vlan[i] & SG_VLAN_8021AD ? ETH_QINQ : ETH_VLAN);
		sg_put16(p + 2, s->tuple.vlan[i] & SG_VLAN_VID);
		p += 4;
	}
	sg_put16(p, v4 ? ETH_IPV4 : ETH_IPV6);
	return p + 2;
}

static __u8 *encode_ipv4(__u8 *ip, const struct seg *s, __u32 tcp_len)
{
	__u16 csum;

	memset(ip, 0, 20);
	ip[0] = 0x45;
	ip[1] = s->tos | s->ecn;
	sg_put16(ip + 2, (__u16)(20 + tcp_len));
	sg_put16(ip + 6, 0x4000); /* do not fragment */
	ip[8] = s->ttl;
	ip[9] = PROTO_TCP;
	memcpy(ip + 12, s->tuple.local.addr + 12, 4);
	memcpy(ip + 16, s->tuple.peer.addr + 12, 4);
	csum = sg_csum_fold(sg_csum_words(0, ip, 5));
	memcpy(ip + 10, &csum, 2);
	return ip + 20;
}

static __u8 *encode_ipv6(__u8 *ip, const struct seg *s, __u32 tcp_len)
{
	sg_put32(ip, 6u << 28 | (__u32)(s->tos | s->ecn) << 20);
	sg_put16(ip + 4, (__u16)tcp_len);
	ip[6] = PROTO_TCP;
	ip[7] = s->ttl;
	memcpy(ip + 8, s->tuple.local.addr, 16);
	memcpy(ip + 24, s->tuple.peer.addr, 16);
	return ip + 40;
}

/* As many blocks as `room` has space for (RFC 2018 3): the first ones say most. */
static __u32 encode_sack(__u8 *p, const struct seg *s, __u32 room)
{
	__u32 n = s->opt.nsack;

	if (n > (room - 4) / 8)
		n = (room - 4) / 8;
	if (n == 0)
		return 0;
	p[0] = p[1] = SG_OPT_KIND_NOP;
	p[2] = SG_OPT_KIND_SACK;
	p[3] = (__u8)(2 + 8 * n);
	for (__u32 i = 0; i < n; i++) {
		sg_put32(p + 4 + 8 * i, s->sack[i].left.v);
		sg_put32(p + 8 + 8 * i, s->sack[i].right.v);
	}
	return 4 + 8 * n;
}

static __u32 encode_options(__u8 *p, const struct seg *s)
{
	__u32 n = 0;

	if (s->flags & SG_SYN)
		return sg_opt_write_syn(p, &s->opt);
	if (s->opt.has_ts)
		n = sg_opt_write_ts(p, s->opt.tsval, s->opt.tsecr);
	return n + encode_sack(p + n, s, SG_OPT_MAX - n);
}

/* The header, then the data in its pieces; the checksum needs no piece but the last to be even. */
static void encode_tcp(__u8 *th, const struct seg *s, __u32 opt_len, __u32 tcp_len)
{
	__u8 *data = th + 20 + opt_len;
	__u16 csum;

	sg_put16(th, s->tuple.lport);
	sg_put16(th + 2, s->tuple.pport);
	sg_put32(th + 4, s->seq.v);
	sg_put32(th + 8, s->ack.v);
	th[12] = (__u8)((20 + opt_len) / 4 << 4);
	th[13] = s->flags;
	sg_put16(th + 14, s->wnd);
	sg_put32(th + 16, s->urg); /* checksum 0, urgent pointer */
	for (int i = 0; i < 2; i++) {
		if (s->data_len[i])
			memcpy(data, s->data[i], s->data_len[i]);
		data += s->data_len[i];
	}
	csum = sg_csum_fold(sg_csum_bytes(
		sg_csum_pseudo(&s->tuple.local, &s->tuple.peer, tcp_len, PROTO_TCP), th, tcp_len));
	memcpy(th + 16, &csum, 2);
}

/* IP and TCP from `p` on. Returns their length, or -EMSGSIZE. */
static int encode_packet(__u8 *p, __u32 room, const struct seg *s, int v4)
{
	__u32 ip_len = v4 ? 20 : 40, opt_len, tcp_len;
	__u8 opts[SG_OPT_MAX];
	__u8 *tcp;

	opt_len = encode_options(opts, s);
	tcp_len = 20 + opt_len + s->len;
	if (s->len > 65535 || ip_len + tcp_len > room ||
	    (v4 ? 20 : 0) + tcp_len > 65535) /* more than the IP header can say */
		return -EMSGSIZE;
	tcp = v4 ? encode_ipv4(p, s, tcp_len) : encode_ipv6(p, s, tcp_len);
	memcpy(tcp + 20, opts, opt_len);
	encode_tcp(tcp, s, opt_len, tcp_len);
	return (int)(ip_len + tcp_len);
}

int wire_encode_ip(__u8 *packet, __u32 room, const struct seg *s)
{
	return encode_packet(packet, room, s, sg_addr_is4(&s->tuple.peer));
}

int wire_encode(__u8 *frame, __u32 room, const __u8 own_mac[6], const struct seg *s)
{
	int v4 = sg_addr_is4(&s->tuple.peer);
	__u8 *p;
	int len;

	if (room < WIRE_HEADROOM || room - WIRE_HEADROOM < s->len)
		return -EMSGSIZE;
	p = encode_ethernet(frame, own_mac, s, v4);
	len = encode_packet(p, room - (__u32)(p - frame), s, v4);
	return len < 0 ? len : (int)(p - frame) + len;
}
