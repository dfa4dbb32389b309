/* SPDX-License-Identifier: BSD-2-Clause */
/* Loss recovery over a path (path.h): RFC 6675, 6937, 6582, 8985, 5682, 3522, 3708, 3168. */
#include "path.h"

#include "tcp/recovery.h"

static struct path W;

static struct sg_tcp_counters *mib(void)
{
	return &W.b->mib[0];
}

/* --- lost the first time ------------------------------------------------------------------ */

static bool listed(__u32 i, const __u32 *list)
{
	while (*list != PATH_SEGMENTS)
		if (*list++ == i)
			return true;
	return false;
}

static const __u32 *first_lost; /* segments that do not arrive when sent first */

static sg_time lose_first(struct path *w, __u32 i, unsigned nth)
{
	(void)w;
	return nth == 1 && listed(i, first_lost) ? PATH_LOST : 0;
}

/* What is lost is sent again, once, and nothing else; no timeout. */
static void test_only_the_lost_come_again(void **state)
{
	static const __u32 lists[][12] = {
		{0, PATH_SEGMENTS},
		{4, PATH_SEGMENTS},
		{0, 4, PATH_SEGMENTS},
		{2, 3, 4, PATH_SEGMENTS},
		{0, 1, 2, 3, 4, 5, 6, PATH_SEGMENTS},
		{20, 22, 24, 26, 28, 30, 32, PATH_SEGMENTS},
		{10, 11, 30, 50, 51, 52, 60, 61, 62, 63, PATH_SEGMENTS},
	};

	(void)state;
	for (unsigned k = 0; k < SG_ARRAY_SIZE(lists); k++) {
		unsigned n = 0;

		path_open(&W, true);
		W.fate = lose_first;
		first_lost = lists[k];
		while (lists[k][n] != PATH_SEGMENTS)
			n++;
		path_write(&W, 0, 200);
		path_run(&W, 5 * SG_SEC);
		assert_int_equal(W.resent, n);
		for (unsigned i = 0; i < n; i++)
			assert_int_equal(W.sent[lists[k][i]], 2);
		assert_int_equal(mib()->TCPTimeouts, 0);
		assert_int_equal(mib()->TCPFastRetrans, n);
		assert_true(mib()->TCPSackRecovery >= 1);
		path_end(&W, 200);
	}
}

/* The cut is 0.7 at once for CUBIC, and never more is out than arrived, in proportion (PRR). */
static void test_window_is_cut_once(void **state)
{
	static const __u32 list[] = {60, 62, 64, PATH_SEGMENTS};
	__u32 cwnd;

	(void)state;
	path_open(&W, true);
	W.fate = lose_first;
	first_lost = list;
	path_write(&W, 0, 400);
	for (int i = 0; i < 1000 && path_conn(&W)->ca == CA_OPEN; i++)
		path_run(&W, SG_MS);
	assert_int_equal(path_conn(&W)->ca, CA_RECOVERY);
	cwnd = flight_of(W.b->s[0], path_conn(&W))->undo_cwnd;
	assert_in_range(path_conn(&W)->ssthresh, cwnd / 100 * 69, cwnd / 100 * 71);
	cwnd = path_conn(&W)->ssthresh;
	for (int i = 0; i < 1000 && path_conn(&W)->ca == CA_RECOVERY; i++)
		path_run(&W, SG_MS);
	assert_in_range(path_conn(&W)->cwnd, cwnd - PATH_MSS, cwnd + 4 * PATH_MSS);
	assert_int_equal(mib()->TCPSackRecovery, 1);
	path_run(&W, 5 * SG_SEC);
	path_end(&W, 400);
}

/* One thing arrives; what is due goes before it. Returns segments sent; `acks` goes up for an ACK.
 */
static unsigned one_arrives(unsigned *acks)
{
	unsigned before = W.segments;

	path_fill(&W);
	if (W.q[W.n - 1].at > W.b->now)
		path_run(&W, W.q[W.n - 1].at - W.b->now - 1);
	W.b->now = W.q[W.n - 1].at > W.b->now ? W.q[W.n - 1].at : W.b->now;
	*acks += W.q[W.n - 1].ack;
	path_arrive(&W);
	return W.segments - before;
}

