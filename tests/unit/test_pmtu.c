/* SPDX-License-Identifier: BSD-2-Clause */
/* user/tcp/icmp.c, pmtu.c, mtu.c: which ICMP errors count, the path's MTU, the search for it. */
#include "harness.h"

#define MSS	1448
#define HEADERS 52 /* IPv4, TCP, timestamps */

static struct bed *open_in(struct peer *p, enum tcp_state state)
{
	struct bed *b = bed_listening(1, 8);

	peer_init(p, b, 1);
	conn_in(p, state);
	bed_drain_events(b);
	return b;
}

static void put(struct peer *p, __u32 len)
{
	assert_int_equal(tcp_send(p->b->s[0], p->id, bytes(0, len), len, p->b->now), len);
	p->b->n = 0;
	bed_output(p->b);
}

/* An error about the segment `off` bytes behind the first one. What is sent then is in `sent`. */
static void icmp(struct peer *p, enum icmp_kind kind, __s32 off, __u32 mtu, int error)
{
	struct icmp_error e = {
		.tuple = p->tuple,
		.seq = seq_add(p->iss, (__u32)(1 + off)),
		.kind = kind,
		.mtu = mtu,
		.error = -error,
	};

	p->b->n = 0;
	assert_int_equal(tcp_icmp(p->b->s[0], &e, p->b->now), -1);
	bed_output(p->b);
}

/* All arrives and is acknowledged. */
static void settle(struct peer *p)
{
	do
		peer_ack(p);
	while (p->b->n);
}

static const struct sg_tcp_counters *mib(const struct peer *p)
{
	return &p->b->mib[0];
}

/* --- which ones count ---------------------------------------------------------------------- */

static void test_sequence_number(void **state)
{
	static const __s32 outside[] = {-1, -70000, 10 * MSS + 1, 10 * MSS + 2, 1 << 30, -(1 << 30)};
	struct peer p;
	struct bed *b = open_in(&p, TCP_ESTABLISHED);

	(void)state;
	put(&p, 40 * MSS);
	assert_int_equal(b->n, 10);
	for (unsigned i = 0; i < SG_ARRAY_SIZE(outside); i++) {
		icmp(&p, ICMP_TOO_BIG, outside[i], 1000, EMSGSIZE);
		assert_int_equal(mib(&p)->OutOfWindowIcmps, i + 1);
		assert_int_equal(b->n, 0);
	}
	assert_int_equal(peer_conn(&p)->mss, MSS);
	icmp(&p, ICMP_TOO_BIG, 10 * MSS, 1400, EMSGSIZE); /* as a bare ACK, or the next byte */
	assert_int_equal(peer_conn(&p)->mss, 1400 - HEADERS);
	assert_int_equal(mib(&p)->OutOfWindowIcmps, SG_ARRAY_SIZE(outside));
	bed_end(b);
}

static void test_of_nobody(void **state)
{
	struct peer p, q;
	struct bed *b = open_in(&p, TCP_TIME_WAIT);

	(void)state;
	icmp(&p, ICMP_HARD, 0, 0, ECONNREFUSED);
	assert_int_equal(peer_state(&p), TCP_TIME_WAIT);
	peer_init(&q, b, 2);
	icmp(&q, ICMP_TOO_BIG, 0, 1000, EMSGSIZE);
	assert_int_equal(mib(&p)->IcmpIgnored, 2);
	bed_end(b);
}

static void test_of_another_worker(void **state)
{
	struct bed *b = bed_listening(2, 8);
	struct icmp_error e = {.kind = ICMP_SOFT, .error = -EHOSTUNREACH};
	struct peer p;

	(void)state;
	peer_init(&p, b, 1);
	p.w = 1;
	conn_in(&p, TCP_ESTABLISHED);
	e.tuple = p.tuple;
	assert_int_equal(tcp_icmp(b->s[0], &e, b->now), 1);
	assert_int_equal(tcp_icmp(b->s[1], &e, b->now), -1);
	assert_int_equal(b->mib[0].OutOfWindowIcmps + b->mib[0].IcmpIgnored, 0);
	assert_int_equal(b->mib[1].OutOfWindowIcmps, 1);
	bed_end(b);
}

