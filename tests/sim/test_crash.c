/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The same runs, and the hosts die: an engine that was compiled to call us before each of its
 * stores is stopped at one of them, its pools are copied to another place, and the next engine
 * adopts them and goes on. At most the connection that was being changed is lost; all others
 * still deliver every byte intact and in order, and nothing is left over in the end.
 *
 *	test_crash          CRASH_SEEDS runs (default 150)
 *	test_crash SEED     that one run
 */
#include <setjmp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* No local changes between setjmp() and longjmp() but what the call that dies would have set. */
#pragma GCC diagnostic ignored "-Wclobbered"

struct sim;
struct pair;
static jmp_buf crash_env;
static bool crash_arm(struct sim *m);
static void crash_disarm(void);
static void crash_died(struct sim *m, unsigned at);
static void crash_begin(struct sim *m, struct pair *pairs);

#define SIM_DO(m, at, call)                                                                        \
	({                                                                                         \
		bool lives_ = true;                                                                \
		if (crash_arm(m) && setjmp(crash_env)) {                                           \
			crash_died(m, at);                                                         \
			lives_ = false;                                                            \
		} else {                                                                           \
			call;                                                                      \
			crash_disarm();                                                            \
		}                                                                                  \
		lives_;                                                                            \
	})
#define SIM_BEGIN(m, pairs) crash_begin(m, pairs)
#define SIM_END(m)	    crash_disarm()

#include "pairs.h"

#define CRASH_ONE_IN	 150   /* calls */
#define CRASH_STORES	 200   /* of a call, at most, until it dies */
#define CRASH_ADOPT	 20000 /* the same of an adoption */
#define CRASH_ADOPT_DIES 300   /* per mille */

static struct crash {
	struct pair *pairs;
	unsigned long left; /* stores until it dies; 0: it does not */
	__u64 rng;	    /* not the run's own: without crashes it is the run of test_sim */
	unsigned long died, reset, adopting;
} crash;

/* --- stores ------------------------------------------------------------------------------- */

static void crash_store(void)
{
	if (crash.left && --crash.left == 0)
		longjmp(crash_env, 1);
}

#define STORE(n)                                                                                   \
	void __sanitizer_cov_store##n(void *p);                                                    \
	void __sanitizer_cov_store##n(void *p)                                                     \
	{                                                                                          \
		(void)p;                                                                           \
		crash_store();                                                                     \
	}
STORE(1)
STORE(2)
STORE(4)
STORE(8)
STORE(16)

void __sanitizer_cov_trace_pc_guard(uint32_t *guard);
void __sanitizer_cov_trace_pc_guard(uint32_t *guard)
{
	(void)guard;
}

void __sanitizer_cov_trace_pc_guard_init(uint32_t *from, uint32_t *to);
void __sanitizer_cov_trace_pc_guard_init(uint32_t *from, uint32_t *to)
{
	(void)from;
	(void)to;
}

/* What is copied or wiped in one call is torn, too: eight bytes at a time. */
void *__real_memmove(void *to, const void *from, size_t n);
void *__real_memset(void *to, int c, size_t n);
void *__wrap_memcpy(void *to, const void *from, size_t n);
void *__wrap_memmove(void *to, const void *from, size_t n);
void *__wrap_memset(void *to, int c, size_t n);

/* From its beginning on, or from its end when it moves up. */
void *__wrap_memmove(void *to, const void *from, size_t n)
{
	bool up = (char *)to > (const char *)from;
	size_t at = 0;

	for (; crash.left && n - at > 8; up ? (n -= 8) : (at += 8)) {
		crash_store();
		__real_memmove((char *)to + (up ? n - 8 : at),
			       (const char *)from + (up ? n - 8 : at), 8);
	}
	crash_store();
	__real_memmove((char *)to + at, (const char *)from + at, n - at);
	return to;
}

void *__wrap_memcpy(void *to, const void *from, size_t n)
{
	return __wrap_memmove(to, from, n);
}

void *__wrap_memset(void *to, int c, size_t n)
{
	size_t at = 0;

	for (; crash.left && at + 8 < n; at += 8) {
		crash_store();
		__real_memset((char *)to + at, c, 8);
	}
	crash_store();
	__real_memset((char *)to + at, c, n - at);
	return to;
}

/* --- dying ---------------------------------------------------------------------------------- */

static unsigned crash_below(unsigned n)
{
	crash.rng = crash.rng * 6364136223846793005ull + 1442695040888963407ull;
	return (unsigned)((crash.rng >> 33) % n);
}

static void crash_begin(struct sim *m, struct pair *pairs)
{
	crash.pairs = pairs;
	crash.rng = m->seed * 0x9e3779b97f4a7c15ull;
	crash.left = 0;
}

static bool crash_arm(struct sim *m)
{
	(void)m;
	crash.left = crash_below(CRASH_ONE_IN) == 0 ? 1 + crash_below(CRASH_STORES) : 0;
	return crash.left != 0;
}

static void crash_disarm(void)
{
	crash.left = 0;
}

/* --- the next process --------------------------------------------------------------------------
 */

