/* SPDX-License-Identifier: BSD-2-Clause */
/* The ss-like filters of `show`. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "cli/addr.c"
#include "cli/filter.c"
#include "cli/nearest.c"
#include "cli/value.c"
#include "io/err.c"

static int parse(struct filter *f, const char *words, struct err *err)
{
	char copy[2048], *argv[200], *save = NULL;
	int argc = 0;

	snprintf(copy, sizeof(copy), "%s", words);
	for (char *w = strtok_r(copy, " ", &save); w; w = strtok_r(NULL, " ", &save))
		argv[argc++] = w;
	return filter_parse(f, argc, argv, err);
}

static bool fits(const char *words, const char *st, const char *local, const char *peer)
{
	json_t *row = json_pack("{s:s, s:s, s:s}", "state", st, "local", local, "peer", peer);
	struct filter f;
	struct err err;
	bool yes;

	if (parse(&f, words, &err))
		fail_msg("'%s': %s", words, err.msg);
	yes = filter_match(&f, row, "ESTAB");
	json_decref(row);
	return yes;
}

static void rows_are_told_apart(void **state)
{
	static const struct {
		const char *words;
		bool yes;
	} rows[] = {
		{"", true},
		{"state ESTAB", true},
		{"state established", true},
		{"state estab", true},
		{"state SYN-RECV", false},
		{"state SYN-RECV state ESTAB", true}, /* either */
		{"state connected", true},
		{"state bucket", false},
		{"state big", true},
		{"state all", true},
		{"exclude ESTAB", false},
		{"exclude time-wait", true},
		{"state connected exclude established", false},
		{"sport = :80", true},
		{"sport = 80", true},
		{"sport :80", true},
		{"sport == :80", true},
		{"sport eq :80", true},
		{"sport=:80", true},
		{"sport=80", true},
		{"sport != :80", false},
		{"sport!=:81", true},
		{"sport ne :81", true},
		{"dport = :80", false},
		{"dport = :40001", true},
		{"dport = :4000", false},
		{"sport = :80 and dport = :40001", true},
		{"sport = :80 dport = :40001", true},
		{"sport = :80 and dport = :40002", false},
		{"state ESTAB and sport = :80 and dst 198.51.100.7", true},
		{"src 192.0.2.1", true},
		{"src = 192.0.2.1", true},
		{"src != 192.0.2.1", false},
		{"src 192.0.2.2", false},
		{"src 192.0.2.0/24", true},
		{"src 192.0.2.0/31", true},
		{"src 192.0.2.2/31", false},
		{"src 192.0.2.1/32", true},
		{"src 0.0.0.0/0", true},
		{"src 192.0.2.1:80", true},
		{"src 192.0.2.1:81", false},
		{"src :80", true},
		{"src *:80", true},
		{"src *", true},
		{"src ::ffff:192.0.2.1", true},
		{"src 2001:db8::/32", false},
		{"src ::/0", true},
		{"dst 198.51.100.0/24:40001", true},
		{"dst 192.0.2.1", false},
	};
	(void)state;

	for (size_t i = 0; i < SG_ARRAY_SIZE(rows); i++)
		if (fits(rows[i].words, "ESTAB", "192.0.2.1:80", "198.51.100.7:40001") !=
		    rows[i].yes)
			fail_msg("'%s' should %sfit", rows[i].words, rows[i].yes ? "" : "not ");
}

static void ipv6_rows(void **state)
{
	static const struct {
		const char *words;
		bool yes;
	} rows[] = {
		{"sport = :443", true},
		{"src 2001:db8::1", true},
		{"src [2001:db8::1]", true},
		{"src [2001:db8::1]:443", true},
		{"src [2001:db8::1]:80", false},
		{"src 2001:db8::/32", true},
		{"src [2001:db8::]/32:443", true},
		{"src [2001:db8::/32]:443", true},
		{"src [2001:db8::/32]:80", false},
		{"src 2001:db9::/32", false},
		{"src 2001:db8::/127", true},
		{"dst 2001:db8::8000:0/97", true},
		{"dst 2001:db8::/97", false},
		{"dst 0.0.0.0/0", false},
	};
	(void)state;

	for (size_t i = 0; i < SG_ARRAY_SIZE(rows); i++)
		if (fits(rows[i].words, "TIME-WAIT", "[2001:db8::1]:443",
			 "[2001:db8::8000:7]:40001") != rows[i].yes)
			fail_msg("'%s' should %sfit", rows[i].words, rows[i].yes ? "" : "not ");
}

