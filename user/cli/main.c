/* SPDX-License-Identifier: BSD-2-Clause */
/* syngate: the table of commands, and the one place where an error is printed. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/help.h"
#include "cli/nearest.h"
#include "cli/output.h"

#define RUN_MORE                                                                                   \
	"Prints 'ready' when it serves. Ctrl-C or SIGTERM detaches and prints a summary.\n"        \
	"Options after a --listen belong to that listener.\n\n"                                    \
	"  syngate run eth0 --listen '*:80' --app http\n"                                          \
	"  syngate run eth0 --listen 192.0.2.1:80 --backend 127.0.0.1:8080 --backlog 511 \\\n"     \
	"                   --listen '[2001:db8::1]:80' --backend '[::1]:8080'\n"

#define LISTEN_MORE                                                                                \
	"  syngate listen eth0 192.0.2.1:80 --backend 127.0.0.1:8080\n"                            \
	"  syngate listen eth0 '*:7' --app echo --backlog 16\n"

#define PREFIX_MORE                                                                                \
	"PREFIX is 192.0.2.0/24, 2001:db8::/32 or one address; @FILE: those in a file, one a\n"     \
	"line, @-: from standard input. Where several fit a peer the longest one counts.\n\n"

#define ALLOW_MORE                                                                                 \
	PREFIX_MORE "  syngate allow eth0 192.0.2.0/24 2001:db8::/32\n"

#define DENY_MORE                                                                                  \
	PREFIX_MORE "  syngate deny eth0 198.51.100.0/24\n"                                          \
		    "  syngate deny eth0 @blocklist.txt\n"

#define UNLIST_MORE                                                                                \
	PREFIX_MORE "  syngate unlist eth0 198.51.100.0/24\n"                                        \
		    "  syngate unlist eth0 --all\n"

#define SHOW_MORE                                                                                  \
	"WHAT is one of: listeners halfopen acceptq conns timewait backends prefixes counters settings\n"          \
	"FILTER, as in ss: state ESTAB, exclude ESTAB, sport = :80, dport != 1234,\n"              \
	"src 192.0.2.1, dst 2001:db8::/32, joined with 'and'.\n"                                   \
	"counters and settings take names: 'Listen*'.\n\n"                                         \
	"  syngate show conns state ESTAB and sport = :80\n"                                       \
	"  syngate show halfopen -j\n"                                                             \
	"  syngate show counters 'TCP*'\n"

#define NC_MORE                                                                                    \
	"Standard input goes to the server, what it sends to standard output, over syngate's TCP.\n" \
	"Ends when both sides have closed. The interface must be free: no syngate serves it.\n\n"  \
	"  echo hello | syngate nc 192.0.2.1:7\n"                                                  \
	"  syngate nc -w 5 '[2001:db8::1]:80' <request >answer\n"                                  \
	"  syngate nc --iface eth0 '[fe80::1]:22'\n"

#define EXEC_MORE                                                                                  \
	"Its listening sockets become listeners of the daemon's, without a proxy between. Says\n"   \
	"on standard error what was taken over, and what was left to the kernel and why.\n\n"       \
	"  syngate exec -- nginx -c /etc/nginx/nginx.conf\n"                                       \
	"  syngate exec --listen '*:8000' --require -- python3 -m http.server 8000\n"

const struct command commands[] = {
	{"run", "IFACE --listen ADDR:PORT [OPTION]...", "serve in the foreground", RUN_MORE,
	 run_opts, cmd_run},
	{"attach", "IFACE [OPTION]...", "attach an interface to a running daemon",
	 "  syngate attach eth0 --mode native\n", attach_opts, cmd_attach},
	{"detach", "IFACE [OPTION]...", "take everything off an interface",
	 "  syngate detach eth0\n", detach_opts, cmd_detach},
	{"listen", "IFACE ADDR:PORT --backend SERVER|--app NAME [OPTION]...",
	 "serve one more address", LISTEN_MORE, listen_opts, cmd_listen},
	{"unlisten", "IFACE ADDR:PORT [OPTION]...", "stop serving an address",
	 "  syngate unlisten eth0 192.0.2.1:80\n", unlisten_opts, cmd_unlisten},
	{"allow", "IFACE PREFIX... [OPTION]...", "peers that no budget keeps from being answered",
	 ALLOW_MORE, allow_opts, cmd_allow},
	{"deny", "IFACE PREFIX... [OPTION]...", "peers whose segments to us are dropped", DENY_MORE,
	 deny_opts, cmd_deny},
	{"unlist", "IFACE PREFIX...|--all [OPTION]...", "peers that are no longer either",
	 UNLIST_MORE, unlist_opts, cmd_unlist},
	{"status", "[OPTION]...", "interfaces, workers and listeners on one screen", NULL,
	 status_opts, cmd_status},
	{"show", "WHAT [FILTER] [OPTION]...", "queues, connections, counters, settings", SHOW_MORE,
	 show_opts, cmd_show},
	{"set", "NAME=VALUE [OPTION]...", "change a setting",
	 "  syngate set tcp_abort_on_overflow=1\n", set_opts, cmd_set},
	{"nc", "ADDR:PORT [OPTION]...", "connect, and join it to standard input and output",
	 NC_MORE, nc_opts, cmd_nc},
	{"exec", "[OPTION]... [--] PROGRAM [ARGUMENT]...", "run a server as it is, on the daemon's connections",
	 EXEC_MORE, exec_opts, cmd_exec},
	{"help", "[COMMAND]", "what a command does and takes", NULL, help_opts, cmd_help},
	{0},
};

const struct command *command_find(const char *name)
{
	for (const struct command *c = commands; c->name; c++)
		if (!strcmp(c->name, name))
			return c;
	return NULL;
}

int command_unknown(const char *name, struct err *err)
{
	char hint[NEAREST_HINT];
	struct nearest near;

	nearest_begin(&near, name);
	for (const struct command *c = commands; c->name; c++)
		nearest_offer(&near, c->name);
	return err_set(err, -EINVAL, EXIT_USAGE, "unknown command '%.40s'%s; see: syngate help",
		       name, nearest_hint(&near, hint));
}

static int main_is_help(const char *word)
{
	return !strcmp(word, "--help") || !strcmp(word, "-h");
}

/* `argv[0]` is the command. Help needs neither root nor a daemon nor a correct rest. */
static int main_dispatch(int argc, char **argv, struct err *err)
{
	const struct command *c = command_find(argv[0]);

	if (!c)
		return command_unknown(argv[0], err);
	for (int i = 1; i < argc && strcmp(argv[i], "--"); i++)
		if (main_is_help(argv[i])) {
			help_command(c);
			return 0;
		}
	return c->run(c, argc, argv, err);
}

/* One line, whatever a daemon put into it. */
static void main_complain(char *msg)
{
	for (char *c = msg; *c; c++)
		if ((unsigned char)*c < 0x20 || *c == 0x7f)
			*c = ' ';
	fprintf(stderr, "syngate: %s\n", msg);
}

int main(int argc, char **argv)
{
	struct err err = {.exit = EXIT_USAGE};
	int rc = 0;

	if (argc < 2) {
		help_all(stderr);
		return EXIT_USAGE;
	}
	if (main_is_help(argv[1]))
		help_all(stdout);
	else if (!strcmp(argv[1], "--version") || !strcmp(argv[1], "-V"))
		help_version();
	else
		rc = main_dispatch(argc - 1, argv + 1, &err);
	if (!rc)
		rc = output_finish(&err);
	if (!rc)
		return EXIT_OK;
	main_complain(err.msg);
	return err.exit;
}
