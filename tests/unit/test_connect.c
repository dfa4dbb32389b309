/* SPDX-License-Identifier: BSD-2-Clause */
/* Active open: tcp_connect() in user/tcp/user.c, SYN-SENT in user/tcp/input.c. */
#include "harness.h"

static struct tcp_facts facts(const struct peer *p)
{
	struct tcp_facts f;

	assert_int_equal(tcp_info(p->b->s[p->w], p->id, p->b->now, &f), 0);
	return f;
}

static void test_connect(void **state)
{
	struct bed *b = bed_new(1);
	const struct seg *syn = &b->sent[0].s;
	struct peer p;
	tcp_id other;

	(void)state;
	peer_init(&p, b, 1);
	conn_in(&p, TCP_SYN_SENT);
	assert_int_equal(syn->flags, SG_SYN);
	assert_int_equal(syn->opt.mss, BED_MSS);
	assert_true(syn->opt.sack_ok && syn->opt.has_ts && syn->opt.tsecr == 0);
	assert_int_equal(syn->opt.wscale, SG_RMEM_WSCALE);
	assert_int_equal(syn->wnd, 65535);
	assert_int_equal(tcp_connect(b->s[0], &p.tuple, syn->mac, 1460, b->now, &other),
			 -EADDRINUSE);
	b->now += 20 * SG_MS;
	peer_send(&p, SG_SYN | SG_ACK, NULL, 0);
	assert_int_equal(b->n, 1);
	assert_sent(&p, 0, SG_ACK, 0, 0, 0);
	assert_int_equal(peer_state(&p), TCP_ESTABLISHED);
	assert_int_equal(events_of(b, 0, p.id), TCP_EV_WRITE);
	assert_int_equal(facts(&p).snd_wnd, 65535); /* a SYN's window is not scaled */
	assert_int_equal(facts(&p).srtt_us, 20000);
	peer_send(&p, SG_ACK, NULL, 0);
	assert_int_equal(facts(&p).snd_wnd, 65535 << 7);
	assert_int_equal(b->mib[0].ActiveOpens, 1);
	assert_int_equal(tcp_send(b->s[0], p.id, bytes(0, 60000), 60000, b->now), 60000);
	bed_output(b);
	assert_int_equal(b->n, 10); /* RFC 6928 */
	bed_end(b);
}

/* The server knows no options: none are used, and its default MSS. */
static void test_connect_to_a_plain_server(void **state)
{
	struct bed *b = bed_new(1);
	struct peer p;

	(void)state;
	peer_init(&p, b, 1);
	conn_in(&p, TCP_SYN_SENT);
	p.syn = (struct sg_tcpopts){.wscale = SG_WSCALE_NONE};
	peer_send(&p, SG_SYN | SG_ACK, NULL, 0);
	assert_int_equal(peer_state(&p), TCP_ESTABLISHED);
	assert_int_equal(b->sent[0].s.opt.has_ts, 0);
	assert_int_equal(b->sent[0].s.wnd, 65535);
	peer_send(&p, SG_ACK, NULL, 0);
	assert_int_equal(facts(&p).snd_wnd, 65535);
	assert_int_equal(facts(&p).mss, SG_MSS_DEFAULT4);
	bed_end(b);
}

static void test_connect_without_scaling(void **state)
{
	struct bed *b = bed_new(1);
	struct peer p;

	(void)state;
	b->set.tcp_window_scaling = 0;
	peer_init(&p, b, 1);
	conn_in(&p, TCP_SYN_SENT);
	assert_int_equal(b->sent[0].s.opt.wscale, SG_WSCALE_NONE);
	peer_send(&p, SG_SYN | SG_ACK, NULL, 0);
	peer_send(&p, SG_ACK, NULL, 0);
	assert_int_equal(facts(&p).snd_wnd, 65535);
	bed_end(b);
}

