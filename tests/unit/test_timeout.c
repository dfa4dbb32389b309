/* SPDX-License-Identifier: BSD-2-Clause */
/* user/tcp/timeout.c: retransmission, giving up, probes of a shut window. */
#include "harness.h"

#define MSS 1448

/* The round trip of the handshake was 10 ms: RTO 210 ms. */
static struct bed *open_plain(struct peer *p, bool ts)
{
	struct bed *b = bed_listening(1, 8);

	peer_init(p, b, 1);
	b->set.tcp_congestion_control = SG_CC_RENO;
	p->syn.has_ts = ts;
	conn_in(p, TCP_ESTABLISHED);
	bed_drain_events(b);
	return b;
}

static void put(struct peer *p, __u32 len)
{
	assert_int_equal(tcp_send(p->b->s[0], p->id, bytes(0, len), len, p->b->now), len);
	p->b->n = 0;
	bed_output(p->b);
}

static struct tcp_facts facts(const struct peer *p)
{
	struct tcp_facts f;

	assert_int_equal(tcp_info(p->b->s[0], p->id, p->b->now, &f), 0);
	return f;
}

static void test_backoff_doubles(void **state)
{
	static const unsigned at[] = {210, 630, 1470, 3150, 6510, 13230, 26670};
	struct peer p;
	struct bed *b = open_plain(&p, true);
	sg_time start = b->now;

	(void)state;
	b->set.tcp_mtu_probing = 0; /* the size is not the matter here */
	put(&p, 3 * MSS);
	assert_int_equal(facts(&p).rto_ms, 210);
	bed_run(b, 27 * SG_SEC);
	assert_int_equal(b->n, SG_ARRAY_SIZE(at));
	for (unsigned i = 0; i < b->n; i++) {
		sg_time want = start + at[i] * SG_MS;

		assert_true(b->sent[i].at >= want);
		assert_true(b->sent[i].at < want + (i + 1) * 2 * SG_MS);
		assert_sent(&p, i, SG_ACK, 0, 0, MSS); /* one segment, the first */
	}
	assert_int_equal(facts(&p).retrans, SG_ARRAY_SIZE(at));
	assert_int_equal(facts(&p).snd_cwnd, MSS);
	assert_int_equal(facts(&p).snd_ssthresh, 2 * MSS);
	assert_int_equal(b->mib[0].TCPTimeouts, SG_ARRAY_SIZE(at));
	assert_int_equal(b->mib[0].RetransSegs, SG_ARRAY_SIZE(at));
	bed_end(b);
}

/* All that was out is lost: all of it comes again, in order, and no more than once. */
static void test_whole_window_lost(void **state)
{
	struct peer p;
	struct bed *b = open_plain(&p, true);
	__u32 got = 0;

	(void)state;
	put(&p, 60000);
	assert_int_equal(b->n, 10);
	bed_run(b, 300 * SG_MS);
	assert_int_equal(b->n, 1);
	for (; b->n; peer_ack(&p)) {
		for (unsigned i = 0; i < b->n; i++) {
			__u32 at = (__u32)seq_diff(b->sent[i].s.seq, seq_add(p.iss, 1));

			assert_memory_equal(b->sent[i].data, bytes(at, b->sent[i].s.len),
					    b->sent[i].s.len);
		}
		got += peer_take(&p);
	}
	assert_int_equal(got, 60000);
	assert_int_equal(b->mib[0].TCPTimeouts, 1);
	assert_int_equal(b->mib[0].RetransSegs, 10);
	bed_end(b);
}

/* Only the first is lost: what has arrived is not sent again, and slow start ends in time. */
static void test_first_of_a_window_lost(void **state)
{
	struct peer p;
	struct bed *b = open_plain(&p, true);

	(void)state;
	put(&p, 60000);
	bed_run(b, 300 * SG_MS);
	assert_int_equal(b->n, 1);
	p.tsecr = b->sent[0].s.opt.tsval; /* it filled the hole */
	p.ack = seq_add(p.iss, 1 + 10 * MSS);
	peer_send(&p, SG_ACK, NULL, 0);
	assert_int_equal(facts(&p).snd_cwnd, 5 * MSS); /* ssthresh, though ten are acknowledged */
	assert_int_equal(b->n, 5);
	assert_sent(&p, 0, SG_ACK, 10 * MSS, 0, MSS);
	assert_int_equal(b->mib[0].RetransSegs, 1);
	bed_end(b);
}

