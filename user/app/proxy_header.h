/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The PROXY protocol's header: what a server behind us is told of the client, in front of the
 * client's first byte (HAProxy's proxy-protocol.txt, versions 1 and 2).
 */
#ifndef APP_PROXY_HEADER_H
#define APP_PROXY_HEADER_H

#include <stdbool.h>
#include <stddef.h>

#include "syngate/addr.h"

enum proxy_version { PROXY_NONE, PROXY_V1, PROXY_V2 };

extern const char *const proxy_versions[]; /* "v1", "v2", NULL: from PROXY_V1 on */

#define PROXY_UNIQUE_ID 16

struct proxy_header {
	struct sg_tuple tuple; /* its peer is the client */
	__u8 unique[PROXY_UNIQUE_ID];
	bool cookie;	    /* admitted by a SYN cookie, not from the half-open queue */
	__u32 handshake_us; /* SYN to final ACK; 0: nobody knows, as with a cookie */
};

/* Types of what follows the addresses in version 2; the last is ours: */
enum {
	PROXY_TLV_CRC32C = 0x03,
	PROXY_TLV_UNIQUE_ID = 0x05,
	PROXY_TLV_ADMITTED = 0xe0, /* 1 byte: 0 queue, 1 cookie; 4 bytes: handshake_us, network order */
};

#define PROXY_HEADER_MAX 128

/* Bytes written to `out`; 0 for PROXY_NONE. */
size_t proxy_header_make(enum proxy_version v, const struct proxy_header *h,
			 __u8 out[PROXY_HEADER_MAX]);

#endif
