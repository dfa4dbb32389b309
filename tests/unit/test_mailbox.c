/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <poll.h>

#include "daemon/mailbox.c"

#define CALLERS 4
#define CALLS	2000

struct worker_of_test {
	struct mailbox box;
	pthread_t thread;
	unsigned done;
	unsigned until; /* ends after that many calls */
};

static void add_one(void *worker, void *arg)
{
	struct worker_of_test *w = worker;

	assert_true(pthread_equal(pthread_self(), w->thread));
	w->done++;
	(*(unsigned *)arg)++;
}

static void *worker_thread(void *arg)
{
	struct worker_of_test *w = arg;

	w->thread = pthread_self();
	while (w->done < w->until) {
		struct pollfd p = {.fd = w->box.event, .events = POLLIN};

		if (!mailbox_run(&w->box, w)) {
			poll(&p, 1, -1);
			mailbox_awake(&w->box);
		}
	}
	mailbox_close(&w->box);
	return NULL;
}

struct caller {
	struct worker_of_test *w;
	unsigned called, refused, seen;
};

static void *caller_thread(void *arg)
{
	struct caller *c = arg;

	for (int i = 0; i < CALLS; i++) {
		int rc = mailbox_call(&c->w->box, add_one, &c->seen);

		c->called += rc == 0;
		c->refused += rc == -ESHUTDOWN;
	}
	return NULL;
}

/* Returns how many calls the worker did; checks that every caller knows what became of its own. */
static unsigned run(unsigned until)
{
	struct worker_of_test w = {.until = until};
	struct caller c[CALLERS] = {0};
	pthread_t worker, t[CALLERS];
	unsigned called = 0;

	assert_int_equal(mailbox_init(&w.box), 0);
	pthread_create(&worker, NULL, worker_thread, &w);
	for (int i = 0; i < CALLERS; i++) {
		c[i].w = &w;
		pthread_create(&t[i], NULL, caller_thread, &c[i]);
	}
	for (int i = 0; i < CALLERS; i++) {
		pthread_join(t[i], NULL);
		assert_int_equal(c[i].called, c[i].seen);
		assert_int_equal(c[i].called + c[i].refused, CALLS);
		called += c[i].called;
	}
	pthread_join(worker, NULL);
	mailbox_free(&w.box);
	assert_int_equal(called, w.done);
	return called;
}

static void test_every_call_is_done_in_the_workers_thread(void **state)
{
	(void)state;
	assert_int_equal(run(CALLERS * CALLS), CALLERS * CALLS);
}

static void test_the_workers_end_refuses_and_hangs_nobody(void **state)
{
	(void)state;
	for (unsigned until = 1; until < CALLERS * CALLS; until = 3 * until + 1) {
		unsigned n = run(until);

		assert_in_range(n, until, until + CALLERS);
	}
}

static void test_closed_at_once(void **state)
{
	struct mailbox box;
	unsigned n = 0;

	(void)state;
	assert_int_equal(mailbox_init(&box), 0);
	assert_false(mailbox_run(&box, NULL));
	mailbox_close(&box);
	assert_int_equal(mailbox_call(&box, add_one, &n), -ESHUTDOWN);
	assert_int_equal(n, 0);
	mailbox_free(&box);
}

static void note_box(void *worker, void *arg)
{
	*(void **)arg = worker;
}

/* Nobody waits; in order with the calls of others; the last ones hear that the worker has ended. */
static void test_posted(void **state)
{
	struct mailbox box;
	void *first = NULL, *late = &box, *never = &box;

	(void)state;
	assert_int_equal(mailbox_init(&box), 0);
	assert_int_equal(mailbox_post(&box, note_box, &first), 0);
	assert_null(first);
	assert_true(mailbox_run(&box, &box));
	assert_ptr_equal(first, &box);
	assert_int_equal(mailbox_post(&box, note_box, &late), 0);
	mailbox_close(&box);
	assert_null(late);
	assert_int_equal(mailbox_post(&box, note_box, &never), -ESHUTDOWN);
	assert_ptr_equal(never, &box);
	mailbox_free(&box);
}

/* Who did not wait for it any more is not touched, and those behind it get their turn. */
static void test_one_that_hangs(void **state)
{
	struct worker_of_test w = {.until = 1};
	pthread_t worker;
	struct mailbox box;
	void *seen = NULL;
	unsigned n = 0;

	(void)state;
	assert_int_equal(mailbox_init(&box), 0);
	assert_int_equal(mailbox_try(&box, note_box, &seen, 20), -ETIMEDOUT);
	assert_int_equal(mailbox_try(&box, note_box, &seen, 0), -ETIMEDOUT);
	assert_false(mailbox_run(&box, &box));
	assert_null(seen);
	mailbox_close(&box);
	assert_int_equal(mailbox_try(&box, note_box, &seen, 1000), -ESHUTDOWN);
	mailbox_free(&box);

	assert_int_equal(mailbox_init(&w.box), 0);
	assert_int_equal(mailbox_try(&w.box, note_box, &seen, 1), -ETIMEDOUT);
	pthread_create(&worker, NULL, worker_thread, &w);
	assert_int_equal(mailbox_try(&w.box, add_one, &n, 60000), 0);
	pthread_join(worker, NULL);
	assert_int_equal(n, 1);
	assert_null(seen);
	mailbox_free(&w.box);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_call_is_done_in_the_workers_thread),
		cmocka_unit_test(test_the_workers_end_refuses_and_hangs_nobody),
		cmocka_unit_test(test_closed_at_once),
		cmocka_unit_test(test_posted),
		cmocka_unit_test(test_one_that_hangs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
