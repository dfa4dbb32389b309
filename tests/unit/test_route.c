/* SPDX-License-Identifier: BSD-2-Clause */
/* Route messages of rtnetlink: what we ask, what we read in an answer, malformed ones. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <arpa/inet.h>

#include <stdlib.h>

#include "io/route.c"
#include "io/rtnl.c"

static char buf[4096] __attribute__((aligned(8)));

static struct sg_addr addr(const char *text)
{
	struct sg_addr a;
	__u8 v4[4];

	if (inet_pton(AF_INET, text, v4) == 1)
		sg_addr_from4(&a, v4);
	else
		assert_int_equal(inet_pton(AF_INET6, text, a.addr), 1);
	return a;
}

static void assert_addr(const struct sg_addr *a, const char *text)
{
	struct sg_addr want = addr(text);

	assert_memory_equal(a, &want, sizeof(want));
}

static struct nlmsghdr *answer(int family, __u8 type)
{
	struct nlmsghdr *h = mnl_nlmsg_put_header(buf);
	struct rtmsg *m = mnl_nlmsg_put_extra_header(h, sizeof(*m));

	h->nlmsg_type = RTM_NEWROUTE;
	m->rtm_family = (__u8)family;
	m->rtm_type = type;
	return h;
}

static void put_addr(struct nlmsghdr *h, __u16 type, const char *text)
{
	struct sg_addr a = addr(text);

	rtnl_put_addr(h, type, &a);
}

static void test_through_a_router(void **state)
{
	struct nlmsghdr *h = answer(AF_INET, RTN_UNICAST);
	struct sg_addr dst = addr("198.51.100.7");
	struct nlattr *metrics;
	struct route r;

	(void)state;
	put_addr(h, RTA_DST, "198.51.100.7");
	mnl_attr_put_u32(h, RTA_OIF, 3);
	put_addr(h, RTA_PREFSRC, "192.0.2.9");
	put_addr(h, RTA_GATEWAY, "192.0.2.1");
	metrics = mnl_attr_nest_start(h, RTA_METRICS);
	mnl_attr_put_u32(h, RTAX_MTU, 1400);
	mnl_attr_put_u32(h, RTAX_ADVMSS, 1300);
	mnl_attr_put_u32(h, RTAX_HOPLIMIT, 64);
	mnl_attr_put_u16(h, RTAX_MTU, 9); /* not one: of another length */
	mnl_attr_nest_end(h, metrics);
	assert_true(route_parse(h, &dst, &r));
	assert_int_equal(r.kind, ROUTE_UNICAST);
	assert_int_equal(r.ifindex, 3);
	assert_addr(&r.src, "192.0.2.9");
	assert_addr(&r.next, "192.0.2.1");
	assert_int_equal(r.mtu, 1400);
	assert_int_equal(r.advmss, 1300);
}

static void test_on_link(void **state)
{
	struct nlmsghdr *h = answer(AF_INET6, RTN_UNICAST);
	struct sg_addr dst = addr("2001:db8::7");
	struct route r;

	(void)state;
	mnl_attr_put_u32(h, RTA_OIF, 9);
	assert_true(route_parse(h, &dst, &r));
	assert_addr(&r.next, "2001:db8::7");
	assert_true(sg_addr_is_any(&r.src));
	assert_int_equal(r.mtu, 0);
}

/* RFC 5549: an IPv4 route by a router that has IPv6 alone. */
static void test_ipv4_by_an_ipv6_router(void **state)
{
	struct nlmsghdr *h = answer(AF_INET, RTN_UNICAST);
	struct sg_addr dst = addr("198.51.100.7"), router = addr("fe80::1");
	char via[sizeof(struct rtvia) + 16];
	struct rtvia *v = (struct rtvia *)via;
	struct route r;

	(void)state;
	v->rtvia_family = AF_INET6;
	memcpy(v->rtvia_addr, router.addr, 16);
	mnl_attr_put(h, RTA_VIA, sizeof(via), via);
	assert_true(route_parse(h, &dst, &r));
	assert_addr(&r.next, "fe80::1");
}

