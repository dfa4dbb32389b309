/* SPDX-License-Identifier: BSD-2-Clause */
/* user/tcp/acceptq.c: exact limits, the order, and what happens to those who wait. */
#include "harness.h"

/* Linux's rule, measured: a backlog of n holds n + 1. */
static void test_limits_are_exact(void **state)
{
	static const __u32 backlog[] = {0, 1, 5, 12};

	(void)state;
	for (unsigned i = 0; i < SG_ARRAY_SIZE(backlog); i++) {
		struct bed *b = bed_listening(1, backlog[i]);
		struct peer p[16];

		b->queues[0].syn_backlog = 100;
		for (unsigned k = 0; k < 16; k++) {
			peer_init(&p[k], b, (__u8)k);
			assert_int_equal(peer_syn(&p[k]), SG_ADMIT_ENTRY);
		}
		for (unsigned k = 0; k < 16; k++) {
			peer_send(&p[k], SG_ACK, NULL, 0);
			assert_int_equal(peer_state(&p[k]),
					 k <= backlog[i] ? TCP_ESTABLISHED : TCP_CLOSED);
		}
		assert_int_equal(b->queues[0].acceptq, backlog[i] + 1);
		assert_int_equal(b->queues[0].halfopen, 16 - backlog[i] - 1);
		assert_int_equal(b->queues[0].ListenOverflows, 16 - backlog[i] - 1);
		assert_int_equal(b->queues[0].PassiveOpens, backlog[i] + 1);
		bed_end(b);
	}
}

static void test_first_come_first_served(void **state)
{
	struct bed *b = bed_listening(1, 10);
	struct peer p[6];
	tcp_id id;

	(void)state;
	for (unsigned i = 0; i < 6; i++) {
		peer_init(&p[i], b, (__u8)i);
		peer_establish(&p[i]);
	}
	for (unsigned i = 0; i < 6; i++) {
		struct tcp_facts f;

		assert_int_equal(tcp_accept(b->s[0], 0, &id), 0);
		assert_int_equal(tcp_info(b->s[0], id, b->now, &f), 0);
		assert_int_equal(f.tuple.pport, p[i].tuple.pport);
		assert_int_equal(b->queues[0].acceptq, 5 - i);
	}
	assert_int_equal(tcp_accept(b->s[0], 0, &id), -EAGAIN);
	assert_int_equal(tcp_accept(b->s[0], 1, &id), -EINVAL);
	assert_int_equal(tcp_accept(b->s[0], 77777, &id), -EINVAL);
	bed_end(b);
}

/* One event however many come; another one when more come after it was taken. */
static void test_events(void **state)
{
	struct bed *b = bed_listening(1, 10);
	struct tcp_event ev;
	struct peer p[3];

	(void)state;
	for (unsigned i = 0; i < 3; i++)
		peer_init(&p[i], b, (__u8)i);
	peer_establish(&p[0]);
	peer_establish(&p[1]);
	peer_send(&p[0], SG_ACK, bytes(0, 10), 10); /* not before it is accepted */
	assert_true(tcp_next_event(b->s[0], &ev));
	assert_int_equal(ev.events, TCP_EV_ACCEPT);
	assert_false(tcp_next_event(b->s[0], &ev));
	peer_establish(&p[2]);
	assert_true(tcp_next_event(b->s[0], &ev));
	assert_int_equal(ev.events, TCP_EV_ACCEPT);
	assert_false(tcp_next_event(b->s[0], &ev));
	peer_accept(&p[0]);
	assert_true(tcp_next_event(b->s[0], &ev));
	assert_int_equal(ev.events, TCP_EV_READ);
	assert_true(ev.id == p[0].id);
	bed_end(b);
}

/* It keeps its place, as in Linux; accept() returns it and the error follows. */
static void test_reset_while_waiting(void **state)
{
	struct bed *b = bed_listening(1, 10);
	struct peer p[3];
	char c;

	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		peer_init(&p[i], b, (__u8)i);
		peer_establish(&p[i]);
	}
	peer_send(&p[1], SG_RST, NULL, 0);
	assert_int_equal(peer_state(&p[1]), TCP_CLOSED);
	assert_int_equal(b->queues[0].acceptq, 3);
	assert_int_equal(b->mib[0].EstabResets, 1);
	for (unsigned i = 0; i < 3; i++)
		peer_accept(&p[i]);
	assert_int_equal(events_of(b, 0, p[1].id), TCP_EV_CLOSED);
	assert_int_equal(tcp_recv(b->s[0], p[1].id, &c, 1, b->now), -ECONNRESET);
	assert_int_equal(tcp_send(b->s[0], p[1].id, &c, 1, b->now), -ECONNRESET);
	assert_int_equal(tcp_close(b->s[0], p[1].id, b->now), 0);
	assert_int_equal(tcp_close(b->s[0], p[1].id, b->now), -EBADF);
	bed_end(b);
}

