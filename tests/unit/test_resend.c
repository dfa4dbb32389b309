/* SPDX-License-Identifier: BSD-2-Clause */
/* Half-open entries as time goes by: when the SYN-ACK goes out again, and when they go. */
#include "harness.h"

static struct bed *bed;
static struct peer peer;

static int setup(void **state)
{
	(void)state;
	bed = bed_listening(1, 10);
	peer_init(&peer, bed, 1);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	bed_end(bed);
	return 0;
}

/* One look over the table; what is sent is added to `sent`. */
static void sweep(void)
{
	struct seg room[64];
	struct actions a = {0, 64, room};

	assert_int_equal(tcp_sweep_halfopen(bed->s[0], 0, BED_BUCKETS, bed->now, &a), BED_BUCKETS);
	bed_keep(bed, &a);
}

/* Look every 5 ms, for so long. */
static void sweep_for(__u64 ms)
{
	for (__u64 end = bed->now / SG_MS + ms; bed->now / SG_MS < end; bed->now += 5 * SG_MS)
		sweep();
}

/* When SYN-ACK i left, in ms after the SYN, rounded to what a sweep and a step of 8 ms cost. */
static __u64 left_at(unsigned i, sg_time syn)
{
	return (bed->sent[i].at - syn) / SG_MS / 100 * 100;
}

static void test_resends_at_1_3_7_15_31_s(void **state)
{
	static const __u64 at[] = {1000, 3000, 7000, 15000, 31000};
	sg_time syn = bed->now;
	__u32 ts = 0;

	(void)state;
	assert_int_equal(peer_syn(&peer), SG_ADMIT_ENTRY);
	sweep_for(62990);
	assert_int_equal(bed->n, SG_ARRAY_SIZE(at));
	for (unsigned i = 0; i < bed->n; i++) {
		const struct seg *s = &bed->sent[i].s;

		assert_true(bed->sent[i].at - syn >= at[i] * SG_MS);
		assert_int_equal(left_at(i, syn), at[i]);
		assert_true(sg_tuple_eq(&s->tuple, &peer.tuple));
		assert_int_equal(s->flags, SG_SYN | SG_ACK);
		assert_int_equal(s->seq.v, peer.iss.v);
		assert_int_equal(s->ack.v, peer.isn.v + 1);
		assert_int_equal(s->wnd, 65535);
		assert_int_equal(s->opt.mss, BED_MSS);
		assert_int_equal(s->opt.wscale, BED_WSCALE);
		assert_int_equal(s->opt.sack_ok, 1);
		assert_int_equal(s->opt.tsecr, peer.tsval);
		assert_memory_equal(s->mac, "\x22\x22\x22\x22\x22\x22", 6);
		if (i > 0) /* the clock of the connection goes on */
			assert_in_range(s->opt.tsval - ts, at[i] - at[i - 1] - 20,
					at[i] - at[i - 1] + 20);
		ts = s->opt.tsval;
	}
	assert_non_null(peer_entry(&peer, NULL));
	assert_int_equal(bed->queues[0].halfopen, 1);
	sweep_for(100); /* 63 s */
	assert_null(peer_entry(&peer, NULL));
	assert_int_equal(bed->queues[0].halfopen, 0);
	assert_int_equal(bed->n, SG_ARRAY_SIZE(at));
	assert_int_equal(bed->mib[0].TCPSynRetrans, 5);
	assert_int_equal(bed->mib[0].RetransSegs, 5);
	assert_int_equal(bed->mib[0].TCPReqExpired, 1);
	assert_int_equal(bed->mib[0].TCPTimeouts, 6); /* as Linux: also the last one */
}

/*
 * Linux's pruning: of a backlog of 10, six old entries are too many, and they go at their
 * third timeout, at 7 s. Once young ones are a good part of the queue, the old may stay.
 */
