/* SPDX-License-Identifier: BSD-2-Clause */
/* user/tcp/output.c: what may be sent when, and that nothing is lost at a full ring. */
#include "harness.h"

#define MSS 1448

static struct bed *open_in(struct peer *p, enum tcp_state st)
{
	struct bed *b = bed_listening(1, 8);

	peer_init(p, b, 1);
	conn_in(p, st);
	bed_drain_events(b);
	b->n = 0;
	return b;
}

static void put(struct peer *p, __u32 from, __u32 len)
{
	assert_int_equal(tcp_send(p->b->s[p->w], p->id, bytes(from, len), len, p->b->now), len);
	p->b->n = 0;
	bed_output(p->b);
}

static void test_segments_carry_the_bytes(void **state)
{
	struct peer p;
	struct bed *b = open_in(&p, TCP_ESTABLISHED);

	(void)state;
	tcp_set_opt(b->s[0], p.id, TCP_OPT_NODELAY, 1, 0);
	put(&p, 0, 10000); /* over chunk ends: two pieces a segment */
	assert_int_equal(b->n, 7);
	for (unsigned i = 0; i < 7; i++) {
		__u32 len = i < 6 ? MSS : 10000 - 6 * MSS;

		assert_sent(&p, i, i < 6 ? SG_ACK : SG_ACK | SG_PSH, (int)i * MSS, 0, len);
		assert_memory_equal(b->sent[i].data, bytes(i * MSS, len), len);
		assert_int_equal(b->sent[i].s.opt.tsecr, p.tsval);
		assert_memory_equal(b->sent[i].s.mac, "\x22\x22\x22\x22\x22\x22", 6);
	}
	bed_end(b);
}

/* --- Nagle, RFC 9293 3.7.4, and the sender's silly window ------------------------------ */

static void test_nagle(void **state)
{
	struct peer p;
	struct bed *b = open_in(&p, TCP_ESTABLISHED);

	(void)state;
	put(&p, 0, 10); /* nothing is out: goes */
	assert_int_equal(b->n, 1);
	put(&p, 10, 10);
	put(&p, 20, 10);
	assert_int_equal(b->n, 0);
	peer_ack(&p);
	b->n = 1;
	peer_take(&p);
	put(&p, 30, 10);
	assert_int_equal(b->n, 0);
	bed_end(b);
}

static void test_nagle_fills_a_segment(void **state)
{
	struct peer p;
	struct bed *b = open_in(&p, TCP_ESTABLISHED);

	(void)state;
	put(&p, 0, 10);
	put(&p, 10, MSS + 5);
	assert_int_equal(b->n, 1);
	assert_sent(&p, 0, SG_ACK, 10, 0, MSS);
	peer_take(&p);
	b->n = 0;
	p.ack = seq_add(p.iss, 1 + 10);
	peer_send(&p, SG_ACK, NULL, 0); /* the first is acknowledged, the second is not */
	assert_int_equal(b->n, 0);
	p.ack = seq_add(p.iss, 1 + 10 + MSS);
	peer_send(&p, SG_ACK, NULL, 0);
	assert_int_equal(b->n, 1);
	assert_sent(&p, 0, SG_ACK | SG_PSH, 10 + MSS, 0, 5);
	bed_end(b);
}

static void test_nodelay(void **state)
{
	struct peer p;
	struct bed *b = open_in(&p, TCP_ESTABLISHED);

	(void)state;
	put(&p, 0, 10);
	put(&p, 10, 10);
	assert_int_equal(b->n, 0);
	tcp_set_opt(b->s[0], p.id, TCP_OPT_NODELAY, 1, 0);
	bed_output(b); /* also what waits already */
	assert_int_equal(b->n, 1);
	put(&p, 20, 10);
	assert_int_equal(b->n, 1);
	tcp_set_opt(b->s[0], p.id, TCP_OPT_NODELAY, 0, 0);
	put(&p, 30, 10);
	assert_int_equal(b->n, 0);
	bed_end(b);
}

