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
	{"verbose", no_argument, NULL, 'v'},
	{"version", no_argument, NULL, 'V'},
	{"help", no_argument, NULL, 'h'},
	{0},
};

static void main_help(void)
{
	puts("syngated [--instance NAME] [--cookie-keys FILE] [--verbose]\n"
	     "\n"
	     "Serves until SIGINT or SIGTERM. What it is to do it is told by `syngate attach`,\n"
	     "`listen`, `set`, ...; `syngate status` shows it.\n"
	     "\n"
	     "  --instance NAME  name of the control socket, /run/syngate/NAME.sock (syngated)\n"
	     "  --cookie-keys FILE  keys of SYN cookies that several hosts share\n"
	     "  --verbose        say more on stderr\n"
	     "  --version        print the version\n"
	     "  --help           this text");
}

/* Returns 1 to go on, or minus the exit code. */
static int main_options(int argc, char **argv, const char **name, const char **keys)
{
	int c;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (c) {
		case 'i':
			*name = optarg;
			break;
		case 'c':
			*keys = optarg;
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

static int main_serve(const char *name, const char *keys)
{
	struct daemon *d;
	struct err err;
	int rc = daemon_new(&d, name, &err);

	if (rc) {
		fprintf(stderr, "syngated: %s\n", err.msg);
		return err.exit;
	}
	if (keys && daemon_cookie_keys(d, keys, &err)) {
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
	const char *name = "syngated", *keys = NULL;
	int rc = main_options(argc, argv, &name, &keys);

	if (rc <= 0)
		return -rc;
	if (geteuid() != 0) {
		fprintf(stderr, "syngated: needs root: run it with sudo\n");
		return EXIT_KERNEL;
	}
	return main_serve(name, keys);
}
