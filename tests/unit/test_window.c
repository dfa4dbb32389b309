/* SPDX-License-Identifier: BSD-2-Clause */
/* The window that we offer: output_window() in user/tcp/output.c, input_trim() in input.c. */
#include "harness.h"

static struct bed *open_in(struct peer *p, enum tcp_state st)
{
	struct bed *b = bed_listening(1, 8);

	peer_init(p, b, 1);
	conn_in(p, st);
	bed_drain_events(b);
	return b;
}

/* Nobody reads: the window shrinks to zero and not a byte beyond it is kept; reading opens it. */
static void test_zero_window(void **state)
{
	struct peer p;
	struct bed *b = open_in(&p, TCP_ESTABLISHED);
	__u32 rmem, got = 0;
	__u8 buf[4096];
	ssize_t n;

	(void)state;
	rmem = b->set.tcp_rmem = 100000;
	while (peer_conn(&p)->rcv.len < rmem) {
		__u32 len = seq_diff(peer_conn(&p)->rcv_adv, p.nxt);

		if (len == 0)
			break;
		len = len < 1448 ? len : 1448;
		peer_send(&p, SG_ACK, bytes(0, len), len);
		bed_run(b, 50 * SG_MS);
	}
	assert_true(peer_conn(&p)->rcv.len <= rmem);
	assert_true(peer_conn(&p)->rcv.len > rmem - 1448);
	b->now += SG_SEC;
	peer_send_at(&p, -1, SG_ACK, NULL, 0); /* a probe is answered: still shut */
	assert_int_equal(b->n, 1);
	assert_int_equal(b->sent[0].s.wnd, 0);
	peer_send_at(&p, 0, SG_ACK, bytes(0, 1), 1);
	assert_int_equal(b->n, 1);
	assert_int_equal(b->sent[0].s.ack.v, p.nxt.v);
	b->n = 0;
	while ((n = tcp_recv(b->s[0], p.id, buf, 100, b->now)) > 0 && b->n == 0) {
		got += (__u32)n;
		bed_output(b);
	}
	assert_int_equal(b->n, 1); /* told once it is worth a segment, not before */
	assert_true(got >= 1300 && got < 3000);
	assert_true((__u32)b->sent[0].s.wnd << BED_WSCALE >= 1300);
	while (tcp_recv(b->s[0], p.id, buf, sizeof(buf), b->now) > 0)
		;
	bed_output(b);
	assert_true(((__u32)b->sent[b->n - 1].s.wnd << BED_WSCALE) > rmem / 2);
	bed_end(b);
}

/* RFC 7323 2.4: small segments must not push the right edge on and on. */
static void test_edge_does_not_creep(void **state)
{
	struct peer p;
	struct bed *b = open_in(&p, TCP_ESTABLISHED);
	sg_seq start = p.nxt;

	(void)state;
	b->set.tcp_rmem = 20000;
	for (int i = 0; i < 70000 && seq_before(p.nxt, peer_conn(&p)->rcv_adv); i++)
		peer_send(&p, SG_ACK, bytes(0, 1), 1);
	assert_true(seq_diff(peer_conn(&p)->rcv_adv, start) <= 65535);
	bed_end(b);
}

/* The edge that was offered is kept, whatever the buffer has become since. */
static void test_window_is_never_taken_back(void **state)
{
	struct peer p;
	struct bed *b = open_in(&p, TCP_ESTABLISHED);
	sg_seq edge = peer_conn(&p)->rcv_adv;

	(void)state;
	b->set.tcp_rmem = 4096;
	for (int i = 0; i < 45; i++) {
		peer_send(&p, SG_ACK, bytes(0, 1448), 1448);
		assert_false(seq_before(peer_conn(&p)->rcv_adv, edge));
		edge = peer_conn(&p)->rcv_adv;
		assert_int_equal(peer_conn(&p)->rcv_nxt.v, p.nxt.v);
	}
	bed_end(b);
}

/* A buffer smaller than two segments still reopens. */
static void test_small_buffer_reopens(void **state)
{
	struct bed *b = bed_listening(1, 8);
	__u8 buf[8192];
	struct peer p;

	(void)state;
	b->set.tcp_rmem = 4096;
	b->listener.window = 4096;
	b->listener.mss4 = 8960;
	tcp_unlisten(b->s[0], 0, b->now);
	tcp_listen(b->s[0], 0, &b->listener);
	peer_init(&p, b, 1);
	p.syn.mss = 8960;
	conn_in(&p, TCP_ESTABLISHED);
	assert_int_equal(peer_conn(&p)->mss, TCP_CHUNK - 12);
	peer_send(&p, SG_ACK, bytes(0, 4096), 4096);
	assert_int_equal(b->sent[0].s.wnd, 0);
	assert_int_equal(tcp_recv(b->s[0], p.id, buf, sizeof(buf), b->now), 4096);
	b->n = 0;
	bed_output(b);
	assert_int_equal(b->n, 1);
	assert_int_equal((__u32)b->sent[0].s.wnd << BED_WSCALE, 4096);
	bed_end(b);
}

/* A FIN behind the last byte of the window; then the window is none, not 4 GB. */
static void test_fin_at_the_edge(void **state)
{
	struct bed *b = bed_listening(1, 8);
	struct peer p;

	(void)state;
	peer_init(&p, b, 1);
	p.syn.wscale = SG_WSCALE_NONE;
	conn_in(&p, TCP_ESTABLISHED);
	b->set.tcp_rmem = 4096;
	while (seq_diff(peer_conn(&p)->rcv_adv, p.nxt) > 0) {
		__u32 len = (__u32)seq_diff(peer_conn(&p)->rcv_adv, p.nxt);

		peer_send(&p, SG_ACK, bytes(0, 1448), len < 1448 ? len : 1448);
	}
	peer_send(&p, SG_ACK | SG_FIN, NULL, 0);
	assert_int_equal(peer_state(&p), TCP_CLOSE_WAIT);
	assert_int_equal(b->n, 1);
	assert_int_equal(b->sent[0].s.wnd, 0);
	assert_int_equal(b->sent[0].s.ack.v, p.nxt.v);
	bed_end(b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_zero_window),
		cmocka_unit_test(test_edge_does_not_creep),
		cmocka_unit_test(test_window_is_never_taken_back),
		cmocka_unit_test(test_small_buffer_reopens),
		cmocka_unit_test(test_fin_at_the_edge),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