/* --- giving up ------------------------------------------------------------------------- */

static void test_retries2(void **state)
{
	struct peer p;
	struct bed *b = open_plain(&p, true);

	(void)state;
	b->set.tcp_retries2 = 3;
	put(&p, 100);
	bed_run(b, 6480 * SG_MS); /* three from 200 ms take 3 s, which four from 210 pass */
	assert_int_equal(b->n, 4);
	assert_int_equal(peer_state(&p), TCP_ESTABLISHED);
	bed_run(b, 60 * SG_MS);
	assert_int_equal(b->n, 0); /* no RST: nobody is there */
	assert_int_equal(peer_state(&p), TCP_CLOSED);
	assert_int_equal(events_of(b, 0, p.id), TCP_EV_CLOSED);
	assert_int_equal(facts(&p).error, -ETIMEDOUT);
	assert_int_equal(b->mib[0].TCPAbortOnTimeout, 1);
	bed_end(b);
}

static void test_orphan_retries(void **state)
{
	struct peer p;
	struct bed *b = open_plain(&p, true);

	(void)state;
	b->set.tcp_orphan_retries = 2;
	put(&p, 100);
	tcp_close(b->s[0], p.id, b->now);
	b->n = 0;
	bed_output(b);
	bed_run(b, 3120 * SG_MS);
	assert_int_equal(peer_state(&p), TCP_FIN_WAIT_1);
	bed_run(b, 60 * SG_MS);
	assert_int_equal(peer_state(&p), TCP_CLOSED);
	bed_empty(b);
	bed_end(b);
}

/* It counts timeouts in a row: each bit of progress begins anew. */
static void test_progress_counts(void **state)
{
	struct peer p;
	struct bed *b = open_plain(&p, true);

	(void)state;
	b->set.tcp_retries2 = 2;
	put(&p, 10 * MSS);
	for (int i = 0; i < 6; i++) {
		bed_run(b, 700 * SG_MS);
		assert_true(b->n >= 1);
		b->n = 1;
		peer_take(&p);
		p.tsecr = b->sent[0].s.opt.tsval;
		peer_send(&p, SG_ACK, NULL, 0);
		assert_int_equal(facts(&p).retrans, 0);
	}
	assert_int_equal(peer_state(&p), TCP_ESTABLISHED);
	bed_end(b);
}

static void test_user_timeout(void **state)
{
	struct peer p;
	struct bed *b = open_plain(&p, true);

	(void)state;
	b->set.user_timeout_ms = 5000;
	put(&p, 100);
	bed_run(b, 100 * SG_MS);
	peer_take(&p);
	p.ack = seq_add(p.iss, 1 + 100);
	peer_send(&p, SG_ACK, NULL, 0);
	put(&p, 100); /* from here on nothing is acknowledged */
	bed_run(b, 4995 * SG_MS);
	assert_int_equal(peer_state(&p), TCP_ESTABLISHED);
	bed_run(b, 10 * SG_MS);
	assert_int_equal(peer_state(&p), TCP_CLOSED);
	assert_int_equal(facts(&p).error, -ETIMEDOUT);
	bed_end(b);
}

/* --- Karn ------------------------------------------------------------------------------ */

/* Each round trip is timed by itself, however long nothing was sent in between. */
static void test_round_trips(void **state)
{
	struct peer p;
	struct bed *b = open_plain(&p, false);

	(void)state;
	for (__u32 i = 1; i <= 5; i++) {
		bed_run(b, SG_SEC);
		put(&p, 100);
		b->now += 10 * SG_MS;
		p.ack = seq_add(p.iss, 1 + i * 100);
		peer_send(&p, SG_ACK, NULL, 0);
		assert_int_equal(facts(&p).srtt_us, 10000);
	}
	bed_end(b);
}