/* --- hard and soft ones -------------------------------------------------------------------- */

static void test_connect_refused(void **state)
{
	static const int errors[] = {ECONNREFUSED, EHOSTUNREACH, ENETUNREACH, EACCES};

	(void)state;
	for (unsigned i = 0; i < 2 * SG_ARRAY_SIZE(errors); i++) {
		enum tcp_state st = i & 1 ? TCP_SYN_RCVD : TCP_SYN_SENT; /* both opened */
		int error = errors[i / 2];
		struct peer p;
		struct bed *b = open_in(&p, st);
		char c;

		icmp(&p, ICMP_HARD, 1, 0, error); /* behind all that is out */
		assert_int_equal(peer_state(&p), st);
		icmp(&p, ICMP_HARD, -1, 0, error);
		assert_int_equal(peer_state(&p), TCP_CLOSED);
		assert_int_equal(mib(&p)->AttemptFails, 1);
		assert_int_equal(events_of(b, 0, p.id) & TCP_EV_CLOSED, TCP_EV_CLOSED);
		assert_int_equal(tcp_recv(b->s[0], p.id, &c, 1, b->now), -error);
		bed_end(b);
	}
}

/* A soft one is what the timeout is said to have been; without one it is ETIMEDOUT. */
static void test_connect_times_out(void **state)
{
	(void)state;
	for (int told = 0; told < 2; told++) {
		struct peer p;
		struct bed *b = open_in(&p, TCP_SYN_SENT);
		char c;

		if (told)
			icmp(&p, ICMP_SOFT, -1, 0, EHOSTUNREACH);
		icmp(&p, ICMP_TOO_BIG, -1, 600, EMSGSIZE);
		assert_int_equal(peer_state(&p), TCP_SYN_SENT);
		bed_run(b, 300 * SG_SEC);
		assert_int_equal(tcp_recv(b->s[0], p.id, &c, 1, b->now),
				 told ? -EHOSTUNREACH : -ETIMEDOUT);
		bed_end(b);
	}
}

/* Nothing but a timeout ends what is established (RFC 5461), and an ACK forgets the error. */
static void test_established(void **state)
{
	static const enum tcp_state in[] = {TCP_ESTABLISHED, TCP_CLOSE_WAIT};

	(void)state;
	for (unsigned i = 0; i < 2 * SG_ARRAY_SIZE(in); i++) {
		struct peer p;
		struct bed *b = open_in(&p, in[i / 2]);
		bool acked = i & 1;
		char c;

		b->set.tcp_retries2 = 3;
		put(&p, 2 * MSS);
		icmp(&p, ICMP_HARD, 0, 0, ECONNREFUSED);
		icmp(&p, ICMP_SOFT, 0, 0, EHOSTUNREACH);
		assert_int_equal(peer_state(&p), in[i / 2]);
		if (acked) {
			p.ack = seq_add(p.ack, MSS);
			peer_send(&p, SG_ACK, NULL, 0);
		}
		bed_run(b, 60 * SG_SEC);
		assert_int_equal(peer_state(&p), TCP_CLOSED);
		tcp_recv(b->s[0], p.id, &c, 1, b->now);
		assert_int_equal(tcp_send(b->s[0], p.id, "x", 1, b->now),
				 acked ? -ETIMEDOUT : -EHOSTUNREACH);
		bed_end(b);
	}
}

/* --- too big ------------------------------------------------------------------------------- */