static void test_old_entries_lose_retries(void **state)
{
	struct peer p[6], young[4];
	struct sg_queue *q = &bed->queues[0];
	sg_time syn = bed->now;

	(void)state;
	for (unsigned i = 0; i < 6; i++) {
		peer_init(&p[i], bed, (__u8)i);
		assert_int_equal(peer_syn(&p[i]), SG_ADMIT_ENTRY);
	}
	assert_int_equal(q->young, 6);
	sweep_for(1100);
	assert_int_equal(q->young, 0);
	assert_int_equal(q->halfopen, 6);
	sweep_for(5800);
	assert_int_equal(q->halfopen, 6);
	assert_int_equal(bed->n, 12);
	sweep_for(200); /* 7.1 s: five go, one is left of an empty queue */
	assert_true(bed->now - syn > 7 * SG_SEC);
	assert_int_equal(q->halfopen, 5);
	assert_int_equal(bed->n, 17);
	assert_int_equal(bed->mib[0].TCPReqExpired, 1);

	/*
	 * Five old and four young. 9 >= 8, but 9 < 16: four retries, so that one goes at its
	 * fifth timeout; 8 >= 8: the next one too; 7 < 8: the rest may stay.
	 */
	sweep_for(30800 - 7100);
	assert_int_equal(q->halfopen, 5);
	for (unsigned i = 0; i < 4; i++) {
		peer_init(&young[i], bed, (__u8)(20 + i));
		assert_int_equal(peer_syn(&young[i]), SG_ADMIT_ENTRY);
	}
	bed->n = 0;
	sweep_for(400);
	assert_int_equal(q->young, 4);
	assert_int_equal(q->halfopen, 7);
	assert_int_equal(bed->mib[0].TCPReqExpired, 3);
	assert_int_equal(bed->n, 3);
}

static void test_resends_follow_the_settings(void **state)
{
	static const struct {
		__u32 rto, retries;
		__u64 gone; /* ms */
	} row[] = {{1000, 0, 1000}, {1000, 1, 3000}, {100, 3, 1500}, {10, 2, 70}};

	(void)state;
	for (size_t i = 0; i < SG_ARRAY_SIZE(row); i++) {
		bed->n = 0;
		bed->set.synack_rto_ms = row[i].rto;
		bed->set.tcp_synack_retries = row[i].retries;
		assert_int_equal(peer_syn(&peer), SG_ADMIT_ENTRY);
		sweep_for(row[i].gone - 10);
		assert_non_null(peer_entry(&peer, NULL));
		assert_int_equal(bed->n, row[i].retries);
		sweep_for(100);
		assert_null(peer_entry(&peer, NULL));
		assert_int_equal(bed->n, row[i].retries);
		assert_int_equal(bed->queues[0].halfopen, 0);
	}
}

/* Doubling ends at 120 s, and fifteen resends fit the four bits that count them. */
static void test_fifteen_resends(void **state)
{
	sg_time last = bed->now;
	__u64 gap = 1000;

	(void)state;
	bed->set.tcp_synack_retries = 15;
	assert_int_equal(peer_syn(&peer), SG_ADMIT_ENTRY);
	for (unsigned i = 0; i < 15; i++) {
		bed->n = 0;
		while (bed->n == 0 && bed->now - last < 200 * SG_SEC) {
			bed->now += 5 * SG_MS;
			sweep();
		}
		assert_int_equal(bed->n, 1);
		assert_in_range(bed->now - last, gap * SG_MS, (gap + 20) * SG_MS);
		last = bed->now;
		gap = gap * 2 < 120000 ? gap * 2 : 120000;
	}
	bed->n = 0;
	sweep_for(119900);
	assert_non_null(peer_entry(&peer, NULL));
	sweep_for(200);
	assert_int_equal(bed->n, 0);
	assert_null(peer_entry(&peer, NULL));
}

/* Linux (tcp_abort_on_overflow=0): the ACK is ignored, the request stays and is answered again. */
static void test_accept_queue_full_at_the_final_ack(void **state)
{
	struct sg_halfopen *e;

	(void)state;
	bed->queues[0].backlog = 0;
	assert_int_equal(peer_syn(&peer), SG_ADMIT_ENTRY);
	bed->queues[0].acceptq = 1;
	e = peer_entry(&peer, NULL);
	assert_non_null(e);
	assert_int_equal(e->opts & SG_OPT_ACKED, 0);
	assert_int_equal(peer_send(&peer, SG_ACK, NULL, 0), -1);
	assert_int_equal(bed->n, 0);
	assert_ptr_equal(peer_entry(&peer, NULL), e);
	assert_true(e->opts & SG_OPT_ACKED);
	assert_int_equal(bed->queues[0].acceptq, 1);
	sweep_for(1100);
	assert_int_equal(bed->n, 1); /* the SYN-ACK, with the options as they were */
	assert_int_equal(bed->sent[0].s.opt.wscale, BED_WSCALE);
	bed->queues[0].acceptq = 0;
	peer.tsval += 1100;
	assert_int_equal(peer_send(&peer, SG_ACK, NULL, 0), -1);
	assert_int_equal(peer_state(&peer), TCP_ESTABLISHED);
	assert_null(peer_entry(&peer, NULL));
	assert_int_equal(bed->queues[0].halfopen, 0);
	assert_int_equal(bed->queues[0].acceptq, 1);
}

