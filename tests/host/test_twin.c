/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The XDP program in the kernel and on the host, frame for frame: the table of malformed
 * frames, frames cut at every byte, with one byte changed, with many changed. The
 * sanitizers watch the host's.
 */
#include "../bpf/malformed.h"
#include "twin.h"

static const char *const past_names[] = {"no past", "half-open", "established", "TIME_WAIT"};

static struct good good(const struct twin *t, bool v6)
{
	return (struct good){.syn = v6 ? rig_syn6(&t->r) : rig_syn(&t->r)};
}

/* --- the table ---------------------------------------------------------------------------- */

static void run_row(struct twin *t, const struct malformed *m, bool v6, enum past past)
{
	struct good g = good(t, v6);
	struct frame f;
	struct spec s;
	char what[128];

	snprintf(what, sizeof(what), "%s, IPv%d, %s", m->name, v6 ? 6 : 4, past_names[past]);
	twin_past(t, &g, past);
	s = good_segment(&g, past);
	malformed_build(m, &s, &f);
	twin_run(t, f.b, f.len, 0, what);
	if (t->r.verdict != malformed_verdict(m, past))
		fail_msg("%s: %s, expected %s", what, rig_verdict_names[t->r.verdict],
			 rig_verdict_names[malformed_verdict(m, past)]);
}

static void test_table(void **state)
{
	struct twin *t = *state;

	for (size_t i = 0; i < MALFORMED; i++)
		for (int v6 = 0; v6 < 2; v6++)
			for (int past = 0; past < PASTS && malformed_is_of(&malformed[i], v6);
			     past++)
				run_row(t, &malformed[i], v6, (enum past)past);
}

/* --- cut ----------------------------------------------------------------------------------- */

static const uint8_t all_ext[] = {0, 43, 60, 51, 255};

/* The same in a longer dress: tags, IP options or extension headers. */
static void dress(struct spec *s, int how)
{
	s->tags = how & 3;
	s->tci[0] = 5;
	s->tci[1] = 6;
	if (how & 4 && spec_v6(s))
		s->ext = all_ext;
	else if (how & 4)
		s->ip_options = 16;
}

#define DRESSES 8

static void run_cuts(struct twin *t, bool v6, int how, enum past past)
{
	struct good g = good(t, v6);
	struct frame f;
	struct spec s;
	char what[128];

	dress(&g.syn, how);
	twin_past(t, &g, past);
	s = good_segment(&g, past);
	build(&s, &f);
	for (size_t len = ETH_HLEN; len < f.len; len++) {
		snprintf(what, sizeof(what), "IPv%d, %s, dress %d, cut at %zu", v6 ? 6 : 4,
			 past_names[past], how, len);
		twin_run(t, f.b, len, 0, what);
		if (t->r.verdict != malformed_cut_verdict(&f, len, past))
			fail_msg("%s: %s, expected %s", what, rig_verdict_names[t->r.verdict],
				 rig_verdict_names[malformed_cut_verdict(&f, len, past)]);
	}
	/* shorter than the kernel lets a test frame be */
	for (size_t len = 0; len < ETH_HLEN; len++) {
		driver_run(f.b, len, 0);
		assert_int_equal(driver.verdict, SG_V_PASS_NOT_TCP);
	}
}

static void test_cut_at_every_byte(void **state)
{
	for (int how = 0; how < DRESSES; how++)
		for (int past = 0; past < PASTS && (how & 3) < 3; past++)
			for (int v6 = 0; v6 < 2; v6++)
				run_cuts(*state, v6, how, (enum past)past);
}

/* --- changed ------------------------------------------------------------------------------- */

/* An ICMP error that quotes a segment of ours on this flow; it is `f` afterwards. */
static void quote(const struct spec *s, struct frame *f)
{
	struct spec ours = *s, outer = *s;
	bool v6 = spec_v6(s);
	struct frame q;
	size_t n;

	ours.src = s->dst;
	ours.dst = s->src;
	ours.sport = s->dport;
	ours.dport = s->sport;
	ours.tags = 0;
	build(&ours, &q);
	n = q.l4 + 8 - q.l3;
	outer.proto = v6 ? 58 : 1;
	outer.data = 100;
	build(&outer, f);
	memset(f->b + f->l4, 0, 8);
	f->b[f->l4] = v6 ? 2 : 3;
	memcpy(f->b + f->l4 + 8, q.b + q.l3, n);
	bend_cut(f, (uint32_t)(8 + n));
}

#define KINDS_TCP (2 * PASTS * DRESSES)
#define KINDS	  (KINDS_TCP + 16) /* the last ones: ICMP errors */

/* A good frame of any kind, on the tuple that has this past. */
static void any_frame(struct twin *t, struct good *g, int kind, struct frame *f)
{
	enum past past = (enum past)(kind % PASTS);
	int how = kind / (2 * PASTS) % DRESSES;
	struct spec s;

	*g = good(t, kind / PASTS & 1);
	dress(&g->syn, (how & 3) == 3 ? how - 1 : how); /* three tags are nobody's */
	twin_past(t, g, past);
	s = good_segment(g, past);
	build(&s, f);
	if (kind >= KINDS_TCP)
		quote(&s, f);
}

