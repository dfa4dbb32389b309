/* SPDX-License-Identifier: BSD-2-Clause */
/* user/tcp/close.c: every way a connection ends. */
#include "harness.h"

static struct bed *open_in(struct peer *p, enum tcp_state st)
{
	struct bed *b = bed_listening(1, 8);

	peer_init(p, b, 1);
	conn_in(p, st);
	bed_drain_events(b);
	b->n = 0;
	return b;
}

static void push(struct bed *b)
{
	b->n = 0;
	bed_output(b);
}

static struct tcp_facts facts(const struct peer *p)
{
	struct tcp_facts f;

	assert_int_equal(tcp_info(p->b->s[0], p->id, p->b->now, &f), 0);
	return f;
}

static int recv_all(struct peer *p)
{
	__u8 buf[4096];
	ssize_t n;

	while ((n = tcp_recv(p->b->s[0], p->id, buf, sizeof(buf), p->b->now)) > 0)
		;
	return (int)n;
}

/* --- the four segments ----------------------------------------------------------------- */

static void test_we_close_first(void **state)
{
	struct peer p;
	struct bed *b = open_in(&p, TCP_ESTABLISHED);

	(void)state;
	assert_int_equal(tcp_close(b->s[0], p.id, b->now), 0);
	push(b);
	assert_int_equal(b->n, 1);
	assert_sent(&p, 0, SG_FIN | SG_ACK, 0, 0, 0);
	assert_int_equal(peer_state(&p), TCP_FIN_WAIT_1);
	peer_ack(&p);
	assert_int_equal(b->n, 0);
	assert_int_equal(peer_state(&p), TCP_FIN_WAIT_2);
	peer_send(&p, SG_FIN | SG_ACK, NULL, 0);
	assert_int_equal(b->n, 1);
	assert_sent(&p, 0, SG_ACK, 1, 1, 0);
	assert_int_equal(peer_state(&p), TCP_TIME_WAIT);
	assert_int_equal(b->s[0]->conns.used, 0); /* the big block is free */
	bed_run(b, 59900 * SG_MS);
	assert_int_equal(peer_state(&p), TCP_TIME_WAIT);
	bed_run(b, 200 * SG_MS);
	assert_int_equal(peer_state(&p), TCP_CLOSED);
	bed_empty(b);
	bed_end(b);
}

static void test_peer_closes_first(void **state)
{
	struct peer p;
	struct bed *b = open_in(&p, TCP_ESTABLISHED);

	(void)state;
	peer_send(&p, SG_FIN | SG_ACK, NULL, 0);
	assert_int_equal(b->n, 1);
	assert_sent(&p, 0, SG_ACK, 0, 1, 0);
	assert_int_equal(peer_state(&p), TCP_CLOSE_WAIT);
	assert_int_equal(events_of(b, 0, p.id), TCP_EV_READ);
	assert_int_equal(recv_all(&p), 0);
	assert_int_equal(tcp_close(b->s[0], p.id, b->now), 0);
	push(b);
	assert_int_equal(b->n, 1);
	assert_sent(&p, 0, SG_FIN | SG_ACK, 0, 1, 0);
	assert_int_equal(peer_state(&p), TCP_LAST_ACK);
	peer_ack(&p);
	assert_int_equal(b->n, 0);
	bed_empty(b); /* no TIME_WAIT at this end */
	bed_end(b);
}

/* FIN and ACK in one segment: FIN_WAIT_1 goes to TIME_WAIT through FIN_WAIT_2. */
static void test_fin_with_the_ack_of_ours(void **state)
{
	struct peer p;
	struct bed *b = open_in(&p, TCP_FIN_WAIT_1);

	(void)state;
	p.ack = seq_add(p.ack, 1);
	peer_send(&p, SG_FIN | SG_ACK, NULL, 0);
	assert_int_equal(b->n, 1);
	assert_sent(&p, 0, SG_ACK, 1, 1, 0);
	assert_int_equal(peer_state(&p), TCP_TIME_WAIT);
	bed_end(b);
}

