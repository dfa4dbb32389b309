/* SPDX-License-Identifier: BSD-2-Clause */
/* user/tcp/user.c, stack.c, info.c: the application's side, memory that runs out, looking. */
#include "harness.h"

static struct bed *open_in(struct peer *p, enum tcp_state st)
{
	struct bed *b = bed_listening(1, 8);

	peer_init(p, b, 1);
	conn_in(p, st);
	bed_drain_events(b);
	return b;
}

static struct tcp_facts facts(const struct peer *p)
{
	struct tcp_facts f;

	assert_int_equal(tcp_info(p->b->s[0], p->id, p->b->now, &f), 0);
	return f;
}

static void test_init(void **state)
{
	struct bed *b = bed_new(1);
	struct tcp_config cfg = b->cfg[0];
	struct tcp_stack *s;

	(void)state;
	assert_int_equal(tcp_init(b->mem[0], tcp_pool_size(&cfg) - 1, &cfg, 0, &s), -EINVAL);
	cfg.max_conns = 3000;
	assert_true(tcp_pool_size(&cfg) > tcp_pool_size(&b->cfg[0]) + 2900 * sizeof(struct tcp));
	bed_end(b);
}

/* Data is read where it lies; what is not used up stays. */
static void test_peek_and_done(void **state)
{
	struct peer p;
	struct bed *b = open_in(&p, TCP_ESTABLISHED);
	struct iovec iov[4];
	int n;

	(void)state;
	assert_int_equal(tcp_recv_peek(b->s[0], p.id, iov, 4), -EAGAIN);
	for (int i = 0; i < 5; i++)
		peer_send(&p, SG_ACK, bytes(i * 1000, 1000), 1000);
	n = tcp_recv_peek(b->s[0], p.id, iov, 4);
	assert_int_equal(n, 2); /* over a chunk's end */
	assert_int_equal(iov[0].iov_len, TCP_CHUNK);
	assert_int_equal(iov[0].iov_len + iov[1].iov_len, 5000);
	assert_memory_equal(iov[0].iov_base, bytes(0, TCP_CHUNK), TCP_CHUNK);
	assert_memory_equal(iov[1].iov_base, bytes(TCP_CHUNK, 904), 904);
	assert_int_equal(tcp_recv_peek(b->s[0], p.id, iov, 1), 1);
	assert_int_equal(tcp_recv_done(b->s[0], p.id, 4500, b->now), 0);
	assert_int_equal(tcp_recv_peek(b->s[0], p.id, iov, 4), 1);
	assert_memory_equal(iov[0].iov_base, bytes(4500, 500), 500);
	assert_int_equal(tcp_recv_done(b->s[0], p.id, 501, b->now), -EINVAL);
	assert_int_equal(tcp_recv_done(b->s[0], p.id, 500, b->now), 0);
	assert_int_equal(b->s[0]->chunks.used, 0);
	bed_end(b);
}

/* An event comes with the application's own value; it comes again only when more happens. */
static void test_events(void **state)
{
	struct peer p;
	struct bed *b = open_in(&p, TCP_ESTABLISHED);
	struct tcp_event ev;

	(void)state;
	assert_int_equal(tcp_set_user(b->s[0], p.id, 0x1234567890), 0);
	peer_send(&p, SG_ACK, bytes(0, 10), 10);
	peer_send(&p, SG_ACK, bytes(10, 10), 10);
	assert_true(tcp_next_event(b->s[0], &ev));
	assert_int_equal(ev.events, TCP_EV_READ);
	assert_true(ev.id == p.id && ev.user == 0x1234567890);
	assert_false(tcp_next_event(b->s[0], &ev));
	peer_send(&p, SG_ACK, bytes(20, 10), 10);
	assert_true(tcp_next_event(b->s[0], &ev));
	assert_int_equal(tcp_set_user(b->s[0], p.id + 1, 0), -EBADF);
	assert_int_equal(tcp_set_opt(b->s[0], p.id + 1, TCP_OPT_NODELAY, 1, 0), -EBADF);
	bed_end(b);
}

static void test_order_of_events(void **state)
{
	struct bed *b = bed_listening(1, 8);
	struct tcp_event ev;
	struct peer p[3];

	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		peer_init(&p[i], b, (__u8)i);
		conn_in(&p[i], TCP_ESTABLISHED);
	}
	for (unsigned i = 0; i < 3; i++)
		peer_send(&p[i], SG_ACK, bytes(0, 10), 10);
	for (unsigned i = 0; i < 3; i++) {
		assert_true(tcp_next_event(b->s[0], &ev));
		assert_true(ev.id == p[i].id);
	}
	assert_false(tcp_next_event(b->s[0], &ev));
	bed_end(b);
}

