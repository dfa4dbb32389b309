/* SPDX-License-Identifier: BSD-2-Clause */
/* user/tcp/handshake.c: from the half-open queue to a connection. */
#include "harness.h"

static struct tcp_facts facts(const struct peer *p)
{
	struct tcp_facts f;

	assert_int_equal(tcp_info(p->b->s[p->w], p->id, p->b->now, &f), 0);
	return f;
}

static void test_final_ack(void **state)
{
	struct bed *b = bed_listening(1, 4);
	struct tcp_event ev;
	struct tcp_facts f;
	struct peer p;

	(void)state;
	peer_init(&p, b, 1);
	assert_int_equal(peer_syn(&p), SG_ADMIT_ENTRY);
	assert_int_equal(b->queues[0].halfopen, 1);
	b->now += 30 * SG_MS;
	assert_int_equal(peer_send(&p, SG_ACK, NULL, 0), -1);
	assert_int_equal(b->n, 0);
	assert_int_equal(peer_state(&p), TCP_ESTABLISHED);
	assert_null(peer_entry(&p, NULL));
	assert_int_equal(b->queues[0].halfopen, 0);
	assert_int_equal(b->queues[0].acceptq, 1);
	assert_int_equal(b->queues[0].PassiveOpens, 1);
	assert_int_equal(b->mib[0].PassiveOpens, 1);
	assert_int_equal(sg_flow_owner(&b->cfg[0].flows, peer_hash(&p).table, &p.tuple), 0);
	assert_true(tcp_next_event(b->s[0], &ev));
	assert_int_equal(ev.events, TCP_EV_ACCEPT);
	assert_int_equal(ev.listener, 0);
	assert_false(tcp_next_event(b->s[0], &ev));
	peer_accept(&p);
	assert_int_equal(b->queues[0].acceptq, 0);
	f = facts(&p);
	assert_int_equal(f.srtt_us, 30000);
	assert_int_equal(f.handshake_us, 30000);
	assert_false(f.cookie);
	assert_int_equal(f.snd_wnd, 65535 << 7);
	assert_int_equal(f.rcv_wnd, 65535);
	assert_int_equal(f.snd_cwnd, 10 * f.mss);
	bed_end(b);
}

/* What both sides offered is what the connection works with. */
static void test_options(void **state)
{
	static const struct {
		struct sg_tcpopts syn;
		__u16 mss;
		__u32 snd_wnd;
		bool ts;
	} rows[] = {
		{{.mss = 1460, .wscale = 7, .sack_ok = 1, .has_ts = 1}, 1448, 65535 << 7, true},
		{{.mss = 1460, .wscale = SG_WSCALE_NONE, .sack_ok = 1}, 1460, 65535, false},
		{{.mss = 536, .wscale = 14}, 536, 65535 << 14, false},
		{{.mss = 9000, .wscale = 0, .has_ts = 1}, 1448, 65535, true},
		{{.mss = 100, .wscale = SG_WSCALE_NONE, .has_ts = 1}, 88, 65535, true},
	};

	(void)state;
	for (unsigned i = 0; i < SG_ARRAY_SIZE(rows); i++) {
		struct bed *b = bed_listening(1, 4);
		struct tcp_facts f;
		struct peer p;

		peer_init(&p, b, 1);
		p.syn = rows[i].syn;
		conn_in(&p, TCP_ESTABLISHED);
		f = facts(&p);
		assert_int_equal(f.mss, rows[i].mss);
		assert_int_equal(f.snd_wnd, rows[i].snd_wnd);
		tcp_send(b->s[0], p.id, "x", 1, b->now);
		bed_output(b);
		assert_int_equal(b->n, 1);
		assert_int_equal(b->sent[0].s.opt.has_ts, rows[i].ts);
		bed_end(b);
	}
}

static void test_ipv6(void **state)
{
	struct bed *b = bed_listening(1, 4);
	struct tcp_facts f;
	struct peer p;

	(void)state;
	peer_init(&p, b, 1);
	memset(&p.tuple.local, 0x20, 16);
	memset(&p.tuple.peer, 0x21, 16);
	conn_in(&p, TCP_ESTABLISHED);
	f = facts(&p);
	assert_int_equal(f.mss, BED_MSS - 20 - 12);
	bed_end(b);
}

