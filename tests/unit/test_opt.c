/* SPDX-License-Identifier: BSD-2-Clause */
/* Options of a connection, keep-alive, lingering, and how many may go on without an owner. */
#include "harness.h"

static struct bed *open_in(struct peer *p, enum tcp_state st)
{
	struct bed *b = bed_listening(1, 8);

	peer_init(p, b, 1);
	conn_in(p, st);
	bed_drain_events(b);
	b->n = 0;
	return b;
}

static int set(struct peer *p, enum tcp_opt opt, int value)
{
	return tcp_set_opt(p->b->s[0], p->id, opt, value, p->b->now);
}

static int get(struct peer *p, enum tcp_opt opt)
{
	int value = -12345;

	assert_int_equal(tcp_get_opt(p->b->s[0], p->id, opt, &value), 0);
	return value;
}

/* What is set is what is read; what is out of bounds changes nothing. */
static void test_bounds(void **state)
{
	static const struct {
		enum tcp_opt opt;
		int first, good[2], bad[2]; /* bad[0] == good[0]: nothing is */
	} rows[] = {
		{TCP_OPT_NODELAY, 0, {0, 1}, {0, 0}},
		{TCP_OPT_CORK, 0, {0, 1}, {0, 0}},
		{TCP_OPT_QUICKACK, 0, {0, 1}, {0, 0}},
		{TCP_OPT_KEEPALIVE, 0, {0, 1}, {0, 0}},
		{TCP_OPT_KEEPIDLE, 7200, {1, 32767}, {0, 32768}},
		{TCP_OPT_KEEPINTVL, 75, {1, 32767}, {0, 32768}},
		{TCP_OPT_KEEPCNT, 9, {1, 127}, {0, 128}},
		{TCP_OPT_LINGER, -1, {-1, 0}, {-1, -1}},
		{TCP_OPT_LINGER2, 60, {-1, 3600}, {-2, 3601}},
		{TCP_OPT_USER_TIMEOUT, 0, {0, 86400000}, {-1, 86400001}},
		{TCP_OPT_TOS, 0, {0, 252}, {-1, 256}},
		{TCP_OPT_TTL, 64, {1, 255}, {0, 256}},
	};
	struct peer p;
	struct bed *b = open_in(&p, TCP_ESTABLISHED);

	(void)state;
	for (unsigned i = 0; i < SG_ARRAY_SIZE(rows); i++) {
		assert_int_equal(get(&p, rows[i].opt), rows[i].first);
		for (int k = 0; k < 2; k++) {
			assert_int_equal(set(&p, rows[i].opt, rows[i].good[k]), 0);
			assert_int_equal(get(&p, rows[i].opt), rows[i].good[k]);
			if (rows[i].bad[0] == rows[i].good[0])
				continue;
			assert_int_equal(set(&p, rows[i].opt, rows[i].bad[k]), -EINVAL);
			assert_int_equal(get(&p, rows[i].opt), rows[i].good[k]);
		}
	}
	assert_int_equal(get(&p, TCP_OPT_MAXSEG), 1448);
	assert_int_equal(set(&p, TCP_OPT_MAXSEG, 500), -ENOPROTOOPT);
	assert_int_equal(set(&p, TCP_OPT_ERROR, 0), -ENOPROTOOPT);
	assert_int_equal(get(&p, TCP_OPT_ERROR), 0);
	peer_send(&p, SG_RST, NULL, 0);
	assert_int_equal(get(&p, TCP_OPT_ERROR), ECONNRESET);
	p.id++;
	assert_int_equal(set(&p, TCP_OPT_NODELAY, 1), -EBADF);
	assert_int_equal(tcp_get_opt(b->s[0], p.id, TCP_OPT_NODELAY, &(int){0}), -EBADF);
	p.id--;
	bed_end(b);
}

/* --- keep-alive -------------------------------------------------------------------------- */

static struct bed *open_kept(struct peer *p)
{
	struct bed *b = open_in(p, TCP_ESTABLISHED);

	assert_int_equal(set(p, TCP_OPT_KEEPIDLE, 100), 0);
	assert_int_equal(set(p, TCP_OPT_KEEPINTVL, 10), 0);
	assert_int_equal(set(p, TCP_OPT_KEEPCNT, 3), 0);
	assert_int_equal(set(p, TCP_OPT_KEEPALIVE, 1), 0);
	return b;
}