/* Up to the end of recovery: how many ACKs came, how much was sent for them, and at most for one.
 */
static unsigned in_recovery(unsigned *acks, unsigned *most)
{
	unsigned total = 0, sent;

	*acks = *most = 0;
	while (path_conn(&W)->ca == CA_RECOVERY && W.n > 0) {
		sent = one_arrives(acks);
		total += sent;
		*most = sent > *most ? sent : *most;
	}
	return total;
}

/*
 * RFC 6937: with more out than ssthresh, 0.7 of a segment leaves for each that arrived, spread over
 * the round trip; with less, no more than two for an ACK, whatever the window would let go.
 */
static void test_proportional_rate(void **state)
{
	static __u32 one[] = {300, PATH_SEGMENTS}, many[201];
	static const __u32 *const lists[] = {one, many};

	(void)state;
	for (__u32 i = 0; i < 200; i++)
		many[i] = 300 + i;
	many[200] = PATH_SEGMENTS;
	for (unsigned k = 0; k < 2; k++) {
		unsigned acks, most, sent;

		path_open(&W, true);
		W.fate = lose_first;
		first_lost = lists[k];
		path_write(&W, 0, 1200);
		for (int i = 0; i < 5000 && path_conn(&W)->ca == CA_OPEN; i++)
			one_arrives(&acks);
		assert_int_equal(path_conn(&W)->ca, CA_RECOVERY);
		sent = in_recovery(&acks, &most);
		assert_true(acks > 50);
		if (k == 0)
			assert_in_range(sent * 100 / acks, 65, 75);
		assert_true(most <= 2);
		path_run(&W, 20 * SG_SEC);
		path_end(&W, 1200);
	}
}

/* Without SACK: three duplicates, and each partial ACK brings the next hole (RFC 6582). */
static void test_newreno(void **state)
{
	static const __u32 list[] = {20, 24, 30, PATH_SEGMENTS};

	(void)state;
	path_open(&W, false);
	W.fate = lose_first;
	first_lost = list;
	path_write(&W, 0, 200);
	path_run(&W, 5 * SG_SEC);
	assert_int_equal(W.sent[20], 2);
	assert_int_equal(W.sent[24], 2);
	assert_int_equal(W.sent[30], 2);
	assert_int_equal(mib()->TCPTimeouts, 0);
	assert_int_equal(mib()->TCPRenoRecovery, 1);
	assert_true(mib()->TCPDupAcksIn >= 3);
	path_end(&W, 200);
}

/* That all before segment `i` has come, so many times. Returns how many segments leave for it. The
 * last of them is what the next ACK echoes: no reason to think that the original arrived. */
static unsigned acked_up_to(__u32 i, unsigned times)
{
	unsigned before = W.segments;
	struct seg a;

	W.p.ack = seq_add(W.p.iss, 1 + i * PATH_MSS);
	a = peer_seg(&W.p, SG_ACK, NULL, 0);
	while (times--) {
		W.b->now += SG_MS;
		bed_input(W.b, 0, &a);
		if (W.b->n > 0)
			W.p.tsecr = W.b->sent[0].s.opt.tsval;
		path_flush(&W);
	}
	return W.segments - before;
}

/* Ten are out of a connection without SACK, and what arrives is up to the test. */
static void ten_out(void)
{
	path_open(&W, false);
	path_write(&W, 0, 40);
	path_fill(&W);
	assert_int_equal(W.segments, 10);
	assert_int_equal(acked_up_to(1, 1), 2);
}

/* Duplicates that led to nothing told of segments that the next ACK may well be of. */
static void test_duplicates_are_forgotten(void **state)
{
	(void)state;
	ten_out();
	assert_int_equal(acked_up_to(1, 2), 2); /* limited transmit, RFC 3042 */
	assert_int_equal(flight_of(W.b->s[0], path_conn(&W))->sacked, 2 * PATH_MSS);
	acked_up_to(2, 1);
	assert_int_equal(flight_of(W.b->s[0], path_conn(&W))->sacked, 0);
	assert_true(flight_pipe(W.b->s[0], path_conn(&W)) <= path_conn(&W)->cwnd);
	bed_end(W.b);
}

