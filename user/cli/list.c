/* SPDX-License-Identifier: BSD-2-Clause */
/* syngate allow, deny, unlist: peers that are treated otherwise. */
#include <errno.h>
#include <stdio.h>

#include "cli/ask.h"
#include "cli/cli.h"
#include "cli/client.h"
#include "cli/value.h"
#include "io/prefix.h"

#define LIST_AT_ONCE 1000 /* a request is 64 KiB at most */

const struct cli_opt allow_opts[] = {
	ASK_OPTS,
	{0},
};

const struct cli_opt deny_opts[] = {
	ASK_OPTS,
	{0},
};

const struct cli_opt unlist_opts[] = {
	{"all", OPT_ALL, NULL, "every prefix that is listed"},
	ASK_OPTS,
	{0},
};

struct list {
	struct ask ask;
	const char *cmd;
	struct prefixes what;
	bool all;
	size_t done;
};

static int list_operands(struct list *l, const struct opts *o, struct err *err)
{
	int rc = opts_operands(o, l->all ? 1 : 2, l->all ? 1 : 100000, err);

	if (rc)
		return rc;
	l->ask.iface = o->operand[0];
	rc = value_iface(l->ask.iface, err);
	for (int i = 1; !rc && i < o->operands; i++)
		rc = prefixes_add(&l->what, o->operand[i], err);
	return rc;
}

static int list_parse(struct list *l, struct opts *o, struct err *err)
{
	int key, rc = 0;

	while (!rc && (key = opts_next(o, err)) != OPTS_END) {
		if (key == OPT_ALL)
			l->all = true;
		else
			rc = key < 0 ? key : ask_option(&l->ask, key, optarg, err);
	}
	return rc ? rc : list_operands(l, o, err);
}

/* From the first one that has not been asked for on. */
static json_t *list_request(const struct list *l)
{
	json_t *r = json_pack("{s:s, s:s}", "cmd", l->cmd, "iface", l->ask.iface), *array;
	char text[PREFIX_TEXT];

	if (l->all) {
		json_object_set_new(r, "all", json_true());
		return r;
	}
	array = json_array();
	for (size_t i = l->done; i < l->what.n && i < l->done + LIST_AT_ONCE; i++)
		json_array_append_new(array, json_string(prefix_print(text, &l->what.at[i])));
	json_object_set_new(r, "prefixes", array);
	return r;
}

static int list_ask(struct list *l, struct err *err)
{
	json_t *result;
	size_t n = 0;
	int rc = 0;

	do {
		l->done += n;
		rc = client_ask(l->ask.instance, l->ask.iface, list_request(l), &result, err);
		if (rc)
			break;
		n = (size_t)json_integer_value(json_object_get(result, "prefixes"));
		json_decref(result);
	} while (n && l->done + n < l->what.n);
	l->done += rc ? 0 : n;
	return rc;
}

static int list_tell(const struct list *l, const char *done, struct err *err)
{
	json_t *result;
	int rc;

	if (!l->ask.out.json) {
		printf("%s: %zu %s %s\n", l->ask.iface, l->done, l->done == 1 ? "prefix" : "prefixes",
		       done);
		return 0;
	}
	result = json_pack("{s:I}", "prefixes", (json_int_t)l->done);
	rc = output_json(&l->ask.out, result, err);
	json_decref(result);
	return rc;
}

static int list_run(const struct command *cmd, int argc, char **argv, const char *done,
		    struct err *err)
{
	struct list l = {.cmd = cmd->name};
	struct opts o;
	int rc;

	opts_begin(&o, cmd, argc, argv);
	rc = list_parse(&l, &o, err);
	if (!rc)
		rc = list_ask(&l, err);
	if (!rc)
		rc = list_tell(&l, done, err);
	prefixes_free(&l.what);
	return rc;
}

int cmd_allow(const struct command *cmd, int argc, char **argv, struct err *err)
{
	return list_run(cmd, argc, argv, "allowed", err);
}

int cmd_deny(const struct command *cmd, int argc, char **argv, struct err *err)
{
	return list_run(cmd, argc, argv, "denied", err);
}

int cmd_unlist(const struct command *cmd, int argc, char **argv, struct err *err)
{
	return list_run(cmd, argc, argv, "no longer listed", err);
}
