/* SPDX-License-Identifier: BSD-2-Clause */
/* user/tcp/delack.c: which segments are acknowledged at once, and how long the others wait. */
#include "harness.h"

#define FULL 1448

static struct bed *open_in(struct peer *p, enum tcp_state st)
{
	struct bed *b = bed_listening(1, 8);

	peer_init(p, b, 1);
	conn_in(p, st);
	bed_drain_events(b);
	b->n = 0;
	return b;
}

static void receive(struct peer *p, __u32 len)
{
	peer_send(p, SG_ACK, bytes(0, len), len);
}

/* The ACKs of its beginning are spent, nothing is owed, and what was there has been read. */
static void spend(struct peer *p)
{
	struct bed *b = p->b;
	__u8 buf[2000];

	for (int i = 0; i < 16; i++) {
		receive(p, FULL);
		assert_int_equal(b->n, 1);
		tcp_recv(b->s[0], p->id, buf, sizeof(buf), b->now);
	}
	assert_int_equal(peer_conn(p)->quick, 0);
}

/* How many ms until the ACK of one short segment, which nobody reads. */
static unsigned waits(struct peer *p)
{
	struct bed *b = p->b;

	peer_send(p, SG_ACK | SG_PSH, bytes(0, 10), 10);
	for (unsigned ms = 0; ms < 600; ms++) {
		if (b->n) {
			assert_int_equal(b->n, 1);
			return ms;
		}
		bed_run(b, SG_MS);
	}
	fail_msg("no ACK");
	return 0;
}

static void reply(struct peer *p)
{
	assert_int_equal(tcp_send(p->b->s[0], p->id, "x", 1, p->b->now), 1);
	p->b->n = 0;
	bed_output(p->b);
	assert_int_equal(p->b->n, 1);
	assert_int_equal(p->b->sent[0].s.len, 1);
	peer_ack(p);
}

/* A bulk receiver: of each segment at first, then of every second one, without a timer. */
static void test_bulk(void **state)
{
	struct peer p;
	struct bed *b = open_in(&p, TCP_ESTABLISHED);

	(void)state;
	spend(&p);
	for (int i = 0; i < 50; i++) {
		b->now += SG_MS;
		receive(&p, FULL);
		assert_int_equal(b->n, 0);
		receive(&p, FULL);
		assert_int_equal(b->n, 1);
	}
	assert_int_equal(b->mib[0].DelayedACKs, 0);
	bed_end(b);
}

/* Full is what this peer sends: two of 600 bytes are two. */
static void test_smaller_segments(void **state)
{
	struct peer p;
	struct bed *b = open_in(&p, TCP_ESTABLISHED);

	(void)state;
	for (int i = 0; i < 16; i++)
		receive(&p, 600);
	receive(&p, 600);
	assert_int_equal(b->n, 0);
	receive(&p, 600);
	assert_int_equal(b->n, 1);
	bed_end(b);
}

/* Nobody is quick with half a window: two at least, and no more than it holds. */
static void test_small_window(void **state)
{
	struct bed *b = bed_new(1);
	struct peer p;

	(void)state;
	b->set.tcp_rmem = 8192;
	peer_init(&p, b, 1);
	conn_in(&p, TCP_SYN_SENT);
	peer_send(&p, SG_SYN | SG_ACK, NULL, 0);
	receive(&p, 1400);
	assert_int_equal(b->n, 1);
	assert_int_equal(peer_conn(&p)->quick, 1);
	bed_end(b);
}

/*
 * What waits waits for 40 ms; longer after an ACK that nothing came to carry, up to 200 ms and a
 * round trip.
 */
