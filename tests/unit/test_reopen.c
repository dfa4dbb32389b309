/* SPDX-License-Identifier: BSD-2-Clause */
/* Out of TIME_WAIT: a SYN that opens the pair anew, RFC 9293 3.6.1 and RFC 6191. */
#include "harness.h"

static struct bed *open_in(struct peer *p)
{
	struct bed *b = bed_listening(1, 8);

	peer_init(p, b, 1);
	conn_in(p, TCP_TIME_WAIT);
	bed_drain_events(b);
	b->n = 0;
	return b;
}

static void reopen_scaled(struct peer *p, __s32 off, __s32 ts, bool reopens, __u8 wscale)
{
	struct bed *b = p->b;
	sg_seq old = seq_add(p->iss, 2); /* our snd_nxt */
	const struct seg *a = &b->sent[0].s;

	p->tsval += (__u32)ts;
	peer_send_at(p, off, SG_SYN, NULL, 0);
	assert_int_equal(b->n, 1);
	assert_int_equal(peer_state(p), reopens ? TCP_SYN_RCVD : TCP_TIME_WAIT);
	assert_int_equal(b->mib[0].TimeWaitReopened, reopens);
	if (!reopens)
		return;
	assert_int_equal(a->flags, SG_SYN | SG_ACK);
	assert_true(seq_eq(a->seq, seq_add(old, 65537)));
	assert_true(seq_eq(a->ack, seq_add(p->nxt, (__u32)off + 1)));
	assert_int_equal(a->opt.mss, BED_MSS);
	assert_int_equal(a->opt.wscale, wscale);
	assert_int_equal(a->opt.sack_ok, 1);
	assert_int_equal(a->opt.tsecr, p->tsval);
	assert_int_equal(b->queues[0].halfopen, 1);
	assert_int_equal(b->s[0]->timewaits.used, 0);
	p->isn = seq_add(p->nxt, (__u32)off);
	p->nxt = seq_add(p->isn, 1);
	p->iss = a->seq;
	peer_take(p);
	p->ack = seq_add(p->iss, 1);
}

static void reopen_expect(struct peer *p, __s32 off, __s32 ts, bool reopens)
{
	reopen_scaled(p, off, ts, reopens, BED_WSCALE);
}

static void test_reopen(void **state)
{
	static const struct {
		__s32 off, ts;
		bool reopens;
	} rows[] = {
		{1, 0, true},	   {100000, 0, true}, {0, 0, false},
		{-1, 0, false},	   {-1000, 1, true}, /* the timestamp tells */
		{1000, -1, false},		     /* an old one */
	};

	(void)state;
	for (unsigned i = 0; i < 4 * SG_ARRAY_SIZE(rows);
	     i++) { /* in each quarter of the numbers */
		unsigned row = i / 4;
		struct bed *b = bed_listening(1, 8);
		struct peer p;

		peer_init(&p, b, 1);
		p.isn = seq_add(p.isn, (i % 4) << 30);
		conn_in(&p, TCP_TIME_WAIT);
		reopen_expect(&p, rows[row].off, rows[row].ts, rows[row].reopens);
		if (rows[row].reopens) { /* and it becomes a connection like any other */
			assert_int_equal(peer_send(&p, SG_ACK, bytes(0, 20), 20), -1);
			assert_int_equal(peer_state(&p), TCP_ESTABLISHED);
			assert_sent(&p, 0, SG_ACK, 0, 20, 0);
			assert_int_equal(b->queues[0].halfopen, 0);
			assert_int_equal(b->queues[0].acceptq, 1);
			peer_accept(&p);
			assert_int_equal(events_of(b, 0, p.id), TCP_EV_READ);
			tcp_send(b->s[0], p.id, "y", 1, b->now);
			bed_output(b);
			assert_sent(&p, 1, SG_ACK | SG_PSH, 0, 20, 1);
			assert_int_equal(peer_conn(&p)->snd_wnd, 65535 << 7);
		}
		bed_end(b);
	}
}

/* Without the option the window is not scaled, whatever the listener would offer. */
static void test_reopen_without_options(void **state)
{
	struct peer p;
	struct bed *b = bed_listening(1, 8);

	(void)state;
	peer_init(&p, b, 1);
	p.syn = (struct sg_tcpopts){.wscale = SG_WSCALE_NONE};
	conn_in(&p, TCP_TIME_WAIT);
	peer_send_at(&p, 1000, SG_SYN, NULL, 0);
	assert_int_equal(peer_state(&p), TCP_SYN_RCVD);
	assert_int_equal(b->sent[0].s.opt.wscale, SG_WSCALE_NONE);
	assert_int_equal(b->sent[0].s.opt.sack_ok, 0);
	assert_int_equal(b->sent[0].s.opt.has_ts, 0);
	assert_int_equal(peer_conn(&p)->mss, SG_MSS_DEFAULT4);
	bed_end(b);
}

