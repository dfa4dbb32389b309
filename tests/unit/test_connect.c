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
/* RFC 9293 MUST-46: to one host, from one host. */
static void test_connect_to_one_host(void **state)
{
	static const struct {
		__u8 a[4];
		int to, from;
	} rows[] = {
		{{10, 9, 1, 1}, 0, 0},
		{{223, 255, 255, 255}, 0, 0},
		{{240, 0, 0, 1}, 0, 0},
		{{255, 255, 255, 254}, 0, 0},
		{{224, 0, 0, 1}, -ENETUNREACH, -EADDRNOTAVAIL},
		{{239, 255, 255, 255}, -ENETUNREACH, -EADDRNOTAVAIL},
		{{255, 255, 255, 255}, -ENETUNREACH, -EADDRNOTAVAIL},
		{{0, 0, 0, 0}, -EINVAL, -EADDRNOTAVAIL},
		{{0, 1, 2, 3}, -EINVAL, -EADDRNOTAVAIL},
	};
	static const __u8 mac[6] = {2};
	struct bed *b = bed_new(1);
	tcp_id id;

	(void)state;
	for (unsigned i = 0; i < 2 * SG_ARRAY_SIZE(rows); i++) {
		int want = i & 1 ? rows[i / 2].from : rows[i / 2].to;
		struct peer p;

		peer_init(&p, b, 2);
		sg_addr_from4(i & 1 ? &p.tuple.local : &p.tuple.peer, rows[i / 2].a);
		assert_int_equal(tcp_connect(b->s[0], &p.tuple, mac, BED_MSS, b->now, &id), want);
		if (!want)
			tcp_abort(b->s[0], id, b->now);
		bed_output(b);
		b->n = 0;
	}
	bed_empty(b);
	bed_end(b);
}

static void test_connect_to_one_host6(void **state)
{
	static const struct {
		__u8 first, last;
		int want;
	} rows[] = {
		{0xfd, 1, 0},
		{0xfe, 1, 0},
		{0, 1, 0},
		{0xff, 1, -ENETUNREACH},
		{0xff, 0, -ENETUNREACH},
		{0, 0, -EINVAL},
	};
	static const __u8 mac[6] = {2};
	struct bed *b = bed_new(1);
	tcp_id id;

	(void)state;
	for (unsigned i = 0; i < SG_ARRAY_SIZE(rows); i++) {
		struct sg_tuple t = {.lport = 5, .pport = 80, .local.addr = {0xfd, [15] = 9}};

		t.peer.addr[0] = rows[i].first;
		t.peer.addr[15] = rows[i].last;
		assert_int_equal(tcp_connect(b->s[0], &t, mac, BED_MSS, b->now, &id), rows[i].want);
		if (!rows[i].want)
			tcp_abort(b->s[0], id, b->now);
		bed_output(b);
		b->n = 0;
	}
	bed_empty(b);
	bed_end(b);
}

/* The peer has just asked for that very pair: "connection already exists". */
static void test_connect_over_a_half_open(void **state)
{
	static const __u8 mac[6] = {2};
	struct bed *b = bed_listening(1, 8);
	struct peer p;
	tcp_id id;

	(void)state;
	peer_init(&p, b, 1);
	assert_int_equal(peer_syn(&p), SG_ADMIT_ENTRY);
	assert_int_equal(tcp_connect(b->s[0], &p.tuple, mac, BED_MSS, b->now, &id), -EADDRINUSE);
	b->now += 10 * SG_MS;
	peer_send(&p, SG_ACK, NULL, 0);
	assert_int_equal(peer_state(&p), TCP_ESTABLISHED);
	bed_end(b);
}

/* RFC 4022: each that ends before it was open is an attempt that failed. */
static void test_attempt_fails(void **state)
{
	struct bed *b = bed_new(1);
	struct peer p;

	(void)state;
	peer_init(&p, b, 1);
	conn_in(&p, TCP_SYN_SENT);
	peer_send(&p, SG_RST | SG_ACK, NULL, 0);
	assert_int_equal(peer_state(&p), TCP_CLOSED);
	assert_int_equal(b->mib[0].AttemptFails, 1);
	bed_end(b);
}