static void test_simultaneous_close(void **state)
{
	struct peer p;
	struct bed *b = open_in(&p, TCP_FIN_WAIT_1);

	(void)state;
	peer_send(&p, SG_FIN | SG_ACK, NULL, 0); /* does not acknowledge ours */
	assert_int_equal(peer_state(&p), TCP_CLOSING);
	assert_int_equal(b->n, 1);
	assert_sent(&p, 0, SG_ACK, 1, 1, 0);
	peer_take(&p);
	p.ack = seq_add(p.iss, 2);
	peer_send(&p, SG_ACK, NULL, 0);
	assert_int_equal(peer_state(&p), TCP_TIME_WAIT);
	assert_int_equal(b->n, 0);
	bed_end(b);
}

/* Both come in before anything can go out: the peer's FIN is acknowledged none the less. */
static void test_simultaneous_close_in_one_batch(void **state)
{
	struct peer p;
	struct bed *b = open_in(&p, TCP_FIN_WAIT_1);
	struct seg room[ACTIONS_PER_INPUT], fin, ack;
	struct actions a = {0, ACTIONS_PER_INPUT, room};

	(void)state;
	fin = peer_seg(&p, SG_FIN | SG_ACK, NULL, 0);
	p.nxt = seq_add(p.nxt, 1);
	p.ack = seq_add(p.iss, 2);
	ack = peer_seg(&p, SG_ACK, NULL, 0);
	tcp_input(b->s[0], &fin, b->now, &a);
	tcp_input(b->s[0], &ack, b->now, &a);
	assert_int_equal(peer_state(&p), TCP_TIME_WAIT);
	assert_int_equal(a.n, 0);
	push(b);
	assert_int_equal(b->n, 1);
	assert_sent(&p, 0, SG_ACK, 1, 1, 0);
	assert_int_equal(b->s[0]->conns.used, 0);
	bed_end(b);
}

/* --- half-close ------------------------------------------------------------------------ */

static void test_peer_half_closes(void **state)
{
	struct peer p;
	struct bed *b = open_in(&p, TCP_ESTABLISHED);
	__u32 got;

	(void)state;
	peer_send(&p, SG_FIN | SG_ACK, bytes(0, 10), 10);
	assert_int_equal(peer_state(&p), TCP_CLOSE_WAIT);
	peer_take(&p);
	assert_int_equal(recv_all(&p), 0);
	assert_int_equal(tcp_send(b->s[0], p.id, bytes(0, 9000), 9000, b->now), 9000);
	push(b);
	for (got = 0; b->n; peer_ack(&p))
		got += peer_take(&p);
	assert_int_equal(got, 9000);
	assert_int_equal(peer_state(&p), TCP_CLOSE_WAIT);
	assert_int_equal(tcp_shutdown(b->s[0], p.id, b->now), 0);
	push(b);
	assert_sent(&p, 0, SG_FIN | SG_ACK, 9000, 11, 0);
	assert_int_equal(peer_state(&p), TCP_LAST_ACK);
	assert_int_equal(tcp_shutdown(b->s[0], p.id, b->now), 0); /* nothing more to do */
	peer_ack(&p);
	assert_int_equal(tcp_shutdown(b->s[0], p.id, b->now), -ENOTCONN);
	assert_int_equal(facts(&p).state, TCP_CLOSED);
	assert_int_equal(facts(&p).error, 0);
	assert_int_equal(tcp_close(b->s[0], p.id, b->now), 0);
	bed_drain_events(b);
	bed_empty(b);
	bed_end(b);
}

static void test_we_half_close(void **state)
{
	struct peer p;
	struct bed *b = open_in(&p, TCP_ESTABLISHED);
	__u8 got[3000];

	(void)state;
	assert_int_equal(tcp_shutdown(b->s[0], p.id, b->now), 0);
	assert_int_equal(tcp_send(b->s[0], p.id, "x", 1, b->now), -EPIPE);
	push(b);
	peer_ack(&p);
	assert_int_equal(peer_state(&p), TCP_FIN_WAIT_2);
	bed_run(b, 3600 * SG_SEC); /* it has an owner: no time limit */
	assert_int_equal(peer_state(&p), TCP_FIN_WAIT_2);
	peer_send(&p, SG_ACK, bytes(0, 1000), 1000);
	assert_sent(&p, 0, SG_ACK, 1, 1000, 0);
	peer_send(&p, SG_FIN | SG_ACK, bytes(1000, 500), 500);
	assert_int_equal(peer_state(&p), TCP_TIME_WAIT);
	assert_int_equal(events_of(b, 0, p.id), TCP_EV_READ);
	assert_int_equal(tcp_recv(b->s[0], p.id, got, sizeof(got), b->now), 1500);
	assert_memory_equal(got, bytes(0, 1500), 1500);
	assert_int_equal(recv_all(&p), 0);
	assert_int_equal(tcp_close(b->s[0], p.id, b->now), 0);
	assert_int_equal(b->s[0]->conns.used, 0);
	bed_end(b);
}

