/* SPDX-License-Identifier: BSD-2-Clause */
/* Byte for byte what proxy-protocol.txt says; the sums are from a table-driven CRC32c in Python. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "app/proxy_header.c"

#define SIGNATURE "\r\n\r\n\0\r\nQUIT\n"

static struct proxy_header header_of(int family, const char *peer, const char *local)
{
	struct proxy_header h = {.tuple = {.pport = 0x1234, .lport = 443}};
	__u8 v4[4];

	for (int i = 0; i < PROXY_UNIQUE_ID; i++)
		h.unique[i] = (__u8)(0xa0 + i);
	if (family == AF_INET6) {
		assert_int_equal(inet_pton(family, peer, h.tuple.peer.addr), 1);
		assert_int_equal(inet_pton(family, local, h.tuple.local.addr), 1);
		return h;
	}
	assert_int_equal(inet_pton(family, peer, v4), 1);
	sg_addr_from4(&h.tuple.peer, v4);
	assert_int_equal(inet_pton(family, local, v4), 1);
	sg_addr_from4(&h.tuple.local, v4);
	return h;
}

static void assert_header(enum proxy_version v, const struct proxy_header *h, const void *want,
			  size_t len)
{
	__u8 out[PROXY_HEADER_MAX + 1];

	memset(out, 0x5a, sizeof(out));
	assert_int_equal(proxy_header_make(v, h, out), len);
	assert_memory_equal(out, want, len);
	assert_int_equal(out[PROXY_HEADER_MAX], 0x5a);
}

static void test_none(void **state)
{
	struct proxy_header h = header_of(AF_INET, "192.0.2.1", "198.51.100.2");

	(void)state;
	assert_header(PROXY_NONE, &h, "", 0);
}

static void test_v1_ipv4(void **state)
{
	static const char want[] = "PROXY TCP4 192.0.2.1 198.51.100.2 4660 443\r\n";
	struct proxy_header h = header_of(AF_INET, "192.0.2.1", "198.51.100.2");

	(void)state;
	assert_header(PROXY_V1, &h, want, sizeof(want) - 1);
}

static void test_v1_ipv6(void **state)
{
	static const char want[] = "PROXY TCP6 2001:db8::1 fd00:: 4660 443\r\n";
	struct proxy_header h = header_of(AF_INET6, "2001:db8::1", "fd00::");

	(void)state;
	assert_header(PROXY_V1, &h, want, sizeof(want) - 1);
}

/* The specification's longest line of TCP is 104 bytes. */
static void test_v1_longest(void **state)
{
	static const char want[] = "PROXY TCP6 ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff "
				   "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 65535\r\n";
	static const char f[] = "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff";
	struct proxy_header h = header_of(AF_INET6, f, f);

	(void)state;
	h.tuple.pport = h.tuple.lport = 65535;
	assert_int_equal(sizeof(want) - 1, 104);
	assert_header(PROXY_V1, &h, want, sizeof(want) - 1);
}

static void test_v2_ipv4(void **state)
{
	static const char want[] = SIGNATURE "\x21\x11\x00\x2e"
					     "\xc0\x00\x02\x01\xc6\x33\x64\x02\x12\x34\x01\xbb"
					     "\x05\x00\x10\xa0\xa1\xa2\xa3\xa4\xa5\xa6\xa7"
					     "\xa8\xa9\xaa\xab\xac\xad\xae\xaf"
					     "\xe0\x00\x05\x00\x00\x01\xe2\x40"
					     "\x03\x00\x04" "\x82\x36\xd8\x26";
	struct proxy_header h = header_of(AF_INET, "192.0.2.1", "198.51.100.2");

	(void)state;
	h.handshake_us = 123456;
	assert_header(PROXY_V2, &h, want, sizeof(want) - 1);
}

static void test_v2_ipv6_cookie(void **state)
{
	static const char want[] = SIGNATURE "\x21\x21\x00\x46"
					     "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01"
					     "\xfd\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
					     "\x12\x34\x01\xbb"
					     "\x05\x00\x10\xa0\xa1\xa2\xa3\xa4\xa5\xa6\xa7"
					     "\xa8\xa9\xaa\xab\xac\xad\xae\xaf"
					     "\xe0\x00\x05\x01\x00\x00\x00\x00"
					     "\x03\x00\x04" "\xc7\xfb\xb3\x51";
	struct proxy_header h = header_of(AF_INET6, "2001:db8::1", "fd00::");

	(void)state;
	h.cookie = true;
	assert_header(PROXY_V2, &h, want, sizeof(want) - 1);
}

/* RFC 3720 B.4's vectors. */
static void test_crc32c(void **state)
{
	__u8 data[32];

	(void)state;
	memset(data, 0, sizeof(data));
	assert_int_equal(header_crc32c(data, 32), 0x8a9136aa);
	memset(data, 0xff, sizeof(data));
	assert_int_equal(header_crc32c(data, 32), 0x62a8ab43);
	for (__u8 i = 0; i < 32; i++)
		data[i] = i;
	assert_int_equal(header_crc32c(data, 32), 0x46dd794e);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_none),	   cmocka_unit_test(test_v1_ipv4),
		cmocka_unit_test(test_v1_ipv6),	   cmocka_unit_test(test_v1_longest),
		cmocka_unit_test(test_v2_ipv4),	   cmocka_unit_test(test_v2_ipv6_cookie),
		cmocka_unit_test(test_crc32c),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
