/* SPDX-License-Identifier: BSD-2-Clause */
/* Segments of traffic.h as frames: tags, options, extension headers; and some of them mutilated. */
#ifndef TESTS_BPF_TRAFFIC_FRAME_H
#define TESTS_BPF_TRAFFIC_FRAME_H

#include "traffic.h"

/* --- a frame --------------------------------------------------------------------------------- */

/* Headers of IPv6 between it and TCP; returns their length, and the first one's type. */
static inline size_t put_extensions(struct dice *d, uint8_t *p, uint8_t *first)
{
	uint32_t n = 1 + below(d, percent(d, 90) ? 3 : 8);
	uint8_t type = PICK(d, 0, 43, 44, 51, 60), *at = p;

	*first = type;
	for (uint32_t i = 0; i < n; i++) {
		uint8_t next = i + 1 < n ? PICK(d, 0, 43, 44, 51, 60, 60) : 6;
		uint32_t more = below(d, 3);
		size_t len = type == 44 ? 8 : type == 51 ? 8 + 4 * more : 8 + 8 * more;

		random_bytes(d, at, len);
		at[0] = next;
		at[1] = type == 44 ? 0 : (uint8_t)(type == 51 ? more : more);
		if (type == 43)
			at[3] = percent(d, 90) ? 0 : (uint8_t)roll(d);
		if (type == 44)
			put16(at + 2,
			      percent(d, 70) ? below(d, 8) & 6 : PICK(d, 1, 8, 9, below(d, 65536)));
		at += len;
		type = next;
	}
	return (size_t)(at - p);
}

static inline uint8_t *put_link(struct dice *d, const struct model *m, const struct actor *a,
				uint8_t *p)
{
	memcpy(p, m->set.mac, 6);
	if (percent(d, 1))
		p[below(d, 6)] ^= (uint8_t)(1u << below(d, 8));
	memcpy(p + 6, a->mac, 6);
	p += 12;
	for (int i = 0; i < 2 && a->pair.tag[i]; i++, p += 4) {
		put16(p, a->pair.tag[i] >> 16);
		put16(p + 2, (a->pair.tag[i] & 0xfff) | below(d, 16) << 12);
	}
	if (percent(d, 1)) { /* a third one, or of another network */
		put32(p, random_tag(d));
		p += 4;
	}
	put16(p, percent(d, 1) ? below(d, 65536) : a->v6 ? 0x86dd : 0x0800);
	return p + 2;
}

/* IPv4's field: offset, and whether there is more; mostly not. */
static inline uint32_t random_fragment(struct dice *d)
{
	if (percent(d, 3))
		return PICK(d, 0x2000, 0x2000, 0x2000, 1, 185, 0x2000 | 185, below(d, 65536));
	return PICK(d, 0x4000, 0x4000, 0, 0x8000);
}

static inline uint8_t *put_packet4(struct dice *d, const struct actor *a, uint8_t *ip, size_t n)
{
	size_t head = 20 + (percent(d, 8) ? 4 * below(d, 11) : 0);

	ip[0] = (uint8_t)(0x40 | head / 4);
	ip[1] = (uint8_t)roll(d);
	put16(ip + 2, (uint32_t)(head + n));
	put16(ip + 4, below(d, 65536));
	put16(ip + 6, random_fragment(d));
	ip[8] = (uint8_t)roll(d);
	ip[9] = percent(d, 1) ? (uint8_t)roll(d) : 6;
	put16(ip + 10, 0);
	memcpy(ip + 12, a->pair.peer + 12, 4);
	memcpy(ip + 16, a->pair.local + 12, 4);
	random_bytes(d, ip + 20, head - 20);
	put16(ip + 10, 0xffff - sum16(0, ip, head));
	return ip + head;
}

static inline uint8_t *put_packet6(struct dice *d, const struct actor *a, uint8_t *ip, size_t n)
{
	size_t ext = 0;

	put32(ip, 6u << 28 | below(d, 1u << 28));
	ip[6] = percent(d, 1) ? (uint8_t)roll(d) : 6;
	ip[7] = (uint8_t)roll(d);
	memcpy(ip + 8, a->pair.peer, 16);
	memcpy(ip + 24, a->pair.local, 16);
	if (percent(d, 15))
		ext = put_extensions(d, ip + 40, ip + 6);
	put16(ip + 4, (uint32_t)(ext + n));
	return ip + 40 + ext;
}

static inline void put_segment(struct dice *d, const struct actor *a, const struct shape *s,
			       uint8_t *t)
{
	size_t head = 20 + s->opts_len;
	uint32_t sum;

	put16(t, a->pair.pport);
	put16(t + 2, a->pair.lport);
	put32(t + 4, s->seq);
	put32(t + 8, s->ack);
	t[12] = (uint8_t)(head / 4 << 4 | (percent(d, 5) ? below(d, 16) : 0));
	t[13] = s->flags;
	put16(t + 14, s->window);
	put32(t + 16, percent(d, 3) ? below(d, 65536) : 0);
	memcpy(t + 20, s->opts, s->opts_len);
	random_bytes(d, t + head, s->data);
	sum = model_sum(model_pseudo(&a->pair, a->v6, head + s->data), t, head + s->data);
	put16(t + 16, 0xffff - sum);
}

