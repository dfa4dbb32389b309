/* SPDX-License-Identifier: BSD-2-Clause */
/* Buffers that grow as they are used: user/tcp/window.c. */
#include "harness.h"

static struct bed *open_growing(struct peer *p, bool ts)
{
	struct bed *b = bed_listening(1, 8);

	peer_init(p, b, 1);
	b->set.tcp_moderate_rcvbuf = 1;
	p->syn.has_ts = ts;
	conn_in(p, TCP_ESTABLISHED);
	bed_drain_events(b);
	b->n = 0;
	return b;
}

static __u32 offered(struct peer *p)
{
	return (__u32)seq_diff(peer_conn(p)->rcv_adv, p->nxt);
}

/* A round trip of `ms` in which `len` bytes arrive, and are read or not. */
static void round_of(struct peer *p, __u32 len, unsigned ms, bool read)
{
	static __u8 sink[1 << 20];
	struct tcp_stack *s = p->b->s[0];

	p->b->now += ms * SG_MS;
	p->tsval += ms;
	for (__u32 at = 0; at < len; at += 1400) {
		__u32 n = len - at < 1400 ? len - at : 1400;

		peer_send(p, SG_ACK, bytes(0, n), n);
		for (unsigned i = 0; i < p->b->n; i++)
			p->tsecr = p->b->sent[i].s.opt.tsval;
		if (read)
			tcp_recv(s, p->id, sink, sizeof(sink), p->b->now);
	}
	p->b->n = 0;
	bed_output(p->b);
}

/* 128 KiB at first; who reads as fast as a sender doubles never holds it up; 1 MiB at most. */
static void test_grows_with_reading(void **state)
{
	(void)state;
	for (int ts = 0; ts < 2; ts++) {
		struct peer p;
		struct bed *b = open_growing(&p, ts);
		__u32 len = 14000;

		round_of(&p, 1400, 10, true);
		assert_in_range(offered(&p), 120000, 131072);
		for (int i = 0; i < 8; i++) {
			round_of(&p, len, 20, true);
			len = 2 * len < 500000 ? 2 * len : 500000;
			assert_true(offered(&p) >= len || offered(&p) > 1000000);
		}
		assert_in_range(offered(&p), 1000000, 1048576);
		bed_end(b);
	}
}

/* Little by little, or into a buffer that nobody reads: it stays as it was. */
static void test_does_not_grow(void **state)
{
	struct peer p;
	struct bed *b = open_growing(&p, true);

	(void)state;
	for (int i = 0; i < 50; i++)
		round_of(&p, 10000, 20, true);
	assert_in_range(offered(&p), 120000, 131072);
	for (int i = 0; i < 8; i++)
		round_of(&p, 14000, 20, false);
	assert_true(offered(&p) < 20000);
	assert_in_range(peer_conn(&p)->rcv_buf, 0, 131072);
	tcp_recv(b->s[0], p.id, (__u8[140000]){0}, 140000, b->now);
	bed_end(b);
}

static void test_fixed(void **state)
{
	struct peer p;
	struct bed *b = open_growing(&p, true);

	(void)state;
	b->set.tcp_moderate_rcvbuf = 0;
	round_of(&p, 1400, 10, true);
	assert_in_range(offered(&p), 1040000, 1048576);
	bed_end(b);
}

/* What is promised is kept when the bound is lowered. */
static void test_bound(void **state)
{
	struct peer p;
	struct bed *b = open_growing(&p, true);
	sg_seq edge;

	(void)state;
	for (int i = 0; i < 10; i++)
		round_of(&p, 200000, 20, true);
	edge = peer_conn(&p)->rcv_adv;
	b->set.tcp_rmem = 50000;
	round_of(&p, 1400, 20, true);
	assert_false(seq_before(peer_conn(&p)->rcv_adv, edge));
	bed_end(b);
}

/* The send buffer: twice the congestion window, between 128 KiB and tcp_wmem. */
static void test_send_buffer(void **state)
{
	static const struct {
		__u32 cwnd, wmem, room;
	} rows[] = {{14480, 1048576, 131072}, {200000, 1048576, 400000}, {4000000, 1048576, 1048576},
		    {14480, 50000, 50000}};

	(void)state;
	for (unsigned i = 0; i < SG_ARRAY_SIZE(rows); i++) {
		struct peer p;
		struct bed *b = open_growing(&p, true);
		__u32 sent = 0;
		ssize_t n;

		p.wnd = 0;
		peer_send(&p, SG_ACK, NULL, 0);
		b->set.tcp_wmem = rows[i].wmem;
		peer_conn(&p)->cwnd = rows[i].cwnd;
		while ((n = tcp_send(b->s[0], p.id, bytes(0, 60000), 60000, b->now)) > 0)
			sent += (__u32)n;
		assert_int_equal(n, -EAGAIN);
		assert_int_equal(sent, rows[i].room);
		bed_end(b);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_grows_with_reading),
		cmocka_unit_test(test_does_not_grow),
		cmocka_unit_test(test_fixed),
		cmocka_unit_test(test_bound),
		cmocka_unit_test(test_send_buffer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
