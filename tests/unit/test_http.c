/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>

#include "app/pattern.c"
#include "app/request.c"

struct row {
	const char *text;
	int want; /* length of the head, 0, or minus a status; WHOLE: all of it */
};

#define WHOLE 10000
#define H     "Host: a\r\n"

static int parse(const char *text, struct request *r)
{
	size_t len = strlen(text);
	char *exact = malloc(len ? len : 1); /* so that AddressSanitizer sees a byte too far */
	int rc;

	memcpy(exact, text, len);
	rc = request_parse(exact, len, r);
	if (rc > 0) /* let the caller look at it */
		r->target = text + (r->target - exact);
	free(exact);
	return rc;
}

static void check(const struct row *rows, size_t n)
{
	struct request r;

	for (size_t i = 0; i < n; i++) {
		int want = rows[i].want == WHOLE ? (int)strlen(rows[i].text) : rows[i].want;
		int got = parse(rows[i].text, &r);

		if (got != want)
			fail_msg("%d, not %d, for: %s", got, want, rows[i].text);
	}
}

static void test_complete_and_incomplete(void **state)
{
	static const struct row rows[] = {
		{"GET / HTTP/1.1\r\n" H "\r\n", WHOLE},
		{"GET / HTTP/1.1\n" H "\n", WHOLE},
		{"GET / HTTP/1.0\r\n\r\n", WHOLE},
		{"\r\n\r\nGET / HTTP/1.0\r\n\r\n", WHOLE},
		{"GET / HTTP/1.0\r\n\r\nGET", 18},
		{"", 0},
		{"\r\n", 0},
		{"GET", 0},
		{"GET / HTTP/1.1", 0},
		{"GET / HTTP/1.1\r\n", 0},
		{"GET / HTTP/1.1\r\n" H, 0},
		{"GET / HTTP/1.1\r\n" H "\r", 0},
	};

	(void)state;
	check(rows, sizeof(rows) / sizeof(rows[0]));
}

static void test_refused(void **state)
{
	static const struct row rows[] = {
		{"GET / HTTP/1.1\r\n\r\n", -400}, /* no Host */
		{"GET / HTTP/1.1\r\n" H H "\r\n", -400},
		{"GET /\r\n\r\n", -400},
		{"GET  HTTP/1.1\r\n\r\n", -400},
		{"GET / / HTTP/1.1\r\n\r\n", -400},
		{" / HTTP/1.1\r\n\r\n", -400},
		{"G\x01T / HTTP/1.1\r\n\r\n", -400},
		{"G(T / HTTP/1.1\r\n\r\n", -400},
		{"GET / HTTP/1.x\r\n\r\n", -400},
		{"GET / HTTPS/1.1\r\n\r\n", -400},
		{"GET / HTTP/2.0\r\n\r\n", -505},
		{"GET / HTTP/1.1\r\nHost : a\r\n\r\n", -400},
		{"GET / HTTP/1.1\r\n" H " folded\r\n\r\n", -400},
		{"GET / HTTP/1.1\r\nno colon\r\n\r\n", -400},
		{"GET / HTTP/1.1\r\n: b\r\n\r\n", -400},
		{"GET / HTTP/1.1\r\n" H "A: \x01\r\n\r\n", -400},
		{"GET / HTTP/1.1\r\n" H "A: b\rc\r\n\r\n", -400},
		{"PUT / HTTP/1.1\r\n" H "Content-Length: \r\n\r\n", -400},
		{"PUT / HTTP/1.1\r\n" H "Content-Length: -1\r\n\r\n", -400},
		{"PUT / HTTP/1.1\r\n" H "Content-Length: 1, 1\r\n\r\n", -400},
		{"PUT / HTTP/1.1\r\n" H "Content-Length: 99999999999999999999\r\n\r\n", -400},
		{"PUT / HTTP/1.1\r\n" H "Content-Length: 1\r\nContent-Length: 2\r\n\r\n", -400},
		{"PUT / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n", -501},
		{"PUT / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n",
		 -400},
		{"PUT / HTTP/1.1\r\n" H "Expect: magic\r\n\r\n", -417},
	};

	(void)state;
	check(rows, sizeof(rows) / sizeof(rows[0]));
}

