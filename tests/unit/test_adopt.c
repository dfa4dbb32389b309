/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * tcp_adopt(): what is refused, what goes on, what is repaired. Dying in the middle of things is
 * tests/sim/test_crash.c; here the pools are dead between two calls, or damaged by hand.
 */
#include "dice.h"
#include "harness.h"
#include "peer.h"

static struct tcp_adopted what;

/* The pools to another place, the old one made useless, the tables as tcp_adopt() wants them. */
static int adopt(struct bed *b)
{
	size_t size = tcp_pool_size(&b->cfg[0]);
	void *mem = bed_alloc(TCP_CHUNK, size);

	memcpy(mem, b->mem[0], size);
	memset(b->mem[0], 0xa5, size);
	free(b->mem[0]);
	b->mem[0] = mem;
	b->timewaits = 0;
	for (unsigned i = 0; i < BED_LISTENERS; i++)
		b->queues[i].acceptq = b->queues[i].halfopen = b->queues[i].young = 0;
	return tcp_adopt(mem, size, &b->cfg[0], b->now, &what, &b->s[0]);
}

static void adopted(struct bed *b)
{
	assert_int_equal(adopt(b), 0);
	assert_int_equal(what.reset, 0);
	assert_int_equal(what.broken, 0);
	bed_check(b);
}

/* --- refused -------------------------------------------------------------------------------- */

static void refuses(struct bed *b, size_t size, const struct tcp_config *c, sg_time now, int rc)
{
	size_t all = tcp_pool_size(&b->cfg[0]);
	void *before = bed_alloc(TCP_CHUNK, all);
	struct tcp_stack *s;

	memcpy(before, b->mem[0], all);
	assert_int_equal(tcp_adopt(b->mem[0], size, c, now, &what, &s), rc);
	assert_memory_equal(before, b->mem[0], all);
	free(before);
}

static void test_refused(void **state)
{
	struct bed *b = bed_listening(1, 4);
	struct tcp_config c = b->cfg[0];
	size_t size = tcp_pool_size(&c);
	struct tcp_stack *s = b->s[0];

	(void)state;
	tcp_expire(s, b->now);
	refuses(b, 100, &c, b->now, -EPROTO);
	refuses(b, size - 1, &c, b->now, -EINVAL);
	refuses(b, size, &c, b->now - 1, -ESTALE);
	c.boot[3] = 1;
	refuses(b, size, &c, b->now, -ESTALE);
	c = b->cfg[0];
	c.max_conns--;
	refuses(b, size, &c, b->now, -EINVAL);
	c = b->cfg[0];
	c.max_chunks++;
	refuses(b, size, &c, b->now, -EINVAL);
	c = b->cfg[0];
	c.key.sip.k[1]++;
	refuses(b, size, &c, b->now, -EINVAL);
	c = b->cfg[0];
	c.worker = 3;
	refuses(b, size, &c, b->now, -EINVAL);
	c = b->cfg[0];
	s->magic ^= 1;
	refuses(b, size, &c, b->now, -EPROTO);
	s->magic ^= 1;
	s->version++;
	refuses(b, size, &c, b->now, -EPROTO);
	s->version--;
	s->conn_size += 8;
	refuses(b, size, &c, b->now, -EPROTO);
	s->conn_size -= 8;
	s->conns.high = BED_CONNS + 1;
	refuses(b, size, &c, b->now, -EPROTO);
	s->conns.high = 0;
	assert_int_equal(adopt(b), 0);
	bed_end(b);
}

/* --- goes on ---------------------------------------------------------------------------------- */

