/* SPDX-License-Identifier: BSD-2-Clause */
/* Prefixes as text: what is one, what is said about those that are none, files of them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <unistd.h>

#include "io/err.c"
#include "io/prefix.c"

/* Read and written again; `want` NULL: it is as it is written. */
static void good(const char *text, const char *want, __u32 bits)
{
	char back[PREFIX_TEXT];
	struct prefix p;
	struct err err;

	assert_int_equal(prefix_read(text, &p, &err), 0);
	assert_string_equal(prefix_print(back, &p), want ? want : text);
	assert_int_equal(p.key.prefix, bits);
	assert_int_equal(p.v6, strchr(text, ':') != NULL);
	assert_int_equal(p.key.prefix, prefix_bits(&p) + (p.v6 ? 0 : 96));
}

static void bad(const char *text, const char *says)
{
	struct prefix p;
	struct err err = {0};

	assert_int_equal(prefix_read(text, &p, &err), -EINVAL);
	assert_int_equal(err.exit, EXIT_USAGE);
	if (!strstr(err.msg, says))
		fail_msg("'%s': %s", text, err.msg);
}

static void test_good(void **state)
{
	(void)state;
	good("192.0.2.0/24", NULL, 120);
	good("192.0.2.1", "192.0.2.1/32", 128);
	good("0.0.0.0/0", NULL, 96);
	good("128.0.0.0/1", NULL, 97);
	good("10.32.0.0/11", NULL, 107);
	good("255.255.255.255/32", NULL, 128);
	good("2001:db8::/32", NULL, 32);
	good("2001:DB8:0:0::", "2001:db8::/128", 128);
	good("::/0", NULL, 0);
	good("8000::/1", NULL, 1);
	good("fd00:0:0:8000::/49", NULL, 49);
}

static void test_bad(void **state)
{
	char longest[200];

	(void)state;
	bad("", "no prefix");
	bad("/", "no prefix");
	bad("/24", "no prefix");
	bad("example.org", "no prefix");
	bad("192.0.2", "no prefix");
	bad("192.0.2.0.0/24", "no prefix");
	bad("[2001:db8::]/32", "no prefix");
	bad("fe80::1%eth0", "no prefix");
	bad("192.0.2.0/", "0 to 32");
	bad("192.0.2.0/33", "0 to 32");
	bad("192.0.2.0/-1", "0 to 32");
	bad("192.0.2.0/+1", "0 to 32");
	bad("192.0.2.0/ 8", "0 to 32");
	bad("192.0.2.0/24/24", "0 to 32");
	bad("192.0.2.0/255.255.255.0", "0 to 32");
	bad("192.0.2.0/00000000000000000000000024", "0 to 32");
	bad("2001:db8::/129", "0 to 128");
	bad("192.0.2.1/24", "192.0.2.0/24");
	bad("192.0.2.1/0", "0.0.0.0/0");
	bad("10.33.0.0/11", "10.32.0.0/11");
	bad("2001:db8::1/32", "2001:db8::/32");
	bad("fd00:0:0:c000::/49", "fd00:0:0:8000::/49");
	bad("::ffff:192.0.2.1", "write it as IPv4");
	bad("::ffff:0:0/96", "write it as IPv4");
	memset(longest, '1', sizeof(longest) - 1);
	longest[sizeof(longest) - 1] = 0;
	bad(longest, "no prefix");
}

static char file[64]; /* "@" and its name */

/* A file with this in it. */
static const char *holding(const char *text)
{
	int fd;

	snprintf(file, sizeof(file), "@/tmp/test_prefix.XXXXXX");
	fd = mkstemp(file + 1);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	close(fd);
	return file;
}

static void test_file(void **state)
{
	struct prefixes list = {0};
	struct err err = {0};

	(void)state;
	assert_int_equal(prefixes_add(&list, "198.51.100.7", &err), 0);
	assert_int_equal(prefixes_add(&list,
				      holding("# a list\n\n 192.0.2.0/24 # ours\r\n"
					      "\t2001:db8::/32\n10.0.0.0/8 whoever\n192.0.2.0/24"),
				      &err),
			 0);
	unlink(file + 1);
	assert_int_equal(list.n, 5);
	assert_int_equal(list.at[0].key.prefix, 128);
	assert_int_equal(list.at[1].key.prefix, 120);
	assert_true(list.at[2].v6);
	assert_int_equal(list.at[3].key.prefix, 104);
	prefixes_free(&list);
	assert_int_equal(list.n, 0);
	assert_int_equal(prefixes_add(&list, holding("\n#\n \n"), &err), 0);
	unlink(file + 1);
	assert_int_equal(list.n, 0);
	prefixes_free(&list);
}

static void test_bad_file(void **state)
{
	struct prefixes list = {0};
	struct err err = {0};

	(void)state;
	assert_int_equal(prefixes_add(&list, "@/nonexistent/list", &err), -ENOENT);
	assert_non_null(strstr(err.msg, "/nonexistent/list"));
	assert_int_equal(prefixes_add(&list, "@/", &err), -EIO);
	assert_int_equal(prefixes_add(&list, "@", &err), -ENOENT);
	assert_int_equal(prefixes_add(&list, holding("192.0.2.0/24\n\n192.0.2.7/24\n"), &err), -EINVAL);
	unlink(file + 1);
	assert_non_null(strstr(err.msg, "line 3: '192.0.2.7/24' has bits behind its length"));
	assert_int_equal(prefixes_add(&list, "192.0.2.0/40", &err), -EINVAL);
	prefixes_free(&list);
}

static void test_many(void **state)
{
	struct prefixes list = {0};
	struct prefix p = {.v6 = true};
	struct err err;

	(void)state;
	for (__u32 i = 0; i < 1000; i++) {
		p.key.prefix = i;
		assert_int_equal(prefixes_put(&list, &p, &err), 0);
	}
	assert_int_equal(list.n, 1000);
	assert_int_equal(list.at[999].key.prefix, 999);
	prefixes_free(&list);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good),	 cmocka_unit_test(test_bad),
		cmocka_unit_test(test_file),	 cmocka_unit_test(test_bad_file),
		cmocka_unit_test(test_many),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