/* Scaling by nothing is scaling none the less: the peer's windows are scaled then. */
static void test_reopen_with_scale_zero(void **state)
{
	struct peer p;
	struct bed *b = bed_listening(1, 8);

	(void)state;
	b->listener.wscale = 0;
	tcp_unlisten(b->s[0], 0, b->now);
	tcp_listen(b->s[0], 0, &b->listener);
	peer_init(&p, b, 1);
	conn_in(&p, TCP_TIME_WAIT);
	reopen_scaled(&p, 1000, 0, true, 0);
	peer_send(&p, SG_ACK, NULL, 0);
	assert_int_equal(peer_conn(&p)->snd_wnd, 65535 << 7);
	bed_end(b);
}

/* The SYN-ACK is sent again, and a SYN that comes again is answered, but not too often. */
static void test_reopened_unanswered(void **state)
{
	static const unsigned at[] = {1, 3, 7, 15, 31};
	struct peer p;
	struct bed *b = open_in(&p);
	sg_time start;

	(void)state;
	reopen_expect(&p, 1000, 0, true);
	start = b->now;
	bed_run(b, 62 * SG_SEC);
	assert_int_equal(b->n, SG_ARRAY_SIZE(at));
	for (unsigned i = 0; i < b->n; i++) {
		assert_true(b->sent[i].at - start >= at[i] * SG_SEC);
		assert_true(b->sent[i].at - start < at[i] * SG_SEC + 10 * SG_MS);
		assert_true(seq_eq(b->sent[i].s.seq, p.iss));
		assert_int_equal(b->sent[i].s.flags, SG_SYN | SG_ACK);
	}
	bed_run(b, 2 * SG_SEC);
	assert_int_equal(peer_state(&p), TCP_CLOSED);
	assert_int_equal(b->queues[0].halfopen, 0);
	bed_empty(b);
	bed_end(b);
}

/* One SYN-ACK sent again may be too short an RTO; two are a loss (RFC 5681 3.1, and Linux). */
static void test_reopened_after_a_loss(void **state)
{
	for (unsigned resent = 1; resent < 3; resent++) {
		struct peer p;
		struct bed *b = open_in(&p);
		struct tcp_facts f;

		(void)state;
		reopen_expect(&p, 1000, 0, true);
		bed_run(b, resent == 1 ? 1100 * SG_MS : 3100 * SG_MS);
		assert_int_equal(b->n, resent);
		peer_send(&p, SG_ACK, NULL, 0);
		peer_accept(&p);
		assert_int_equal(tcp_info(b->s[0], p.id, b->now, &f), 0);
		assert_false(f.cookie);
		assert_int_equal(f.handshake_us, resent == 1 ? 1100000 : 3100000);
		assert_int_equal(f.snd_cwnd, resent == 1 ? 10 * f.mss : f.mss);
		assert_true(f.snd_ssthresh > 1 << 30);
		bed_end(b);
	}
}

static void test_reopened_syn_again(void **state)
{
	struct peer p;
	struct bed *b = open_in(&p);

	(void)state;
	reopen_expect(&p, 1000, 0, true);
	peer_send_at(&p, -1, SG_SYN, NULL, 0);
	assert_int_equal(b->n, 1);
	assert_true(seq_eq(b->sent[0].s.seq, p.iss));
	peer_send_at(&p, -1, SG_SYN, NULL, 0);
	assert_int_equal(b->n, 0);
	b->now += 501 * SG_MS;
	peer_send_at(&p, -1, SG_SYN, NULL, 0);
	assert_int_equal(b->n, 1);
	assert_int_equal(b->queues[0].halfopen, 1);
	peer_send(&p, SG_ACK, NULL, 0);
	assert_int_equal(peer_state(&p), TCP_ESTABLISHED);
	bed_end(b);
}

static void test_reopened_reset_and_bad_ack(void **state)
{
	struct peer p;
	struct bed *b = open_in(&p);
	struct seg s;

	(void)state;
	reopen_expect(&p, 1000, 0, true);
	s = peer_seg(&p, SG_ACK, NULL, 0);
	s.ack = seq_add(s.ack, 1);
	bed_input(b, 0, &s);
	assert_int_equal(b->n, 1);
	assert_int_equal(b->sent[0].s.flags, SG_RST);
	assert_true(seq_eq(b->sent[0].s.seq, s.ack));
	assert_int_equal(peer_state(&p), TCP_SYN_RCVD);
	peer_send_at(&p, 0, SG_RST, NULL, 0);
	assert_int_equal(peer_state(&p), TCP_CLOSED);
	assert_int_equal(b->queues[0].halfopen, 0);
	assert_int_equal(b->mib[0].AttemptFails, 1);
	bed_end(b);
}

