/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Anything at any time: segments with random flags and numbers near every edge, calls in any
 * order, a ring that is often full, a clock that jumps, pools that run out. The engine's lists
 * are walked after each step, and nothing may be left at the end.
 */
#include "dice.h"
#include "harness.h"

#define PEERS 24 /* more than there are blocks */
#define STEPS 3000
#ifndef SEEDS /* more of them: make CFLAGS='-O2 -DSEEDS=10000' */
#define SEEDS 24
#endif

struct game {
	struct bed *b;
	struct dice d;
	struct peer p[PEERS];
	tcp_id has[PEERS];
};

static __u32 game_below(struct game *g, __u32 n)
{
	return dice_below(&g->d, n);
}

/* A number that is wrong by nothing, a little, a window, or anything. */
static __s32 game_off(struct game *g)
{
	static const __s32 near[] = {0, 0,   0,	   0,	 0,	0,     1,      -1,
				     2, 100, -100, 1448, 65535, 65536, 1 << 20};

	if (game_below(g, 20) == 0)
		return (__s32)dice_roll(&g->d);
	return near[game_below(g, SG_ARRAY_SIZE(near))];
}

static __u8 game_flags(struct game *g)
{
	static const __u8 usual[] = {
		SG_ACK, SG_ACK,		 SG_ACK, SG_ACK | SG_PSH, SG_ACK | SG_FIN,
		SG_RST, SG_RST | SG_ACK, SG_SYN, SG_SYN | SG_ACK, SG_ACK | SG_URG,
		0};

	return game_below(g, 8) ? usual[game_below(g, SG_ARRAY_SIZE(usual))]
				: (__u8)dice_roll(&g->d);
}

/* What a peer that follows the rules would send, bent somewhere. */
static void game_segment(struct game *g, struct peer *p)
{
	struct seg room[ACTIONS_PER_INPUT];
	struct actions a = {0, ACTIONS_PER_INPUT, room};
	struct tcp *t = peer_conn(p);
	struct seg s;

	if (t) { /* it keeps pace, mostly */
		p->nxt = game_below(g, 4) ? t->rcv_nxt : p->nxt;
		p->ack = game_below(g, 4) ? t->snd_max : t->snd_una;
	}
	s = peer_seg(p, game_flags(g), bytes(0, 1448), game_below(g, 3) ? 0 : game_below(g, 1449));
	s.seq = seq_add(s.seq, (__u32)game_off(g));
	s.ack = seq_add(s.ack, (__u32)game_off(g));
	s.wnd = game_below(g, 3) ? 65535 : (__u16)game_below(g, 3);
	s.opt.tsval += game_below(g, 10) ? 0 : dice_roll(&g->d);
	s.opt.has_ts = game_below(g, 10) ? s.opt.has_ts : !s.opt.has_ts;
	s.opt.nsack = game_below(g, 4) ? 0 : 3;
	for (unsigned i = 0; i < s.opt.nsack; i++) {
		s.sack[i].left = seq_add(s.ack, dice_roll(&g->d) >> 12);
		s.sack[i].right = seq_add(s.sack[i].left, dice_roll(&g->d) >> 20);
	}
	assert_int_equal(tcp_input(g->b->s[0], &s, g->b->now, &a), -1);
	assert_true(a.n <= ACTIONS_PER_INPUT);
}

static void game_syn(struct game *g, struct peer *p)
{
	static const __u8 mac[6] = {2};
	unsigned i = (unsigned)(p - g->p);

	if (game_below(g, 4) == 0 && !g->has[i]) {
		p->tuple.lport = 5000;
		if (tcp_connect(g->b->s[0], &p->tuple, mac, BED_MSS, g->b->now, &p->id) == 0)
			g->has[i] = p->id;
		return;
	}
	if (peer_state(p) != TCP_CLOSED || peer_entry(p, NULL))
		return;
	p->tuple.lport = BED_PORT;
	p->isn = sg_seq_of(dice_roll(&g->d));
	p->syn.has_ts = game_below(g, 2);
	p->syn.sack_ok = game_below(g, 2);
	p->syn.wscale = game_below(g, 2) ? (__u8)game_below(g, 15) : SG_WSCALE_NONE;
	p->syn.mss = (__u16)(88 + game_below(g, 9000));
	peer_syn(p);
}

static void game_accept(struct game *g)
{
	struct tcp_facts f;
	tcp_id id;

	if (tcp_accept(g->b->s[0], 0, &id))
		return;
	assert_int_equal(tcp_info(g->b->s[0], id, g->b->now, &f), 0);
	g->has[f.tuple.pport - 40000] = id;
	tcp_set_opt(g->b->s[0], id, (enum tcp_opt)game_below(g, TCP_OPT_ERROR + 1),
		    (int)game_below(g, 4) - 1, g->b->now);
}

