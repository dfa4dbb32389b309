/* SPDX-License-Identifier: BSD-2-Clause */
/* What can happen to a connection: the rows of test_matrix.c. */
#ifndef UNIT_MATRIX_EVENTS_H
#define UNIT_MATRIX_EVENTS_H

#include "matrix.h"

/* --- segments: RFC 9293 3.10.7 -------------------------------------------------------------------
 */

static inline struct seg scene_seg(const struct scene *c, __u8 flags, __s32 off, __s32 ack_off,
				   __u32 len)
{
	struct seg s = peer_seg(&c->p, flags, bytes(0, len), len);

	s.seq = seq_add(c->p.nxt, (__u32)off);
	if (flags & SG_ACK)
		s.ack = seq_add(c->p.ack, (__u32)ack_off);
	return s;
}

/* `off` is from RCV.NXT, `ack_off` from what the peer has received. */
#define SEGMENT(name, flags, off, ack_off, len)                                                    \
	static inline void name(struct scene *c)                                                   \
	{                                                                                          \
		struct seg s = scene_seg(c, flags, off, ack_off, len);                             \
		scene_arrives(c, &s);                                                              \
	}

#define FAR (1 << 24) /* beyond any window */

SEGMENT(ack_now, SG_ACK, 0, 0, 0)
SEGMENT(ack_ahead, SG_ACK, 0, 10, 0)
SEGMENT(ack_behind, SG_ACK, 0, -10, 0)
SEGMENT(ack_left, SG_ACK, -10, 0, 0)
SEGMENT(ack_right, SG_ACK, FAR, 0, 0)
SEGMENT(no_ack, 0, 0, 0, 10)
SEGMENT(data, SG_ACK, 0, 0, 10)
SEGMENT(data_gap, SG_ACK, 100, 0, 10)
SEGMENT(data_left, SG_ACK, -10, 0, 10)
SEGMENT(data_partly, SG_ACK, -5, 0, 10)
SEGMENT(data_right, SG_ACK, FAR, 0, 10)
SEGMENT(fin, SG_FIN | SG_ACK, 0, 0, 0)
SEGMENT(fin_data, SG_FIN | SG_ACK, 0, 0, 10)
SEGMENT(fin_gap, SG_FIN | SG_ACK, 100, 0, 0)
SEGMENT(fin_left, SG_FIN | SG_ACK, -1, 0, 0)
SEGMENT(fin_no_ack, SG_FIN, 0, 0, 0)
SEGMENT(rst, SG_RST, 0, 0, 0)
SEGMENT(rst_ack, SG_RST | SG_ACK, 0, 0, 0)
SEGMENT(rst_ack_wrong, SG_RST | SG_ACK, 0, 10, 0)
SEGMENT(rst_in_window, SG_RST, 10, 0, 0)
SEGMENT(rst_outside, SG_RST, FAR, 0, 0)
SEGMENT(rst_left, SG_RST, -10, 0, 0)
SEGMENT(rst_before, SG_RST, -1, 0, 0)
SEGMENT(syn_again, SG_SYN, -1, 0, 0)
SEGMENT(syn_in_window, SG_SYN, 10, 0, 0)
SEGMENT(syn_outside, SG_SYN, FAR, 0, 0)
SEGMENT(syn_left, SG_SYN, -1000, 0, 0)
SEGMENT(syn_ack, SG_SYN | SG_ACK, 0, 0, 0)
SEGMENT(syn_ack_again, SG_SYN | SG_ACK, -1, 0, 0)
SEGMENT(syn_ack_wrong, SG_SYN | SG_ACK, 0, 10, 0)
SEGMENT(syn_data, SG_SYN, 10, 0, 10)
SEGMENT(syn_fin, SG_SYN | SG_FIN, 10, 0, 0)
SEGMENT(urgent_flag, SG_ACK | SG_URG, 0, 0, 10)

/* The mark is ahead of the text. */
static inline void urgent(struct scene *c)
{
	struct seg s = scene_seg(c, SG_ACK | SG_URG, 0, 0, 10);

	s.urg = 60000;
	scene_arrives(c, &s);
}

/* The window shuts; the peer's own numbers are as they were. */
static inline void window_shut(struct scene *c)
{
	c->p.wnd = 0;
	ack_now(c);
}

/* It has seen all that was sent, our FIN too where there is one. */
static inline void all_seen(struct scene *c, __u8 flags, __u32 len)
{
	struct seg s;

	c->p.ack = c->snd_nxt;
	peer_take(&c->p);
	s = scene_seg(c, flags | SG_ACK, 0, 0, len);
	scene_arrives(c, &s);
}

