/* SPDX-License-Identifier: BSD-2-Clause */
/* user/tcp/orphan.c: FIN_WAIT_2 that nobody has any more (tcp_timewait_state_process). */
#include "harness.h"

/* The peer has acknowledged our FIN, and the application has let go. */
static struct bed *open_orphan(struct peer *p)
{
	struct bed *b = bed_listening(1, 8);

	peer_init(p, b, 1);
	conn_in(p, TCP_FIN_WAIT_2);
	bed_drain_events(b);
	b->n = 0;
	return b;
}

enum { SILENT, ACKED, RESET };

static void test_segments(void **state)
{
	static const struct {
		__u8 flags;
		__s32 off;
		__u32 len;
		__s32 ts;
		int answer;
		enum tcp_state then;
	} rows[] = {
		{SG_ACK, 0, 0, 0, SILENT, TCP_FIN_WAIT_2},
		{SG_ACK, -1, 0, 0, ACKED, TCP_FIN_WAIT_2},
		{SG_ACK, 1, 0, 0, SILENT, TCP_FIN_WAIT_2},
		{SG_ACK, 0, 0, -5, ACKED, TCP_FIN_WAIT_2}, /* PAWS */
		{SG_ACK, -100, 50, 0, ACKED, TCP_FIN_WAIT_2},
		{SG_ACK, 1 << 30, 50, 0, ACKED, TCP_FIN_WAIT_2},
		{SG_ACK, 0, 50, 0, RESET, TCP_CLOSED},
		{SG_ACK, 100, 50, 0, RESET, TCP_CLOSED},
		{SG_ACK | SG_FIN, 0, 0, 0, ACKED, TCP_TIME_WAIT},
		{SG_ACK | SG_FIN, 0, 50, 0, RESET, TCP_CLOSED},
		{SG_ACK | SG_FIN, 100, 0, 0, RESET, TCP_CLOSED},
		{SG_RST, 0, 0, 0, SILENT, TCP_CLOSED},
		{SG_RST, 100, 0, 0, SILENT, TCP_CLOSED}, /* anywhere in the window */
		{SG_RST, -1, 0, 0, SILENT, TCP_FIN_WAIT_2},
		{SG_RST, 0, 0, -5, SILENT, TCP_FIN_WAIT_2},
		{SG_SYN, 0, 0, 0, RESET, TCP_CLOSED},
		{SG_SYN, -1000, 0, 0, ACKED, TCP_FIN_WAIT_2},
		{0, 0, 50, 0, SILENT, TCP_FIN_WAIT_2},
	};

	(void)state;
	for (unsigned i = 0; i < SG_ARRAY_SIZE(rows); i++) {
		struct peer p;
		struct bed *b = open_orphan(&p);

		p.tsval += (__u32)rows[i].ts;
		peer_send_at(&p, rows[i].off, rows[i].flags, bytes(0, rows[i].len), rows[i].len);
		assert_int_equal(b->n, rows[i].answer != SILENT);
		if (b->n)
			assert_int_equal(b->sent[0].s.flags & (SG_RST | SG_FIN),
					 rows[i].answer == RESET ? SG_RST : 0);
		assert_int_equal(peer_state(&p), rows[i].then);
		assert_int_equal(b->mib[0].TW, 1); /* TIME_WAIT after it is not counted again */
		bed_end(b);
	}
}

/* The ACK of our FIN comes with a FIN that is not the right one: it ends all the same. */
static void test_wrong_fin(void **state)
{
	struct bed *b = bed_listening(1, 8);
	struct peer p;

	(void)state;
	peer_init(&p, b, 1);
	conn_in(&p, TCP_FIN_WAIT_1);
	p.ack = seq_add(p.iss, 2);
	peer_send_at(&p, -1, SG_FIN | SG_ACK, NULL, 0);
	assert_int_equal(peer_state(&p), TCP_FIN_WAIT_2);
	bed_run(b, 61 * SG_SEC);
	assert_int_equal(peer_state(&p), TCP_CLOSED);
	bed_end(b);
}

