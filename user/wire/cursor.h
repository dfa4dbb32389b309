/* SPDX-License-Identifier: BSD-2-Clause */
/* What decoding a segment and decoding an ICMP error have in common. */
#ifndef WIRE_CURSOR_H
#define WIRE_CURSOR_H

#include <errno.h>
#include <string.h>

#include "tcp/seg.h"

#define ETH_IPV4  0x0800
#define ETH_IPV6  0x86dd
#define ETH_VLAN  0x8100
#define ETH_QINQ  0x88a8
#define PROTO_TCP 6

/* What is left of the frame. */
struct cursor {
	const __u8 *p;
	__u32 len;
};

static inline const __u8 *cursor_take(struct cursor *c, __u32 n)
{
	const __u8 *p = c->p;

	if (n > c->len)
		return NULL;
	c->p += n;
	c->len -= n;
	return p;
}

/* Ethernet header and up to two VLAN tags. Returns the EtherType, or -EPROTO. */
static inline int cursor_ethernet(struct cursor *c, __u8 mac[6], __u16 vlan[2])
{
	const __u8 *eth = cursor_take(c, 14);
	int type;

	if (!eth || eth[6] & 1) /* nobody sends from a group's address, and we answer there */
		return -EPROTO;
	memcpy(mac, eth + 6, 6);
	type = sg_get16(eth + 12);
	for (int i = 0; i < 2 && (type == ETH_VLAN || type == ETH_QINQ); i++) {
		const __u8 *tag = cursor_take(c, 4);

		if (!tag)
			return -EPROTO;
		vlan[i] = (sg_get16(tag) & SG_VLAN_VID) | SG_VLAN_PRESENT |
			  (type == ETH_QINQ ? SG_VLAN_8021AD : 0);
		type = sg_get16(tag + 2);
	}
	return type;
}

/* Length of an extension header that we pass over, or 0: none that we know. RFC 8200 4. */
static inline __u32 cursor_ext_len(__u8 next, const __u8 *h)
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

/* Pass over extension headers, up to one of `proto`. */
static inline int cursor_extensions(struct cursor *c, __u8 next, __u8 proto)
{
	for (int i = 0; i < 8 && next != proto; i++) {
		__u32 n = c->len >= 8 ? cursor_ext_len(next, c->p) : 0;

		if (n == 0 || n > c->len)
			return -EPROTO;
		next = c->p[0];
		cursor_take(c, n);
	}
	return next == proto ? 0 : -EPROTO;
}

#endif
