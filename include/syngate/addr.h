/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One address type: IPv6, with IPv4 mapped into ::ffff:0:0/96 (RFC 4291 2.5.5.2)
 * once, at parse. Bytes in network order; ports everywhere in host order.
 */
#ifndef SYNGATE_ADDR_H
#define SYNGATE_ADDR_H

#include "base.h"

struct sg_addr {
	__u8 addr[16];
} __attribute__((aligned(4)));

/*
 * One VLAN tag as it stands in a key: 0 = no such tag. VLAN_PRESENT and the VID,
 * VLAN_8021AD when the tag's TPID is 0x88a8. The priority bits are not part of it.
 */
#define SG_VLAN_VID 0x0fff
#define SG_VLAN_PRESENT 0x1000
#define SG_VLAN_8021AD 0x2000

/* A connection's name, from our side: `local` is us whichever way a frame goes. */
struct sg_tuple {
	struct sg_addr local;
	struct sg_addr peer;
	__u16 lport;
	__u16 pport;
	__u16 vlan[2]; /* outer, inner */
} __attribute__((aligned(8)));    /* compared and hashed as words */

_Static_assert(sizeof(struct sg_addr) == 16, "address is ABI");
_Static_assert(sizeof(struct sg_tuple) == 40, "tuple is ABI");

SG_INLINE void sg_addr_from4(struct sg_addr *a, const void *v4)
{
	__u64 v = sg_load32(v4);

#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
	v = v << 32 | 0xffff0000;
#else
	v |= 0xffffULL << 32;
#endif
	sg_store64(a->addr, 0);
	sg_store64(a->addr + 8, v);
}

SG_INLINE const __u32 *sg_addr_words(const struct sg_addr *a)
{
	return (const __u32 *)(const void *)a->addr;
}

SG_INLINE int sg_addr_is4(const struct sg_addr *a)
{
	return sg_load64(a->addr) == 0 && sg_get32(a->addr + 8) == 0x0000ffff;
}

SG_INLINE int sg_addr_eq(const struct sg_addr *a, const struct sg_addr *b)
{
	return ((sg_load64(a->addr) ^ sg_load64(b->addr)) |
		(sg_load64(a->addr + 8) ^ sg_load64(b->addr + 8))) == 0;
}

SG_INLINE int sg_addr_is_any(const struct sg_addr *a)
{
	return (sg_load64(a->addr) | sg_load64(a->addr + 8)) == 0;
}

/* Multicast, or the broadcast address of every network. */
SG_INLINE int sg_addr_is_group(const struct sg_addr *a)
{
	if (!sg_addr_is4(a))
		return a->addr[0] == 0xff;
	return (a->addr[12] >= 224 && a->addr[12] <= 239) || sg_addr_words(a)[3] == 0xffffffff;
}

/* May it be one host's? RFC 1122 3.2.1.3, RFC 4291 2.5.2, 2.7: no group, nor unspecified. */
SG_INLINE int sg_addr_is_host(const struct sg_addr *a)
{
	if (sg_addr_is_group(a))
		return 0;
	return sg_addr_is4(a) ? a->addr[12] != 0 : !sg_addr_is_any(a);
}

SG_INLINE int sg_addr_is_loopback(const struct sg_addr *a)
{
	if (sg_addr_is4(a))
		return a->addr[12] == 127;
	return sg_load64(a->addr) == 0 && sg_load64(a->addr + 8) == __builtin_bswap64(1);
}

SG_INLINE int sg_tuple_eq(const struct sg_tuple *a, const struct sg_tuple *b)
{
	__u64 x[5], y[5];

	sg_memcpy(x, a, 40);
	sg_memcpy(y, b, 40);
	return ((x[0] ^ y[0]) | (x[1] ^ y[1]) | (x[2] ^ y[2]) | (x[3] ^ y[3]) | (x[4] ^ y[4])) == 0;
}

/*
 * May a segment of a stranger come from there? RFC 9293 MUST-63, RFC 1122 3.2.1.3: from one host,
 * out of a network, from a port, and not from ourselves (LAND).
 */
SG_INLINE int sg_tuple_is_valid(const struct sg_tuple *t)
{
	if (!t->pport || (t->pport == t->lport && sg_addr_eq(&t->peer, &t->local)))
		return 0;
	return sg_addr_is_host(&t->peer) && !sg_addr_is_loopback(&t->peer);
}

#endif