/* RFC 6582 3.2, step 3: the next hole is sent again at once, however much is out. */
static void test_partial_ack(void **state)
{
	(void)state;
	ten_out();
	acked_up_to(1, 3);
	assert_int_equal(path_conn(&W)->ca, CA_RECOVERY);
	assert_int_equal(W.sent[1], 2);
	assert_int_equal(acked_up_to(2, 1), 1);
	assert_int_equal(W.sent[2], 2);
	bed_end(W.b);
}

/* What a ring that is full did not take is not lost to the recovery. */
static void test_retransmission_at_a_full_ring(void **state)
{
	struct seg room[ACTIONS_PER_INPUT], s;
	struct actions a = {0, ACTIONS_PER_INPUT, room};

	(void)state;
	path_open(&W, false);
	path_write(&W, 0, 10);
	s = peer_seg(&W.p, SG_ACK, NULL, 0);
	for (int i = 0; i < 3; i++)
		tcp_input(W.b->s[0], &s, W.b->now, &a);
	assert_int_equal(a.n, 0);
	assert_true(tcp_deadline(W.b->s[0]) <= W.b->now);
	W.b->n = 0;
	bed_output(W.b);
	assert_sent(&W.p, 0, SG_ACK, 0, 0, PATH_MSS);
	bed_end(W.b);
}

/* --- every other one ------------------------------------------------------------------------ */

static sg_time lose_every_other(struct path *w, __u32 i, unsigned nth)
{
	(void)w;
	return nth == 1 && i >= 100 && i % 2 ? PATH_LOST : 0;
}

/* More holes than the scoreboard has room for: all arrives all the same. */
static void test_more_holes_than_runs(void **state)
{
	(void)state;
	path_open(&W, true);
	W.fate = lose_every_other;
	path_write(&W, 0, 2000);
	path_run(&W, 60 * SG_SEC);
	path_end(&W, 2000);
}

/* --- lost again ------------------------------------------------------------------------------- */

static sg_time lose_twice(struct path *w, __u32 i, unsigned nth)
{
	(void)w;
	return nth <= 2 && (i == 30 || i == 33) ? PATH_LOST : 0;
}

/* A retransmission that is lost is told by its time (RFC 8985), not by a timeout. */
static void test_lost_retransmission(void **state)
{
	(void)state;
	path_open(&W, true);
	W.fate = lose_twice;
	path_write(&W, 0, 300);
	path_run(&W, 5 * SG_SEC);
	assert_int_equal(W.sent[30], 3);
	assert_int_equal(W.sent[33], 3);
	assert_int_equal(W.resent, 4);
	assert_int_equal(mib()->TCPLostRetransmit, 2);
	assert_int_equal(mib()->TCPTimeouts, 0);
	path_end(&W, 300);
}

/* --- reordering --------------------------------------------------------------------------------- */

static sg_time late_by;
static __u32 late_mask;

static sg_time some_late(struct path *w, __u32 i, unsigned nth)
{
	(void)w;
	return nth == 1 && i >= 40 && (i & late_mask) == 7 ? late_by : 0;
}

/* Once a path is known to reorder a quarter of a round trip is waited before anything is resent. */
static void test_reordering_is_learnt(void **state)
{
	(void)state;
	path_open(&W, true);
	W.fate = some_late;
	late_by = 3 * SG_MS; /* of a round trip of 20 */
	late_mask = 31;
	path_write(&W, 0, 1000);
	path_run(&W, 10 * SG_SEC);
	assert_true(path_conn(&W)->flags & T_REORDERED);
	assert_true(mib()->TCPSACKReorder > 10);
	assert_in_range(W.resent, 0, 4); /* before it was known */
	assert_int_equal(mib()->TCPTimeouts, 0);
	path_end(&W, 1000);
}

