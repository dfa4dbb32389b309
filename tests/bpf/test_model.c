/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A million random frames through the XDP program and through the plain model of it (model.h):
 * the same verdict and action each time, the same bytes sent, the same word to the worker, and
 * what passes or is handed over untouched.
 *
 *	FRAMES=N   so many (1,000,000)     SEED=N   other ones (1)
 *	START=N    replay: from frame N on, which a failure names; FRAMES counts from there
 *
 * Frames come in rounds of ROUND, each with settings, listeners and pairs of its own and empty
 * tables, so that a replay has only the beginning of one round to repeat.
 */
#include "both.h"

#define ROUND 16384

/* What the model calls a verdict is the name of its counter. */
static const char *const names[] = {
#define X(id, name, text) #name,
	SG_VERDICTS(X)
#undef X
};

/* What no frame of these does, and where it is tested instead. */
static const char *const elsewhere[] = {
	"AnswerFailed", /* no room: test_synack */
};

static const int actions[] = {
	[MODEL_PASS] = XDP_PASS,
	[MODEL_DROP] = XDP_DROP,
	[MODEL_TX] = XDP_TX,
	[MODEL_REDIRECT] = XDP_REDIRECT,
};

/* --- a frame --------------------------------------------------------------------------------- */

static uint64_t coarse_clock(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC_COARSE, &ts);
	return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

/* Through the program. Returns how many counters moved: 1. */
static uint64_t run(struct both *t, const struct frame *f, unsigned queue)
{
	struct rig *r = &t->r;
	struct xdp_md in = {
		.data_end = (__u32)f->len,
		.ingress_ifindex = r->ifindex,
		.rx_queue_index = queue,
	};
	struct xdp_md ctx = {};
	LIBBPF_OPTS(bpf_test_run_opts, o, .data_in = f->b, .data_size_in = (__u32)f->len,
		    .data_out = r->out, .data_size_out = sizeof(r->out), .ctx_in = &in,
		    .ctx_size_in = sizeof(in), .ctx_out = &ctx, .ctx_size_out = sizeof(ctx));
	struct sg_counters after;
	const __u64 *x = (const void *)&t->before, *y = (const void *)&after;
	uint64_t moved = 0;

	if (bpf_prog_test_run_opts(front_prog_fd(r->f), &o))
		fail_msg("test run of %zu bytes: %s", f->len, strerror(errno));
	assert_int_equal(front_counters(r->f, &after), 0);
	for (int i = 0; i < SG_VERDICT_COUNT; i++) {
		moved += y[i] - x[i];
		if (y[i] != x[i])
			r->verdict = (enum sg_verdict)i;
	}
	t->before = after;
	r->action = (int)o.retval;
	memset(&r->meta, 0, sizeof(r->meta));
	if (ctx.data == sizeof(r->meta))
		memcpy(&r->meta, r->out, sizeof(r->meta));
	r->out_len = o.data_size_out - ctx.data;
	memmove(r->out, r->out + ctx.data, r->out_len);
	return moved;
}

static bool same_agreed(const struct sg_meta *m, const struct model_agreed *g)
{
	__u8 opts = (__u8)(g->scaled ? g->wscale : SG_OPT_NO_WSCALE);

	opts |= (g->sack ? SG_OPT_SACK : 0) | (g->ts ? SG_OPT_TS : 0) | (g->ecn ? SG_OPT_ECN : 0);
	return m->opts == opts && m->irs == g->irs && m->listener == g->listener;
}

/* What goes in front of a frame that is handed over. */
static bool same_note(const struct sg_meta *m, const struct model_outcome *o)
{
	static const __u8 kinds[] = {
		[MODEL_NOTE_NONE] = SG_META_NONE,      [MODEL_FLOW] = SG_META_FLOW,
		[MODEL_HANDSHAKE] = SG_META_HANDSHAKE, [MODEL_QUOTED] = SG_META_ICMP,
		[MODEL_COOKIE] = SG_META_COOKIE,
	};
	const struct model_agreed *g = &o->agreed;

	if (m->magic != SG_META_MAGIC || m->kind != kinds[o->note] || m->owner != o->owner ||
	    m->l3_off != o->seg.l3 || m->l4_off != o->seg.l4)
		return false;
	if (o->note == MODEL_HANDSHAKE)
		return same_agreed(m, g) && m->when == (uint32_t)g->when && m->mss == g->mss &&
		       m->tsval == g->tsval;
	if (o->note == MODEL_COOKIE) /* its MSS is rounded down, to 88 at least */
		return same_agreed(m, g) && m->mss <= g->mss && m->mss >= 88;
	return true;
}

/* NULL, or in which the driver is not like the model. */
static const char *difference(const struct both *t, const struct frame *f, struct model_outcome *o)
{
	const struct rig *r = &t->r;
	const char *wrong;

	if (strcmp(names[r->verdict], o->verdict) != 0)
		return "verdict";
	if (r->action != actions[o->action])
		return "action";
	wrong = model_learn(&t->m, o, r->out, r->out_len);
	if (wrong)
		return wrong;
	if (o->action == MODEL_TX &&
	    (r->out_len != o->answer_len || memcmp(r->out, o->answer, o->answer_len) != 0))
		return "bytes of the answer";
	if ((o->action == MODEL_PASS || o->action == MODEL_REDIRECT) &&
	    (r->out_len != f->len || memcmp(r->out, f->b, f->len) != 0))
		return "a frame that is not untouched";
	if (o->action == MODEL_REDIRECT && !same_note(&r->meta, o))
		return "what the worker is told";
	return NULL;
}

