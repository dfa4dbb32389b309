/* SPDX-License-Identifier: BSD-2-Clause */
/* Switches of modes: what begins one, what ends it, what is said about it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "app/endpoint.c"
#include "daemon/modes.c"
#include "daemon/modes_text.c"

#define T0 (1000 * SG_SEC)

/* --- a listener, looked at every second ------------------------------------------------------- */

struct bench {
	struct modes_listener m;
	struct modes_queue q;
	struct modes_around around;
	sg_time now;
	struct modes_event e;
	char text[MODES_TEXT];
};

static void bench_begin(struct bench *b, __u32 syncookies)
{
	memset(b, 0, sizeof(*b));
	b->q = (struct modes_queue){.syn_backlog = 4096, .backlog = 128, .cookies = 7, .drops = 9};
	b->around.syncookies = syncookies;
	b->now = T0;
	modes_listener_begin(&b->m, &b->q, syncookies, b->now);
}

/* A second later. */
static int look(struct bench *b)
{
	int n;

	b->now += SG_SEC;
	n = modes_listener_look(&b->m, &b->q, &b->around, b->now, &b->e);
	if (n)
		b->e.port = 80;
	return n;
}

static void no_event_for(struct bench *b, int seconds)
{
	for (int i = 0; i < seconds; i++)
		if (look(b))
			fail_msg("second %d: %s", i + 1, modes_text(&b->e, "eth0", b->text));
}

static void assert_event(struct bench *b, enum modes_mode from, enum modes_mode to,
			 const char *text)
{
	assert_int_equal(look(b), 1);
	assert_string_equal(modes_text(&b->e, "eth0", b->text), text);
	assert_int_equal(b->e.from, from);
	assert_int_equal(b->e.to, to);
	assert_int_equal(b->e.at, b->now);
	assert_int_equal(modes_of(&b->m.track), to);
}

static void test_nothing(void **state)
{
	struct bench b;

	(void)state;
	bench_begin(&b, 1);
	b.q.halfopen = 4000; /* no evidence of anything: there is room */
	no_event_for(&b, 100);
	assert_string_equal(modes_name(modes_of(&b.m.track)), "queue");
}

/* From the first look that shows it until 10 s after the last. */
static void test_cookies(void **state)
{
	struct bench b;

	(void)state;
	bench_begin(&b, 1);
	no_event_for(&b, 3);
	b.q.halfopen = 4097;
	b.q.cookies += 178000;
	b.around.syn_rate = 182000;
	assert_event(&b, MODES_QUEUE, MODES_COOKIES,
		     "eth0 *:80: SYN cookies: half-open queue full (4097 of 4096), "
		     "182,000 SYNs/s, 178,000 cookies/s");
	assert_string_equal(b.e.reason, "half-open queue full");
	assert_int_equal(b.e.cookie_rate, 178000);
	for (int i = 0; i < 33; i++) {
		b.q.cookies += 30000;
		b.q.cookies_back += 100;
		no_event_for(&b, 1);
	}
	b.q.halfopen = 12;
	b.around.syn_rate = 3100;
	no_event_for(&b, 9);
	assert_event(&b, MODES_COOKIES, MODES_QUEUE,
		     "eth0 *:80: half-open queue again: 12 of 4096, 3,100 SYNs/s; "
		     "1.1 M cookies sent, 3,300 came back in 34 s");
	assert_int_equal(b.e.cookies, 178000 + 33 * 30000);
	assert_int_equal(b.e.cookies_back, 3300);
	assert_int_equal(b.e.lasted_ms, 34000);
	no_event_for(&b, 100);
	/* the next time its counts begin anew */
	b.q.cookies += 5;
	assert_int_equal(look(&b), 1);
	assert_int_equal(b.e.cookies, 5);
}

/* A flood that comes and goes: as long as it is back within 10 s it is one. */
static void test_flaps(void **state)
{
	struct bench b;
	int events = 0;

	(void)state;
	bench_begin(&b, 1);
	for (int i = 0; i < 600; i++) {
		b.q.cookies += i % 9 == 0;
		events += look(&b);
	}
	assert_int_equal(events, 1);
	bench_begin(&b, 1);
	for (int i = events = 0; i < 600; i++) {
		b.q.cookies += i % 12 == 0;
		events += look(&b);
	}
	assert_int_equal(events, 100); /* two each twelve seconds */
}

static void test_why_cookies(void **state)
{
	static const struct {
		__u32 syncookies, halfopen;
		bool dense;
		const char *why;
	} rows[] = {
		{1, 4097, false, "half-open queue full"},
		{1, 4097, true, "half-open queue full"},
		{1, 4096, true, "no slot in the half-open table"},
		{1, 4096, false, "half-open queue was full"},
	};
	struct bench b;

	(void)state;
	for (size_t i = 0; i < SG_ARRAY_SIZE(rows); i++) {
		bench_begin(&b, rows[i].syncookies);
		b.q.halfopen = rows[i].halfopen;
		b.around.dense = rows[i].dense;
		b.q.cookies++;
		assert_int_equal(look(&b), 1);
		assert_string_equal(b.e.reason, rows[i].why);
	}
}