/* The final ACK may bring data, a FIN, or both: nothing is lost. */
static void test_final_ack_with_text(void **state)
{
	static const struct {
		__u32 len;
		__u8 fin;
		enum tcp_state then;
	} rows[] = {
		{100, 0, TCP_ESTABLISHED},
		{0, SG_FIN, TCP_CLOSE_WAIT},
		{1000, SG_FIN, TCP_CLOSE_WAIT},
	};

	(void)state;
	for (unsigned i = 0; i < SG_ARRAY_SIZE(rows); i++) {
		struct bed *b = bed_listening(1, 4);
		__u8 got[2000];
		struct peer p;

		peer_init(&p, b, 1);
		peer_syn(&p);
		peer_send(&p, SG_ACK | SG_PSH | rows[i].fin, bytes(0, rows[i].len), rows[i].len);
		assert_int_equal(peer_state(&p), rows[i].then);
		assert_int_equal(b->n, 1);
		assert_sent(&p, 0, SG_ACK, 0, (int)rows[i].len + !!rows[i].fin, 0);
		peer_accept(&p);
		assert_int_equal(events_of(b, 0, p.id), TCP_EV_READ);
		if (rows[i].len)
			assert_int_equal(tcp_recv(b->s[0], p.id, got, sizeof(got), b->now),
					 rows[i].len);
		assert_memory_equal(got, bytes(0, rows[i].len), rows[i].len);
		assert_int_equal(tcp_recv(b->s[0], p.id, got, sizeof(got), b->now),
				 rows[i].fin ? 0 : -EAGAIN);
		bed_end(b);
	}
}

/* The bare ACK was lost and the second segment overtook the first. */
static void test_completed_by_data_out_of_order(void **state)
{
	struct bed *b = bed_listening(1, 4);
	__u8 got[4000];
	struct peer p;

	(void)state;
	peer_init(&p, b, 1);
	peer_syn(&p);
	peer_send_at(&p, 1000, SG_ACK, bytes(1000, 500), 500);
	assert_int_equal(peer_state(&p), TCP_ESTABLISHED);
	assert_sent(&p, 0, SG_ACK, 0, 0, 0);
	assert_int_equal(b->sent[0].s.opt.nsack, 1);
	peer_send_at(&p, 0, SG_ACK, bytes(0, 1000), 1000);
	assert_sent(&p, 0, SG_ACK, 0, 1500, 0);
	peer_accept(&p);
	assert_int_equal(tcp_recv(b->s[0], p.id, got, sizeof(got), b->now), 1500);
	assert_memory_equal(got, bytes(0, 1500), 1500);
	bed_end(b);
}

/*
 * One SYN-ACK sent again may be too short an RTO; two are a loss (RFC 5681 3.1, and Linux). A
 * timestamp says which of them was answered (RFC 7323 4); without one the RTO is 3 s (RFC
 * 6298 5.7).
 */
static void test_final_ack_after_losses(void **state)
{
	for (unsigned i = 2; i < 6; i++) {
		unsigned resent = i / 2;
		bool stamps = i & 1;
		struct bed *b = bed_listening(1, 4);
		struct seg room[SG_WAYS];
		struct actions a = {0, SG_WAYS, room};
		struct peer p;

		(void)state;
		peer_init(&p, b, 1);
		p.syn.has_ts = stamps;
		peer_syn(&p);
		for (unsigned k = 0; k < resent; k++) {
			a.n = 0;
			b->now += (1010ULL << k) * SG_MS;
			tcp_sweep_halfopen(b->s[0], sg_index_bucket(p.hs.slot), 1, b->now, &a);
			assert_int_equal(a.n, 1);
		}
		p.tsecr = room[0].opt.tsval;
		b->now += 30 * SG_MS;
		peer_send(&p, SG_ACK, NULL, 0);
		peer_accept(&p);
		assert_int_equal(facts(&p).handshake_us, resent == 1 ? 1040000 : 3060000);
		assert_int_equal(facts(&p).snd_cwnd, (resent == 1 ? 10 : 1) * facts(&p).mss);
		assert_int_equal(facts(&p).srtt_us, stamps ? 30000 : 0);
		assert_int_equal(facts(&p).rto_ms, stamps ? 30 + 200 : 3000);
		bed_end(b);
	}
}

/* The driver has found a cookie to be good: there is no entry, and no time. */
static void test_cookie(void **state)
{
	struct bed *b = bed_listening(1, 4);
	struct tcp_facts f;
	struct peer p;

	(void)state;
	peer_init(&p, b, 1);
	p.hs = (struct seg_handshake){.cookie = true, .irs = p.isn.v, .mss = 1400, .opts = 7};
	p.record = &p.hs;
	p.nxt = seq_add(p.isn, 1);
	p.ack = sg_seq_of(77);
	b->now += 30 * SG_MS;
	peer_send(&p, SG_ACK, NULL, 0);
	peer_accept(&p);
	f = facts(&p);
	assert_true(f.cookie);
	assert_int_equal(f.handshake_us, 0);
	assert_int_equal(f.mss, 1400);
	assert_int_equal(b->mib[0].SyncookiesRecv, 1);
	bed_end(b);
}

