/* SPDX-License-Identifier: BSD-2-Clause */
#include "app/proxy_header.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#define HEADER_PROXY	0x21 /* version 2, command PROXY */
#define HEADER_TCP4	0x11
#define HEADER_TCP6	0x21
#define HEADER_LENGTH	14 /* where the length lies: of all that comes behind it */
#define HEADER_ADDRESSES 16

const char *const proxy_versions[] = {"v1", "v2", NULL};

static const __u8 header_signature[12] = {0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d,
					  0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a};

/* --- version 1: a line of text --------------------------------------------------------------- */

static size_t header_text(const struct sg_tuple *t, __u8 *out)
{
	bool v4 = sg_addr_is4(&t->peer);
	int family = v4 ? AF_INET : AF_INET6, from = v4 ? 12 : 0;
	char client[INET6_ADDRSTRLEN], us[INET6_ADDRSTRLEN];

	inet_ntop(family, t->peer.addr + from, client, sizeof(client));
	inet_ntop(family, t->local.addr + from, us, sizeof(us));
	return (size_t)snprintf((char *)out, PROXY_HEADER_MAX, "PROXY TCP%c %s %s %u %u\r\n",
				v4 ? '4' : '6', client, us, t->pport, t->lport);
}

/* --- version 2 ------------------------------------------------------------------------------- */

/* Each returns what is behind what it wrote. */
static __u8 *header_bytes(__u8 *at, const void *from, size_t len)
{
	memcpy(at, from, len);
	return at + len;
}

static __u8 *header_u16(__u8 *at, __u16 v)
{
	v = htons(v);
	return header_bytes(at, &v, sizeof(v));
}

static __u8 *header_u32(__u8 *at, __u32 v)
{
	v = htonl(v);
	return header_bytes(at, &v, sizeof(v));
}

static __u8 *header_tlv(__u8 *at, __u8 type, __u16 len)
{
	*at++ = type;
	return header_u16(at, len);
}

static __u8 *header_addresses(__u8 *at, const struct sg_tuple *t)
{
	size_t len = sg_addr_is4(&t->peer) ? 4 : 16;

	at = header_bytes(at, t->peer.addr + 16 - len, len);
	at = header_bytes(at, t->local.addr + 16 - len, len);
	at = header_u16(at, t->pport);
	return header_u16(at, t->lport);
}

/* RFC 4960 appendix B; bit by bit, since it is a hundred bytes once a connection. */
static __u32 header_crc32c(const __u8 *at, size_t len)
{
	__u32 crc = 0xffffffff;

	for (size_t i = 0; i < len; i++) {
		crc ^= at[i];
		for (int bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (crc & 1 ? 0x82f63b78 : 0);
	}
	return ~crc;
}

static size_t header_binary(const struct proxy_header *h, __u8 *out)
{
	__u8 *at = header_bytes(out, header_signature, sizeof(header_signature)), *crc;

	*at++ = HEADER_PROXY;
	*at++ = sg_addr_is4(&h->tuple.peer) ? HEADER_TCP4 : HEADER_TCP6;
	at = header_addresses(out + HEADER_ADDRESSES, &h->tuple);
	at = header_tlv(at, PROXY_TLV_UNIQUE_ID, PROXY_UNIQUE_ID);
	at = header_bytes(at, h->unique, PROXY_UNIQUE_ID);
	at = header_tlv(at, PROXY_TLV_ADMITTED, 5);
	*at++ = h->cookie;
	at = header_u32(at, h->handshake_us);
	crc = header_tlv(at, PROXY_TLV_CRC32C, 4);
	at = header_u32(crc, 0); /* it is part of what is summed up, as 0 */
	header_u16(out + HEADER_LENGTH, (__u16)(at - out - HEADER_ADDRESSES));
	header_u32(crc, header_crc32c(out, (size_t)(at - out)));
	return (size_t)(at - out);
}

size_t proxy_header_make(enum proxy_version v, const struct proxy_header *h,
			 __u8 out[PROXY_HEADER_MAX])
{
	switch (v) {
	case PROXY_NONE:
		return 0;
	case PROXY_V1:
		return header_text(&h->tuple, out);
	case PROXY_V2:
		return header_binary(h, out);
	}
	return 0;
}