/* The window opens by a little: not worth a segment, until the override timeout. */
static void test_silly_window(void **state)
{
	struct peer p;
	struct bed *b = open_in(&p, TCP_ESTABLISHED);

	(void)state;
	p.wnd = 0;
	peer_send(&p, SG_ACK, NULL, 0);
	put(&p, 0, 5000);
	assert_int_equal(b->n, 0);
	p.wnd = 1; /* 128 bytes */
	peer_send(&p, SG_ACK, NULL, 0);
	assert_int_equal(b->n, 0);
	bed_run(b, SG_SEC);
	assert_true(b->n >= 1);
	assert_sent(&p, 0, SG_ACK, 0, 0, 128);
	peer_take(&p);
	p.wnd = 1000;
	peer_send(&p, SG_ACK, NULL, 0);
	assert_sent(&p, 0, SG_ACK, 128, 0, MSS);
	bed_end(b);
}

/* --- windows --------------------------------------------------------------------------- */

/* Never a byte beyond what the peer offers, whatever it offers, and then all of it. */
static void test_never_beyond_the_window(void **state)
{
	struct peer p;
	struct bed *b = open_in(&p, TCP_ESTABLISHED);
	sg_seq edge;
	__u64 rng = 7;
	__u32 got = 0;

	(void)state;
	assert_int_equal(tcp_send(b->s[0], p.id, bytes(0, 60000), 60000, b->now), 60000);
	p.wnd = 20;
	edge = seq_add(p.ack, 20 << 7);
	peer_send(&p, SG_ACK, NULL, 0);
	while (got < 60000) {
		for (unsigned i = 0; i < b->n; i++)
			assert_false(seq_after(seq_add(b->sent[i].s.seq, b->sent[i].s.len), edge));
		got += peer_take(&p);
		rng = rng * 6364136223846793005ULL + 1;
		p.wnd = (__u16)(rng >> 60 ? rng >> 58 : 0);
		edge = seq_max(edge, seq_add(p.ack, (__u32)p.wnd << 7));
		peer_send(&p, SG_ACK, NULL, 0);
		if (b->n == 0)
			bed_run(b, 2 * SG_SEC);
		assert_true(b->now < 5000 * SG_SEC);
	}
	assert_int_equal(got, 60000);
	bed_end(b);
}

static void test_congestion_window(void **state)
{
	struct peer p;
	struct bed *b = open_in(&p, TCP_ESTABLISHED);

	(void)state;
	put(&p, 0, 60000);
	assert_int_equal(b->n, 10); /* RFC 6928 */
	p.ack = seq_add(p.ack, 2 * MSS);
	peer_send(&p, SG_ACK, NULL, 0); /* slow start: two for two, and two more */
	assert_int_equal(b->n, 4);
	bed_end(b);
}

/* RFC 3042: the first two duplicates let a new segment go each. */
static void test_limited_transmit(void **state)
{
	struct peer p;
	struct bed *b = bed_listening(1, 8);

	(void)state;
	peer_init(&p, b, 1);
	p.syn.sack_ok = 0;
	conn_in(&p, TCP_ESTABLISHED);
	put(&p, 0, 60000);
	assert_int_equal(b->n, 10);
	peer_send(&p, SG_ACK, NULL, 0);
	assert_int_equal(b->n, 1);
	assert_sent(&p, 0, SG_ACK, 10 * MSS, 0, MSS);
	peer_send(&p, SG_ACK, NULL, 0);
	assert_int_equal(b->n, 1);
	assert_sent(&p, 0, SG_ACK, 11 * MSS, 0, MSS);
	bed_end(b);
}

/* --- FIN ------------------------------------------------------------------------------- */

static void test_fin_rides_on_the_last_data(void **state)
{
	struct peer p;
	struct bed *b = open_in(&p, TCP_ESTABLISHED);

	(void)state;
	tcp_send(b->s[0], p.id, bytes(0, 2000), 2000, b->now);
	assert_int_equal(tcp_shutdown(b->s[0], p.id, b->now), 0);
	bed_output(b);
	assert_int_equal(b->n, 2);
	assert_sent(&p, 0, SG_ACK, 0, 0, MSS);
	assert_sent(&p, 1, SG_ACK | SG_PSH | SG_FIN, MSS, 0, 2000 - MSS);
	bed_end(b);
}

