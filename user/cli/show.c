/* SPDX-License-Identifier: BSD-2-Clause */
/* syngate show: the queues, connections, counters and settings of running daemons. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/client.h"
#include "cli/filter.h"
#include "cli/flat.h"
#include "cli/opts.h"
#include "cli/output.h"
#include "cli/value.h"
#include "cli/view.h"

const struct cli_opt show_opts[] = {
	{"all", OPT_ALL, NULL, "counters: those at zero as well"},
	{"instance", OPT_INSTANCE, "NAME", "this daemon alone (default: every running one)"},
	OUTPUT_OPTS,
	{0},
};

enum show_what {
	LISTENERS,
	HALFOPEN,
	ACCEPTQ,
	CONNS,
	TIMEWAIT,
	BACKENDS,
	PREFIXES,
	COUNTERS,
	SETTINGS,
};

static const char *const show_names[] = {"listeners", "halfopen", "acceptq",  "conns",
					 "timewait",  "backends", "prefixes", "counters",
					 "settings",  NULL};

static const struct view_column show_listeners[] = {
	{"Local", NULL, VIEW_ENDPOINT, NULL},
	{"App", "app", VIEW_TEXT, NULL},
	{"Backend", "backend", VIEW_TEXT, NULL},
	{"Mode", "mode", VIEW_TEXT, NULL},
	{"Half-open", "halfopen", VIEW_OF, "syn_backlog"},
	{"Accept-Q", "acceptq", VIEW_OF, "backlog"},
	{"Opens", "PassiveOpens", VIEW_NUMBER, NULL},
	{"Overflows", "ListenOverflows", VIEW_NUMBER, NULL},
	{"Drops", "ListenDrops", VIEW_NUMBER, NULL},
	{"ReqQFull", "TCPReqQFullDrop", VIEW_NUMBER, NULL},
	{"Interface", "iface", VIEW_TEXT, NULL},
	{0},
};

static const struct view_column show_halfopen[] = {
	{"Local", "local", VIEW_TEXT, NULL},	 {"Peer", "peer", VIEW_TEXT, NULL},
	{"Age", "age_ms", VIEW_MS, NULL},	 {"Resends", "retries", VIEW_NUMBER, NULL},
	{"Next", "due_ms", VIEW_MS, NULL},	 {"Acked", "acked", VIEW_YES, NULL},
	{"MSS", "mss", VIEW_NUMBER, NULL},	 {"WScale", "wscale", VIEW_NUMBER, NULL},
	{"SACK", "sack", VIEW_YES, NULL},	 {"TS", "ts", VIEW_YES, NULL},
	{"Interface", "iface", VIEW_TEXT, NULL}, {0},
};

static const struct view_column show_conns[] = {
	{"State", "state", VIEW_TEXT, NULL},
	{"Recv-Q", "recv_q", VIEW_NUMBER, NULL},
	{"Send-Q", "send_q", VIEW_NUMBER, NULL},
	{"Local", "local", VIEW_TEXT, NULL},
	{"Peer", "peer", VIEW_TEXT, NULL},
	{"Timer", "timer", VIEW_TIMER, NULL},
	{"RTT", "srtt_us", VIEW_US, NULL},
	{"In", "bytes_in", VIEW_NUMBER, NULL},
	{"Out", "bytes_out", VIEW_NUMBER, NULL},
	{"Age", "age_ms", VIEW_MS, NULL},
	{"Backend", "backend", VIEW_TEXT, NULL},
	{"Worker", "worker", VIEW_NUMBER, NULL},
	{"Interface", "iface", VIEW_TEXT, NULL},
	{0},
};

static const struct view_column show_timewait[] = {
	{"State", "state", VIEW_TEXT, NULL},
	{"Local", "local", VIEW_TEXT, NULL},
	{"Peer", "peer", VIEW_TEXT, NULL},
	{"Timer", "timer", VIEW_TIMER, NULL},
	{"Worker", "worker", VIEW_NUMBER, NULL},
	{"Interface", "iface", VIEW_TEXT, NULL},
	{0},
};

static const struct view_column show_backends[] = {
	{"Local", NULL, VIEW_ENDPOINT, NULL},
	{"Backend", "backend", VIEW_TEXT, NULL},
	{"State", "health", VIEW_TEXT, NULL},
	{"Since", "since_ms", VIEW_MS, NULL},
	{"Active", "active", VIEW_LIMITED, "limit"},
	{"Connected", "connected", VIEW_NUMBER, NULL},
	{"Failed", "failed", VIEW_NUMBER, NULL},
	{"Last error", "error", VIEW_TEXT, NULL},
	{"Interface", "iface", VIEW_TEXT, NULL},
	{0},
};

static const struct view_column show_prefixes[] = {
	{"Prefix", "prefix", VIEW_TEXT, NULL},
	{"List", "list", VIEW_TEXT, NULL},
	{"Interface", "iface", VIEW_TEXT, NULL},
	{0},
};

static const struct {
	const struct view_column *columns;
	const char *state; /* of rows that do not say; NULL: there is nothing to filter by */
} show_views[] = {
	[LISTENERS] = {show_listeners, "LISTEN"},  [HALFOPEN] = {show_halfopen, "SYN-RECV"},
	[ACCEPTQ] = {show_conns, "ESTAB"},	   [CONNS] = {show_conns, "ESTAB"},
	[TIMEWAIT] = {show_timewait, "TIME-WAIT"}, [PREFIXES] = {show_prefixes, NULL},
	[BACKENDS] = {show_backends, "LISTEN"},
};

