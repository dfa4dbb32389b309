/* SPDX-License-Identifier: BSD-2-Clause */
/* syngate/addr.h and base.h: from whom a segment may come, and which flags make sense. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <string.h>

#include "syngate/addr.h"

static struct sg_addr addr(const char *text)
{
	struct sg_addr a;
	__u8 v4[4];

	if (strchr(text, ':')) {
		assert_int_equal(inet_pton(AF_INET6, text, a.addr), 1);
	} else {
		assert_int_equal(inet_pton(AF_INET, text, v4), 1);
		sg_addr_from4(&a, v4);
	}
	return a;
}

static void test_kinds(void **state)
{
	static const struct {
		const char *text;
		int group, host, loopback;
	} rows[] = {
		{"10.9.0.1", 0, 1, 0},
		{"1.0.0.0", 0, 1, 0},
		{"223.255.255.255", 0, 1, 0},
		{"240.0.0.0", 0, 1, 0},
		{"255.255.255.254", 0, 1, 0},
		{"0.0.0.0", 0, 0, 0},
		{"0.255.255.255", 0, 0, 0},
		{"224.0.0.0", 1, 0, 0},
		{"239.255.255.255", 1, 0, 0},
		{"255.255.255.255", 1, 0, 0},
		{"126.255.255.255", 0, 1, 0},
		{"127.0.0.0", 0, 1, 1},
		{"127.255.255.255", 0, 1, 1},
		{"128.0.0.0", 0, 1, 0},
		{"fd09::1", 0, 1, 0},
		{"fe80::1", 0, 1, 0},
		{"::", 0, 0, 0},
		{"::1", 0, 1, 1},
		{"::2", 0, 1, 0},
		{"1::1", 0, 1, 0},
		{"ff00::", 1, 0, 0},
		{"ff02::1", 1, 0, 0},
		{"feff::1", 0, 1, 0},
	};

	(void)state;
	for (unsigned i = 0; i < SG_ARRAY_SIZE(rows); i++) {
		struct sg_addr a = addr(rows[i].text);

		assert_int_equal(!!sg_addr_is_group(&a), rows[i].group);
		assert_int_equal(!!sg_addr_is_host(&a), rows[i].host);
		assert_int_equal(!!sg_addr_is_loopback(&a), rows[i].loopback);
	}
}

/* RFC 9293 MUST-63. */
static void test_strangers(void **state)
{
	static const struct {
		const char *peer;
		__u16 port;
		int valid;
	} rows[] = {
		{"10.9.0.2", 1, 1},  {"10.9.0.2", 0, 0},  {"10.9.0.2", 80, 1},
		{"10.9.0.1", 81, 1}, {"10.9.0.1", 80, 0}, {"127.0.0.1", 1, 0},
		{"0.0.0.0", 1, 0},   {"224.0.0.1", 1, 0}, {"255.255.255.255", 1, 0},
		{"fd09::2", 1, 1},   {"::1", 1, 0},	  {"::", 1, 0},
		{"ff02::1", 1, 0},
	};

	(void)state;
	for (unsigned i = 0; i < SG_ARRAY_SIZE(rows); i++) {
		struct sg_tuple t = {.lport = 80, .pport = rows[i].port};

		t.local = addr("10.9.0.1");
		t.peer = addr(rows[i].peer);
		assert_int_equal(!!sg_tuple_is_valid(&t), rows[i].valid);
	}
}

static void test_flags(void **state)
{
	unsigned good = 0;

	(void)state;
	for (unsigned f = 0; f < 256; f++) {
		int syn = f & SG_SYN, fin = f & SG_FIN, rst = f & SG_RST, ack = f & SG_ACK;
		int control = !!syn + !!fin + !!rst;

		good += (unsigned)sg_flags_are_valid((__u8)f);
		assert_int_equal(sg_flags_are_valid((__u8)f), control == 0   ? !!ack
							      : control == 1 ? !fin || ack
									     : 0);
	}
	assert_int_equal(good, 6 * 16); /* PSH, URG, ECE and CWR come and go */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_kinds),
		cmocka_unit_test(test_strangers),
		cmocka_unit_test(test_flags),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
