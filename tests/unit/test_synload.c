/* SPDX-License-Identifier: BSD-2-Clause */
/* The traffic generator's arithmetic: its histogram, its sources. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "../../tools/synload/latency.h"
#include "../../tools/synload/permute.h"

/* Buckets go up one by one, and a bucket's middle is at most 1/32 off. */
static void bucket_is_near(void **state)
{
	__u32 before = 0;

	(void)state;
	for (__u64 v = 0; v <= 0xffffffff; v += v < 100000 ? 1 : v / 1000) {
		__u32 i = sl_bucket((__u32)v);
		__u64 middle = sl_bucket_middle(i), off = middle > v ? middle - v : v - middle;

		assert_in_range(i, before, before + 1);
		assert_in_range(i, 0, SL_BUCKETS - 1);
		assert_true(off * 32 <= v);
		before = i;
	}
	assert_int_equal(sl_bucket(0xffffffff), SL_BUCKETS - 1);
}

static void short_times_are_exact(void **state)
{
	(void)state;
	for (__u32 v = 0; v < 32; v++)
		assert_int_equal(sl_bucket_middle(sl_bucket(v)), v);
}

/* Each number of so many bits once, whatever the seed. */
static void permutation_has_no_twins(void **state)
{
	const __u64 seeds[] = {0, 1, 0x123456789abcdefull, ~0ull};
	unsigned char *seen = malloc(1 << 17);

	(void)state;
	assert_non_null(seen);
	for (__u32 bits = 0; bits <= 17; bits++)
		for (size_t s = 0; s < SG_ARRAY_SIZE(seeds); s++) {
			__u64 end = (1ull << bits) - 1;

			memset(seen, 0, 1 << 17);
			for (__u64 n = 0; n <= end; n++) {
				__u64 x = sl_permute(n, end, bits, seeds[s]);

				assert_in_range(x, 0, end);
				assert_false(seen[x]);
				seen[x] = 1;
			}
		}
	free(seen);
}

/* Neighbours do not stay together: of 1,000 in a row, each sixteenth of the prefix has some. */
static void permutation_scatters(void **state)
{
	unsigned count[16] = {0};

	(void)state;
	for (__u64 n = 0; n < 1000; n++)
		count[sl_permute(n, 0x1ffff, 17, 7) >> 13]++;
	for (int i = 0; i < 16; i++)
		assert_in_range(count[i], 30, 100);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bucket_is_near),
		cmocka_unit_test(short_times_are_exact),
		cmocka_unit_test(permutation_has_no_twins),
		cmocka_unit_test(permutation_scatters),
	};

	return cmocka_run_group_tests_name("synload", tests, NULL, NULL);
}
