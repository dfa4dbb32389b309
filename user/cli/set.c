/* SPDX-License-Identifier: BSD-2-Clause */
/* syngate set: change a setting of running daemons. */
#include <stdio.h>

#include "cli/cli.h"
#include "cli/client.h"
#include "cli/knob.h"
#include "cli/opts.h"
#include "cli/output.h"
#include "cli/value.h"

const struct cli_opt set_opts[] = {
	{"instance", OPT_INSTANCE, "NAME", "this daemon alone (default: every running one)"},
	OUTPUT_OPTS,
	{0},
};

struct set_args {
	const char *instance;
	struct output out;
	const struct knob *knob;
	char value[KNOB_VALUE];
};

static int set_parse(struct set_args *a, struct opts *o, struct err *err)
{
	int key, rc = 0;

	while (!rc && (key = opts_next(o, err)) != OPTS_END) {
		if (key < 0)
			return key;
		if (!output_option(&a->out, key))
			rc = value_instance(a->instance = optarg, err);
	}
	if (!rc)
		rc = opts_operands(o, 1, 1, err);
	if (!rc)
		rc = knob_parse(o->operand[0], &a->knob, a->value, err);
	return rc;
}

/* The daemon's answer, and the word beside the number. */
static int set_json(const struct set_args *a, json_t *result, struct err *err)
{
	const char *word = knob_word(a->knob, a->value);

	if (word)
		json_object_set_new(result, "word", json_string(word));
	return output_json(&a->out, result, err);
}

static void set_tell(const struct set_args *a)
{
	const char *word = knob_word(a->knob, a->value);

	printf("%s = %s\n", a->knob->name, word ? word : a->value);
}

int cmd_set(const struct command *cmd, int argc, char **argv, struct err *err)
{
	struct client_answers answers;
	struct set_args a = {0};
	struct opts o;
	int rc;

	opts_begin(&o, cmd, argc, argv);
	rc = set_parse(&a, &o, err);
	if (rc)
		return rc;
	rc = client_ask_all(
		a.instance,
		json_pack("{s:s, s:s, s:s}", "cmd", "set", "name", a.knob->name, "value", a.value),
		&answers, err);
	if (rc)
		return rc;
	if (a.out.json)
		rc = set_json(&a, answers.at[0].result, err);
	else
		set_tell(&a);
	client_answers_free(&answers);
	return rc;
}