/* Without timestamps the RTO stays backed off until something is measured that went once. */
static void test_karn(void **state)
{
	struct peer p;
	struct bed *b = open_plain(&p, false);

	(void)state;
	put(&p, 100);
	bed_run(b, 640 * SG_MS);
	assert_int_equal(b->n, 2);
	assert_int_equal(facts(&p).rto_ms, 840);
	p.ack = seq_add(p.iss, 101);
	peer_send(&p, SG_ACK, NULL, 0);
	assert_int_equal(facts(&p).retrans, 0);
	assert_int_equal(facts(&p).rto_ms, 840);
	assert_int_equal(facts(&p).srtt_us, 10000);
	put(&p, 100);
	b->now += 10 * SG_MS;
	p.ack = seq_add(p.iss, 201);
	peer_send(&p, SG_ACK, NULL, 0);
	assert_int_equal(facts(&p).rto_ms, 210);
	bed_end(b);
}

/* With them the echo tells which of the two it was (RFC 7323 4). */
static void test_karn_with_timestamps(void **state)
{
	static const struct {
		unsigned echo; /* of the first or the second */
		__u32 srtt;    /* 7/8 * 10 ms + 1/8 * sample */
	} rows[] = {{0, 10000 / 8 * 7 + 230000 / 8}, {1, 10000 / 8 * 7 + 20000 / 8}};

	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		struct peer p;
		struct bed *b = open_plain(&p, true);
		__u32 stamp[2];
		sg_time again;

		put(&p, 100);
		stamp[0] = b->sent[0].s.opt.tsval;
		bed_run(b, 220 * SG_MS);
		assert_int_equal(b->n, 1);
		stamp[1] = b->sent[0].s.opt.tsval;
		again = b->sent[0].at;
		b->now = again + 20 * SG_MS;
		p.ack = seq_add(p.iss, 101);
		p.tsecr = stamp[rows[i].echo];
		peer_send(&p, SG_ACK, NULL, 0);
		assert_in_range(facts(&p).srtt_us, rows[i].srtt - 300, rows[i].srtt + 300);
		bed_end(b);
	}
}

/* An echo of what we never sent is not believed. */
static void test_false_echo(void **state)
{
	static const __u32 off[] = {1, 0x80000000, (__u32)-2000000};

	(void)state;
	for (unsigned i = 0; i < SG_ARRAY_SIZE(off); i++) {
		struct peer p;
		struct bed *b = open_plain(&p, true);

		put(&p, 100);
		bed_run(b, 220 * SG_MS);
		p.ack = seq_add(p.iss, 101);
		p.tsecr = sg_ts_clock(&(struct sg_hash){.ts_off = peer_conn(&p)->ts_off},
				      time_ms(b->now)) +
			  off[i];
		peer_send(&p, SG_ACK, NULL, 0);
		assert_int_equal(facts(&p).srtt_us, 10000);
		assert_int_equal(facts(&p).retrans, 0);
		bed_end(b);
	}
}

/* --- a shut window --------------------------------------------------------------------- */

/* The window shuts over data that waits. */
static struct bed *open_shut(struct peer *p)
{
	struct bed *b = open_plain(p, true);

	p->wnd = 0;
	peer_send(p, SG_ACK, NULL, 0);
	put(p, 5000);
	assert_int_equal(b->n, 0);
	return b;
}