/* All that is out goes again at once, in smaller segments, and the window is what it was. */
static void test_too_big(void **state)
{
	struct peer p;
	struct bed *b = open_in(&p, TCP_ESTABLISHED);
	const struct tcp *t = peer_conn(&p);
	__u32 cwnd, at = 0;

	(void)state;
	put(&p, 10 * MSS);
	cwnd = t->cwnd;
	icmp(&p, ICMP_TOO_BIG, 0, 1300, EMSGSIZE);
	assert_int_equal(t->mss, 1300 - HEADERS);
	for (unsigned i = 0; i < b->n; i++) {
		__u32 len = 10 * MSS - at < t->mss ? 10 * MSS - at : t->mss;

		assert_sent(&p, i, i + 1 < b->n ? SG_ACK : SG_ACK | SG_PSH, at, 0, len);
		at += len;
	}
	assert_int_equal(at, 10 * MSS);
	assert_int_equal(t->cwnd, cwnd);
	assert_int_equal(t->ssthresh, CC_NO_SSTHRESH);
	assert_int_equal(mib(&p)->PmtuLowered, 1);
	icmp(&p, ICMP_TOO_BIG, 2 * MSS, 1300, EMSGSIZE); /* about the next of them */
	assert_int_equal(b->n, 0);
	icmp(&p, ICMP_TOO_BIG, 2 * MSS, 1400, EMSGSIZE); /* nothing is taken back */
	assert_int_equal(b->n, 0);
	assert_int_equal(t->mss, 1300 - HEADERS);
	assert_int_equal(mib(&p)->IcmpIgnored, 2);
	p.ack = seq_add(p.iss, 1 + 10 * MSS);
	peer_send(&p, SG_ACK, NULL, 0);
	assert_true(t->cwnd >= cwnd && t->ca == CA_OPEN);
	assert_int_equal(mib(&p)->TCPTimeouts, 0);
	bed_end(b);
}

static void test_least(void **state)
{
	struct peer p;
	struct bed *b = open_in(&p, TCP_ESTABLISHED);

	(void)state;
	put(&p, 2 * MSS);
	icmp(&p, ICMP_TOO_BIG, 0, 68, EMSGSIZE);
	assert_int_equal(peer_conn(&p)->mss, 552 - HEADERS);
	b->set.min_pmtu = 68;
	icmp(&p, ICMP_TOO_BIG, 0, 0, EMSGSIZE);
	assert_int_equal(peer_conn(&p)->mss, 48); /* tcp_min_snd_mss */
	bed_end(b);

	b = bed_listening(1, 8);
	peer_init(&p, b, 1);
	memset(p.tuple.peer.addr, 0xfd, 16);
	memset(p.tuple.local.addr, 0xfc, 16);
	conn_in(&p, TCP_ESTABLISHED);
	put(&p, 10 * MSS);
	icmp(&p, ICMP_TOO_BIG, 0, 600, EMSGSIZE);
	assert_int_equal(peer_conn(&p)->mss, 1280 - HEADERS - 20);
	bed_end(b);
}

/* The peer's own limit stays, whatever the path could carry. */
static void test_never_above_the_peers(void **state)
{
	struct bed *b = bed_listening(1, 8);
	struct peer p;

	(void)state;
	peer_init(&p, b, 1);
	p.syn.mss = 600;
	conn_in(&p, TCP_ESTABLISHED);
	put(&p, 20000);
	icmp(&p, ICMP_TOO_BIG, 0, 1400, EMSGSIZE);
	assert_int_equal(peer_conn(&p)->mss, 588);
	assert_int_equal(mib(&p)->PmtuLowered, 0);
	bed_end(b);
}

