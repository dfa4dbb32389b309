/* SPDX-License-Identifier: BSD-2-Clause */
/* user/tcp/timewait.c: 2 MSL, and all that may come meanwhile. */
#include "harness.h"

static struct bed *open_in(struct peer *p)
{
	struct bed *b = bed_listening(1, 8);

	peer_init(p, b, 1);
	conn_in(p, TCP_TIME_WAIT);
	bed_drain_events(b);
	b->n = 0;
	return b;
}

static void test_two_msl(void **state)
{
	struct peer p;
	struct bed *b = open_in(&p);

	(void)state;
	assert_int_equal(b->s[0]->conns.used, 0);
	assert_int_equal(b->s[0]->timewaits.used, 1);
	assert_int_equal(b->mib[0].TW, 1); /* Linux counts those that begin */
	assert_int_equal(b->mib[0].TWKilled, 0);
	assert_true(tcp_deadline(b->s[0]) > b->now + 59990 * SG_MS);
	assert_true(tcp_deadline(b->s[0]) <= b->now + 60001 * SG_MS);
	bed_run(b, 59998 * SG_MS);
	assert_int_equal(peer_state(&p), TCP_TIME_WAIT);
	bed_run(b, 4 * SG_MS);
	assert_int_equal(peer_state(&p), TCP_CLOSED);
	assert_int_equal(b->n, 0);
	bed_empty(b);
	bed_end(b);
}

/* Our last ACK was lost: the FIN comes again, is acknowledged again, and the time runs anew. */
static void test_fin_again(void **state)
{
	struct peer p;
	struct bed *b = open_in(&p);
	__u32 stamp = p.tsval;

	(void)state;
	for (int i = 0; i < 3; i++) {
		bed_run(b, 50 * SG_SEC);
		p.tsval++;
		peer_send_at(&p, -1, SG_FIN | SG_ACK, NULL, 0);
		assert_int_equal(b->n, 1);
		assert_sent(&p, 0, SG_ACK, 1, 1, 0);
		assert_int_equal(b->sent[0].s.opt.has_ts, 1);
		assert_int_equal(b->sent[0].s.opt.tsecr, stamp);
		assert_int_equal(b->sent[0].s.mac[0], 0x22);
	}
	bed_run(b, 59990 * SG_MS);
	assert_int_equal(peer_state(&p), TCP_TIME_WAIT);
	bed_run(b, 20 * SG_MS);
	assert_int_equal(peer_state(&p), TCP_CLOSED);
	bed_end(b);
}

/* What else may come: is it answered, and is the pair still there? (tcp_timewait_state_process) */
static void test_segments(void **state)
{
	static const struct {
		__u8 flags;
		__s32 off;
		__u32 len;
		__s32 ts; /* against the last one */
		__u32 rfc1337;
		unsigned sent;
		enum tcp_state then;
		bool restarts;
	} rows[] = {
		{SG_ACK, 0, 0, 0, 0, 0, TCP_TIME_WAIT, true},
		{SG_ACK, -100, 50, 0, 0, 1, TCP_TIME_WAIT, true}, /* old duplicate */
		{SG_ACK, 0, 50, 0, 0, 1, TCP_TIME_WAIT, true},	  /* data: never delivered */
		{SG_ACK, 100, 50, 0, 0, 1, TCP_TIME_WAIT, true},
		{SG_ACK, 0, 0, -1, 0, 1, TCP_TIME_WAIT, true}, /* PAWS */
		{SG_RST, 0, 0, 0, 0, 0, TCP_CLOSED, false},    /* assassinated */
		{SG_RST, 0, 0, 0, 1, 0, TCP_TIME_WAIT, false}, /* RFC 1337 */
		{SG_RST, 1, 0, 0, 0, 0, TCP_TIME_WAIT, false},
		{SG_RST, -1, 0, 0, 0, 0, TCP_TIME_WAIT, false},
		{SG_RST, 0, 0, -1, 0, 0, TCP_TIME_WAIT, false},
		{SG_SYN, -1000, 0, 0, 0, 1, TCP_TIME_WAIT, false}, /* an old SYN: ACK */
		{SG_SYN, 1000, 0, -1, 0, 1, TCP_TIME_WAIT, true},
		{SG_SYN, 0, 0, 0, 0, 1, TCP_TIME_WAIT, false},
		{SG_SYN | SG_ACK, 1000, 0, 1, 0, 1, TCP_TIME_WAIT, true},
	};

	(void)state;
	for (unsigned i = 0; i < SG_ARRAY_SIZE(rows); i++) {
		struct peer p;
		struct bed *b = open_in(&p);

		b->set.tcp_rfc1337 = rows[i].rfc1337;
		bed_run(b, 30 * SG_SEC);
		p.tsval += (__u32)rows[i].ts;
		peer_send_at(&p, rows[i].off, rows[i].flags, bytes(0, rows[i].len), rows[i].len);
		assert_int_equal(peer_state(&p), rows[i].then);
		assert_int_equal(b->n, rows[i].sent);
		if (rows[i].sent)
			assert_sent(&p, 0, SG_ACK, 1, 1, 0);
		bed_run(b, 31 * SG_SEC);
		assert_int_equal(peer_state(&p), rows[i].restarts ? TCP_TIME_WAIT : TCP_CLOSED);
		assert_int_equal(b->s[0]->conns.used, 0);
		bed_end(b);
	}
}

