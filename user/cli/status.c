/* SPDX-License-Identifier: BSD-2-Clause */
/* syngate status: one screen of what is attached, and how it is. */
#include <errno.h>
#include <stdio.h>

#include "cli/cli.h"
#include "cli/client.h"
#include "cli/opts.h"
#include "cli/output.h"
#include "cli/value.h"
#include "cli/view.h"

const struct cli_opt status_opts[] = {
	{"instance", OPT_INSTANCE, "NAME", "this daemon alone (default: every running one)"},
	OUTPUT_OPTS,
	{0},
};

static const struct view_column status_view[] = {
	{"Interface", "iface", VIEW_TEXT, NULL},
	{"Instance", "instance", VIEW_TEXT, NULL},
	{"Mode", "mode", VIEW_TEXT, NULL},
	{"Copy", "zero_copy", VIEW_COPY, NULL},
	{"Queues", "queues", VIEW_NUMBER, NULL},
	{"Workers", "workers", VIEW_WORKERS, NULL},
	{"Listeners", "listeners", VIEW_NUMBER, NULL},
	{"Conns", "conns", VIEW_NUMBER, NULL},
	{"Time-wait", "timewait", VIEW_NUMBER, NULL},
	{"Uptime", "uptime", VIEW_SECONDS, NULL},
	{"Cookie key", "cookie_key", VIEW_TEXT, NULL},
	{"Key age", "cookie_key_age", VIEW_SECONDS, NULL},
	{"PID", "pid", VIEW_NUMBER, NULL},
	{0},
};

static const char *status_string(const json_t *row, const char *key)
{
	const char *text = json_string_value(json_object_get(row, key));

	return text ? text : "?";
}

static const struct view_column status_events_view[] = {
	{"Ago", "age_ms", VIEW_MS, NULL},
	{"Event", "text", VIEW_TEXT, NULL},
	{0},
};

/* How modes have switched, each interface for itself, the latest one last. */
static int status_events(const json_t *rows)
{
	json_t *row, *events;
	size_t i;
	int rc = 0;

	json_array_foreach(rows, i, row)
	{
		events = json_object_get(row, "events");
		if (!rc && json_array_size(events)) {
			putchar('\n');
			rc = view_rows(status_events_view, events, stdout);
		}
	}
	return rc;
}

static void status_modes(const json_t *row)
{
	json_t *mode;
	size_t i;

	json_array_foreach(json_object_get(row, "modes"), i, mode)
		printf("%s: mode: %s\n", status_string(row, "iface"), json_string_value(mode));
}

/* What somebody who looks ought to see at once, with its remedy. */
static void status_notices(const json_t *rows)
{
	json_t *row, *w;
	size_t i, j;

	json_array_foreach(rows, i, row)
	{
		status_modes(row);
		json_array_foreach(json_object_get(row, "workers"), j,
				   w) if (json_is_false(json_object_get(w, "alive")))
			printf("%s: the worker of RX queue %lld does not answer; detach and "
			       "attach again: syngate detach %s\n",
			       status_string(row, "iface"),
			       json_integer_value(json_object_get(w, "rx_queue")),
			       status_string(row, "iface"));
	}
}

static int status_print(const struct output *out, const json_t *rows, struct err *err)
{
	int rc;

	if (out->json)
		return output_json(out, rows, err);
	if (!json_array_size(rows)) {
		puts("no interface is attached; attach one with: syngate attach IFACE");
		return 0;
	}
	rc = view_rows(status_view, rows, stdout);
	status_notices(rows);
	return rc ? rc : status_events(rows);
}

int cmd_status(const struct command *cmd, int argc, char **argv, struct err *err)
{
	struct client_answers answers;
	const char *instance = NULL;
	struct output out = {0};
	json_t *rows;
	struct opts o;
	int key, rc = 0;

	opts_begin(&o, cmd, argc, argv);
	while (!rc && (key = opts_next(&o, err)) != OPTS_END) {
		if (key < 0)
			return key;
		if (!output_option(&out, key))
			rc = value_instance(instance = optarg, err);
	}
	if (!rc)
		rc = opts_operands(&o, 0, 0, err);
	if (!rc)
		rc = client_ask_all(instance, json_pack("{s:s}", "cmd", "status"), &answers, err);
	if (rc)
		return rc;
	rows = json_array();
	for (int i = 0; i < answers.n; i++)
		json_array_extend(rows, answers.at[i].result);
	rc = status_print(&out, rows, err);
	json_decref(rows);
	client_answers_free(&answers);
	if (rc == -ENOMEM)
		err_set(err, rc, EXIT_KERNEL, "out of memory; stop other programs");
	return rc;
}