/* SACK blocks in a segment with data leave less room for it (RFC 6691). */
static void test_beside_sack_blocks(void **state)
{
	(void)state;
	for (int ts = 0; ts < 2; ts++) {
		struct bed *b = bed_listening(1, 8);
		struct peer p;

		peer_init(&p, b, 1);
		p.syn.has_ts = (__u8)ts;
		conn_in(&p, TCP_ESTABLISHED);
		for (int i = 4; i > 0; i--)
			peer_send_at(&p, 200 * i, SG_ACK, bytes(0, 100), 100);
		put(&p, 8 * MSS);
		assert_true(b->n >= 8);
		for (unsigned i = 0; i < b->n; i++) {
			const struct seg *s = &b->sent[i].s;
			__u32 blocks = s->opt.nsack ? 4 + 8 * s->opt.nsack : 0;

			assert_int_equal(s->opt.nsack, ts ? 3 : 4);
			assert_true(s->len + blocks + (ts ? 12 : 0) <= BED_MSS);
			if (i + 1 < b->n)
				assert_int_equal(s->len + blocks + (ts ? 12 : 0), BED_MSS);
		}
		bed_end(b);
	}
}

static __u16 mss_of_new(struct bed *b, __u8 host, __u16 port)
{
	struct peer p;
	__u16 mss;

	peer_init(&p, b, host);
	p.tuple.pport = port;
	conn_in(&p, TCP_ESTABLISHED);
	mss = peer_conn(&p)->mss;
	tcp_abort(b->s[0], p.id, b->now);
	bed_output(b);
	return mss;
}

/* Later connections to the same peer know, for mtu_expires; this one tries again then. */
static void test_cache(void **state)
{
	struct peer p;
	struct bed *b = open_in(&p, TCP_ESTABLISHED);

	(void)state;
	put(&p, 2 * MSS);
	icmp(&p, ICMP_TOO_BIG, 0, 1300, EMSGSIZE);
	settle(&p);
	assert_int_equal(mss_of_new(b, 1, 1), 1300 - HEADERS);
	assert_int_equal(mss_of_new(b, 2, 1), MSS);
	bed_run(b, 598 * SG_SEC);
	assert_int_equal(mss_of_new(b, 1, 2), 1300 - HEADERS);
	put(&p, MSS);
	assert_int_equal(b->sent[0].s.len, 1300 - HEADERS);
	settle(&p);
	bed_run(b, 3 * SG_SEC);
	assert_int_equal(mss_of_new(b, 1, 3), MSS);
	put(&p, 3 * MSS); /* what comes first may be of the old size */
	settle(&p);
	put(&p, MSS);
	assert_int_equal(b->sent[0].s.len, MSS);
	bed_end(b);
}

/* More peers than the table holds: who is in it is right, nobody else's is taken for theirs. */
static void test_cache_full(void **state)
{
	struct bed *b = bed_new(1);
	struct sg_tuple t = {0};
	unsigned known = 0;

	(void)state;
	for (__u32 i = 0; i < 4096; i++) {
		sg_put32(t.peer.addr, i);
		pmtu_learn(b->s[0], &t, 1000 + i % 400, b->now + i);
	}
	for (__u32 i = 0; i < 4096; i++) {
		__u32 mtu;

		sg_put32(t.peer.addr, i);
		mtu = pmtu_find(b->s[0], &t, b->now + 4096);
		assert_true(mtu == 0 || mtu == 1000 + i % 400);
		known += mtu != 0;
		if (i == 4095)
			assert_int_not_equal(mtu, 0);
	}
	assert_int_equal(known, PMTU_BUCKETS * PMTU_WAYS);
	pmtu_learn(b->s[0], &t, 1200, b->now + 4096); /* 1095 was less: that stays */
	assert_int_equal(pmtu_find(b->s[0], &t, b->now + 4097), 1000 + 4095 % 400);
	pmtu_learn(b->s[0], &t, 900, b->now + 4097);
	assert_int_equal(pmtu_find(b->s[0], &t, b->now + 4098), 900);
	bed_end(b);
}

/* --- black holes --------------------------------------------------------------------------- */

/* What the peer has, by offset in the stream. */
static __u8 there[16 << 20];