static void test_what_is_read(void **state)
{
	struct request r;

	(void)state;
	assert_true(parse("HEAD /bytes/12 HTTP/1.1\r\n" H "\r\n", &r) > 0);
	assert_int_equal(r.method, REQUEST_HEAD);
	assert_int_equal(r.target_len, 9);
	assert_memory_equal(r.target, "/bytes/12", 9);
	assert_true(r.keep_alive);
	assert_false(r.expect_continue);
	assert_int_equal(r.length, 0);

	assert_true(
		parse("PUT /x HTTP/1.1\r\nhOST:a\r\ncontent-length: \t12 \r\n"
		      "Content-Length: 12\r\nexpect: 100-Continue\r\nConnection: a , CLOSE\r\n\r\n",
		      &r) > 0);
	assert_int_equal(r.method, REQUEST_PUT);
	assert_int_equal(r.length, 12);
	assert_true(r.expect_continue);
	assert_false(r.keep_alive);

	assert_true(parse("BREW / HTTP/1.0\r\n\r\n", &r) > 0);
	assert_int_equal(r.method, REQUEST_OTHER);
	assert_false(r.keep_alive);
	assert_true(parse("POST / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n", &r) > 0);
	assert_int_equal(r.method, REQUEST_POST);
	assert_true(r.keep_alive);
}

static void test_too_long(void **state)
{
	static char text[REQUEST_MAX + 100];
	struct request r;

	(void)state;
	memset(text, 'a', sizeof(text));
	assert_int_equal(request_parse(text, REQUEST_MAX - 1, &r), 0);
	assert_int_equal(request_parse(text, REQUEST_MAX, &r), -431);
	memcpy(text, "GET / HTTP/1.1\r\nA: ", 19);
	assert_int_equal(request_parse(text, REQUEST_MAX - 1, &r), 0);
	assert_int_equal(request_parse(text, sizeof(text), &r), -431);
	memcpy(text + REQUEST_MAX, "\r\n\r\n", 4); /* ends too late */
	assert_int_equal(request_parse(text, sizeof(text), &r), -431);
	memset(text, '\n', sizeof(text));
	assert_int_equal(request_parse(text, sizeof(text), &r), -431);
}

/* Every prefix is incomplete, and no prefix reads past its end (under AddressSanitizer). */
static void test_one_byte_at_a_time(void **state)
{
	static const char text[] = "PUT /upload HTTP/1.1\r\n" H "Content-Length: 5\r\n\r\n";
	struct request r;

	(void)state;
	for (size_t n = 0; n < strlen(text); n++) {
		char *exact = malloc(n ? n : 1);

		memcpy(exact, text, n);
		assert_int_equal(request_parse(exact, n, &r), 0);
		free(exact);
	}
	assert_int_equal(parse(text, &r), strlen(text));
}

static void test_noise(void **state)
{
	static const char alphabet[] = "GET /HP1.:\r\n\r\n 0ax\t,";
	unsigned seed = 1;

	(void)state;
	for (int round = 0; round < 200000; round++) {
		char text[64];
		struct request r;
		size_t n;
		int rc;

		seed = seed * 1664525 + 1013904223;
		n = seed >> 26;
		for (size_t i = 0; i < n; i++) {
			seed = seed * 1664525 + 1013904223;
			text[i] = alphabet[(seed >> 16) % (sizeof(alphabet) - 1)];
		}
		text[n] = 0;
		rc = parse(text, &r);
		assert_true(rc <= (int)n);
		assert_true(rc >= 0 || rc == -400 || rc == -501 || rc == -505 || rc == -417);
	}
}

static void test_pattern(void **state)
{
	static __u8 block[PATTERN_PERIOD + 1000];
	__u64 at[] = {0, 1, 250, 251, 32127, 32128, 1ull << 30, (1ull << 40) + 12345};

	(void)state;
	for (size_t k = 0; k < sizeof(at) / sizeof(at[0]); k++) {
		pattern_fill(block, sizeof(block), at[k]);
		for (size_t i = 0; i < sizeof(block); i++)
			assert_int_equal(block[i], (__u8)((at[k] + i) * 7 + (at[k] + i) / 251));
	}
	pattern_fill(block, 0, 5);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_complete_and_incomplete),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_what_is_read),
		cmocka_unit_test(test_too_long),
		cmocka_unit_test(test_one_byte_at_a_time),
		cmocka_unit_test(test_noise),
		cmocka_unit_test(test_pattern),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