/* Unread data, a hole, data that is out and data that waits for the window: all of it intact. */
static void test_data_goes_on(void **state)
{
	struct bed *b = bed_listening(1, 4);
	static __u8 out[20000], got[8];
	struct peer p;
	__u32 seen = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(out); i++)
		out[i] = (__u8)(i * 7 + i / 253);
	peer_init(&p, b, 1);
	conn_in(&p, TCP_ESTABLISHED);
	assert_int_equal(tcp_set_user(b->s[0], p.id, 77), 0);
	peer_send(&p, SG_ACK, "abc", 3);
	peer_send_at(&p, 2, SG_ACK, "fg", 2); /* "de" is missing */
	assert_int_equal(tcp_send(b->s[0], p.id, out, sizeof(out), b->now), sizeof(out));
	b->n = 0;
	bed_output(b);
	assert_true(b->n >= 10);
	adopted(b);
	assert_int_equal(what.conns, 1);
	assert_int_equal(events_of(b, 0, p.id), TCP_EV_READ | TCP_EV_WRITE);
	peer_send(&p, SG_ACK, "de", 2);
	p.nxt = seq_add(p.nxt, 2);
	assert_int_equal(tcp_recv(b->s[0], p.id, got, sizeof(got), b->now), 7);
	assert_memory_equal(got, "abcdefg", 7);
	b->n = 0;
	for (int turn = 0; turn < 100 && seen < sizeof(out); turn++) { /* what was out is lost */
		for (unsigned i = 0; i < b->n; i++) {
			const struct seg *s = &b->sent[i].s;
			__u32 at = (__u32)seq_diff(s->seq, seq_add(p.iss, 1));

			assert_memory_equal(b->sent[i].data, out + at, s->len);
		}
		seen += peer_take(&p);
		peer_send(&p, SG_ACK, NULL, 0);
		if (b->n == 0)
			bed_run(b, SG_SEC);
	}
	assert_int_equal(seen, sizeof(out));
	bed_end(b);
}

/* A retransmission that was due then is due then. */
static void test_timers_go_on(void **state)
{
	struct bed *b = bed_listening(1, 4);
	struct peer p;
	sg_time due;

	(void)state;
	peer_init(&p, b, 1);
	conn_in(&p, TCP_ESTABLISHED);
	assert_int_equal(tcp_send(b->s[0], p.id, "hello", 5, b->now), 5);
	b->n = 0;
	bed_output(b);
	due = peer_conn(&p)->rexmit_at;
	b->now += 50 * SG_MS;
	adopted(b);
	bed_drain_events(b);
	bed_run(b, due - b->now - 3 * SG_MS);
	assert_int_equal(b->n, 0);
	bed_run(b, 6 * SG_MS);
	assert_int_equal(b->n, 1);
	assert_sent(&p, 0, SG_ACK | SG_PSH, 0, 0, 5);
	bed_end(b);
}

/* The accept queue keeps its order and its length, a SYN_RCVD block its place. */
static void test_queues_go_on(void **state)
{
	struct bed *b = bed_listening(1, 8);
	struct peer p[5];
	tcp_id id;

	(void)state;
	for (__u8 i = 0; i < 5; i++) {
		peer_init(&p[i], b, (__u8)(5 - i));
		peer_establish(&p[i]);
	}
	adopted(b);
	assert_int_equal(b->queues[0].acceptq, 5);
	for (int i = 0; i < 5; i++) {
		struct tcp_facts f;

		assert_int_equal(tcp_accept(b->s[0], 0, &id), 0);
		assert_int_equal(tcp_info(b->s[0], id, b->now, &f), 0);
		assert_int_equal(f.tuple.pport, p[i].tuple.pport);
	}
	assert_int_equal(b->queues[0].acceptq, 0);
	bed_end(b);
}

/* TIME_WAIT ends in the order in which it began, whatever became of the list. */
static void test_timewait_goes_on(void **state)
{
	struct bed *b = bed_listening(1, 8);
	struct peer p[6];

	(void)state;
	for (__u8 i = 0; i < 6; i++) {
		peer_init(&p[i], b, i);
		conn_in(&p[i], TCP_TIME_WAIT);
		b->now += SG_SEC * (1 + i % 3);
	}
	for (__u32 i = 1; i <= 6; i++)
		b->s[0]->timewait[i].next = b->s[0]->timewait[i].prev = 3;
	adopted(b);
	assert_int_equal(what.timewait, 6);
	assert_int_equal(b->timewaits, 6);
	for (__u32 i = b->s[0]->tw_order.head; i != NIL; i = b->s[0]->timewait[i].next) {
		__u32 next = b->s[0]->timewait[i].next;

		if (next != NIL)
			assert_true(timewait_left(b->s[0], i, b->now) <
				    timewait_left(b->s[0], next, b->now));
	}
	bed_run(b, 60 * SG_SEC);
	assert_int_equal(b->s[0]->timewaits.used, 0);
	bed_end(b);
}