static __u32 offset(const struct peer *p, sg_seq at)
{
	__u32 off = (__u32)seq_diff(at, seq_add(p->iss, 1));

	assert_true(off <= sizeof(there));
	return off;
}

/* SACK blocks for what lies behind holes, up to `right`. */
static void sack(const struct peer *p, struct seg *ack, sg_seq right)
{
	__u32 at = offset(p, p->ack), end = offset(p, right);

	while (ack->opt.nsack < 3) {
		while (at < end && !there[at])
			at++;
		if (at >= end)
			return;
		ack->sack[ack->opt.nsack].left = seq_add(p->iss, 1 + at);
		while (at < end && there[at])
			at++;
		ack->sack[ack->opt.nsack++].right = seq_add(p->iss, 1 + at);
	}
}

/* One round over a path that swallows what carries more than `limit`: returns the largest sent. */
static __u32 round_trip(struct peer *p, __u32 limit)
{
	struct bed *b = p->b;
	sg_seq right = peer_conn(p)->snd_max;
	__u32 most = 0;
	struct seg ack;

	for (unsigned i = 0; i < b->n; i++) {
		const struct seg *s = &b->sent[i].s;

		most = s->len > most ? s->len : most;
		if (s->len > limit)
			continue;
		assert_true(offset(p, s->seq) + s->len <= sizeof(there));
		memset(there + offset(p, s->seq), 1, s->len);
		p->tsecr = s->opt.tsval;
	}
	while (there[offset(p, p->ack)])
		p->ack = seq_add(p->ack, 1);
	b->now += 10 * SG_MS;
	tcp_expire(b->s[0], b->now);
	p->tsval += 10;
	ack = peer_seg(p, SG_ACK, NULL, 0);
	sack(p, &ack, right);
	bed_input(b, 0, &ack);
	return most;
}

/* A connection whose window keeps a round below BED_SENT segments. */
static struct bed *open_narrow(struct peer *p, __u32 probing, __u32 base)
{
	struct bed *b = bed_listening(1, 8);

	memset(there, 0, sizeof(there));
	b->set.tcp_mtu_probing = probing;
	b->set.tcp_base_mss = base;
	peer_init(p, b, 1);
	p->wnd = 1000;
	conn_in(p, TCP_ESTABLISHED);
	return b;
}

static void fill_up(struct peer *p)
{
	static __u8 data[400000];

	tcp_send(p->b->s[0], p->id, data, sizeof(data), p->b->now);
}

static void test_black_hole(void **state)
{
	struct peer p;
	struct bed *b = open_narrow(&p, 1, 1024);
	const struct tcp *t = peer_conn(&p);
	__u32 cwnd;

	(void)state;
	fill_up(&p);
	b->n = 0;
	bed_output(b);
	bed_run(b, 6 * SG_SEC);
	assert_int_equal(mib(&p)->PmtuBlackHole, 0);
	bed_run(b, SG_SEC); /* later than 3 s after the first timeout */
	assert_int_equal(mib(&p)->PmtuBlackHole, 1);
	assert_int_equal(t->mss, 1024);
	assert_sent(&p, b->n - 1, SG_ACK, 0, 0, 1024);
	while (t->ca != CA_OPEN || t->cwnd < 11u * t->mss) {
		round_trip(&p, 1228);
		fill_up(&p);
	}
	for (int i = 0; i < 60; i++) {
		fill_up(&p);
		cwnd = t->cwnd;
		round_trip(&p, 1228);
		assert_true(t->cwnd >= cwnd); /* a lost probe is no congestion */
	}
	assert_true(t->mss <= 1228 && t->mss > 1228 - 8);
	assert_int_equal(mib(&p)->TCPTimeouts, 5);
	assert_true(mib(&p)->TCPMTUPSuccess >= 3 && mib(&p)->TCPMTUPFail >= 1);
	assert_int_equal(mib(&p)->TCPSackRecovery + mib(&p)->TCPRenoRecovery, 0);
	bed_end(b);
}