/* What arrives then is met as by an entry of the half-open table (sg_synq_check). */
static void test_reopened_segments(void **state)
{
	static const struct {
		__u8 flags;
		__s32 off;
		__u32 len;
		int answer; /* flags; 0: silence */
		enum tcp_state then;
	} rows[] = {
		{SG_ACK, -10, 10, SG_ACK, TCP_SYN_RCVD}, /* ends where the window begins */
		{SG_ACK | SG_FIN, -1, 0, SG_ACK, TCP_SYN_RCVD},
		{SG_ACK, -10, 11, SG_ACK, TCP_ESTABLISHED},
		{SG_ACK, 65535, 0, 0, TCP_ESTABLISHED}, /* nothing, at the right edge */
		{SG_ACK, 65535, 1, SG_ACK, TCP_SYN_RCVD},
		{SG_ACK, 65536, 0, SG_ACK, TCP_SYN_RCVD},
		{SG_SYN, 0, 0, SG_RST | SG_ACK, TCP_CLOSED},
		{SG_SYN, 65536, 0, SG_ACK, TCP_SYN_RCVD},
		{SG_SYN | SG_ACK, -1, 0, SG_ACK, TCP_SYN_RCVD},
		{SG_SYN | SG_ACK, 5, 0, SG_RST, TCP_CLOSED},
		{SG_RST, 1, 0, SG_ACK, TCP_SYN_RCVD},
		{SG_RST, -1, 0, 0, TCP_SYN_RCVD},
		{0, 0, 5, 0, TCP_SYN_RCVD},
	};

	(void)state;
	for (unsigned i = 0; i < SG_ARRAY_SIZE(rows); i++) {
		struct peer p;
		struct bed *b = open_in(&p);
		bool over = rows[i].then == TCP_CLOSED;

		reopen_expect(&p, 1000, 0, true);
		peer_send_at(&p, rows[i].off, rows[i].flags, bytes(0, rows[i].len), rows[i].len);
		assert_int_equal(peer_state(&p), rows[i].then);
		assert_int_equal(b->n, rows[i].answer != 0);
		if (rows[i].answer)
			assert_int_equal(b->sent[0].s.flags, rows[i].answer);
		assert_int_equal(b->queues[0].halfopen, rows[i].then == TCP_SYN_RCVD);
		assert_int_equal(b->mib[0].EmbryonicRsts, over);
		assert_int_equal(b->mib[0].AttemptFails, over);
		bed_end(b);
	}
}

/* The window is what the SYN-ACK said, never scaled (RFC 7323 2.2), until an ACK says more. */
static void test_reopened_window(void **state)
{
	struct peer p;
	struct bed *b = open_in(&p);

	(void)state;
	reopen_expect(&p, 1000, 0, true);
	assert_int_equal(b->sent[0].s.wnd, 65535);
	assert_int_equal(seq_diff(peer_conn(&p)->rcv_adv, p.nxt), 65535);
	peer_send(&p, SG_ACK, bytes(0, 10), 10);
	assert_true(seq_diff(peer_conn(&p)->rcv_adv, p.nxt) > 1 << 19);
	bed_end(b);
}

/* It is nobody's yet: no user timeout cuts it short. */
static void test_reopened_user_timeout(void **state)
{
	struct peer p;
	struct bed *b = open_in(&p);

	(void)state;
	b->set.user_timeout_ms = 1000;
	reopen_expect(&p, 1000, 0, true);
	bed_run(b, 40 * SG_SEC);
	assert_int_equal(b->n, 5);
	assert_int_equal(peer_state(&p), TCP_SYN_RCVD);
	bed_end(b);
}

/* The accept queue is full at the final ACK: as with any half-open connection. */
static void test_reopened_overflow(void **state)
{
	for (__u32 abort_on_overflow = 0; abort_on_overflow < 2; abort_on_overflow++) {
		struct peer p, q;
		struct bed *b = open_in(&p);

		(void)state;
		b->set.tcp_abort_on_overflow = abort_on_overflow;
		b->queues[0].backlog = 0;
		reopen_expect(&p, 1000, 0, true);
		peer_init(&q, b, 2);
		peer_establish(&q);
		peer_send(&p, SG_ACK, NULL, 0);
		assert_int_equal(b->n, abort_on_overflow);
		assert_int_equal(peer_state(&p), abort_on_overflow ? TCP_CLOSED : TCP_SYN_RCVD);
		assert_int_equal(b->queues[0].halfopen, !abort_on_overflow);
		assert_int_equal(b->queues[0].ListenOverflows, 1);
		if (abort_on_overflow) {
			assert_int_equal(b->sent[0].s.flags & SG_RST, SG_RST);
			assert_true(seq_eq(b->sent[0].s.seq, p.ack));
		} else {
			peer_accept(&q);
			peer_send(&p, SG_ACK, NULL, 0);
			assert_int_equal(peer_state(&p), TCP_ESTABLISHED);
		}
		bed_end(b);
	}
}

