/* SPDX-License-Identifier: BSD-2-Clause */
#include "cli/opts.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cli/nearest.h"

#define OPTS_UNKNOWN '?'
#define OPTS_NO_ARG  ':'

void opts_begin(struct opts *o, const struct command *cmd, int argc, char **argv)
{
	char *s = o->shorts;

	memset(o, 0, sizeof(*o));
	o->cmd = cmd;
	o->argc = argc;
	o->argv = argv;
	*s++ = ':'; /* a missing argument is told from an unknown option */
	for (int i = 0; cmd->opts[i].name && i < OPTS_MAX; i++) {
		const struct cli_opt *c = &cmd->opts[i];

		o->lng[i] = (struct option){
			.name = c->name,
			.has_arg = c->arg ? required_argument : no_argument,
			.val = c->key,
		};
		if (c->key > 255)
			continue;
		*s++ = (char)c->key;
		if (c->arg)
			*s++ = ':';
	}
	opterr = 0;
	optind = 0; /* glibc: start afresh */
}

void opts_up_to_operand(struct opts *o)
{
	memmove(o->shorts + 1, o->shorts, sizeof(o->shorts) - 1);
	o->shorts[0] = '+';
}

static int opts_unknown(const struct opts *o, const char *word, struct err *err)
{
	const struct cli_opt *c = o->cmd->opts;
	char name[64], hint[NEAREST_HINT], *eq;
	struct nearest near;

	snprintf(name, sizeof(name), "%s", word);
	eq = strchr(name, '=');
	if (eq)
		*eq = '\0';
	nearest_begin(&near, name + strspn(name, "-"));
	for (; c->name; c++)
		nearest_offer(&near, c->name);
	if (near.best)
		snprintf(hint, sizeof(hint), " (did you mean '--%s'?)", near.best);
	return err_set(err, -EINVAL, EXIT_USAGE, "unknown option '%s'%s; see: syngate %s --help",
		       name, near.best ? hint : "", o->cmd->name);
}

static int opts_bad(const struct opts *o, int key, struct err *err)
{
	const char *word = o->argv[optind - 1];
	char one[3] = {'-', (char)optopt, '\0'};

	for (const struct cli_opt *c = o->cmd->opts; c->name; c++) {
		if (c->key != optopt)
			continue;
		if (key == OPTS_NO_ARG)
			return err_set(err, -EINVAL, EXIT_USAGE,
				       "--%s needs a value: --%s %s; see: syngate %s --help",
				       c->name, c->name, c->arg, o->cmd->name);
		return err_set(err, -EINVAL, EXIT_USAGE,
			       "--%s takes no value; see: syngate %s --help", c->name,
			       o->cmd->name);
	}
	return opts_unknown(o, optopt && optopt < 256 ? one : word, err);
}

int opts_next(struct opts *o, struct err *err)
{
	int key = getopt_long(o->argc, o->argv, o->shorts, o->lng, NULL);

	if (key == OPTS_UNKNOWN || key == OPTS_NO_ARG)
		return opts_bad(o, key, err);
	if (key == OPTS_END) {
		o->operand = o->argv + optind;
		o->operands = o->argc - optind;
	}
	return key;
}

const char *opts_name(const struct opts *o, int key)
{
	const struct cli_opt *c = o->cmd->opts;

	while (c->name && c->key != key)
		c++;
	return c->name ? c->name : "?";
}

int opts_operands(const struct opts *o, int min, int max, struct err *err)
{
	if (o->operands > max)
		return err_set(err, -EINVAL, EXIT_USAGE,
			       "unexpected argument '%.60s'; usage: syngate %s %s", o->operand[max],
			       o->cmd->name, o->cmd->usage);
	if (o->operands < min)
		return err_set(err, -EINVAL, EXIT_USAGE,
			       "an argument is missing; usage: syngate %s %s", o->cmd->name,
			       o->cmd->usage);
	return 0;
}
