/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Frames for the tests of the XDP program, out of a description, and a reader for what
 * comes back. Written apart from the code under test: its own checksums, its own layout.
 */
#ifndef TESTS_BPF_FRAME_H
#define TESTS_BPF_FRAME_H

#include <arpa/inet.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#define FRAME_MAX 9100
#define UNUSED	  __attribute__((unused))

enum { FIN = 1, SYN = 2, RST = 4, PSH = 8, ACK = 16 };

struct spec {
	uint8_t dst_mac[6], src_mac[6];
	int tags; /* VLAN tags */
	uint16_t tpid[3], tci[3];
	uint16_t ethertype;    /* 0: by family */
	const char *src, *dst; /* text; a ':' makes it IPv6 */
	int ip_options;	       /* IPv4: bytes of NOP options */
	uint16_t frag;	       /* IPv4 fragment field; IPv6: a fragment header if != 0 */
	bool atomic;	       /* IPv6: a fragment header that fragments nothing */
	const uint8_t *ext;    /* IPv6: extension header types, 0 ends; NULL none */
	int proto;	       /* 0: TCP */
	int ip_len_add;	       /* lie in the IP length */
	bool bad_ip_sum, bad_tcp_sum;
	uint8_t version; /* 0: right */
	uint8_t ihl;	 /* 0: right */
	uint16_t sport, dport;
	uint32_t seq, ack;
	uint8_t flags;
	uint16_t window;
	const uint8_t *opts;
	int opts_len;
	int doff; /* words; 0: right */
	int data; /* bytes of data */
	int pad;  /* Ethernet padding behind the packet */
};

struct frame {
	uint8_t b[FRAME_MAX];
	size_t len;
	size_t l3, l4;
};

static inline void put16(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static inline void put32(uint8_t *p, uint32_t v)
{
	put16(p, v >> 16);
	put16(p + 2, v);
}

static inline uint16_t get16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

static inline uint32_t get32(const uint8_t *p)
{
	return (uint32_t)get16(p) << 16 | get16(p + 2);
}

/* RFC 1071, byte pair by byte pair. */
static inline uint32_t sum16(uint32_t sum, const uint8_t *p, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		sum += i & 1 ? p[i] : (uint32_t)p[i] << 8;
		sum = (sum & 0xffff) + (sum >> 16);
	}
	return sum;
}

static inline bool spec_v6(const struct spec *s)
{
	return strchr(s->src, ':') != NULL;
}

/* Checksum of the TCP segment of `n` bytes at `l4`, with the addresses of the IP header at `ip`. */
static inline uint16_t tcp_sum(const uint8_t *ip, const uint8_t *l4, size_t n)
{
	bool v6 = ip[0] >> 4 == 6;
	uint32_t sum = sum16(0, ip + (v6 ? 8 : 12), v6 ? 32 : 8);

	sum += 6 + (uint32_t)n;
	return (uint16_t)~sum16((sum & 0xffff) + (sum >> 16), l4, n);
}

static inline size_t put_tcp(const struct spec *s, uint8_t *p, const uint8_t *ip)
{
	size_t head = 20 + (size_t)s->opts_len, n = head + (size_t)s->data;

	memset(p, 0, n);
	put16(p, s->sport);
	put16(p + 2, s->dport);
	put32(p + 4, s->seq);
	put32(p + 8, s->ack);
	p[12] = (uint8_t)((s->doff ? s->doff : (int)(head / 4)) << 4);
	p[13] = s->flags;
	put16(p + 14, s->window);
	if (s->opts_len)
		memcpy(p + 20, s->opts, (size_t)s->opts_len);
	for (int i = 0; i < s->data; i++)
		p[head + (size_t)i] = (uint8_t)(i * 7 + 1);
	put16(p + 16, tcp_sum(ip, p, n) ^ (s->bad_tcp_sum ? 0x0100 : 0));
	return n;
}

static inline void put_ip4(const struct spec *s, uint8_t *ip, size_t head, size_t l4_len)
{
	ip[0] = (uint8_t)((s->version ? s->version : 4) << 4 | (s->ihl ? s->ihl : head / 4));
	put16(ip + 2, (uint32_t)((int)(head + l4_len) + s->ip_len_add));
	put16(ip + 6, s->frag);
	ip[8] = 57;
	ip[9] = (uint8_t)(s->proto ? s->proto : 6);
	memset(ip + 20, 1, head - 20);
	put16(ip + 10, 0);
	put16(ip + 10, (uint16_t)~sum16(0, ip, head) ^ (s->bad_ip_sum ? 0x0001 : 0));
}