/* An ICMP error about a segment of ours to the actor. */
static inline size_t put_icmp(struct dice *d, const struct actor *a, uint8_t *p)
{
	struct actor us = *a;
	uint8_t *t;

	memcpy(us.pair.local, a->pair.peer, 16);
	memcpy(us.pair.peer, a->pair.local, 16);
	p[0] = a->v6 ? PICK(d, 1, 2, 3, 4, 4, 5, 0, 128) : PICK(d, 3, 3, 11, 12, 4, 8, 0);
	random_bytes(d, p + 1, 7);
	t = a->v6 ? put_packet6(d, &us, p + 8, 20) : put_packet4(d, &us, p + 8, 20);
	random_bytes(d, t, 20);
	put16(t, a->pair.lport);
	put16(t + 2, a->pair.pport);
	return (size_t)(t - p) + PICK(d, 20u, 8u, 8u, 4u, 3u);
}

static inline void put_frame(struct dice *d, const struct model *m, const struct actor *a,
			     const struct shape *s, struct frame *f)
{
	bool is_icmp = percent(d, 1);
	size_t n = is_icmp ? 0 : 20 + s->opts_len + s->data;
	uint8_t quote[300], *ip, *l4;

	if (is_icmp)
		n = put_icmp(d, a, quote);
	ip = put_link(d, m, a, f->b);
	l4 = a->v6 ? put_packet6(d, a, ip, n) : put_packet4(d, a, ip, n);
	f->l3 = (size_t)(ip - f->b);
	f->l4 = (size_t)(l4 - f->b);
	f->len = f->l4 + n;
	if (!is_icmp) {
		put_segment(d, a, s, l4);
		return;
	}
	memcpy(l4, quote, n);
	ip[a->v6 ? 6 : 9] = a->v6 ? 58 : 1;
	if (!a->v6) {
		put16(ip + 10, 0);
		put16(ip + 10, 0xffff - sum16(0, ip, (size_t)(l4 - ip)));
	}
}

/* --- mutilated ------------------------------------------------------------------------------- */

/* Sums that are right for what the frame has become, so that it gets past them. */
static inline void frame_mend(const struct model *m, struct frame *f)
{
	uint8_t *ip = f->b + f->l3;
	struct model_segment s;
	size_t head, n;

	if (f->len >= f->l3 + 20 && ip[0] >> 4 == 4) {
		head = (ip[0] & 15) * 4u;
		head = head < 20 ? 20 : head;
		if (f->l3 + head <= f->len) {
			put16(ip + 10, 0);
			put16(ip + 10, 0xffff - sum16(0, ip, head));
		}
	}
	if (model_parse(m, f->b, f->len, &s) != MODEL_TCP || s.l4 + 20 > f->len)
		return;
	n = s.l4 + s.l4_len > f->len || s.l4_len < 20 ? f->len - s.l4 : s.l4_len;
	put16(f->b + s.l4 + 16, 0);
	put16(f->b + s.l4 + 16,
	      0xffff - model_sum(model_pseudo(&s.pair, s.v6, s.l4_len), f->b + s.l4, n));
}

static inline void frame_cut(struct dice *d, struct frame *f)
{
	bool v6 = f->b[f->l3] >> 4 == 6;
	size_t len = 14 + below(d, (uint32_t)f->len - 13);

	f->len = len;
	if (percent(d, 50) || len < f->l3 + 20)
		return;
	len -= f->l3;
	put16(f->b + f->l3 + (v6 ? 4 : 2), (uint32_t)(v6 && len > 40 ? len - 40 : len));
}

static inline void frame_mutilate(struct dice *d, const struct model *m, struct frame *f)
{
	uint32_t head = (uint32_t)(f->len < f->l4 + 60 ? f->len : f->l4 + 60);
	uint8_t *ip = f->b + f->l3, *t = f->b + f->l4;

	switch (below(d, 8)) {
	case 0: /* anywhere */
	case 1:
		for (uint32_t i = 1 + below(d, 3); i > 0; i--)
			f->b[below(d, (uint32_t)f->len)] ^= (uint8_t)(1u << below(d, 8));
		break;
	case 2: /* in the headers */
	case 3:
		f->b[below(d, head)] ^= (uint8_t)(1u << below(d, 8));
		break;
	case 4:
		f->b[below(d, head)] = PICK(d, 0, 1, 0x7f, 0x80, 0xff, (int)below(d, 256));
		break;
	case 5:
		frame_cut(d, f);
		break;
	case 6:
		ip += *ip >> 4 == 6 ? 4 : 2;
		put16(ip, percent(d, 50) ? below(d, 100)
					 : get16(ip) + PICK(d, 1u, 0xffffu, below(d, 80),
							    0u - below(d, 80)));
		break;
	default:
		t[12] = (uint8_t)(below(d, 16) << 4);
	}
	if (percent(d, 65))
		frame_mend(m, f);
}

static inline void random_frame(struct dice *d, const struct model *m, const struct actor *a,
				struct frame *f)
{
	struct shape s = shape_for(d, m, model_peer(m, &a->pair));

	put_frame(d, m, a, &s, f);
	if (percent(d, 20))
		frame_mutilate(d, m, f);
	if (percent(d, 4)) { /* Ethernet's padding */
		size_t pad = below(d, 20);

		random_bytes(d, f->b + f->len, pad);
		f->len += pad;
	}
}

#endif