static void test_segments_in_syn_sent(void **state)
{
	static const struct {
		__u8 flags;
		__s32 ack; /* from the right one */
		enum tcp_state then;
		unsigned sent;
	} rows[] = {
		{SG_SYN | SG_ACK, 1, TCP_SYN_SENT, 1},	/* RST */
		{SG_SYN | SG_ACK, -1, TCP_SYN_SENT, 1}, /* RST */
		{SG_ACK, 1, TCP_SYN_SENT, 1},		/* RST */
		{SG_ACK, 0, TCP_SYN_SENT, 0},
		{SG_RST, 0, TCP_SYN_SENT, 0}, /* no ACK: may be anybody's */
		{SG_RST | SG_ACK, 1, TCP_SYN_SENT, 0},
		{SG_RST | SG_ACK, 0, TCP_CLOSED, 0},
		{SG_FIN, 0, TCP_SYN_SENT, 0},
	};

	(void)state;
	for (unsigned i = 0; i < SG_ARRAY_SIZE(rows); i++) {
		struct bed *b = bed_new(1);
		struct peer p;
		struct seg s;

		peer_init(&p, b, 1);
		conn_in(&p, TCP_SYN_SENT);
		s = peer_seg(&p, rows[i].flags, NULL, 0);
		s.ack = seq_add(p.ack, (__u32)rows[i].ack);
		bed_input(b, 0, &s);
		assert_int_equal(peer_state(&p), rows[i].then);
		assert_int_equal(b->n, rows[i].sent);
		if (rows[i].sent) {
			assert_int_equal(b->sent[0].s.flags, SG_RST);
			assert_true(seq_eq(b->sent[0].s.seq, s.ack));
		}
		if (rows[i].then == TCP_CLOSED) {
			assert_int_equal(events_of(b, 0, p.id), TCP_EV_CLOSED);
			assert_int_equal(facts(&p).error, -ECONNREFUSED);
		}
		bed_end(b);
	}
}

/* RFC 9293 3.5, figure 8. */
static void test_simultaneous_open(void **state)
{
	struct bed *b = bed_new(1);
	struct peer p;
	struct seg s;

	(void)state;
	peer_init(&p, b, 1);
	conn_in(&p, TCP_SYN_RCVD);
	assert_int_equal(b->n, 1);
	assert_int_equal(b->sent[0].s.flags, SG_SYN | SG_ACK);
	assert_true(seq_eq(b->sent[0].s.seq, p.iss));
	assert_int_equal(b->sent[0].s.opt.wscale, SG_RMEM_WSCALE);
	s = peer_seg(&p, SG_SYN | SG_ACK, NULL, 0);
	s.seq = p.isn;
	bed_input(b, 0, &s);
	assert_int_equal(peer_state(&p), TCP_ESTABLISHED);
	assert_int_equal(events_of(b, 0, p.id), TCP_EV_WRITE);
	bed_end(b);
}

/* tcp_syn_retries = 6: SYNs at 0 1 3 7 15 31 63 s, given up at 127 s. */
static void test_connect_unanswered(void **state)
{
	static const unsigned at[] = {1, 3, 7, 15, 31, 63};
	struct bed *b = bed_new(1);
	struct peer p;
	sg_time start = b->now;

	(void)state;
	peer_init(&p, b, 1);
	conn_in(&p, TCP_SYN_SENT);
	bed_run(b, 126 * SG_SEC);
	assert_int_equal(b->n, SG_ARRAY_SIZE(at));
	for (unsigned i = 0; i < b->n; i++) {
		assert_true(b->sent[i].at - start >= at[i] * SG_SEC);
		assert_true(b->sent[i].at - start < at[i] * SG_SEC + 10 * SG_MS);
		assert_true(seq_eq(b->sent[i].s.seq, p.iss));
	}
	assert_int_equal(events_of(b, 0, p.id), 0);
	bed_run(b, 2 * SG_SEC);
	assert_int_equal(b->n, 0);
	assert_int_equal(events_of(b, 0, p.id), TCP_EV_CLOSED);
	assert_int_equal(facts(&p).error, -ETIMEDOUT);
	assert_int_equal(tcp_send(b->s[0], p.id, "x", 1, b->now), -ETIMEDOUT);
	assert_int_equal(b->mib[0].AttemptFails, 1);
	bed_end(b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_connect),
		cmocka_unit_test(test_connect_to_a_plain_server),
		cmocka_unit_test(test_connect_without_scaling),
		cmocka_unit_test(test_segments_in_syn_sent),
		cmocka_unit_test(test_simultaneous_open),
		cmocka_unit_test(test_connect_unanswered),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