/* The window takes the data and not the FIN: that one waits, alone it goes. */
static void test_fin_counts_in_the_window(void **state)
{
	struct peer p;
	struct bed *b = open_in(&p, TCP_ESTABLISHED);

	(void)state;
	p.wnd = 1; /* 128 bytes */
	peer_send(&p, SG_ACK, NULL, 0);
	tcp_send(b->s[0], p.id, bytes(0, 128), 128, b->now);
	tcp_close(b->s[0], p.id, b->now);
	b->n = 0;
	bed_output(b);
	assert_int_equal(b->n, 1);
	assert_sent(&p, 0, SG_ACK | SG_PSH, 0, 0, 128);
	peer_take(&p);
	p.wnd = 0;
	peer_send(&p, SG_ACK, NULL, 0); /* shut; but a bare FIN takes no buffer */
	assert_int_equal(b->n, 1);
	assert_sent(&p, 0, SG_ACK | SG_FIN, 128, 0, 0);
	bed_end(b);
}

/* --- a full ring delays and never loses ------------------------------------------------ */

static unsigned output_some(struct bed *b, unsigned max)
{
	struct seg room[8];
	struct actions a = {0, max, room};

	tcp_output(b->s[0], b->now, &a);
	bed_keep(b, &a);
	bed_check(b);
	return a.n;
}

static void test_one_at_a_time(void **state)
{
	struct peer p;
	struct bed *b = open_in(&p, TCP_ESTABLISHED);

	(void)state;
	tcp_send(b->s[0], p.id, bytes(0, 5000), 5000, b->now);
	tcp_shutdown(b->s[0], p.id, b->now);
	assert_int_equal(output_some(b, 0), 0);
	for (int i = 0; i < 4; i++) {
		assert_true(tcp_deadline(b->s[0]) <= b->now);
		assert_int_equal(output_some(b, 1), 1);
	}
	assert_int_equal(output_some(b, 1), 0);
	assert_true(tcp_deadline(b->s[0]) > b->now);
	for (unsigned i = 0; i < 4; i++) {
		assert_int_equal(seq_diff(b->sent[i].s.seq, seq_add(p.iss, 1)), (int)i * MSS);
		assert_int_equal(!!(b->sent[i].s.flags & SG_FIN), i == 3);
	}
	bed_end(b);
}

/* ACKs, RSTs and probes wait for room too. */
static void test_answers_wait_for_room(void **state)
{
	struct bed *b = bed_listening(1, 8);
	struct peer p, q;
	struct seg s, none[ACTIONS_PER_INPUT];
	struct actions a = {0, ACTIONS_PER_INPUT, none};

	(void)state;
	peer_init(&p, b, 1);
	peer_init(&q, b, 2);
	conn_in(&p, TCP_ESTABLISHED);
	conn_in(&q, TCP_ESTABLISHED);
	b->n = 0;
	s = peer_seg(&p, SG_ACK, bytes(0, 10), 10);
	tcp_input(b->s[0], &s, b->now, &a);
	tcp_abort(b->s[0], q.id, b->now);
	assert_int_equal(a.n, 0);
	assert_int_equal(output_some(b, 0), 0);
	assert_int_equal(output_some(b, 1), 1);
	assert_int_equal(output_some(b, 1), 1);
	assert_int_equal(output_some(b, 1), 0);
	assert_sent(&p, 0, SG_ACK, 0, 10, 0);
	assert_sent(&q, 1, SG_RST | SG_ACK, 0, 0, 0);
	assert_int_equal(b->s[0]->conns.used, 1); /* only now is the block free */
	bed_end(b);
}

/* Two with much to send take turns. */
static void test_turns(void **state)
{
	struct bed *b = bed_listening(1, 8);
	struct peer p[2];
	unsigned n[2] = {0, 0};

	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		peer_init(&p[i], b, (__u8)i);
		conn_in(&p[i], TCP_ESTABLISHED);
		for (unsigned round = 0; round < 8; round++) { /* a big congestion window */
			put(&p[i], 0, 60000);
			while (b->n)
				peer_ack(&p[i]);
		}
	}
	for (unsigned i = 0; i < 2; i++)
		tcp_send(b->s[0], p[i].id, bytes(0, 60000), 60000, b->now);
	for (unsigned i = 0; i < 8; i++)
		output_some(b, 8);
	for (unsigned i = 0; i < b->n; i++)
		n[sg_tuple_eq(&b->sent[i].s.tuple, &p[1].tuple)]++;
	assert_int_equal(n[0] + n[1], 64);
	assert_int_equal(n[0], 32);
	bed_end(b);
}

/* --- numbers of segments without data -------------------------------------------------- */

