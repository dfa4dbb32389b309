/* SPDX-License-Identifier: BSD-2-Clause */
/* An Ethernet frame into a struct seg. Every length is checked before it is used. */
#include "syngate/csum.h"
#include "wire/cursor.h"
#include "wire/wire.h"

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

static int decode_ipv6(struct cursor *c, struct seg *out)
{
	const __u8 *ip = cursor_take(c, 40);
	__u32 payload;

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
	return cursor_extensions(c, ip[6], PROTO_TCP);
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
	type = cursor_ethernet(&c, out->mac, out->tuple.vlan);
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
