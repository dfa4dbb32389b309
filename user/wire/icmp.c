/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ICMP errors (RFC 792, 1191, 4443) that quote a TCP segment. Anybody can send one, and the
 * quotation is as hostile as the rest: every length is checked before it is used.
 */
#include "syngate/csum.h"
#include "wire/cursor.h"
#include "wire/wire.h"

#define PROTO_ICMP  1
#define PROTO_ICMP6 58
#define QUOTED_TCP  8 /* ports and sequence number: what RFC 792 promises of the segment */

/* The outer IP header, up to the ICMP message. */
static int icmp_outer4(struct cursor *c, bool verify)
{
	const __u8 *ip = c->p;
	__u32 ihl, total;

	if (c->len < 20 || ip[0] >> 4 != 4)
		return -EPROTO;
	ihl = (ip[0] & 15) * 4u;
	total = sg_get16(ip + 2);
	if (ihl < 20 || total < ihl || total > c->len || ip[9] != PROTO_ICMP)
		return -EPROTO;
	if (sg_get16(ip + 6) & 0x3fff) /* a fragment */
		return -EPROTO;
	if (verify && sg_csum_fold(sg_csum_bytes(0, ip, ihl)) != 0)
		return -EBADMSG;
	c->len = total;
	cursor_take(c, ihl);
	return 0;
}

static int icmp_outer6(struct cursor *c, __u64 *sum)
{
	const __u8 *ip = cursor_take(c, 40);
	struct sg_addr from, to;
	int err;

	if (!ip || ip[0] >> 4 != 6 || sg_get16(ip + 4) > c->len)
		return -EPROTO;
	c->len = sg_get16(ip + 4);
	memcpy(from.addr, ip + 8, 16);
	memcpy(to.addr, ip + 24, 16);
	if (sg_addr_is4(&from) || sg_addr_is4(&to))
		return -EPROTO;
	err = cursor_extensions(c, ip[6], PROTO_ICMP6);
	*sum = sg_csum_pseudo(&from, &to, c->len, PROTO_ICMP6);
	return err;
}

/* Our own header, come back: it need not be there to its end, but the segment's first bytes. */
static int icmp_quoted4(struct cursor *c, struct icmp_error *out, __u32 *total)
{
	const __u8 *ip = c->p;
	__u32 ihl;

	if (c->len < 20 || ip[0] >> 4 != 4)
		return -EPROTO;
	ihl = (ip[0] & 15) * 4u;
	*total = sg_get16(ip + 2);
	if (ihl < 20 || ip[9] != PROTO_TCP || sg_get16(ip + 6) & 0x1fff || !cursor_take(c, ihl))
		return -EPROTO;
	sg_addr_from4(&out->tuple.local, ip + 12);
	sg_addr_from4(&out->tuple.peer, ip + 16);
	return 0;
}

static int icmp_quoted6(struct cursor *c, struct icmp_error *out)
{
	const __u8 *ip = cursor_take(c, 40);

	if (!ip || ip[0] >> 4 != 6)
		return -EPROTO;
	memcpy(out->tuple.local.addr, ip + 8, 16);
	memcpy(out->tuple.peer.addr, ip + 24, 16);
	if (sg_addr_is4(&out->tuple.peer) || sg_addr_is4(&out->tuple.local))
		return -EPROTO;
	return cursor_extensions(c, ip[6], PROTO_TCP);
}

static int icmp_tcp(struct cursor *c, struct icmp_error *out)
{
	const __u8 *th = cursor_take(c, QUOTED_TCP);

	if (!th)
		return -EPROTO;
	out->tuple.lport = sg_get16(th);
	out->tuple.pport = sg_get16(th + 2);
	out->seq = sg_seq_of(sg_get32(th + 4));
	return 0;
}

/* --- what it means: Linux's icmp_err_convert and its like --------------------------------- */

struct meaning {
	int error;
	enum icmp_kind kind;
};

static const struct meaning icmp_unreachable4[] = {
	{ENETUNREACH, ICMP_SOFT},  {EHOSTUNREACH, ICMP_SOFT}, {ENOPROTOOPT, ICMP_HARD},
	{ECONNREFUSED, ICMP_HARD}, {EMSGSIZE, ICMP_TOO_BIG},  {EOPNOTSUPP, ICMP_SOFT},
	{ENETUNREACH, ICMP_HARD},  {EHOSTDOWN, ICMP_HARD},    {ENONET, ICMP_HARD},
	{ENETUNREACH, ICMP_HARD},  {EHOSTUNREACH, ICMP_HARD}, {ENETUNREACH, ICMP_SOFT},
	{EHOSTUNREACH, ICMP_SOFT}, {EHOSTUNREACH, ICMP_HARD}, {EHOSTUNREACH, ICMP_HARD},
	{EHOSTUNREACH, ICMP_HARD},
};