static void test_connect_refused_by_tables(void **state)
{
	struct bed *b = bed_new(1);
	static const __u8 mac[6];
	struct sg_ways *f[2];
	struct peer p[BED_CONNS + 1];
	tcp_id id;

	(void)state;
	for (unsigned i = 0; i <= BED_CONNS; i++) {
		peer_init(&p[i], b, (__u8)i);
		assert_int_equal(tcp_connect(b->s[0], &p[i].tuple, mac, 1460, b->now, &id),
				 i < BED_CONNS ? 0 : -ENOBUFS);
	}
	assert_int_equal(sg_flow_owner(&b->cfg[0].flows, peer_hash(&p[BED_CONNS]).table,
				       &p[BED_CONNS].tuple),
			 -ENOENT);
	assert_int_equal(tcp_abort(b->s[0], id, b->now), 0);
	bed_output(b);
	f[0] = &b->flows.ways[sg_bucket_first(peer_hash(&p[BED_CONNS]).table, BED_BUCKETS)];
	f[1] = &b->flows.ways[sg_bucket_second(peer_hash(&p[BED_CONNS]).table, BED_BUCKETS)];
	for (int i = 0; i < 2 * SG_WAYS; i++)
		if (sg_slot_state(f[i / SG_WAYS]->slot[i % SG_WAYS]) == SG_SLOT_FREE)
			f[i / SG_WAYS]->slot[i % SG_WAYS] =
				sg_slot_make(SG_SLOT_BUSY, 1, 0, 1u + i);
	assert_int_equal(tcp_connect(b->s[0], &p[BED_CONNS].tuple, mac, 1460, b->now, &id),
			 -ENOBUFS);
	for (int i = 0; i < 2 * SG_WAYS; i++)
		if (sg_slot_state(f[i / SG_WAYS]->slot[i % SG_WAYS]) == SG_SLOT_BUSY)
			f[i / SG_WAYS]->slot[i % SG_WAYS] = 0;
	/* another worker has it */
	sg_flow_claim(&b->cfg[0].flows, peer_hash(&p[BED_CONNS]).table, &p[BED_CONNS].tuple, 5);
	assert_int_equal(tcp_connect(b->s[0], &p[BED_CONNS].tuple, mac, 1460, b->now, &id),
			 -EADDRINUSE);
	sg_flow_release(&b->cfg[0].flows, peer_hash(&p[BED_CONNS]).table, &p[BED_CONNS].tuple);
	bed_end(b);
}

/* --- memory that runs out -------------------------------------------------------------- */

#define HOGS 4

/* Whoever was refused a chunk is woken once chunks are to be had again. */
static void test_starved_writer(void **state)
{
	struct bed *b = bed_listening(1, 8);
	struct peer hog[HOGS], p;
	ssize_t n;

	(void)state;
	peer_init(&p, b, 100);
	conn_in(&p, TCP_ESTABLISHED);
	for (unsigned i = 0; i < HOGS; i++) {
		peer_init(&hog[i], b, (__u8)i);
		conn_in(&hog[i], TCP_ESTABLISHED);
		hog[i].wnd = 0;
		peer_send(&hog[i], SG_ACK, NULL, 0);
		peer_conn(&hog[i])->cwnd = BUF_MAX; /* a buffer to match */
		while ((n = tcp_send(b->s[0], hog[i].id, bytes(0, 65536), 65536, b->now)) > 0)
			;
		assert_int_equal(n, -EAGAIN);
	}
	assert_int_equal(b->s[0]->chunks.used, BED_CHUNKS);
	bed_drain_events(b);
	assert_int_equal(tcp_send(b->s[0], p.id, "x", 1, b->now), -EAGAIN);
	tcp_expire(b->s[0], b->now);
	assert_int_equal(events_of(b, 0, p.id), 0);
	/* received data finds no room either: dropped, counted, acknowledged as before */
	peer_send_at(&p, 0, SG_ACK, bytes(0, 10), 10);
	assert_sent(&p, 0, SG_ACK, 0, 0, 0);
	assert_int_equal(b->mib[0].TCPRcvQDrop, 1);
	peer_send_at(&p, 100, SG_ACK, bytes(0, 10), 10);
	assert_int_equal(b->mib[0].TCPOFODrop, 1);
	tcp_abort(b->s[0], hog[0].id, b->now);
	bed_output(b);
	tcp_expire(b->s[0], b->now);
	assert_int_equal(events_of(b, 0, p.id), TCP_EV_WRITE);
	assert_int_equal(tcp_send(b->s[0], p.id, "x", 1, b->now), 1);
	peer_send(&p, SG_ACK, bytes(0, 10), 10);
	assert_int_equal(peer_conn(&p)->rcv.len, 10);
	bed_end(b);
}

/* --- looking --------------------------------------------------------------------------- */

