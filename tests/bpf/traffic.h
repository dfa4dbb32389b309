/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Random frames for test_model.c, from a seed: pairs that come again and again, and for each what
 * fits what went before, what nearly fits, and what somebody has mutilated.
 */
#ifndef TESTS_BPF_TRAFFIC_H
#define TESTS_BPF_TRAFFIC_H

#include "frame.h"
#include "model.h"

struct dice {
	uint64_t state;
};

static inline uint64_t roll(struct dice *d) /* splitmix64 */
{
	uint64_t z = d->state += 0x9e3779b97f4a7c15u;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
	z = (z ^ z >> 27) * 0x94d049bb133111ebu;
	return z ^ z >> 31;
}

static inline void dice_seed(struct dice *d, uint64_t seed, uint64_t nth)
{
	d->state = seed;
	d->state = roll(d) ^ nth;
	d->state = roll(d);
}

/* 0 .. n - 1 */
static inline uint32_t below(struct dice *d, uint32_t n)
{
	return (uint32_t)((roll(d) >> 32) * n >> 32);
}

static inline bool percent(struct dice *d, uint32_t n)
{
	return below(d, 100) < n;
}

/* One of those numbers; one of those texts. */
#define PICK(d, ...)	  PICK_OF(d, uint32_t, __VA_ARGS__)
#define PICK_TEXT(d, ...) PICK_OF(d, char *, __VA_ARGS__)
#define PICK_OF(d, type, ...)                                                                      \
	({                                                                                         \
		const type list_[] = {__VA_ARGS__};                                                \
		list_[below(d, sizeof(list_) / sizeof(*list_))];                                   \
	})

static inline void random_bytes(struct dice *d, uint8_t *p, size_t n)
{
	while (n-- > 0)
		*p++ = (uint8_t)roll(d);
}

/* --- who talks ------------------------------------------------------------------------------- */

struct actor {
	struct model_pair pair;
	bool v6;
	uint8_t mac[6];
};

static inline bool text_addr(const char *text, uint8_t to[16])
{
	if (strchr(text, ':')) {
		inet_pton(AF_INET6, text, to);
		return true;
	}
	memset(to, 0, 16);
	to[10] = to[11] = 0xff;
	inet_pton(AF_INET, text, to + 12);
	return false;
}

static inline void actor_local(struct dice *d, struct actor *a)
{
	if (percent(d, 80))
		text_addr(a->v6 ? "fd09::1" : "10.9.0.1", a->pair.local);
	else if (a->v6)
		text_addr(PICK_TEXT(d, "fd77:1::5", "fd09::7", "fd08::1", "ff02::1", "fd77:2::1",
				    "::ffff:10.9.0.1"),
			  a->pair.local);
	else
		text_addr(PICK_TEXT(d, "10.77.200.3", "10.77.0.0", "10.78.0.1", "10.9.0.7",
				    "10.9.0.255", "224.0.0.1", "10.8.0.1"),
			  a->pair.local);
}

/* RFC 2544's and RFC 5180's networks, anything, and what no host may have. */
static inline void actor_peer(struct dice *d, struct actor *a)
{
	uint8_t *p = a->pair.peer;
	uint32_t n = below(d, 100);

	text_addr(a->v6 ? "2001:2::" : "198.18.0.0", p);
	random_bytes(d, a->v6 ? p + 8 : p + 14, a->v6 ? 8 : 2);
	if (n < 15)
		random_bytes(d, a->v6 ? p : p + 12, a->v6 ? 16 : 4);
	else if (n < 22 && a->v6)
		text_addr(PICK_TEXT(d, "::", "::1", "::2", "ff02::1", "fe80::1", "::ffff:10.9.0.2",
				    "fd09::1"),
			  p);
	else if (n < 22)
		text_addr(PICK_TEXT(d, "0.0.0.0", "0.1.2.3", "1.0.0.0", "127.0.0.1",
				    "126.255.255.255", "128.0.0.1", "223.255.255.255", "224.0.0.1",
				    "239.255.255.255", "240.0.0.1", "255.255.255.255",
				    "255.255.255.254", "10.9.0.1"),
			  p);
	else if (n < 23)
		memcpy(p, a->pair.local, 16); /* LAND, if the ports are the same */
}

static inline uint32_t random_tag(struct dice *d)
{
	return PICK(d, 0x8100u, 0x8100u, 0x88a8u) << 16 | PICK(d, 0u, 5u, 6u, 4095u);
}

/* The `nth` one of a seed is always the same. */
static inline void actor_make(uint64_t seed, uint32_t nth, struct actor *a)
{
	struct dice dice, *d = &dice;

	dice_seed(d, ~seed, nth);
	memset(a, 0, sizeof(*a));
	a->v6 = percent(d, 40);
	actor_local(d, a);
	actor_peer(d, a);
	a->pair.lport = (uint16_t)PICK(d, 80, 80, 80, 80, 80, 80, 80, 80, 443, 443, 81, 81);
	if (percent(d, 7))
		a->pair.lport = (uint16_t)PICK(d, 82, 22, 0, 65535);
	a->pair.pport = (uint16_t)roll(d);
	if (percent(d, 2))
		a->pair.pport = (uint16_t)PICK(d, 0, a->pair.lport);
	if (percent(d, 15))
		a->pair.tag[0] = random_tag(d);
	if (a->pair.tag[0] && percent(d, 40))
		a->pair.tag[1] = random_tag(d);
	random_bytes(d, a->mac, 6);
	a->mac[0] &= 0xfe;
	if (percent(d, 1))
		a->mac[0] |= 1;
}

