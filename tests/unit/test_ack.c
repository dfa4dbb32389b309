/* SPDX-License-Identifier: BSD-2-Clause */
/* user/tcp/ack.c: what an acknowledgment does. */
#include "harness.h"

#define MSS 1448

static struct bed *open_as(struct peer *p, __u32 len, bool sack)
{
	struct bed *b = bed_listening(1, 8);

	peer_init(p, b, 1);
	b->set.tcp_congestion_control = SG_CC_RENO;
	p->syn.sack_ok = sack;
	conn_in(p, TCP_ESTABLISHED);
	bed_drain_events(b);
	tcp_set_opt(b->s[0], p->id, TCP_OPT_NODELAY, 1, 0);
	if (len)
		assert_int_equal(tcp_send(b->s[0], p->id, bytes(0, len), len, b->now), len);
	b->n = 0;
	bed_output(b);
	return b;
}

static struct bed *open_with(struct peer *p, __u32 len)
{
	return open_as(p, len, true);
}

/* An ACK of `bytes_in` more bytes than the handshake's. */
static void ack_to(struct peer *p, __u32 bytes_in)
{
	p->ack = seq_add(p->iss, 1 + bytes_in);
	peer_send(p, SG_ACK, NULL, 0);
}

static struct tcp_facts facts(const struct peer *p)
{
	struct tcp_facts f;

	assert_int_equal(tcp_info(p->b->s[0], p->id, p->b->now, &f), 0);
	return f;
}

/* RFC 5961 5.2: what is never sent, or long ago, is challenged and its data is not taken. */
static void test_acceptable(void **state)
{
	static const struct {
		__s64 ack; /* from snd_una; 3000 bytes are out */
		bool taken;
		bool challenged;
	} rows[] = {
		{0, true, false},
		{3000, true, false},
		{3001, false, true},
		{1LL << 30, false, true},
		{-1, true, false},
		{-((__s64)65535 << 7), true, false},
		{-((__s64)65535 << 7) - 1, false, true},
		{-(1LL << 30), false, true},
	};

	(void)state;
	for (unsigned i = 0; i < SG_ARRAY_SIZE(rows); i++) {
		struct peer p;
		struct bed *b = open_with(&p, 3000);
		struct seg s = peer_seg(&p, SG_ACK, bytes(0, 10), 10);

		peer_conn(&p)->bytes_out += 1ULL << 40; /* a long life */
		s.ack = seq_add(p.ack, (__u32)rows[i].ack);
		bed_input(b, 0, &s);
		assert_int_equal(peer_conn(&p)->rcv.len, rows[i].taken ? 10 : 0);
		assert_int_equal(b->mib[0].TCPChallengeACK, rows[i].challenged);
		assert_int_equal(b->n, 1);
		assert_sent(&p, 0, SG_ACK, 3000, rows[i].taken ? 10 : 0, 0);
		assert_int_equal(facts(&p).send_q, rows[i].ack == 3000 ? 0 : 3000);
		bed_end(b);
	}
}

/* Nobody can have acknowledged what came before the first byte (Linux's bytes_acked). */
static void test_older_than_the_connection(void **state)
{
	static const struct {
		__s32 ack; /* from snd_una, with 1000 bytes acknowledged */
		bool taken;
	} rows[] = {{-1, true}, {-1000, true}, {-1001, false}, {-60000, false}};

	(void)state;
	for (unsigned i = 0; i < SG_ARRAY_SIZE(rows); i++) {
		struct peer p;
		struct bed *b = open_with(&p, 3000);
		struct seg s;

		ack_to(&p, 1000);
		s = peer_seg(&p, SG_ACK, bytes(0, 10), 10);
		s.ack = seq_add(p.iss, 1001 + (__u32)rows[i].ack);
		bed_input(b, 0, &s);
		assert_int_equal(peer_conn(&p)->rcv.len, rows[i].taken ? 10 : 0);
		assert_int_equal(b->mib[0].TCPChallengeACK, !rows[i].taken);
		bed_end(b);
	}
}

/* In the middle of a segment: the rest stays, and is what a timeout sends. */
static void test_part_of_a_segment(void **state)
{
	struct peer p;
	struct bed *b = open_with(&p, 2 * MSS);

	(void)state;
	ack_to(&p, 1000);
	assert_int_equal(facts(&p).send_q, 2 * MSS - 1000);
	bed_run(b, 300 * SG_MS);
	assert_int_equal(b->n, 1);
	assert_sent(&p, 0, SG_ACK, 1000, 0, MSS);
	assert_memory_equal(b->sent[0].data, bytes(1000, MSS), MSS);
	bed_end(b);
}

