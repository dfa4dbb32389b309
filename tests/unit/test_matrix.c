/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Every state by everything that can happen in it: RFC 9293 3.10 as one table. A cell says what
 * is answered and which state follows, "A ESTAB": an ACK, and still established. "-": silence.
 * F: FIN, R: RST, S: SYN, d: data; "2 A": two segments of which the first is an ACK.
 */
#include "harness.h"

#include <stdio.h>

static const enum tcp_state states[] = {
	TCP_CLOSED,	TCP_SYN_SENT,	TCP_SYN_RCVD, TCP_ESTABLISHED, TCP_FIN_WAIT_1,
	TCP_FIN_WAIT_2, TCP_CLOSE_WAIT, TCP_CLOSING,  TCP_LAST_ACK,    TCP_TIME_WAIT,
};

#define STATES SG_ARRAY_SIZE(states)

struct event {
	const char *name;
	void (*happen)(struct peer *p);
	const char *cell[STATES];
};

/* --- the connection, in a state ------------------------------------------------------------ */

/* FIN_WAIT_2 keeps its owner here: what comes without one is test_orphan's. */
static struct bed *enter(struct peer *p, enum tcp_state st)
{
	struct bed *b = bed_listening(1, 8);

	peer_init(p, b, 1);
	if (st == TCP_CLOSED) {
		p->tuple.lport = 81; /* nobody listens there */
		p->nxt = p->isn;
		p->iss = sg_seq_of(0);
		p->ack = sg_seq_of(777);
	} else if (st == TCP_FIN_WAIT_1 || st == TCP_FIN_WAIT_2) {
		conn_in(p, TCP_ESTABLISHED);
		tcp_shutdown(b->s[0], p->id, b->now);
		bed_output(b);
		if (st == TCP_FIN_WAIT_2)
			peer_ack(p);
	} else if (st == TCP_CLOSING || st == TCP_LAST_ACK) {
		conn_in(p, TCP_ESTABLISHED);
		if (st == TCP_LAST_ACK)
			peer_send(p, SG_FIN | SG_ACK, NULL, 0);
		tcp_shutdown(b->s[0], p->id, b->now);
		bed_output(b);
		if (st == TCP_CLOSING)
			peer_send(p, SG_FIN | SG_ACK, NULL, 0);
	} else {
		conn_in(p, st);
	}
	assert_int_equal(peer_state(p), st);
	bed_drain_events(b);
	b->set.tcp_invalid_ratelimit = 0; /* no answer is too soon after another */
	b->n = 0;
	return b;
}

static void describe(const struct peer *p, char *out, size_t room)
{
	const struct bed *b = p->b;
	char flags[16] = "-";
	const struct seg *s = &b->sent[0].s;

	if (b->n)
		snprintf(flags, sizeof(flags), "%s%s%s%s%s%s", b->n > 1 ? "+" : "",
			 s->flags & SG_SYN ? "S" : "", s->flags & SG_FIN ? "F" : "",
			 s->flags & SG_RST ? "R" : "", s->flags & SG_ACK ? "A" : "",
			 s->len ? "d" : "");
	snprintf(out, room, "%s %s", flags, tcp_state_name(peer_state(p)));
}

/* --- segments: RFC 9293 3.10.7 -------------------------------------------------------------- */

#define SEGMENT(name, off, ack_off, flags, len)                                                    \
	static void name(struct peer *p)                                                           \
	{                                                                                          \
		struct seg s = peer_seg(p, flags, bytes(0, len), len);                             \
		s.seq = seq_add(p->nxt, (__u32)(off));                                             \
		if ((flags)&SG_ACK)                                                                \
			s.ack = seq_add(p->ack, (__u32)(ack_off));                                 \
		bed_input(p->b, 0, &s);                                                            \
	}

#define FAR (1 << 24) /* beyond any window */