static inline void ack_all(struct scene *c)
{
	all_seen(c, 0, 0);
}

static inline void data_ack_all(struct scene *c)
{
	all_seen(c, 0, 10);
}

static inline void fin_ack_all(struct scene *c)
{
	all_seen(c, SG_FIN, 0);
}

static inline void fin_data_ack_all(struct scene *c)
{
	all_seen(c, SG_FIN, 10);
}

static inline void rst_ack_all(struct scene *c)
{
	all_seen(c, SG_RST, 0);
}

/* With an old timestamp: RFC 7323 5.3, PAWS. */
#define OLD(name, flags, off, len)                                                                 \
	static inline void name(struct scene *c)                                                   \
	{                                                                                          \
		struct seg s = scene_seg(c, flags, off, 0, len);                                   \
		s.opt.tsval = c->p.tsval - 2000;                                                   \
		scene_arrives(c, &s);                                                              \
	}

OLD(old_ack, SG_ACK, 0, 0)
OLD(old_ack_left, SG_ACK, -10, 0)
OLD(old_data, SG_ACK, 0, 10)
OLD(old_fin, SG_FIN | SG_ACK, 0, 0)
OLD(old_rst, SG_RST, 0, 0)
OLD(old_syn, SG_SYN, 10, 0)
OLD(old_syn_again, SG_SYN, -1, 0)
OLD(old_syn_ack, SG_SYN | SG_ACK, 0, 0)

/* Without the timestamp that was agreed on. */
static inline void no_stamp(struct scene *c)
{
	struct seg s = scene_seg(c, SG_ACK, 0, 0, 10);

	s.opt.has_ts = 0;
	scene_arrives(c, &s);
}

/* --- ICMP errors that quote our last segment: RFC 9293 3.9.2.2
 * ---------------------------------------- */

static inline void icmp(struct scene *c, enum icmp_kind kind, int error)
{
	const struct icmp_error e = {
		.tuple = c->p.tuple,
		.seq = seq_add(c->p.ack, (__u32) - (c->column <= CROSSED_COLUMN)),
		.kind = kind,
		.error = error,
	};

	tcp_icmp(c->p.b->s[0], &e, c->p.b->now);
	bed_output(c->p.b);
}

static inline void icmp_hard(struct scene *c)
{
	icmp(c, ICMP_HARD, -ECONNREFUSED);
}

static inline void icmp_soft(struct scene *c)
{
	icmp(c, ICMP_SOFT, -EHOSTUNREACH);
}

/* --- calls: RFC 9293 3.10.1 to 3.10.6
 * ------------------------------------------------------------------ */

static inline void called(struct scene *c, int rc)
{
	c->rc = rc;
	c->called = true;
	c->arrived = false;
	bed_output(c->p.b);
}

static inline void call_accept(struct scene *c)
{
	tcp_id id;
	int rc = tcp_accept(c->p.b->s[0], 0, &id);

	if (!rc)
		c->p.id = id;
	called(c, rc);
}

static inline void call_connect(struct scene *c)
{
	static const __u8 mac[6] = {2};
	tcp_id id;
	int rc = tcp_connect(c->p.b->s[0], &c->p.tuple, mac, 1460, c->p.b->now, &id);

	if (!rc) {
		c->p.id = id;
		c->snd_nxt = peer_conn(&c->p)->iss; /* any is right */
	}
	called(c, rc);
}

static inline void call_send(struct scene *c)
{
	called(c, (int)tcp_send(c->p.b->s[0], c->p.id, "x", 1, c->p.b->now));
}

static inline void call_recv(struct scene *c)
{
	__u8 buf[8];

	called(c, (int)tcp_recv(c->p.b->s[0], c->p.id, buf, sizeof(buf), c->p.b->now));
}

static inline void call_shutdown(struct scene *c)
{
	called(c, tcp_shutdown(c->p.b->s[0], c->p.id, c->p.b->now));
}

static inline void call_shutdown_read(struct scene *c)
{
	called(c, tcp_shutdown_read(c->p.b->s[0], c->p.id));
}

static inline void call_close(struct scene *c)
{
	called(c, tcp_close(c->p.b->s[0], c->p.id, c->p.b->now));
}

/* Ten bytes have come that nobody has read. */
static inline void call_close_unread(struct scene *c)
{
	if (1 << c->column & (ESTAB | FIN_WAIT_1 | FIN_WAIT_2)) {
		data(c);
		c->rcv_nxt = seq_add(c->rcv_nxt, 10);
		c->p.b->n = 0;
		c->before = c->p.b->mib[0];
	}
	call_close(c);
}

