/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Slots of the memory that a program shares with us: which are free, generations, options, facts. The program's
 * part is played here; the engine is a fake.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>

#include "app/library.c"
#include "app/libslot.c"

static struct sg_tcp_counters mib;
static struct app app = {.mib = &mib};
static struct library *lib;
static int set[TCP_OPT_ERROR + 1]; /* as the engine was told last */
static unsigned sets;

int tcp_set_opt(struct tcp_stack *s, tcp_id id, enum tcp_opt opt, int value, sg_time now)
{
	(void)s;
	(void)id;
	(void)now;
	sets++;
	set[opt] = value;
	return opt == TCP_OPT_KEEPCNT && value > 127 ? -EINVAL : 0;
}

int tcp_get_opt(struct tcp_stack *s, tcp_id id, enum tcp_opt opt, int *value)
{
	(void)s;
	(void)id;
	*value = set[opt];
	return 0;
}

int tcp_info(const struct tcp_stack *s, tcp_id id, sg_time now, struct tcp_facts *f)
{
	(void)s;
	(void)now;
	*f = (struct tcp_facts){.state = TCP_CLOSE_WAIT, .mss = (__u32)id, .cc = "cubic", .ca = "loss"};
	return 0;
}

static int begin(void **state)
{
	(void)state;
	memset(set, 0, sizeof(set));
	mib.ProgramRefused = sets = 0;
	return library_new(&lib, eventfd(0, EFD_CLOEXEC));
}

static int end(void **state)
{
	(void)state;
	library_put(lib);
	return 0;
}

/* --- which are free -------------------------------------------------------------------------- */

/* Each source is sure of a chunk, however many others have taken; all are given back. */
static void test_chunks(void **state)
{
	(void)state;
	for (int round = 0; round < 2; round++) {
		assert_int_equal(library_source(lib), 0);
		assert_int_equal(library_chunk(lib, 0), 0);
		for (__u32 i = SG_CHANNEL_SOURCES; i < SG_CHANNEL_CHUNKS; i++)
			assert_int_equal(library_chunk(lib, 0), i);
		assert_int_equal(library_chunk(lib, 0), -ENOSPC);
		for (int i = 1; i < SG_CHANNEL_SOURCES; i++) {
			assert_int_equal(library_source(lib), i);
			assert_int_equal(library_chunk(lib, (__u32)i), i);
			assert_int_equal(library_chunk(lib, (__u32)i), -ENOSPC);
		}
		assert_int_equal(library_source(lib), -ENOSPC);
		library_source_back(lib, 17);
		assert_int_equal(library_source(lib), 17);
		for (__u32 i = 0; i < SG_CHANNEL_SOURCES; i++)
			library_source_back(lib, i);
		for (__u32 i = 0; i < SG_CHANNEL_CHUNKS; i++)
			library_chunk_back(lib, i);
	}
}

static void test_taken_and_given(void **state)
{
	const __u32 most = (SG_CHANNEL_CHUNKS - SG_CHANNEL_SOURCES + 1) * SG_CHANNEL_CHUNK;
	struct libslot *l = calloc(most + 1, sizeof(*l));
	struct libslots s;

	(void)state;
	assert_non_null(l);
	libslots_init(&s, lib, 5);
	for (__u32 i = 0; i < most; i++) {
		libslot_take(&s, &l[i], i);
		assert_int_not_equal(l[i].slot, SG_CHANNEL_NO_SLOT);
		assert_int_equal(l[i].gen, 1);
		assert_int_equal(lib->memory->slot[l[i].slot].state, 1ULL << 32);
	}
	assert_int_equal(l[0].slot, 5 * SG_CHANNEL_CHUNK);
	libslot_take(&s, &l[most], most);
	assert_int_equal(l[most].slot, SG_CHANNEL_NO_SLOT);
	libslot_tell(&l[most], ECONNRESET);
	assert_int_equal(libslot_look(&app, &l[most]), 0);
	libslot_give(&l[most]);
	/* what was given back first is used first */
	libslot_give(&l[7]);
	libslot_give(&l[3]);
	libslot_take(&s, &l[most], most);
	assert_int_equal(l[most].slot, l[7].slot);
	assert_int_equal(l[most].gen, 2);
	libslot_take(&s, &l[7], 7);
	assert_int_equal(l[7].slot, l[3].slot);
	libslots_free(&s);
	/* whoever gets the chunk next goes on with the generations */
	libslots_init(&s, lib, 5);
	libslot_take(&s, &l[0], 0);
	assert_int_equal(l[0].gen, 2);
	libslots_free(&s);
	free(l);
}