/* --- a segment ------------------------------------------------------------------------------- */

struct shape {
	uint8_t flags;
	uint32_t seq, ack;
	uint16_t window;
	uint8_t opts[40];
	size_t opts_len;
	size_t data;
};

static inline void shape_opt(struct shape *s, const uint8_t *p, size_t n)
{
	if (s->opts_len + n > sizeof(s->opts))
		return;
	memcpy(s->opts + s->opts_len, p, n);
	s->opts_len += n;
}

/* A multiple of 4, as the data offset wants it. */
static inline void shape_opt_end(struct dice *d, struct shape *s)
{
	static const uint8_t nop = 1, eol = 0;
	const uint8_t *pad = percent(d, 50) ? &nop : &eol;

	while (s->opts_len % 4)
		shape_opt(s, pad, 1);
}

static inline void shape_ts(struct shape *s, uint32_t tsval, uint32_t tsecr)
{
	uint8_t o[10] = {8, 10};

	put32(o + 2, tsval);
	put32(o + 6, tsecr);
	shape_opt(s, o, 10);
}

static inline void shape_syn_opt(struct dice *d, struct shape *s, int kind)
{
	uint8_t o[4];

	switch (kind) {
	case 0:
		memcpy(o, "\x02\x04", 2);
		put16(o + 2, PICK(d, 1460u, 1460u, 1440u, 536u, 9000u, 0u, 1u, 87u, 88u, 89u,
				  65535u, below(d, 65536)));
		shape_opt(s, o, 4);
		break;
	case 1:
		memcpy(o, "\x03\x03", 2);
		o[2] = PICK(d, 7, 7, 8, 0, 2, 14, 15, 16, 255);
		shape_opt(s, o, 3);
		break;
	case 2:
		shape_opt(s, (const uint8_t *)"\x04\x02", 2);
		break;
	case 3:
		shape_ts(s,
			 PICK(d, (uint32_t)roll(d), (uint32_t)roll(d), 0u, 1u, 0x7fffffffu,
			      0x80000000u, 0xffffffffu),
			 PICK(d, 0u, 0u, (uint32_t)roll(d)));
		break;
	default:
		shape_opt(s, (const uint8_t *)"\x01", 1);
	}
}

/* Linux's layout, or some of them in any order, some twice. */
static inline void shape_syn_opts(struct dice *d, struct shape *s)
{
	uint32_t n = below(d, 100);

	if (n < 35) {
		shape_syn_opt(d, s, 0);
		shape_syn_opt(d, s, 2);
		shape_syn_opt(d, s, 3);
		shape_opt(s, (const uint8_t *)"\x01", 1);
		shape_syn_opt(d, s, 1);
	} else if (n < 90) {
		for (uint32_t i = below(d, 7); i > 0; i--)
			shape_syn_opt(d, s, (int)below(d, 5));
	}
	shape_opt_end(d, s);
}

/* Kinds that are known, lengths that are wrong by little. */
static inline void shape_garbage_opts(struct dice *d, struct shape *s)
{
	s->opts_len = 4 * below(d, 11);
	random_bytes(d, s->opts, s->opts_len);
	for (size_t i = 0; i + 1 < s->opts_len && percent(d, 90);) {
		s->opts[i] = PICK(d, 1, 2, 3, 4, 5, 8, 8, 30, 254, 0);
		if (s->opts[i] == 1) {
			i++;
			continue;
		}
		s->opts[i + 1] = PICK(d, 2, 3, 4, 10, 10, 0, 1, 34, 11);
		i += s->opts[i + 1] ? s->opts[i + 1] : 1;
	}
}

static inline size_t random_data(struct dice *d)
{
	uint32_t n = below(d, 1000);

	if (n < 750)
		return 0;
	if (n < 950)
		return below(d, 40);
	return n < 996 ? below(d, 1400) : below(d, 8700);
}

static inline struct shape shape_syn(struct dice *d)
{
	struct shape s = {.flags = SYN, .window = (uint16_t)roll(d)};

	s.seq = PICK(d, (uint32_t)roll(d), (uint32_t)roll(d), 0xffffffffu, 0u, 0x7fffffffu);
	if (percent(d, 15))
		s.flags |= 0xc0;
	if (percent(d, 5))
		s.flags |= PICK(d, PSH, 0x20, 0x40, 0x80);
	if (percent(d, 5))
		s.ack = (uint32_t)roll(d);
	if (percent(d, 4))
		shape_garbage_opts(d, &s);
	else
		shape_syn_opts(d, &s);
	if (percent(d, 4))
		s.data = random_data(d);
	return s;
}

