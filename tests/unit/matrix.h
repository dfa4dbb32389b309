/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The bench of test_matrix.c: a connection in any of the states, and what is seen of an event:
 * what was sent, which state follows, what the application is told, what was counted. How that is
 * written is at the head of test_matrix.c.
 */
#ifndef UNIT_MATRIX_H
#define UNIT_MATRIX_H

#include "harness.h"

#include <stdio.h>

#include "engine/driver.h"

/* --- the states ----------------------------------------------------------------------------- */

/*
 * The eleven of RFC 9293 3.3.2. SYN-RECEIVED comes about in three ways, ESTABLISHED begins in the
 * accept queue, and FIN-WAIT-2 without an application is kept by rules of its own (RFC 9293
 * 3.6.1, Linux's tcp_fin_timeout), so they have columns of their own.
 *
 *	X(name, state, what recv() and send() say in it, see test_matrix.c)
 */
/* clang-format off */
#define MATRIX_COLUMNS(X)                                                                          \
	X(CLOSED, TCP_CLOSED, "none")              /* and nobody listens */                        \
	X(LISTEN, TCP_LISTEN, "none")              /* and nothing else */                          \
	X(SYN_SENT, TCP_SYN_SENT, "again again")                                                   \
	X(HALF_OPEN, TCP_SYN_RCVD, "none")         /* an entry of the half-open queue */           \
	X(REOPENED, TCP_SYN_RCVD, "none")          /* the engine's own, out of TIME-WAIT */        \
	X(CROSSED, TCP_SYN_RCVD, "again again")    /* of a simultaneous open */                    \
	X(QUEUED, TCP_ESTABLISHED, "accept again ok") /* in the accept queue */                    \
	X(ESTAB, TCP_ESTABLISHED, "again ok")                                                      \
	X(FIN_WAIT_1, TCP_FIN_WAIT_1, "again PIPE")                                                \
	X(FIN_WAIT_2, TCP_FIN_WAIT_2, "again PIPE")                                                \
	X(ORPHAN, TCP_FIN_WAIT_2, "BADF BADF")     /* closed by its application */                 \
	X(CLOSE_WAIT, TCP_CLOSE_WAIT, "EOF ok")                                                    \
	X(CLOSING, TCP_CLOSING, "EOF PIPE")                                                        \
	X(LAST_ACK, TCP_LAST_ACK, "EOF PIPE")                                                      \
	X(TIME_WAIT, TCP_TIME_WAIT, "EOF PIPE")

enum {
#define X(name, state, told) name##_COLUMN,
	MATRIX_COLUMNS(X)
#undef X
	COLUMNS,
};

enum { /* a row names several at a time */
#define X(name, state, told) name = 1 << name##_COLUMN,
	MATRIX_COLUMNS(X)
#undef X
	ALL = (1 << COLUMNS) - 1,
	UNKNOWN = CLOSED | LISTEN, /* nothing of this pair was ever seen */
	PASSIVE = HALF_OPEN | REOPENED,
	SYN_RCVD = PASSIVE | CROSSED,
	OPEN = QUEUED | ESTAB,
	FIN_WAIT = FIN_WAIT_1 | FIN_WAIT_2,
	FIN_SEEN = CLOSE_WAIT | CLOSING | LAST_ACK, /* the peer's */
	FIN_OUT = FIN_WAIT_1 | CLOSING | LAST_ACK,  /* ours, and not acknowledged yet */
	SYNCHRONIZED = OPEN | FIN_WAIT | FIN_SEEN,
	NO_HANDLE = UNKNOWN | PASSIVE | QUEUED | ORPHAN, /* the application has none, or none any more */
};

static const struct {
	const char *name;
	enum tcp_state state;
	const char *told;
} columns[COLUMNS] = {
#define X(name, state, told) {#name, state, told},
	MATRIX_COLUMNS(X)
#undef X
};

/* clang-format on */

/* --- one cell ------------------------------------------------------------------------------- */

struct scene {
	struct peer p;
	struct driver driver;
	unsigned column;
	sg_seq snd_nxt, rcv_nxt; /* SND.NXT and RCV.NXT before the event, as the peer knows them */
	struct seg in;		 /* what arrived last */
	bool arrived;		 /* it did, and no call came after it */
	int rc;			 /* what a call returned */
	bool called;
	unsigned events; /* all so far */
	struct sg_tcp_counters before;
};