static void test_off_at_first(void **state)
{
	struct peer p;
	struct bed *b = open_in(&p, TCP_ESTABLISHED);

	(void)state;
	bed_run(b, 100000 * SG_SEC);
	assert_int_equal(b->n, 0);
	assert_int_equal(peer_state(&p), TCP_ESTABLISHED);
	bed_end(b);
}

/* Who answers lives on, for as long as it does. */
static void test_answered(void **state)
{
	struct peer p;
	struct bed *b = open_kept(&p);
	struct tcp_facts f;

	(void)state;
	tcp_info(b->s[0], p.id, b->now, &f);
	assert_string_equal(f.timer, "keepalive");
	for (int i = 0; i < 5; i++) {
		sg_time start = b->now;

		for (b->n = 0; b->n == 0;)
			bed_run(b, SG_SEC);
		assert_in_range((b->now - start) / SG_SEC, 99, 101);
		assert_sent(&p, 0, SG_ACK, -1, 0, 0);
		p.tsval += 1000;
		peer_send(&p, SG_ACK, NULL, 0);
		assert_int_equal(b->n, 0);
	}
	assert_int_equal(b->mib[0].TCPKeepAlive, 5);
	bed_end(b);
}

/* Nobody answers: three probes ten seconds apart, then RST and ETIMEDOUT. */
static void test_unanswered(void **state)
{
	struct peer p;
	struct bed *b = open_kept(&p);
	sg_time start = b->now;

	(void)state;
	bed_run(b, 129 * SG_SEC);
	assert_int_equal(b->n, 3);
	for (unsigned i = 0; i < 3; i++)
		assert_in_range((b->sent[i].at - start) / SG_MS, (100 + 10 * i) * 1000 - 5,
				(100 + 10 * i) * 1000 + 50);
	assert_int_equal(peer_state(&p), TCP_ESTABLISHED);
	bed_run(b, 2 * SG_SEC);
	assert_int_equal(b->n, 1);
	assert_sent(&p, 0, SG_RST | SG_ACK, 0, 0, 0);
	assert_int_equal(events_of(b, 0, p.id), TCP_EV_CLOSED);
	assert_int_equal(get(&p, TCP_OPT_ERROR), ETIMEDOUT);
	bed_end(b);
}

/* The user timeout counts instead of the number of probes (RFC 5482, Linux). */
static void test_user_timeout(void **state)
{
	struct peer p;
	struct bed *b = open_kept(&p);

	(void)state;
	set(&p, TCP_OPT_USER_TIMEOUT, 105000);
	bed_run(b, 109 * SG_SEC);
	assert_int_equal(peer_state(&p), TCP_ESTABLISHED);
	bed_run(b, 2 * SG_SEC);
	assert_int_equal(peer_state(&p), TCP_CLOSED);
	bed_end(b);
}

/* What arrives puts it off; while data of ours is out the retransmission timer is in charge. */
static void test_signs_of_life(void **state)
{
	struct peer p;
	struct bed *b = open_kept(&p);

	(void)state;
	for (int i = 0; i < 10; i++) {
		bed_run(b, 60 * SG_SEC);
		p.tsval += 60000;
		peer_send(&p, SG_ACK, NULL, 0);
	}
	assert_int_equal(b->mib[0].TCPKeepAlive, 0);
	tcp_send(b->s[0], p.id, bytes(0, 10), 10, b->now);
	bed_run(b, 150 * SG_SEC);
	assert_int_equal(b->mib[0].TCPKeepAlive, 0);
	assert_true(b->mib[0].TCPTimeouts > 3);
	set(&p, TCP_OPT_KEEPALIVE, 0);
	bed_end(b);
}

/* A knob makes it the default; who closes takes it with him. */
static void test_by_default(void **state)
{
	struct bed *b = bed_listening(1, 8);
	struct peer p;

	(void)state;
	b->set.keepalive = 1;
	b->set.tcp_keepalive_time = 5;
	peer_init(&p, b, 1);
	conn_in(&p, TCP_ESTABLISHED);
	assert_int_equal(get(&p, TCP_OPT_KEEPALIVE), 1);
	bed_run(b, 6 * SG_SEC);
	assert_int_equal(b->mib[0].TCPKeepAlive, 1);
	peer_send(&p, SG_ACK, NULL, 0);
	tcp_close(b->s[0], p.id, b->now);
	bed_output(b);
	peer_ack(&p);
	assert_int_equal(peer_state(&p), TCP_FIN_WAIT_2);
	bed_run(b, 30 * SG_SEC);
	assert_int_equal(b->mib[0].TCPKeepAlive, 1);
	bed_end(b);
}

/* --- lingering ---------------------------------------------------------------------------- */

