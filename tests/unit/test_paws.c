/* SPDX-License-Identifier: BSD-2-Clause */
/* Timestamps that arrive, RFC 7323: PAWS, and what is echoed. */
#include "harness.h"

static struct bed *open_in(struct peer *p, enum tcp_state state)
{
	struct bed *b = bed_listening(1, 8);

	peer_init(p, b, 1);
	conn_in(p, state);
	return b;
}

static void test_paws(void **state)
{
	struct bed *b = bed_listening(1, 8);
	struct peer p;

	(void)state;
	peer_init(&p, b, 1);
	p.tsval = 0xffffffd0;
	conn_in(&p, TCP_ESTABLISHED);
	p.tsval = 0xfffffff0; /* about to wrap: the signed difference counts */
	peer_send(&p, SG_ACK, bytes(0, 10), 10);
	assert_sent(&p, 0, SG_ACK, 0, 10, 0);
	assert_int_equal(b->sent[0].s.opt.tsecr, 0xfffffff0);
	p.tsval += 0x20;
	peer_send(&p, SG_ACK, bytes(10, 10), 10);
	assert_sent(&p, 0, SG_ACK, 0, 20, 0);
	assert_int_equal(b->sent[0].s.opt.tsecr, 0x10);
	p.tsval -= 1; /* older: an old duplicate, though in the window */
	peer_send_at(&p, 0, SG_ACK, bytes(20, 10), 10);
	assert_sent(&p, 0, SG_ACK, 0, 20, 0);
	assert_int_equal(b->mib[0].PAWSEstab, 1);
	peer_send_at(&p, 0, SG_RST, NULL, 0); /* a RST is not judged by its timestamp */
	assert_int_equal(peer_state(&p), TCP_CLOSED);
	bed_end(b);
}

/* After 24 days ts_recent is worth nothing (5.5). */
static void test_paws_after_24_days(void **state)
{
	struct peer p;
	struct bed *b = open_in(&p, TCP_ESTABLISHED);

	(void)state;
	b->now += 25 * 86400 * SG_SEC;
	p.tsval -= 100;
	peer_send(&p, SG_ACK, bytes(0, 10), 10);
	assert_sent(&p, 0, SG_ACK, 0, 10, 0);
	bed_end(b);
}

/* What is echoed is the stamp of the segment that made us acknowledge (4.3). */
static void test_timestamp_echoed(void **state)
{
	struct peer p;
	struct bed *b = open_in(&p, TCP_ESTABLISHED);
	__u32 first = p.tsval + 1;

	(void)state;
	p.tsval = first;
	peer_send_at(&p, 0, SG_ACK, bytes(0, 100), 100);
	p.tsval = first + 5;
	peer_send_at(&p, 200, SG_ACK, bytes(0, 100), 100); /* behind a gap: not its stamp */
	assert_int_equal(b->sent[0].s.opt.tsecr, first);
	p.tsval = first + 7;
	peer_send_at(&p, 100, SG_ACK, bytes(0, 100), 100);
	assert_int_equal(b->sent[0].s.opt.tsecr, first + 7);
	bed_end(b);
}

/* A clock that stood at 0 in the SYN has told nothing yet: nothing is older (tcp_paws_check). */
static void test_zero_tells_nothing(void **state)
{
	struct bed *b = bed_listening(1, 8);
	struct peer p;

	(void)state;
	peer_init(&p, b, 1);
	p.tsval = (__u32)-10;
	conn_in(&p, TCP_ESTABLISHED); /* the final ACK comes ten later, at 0 */
	assert_int_equal(peer_conn(&p)->ts_recent, 0);
	p.tsval = 0x80000005;
	peer_send(&p, SG_ACK, bytes(0, 10), 10);
	assert_sent(&p, 0, SG_ACK, 0, 10, 0);
	assert_int_equal(b->mib[0].PAWSEstab, 0);
	assert_int_equal(peer_conn(&p)->ts_recent, 0x80000005);
	bed_end(b);
}

