/* SPDX-License-Identifier: BSD-2-Clause */
/* user/tcp/ecn.c: RFC 3168, agreed on, both directions. */
#include "harness.h"

#include "tcp/flight.h"

#define ASK (SG_ECE | SG_CWR)

static struct bed *open_asking(struct peer *p, __u8 asks, __u32 knob)
{
	struct bed *b = bed_listening(1, 8);

	peer_init(p, b, 1);
	b->set.tcp_ecn = knob;
	p->syn_flags = asks;
	conn_in(p, TCP_ESTABLISHED);
	bed_drain_events(b);
	b->n = 0;
	return b;
}

static bool agreed(const struct peer *p)
{
	return peer_conn(p)->flags & T_ECN;
}

/* Whoever asks gets it unless it is off; one bit alone is no question. */
static void test_passive(void **state)
{
	static const struct {
		__u8 asks;
		__u32 knob;
		bool agreed;
	} rows[] = {
		{ASK, 2, true}, {ASK, 1, true}, {ASK, 0, false}, {0, 2, false},
		{SG_ECE, 2, false}, {SG_CWR, 2, false},
	};

	(void)state;
	for (unsigned i = 0; i < SG_ARRAY_SIZE(rows); i++) {
		struct peer p;
		struct bed *b = open_asking(&p, rows[i].asks, rows[i].knob);

		assert_int_equal(agreed(&p), rows[i].agreed);
		bed_end(b);
	}
}

/* A SYN-ACK that comes again says the same. */
static void test_synack_again(void **state)
{
	struct bed *b = bed_listening(1, 8);
	struct seg room[SG_WAYS * BED_BUCKETS];
	struct actions a = {0, SG_ARRAY_SIZE(room), room};
	struct peer p;

	(void)state;
	peer_init(&p, b, 1);
	p.syn_flags = ASK;
	assert_int_equal(peer_syn(&p), SG_ADMIT_ENTRY);
	tcp_sweep_halfopen(b->s[0], 0, BED_BUCKETS, b->now + 1100 * SG_MS, &a);
	assert_int_equal(a.n, 1);
	assert_int_equal(room[0].flags, SG_SYN | SG_ACK | SG_ECE);
	bed_end(b);
}

/* Our own SYN asks once, and only with tcp_ecn = 1. */
static void test_active(void **state)
{
	static const struct {
		__u32 knob;
		__u8 answer;
		bool agreed;
	} rows[] = {{1, SG_ECE, true}, {1, 0, false}, {1, ASK, false}, {2, SG_ECE, false},
		    {0, SG_ECE, false}};

	(void)state;
	for (unsigned i = 0; i < SG_ARRAY_SIZE(rows); i++) {
		struct bed *b = bed_listening(1, 8);
		struct peer p;

		peer_init(&p, b, 1);
		b->set.tcp_ecn = rows[i].knob;
		peer_active(&p);
		assert_int_equal(b->sent[0].s.flags, rows[i].knob == 1 ? SG_SYN | ASK : SG_SYN);
		assert_int_equal(b->sent[0].s.ecn, 0); /* 6.1.1: a SYN is not capable */
		peer_send(&p, SG_SYN | SG_ACK | rows[i].answer, NULL, 0);
		assert_int_equal(peer_state(&p), TCP_ESTABLISHED);
		assert_int_equal(agreed(&p), rows[i].agreed);
		bed_end(b);
	}
}

/* Who drops SYNs that ask gets one that does not (6.1.1.1). */
static void test_fallback(void **state)
{
	struct bed *b = bed_listening(1, 8);
	struct peer p;

	(void)state;
	peer_init(&p, b, 1);
	b->set.tcp_ecn = 1;
	peer_active(&p);
	bed_run(b, 1100 * SG_MS);
	assert_int_equal(b->n, 1);
	assert_int_equal(b->sent[0].s.flags, SG_SYN);
	peer_send(&p, SG_SYN | SG_ACK | SG_ECE, NULL, 0);
	assert_false(agreed(&p));
	bed_end(b);
}

static int receive(struct peer *p, __u8 flags, __u8 ecn, __u32 len)
{
	struct seg s = peer_seg(p, SG_ACK | flags, bytes(0, len), len);

	s.ecn = ecn;
	p->nxt = seq_add(p->nxt, len);
	return bed_input(p->b, 0, &s);
}

/* A mark is echoed at once, and on every ACK until CWR. Without ECN, and on bare ACKs, never. */
static void test_receiver(void **state)
{
	struct peer p;
	struct bed *b = open_asking(&p, ASK, 2);

	(void)state;
	for (int i = 0; i < 20; i++)
		receive(&p, 0, 2, 10);
	assert_int_equal(b->n, 0); /* delayed by now */
	receive(&p, 0, 3, 0); /* a bare ACK with a mark is nothing */
	assert_int_equal(b->n, 0);
	receive(&p, 0, 3, 10);
	assert_int_equal(b->n, 1);
	assert_int_equal(b->sent[0].s.flags, SG_ACK | SG_ECE);
	assert_int_equal(b->sent[0].s.ecn, 0);
	assert_int_equal(b->mib[0].InCEPkts, 1);
	for (int i = 0; i < 3; i++) {
		receive(&p, 0, 2, 1448);
		receive(&p, 0, 2, 1448);
		assert_int_equal(b->sent[0].s.flags, SG_ACK | SG_ECE);
	}
	tcp_send(b->s[0], p.id, bytes(0, 10), 10, b->now);
	b->n = 0;
	bed_output(b);
	assert_int_equal(b->sent[0].s.flags, SG_ACK | SG_PSH | SG_ECE);
	receive(&p, SG_CWR, 2, 10);
	assert_int_equal(b->n, 1);
	assert_int_equal(b->sent[0].s.flags, SG_ACK);
	receive(&p, SG_CWR, 3, 10); /* a new one in the same segment */
	assert_int_equal(b->sent[0].s.flags, SG_ACK | SG_ECE);
	tcp_recv(b->s[0], p.id, (__u8[20000]){0}, 20000, b->now);
	bed_end(b);
}

