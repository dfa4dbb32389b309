/* SPDX-License-Identifier: BSD-2-Clause */
/* An Ethernet frame into a struct seg. Every length is checked before it is used. */
#include <errno.h>
#include <string.h>

#include "syngate/csum.h"
#include "wire/wire.h"

#define ETH_IPV4 0x0800
#define ETH_IPV6 0x86dd
#define ETH_VLAN 0x8100
#define ETH_QINQ 0x88a8
#define PROTO_TCP 6

/* What is left of the frame. */
struct cursor {
	const __u8 *p;
	__u32 len;
};

static const __u8 *cursor_take(struct cursor *c, __u32 n)
{
	const __u8 *p = c->p;

	if (n > c->len)
		return NULL;
	c->p += n;
	c->len -= n;
	return p;
}

/* Ethernet header and up to two VLAN tags. Returns the EtherType, or -EPROTO. */
static int decode_ethernet(struct cursor *c, struct seg *out)
{
	const __u8 *eth = cursor_take(c, 14);
	int type;

	if (!eth || eth[6] & 1) /* nobody sends from a group's address, and we answer there */
		return -EPROTO;
	memcpy(out->mac, eth + 6, 6);
	type = sg_get16(eth + 12);
	for (int i = 0; i < 2 && (type == ETH_VLAN || type == ETH_QINQ); i++) {
		const __u8 *tag = cursor_take(c, 4);

		if (!tag)
			return -EPROTO;
		out->tuple.vlan[i] = (sg_get16(tag) & SG_VLAN_VID) | SG_VLAN_PRESENT |
				     (type == ETH_QINQ ? SG_VLAN_8021AD : 0);
		type = sg_get16(tag + 2);
	}
	return type;
}

static int decode_ipv4(struct cursor *c, bool verify, struct seg *out)
{
	const __u8 *ip = c->p;
	__u32 ihl, total;

	if (c->len < 20 || ip[0] >> 4 != 4)
		return -EPROTO;
	ihl = (ip[0] & 15) * 4u;
	total = sg_get16(ip + 2);
	if (ihl < 20 || total < ihl || total > c->len || ip[9] != PROTO_TCP)
		return -EPROTO;
	if (sg_get16(ip + 6) & 0x3fff) /* a fragment */
		return -EPROTO;
	if (verify && sg_csum_fold(sg_csum_bytes(0, ip, ihl)) != 0)
		return -EBADMSG;
	sg_addr_from4(&out->tuple.peer, ip + 12);
	sg_addr_from4(&out->tuple.local, ip + 16);
	out->ecn = ip[1] & 3;
	c->len = total; /* what follows is Ethernet padding */
	cursor_take(c, ihl);
	return 0;
}

/* Length of an extension header that we pass over, or 0: none that we know. RFC 8200 4. */
static __u32 decode_ext_len(__u8 next, const __u8 *h)
{
	switch (next) {
	case 43: /* routing: with segments left it is not for us (RFC 8200 4.4) */
		if (h[3])
			return 0;
		/* fallthrough */
	case 0:	 /* hop-by-hop */
	case 60: /* destination options */
		return (h[1] + 1u) * 8;
	case 44: /* an atomic fragment is whole (RFC 6946); others are not for us */
		return sg_get16(h + 2) & 0xfff9 ? 0 : 8;
	case 51: /* authentication */
		return (h[1] + 2u) * 4;
	}
	return 0;
}

static int decode_ipv6(struct cursor *c, struct seg *out)
{
	const __u8 *ip = cursor_take(c, 40);
	__u32 payload;
	__u8 next;

	if (!ip || ip[0] >> 4 != 6)
		return -EPROTO;
	payload = sg_get16(ip + 4);
	if (payload > c->len)
		return -EPROTO;
	c->len = payload;
	memcpy(out->tuple.peer.addr, ip + 8, 16);
	memcpy(out->tuple.local.addr, ip + 24, 16);
	if (sg_addr_is4(&out->tuple.peer) || sg_addr_is4(&out->tuple.local))
		return -EPROTO; /* would pass for IPv4, which is mapped here and nowhere else */
	out->ecn = ip[1] >> 4 & 3;
	next = ip[6];
	for (int i = 0; i < 8 && next != PROTO_TCP; i++) {
		__u32 n = c->len >= 8 ? decode_ext_len(next, c->p) : 0;

		if (n == 0 || n > c->len)
			return -EPROTO;
		next = c->p[0];
		cursor_take(c, n);
	}
	return next == PROTO_TCP ? 0 : -EPROTO;
}

static int decode_options(const __u8 *opts, __u32 len, struct seg *out)
{
	struct sg_opt_reader r;

	if (sg_opt_read(&r, opts, len))
		return -EPROTO;
	out->opt = r.o;
	if (out->opt.nsack > SEG_SACK_MAX)
		out->opt.nsack = SEG_SACK_MAX;
	for (int i = 0; i < out->opt.nsack; i++) {
		out->sack[i].left = sg_seq_of(sg_get32(opts + r.o.sack_off + 8 * i));
		out->sack[i].right = sg_seq_of(sg_get32(opts + r.o.sack_off + 8 * i + 4));
	}
	return 0;
}

static int decode_tcp(struct cursor *c, bool verify, struct seg *out)
{
	const __u8 *th = c->p;
	__u32 len = c->len;
	__u32 off;

	if (len < 20)
		return -EPROTO;
	off = (th[12] >> 4) * 4u;
	if (off < 20 || off > len)
		return -EPROTO;
	if (verify) {
		__u64 sum = sg_csum_pseudo(&out->tuple.local, &out->tuple.peer, len, PROTO_TCP);

		if (sg_csum_fold(sg_csum_bytes(sum, th, len)) != 0)
			return -EBADMSG;
	}
	out->tuple.pport = sg_get16(th);
	out->tuple.lport = sg_get16(th + 2);
	out->seq = sg_seq_of(sg_get32(th + 4));
	out->ack = sg_seq_of(sg_get32(th + 8));
	out->flags = th[13];
	out->wnd = sg_get16(th + 14);
	out->urg = sg_get16(th + 18);
	if (decode_options(th + 20, off - 20, out))
		return -EPROTO;
	out->data[0] = th + off;
	out->data_len[0] = out->len = len - off;
	return 0;
}

static int decode_ip(struct cursor *c, int type, bool verify, struct seg *out)
{
	int err = -EPROTO;

	if (type == ETH_IPV4)
		err = decode_ipv4(c, verify, out);
	else if (type == ETH_IPV6)
		err = decode_ipv6(c, out);
	return err ? err : decode_tcp(c, verify, out);
}

int wire_decode(const __u8 *frame, __u32 len, bool verify, struct seg *out)
{
	struct cursor c = {frame, len};
	int type;

	memset(out, 0, sizeof(*out));
	type = decode_ethernet(&c, out);
	return type < 0 ? type : decode_ip(&c, type, verify, out);
}

int wire_decode_ip(const __u8 *packet, __u32 len, bool verify, struct seg *out)
{
	struct cursor c = {packet, len};

	memset(out, 0, sizeof(*out));
	if (len == 0)
		return -EPROTO;
	return decode_ip(&c, packet[0] >> 4 == 4 ? ETH_IPV4 : ETH_IPV6, verify, out);
}
