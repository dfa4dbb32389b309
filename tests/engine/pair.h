/* SPDX-License-Identifier: BSD-2-Clause */
/* Two engines and a wire between them, as a stranger would put them together: a public header. */
#ifndef ENGINE_PAIR_H
#define ENGINE_PAIR_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "syngate_engine.h"

#define MS  1000000ull
#define SEC 1000000000ull

struct pair {
	struct sge *e[2]; /* client, server */
	void *mem[2];
	uint64_t now, delay;
	struct sge_addr addr[2];
	struct flying {
		uint64_t at;
		int to;
		size_t len;
		uint8_t bytes[2048];
	} fly[512];
	unsigned n;
	unsigned long packets;
	int deaf;  /* 1 << to: what goes there is lost */
	uint8_t last[2048]; /* sent last, by either */
	size_t last_len;
};

static inline struct sge *engine_new(void **mem, uint64_t now, uint8_t secret, uint32_t conns)
{
	struct sge_config cfg = {.max_conns = conns,
				 .max_buffers = 4096,
				 .max_halfopen = 64,
				 .max_listeners = 4,
				 .mtu = 1500};
	size_t size;
	struct sge *e;

	memset(cfg.key, secret, sizeof(cfg.key));
	memset(cfg.cookie_key, ~secret, sizeof(cfg.cookie_key));
	size = (sge_size(&cfg) + 4095) & ~(size_t)4095;
	assert_int_not_equal(size, 0);
	*mem = aligned_alloc(4096, size);
	assert_non_null(*mem);
	memset(*mem, 0, size);
	assert_int_equal(sge_init(*mem, size, &cfg, now, &e), 0);
	return e;
}

static inline struct pair *pair_new(int v6)
{
	struct pair *p = calloc(1, sizeof(*p));

	assert_non_null(p);
	p->now = 1000 * SEC;
	p->delay = 5 * MS;
	for (int i = 0; i < 2; i++) {
		p->e[i] = engine_new(&p->mem[i], p->now, (uint8_t)(1 + i), 32);
		p->addr[i] = sge_addr4(10, 0, 0, (uint8_t)(1 + i), i ? 80 : 40000);
		if (v6) {
			memset(p->addr[i].ip, 0, 16);
			p->addr[i].ip[0] = 0xfd;
			p->addr[i].ip[15] = (uint8_t)(1 + i);
		}
	}
	return p;
}

static inline void pair_free(struct pair *p)
{
	free(p->mem[0]);
	free(p->mem[1]);
	free(p);
}

static inline void pair_send(struct pair *p)
{
	for (int i = 0; i < 2; i++) {
		struct flying *f;
		ssize_t len;

		while (p->n < 512 &&
		       (len = sge_output(p->e[i], p->last, sizeof(p->last), p->now)) > 0) {
			p->last_len = (size_t)len;
			p->packets++;
			if (p->deaf & 1 << !i)
				continue;
			f = &p->fly[p->n++];
			*f = (struct flying){.at = p->now + p->delay, .to = !i, .len = (size_t)len};
			memcpy(f->bytes, p->last, f->len);
		}
	}
}

static inline void pair_deliver(struct pair *p)
{
	unsigned kept = 0;

	for (unsigned i = 0; i < p->n; i++) {
		if (p->fly[i].at <= p->now)
			assert_int_equal(sge_input(p->e[p->fly[i].to], p->fly[i].bytes,
						   p->fly[i].len, p->now),
					 0);
		else
			p->fly[kept++] = p->fly[i];
	}
	p->n = kept;
}

/* Let time go by, from one thing that happens to the next. */
static inline void pair_run(struct pair *p, uint64_t span)
{
	uint64_t end = p->now + span;

	for (unsigned idle = 0; idle < 1000; idle++) {
		uint64_t next = end;

		for (int i = 0; i < 2; i++)
			sge_expire(p->e[i], p->now);
		pair_send(p);
		for (unsigned i = 0; i < p->n; i++)
			next = p->fly[i].at < next ? p->fly[i].at : next;
		for (int i = 0; i < 2; i++)
			next = sge_deadline(p->e[i]) < next ? sge_deadline(p->e[i]) : next;
		if (next >= end)
			break;
		if (next > p->now)
			idle = 0;
		p->now = next > p->now ? next : p->now;
		pair_deliver(p);
	}
	p->now = end;
	for (int i = 0; i < 2; i++)
		sge_expire(p->e[i], p->now);
	pair_deliver(p);
	pair_send(p);
}

/* Client and server of one connection that is open. */
static inline void pair_open(struct pair *p, sge_conn c[2], int *listener)
{
	*listener = sge_listen(p->e[1], &p->addr[1], 8);
	assert_true(*listener >= 0);
	assert_int_equal(sge_connect(p->e[0], &p->addr[0], &p->addr[1], p->now, &c[0]), 0);
	pair_run(p, 50 * MS);
	assert_int_equal(sge_accept(p->e[1], *listener, &c[1]), 0);
	assert_string_equal(sge_state(p->e[0], c[0]), "ESTAB");
	assert_string_equal(sge_state(p->e[1], c[1]), "ESTAB");
}

static inline uint64_t counter(struct sge *e, const char *name)
{
	uint64_t v = 0;

	assert_int_equal(sge_counter(e, name, &v), 0);
	return v;
}

/* Nothing is in use any more. */
static inline void pair_empty(struct pair *p)
{
	struct sge_usage u;

	pair_run(p, 400 * SEC);
	for (int i = 0; i < 2; i++) {
		sge_usage(p->e[i], &u);
		assert_int_equal(u.conns + u.timewait + u.buffers + u.halfopen, 0);
		assert_true(sge_deadline(p->e[i]) == SGE_NEVER);
	}
	pair_free(p);
}

#endif
