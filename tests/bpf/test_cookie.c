/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * SYN cookies in the driver: when one is sent and when not, and that all that a SYN offers
 * comes back with its ACK, and with nothing else.
 */
#include "rig.h"
#include "syngate/cookie.h"

/* The options of a SYN in the order and with the padding of Linux. */
static int syn_opts(uint8_t *o, uint16_t mss, int wscale, bool sack, bool ts)
{
	int n = 4;

	o[0] = 2;
	o[1] = 4;
	put16(o + 2, mss);
	if (sack) {
		memcpy(o + n, "\1\1\4\2", 4);
		n += 4;
	}
	if (ts) {
		memcpy(o + n, "\1\1\x08\x0a", 4);
		put32(o + n + 4, RIG_TSVAL);
		put32(o + n + 8, 0);
		n += 12;
	}
	if (wscale >= 0) {
		memcpy(o + n, "\1\3\3", 3);
		o[n + 3] = (uint8_t)wscale;
		n += 4;
	}
	return n;
}

/* A client that has our cookie, and its ACK. */
struct client {
	struct spec syn, ack;
	struct reply got;
	uint8_t o[40], ts[12];
};

static void client_open(struct client *c, struct rig *r, bool v6, uint16_t port)
{
	memset(c, 0, sizeof(*c));
	c->syn = v6 ? rig_syn6(r) : rig_syn(r);
	c->syn.sport = port;
	c->syn.opts = c->o;
}

/* Our TSval, wherever in the SYN-ACK's options it stands. */
static uint32_t tsval_of(const struct reply *a)
{
	for (size_t i = 0; i + 10 <= a->opts_len; i++)
		if (a->opts[i] == 8 && a->opts[i + 1] == 10)
			return get32(a->opts + i + 2);
	fail_msg("no timestamp in the SYN-ACK");
	return 0;
}

static void client_cookie(struct client *c, struct rig *r, bool ts)
{
	rig_send(r, &c->syn, XDP_TX, COOKIE_SENT);
	c->got = rig_reply(r, 0);
	c->ack = c->syn;
	c->ack.flags = ACK;
	c->ack.seq = c->syn.seq + 1;
	c->ack.ack = c->got.seq + 1;
	c->ack.opts = c->ts;
	c->ack.opts_len = ts ? 12 : 0;
	memcpy(c->ts, "\1\1\x08\x0a", 4);
	put32(c->ts + 4, RIG_TSVAL + 1);
	if (ts)
		put32(c->ts + 8, tsval_of(&c->got));
}

static void always(struct rig *r)
{
	r->f->settings->tcp_syncookies = 2;
	r->f->settings->tcp_ecn = 2;
	rig_socket(r, 0);
}

/* MSS, scale, SACK, ECN, with and without timestamps, over both families. */
static void test_round_trip(void **state)
{
	static const uint16_t mss[] = {536, 1220, 1360, 1440, 1460};
	static const uint16_t without[2][5] = {{536, 536, 1360, 1360, 1460},
					       {536, 1220, 1220, 1440, 1440}};
	struct rig *r = *state;
	struct client c;
	uint16_t port = 1024;

	always(r);
	for (int v6 = 0; v6 < 2; v6++)
		for (size_t i = 0; i < SG_ARRAY_SIZE(mss); i++)
			for (int o = 0; o < 8; o++)
				for (int wscale = -1; wscale < 15; wscale += 1 + 3 * (o % 2)) {
					bool ts = o & 1, sack = o & 2, ecn = o & 4;

					client_open(&c, r, v6, port++);
					c.syn.opts_len = syn_opts(c.o, mss[i], wscale, sack, ts);
					c.syn.flags = SYN | (ecn ? 0xc0 : 0);
					client_cookie(&c, r, ts);
					assert_int_equal(c.got.flags, SYN | ACK | (ecn ? 0x40 : 0));
					assert_int_equal(c.got.window, RIG_WINDOW);
					rig_send(r, &c.ack, XDP_REDIRECT, STEER_COOKIE);
					assert_int_equal(r->meta.kind, SG_META_COOKIE);
					assert_int_equal(r->meta.irs, c.syn.seq);
					assert_int_equal(r->meta.listener, 0);
					assert_int_equal(r->meta.mss, ts ? mss[i] : without[v6][i]);
					assert_int_equal(r->meta.opts & SG_OPT_WSCALE,
							 wscale < 0 ? 15 : wscale);
					assert_int_equal(!!(r->meta.opts & SG_OPT_SACK), sack);
					assert_int_equal(!!(r->meta.opts & SG_OPT_TS), ts);
					assert_int_equal(!!(r->meta.opts & SG_OPT_ECN), ecn);
				}
	assert_int_equal(r->f->queue[0].halfopen, 0);
	assert_int_equal(r->f->queue[0].SyncookiesSent, port - 1024);
}

