/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The segments that the driver sends, byte by byte, and what only they tell: RFC 791, 8200, 9293
 * 3.10.7.1, 7323 3, 5961, 6528.
 */
#include <string.h>

#include "model.h"

enum { SYN = 2, RST = 4, ACK = 16, ECE = 64 };

static uint8_t *put(uint8_t *p, uint32_t v, int n)
{
	for (int i = n - 1; i >= 0; i--)
		*p++ = (uint8_t)(v >> 8 * i);
	return p;
}

/* Header of the packet back to where `s` came from; `n` bytes of TCP. */
static uint8_t *put_ip(uint8_t *p, const struct model *m, const struct model_segment *s, size_t n)
{
	uint8_t *ip = p;

	if (s->v6) {
		p = put(p, 6u << 28, 4);
		p = put(p, (uint32_t)n, 2);
		p = put(p, 6, 1);
		p = put(p, m->set.ttl, 1);
		memcpy(p, s->pair.local, 16);
		memcpy(p + 16, s->pair.peer, 16);
		return p + 32;
	}
	p = put(p, 0x4500, 2);
	p = put(p, 20 + (uint32_t)n, 2);
	p = put(p, 0x4000, 4); /* id 0, DF: RFC 6864 4.1 */
	p = put(p, m->set.ttl, 1);
	p = put(p, 6, 1);
	p = put(p, 0, 2);
	memcpy(p, s->pair.local + 12, 4);
	memcpy(p + 4, s->pair.peer + 12, 4);
	put(ip + 10, 0xffff - model_sum(0, ip, 20), 2);
	return p + 8;
}

static void set_checksum(struct model_outcome *o)
{
	uint8_t *t = o->answer + o->answer_l4;
	size_t n = o->answer_len - o->answer_l4;
	uint32_t sum;

	put(t + 16, 0, 2);
	sum = model_sum(model_pseudo(&o->seg.pair, o->seg.v6, n), t, n);
	put(t + 16, 0xffff - sum, 2);
}

/* No data, addresses and ports turned round, in the same VLANs. */
static void answer(const struct model *m, struct model_outcome *o, uint32_t seq, uint32_t ack,
		   uint8_t flags, uint16_t window, const uint8_t *opts, size_t n)
{
	const struct model_segment *s = &o->seg;
	uint8_t *p = o->answer;

	o->action = MODEL_TX;
	memcpy(p, s->frame + 6, 6);
	memcpy(p + 6, s->frame, 6);
	memcpy(p + 12, s->frame + 12, s->l3 - 12);
	p = put_ip(p + s->l3, m, s, 20 + n);
	o->answer_l4 = (size_t)(p - o->answer);
	p = put(p, s->pair.lport, 2);
	p = put(p, s->pair.pport, 2);
	p = put(p, seq, 4);
	p = put(p, ack, 4);
	p = put(p, (uint32_t)(5 + n / 4) << 12 | flags, 2);
	p = put(p, window, 2);
	p = put(p, 0, 4);
	if (n)
		memcpy(p, opts, n);
	o->answer_len = (size_t)(p + n - o->answer);
	set_checksum(o);
}

void model_rst(const struct model *m, struct model_outcome *o)
{
	const struct model_segment *s = &o->seg; /* RFC 9293 3.10.7.1 */

	if (s->flags & ACK)
		answer(m, o, s->ack, 0, RST, 0, NULL, 0);
	else
		answer(m, o, 0, s->seq + model_space(s), RST | ACK, 0, NULL, 0);
}

/* Our numbers for this pair at a time; `free`: not known yet. */
uint32_t model_isn_at(const struct model_peer *p, uint64_t when, bool *free)
{
	*free = !p || !p->has_f;
	return *free ? 0 : p->f + (uint32_t)when * 250;
}

static uint32_t tsval_at(const struct model_peer *p, uint64_t now, bool *free)
{
	*free = !p || !p->has_off;
	return *free ? 0 : p->off + (uint32_t)now;
}

/* What was offered, no more: RFC 9293 3.7.1, 7323 2 and 3, 2018 2, 3168 6.1.1. */
void model_synack(const struct model *m, struct model_outcome *o, const struct model_peer *p,
		  const struct model_agreed *g)
{
	const struct model_listener *l = &m->listener[g->listener];
	uint8_t opts[40], *at = opts;
	size_t tsval = 0;

	at = put(at, 0x0204, 2);
	at = put(at, o->seg.v6 ? l->mss6 : l->mss4, 2);
	if (g->ts) {
		at = put(at, g->sack ? 0x0402 : 0x0101, 2);
		at = put(at, 0x080a, 2);
		tsval = 20 + (size_t)(at - opts);
		at = put(at, tsval_at(p, o->now, &o->tsval_free), 4);
		at = put(at, g->tsval, 4);
	} else if (g->sack) {
		at = put(at, 0x01010402, 4);
	}
	if (g->scaled)
		at = put(at, 0x01030300 | l->wscale, 4);
	answer(m, o, g->isn, g->irs + 1, SYN | ACK | (g->ecn ? ECE : 0), l->window, opts,
	       (size_t)(at - opts));
	o->tsval_at = tsval ? o->answer_l4 + tsval : 0;
}

/* RFC 5961: this is where we are. */
void model_challenge(const struct model *m, struct model_outcome *o, const struct model_peer *p)
{
	const struct model_agreed *g = &p->half;
	const struct model_listener *l = &m->listener[g->listener];
	uint8_t opts[12];

	put(opts, 0x0101080a, 4);
	put(opts + 4, tsval_at(p, o->now, &o->tsval_free), 4);
	put(opts + 8, g->tsval, 4);
	o->tsval_free &= g->ts;
	answer(m, o, g->isn + 1, g->irs + 1, ACK, g->scaled ? l->window >> l->wscale : l->window,
	       opts, g->ts ? 12 : 0);
	o->tsval_at = g->ts ? o->answer_l4 + 24 : 0;
}

/* --- what only an answer tells --------------------------------------------------------------- */

/* A cookie's TSval bears options in its low bits and is up to 64 ms late, but never early. */
static const char *learn_cookie_tsval(const struct model_peer *p, const struct model_outcome *o,
				      uint32_t tsval)
{
	bool free;
	uint32_t late = tsval_at(p, o->now, &free) - tsval;

	if ((int)(tsval & 63) != o->tsval_low)
		return "the options in a cookie's TSval";
	return !free && late > 63 ? "a cookie's TSval" : NULL;
}

const char *model_learn(const struct model *m, struct model_outcome *o, const uint8_t *seen,
			size_t len)
{
	const struct model_peer *p = model_peer(m, &o->seg.pair);
	const char *wrong = NULL;

	if (o->action != MODEL_TX || len != o->answer_len)
		return NULL;
	if (o->isn_free) {
		o->agreed.isn = model_number(seen + o->answer_l4 + 4, 4);
		put(o->answer + o->answer_l4 + 4, o->agreed.isn, 4);
	}
	if (o->tsval_at && o->tsval_free) {
		if (o->tsval_low >= 0)
			wrong = learn_cookie_tsval(p, o, model_number(seen + o->tsval_at, 4));
		put(o->answer + o->tsval_at, model_number(seen + o->tsval_at, 4), 4);
	}
	set_checksum(o);
	return wrong;
}