/* It gets smaller as long as nothing passes, down to the floor; with 0 it does not. */
static void test_deeper(void **state)
{
	(void)state;
	for (int on = 0; on < 2; on++) {
		struct peer p;
		struct bed *b = open_in(&p, TCP_ESTABLISHED);

		b->set.tcp_mtu_probing = (__u32)on;
		b->set.tcp_mtu_probe_floor = 100;
		put(&p, 10 * MSS);
		bed_run(b, 500 * SG_SEC);
		assert_int_equal(peer_conn(&p)->mss, on ? 100 : MSS);
		assert_int_equal(mib(&p)->PmtuBlackHole, on ? 5 : 0); /* 1024 512 256 128 100 */
		bed_end(b);
	}
}

/* A small segment that is lost again and again says nothing about size. */
static void test_small_ones_lost(void **state)
{
	struct peer p;
	struct bed *b = open_in(&p, TCP_ESTABLISHED);

	(void)state;
	put(&p, 1000);
	bed_run(b, 60 * SG_SEC);
	assert_int_equal(peer_conn(&p)->mss, MSS);
	assert_int_equal(mib(&p)->PmtuBlackHole, 0);
	bed_end(b);
}

/* tcp_mtu_probing = 2: from tcp_base_mss up to what the peer takes, without a loss. */
static void test_always(void **state)
{
	struct peer p;
	struct bed *b = open_narrow(&p, 2, 600);
	const struct tcp *t = peer_conn(&p);

	(void)state;
	assert_int_equal(t->mss, 600);
	fill_up(&p);
	b->n = 0;
	bed_output(b);
	for (int i = 0; i < 40; i++) {
		fill_up(&p);
		assert_true(round_trip(&p, 65535) <= MSS);
	}
	assert_true(t->mss > MSS - 8 && t->mss <= MSS);
	assert_int_equal(mib(&p)->TCPMTUPFail, 0);
	assert_int_equal(mib(&p)->TCPMTUPSuccess, 7); /* 1024 1236 1342 1395 1421 1434 1441 */
	bed_end(b);
}

/* After tcp_probe_interval the path may have become wider. */
static void test_again(void **state)
{
	struct peer p;
	struct bed *b = open_narrow(&p, 2, 1024);
	const struct tcp *t = peer_conn(&p);

	(void)state;
	b->set.tcp_probe_interval = 60;
	fill_up(&p);
	b->n = 0;
	bed_output(b);
	for (int i = 0; i < 60; i++) {
		fill_up(&p);
		round_trip(&p, 1228);
	}
	assert_true(t->mss <= 1228 && t->mss > 1228 - 8);
	while (!seq_eq(t->snd_una, t->snd_max))
		round_trip(&p, 1228);
	bed_run(b, 61 * SG_SEC);
	fill_up(&p);
	bed_output(b);
	for (int i = 0; i < 60; i++) {
		fill_up(&p);
		round_trip(&p, 65535);
	}
	assert_true(t->mss > MSS - 8);
	bed_end(b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sequence_number),
		cmocka_unit_test(test_of_nobody),
		cmocka_unit_test(test_of_another_worker),
		cmocka_unit_test(test_connect_refused),
		cmocka_unit_test(test_connect_times_out),
		cmocka_unit_test(test_established),
		cmocka_unit_test(test_too_big),
		cmocka_unit_test(test_least),
		cmocka_unit_test(test_never_above_the_peers),
		cmocka_unit_test(test_beside_sack_blocks),
		cmocka_unit_test(test_cache),
		cmocka_unit_test(test_cache_full),
		cmocka_unit_test(test_black_hole),
		cmocka_unit_test(test_deeper),
		cmocka_unit_test(test_small_ones_lost),
		cmocka_unit_test(test_always),
		cmocka_unit_test(test_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
