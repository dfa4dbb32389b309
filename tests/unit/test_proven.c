/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Proven peers: who becomes one, and what it is good for when the last quarter of a half-open
 * queue is reached.
 */
#include "harness.h"

/* --- the table ----------------------------------------------------------------------------- */

static struct sg_tuple tuple_of(__u8 peer)
{
	struct sg_tuple t = {.lport = 80, .pport = 40000};

	t.peer.addr[15] = peer;
	return t;
}

/* Who is proven is found by the address, on its network, and by nothing else. */
static void test_an_address_is_found(void **state)
{
	struct sg_proven_bucket *b = bed_alloc(64, sizeof(*b));
	struct sg_key key = {{1, 2}};
	struct sg_tuple t = tuple_of(7), other = t;
	__u64 mark = sg_proven_mark(&key, &t, SG_PROVEN_CLOSED);

	(void)state;
	assert_false(sg_proven_has(b, mark));
	sg_proven_add(b, mark, 3);
	sg_proven_add(b, mark, 4);
	assert_true(sg_proven_has(b, mark));
	assert_int_equal(b->mark[1], 0); /* once is enough */
	other.pport++;
	other.lport++;
	other.local.addr[0]++;
	assert_true(sg_proven_mark(&key, &other, SG_PROVEN_CLOSED) == mark); /* whatever it did with us */
	other.peer.addr[15]++;
	assert_false(sg_proven_has(b, sg_proven_mark(&key, &other, SG_PROVEN_CLOSED)));
	other = t;
	assert_false(sg_proven_has(b, sg_proven_mark(&key, &t, SG_PROVEN_SHOOK)));
	other.vlan[1]++;
	assert_false(sg_proven_has(b, sg_proven_mark(&key, &other, SG_PROVEN_CLOSED)));
	for (__u32 i = 1; i < SG_PROVEN_WAYS; i++)
		sg_proven_add(b, 1000 + i, 0);
	assert_true(sg_proven_has(b, mark));
	sg_proven_add(b, 2000, SG_PROVEN_WAYS * 5); /* no room: the dice say who goes */
	assert_false(sg_proven_has(b, mark));
	assert_true(sg_proven_has(b, 2000));
	assert_true(sg_proven_bucket(mark) < SG_PROVEN_BUCKETS);
	free(b);
}

/* --- who becomes one ------------------------------------------------------------------------- */

static bool is_proven(const struct peer *p)
{
	__u64 mark = sg_proven_mark(&p->b->key.sip, &p->tuple, SG_PROVEN_CLOSED);

	return sg_proven_has(&p->b->proven[sg_proven_bucket(mark)], mark);
}

/* Not before the end, and only when that is in good order: whichever side closes first. */
static void test_by_an_end_in_good_order(void **state)
{
	struct bed *b = bed_listening(1, 8);
	struct peer p[4];

	(void)state;
	for (unsigned i = 0; i < 4; i++)
		peer_init(&p[i], b, (__u8)i);
	conn_in(&p[0], TCP_FIN_WAIT_2);
	assert_false(is_proven(&p[0]));
	peer_send(&p[0], SG_FIN | SG_ACK, NULL, 0);
	assert_int_equal(peer_state(&p[0]), TCP_TIME_WAIT);
	assert_true(is_proven(&p[0]));

	conn_in(&p[1], TCP_LAST_ACK);
	assert_false(is_proven(&p[1]));
	peer_ack(&p[1]);
	assert_int_equal(peer_state(&p[1]), TCP_CLOSED);
	assert_true(is_proven(&p[1]));

	conn_in(&p[2], TCP_ESTABLISHED);
	peer_send(&p[2], SG_RST, NULL, 0);
	assert_int_equal(peer_state(&p[2]), TCP_CLOSED);
	assert_false(is_proven(&p[2]));

	assert_int_equal(peer_syn(&p[3]), SG_ADMIT_ENTRY); /* half open proves nothing */
	assert_false(is_proven(&p[3]));
	bed_end(b);
}

/* Linux's tcp_update_metrics: a session whose round trip could not be measured proves nothing. */
static void test_not_without_a_round_trip(void **state)
{
	struct bed *b = bed_listening(1, 8);
	struct peer p;

	(void)state;
	peer_init(&p, b, 1);
	p.syn.has_ts = 0;
	conn_in(&p, TCP_FIN_WAIT_2);
	peer_conn(&p)->srtt = 0;
	peer_send(&p, SG_FIN | SG_ACK, NULL, 0);
	assert_int_equal(peer_state(&p), TCP_TIME_WAIT);
	assert_false(is_proven(&p));
	bed_end(b);
}

/* --- what it is good for ------------------------------------------------------------------------ */

/* The worker's own admission knows them as the driver does. */
static void test_the_last_quarter_is_theirs(void **state)
{
	struct bed *b = bed_listening(1, 8);
	struct peer friend, stranger;
	struct seg s;

	(void)state;
	peer_init(&friend, b, 1);
	peer_init(&stranger, b, 2);
	conn_in(&friend, TCP_LAST_ACK);
	peer_ack(&friend);
	assert_true(is_proven(&friend));
	b->queues[0].strangers = 1;
	b->queues[0].halfopen = 2;

	s = peer_seg(&stranger, SG_SYN, NULL, 0);
	assert_int_equal(bed_input(b, 0, &s), -1);
	assert_int_equal(b->n, 0);
	assert_int_equal(b->queues[0].ListenDrops, 1);
	assert_int_equal(b->queues[0].TCPReqQFullDrop + b->queues[0].ListenOverflows, 0);
	assert_int_equal(b->mib[0].ListenDrops, 1);
	assert_int_equal(b->queues[0].halfopen, 2);

	friend.tuple.pport++;
	s = peer_seg(&friend, SG_SYN, NULL, 0);
	assert_int_equal(bed_input(b, 0, &s), -1);
	assert_int_equal(b->n, 1);
	assert_int_equal(b->sent[0].s.flags, SG_SYN | SG_ACK);
	assert_int_equal(b->queues[0].halfopen, 3);
	b->queues[0].halfopen = 1;
	bed_end(b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_an_address_is_found),
		cmocka_unit_test(test_by_an_end_in_good_order),
		cmocka_unit_test(test_not_without_a_round_trip),
		cmocka_unit_test(test_the_last_quarter_is_theirs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