/* The rest of the send buffer still goes out, and its loss is mended, without an owner. */
static void test_close_with_unsent_data(void **state)
{
	struct peer p;
	struct bed *b = open_in(&p, TCP_ESTABLISHED);
	__u32 got = 0;

	(void)state;
	tcp_send(b->s[0], p.id, bytes(0, 60000), 60000, b->now);
	assert_int_equal(tcp_close(b->s[0], p.id, b->now), 0);
	push(b);
	assert_int_equal(b->n, 10);
	bed_run(b, SG_SEC); /* all ten are lost */
	for (; b->n; peer_ack(&p))
		got += peer_take(&p);
	assert_int_equal(got, 60000);
	assert_int_equal(peer_state(&p), TCP_FIN_WAIT_2);
	peer_send(&p, SG_FIN | SG_ACK, NULL, 0);
	assert_int_equal(peer_state(&p), TCP_TIME_WAIT);
	bed_end(b);
}

/* FIN out of order waits for what goes before it. */
static void test_fin_before_its_data(void **state)
{
	struct peer p;
	struct bed *b = open_in(&p, TCP_ESTABLISHED);

	(void)state;
	peer_send_at(&p, 100, SG_FIN | SG_ACK, bytes(100, 50), 50);
	assert_int_equal(peer_state(&p), TCP_ESTABLISHED);
	assert_sent(&p, 0, SG_ACK, 0, 0, 0);
	assert_int_equal(events_of(b, 0, p.id), 0);
	peer_send(&p, SG_ACK, bytes(0, 100), 100);
	assert_int_equal(peer_state(&p), TCP_CLOSE_WAIT);
	assert_sent(&p, 0, SG_ACK, 0, 151, 0);
	peer_send_at(&p, 50, SG_FIN | SG_ACK, NULL, 0); /* again: acknowledged again */
	assert_int_equal(b->n, 1);
	assert_sent(&p, 0, SG_ACK, 0, 151, 0);
	assert_int_equal(recv_all(&p), 0);
	bed_end(b);
}

/* --- resets ---------------------------------------------------------------------------- */

static void test_close_with_unread_data(void **state)
{
	struct peer p;
	struct bed *b = open_in(&p, TCP_ESTABLISHED);

	(void)state;
	peer_send(&p, SG_ACK, bytes(0, 10), 10);
	assert_int_equal(tcp_close(b->s[0], p.id, b->now), 0);
	push(b);
	assert_int_equal(b->n, 1);
	assert_sent(&p, 0, SG_RST | SG_ACK, 0, 10, 0);
	assert_int_equal(b->mib[0].TCPAbortOnClose, 1);
	assert_int_equal(b->mib[0].OutRsts, 1);
	bed_drain_events(b);
	bed_empty(b);
	bed_end(b);
}

static void test_data_after_close(void **state)
{
	static const enum tcp_state st[] = {TCP_FIN_WAIT_1, TCP_FIN_WAIT_2};

	(void)state;
	for (unsigned i = 0; i < SG_ARRAY_SIZE(st); i++) {
		struct peer p;
		struct bed *b = open_in(&p, st[i]);

		peer_send(&p, SG_ACK, bytes(0, 10), 10);
		assert_int_equal(b->n, 1);
		assert_int_equal(b->sent[0].s.flags, SG_RST); /* as to a stranger */
		assert_true(seq_eq(b->sent[0].s.seq, p.ack));
		assert_int_equal(b->mib[0].TCPAbortOnData, st[i] == TCP_FIN_WAIT_1);
		bed_empty(b);
		bed_end(b);
	}
}

