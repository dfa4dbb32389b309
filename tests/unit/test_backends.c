/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which server is next: the one with the fewest connections, in turns among equals; limits that
 * many threads keep; who met a full house is woken.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <unistd.h>

#include "app/backends.c"
#include "app/endpoint.c"

static unsigned lines;

void log_line(enum log_level level, const char *fmt, ...)
{
	(void)level;
	(void)fmt;
	lines++;
}

static struct backends *servers(unsigned n, __u32 limit)
{
	struct proxy_config cfg = {.backends = n, .limit = limit, .check_s = PROXY_CHECK_AUTO};
	char text[32];

	for (unsigned i = 0; i < n; i++) {
		snprintf(text, sizeof(text), "127.0.0.1:%u", 8000 + i);
		assert_int_equal(endpoint_read_server(text, &cfg.backend[i]), 0);
	}
	return backends_new(&cfg, 1);
}

static int next(struct backends *s, __u32 tried)
{
	struct backend *b = backends_take(s, 0, tried);

	return b ? (int)b->number : -1;
}

static void test_in_turns_among_equals(void **state)
{
	struct backends *s = servers(3, 0);
	unsigned got[3] = {0};

	(void)state;
	for (int i = 0; i < 300; i++)
		got[next(s, 0)]++;
	for (int i = 0; i < 3; i++) {
		assert_int_equal(got[i], 100);
		assert_int_equal(s->backend[i].active, 100);
	}
	/* also when each is over before the next begins */
	memset(got, 0, sizeof(got));
	for (int i = 0; i < 300; i++) {
		struct backend *b = backends_take(s, 0, 0);

		got[b->number]++;
		backends_give(s, b);
	}
	for (int i = 0; i < 3; i++)
		assert_int_equal(got[i], 100);
	backends_drop(s);
}

static void test_fewest_connections(void **state)
{
	struct backends *s = servers(3, 0);

	(void)state;
	s->backend[0].active = 5;
	s->backend[1].active = 3;
	s->backend[2].active = 4;
	assert_int_equal(next(s, 0), 1); /* 5 4 4 */
	for (int i = 0; i < 2; i++)
		assert_in_range(next(s, 0), 1, 2); /* 5 5 5 */
	backends_give(s, &s->backend[0]);
	assert_int_equal(next(s, 0), 0);
	backends_drop(s);
}

static void test_not_one_that_was_tried(void **state)
{
	struct backends *s = servers(3, 0);

	(void)state;
	s->backend[1].active = 7;
	for (int i = 0; i < 5; i++)
		assert_int_equal(next(s, 1 << 0 | 1 << 2), 1);
	assert_int_equal(s->backend[1].active, 12);
	assert_int_equal(next(s, 7), -1);
	backends_drop(s);
	s = servers(1, 0);
	assert_int_equal(next(s, 0), 0);
	assert_int_equal(next(s, 1), -1);
	backends_drop(s);
}

static void test_as_many_as_may_be(void **state)
{
	struct backends *s = servers(PROXY_BACKENDS, 0);

	(void)state;
	for (int i = 0; i < PROXY_BACKENDS; i++)
		next(s, 0);
	for (int i = 0; i < PROXY_BACKENDS; i++)
		assert_int_equal(s->backend[i].active, 1);
	assert_int_equal(next(s, ~(1u << 31)), 31);
	backends_drop(s);
}

static void test_what_is_counted(void **state)
{
	struct backends *s = servers(2, 0);

	(void)state;
	backends_connected(&s->backend[1], 0);
	backends_failed(&s->backend[1], 111, 0);
	backends_failed(&s->backend[1], 110, 0);
	assert_int_equal(s->backend[1].connected, 1);
	assert_int_equal(s->backend[1].failed, 2);
	assert_int_equal(s->backend[1].error, 110);
	assert_int_equal(s->backend[0].failed + s->backend[0].connected, 0);
	backends_drop(s);
}

