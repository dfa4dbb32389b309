/* SPDX-License-Identifier: BSD-2-Clause */
/* What the model remembers of pairs, listeners and queues. */
#include <stdlib.h>
#include <string.h>

#include "model.h"

#define BUCKETS 65536

static size_t peer_bucket(const struct model_pair *p)
{
	const uint8_t *b = (const void *)p;
	uint32_t h = 2166136261u;

	for (size_t i = 0; i < sizeof(*p); i++)
		h = (h ^ b[i]) * 16777619u;
	return (h ^ h >> 16) % BUCKETS;
}

struct model_peer *model_peer(const struct model *m, const struct model_pair *p)
{
	struct model_peer *at = m->bucket[peer_bucket(p)];

	while (at && memcmp(&at->pair, p, sizeof(*p)) != 0)
		at = at->next;
	return at;
}

static struct model_peer *peer_make(struct model *m, const struct model_pair *p)
{
	struct model_peer **first = &m->bucket[peer_bucket(p)], *at = model_peer(m, p);

	if (at)
		return at;
	at = calloc(1, sizeof(*at));
	if (!at)
		abort();
	at->pair = *p;
	at->owner = -1;
	at->next = *first;
	*first = at;
	return at;
}

void model_init(struct model *m, uint32_t cells)
{
	memset(m, 0, sizeof(*m));
	m->cells = cells;
	for (int i = 0; i < MODEL_QUEUES; i++) {
		m->queue[i].cell = calloc(cells, sizeof(struct model_cell));
		if (!m->queue[i].cell)
			abort();
	}
	m->bucket = calloc(BUCKETS, sizeof(struct model_peer *));
	if (!m->bucket)
		abort();
}

void model_free(struct model *m)
{
	for (size_t i = 0; i < BUCKETS; i++)
		for (struct model_peer *p = m->bucket[i], *next; p; p = next) {
			next = p->next;
			free(p);
		}
	free(m->bucket);
	for (int i = 0; i < MODEL_QUEUES; i++)
		free(m->queue[i].cell);
}

void model_reset(struct model *m)
{
	for (size_t i = 0; i < BUCKETS; i++)
		for (struct model_peer *p = m->bucket[i]; p; p = p->next) {
			p->owner = -1;
			p->is_half = p->is_answered = p->has_cookie = false;
		}
	memset(m->listener, 0, sizeof(m->listener));
	for (int i = 0; i < MODEL_QUEUES; i++) {
		struct model_cell *cell = m->queue[i].cell;

		memset(cell, 0, m->cells * sizeof(*cell));
		m->queue[i] = (struct model_queue){.cell = cell};
	}
	m->provens = 0;
}

void model_entry_goes(struct model *m, struct model_peer *p)
{
	if (p->is_half)
		m->listener[p->half.listener].halfopen--;
	p->is_half = p->is_answered = false;
}

void model_listener_goes(struct model *m, int listener)
{
	for (size_t i = 0; i < BUCKETS; i++)
		for (struct model_peer *p = m->bucket[i]; p; p = p->next)
			if (p->is_half && p->half.listener == listener)
				model_entry_goes(m, p);
	m->listener[listener].open = false;
}

void model_flow(struct model *m, const struct model_pair *p, int owner)
{
	peer_make(m, p)->owner = owner;
}

/* In units of 16 ms that wrap after 4096; the one called 0 is taken for the one before. */
static uint64_t answered_unit(uint64_t now)
{
	uint64_t unit = now / 16;

	return unit % 4096 ? unit : unit - 1;
}

#define UNIT	 1024 /* ns */
#define SECOND	 (1000000000 / UNIT)
#define NO_LIMIT 1000000

static uint64_t debt(const struct model_budget *b, uint64_t ns)
{
	return b->until > ns / UNIT ? b->until - ns / UNIT : 0;
}

bool model_budget_has(const struct model_budget *b, uint64_t ns, uint32_t limit)
{
	if (limit >= NO_LIMIT)
		return true;
	return limit > 0 && debt(b, ns) + SECOND / limit <= SECOND;
}

