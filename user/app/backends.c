/* SPDX-License-Identifier: BSD-2-Clause */
#include "app/backends.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>

#include "io/log.h"

_Static_assert(PROXY_BACKENDS <= 32, "a bit each in `tried`");
_Static_assert(SG_MAX_QUEUES <= 64, "a bit each in `waiting`");

struct backends *backends_new(const struct proxy_config *cfg, sg_time now)
{
	size_t size = sizeof(struct backends) + cfg->backends * sizeof(struct backend);
	struct backends *s = aligned_alloc(64, size);

	if (!s)
		return NULL;
	memset(s, 0, size);
	s->version = cfg->version;
	s->connect = cfg->connect_s * SG_SEC;
	s->idle = cfg->idle_s ? cfg->idle_s * SG_SEC : SG_NEVER;
	s->check = proxy_check_s(cfg) * SG_SEC;
	s->limit = cfg->limit ? cfg->limit : UINT32_MAX;
	s->n = cfg->backends;
	s->users = 1;
	for (unsigned i = 0; i < s->n; i++) {
		s->backend[i].at = cfg->backend[i];
		s->backend[i].of = s;
		s->backend[i].number = i;
		s->backend[i].check = -1;
		s->backend[i].since = now;
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

void backends_join(struct backends *s, unsigned worker, int eventfd)
{
	s->wake[worker] = eventfd;
}

bool backends_left(const struct backends *s, __u32 tried)
{
	return (tried & (__u32)((1ULL << s->n) - 1)) != (1ULL << s->n) - 1;
}

static struct backend *backends_least(struct backends *s, __u32 tried)
{
	unsigned turn = __atomic_fetch_add(&s->turn, 1, __ATOMIC_RELAXED);
	struct backend *best[2] = {NULL, NULL}; /* of those that are up, of those that are down */
	__u32 least[2] = {s->limit, s->limit};
	bool up = false;

	for (unsigned i = 0; i < s->n; i++) {
		struct backend *b = &s->backend[(turn + i) % s->n];
		__u32 active = __atomic_load_n(&b->active, __ATOMIC_SEQ_CST);
		__u32 down = __atomic_load_n(&b->down, __ATOMIC_SEQ_CST);

		if (tried >> b->number & 1)
			continue;
		up |= !down;
		if (active >= least[down])
			continue;
		best[down] = b;
		least[down] = active;
	}
	return best[!up];
}

static bool backends_enter(struct backends *s, struct backend *b)
{
	__u32 active = __atomic_load_n(&b->active, __ATOMIC_RELAXED);

	while (active < s->limit)
		if (__atomic_compare_exchange_n(&b->active, &active, active + 1, false,
						__ATOMIC_SEQ_CST, __ATOMIC_RELAXED))
			return true;
	return false;
}

static struct backend *backends_try(struct backends *s, __u32 tried)
{
	struct backend *b;

	while ((b = backends_least(s, tried)) && !backends_enter(s, b))
		; /* somebody else was faster */
	return b;
}

/* Who is to wait says so first and then looks again, so that nobody's leaving is missed. */
struct backend *backends_take(struct backends *s, unsigned worker, __u32 tried)
{
	struct backend *b = backends_try(s, tried);

	if (b)
		return b;
	__atomic_fetch_or(&s->waiting, 1ULL << worker, __ATOMIC_SEQ_CST);
	return backends_try(s, tried);
}

static void backends_wake(struct backends *s)
{
	__u64 waiting;

	if (!__atomic_load_n(&s->waiting, __ATOMIC_SEQ_CST))
		return;
	waiting = __atomic_exchange_n(&s->waiting, 0, __ATOMIC_SEQ_CST);
	for (; waiting; waiting &= waiting - 1)
		eventfd_write(s->wake[__builtin_ctzll(waiting)], 1);
}

void backends_give(struct backends *s, struct backend *b)
{
	__atomic_fetch_sub(&b->active, 1, __ATOMIC_SEQ_CST);
	backends_wake(s);
}

/* --- how they do ------------------------------------------------------------------------------ */

/* False: it is so already. Who waits for a place may have to look elsewhere now. */
static bool backends_turn(struct backend *b, __u32 down, sg_time now)
{
	__u32 was = !down;

	if (!__atomic_compare_exchange_n(&b->down, &was, down, false, __ATOMIC_SEQ_CST,
					 __ATOMIC_RELAXED))
		return false;
	__atomic_store_n(&b->since, now, __ATOMIC_RELAXED);
	backends_wake(b->of);
	return true;
}

static void backends_good(struct backend *b, sg_time now)
{
	char text[ENDPOINT_SERVER_TEXT];

	__atomic_store_n(&b->failures, 0, __ATOMIC_RELAXED);
	if (__atomic_load_n(&b->down, __ATOMIC_RELAXED) && backends_turn(b, 0, now))
		log_line(LOG_NOTICE, "backend %s is up again", endpoint_print_server(text, &b->at));
}

/* Want of descriptors or memory here says nothing of the server. */
static bool backends_is_ours(int error)
{
	return error == EMFILE || error == ENFILE || error == ENOMEM || error == ENOBUFS;
}

static void backends_bad(struct backend *b, int error, sg_time now)
{
	char text[ENDPOINT_SERVER_TEXT];
	__u32 failures;

	__atomic_store_n(&b->error, (__u32)error, __ATOMIC_RELAXED);
	if (backends_is_ours(error))
		return;
	failures = __atomic_add_fetch(&b->failures, 1, __ATOMIC_RELAXED);
	if (b->of->check && failures >= BACKENDS_FALL && backends_turn(b, 1, now))
		log_warn("backend %s is down: %s", endpoint_print_server(text, &b->at),
			 strerror(error));
}

void backends_connected(struct backend *b, sg_time now)
{
	__atomic_fetch_add(&b->connected, 1, __ATOMIC_RELAXED);
	backends_good(b, now);
}

void backends_failed(struct backend *b, int error, sg_time now)
{
	__atomic_fetch_add(&b->failed, 1, __ATOMIC_RELAXED);
	backends_bad(b, error, now);
}

void backends_checked(struct backend *b, int error, sg_time now)
{
	if (error)
		backends_bad(b, error, now);
	else
		backends_good(b, now);
}