/* By the setting: not a switch of its own while it stays, cookies or not. */
static void test_always_cookies(void **state)
{
	struct bench b;

	(void)state;
	bench_begin(&b, 2);
	assert_int_equal(modes_of(&b.m.track), MODES_COOKIES);
	for (int i = 0; i < 60; i++) {
		b.q.cookies += i % 30 == 0;
		no_event_for(&b, 1);
	}
	b.around.syncookies = 1;
	no_event_for(&b, 9);
	assert_event(&b, MODES_COOKIES, MODES_QUEUE,
		     "eth0 *:80: half-open queue again: 0 of 4096, 0 SYNs/s; "
		     "2 cookies sent, 0 came back in 60 s");
	b.around.syncookies = 2;
	assert_event(&b, MODES_QUEUE, MODES_COOKIES,
		     "eth0 *:80: SYN cookies: tcp_syncookies=2 (0 of 4096), 0 SYNs/s");
}

static void test_why_full(void **state)
{
	static const struct {
		__u32 syncookies, acceptq, overflows, reqq_full, others;
		bool dense;
		const char *why;
	} rows[] = {
		{1, 129, 5, 0, 0, false, "accept queue full"},
		{0, 129, 5, 4, 0, true, "accept queue full"},
		{1, 128, 5, 0, 0, false, "accept queue was full"},
		{0, 0, 0, 5, 0, true, "half-open queue full, tcp_syncookies=0"},
		{0, 129, 4, 5, 0, false, "half-open queue full, tcp_syncookies=0"},
		{1, 0, 0, 5, 0, false, "half-open queue full, no worker to take cookies"},
		{0, 0, 0, 4, 5, false, "the rest of the half-open queue is for proven peers"},
		{0, 0, 0, 0, 5, true, "no slot in the half-open table"},
	};
	struct bench b;

	(void)state;
	for (size_t i = 0; i < SG_ARRAY_SIZE(rows); i++) {
		bench_begin(&b, rows[i].syncookies);
		b.around.dense = rows[i].dense;
		b.q.acceptq = rows[i].acceptq;
		b.q.overflows += rows[i].overflows;
		b.q.reqq_full += rows[i].reqq_full;
		b.q.drops += rows[i].overflows + rows[i].reqq_full + rows[i].others;
		assert_int_equal(look(&b), 1);
		assert_int_equal(b.e.to, MODES_FULL);
		assert_string_equal(b.e.reason, rows[i].why);
	}
}

/* What is worse shows at once, and goes the same way back. */
static void test_full_and_cookies(void **state)
{
	struct bench b;

	(void)state;
	bench_begin(&b, 1);
	b.q.halfopen = 4097;
	b.q.cookies += 100;
	b.around.syn_rate = 100;
	assert_int_equal(look(&b), 1);
	b.q.acceptq = 129;
	b.q.overflows += 50;
	b.q.drops += 50;
	assert_event(&b, MODES_COOKIES, MODES_FULL,
		     "eth0 *:80: dropping: accept queue full (129 of 128), 100 SYNs/s, 50 drops/s");
	for (int i = 0; i < 9; i++) {
		b.q.cookies += 100;
		no_event_for(&b, 1);
	}
	b.q.cookies += 100;
	assert_event(&b, MODES_FULL, MODES_COOKIES,
		     "eth0 *:80: SYN cookies, nothing dropped any more: half-open queue full "
		     "(4097 of 4096), 100 SYNs/s, 100 cookies/s, 50 dropped before");
	no_event_for(&b, 9);
	b.q.halfopen = 0;
	assert_event(&b, MODES_COOKIES, MODES_QUEUE,
		     "eth0 *:80: half-open queue again: 0 of 4096, 100 SYNs/s; "
		     "1,100 cookies sent, 0 came back, 50 dropped in 12 s");
}

/* A look that comes late is a longer one: the daemon was stopped. */
static void test_late_look(void **state)
{
	struct bench b;

	(void)state;
	bench_begin(&b, 0);
	b.now += 39 * SG_SEC;
	b.q.halfopen = 4097;
	b.q.drops += 400;
	b.q.reqq_full += 400;
	assert_event(&b, MODES_QUEUE, MODES_FULL,
		     "eth0 *:80: dropping: half-open queue full, tcp_syncookies=0 (4097 of 4096), "
		     "0 SYNs/s, 10 drops/s");
	b.now += 39 * SG_SEC;
	assert_event(&b, MODES_FULL, MODES_QUEUE,
		     "eth0 *:80: half-open queue again: 4097 of 4096, 0 SYNs/s; "
		     "400 dropped in 40 s");
}

/* --- an interface ----------------------------------------------------------------------------- */

struct port {
	struct modes_interface m;
	struct modes_iface i;
	sg_time now;
	struct modes_event e[MODES_INTERFACE_EVENTS];
	char text[MODES_TEXT];
};

static void port_begin(struct port *p)
{
	memset(p, 0, sizeof(*p));
	p->i = (struct modes_iface){.workers = 2, .synacks = 3, .rsts = 4, .passed = 5};
	p->now = T0;
	modes_interface_begin(&p->m, &p->i, p->now);
}