static inline uint8_t random_flags(struct dice *d)
{
	if (percent(d, 15))
		return (uint8_t)roll(d);
	return PICK(d, ACK, ACK, PSH | ACK, FIN | ACK, RST, RST | ACK, SYN | ACK, SYN, FIN, 0, PSH,
		    SYN | FIN, SYN | RST, FIN | RST, ACK | 0x20);
}

static inline struct shape shape_stray(struct dice *d)
{
	struct shape s = {
		.flags = random_flags(d),
		.seq = (uint32_t)roll(d),
		.ack = (uint32_t)roll(d),
		.window = (uint16_t)roll(d),
		.data = random_data(d),
	};

	if (percent(d, 50))
		shape_ts(&s, (uint32_t)roll(d), (uint32_t)roll(d));
	if (percent(d, 10))
		shape_garbage_opts(d, &s);
	shape_opt_end(d, &s);
	return s;
}

/* --- for a half-open entry, or a cookie ------------------------------------------------------ */

struct fit { /* what the final ACK says */
	uint32_t tsval, tsecr;
	bool ts;
};

/* `near`: what is right, and a little beside it. */
static inline uint32_t near(struct dice *d, uint32_t right)
{
	return right + PICK(d, 0u, 1u, 0xffffffffu, 0xfffffffeu, 0x7fffffffu, 0x80000000u,
			    0x80000001u, below(d, 20), 0u - below(d, 200), (uint32_t)roll(d));
}

static inline uint32_t near_window(struct dice *d, uint32_t right, uint32_t window)
{
	if (percent(d, 40))
		return near(d, right);
	return right + PICK(d, window, window - 1, window + 1, below(d, window + 1), window / 2);
}

static inline void shape_bend(struct dice *d, struct shape *s, struct fit *f, uint32_t window)
{
	switch (below(d, 9)) {
	case 0:
	case 1:
		s->seq = near_window(d, s->seq, window);
		break;
	case 2:
		s->ack = near(d, s->ack);
		break;
	case 3:
	case 7:
		f->tsval = near(d, f->tsval);
		break;
	case 4:
		f->tsecr += PICK(d, 0xffffffffu, 1u, 2000u, 100000u, 0x80000000u, 0u - f->tsecr,
				 (uint32_t)roll(d), 0u - below(d, 100), below(d, 40));
		break;
	case 5:
		f->ts = !f->ts;
		break;
	case 6:
		s->flags = random_flags(d);
		break;
	default:
		s->data = random_data(d);
	}
}

/* The final ACK for `g`, and with `bends` > 0 what is less and less one. */
static inline struct shape shape_final(struct dice *d, const struct model_peer *p,
				       const struct model_agreed *g, uint32_t window, int bends)
{
	struct shape s = {
		.flags = PICK(d, ACK, ACK, ACK, PSH | ACK, FIN | ACK),
		.seq = g->irs + 1,
		.ack = g->isn + 1,
		.window = (uint16_t)roll(d),
		.data = percent(d, 20) ? random_data(d) : 0,
	};
	struct fit f = {
		.ts = g->ts,
		.tsval = g->tsval + below(d, 50),
		.tsecr = p->off + (uint32_t)g->when,
	};

	if (g == &p->cookie && g->ts)
		f.tsecr = (f.tsecr & ~63u) | p->cookie_low;
	while (bends-- > 0)
		shape_bend(d, &s, &f, window);
	if (f.ts && percent(d, 70))
		shape_opt(&s, (const uint8_t *)"\x01\x01", 2);
	if (f.ts)
		shape_ts(&s, f.tsval, f.tsecr);
	if (percent(d, 3))
		shape_garbage_opts(d, &s);
	shape_opt_end(d, &s);
	return s;
}

/* The SYN of an entry again: the same numbers, not always the same options. */
static inline struct shape shape_repeat(struct dice *d, const struct model_agreed *g)
{
	struct shape s = shape_syn(d);

	s.seq = g->irs;
	if (percent(d, 30))
		return s;
	s.opts_len = 0;
	if (g->ts)
		shape_ts(&s, percent(d, 80) ? g->tsval + below(d, 3) : near(d, g->tsval), 0);
	shape_opt_end(d, &s);
	return s;
}

static inline struct shape shape_for(struct dice *d, const struct model *m,
				     const struct model_peer *p)
{
	uint32_t n = below(d, 100), window;
	struct shape s;

	if (p && p->is_half) {
		window = m->listener[p->half.listener].window;
		if (n < 20)
			return shape_repeat(d, &p->half);
		if (n < 40)
			return shape_final(d, p, &p->half, window, 0);
		if (n < 85)
			return shape_final(d, p, &p->half, window, 1 + (int)below(d, 2));
		s = shape_final(d, p, &p->half, window, (int)below(d, 3));
		s.flags = PICK(d, RST, RST | ACK, SYN);
		if (percent(d, 60))
			s.seq = near_window(d, p->half.irs + 1, window);
		return s;
	}
	if (p && p->has_cookie && n < 70)
		return shape_final(d, p, &p->cookie, 65535, percent(d, 50) ? 0 : 1);
	return n < 65 ? shape_syn(d) : shape_stray(d);
}

#endif