/* A segment arrives: first in the driver, as everything does. What is sent is added to `sent`. */
static inline void scene_arrives(struct scene *c, struct seg *in)
{
	struct bed *b = c->p.b;
	struct seg room[ACTIONS_PER_INPUT];
	struct actions a = {0, ACTIONS_PER_INPUT, room};

	c->in = *in;
	c->arrived = true;
	driver_input(&c->driver, in, b->now, &a);
	bed_keep(b, &a);
	bed_output(b);
}

static inline void scene_take_events(struct scene *c)
{
	struct tcp_event ev;

	while (tcp_next_event(c->p.b->s[0], &ev))
		c->events |= ev.events;
}

/* Time goes by; half-open entries are looked at every 50 ms. */
static inline void scene_run(struct scene *c, sg_time span)
{
	struct bed *b = c->p.b;
	sg_time end = b->now + span;
	struct seg room[64];

	while (b->now < end) {
		struct actions a = {0, 64, room};
		sg_time step = b->queues[0].halfopen ? b->now + 50 * SG_MS : end, due;

		scene_take_events(c);
		due = bed_deadline(b);
		due = due > b->now ? due : b->now + SG_MS;
		due = due < step ? due : step;
		b->now = due < end ? due : end;
		tcp_sweep_halfopen(b->s[0], 0, BED_BUCKETS, b->now, &a);
		bed_keep(b, &a);
		tcp_expire(b->s[0], b->now);
		bed_output(b);
	}
}

/* --- into a state --------------------------------------------------------------------------- */

/* As conn_in(), but the application keeps its connection. */
static inline void scene_shut(struct peer *p, unsigned column)
{
	struct bed *b = p->b;
	bool fin_first = column == LAST_ACK_COLUMN;

	conn_in(p, fin_first ? TCP_CLOSE_WAIT : TCP_ESTABLISHED);
	assert_int_equal(tcp_shutdown(b->s[0], p->id, b->now), 0);
	b->n = 0;
	bed_output(b);
	if (column == FIN_WAIT_2_COLUMN || column == TIME_WAIT_COLUMN)
		peer_ack(p);
	if (column == CLOSING_COLUMN || column == TIME_WAIT_COLUMN)
		peer_send(p, SG_FIN | SG_ACK, NULL, 0);
}

static inline void scene_reopen(struct peer *p)
{
	conn_in(p, TCP_TIME_WAIT);
	p->isn = seq_add(p->nxt, 1000);
	peer_send_at(p, 1000, SG_SYN, NULL, 0);
	p->nxt = seq_add(p->isn, 1);
	p->iss = p->b->sent[0].s.seq;
	p->ack = seq_add(p->iss, 1);
	p->tsecr = p->b->sent[0].s.opt.tsval;
	p->id = 0;
}

/* Nothing of this pair was ever seen. */
static inline void scene_stranger(struct peer *p)
{
	p->nxt = p->isn;
	p->iss = sg_seq_of(776);
	p->ack = sg_seq_of(777);
}

static inline void scene_enter(struct peer *p, unsigned column)
{
	switch (column) {
	case CLOSED_COLUMN:
		p->tuple.lport = 81;
		scene_stranger(p);
		break;
	case LISTEN_COLUMN:
		scene_stranger(p);
		break;
	case HALF_OPEN_COLUMN:
		assert_int_equal(peer_syn(p), SG_ADMIT_ENTRY);
		p->record = NULL;
		break;
	case REOPENED_COLUMN:
		scene_reopen(p);
		break;
	case QUEUED_COLUMN:
		peer_establish(p);
		break;
	case FIN_WAIT_1_COLUMN:
	case FIN_WAIT_2_COLUMN:
	case CLOSING_COLUMN:
	case LAST_ACK_COLUMN:
	case TIME_WAIT_COLUMN:
		scene_shut(p, column);
		break;
	default:
		conn_in(p, columns[column].state);
	}
}

/* --- what is seen of it: the state ---------------------------------------------------------- */

static inline enum tcp_state scene_state(const struct scene *c)
{
	const struct bed *b = c->p.b;
	enum tcp_state st = peer_state(&c->p);
	bool passive = 1 << c->column & (LISTEN | HALF_OPEN | REOPENED);

	if (st != TCP_CLOSED)
		return st;
	if (driver_has_halfopen(b->s[0], &c->p.tuple))
		return TCP_SYN_RCVD;
	return passive && listener_at(b->s[0], 0) ? TCP_LISTEN : TCP_CLOSED;
}