static void game_call(struct game *g, unsigned i)
{
	struct tcp_stack *s = g->b->s[0];
	sg_time now = g->b->now;
	__u8 buf[5000];
	struct iovec iov[3];

	switch (game_below(g, 12)) {
	case 0:
		tcp_shutdown(s, g->has[i], now);
		break;
	case 1:
		tcp_close(s, g->has[i], now);
		g->has[i] = game_below(g, 4) ? 0 : g->has[i]; /* or goes on with a dead handle */
		break;
	case 2:
		tcp_abort(s, g->has[i], now);
		g->has[i] = 0;
		break;
	case 3:
		if (tcp_send_room(s, g->has[i], iov, 3) > 0)
			tcp_send_done(s, g->has[i], game_below(g, (__u32)iov[0].iov_len + 1), now);
		break;
	case 4:
	case 5:
	case 6:
		tcp_send(s, g->has[i], bytes(0, 65536), game_below(g, 65537), now);
		break;
	default:
		tcp_recv(s, g->has[i], buf, 1 + game_below(g, sizeof(buf)), now);
		break;
	}
}

static void game_output(struct game *g)
{
	struct seg room[32];
	struct actions a = {0, game_below(g, 33), room};

	tcp_output(g->b->s[0], g->b->now, &a);
	for (unsigned i = 0; i < a.n; i++) {
		assert_int_equal(room[i].data_len[0] + room[i].data_len[1], room[i].len);
		assert_true(room[i].len <= TCP_CHUNK);
		assert_true(room[i].opt.nsack <= SEG_SACK_MAX);
	}
}

static void game_time(struct game *g)
{
	static const unsigned bits[] = {16, 20, 22, 24, 28, 30, 32, 36, 38};
	struct seg room[SG_WAYS * BED_BUCKETS];
	struct actions a = {0, SG_ARRAY_SIZE(room), room};

	g->b->now += dice_roll64(&g->d) & ((1ULL << bits[game_below(g, SG_ARRAY_SIZE(bits))]) - 1);
	tcp_expire(g->b->s[0], g->b->now);
	tcp_sweep_halfopen(g->b->s[0], 0, BED_BUCKETS, g->b->now, &a);
}

static void game_knobs(struct game *g)
{
	struct sg_settings *set = &g->b->set;

	set->tcp_abort_on_overflow = game_below(g, 2);
	set->tcp_rmem = 4096u << game_below(g, 10);
	set->tcp_wmem = 4096u << game_below(g, 10);
	set->delack_ms = game_below(g, 500);
	set->user_timeout_ms = game_below(g, 3) ? 0 : game_below(g, 10000);
	set->tcp_early_retrans = game_below(g, 5);
	set->tcp_frto = game_below(g, 3);
	set->tcp_congestion_control = game_below(g, 2);
	set->tcp_rfc1337 = game_below(g, 2);
	set->timewait_ms = 10 + game_below(g, 60000);
	set->tcp_max_tw_buckets = game_below(g, 2 * BED_TIMEWAITS);
	if (game_below(g, 4) == 0) {
		tcp_unlisten(g->b->s[0], 0, g->b->now);
		tcp_listen(g->b->s[0], 0, &g->b->listener);
	}
}

static void game_step(struct game *g)
{
	unsigned i = game_below(g, PEERS);
	struct tcp_event ev;

	switch (game_below(g, 16)) {
	case 0:
		game_time(g);
		break;
	case 1:
	case 2:
		game_syn(g, &g->p[i]);
		break;
	case 3:
		game_accept(g);
		break;
	case 4:
	case 5:
		game_output(g);
		break;
	case 6:
	case 7:
		game_call(g, i);
		break;
	case 8:
		tcp_next_event(g->b->s[0], &ev);
		break;
	case 9:
		if (game_below(g, 16) == 0)
			game_knobs(g);
		break;
	default:
		game_segment(g, &g->p[i]);
		break;
	}
	bed_check(g->b);
}

static void game_play(__u64 seed)
{
	struct game g = {.b = bed_listening(1, 6), .d = {seed}};

	for (unsigned i = 0; i < PEERS; i++)
		peer_init(&g.p[i], g.b, (__u8)i);
	g.b->queues[0].syn_backlog = 12;
	for (unsigned n = 0; n < STEPS; n++)
		game_step(&g);
#define X(name, def, min, max, text) g.b->set.name = def;
	SG_SETTINGS(X)
#undef X
	while (g.b->s[0]->ready.head != NIL) /* not all of it fits `sent` */
		game_output(&g);
	bed_end(g.b);
}

static void test_anything_at_any_time(void **state)
{
	(void)state;
	for (__u64 seed = 1; seed <= SEEDS; seed++) {
		print_message("seed %llu\n", (unsigned long long)seed);
		game_play(seed);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_anything_at_any_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
