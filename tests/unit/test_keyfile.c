/* SPDX-License-Identifier: BSD-2-Clause */
/* Files of cookie keys: what is one, and what is said about those that are none. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "io/keyfile.c"
#include "io/err.c"

#define ONE "000102030405060708090a0b0c0d0e0f"
#define TWO "F0e0D0c0B0a09080706050403020100f"

static int parse(const char *text, struct sg_key key[2], const char *says)
{
	char copy[KEYFILE_MAX];
	struct err err = {0};
	int n;

	snprintf(copy, sizeof(copy), "%s", text);
	n = keyfile_parse("F", copy, key, &err);
	if (says)
		assert_non_null(strstr(err.msg, says));
	return n;
}

static void test_keys(void **state)
{
	static const __u8 one[] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
	struct sg_key key[2];

	(void)state;
	assert_int_equal(parse(ONE, key, NULL), 1);
	assert_memory_equal(&key[0], one, 16);
	assert_int_equal(key[1].k[0] | key[1].k[1], 0);
	assert_int_equal(parse("# of both hosts\n\n  " TWO " # new\r\n\t" ONE "\n\n", key, NULL), 2);
	assert_int_equal(((__u8 *)&key[0])[0], 0xf0);
	assert_int_equal(((__u8 *)&key[0])[15], 0x0f);
	assert_memory_equal(&key[1], one, 16);
	assert_int_equal(parse(ONE "\n" ONE "\n", key, NULL), 1); /* one key, once is enough */
}

static void test_no_keys(void **state)
{
	struct sg_key key[2];

	(void)state;
	assert_int_equal(parse("", key, "has no key"), -EINVAL);
	assert_int_equal(parse("# nothing\n", key, "openssl rand -hex 16 >F"), -EINVAL);
	assert_int_equal(parse(ONE "\n" TWO "\n0f" ONE, key, "line 3"), -EINVAL);
	assert_int_equal(parse(ONE "0", key, "line 1"), -EINVAL);
	assert_int_equal(parse("\n0" ONE, key, "line 2"), -EINVAL);
	assert_int_equal(parse("0001", key, "32 hexadecimal"), -EINVAL);
	assert_int_equal(parse("g00102030405060708090a0b0c0d0e0f", key, "line 1"), -EINVAL);
	assert_int_equal(parse("@00102030405060708090a0b0c0d0e0f", key, "line 1"), -EINVAL);
	assert_int_equal(parse("00000000000000000000000000000000", key, "not all 0"), -EINVAL);
	assert_int_equal(parse(ONE " " TWO, key, "line 1"), -EINVAL);
}

/* --- the file itself ------------------------------------------------------------------------ */

static char dir[] = "/tmp/test_keyfile.XXXXXX", path[64];

static void put(const char *text, mode_t mode)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	assert_int_equal(fchmod(fd, mode), 0);
	close(fd);
}

static int get(const char *says)
{
	struct err err = {0};
	struct sg_key key[2];
	struct stat st;
	int n = keyfile_read(path, key, &st, &err);

	if (says && !strstr(err.msg, says))
		fail_msg("'%s' says nothing of '%s'", err.msg, says);
	if (n > 0)
		assert_int_equal(st.st_size, n == 1 ? 33 : 66);
	return n;
}

static void test_who_may_read_it(void **state)
{
	static char big[KEYFILE_MAX + 2];

	(void)state;
	assert_int_equal(get("No such file"), -ENOENT);
	put(ONE "\n", 0600);
	assert_int_equal(get(NULL), 1);
	put(ONE "\n" TWO "\n", 0400);
	assert_int_equal(get(NULL), 2);
	put(ONE "\n", 0640);
	assert_int_equal(get("chmod 600"), -EPERM);
	put(ONE "\n", 0602);
	assert_int_equal(get("mode 602"), -EPERM);
	put(ONE "\n", 0600);
	if (geteuid() == 0) {
		assert_int_equal(chown(path, 12345, 0), 0);
		assert_int_equal(get("chown root"), -EPERM);
		assert_int_equal(chown(path, 0, 0), 0);
	}
	memset(big, ' ', KEYFILE_MAX + 1);
	put(big, 0600);
	assert_int_equal(get("4096 bytes"), -EFBIG);
	unlink(path);
	assert_int_equal(mkfifo(path, 0600), 0);
	assert_int_equal(get("no regular file"), -EINVAL); /* and does not wait for a writer */
	unlink(path);
	assert_int_equal(mkdir(path, 0700), 0);
	assert_int_equal(get("no regular file"), -EINVAL);
	rmdir(path);
}

static int setup(void **state)
{
	(void)state;
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/keys", dir);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	unlink(path);
	return rmdir(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_keys),
		cmocka_unit_test(test_no_keys),
		cmocka_unit_test_setup_teardown(test_who_may_read_it, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
