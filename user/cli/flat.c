/* SPDX-License-Identifier: BSD-2-Clause */
#include "cli/flat.h"

#include <errno.h>
#include <fnmatch.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/knob.h"
#include "cli/nearest.h"
#include "cli/table.h"
#include "syngate/mib.h"
#include "syngate/verdict.h"

static const struct {
	const char *name, *text;
} flat_counters[] = {
#define X(id, name, text) {#name, text},
	SG_VERDICTS(X)
#undef X
#define X(name, text) {#name, text},
		SG_TCP_COUNTERS(X)
#undef X
};

const char *flat_meaning(const char *counter)
{
	for (size_t i = 0; i < sizeof(flat_counters) / sizeof(flat_counters[0]); i++)
		if (!strcmp(flat_counters[i].name, counter))
			return flat_counters[i].text;
	return "";
}

int flat_sum(const struct client_answers *answers, json_t **flat)
{
	json_t *sum = json_object(), *value;
	const char *name;
	int rc = 0;

	for (int i = 0; i < answers->n; i++)
		json_object_foreach(answers->at[i].result, name, value) rc |= json_object_set_new(
			sum, name,
			json_integer(json_integer_value(json_object_get(sum, name)) +
				     json_integer_value(value)));
	*flat = sum;
	return rc || !sum ? -ENOMEM : 0;
}

int flat_same(const struct client_answers *answers, json_t **flat, struct err *err)
{
	json_t *first = answers->at[0].result, *value;
	const char *name;

	for (int i = 1; i < answers->n; i++)
		json_object_foreach(answers->at[i].result, name, value)
		{
			if (json_equal(json_object_get(first, name), value))
				continue;
			return err_set(err, -EINVAL, EXIT_USAGE,
				       "the daemons '%s' and '%s' have settings of their own (%s); "
				       "look at one: syngate show settings --instance %s",
				       answers->at[0].name, answers->at[i].name, name,
				       answers->at[0].name);
		}
	*flat = json_incref(first);
	return 0;
}

static bool flat_wanted(const char *name, int n, char **pattern)
{
	for (int i = 0; i < n; i++)
		if (!fnmatch(pattern[i], name, FNM_CASEFOLD))
			return true;
	return !n;
}

int flat_select(json_t *flat, int n, char **pattern, struct err *err)
{
	struct nearest near;
	char hint[NEAREST_HINT];
	const char *name;
	json_t *value;
	void *next;

	nearest_begin(&near, n ? pattern[0] : "");
	json_object_foreach_safe(flat, next, name, value) nearest_offer(&near, name);
	nearest_hint(&near, hint);
	json_object_foreach_safe(flat, next, name, value) if (!flat_wanted(name, n, pattern))
		json_object_del(flat, name);
	if (json_object_size(flat) || !n)
		return 0;
	return err_set(err, -EINVAL, EXIT_USAGE,
		       "no such name: '%.60s'%s; patterns are the shell's, such as: 'Listen*'",
		       pattern[0], hint);
}

int flat_print_counters(json_t *flat, bool zeros, FILE *out)
{
	struct table t;
	const char *name;
	json_t *value;

	table_begin(&t);
	table_column(&t, "Counter", false);
	table_column(&t, "Value", true);
	table_column(&t, "Meaning", false);
	json_object_foreach(flat, name, value)
	{
		if (!zeros && !json_integer_value(value))
			continue;
		table_cell(&t, "%s", name);
		table_cell(&t, "%lld", json_integer_value(value));
		table_cell(&t, "%s", flat_meaning(name));
	}
	return table_print(&t, out);
}

static void flat_knob(struct table *t, const struct knob *k)
{
	if (!k) { /* of a newer daemon */
		for (int i = 0; i < 3; i++)
			table_cell(t, "%s", "");
		return;
	}
	table_cell(t, "%llu", k->def);
	table_cell(t, "%llu-%llu", k->min, k->max);
	table_cell(t, "%s", k->text);
}

int flat_print_settings(json_t *flat, FILE *out)
{
	struct table t;
	const char *name;
	json_t *value;

	table_begin(&t);
	table_column(&t, "Setting", false);
	table_column(&t, "Value", true);
	table_column(&t, "Default", true);
	table_column(&t, "Range", true);
	table_column(&t, "Meaning", false);
	json_object_foreach(flat, name, value)
	{
		table_cell(&t, "%s", name);
		table_cell(&t, "%lld", json_integer_value(value));
		flat_knob(&t, knob_find(name));
	}
	return table_print(&t, out);
}
