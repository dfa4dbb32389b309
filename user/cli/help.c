/* SPDX-License-Identifier: BSD-2-Clause */
/* syngate help: out of the table of commands. */
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/help.h"
#include "cli/knob.h"
#include "cli/opts.h"
#include "cli/table.h"
#include "syngate/abi.h"

const struct cli_opt help_opts[] = {
	{0},
};

void help_version(void)
{
	printf("syngate %s (ABI %d)\n", CLI_VERSION, SG_ABI);
}

void help_all(FILE *out)
{
	fprintf(out, "usage: syngate COMMAND ...\n\n");
	for (const struct command *c = commands; c->name; c++)
		fprintf(out, "  %-9s %s\n", c->name, c->help);
	fprintf(out,
		"\n"
		"  syngate help COMMAND   or  syngate COMMAND --help\n"
		"  syngate --version\n\n"
		"Exit: 0 done, 1 usage or configuration, 2 the kernel refused, 3 no daemon.\n");
}

static void help_options(const struct command *cmd)
{
	char left[64];

	if (!cmd->opts->name)
		return;
	printf("\nOptions:\n");
	for (const struct cli_opt *o = cmd->opts; o->name; o++) {
		char letter[5] = "    ";

		if (o->key < 256)
			snprintf(letter, sizeof(letter), "-%c, ", o->key);
		snprintf(left, sizeof(left), "%s--%s%s%s", letter, o->name, o->arg ? " " : "",
			 o->arg ? o->arg : "");
		printf("  %-27s  %s\n", left, o->help);
	}
}

static void help_settings(void)
{
	struct table t;

	table_begin(&t);
	table_column(&t, "Setting", false);
	table_column(&t, "Default", true);
	table_column(&t, "Range", true);
	table_column(&t, "Meaning", false);
	for (const struct knob *k = knobs; k->name; k++) {
		table_cell(&t, "%s", k->name);
		table_cell(&t, "%llu", k->def);
		table_cell(&t, "%llu-%llu", k->min, k->max);
		table_cell(&t, "%s", k->text);
	}
	putchar('\n');
	table_print(&t, stdout);
}

void help_command(const struct command *cmd)
{
	printf("syngate %s: %s\n\nusage: syngate %s %s\n", cmd->name, cmd->help, cmd->name,
	       cmd->usage);
	help_options(cmd);
	if (cmd->more)
		printf("\n%s", cmd->more);
	if (!strcmp(cmd->name, "set"))
		help_settings();
}

int cmd_help(const struct command *cmd, int argc, char **argv, struct err *err)
{
	const struct command *c;
	struct opts o;
	int key, rc;

	opts_begin(&o, cmd, argc, argv);
	key = opts_next(&o, err);
	if (key != OPTS_END)
		return key;
	rc = opts_operands(&o, 0, 1, err);
	if (rc)
		return rc;
	if (!o.operands) {
		help_all(stdout);
		return 0;
	}
	c = command_find(o.operand[0]);
	if (!c)
		return command_unknown(o.operand[0], err);
	help_command(c);
	return 0;
}