static int port_look(struct port *p)
{
	p->now += SG_SEC;
	return modes_interface_look(&p->m, &p->i, p->now, p->e);
}

static const char *port_text(struct port *p, int k)
{
	return modes_text(&p->e[k], "eth0", p->text);
}

static void test_budget(void **state)
{
	struct port p;

	(void)state;
	port_begin(&p);
	assert_int_equal(port_look(&p), 0);
	p.i.syns += 180000;
	p.i.synacks += 171000;
	p.i.rsts += 1;
	assert_int_equal(port_look(&p), 1);
	assert_string_equal(port_text(&p, 0),
			    "eth0: over budget: SYN-ACKs limited, 171,001 not answered/s, "
			    "180,000 SYNs/s");
	assert_int_equal(modes_of(&p.m.budget), MODES_BUDGET);
	p.i.rsts += 20; /* another one: the same mode */
	for (int i = 0; i < 10; i++)
		assert_int_equal(port_look(&p), 0);
	assert_int_equal(port_look(&p), 1);
	assert_string_equal(
		port_text(&p, 0),
		"eth0: within the budgets again: 0 SYNs/s; 171,021 not answered in 2 s");
	assert_int_equal(modes_of(&p.m.budget), MODES_ANSWERING);
}

static void test_why_budget(void **state)
{
	static const struct {
		__u64 synacks, rsts, acks;
		const char *why;
	} rows[] = {
		{9, 8, 7, "SYN-ACKs limited"},
		{1, 3, 2, "RSTs limited"},
		{1, 0, 2, "ACKs that answer no cookie limited"},
	};
	struct port p;

	(void)state;
	for (size_t i = 0; i < SG_ARRAY_SIZE(rows); i++) {
		port_begin(&p);
		p.i.synacks += rows[i].synacks;
		p.i.rsts += rows[i].rsts;
		p.i.acks += rows[i].acks;
		assert_int_equal(port_look(&p), 1);
		assert_string_equal(p.e[0].reason, rows[i].why);
		assert_int_equal(p.e[0].limited, rows[i].synacks + rows[i].rsts + rows[i].acks);
	}
}

static void test_no_worker(void **state)
{
	struct port p;

	(void)state;
	port_begin(&p);
	p.i.late = 1;
	p.i.passed += 1200;
	assert_int_equal(port_look(&p), 1);
	assert_string_equal(
		port_text(&p, 0),
		"eth0: no worker: heartbeat late, 1 of 2, 1,200 frames/s to the kernel");
	for (int i = 0; i < 60; i++)
		assert_int_equal(port_look(&p), 0); /* still late, and no frame at all */
	p.i.late = 0;
	for (int i = 0; i < 9; i++)
		assert_int_equal(port_look(&p), 0);
	assert_int_equal(port_look(&p), 1);
	assert_string_equal(port_text(&p, 0), "eth0: workers again: 2 of 2 answer; "
					      "1,200 frames went to the kernel in 61 s");
	/* over before we looked: the counters tell */
	p.i.passed += 3;
	assert_int_equal(port_look(&p), 1);
	assert_string_equal(p.e[0].reason, "heartbeat was late");
	port_begin(&p);
	p.i.no_socket += 3;
	assert_int_equal(port_look(&p), 1);
	assert_string_equal(p.e[0].reason, "frames without a worker's socket");
}

/* Each for itself. */
static void test_both_at_once(void **state)
{
	struct port p;

	(void)state;
	port_begin(&p);
	p.i.late = 2;
	p.i.synacks++;
	assert_int_equal(port_look(&p), 2);
	assert_int_equal(p.e[0].to, MODES_BUDGET);
	assert_int_equal(p.e[1].to, MODES_NO_WORKER);
}

/* Whatever the figures: it fits, and ends. */
static void test_longest_text(void **state)
{
	struct modes_event e;
	char text[MODES_TEXT + 8];

	(void)state;
	for (int to = MODES_QUEUE; to <= MODES_NO_WORKER; to++) {
		memset(&e, 0xff, sizeof(e));
		memset(text, 'x', sizeof(text));
		e.to = (enum modes_mode)to;
		e.reason = "half-open queue full, no worker to take cookies";
		e.still = true;
		modes_text(&e, "fifteen-letters", text);
		assert_true(memchr(text, 0, MODES_TEXT));
		assert_memory_equal(text + MODES_TEXT, "xxxxxxxx", 8);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_nothing),
		cmocka_unit_test(test_cookies),
		cmocka_unit_test(test_flaps),
		cmocka_unit_test(test_why_cookies),
		cmocka_unit_test(test_always_cookies),
		cmocka_unit_test(test_why_full),
		cmocka_unit_test(test_full_and_cookies),
		cmocka_unit_test(test_late_look),
		cmocka_unit_test(test_budget),
		cmocka_unit_test(test_why_budget),
		cmocka_unit_test(test_no_worker),
		cmocka_unit_test(test_both_at_once),
		cmocka_unit_test(test_longest_text),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