struct show_args {
	enum show_what what;
	const char *instance;
	bool all;
	struct output out;
	struct filter filter;
	int patterns; /* of names, for counters and settings */
	char **pattern;
};

static bool show_wanted(const struct show_args *a, const json_t *row)
{
	const char *state = show_views[a->what].state;

	return !state || filter_match(&a->filter, row, state);
}

/* The rows of every daemon, one list; `rows` is the caller's. */
static int show_merge(const struct show_args *a, const struct client_answers *answers,
		      json_t **rows)
{
	json_t *row;
	size_t i;
	int rc = 0;

	*rows = json_array();
	for (int n = 0; n < answers->n; n++)
		json_array_foreach(answers->at[n].result, i, row)
			if (show_wanted(a, row))
				rc |= json_array_append(*rows, row);
	return rc || !*rows ? -ENOMEM : 0;
}

static int show_rows(const struct show_args *a, const struct client_answers *answers,
		     struct err *err)
{
	json_t *rows;
	int rc = show_merge(a, answers, &rows);

	if (!rc && a->out.json)
		rc = output_json(&a->out, rows, err);
	else if (!rc)
		rc = view_rows(show_views[a->what].columns, rows, stdout);
	json_decref(rows);
	return rc;
}

static int show_flat(const struct show_args *a, const struct client_answers *answers,
		     struct err *err)
{
	json_t *flat = NULL;
	int rc = a->what == COUNTERS ? flat_sum(answers, &flat) : flat_same(answers, &flat, err);

	if (!rc)
		rc = flat_select(flat, a->patterns, a->pattern, err);
	if (!rc && a->out.json)
		rc = output_json(&a->out, flat, err);
	else if (!rc && a->what == COUNTERS)
		rc = flat_print_counters(flat, a->all || a->patterns, stdout);
	else if (!rc)
		rc = flat_print_settings(flat, stdout);
	json_decref(flat);
	return rc;
}

static int show_parse(struct show_args *a, struct opts *o, struct err *err)
{
	int key, what;

	while ((key = opts_next(o, err)) != OPTS_END) {
		if (key < 0)
			return key;
		if (key == OPT_ALL)
			a->all = true;
		else if (key == OPT_INSTANCE)
			a->instance = optarg;
		else
			output_option(&a->out, key);
	}
	if (opts_operands(o, 1, 1000, err) || (a->instance && value_instance(a->instance, err)))
		return -EINVAL;
	what = value_choice("thing to show", o->operand[0], show_names, err);
	if (what < 0)
		return what;
	a->what = (enum show_what)what;
	a->pattern = o->operand + 1;
	a->patterns = o->operands - 1;
	if (what == COUNTERS || what == SETTINGS)
		return 0;
	if (what == PREFIXES)
		return opts_operands(o, 1, 1, err);
	return filter_parse(&a->filter, a->patterns, a->pattern, err);
}

int cmd_show(const struct command *cmd, int argc, char **argv, struct err *err)
{
	struct client_answers answers;
	struct show_args a = {0};
	struct opts o;
	int rc;

	opts_begin(&o, cmd, argc, argv);
	rc = show_parse(&a, &o, err);
	if (rc)
		return rc;
	rc = client_ask_all(a.instance,
			    json_pack("{s:s, s:s}", "cmd", "show", "what", show_names[a.what]),
			    &answers, err);
	if (rc)
		return rc;
	rc = a.what < COUNTERS ? show_rows(&a, &answers, err) : show_flat(&a, &answers, err);
	client_answers_free(&answers);
	if (rc == -ENOMEM)
		err_set(err, rc, EXIT_KERNEL, "out of memory; stop other programs");
	return rc;
}