static void test_linger_0(void **state)
{
	static const struct {
		enum tcp_state st;
		bool reset;
	} rows[] = {
		{TCP_SYN_SENT, false},	{TCP_SYN_RCVD, true},	{TCP_ESTABLISHED, true},
		{TCP_CLOSE_WAIT, true},
	};

	(void)state;
	for (unsigned i = 0; i < SG_ARRAY_SIZE(rows); i++) {
		struct peer p;
		struct bed *b = open_in(&p, rows[i].st);

		set(&p, TCP_OPT_LINGER, 0);
		tcp_send(b->s[0], p.id, bytes(0, 10), 10, b->now);
		assert_int_equal(tcp_close(b->s[0], p.id, b->now), 0);
		b->n = 0;
		bed_output(b);
		assert_int_equal(b->n, rows[i].reset);
		if (rows[i].reset)
			assert_int_equal(b->sent[0].s.flags, SG_RST | SG_ACK);
		assert_int_equal(peer_state(&p), TCP_CLOSED);
		bed_end(b);
	}
}

/* Half closed by us first: FIN_WAIT_1 and 2 are reset, too. */
static void test_linger_0_after_shutdown(void **state)
{
	struct peer p;
	struct bed *b = open_in(&p, TCP_ESTABLISHED);

	(void)state;
	tcp_shutdown(b->s[0], p.id, b->now);
	bed_output(b);
	peer_ack(&p);
	assert_int_equal(peer_state(&p), TCP_FIN_WAIT_2);
	set(&p, TCP_OPT_LINGER, 0);
	tcp_close(b->s[0], p.id, b->now);
	b->n = 0;
	bed_output(b);
	assert_sent(&p, 0, SG_RST | SG_ACK, 1, 0, 0);
	bed_end(b);
}

static void test_linger2(void **state)
{
	static const struct {
		int value;
		unsigned seconds; /* 0: not at all */
	} rows[] = {{0, 60}, {5, 5}, {-1, 0}};

	(void)state;
	for (unsigned i = 0; i < SG_ARRAY_SIZE(rows); i++) {
		struct peer p;
		struct bed *b = open_in(&p, TCP_ESTABLISHED);

		set(&p, TCP_OPT_LINGER2, rows[i].value);
		tcp_close(b->s[0], p.id, b->now);
		bed_output(b);
		peer_ack(&p);
		if (rows[i].seconds) {
			bed_run(b, rows[i].seconds * SG_SEC - 100 * SG_MS);
			assert_int_equal(peer_state(&p), TCP_FIN_WAIT_2);
			bed_run(b, 200 * SG_MS);
		} else {
			assert_int_equal(b->n, 1);
			assert_int_equal(b->sent[0].s.flags, SG_RST | SG_ACK);
			assert_int_equal(b->mib[0].TCPAbortOnLinger, 1);
		}
		assert_int_equal(peer_state(&p), TCP_CLOSED);
		bed_end(b);
	}
}

/* --- without an owner --------------------------------------------------------------------- */

/* Two may go on; the third is reset. One that is done, or in FIN_WAIT_2, makes room. */
static void test_max_orphans(void **state)
{
	struct bed *b = bed_listening(1, 8);
	struct peer p[4];

	(void)state;
	b->set.tcp_max_orphans = 2;
	for (unsigned i = 0; i < 4; i++) {
		peer_init(&p[i], b, (__u8)i);
		conn_in(&p[i], TCP_ESTABLISHED);
	}
	for (unsigned i = 0; i < 3; i++)
		tcp_close(b->s[0], p[i].id, b->now);
	b->n = 0;
	bed_output(b);
	assert_int_equal(b->s[0]->orphans, 2);
	assert_int_equal(b->mib[0].TCPAbortOnMemory, 1);
	assert_int_equal(peer_state(&p[2]), TCP_CLOSED);
	assert_sent(&p[2], 2, SG_RST | SG_ACK, 0, 0, 0);
	peer_ack(&p[0]);
	assert_int_equal(peer_state(&p[0]), TCP_FIN_WAIT_2);
	assert_int_equal(b->s[0]->orphans, 1);
	tcp_close(b->s[0], p[3].id, b->now);
	assert_int_equal(b->mib[0].TCPAbortOnMemory, 1);
	assert_int_equal(b->s[0]->orphans, 2);
	bed_run(b, 2000 * SG_SEC);
	assert_int_equal(b->s[0]->orphans, 0);
	bed_end(b);
}

/* --- cork and quick ACKs ------------------------------------------------------------------- */