/* --- what the program writes ------------------------------------------------------------------ */

static void program_wants(const struct libslot *l, __u32 gen, __u32 state)
{
	lib->memory->slot[l->slot].state = (__u64)gen << 32 | state;
}

static void test_flags(void **state)
{
	struct libslots s;
	struct libslot l;

	(void)state;
	libslots_init(&s, lib, 0);
	libslot_take(&s, &l, 1);
	assert_int_equal(libslot_look(&app, &l), 0);
	assert_int_equal(sets, 0);
	program_wants(&l, 1, SG_CHANNEL_NODELAY | SG_CHANNEL_CLOSED);
	assert_int_equal(libslot_look(&app, &l), SG_CHANNEL_NODELAY | SG_CHANNEL_CLOSED);
	assert_int_equal(libslot_look(&app, &l), SG_CHANNEL_NODELAY | SG_CHANNEL_CLOSED);
	assert_int_equal(sets, 1); /* no more often than it changes */
	assert_int_equal(set[TCP_OPT_NODELAY], 1);
	program_wants(&l, 1, SG_CHANNEL_CORK);
	libslot_look(&app, &l);
	assert_int_equal(set[TCP_OPT_NODELAY], 0);
	assert_int_equal(set[TCP_OPT_CORK], 1);
	program_wants(&l, 2, SG_CHANNEL_RESET); /* of another generation: nothing */
	assert_int_equal(libslot_look(&app, &l), SG_CHANNEL_CORK);
	libslots_free(&s);
}

static void ring(struct libslots *s, __u32 slot)
{
	lib->memory->ask[slot / 64] |= 1ULL << slot % 64;
	libslots_serve(s, &app);
	assert_int_equal(lib->memory->ask[slot / 64], 0);
}

/* A share at a time, whoever asks: nothing is lost, and nobody waits for long. */
static void test_shares(void **state)
{
	const __u32 all = 8 * SG_CHANNEL_CHUNK;
	struct libslot *l = calloc(all, sizeof(*l));
	struct libslots s;
	__u32 left = all;

	(void)state;
	assert_non_null(l);
	libslots_init(&s, lib, 0);
	for (__u32 i = 0; i < all; i++) {
		libslot_take(&s, &l[i], i);
		lib->memory->ask[l[i].slot / 64] |= 1ULL << l[i].slot % 64;
	}
	for (int round = 0; round < 2; round++) {
		libslots_serve(&s, &app);
		left = 0;
		for (__u32 i = 0; i < SG_CHANNEL_SLOTS / 64; i++)
			left += (__u32)__builtin_popcountll(lib->memory->ask[i]);
		assert_int_equal(left, round ? 0 : all - LIBSLOT_SHARE);
		assert_int_equal(libslots_asked(&s), left > 0);
	}
	libslots_serve(&s, &app);
	assert_false(s.more);
	libslots_free(&s);
	free(l);
}

static void test_options(void **state)
{
	struct libslots s;
	struct libslot l;

	(void)state;
	libslots_init(&s, lib, 0);
	libslot_take(&s, &l, 1);
	lib->memory->slot[l.slot].option[SG_CHANNEL_KEEPIDLE] = 77;
	lib->memory->slot[l.slot].option[SG_CHANNEL_TTL] = 9;
	program_wants(&l, 1, SG_CHANNEL_SET(SG_CHANNEL_KEEPIDLE));
	ring(&s, l.slot);
	assert_int_equal(set[TCP_OPT_KEEPIDLE], 77);
	assert_int_equal(set[TCP_OPT_TTL], 0); /* that one does not count */
	assert_int_equal(mib.ProgramRefused, 0);
	lib->memory->slot[l.slot].option[SG_CHANNEL_KEEPCNT] = 128;
	program_wants(&l, 1, 0xffffffff);
	ring(&s, l.slot);
	assert_int_equal(set[TCP_OPT_TTL], 9);
	assert_int_equal(mib.ProgramRefused, 1);
	libslots_free(&s);
}