static void test_answers_are_limited(void **state)
{
	struct bed *b = bed_listening(1, 8);
	struct peer p;

	(void)state;
	peer_init(&p, b, 1);
	conn_in(&p, TCP_FIN_WAIT_1);
	peer_send_at(&p, -1, SG_ACK, NULL, 0); /* the limit before does not count */
	assert_int_equal(b->n, 1);
	p.ack = seq_add(p.ack, 1);
	peer_ack(&p);
	assert_int_equal(peer_state(&p), TCP_FIN_WAIT_2);
	for (unsigned i = 0; i < 3; i++) {
		peer_send_at(&p, -1, SG_ACK, NULL, 0);
		assert_int_equal(b->n, i == 0);
		peer_send_at(&p, -100, SG_ACK, bytes(0, 50), 50);
		assert_int_equal(b->n, 1);
	}
	assert_int_equal(b->mib[0].TCPACKSkippedFinWait2, 2);
	bed_end(b);
}

/* Linux's tcp_fin_time: three and a half RTOs at least, for a FIN that was lost. */
static void test_not_shorter_than_the_rto_allows(void **state)
{
	struct bed *b = bed_listening(1, 8);
	struct peer p;

	(void)state;
	b->set.tcp_fin_timeout = 1;
	peer_init(&p, b, 1);
	conn_in(&p, TCP_ESTABLISHED);
	tcp_shutdown(b->s[0], p.id, b->now);
	bed_output(b);
	p.ack = seq_add(p.ack, 1);
	peer_ack(&p);
	peer_conn(&p)->rto = 2 * SG_SEC;
	tcp_close(b->s[0], p.id, b->now);
	bed_run(b, 6990 * SG_MS);
	assert_int_equal(peer_state(&p), TCP_FIN_WAIT_2);
	bed_run(b, 20 * SG_MS);
	assert_int_equal(peer_state(&p), TCP_CLOSED);
	assert_int_equal(b->mib[0].TW, 1);
	bed_empty(b);
	bed_end(b);
}

/* The segment that acknowledges the FIN of an orphan brings something. */
static void test_ack_of_the_fin_with_more(void **state)
{
	static const struct {
		__u8 flags;
		__u32 len;
		__s32 off;
		unsigned sent, aborted;
		enum tcp_state then;
	} rows[] = {
		{SG_ACK, 0, 0, 0, 0, TCP_FIN_WAIT_2},
		{SG_ACK, 50, -50, 0, 0, TCP_FIN_WAIT_2}, /* what was there already */
		{SG_ACK, 50, 0, 1, 1, TCP_CLOSED},
		{SG_ACK | SG_FIN, 50, 0, 1, 1, TCP_CLOSED},
		{SG_ACK | SG_FIN, 0, 100, 1, 1, TCP_CLOSED},
		{SG_ACK | SG_FIN, 0, 0, 1, 0, TCP_TIME_WAIT},
	};

	(void)state;
	for (unsigned i = 0; i < SG_ARRAY_SIZE(rows); i++) {
		struct bed *b = bed_listening(1, 8);
		struct peer p;

		peer_init(&p, b, 1);
		conn_in(&p, TCP_ESTABLISHED);
		tcp_close(b->s[0], p.id, b->now);
		bed_output(b);
		b->n = 0;
		p.ack = seq_add(p.ack, 1);
		peer_send_at(&p, rows[i].off, rows[i].flags, bytes(0, rows[i].len), rows[i].len);
		assert_int_equal(b->n, rows[i].sent);
		assert_int_equal(peer_state(&p), rows[i].then);
		assert_int_equal(b->mib[0].TCPAbortOnData, rows[i].aborted);
		if (rows[i].aborted)
			assert_int_equal(b->sent[0].s.flags, SG_RST);
		bed_end(b);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_segments),
		cmocka_unit_test(test_wrong_fin),
		cmocka_unit_test(test_answers_are_limited),
		cmocka_unit_test(test_not_shorter_than_the_rto_allows),
		cmocka_unit_test(test_ack_of_the_fin_with_more),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
