/* SPDX-License-Identifier: BSD-2-Clause */
#include "cli/knob.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cli/nearest.h"
#include "cli/value.h"
#include "syngate/settings.h"

#define X(name, def, min, max, text) {#name, def, min, max, text},
const struct knob knobs[] = {SG_SETTINGS(X){0}};
#undef X

const struct knob *knob_find(const char *name)
{
	for (const struct knob *k = knobs; k->name; k++)
		if (!strcmp(k->name, name))
			return k;
	return NULL;
}

static int knob_unknown(const char *name, struct err *err)
{
	char hint[NEAREST_HINT];
	struct nearest near;

	nearest_begin(&near, name);
	for (const struct knob *k = knobs; k->name; k++)
		nearest_offer(&near, k->name);
	return err_set(err, -EINVAL, EXIT_USAGE,
		       "unknown setting '%s'%s; list them with: syngate help set", name,
		       nearest_hint(&near, hint));
}

/* Words that stand for numbers, of the one knob that is not a quantity. */
static const struct {
	const char *knob, *word, *value;
} knob_words[] = {
	{"fail_policy", "pass", "0"},
	{"fail_policy", "hold", "1"},
};

const char *knob_word(const struct knob *k, const char *value)
{
	for (size_t i = 0; i < sizeof(knob_words) / sizeof(knob_words[0]); i++)
		if (!strcmp(k->name, knob_words[i].knob) && !strcmp(value, knob_words[i].value))
			return knob_words[i].word;
	return NULL;
}

/* What the user wrote, as a number if it is one of our words. */
static const char *knob_number(const struct knob *k, const char *text)
{
	for (size_t i = 0; i < sizeof(knob_words) / sizeof(knob_words[0]); i++)
		if (!strcmp(k->name, knob_words[i].knob) && !strcmp(text, knob_words[i].word))
			return knob_words[i].value;
	return text;
}

int knob_parse(const char *text, const struct knob **knob, char value[KNOB_VALUE], struct err *err)
{
	const char *eq = strchr(text, '=');
	unsigned long long n;
	char name[64];
	int rc;

	snprintf(name, sizeof(name), "%.*s", eq ? (int)(eq - text) : 63, text);
	*knob = knob_find(name);
	if (!*knob)
		return knob_unknown(name, err);
	if (!eq)
		return err_set(err, -EINVAL, EXIT_USAGE,
			       "'%s' has no value; write it as %s=%llu (its default)", name, name,
			       (*knob)->def);
	if (!strcmp(name, "fail_policy") && strcmp(knob_number(*knob, eq + 1), "0") &&
	    strcmp(knob_number(*knob, eq + 1), "1"))
		return err_set(err, -EINVAL, EXIT_USAGE,
			       "fail_policy '%.40s': it is pass (0) or hold (1)", eq + 1);
	rc = value_number(name, knob_number(*knob, eq + 1), (*knob)->min, (*knob)->max, &n, err);
	if (!rc)
		snprintf(value, KNOB_VALUE, "%llu", n);
	return rc;
}