/* A dead daemon's entry waits for a new listener; whoever wants none, frees it. */
static void test_no_listener_yet(void **state)
{
	(void)state;
	tcp_unlisten(bed->s[0], 0, bed->now);
	assert_int_equal(peer_syn(&peer), SG_ADMIT_ENTRY);
	sweep_for(90000);
	assert_int_equal(bed->n, 0);
	assert_non_null(peer_entry(&peer, NULL));
	assert_int_equal(bed->mib[0].TCPSynRetrans, 0);
	bed_listen_at(bed, 0, BED_PORT, 10);
	sweep_for(10);
	assert_int_equal(bed->n, 1);
	assert_int_equal(bed->mib[0].TCPSynRetrans, 1);
	tcp_unlisten(bed->s[0], 0, bed->now);
	assert_null(peer_entry(&peer, NULL));
	assert_int_equal(bed->queues[0].halfopen, 0);
}

static void test_unlisten_takes_its_entries_with_it(void **state)
{
	(void)state;
	assert_int_equal(peer_syn(&peer), SG_ADMIT_ENTRY);
	tcp_unlisten(bed->s[0], 0, bed->now);
	assert_null(peer_entry(&peer, NULL));
	assert_int_equal(bed->queues[0].halfopen, 0);
}

/* A sweep stops while a whole bucket still has room in the ring, and says where. */
static void test_sweep_stops_when_the_ring_is_full(void **state)
{
	struct seg room[SG_WAYS + 3];
	struct peer many[10];
	__u32 first = 0, rounds = 0, n = 0;

	(void)state;
	for (__u8 i = 0; i < 10; i++) {
		peer_init(&many[i], bed, (__u8)(10 + i));
		assert_int_equal(peer_syn(&many[i]), SG_ADMIT_ENTRY);
	}
	bed->now += 1100 * SG_MS;
	while (first < BED_BUCKETS) {
		struct actions a = {0, SG_ARRAY_SIZE(room), room};
		__u32 done =
			tcp_sweep_halfopen(bed->s[0], first, BED_BUCKETS - first, bed->now, &a);

		assert_true(done > 0 && first + done <= BED_BUCKETS);
		assert_true(a.n <= a.max);
		first += done;
		n += a.n;
		rounds++;
	}
	assert_int_equal(n, 10);
	assert_true(rounds > 1);
	bed->n = 0;
	sweep(); /* none twice */
	assert_int_equal(bed->n, 0);
	struct actions none = {0, SG_WAYS - 1, room};

	assert_int_equal(tcp_sweep_halfopen(bed->s[0], 0, BED_BUCKETS, bed->now, &none),
			 BED_BUCKETS); /* needs no room where nothing is due */
	bed->now += 60 * SG_SEC;
	n = tcp_sweep_halfopen(bed->s[0], 0, BED_BUCKETS, bed->now, &none);
	assert_true(n < BED_BUCKETS);
	for (__u32 i = 0; i < n; i++)
		assert_int_equal(sg_ways_free(&bed->halfopen.ways[i]), SG_WAYS);
	assert_int_equal(none.n, 0);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(test_resends_at_1_3_7_15_31_s),
		T(test_old_entries_lose_retries),
		T(test_resends_follow_the_settings),
		T(test_fifteen_resends),
		T(test_accept_queue_full_at_the_final_ack),
		T(test_no_listener_yet),
		T(test_unlisten_takes_its_entries_with_it),
		T(test_sweep_stops_when_the_ring_is_full),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