static void test_missed(void **state)
{
	static const struct {
		unsigned srtt, want[5];
	} rows[] = {
		{10, {40, 40, 40, 40, 40}},
		{100, {40, 80, 100, 100, 100}},
		{500, {40, 80, 160, 200, 200}},
		{0, {40, 80, 160, 200, 200}}, /* not known */
	};

	(void)state;
	for (unsigned i = 0; i < SG_ARRAY_SIZE(rows); i++) {
		struct peer p;
		struct bed *b = open_in(&p, TCP_ESTABLISHED);

		spend(&p);
		peer_conn(&p)->srtt = rows[i].srtt * SG_MS;
		peer_conn(&p)->rto = 3 * SG_SEC;
		for (unsigned k = 0; k < 5; k++) {
			unsigned ms = waits(&p);

			assert_in_range(ms, rows[i].want[k], rows[i].want[k] + 3);
			bed_run(b, SG_SEC); /* a pause that says nothing */
		}
		assert_int_equal(b->mib[0].DelayedACKs, 5);
		bed_end(b);
	}
}

/* It follows the time between segments: slower ones are waited for longer, faster ones less. */
static void test_follows_the_peer(void **state)
{
	struct peer p;
	struct bed *b = open_in(&p, TCP_ESTABLISHED);
	struct tcp *t;

	(void)state;
	spend(&p);
	t = peer_conn(&p);
	t->srtt = t->rto = SG_SEC;
	assert_int_equal(t->ato, 40);
	t->ato = 160;
	for (int i = 0; i < 8; i++) { /* a / 2 + 60 tends to 120 */
		bed_run(b, 60 * SG_MS);
		peer_send(&p, SG_ACK, bytes(0, 10), 10);
	}
	assert_in_range(t->ato, 119, 121);
	for (int i = 0; i < 8; i++) { /* a / 2 + 20 tends to 40 */
		bed_run(b, 10 * SG_MS);
		peer_send(&p, SG_ACK, bytes(0, 10), 10);
	}
	assert_in_range(t->ato, 38, 41);
	bed_end(b);
}

/* Somebody asks and we answer: the answer carries the ACK, even at the beginning. */
static void test_interactive(void **state)
{
	struct peer p;
	struct bed *b = open_in(&p, TCP_ESTABLISHED);

	(void)state;
	peer_send(&p, SG_ACK | SG_PSH, bytes(0, 10), 10);
	assert_int_equal(b->n, 1); /* nothing is known of it yet */
	bed_run(b, 10 * SG_MS);
	reply(&p);
	for (int i = 0; i < 8; i++) {
		__u8 buf[16];

		bed_run(b, 5 * SG_MS);
		peer_send(&p, SG_ACK | SG_PSH, bytes(0, 10), 10);
		assert_int_equal(b->n, 0);
		tcp_recv(b->s[0], p.id, buf, sizeof(buf), b->now);
		bed_run(b, 20 * SG_MS);
		assert_int_equal(b->n, 0);
		reply(&p);
	}
	assert_int_equal(b->mib[0].DelayedACKs, 0);
	/* one that is not answered ends it: of the next each is acknowledged */
	assert_in_range(waits(&p), 40, 43);
	peer_send(&p, SG_ACK | SG_PSH, bytes(0, 10), 10);
	assert_int_equal(b->n, 1);
	bed_end(b);
}

/* What we send of our own, long after, is no answer. */
static void test_not_interactive(void **state)
{
	struct peer p;
	struct bed *b = open_in(&p, TCP_ESTABLISHED);

	(void)state;
	peer_send(&p, SG_ACK | SG_PSH, bytes(0, 10), 10);
	bed_run(b, 60 * SG_MS);
	reply(&p);
	peer_send(&p, SG_ACK | SG_PSH, bytes(0, 10), 10);
	assert_int_equal(b->n, 1);
	bed_end(b);
}