/* Later than a quarter: D-SACKs say that it was needless, the window widens and cuts are undone. */
static void test_dsack_widens_the_window(void **state)
{
	(void)state;
	path_open(&W, true);
	W.fate = some_late;
	late_by = 12 * SG_MS;
	late_mask = 63;
	path_write(&W, 0, 2500);
	path_run(&W, 20 * SG_SEC);
	assert_true(mib()->TCPDSACKRecv > 0);
	assert_true(path_conn(&W)->reo_more > 0);
	assert_true(mib()->TCPDSACKUndo + mib()->TCPFullUndo > 0);
	assert_true(W.resent < 2500 / 64); /* it has learnt */
	path_end(&W, 2500);
}

/* --- tail loss probe ------------------------------------------------------------------------------- */

static sg_time lose_tail(struct path *w, __u32 i, unsigned nth)
{
	(void)w;
	return nth == 1 && i >= 7 ? PATH_LOST : 0;
}

/* The last of ten are lost: a probe after two round trips brings SACKs, and RACK does the rest. */
static void test_tail_loss(void **state)
{
	sg_time start;

	(void)state;
	path_open(&W, true);
	W.fate = lose_tail;
	path_write(&W, 0, 10);
	start = W.b->now;
	path_run(&W, 10 * SG_SEC);
	assert_true(W.b->now - start < 120 * SG_MS); /* an RTO alone would be 220 */
	assert_int_equal(mib()->TCPLossProbes, 1);
	assert_int_equal(mib()->TCPTimeouts, 0);
	assert_int_equal(W.resent, 3);
	path_end(&W, 10);
}

static sg_time lose_last(struct path *w, __u32 i, unsigned nth)
{
	(void)w;
	return nth == 1 && i == 9 ? PATH_LOST : 0;
}

/* A probe that mends the loss itself hides it: the window is cut when that is known (7.4). */
static void test_probe_mends_the_loss(void **state)
{
	(void)state;
	path_open(&W, true);
	W.fate = lose_last;
	path_write(&W, 0, 10);
	path_run(&W, 250 * SG_MS); /* a lone segment may be waiting for a delayed ACK */
	path_write(&W, 10, 2);
	path_run(&W, 10 * SG_SEC);
	assert_int_equal(mib()->TCPLossProbes, 1);
	assert_int_equal(mib()->TCPLossProbeRecovery, 1);
	assert_int_equal(mib()->TCPTimeouts, 0);
	assert_true(path_conn(&W)->ssthresh < CC_NO_SSTHRESH);
	path_end(&W, 12);
}

static sg_time slow_answer(struct path *w, __u32 i, unsigned nth)
{
	(void)w;
	return nth == 1 && i == 9 ? 300 * SG_MS : 0;
}

/* Nothing was lost: a D-SACK says so and nothing is cut. */
static void test_needless_probe(void **state)
{
	__u32 cwnd;

	(void)state;
	path_open(&W, true);
	W.fate = slow_answer;
	path_write(&W, 0, 10);
	cwnd = path_conn(&W)->cwnd;
	path_run(&W, 10 * SG_SEC);
	assert_int_equal(mib()->TCPLossProbes, 1);
	assert_int_equal(mib()->TCPLossProbeRecovery, 0);
	assert_true(path_conn(&W)->cwnd >= cwnd);
	path_end(&W, 10);
}

static void test_probe_sends_something_new(void **state)
{
	(void)state;
	path_open(&W, true);
	W.fate = lose_tail;
	W.p.wnd = 10 * PATH_MSS >> 7; /* the window lets ten go, the probe waits for no cwnd */
	path_conn(&W)->cwnd = 8 * PATH_MSS;
	path_write(&W, 0, 12);
	assert_int_equal(W.segments, 8);
	path_run(&W, 10 * SG_SEC);
	assert_int_equal(mib()->TCPTimeouts, 0);
	path_end(&W, 12);
}

static void test_no_probes(void **state)
{
	(void)state;
	path_open(&W, true);
	W.b->set.tcp_early_retrans = 0;
	W.fate = lose_tail;
	path_write(&W, 0, 10);
	path_run(&W, 10 * SG_SEC);
	assert_int_equal(mib()->TCPLossProbes, 0);
	assert_int_equal(mib()->TCPTimeouts, 1);
	path_end(&W, 10);
}

/* --- timeouts ------------------------------------------------------------------------------------------ */