/* What carries nothing, or a SYN, is answered once in tcp_invalid_ratelimit ms; the rest always. */
static void test_answers_are_limited(void **state)
{
	struct peer p;
	struct bed *b = open_in(&p);

	(void)state;
	b->set.tcp_challenge_ack_limit = 0; /* another matter */
	peer_send_at(&p, 5, SG_ACK, NULL, 0);
	assert_int_equal(b->n, 1);
	bed_run(b, 450 * SG_MS);
	peer_send_at(&p, 5, SG_ACK, NULL, 0);
	assert_int_equal(b->n, 0);
	peer_send_at(&p, -1000, SG_SYN, NULL, 0);
	assert_int_equal(b->n, 0);
	assert_int_equal(b->mib[0].TCPACKSkippedTimeWait, 2);
	for (int i = 0; i < 3; i++) {
		peer_send_at(&p, 0, SG_ACK, bytes(0, 50), 50);
		assert_int_equal(b->n, 1);
		peer_send_at(&p, -1, SG_ACK | SG_FIN, NULL, 0);
		assert_int_equal(b->n, 1);
	}
	bed_run(b, 70 * SG_MS);
	peer_send_at(&p, 5, SG_ACK, NULL, 0);
	assert_int_equal(b->n, 1);
	assert_int_equal(b->mib[0].TCPACKSkippedTimeWait, 2);
	bed_end(b);
}

/* Four seconds or less is a wait that Linux counts as cut short. */
static void test_short_waits_are_counted_apart(void **state)
{
	struct bed *b = bed_listening(1, 8);
	struct peer p;

	(void)state;
	for (__u16 i = 1; i <= 2; i++) {
		b->set.timewait_ms = 3999 + i;
		peer_init(&p, b, (__u8)i);
		conn_in(&p, TCP_FIN_WAIT_1);
		p.ack = seq_add(p.ack, 1);
		peer_send(&p, SG_FIN | SG_ACK, NULL, 0);
		assert_int_equal(peer_state(&p), TCP_TIME_WAIT);
	}
	assert_int_equal(b->mib[0].TWKilled, 1);
	assert_int_equal(b->mib[0].TW, 1);
	bed_end(b);
}

/* tcp_max_tw_buckets is one limit, however many workers there are. */
static void test_limit_over_workers(void **state)
{
	struct bed *b = bed_listening(2, 8);
	struct peer p[3];

	(void)state;
	b->set.tcp_max_tw_buckets = 2;
	for (__u32 i = 0; i < 3; i++) {
		peer_init(&p[i], b, (__u8)(i + 1));
		p[i].w = i % 2;
		conn_in(&p[i], TCP_FIN_WAIT_2);
		peer_send(&p[i], SG_FIN | SG_ACK, NULL, 0);
	}
	assert_int_equal(b->timewaits, 2);
	assert_int_equal(b->mib[0].TCPTimeWaitOverflow + b->mib[1].TCPTimeWaitOverflow, 1);
	assert_int_equal(peer_state(&p[2]), TCP_CLOSED);
	bed_run(b, 61 * SG_SEC);
	assert_int_equal(b->timewaits, 0);
	bed_end(b);
}

/* A SYN with a FIN ends the wait, as in Linux, and opens nothing. */
static void test_syn_with_fin(void **state)
{
	struct peer p;
	struct bed *b = open_in(&p);

	(void)state;
	peer_send_at(&p, 1000, SG_SYN | SG_FIN, NULL, 0);
	assert_int_equal(b->n, 0);
	assert_int_equal(peer_state(&p), TCP_CLOSED);
	assert_int_equal(b->mib[0].ListenDrops, 0);
	bed_empty(b);
	bed_end(b);
}

/* --- limits ---------------------------------------------------------------------------- */

static void test_max_tw_buckets(void **state)
{
	struct bed *b = bed_listening(1, 8);
	struct peer p[4];

	(void)state;
	b->set.tcp_max_tw_buckets = 2;
	for (unsigned i = 0; i < 3; i++) {
		peer_init(&p[i], b, (__u8)i);
		conn_in(&p[i], TCP_FIN_WAIT_2);
		peer_send(&p[i], SG_FIN | SG_ACK, NULL, 0);
		assert_int_equal(b->n, 1); /* the ACK goes out in any case */
		assert_int_equal(peer_state(&p[i]), i < 2 ? TCP_TIME_WAIT : TCP_CLOSED);
	}
	assert_int_equal(b->mib[0].TCPTimeWaitOverflow, 1);
	assert_int_equal(sg_flow_owner(&b->cfg[0].flows, peer_hash(&p[2]).table, &p[2].tuple),
			 -ENOENT);
	bed_end(b);
}