/* --- what was sent -------------------------------------------------------------------------- */

/* RST: RFC 9293 3.10.7.1 for a segment, 3.10.5 for a call and a timeout. */
static inline bool scene_rst_is_right(const struct scene *c, const struct seg *s, sg_seq nxt)
{
	if (!c->arrived)
		return s->flags & SG_ACK && seq_eq(s->seq, nxt) && seq_eq(s->ack, c->rcv_nxt);
	if (c->in.flags & SG_ACK) /* <SEQ=SEG.ACK><CTL=RST> */
		return s->flags == SG_RST && seq_eq(s->seq, c->in.ack);
	/* <SEQ=0><ACK=SEG.SEQ+SEG.LEN><CTL=RST,ACK> */
	return s->flags == (SG_RST | SG_ACK) && s->seq.v == 0 &&
	       seq_eq(s->ack, seq_add(c->in.seq, seg_space(&c->in)));
}

/* What one segment is, in letters. `nxt`: SND.NXT, which moves on. */
static inline void scene_letters(const struct scene *c, const struct seg *s, sg_seq *nxt,
				 char out[24])
{
	__s32 more = seq_diff(s->ack, c->rcv_nxt), off = seq_diff(s->seq, *nxt);
	const char *how = "";
	char plus[12] = "";

	if (s->flags & SG_SYN && c->column == TIME_WAIT_COLUMN && off == 65537)
		*nxt = s->seq; /* a new pair, Linux's step ahead (RFC 9293 3.6.1) */
	else if (s->flags & SG_SYN && c->column == LISTEN_COLUMN)
		*nxt = s->seq; /* any ISS is right */
	else if (s->flags & SG_RST)
		how = scene_rst_is_right(c, s, *nxt) ? "" : "?";
	else if (seg_space(s) == 0 && seq_eq(s->seq, seq_add(c->p.ack, (__u32)-1)))
		how = "p"; /* to be answered: it is behind what the peer awaits */
	else if (seg_space(s) && off < 0 && seq_eq(seq_add(s->seq, seg_space(s)), *nxt))
		how = "r";
	else if (off != 0)
		how = "?";
	if (s->flags & SG_ACK && !(s->flags & SG_RST) && more)
		snprintf(plus, sizeof(plus), "%+d", more);
	snprintf(out, 24, "%s%s%s%s%s%s%s", how, s->flags & SG_SYN ? "S" : "",
		 s->flags & SG_FIN ? "F" : "", s->flags & SG_RST ? "R" : "",
		 s->flags & SG_ACK ? "A" : "", s->len ? "d" : "", plus);
	*nxt = seq_max(*nxt, seq_add(s->seq, s->flags & SG_RST ? 0 : seg_space(s)));
}

/* All that was sent: "A", "rFA A", "6rS". "-": nothing. */
static inline void scene_answer(const struct scene *c, char *out, size_t room)
{
	const struct bed *b = c->p.b;
	sg_seq nxt = c->snd_nxt;
	char last[24] = "", now[24];
	size_t at = 0;
	unsigned same = 0;

	snprintf(out, room, "-");
	for (unsigned i = 0; i <= b->n; i++) {
		now[0] = 0;
		if (i < b->n)
			scene_letters(c, &b->sent[i].s, &nxt, now);
		if (same && strcmp(now, last)) {
			at += (size_t)snprintf(out + at, room - at, "%s", at ? " " : "");
			if (same > 1)
				at += (size_t)snprintf(out + at, room - at, "%u", same);
			at += (size_t)snprintf(out + at, room - at, "%s", last);
			same = 0;
		}
		memcpy(last, now, sizeof(last));
		same++;
	}
}

/* --- what the application is told ----------------------------------------------------------- */