/* Extension headers at `p`; returns their length, and in *first the first one's type. */
static inline size_t put_ext(const struct spec *s, uint8_t *p, uint8_t *first)
{
	uint8_t types[16], *at = p;
	int n = 0;

	for (const uint8_t *e = s->ext; e && n < 12 && *e != 255; e++)
		types[n++] = *e;
	if (s->frag || s->atomic)
		types[n++] = 44;
	types[n] = (uint8_t)(s->proto ? s->proto : 6);
	*first = types[0];
	for (int i = 0; i < n; i++) {
		size_t len = types[i] == 44 ? 8 : types[i] == 51 ? 24 : i % 2 ? 16 : 8;

		memset(at, 0, len);
		at[0] = types[i + 1];
		if (types[i] == 44)
			put16(at + 2, s->frag);
		else
			at[1] = (uint8_t)(types[i] == 51 ? len / 4 - 2 : len / 8 - 1);
		at += len;
	}
	return (size_t)(at - p);
}

static inline void build(const struct spec *s, struct frame *f)
{
	bool v6 = spec_v6(s);
	uint8_t *p = f->b, *ip, first;
	size_t n, head;

	memset(f, 0, sizeof(*f));
	memcpy(p, s->dst_mac, 6);
	memcpy(p + 6, s->src_mac, 6);
	p += 12;
	for (int i = 0; i < s->tags; i++, p += 4) {
		put16(p, s->tpid[i] ? s->tpid[i] : 0x8100);
		put16(p + 2, s->tci[i]);
	}
	put16(p, s->ethertype ? s->ethertype : v6 ? 0x86dd : 0x0800);
	ip = p + 2;
	f->l3 = (size_t)(ip - f->b);
	inet_pton(v6 ? AF_INET6 : AF_INET, s->src, ip + (v6 ? 8 : 12));
	inet_pton(v6 ? AF_INET6 : AF_INET, s->dst, ip + (v6 ? 24 : 16));
	if (v6) {
		ip[0] = (uint8_t)((s->version ? s->version : 6) << 4);
		ip[7] = 57;
		head = 40 + put_ext(s, ip + 40, &first);
		ip[6] = first;
		n = put_tcp(s, ip + head, ip);
		put16(ip + 4, (uint32_t)((int)(head - 40 + n) + s->ip_len_add));
	} else {
		head = 20 + (size_t)s->ip_options;
		n = put_tcp(s, ip + head, ip);
		put_ip4(s, ip, head, n);
		/* the pseudo header's sum was taken before tot_len, which is no part of it */
	}
	f->l4 = f->l3 + head;
	f->len = f->l4 + n + (size_t)s->pad;
}

/* Recompute the checksums, so that what was changed gets past them. */
static inline void mend(struct frame *f)
{
	uint8_t *ip = f->b + f->l3, *tcp = f->b + f->l4;

	if (ip[0] >> 4 == 4) {
		put16(ip + 10, 0);
		put16(ip + 10, (uint16_t)~sum16(0, ip, f->l4 - f->l3));
	}
	put16(tcp + 16, 0);
	put16(tcp + 16, tcp_sum(ip, tcp, f->len - f->l4));
}

/* --- what came back ---------------------------------------------------------------- */

struct reply {
	const uint8_t *eth, *ip, *tcp, *opts;
	size_t l2_len, ip_len, head, opts_len, data_len;
	bool v6;
	uint16_t sport, dport, window;
	uint32_t seq, ack;
	uint8_t flags;
};

/* 0, or what is wrong with the frame: lengths, checksums, TTL, DF. `tags` as it must have. */
static inline const char *reply_read(struct reply *r, const uint8_t *b, size_t len, int tags)
{
	memset(r, 0, sizeof(*r));
	r->eth = b;
	r->l2_len = 14 + 4 * (size_t)tags;
	if (len < r->l2_len + 40)
		return "short";
	r->ip = b + r->l2_len;
	r->v6 = get16(r->ip - 2) == 0x86dd;
	if (!r->v6 && get16(r->ip - 2) != 0x0800)
		return "ethertype";
	r->ip_len = r->v6 ? 40 : 20;
	if (r->v6 && (r->ip[0] >> 4 != 6 || get16(r->ip + 4) != len - r->l2_len - 40 ||
		      r->ip[6] != 6 || r->ip[7] != 64))
		return "IPv6 header";
	if (!r->v6 && (r->ip[0] != 0x45 || get16(r->ip + 2) != len - r->l2_len ||
		       get16(r->ip + 4) != 0 || get16(r->ip + 6) != 0x4000 || r->ip[8] != 64 ||
		       r->ip[9] != 6 || sum16(0, r->ip, 20) != 0xffff))
		return "IPv4 header";
	r->tcp = r->ip + r->ip_len;
	r->head = (size_t)(r->tcp[12] >> 4) * 4;
	if (r->head < 20 || r->l2_len + r->ip_len + r->head > len)
		return "data offset";
	r->opts = r->tcp + 20;
	r->opts_len = r->head - 20;
	r->data_len = len - r->l2_len - r->ip_len - r->head;
	if (tcp_sum(r->ip, r->tcp, r->head + r->data_len) != 0)
		return "TCP checksum";
	r->sport = get16(r->tcp);
	r->dport = get16(r->tcp + 2);
	r->seq = get32(r->tcp + 4);
	r->ack = get32(r->tcp + 8);
	r->flags = r->tcp[13];
	r->window = get16(r->tcp + 14);
	return NULL;
}

#endif