static sg_time lose_window(struct path *w, __u32 i, unsigned nth)
{
	(void)w;
	return i >= 30 && (nth == 1 || (i == 59 && nth == 2)) ? PATH_LOST : 0;
}

/* All that is out is lost, the probe too: slow start from one segment, each comes again once. */
static void test_whole_window(void **state)
{
	(void)state;
	path_open(&W, true);
	W.fate = lose_window;
	path_write(&W, 0, 60);
	path_run(&W, 30 * SG_SEC);
	assert_true(mib()->TCPTimeouts >= 1);
	assert_true(mib()->TCPSlowStartRetrans > 10);
	assert_true(W.resent <= 36);
	assert_true(path_conn(&W)->ssthresh < CC_NO_SSTHRESH);
	path_end(&W, 60);
}

static sg_time delay_at, delay_by;

static sg_time delay_spike(struct path *w, __u32 i, unsigned nth)
{
	(void)i;
	(void)nth;
	return w->b->now >= delay_at && w->b->now < delay_at + delay_by ?
		       delay_at + delay_by - w->b->now :
		       0;
}

/* The path stands still for half a second: the timeout was needless, and all is as before. */
static void test_spurious_timeout(void **state)
{
	static const struct {
		__u8 ts, frto;
	} row[] = {{1, 2}, {1, 0}, {0, 2}};
	__u32 cwnd;

	(void)state;
	for (unsigned k = 0; k < SG_ARRAY_SIZE(row); k++) {
		path_open(&W, true);
		if (!row[k].ts) {
			bed_end(W.b);
			memset(&W, 0, sizeof(W));
			W.b = bed_listening(1, 8);
			W.b->set.tcp_wmem = BUF_MAX;
			peer_init(&W.p, W.b, 1);
			W.p.syn.has_ts = 0;
			W.p.syn.mss = PATH_MSS;
			conn_in(&W.p, TCP_ESTABLISHED);
			bed_drain_events(W.b);
			W.half = 10 * SG_MS;
			W.dsack = true;
			W.ack_every = 1;
		}
		W.b->set.tcp_early_retrans = 0;
		W.b->set.tcp_frto = row[k].frto;
		W.fate = delay_spike;
		delay_at = W.b->now + 50 * SG_MS;
		delay_by = 500 * SG_MS;
		path_write(&W, 0, 1000);
		path_run(&W, 70 * SG_MS);
		cwnd = path_conn(&W)->cwnd;
		path_run(&W, 10 * SG_SEC);
		assert_true(mib()->TCPTimeouts >= 1);
		assert_true(mib()->TCPSpuriousRTOs + mib()->TCPLossUndo >= 1);
		assert_true(path_conn(&W)->cwnd >= cwnd);
		assert_true(W.resent <= 4);
		path_end(&W, 1000);
	}
}

/* A peer that takes back what it had sacked gets it again (RFC 2018 8). */
static void test_reneging(void **state)
{
	struct seg s;

	(void)state;
	path_open(&W, true);
	path_write(&W, 0, 10);
	s = peer_seg(&W.p, SG_ACK, NULL, 0);
	s.opt.nsack = 1;
	s.sack[0].left = seq_add(W.p.iss, 1 + 8 * PATH_MSS);
	s.sack[0].right = seq_add(W.p.iss, 1 + 10 * PATH_MSS);
	bed_input(W.b, 0, &s);
	assert_int_equal(flight_of(W.b->s[0], path_conn(&W))->sacked, 2 * PATH_MSS);
	s.opt.nsack = 0;
	s.ack = seq_add(W.p.iss, 1 + 8 * PATH_MSS);
	bed_input(W.b, 0, &s);
	W.p.ack = s.ack;
	W.next = 8;
	W.n = 0; /* what was on its way is gone */
	path_run(&W, 10 * SG_SEC);
	assert_int_equal(mib()->TCPSACKReneging, 1);
	assert_int_equal(mib()->TCPTimeouts, 1);
	path_end(&W, 10);
}

