/* SPDX-License-Identifier: BSD-2-Clause */
/* D-SACK, RFC 2883: what came twice is told once, in the first block of the next ACK. */
#include "harness.h"

static struct peer p;

static struct bed *open_conn(bool sack)
{
	struct bed *b = bed_listening(1, 8);

	peer_init(&p, b, 1);
	p.syn.sack_ok = sack;
	conn_in(&p, TCP_ESTABLISHED);
	return b;
}

/* The ACK that was just sent: its blocks, from the first byte on. */
static void expect_blocks(unsigned n, const __s32 (*block)[2])
{
	const struct seg *a = &p.b->sent[0].s;

	assert_int_equal(p.b->n, 1);
	assert_int_equal(a->opt.nsack, n);
	for (unsigned i = 0; i < n; i++) {
		assert_int_equal(seq_diff(a->sack[i].left, seq_add(p.isn, 1)), block[i][0]);
		assert_int_equal(seq_diff(a->sack[i].right, seq_add(p.isn, 1)), block[i][1]);
	}
}

/* The peer is at 1000; each row is a segment, and the blocks of its answer. */
static void test_blocks(void **state)
{
	static const struct {
		__s32 at; /* from the first byte */
		__u32 len;
		unsigned n;
		__s32 block[4][2];
	} rows[] = {
		{0, 1000, 1, {{0, 1000}}},	/* all of it again */
		{100, 100, 1, {{100, 200}}},
		{900, 200, 1, {{900, 1000}}},	/* half of it new: 1100 is next */
		{1100, 100, 0, {{0}}},		/* nothing twice */
		{1500, 100, 1, {{1500, 1600}}}, /* a hole: the range itself */
		{1500, 100, 2, {{1500, 1600}, {1500, 1600}}},
		{1520, 10, 2, {{1520, 1530}, {1500, 1600}}},
		{1800, 100, 2, {{1800, 1900}, {1500, 1600}}},
		{0, 10, 3, {{0, 10}, {1800, 1900}, {1500, 1600}}},
		{2000, 100, 3, {{2000, 2100}, {1800, 1900}, {1500, 1600}}},
		{1300, 10, 3, {{1300, 1310}, {2000, 2100}, {1800, 1900}}},
		{0, 10, 3, {{0, 10}, {1300, 1310}, {2000, 2100}}}, /* three fit, with timestamps */
	};
	struct bed *b = open_conn(true);
	__u32 old = 0, ofo = 0;

	(void)state;
	peer_send(&p, SG_ACK, bytes(0, 1000), 1000);
	expect_blocks(0, NULL);
	for (size_t i = 0; i < SG_ARRAY_SIZE(rows); i++) {
		peer_send_at(&p, rows[i].at - 1000, SG_ACK, bytes((__u32)rows[i].at, rows[i].len),
			     rows[i].len);
		expect_blocks(rows[i].n, rows[i].block);
		old += i < 3 || rows[i].at == 0;
		ofo += i == 5 || i == 6;
		assert_int_equal(b->mib[0].TCPDSACKOldSent, old);
		assert_int_equal(b->mib[0].TCPDSACKOfoSent, ofo);
	}
	bed_end(b);
}

/* Told once: the next ACK is silent about it. */
static void test_once(void **state)
{
	static const __s32 again[1][2] = {{0, 100}};
	struct bed *b = open_conn(true);

	(void)state;
	peer_send(&p, SG_ACK, bytes(0, 100), 100);
	peer_send_at(&p, -100, SG_ACK, bytes(0, 100), 100);
	expect_blocks(1, again);
	peer_send(&p, SG_ACK, bytes(100, 100), 100);
	expect_blocks(0, NULL);
	bed_end(b);
}

/* Not to a peer that knows nothing of SACK, and no block for a bare segment. */
static void test_none(void **state)
{
	struct bed *b = open_conn(false);

	(void)state;
	peer_send(&p, SG_ACK, bytes(0, 100), 100);
	peer_send_at(&p, -100, SG_ACK, bytes(0, 100), 100);
	expect_blocks(0, NULL);
	assert_int_equal(b->mib[0].TCPDSACKOldSent, 0);
	bed_end(b);

	b = open_conn(true);
	peer_send_at(&p, -1, SG_ACK, NULL, 0); /* a keep-alive */
	expect_blocks(0, NULL);
	bed_end(b);
}

/* The FIN again: its place in the sequence is what came twice. */
static void test_fin_again(void **state)
{
	static const __s32 fin[1][2] = {{0, 1}};
	struct bed *b = open_conn(true);

	(void)state;
	peer_send(&p, SG_ACK | SG_FIN, NULL, 0);
	expect_blocks(0, NULL);
	peer_send_at(&p, -1, SG_ACK | SG_FIN, NULL, 0);
	expect_blocks(1, fin);
	bed_end(b);
}

/* What lies behind a hole and comes again in part: that part, as Linux joins it. */
static void test_overlaps(void **state)
{
	static const __s32 left[2][2] = {{150, 200}, {100, 300}};
	static const __s32 over[2][2] = {{100, 300}, {50, 400}};
	static const __s32 order[1][2] = {{50, 80}};
	struct bed *b = open_conn(true);

	(void)state;
	peer_send_at(&p, 100, SG_ACK, bytes(100, 100), 100);
	peer_send_at(&p, 150, SG_ACK, bytes(150, 150), 150);
	expect_blocks(2, left);
	peer_send_at(&p, 50, SG_ACK, bytes(50, 350), 350);
	expect_blocks(2, over);
	peer_send(&p, SG_ACK, bytes(0, 80), 80); /* in order, and over what is there */
	expect_blocks(1, order);
	bed_end(b);
}

/* A FIN behind a hole is told of, alone or with its data; and segments of ours have room for it. */
static void test_fin_behind_a_hole(void **state)
{
	static const __s32 alone[1][2] = {{100, 101}}, data[1][2] = {{50, 101}};
	struct bed *b = open_conn(true);

	(void)state;
	peer_send_at(&p, 100, SG_ACK | SG_FIN, NULL, 0);
	expect_blocks(1, alone);
	assert_int_equal(tcp_send(b->s[0], p.id, bytes(0, 3000), 3000, b->now), 3000);
	b->n = 0;
	bed_output(b);
	for (unsigned i = 0; i < b->n; i++)
		assert_true(b->sent[i].s.len + 12 + 4 + 8 * b->sent[i].s.opt.nsack <= BED_MSS);
	peer_send_at(&p, 50, SG_ACK, bytes(50, 50), 50);
	expect_blocks(1, data);
	bed_end(b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_blocks),
		cmocka_unit_test(test_once),
		cmocka_unit_test(test_none),
		cmocka_unit_test(test_fin_again),
		cmocka_unit_test(test_overlaps),
		cmocka_unit_test(test_fin_behind_a_hole),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
