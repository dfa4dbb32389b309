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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_text_and_back),
		cmocka_unit_test(test_ipv4_is_mapped),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_address_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