static const struct meaning icmp_unreachable6[] = {
	{ENETUNREACH, ICMP_SOFT},  {EACCES, ICMP_HARD},	      {EHOSTUNREACH, ICMP_SOFT},
	{EHOSTUNREACH, ICMP_SOFT}, {ECONNREFUSED, ICMP_HARD}, {EACCES, ICMP_HARD},
	{EACCES, ICMP_HARD},
};

static const struct meaning icmp_exceeded = {EHOSTUNREACH, ICMP_SOFT};
static const struct meaning icmp_parameter = {EPROTO, ICMP_SOFT}; /* MUST-56 */
static const struct meaning icmp_too_big = {EMSGSIZE, ICMP_TOO_BIG};

static const struct meaning *icmp_meaning4(__u8 type, __u8 code)
{
	if (type == 3 && code < SG_ARRAY_SIZE(icmp_unreachable4))
		return &icmp_unreachable4[code];
	if (type == 11)
		return &icmp_exceeded;
	return type == 12 ? &icmp_parameter : NULL;
}

static const struct meaning *icmp_meaning6(__u8 type, __u8 code)
{
	if (type == 1 && code < SG_ARRAY_SIZE(icmp_unreachable6))
		return &icmp_unreachable6[code];
	if (type == 2)
		return &icmp_too_big;
	if (type == 3)
		return &icmp_exceeded;
	return type == 4 ? &icmp_parameter : NULL;
}

/* RFC 1191 5 and 7: a router that names no size. The next one that is in use, downwards. */
static __u32 icmp_plateau(__u32 total)
{
	static const __u16 plateau[] = {32000, 17914, 8166, 4352, 2002, 1492, 1006, 508, 296};

	for (unsigned i = 0; i < SG_ARRAY_SIZE(plateau); i++)
		if (plateau[i] < total)
			return plateau[i];
	return 68;
}

static int icmp_fill(struct icmp_error *out, const struct meaning *m, const __u8 *icmp)
{
	if (!m)
		return -EPROTO;
	out->type = icmp[0];
	out->code = icmp[1];
	out->kind = m->kind;
	out->error = -m->error;
	return 0;
}

static int icmp_message(struct cursor *c, __u64 sum, bool verify, const __u8 **icmp)
{
	if (verify && sg_csum_fold(sg_csum_bytes(sum, c->p, c->len)) != 0)
		return -EBADMSG;
	*icmp = cursor_take(c, 8);
	return *icmp ? 0 : -EPROTO;
}

static int icmp_decode4(struct cursor *c, bool verify, struct icmp_error *out)
{
	const __u8 *icmp;
	__u32 total;
	int err = icmp_outer4(c, verify);

	if (err || (err = icmp_message(c, 0, verify, &icmp)) ||
	    (err = icmp_fill(out, icmp_meaning4(icmp[0], icmp[1]), icmp)) ||
	    (err = icmp_quoted4(c, out, &total)))
		return err;
	if (out->kind == ICMP_TOO_BIG)
		out->mtu = sg_get16(icmp + 6) ? sg_get16(icmp + 6) : icmp_plateau(total);
	return icmp_tcp(c, out);
}

static int icmp_decode6(struct cursor *c, bool verify, struct icmp_error *out)
{
	const __u8 *icmp;
	__u64 sum = 0;
	int err = icmp_outer6(c, &sum);

	if (err || (err = icmp_message(c, sum, verify, &icmp)) ||
	    (err = icmp_fill(out, icmp_meaning6(icmp[0], icmp[1]), icmp)) ||
	    (err = icmp_quoted6(c, out)))
		return err;
	if (out->kind == ICMP_TOO_BIG)
		out->mtu = sg_get32(icmp + 4);
	return icmp_tcp(c, out);
}

int wire_decode_icmp(const __u8 *frame, __u32 len, bool verify, struct icmp_error *out)
{
	struct cursor c = {frame, len};
	__u8 mac[6];
	int type;

	memset(out, 0, sizeof(*out));
	type = cursor_ethernet(&c, mac, out->tuple.vlan);
	if (type == ETH_IPV4)
		return icmp_decode4(&c, verify, out);
	return type == ETH_IPV6 ? icmp_decode6(&c, verify, out) : -EPROTO;
}

int wire_decode_icmp_ip(const __u8 *packet, __u32 len, bool verify, struct icmp_error *out)
{
	struct cursor c = {packet, len};

	memset(out, 0, sizeof(*out));
	if (len > 0 && packet[0] >> 4 == 4)
		return icmp_decode4(&c, verify, out);
	return icmp_decode6(&c, verify, out);
}

bool wire_is_icmp(const __u8 *frame, __u32 len)
{
	struct cursor c = {frame, len};
	__u16 vlan[2];
	__u64 sum;
	__u8 mac[6];
	int type = cursor_ethernet(&c, mac, vlan);

	return (type == ETH_IPV4 && !icmp_outer4(&c, false)) ||
	       (type == ETH_IPV6 && !icmp_outer6(&c, &sum));
}