static void test_timer(void **state)
{
	struct peer p;
	struct bed *b = open_with(&p, 2 * MSS);
	sg_time first = peer_conn(&p)->rexmit_at;

	(void)state;
	assert_true(first > b->now && first != SG_NEVER);
	b->now += 100 * SG_MS;
	ack_to(&p, MSS); /* RFC 6298 5.3: restarted */
	assert_true(peer_conn(&p)->rexmit_at > first);
	ack_to(&p, 2 * MSS); /* 5.2: nothing is out any more */
	assert_true(peer_conn(&p)->rexmit_at == SG_NEVER);
	bed_end(b);
}

/* --- windows --------------------------------------------------------------------------- */

/* SND.WL1 and SND.WL2: an older segment does not bring back an older window. */
static void test_window_updates(void **state)
{
	struct peer p;
	struct bed *b = open_with(&p, 3000);
	struct seg s;

	(void)state;
	peer_send(&p, SG_ACK, bytes(0, 10), 10);
	assert_int_equal(facts(&p).snd_wnd, 65535 << 7);
	p.wnd = 100;
	peer_send(&p, SG_ACK, bytes(0, 10), 10); /* newer sequence number */
	assert_int_equal(facts(&p).snd_wnd, 100 << 7);
	s = peer_seg(&p, SG_ACK, NULL, 0);
	s.wnd = 300;
	s.seq = seq_add(p.nxt, (__u32)-10);
	bed_input(b, 0, &s); /* older */
	assert_int_equal(facts(&p).snd_wnd, 100 << 7);
	p.wnd = 200;
	ack_to(&p, 1000); /* the same sequence number, newer acknowledgment */
	assert_int_equal(facts(&p).snd_wnd, 200 << 7);
	s = peer_seg(&p, SG_ACK, NULL, 0);
	s.wnd = 400;
	s.ack = seq_add(p.ack, (__u32)-10);
	bed_input(b, 0, &s); /* older */
	assert_int_equal(facts(&p).snd_wnd, 200 << 7);
	bed_end(b);
}

/* --- duplicates ------------------------------------------------------------------------ */

static void test_what_is_a_duplicate(void **state)
{
	static const struct {
		__u32 out; /* bytes that are out */
		__u8 flags;
		__u32 len;
		__u16 wnd;
		__s32 sack; /* right edge of a block, from snd_una; 0: none */
		bool duplicate;
	} rows[] = {
		{3000, SG_ACK, 0, 65535, 0, true},
		{0, SG_ACK, 0, 65535, 0, false},
		{3000, SG_ACK, 10, 65535, 0, false},
		{3000, SG_ACK | SG_FIN, 0, 65535, 0, false},
		{3000, SG_ACK, 0, 65534, 0, false},
		{3000, SG_ACK, 0, 65534, 2000, true},  /* RFC 6675: the block tells */
		{3000, SG_ACK, 0, 65534, -100, false}, /* D-SACK: of what is acknowledged */
	};

	(void)state;
	for (unsigned i = 0; i < SG_ARRAY_SIZE(rows); i++) {
		struct peer p;
		struct bed *b = open_with(&p, rows[i].out);
		struct seg s = peer_seg(&p, rows[i].flags, bytes(0, 10), rows[i].len);

		s.wnd = rows[i].wnd;
		if (rows[i].sack) {
			s.opt.nsack = 1;
			s.sack[0].right = seq_add(p.ack, (__u32)rows[i].sack);
			s.sack[0].left = seq_add(s.sack[0].right, (__u32)-50);
		}
		bed_input(b, 0, &s);
		assert_int_equal(b->mib[0].TCPDupAcksIn, rows[i].duplicate);
		bed_end(b);
	}
}

/* --- FIN ------------------------------------------------------------------------------- */

static void test_ack_of_data_is_not_of_the_fin(void **state)
{
	struct peer p;
	struct bed *b = open_with(&p, 1000);

	(void)state;
	tcp_close(b->s[0], p.id, b->now);
	b->n = 0;
	bed_output(b);
	assert_sent(&p, 0, SG_FIN | SG_ACK, 1000, 0, 0);
	ack_to(&p, 1000);
	assert_int_equal(peer_state(&p), TCP_FIN_WAIT_1);
	assert_true(peer_conn(&p)->rexmit_at != SG_NEVER);
	ack_to(&p, 1001);
	assert_int_equal(peer_state(&p), TCP_FIN_WAIT_2);
	assert_true(peer_conn(&p)->rexmit_at == SG_NEVER);
	bed_end(b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_acceptable),
		cmocka_unit_test(test_older_than_the_connection),
		cmocka_unit_test(test_part_of_a_segment),
		cmocka_unit_test(test_timer),
		cmocka_unit_test(test_window_updates),
		cmocka_unit_test(test_what_is_a_duplicate),
		cmocka_unit_test(test_ack_of_data_is_not_of_the_fin),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