static void test_kinds(void **state)
{
	static const struct {
		__u8 type;
		enum route_kind kind;
	} rows[] = {
		{RTN_UNICAST, ROUTE_UNICAST},	{RTN_LOCAL, ROUTE_LOCAL},
		{RTN_BROADCAST, ROUTE_OTHER},	{RTN_MULTICAST, ROUTE_OTHER},
		{RTN_UNREACHABLE, ROUTE_OTHER}, {RTN_ANYCAST, ROUTE_OTHER},
	};
	struct sg_addr dst = addr("198.51.100.7");
	struct route r;

	(void)state;
	for (size_t i = 0; i < SG_ARRAY_SIZE(rows); i++) {
		assert_true(route_parse(answer(AF_INET, rows[i].type), &dst, &r));
		assert_int_equal(r.kind, rows[i].kind);
	}
}

/* Cut off anywhere, and attributes of the wrong length: never read beyond the end. */
static void test_malformed(void **state)
{
	struct nlmsghdr *h = answer(AF_INET, RTN_UNICAST);
	struct sg_addr dst = addr("198.51.100.7");
	struct route r;
	__u32 whole;

	(void)state;
	mnl_attr_put(h, RTA_OIF, 2, "xy");
	mnl_attr_put(h, RTA_GATEWAY, 16, "0123456789abcdef");
	mnl_attr_put(h, RTA_PREFSRC, 3, "xyz");
	mnl_attr_put(h, RTA_VIA, 1, "x");
	mnl_attr_put(h, RTA_METRICS, 2, "xy");
	assert_true(route_parse(h, &dst, &r));
	assert_int_equal(r.ifindex, 0);
	assert_addr(&r.next, "198.51.100.7");
	assert_true(sg_addr_is_any(&r.src));

	whole = h->nlmsg_len;
	for (__u32 len = MNL_NLMSG_HDRLEN; len <= whole; len++) {
		char *copy = malloc(len); /* the sanitizer sees its end */

		memcpy(copy, buf, len);
		((struct nlmsghdr *)copy)->nlmsg_len = len;
		assert_int_equal(route_parse((struct nlmsghdr *)copy, &dst, &r),
				 len >= MNL_NLMSG_HDRLEN + sizeof(struct rtmsg));
		free(copy);
	}
}

static void test_not_an_answer(void **state)
{
	struct sg_addr v4 = addr("198.51.100.7"), v6 = addr("2001:db8::7");
	struct nlmsghdr *h = answer(AF_INET, RTN_UNICAST);
	struct route r;

	(void)state;
	assert_false(route_parse(h, &v6, &r));
	h->nlmsg_type = RTM_DELROUTE;
	assert_false(route_parse(h, &v4, &r));
}

static void test_request(void **state)
{
	struct route_query q = {.dst = addr("198.51.100.7"), .dport = 80};
	const struct nlmsghdr *h = route_request(buf, &q);
	const struct rtmsg *m = mnl_nlmsg_get_payload(h);
	struct rtnl_attrs a;

	(void)state;
	assert_int_equal(h->nlmsg_type, RTM_GETROUTE);
	assert_int_equal(m->rtm_family, AF_INET);
	assert_int_equal(m->rtm_dst_len, 32);
	assert_true(rtnl_parse(h, sizeof(*m), &a));
	assert_int_equal(mnl_attr_get_payload_len(a.at[RTA_DST]), 4);
	assert_int_equal(mnl_attr_get_u8(a.at[RTA_IP_PROTO]), IPPROTO_TCP);
	assert_int_equal(mnl_attr_get_u16(a.at[RTA_DPORT]), htons(80));
	assert_null(a.at[RTA_SRC]);
	assert_null(a.at[RTA_OIF]);
	assert_null(a.at[RTA_SPORT]);

	q = (struct route_query){addr("2001:db8::7"), addr("2001:db8::9"), 80, 1234, 5};
	h = route_request(buf, &q);
	m = mnl_nlmsg_get_payload(h);
	assert_int_equal(m->rtm_dst_len, 128);
	assert_int_equal(m->rtm_src_len, 128);
	assert_true(rtnl_parse(h, sizeof(*m), &a));
	assert_int_equal(mnl_attr_get_payload_len(a.at[RTA_SRC]), 16);
	assert_int_equal(mnl_attr_get_u32(a.at[RTA_OIF]), 5);
	assert_int_equal(mnl_attr_get_u16(a.at[RTA_SPORT]), htons(1234));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_through_a_router),
		cmocka_unit_test(test_on_link),
		cmocka_unit_test(test_ipv4_by_an_ipv6_router),
		cmocka_unit_test(test_kinds),
		cmocka_unit_test(test_malformed),
		cmocka_unit_test(test_not_an_answer),
		cmocka_unit_test(test_request),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