static void test_one_byte(void **state)
{
	static const uint8_t values[] = {0, 1, 0x7f, 0x80, 0xff};
	struct twin *t = *state;
	struct frame f;
	struct good g;
	char what[64];

	for (int kind = 0; kind < KINDS; kind += 3) {
		any_frame(t, &g, kind, &f);
		for (size_t n = 0; n < f.len; n++) {
			uint8_t was = f.b[n];

			snprintf(what, sizeof(what), "kind %d, byte %zu", kind, n);
			for (size_t v = 0; v < sizeof(values); v++) {
				f.b[n] = values[v];
				twin_run(t, f.b, f.len, 0, what);
			}
			f.b[n] = was;
		}
	}
}

static uint64_t seed;

static uint32_t rnd(void)
{
	seed = seed * 6364136223846793005ULL + 1442695040888963407ULL;
	return (uint32_t)(seed >> 33);
}

static void mangle(struct frame *f, size_t from)
{
	for (uint32_t n = 1 + rnd() % 6; n; n--) {
		size_t at = from + rnd() % (f->len - from);

		f->b[at] = rnd() & 1 ? (uint8_t)rnd() : f->b[at] ^ (uint8_t)(1 << rnd() % 8);
	}
}

/* Anywhere; or in TCP's numbers, flags and options, with checksums that are right; and cut. */
static void damage(struct frame *f, int kind)
{
	if (kind >= KINDS_TCP || rnd() % 2) {
		mangle(f, 12);
	} else {
		mangle(f, f->l4 + 4);
		mend(f);
	}
	if (rnd() % 8 == 0)
		f->len = ETH_HLEN + rnd() % (f->len - ETH_HLEN);
}

static __u32 entries(const struct rig *r)
{
	__u32 n = 0;

	for (__u32 i = 0; i < r->f->halfopen.buckets * SG_WAYS; i++) {
		__u64 w = r->f->halfopen.ways[i / SG_WAYS].slot[i % SG_WAYS];

		if (sg_slot_state(w) == SG_SLOT_BUSY)
			fail_msg("a claim was left behind");
		n += sg_slot_state(w) == SG_SLOT_LIVE;
	}
	return n;
}

static void test_random(void **state)
{
	int rounds = getenv("ROUNDS") ? atoi(getenv("ROUNDS")) : 100000;
	uint64_t first = getenv("SEED") ? strtoull(getenv("SEED"), NULL, 0) : rig_ms64();
	__u32 seen[SG_VERDICT_COUNT] = {};
	struct twin *t = *state;
	struct frame f;
	struct good g;
	char what[96];
	int kind = 0;

	print_message("ROUNDS=%d SEED=%llu\n", rounds, (unsigned long long)first);
	seed = first;
	for (int i = 0; i < rounds; i++) {
		struct frame bent;

		if (i % 10 == 0) {
			kind = (int)(rnd() % KINDS);
			any_frame(t, &g, kind, &f);
		}
		bent = f;
		damage(&bent, kind);
		snprintf(what, sizeof(what), "SEED=%llu, round %d", (unsigned long long)first, i);
		twin_run(t, bent.b, bent.len, i & 1, what);
		seen[t->r.verdict]++;
		assert_int_equal(entries(&t->r), t->r.f->queue[0].halfopen);
	}
	for (int v = 0; v < SG_VERDICT_COUNT; v++)
		if (seen[v])
			print_message("%8u %s\n", seen[v], rig_verdict_names[v]);
}

/* --- beyond the first page ------------------------------------------------------------------ */

static void test_jumbo_frames(void **state)
{
	static const int sizes[] = {1460, 3400, 3466, 3467, 3600, 5000, 8900};
	struct twin *t = *state;
	struct frame f;
	struct spec s;
	char what[64];

	for (size_t i = 0; i < 2 * SG_ARRAY_SIZE(sizes); i++) {
		struct good g = good(t, i & 1);

		snprintf(what, sizeof(what), "SYN with %d bytes", sizes[i / 2]);
		twin_past(t, &g, PAST_NONE);
		s = g.syn;
		s.data = sizes[i / 2];
		build(&s, &f);
		twin_run(t, f.b, f.len, 0, what);
		rig_expect(&t->r, what, XDP_TX, SG_V_SYNACK_SENT);
		rig_reset(&t->r);
		f.b[f.len - 1] ^= 1;
		twin_run(t, f.b, f.len, 0, what);
		rig_expect(&t->r, what, XDP_DROP, SG_V_BAD_CHECKSUM);
		twin_run(t, f.b, f.len - 1, 0, what);
		rig_expect(&t->r, what, XDP_DROP, SG_V_BAD_IP);
	}
}

int main(void)
{
#define T(x) cmocka_unit_test_setup_teardown(x, twin_setup, twin_teardown)
	const struct CMUnitTest tests[] = {
		T(test_table),	T(test_cut_at_every_byte), T(test_one_byte),
		T(test_random), T(test_jumbo_frames),
	};

	rig_namespace();
	return cmocka_run_group_tests_name("twin", tests, NULL, NULL);
}