/* Who has read all that came, and came short, tells: its sender may wait for that. */
static void test_read_to_the_end(void **state)
{
	static const struct {
		__u32 len;
		__u8 psh, pingpong, segments;
		unsigned acks;
	} rows[] = {
		{10, 0, 0, 1, 1},   {10, 0, 1, 1, 0},	     {10, 0, 1, 2, 1},
		{FULL, 0, 0, 1, 0}, {FULL, SG_PSH, 0, 1, 1},
	};

	(void)state;
	for (unsigned i = 0; i < SG_ARRAY_SIZE(rows); i++) {
		struct peer p;
		struct bed *b = open_in(&p, TCP_ESTABLISHED);
		__u8 buf[4000];

		spend(&p);
		peer_conn(&p)->pingpong = rows[i].pingpong & 1;
		for (int k = 0; k < rows[i].segments; k++) {
			peer_send(&p, SG_ACK | rows[i].psh, bytes(0, rows[i].len), rows[i].len);
			assert_int_equal(b->n, 0);
		}
		tcp_recv(b->s[0], p.id, buf, 1, b->now); /* not all of it */
		bed_output(b);
		assert_int_equal(b->n, 0);
		tcp_recv(b->s[0], p.id, buf, sizeof(buf), b->now);
		bed_output(b);
		assert_int_equal(b->n, rows[i].acks);
		tcp_recv(b->s[0], p.id, buf, sizeof(buf), b->now); /* told once */
		bed_output(b);
		assert_int_equal(b->n, rows[i].acks);
		bed_end(b);
	}
}

/* After a pause its window may be small again; what comes twice says that ACKs are lost. */
static void test_quick_again(void **state)
{
	struct peer p;
	struct bed *b = open_in(&p, TCP_ESTABLISHED);

	(void)state;
	spend(&p);
	bed_run(b, peer_conn(&p)->rto + 5 * SG_MS);
	receive(&p, 10);
	assert_int_equal(b->n, 1);
	assert_int_equal(peer_conn(&p)->quick, 15);
	bed_end(b);

	b = open_in(&p, TCP_ESTABLISHED);
	spend(&p);
	peer_conn(&p)->pingpong = 1;
	peer_send_at(&p, -FULL, SG_ACK, bytes(0, FULL), FULL);
	assert_int_equal(b->n, 1);
	for (int i = 0; i < 16; i++) {
		receive(&p, 10);
		assert_int_equal(b->n, 1);
	}
	receive(&p, 10);
	assert_int_equal(b->n, 0);
	peer_send_at(&p, -FULL - 10, SG_ACK, bytes(0, 10), 10); /* before all that we told */
	receive(&p, 10);
	assert_int_equal(b->n, 1);
	bed_end(b);
}

static void test_knob(void **state)
{
	static const unsigned ms[] = {300, 100, 20, 0};
	struct peer p;
	struct bed *b = open_in(&p, TCP_ESTABLISHED);

	(void)state;
	spend(&p);
	for (unsigned i = 0; i < SG_ARRAY_SIZE(ms); i++) {
		b->set.delack_ms = ms[i];
		peer_conn(&p)->ato = 10;
		peer_conn(&p)->data_at = time_ms(b->now); /* no pause */
		assert_in_range(waits(&p), ms[i], ms[i] + (ms[i] ? 3 : 0));
	}
	bed_end(b);
}

/* A second short segment, when the first one's ACK is nearly due, is not waited with. */
static void test_nearly_due(void **state)
{
	struct peer p;
	struct bed *b = open_in(&p, TCP_ESTABLISHED);

	(void)state;
	spend(&p);
	receive(&p, 10);
	bed_run(b, 20 * SG_MS);
	receive(&p, 10);
	assert_int_equal(b->n, 0);
	bed_run(b, 12 * SG_MS);
	assert_int_equal(b->n, 0);
	receive(&p, 10);
	assert_int_equal(b->n, 1);
	assert_int_equal(b->mib[0].DelayedACKs, 0);
	bed_end(b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bulk),
		cmocka_unit_test(test_smaller_segments),
		cmocka_unit_test(test_small_window),
		cmocka_unit_test(test_missed),
		cmocka_unit_test(test_follows_the_peer),
		cmocka_unit_test(test_interactive),
		cmocka_unit_test(test_not_interactive),
		cmocka_unit_test(test_read_to_the_end),
		cmocka_unit_test(test_quick_again),
		cmocka_unit_test(test_knob),
		cmocka_unit_test(test_nearly_due),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
