/* SPDX-License-Identifier: BSD-2-Clause */
/* Frames put together by hand, with checksums of this file's own. */
#ifndef UNIT_RAW_H
#define UNIT_RAW_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "dice.h"
#include "wire/wire.h"

static const __u8 own_mac[6] = {0x02, 0, 0, 0, 0, 0x01};
static const __u8 peer_mac[6] = {0x02, 0, 0, 0, 0, 0x02};

/* --- a frame, put together by hand -------------------------------------------------- */

struct raw {
	__u8 p[2048];
	__u32 len;
	__u32 ip, tcp; /* where these headers begin */
};

static inline void raw_put(struct raw *f, const void *p, __u32 len)
{
	assert_true(f->len + len <= sizeof(f->p));
	memcpy(f->p + f->len, p, len);
	f->len += len;
}

static inline void raw_put16(struct raw *f, __u16 v)
{
	__u8 b[2];

	sg_put16(b, v);
	raw_put(f, b, 2);
}

static inline void raw_ethernet(struct raw *f, const __u16 *tags, int n, __u16 type)
{
	memset(f, 0, sizeof(*f));
	raw_put(f, own_mac, 6);
	raw_put(f, peer_mac, 6);
	for (int i = 0; i < n; i++) {
		raw_put16(f, tags[2 * i]);
		raw_put16(f, tags[2 * i + 1]);
	}
	raw_put16(f, type);
	f->ip = f->len;
}

static inline void raw_ip4(struct raw *f, __u32 options)
{
	static const __u8 addrs[8] = {10, 9, 0, 2, 10, 9, 0, 1};
	__u8 h[60] = {0};

	h[0] = (__u8)(0x40 | (20 + options) / 4);
	h[8] = 64;
	h[9] = 6;
	memcpy(h + 12, addrs, 8);
	memset(h + 20, 1, options); /* NOPs */
	raw_put(f, h, 20 + options);
	f->tcp = f->len;
}

static inline void raw_ip6(struct raw *f, __u8 next)
{
	__u8 h[40] = {0x60};

	h[6] = next;
	h[7] = 64;
	h[8] = h[24] = 0xfd;
	h[23] = 2;
	h[39] = 1;
	raw_put(f, h, 40);
	f->tcp = f->len;
}

/* An extension header of `len` bytes in front of TCP. */
static inline void raw_ext(struct raw *f, __u8 next, __u8 units, __u32 len)
{
	__u8 h[64] = {next, units};

	raw_put(f, h, len);
	f->tcp = f->len;
}

static inline void raw_tcp(struct raw *f, __u8 flags, const void *opts, __u32 opt_len,
			   const void *data, __u32 len)
{
	__u8 h[20] = {0};

	sg_put16(h, 40000);
	sg_put16(h + 2, 80);
	sg_put32(h + 4, 0xfffffffe);
	sg_put32(h + 8, 0x80000001);
	h[12] = (__u8)((20 + opt_len) / 4 << 4);
	h[13] = flags;
	sg_put16(h + 14, 502);
	raw_put(f, h, 20);
	raw_put(f, opts, opt_len);
	raw_put(f, data, len);
}

/* RFC 1071, as 16-bit numbers. */
static inline __u32 plain_sum(__u32 sum, const __u8 *p, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		sum += i % 2 ? p[i] : (__u32)p[i] << 8;
		sum = (sum & 0xffff) + (sum >> 16);
	}
	return sum;
}

static inline __u16 raw_tcp_sum(const __u8 *ip, const __u8 *tcp, __u32 tcp_len)
{
	int v4 = ip[0] >> 4 == 4;
	__u8 tail[8] = {0};
	__u32 sum;

	sum = v4 ? plain_sum(0, ip + 12, 8) : plain_sum(0, ip + 8, 32);
	sg_put32(tail, tcp_len);
	tail[7] = 6;
	sum = plain_sum(sum, tail, 8);
	return (__u16)~plain_sum(sum, tcp, tcp_len);
}

/* Lengths and checksums, as they must be. */
static inline void raw_finish(struct raw *f)
{
	__u8 *ip = f->p + f->ip, *tcp = f->p + f->tcp;
	__u32 tcp_len = f->len - f->tcp;

	if (ip[0] >> 4 == 4) {
		sg_put16(ip + 2, (__u16)(f->len - f->ip));
		sg_put16(ip + 10, 0);
		sg_put16(ip + 10, (__u16)~plain_sum(0, ip, (ip[0] & 15) * 4u));
	} else {
		sg_put16(ip + 4, (__u16)(f->len - f->ip - 40));
	}
	sg_put16(tcp + 16, 0);
	sg_put16(tcp + 16, raw_tcp_sum(ip, tcp, tcp_len));
}

static inline void raw_plain4(struct raw *f)
{
	raw_ethernet(f, NULL, 0, 0x0800);
	raw_ip4(f, 0);
	raw_tcp(f, SG_ACK | SG_PSH, "\x01\x01\x08\x0a\x00\x00\x00\x07\x00\x00\x00\x09", 12, "hello",
		5);
	raw_finish(f);
}

static inline void raw_plain6(struct raw *f)
{
	raw_ethernet(f, NULL, 0, 0x86dd);
	raw_ip6(f, 6);
	raw_tcp(f, SG_ACK | SG_PSH, "\x01\x01\x08\x0a\x00\x00\x00\x07\x00\x00\x00\x09", 12, "hello",
		5);
	raw_finish(f);
}

/* Decode a copy of exactly this length: the sanitizer sees a byte too many. */
static inline int decode(const void *p, __u32 len, bool verify, struct seg *out)
{
	static __u8 data[2048];
	__u8 *copy = malloc(len ? len : 1);
	int ret;

	assert_non_null(copy);
	memcpy(copy, p, len);
	ret = wire_decode(copy, len, verify, out);
	if (ret == 0) {
		assert_true(out->data[0] >= copy && out->data[0] + out->len <= copy + len);
		assert_true(out->len <= sizeof(data));
		memcpy(data, out->data[0], out->len);
		out->data[0] = data;
	}
	free(copy);
	return ret;
}

static inline int raw_decode(const struct raw *f, struct seg *out)
{
	return decode(f->p, f->len, true, out);
}

static inline void is_hello(const struct seg *s)
{
	assert_int_equal(s->tuple.pport, 40000);
	assert_int_equal(s->tuple.lport, 80);
	assert_int_equal(s->seq.v, 0xfffffffe);
	assert_int_equal(s->ack.v, 0x80000001);
	assert_int_equal(s->wnd, 502);
	assert_int_equal(s->flags, SG_ACK | SG_PSH);
	assert_int_equal(s->opt.has_ts, 1);
	assert_int_equal(s->opt.tsval, 7);
	assert_int_equal(s->opt.tsecr, 9);
	assert_int_equal(s->len, 5);
	assert_int_equal(s->data_len[0], 5);
	assert_int_equal(s->data_len[1], 0);
	assert_memory_equal(s->data[0], "hello", 5);
	assert_memory_equal(s->mac, peer_mac, 6);
	assert_null(s->handshake);
}

#endif