static void test_final_ack_again(void **state)
{
	struct bed *b = bed_listening(1, 4);
	struct seg ack;
	struct peer p;

	(void)state;
	peer_init(&p, b, 1);
	peer_syn(&p);
	ack = peer_seg(&p, SG_ACK, NULL, 0);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(bed_input(b, 0, &ack), -1);
		assert_int_equal(b->n, 0);
	}
	assert_int_equal(b->queues[0].acceptq, 1);
	assert_int_equal(b->mib[0].PassiveOpens, 1);
	bed_end(b);
}

/* --- full accept queue ----------------------------------------------------------------- */

/* Two half-open, room for one. */
static struct bed *overflowing(struct peer *first, struct peer *second, int abort_on_overflow)
{
	struct bed *b = bed_listening(1, 0);

	b->queues[0].syn_backlog = 8;
	b->set.tcp_abort_on_overflow = (__u32)abort_on_overflow;
	peer_init(first, b, 1);
	peer_init(second, b, 2);
	assert_int_equal(peer_syn(first), SG_ADMIT_ENTRY);
	assert_int_equal(peer_syn(second), SG_ADMIT_ENTRY);
	peer_send(first, SG_ACK, NULL, 0);
	assert_int_equal(peer_state(first), TCP_ESTABLISHED);
	return b;
}

static void test_overflow_waits(void **state)
{
	struct peer first, second;
	struct bed *b = overflowing(&first, &second, 0);
	struct seg room[SG_WAYS];
	struct actions a = {0, SG_WAYS, room};
	__u8 got[100];

	(void)state;
	peer_send_at(&second, 0, SG_ACK, bytes(0, 50), 50);
	assert_int_equal(b->n, 0);
	assert_int_equal(peer_state(&second), TCP_CLOSED);
	assert_non_null(peer_entry(&second, NULL));
	assert_true(peer_entry(&second, NULL)->opts & SG_OPT_ACKED);
	assert_int_equal(b->queues[0].halfopen, 1);
	assert_int_equal(b->queues[0].acceptq, 1);
	assert_int_equal(b->queues[0].ListenOverflows, 1);
	assert_int_equal(b->queues[0].ListenDrops, 1);
	assert_int_equal(b->mib[0].ListenOverflows, 1);
	assert_int_equal(b->mib[0].ListenDrops, 1);
	/* the SYN-ACK comes again, says the same, and once there is room its ACK is taken */
	b->now += 1010 * SG_MS;
	assert_int_equal(tcp_sweep_halfopen(b->s[0], sg_index_bucket(second.hs.slot), 1, b->now, &a), 1);
	assert_int_equal(a.n, 1);
	assert_int_equal(room[0].flags, SG_SYN | SG_ACK);
	assert_true(seq_eq(room[0].seq, second.iss));
	assert_int_equal(room[0].opt.mss, BED_MSS);
	assert_int_equal(room[0].opt.wscale, BED_WSCALE);
	assert_int_equal(room[0].opt.tsecr, second.tsval);
	second.tsecr = room[0].opt.tsval;
	b->now += 20 * SG_MS;
	peer_accept(&first);
	peer_send(&second, SG_ACK, bytes(0, 50), 50);
	assert_int_equal(peer_state(&second), TCP_ESTABLISHED);
	peer_accept(&second);
	assert_int_equal(tcp_recv(b->s[0], second.id, got, sizeof(got), b->now), 50);
	assert_int_equal(facts(&second).srtt_us, 20000); /* since the one that was answered */
	bed_end(b);
}

static void test_overflow_aborts(void **state)
{
	struct peer first, second;
	struct bed *b = overflowing(&first, &second, 1);

	(void)state;
	peer_send(&second, SG_ACK, NULL, 0);
	assert_int_equal(b->n, 1);
	assert_int_equal(b->sent[0].s.flags, SG_RST);
	assert_true(seq_eq(b->sent[0].s.seq, seq_add(second.iss, 1)));
	assert_null(peer_entry(&second, NULL));
	assert_int_equal(b->queues[0].halfopen, 0);
	assert_int_equal(b->queues[0].acceptq, 1);
	assert_int_equal(b->mib[0].EmbryonicRsts, 1);
	assert_int_equal(b->mib[0].OutRsts, 1);
	assert_int_equal(b->mib[0].ListenOverflows, 1);
	bed_end(b);
}