/* A timeout takes snd_nxt back: an ACK still bears the highest number, or the peer ignores it. */
static void test_ack_during_go_back(void **state)
{
	struct peer p;
	struct bed *b = open_in(&p, TCP_ESTABLISHED);

	(void)state;
	put(&p, 0, 5 * MSS);
	bed_run(b, 300 * SG_MS);
	assert_int_equal(b->n, 1);
	assert_sent(&p, 0, SG_ACK, 0, 0, MSS);
	peer_send(&p, SG_ACK, bytes(0, 10), 10);
	assert_int_equal(b->n, 1);
	assert_sent(&p, 0, SG_ACK, 5 * MSS, 10, 0);
	tcp_recv(b->s[0], p.id, &(__u8[16]){0}, 16, b->now);
	tcp_abort(b->s[0], p.id, b->now);
	b->n = 0;
	bed_output(b);
	assert_sent(&p, 0, SG_RST | SG_ACK, 5 * MSS, 10, 0);
	bed_end(b);
}

/* The peer took window back: our number stays inside what is left, as Linux has it. */
static void test_ack_in_a_shrunken_window(void **state)
{
	struct peer p;
	struct bed *b = open_in(&p, TCP_ESTABLISHED);

	(void)state;
	put(&p, 0, 5 * MSS);
	p.wnd = 10; /* 1280 bytes */
	peer_send(&p, SG_ACK, NULL, 0);
	peer_send(&p, SG_ACK, bytes(0, 10), 10);
	assert_sent(&p, 0, SG_ACK, 1280, 10, 0);
	bed_end(b);
}

/* --- memory ---------------------------------------------------------------------------- */

static void test_send_buffer(void **state)
{
	struct peer p;
	struct bed *b = open_in(&p, TCP_ESTABLISHED);
	struct iovec iov[2];

	(void)state;
	b->set.tcp_wmem = 30000;
	p.wnd = 0;
	peer_send(&p, SG_ACK, NULL, 0);
	assert_int_equal(tcp_send(b->s[0], p.id, bytes(0, 40000), 40000, b->now), 30000);
	assert_int_equal(tcp_send(b->s[0], p.id, "x", 1, b->now), -EAGAIN);
	p.wnd = 65535;
	b->n = 0;
	peer_send(&p, SG_ACK, NULL, 0);
	assert_int_equal(events_of(b, 0, p.id), 0);
	p.ack = seq_add(p.ack, 9 * MSS);
	peer_send(&p, SG_ACK, NULL, 0);
	assert_int_equal(events_of(b, 0, p.id), TCP_EV_WRITE); /* a third is free */
	assert_int_equal(events_of(b, 0, p.id), 0);
	assert_true(tcp_send_room(b->s[0], p.id, iov, 2) > 0);
	bed_end(b);
}

/* Room that was asked for and not used is given back. */
static void test_unused_room(void **state)
{
	struct peer p;
	struct bed *b = open_in(&p, TCP_ESTABLISHED);
	struct iovec iov[8];

	(void)state;
	assert_int_equal(tcp_send_room(b->s[0], p.id, iov, 8), 8);
	assert_true(b->s[0]->chunks.used >= 8);
	assert_int_equal(tcp_send_done(b->s[0], p.id, 0, b->now), 0);
	assert_int_equal(b->s[0]->chunks.used, 0);
	assert_int_equal(tcp_send_room(b->s[0], p.id, iov, 8), 8);
	memset(iov[0].iov_base, 'x', 5);
	assert_int_equal(tcp_send_done(b->s[0], p.id, 5, b->now), 0);
	assert_true(b->s[0]->chunks.used <= 2);
	bed_end(b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_segments_carry_the_bytes),
		cmocka_unit_test(test_nagle),
		cmocka_unit_test(test_nagle_fills_a_segment),
		cmocka_unit_test(test_nodelay),
		cmocka_unit_test(test_silly_window),
		cmocka_unit_test(test_never_beyond_the_window),
		cmocka_unit_test(test_congestion_window),
		cmocka_unit_test(test_limited_transmit),
		cmocka_unit_test(test_fin_rides_on_the_last_data),
		cmocka_unit_test(test_fin_counts_in_the_window),
		cmocka_unit_test(test_one_at_a_time),
		cmocka_unit_test(test_answers_wait_for_room),
		cmocka_unit_test(test_turns),
		cmocka_unit_test(test_ack_during_go_back),
		cmocka_unit_test(test_ack_in_a_shrunken_window),
		cmocka_unit_test(test_send_buffer),
		cmocka_unit_test(test_unused_room),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