/* tcp_conn_request: the SYN queue's limit does not count, the accept queue's does. */
static void test_reopen_limits(void **state)
{
	struct peer p, q;
	struct bed *b = open_in(&p);

	(void)state;
	b->queues[0].syn_backlog = b->queues[0].strangers = 0;
	peer_init(&q, b, 2);
	assert_int_equal(peer_syn(&q), SG_ADMIT_ENTRY);
	peer_send_at(&p, 1000, SG_SYN, NULL, 0);
	assert_int_equal(b->n, 1);
	assert_int_equal(peer_state(&p), TCP_SYN_RCVD);
	assert_int_equal(b->queues[0].halfopen, 2);
	assert_int_equal(b->queues[0].young, 2);
	bed_end(b);

	b = open_in(&p);
	b->queues[0].backlog = 0;
	peer_init(&q, b, 2);
	peer_establish(&q);
	peer_send_at(&p, 1000, SG_SYN, NULL, 0);
	assert_int_equal(b->n, 0); /* dropped, and TIME_WAIT is over */
	assert_int_equal(peer_state(&p), TCP_CLOSED);
	assert_int_equal(sg_flow_owner(&b->cfg[0].flows, peer_hash(&p).table, &p.tuple), -ENOENT);
	assert_int_equal(b->queues[0].ListenOverflows, 1);
	assert_int_equal(b->queues[0].ListenDrops, 1);
	assert_int_equal(b->mib[0].ListenOverflows, 1);
	assert_int_equal(b->mib[0].ListenDrops, 1);
	assert_int_equal(b->mib[0].TimeWaitReopened, 0);
	bed_end(b);
}

static void test_reopened_unlisten(void **state)
{
	struct peer p;
	struct bed *b = open_in(&p);

	(void)state;
	reopen_expect(&p, 1000, 0, true);
	tcp_unlisten(b->s[0], 0, b->now);
	assert_int_equal(b->queues[0].halfopen, 0);
	b->n = 0;
	bed_output(b);
	assert_int_equal(b->n, 1);
	assert_int_equal(b->sent[0].s.flags & SG_RST, SG_RST);
	assert_true(seq_eq(b->sent[0].s.seq, p.ack));
	bed_empty(b);
	bed_end(b);
}

/* No block is free: the SYN is dropped. Nobody listens any more: the pair stays as it is. */
static void test_reopen_refused(void **state)
{
	struct peer p, q[BED_CONNS];
	struct bed *b = open_in(&p);

	(void)state;
	b->queues[0].backlog = b->queues[0].syn_backlog = 100;
	for (unsigned i = 0; i < BED_CONNS; i++) {
		peer_init(&q[i], b, (__u8)(10 + i));
		peer_establish(&q[i]);
	}
	peer_send_at(&p, 1000, SG_SYN, NULL, 0);
	assert_int_equal(peer_state(&p), TCP_CLOSED);
	assert_int_equal(b->queues[0].ListenDrops, 1);
	bed_end(b);

	b = open_in(&p);
	tcp_unlisten(b->s[0], 0, b->now);
	b->n = 0;
	bed_output(b);
	bed_drain_events(b);
	peer_send_at(&p, 1000, SG_SYN, NULL, 0);
	assert_int_equal(peer_state(&p), TCP_TIME_WAIT);
	assert_int_equal(b->mib[0].TimeWaitReopened, 0);
	assert_int_equal(b->queues[0].halfopen, 0);
	bed_end(b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_reopen),
		cmocka_unit_test(test_reopen_without_options),
		cmocka_unit_test(test_reopen_with_scale_zero),
		cmocka_unit_test(test_reopened_unanswered),
		cmocka_unit_test(test_reopened_after_a_loss),
		cmocka_unit_test(test_reopened_syn_again),
		cmocka_unit_test(test_reopened_reset_and_bad_ack),
		cmocka_unit_test(test_reopened_segments),
		cmocka_unit_test(test_reopened_window),
		cmocka_unit_test(test_reopened_user_timeout),
		cmocka_unit_test(test_reopened_overflow),
		cmocka_unit_test(test_reopen_limits),
		cmocka_unit_test(test_reopened_unlisten),
		cmocka_unit_test(test_reopen_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
