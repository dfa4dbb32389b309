/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * user/tcp/syn.c: a SYN that the driver took for a segment of a flow, which then ended before
 * the SYN came up. (What reopens a pair in TIME_WAIT is in test_timewait.c.)
 */
#include "harness.h"

/* The SYN, without a record: the driver saw a flow. */
static void late_syn(struct peer *p)
{
	struct seg s;

	p->nxt = p->isn;
	p->record = NULL;
	p->tsecr = 0;
	s = peer_seg(p, SG_SYN, NULL, 0);
	assert_int_equal(bed_input(p->b, 0, &s), -1);
}

/* The entry that it made, as the driver would hand it over with the final ACK. */
static const struct sg_halfopen *late_entry(struct peer *p)
{
	const struct sg_halfopen_table *t = &p->b->halfopen;
	struct sg_hash h = peer_hash(p);
	__u64 word;
	__s64 at = sg_synq_where(t, h.table, &p->tuple, &word);
	const struct sg_halfopen *e;

	if (at < 0)
		return NULL;
	e = sg_synq_entry(t, sg_index_bucket((__u32)at), sg_index_way((__u32)at));
	peer_record(p, e, (__u32)at, word);
	p->iss = sg_iss(&h, e->when);
	p->nxt = seq_add(p->isn, 1);
	p->ack = seq_add(p->iss, 1);
	p->tsecr = sg_ts_clock(&h, e->when);
	return e;
}

/* RST and at once a SYN from the same port: the driver still sees the flow for both. */
static void test_right_behind_a_reset(void **state)
{
	struct bed *b = bed_listening(1, 4);
	const struct sg_halfopen *e;
	struct sent *a = b->sent;
	struct peer p;

	(void)state;
	peer_init(&p, b, 1);
	conn_in(&p, TCP_ESTABLISHED);
	assert_int_equal(peer_send(&p, SG_RST, NULL, 0), -1);
	p.isn = seq_add(p.isn, 100000);
	late_syn(&p);
	assert_int_equal(b->n, 1);
	assert_int_equal(a->s.flags, SG_SYN | SG_ACK);
	assert_int_equal(a->s.ack.v, p.isn.v + 1);
	assert_int_equal(a->s.opt.mss, BED_MSS);
	assert_int_equal(b->mib[0].SynAckByWorker, 1);
	assert_int_equal(b->mib[0].RetransSegs, 0);
	assert_int_equal(b->mib[0].OutRsts, 0);
	e = late_entry(&p);
	assert_non_null(e);
	assert_int_equal(a->s.seq.v, p.iss.v);
	assert_int_equal(e->mss, BED_MSS);
	assert_int_equal(b->queues[0].halfopen, 1);
	assert_int_equal(peer_send(&p, SG_ACK, NULL, 0), -1);
	assert_int_equal(peer_state(&p), TCP_ESTABLISHED);
	assert_int_equal(b->queues[0].halfopen, 0);
	bed_end(b);
}

/* The same limits as in the driver, and the same silence. */
static void test_limits(void **state)
{
	struct bed *b = bed_listening(1, 0);
	struct peer p, q, r;

	(void)state;
	peer_init(&p, b, 1);
	peer_init(&q, b, 2);
	peer_init(&r, b, 3);
	assert_int_equal(peer_syn(&p), SG_ADMIT_ENTRY);
	late_syn(&q);
	assert_int_equal(b->n, 0);
	assert_int_equal(b->queues[0].TCPReqQFullDrop, 1);
	assert_int_equal(b->queues[0].ListenDrops, 1);
	assert_int_equal(peer_send(&p, SG_ACK, NULL, 0), -1);
	late_syn(&r);
	assert_int_equal(b->n, 0);
	assert_int_equal(b->queues[0].ListenOverflows, 1);
	assert_int_equal(b->queues[0].ListenDrops, 2);
	assert_int_equal(b->queues[0].halfopen, 0);
	bed_end(b);
}

static void test_tiny_mss(void **state)
{
	struct bed *b = bed_listening(1, 4);
	struct peer p;

	(void)state;
	peer_init(&p, b, 1);
	p.syn.mss = 1;
	late_syn(&p);
	assert_int_equal(late_entry(&p)->mss, SG_MSS_MIN);
	bed_end(b);
}

/* Nobody listens any more, or it is no SYN that opens: a stray like any other. */
static void test_strays(void **state)
{
	static const __u8 flags[] = {SG_SYN | SG_ACK, SG_SYN | SG_FIN};
	struct bed *b = bed_listening(1, 4);
	struct peer p;

	(void)state;
	peer_init(&p, b, 1);
	for (size_t i = 0; i < SG_ARRAY_SIZE(flags); i++) {
		struct seg s = peer_seg(&p, flags[i], NULL, 0);

		bed_input(b, 0, &s);
		assert_int_equal(b->n, 1);
		assert_true(b->sent[0].s.flags & SG_RST);
	}
	tcp_unlisten(b->s[0], 0, b->now);
	late_syn(&p);
	assert_int_equal(b->n, 1);
	assert_int_equal(b->sent[0].s.flags, SG_RST | SG_ACK);
	assert_int_equal(b->mib[0].SynAckByWorker, 0);
	bed_end(b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_right_behind_a_reset),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_tiny_mss),
		cmocka_unit_test(test_strays),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