static void test_not_agreed(void **state)
{
	struct peer p;
	struct bed *b = open_asking(&p, 0, 2);

	(void)state;
	receive(&p, 0, 3, 10);
	receive(&p, 0, 3, 10);
	assert_int_equal(b->sent[0].s.flags, SG_ACK);
	tcp_send(b->s[0], p.id, bytes(0, 10), 10, b->now);
	b->n = 0;
	bed_output(b);
	assert_int_equal(b->sent[0].s.ecn, 0);
	receive(&p, SG_ECE, 0, 0);
	assert_int_equal(peer_conn(&p)->ca, CA_OPEN);
	tcp_recv(b->s[0], p.id, (__u8[100]){0}, 100, b->now);
	bed_end(b);
}

/* New data is capable, what is sent again is not; an echo cuts once, and CWR tells of it. */
static void test_sender(void **state)
{
	struct peer p;
	struct bed *b = open_asking(&p, ASK, 2);
	__u32 cwnd;

	(void)state;
	b->set.tcp_congestion_control = SG_CC_CUBIC;
	tcp_send(b->s[0], p.id, bytes(0, 60000), 60000, b->now);
	bed_output(b);
	for (unsigned i = 0; i < b->n; i++) {
		assert_int_equal(b->sent[i].s.ecn, 2);
		assert_int_equal(b->sent[i].s.flags & (SG_CWR | SG_ECE), 0);
	}
	cwnd = peer_conn(&p)->cwnd;
	p.ack = seq_add(p.ack, 1448);
	peer_send(&p, SG_ACK | SG_ECE, NULL, 0);
	assert_int_equal(b->mib[0].EcnEchoes, 1);
	assert_int_equal(peer_conn(&p)->ca, CA_CWR);
	assert_int_equal(peer_conn(&p)->ssthresh, cwnd * 7 / 10);
	for (int i = 0; i < 6; i++) { /* the same round trip */
		p.ack = seq_add(p.ack, 1448);
		peer_send(&p, SG_ACK | SG_ECE, NULL, 0);
	}
	assert_int_equal(peer_conn(&p)->ssthresh, cwnd * 7 / 10);
	assert_true(b->n > 0);
	assert_int_equal(b->mib[0].RetransSegs, 0);
	bed_run(b, 300 * SG_MS); /* a timeout */
	assert_true(b->mib[0].RetransSegs > 0);
	for (unsigned i = 0; i < b->n; i++)
		assert_int_equal(b->sent[i].s.ecn, 0);
	bed_end(b);
}

/* RFC 3168 6.1.4, 6.1.6: nor are bare ACKs, probes of a shut window or of an idle peer. */
static void test_probes_are_not_capable(void **state)
{
	struct peer p;
	struct bed *b = open_asking(&p, ASK, 2);

	(void)state;
	p.wnd = 0;
	peer_send(&p, SG_ACK, NULL, 0);
	tcp_send(b->s[0], p.id, "x", 1, b->now);
	bed_run(b, 3 * SG_SEC);
	assert_true(b->n > 1 && b->mib[0].TCPWinProbe > 1);
	for (unsigned i = 0; i < b->n; i++)
		assert_int_equal(b->sent[i].s.ecn, 0);
	p.wnd = 100;
	peer_send(&p, SG_ACK, NULL, 0);
	assert_int_equal(b->n, 1); /* the byte itself, which was never sent */
	assert_int_equal(b->sent[0].s.ecn, 2);
	peer_ack(&p);
	tcp_set_opt(b->s[0], p.id, TCP_OPT_KEEPIDLE, 1, b->now);
	tcp_set_opt(b->s[0], p.id, TCP_OPT_KEEPALIVE, 1, b->now);
	bed_run(b, 1100 * SG_MS);
	assert_int_equal(b->n, 1);
	assert_int_equal(b->sent[0].s.ecn, 0);
	bed_end(b);
}

static void test_cwr_is_told_once(void **state)
{
	struct peer p;
	struct bed *b = open_asking(&p, ASK, 2);
	unsigned told = 0;

	(void)state;
	tcp_send(b->s[0], p.id, bytes(0, 60000), 60000, b->now);
	bed_output(b);
	for (int i = 0; i < 10; i++) {
		p.ack = seq_add(p.ack, 1448);
		peer_send(&p, SG_ACK | (i ? 0 : SG_ECE), NULL, 0);
		for (unsigned k = 0; k < b->n; k++)
			told += !!(b->sent[k].s.flags & SG_CWR);
	}
	assert_int_equal(told, 1);
	bed_end(b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_passive),
		cmocka_unit_test(test_synack_again),
		cmocka_unit_test(test_active),
		cmocka_unit_test(test_fallback),
		cmocka_unit_test(test_receiver),
		cmocka_unit_test(test_not_agreed),
		cmocka_unit_test(test_sender),
		cmocka_unit_test(test_probes_are_not_capable),
		cmocka_unit_test(test_cwr_is_told_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