SEGMENT(ack_now, 0, 0, SG_ACK, 0)
SEGMENT(ack_ahead, 0, 10, SG_ACK, 0)
SEGMENT(ack_behind, 0, -10, SG_ACK, 0)
SEGMENT(ack_left, -10, 0, SG_ACK, 0)
SEGMENT(ack_right, FAR, 0, SG_ACK, 0)
SEGMENT(no_ack, 0, 0, 0, 10)
SEGMENT(data, 0, 0, SG_ACK, 10)
SEGMENT(data_gap, 100, 0, SG_ACK, 10)
SEGMENT(data_left, -10, 0, SG_ACK, 10)
SEGMENT(data_partly, -5, 0, SG_ACK, 10)
SEGMENT(data_right, FAR, 0, SG_ACK, 10)
SEGMENT(fin, 0, 0, SG_FIN | SG_ACK, 0)
SEGMENT(fin_data, 0, 0, SG_FIN | SG_ACK, 10)
SEGMENT(fin_gap, 100, 0, SG_FIN | SG_ACK, 0)
SEGMENT(fin_left, -1, 0, SG_FIN | SG_ACK, 0)
SEGMENT(rst, 0, 0, SG_RST, 0)
SEGMENT(rst_ack, 0, 0, SG_RST | SG_ACK, 0)
SEGMENT(rst_in_window, 10, 0, SG_RST, 0)
SEGMENT(rst_outside, FAR, 0, SG_RST, 0)
SEGMENT(rst_left, -10, 0, SG_RST, 0)
SEGMENT(syn_again, -1, 0, SG_SYN, 0)
SEGMENT(syn_in_window, 10, 0, SG_SYN, 0)
SEGMENT(syn_outside, FAR, 0, SG_SYN, 0)
SEGMENT(syn_ack, 0, 0, SG_SYN | SG_ACK, 0)
SEGMENT(syn_ack_wrong, 0, 10, SG_SYN | SG_ACK, 0)
SEGMENT(syn_fin, 10, 0, SG_SYN | SG_FIN, 0)
SEGMENT(urgent_flag, 0, 0, SG_ACK | SG_URG, 10)

static void urgent(struct peer *p)
{
	struct seg s = peer_seg(p, SG_ACK | SG_URG, bytes(0, 10), 10);

	s.urg = 60000; /* beyond the text: it says nothing */
	bed_input(p->b, 0, &s);
}

/* It has seen all that was sent, our FIN too where there is one. */
static void all_seen(struct peer *p, __u8 flags, __u32 len)
{
	if (peer_conn(p))
		p->ack = peer_conn(p)->snd_max;
	peer_send(p, flags | SG_ACK, bytes(0, len), len);
}

static void ack_all(struct peer *p)
{
	all_seen(p, 0, 0);
}

static void data_ack_all(struct peer *p)
{
	all_seen(p, 0, 10);
}

static void fin_ack_all(struct peer *p)
{
	all_seen(p, SG_FIN, 0);
}

static void fin_data_ack_all(struct peer *p)
{
	all_seen(p, SG_FIN, 10);
}

static void old_stamp(struct peer *p)
{
	struct seg s = peer_seg(p, SG_ACK, bytes(0, 10), 10);

	s.opt.tsval = 1;
	bed_input(p->b, 0, &s);
}

/* --- calls and timeouts --------------------------------------------------------------------- */

static void call_send(struct peer *p)
{
	tcp_send(p->b->s[0], p->id, "x", 1, p->b->now);
	bed_output(p->b);
}

static void call_recv(struct peer *p)
{
	__u8 buf[8];

	tcp_recv(p->b->s[0], p->id, buf, sizeof(buf), p->b->now);
	bed_output(p->b);
}

static void call_shutdown(struct peer *p)
{
	tcp_shutdown(p->b->s[0], p->id, p->b->now);
	bed_output(p->b);
}

static void call_close(struct peer *p)
{
	tcp_close(p->b->s[0], p->id, p->b->now);
	bed_output(p->b);
}

static void call_abort(struct peer *p)
{
	tcp_abort(p->b->s[0], p->id, p->b->now);
	bed_output(p->b);
}

static void call_linger(struct peer *p)
{
	tcp_set_opt(p->b->s[0], p->id, TCP_OPT_LINGER, 0, p->b->now);
	call_close(p);
}

static void call_connect(struct peer *p)
{
	static const __u8 mac[6] = {2};
	tcp_id id;

	tcp_connect(p->b->s[0], &p->tuple, mac, 1460, p->b->now, &id);
	bed_output(p->b);
}

static void unlisten(struct peer *p)
{
	tcp_unlisten(p->b->s[0], 0, p->b->now);
	bed_output(p->b);
}

static void one_timeout(struct peer *p)
{
	bed_run(p->b, 300 * SG_MS);
}

