/* SPDX-License-Identifier: BSD-2-Clause */
/* user/tcp/input.c: SEGMENT ARRIVES, step by step. */
#include "harness.h"

static struct bed *open_in(struct peer *p, enum tcp_state st)
{
	struct bed *b = bed_listening(1, 8);

	peer_init(p, b, 1);
	conn_in(p, st);
	bed_drain_events(b);
	return b;
}

/* --- step 1: acceptability ------------------------------------------------------------- */

static void test_acceptable(void **state)
{
	static const struct {
		__s32 off;
		__u32 len;
		__s32 moved; /* rcv_nxt */
		bool acked;  /* an ACK goes out */
	} rows[] = {
		{0, 100, 100, true},	    {-50, 100, 50, true}, /* the left half is known */
		{-100, 100, 0, true},				  /* all of it is */
		{-101, 100, 0, true},	    /* and before what we acknowledged */
		{100, 100, 0, true},	    /* a gap */
		{65435, 100, 0, true},	    /* the last of the window */
		{65535 - 50, 100, 0, true}, /* half of it inside */
		{65535, 100, 0, true},	    /* just outside: nothing kept */
		{65536, 100, 0, true},	    {1 << 20, 100, 0, true}, {-(1 << 30), 100, 0, true},
		{0, 0, 0, false},	    {-1, 0, 0, true}, /* a keep-alive: answered */
		{65536, 0, 0, true},
	};

	(void)state;
	for (unsigned i = 0; i < SG_ARRAY_SIZE(rows); i++) {
		struct peer p;
		struct bed *b = open_in(&p, TCP_ESTABLISHED);
		bool ooo = rows[i].off > 0 && rows[i].off < 65535;

		peer_send_at(&p, rows[i].off, SG_ACK, bytes(0, rows[i].len), rows[i].len);
		assert_int_equal(b->n, rows[i].acked);
		if (rows[i].acked)
			assert_sent(&p, 0, SG_ACK, 0, rows[i].moved, 0);
		assert_int_equal(!!(peer_conn(&p)->flags & T_OOO), ooo);
		if (ooo)
			assert_int_equal(b->sent[0].s.sack[0].right.v - p.nxt.v,
					 rows[i].off + 100 < 65535 ? rows[i].off + 100 : 65535);
		assert_int_equal(events_of(b, 0, p.id), rows[i].moved ? TCP_EV_READ : 0);
		bed_end(b);
	}
}

/* Segments without data that do not fit are answered once in tcp_invalid_ratelimit. */
static void test_answers_are_limited(void **state)
{
	struct peer p;
	struct bed *b = open_in(&p, TCP_ESTABLISHED);

	(void)state;
	peer_send_at(&p, -1, SG_ACK, NULL, 0);
	assert_int_equal(b->n, 1);
	b->now += 499 * SG_MS;
	peer_send_at(&p, -1, SG_ACK, NULL, 0);
	assert_int_equal(b->n, 0);
	peer_send_at(&p, -1, SG_ACK, bytes(0, 1), 1); /* data: no loop of ACKs can come of it */
	assert_int_equal(b->n, 1);
	b->now += 2 * SG_MS;
	peer_send_at(&p, -1, SG_ACK, NULL, 0);
	assert_int_equal(b->n, 1);
	bed_end(b);
}

/* Both sides of the window are trimmed; the bytes land where they belong. */
static void test_trimming(void **state)
{
	struct peer p;
	struct bed *b = open_in(&p, TCP_ESTABLISHED);
	__u8 got[400];

	(void)state;
	peer_send_at(&p, 0, SG_ACK, bytes(0, 100), 100);
	peer_send_at(&p, 200, SG_ACK, bytes(200, 100), 100);
	peer_send_at(&p, 50, SG_ACK, bytes(50, 200), 200); /* over both edges of the gap */
	assert_sent(&p, 0, SG_ACK, 0, 300, 0);
	assert_int_equal(tcp_recv(b->s[0], p.id, got, sizeof(got), b->now), 300);
	assert_memory_equal(got, bytes(0, 300), 300);
	bed_end(b);
}