/* Each probe is answered: the span between them doubles up to two minutes, and nobody gives up. */
static void test_probes(void **state)
{
	struct peer p;
	struct bed *b = open_shut(&p);
	sg_time last = b->now, span = 210 * SG_MS;

	(void)state;
	b->set.tcp_retries2 = 3;
	for (int i = 0; i < 20; i++) {
		while (b->n == 0)
			bed_run(b, 5 * SG_MS);
		assert_int_equal(b->n, 1);
		assert_sent(&p, 0, SG_ACK, -1, 0, 0);
		assert_true(b->sent[0].at - last >= span);
		assert_true(b->sent[0].at - last < span + span / 50 + 5 * SG_MS);
		last = b->sent[0].at;
		span = 2 * span < 120 * SG_SEC ? 2 * span : 120 * SG_SEC;
		peer_take(&p);
		b->now += SG_MS;
		peer_send(&p, SG_ACK, NULL, 0);
		assert_int_equal(b->n, 0);
	}
	assert_int_equal(b->mib[0].TCPWinProbe, 20);
	assert_string_equal(facts(&p).timer, "persist");
	p.wnd = 100; /* it opens: at once, and the RTO is that of the path */
	peer_send(&p, SG_ACK, NULL, 0);
	assert_true(b->n >= 3);
	assert_sent(&p, 0, SG_ACK, 0, 0, MSS);
	assert_int_equal(facts(&p).rto_ms, 210);
	assert_string_equal(facts(&p).timer, "on");
	bed_end(b);
}

static void test_probes_unanswered(void **state)
{
	struct peer p;
	struct bed *b = open_shut(&p);

	(void)state;
	b->set.tcp_retries2 = 3;
	bed_run(b, 3140 * SG_MS);
	assert_int_equal(b->n, 3);
	assert_int_equal(peer_state(&p), TCP_ESTABLISHED);
	bed_run(b, 30 * SG_MS);
	assert_int_equal(peer_state(&p), TCP_CLOSED);
	assert_int_equal(facts(&p).error, -ETIMEDOUT);
	bed_end(b);
}

/* An orphan whose peer answers every probe and never opens: ends once the span is at its most. */
static void test_probes_of_an_orphan(void **state)
{
	struct peer p;
	struct bed *b = open_shut(&p);
	sg_time start = b->now;

	(void)state;
	tcp_close(b->s[0], p.id, b->now);
	bed_output(b);
	while (peer_state(&p) != TCP_CLOSED) {
		bed_run(b, 10 * SG_MS);
		if (b->n == 0)
			continue;
		assert_sent(&p, 0, SG_ACK, -1, 0, 0);
		peer_take(&p);
		peer_send(&p, SG_ACK, NULL, 0);
		assert_true(b->now - start < 1000 * SG_SEC);
	}
	assert_true(b->now - start > 100 * SG_SEC);
	assert_int_equal(b->mib[0].TCPAbortOnTimeout, 1);
	bed_empty(b);
	bed_end(b);
}

/* An RTO that is at its most already: the peer is probed all the same before it is given up. */
static void test_probe_of_an_orphan_on_a_bad_path(void **state)
{
	struct peer p;
	struct bed *b = open_shut(&p);

	(void)state;
	tcp_close(b->s[0], p.id, b->now);
	bed_output(b);
	peer_conn(&p)->rto = RTO_MAX;
	peer_conn(&p)->rexmit_at = b->now + RTO_MAX;
	peer_conn(&p)->stalled_at = b->now;
	bed_run(b, RTO_MAX + 3 * SG_SEC);
	assert_int_equal(peer_state(&p), TCP_FIN_WAIT_1);
	assert_int_equal(b->mib[0].TCPWinProbe, 1);
	bed_end(b);
}

/* The window shuts while data is out that is lost: probes, and no retransmission into it. */
static void test_shut_over_a_loss(void **state)
{
	struct peer p;
	struct bed *b = open_plain(&p, true);
	__u32 got = 0;

	(void)state;
	put(&p, 5000);
	p.wnd = 0;
	peer_send(&p, SG_ACK, NULL, 0);
	bed_run(b, 10 * SG_SEC);
	for (unsigned i = 0; i < b->n; i++)
		assert_int_equal(b->sent[i].s.len, 0);
	assert_true(b->mib[0].TCPWinProbe >= 3);
	peer_take(&p);
	p.wnd = 1000;
	peer_send(&p, SG_ACK, NULL, 0);
	for (; b->n; peer_ack(&p))
		got += peer_take(&p);
	assert_int_equal(got, 5000);
	bed_end(b);
}

