/* SPDX-License-Identifier: BSD-2-Clause */
#include "app/backends.h"

#include <stdlib.h>
#include <string.h>

_Static_assert(PROXY_BACKENDS <= 32, "a bit each in `tried`");

struct backends *backends_new(const struct proxy_config *cfg)
{
	size_t size = sizeof(struct backends) + cfg->backends * sizeof(struct backend);
	struct backends *s = aligned_alloc(64, size);

	if (!s)
		return NULL;
	memset(s, 0, size);
	s->version = cfg->version;
	s->connect = cfg->connect_s * SG_SEC;
	s->idle = cfg->idle_s ? cfg->idle_s * SG_SEC : SG_NEVER;
	s->n = cfg->backends;
	s->users = 1;
	for (unsigned i = 0; i < s->n; i++) {
		s->backend[i].at = cfg->backend[i];
		s->backend[i].number = i;
	}
	return s;
}

struct backends *backends_hold(struct backends *s)
{
	__atomic_fetch_add(&s->users, 1, __ATOMIC_RELAXED);
	return s;
}

void backends_drop(struct backends *s)
{
	if (s && __atomic_fetch_sub(&s->users, 1, __ATOMIC_ACQ_REL) == 1)
		free(s);
}

/* --- who is next ------------------------------------------------------------------------------ */

struct backend *backends_take(struct backends *s, __u32 tried)
{
	unsigned turn = __atomic_fetch_add(&s->turn, 1, __ATOMIC_RELAXED);
	struct backend *best = NULL;
	__u32 least = 0;

	for (unsigned i = 0; i < s->n; i++) {
		struct backend *b = &s->backend[(turn + i) % s->n];
		__u32 active = __atomic_load_n(&b->active, __ATOMIC_RELAXED);

		if (tried >> b->number & 1 || (best && active >= least))
			continue;
		best = b;
		least = active;
	}
	if (best)
		__atomic_fetch_add(&best->active, 1, __ATOMIC_RELAXED);
	return best;
}

void backends_give(struct backend *b)
{
	__atomic_fetch_sub(&b->active, 1, __ATOMIC_RELAXED);
}

/* --- how they do ------------------------------------------------------------------------------ */

void backends_connected(struct backend *b)
{
	__atomic_fetch_add(&b->connected, 1, __ATOMIC_RELAXED);
}

void backends_failed(struct backend *b, int error)
{
	__atomic_fetch_add(&b->failed, 1, __ATOMIC_RELAXED);
	__atomic_store_n(&b->error, (__u32)error, __ATOMIC_RELAXED);
}
