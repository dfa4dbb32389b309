/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The pages in docs/ say what the program does: every setting with its default and
 * range, every counter, every command with its options. And nothing that is gone.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <libgen.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli_all.h"
#include "syngate/mib.h"
#include "syngate/settings.h"
#include "syngate/verdict.h"

/* A page of docs/, whole. The caller frees it. */
static char *page(const char *name)
{
	char here[] = __FILE__, path[512], *text = NULL;
	size_t room = 0;
	FILE *f;

	snprintf(path, sizeof(path), "%s/../../docs/%s", dirname(here), name);
	f = fopen(path, "r");
	if (!f || getdelim(&text, &room, '\0', f) < 0)
		fail_msg("cannot read %s", path);
	fclose(f);
	return text;
}

/* Every table row that begins with a name in backquotes. */
static int named_rows(const char *text)
{
	int n = 0;

	for (; (text = strstr(text, "\n| `")); text++)
		n++;
	return n;
}

static void assert_row(const char *text, const char *where, const char *fmt, ...)
{
	char row[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(row, sizeof(row), fmt, ap);
	va_end(ap);
	if (!strstr(text, row))
		fail_msg("docs/%s lacks this row:%s", where, row);
}

static void settings_page(void **state)
{
	char *text = page("settings.md");
	int n = 0;
	(void)state;

#define X(name, def, min, max, meaning)                                                            \
	assert_row(text, "settings.md", "\n| `%s` | %llu | %llu-%llu | %s |\n", #name,             \
		   (unsigned long long)(def), (unsigned long long)(min),                           \
		   (unsigned long long)(max), meaning);                                            \
	n++;
	SG_SETTINGS(X)
#undef X
	assert_int_equal(named_rows(text), n); /* more: one that is gone */
	free(text);
}

static void counters_page(void **state)
{
	char *text = page("counters.md");
	int n = 4; /* each listener's, beside the two lists */
	(void)state;

#define X(id, name, meaning)                                                                       \
	assert_row(text, "counters.md", "\n| `%s` | %s |\n", #name, meaning);                      \
	n++;
	SG_VERDICTS(X)
#undef X
#define X(name, meaning)                                                                           \
	assert_row(text, "counters.md", "\n| `%s` | %s |\n", #name, meaning);                      \
	n++;
	SG_TCP_COUNTERS(X)
#undef X
	assert_int_equal(named_rows(text), n);
	free(text);
}

/* The text of a file, from the root of the sources. The caller frees it. */
static char *source(const char *name)
{
	char path[300];

	snprintf(path, sizeof(path), "../%s", name);
	return page(path);
}

static bool is_source(const char *name)
{
	char here[] = __FILE__, path[512];

	snprintf(path, sizeof(path), "%s/../../%s", dirname(here), name);
	return access(path, R_OK) == 0;
}

/* Every `netns/script` of the page is there. */
static void conformance_scripts(void **state)
{
	char *text = page("conformance.md");
	int n = 0;

	(void)state;
	for (const char *at = text; (at = strstr(at, "`netns/")); at++) {
		char name[64], file[100], end;

		if (sscanf(at, "`netns/%63[a-z0-9_]%c", name, &end) != 2 || end != '`')
			continue;
		snprintf(file, sizeof(file), "tests/netns/%s.sh", name);
		if (!is_source(file))
			fail_msg("docs/conformance.md names %s, which is not there", file);
		n++;
	}
	assert_true(n > 0);
	free(text);
}

/* Is "KIND-number" on the page, alone or inside "KIND-a to KIND-b"? */
static bool requirement_is_named(const char *text, const char *kind, int number)
{
	char range[32];
	int from, to, end;

	for (const char *at = text; (at = strstr(at, kind)); at++) {
		if (sscanf(at + strlen(kind), "-%d%n", &from, &end) != 1)
			continue;
		if (from == number)
			return true;
		snprintf(range, sizeof(range), " to %s-%%d", kind);
		if (sscanf(at + strlen(kind) + end, range, &to) == 1 && from < number &&
		    number <= to)
			return true;
	}
	return false;
}

/* Each requirement of RFC 9293 appendix B has a row, and each RFC that this TCP is built on. */
static void conformance_is_complete(void **state)
{
	static const struct {
		const char *kind;
		int last;
	} kinds[] = {{"MUST", 69}, {"SHLD", 31}, {"MAY", 18}, {"REC", 1}};
	static const int rfcs[] = {1122, 1191, 1337, 2018, 2883, 3042, 3168, 4821, 4987, 5482,
				   5681, 5682, 5927, 5961, 6191, 6298, 6528, 6582, 6675, 6928,
				   6937, 7323, 7413, 8201, 8899, 8985, 9293, 9406, 9438};
	char *text = page("conformance.md"), name[16];

	(void)state;
	for (size_t k = 0; k < SG_ARRAY_SIZE(kinds); k++)
		for (int i = 1; i <= kinds[k].last; i++)
			if (!requirement_is_named(text, kinds[k].kind, i))
				fail_msg("docs/conformance.md lacks %s-%d", kinds[k].kind, i);
	for (size_t i = 0; i < SG_ARRAY_SIZE(rfcs); i++) {
		snprintf(name, sizeof(name), "%d", rfcs[i]);
		if (!strstr(text, name))
			fail_msg("docs/conformance.md lacks RFC %d", rfcs[i]);
	}
	free(text);
}

/* Every `folder/program:test` of the page is a test of that program. */
static void conformance_page(void **state)
{
	char *text = page("conformance.md");
	int n = 0;

	(void)state;
	for (const char *at = text; (at = strstr(at, "`")); at++) {
		char folder[16], program[64], test[80], file[200], fn[120];
		char *code;

		if (sscanf(at, "`%15[a-z]/%63[a-z0-9_]:%79[a-z0-9_]`", folder, program, test) != 3)
			continue;
		snprintf(file, sizeof(file), "tests/%s/%s.c", folder, program);
		snprintf(fn, sizeof(fn), "cmocka_unit_test(test_%s)", test);
		code = source(file);
		if (!strstr(code, fn)) {
			snprintf(fn, sizeof(fn), "T(test_%s)", test);
			if (!strstr(code, fn))
				fail_msg("docs/conformance.md names %s:%s, which is not run", file,
					 test);
		}
		free(code);
		n++;
	}
	assert_true(n > 100);
	free(text);
}

/* The part of the page that begins with "## name". The caller frees it. */
static char *section(const char *text, const char *name)
{
	char head[64];
	const char *from, *to;

	snprintf(head, sizeof(head), "\n## %s\n", name);
	from = strstr(text, head);
	if (!from) {
		fail_msg("docs/commands.md has no section '## %s'", name);
		return NULL; /* not reached, which the compiler does not know */
	}
	to = strstr(from + 1, "\n## ");
	return to ? strndup(from, (size_t)(to - from)) : strdup(from);
}

static void commands_page(void **state)
{
	char *text = page("commands.md");
	(void)state;

	for (const struct command *c = commands; c->name; c++) {
		char *part = section(text, c->name);
		char wanted[256];

		snprintf(wanted, sizeof(wanted), "\n    syngate %s %s\n", c->name, c->usage);
		if (!strstr(part, wanted))
			fail_msg("docs/commands.md, %s, lacks its usage:%s", c->name, wanted);
		for (const struct cli_opt *o = c->opts; o->name; o++) {
			snprintf(wanted, sizeof(wanted), "`--%s%s%s`", o->name, o->arg ? " " : "",
				 o->arg ? o->arg : "");
			if (!strstr(part, wanted))
				fail_msg("docs/commands.md, %s, lacks %s", c->name, wanted);
		}
		free(part);
	}
	free(text);
}

/* What the page writes as an option, some command takes. */
static void no_option_that_is_gone(void **state)
{
	char *text = page("commands.md");
	(void)state;

	for (const char *at = text; (at = strstr(at, "`--")); at += 3) {
		size_t n = strcspn(at + 3, " `=");
		bool known = !n || !strncmp(at + 3, "option", 6); /* `--`, `--option value` */

		for (const struct command *c = commands; c->name && !known; c++)
			for (const struct cli_opt *o = c->opts; o->name && !known; o++)
				known = strlen(o->name) == n && !strncmp(o->name, at + 3, n);
		if (!known)
			fail_msg("docs/commands.md names --%.*s, which no command takes", (int)n,
				 at + 3);
	}
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(settings_page),	   cmocka_unit_test(counters_page),
		cmocka_unit_test(conformance_page),	   cmocka_unit_test(conformance_scripts),
		cmocka_unit_test(conformance_is_complete), cmocka_unit_test(commands_page),
		cmocka_unit_test(no_option_that_is_gone),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
