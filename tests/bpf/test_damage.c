/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Hostile frames: cut at every byte, one byte changed, many bytes changed. Whatever
 * comes in, one verdict comes out; what is passed is untouched; what is answered is a
 * frame without fault, to where it came from; the queue's length stays true.
 */
#include "rig.h"

static uint64_t seed;

static uint32_t rnd(void)
{
	seed = seed * 6364136223846793005ULL + 1442695040888963407ULL;
	return (uint32_t)(seed >> 33);
}

static __u32 entries(const struct rig *r)
{
	__u32 n = 0;

	for (__u32 i = 0; i < r->f->halfopen_buckets * SG_WAYS; i++) {
		__u64 w = r->f->halfopen[i / SG_WAYS].slot[i % SG_WAYS];

		if (sg_slot_state(w) == SG_SLOT_BUSY)
			fail_msg("a claim was left behind");
		n += sg_slot_state(w) == SG_SLOT_LIVE;
	}
	return n;
}

static int tags_of(const uint8_t *b)
{
	int n = 0;

	while (n < 2 && (get16(b + 12 + 4 * n) == 0x8100 || get16(b + 12 + 4 * n) == 0x88a8))
		n++;
	return n;
}

static void check(struct rig *r, const uint8_t *b, size_t len, const char *what)
{
	struct reply a;

	switch (r->action) {
	case XDP_PASS:
		if (r->out_len != len || memcmp(r->out, b, len))
			fail_msg("%s: passed, but changed", what);
		break;
	case XDP_TX:
		a = rig_reply(r, tags_of(b));
		assert_memory_equal(a.eth, b + 6, 6);
		assert_memory_equal(a.eth + 6, b, 6);
		assert_int_equal(a.data_len, 0);
		break;
	case XDP_REDIRECT:
		if (r->out_len != len || memcmp(r->out, b, len))
			fail_msg("%s: handed over, but changed", what);
		assert_int_equal(r->meta.magic, SG_META_MAGIC);
		break;
	default:
		assert_int_equal(r->action, XDP_DROP);
	}
}

#define SHAPES 12

/* A little of everything that the parser knows. */
static struct spec shape(const struct rig *r, int i)
{
	static const uint8_t ext[] = {0, 43, 60, 51, 255};
	struct spec s = i & 1 ? rig_syn6(r) : rig_syn(r);

	s.tags = i % 3;
	s.tci[0] = 5;
	s.tci[1] = 6;
	s.data = i % 4 == 3 ? 90 : 0;
	if (i >= 4 && i < 8) {
		s.ip_options = i & 1 ? 0 : 16;
		s.ext = ext;
	}
	if (i >= 8) {
		s.flags = ACK;
		s.frag = i >= 10 ? (i & 1 ? 1 : 0x2000) : 0;
	}
	return s;
}

static void test_cut(void **state)
{
	struct rig *r = *state;
	struct frame f;
	char what[64];

	for (int i = 0; i < SHAPES; i++) {
		struct spec s = shape(r, i);

		build(&s, &f);
		for (size_t n = 14; n < f.len; n++) {
			snprintf(what, sizeof(what), "shape %d cut at %zu", i, n);
			rig_run_bytes(r, f.b, n, 0);
			check(r, f.b, n, what);
			if (r->action == XDP_TX)
				fail_msg("%s: answered", what);
			assert_int_equal(entries(r), 0);
		}
	}
	assert_int_equal(r->f->queue[0].halfopen, 0);
}

static void test_one_byte(void **state)
{
	static const uint8_t values[] = {0, 1, 0x7f, 0x80, 0xff};
	struct rig *r = *state;
	struct frame f;
	char what[64];

	rig_socket(r, 0);
	for (int i = 0; i < SHAPES; i++) {
		struct spec s = shape(r, i);

		build(&s, &f);
		for (size_t n = 0; n < f.len && n < f.l4 + 60; n++) {
			uint8_t was = f.b[n];

			for (size_t v = 0; v < sizeof(values); v++) {
				snprintf(what, sizeof(what), "shape %d, byte %zu = %d", i, n,
					 values[v]);
				f.b[n] = values[v];
				rig_run_bytes(r, f.b, f.len, 0);
				check(r, f.b, f.len, what);
			}
			f.b[n] = was;
		}
		assert_int_equal(entries(r), r->f->queue[0].halfopen);
		rig_reset(r);
	}
}

/* Recompute the checksums, so that the damage gets past them. */
static void mend(struct frame *f)
{
	uint8_t *ip = f->b + f->l3, *tcp = f->b + f->l4;

	if (ip[0] >> 4 == 4) {
		put16(ip + 10, 0);
		put16(ip + 10, (uint16_t)~sum16(0, ip, f->l4 - f->l3));
	}
	put16(tcp + 16, 0);
	put16(tcp + 16, tcp_sum(ip, tcp, f->len - f->l4));
}

static void mangle(struct frame *f, size_t from)
{
	for (uint32_t n = 1 + rnd() % 6; n; n--) {
		size_t at = from + rnd() % (f->len - from);

		f->b[at] = rnd() & 1 ? (uint8_t)rnd() : f->b[at] ^ (uint8_t)(1 << rnd() % 8);
	}
}

static void test_random(void **state)
{
	int rounds = getenv("ROUNDS") ? atoi(getenv("ROUNDS")) : 60000;
	struct rig *r = *state;
	struct frame f;
	char what[64];

	seed = getenv("SEED") ? strtoull(getenv("SEED"), NULL, 0) : 1;
	print_message("SEED=%llu ROUNDS=%d\n", (unsigned long long)seed, rounds);
	rig_socket(r, 0);
	for (int i = 0; i < rounds; i++) {
		struct spec s = shape(r, (int)(rnd() % SHAPES));

		snprintf(what, sizeof(what), "round %d", i);
		s.sport = (uint16_t)(1000 + rnd() % 50);
		build(&s, &f);
		if (rnd() % 2) {
			mangle(&f, 12);
		} else {
			mangle(&f, f.l4 + 4); /* numbers, flags, options */
			mend(&f);
		}
		rig_run_bytes(r, f.b, f.len, 0);
		check(r, f.b, f.len, what);
		if (i % 1000)
			continue;
		assert_int_equal(entries(r), r->f->queue[0].halfopen);
		rig_reset(r);
	}
}

int main(void)
{
#define T(x) cmocka_unit_test_setup_teardown(x, rig_setup, rig_teardown)
	const struct CMUnitTest tests[] = {
		T(test_cut),
		T(test_one_byte),
		T(test_random),
	};

	rig_namespace();
	return cmocka_run_group_tests_name("damage", tests, NULL, NULL);
}