/* --- repaired --------------------------------------------------------------------------------- */

/* Who was being changed: RST to the peer, ECONNRESET to the application, and its neighbour lives.
 */
static void test_step_is_reset(void **state)
{
	static const enum tcp_state in[] = {TCP_ESTABLISHED, TCP_CLOSE_WAIT, TCP_SYN_RCVD,
					    TCP_FIN_WAIT_1, TCP_SYN_SENT};

	(void)state;
	for (size_t i = 0; i < SG_ARRAY_SIZE(in); i++) {
		struct bed *b = bed_listening(1, 4);
		struct peer p, other;
		bool owned = in[i] != TCP_FIN_WAIT_1, synced = in[i] != TCP_SYN_SENT;
		char buf[8];

		peer_init(&other, b, 9);
		conn_in(&other, TCP_ESTABLISHED);
		peer_init(&p, b, 1);
		conn_in(&p, in[i]);
		peer_send(&other, SG_ACK, "abc", 3);
		b->s[0]->step = conn_index(b->s[0], peer_conn(&p));
		assert_int_equal(adopt(b), 0);
		assert_int_equal(what.reset, 1);
		assert_int_equal(what.broken, 0);
		bed_check(b);
		b->n = 0;
		bed_output(b);
		assert_int_equal(b->n, synced);
		if (synced)
			assert_int_equal(b->sent[0].s.flags, SG_RST | SG_ACK);
		assert_int_equal(tcp_recv(b->s[0], p.id, buf, 8, b->now),
				 owned ? -ECONNRESET : -EBADF);
		assert_int_equal(tcp_recv(b->s[0], other.id, buf, 8, b->now), 3);
		bed_end(b);
	}
}

/* A listener whose closing was begun has nobody waiting. */
static void test_abandoned(void **state)
{
	struct bed *b = bed_listening(1, 4);
	struct peer p;
	tcp_id id;

	(void)state;
	peer_init(&p, b, 1);
	peer_establish(&p);
	b->s[0]->listener[0].open = 0;
	assert_int_equal(adopt(b), 0);
	assert_int_equal(what.reset, 1);
	b->n = 0;
	bed_output(b);
	assert_int_equal(b->n, 1);
	assert_int_equal(b->sent[0].s.flags, SG_RST | SG_ACK);
	assert_int_equal(b->queues[0].acceptq, 0);
	assert_int_equal(tcp_accept(b->s[0], 0, &id), -EINVAL);
	bed_end(b);
}

/* Flows of ours without a block, and claims that were not finished, are given back. */
static void test_flows_are_given_back(void **state)
{
	struct bed *b = bed_listening(1, 4);
	struct peer p, gone;
	struct sg_flow_table f = b->cfg[0].flows;
	__u64 word;

	(void)state;
	peer_init(&p, b, 1);
	conn_in(&p, TCP_ESTABLISHED);
	peer_init(&gone, b, 2);
	assert_int_equal(sg_flow_claim(&f, peer_hash(&gone).table, &gone.tuple, 0), 0);
	b->flows.homes[0]++;
	assert_true(sg_ways_claim(&b->flows.ways[0], 1234, 0, &word) >= 0);
	adopted(b);
	assert_int_equal(sg_flow_owner(&f, peer_hash(&p).table, &p.tuple), 0);
	assert_int_equal(sg_flow_owner(&f, peer_hash(&gone).table, &gone.tuple), -ENOENT);
	bed_end(b); /* finds the claim, were it still there */
}