static void spend(struct model_budget *b, uint64_t ns, uint32_t limit)
{
	if (limit > 0 && limit < NO_LIMIT)
		b->until = ns / UNIT + debt(b, ns) + SECOND / limit;
}

struct model_cell *model_cell(const struct model *m, const struct model_outcome *o)
{
	return &m->queue[o->queue].cell[m->cell_of(m->cell_arg, &o->seg)];
}

static void commit_budgets(struct model *m, const struct model_outcome *o)
{
	struct model_queue *q = &m->queue[o->queue];

	if (o->synack_spent) {
		spend(&q->synack, o->ns, m->set.synack_limit);
		spend(&model_cell(m, o)->synack, o->ns, m->set.synack_prefix_limit);
	}
	if (o->rst_spent) {
		spend(&q->rst, o->ns, m->set.rst_limit);
		spend(&model_cell(m, o)->rst, o->ns, m->set.rst_prefix_limit);
	}
	if (o->cookie_spent)
		spend(&q->cookie, o->ns, m->set.cookie_limit);
}

/* The answer's keyed numbers, once and for all. A cookie has none. */
static void remember(struct model_peer *p, const struct model_outcome *o)
{
	if (!p->has_f) {
		p->f = o->agreed.isn - (uint32_t)o->now * 250;
		p->has_f = true;
	}
	if (o->tsval_at && !p->has_off) {
		p->off = model_number(o->answer + o->tsval_at, 4) - (uint32_t)o->now;
		p->has_off = true;
	}
}

static void commit_cookie(struct model *m, struct model_peer *p, const struct model_outcome *o)
{
	struct model_listener *l = &m->listener[o->agreed.listener];

	p->has_cookie = true;
	p->cookie = o->agreed;
	p->cookie_low = (uint8_t)o->tsval_low;
	l->sent_cookie = true;
	l->cookie_at = o->now;
}

void model_commit(struct model *m, const struct model_outcome *o)
{
	struct model_peer *p;

	commit_budgets(m, o);
	switch (o->effect) {
	case MODEL_NOTHING:
		break;
	case MODEL_NEW_ENTRY:
		p = peer_make(m, &o->seg.pair);
		p->is_half = true;
		p->is_answered = false;
		p->half = o->agreed;
		m->listener[o->agreed.listener].halfopen++;
		remember(p, o);
		break;
	case MODEL_ANSWERED:
		p = model_peer(m, &o->seg.pair);
		p->is_answered = true;
		p->answered = answered_unit(o->now);
		break;
	case MODEL_COOKIE_SENT:
		commit_cookie(m, peer_make(m, &o->seg.pair), o);
		break;
	}
}

/* --- whether they are keyed ------------------------------------------------------------------ */

static int by_value(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return x < y ? -1 : x > y;
}

static size_t equal_ones(uint32_t *v, size_t n)
{
	size_t equal = 0;

	qsort(v, n, sizeof(*v), by_value);
	for (size_t i = 1; i < n; i++)
		equal += v[i] == v[i - 1];
	return equal;
}

size_t model_shared(const struct model *m, size_t *pairs)
{
	uint32_t *f = NULL, *off = NULL;
	size_t n = 0, offs = 0, equal;

	for (size_t i = 0; i < BUCKETS; i++)
		for (const struct model_peer *p = m->bucket[i]; p; p = p->next)
			n += p->has_f;
	f = calloc(n + 1, sizeof(*f));
	off = calloc(n + 1, sizeof(*off));
	if (!f || !off)
		abort();
	*pairs = n;
	n = 0;
	for (size_t i = 0; i < BUCKETS; i++)
		for (const struct model_peer *p = m->bucket[i]; p; p = p->next) {
			if (p->has_f)
				f[n++] = p->f;
			if (p->has_f && p->has_off)
				off[offs++] = p->off;
		}
	equal = equal_ones(f, n) + equal_ones(off, offs);
	free(f);
	free(off);
	return equal;
}
