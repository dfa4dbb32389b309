/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * When the keys of SYN cookies change: by themselves, and with their file. Hours go by at once;
 * what the driver would be told is kept in a front that is none.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "daemon/cookies.c"
#include "io/err.c"
#include "io/keyfile.c"

#define MINUTE (60 * SG_SEC)
#define A      "000102030405060708090a0b0c0d0e0f"
#define B      "f0e0d0c0b0a090807060504030201000"
#define C      "33333333333333333333333333333333"

/* --- what cookies.c wants of others -------------------------------------------------------------
 */

static unsigned clocks, lines; /* looks at the wall clock, lines said */

int front_cookie_rotate(struct front *f, const struct sg_key *key)
{
	sg_cookie_rotate(&f->keys.cookie, key);
	return 0;
}

int front_cookie_previous(struct front *f, const struct sg_key *key)
{
	f->keys.cookie.key[~f->keys.cookie.current & 1] = *key;
	return 0;
}

int front_cookie_clock(struct front *f)
{
	(void)f;
	clocks++;
	return 0;
}

void log_line(enum log_level level, const char *fmt, ...)
{
	(void)fmt;
	lines += level <= LOG_WARN;
}

/* --- a daemon with one interface
 * ------------------------------------------------------------------ */

static char dir[] = "/tmp/test_cookies.XXXXXX", path[64];
static struct sg_settings knobs;
static struct front front;
static struct attachment at;
static struct daemon d;
static sg_time now;

static void begin(const char *file)
{
	knobs = (struct sg_settings){.syncookie_key_s = 3600};
	memset(&front, 0, sizeof(front));
	memset(&at, 0, sizeof(at));
	memset(&d, 0, sizeof(d));
	front.settings = &knobs;
	front.keys.cookie.key[0] = (struct sg_key){{1, 2}};
	at.front = &front;
	d.first = &at;
	now = 1000 * SG_SEC;
	lines = 0;
	if (file)
		assert_int_equal(daemon_cookie_keys(&d, file, &(struct err){0}), 0);
	cookies_attach(&d, &at, now);
}

static void look_for(sg_time time)
{
	for (sg_time end = now + time; now < end; now += SG_SEC)
		cookies_look(&d, now);
}

static struct sg_key key(int before)
{
	return *sg_cookie_key(&front.keys.cookie, before);
}

static bool is(struct sg_key k, const char *hex)
{
	struct sg_key want[2] = {0};
	char text[64] = "";

	if (hex) {
		snprintf(text, sizeof(text), "%s", hex);
		assert_int_equal(keyfile_parse("", text, want, &(struct err){0}), 1);
	}
	return !memcmp(&k, want, sizeof(k));
}

/* The answer to a cookie made now, with the key that is current. */
static struct sg_synq_seg answer(struct sg_halfopen *e)
{
	*e = (struct sg_halfopen){.irs = 5, .mss = 1460, .opts = 7};
	e->tuple = (struct sg_tuple){.lport = 80, .pport = 40000};
	return (struct sg_synq_seg){
		.seq = sg_seq_of(6),
		.ack = sg_seq_of(sg_cookie_make(&front.keys.cookie, e, now / SG_MS).v + 1),
		.flags = SG_ACK,
	};
}

static bool taken(const struct sg_halfopen *e, const struct sg_synq_seg *s)
{
	struct sg_cookie c;

	return sg_cookie_check(&front.keys.cookie, &e->tuple, s, now / SG_MS, &c);
}

/* --- by themselves
 * ---------------------------------------------------------------------------------- */

/* A cookie made just before lives on, as long as it would have; its key does no longer. */
static void test_every_hour(void **state)
{
	struct sg_halfopen e;
	struct sg_synq_seg s;
	__u64 was;

	(void)state;
	begin(NULL);
	was = key(0).k[0];
	while (key(0).k[0] == was) {
		s = answer(&e);
		look_for(SG_SEC);
	}
	assert_in_range(now - 1000 * SG_SEC, 3600 * SG_SEC, 3602 * SG_SEC);
	assert_int_equal(key(1).k[0], was);
	assert_true(taken(&e, &s));
	look_for(57 * SG_SEC);
	assert_true(taken(&e, &s));
	look_for(64 * SG_SEC);
	assert_false(taken(&e, &s));
	assert_true(is(key(1), NULL));
	assert_int_equal(at.key_since / SG_SEC, 1000 + 3600);
}

/* As often as it may be, and no more than two are good: each has its two minutes. */
static void test_every_second(void **state)
{
	__u64 seen = 0;
	unsigned keys = 0;
	sg_time last = 0;

	(void)state;
	begin(NULL);
	knobs.syncookie_key_s = 1;
	for (int i = 0; i < 1000; i++) {
		if (key(0).k[0] != seen) {
			if (keys > 1)
				assert_in_range(now - last, 120 * SG_SEC, 122 * SG_SEC);
			seen = key(0).k[0];
			last = now;
			keys++;
		}
		look_for(SG_SEC);
	}
	assert_in_range(keys, 9, 10);
}