/* No SACK blocks to a peer that did not ask for them, and none without a gap. */
static void test_no_sack(void **state)
{
	for (__u8 sack = 0; sack < 2; sack++) {
		struct bed *b = bed_listening(1, 8);
		struct peer p;

		(void)state;
		peer_init(&p, b, 1);
		p.syn.sack_ok = sack;
		conn_in(&p, TCP_ESTABLISHED);
		peer_send_at(&p, 100, SG_ACK, bytes(0, 10), 10);
		assert_int_equal(b->sent[0].s.opt.nsack, sack);
		peer_send_at(&p, 0, SG_ACK, bytes(0, 100), 100);
		assert_int_equal(b->sent[0].s.opt.nsack, 0);
		bed_end(b);
	}
}

/* --- step 2: RST, RFC 5961 3 ----------------------------------------------------------- */

static void test_rst(void **state)
{
	static const struct {
		__s32 off;
		enum tcp_state then;
		unsigned challenge;
	} rows[] = {
		{0, TCP_CLOSED, 0},	     {1, TCP_ESTABLISHED, 1},  {65535, TCP_ESTABLISHED, 1},
		{65536, TCP_ESTABLISHED, 0}, {-1, TCP_ESTABLISHED, 0},
	};

	(void)state;
	for (unsigned i = 0; i < SG_ARRAY_SIZE(rows); i++) {
		struct peer p;
		struct bed *b = open_in(&p, TCP_ESTABLISHED);

		peer_send_at(&p, rows[i].off, SG_RST, NULL, 0);
		assert_int_equal(peer_state(&p), rows[i].then);
		assert_int_equal(b->n, rows[i].challenge);
		assert_int_equal(b->mib[0].TCPChallengeACK, rows[i].challenge);
		assert_int_equal(events_of(b, 0, p.id),
				 rows[i].then == TCP_CLOSED ? TCP_EV_CLOSED : 0);
		assert_int_equal(b->mib[0].EstabResets, rows[i].then == TCP_CLOSED);
		bed_end(b);
	}
}

static void test_rst_in_every_state(void **state)
{
	static const enum tcp_state st[] = {TCP_SYN_RCVD,   TCP_ESTABLISHED, TCP_FIN_WAIT_1,
					    TCP_FIN_WAIT_2, TCP_CLOSE_WAIT,  TCP_CLOSING,
					    TCP_LAST_ACK};

	(void)state;
	for (unsigned i = 0; i < SG_ARRAY_SIZE(st); i++) {
		struct peer p;
		struct bed *b = open_in(&p, st[i]);

		peer_send(&p, SG_RST, NULL, 0);
		assert_int_equal(peer_state(&p), TCP_CLOSED);
		assert_int_equal(b->n, 0);
		assert_int_equal(b->mib[0].EstabResets,
				 st[i] == TCP_ESTABLISHED || st[i] == TCP_CLOSE_WAIT);
		if (st[i] == TCP_CLOSE_WAIT) { /* as Linux has it */
			char c;

			assert_int_equal(tcp_send(b->s[0], p.id, "x", 1, b->now), -EPIPE);
			assert_int_equal(tcp_recv(b->s[0], p.id, &c, 1, b->now), 0);
		}
		bed_end(b);
	}
}

/* Some stacks reset right at the place of their FIN. */
static void test_rst_at_the_fin(void **state)
{
	static const enum tcp_state st[] = {TCP_CLOSE_WAIT, TCP_CLOSING, TCP_LAST_ACK};

	(void)state;
	for (unsigned i = 0; i < SG_ARRAY_SIZE(st); i++) {
		struct peer p;
		struct bed *b = open_in(&p, st[i]);

		peer_send_at(&p, -2, SG_RST, NULL, 0);
		assert_int_equal(peer_state(&p), st[i]);
		peer_send_at(&p, -1, SG_RST, NULL, 0);
		assert_int_equal(peer_state(&p), TCP_CLOSED);
		bed_end(b);
	}
}

/* --- step 4: SYN, RFC 5961 4 ----------------------------------------------------------- */