/* Blocks of what was never sent, or that end before they begin, are nobody's business. */
static void test_nonsense_blocks(void **state)
{
	static const __s32 row[][2] = {{0, 20000}, {5000, 5000}, {5000, 1000}, {-30000, -40000},
				       {1 << 30, (1 << 30) + 10}};

	(void)state;
	for (unsigned i = 0; i < SG_ARRAY_SIZE(row); i++) {
		struct seg s;

		path_open(&W, true);
		path_write(&W, 0, 10);
		s = peer_seg(&W.p, SG_ACK, NULL, 0);
		s.opt.nsack = 1;
		s.sack[0].left = seq_add(W.p.ack, (__u32)row[i][0]);
		s.sack[0].right = seq_add(W.p.ack, (__u32)row[i][1]);
		bed_input(W.b, 0, &s);
		assert_int_equal(mib()->TCPSACKDiscard, 1);
		assert_int_equal(flight_of(W.b->s[0], path_conn(&W))->sacked, 0);
		path_run(&W, 10 * SG_SEC);
		path_end(&W, 10);
	}
}

/* --- congestion that is told of --------------------------------------------------------------------------- */

/* Once a round trip, by as much as a loss would cost, and nothing is sent again. */
static void test_ece(void **state)
{
	__u32 cwnd;

	(void)state;
	path_open(&W, true);
	path_write(&W, 0, 300);
	path_run(&W, 70 * SG_MS);
	cwnd = path_conn(&W)->cwnd;
	cc_ece(W.b->s[0], path_conn(&W), W.b->now);
	assert_int_equal(path_conn(&W)->ca, CA_CWR);
	assert_in_range(path_conn(&W)->ssthresh, cwnd / 100 * 69, cwnd / 100 * 71);
	cwnd = path_conn(&W)->ssthresh;
	path_run(&W, 5 * SG_MS);
	cc_ece(W.b->s[0], path_conn(&W), W.b->now);
	assert_int_equal(path_conn(&W)->ssthresh, cwnd);
	for (int i = 0; i < 1000 && path_conn(&W)->ca == CA_CWR; i++)
		path_run(&W, SG_MS);
	assert_in_range(path_conn(&W)->cwnd, cwnd - PATH_MSS, cwnd + 2 * PATH_MSS);
	path_run(&W, 10 * SG_SEC);
	assert_int_equal(W.resent, 0);
	path_end(&W, 300);
}

/* --- another size -------------------------------------------------------------------------------------------- */

/* What is out was too large for the path: again, at no cost to the window. */
static void test_resize(void **state)
{
	__u32 cwnd;

	(void)state;
	path_open(&W, true);
	path_write(&W, 0, 10);
	W.n = 0; /* all of it was dropped on the way */
	cwnd = path_conn(&W)->cwnd;
	recovery_resize(W.b->s[0], path_conn(&W));
	assert_int_equal(path_conn(&W)->cwnd, cwnd);
	path_run(&W, 10 * SG_SEC);
	assert_int_equal(W.resent, 10);
	assert_int_equal(mib()->TCPTimeouts, 0);
	path_end(&W, 10);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_only_the_lost_come_again),
		cmocka_unit_test(test_window_is_cut_once),
		cmocka_unit_test(test_proportional_rate),
		cmocka_unit_test(test_newreno),
		cmocka_unit_test(test_duplicates_are_forgotten),
		cmocka_unit_test(test_partial_ack),
		cmocka_unit_test(test_retransmission_at_a_full_ring),
		cmocka_unit_test(test_more_holes_than_runs),
		cmocka_unit_test(test_lost_retransmission),
		cmocka_unit_test(test_reordering_is_learnt),
		cmocka_unit_test(test_dsack_widens_the_window),
		cmocka_unit_test(test_tail_loss),
		cmocka_unit_test(test_probe_mends_the_loss),
		cmocka_unit_test(test_needless_probe),
		cmocka_unit_test(test_probe_sends_something_new),
		cmocka_unit_test(test_no_probes),
		cmocka_unit_test(test_whole_window),
		cmocka_unit_test(test_spurious_timeout),
		cmocka_unit_test(test_reneging),
		cmocka_unit_test(test_nonsense_blocks),
		cmocka_unit_test(test_ece),
		cmocka_unit_test(test_resize),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