static void listeners_have_two_halves_and_no_state(void **state)
{
	json_t *row = json_pack("{s:s, s:i}", "addr", "2001:db8::1", "port", 443);
	json_t *any = json_pack("{s:s, s:i}", "addr", "*", "port", 80);
	struct filter f;
	struct err err;
	(void)state;

	assert_int_equal(parse(&f, "src [2001:db8::1]:443", &err), 0);
	assert_true(filter_match(&f, row, "LISTEN"));
	assert_false(filter_match(&f, any, "LISTEN"));
	assert_int_equal(parse(&f, "sport = :80 state listening", &err), 0);
	assert_true(filter_match(&f, any, "LISTEN"));
	assert_false(filter_match(&f, row, "LISTEN"));
	assert_int_equal(parse(&f, "dport = :80", &err), 0);
	assert_false(filter_match(&f, any, "LISTEN"));
	json_decref(row);
	json_decref(any);
}

static void broken_rows_fit_nothing(void **state)
{
	(void)state;
	assert_false(fits("sport = :80", "ESTAB", "", "x"));
	assert_false(fits("src 192.0.2.1", "ESTAB", "nonsense:80", "x"));
	assert_false(fits("", "NO-SUCH-STATE", "192.0.2.1:80", "192.0.2.2:1"));
	assert_false(fits("src 192.0.2.1", "ESTAB",
			  "[aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa]:80",
			  "x"));
}

static void errors_show_how(void **state)
{
	static const struct {
		const char *words, *why;
	} rows[] = {
		{"foo", "no filter"},
		{"and", "no filter"},
		{"state", "unknown state"},
		{"state ESTB", "did you mean 'ESTAB'"},
		{"state tim-wait", "did you mean 'TIME-WAIT'"},
		{"sport", "write it as: sport = :80"},
		{"sport =", "write it as: sport = :80"},
		{"sport ! :80", "write it as: sport = :80"},
		{"src", "write it as: src 192.0.2.1"},
		{"sport = :0", "from 1 to 65535"},
		{"sport = :65536", "from 1 to 65535"},
		{"sport = :http", "from 1 to 65535"},
		{"src 192.0.2.300", "malformed address"},
		{"src example.org", "malformed address"},
		{"src 192.0.2.1/33", "from 0 to 32"},
		{"src 2001:db8::1/129", "from 0 to 128"},
		{"src 192.0.2.1:x", "port"},
		{"src [2001:db8::1", "malformed address"},
		{"sport = :80 and", "last 'and'"},
		{"sport = :80 or sport = :81", "no filter"},
	};
	(void)state;

	for (size_t i = 0; i < SG_ARRAY_SIZE(rows); i++) {
		struct err err = {0};
		struct filter f;

		assert_true(parse(&f, rows[i].words, &err) < 0);
		assert_int_equal(err.exit, EXIT_USAGE);
		if (!strstr(err.msg, rows[i].why))
			fail_msg("'%s' is told: %s", rows[i].words, err.msg);
	}
}

static void too_much_is_refused(void **state)
{
	char words[2048] = "";
	struct filter f;
	struct err err;
	(void)state;

	for (int i = 0; i < FILTER_TERMS; i++)
		strcat(words, "sport = :80 ");
	assert_int_equal(parse(&f, words, &err), 0);
	strcat(words, "sport = :80 ");
	assert_int_equal(parse(&f, words, &err), -E2BIG);
	for (int i = 0; i < 100; i++)
		strcat(words, "sport=80 ");
	assert_int_equal(parse(&f, words, &err), -E2BIG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rows_are_told_apart),
		cmocka_unit_test(ipv6_rows),
		cmocka_unit_test(listeners_have_two_halves_and_no_state),
		cmocka_unit_test(broken_rows_fit_nothing),
		cmocka_unit_test(errors_show_how),
		cmocka_unit_test(too_much_is_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