static void test_syn_is_challenged(void **state)
{
	static const __s32 off[] = {0, 1000, -1, 1 << 20, -(1 << 20)};

	(void)state;
	for (unsigned i = 0; i < SG_ARRAY_SIZE(off); i++) {
		struct peer p;
		struct bed *b = open_in(&p, TCP_ESTABLISHED);

		peer_send_at(&p, off[i], SG_SYN, NULL, 0);
		assert_int_equal(peer_state(&p), TCP_ESTABLISHED);
		assert_int_equal(b->n, 1);
		assert_sent(&p, 0, SG_ACK, 0, 0, 0);
		assert_int_equal(b->mib[0].TCPSYNChallenge, 1);
		assert_int_equal(b->mib[0].TCPChallengeACK, 1);
		bed_end(b);
	}
}

static void test_challenge_limit(void **state)
{
	struct peer p;
	struct bed *b = open_in(&p, TCP_ESTABLISHED);
	unsigned sent = 0;

	(void)state;
	b->set.tcp_challenge_ack_limit = 3;
	b->now = (b->now / SG_SEC + 1) * SG_SEC;
	for (int i = 0; i < 10; i++) {
		peer_send_at(&p, 5, SG_RST, NULL, 0);
		sent += b->n;
	}
	assert_int_equal(sent, 3);
	b->now += SG_SEC;
	peer_send_at(&p, 5, SG_RST, NULL, 0);
	assert_int_equal(b->n, 1);
	bed_end(b);
}

/* --- steps 5 and 7 --------------------------------------------------------------------- */

static void test_no_ack_no_text(void **state)
{
	struct peer p;
	struct bed *b = open_in(&p, TCP_ESTABLISHED);

	(void)state;
	peer_send_at(&p, 0, SG_PSH, bytes(0, 10), 10);
	assert_int_equal(b->n, 0);
	assert_int_equal(peer_conn(&p)->rcv.len, 0);
	bed_end(b);
}

static int urgent_left_of(const struct peer *p)
{
	int left = -1;

	assert_int_equal(tcp_get_opt(p->b->s[0], p->id, TCP_OPT_URGENT, &left), 0);
	return left;
}

static unsigned send_urgent(struct peer *p, __s32 off, __u32 len, __u16 urg)
{
	struct seg s = peer_seg(p, SG_ACK | SG_URG, bytes(0, len), len);

	s.seq = seq_add(s.seq, (__u32)off);
	s.urg = urg;
	bed_input(p->b, 0, &s);
	return events_of(p->b, 0, p->id);
}

/* Urgent data is data like other (RFC 6093), with a mark behind it. */
static void test_urgent(void **state)
{
	struct peer p;
	struct bed *b = open_in(&p, TCP_ESTABLISHED);
	__u8 got[20];

	(void)state;
	assert_int_equal(urgent_left_of(&p), 0);
	assert_int_equal(tcp_set_opt(b->s[0], p.id, TCP_OPT_URGENT, 1, b->now), -ENOPROTOOPT);
	assert_int_equal(send_urgent(&p, 0, 10, 5), TCP_EV_READ | TCP_EV_URGENT);
	assert_int_equal(urgent_left_of(&p), 5);
	assert_int_equal(send_urgent(&p, 0, 10, 5), 0); /* again: old */
	assert_int_equal(tcp_recv(b->s[0], p.id, got, 4, b->now), 4);
	assert_int_equal(urgent_left_of(&p), 1);
	assert_int_equal(tcp_recv(b->s[0], p.id, got + 4, 16, b->now), 6);
	assert_int_equal(urgent_left_of(&p), 0);
	assert_memory_equal(got, bytes(0, 10), 10);
	bed_end(b);
}

/* The mark goes ahead of its data, moves on and never back; beyond a FIN there is nothing. */
static void test_urgent_ahead(void **state)
{
	struct peer p;
	struct bed *b = open_in(&p, TCP_ESTABLISHED);
	__u8 got[200];

	(void)state;
	assert_int_equal(send_urgent(&p, 0, 0, 0), 0);
	assert_int_equal(send_urgent(&p, 0, 0, 100), TCP_EV_URGENT);
	assert_int_equal(urgent_left_of(&p), 100);
	assert_int_equal(send_urgent(&p, 0, 0, 100), 0);
	assert_int_equal(send_urgent(&p, 0, 0, 50), 0);
	assert_int_equal(send_urgent(&p, 50, 10, 80), TCP_EV_URGENT); /* out of order, too */
	assert_int_equal(urgent_left_of(&p), 130);
	peer_send(&p, SG_ACK, bytes(0, 130), 130);
	assert_int_equal(urgent_left_of(&p), 130);
	assert_int_equal(tcp_recv(b->s[0], p.id, got, 129, b->now), 129);
	assert_int_equal(urgent_left_of(&p), 1);
	peer_send(&p, SG_FIN | SG_ACK, NULL, 0);
	assert_int_equal(urgent_left_of(&p), 1); /* the FIN is nothing to read */
	bed_drain_events(b);
	assert_int_equal(send_urgent(&p, 0, 0, 100), 0);
	assert_int_equal(tcp_recv(b->s[0], p.id, got, 9, b->now), 1);
	assert_int_equal(urgent_left_of(&p), 0);
	bed_end(b);
}