static void test_never(void **state)
{
	__u64 was;

	(void)state;
	begin(NULL);
	was = key(0).k[0];
	knobs.syncookie_key_s = 0;
	look_for(200 * MINUTE);
	assert_int_equal(key(0).k[0], was);
	knobs.syncookie_key_s = 3600; /* it is old enough */
	look_for(SG_SEC);
	assert_int_not_equal(key(0).k[0], was);
}

/* Once a second is enough, whoever calls; each time the wall clock is looked at. */
static void test_clock(void **state)
{
	(void)state;
	begin(NULL);
	clocks = 0;
	for (int i = 0; i < 1000; i++, now += SG_SEC / 100)
		cookies_look(&d, now);
	assert_int_equal(clocks, 10);
}

/* --- with a file
 * --------------------------------------------------------------------------------------- */

static void put(const char *text)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	assert_int_equal(fchmod(fd, 0600), 0);
	close(fd);
}

/* Key by key: which makes cookies, and which is taken as well, at once and two minutes later. */
static void test_file(void **state)
{
	static const struct {
		const char *text, *makes, *also, *later;
	} row[] = {
		{B "\n", B, A, NULL},	       {B "\n" A "\n", B, A, A},
		{A "\n" B "\n", A, B, B},      {A "\n# " B "\n", A, B, NULL},
		{C "\n\n", C, A, NULL},	       {B "\n" A "\n#\n", B, A, A},
		{C "\n" A "\n# 3\n", C, A, A}, /* B is dropped: two are good at a time */
		{A "\n", A, C, NULL},
	};

	(void)state;
	put(A "\n#");
	begin(path);
	assert_true(is(key(0), A));
	assert_int_equal(key(1).k[0], 1); /* what was there before */
	look_for(121 * SG_SEC);
	assert_true(is(key(1), NULL));
	for (size_t i = 0; i < SG_ARRAY_SIZE(row); i++) {
		put(row[i].text);
		look_for(SG_SEC);
		assert_true(is(key(0), row[i].makes));
		assert_true(is(key(1), row[i].also));
		look_for(119 * SG_SEC);
		assert_true(is(key(1), row[i].also));
		look_for(3 * SG_SEC);
		assert_true(is(key(1), row[i].later));
		look_for(100 * MINUTE); /* and no other ever */
		assert_true(is(key(0), row[i].makes));
	}
	assert_int_equal(lines, 0);
	unlink(path);
}

static void put_socket(const char *name)
{
	struct sockaddr_un sa = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	unlink(name);
	snprintf(sa.sun_path, sizeof(sa.sun_path), "%s", name);
	assert_int_equal(bind(fd, (struct sockaddr *)&sa, sizeof(sa)), 0);
	close(fd);
}

/* What is wrong is said once, and the keys stay. */
static void test_wrong_file(void **state)
{
	unsigned said = 0;

	(void)state;
	put(A "\n");
	begin(path);
	for (int i = 0; i < 6; i++) {
		switch (i) {
		case 0:
			put(B "\nhello\n");
			break;
		case 1:
			put(B "\n" C "\n" A "\n"); /* a third key */
			break;
		case 2:
			put("");
			break;
		case 3:
			put(B "\n");
			assert_int_equal(chmod(path, 0644), 0);
			break;
		case 4:
			unlink(path);
			break;
		case 5:
			put_socket(path); /* can be looked at, but not opened */
			break;
		}
		look_for(100 * SG_SEC);
		assert_int_equal(lines, ++said);
		assert_true(is(key(0), A));
	}
	unlink(path);
	put(B "\n");
	look_for(SG_SEC);
	assert_true(is(key(0), B));
	assert_true(is(key(1), A));
	assert_int_equal(lines, said);
	unlink(path);
}

/* The same key on two hosts, the same fingerprint; it is not the key. */
static void test_fingerprint(void **state)
{
	__u32 a;

	(void)state;
	put(A "\n");
	begin(path);
	a = cookies_fingerprint(&at);
	put(B "\n");
	look_for(SG_SEC);
	assert_int_not_equal(cookies_fingerprint(&at), a);
	put(A "\n##");
	begin(path);
	front.keys.tuple.sip = (struct sg_key){{8, 8}}; /* another host's */
	assert_int_equal(cookies_fingerprint(&at), a);
	assert_int_not_equal(a, (__u32)key(0).k[0]);
	unlink(path);
}

static int setup(void **state)
{
	(void)state;
	if (!mkdtemp(dir))
		return -1;
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
		cmocka_unit_test(test_every_hour),  cmocka_unit_test(test_every_second),
		cmocka_unit_test(test_never),	    cmocka_unit_test(test_clock),
		cmocka_unit_test(test_file),	    cmocka_unit_test(test_wrong_file),
		cmocka_unit_test(test_fingerprint),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
