/* SPDX-License-Identifier: BSD-2-Clause */
/* Where a ring's bytes are (syngate/channel_ring.h): sizes, rows, and indices that run over. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "syngate/channel_ring.h"

static void test_sound(void **state)
{
	(void)state;
	assert_true(sg_ring_is_sound(SG_RING_CONNS, SG_RING_SIZE));
	assert_true(sg_ring_is_sound(SG_CHANNEL_CHUNK, SG_RING_SIZE_MIN));
	assert_true(sg_ring_is_sound(SG_CHANNEL_SLOTS, 32768)); /* 4 GiB */
	assert_false(sg_ring_is_sound(SG_CHANNEL_SLOTS, 65536));
	assert_true(sg_ring_is_sound(2048, SG_RING_SIZE_MAX));
	assert_false(sg_ring_is_sound(0, SG_RING_SIZE));
	assert_false(sg_ring_is_sound(SG_CHANNEL_CHUNK + 1, SG_RING_SIZE));
	assert_false(sg_ring_is_sound(2 * SG_CHANNEL_SLOTS, SG_RING_SIZE_MIN));
	assert_false(sg_ring_is_sound(SG_RING_CONNS, 0));
	assert_false(sg_ring_is_sound(SG_RING_CONNS, SG_RING_SIZE_MIN / 2));
	assert_false(sg_ring_is_sound(SG_RING_CONNS, 2 * SG_RING_SIZE_MAX));
	assert_false(sg_ring_is_sound(SG_RING_CONNS, 3 * SG_RING_SIZE_MIN));
	assert_false(sg_ring_is_sound(0xffffff00, 0x80000000));
}

/* Everybody's bytes are behind the records and inside the memory, in nobody else's way. */
static void test_places(void **state)
{
	const __u32 conns = 512, size = 8192;
	struct sg_ring_memory *m = NULL;
	__u64 end = sg_ring_head_bytes(conns);

	(void)state;
	assert_true(end >= sizeof(*m) + conns * sizeof(m->ring[0]));
	assert_int_equal(end % SG_RING_PAGE, 0);
	assert_int_equal(sg_ring_conns(sg_ring_bytes(conns, size), size), conns);
	assert_int_equal(sg_ring_conns(sg_ring_bytes(conns, size) - 1, size), 0);
	for (__u32 slot = 0; slot < conns; slot++, end += 2 * size)
		assert_int_equal((uintptr_t)sg_ring_rx((void *)SG_RING_PAGE, conns, size, slot) - SG_RING_PAGE,
				 end);
	assert_int_equal(sg_ring_bytes(conns, size), end);
	assert_int_equal(sg_ring_bytes(SG_CHANNEL_SLOTS, 32768),
			 sg_ring_head_bytes(SG_CHANNEL_SLOTS) + SG_RING_BYTES_MAX);
}

/* Pieces in a row never leave the ring, and all of them together are what was asked for. */
static void test_rows(void **state)
{
	const __u32 size = 4096;

	(void)state;
	assert_int_equal(sg_ring_row(size, 0, 100), 100);
	assert_int_equal(sg_ring_row(size, 4000, 100), 96);
	assert_int_equal(sg_ring_row(size, 4096, 4096), 4096);
	assert_int_equal(sg_ring_row(size, 1, 4096), 4095);
	assert_int_equal(sg_ring_row(size, 0xffffffff, 100), 1);
	for (__u32 i = 0; i < 20000; i++) {
		__u32 at = 0xffffffff - 9000 + i, n = i * 7 % size, sum = 0, row;

		for (; sum < n; sum += row) {
			row = sg_ring_row(size, at + sum, n - sum);
			assert_true(row && ((at + sum) & (size - 1)) + row <= size);
		}
		assert_int_equal(sum, n);
	}
}

/* The line that belongs to one side is not the other's. */
static void test_lines(void **state)
{
	(void)state;
	assert_int_equal(offsetof(struct sg_ring, rx_head) % 64, 0);
	assert_true(offsetof(struct sg_ring, rx_head) >=
		    offsetof(struct sg_ring, tuple) + sizeof(struct sg_tuple));
	assert_int_equal(sizeof(struct sg_ring) % 64, 0);
	assert_int_equal(offsetof(struct sg_ring_memory, ring) % 64, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sound),
		cmocka_unit_test(test_places),
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_lines),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