/* Data, and then long enough for an ACK that was put off. */
static void delayed_ack(struct peer *p)
{
	if (peer_conn(p))
		peer_conn(p)->pingpong = 1;
	peer_send(p, SG_ACK, bytes(0, 10), 10);
	bed_run(p->b, 50 * SG_MS);
}

static void keep_alive(struct peer *p)
{
	tcp_set_opt(p->b->s[0], p->id, TCP_OPT_KEEPIDLE, 1, p->b->now);
	tcp_set_opt(p->b->s[0], p->id, TCP_OPT_KEEPALIVE, 1, p->b->now);
	bed_run(p->b, 1100 * SG_MS);
}

/* The window is shut, and there is something to send. */
static void window_probe(struct peer *p)
{
	p->wnd = 0;
	peer_send(p, SG_ACK, NULL, 0);
	tcp_send(p->b->s[0], p->id, "x", 1, p->b->now);
	bed_run(p->b, 300 * SG_MS);
}

static void user_timeout(struct peer *p)
{
	p->b->set.user_timeout_ms = 1000;
	tcp_send(p->b->s[0], p->id, "x", 1, p->b->now);
	bed_run(p->b, 3 * SG_SEC);
}

/* Closed, and the peer keeps its half open: tcp_fin_timeout. */
static void fin_timeout(struct peer *p)
{
	call_close(p);
	ack_all(p);
	bed_run(p->b, 61 * SG_SEC);
}

static void a_minute(struct peer *p)
{
	bed_run(p->b, 61 * SG_SEC);
}

static void an_hour(struct peer *p)
{
	bed_run(p->b, 3600 * SG_SEC);
}

#define E(f) #f, f

static const struct event events[] = {
#include "matrix.h"
};

/* Every ACK tells of what has arrived, as far as it is known (RFC 9293 3.10.7.4). */
static void look_at_ack(const struct peer *p)
{
	const struct bed *b = p->b;
	const struct seg *last = b->n ? &b->sent[b->n - 1].s : NULL;

	if (!last || !(last->flags & SG_ACK) || last->flags & SG_RST)
		return;
	if (peer_state(p) == TCP_TIME_WAIT)
		assert_true(seq_eq(last->ack, peer_timewait(p)->rcv_nxt));
	else if (peer_conn(p))
		assert_true(seq_eq(last->ack, peer_conn(p)->rcv_nxt));
}

/* Returns 0, or 1 and says how it was. */
static unsigned look_at(const struct event *e, unsigned k)
{
	struct peer p;
	struct bed *b = enter(&p, states[k]);
	char got[32];

	e->happen(&p);
	describe(&p, got, sizeof(got));
	look_at_ack(&p);
	bed_end(b);
	if (e->cell[k] && !strcmp(got, e->cell[k]))
		return 0;
	print_error("%s in %s: %s, want %s\n", e->name, tcp_state_name(states[k]), got,
		    e->cell[k] ? e->cell[k] : "a cell");
	return 1;
}

static void test_every_cell(void **state)
{
	unsigned bad = 0;

	(void)state;
	for (unsigned i = 0; i < SG_ARRAY_SIZE(events); i++)
		for (unsigned k = 0; k < STATES; k++)
			bad += look_at(&events[i], k);
	assert_int_equal(bad, 0);
}

/* The numbers of a RST for a segment of nobody, RFC 9293 3.10.7.1. */
static void test_numbers_of_a_reset(void **state)
{
	static void (*const happen[])(struct peer * p) = {no_ack, syn_again, syn_fin, data,
							  fin_data};

	(void)state;
	for (unsigned i = 0; i < SG_ARRAY_SIZE(happen); i++) {
		struct peer p;
		struct bed *b = enter(&p, TCP_CLOSED);
		const struct seg *r = &b->sent[0].s;

		happen[i](&p);
		assert_int_equal(b->n, 1);
		if (i >= 3) { /* <SEQ=SEG.ACK><CTL=RST> */
			assert_int_equal(r->flags, SG_RST);
			assert_true(seq_eq(r->seq, p.ack));
		} else { /* <SEQ=0><ACK=SEG.SEQ+SEG.LEN><CTL=RST,ACK> */
			static const __s32 end[] = {10, 0, 12};

			assert_int_equal(r->flags, SG_RST | SG_ACK);
			assert_int_equal(r->seq.v, 0);
			assert_int_equal(seq_diff(r->ack, p.nxt), end[i]);
		}
		bed_end(b);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_cell),
		cmocka_unit_test(test_numbers_of_a_reset),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