/*
 * RFC 9293 3.8.6 (SHLD-15 to 17, MUST-34, MUST-37): the window shrinks in front of what is out. The
 * old data that it still covers comes again, nothing new does, and as long as the peer answers,
 * its not taking the rest is no reason to give up.
 */
static void test_shrunken_window(void **state)
{
	for (unsigned units = 0; units < 30; units += 10) { /* of 128 bytes */
		struct peer p;
		struct bed *b = open_plain(&p, true);
		sg_time end;
		sg_seq edge;

		(void)state;
		put(&p, 5000);
		p.wnd = (__u16)units;
		edge = seq_add(p.ack, units << 7);
		peer_send(&p, SG_ACK, NULL, 0);
		tcp_send(b->s[0], p.id, bytes(5000, 2000), 2000, b->now);
		for (end = b->now + 7200 * SG_SEC; b->now < end;) {
			bed_run(b, 500 * SG_MS);
			for (unsigned i = 0; i < b->n; i++)
				assert_false(seq_after(seq_add(b->sent[i].s.seq, b->sent[i].s.len),
						       edge));
			if (!b->n)
				continue;
			peer_take(&p); /* there is no room but what is left of that */
			p.wnd = (__u16)(seq_diff(edge, p.ack) >> 7);
			peer_send(&p, SG_ACK, NULL, 0);
		}
		assert_int_equal(peer_state(&p), TCP_ESTABLISHED);
		assert_in_range(seq_diff(edge, p.ack), 0, 127); /* what was let in did come */
		p.wnd = 60000;
		peer_send(&p, SG_ACK, NULL, 0);
		for (int i = 0; i < 100 && peer_conn(&p)->snd.len; i++) {
			peer_ack(&p);
			bed_run(b, 300 * SG_MS);
		}
		assert_int_equal(peer_conn(&p)->snd.len, 0);
		bed_end(b);
	}
}

/*
 * A SACK takes a timeout back (F-RTO) before what it had found lost was sent again: there is nothing
 * to send then, and what is out must still be waited for.
 */
static void test_taken_back_in_time(void **state)
{
	struct bed *b = bed_listening(1, 8);
	struct peer p;
	struct seg sack;
	struct tcp *t;

	(void)state;
	peer_init(&p, b, 1);
	b->set.tcp_frto = 2;
	conn_in(&p, TCP_ESTABLISHED);
	put(&p, 4 * MSS);
	t = peer_conn(&p);
	b->now = t->rexmit_at + SG_MS;
	tcp_expire(b->s[0], b->now);
	assert_int_equal(t->backoff, 1);
	sack = peer_seg(&p, SG_ACK, NULL, 0);
	sack.opt.nsack = 1;
	sack.sack[0].left = seq_add(p.iss, 1);
	sack.sack[0].right = seq_add(p.iss, 1 + MSS);
	bed_input(b, 0, &sack); /* it is there, and still it acknowledges nothing */
	assert_int_equal(b->n, 0);
	assert_true(t->rexmit_at != SG_NEVER);
	bed_run(b, 10 * SG_SEC);
	assert_true(b->n > 0);
	bed_end(b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_backoff_doubles),
		cmocka_unit_test(test_whole_window_lost),
		cmocka_unit_test(test_first_of_a_window_lost),
		cmocka_unit_test(test_retries2),
		cmocka_unit_test(test_orphan_retries),
		cmocka_unit_test(test_progress_counts),
		cmocka_unit_test(test_user_timeout),
		cmocka_unit_test(test_round_trips),
		cmocka_unit_test(test_karn),
		cmocka_unit_test(test_karn_with_timestamps),
		cmocka_unit_test(test_false_echo),
		cmocka_unit_test(test_probes),
		cmocka_unit_test(test_probes_unanswered),
		cmocka_unit_test(test_probes_of_an_orphan),
		cmocka_unit_test(test_probe_of_an_orphan_on_a_bad_path),
		cmocka_unit_test(test_shut_over_a_loss),
		cmocka_unit_test(test_shrunken_window),
		cmocka_unit_test(test_taken_back_in_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
