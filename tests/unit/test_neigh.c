/* SPDX-License-Identifier: BSD-2-Clause */
/* Neighbour messages of rtnetlink, and what is done about each state of an entry. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>

#include "io/clock.c"
#include "io/neigh.c"
#include "io/rtnl.c"

static char buf[4096] __attribute__((aligned(8)));
static const __u8 mac[6] = {2, 0, 0, 0, 0, 1};

static struct nlmsghdr *message(__u16 type, int family, __u16 state)
{
	struct nlmsghdr *h = mnl_nlmsg_put_header(buf);
	struct ndmsg *m = mnl_nlmsg_put_extra_header(h, sizeof(*m));

	h->nlmsg_type = type;
	m->ndm_family = (__u8)family;
	m->ndm_ifindex = 4;
	m->ndm_state = state;
	return h;
}

static void test_entry(void **state)
{
	struct nlmsghdr *h = message(RTM_NEWNEIGH, AF_INET, NUD_REACHABLE);
	struct sg_addr want;
	struct neigh n;

	(void)state;
	mnl_attr_put(h, NDA_DST, 4, "\xc0\x00\x02\x01");
	mnl_attr_put(h, NDA_LLADDR, 6, mac);
	assert_true(neigh_parse(h, &n));
	assert_int_equal(n.ifindex, 4);
	assert_int_equal(n.state, NUD_REACHABLE);
	sg_addr_from4(&want, "\xc0\x00\x02\x01");
	assert_memory_equal(&n.addr, &want, sizeof(want));
	assert_true(n.has_mac);
	assert_memory_equal(n.mac, mac, 6);

	h->nlmsg_type = RTM_DELNEIGH; /* it is no more, whatever it was */
	assert_true(neigh_parse(h, &n));
	assert_int_equal(n.state, NUD_NONE);
}

static void test_ipv6_without_an_address(void **state)
{
	struct nlmsghdr *h = message(RTM_NEWNEIGH, AF_INET6, NUD_INCOMPLETE);
	struct neigh n;

	(void)state;
	mnl_attr_put(h, NDA_DST, 16, "0123456789abcdef");
	assert_true(neigh_parse(h, &n));
	assert_memory_equal(n.addr.addr, "0123456789abcdef", 16);
	assert_false(n.has_mac);
}

static void test_malformed(void **state)
{
	struct nlmsghdr *h = message(RTM_NEWNEIGH, AF_INET, NUD_REACHABLE);
	struct neigh n;
	__u32 whole;

	(void)state;
	assert_false(neigh_parse(h, &n)); /* of whom? */
	mnl_attr_put(h, NDA_LLADDR, 8, "01234567");
	mnl_attr_put(h, NDA_DST, 4, "\xc0\x00\x02\x01");
	assert_true(neigh_parse(h, &n));
	assert_false(n.has_mac); /* eight bytes: no Ethernet */

	whole = h->nlmsg_len;
	for (__u32 len = MNL_NLMSG_HDRLEN; len < whole; len++) {
		char *copy = malloc(len); /* the sanitizer sees its end */

		memcpy(copy, buf, len);
		((struct nlmsghdr *)copy)->nlmsg_len = len;
		assert_false(neigh_parse((struct nlmsghdr *)copy, &n));
		free(copy);
	}
	h = message(RTM_NEWNEIGH, AF_INET, NUD_REACHABLE);
	mnl_attr_put(h, NDA_DST, 16, "0123456789abcdef");
	assert_false(neigh_parse(h, &n));
	h = message(RTM_NEWROUTE, AF_INET, NUD_REACHABLE);
	mnl_attr_put(h, NDA_DST, 4, "\xc0\x00\x02\x01");
	assert_false(neigh_parse(h, &n));
}

/* Every state, by what was asked for already: nothing, a confirmation, a resolution. */
static void test_steps(void **state)
{
	static const struct {
		__u16 state;
		enum neigh_step fresh, confirmed, resolved;
	} rows[] = {
		{NUD_REACHABLE, NEIGH_KNOWN, NEIGH_KNOWN, NEIGH_KNOWN},
		{NUD_PERMANENT, NEIGH_KNOWN, NEIGH_KNOWN, NEIGH_KNOWN},
		{NUD_NOARP, NEIGH_KNOWN, NEIGH_KNOWN, NEIGH_KNOWN},
		{NUD_STALE, NEIGH_CONFIRM, NEIGH_WAIT, NEIGH_CONFIRM},
		{NUD_DELAY, NEIGH_CONFIRM, NEIGH_WAIT, NEIGH_CONFIRM},
		{NUD_PROBE, NEIGH_WAIT, NEIGH_WAIT, NEIGH_WAIT},
		{NUD_INCOMPLETE, NEIGH_WAIT, NEIGH_WAIT, NEIGH_WAIT},
		{NUD_FAILED, NEIGH_RESOLVE, NEIGH_RESOLVE, NEIGH_FAILED},
		{NUD_NONE, NEIGH_RESOLVE, NEIGH_RESOLVE, NEIGH_FAILED},
	};

	(void)state;
	for (size_t i = 0; i < SG_ARRAY_SIZE(rows); i++) {
		struct neigh n = {.state = rows[i].state, .has_mac = true};

		assert_int_equal(neigh_step(&n, false, false), rows[i].fresh);
		assert_int_equal(neigh_step(&n, true, false), rows[i].confirmed);
		assert_int_equal(neigh_step(&n, false, true), rows[i].resolved);
	}
}

/* Others' messages leave ours as it is. */
static void test_events_of_others(void **state)
{
	struct neigh n = {.ifindex = 4, .state = NUD_INCOMPLETE};
	struct nlmsghdr *h;

	(void)state;
	sg_addr_from4(&n.addr, "\xc0\x00\x02\x01");
	h = message(RTM_NEWNEIGH, AF_INET, NUD_REACHABLE);
	mnl_attr_put(h, NDA_DST, 4, "\xc0\x00\x02\x02");
	neigh_take(h, &n);
	assert_int_equal(n.state, NUD_INCOMPLETE);
	h = message(RTM_NEWNEIGH, AF_INET, NUD_REACHABLE);
	mnl_attr_put(h, NDA_DST, 4, "\xc0\x00\x02\x01");
	((struct ndmsg *)mnl_nlmsg_get_payload(h))->ndm_ifindex = 5;
	neigh_take(h, &n);
	assert_int_equal(n.state, NUD_INCOMPLETE);
	((struct ndmsg *)mnl_nlmsg_get_payload(h))->ndm_ifindex = 4;
	neigh_take(h, &n);
	assert_int_equal(n.state, NUD_REACHABLE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_entry),
		cmocka_unit_test(test_ipv6_without_an_address),
		cmocka_unit_test(test_malformed),
		cmocka_unit_test(test_steps),
		cmocka_unit_test(test_events_of_others),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