/* --- what else meets an entry ---------------------------------------------------------- */

enum answer { NOTHING, RST_SEQ, RST_ACK };

/* Flags and offsets of a segment on a half-open entry: its end or not, and our answer. */
static void test_segments_on_an_entry(void **state)
{
	static const struct {
		__u8 flags;
		__s32 seq, ack; /* from the right ones */
		bool stays;
		enum answer answer;
	} rows[] = {
		{SG_RST, 0, 0, false, NOTHING},
		{SG_RST, 60000, 0, true, NOTHING}, /* inexact: the driver answers */
		{SG_RST, 70000, 0, true, NOTHING},
		{SG_RST, -2, 0, true, NOTHING},
		{SG_RST | SG_ACK, 0, 0, false, NOTHING},
		{SG_RST | SG_ACK, 0, 1, false, NOTHING}, /* its number alone counts */
		{SG_SYN, 1000, 0, false, RST_ACK},
		{SG_SYN, -1, 0, true, NOTHING}, /* the same SYN: the driver's */
		{SG_ACK, 0, 1, true, RST_SEQ},
		{SG_ACK, 0, -1, true, RST_SEQ},
		{SG_ACK, 70000, 0, true, NOTHING},
		{SG_FIN, 0, 0, true, NOTHING},
		{0, 0, 0, true, NOTHING},
	};

	(void)state;
	for (unsigned i = 0; i < SG_ARRAY_SIZE(rows); i++) {
		struct bed *b = bed_listening(1, 4);
		struct peer p;
		struct seg s;

		peer_init(&p, b, 1);
		peer_syn(&p);
		b->now += 1000 * SG_MS;
		s = peer_seg(&p, rows[i].flags, NULL, 0);
		s.seq = seq_add(p.nxt, (__u32)rows[i].seq);
		s.ack = seq_add(p.ack, (__u32)rows[i].ack);
		assert_int_equal(bed_input(b, 0, &s), -1);
		assert_int_equal(peer_entry(&p, NULL) != NULL, rows[i].stays);
		assert_int_equal(b->queues[0].halfopen, rows[i].stays);
		assert_int_equal(b->mib[0].EmbryonicRsts, !rows[i].stays);
		assert_int_equal(b->mib[0].AttemptFails, !rows[i].stays);
		assert_int_equal(b->n, rows[i].answer != NOTHING);
		if (rows[i].answer == RST_SEQ) {
			assert_int_equal(b->sent[0].s.flags, SG_RST);
			assert_true(seq_eq(b->sent[0].s.seq, s.ack));
		} else if (rows[i].answer == RST_ACK) {
			assert_int_equal(b->sent[0].s.flags, SG_RST | SG_ACK);
			assert_true(seq_eq(b->sent[0].s.ack, seq_add(s.seq, 1)));
		}
		assert_int_equal(b->queues[0].acceptq, 0);
		bed_end(b);
	}
}

/* A record of an entry that is gone, that is somebody else's, or that lies nowhere. */
static void test_stale_record(void **state)
{
	struct bed *b = bed_listening(1, 4);
	struct peer p, q;
	struct seg s;

	(void)state;
	peer_init(&p, b, 1);
	peer_init(&q, b, 2);
	peer_syn(&p);
	peer_syn(&q);
	for (int i = 0; i < 5; i++) {
		s = peer_seg(&p, SG_ACK, NULL, 0);
		if (i == 0)
			p.hs.gen++;
		else if (i == 1)
			p.hs.slot = q.hs.slot;
		else if (i == 2)
			p.hs.slot |= 7; /* a bucket has seven ways */
		else
			p.hs.slot = i == 3 ? sg_index(BED_BUCKETS, 0) : 0xfffffff0u;
		assert_int_equal(bed_input(b, 0, &s), -1);
		assert_int_equal(b->n, 1);
		assert_int_equal(b->sent[0].s.flags, SG_RST);
		assert_true(seq_eq(b->sent[0].s.seq, s.ack));
	}
	assert_non_null(peer_entry(&p, NULL));
	assert_non_null(peer_entry(&q, NULL));
	assert_int_equal(b->queues[0].acceptq, 0);
	bed_end(b);
}

