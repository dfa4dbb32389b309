/* SPDX-License-Identifier: BSD-2-Clause */
/* syngated: the daemon as a service. What it is to do comes over its control socket. */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "daemon/daemon.h"
#include "io/log.h"
#include "syngate/abi.h"

static const struct option options[] = {
	{"instance", required_argument, NULL, 'i'},
	{"cookie-keys", required_argument, NULL, 'c'},
	{"app-group", required_argument, NULL, 'g'},
	{"verbose", no_argument, NULL, 'v'},
	{"version", no_argument, NULL, 'V'},
	{"help", no_argument, NULL, 'h'},
	{0},
};

static void main_help(void)
{
	puts("syngated [--instance NAME] [--cookie-keys FILE] [--app-group GROUP] [--verbose]\n"
	     "\n"
	     "Serves until SIGINT or SIGTERM. What it is to do it is told by `syngate attach`,\n"
	     "`listen`, `set`, ...; `syngate status` shows it.\n"
	     "\n"
	     "  --instance NAME  name of the control socket, /run/syngate/NAME.sock (syngated)\n"
	     "  --cookie-keys FILE  keys of SYN cookies that several hosts share\n"
	     "  --app-group GROUP  who may use libsyngate, beside root\n"
	     "  --verbose        say more on stderr\n"
	     "  --version        print the version\n"
	     "  --help           this text");
}

struct main_args {
	const char *name, *keys, *group;
};

/* Returns 1 to go on, or minus the exit code. */
static int main_options(int argc, char **argv, struct main_args *a)
{
	int c;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (c) {
		case 'i':
			a->name = optarg;
			break;
		case 'c':
			a->keys = optarg;
			break;
		case 'g':
			a->group = optarg;
			break;
		case 'v':
			log_set_level(LOG_DEBUG);
			break;
		case 'V':
			printf("syngated, ABI %d\n", SG_ABI);
			return -EXIT_OK;
		case 'h':
			main_help();
			return -EXIT_OK;
		default:
			return -EXIT_USAGE; /* getopt has said what was wrong */
		}
	}
	if (optind == argc)
		return 1;
	fprintf(stderr, "syngated: unexpected argument '%s': see syngated --help\n", argv[optind]);
	return -EXIT_USAGE;
}

static void main_ready(void *arg)
{
	(void)arg;
	puts("ready");
	fflush(stdout);
}

static int main_serve(const struct main_args *a)
{
	struct daemon *d;
	struct err err;
	int rc = daemon_new(&d, a->name, &err);

	if (rc) {
		fprintf(stderr, "syngated: %s\n", err.msg);
		return err.exit;
	}
	if ((a->keys && daemon_cookie_keys(d, a->keys, &err)) ||
	    (a->group && daemon_app_group(d, a->group, &err))) {
		fprintf(stderr, "syngated: %s\n", err.msg);
		daemon_free(d);
		return err.exit;
	}
	rc = daemon_serve(d, main_ready, NULL);
	daemon_free(d);
	if (rc)
		fprintf(stderr, "syngated: serving ended: %s\n", strerror(-rc));
	return rc ? EXIT_KERNEL : EXIT_OK;
}

int main(int argc, char **argv)
{
	struct main_args a = {.name = "syngated"};
	int rc = main_options(argc, argv, &a);

	if (rc <= 0)
		return -rc;
	if (geteuid() != 0) {
		fprintf(stderr, "syngated: needs root: run it with sudo\n");
		return EXIT_KERNEL;
	}
	return main_serve(&a);
}