/* A bare ACK that data overtook says nothing, and needs no answer (tcp_disordered_ack). */
static void test_overtaken(void **state)
{
	static const struct {
		__u32 older; /* ms; the RTO is 200 to 300 */
		__u8 flags;
		__s32 seq, ack;
		__u16 wnd;
		bool taken;
	} rows[] = {
		{1, SG_ACK, 0, 0, 65535, true},	  {200, SG_ACK, 0, 0, 65535, true},
		{200, SG_ACK, 0, 0, 65, true},	  {2000, SG_ACK, 0, 0, 65535, false},
		{1, SG_ACK, 1, 0, 65535, false},
		{1, SG_ACK, 0, -1, 65535, false}, {1, SG_ACK | SG_FIN, 0, 0, 65535, false},
	};

	(void)state;
	for (size_t i = 0; i < SG_ARRAY_SIZE(rows); i++) {
		struct peer p;
		struct bed *b = open_in(&p, TCP_ESTABLISHED);
		__u32 newest;
		struct seg s;

		p.tsval += 5000;
		newest = p.tsval;
		peer_send(&p, SG_ACK, bytes(0, 10), 10);
		p.tsval -= rows[i].older;
		s = peer_seg(&p, rows[i].flags, NULL, 0);
		s.seq = seq_add(s.seq, (__u32)rows[i].seq);
		s.ack = seq_add(s.ack, (__u32)rows[i].ack);
		s.wnd = rows[i].wnd;
		bed_input(b, 0, &s);
		if (b->n != !rows[i].taken || b->mib[0].PAWSEstab != !rows[i].taken)
			fail_msg("row %zu: %u answers", i, b->n);
		assert_int_equal(peer_conn(&p)->ts_recent, newest);
		bed_end(b);
	}
}

/* Older than what it acknowledges to have got: no answer at all (PAWSOldAck). */
static void test_overtaken_by_data(void **state)
{
	struct peer p;
	struct bed *b = open_in(&p, TCP_ESTABLISHED);

	(void)state;
	p.tsval += 5000;
	peer_send(&p, SG_ACK, bytes(0, 10), 10);
	p.tsval -= 5000;
	peer_send_at(&p, -10, SG_ACK, NULL, 0);
	assert_int_equal(b->n, 0);
	assert_int_equal(b->mib[0].PAWSOldAck, 1);
	assert_int_equal(b->mib[0].PAWSEstab, 0);
	bed_end(b);
}

/* What is challenged leaves no stamp: an attacker could shut the peer out with it. */
static void test_no_stamp_of_what_is_challenged(void **state)
{
	static const struct {
		__u8 flags;
		__s32 ack;
	} rows[] = {{SG_SYN, 0}, {SG_SYN | SG_ACK, 0}, {SG_ACK, 1}, {SG_ACK, -1000}, {SG_ACK, 1 << 30}};

	(void)state;
	for (size_t i = 0; i < SG_ARRAY_SIZE(rows); i++) {
		struct peer p;
		struct bed *b = open_in(&p, TCP_ESTABLISHED);
		__u32 recent = peer_conn(&p)->ts_recent;
		struct seg s;

		p.tsval += 1 << 30;
		s = peer_seg(&p, rows[i].flags, bytes(0, 10), 10);
		s.ack = seq_add(s.ack, (__u32)rows[i].ack);
		bed_input(b, 0, &s);
		assert_int_equal(peer_conn(&p)->ts_recent, recent);
		assert_int_equal(b->mib[0].TCPChallengeACK, 1);
		bed_end(b);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_paws),
		cmocka_unit_test(test_paws_after_24_days),
		cmocka_unit_test(test_timestamp_echoed),
		cmocka_unit_test(test_zero_tells_nothing),
		cmocka_unit_test(test_overtaken),
		cmocka_unit_test(test_overtaken_by_data),
		cmocka_unit_test(test_no_stamp_of_what_is_challenged),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