static void test_each(void **state)
{
	static const enum tcp_state st[] = {TCP_SYN_SENT,   TCP_ESTABLISHED, TCP_FIN_WAIT_1,
					    TCP_FIN_WAIT_2, TCP_CLOSE_WAIT,  TCP_CLOSING,
					    TCP_LAST_ACK,   TCP_TIME_WAIT,   TCP_TIME_WAIT};
	struct bed *b = bed_listening(1, 20);
	unsigned seen[TCP_TIME_WAIT + 1] = {0};
	struct peer p[SG_ARRAY_SIZE(st)], w;
	struct tcp_facts f;
	__u64 cursor = 0;
	unsigned n = 0, waiting = 0;

	(void)state;
	assert_false(tcp_each(b->s[0], &cursor, b->now, &f));
	for (unsigned i = 0; i < SG_ARRAY_SIZE(st); i++) {
		peer_init(&p[i], b, (__u8)i);
		conn_in(&p[i], st[i]);
	}
	peer_init(&w, b, 100);
	peer_establish(&w);
	for (cursor = 0; tcp_each(b->s[0], &cursor, b->now, &f); n++) {
		seen[f.state]++;
		waiting += f.waiting;
		if (f.state == TCP_TIME_WAIT) {
			assert_string_equal(f.timer, "timewait");
			assert_in_range(f.timer_ms, 50000, 60000);
			assert_int_equal(f.tuple.lport, BED_PORT);
		}
	}
	assert_int_equal(n, SG_ARRAY_SIZE(st) + 1);
	for (unsigned i = 0; i < SG_ARRAY_SIZE(st); i++)
		assert_int_equal(seen[st[i]],
				 st[i] == TCP_TIME_WAIT || st[i] == TCP_ESTABLISHED ? 2 : 1);
	assert_int_equal(waiting, 1);
	bed_end(b);
}

static void test_info(void **state)
{
	struct peer p;
	struct bed *b = open_in(&p, TCP_ESTABLISHED);

	(void)state;
	assert_string_equal(facts(&p).timer, "");
	assert_int_equal(facts(&p).timer_ms, 0);
	tcp_send(b->s[0], p.id, bytes(0, 3000), 3000, b->now);
	bed_output(b);
	assert_int_equal(facts(&p).send_q, 3000);
	assert_string_equal(facts(&p).timer, "on");
	assert_in_range(facts(&p).timer_ms, 200, 210);
	peer_send(&p, SG_ACK, bytes(0, 100), 100);
	assert_int_equal(facts(&p).recv_q, 100);
	assert_int_equal(facts(&p).bytes_in, 100);
	assert_int_equal(facts(&p).bytes_out, 3000);
	assert_int_equal(facts(&p).listener, 0);
	assert_false(facts(&p).orphan);
	bed_run(b, 220 * SG_MS);
	assert_int_equal(facts(&p).retrans, 1);
	assert_in_range(facts(&p).timer_ms, 300, 420); /* 420 from when it fired */
	assert_int_equal(facts(&p).total_retrans, 1);
	bed_end(b);
}

static void test_info_of_other_timers(void **state)
{
	struct peer p;
	struct bed *b = open_in(&p, TCP_ESTABLISHED);

	(void)state;
	for (int i = 0; i < 17; i++)
		peer_send(&p, SG_ACK, bytes(0, 10), 10);
	assert_true(peer_conn(&p)->delack_at != SG_NEVER);
	assert_string_equal(facts(&p).timer, "");
	bed_end(b);
	b = open_in(&p, TCP_ESTABLISHED);
	tcp_shutdown(b->s[0], p.id, b->now);
	bed_output(b);
	peer_ack(&p);
	b->now += SG_SEC;
	assert_int_equal(facts(&p).state, TCP_FIN_WAIT_2);
	assert_string_equal(facts(&p).timer, "");
	bed_end(b);
}

/* --- wildcard and exact listener: who takes a pair that comes again -------------------- */

static void test_exact_listener_before_wildcard(void **state)
{
	struct bed *b = bed_listening(1, 8);
	struct peer p;

	(void)state;
	peer_init(&p, b, 1);
	conn_in(&p, TCP_TIME_WAIT);
	b->queues[1].addr = p.tuple.local;
	bed_listen_at(b, 1, BED_PORT, 8);
	bed_listen_at(b, 2, BED_PORT + 1, 8);
	peer_send_at(&p, 1000, SG_SYN, NULL, 0);
	assert_int_equal(peer_state(&p), TCP_SYN_RCVD);
	assert_int_equal(b->queues[1].halfopen, 1);
	assert_int_equal(b->queues[0].halfopen, 0);
	bed_end(b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_init),
		cmocka_unit_test(test_peek_and_done),
		cmocka_unit_test(test_events),
		cmocka_unit_test(test_order_of_events),
		cmocka_unit_test(test_connect_refused_by_tables),
		cmocka_unit_test(test_starved_writer),
		cmocka_unit_test(test_each),
		cmocka_unit_test(test_info),
		cmocka_unit_test(test_info_of_other_timers),
		cmocka_unit_test(test_exact_listener_before_wildcard),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