/* What tcp_adopt() wants of the shared tables; a claim that was never finished is freed. */
static void recount(struct sim_host *h)
{
	h->timewaits = 0;
	for (unsigned i = 0; i < SIM_LISTENERS; i++)
		h->queues[i].acceptq = h->queues[i].halfopen = h->queues[i].young = 0;
	for (unsigned i = 0; i < SIM_BUCKETS * SG_WAYS; i++) {
		__u64 *slot = &h->halfopen.ways[i / SG_WAYS].slot[i % SG_WAYS];
		struct sg_queue *q =
			&h->queues[sg_synq_listener(&h->halfopen.entry[i])];

		if (sg_slot_state(*slot) == SG_SLOT_BUSY)
			sg_slot_free(slot, *slot);
		if (sg_slot_state(*slot) != SG_SLOT_LIVE)
			continue;
		q->halfopen++;
		q->young += !sg_slot_retries(*slot);
	}
}

static void adopt(struct sim *m, struct sim_host *h, struct tcp_adopted *what)
{
	size_t size = tcp_pool_size(&h->cfg);
	void *mem = aligned_alloc(TCP_CHUNK, (size + TCP_CHUNK - 1) / TCP_CHUNK * TCP_CHUNK);

	memcpy(mem, h->mem, size);
	memset(h->mem, 0xa5, size); /* whoever still points there finds nothing */
	free(h->mem);
	h->mem = mem;
	recount(h);
	if (crash_below(1000) < CRASH_ADOPT_DIES)
		crash.left = 1 + crash_below(CRASH_ADOPT);
	if (tcp_adopt(h->mem, size, &h->cfg, m->now, what, &h->stack))
		broken(m, "the pools were refused");
	crash.left = 0;
}

/* The connection that was being changed may be lost, by both sides. */
static void excuse(const struct tcp_stack *s, __u32 step, unsigned at)
{
	const struct tcp *t = conn_at(s, step);

	for (unsigned i = 0; step != NIL && i < CONNS_MAX; i++)
		if (crash.pairs[i].port == (at ? t->tuple.pport : t->tuple.lport))
			crash.pairs[i].excused = true;
}

/* Whose is this connection? */
static struct pair *pair_of(const struct tcp_facts *f, unsigned at)
{
	for (unsigned i = 0; i < CONNS_MAX; i++)
		if (crash.pairs[i].port &&
		    crash.pairs[i].port == (at ? f->tuple.pport : f->tuple.lport))
			return &crash.pairs[i];
	return NULL;
}

/* The application of the next process: what is there, and how far each stream is. */
static void take_over(struct sim *m, unsigned at)
{
	struct sim_host *h = &m->host[at];
	bool there[CONNS_MAX] = {0};
	struct tcp_event ev;
	struct tcp_facts f;

	while (tcp_next_event(h->stack, &ev)) {
		struct pair *p;
		struct side *me;

		if (ev.events & TCP_EV_ACCEPT)
			continue;
		if (tcp_info(h->stack, ev.id, m->now, &f))
			broken(m, "an event of nobody");
		p = pair_of(&f, at);
		me = p ? &p->side[at] : NULL;
		if (!p || (me->open && me->id != f.id) || (p->excused && !me->open)) {
			tcp_close(h->stack, f.id, m->now); /* nobody was told its handle */
			continue;
		}
		if (f.error && !p->excused)
			broken(m, "a connection died that nobody was changing");
		there[p - crash.pairs] = me->open = true;
		me->id = f.id;
		me->sent = (__u32)f.bytes_out;
		me->received = (__u32)f.bytes_in - f.recv_q;
		me->sent_fin = f.state == TCP_CLOSED ||
			       (f.state >= TCP_FIN_WAIT_1 && f.state != TCP_CLOSE_WAIT);
	}
	for (unsigned i = 0; i < CONNS_MAX; i++) {
		if (!crash.pairs[i].side[at].open || there[i])
			continue;
		if (!crash.pairs[i].excused)
			broken(m, "a connection is gone that nobody was changing");
		crash.pairs[i].side[at].open = false;
	}
}

static void crash_died(struct sim *m, unsigned at)
{
	struct sim_host *h = &m->host[at];
	struct tcp_adopted what;
	const char *why;

	crash.died++;
	m->died++;
	excuse(h->stack, h->stack->step, at);
	while (setjmp(crash_env)) /* also while it adopts */
		crash.adopting++;
	adopt(m, h, &what);
	h->driver.stack = h->stack;
	if (what.broken || what.reset > 1)
		broken(m, "more than one connection was lost");
	why = tcp_check(h->stack);
	if (why)
		broken(m, why);
	crash.reset += what.reset;
	take_over(m, at);
}

/* --- the tests ------------------------------------------------------------------------------- */

static __u64 only;

static void one_seed(void **state)
{
	(void)state;
	run_seed(only, NULL);
}

static void many_seeds(void **state)
{
	const char *env = getenv("CRASH_SEEDS");
	__u64 n = env ? strtoull(env, NULL, 0) : 150;

	(void)state;
	for (__u64 seed = 1; seed <= n; seed++)
		run_seed(seed, NULL);
	print_message("died %lu times, %lu more while adopting; %lu connections reset\n",
		      crash.died, crash.adopting, crash.reset);
	assert_true(crash.died > n && crash.adopting > n / 20 && crash.reset > n);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest one[] = {cmocka_unit_test(one_seed)};
	const struct CMUnitTest many[] = {cmocka_unit_test(many_seeds)};

	if (argc > 1) {
		only = strtoull(argv[1], NULL, 0);
		return cmocka_run_group_tests(one, NULL, NULL);
	}
	return cmocka_run_group_tests(many, NULL, NULL);
}
