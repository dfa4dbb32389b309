/* SPDX-License-Identifier: BSD-2-Clause */
/* Aligned text, and rows of the control protocol as text. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "cli/table.c"
#include "cli/view.c"

static char *text;
static size_t text_len;

static void assert_prints(struct table *t, const char *expected)
{
	FILE *out = open_memstream(&text, &text_len);

	assert_int_equal(table_print(t, out), 0);
	fclose(out);
	assert_string_equal(text, expected);
	free(text);
}

static void columns_are_aligned(void **state)
{
	struct table t;
	(void)state;

	table_begin(&t);
	table_column(&t, "Name", false);
	table_column(&t, "N", true);
	table_column(&t, "Text", false);
	table_cell(&t, "a");
	table_cell(&t, "%d", 12345);
	table_cell(&t, "x");
	table_cell(&t, "longer");
	table_cell(&t, "%d", 7);
	table_cell(&t, "%s", "");
	assert_prints(&t, "Name        N  Text\n"
			  "a       12345  x\n"
			  "longer      7\n");
}

static void empty_cells_keep_the_columns(void **state)
{
	struct table t;
	(void)state;

	table_begin(&t);
	table_column(&t, "A", false);
	table_column(&t, "B", true);
	table_column(&t, "C", false);
	table_cell(&t, "%s", "");
	table_cell(&t, "%s", "");
	table_cell(&t, "c");
	assert_prints(&t, "A  B  C\n      c\n");
}

static void a_terminal_is_given_no_orders(void **state)
{
	struct table t;
	(void)state;

	table_begin(&t);
	table_column(&t, "A", false);
	table_cell(&t, "%s", "\033[2Jx\ny\177");
	assert_prints(&t, "A\n?[2Jx?y?\n");
}

static void many_rows(void **state)
{
	FILE *out = open_memstream(&text, &text_len);
	struct table t;
	(void)state;

	table_begin(&t);
	table_column(&t, "N", true);
	for (int i = 0; i < 1000; i++)
		table_cell(&t, "%d", i);
	assert_int_equal(table_print(&t, out), 0);
	fclose(out);
	assert_int_equal(text_len, 1001 * 4); /* three digits and a newline each */
	assert_string_equal(text + text_len - 4, "999\n");
	free(text);
}

static void durations_read_well(void **state)
{
	static const struct {
		unsigned long long ms;
		const char *text;
	} rows[] = {
		{0, "0ms"},
		{999, "999ms"},
		{1000, "1.0s"},
		{9999, "9.9s"},
		{10000, "10s"},
		{59999, "59s"},
		{60000, "1m00s"},
		{3599999, "59m59s"},
		{3600000, "1h00m"},
		{86399999, "23h59m"},
		{86400000, "1d00h"},
		{90000000, "1d01h"},
		{~0ULL, "213503982334d14h"},
	};
	char buf[VIEW_DURATION];
	(void)state;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_string_equal(view_duration(rows[i].ms, buf), rows[i].text);
}

static void assert_row(enum view_format format, const char *key, const char *json,
		       const char *expected)
{
	const struct view_column columns[] = {{"T", key, format, "limit"}, {0}};
	json_t *rows = json_array();
	FILE *out = open_memstream(&text, &text_len);

	json_array_append_new(rows, json_loads(json, 0, NULL));
	assert_int_equal(view_rows(columns, rows, out), 0);
	fclose(out);
	json_decref(rows);
	assert_string_equal(strchr(text, '\n') + 1 + strspn(strchr(text, '\n') + 1, " "), expected);
	free(text);
}

static void each_format(void **state)
{
	(void)state;
	assert_row(VIEW_TEXT, "k", "{\"k\": \"v\"}", "v\n");
	assert_row(VIEW_NUMBER, "k", "{\"k\": 7}", "7\n");
	assert_row(VIEW_NUMBER, "k", "{\"k\": 7.4}", "7\n");
	assert_row(VIEW_MS, "k", "{\"k\": 1500}", "1.5s\n");
	assert_row(VIEW_MS, "k", "{\"k\": -5}", "0ms\n");
	assert_row(VIEW_US, "k", "{\"k\": 250000}", "250ms\n");
	assert_row(VIEW_US, "k", "{\"k\": 350}", "350us\n");
	assert_row(VIEW_US, "k", "{\"k\": 0}", "0ms\n");
	assert_row(VIEW_SECONDS, "k", "{\"k\": 61}", "1m01s\n");
	assert_row(VIEW_YES, "k", "{\"k\": true}", "yes\n");
	assert_row(VIEW_YES, "k", "{\"k\": false}", "\n");
	assert_row(VIEW_TIMER, "k", "{\"k\": {\"name\": \"on\", \"ms\": 204, \"retrans\": 2}}",
		   "(on,204ms,2)\n");
	assert_row(VIEW_TIMER, "k", "{\"k\": {\"name\": \"\", \"ms\": 0, \"retrans\": 0}}", "\n");
	assert_row(VIEW_ENDPOINT, NULL, "{\"addr\": \"*\", \"port\": 80}", "*:80\n");
	assert_row(VIEW_ENDPOINT, NULL, "{\"addr\": \"::1\", \"port\": 80}", "[::1]:80\n");
	assert_row(VIEW_OF, "k", "{\"k\": 3, \"limit\": 128}", "3/128\n");
	assert_row(VIEW_COPY, "k", "{\"k\": true}", "zero-copy\n");
	assert_row(VIEW_WORKERS, "k", "{\"k\": [{\"alive\": true}, {\"alive\": false}]}", "1/2\n");
}

/* A daemon of another version: what is missing or of another type is left out. */
static void what_is_missing_is_empty(void **state)
{
	static const enum view_format all[] = {VIEW_TEXT, VIEW_NUMBER, VIEW_MS,	  VIEW_SECONDS,
					       VIEW_US,	  VIEW_YES,    VIEW_TIMER};
	(void)state;

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		assert_row(all[i], "k", "{}", "\n");
		assert_row(all[i], "k", "{\"k\": []}", "\n");
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(columns_are_aligned),
		cmocka_unit_test(empty_cells_keep_the_columns),
		cmocka_unit_test(a_terminal_is_given_no_orders),
		cmocka_unit_test(many_rows),
		cmocka_unit_test(durations_read_well),
		cmocka_unit_test(each_format),
		cmocka_unit_test(what_is_missing_is_empty),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
