/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A TCP segment as values: what user/wire makes of bytes and makes into bytes. Host
 * byte order. `tuple` is from our side in both directions.
 */
#ifndef TCP_SEG_H
#define TCP_SEG_H

#include <stdbool.h>

#include "syngate/addr.h"
#include "syngate/seq.h"
#include "syngate/siphash.h"
#include "syngate/tcpopt.h"

#define SEG_SACK_MAX 4

/* What a final ACK completes: a half-open entry, or a cookie. As in struct sg_meta. */
struct seg_handshake {
	bool cookie; /* then `slot`, `when` and `gen` mean nothing */
	__u32 slot; /* sg_index() */
	__u32 irs, when, tsval;
	__u16 gen;
	__u16 listener;
	__u16 mss;
	__u8 opts; /* SG_OPT_* of abi.h */
};

struct seg {
	struct sg_tuple tuple;
	sg_seq seq, ack;
	__u32 len;     /* bytes of data, all pieces together */
	__u16 wnd;     /* as it stands in the header: not yet scaled */
	__u16 urg;     /* urgent pointer */
	__u8 flags;    /* SG_SYN ... */
	__u8 ecn;      /* the two ECN bits of the IP header */
	__u8 tos;      /* out: the six others of that byte, DiffServ */
	__u8 ttl;      /* out: the hop limit */
	__u8 mac[6];   /* in: the sender's Ethernet address. out: the receiver's */
	struct sg_tcpopts opt;
	struct {
		sg_seq left, right;
	} sack[SEG_SACK_MAX]; /* opt.nsack of them */

	/* in: data[0] alone. out: two pieces when the data crosses a chunk's end.
	 * Borrowed: valid until the next call into the engine. */
	const __u8 *data[2];
	__u32 data_len[2];

	const struct seg_handshake *handshake; /* in: not NULL when it fits a half-open entry */
	struct sg_hash hash; /* in: the tuple's, if `hashed` (tcp_prepare) */
	bool hashed;
};

/* What an ICMP error tells that quotes a segment of ours. */
enum icmp_kind {
	ICMP_TOO_BIG, /* `mtu` is what would have passed */
	ICMP_HARD,    /* it will not pass later either (RFC 1122 4.2.3.9) */
	ICMP_SOFT,    /* it may */
};

struct icmp_error {
	struct sg_tuple tuple;
	sg_seq seq;   /* of the segment that is quoted */
	__u32 mtu;
	enum icmp_kind kind;
	int error;    /* the negative errno that Linux makes of it */
	__u8 type, code;
};

/* Sequence space that a segment takes, RFC 9293 3.4. */
static inline __u32 seg_space(const struct seg *s)
{
	return s->len + !!(s->flags & SG_SYN) + !!(s->flags & SG_FIN);
}

#endif