/* They may not fill the flow table: who connects needs a place in it. */
static void test_flow_table_share(void **state)
{
	const __u32 others = BED_BUCKETS * SG_BUCKET_ENTRIES / 4 * 3 - 2;
	struct bed *b = bed_listening(1, 8);
	struct peer p[3];

	(void)state;
	b->timewaits = others; /* another worker's */
	for (unsigned i = 0; i < SG_ARRAY_SIZE(p); i++) {
		peer_init(&p[i], b, (__u8)i);
		conn_in(&p[i], TCP_FIN_WAIT_2);
		peer_send(&p[i], SG_FIN | SG_ACK, NULL, 0);
		assert_int_equal(peer_state(&p[i]), i < 2 ? TCP_TIME_WAIT : TCP_CLOSED);
	}
	assert_int_equal(b->mib[0].TCPTimeWaitOverflow, 1);
	b->timewaits -= others;
	bed_end(b);
}

static void test_pool_is_full(void **state)
{
	struct bed *b = bed_listening(1, 8);
	struct peer p[BED_TIMEWAITS + 2];
	unsigned in_timewait = 0;

	(void)state;
	for (unsigned i = 0; i < SG_ARRAY_SIZE(p); i++) {
		peer_init(&p[i], b, (__u8)i);
		conn_in(&p[i], TCP_FIN_WAIT_2);
		peer_send(&p[i], SG_FIN | SG_ACK, NULL, 0);
	}
	for (unsigned i = 0; i < SG_ARRAY_SIZE(p); i++)
		in_timewait += peer_state(&p[i]) == TCP_TIME_WAIT;
	assert_int_equal(in_timewait, BED_TIMEWAITS);
	assert_int_equal(b->mib[0].TCPTimeWaitOverflow, 2);
	bed_end(b);
}

/* They end in the order in which their time began last. */
static void test_order_of_expiry(void **state)
{
	struct bed *b = bed_listening(1, 8);
	struct peer p[3];

	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		peer_init(&p[i], b, (__u8)i);
		conn_in(&p[i], TCP_TIME_WAIT);
		bed_run(b, 10 * SG_SEC);
	}
	peer_send_at(&p[1], -1, SG_FIN | SG_ACK, NULL, 0); /* at 30 s: until 90 s */
	bed_run(b, 31 * SG_SEC);			   /* 61 s */
	assert_int_equal(peer_state(&p[0]), TCP_CLOSED);
	assert_int_equal(peer_state(&p[1]), TCP_TIME_WAIT);
	assert_int_equal(peer_state(&p[2]), TCP_TIME_WAIT);
	bed_run(b, 20 * SG_SEC); /* 81 s */
	assert_int_equal(peer_state(&p[1]), TCP_TIME_WAIT);
	assert_int_equal(peer_state(&p[2]), TCP_CLOSED);
	bed_run(b, 10 * SG_SEC);
	assert_int_equal(peer_state(&p[1]), TCP_CLOSED);
	bed_end(b);
}

/* timewait_ms changed under way counts for those that wait already. */
static void test_two_msl_changes(void **state)
{
	struct bed *b = bed_listening(1, 8);
	struct tcp_facts f;
	__u64 cursor = 0;
	struct peer p;

	(void)state;
	peer_init(&p, b, 1);
	conn_in(&p, TCP_TIME_WAIT);
	bed_run(b, 10 * SG_SEC);
	b->set.timewait_ms = 12000;
	assert_true(tcp_each(b->s[0], &cursor, b->now, &f));
	assert_in_range(f.timer_ms, 1900, 2000);
	bed_run(b, 1900 * SG_MS);
	assert_int_equal(peer_state(&p), TCP_TIME_WAIT);
	b->set.timewait_ms = 20000;
	bed_run(b, 8 * SG_SEC);
	assert_int_equal(peer_state(&p), TCP_TIME_WAIT);
	b->set.timewait_ms = 1000;
	bed_run(b, SG_MS);
	assert_int_equal(peer_state(&p), TCP_CLOSED);
	bed_end(b);
}

/* Milliseconds wrap after 49 days. */
static void test_clock_wraps(void **state)
{
	struct bed *b = bed_listening(1, 8);
	struct peer p;

	(void)state;
	b->now = (1ULL << 32) * SG_MS - 30 * SG_SEC;
	peer_init(&p, b, 1);
	conn_in(&p, TCP_TIME_WAIT);
	bed_run(b, 59980 * SG_MS);
	assert_int_equal(peer_state(&p), TCP_TIME_WAIT);
	bed_run(b, 30 * SG_MS);
	assert_int_equal(peer_state(&p), TCP_CLOSED);
	bed_end(b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_two_msl),
		cmocka_unit_test(test_fin_again),
		cmocka_unit_test(test_segments),
		cmocka_unit_test(test_answers_are_limited),
		cmocka_unit_test(test_short_waits_are_counted_apart),
		cmocka_unit_test(test_limit_over_workers),
		cmocka_unit_test(test_syn_with_fin),
		cmocka_unit_test(test_max_tw_buckets),
		cmocka_unit_test(test_flow_table_share),
		cmocka_unit_test(test_pool_is_full),
		cmocka_unit_test(test_order_of_expiry),
		cmocka_unit_test(test_two_msl_changes),
		cmocka_unit_test(test_clock_wraps),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