static inline const char *scene_errno(int rc)
{
	static const struct {
		int rc;
		const char *name;
	} names[] = {
		{-EAGAIN, "again"},
		{-ECONNRESET, "RESET"},
		{-ETIMEDOUT, "TIMEDOUT"},
		{-ECONNREFUSED, "REFUSED"},
		{-EPIPE, "PIPE"},
		{-EBADF, "BADF"},
		{-ENOTCONN, "NOTCONN"},
		{-EINVAL, "INVAL"},
		{-EADDRINUSE, "ADDRINUSE"},
		{-EHOSTUNREACH, "HOSTUNREACH"},
		{-ENOPROTOOPT, "NOPROTOOPT"},
	};

	for (unsigned i = 0; i < SG_ARRAY_SIZE(names); i++)
		if (names[i].rc == rc)
			return names[i].name;
	return rc >= 0 ? "ok" : "?";
}

static inline void scene_events(struct scene *c, char out[8])
{
	int n = 0;

	scene_take_events(c);
	for (unsigned i = 0; i < 5; i++)
		if (c->events & 1u << i)
			out[n++] = "arwxu"[i];
	out[n] = 0;
}

/* All there is to read, and what comes behind it: "10", "10+EOF", "EOF". */
static inline void scene_recv(struct scene *c, char out[24])
{
	char buf[64];
	ssize_t n = tcp_recv(c->p.b->s[0], c->p.id, buf, sizeof(buf), c->p.b->now), then;

	snprintf(out, 24, "%s", n == 0 ? "EOF" : scene_errno((int)n));
	if (n <= 0)
		return;
	then = tcp_recv(c->p.b->s[0], c->p.id, buf, sizeof(buf), c->p.b->now);
	assert_true(then <= 0);
	if (then == -EAGAIN)
		snprintf(out, 24, "%zd", n);
	else
		snprintf(out, 24, "%zd+%s", n, then == 0 ? "EOF" : scene_errno((int)then));
}

/* Events, then what recv() and send() say; who has no handle tries accept(). The end. */
static inline void scene_told(struct scene *c, char *out, size_t room)
{
	const char *first = "";
	char events[8], reads[24];
	ssize_t n;

	scene_events(c, events);
	if (!c->p.id && 1 << c->column & (CLOSED | LISTEN | HALF_OPEN | REOPENED | QUEUED)) {
		if (tcp_accept(c->p.b->s[0], 0, &c->p.id)) {
			snprintf(out, room, "%s%snone", events, *events ? ": " : "");
			return;
		}
		first = "accept ";
	}
	scene_recv(c, reads);
	n = tcp_send(c->p.b->s[0], c->p.id, "x", 1, c->p.b->now);
	snprintf(out, room, "%s%s%s%s %s", events, *events ? ": " : "", first, reads,
		 scene_errno((int)n));
}

/* --- what was counted ----------------------------------------------------------------------- */

/* All counters that moved, but InSegs and OutSegs: "OutRsts", "TCPTimeouts*6". */
static inline void scene_counted(const struct scene *c, char *out, size_t room)
{
	const struct sg_tcp_counters *now = &c->p.b->mib[0];
	size_t at = 0;

	out[0] = 0;
#define X(name, text)                                                                              \
	if (now->name != c->before.name && strcmp(#name, "InSegs") && strcmp(#name, "OutSegs")) {  \
		at += (size_t)snprintf(out + at, room - at, "%s" #name, at ? " " : "");            \
		if (now->name - c->before.name > 1)                                                \
			at += (size_t)snprintf(out + at, room - at, "*%llu",                       \
					       now->name - c->before.name);                        \
	}
	SG_TCP_COUNTERS(X)
#undef X
	assert_int_equal(now->OutSegs - c->before.OutSegs, c->p.b->n);
}

/* --- begin and end -------------------------------------------------------------------------- */

static inline void scene_begin(struct scene *c, unsigned column)
{
	struct bed *b = bed_listening(1, 8);

	*c = (struct scene){.column = column, .driver = {.stack = b->s[0]}};
	peer_init(&c->p, b, 1);
	scene_enter(&c->p, column);
	assert_int_equal(scene_state(c), columns[column].state);
	bed_drain_events(b);
	if (1 << column & FIN_OUT)
		c->p.ack = seq_add(c->p.iss, 1); /* our FIN has not arrived yet */
	c->snd_nxt = seq_add(c->p.ack, !!(1 << column & FIN_OUT));
	c->rcv_nxt = c->p.nxt;
	b->set.tcp_invalid_ratelimit = 0; /* no answer is too soon after another */
	b->now += 10 * SG_MS;
	b->n = 0;
	c->before = b->mib[0];
}

#endif