static void test_cork(void **state)
{
	struct peer p;
	struct bed *b = open_in(&p, TCP_ESTABLISHED);

	(void)state;
	set(&p, TCP_OPT_CORK, 1);
	tcp_send(b->s[0], p.id, bytes(0, 2000), 2000, b->now);
	bed_output(b);
	assert_int_equal(b->n, 1);
	assert_sent(&p, 0, SG_ACK, 0, 0, 1448);
	set(&p, TCP_OPT_CORK, 0);
	b->n = 0;
	bed_output(b);
	assert_int_equal(b->n, 0); /* Nagle */
	peer_take(&p);
	p.ack = seq_add(p.iss, 1449);
	set(&p, TCP_OPT_CORK, 1);
	peer_send(&p, SG_ACK, NULL, 0);
	assert_int_equal(b->n, 0);
	bed_run(b, SG_SEC); /* it does not wait for ever */
	assert_true(b->n >= 1);
	assert_sent(&p, 0, SG_ACK | SG_PSH, 1448, 0, 552);
	assert_in_range((b->sent[0].at - (b->now - SG_SEC)) / SG_MS, 190, 230);
	bed_end(b);
}

static void test_quickack(void **state)
{
	struct peer p;
	struct bed *b = open_in(&p, TCP_ESTABLISHED);

	(void)state;
	for (int i = 0; i < 20; i++)
		peer_send(&p, SG_ACK, bytes(0, 10), 10);
	assert_int_equal(b->n, 0); /* delayed */
	set(&p, TCP_OPT_QUICKACK, 1);
	bed_output(b);
	assert_int_equal(b->n, 1); /* what was owed */
	peer_send(&p, SG_ACK, bytes(0, 10), 10);
	assert_int_equal(b->n, 1);
	bed_end(b);
}

/* What the application sets is in every segment of it, the rest is as the knob says. */
static void test_tos_and_ttl(void **state)
{
	struct peer p, q;
	struct bed *b = open_in(&p, TCP_ESTABLISHED);
	const struct seg *s = &b->sent[0].s;

	(void)state;
	peer_send(&p, SG_ACK, bytes(0, 10), 10);
	assert_int_equal(s->tos, 0);
	assert_int_equal(s->ttl, 64);
	set(&p, TCP_OPT_TOS, 0xbb); /* expedited forwarding, and bits that are ECN's */
	assert_int_equal(get(&p, TCP_OPT_TOS), 0xb8);
	set(&p, TCP_OPT_TTL, 3);
	peer_send(&p, SG_ACK, bytes(0, 10), 10);
	assert_int_equal(s->tos, 0xb8);
	assert_int_equal(s->ttl, 3);
	b->set.ip_default_ttl = 99;
	tcp_send(b->s[0], p.id, "x", 1, b->now);
	b->n = 0;
	bed_output(b);
	assert_int_equal(s->tos, 0xb8);
	assert_int_equal(s->ttl, 3);
	set(&p, TCP_OPT_TTL, -1);
	assert_int_equal(get(&p, TCP_OPT_TTL), 99);
	tcp_abort(b->s[0], p.id, b->now);
	b->n = 0;
	bed_output(b);
	assert_int_equal(s->flags, SG_RST | SG_ACK);
	assert_int_equal(s->tos, 0xb8);
	assert_int_equal(s->ttl, 99);
	peer_send(&p, SG_ACK, NULL, 0); /* belongs to nobody now */
	assert_int_equal(s->flags, SG_RST);
	assert_int_equal(s->tos, 0);
	assert_int_equal(s->ttl, 99);
	bed_drain_events(b);
	peer_init(&q, b, 2);
	conn_in(&q, TCP_TIME_WAIT);
	peer_send_at(&q, -1, SG_FIN | SG_ACK, NULL, 0);
	assert_int_equal(s->ttl, 99);
	bed_end(b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bounds),
		cmocka_unit_test(test_off_at_first),
		cmocka_unit_test(test_answered),
		cmocka_unit_test(test_unanswered),
		cmocka_unit_test(test_user_timeout),
		cmocka_unit_test(test_signs_of_life),
		cmocka_unit_test(test_by_default),
		cmocka_unit_test(test_linger_0),
		cmocka_unit_test(test_linger_0_after_shutdown),
		cmocka_unit_test(test_linger2),
		cmocka_unit_test(test_max_orphans),
		cmocka_unit_test(test_cork),
		cmocka_unit_test(test_quickack),
		cmocka_unit_test(test_tos_and_ttl),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