/* 1: when the half-open queue is full, and nobody is kept out of its last quarter. */
static void test_on_overflow(void **state)
{
	struct rig *r = *state;
	struct sg_queue *q = &r->f->queue[0];
	struct client c;

	r->f->settings->tcp_syncookies = 1;
	rig_listen(r, 0, NULL, RIG_PORT, 3, 8);
	q->strangers = 0;
	for (uint16_t i = 0; i < 4; i++) {
		client_open(&c, r, false, (uint16_t)(2000 + i));
		c.syn.opts_len = syn_opts(c.o, 1460, 7, true, true);
		rig_send(r, &c.syn, XDP_TX, SYNACK_SENT);
	}
	client_open(&c, r, false, 3000);
	c.syn.opts_len = syn_opts(c.o, 1460, 7, true, true);
	rig_send(r, &c.syn, XDP_TX, COOKIE_SENT);
	assert_int_equal(q->halfopen, 4);
	assert_int_equal(q->TCPReqQFullDrop, 0);
	assert_int_equal(q->ListenDrops, 0);
	r->f->worker[0].heartbeat = 1; /* nobody would take its ACK */
	r->f->settings->fail_policy = SG_FAIL_HOLD;
	rig_send(r, &c.syn, XDP_DROP, HALFOPEN_FULL);
	rig_beat(r);
	q->acceptq = q->backlog + 1; /* it could not be accepted */
	rig_send(r, &c.syn, XDP_DROP, ACCEPTQ_FULL);
	r->f->settings->tcp_syncookies = 0;
	rig_send(r, &c.syn, XDP_DROP, HALFOPEN_FULL);
}

/* Both buckets full, the queue is not: a cookie, too. */
static void test_on_full_buckets(void **state)
{
	struct rig *r = *state;
	struct client c;

	client_open(&c, r, false, 2000);
	c.syn.opts_len = syn_opts(c.o, 1460, 7, true, true);
	for (__u32 b = 0; b < r->f->halfopen.buckets; b++)
		for (int way = 0; way < SG_WAYS; way++)
			r->f->halfopen.ways[b].slot[way] = sg_slot_make(SG_SLOT_LIVE, 1, 0, b);
	rig_send(r, &c.syn, XDP_DROP, BUCKET_FULL);
	r->f->settings->tcp_syncookies = 1;
	rig_send(r, &c.syn, XDP_TX, COOKIE_SENT);
	rig_reset(r);
}

/* Not looked at: no cookie sent lately, cookies off, what is no ACK. */
static void test_not_looked_at(void **state)
{
	struct rig *r = *state;
	struct sg_queue *q = &r->f->queue[0];
	struct client c;

	always(r);
	client_open(&c, r, false, 2000);
	c.syn.opts_len = syn_opts(c.o, 1460, 7, true, false);
	client_cookie(&c, r, false);
	q->cookie_at = rig_ms() - SG_COOKIE_RECENT_MS - 100;
	rig_send(r, &c.ack, XDP_TX, RST_SENT);
	q->cookie_at = 0;
	rig_send(r, &c.ack, XDP_TX, RST_SENT);
	q->cookie_at = rig_ms();
	r->f->settings->tcp_syncookies = 0;
	rig_send(r, &c.ack, XDP_TX, RST_SENT);
	r->f->settings->tcp_syncookies = 1;
	c.ack.flags = ACK | RST;
	rig_send(r, &c.ack, XDP_DROP, STRAY);
	c.ack.flags = ACK | SYN;
	rig_send(r, &c.ack, XDP_TX, RST_SENT);
	c.ack.flags = ACK | FIN;
	c.ack.data = 100;
	rig_send(r, &c.ack, XDP_REDIRECT, STEER_COOKIE);
	assert_int_equal(q->SyncookiesFailed, 0);
}