static void test_no_listener_any_more(void **state)
{
	struct bed *b = bed_listening(1, 4);
	struct seg room[SG_WAYS];
	struct actions a = {0, SG_WAYS, room};
	struct peer p;

	(void)state;
	peer_init(&p, b, 1);
	tcp_unlisten(b->s[0], 0, b->now);
	peer_syn(&p); /* the driver had not heard of it yet */
	assert_int_equal(peer_send(&p, SG_ACK, NULL, 0), -1);
	assert_int_equal(peer_state(&p), TCP_CLOSED);
	assert_int_equal(b->queues[0].acceptq, 0);
	/* the sweep leaves it to whoever listens next, or frees it */
	b->now += 2 * SG_SEC;
	assert_int_equal(tcp_sweep_halfopen(b->s[0], 0, BED_BUCKETS, b->now, &a), BED_BUCKETS);
	assert_int_equal(a.n, 0);
	assert_non_null(peer_entry(&p, NULL));
	bed_listen_at(b, 0, BED_PORT, 4);
	tcp_unlisten(b->s[0], 0, b->now);
	assert_null(peer_entry(&p, NULL));
	bed_end(b);
}

static void test_no_room_in_the_tables(void **state)
{
	struct bed *b = bed_listening(1, 4);
	struct sg_ways *f[2];
	struct peer p;

	(void)state;
	peer_init(&p, b, 1);
	peer_syn(&p);
	f[0] = &b->flows.ways[sg_bucket_first(peer_hash(&p).table, BED_BUCKETS)];
	f[1] = &b->flows.ways[sg_bucket_second(peer_hash(&p).table, BED_BUCKETS)];
	for (int i = 0; i < 2 * SG_WAYS; i++)
		f[i / SG_WAYS]->slot[i % SG_WAYS] = sg_slot_make(SG_SLOT_LIVE, 1, 0, 1u + i);
	peer_send_at(&p, 0, SG_ACK, NULL, 0);
	assert_int_equal(b->n, 0);
	assert_int_equal(b->mib[0].FlowTableFull, 1);
	assert_int_equal(b->mib[0].ListenDrops, 1);
	assert_int_equal(b->queues[0].ListenDrops, 1);
	assert_int_equal(b->queues[0].acceptq, 0);
	assert_non_null(peer_entry(&p, NULL));
	for (int i = 0; i < 2 * SG_WAYS; i++)
		f[i / SG_WAYS]->slot[i % SG_WAYS] = 0;
	peer_send_at(&p, 0, SG_ACK, NULL, 0);
	assert_int_equal(peer_state(&p), TCP_ESTABLISHED);
	bed_end(b);
}

static void test_no_connection_block(void **state)
{
	struct bed *b = bed_listening(1, 100);
	struct peer p[BED_CONNS + 1];

	(void)state;
	for (unsigned i = 0; i <= BED_CONNS; i++) {
		peer_init(&p[i], b, (__u8)i);
		assert_int_equal(peer_syn(&p[i]), SG_ADMIT_ENTRY);
		peer_send_at(&p[i], 0, SG_ACK, NULL, 0);
	}
	assert_int_equal(peer_state(&p[BED_CONNS]), TCP_CLOSED);
	assert_int_equal(b->mib[0].ConnTableFull, 1);
	assert_int_equal(b->queues[0].acceptq, BED_CONNS);
	assert_int_equal(sg_flow_owner(&b->cfg[0].flows, peer_hash(&p[BED_CONNS]).table,
				       &p[BED_CONNS].tuple),
			 -ENOENT);
	peer_accept(&p[0]);
	tcp_abort(b->s[0], p[0].id, b->now);
	bed_output(b);
	peer_send_at(&p[BED_CONNS], 0, SG_ACK, NULL, 0);
	assert_int_equal(peer_state(&p[BED_CONNS]), TCP_ESTABLISHED);
	bed_end(b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_final_ack),
		cmocka_unit_test(test_options),
		cmocka_unit_test(test_ipv6),
		cmocka_unit_test(test_final_ack_with_text),
		cmocka_unit_test(test_completed_by_data_out_of_order),
		cmocka_unit_test(test_final_ack_after_losses),
		cmocka_unit_test(test_cookie),
		cmocka_unit_test(test_final_ack_again),
		cmocka_unit_test(test_overflow_waits),
		cmocka_unit_test(test_overflow_aborts),
		cmocka_unit_test(test_segments_on_an_entry),
		cmocka_unit_test(test_stale_record),
		cmocka_unit_test(test_no_listener_any_more),
		cmocka_unit_test(test_no_room_in_the_tables),
		cmocka_unit_test(test_no_connection_block),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
