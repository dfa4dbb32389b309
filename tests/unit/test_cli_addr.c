/* SPDX-License-Identifier: BSD-2-Clause */
/* Addresses as people write them, and what they are told when they write them wrong. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "cli/addr.c"
#include "cli/nearest.c"
#include "cli/value.c"
#include "io/err.c"

static void reads_what_it_prints(void **state)
{
	static const struct {
		const char *text, *printed;
	} rows[] = {
		{"192.0.2.1:80", "192.0.2.1:80"},
		{"[2001:db8::1]:80", "[2001:db8::1]:80"},
		{"[2001:DB8:0:0:0:0:0:1]:1", "[2001:db8::1]:1"},
		{"[::ffff:192.0.2.1]:80", "192.0.2.1:80"},
		{"*:80", "*:80"},
		{":80", "*:80"},
		{"[::]:65535", "*:65535"},
		{"[::1]:443", "[::1]:443"},
		{"[ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.254]:1", NULL}, /* multicast */
		{"[1fff:ffff:ffff:ffff:ffff:ffff:ffff:fffe]:65535",
		 "[1fff:ffff:ffff:ffff:ffff:ffff:ffff:fffe]:65535"},
	};
	(void)state;

	for (size_t i = 0; i < SG_ARRAY_SIZE(rows); i++) {
		char buf[ADDR_TEXT];
		struct sg_addr a;
		struct err err;
		__u16 port;
		int rc = addr_parse_listen(rows[i].text, &a, &port, &err);

		assert_int_equal(!rc, !!rows[i].printed);
		if (!rc)
			assert_string_equal(addr_format(&a, port, buf), rows[i].printed);
	}
}

static void maps_ipv4_and_takes_the_port_in_host_order(void **state)
{
	static const __u8 mapped[16] = {[10] = 0xff, 0xff, 192, 0, 2, 1};
	struct sg_addr a;
	struct err err;
	__u16 port;
	(void)state;

	assert_int_equal(addr_parse_listen("192.0.2.1:8080", &a, &port, &err), 0);
	assert_memory_equal(a.addr, mapped, 16);
	assert_int_equal(port, 8080);
	assert_int_equal(addr_parse_listen("*:8080", &a, &port, &err), 0);
	assert_true(sg_addr_is_any(&a));
}

static void names_what_is_wrong(void **state)
{
	static const struct {
		const char *text, *why;
	} rows[] = {
		{"", "port is missing"},
		{"192.0.2.1", "port is missing"},
		{"192.0.2.1:", "from 1 to 65535"},
		{"192.0.2.1:0", "from 1 to 65535"},
		{"192.0.2.1:65536", "from 1 to 65535"},
		{"192.0.2.1:99999999999999999999", "from 1 to 65535"},
		{"192.0.2.1:-1", "from 1 to 65535"},
		{"192.0.2.1:+80", "from 1 to 65535"},
		{"192.0.2.1: 80", "from 1 to 65535"},
		{"192.0.2.1:http", "from 1 to 65535"},
		{"192.0.2.1:80x", "from 1 to 65535"},
		{"192.0.2.256:80", "four numbers"},
		{"192.0.2:80", "four numbers"},
		{"2001:db8::1:80", "brackets"},
		{"2001:db8::1", "brackets"},
		{"::", "brackets"},
		{"[2001:db8::1]", "after ']'"},
		{"[2001:db8::1]80", "after ']'"},
		{"[2001:db8::1:80", "']' is missing"},
		{"[2001:db8::1]:", "from 1 to 65535"},
		{"[2001:db8:::1]:80", "no IPv6 address"},
		{"[192.0.2.1]:80", "no IPv6 address"},
		{"[]:80", "no IPv6 address"},
		{"[*]:80", "no IPv6 address"},
		{"[fe80::1%eth0]:80", "zone"},
		{"localhost:80", "names are not looked up"},
		{"0.0.0.0:80", "IPv4 and IPv6 alike"},
		{"[::ffff:0.0.0.0]:80", "IPv4 and IPv6 alike"},
		{"224.0.0.1:80", "multicast"},
		{"255.255.255.255:80", "multicast"},
		{"[ff02::1]:80", "multicast"},
		{"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa:1",
		 "too long"},
	};
	(void)state;

	for (size_t i = 0; i < SG_ARRAY_SIZE(rows); i++) {
		struct sg_addr a;
		struct err err = {0};
		__u16 port;

		assert_true(addr_parse_listen(rows[i].text, &a, &port, &err) < 0);
		assert_int_equal(err.exit, EXIT_USAGE);
		if (!strstr(err.msg, rows[i].why) || !strstr(err.msg, "write it as"))
			fail_msg("'%s' is told: %s", rows[i].text, err.msg);
	}
}

static void a_backend_is_one_host(void **state)
{
	static const char *const bad[] = {"*:80", ":80", "[::]:80", "0.0.0.0:80", "224.0.0.1:80"};
	struct sg_addr a;
	struct err err;
	__u16 port;
	(void)state;

	assert_int_equal(addr_parse_backend("[::1]:8080", &a, &port, &err), 0);
	assert_int_equal(port, 8080);
	for (size_t i = 0; i < SG_ARRAY_SIZE(bad); i++) {
		assert_true(addr_parse_backend(bad[i], &a, &port, &err) < 0);
		assert_non_null(strstr(err.msg, "127.0.0.1:8080"));
	}
}

static void a_host_alone_needs_no_brackets(void **state)
{
	struct sg_addr a, b;
	(void)state;

	assert_int_equal(addr_parse_host("2001:db8::1", &a), 0);
	assert_int_equal(addr_parse_host("[2001:db8::1]", &b), 0);
	assert_true(sg_addr_eq(&a, &b));
	assert_true(addr_parse_host("[192.0.2.1", &a) < 0);
	assert_true(addr_parse_host("", &a) < 0);
	assert_true(addr_parse_host("[", &a) < 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_what_it_prints),
		cmocka_unit_test(maps_ipv4_and_takes_the_port_in_host_order),
		cmocka_unit_test(names_what_is_wrong),
		cmocka_unit_test(a_backend_is_one_host),
		cmocka_unit_test(a_host_alone_needs_no_brackets),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