static void test_which_are_left(void **state)
{
	struct backends *s = servers(3, 0);

	(void)state;
	assert_true(backends_left(s, 0));
	assert_true(backends_left(s, 5));
	assert_false(backends_left(s, 7));
	backends_drop(s);
	s = servers(PROXY_BACKENDS, 0);
	assert_true(backends_left(s, ~(1u << 31)));
	assert_false(backends_left(s, ~0u));
	backends_drop(s);
}

static bool woken(int fd)
{
	eventfd_t n;

	return eventfd_read(fd, &n) == 0;
}

static void test_a_full_house(void **state)
{
	struct backends *s = servers(2, 3);
	int fd[2] = {eventfd(0, EFD_NONBLOCK), eventfd(0, EFD_NONBLOCK)};
	struct backend *b;

	(void)state;
	backends_join(s, 0, fd[0]);
	backends_join(s, 63, fd[1]);
	for (int i = 0; i < 6; i++)
		assert_non_null(backends_take(s, 0, 0));
	backends_give(s, &s->backend[1]); /* nobody waits for it */
	assert_false(woken(fd[0]) || woken(fd[1]));
	assert_ptr_equal(backends_take(s, 0, 0), &s->backend[1]);
	assert_null(backends_take(s, 0, 0));
	assert_null(backends_take(s, 63, 1));
	assert_int_equal(s->backend[0].active, 3);
	assert_int_equal(s->backend[1].active, 3);
	backends_give(s, &s->backend[0]);
	assert_true(woken(fd[0]) && woken(fd[1]));
	assert_null(backends_take(s, 63, 1)); /* not that one */
	b = backends_take(s, 0, 0);
	assert_ptr_equal(b, &s->backend[0]);
	backends_give(s, b);
	assert_true(!woken(fd[0]) && woken(fd[1]));
	backends_drop(s);
	close(fd[0]);
	close(fd[1]);
}

static void fails(struct backends *s, unsigned i, int times)
{
	while (times--)
		backends_failed(&s->backend[i], 111, 50);
}

static void test_three_failures_in_a_row(void **state)
{
	struct backends *s = servers(2, 0);
	struct backend *b = &s->backend[1];

	(void)state;
	lines = 0;
	fails(s, 1, 2);
	backends_connected(b, 40);
	fails(s, 1, 1);
	backends_checked(b, 111, 40);
	assert_int_equal(b->down + lines, 0);
	assert_int_equal(b->since, 1);
	backends_checked(b, 110, 50);
	assert_int_equal(b->down, 1);
	assert_int_equal(b->since, 50);
	assert_int_equal(b->error, 110);
	assert_int_equal(b->failed, 3); /* checks are not counted */
	fails(s, 1, 5);
	assert_int_equal(lines, 1);
	assert_int_equal(s->backend[0].down, 0);
	backends_checked(b, 0, 60); /* once is enough */
	assert_int_equal(b->down, 0);
	assert_int_equal(b->since, 60);
	assert_int_equal(lines, 2);
	for (int i = 0; i < 5; i++)
		backends_failed(b, EMFILE, 65); /* ours */
	assert_int_equal(b->down, 0);
	fails(s, 1, 3);
	assert_int_equal(b->down, 1);
	backends_connected(b, 70); /* so is a connection's */
	assert_int_equal(b->down, 0);
	backends_drop(s);
}

/* Nobody would say that they are up again. */
static void test_never_down_without_checks(void **state)
{
	struct proxy_config cfg = {.backends = 2, .check_s = 0};
	struct backends *s = backends_new(&cfg, 1);

	(void)state;
	fails(s, 0, 10);
	assert_int_equal(s->backend[0].down, 0);
	backends_drop(s);
	s = servers(1, 0); /* and one alone is not checked, unless that is asked for */
	fails(s, 0, 10);
	assert_int_equal(s->backend[0].down, 0);
	backends_drop(s);
}