/* Data and FIN may come while it waits: both are there at accept(). */
static void test_text_and_fin_while_waiting(void **state)
{
	struct bed *b = bed_listening(1, 10);
	struct peer p;
	char got[20];

	(void)state;
	peer_init(&p, b, 1);
	peer_establish(&p);
	peer_send(&p, SG_ACK, bytes(0, 10), 10);
	peer_send(&p, SG_ACK | SG_FIN, NULL, 0);
	bed_drain_events(b);
	peer_accept(&p);
	assert_int_equal(events_of(b, 0, p.id), TCP_EV_READ);
	assert_int_equal(tcp_recv(b->s[0], p.id, got, sizeof(got), b->now), 10);
	assert_int_equal(tcp_recv(b->s[0], p.id, got, sizeof(got), b->now), 0);
	bed_end(b);
}

static void test_unlisten(void **state)
{
	struct bed *b = bed_listening(1, 10);
	struct peer has, waits, dead, half;
	struct tcp_event ev;

	(void)state;
	peer_init(&has, b, 1);
	peer_init(&waits, b, 2);
	peer_init(&dead, b, 3);
	peer_init(&half, b, 4);
	conn_in(&has, TCP_ESTABLISHED);
	peer_establish(&waits);
	peer_establish(&dead);
	peer_send(&dead, SG_RST, NULL, 0);
	peer_syn(&half);
	tcp_unlisten(b->s[0], 0, b->now);
	assert_int_equal(b->queues[0].acceptq, 0);
	assert_int_equal(b->queues[0].halfopen, 0);
	assert_null(peer_entry(&half, NULL));
	assert_false(tcp_next_event(b->s[0], &ev));
	b->n = 0;
	bed_output(b);
	assert_int_equal(b->n, 1); /* the one that waits is told */
	assert_sent(&waits, 0, SG_RST | SG_ACK, 0, 0, 0);
	assert_int_equal(peer_state(&has), TCP_ESTABLISHED);
	assert_int_equal(peer_state(&waits), TCP_CLOSED);
	assert_int_equal(tcp_listen(b->s[0], 0, &b->listener), 0);
	assert_int_equal(tcp_listen(b->s[0], 0, &b->listener), -EALREADY);
	assert_int_equal(tcp_listen(b->s[0], BED_LISTENERS, &b->listener), -EINVAL);
	bed_end(b);
}

/* Out of the middle, off both ends, and the last. */
static void test_unlinking(void **state)
{
	struct bed *b = bed_listening(1, 10);
	struct peer p[4];
	tcp_id id;

	(void)state;
	for (unsigned i = 0; i < 4; i++) {
		peer_init(&p[i], b, (__u8)i);
		peer_establish(&p[i]);
	}
	acceptq_remove(b->s[0], peer_conn(&p[1]));
	acceptq_remove(b->s[0], peer_conn(&p[3]));
	assert_int_equal(tcp_accept(b->s[0], 0, &id), 0);
	assert_int_equal((__u32)id, conn_index(b->s[0], peer_conn(&p[0])));
	assert_int_equal(tcp_accept(b->s[0], 0, &id), 0);
	assert_int_equal((__u32)id, conn_index(b->s[0], peer_conn(&p[2])));
	assert_int_equal(tcp_accept(b->s[0], 0, &id), -EAGAIN);
	assert_int_equal(b->queues[0].acceptq, 0);
	bed_end(b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_limits_are_exact),
		cmocka_unit_test(test_first_come_first_served),
		cmocka_unit_test(test_events),
		cmocka_unit_test(test_reset_while_waiting),
		cmocka_unit_test(test_text_and_fin_while_waiting),
		cmocka_unit_test(test_unlisten),
		cmocka_unit_test(test_unlinking),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