static inline void call_abort(struct scene *c)
{
	called(c, tcp_abort(c->p.b->s[0], c->p.id, c->p.b->now));
}

static inline void call_linger(struct scene *c)
{
	tcp_set_opt(c->p.b->s[0], c->p.id, TCP_OPT_LINGER, 0, c->p.b->now);
	call_close(c);
}

/* STATUS: it says what state it is in. */
static inline void call_info(struct scene *c)
{
	struct tcp_facts f;
	int rc = tcp_info(c->p.b->s[0], c->p.id, c->p.b->now, &f);

	if (!rc && peer_conn(&c->p)) {
		assert_int_equal(f.state, columns[c->column].state);
		assert_int_equal(f.error, 0);
		assert_true(sg_tuple_eq(&f.tuple, &c->p.tuple));
	}
	called(c, rc);
}

/* Every option can be set and is then what it was set to. */
static inline void call_set_opt(struct scene *c)
{
	static const struct {
		enum tcp_opt opt;
		int value;
	} rows[] = {
		{TCP_OPT_NODELAY, 1},	{TCP_OPT_CORK, 1},	 {TCP_OPT_QUICKACK, 1},
		{TCP_OPT_KEEPIDLE, 20}, {TCP_OPT_KEEPINTVL, 30}, {TCP_OPT_KEEPCNT, 4},
		{TCP_OPT_LINGER, 0},	{TCP_OPT_LINGER2, 50},	 {TCP_OPT_USER_TIMEOUT, 6000},
		{TCP_OPT_TOS, 0x28},	{TCP_OPT_TTL, 7},	 {TCP_OPT_KEEPALIVE, 1},
	};
	struct tcp_stack *s = c->p.b->s[0];
	int rc = -1, got;

	for (unsigned i = 0; i < SG_ARRAY_SIZE(rows); i++) {
		rc = tcp_set_opt(s, c->p.id, rows[i].opt, rows[i].value, c->p.b->now);
		if (rc)
			break;
		assert_int_equal(tcp_get_opt(s, c->p.id, rows[i].opt, &got), 0);
		assert_int_equal(got, rows[i].value);
	}
	called(c, rc);
}

static inline void call_get_opt(struct scene *c)
{
	int got = -1, rc = tcp_get_opt(c->p.b->s[0], c->p.id, TCP_OPT_ERROR, &got);

	if (!rc)
		assert_int_equal(got, 0);
	called(c, rc);
}

static inline void call_unlisten(struct scene *c)
{
	tcp_unlisten(c->p.b->s[0], 0, c->p.b->now);
	called(c, 0);
}

/* --- time: RFC 9293 3.10.8
 * --------------------------------------------------------------------------------- */

static inline void one_timeout(struct scene *c)
{
	scene_run(c, 300 * SG_MS);
}

/* Data, and then long enough for an ACK that was put off. */
static inline void delayed_ack(struct scene *c)
{
	if (peer_conn(&c->p))
		peer_conn(&c->p)->pingpong = 1;
	data(c);
	scene_run(c, 150 * SG_MS);
}

static inline void keep_alive(struct scene *c)
{
	tcp_set_opt(c->p.b->s[0], c->p.id, TCP_OPT_KEEPIDLE, 1, c->p.b->now);
	tcp_set_opt(c->p.b->s[0], c->p.id, TCP_OPT_KEEPALIVE, 1, c->p.b->now);
	scene_run(c, 1100 * SG_MS);
}

/* The window is shut, and there is something to send. */
static inline void window_probe(struct scene *c)
{
	window_shut(c);
	tcp_send(c->p.b->s[0], c->p.id, "x", 1, c->p.b->now);
	scene_run(c, 300 * SG_MS);
}

static inline void user_timeout(struct scene *c)
{
	c->p.b->set.user_timeout_ms = 1000;
	tcp_send(c->p.b->s[0], c->p.id, "x", 1, c->p.b->now);
	scene_run(c, 3 * SG_SEC);
}

/* Closed, and the peer keeps its half open: tcp_fin_timeout. */
static inline void fin_timeout(struct scene *c)
{
	call_close(c);
	ack_all(c);
	scene_run(c, 61 * SG_SEC);
}

static inline void a_minute(struct scene *c)
{
	scene_run(c, 61 * SG_SEC);
}

static inline void an_hour(struct scene *c)
{
	scene_run(c, 3600 * SG_SEC);
}

#endif
