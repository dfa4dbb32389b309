/* SPDX-License-Identifier: BSD-2-Clause */
/* The map `locals` follows the host's addresses and local prefixes. */
#include "rig.h"

#include <poll.h>

#include "io/locals.h"

static struct rig R;
static struct locals *L;

static int open_all(void **state)
{
	rig_open(&R);
	*state = &R;
	return locals_open(&L, R.f);
}

static int close_all(void **state)
{
	locals_close(L);
	L = NULL;
	return rig_teardown(state);
}

/* Handle what comes until `addr` is, or is no longer, local. */
static bool becomes(const char *addr, bool local)
{
	struct spec s = rig_syn(&R);
	struct pollfd p = {.fd = locals_fd(L), .events = POLLIN};

	if (strchr(addr, ':'))
		s.src = "fd09::2";
	s.dst = addr;
	s.flags = RST; /* a stray to us, or passed as not local */
	for (;;) {
		rig_run(&R, &s);
		if ((R.verdict == SG_V_STRAY) == local)
			return true;
		assert_true(R.verdict == SG_V_STRAY || R.verdict == SG_V_PASS_NOT_LOCAL);
		if (poll(&p, 1, 5000) != 1)
			return false;
		assert_int_equal(locals_handle(L), 0);
	}
}

static void test_at_open(void **state)
{
	(void)state;
	assert_true(becomes("10.9.0.1", true));
	assert_true(becomes("fd09::1", true));
	assert_true(becomes("10.9.0.7", false));
	assert_true(becomes("10.9.0.255", false)); /* broadcast routes are no addresses */
	assert_true(becomes("127.0.0.1", false));  /* nor is loopback, on a wire */
}

struct change {
	const char *how, *back;
	const char *addr, *other; /* `other` is local neither before nor after */
};

static const struct change changes[] = {
	{"ip addr add 10.8.0.1/24 dev rig-s", "ip addr del 10.8.0.1/24 dev rig-s", "10.8.0.1",
	 "10.8.0.2"},
	{"ip addr add 10.8.0.9/32 dev lo", "ip addr del 10.8.0.9/32 dev lo", "10.8.0.9",
	 "10.8.0.10"},
	{"ip addr add fd08::1/64 dev rig-s nodad", "ip addr del fd08::1/64 dev rig-s", "fd08::1",
	 "fd08::2"},
	{"ip route add local 10.77.0.0/16 dev lo", "ip route del local 10.77.0.0/16 dev lo",
	 "10.77.200.3", "10.78.0.1"},
	{"ip route add local fd77::/64 dev lo",
	 "ip -6 route del local fd77::/64 dev lo table local", "fd77::abcd", "fd77:0:0:1::1"},
	{"ip addr add 10.8.1.1 peer 10.8.1.2 dev rig-s",
	 "ip addr del 10.8.1.1 peer 10.8.1.2 dev rig-s", "10.8.1.1", "10.8.1.2"},
};

static void test_changes(void **state)
{
	(void)state;
	for (size_t i = 0; i < SG_ARRAY_SIZE(changes); i++) {
		const struct change *c = &changes[i];

		for (int twice = 0; twice < 2; twice++) {
			rig_sh(c->how);
			if (!becomes(c->addr, true) || !becomes(c->other, false))
				fail_msg("%s", c->how);
			rig_sh(c->back);
			if (!becomes(c->addr, false) || !becomes(c->other, false))
				fail_msg("%s", c->back);
		}
	}
	assert_true(becomes("10.9.0.1", true));
}

/* An address on two links is local until the last one goes. */
static void test_twice(void **state)
{
	(void)state;
	rig_sh("ip addr add 10.8.0.1/32 dev lo; ip addr add 10.8.0.1/32 dev rig-s");
	assert_true(becomes("10.8.0.1", true));
	rig_sh("ip addr del 10.8.0.1/32 dev lo; ip addr add 10.8.0.5/32 dev lo");
	assert_true(becomes("10.8.0.5", true)); /* now both events have been seen */
	assert_true(becomes("10.8.0.1", true));
	rig_sh("ip addr del 10.8.0.1/32 dev rig-s; ip addr del 10.8.0.5/32 dev lo");
	assert_true(becomes("10.8.0.1", false));
	assert_true(becomes("10.8.0.5", false));
}

/* Policy routing's local routes (TPROXY) make nobody's traffic ours. */
static void test_other_tables(void **state)
{
	(void)state;
	rig_sh("ip route add local 0.0.0.0/0 dev lo table 100; ip addr add 10.8.0.6/32 dev lo");
	assert_true(becomes("10.8.0.6", true));
	assert_true(becomes("10.200.0.1", false));
	rig_sh("ip route del local 0.0.0.0/0 dev lo table 100; ip addr del 10.8.0.6/32 dev lo");
	assert_true(becomes("10.8.0.6", false));
}

/* More at once than the event socket holds: nothing is missed. */
static void test_overrun(void **state)
{
	FILE *f = popen("ip -batch -", "w");

	(void)state;
	assert_non_null(f);
	for (int i = 0; i < 4000; i++)
		fprintf(f, "addr add 10.%d.%d.1/32 dev lo\n", 100 + i / 250, i % 250);
	assert_int_equal(pclose(f), 0);
	assert_true(becomes("10.115.249.1", true));
	assert_true(becomes("10.100.0.1", true));
	assert_true(becomes("10.107.123.1", true));
	rig_sh("ip addr flush dev lo scope global");
	assert_true(becomes("10.115.249.1", false));
	assert_true(becomes("10.100.0.1", false));
	assert_true(becomes("10.9.0.1", true));
}

/* The interface gets another Ethernet address and another MTU. */
static void test_link(void **state)
{
	static const __u8 mac[6] = {2, 0, 0, 0, 0x12, 0x34};
	struct pollfd p = {.fd = locals_fd(L), .events = POLLIN};

	(void)state;
	rig_sh("ip link set rig-s address 02:00:00:00:12:34 mtu 1400");
	while (memcmp(R.f->settings->mac, mac, 6) || R.f->settings->mtu != 1400) {
		assert_int_equal(poll(&p, 1, 5000), 1);
		assert_int_equal(locals_handle(L), 0);
	}
	rig_sh("ip link set rig-s mtu 1500");
}

int main(void)
{
#define T(x) cmocka_unit_test_setup_teardown(x, open_all, close_all)
	const struct CMUnitTest tests[] = {
		T(test_at_open),      T(test_changes), T(test_twice),
		T(test_other_tables), T(test_overrun), T(test_link),
	};

	rig_namespace();
	return cmocka_run_group_tests_name("locals", tests, NULL, NULL);
}