/* Fill the receive buffer until no byte is left of the window. */
static void shut_window(struct peer *p)
{
	__s32 left;

	while ((left = seq_diff(peer_conn(p)->rcv_adv, p->nxt)) > 0) {
		__u32 len = left < 1448 ? (__u32)left : 1448;

		peer_send(p, SG_ACK, bytes(0, len), len);
		bed_run(p->b, 50 * SG_MS);
	}
	bed_drain_events(p->b);
	p->b->now += SG_SEC;
}

/* RFC 9293 3.8.6 (MUST-66): RST and URG count, and ACK, also when there is no window. */
static void test_zero_window_controls(void **state)
{
	(void)state;
	for (int what = 0; what < 4; what++) {
		struct peer p;
		struct bed *b = open_in(&p, TCP_ESTABLISHED);

		b->set.tcp_rmem = 20000;
		shut_window(&p);
		tcp_send(b->s[0], p.id, "x", 1, b->now);
		bed_output(b);
		if (what == 0) { /* URG without text, and with text that there is no room for */
			assert_int_equal(send_urgent(&p, 0, 0, 50), TCP_EV_URGENT);
			assert_int_equal(send_urgent(&p, 0, 10, 80), TCP_EV_URGENT);
			assert_int_equal(peer_state(&p), TCP_ESTABLISHED);
		} else if (what == 1) {
			peer_send_at(&p, 0, SG_RST, NULL, 0);
			assert_int_equal(peer_state(&p), TCP_CLOSED);
		} else if (what == 2) { /* a RST may bear text */
			peer_send_at(&p, 0, SG_RST | SG_ACK, bytes(0, 10), 10);
			assert_int_equal(peer_state(&p), TCP_CLOSED);
		} else {
			p.ack = seq_add(p.ack, 1);
			peer_send_at(&p, 0, SG_ACK, bytes(0, 10), 10);
			assert_int_equal(peer_conn(&p)->snd.len, 0);
			assert_int_equal(b->sent[0].s.wnd, 0);
		}
		bed_end(b);
	}
}

/* Once the first sixteen are acknowledged at once: every second full segment, else delayed. */
static void test_delayed_ack(void **state)
{
	struct peer p;
	struct bed *b = open_in(&p, TCP_ESTABLISHED);

	(void)state;
	for (int i = 0; i < 16; i++) {
		peer_send(&p, SG_ACK, bytes(0, 1448), 1448);
		assert_int_equal(b->n, 1);
	}
	peer_send(&p, SG_ACK, bytes(0, 1448), 1448);
	assert_int_equal(b->n, 0);
	peer_send(&p, SG_ACK, bytes(0, 1448), 1448);
	assert_int_equal(b->n, 1);
	peer_send(&p, SG_ACK, bytes(0, 100), 100);
	assert_int_equal(b->n, 0);
	bed_run(b, 39 * SG_MS);
	assert_int_equal(b->n, 0);
	bed_run(b, 4 * SG_MS);
	assert_int_equal(b->n, 1);
	assert_sent(&p, 0, SG_ACK, 0, 18 * 1448 + 100, 0);
	assert_int_equal(b->mib[0].DelayedACKs, 1);
	/* a gap, and what fills it, at once */
	peer_send_at(&p, 100, SG_ACK, bytes(0, 10), 10);
	assert_int_equal(b->n, 1);
	peer_send(&p, SG_ACK, bytes(0, 100), 100);
	assert_int_equal(b->n, 1);
	assert_sent(&p, 0, SG_ACK, 0, 18 * 1448 + 210, 0);
	/* what is sent anyway carries the ACK */
	p.nxt = seq_add(p.nxt, 10);
	peer_send(&p, SG_ACK, bytes(0, 100), 100);
	assert_int_equal(b->n, 0);
	tcp_send(b->s[0], p.id, "x", 1, b->now);
	bed_output(b);
	assert_sent(&p, 0, SG_ACK | SG_PSH, 0, 18 * 1448 + 310, 1);
	peer_ack(&p);
	bed_run(b, 100 * SG_MS);
	assert_int_equal(b->n, 0);
	bed_end(b);
}