static void test_facts(void **state)
{
	struct sg_channel_facts *f;
	struct libslots s;
	struct libslot l;

	(void)state;
	libslots_init(&s, lib, 0);
	libslot_take(&s, &l, 1234);
	f = &lib->memory->facts[l.slot];
	ring(&s, l.slot); /* nothing is asked for */
	assert_int_equal(f->version, 0);
	lib->memory->slot[l.slot].asked = 3;
	ring(&s, l.slot);
	assert_int_equal(f->answered, 3);
	assert_int_equal(f->version & 1, 0);
	assert_int_equal(f->gen, 1);
	assert_int_equal(f->mss, 1234);
	assert_int_equal(f->state, 8); /* Linux's TCP_CLOSE_WAIT */
	assert_int_equal(f->ca, 4);
	assert_string_equal(f->cc, "cubic");
	libslot_give(&l);
	lib->memory->slot[l.slot].asked = 4; /* who asks too late is answered all the same */
	ring(&s, l.slot);
	assert_int_equal(f->answered, 4);
	assert_int_equal(f->gen, 0);
	memset(lib->memory, 0xff, sizeof(*lib->memory)); /* bits of chunks that are not ours */
	ring(&s, l.slot);
	assert_int_equal(lib->memory->ask[SG_CHANNEL_CHUNK / 64], (__u64)-1);
	libslots_free(&s);
}

/* --- rings ----------------------------------------------------------------------------------- */

/* A chunk that is not needed is somebody else's who does; the one that each is sure of is not. */
static void test_spare(void **state)
{
	struct libslot l[2 * SG_CHANNEL_CHUNK], other;
	struct libslots a, b;
	bool second = false;

	(void)state;
	assert_int_equal(library_rings(lib, 2 * SG_CHANNEL_CHUNK, SG_RING_SIZE_MIN, 1), 0);
	libslots_init(&a, lib, 0);
	libslots_init(&b, lib, 1);
	for (__u32 i = 0; i < 2 * SG_CHANNEL_CHUNK; i++)
		libslot_take(&a, &l[i], i);
	assert_false(libslots_room(&b));
	assert_true(lib->hungry);
	for (__u32 i = 0; i < 2 * SG_CHANNEL_CHUNK; i++) {
		second = l[i].slot / SG_CHANNEL_CHUNK == 1;
		if (second)
			libslots_spare(&a); /* not yet */
		assert_false(libslots_room(&b));
		lib->memory->slot[l[i].slot].state |= SG_CHANNEL_CLOSED;
		libslot_give(&l[i]);
	}
	assert_true(second);
	libslots_spare(&a);
	assert_false(lib->hungry);
	assert_true(libslots_room(&b));
	for (__u32 i = 0; i < SG_CHANNEL_CHUNK; i++) {
		libslot_take(&a, &l[i], i);
		assert_true(l[i].slot < SG_CHANNEL_CHUNK);
		assert_int_equal(l[i].gen, 2);
	}
	assert_false(libslots_room(&a));
	libslot_take(&b, &other, 1);
	assert_int_equal(other.slot / SG_CHANNEL_CHUNK, 1);
	libslots_free(&a);
	libslots_free(&b);
}

/* What the program has not let go of is nobody's, even when its worker has gone. */
static void test_held(void **state)
{
	struct libslots s;
	struct libslot l;

	(void)state;
	assert_int_equal(library_rings(lib, SG_CHANNEL_CHUNK, SG_RING_SIZE_MIN, 0), 0);
	libslots_init(&s, lib, 3);
	libslot_take(&s, &l, 1);
	assert_int_equal(l.slot, 0);
	libslot_hold(&l);
	libslots_free(&s);
	libslots_init(&s, lib, 4);
	assert_false(libslots_room(&s));
	lib->memory->slot[l.slot].state |= SG_CHANNEL_CLOSED;
	assert_true(libslots_room(&s));
	libslots_free(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_chunks, begin, end),
		cmocka_unit_test_setup_teardown(test_taken_and_given, begin, end),
		cmocka_unit_test_setup_teardown(test_flags, begin, end),
		cmocka_unit_test_setup_teardown(test_shares, begin, end),
		cmocka_unit_test_setup_teardown(test_options, begin, end),
		cmocka_unit_test_setup_teardown(test_facts, begin, end),
		cmocka_unit_test_setup_teardown(test_spare, begin, end),
		cmocka_unit_test_setup_teardown(test_held, begin, end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