/* Two blocks that say they have the same chunk, or the same pair: the later one is broken. */
static void test_blocks_that_contradict(void **state)
{
	struct bed *b = bed_listening(1, 4);
	struct peer p[2];
	char buf[8];

	(void)state;
	for (__u8 i = 0; i < 2; i++) {
		peer_init(&p[i], b, i);
		conn_in(&p[i], TCP_ESTABLISHED);
		peer_send(&p[i], SG_ACK, "abc", 3);
	}
	conn_at(b->s[0], 2)->rcv.inl[0] = conn_at(b->s[0], 1)->rcv.inl[0];
	assert_int_equal(adopt(b), 0);
	assert_int_equal(what.broken, 1);
	bed_check(b);
	assert_int_equal(tcp_recv(b->s[0], p[0].id, buf, 8, b->now), 3);
	assert_int_equal(tcp_recv(b->s[0], p[1].id, buf, 8, b->now), -ECONNRESET);
	bed_end(b);
}

/* --- any damage --------------------------------------------------------------------------------
 */

static void damage(struct bed *b, struct dice *d)
{
	struct tcp_stack *s = b->s[0];
	__u8 *end = (__u8 *)b->mem[0] + tcp_pool_size(&b->cfg[0]);
	__u8 *from[] = {(__u8 *)s->conn, (__u8 *)s->conn, (__u8 *)s->timewait,
			(__u8 *)s->chunk_next, s->chunk};
	size_t room[] = {BED_CONNS * sizeof(struct tcp), 8 * sizeof(struct tcp),
			 BED_TIMEWAITS * sizeof(struct timewait), 4 * BED_CHUNKS, 32 * TCP_CHUNK};

	for (__u32 n = 1 + dice_below(d, 6); n; n--) {
		__u32 k = dice_below(d, 5);
		__u8 *at = from[k] + dice_below(d, (__u32)room[k]);

		assert_true(at < end);
		*at = dice_below(d, 3) ? (__u8)dice_roll(d) : (__u8)(*at + 1);
	}
}

/* Some connections with everything that they can have. */
static void populate(struct bed *b, struct peer *p)
{
	static const enum tcp_state in[] = {TCP_ESTABLISHED, TCP_ESTABLISHED, TCP_FIN_WAIT_1,
					    TCP_CLOSE_WAIT,  TCP_TIME_WAIT,   TCP_LAST_ACK};
	static __u8 data[30000];

	for (__u8 i = 0; i < SG_ARRAY_SIZE(in); i++) {
		peer_init(&p[i], b, i);
		conn_in(&p[i], in[i]);
		if (in[i] == TCP_ESTABLISHED) {
			for (int k = 0; k < 20; k++)
				peer_send(&p[i], SG_ACK, data, 1400);
			peer_send_at(&p[i], 3000, SG_ACK, data, 100);
			tcp_send(b->s[0], p[i].id, data, sizeof(data), b->now);
			b->n = 0;
			bed_output(b);
		}
	}
	peer_init(&p[6], b, 6);
	peer_establish(&p[6]);
}

/*
 * Whatever became of the blocks, the pools are repaired and can be worked with: everything that
 * still comes and goes leaves nothing behind. Numbers that are wrong and look right stay wrong.
 */
static void test_any_damage(void **state)
{
	__u32 broken = 0;

	(void)state;
	for (__u32 seed = 1; seed <= 400; seed++) {
		struct bed *b = bed_listening(1, 8);
		struct dice d = {seed};
		struct peer p[7];

		populate(b, p);
		damage(b, &d);
		assert_int_equal(adopt(b), 0);
		broken += what.broken;
		bed_check(b);
		b->damaged = true;
		for (int i = 0; i < 7; i++) {
			char buf[100];

			tcp_recv(b->s[0], p[i].id, buf, sizeof(buf), b->now);
			tcp_send(b->s[0], p[i].id, buf, sizeof(buf), b->now);
			peer_send(&p[i], SG_ACK, "x", 1);
			b->n = 0;
		}
		bed_drain_events(b);
		for (int i = 0; i < 40; i++)
			bed_run(b, SG_SEC);
		bed_end(b);
	}
	assert_true(broken > 100);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_data_goes_on),
		cmocka_unit_test(test_timers_go_on),
		cmocka_unit_test(test_queues_go_on),
		cmocka_unit_test(test_timewait_goes_on),
		cmocka_unit_test(test_step_is_reset),
		cmocka_unit_test(test_abandoned),
		cmocka_unit_test(test_flows_are_given_back),
		cmocka_unit_test(test_blocks_that_contradict),
		cmocka_unit_test(test_any_damage),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