/* Behind its own FIN a peer has nothing to say: not kept, but acknowledged. */
static void test_text_after_fin(void **state)
{
	struct peer p;
	struct bed *b = open_in(&p, TCP_CLOSE_WAIT);

	(void)state;
	peer_send_at(&p, 0, SG_ACK, bytes(0, 10), 10);
	assert_int_equal(b->n, 0); /* Linux: nothing can be there, so nothing is said */
	assert_int_equal(peer_conn(&p)->rcv.len, 0);
	assert_int_equal(events_of(b, 0, p.id), 0);
	peer_send_at(&p, -1, SG_ACK | SG_FIN, NULL, 0);
	assert_int_equal(b->n, 1);
	assert_sent(&p, 0, SG_ACK, 0, 1, 0);
	bed_end(b);
}

/* --- the Ethernet address of the answers ----------------------------------------------- */

/* Answers go back the way that acceptable segments came; others do not turn them away. */
static void test_mac_follows(void **state)
{
	struct peer p;
	struct bed *b = open_in(&p, TCP_ESTABLISHED);
	struct seg s = peer_seg(&p, SG_ACK, bytes(0, 10), 10);

	(void)state;
	memset(s.mac, 0x44, 6);
	bed_input(b, 0, &s);
	assert_int_equal(b->sent[0].s.mac[0], 0x44);
	memset(s.mac, 0x66, 6);
	s.seq = seq_add(s.seq, 1u << 30);
	bed_input(b, 0, &s);
	assert_int_equal(b->sent[0].s.mac[0], 0x44);
	bed_end(b);
}

static void test_stray(void **state)
{
	struct bed *b = bed_listening(1, 8);
	struct peer p;

	(void)state;
	peer_init(&p, b, 1);
	p.ack = sg_seq_of(777);
	p.nxt = sg_seq_of(1000);
	peer_send_at(&p, 0, SG_ACK, bytes(0, 10), 10);
	assert_int_equal(b->n, 1);
	assert_int_equal(b->sent[0].s.flags, SG_RST);
	assert_int_equal(b->sent[0].s.seq.v, 777);
	assert_true(sg_tuple_eq(&b->sent[0].s.tuple, &p.tuple));
	assert_memory_equal(b->sent[0].s.mac, "\x22\x22\x22\x22\x22\x22", 6);
	peer_send_at(&p, 0, SG_FIN, bytes(0, 10), 10);
	assert_int_equal(b->sent[0].s.flags, SG_RST | SG_ACK);
	assert_int_equal(b->sent[0].s.seq.v, 0);
	assert_int_equal(b->sent[0].s.ack.v, 1011);
	peer_send_at(&p, 0, SG_RST, NULL, 0);
	assert_int_equal(b->n, 0);
	assert_int_equal(b->mib[0].OutRsts, 2);
	bed_end(b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_acceptable),
		cmocka_unit_test(test_answers_are_limited),
		cmocka_unit_test(test_trimming),
		cmocka_unit_test(test_no_sack),
		cmocka_unit_test(test_rst),
		cmocka_unit_test(test_rst_in_every_state),
		cmocka_unit_test(test_rst_at_the_fin),
		cmocka_unit_test(test_syn_is_challenged),
		cmocka_unit_test(test_challenge_limit),
		cmocka_unit_test(test_no_ack_no_text),
		cmocka_unit_test(test_urgent),
		cmocka_unit_test(test_urgent_ahead),
		cmocka_unit_test(test_zero_window_controls),
		cmocka_unit_test(test_delayed_ack),
		cmocka_unit_test(test_text_after_fin),
		cmocka_unit_test(test_mac_follows),
		cmocka_unit_test(test_stray),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