/* RFC 6298 5.7: a SYN was lost and nothing was measured, so the RTO begins at 3 s. */
static void test_rto_after_a_lost_syn(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 4; i++) {
		bool lost = i & 1, stamps = i & 2;
		struct bed *b = bed_new(1);
		struct peer p;

		peer_init(&p, b, 1);
		p.syn.has_ts = stamps;
		conn_in(&p, TCP_SYN_SENT);
		if (lost) {
			bed_run(b, 1010 * SG_MS);
			assert_int_equal(b->n, 1);
			p.tsecr = b->sent[0].s.opt.tsval;
		}
		b->now += 40 * SG_MS;
		peer_send(&p, SG_SYN | SG_ACK, NULL, 0);
		assert_int_equal(peer_state(&p), TCP_ESTABLISHED);
		if (!lost || stamps)
			assert_in_range(facts(&p).rto_ms, 240, 260);
		else
			assert_int_equal(facts(&p).rto_ms, 3000);
		bed_end(b);
	}
}

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

/* --- out of TIME_WAIT: tcp_tw_reuse -------------------------------------------------------- */

/* A connection that we opened and closed first, `ms` ago. */
static struct bed *closed_before(struct peer *p, const __u8 peer[4], bool stamps, unsigned ms)
{
	struct bed *b = bed_new(1);

	peer_init(p, b, 1);
	sg_addr_from4(&p->tuple.peer, peer);
	p->syn.has_ts = stamps;
	conn_in(p, TCP_SYN_SENT);
	peer_send(p, SG_SYN | SG_ACK, NULL, 0);
	assert_int_equal(tcp_close(b->s[0], p->id, b->now), 0);
	b->n = 0;
	bed_output(b);
	peer_take(p);
	peer_send(p, SG_FIN | SG_ACK, NULL, 0);
	bed_drain_events(b);
	assert_int_equal(peer_state(p), TCP_TIME_WAIT);
	bed_run(b, ms * SG_MS);
	return b;
}

static const __u8 far_away[4] = {10, 9, 1, 1}, at_home[4] = {127, 0, 0, 9};

static int connect_again(struct peer *p)
{
	static const __u8 mac[6] = {2};
	int rc = tcp_connect(p->b->s[0], &p->tuple, mac, BED_MSS, p->b->now, &p->id);

	p->b->n = 0;
	bed_output(p->b);
	return rc;
}

static void test_timewait_reuse(void **state)
{
	struct peer p;
	struct bed *b = closed_before(&p, far_away, true, 1002);
	const struct seg *syn = &b->sent[0].s;
	sg_seq end = peer_timewait(&p)->snd_nxt;

	(void)state;
	b->set.tcp_tw_reuse = 1;
	assert_int_equal(connect_again(&p), 0);
	assert_int_equal(b->s[0]->timewaits.used, 0);
	assert_int_equal(b->mib[0].TWRecycled, 1);
	assert_int_equal(b->n, 1);
	assert_int_equal(syn->flags, SG_SYN);
	assert_int_equal(seq_diff(syn->seq, end), 65537);
	assert_int_equal(syn->opt.tsecr, p.tsval); /* what the pair heard last */
	p.iss = syn->seq;
	p.ack = seq_add(p.iss, 1);
	p.tsval += 1000;
	p.isn = p.nxt = seq_add(p.nxt, 100000);
	peer_send(&p, SG_SYN | SG_ACK, NULL, 0);
	assert_int_equal(peer_state(&p), TCP_ESTABLISHED);
	assert_sent(&p, 0, SG_ACK, 0, 0, 0);
	assert_int_equal(connect_again(&p), -EADDRINUSE);
	bed_end(b);
}