static void test_abort_in_every_state(void **state)
{
	static const struct {
		enum tcp_state st;
		bool rst;
	} rows[] = {
		{TCP_SYN_SENT, false},
		{TCP_SYN_RCVD, true},
		{TCP_ESTABLISHED, true},
		{TCP_CLOSE_WAIT, true},
	};

	(void)state;
	for (unsigned i = 0; i < SG_ARRAY_SIZE(rows); i++) {
		struct peer p;
		struct bed *b = open_in(&p, rows[i].st);

		assert_int_equal(tcp_abort(b->s[0], p.id, b->now), 0);
		assert_int_equal(tcp_abort(b->s[0], p.id, b->now), -EBADF);
		push(b);
		assert_int_equal(b->n, rows[i].rst);
		if (rows[i].rst) {
			assert_int_equal(b->sent[0].s.flags, SG_RST | SG_ACK);
			assert_true(seq_eq(b->sent[0].s.seq, seq_add(p.iss, 1)));
		}
		bed_drain_events(b);
		bed_empty(b);
		bed_end(b);
	}
}

/* With data on its way: what is out and what is not, all is dropped, and the RST fits. */
static void test_abort_with_data(void **state)
{
	struct peer p;
	struct bed *b = open_in(&p, TCP_ESTABLISHED);

	(void)state;
	tcp_send(b->s[0], p.id, bytes(0, 50000), 50000, b->now);
	push(b);
	assert_int_equal(b->n, 10);
	peer_send_at(&p, 100, SG_ACK, bytes(0, 10), 10);
	tcp_abort(b->s[0], p.id, b->now);
	push(b);
	assert_int_equal(b->n, 1);
	assert_sent(&p, 0, SG_RST | SG_ACK, 14480, 0, 0);
	bed_drain_events(b);
	bed_empty(b);
	bed_end(b);
}

static void test_close_in_syn_sent(void **state)
{
	struct peer p;
	struct bed *b = open_in(&p, TCP_SYN_SENT);

	(void)state;
	assert_int_equal(tcp_close(b->s[0], p.id, b->now), 0);
	push(b);
	assert_int_equal(b->n, 0);
	bed_empty(b);
	bed_end(b);
}

/* Linux's inet_shutdown: the attempt is over, whichever direction it was. */
static void test_shutdown_in_syn_sent(void **state)
{
	for (int read = 0; read < 2; read++) {
		struct peer p;
		struct bed *b = open_in(&p, TCP_SYN_SENT);
		int rc = read ? tcp_shutdown_read(b->s[0], p.id) :
				tcp_shutdown(b->s[0], p.id, b->now);

		(void)state;
		assert_int_equal(rc, 0);
		push(b);
		assert_int_equal(b->n, 0);
		assert_int_equal(events_of(b, 0, p.id), TCP_EV_CLOSED);
		assert_int_equal(facts(&p).state, TCP_CLOSED);
		assert_int_equal(facts(&p).error, -ECONNRESET);
		assert_int_equal(tcp_shutdown(b->s[0], p.id, b->now), -ENOTCONN);
		assert_int_equal(b->mib[0].AttemptFails, 0);
		bed_end(b);
	}
}

/* A simultaneous open is closed before its SYN is acknowledged: the FIN goes, and is out alone. */
static void test_close_in_syn_rcvd(void **state)
{
	struct peer p;
	struct bed *b = open_in(&p, TCP_SYN_RCVD);

	(void)state;
	assert_int_equal(tcp_close(b->s[0], p.id, b->now), 0);
	push(b);
	assert_int_equal(b->n, 1);
	assert_sent(&p, 0, SG_FIN | SG_ACK, 0, 0, 0);
	assert_int_equal(peer_state(&p), TCP_FIN_WAIT_1);
	bed_run(b, 1100 * SG_MS); /* both come again */
	assert_int_equal(b->n, 2);
	assert_int_equal(b->sent[0].s.flags, SG_SYN | SG_ACK);
	assert_true(seq_eq(b->sent[0].s.seq, p.iss));
	assert_sent(&p, 1, SG_FIN | SG_ACK, 0, 0, 0);
	p.nxt = seq_add(p.isn, 1);
	p.ack = seq_add(p.iss, 1); /* of the SYN alone */
	peer_send(&p, SG_ACK, NULL, 0);
	assert_int_equal(peer_state(&p), TCP_FIN_WAIT_1);
	assert_int_equal(b->n, 0);
	bed_run(b, 4 * SG_SEC); /* its echo told of a round trip of 1.1 s */
	assert_int_equal(b->n, 1); /* the FIN, no SYN */
	assert_sent(&p, 0, SG_FIN | SG_ACK, 0, 0, 0);
	peer_ack(&p);
	assert_int_equal(peer_state(&p), TCP_FIN_WAIT_2);
	peer_send(&p, SG_FIN | SG_ACK, NULL, 0);
	assert_sent(&p, 0, SG_ACK, 1, 1, 0);
	assert_int_equal(peer_state(&p), TCP_TIME_WAIT);
	bed_end(b);
}

