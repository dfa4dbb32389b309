/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Bytes <-> struct seg. No state. decode.c and icmp.c read what the driver let through and
 * trust none of it; encode.c writes headers and checksums.
 */
#ifndef WIRE_WIRE_H
#define WIRE_WIRE_H

#include <stdbool.h>

#include "tcp/seg.h"

/* Ethernet, two VLAN tags, IPv6, TCP with 40 bytes of options. */
#define WIRE_HEADROOM (14 + 8 + 40 + 60)

/*
 * One Ethernet frame. `out->data` points into it. `out->handshake` is left NULL.
 * -EPROTO: not TCP, or malformed. -EBADMSG: a wrong checksum, of IPv4 or TCP (only if `verify`).
 */
int wire_decode(const __u8 *frame, __u32 len, bool verify, struct seg *out);

/* The same with an IPv4 or IPv6 packet by itself: out->mac and out->tuple.vlan are 0. */
int wire_decode_ip(const __u8 *packet, __u32 len, bool verify, struct seg *out);

/* Write `s` as an IP packet. Returns its length, or -EMSGSIZE. */
int wire_encode_ip(__u8 *packet, __u32 room, const struct seg *s);

/* Is it ICMP at all? For drivers that pass no metadata on. */
bool wire_is_icmp(const __u8 *frame, __u32 len);

/*
 * An ICMP error that quotes a TCP segment sent from here. -EPROTO: another message,
 * malformed, or about something else. -EBADMSG: a wrong checksum (only if `verify`).
 */
int wire_decode_icmp(const __u8 *frame, __u32 len, bool verify, struct icmp_error *out);

/* The same with an IP packet by itself. */
int wire_decode_icmp_ip(const __u8 *packet, __u32 len, bool verify, struct icmp_error *out);

/*
 * Write `s` as a frame from `own_mac` to s->mac. Returns its length, or -EMSGSIZE when
 * it does not fit into `room` bytes.
 */
int wire_encode(__u8 *frame, __u32 room, const __u8 own_mac[6], const struct seg *s);

#endif
