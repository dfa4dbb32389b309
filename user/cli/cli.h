/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The commands of syngate: a const table (main.c), one file a command. A command returns
 * 0, or a negative errno with `err` filled; main() prints that line and exits with
 * err->exit. Help and option parsing come from the table.
 */
#ifndef CLI_CLI_H
#define CLI_CLI_H

#include "io/err.h"

#define CLI_VERSION "0.1.0"

/* Keys of options; those of printable characters are short options as well. */
enum {
	OPT_JSON = 'j',
	OPT_PRETTY = 'p',
	OPT_ALL = 'a',
	OPT_SHUTDOWN = 'N', /* these four as nc(1) has them */
	OPT_SOURCE = 's',
	OPT_VERBOSE = 'v',
	OPT_WAIT = 'w',
	OPT_LISTEN = 256,
	OPT_BACKEND,
	OPT_PROXY_PROTOCOL,
	OPT_BACKEND_LIMIT,
	OPT_CONNECT_TIMEOUT,
	OPT_IDLE_TIMEOUT,
	OPT_HEALTH_CHECK,
	OPT_APP,
	OPT_BACKLOG,
	OPT_SYN_BACKLOG,
	OPT_SET,
	OPT_MODE,
	OPT_INSTANCE,
	OPT_HALFOPEN_ENTRIES,
	OPT_FLOW_ENTRIES,
	OPT_MAX_LISTENERS,
	OPT_COOKIE_KEYS,
	OPT_APP_GROUP,
	OPT_IFACE,
	OPT_KEEP_OPEN,
	OPT_CONNECT,
	OPT_REQUIRE,
	OPT_ALLOW,
	OPT_DENY,
};

struct cli_opt {
	const char *name; /* NULL ends the list */
	int key;
	const char *arg; /* NULL: takes none */
	const char *help;
};

struct command {
	const char *name;  /* NULL ends the table */
	const char *usage; /* what follows the name */
	const char *help;  /* one line */
	const char *more;  /* examples and remarks, below the options; may be NULL */
	const struct cli_opt *opts;
	int (*run)(const struct command *cmd, int argc, char **argv, struct err *err);
};

extern const struct command commands[];

const struct command *command_find(const char *name);

/* -EINVAL, with `err` naming the nearest command. */
int command_unknown(const char *name, struct err *err);

int cmd_run(const struct command *cmd, int argc, char **argv, struct err *err);
int cmd_attach(const struct command *cmd, int argc, char **argv, struct err *err);
int cmd_detach(const struct command *cmd, int argc, char **argv, struct err *err);
int cmd_listen(const struct command *cmd, int argc, char **argv, struct err *err);
int cmd_unlisten(const struct command *cmd, int argc, char **argv, struct err *err);
int cmd_allow(const struct command *cmd, int argc, char **argv, struct err *err);
int cmd_deny(const struct command *cmd, int argc, char **argv, struct err *err);
int cmd_unlist(const struct command *cmd, int argc, char **argv, struct err *err);
int cmd_status(const struct command *cmd, int argc, char **argv, struct err *err);
int cmd_show(const struct command *cmd, int argc, char **argv, struct err *err);
int cmd_set(const struct command *cmd, int argc, char **argv, struct err *err);
int cmd_nc(const struct command *cmd, int argc, char **argv, struct err *err);
int cmd_exec(const struct command *cmd, int argc, char **argv, struct err *err);
int cmd_help(const struct command *cmd, int argc, char **argv, struct err *err);

extern const struct cli_opt run_opts[], attach_opts[], detach_opts[], listen_opts[];
extern const struct cli_opt unlisten_opts[], status_opts[], show_opts[], set_opts[];
extern const struct cli_opt allow_opts[], deny_opts[], unlist_opts[], nc_opts[], exec_opts[], help_opts[];

#endif