/* SYN and FIN are acknowledged by one segment; nobody answers; a window of nothing waits. */
static void test_close_in_syn_rcvd_otherwise(void **state)
{
	struct peer p;
	struct bed *b = open_in(&p, TCP_SYN_RCVD);

	(void)state;
	assert_int_equal(tcp_close(b->s[0], p.id, b->now), 0);
	push(b);
	p.ack = seq_add(p.iss, 2);
	peer_send(&p, SG_FIN | SG_ACK, NULL, 0);
	assert_int_equal(peer_state(&p), TCP_TIME_WAIT);
	bed_end(b);

	b = open_in(&p, TCP_SYN_RCVD);
	assert_int_equal(tcp_close(b->s[0], p.id, b->now), 0);
	for (int i = 0; i < 10; i++)
		bed_run(b, 60 * SG_SEC);
	assert_int_equal(peer_state(&p), TCP_CLOSED);
	bed_empty(b);
	bed_end(b);

	b = bed_new(1);
	peer_init(&p, b, 1);
	p.wnd = 0;
	conn_in(&p, TCP_SYN_RCVD);
	assert_int_equal(tcp_close(b->s[0], p.id, b->now), 0);
	push(b);
	assert_int_equal(b->n, 0);
	p.wnd = 65535;
	p.nxt = seq_add(p.isn, 1);
	peer_send(&p, SG_ACK, NULL, 0);
	assert_int_equal(b->n, 1);
	assert_sent(&p, 0, SG_FIN | SG_ACK, 0, 0, 0);
	bed_end(b);
}

/* What is only half closed first opens (RFC 9293 3.10.4), and then its FIN goes. */
static void test_shutdown_in_syn_rcvd(void **state)
{
	struct peer p;
	struct bed *b = open_in(&p, TCP_SYN_RCVD);

	(void)state;
	assert_int_equal(tcp_shutdown(b->s[0], p.id, b->now), 0);
	assert_int_equal(tcp_send(b->s[0], p.id, "x", 1, b->now), -EPIPE);
	push(b);
	assert_int_equal(b->n, 0);
	assert_int_equal(peer_state(&p), TCP_SYN_RCVD);
	p.nxt = seq_add(p.isn, 1);
	peer_send(&p, SG_ACK, bytes(0, 10), 10);
	assert_sent(&p, 0, SG_FIN | SG_ACK, 0, 10, 0);
	assert_int_equal(peer_state(&p), TCP_FIN_WAIT_1);
	peer_ack(&p);
	assert_int_equal(peer_state(&p), TCP_FIN_WAIT_2);
	bed_end(b);
}

/* A RST while the application has it: it learns of it once, and everything else fails. */
static void test_reset_by_peer(void **state)
{
	struct peer p;
	struct bed *b = open_in(&p, TCP_ESTABLISHED);
	struct iovec iov;

	(void)state;
	peer_send(&p, SG_ACK, bytes(0, 10), 10);
	peer_send(&p, SG_RST, NULL, 0);
	assert_int_equal(events_of(b, 0, p.id), TCP_EV_READ | TCP_EV_CLOSED);
	assert_int_equal(facts(&p).error, -ECONNRESET);
	assert_int_equal(recv_all(&p), -ECONNRESET); /* after what had come before */
	assert_int_equal(tcp_recv_peek(b->s[0], p.id, &iov, 1), -ECONNRESET);
	assert_int_equal(tcp_send_room(b->s[0], p.id, &iov, 1), -ECONNRESET);
	assert_int_equal(tcp_send_done(b->s[0], p.id, 0, b->now), -ECONNRESET);
	assert_int_equal(tcp_shutdown(b->s[0], p.id, b->now), -ENOTCONN);
	assert_int_equal(events_of(b, 0, p.id), 0);
	assert_int_equal(tcp_close(b->s[0], p.id, b->now), 0);
	assert_int_equal(tcp_recv_peek(b->s[0], p.id, &iov, 1), -EBADF);
	bed_empty(b);
	bed_end(b);
}