static void test_those_that_are_up_first(void **state)
{
	struct backends *s = servers(3, 2);
	int fd = eventfd(0, EFD_NONBLOCK);

	(void)state;
	backends_join(s, 0, fd);
	fails(s, 0, 3);
	for (int i = 0; i < 4; i++)
		assert_in_range(next(s, 0), 1, 2);
	assert_int_equal(next(s, 0), -1); /* rather wait than ask one that is down */
	assert_false(woken(fd));
	fails(s, 1, 3);
	assert_true(woken(fd));
	assert_int_equal(next(s, 0), -1);
	fails(s, 2, 3); /* all are down: any will do */
	assert_true(woken(fd));
	assert_int_equal(next(s, 0), 0);
	assert_int_equal(next(s, 1), -1);
	backends_give(s, &s->backend[1]);
	assert_int_equal(next(s, 1), 1);
	backends_give(s, &s->backend[2]);
	backends_checked(&s->backend[2], 0, 9);
	assert_int_equal(next(s, 0), 2);
	assert_int_equal(next(s, 4), 0); /* of those that were not tried none is up */
	backends_drop(s);
	close(fd);
}

#define THREADS 4
#define TURNS	20000

struct taker {
	struct backends *s;
	pthread_t thread;
	unsigned number;
	int fd;
	unsigned waits, over;
	bool forgotten;
};

/* A place, even if that takes waiting. */
static struct backend *place(struct taker *t)
{
	struct backend *b;

	while (!(b = backends_take(t->s, t->number, 0))) {
		struct pollfd p = {.fd = t->fd, .events = POLLIN};

		t->waits++;
		if (poll(&p, 1, 60000) != 1) {
			t->forgotten = true;
			return NULL;
		}
		woken(t->fd);
	}
	return b;
}

static void *taker(void *arg)
{
	struct taker *t = arg;

	for (int i = 0; i < TURNS; i++) {
		struct backend *one = place(t);

		if (!one)
			return NULL;
		sched_yield(); /* to the others, who find it full */
		t->over += __atomic_load_n(&one->active, __ATOMIC_SEQ_CST) > t->s->limit;
		backends_give(t->s, one);
	}
	return NULL;
}

/* Two places for four: never one too many in it, and nobody who waits is forgotten. */
static void test_threads(void **state)
{
	struct backends *s = servers(2, 1);
	struct taker t[THREADS];
	unsigned waits = 0;

	(void)state;
	for (unsigned i = 0; i < THREADS; i++) {
		t[i] = (struct taker){.s = s, .number = i, .fd = eventfd(0, EFD_NONBLOCK)};
		backends_join(s, i, t[i].fd);
		pthread_create(&t[i].thread, NULL, taker, &t[i]);
	}
	for (unsigned i = 0; i < THREADS; i++) {
		pthread_join(t[i].thread, NULL);
		assert_int_equal(t[i].over, 0);
		assert_false(t[i].forgotten);
		close(t[i].fd);
		waits += t[i].waits;
	}
	assert_true(waits > 0);
	for (unsigned i = 0; i < 2; i++)
		assert_int_equal(s->backend[i].active, 0);
	backends_drop(s);
}

/* The sanitizers say when it is freed too early, or never. */
static void test_held_until_the_last_one(void **state)
{
	struct backends *s = servers(1, 0);

	(void)state;
	assert_ptr_equal(backends_hold(s), s);
	backends_drop(s);
	assert_int_equal(next(s, 0), 0);
	backends_drop(s);
	backends_drop(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_in_turns_among_equals),
		cmocka_unit_test(test_fewest_connections),
		cmocka_unit_test(test_not_one_that_was_tried),
		cmocka_unit_test(test_as_many_as_may_be),
		cmocka_unit_test(test_what_is_counted),
		cmocka_unit_test(test_which_are_left),
		cmocka_unit_test(test_a_full_house),
		cmocka_unit_test(test_three_failures_in_a_row),
		cmocka_unit_test(test_never_down_without_checks),
		cmocka_unit_test(test_those_that_are_up_first),
		cmocka_unit_test(test_threads),
		cmocka_unit_test(test_held_until_the_last_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
