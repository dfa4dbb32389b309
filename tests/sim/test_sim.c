/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Seeded runs of two engines over a bad link (pairs.h).
 *
 *	test_sim            SIM_SEEDS runs (default 300)
 *	test_sim SEED       that one run, and its frames in sim-SEED.pcap
 */
#include "pairs.h"

static __u64 only;

static void one_seed(void **state)
{
	char path[64];

	(void)state;
	snprintf(path, sizeof(path), "sim-%llu.pcap", (unsigned long long)only);
	run_seed(only, path);
}

static void many_seeds(void **state)
{
	const char *env = getenv("SIM_SEEDS");
	__u64 n = env ? strtoull(env, NULL, 0) : 300;

	(void)state;
	for (__u64 seed = 1; seed <= n; seed++)
		run_seed(seed, NULL);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest one[] = {cmocka_unit_test(one_seed)};
	const struct CMUnitTest many[] = {cmocka_unit_test(many_seeds)};

	if (argc > 1) {
		only = strtoull(argv[1], NULL, 0);
		return cmocka_run_group_tests(one, NULL, NULL);
	}
	return cmocka_run_group_tests(many, NULL, NULL);
}