static void test_timewait_is_not_reused(void **state)
{
	static const struct {
		const __u8 *peer;
		bool stamps;
		unsigned ms, how;
		int want;
	} rows[] = {
		{far_away, true, 998, 1, -EADDRINUSE}, /* too early */
		{far_away, true, 1002, 1, 0},
		{far_away, true, 50000, 0, -EADDRINUSE},
		{far_away, true, 50000, 2, -EADDRINUSE},
		{at_home, true, 998, 2, -EADDRINUSE},
		{at_home, true, 1002, 2, 0},
		{at_home, true, 50000, 0, -EADDRINUSE},
		{far_away, false, 50000, 1, -EADDRINUSE}, /* nothing tells old from new */
		{at_home, false, 50000, 2, -EADDRINUSE},
	};

	(void)state;
	for (unsigned i = 0; i < SG_ARRAY_SIZE(rows); i++) {
		struct peer p;
		struct bed *b = closed_before(&p, rows[i].peer, rows[i].stamps, rows[i].ms);

		b->set.tcp_tw_reuse = rows[i].how;
		assert_int_equal(connect_again(&p), rows[i].want);
		assert_int_equal(peer_state(&p), rows[i].want ? TCP_TIME_WAIT : TCP_SYN_SENT);
		assert_int_equal(b->mib[0].TWRecycled, !rows[i].want);
		bed_end(b);
	}
}

/* The knobs for time and timestamps, a late segment, and no block that is free. */
static void test_timewait_reuse_otherwise(void **state)
{
	struct peer p, q;
	struct bed *b = closed_before(&p, far_away, true, 90);

	(void)state;
	b->set.tcp_tw_reuse = 1;
	b->set.tcp_tw_reuse_delay = 100;
	assert_int_equal(connect_again(&p), -EADDRINUSE);
	peer_send_at(&p, -1, SG_FIN | SG_ACK, NULL, 0); /* its time begins anew */
	bed_run(b, 90 * SG_MS);
	assert_int_equal(connect_again(&p), -EADDRINUSE);
	bed_run(b, 20 * SG_MS);
	b->set.tcp_timestamps = 0;
	assert_int_equal(connect_again(&p), -EADDRINUSE);
	b->set.tcp_timestamps = 1;
	for (__u8 i = 0; i < BED_CONNS; i++) {
		peer_init(&q, b, (__u8)(10 + i));
		peer_active(&q);
	}
	assert_int_equal(connect_again(&p), -ENOBUFS);
	assert_int_equal(peer_state(&p), TCP_TIME_WAIT); /* as it was */
	tcp_abort(b->s[0], q.id, b->now);
	assert_int_equal(connect_again(&p), 0);
	bed_end(b);
}

/* In a simultaneous open a SYN of the pair's last life does not count. */
static void test_timewait_reuse_old_syn(void **state)
{
	for (int old = 0; old < 2; old++) {
		struct peer p;
		struct bed *b = closed_before(&p, far_away, true, 2000);

		(void)state;
		b->set.tcp_tw_reuse = 1;
		assert_int_equal(connect_again(&p), 0);
		p.tsval -= (__u32)old;
		peer_send(&p, SG_SYN, NULL, 0);
		assert_int_equal(peer_state(&p), old ? TCP_SYN_SENT : TCP_SYN_RCVD);
		bed_end(b);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_connect),
		cmocka_unit_test(test_connect_to_a_plain_server),
		cmocka_unit_test(test_connect_without_scaling),
		cmocka_unit_test(test_segments_in_syn_sent),
		cmocka_unit_test(test_simultaneous_open),
		cmocka_unit_test(test_connect_to_one_host),
		cmocka_unit_test(test_connect_to_one_host6),
		cmocka_unit_test(test_connect_over_a_half_open),
		cmocka_unit_test(test_attempt_fails),
		cmocka_unit_test(test_rto_after_a_lost_syn),
		cmocka_unit_test(test_connect_unanswered),
		cmocka_unit_test(test_timewait_reuse),
		cmocka_unit_test(test_timewait_is_not_reused),
		cmocka_unit_test(test_timewait_reuse_otherwise),
		cmocka_unit_test(test_timewait_reuse_old_syn),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