/* A guess at a cookie is right once in 2^22 times: one of these may happen. */
static bool lucky_guess(struct both *t, const struct model_outcome *o)
{
	return t->r.verdict == SG_V_STEER_COOKIE && !strcmp(o->verdict, "SteerNoCookie") &&
	       t->guesses++ == 0;
}

static void dump(const char *what, const uint8_t *b, size_t n)
{
	printf("%s, %zu bytes:", what, n);
	for (size_t i = 0; i < n; i++)
		printf("%s%02x", i % 32 ? i % 2 ? "" : " " : "\n\t", b[i]);
	printf("\n");
}

static void report(const struct both *t, const struct frame *f, const struct model_outcome *o,
		   const char *what)
{
	const struct rig *r = &t->r;

	dump("frame", f->b, f->len);
	if (r->action == XDP_TX)
		dump("sent", r->out, r->out_len);
	if (o->action == MODEL_TX)
		dump("expected", o->answer, o->answer_len);
	if (r->action == XDP_REDIRECT)
		dump("metadata", (const void *)&r->meta, sizeof(r->meta));
	fail_msg("%s: %s %s, expected %s %s (frame %llu, RX queue %u; "
		 "replay: SEED=%llu START=%llu FRAMES=1)",
		 what, rig_action_names[r->action], names[r->verdict],
		 rig_action_names[actions[o->action]], o->verdict, (unsigned long long)t->index,
		 o->queue, (unsigned long long)t->seed, (unsigned long long)t->index);
}

/* One frame through both. */
static void frame_both(struct both *t, const struct frame *f, unsigned queue)
{
	uint64_t now, moved, then, ns;
	struct model_outcome o;
	const char *wrong;

	model_parse(&t->m, f->b, f->len, &o.seg);
	t->m.no_slot = both_is_full(t, &o.seg.pair);
	now = coarse_clock();
	moved = run(t, f, queue);
	then = coarse_clock();
	if (moved != 1)
		fail_msg("one frame, %llu verdicts", (unsigned long long)moved);
	t->count[t->r.verdict]++;
	ns = now == then ? now : both_driver_clock(t);
	if (ns < now) /* it did not look */
		ns = now;
	model_decide(&t->m, f->b, f->len, queue, ns, &o);
	wrong = difference(t, f, &o);
	if (!wrong)
		model_commit(&t->m, &o);
	else if (!lucky_guess(t, &o))
		report(t, f, &o, wrong);
}

/* Somebody of this round; or anybody, as in a flood. */
static struct actor *somebody(struct both *t)
{
	static struct actor other;

	if (percent(&t->dice, 85))
		return &t->stage[below(&t->dice, t->actors)];
	actor_make(t->seed, below(&t->dice, ACTORS), &other);
	return &other;
}

static void next_frame(struct both *t)
{
	static struct frame f;
	const struct actor *a;
	struct model_peer *p;
	unsigned queue;

	dice_seed(&t->dice, t->seed, 2 * t->index + 1); /* whatever went before */
	a = somebody(t);
	queue = percent(&t->dice, 5);
	random_frame(&t->dice, &t->m, a, &f);
	frame_both(t, &f, queue);
	p = model_peer(&t->m, &a->pair);
	if (p && p->is_half && t->r.verdict == SG_V_STEER_HANDSHAKE && percent(&t->dice, 10))
		both_entry_goes(t, p);
	if (percent(&t->dice, 4))
		both_event(t);
}

/* --- all of them ----------------------------------------------------------------------------- */

static uint64_t number_of(const char *name, uint64_t otherwise)
{
	const char *text = getenv(name);

	return text ? strtoull(text, NULL, 0) : otherwise;
}

static bool is_elsewhere(const char *name)
{
	for (size_t i = 0; i < SG_ARRAY_SIZE(elsewhere); i++)
		if (!strcmp(elsewhere[i], name))
			return true;
	return false;
}

/* Who compares nothing finds nothing: each verdict comes up, most of them thousands of times. */
static void check_all_seen(const struct both *t)
{
	for (int i = 0; i < SG_VERDICT_COUNT; i++) {
		printf("%10llu %s\n", (unsigned long long)t->count[i], names[i]);
		if (is_elsewhere(names[i]))
			assert_int_equal(t->count[i], 0);
		else if (t->count[i] < 100)
			fail_msg("%s: %llu of a million", names[i],
				 (unsigned long long)t->count[i]);
	}
}

/* RFC 6528 3, 7323 5.4: who knows one pair's numbers knows no other's. 2 in 2^32 are equal. */
static void check_keyed(const struct both *t)
{
	size_t pairs, shared = model_shared(&t->m, &pairs);

	assert_true(pairs > 1000);
	if (shared > 5)
		fail_msg("%zu of %zu pairs have the numbers of others", shared, pairs);
}

/* Nobody was counted twice, or forgotten. */
static void check_lengths(const struct both *t)
{
	for (int i = 0; i < MODEL_LISTENERS - 1; i++)
		if (t->r.f->queue[i].halfopen != t->m.listener[i].halfopen)
			fail_msg("listener %d: %u half open, expected %u (frame %llu)", i,
				 t->r.f->queue[i].halfopen, t->m.listener[i].halfopen,
				 (unsigned long long)t->index);
}

static void test_million(void **state)
{
	struct both *t = *state;
	uint64_t start = number_of("START", 0), frames = number_of("FRAMES", 1000000);

	t->seed = number_of("SEED", 1);
	for (t->index = start - start % ROUND; t->index < start + frames; t->index++) {
		if (t->index % ROUND == 0)
			both_begin(t);
		next_frame(t);
		check_lengths(t);
	}
	if (frames < 1000000)
		return;
	check_all_seen(t);
	check_keyed(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_million, both_setup, both_teardown),
	};

	rig_namespace();
	return cmocka_run_group_tests_name("model", tests, NULL, NULL);
}
