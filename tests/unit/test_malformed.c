/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The table of malformed frames behind the driver: what user/wire makes of each, and the
 * engine of those that can be read, as the final ACK of a handshake, on a connection and
 * in TIME_WAIT.
 */
#include "../bpf/malformed.h"
#include "dice.h"
#include "harness.h"
#include "wire/wire.h"

static const char *const past_names[] = {"no past", "half-open", "established", "TIME_WAIT"};

/* A bench with one peer, and what that peer sends next. */
struct stage {
	struct bed *b;
	struct peer p;
	struct good g;
	__u32 rcv_nxt; /* of the connection */
};

static void stage_address(struct stage *st, bool v6)
{
	struct peer *p = &st->p;
	__u8 a[4];

	st->g.syn = (struct spec){
		.src = v6 ? "fd09::2" : "10.9.0.2",
		.dst = v6 ? "fd09::1" : "10.9.0.1",
		.sport = p->tuple.pport,
		.dport = BED_PORT,
		.flags = SYN,
		.window = 65535,
	};
	inet_pton(AF_INET6, st->g.syn.src, p->tuple.peer.addr);
	inet_pton(AF_INET6, st->g.syn.dst, p->tuple.local.addr);
	if (v6)
		return;
	inet_pton(AF_INET, st->g.syn.src, a);
	sg_addr_from4(&p->tuple.peer, a);
	inet_pton(AF_INET, st->g.syn.dst, a);
	sg_addr_from4(&p->tuple.local, a);
}

static void stage_open(struct stage *st, bool v6, enum past past)
{
	struct peer *p = &st->p;

	memset(st, 0, sizeof(*st));
	st->b = bed_listening(1, 8);
	peer_init(p, st->b, 2);
	stage_address(st, v6);
	if (past == PAST_HALFOPEN)
		assert_int_equal(peer_syn(p), SG_ADMIT_ENTRY);
	if (past == PAST_ESTABLISHED)
		conn_in(p, TCP_ESTABLISHED);
	if (past == PAST_TIMEWAIT)
		conn_in(p, TCP_TIME_WAIT);
	bed_drain_events(st->b);
	st->b->now += 10 * SG_MS;
	st->g.syn.seq = p->nxt.v - 1;
	st->g.ack = p->ack.v;
	st->g.tsval = p->tsval;
	st->g.tsecr = p->tsecr;
	st->rcv_nxt = p->nxt.v;
}

static int stage_send(struct stage *st, const struct frame *f)
{
	struct seg seg;
	int rc;

	st->b->n = 0;
	rc = wire_decode(f->b, (__u32)f->len, true, &seg);
	if (rc == 0) {
		seg.handshake = st->p.record;
		assert_int_equal(bed_input(st->b, 0, &seg), -1);
	}
	return rc;
}

/* Has nothing moved? */
static bool stage_stands(const struct stage *st, enum past past)
{
	if (past == PAST_TIMEWAIT)
		return peer_state(&st->p) == TCP_TIME_WAIT &&
		       peer_timewait(&st->p)->rcv_nxt.v == st->rcv_nxt;
	return peer_state(&st->p) == TCP_ESTABLISHED && peer_conn(&st->p)->rcv_nxt.v == st->rcv_nxt;
}

static bool stage_met(const struct stage *st, enum past past, enum fate fate, int rc)
{
	const struct bed *b = st->b;

	switch (fate) {
	case FATE_NONE:
	case FATE_ERRS:
		return rc == -EPROTO && b->n == 0;
	case FATE_CSUM:
		return rc == -EBADMSG && b->n == 0;
	case FATE_TAKEN:
		return rc == 0 && peer_state(&st->p) == TCP_ESTABLISHED &&
		       peer_conn(&st->p)->rcv_nxt.v ==
			       st->rcv_nxt + (past == PAST_ESTABLISHED ? 7 : 0);
	case FATE_ACKED:
	case FATE_SYN:
		return rc == 0 && b->n == 1 && b->sent[0].s.flags == SG_ACK &&
		       b->sent[0].s.ack.v == st->rcv_nxt && stage_stands(st, past);
	case FATE_QUIET:
		return rc == 0 && b->n == 0 && stage_stands(st, past);
	case FATE_RESET:
		return rc == 0 && b->n == 0 && peer_state(&st->p) == TCP_CLOSED;
	}
	return false;
}

static void run_row(const struct malformed *m, bool v6, enum past past)
{
	enum fate fate = malformed_fate(m, past);
	struct stage st;
	struct frame f;
	struct spec s;
	int rc;

	if (fate == FATE_NONE)
		return;
	stage_open(&st, v6, past);
	s = good_segment(&st.g, past);
	malformed_build(m, &s, &f);
	rc = stage_send(&st, &f);
	if (!stage_met(&st, past, fate, rc))
		fail_msg("%s, IPv%d, %s: decoded %d, %u sent, state %d", m->name, v6 ? 6 : 4,
			 past_names[past], rc, st.b->n, peer_state(&st.p));
	bed_end(st.b);
}

static void test_table(void **state)
{
	(void)state;
	for (size_t i = 0; i < MALFORMED; i++)
		for (int v6 = 0; v6 < 2; v6++)
			for (int past = 0; past < PASTS && malformed_is_of(&malformed[i], v6);
			     past++)
				run_row(&malformed[i], v6, (enum past)past);
}

/* The SYN of each row, which the driver would never let through. */
static void test_decoded(void **state)
{
	static const __u8 opts[20] = {2, 4, 5, 0xb4, 4, 2, 8, 10, 1, 2,
				      3, 4, 0, 0,    0, 0, 1, 3,  3, 7};

	(void)state;
	for (size_t i = 0; i < 2 * MALFORMED; i++) {
		const struct malformed *m = &malformed[i / 2];
		struct stage st = {.p.tuple.pport = 40000};
		struct frame f;
		struct seg seg;

		if (!malformed_is_of(m, i & 1))
			continue;
		stage_address(&st, i & 1);
		st.g.syn.opts = opts;
		st.g.syn.opts_len = sizeof(opts);
		malformed_build(m, &st.g.syn, &f);
		if (wire_decode(f.b, (__u32)f.len, true, &seg) != m->decoded)
			fail_msg("%s, IPv%d: decoded %d", m->name, i & 1 ? 6 : 4,
				 wire_decode(f.b, (__u32)f.len, true, &seg));
	}
}

/* --- any bytes that a connection can get ------------------------------------------------- */

static void bend_anywhere(struct dice *d, struct frame *f)
{
	for (__u32 n = 1 + dice_below(d, 4); n; n--)
		f->b[f->l4 + 4 + dice_below(d, (__u32)(f->len - f->l4 - 4))] = (__u8)dice_roll(d);
	if (dice_below(d, 8))
		mend(f);
	if (dice_below(d, 16) == 0)
		f->len -= dice_below(d, 20);
}

static void test_bent_segments(void **state)
{
	struct dice d = {getenv("SEED") ? strtoull(getenv("SEED"), NULL, 0) : 7};
	int read = 0;

	(void)state;
	for (int i = 0; i < 150; i++) {
		enum past past = (enum past)(1 + dice_below(&d, PASTS - 1));
		struct stage st;

		stage_open(&st, i & 1, past);
		for (int n = 0; n < 100; n++) {
			struct spec s = good_segment(&st.g, past);
			struct frame f;

			build(&s, &f);
			bend_anywhere(&d, &f);
			read += stage_send(&st, &f) == 0;
		}
		bed_end(st.b);
	}
	assert_true(read > 4000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_table),
		cmocka_unit_test(test_decoded),
		cmocka_unit_test(test_bent_segments),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