/* Another port, number, key, minute: the worker is told that it is no cookie's. */
static void test_refused(void **state)
{
	struct rig *r = *state;
	struct client c;
	struct spec bad;
	struct sg_cookie_keys k;

	always(r);
	client_open(&c, r, false, 2000);
	c.syn.opts_len = syn_opts(c.o, 1460, 7, true, false);
	client_cookie(&c, r, false);
	bad = c.ack;
	bad.sport++;
	rig_send(r, &bad, XDP_REDIRECT, STEER_NO_COOKIE);
	assert_int_equal(r->meta.kind, SG_META_NONE);
	bad = c.ack;
	bad.seq += 1448; /* data right behind the first segment */
	rig_send(r, &bad, XDP_REDIRECT, STEER_NO_COOKIE);
	bad = c.ack;
	bad.ack ^= 0x00400000;
	rig_send(r, &bad, XDP_REDIRECT, STEER_NO_COOKIE);
	assert_int_equal(r->f->queue[0].SyncookiesFailed, 3);
	k = r->f->keys.cookie;
	k.key[1] = k.key[0]; /* the keys change */
	k.key[0].k[0]++;
	assert_int_equal(front_set_cookies(r->f, &k), 0);
	rig_send(r, &c.ack, XDP_REDIRECT, STEER_COOKIE);
	k.clock += 2 * SG_COOKIE_PERIOD_MS; /* time goes by */
	assert_int_equal(front_set_cookies(r->f, &k), 0);
	rig_send(r, &c.ack, XDP_REDIRECT, STEER_NO_COOKIE);
	k.clock -= 2 * SG_COOKIE_PERIOD_MS;
	k.key[1].k[1]++;
	assert_int_equal(front_set_cookies(r->f, &k), 0);
	rig_send(r, &c.ack, XDP_REDIRECT, STEER_NO_COOKIE);
}

/* A key goes: it makes cookies, then its cookies are still good, then they are not. */
static void test_rotation(void **state)
{
	struct rig *r = *state;
	struct sg_key none = {{0, 0}}, key[] = {{{5, 6}}, {{7, 8}}};
	struct client first, second, third;

	always(r);
	client_open(&first, r, false, 2000);
	client_open(&second, r, true, 2001);
	client_open(&third, r, false, 2002);
	client_cookie(&first, r, false);
	assert_int_equal(front_cookie_rotate(r->f, &key[0]), 0);
	client_cookie(&second, r, false);
	rig_send(r, &first.ack, XDP_REDIRECT, STEER_COOKIE);
	rig_send(r, &second.ack, XDP_REDIRECT, STEER_COOKIE);
	assert_int_equal(front_cookie_rotate(r->f, &key[1]), 0); /* never three */
	client_cookie(&third, r, false);
	rig_send(r, &first.ack, XDP_REDIRECT, STEER_NO_COOKIE);
	rig_send(r, &second.ack, XDP_REDIRECT, STEER_COOKIE);
	rig_send(r, &third.ack, XDP_REDIRECT, STEER_COOKIE);
	assert_int_equal(front_cookie_previous(r->f, &none), 0);
	rig_send(r, &second.ack, XDP_REDIRECT, STEER_NO_COOKIE);
	rig_send(r, &third.ack, XDP_REDIRECT, STEER_COOKIE);
}

/* The wall clock was set, which the map is told of; a tick more or less is none of its business. */
static void test_wall_clock(void **state)
{
	struct rig *r = *state;
	__u64 clock = r->f->keys.cookie.clock;
	struct sg_cookie_keys k = r->f->keys.cookie;
	struct client c;

	always(r);
	client_open(&c, r, false, 2000);
	client_cookie(&c, r, false);
	k.clock += 2 * SG_COOKIE_PERIOD_MS;
	assert_int_equal(front_set_cookies(r->f, &k), 0);
	rig_send(r, &c.ack, XDP_REDIRECT, STEER_NO_COOKIE);
	assert_int_equal(front_cookie_clock(r->f), 0);
	assert_in_range(r->f->keys.cookie.clock, clock - 100, clock + 100);
	rig_send(r, &c.ack, XDP_REDIRECT, STEER_COOKIE);
	k.clock = clock - 90;
	assert_int_equal(front_set_cookies(r->f, &k), 0);
	assert_int_equal(front_cookie_clock(r->f), 0);
	assert_int_equal(r->f->keys.cookie.clock, k.clock);
}

/* So many failures a second and queue are looked at; then nothing is, and nothing is reset. */
static void test_budget(void **state)
{
	struct rig *r = *state;
	struct client c;
	struct spec bad;

	always(r);
	rig_socket(r, 1);
	r->f->settings->syncookie_limit = 3;
	client_open(&c, r, false, 2000);
	c.syn.opts_len = syn_opts(c.o, 1460, 7, true, false);
	client_cookie(&c, r, false);
	bad = c.ack;
	bad.ack++;
	for (int i = 0; i < 3; i++)
		rig_send(r, &bad, XDP_REDIRECT, STEER_NO_COOKIE);
	rig_send(r, &bad, XDP_DROP, COOKIE_LIMITED);
	rig_run_on(r, &c.ack, 1);
	rig_expect(r, "the other queue has its own", XDP_REDIRECT, SG_V_STEER_COOKIE);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, rig_setup, rig_teardown)
	const struct CMUnitTest tests[] = {
		T(test_round_trip),    T(test_on_overflow), T(test_on_full_buckets),
		T(test_not_looked_at), T(test_refused),	    T(test_budget),
		T(test_rotation),      T(test_wall_clock),
	};

	rig_namespace();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