/* --- time limits ----------------------------------------------------------------------- */

static void test_fin_wait_2_without_owner(void **state)
{
	struct peer p;
	struct bed *b = open_in(&p, TCP_FIN_WAIT_2);

	(void)state;
	bed_run(b, 59900 * SG_MS);
	assert_int_equal(peer_state(&p), TCP_FIN_WAIT_2);
	bed_run(b, 200 * SG_MS);
	assert_int_equal(peer_state(&p), TCP_CLOSED);
	assert_int_equal(b->n, 0);
	bed_empty(b);
	bed_end(b);
}

/* Half-closed first, let go later: the limit runs from then on. */
static void test_fin_wait_2_let_go_later(void **state)
{
	struct peer p;
	struct bed *b = open_in(&p, TCP_ESTABLISHED);

	(void)state;
	b->set.tcp_fin_timeout = 5;
	tcp_shutdown(b->s[0], p.id, b->now);
	push(b);
	peer_ack(&p);
	bed_run(b, 100 * SG_SEC);
	assert_int_equal(tcp_close(b->s[0], p.id, b->now), 0);
	bed_run(b, 4900 * SG_MS);
	assert_int_equal(peer_state(&p), TCP_FIN_WAIT_2);
	bed_run(b, 200 * SG_MS);
	bed_empty(b);
	bed_end(b);
}

/* --- handles and events ---------------------------------------------------------------- */

/* The block is used again: the old handle does not reach it, nor does an old event. */
static void test_stale_handle(void **state)
{
	struct bed *b = bed_listening(1, 8);
	struct peer p, q;
	struct tcp_facts f;

	(void)state;
	peer_init(&p, b, 1);
	peer_init(&q, b, 2);
	conn_in(&p, TCP_ESTABLISHED);
	peer_send(&p, SG_ACK, bytes(0, 10), 10); /* TCP_EV_READ is posted */
	tcp_abort(b->s[0], p.id, b->now);
	push(b);
	assert_int_equal(b->s[0]->conns.used, 1); /* kept: it stands in the events */
	bed_drain_events(b);
	assert_int_equal(b->s[0]->conns.used, 0);
	conn_in(&q, TCP_ESTABLISHED);
	assert_int_equal((__u32)q.id, (__u32)p.id);
	assert_true(q.id != p.id);
	assert_int_equal(tcp_info(b->s[0], p.id, b->now, &f), -EBADF);
	assert_int_equal(tcp_close(b->s[0], p.id, b->now), -EBADF);
	assert_int_equal(tcp_close(b->s[0], 0, b->now), -EBADF);
	assert_int_equal(tcp_close(b->s[0], (tcp_id)-1, b->now), -EBADF);
	assert_int_equal(tcp_recv_done(b->s[0], q.id, 1, b->now), -EINVAL);
	assert_int_equal(peer_state(&q), TCP_ESTABLISHED);
	bed_end(b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_we_close_first),
		cmocka_unit_test(test_peer_closes_first),
		cmocka_unit_test(test_fin_with_the_ack_of_ours),
		cmocka_unit_test(test_simultaneous_close),
		cmocka_unit_test(test_simultaneous_close_in_one_batch),
		cmocka_unit_test(test_peer_half_closes),
		cmocka_unit_test(test_we_half_close),
		cmocka_unit_test(test_close_with_unsent_data),
		cmocka_unit_test(test_fin_before_its_data),
		cmocka_unit_test(test_close_with_unread_data),
		cmocka_unit_test(test_data_after_close),
		cmocka_unit_test(test_abort_in_every_state),
		cmocka_unit_test(test_abort_with_data),
		cmocka_unit_test(test_close_in_syn_sent),
		cmocka_unit_test(test_shutdown_in_syn_sent),
		cmocka_unit_test(test_close_in_syn_rcvd),
		cmocka_unit_test(test_close_in_syn_rcvd_otherwise),
		cmocka_unit_test(test_shutdown_in_syn_rcvd),
		cmocka_unit_test(test_reset_by_peer),
		cmocka_unit_test(test_fin_wait_2_without_owner),
		cmocka_unit_test(test_fin_wait_2_let_go_later),
		cmocka_unit_test(test_stale_handle),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
