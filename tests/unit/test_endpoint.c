/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "app/endpoint.c"

static void test_text_and_back(void **state)
{
	static const char *const rows[] = {
		"192.0.2.1:80", "0.0.0.0:1",	     "*:65535",
		"[::1]:8080",	"[2001:db8::1]:443", "[fe80::1:2:3:4]:1",
	};
	char text[ENDPOINT_TEXT];
	struct sg_addr a;
	__u16 port;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(endpoint_read(rows[i], &a, &port), 0);
		assert_string_equal(endpoint_print(text, &a, port), rows[i]);
	}
}

static void test_ipv4_is_mapped(void **state)
{
	static const __u8 want[16] = {[10] = 0xff, 0xff, 192, 0, 2, 1};
	struct sg_addr a;
	__u16 port;

	(void)state;
	assert_int_equal(endpoint_read("192.0.2.1:80", &a, &port), 0);
	assert_memory_equal(a.addr, want, 16);
	assert_int_equal(port, 80);
	/* the mapped form is the same address, and is written the short way */
	assert_int_equal(endpoint_read_addr("::ffff:192.0.2.1", &a), 0);
	assert_memory_equal(a.addr, want, 16);
}

static void test_refused(void **state)
{
	static const char *const rows[] = {
		"",
		":80",
		"80",
		"1.2.3.4",
		"1.2.3:80",
		"1.2.3.4.5:80",
		"1.2.3.4:",
		"1.2.3.4:0",
		"*:65536",
		"*:-1",
		"*: 80",
		"*:8x",
		"::1:80",
		"[::1]",
		"[::1:80",
		"[::1]80",
		"[:::1]:80",
		"[*]:80",
		"host:80",
		"[]:80",
		"[1]:80",
		"*:99999999999999999999",
		"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa:80",
	};
	struct sg_addr a;
	__u16 port;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (endpoint_read(rows[i], &a, &port) != -EINVAL)
			fail_msg("taken: %s", rows[i]);
}

static void test_address_alone(void **state)
{
	char text[ENDPOINT_TEXT];
	struct sg_addr a;

	(void)state;
	assert_int_equal(endpoint_read_addr("*", &a), 0);
	assert_true(sg_addr_is_any(&a));
	assert_string_equal(endpoint_addr(text, &a), "*");
	assert_int_equal(endpoint_read_addr("[2001:db8::1]", &a), 0);
	assert_string_equal(endpoint_addr(text, &a), "2001:db8::1");
	assert_int_equal(endpoint_read_addr("2001:db8::1", &a), 0);
	assert_int_equal(endpoint_read_addr("nonsense", &a), -EINVAL);
	assert_int_equal(endpoint_read_addr("", &a), -EINVAL);
}

static void test_servers(void **state)
{
	static const char *const rows[] = {
		"192.0.2.1:80",	   "[::1]:8080",      "unix:/run/app.sock", "unix:/a",
		"unix:/with: a :", "unix:@abstract", "unix:@a",
	};
	char text[ENDPOINT_SERVER_TEXT], longest[5 + 107 + 2];
	struct endpoint e;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(endpoint_read_server(rows[i], &e), 0);
		assert_int_equal(!e.port, !strncmp(rows[i], "unix:", 5));
		assert_string_equal(endpoint_print_server(text, &e), rows[i]);
	}
	memset(longest, 'x', sizeof(longest) - 1);
	memcpy(longest, "unix:/", 6);
	longest[sizeof(longest) - 2] = 0;
	assert_int_equal(endpoint_read_server(longest, &e), 0);
	assert_int_equal(strlen(e.path), 107);
	assert_string_equal(endpoint_print_server(text, &e), longest);
	longest[sizeof(longest) - 2] = 'x';
	longest[sizeof(longest) - 1] = 0;
	assert_int_equal(endpoint_read_server(longest, &e), -EINVAL);
}

static void test_servers_refused(void **state)
{
	static const char *const rows[] = {
		"",	       "unix:",		"unix",		 "unix:/",
		"unix:@",      "unix:relative", "unix:./a",	 "unix:/a\nb",
		"unix:/a\x7f", "unix:/\xc3\xa4", "/run/app.sock", "@app",
		"UNIX:/a",     "*:80",		"0.0.0.0:80",	 "[::]:80",
		"224.0.0.1:80", "[ff02::1]:80", "255.255.255.255:80", "192.0.2.1:0",
		"192.0.2.1",
	};
	struct endpoint e;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (endpoint_read_server(rows[i], &e) != -EINVAL)
			fail_msg("taken: %s", rows[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_text_and_back),
		cmocka_unit_test(test_ipv4_is_mapped),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_address_alone),
		cmocka_unit_test(test_servers),
		cmocka_unit_test(test_servers_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
