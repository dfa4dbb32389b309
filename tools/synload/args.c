/* SPDX-License-Identifier: BSD-2-Clause */
#include "args.h"

#include <errno.h>
#include <getopt.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/addr.h"
#include "cli/value.h"

#define ARGS_RATE_MAX  1000000000ull
#define ARGS_COUNT_MAX 1000000000000000ull
#define ARGS_SIZE_MAX  1400

const char *const args_modes[] = {
	[SL_SYN] = "syn",
	[SL_ACK] = "ack",
	[SL_RST] = "rst",
	[SL_FIN] = "fin",
	[SL_SYNACK] = "synack",
	[SL_DATA] = "data",
	[SL_FRAGMENT] = "fragment",
	[SL_LAND] = "land",
	[SL_BOGUS] = "bogus",
	[SL_MIXED] = "mixed",
	[SL_HANDSHAKE] = "handshake",
	[SL_REQUEST] = "request",
	[SL_MODES] = NULL,
};

enum {
	ARG_TO = 256,
	ARG_FROM,
	ARG_RATE,
	ARG_TIME,
	ARG_COUNT,
	ARG_OPEN,
	ARG_GW,
	ARG_PATH,
	ARG_SIZE,
	ARG_SEED,
	ARG_NO_TS,
	ARG_NO_OPTIONS,
	ARG_BAD_CHECKSUM,
	ARG_FORCE,
};

static const struct option args_list[] = {
	{"to", required_argument, NULL, ARG_TO},
	{"from", required_argument, NULL, ARG_FROM},
	{"rate", required_argument, NULL, ARG_RATE},
	{"time", required_argument, NULL, ARG_TIME},
	{"count", required_argument, NULL, ARG_COUNT},
	{"open", required_argument, NULL, ARG_OPEN},
	{"gw", required_argument, NULL, ARG_GW},
	{"path", required_argument, NULL, ARG_PATH},
	{"size", required_argument, NULL, ARG_SIZE},
	{"seed", required_argument, NULL, ARG_SEED},
	{"no-timestamps", no_argument, NULL, ARG_NO_TS},
	{"no-options", no_argument, NULL, ARG_NO_OPTIONS},
	{"bad-checksum", no_argument, NULL, ARG_BAD_CHECKSUM},
	{"force", no_argument, NULL, ARG_FORCE},
	{"json", no_argument, NULL, 'j'},
	{"help", no_argument, NULL, 'h'},
	{"version", no_argument, NULL, 'V'},
	{0},
};

void args_help(void)
{
	fputs("usage: synload IFACE MODE --to ADDR:PORT [OPTION]...\n"
	      "\n"
	      "Sends TCP frames out of IFACE, from random sources and evenly paced, and measures "
	      "what\n"
	      "comes back.\n"
	      "\n"
	      "MODE   syn, ack, rst, fin, synack, data, fragment, land, bogus: frames of that "
	      "kind\n"
	      "       mixed: all of these in turns\n"
	      "       handshake: connections, opened and left so\n"
	      "       request: connections with a GET of HTTP, until the server has closed\n"
	      "\n"
	      "      --to ADDR:PORT     the target, as 192.0.2.1:80 or [2001:db8::1]:80\n"
	      "      --from PREFIX      the sources (default: 198.18.0.0/15 or 2001:2::/48)\n"
	      "      --rate N           frames, or connections, a second; 0: all that go (default: "
	      "1000)\n"
	      "      --time SECONDS     for so long (default: 10, or as long as --count takes)\n"
	      "      --count N          and so many at most\n"
	      "      --open N           with so many connections under way at a time, at most\n"
	      "      --gw MAC           destination address of the frames (default: the route's)\n"
	      "      --path URI         what to GET (default: /)\n"
	      "      --size BYTES       data in frames of the kinds data and fragment (default: "
	      "64)\n"
	      "      --no-timestamps    leave timestamps out\n"
	      "      --no-options       leave all TCP options out\n"
	      "      --bad-checksum     with TCP checksums that are wrong\n"
	      "      --seed N           the same sources again (default: random)\n"
	      "      --force            also in the host's own network namespace\n"
	      "  -j, --json             report as JSON\n"
	      "  -h, --help             this text\n"
	      "  -V, --version\n"
	      "\n"
	      "  ip netns exec client synload c0 syn --to 10.9.0.1:80 --rate 100000 --time 5\n"
	      "\n"
	      "Exit: 0 done, 1 usage, 2 the kernel refused. See synload(8).\n",
	      stdout);
}

/* --- values --------------------------------------------------------------------------------- */

static int args_to(struct args *a, const char *text, struct err *err)
{
	struct err bad;
	int rc = addr_parse_backend(text, &a->to, &a->port, &bad);

	a->to_text = text;
	return rc ? err_set(err, rc, EXIT_USAGE,
			    "--to '%.60s' is no target: write it as 192.0.2.1:80 or "
			    "[2001:db8::1]:80",
			    text)
		  : 0;
}

/* Bits behind the prefix become zero. */
static void args_mask(struct sg_addr *a, unsigned bits)
{
	for (unsigned i = 0; i < 16; i++, bits -= bits < 8 ? bits : 8)
		if (bits < 8)
			a->addr[i] &= (__u8)(0xff00 >> bits);
}

static int args_from(struct args *a, const char *text, struct err *err)
{
	char host[ADDR_TEXT];
	const char *slash = strchr(text, '/');
	size_t n = slash ? (size_t)(slash - text) : strlen(text);
	unsigned long long bits;
	unsigned base;

	snprintf(host, sizeof(host), "%.*s", (int)n, text);
	if (n >= sizeof(host) || addr_parse_host(host, &a->from))
		return err_set(err, -EINVAL, EXIT_USAGE,
			       "--from '%.60s' is no prefix: write it as 198.18.0.0/15 or "
			       "2001:2::/48",
			       text);
	base = sg_addr_is4(&a->from) ? 96 : 0;
	bits = 128 - base;
	if (slash &&
	    value_number("--from: length of the prefix", slash + 1, 1, 128 - base, &bits, err))
		return -EINVAL;
	a->from_bits = base + (unsigned)bits;
	a->has_from = true;
	args_mask(&a->from, a->from_bits);
	return 0;
}

static int args_gw(struct args *a, const char *text, struct err *err)
{
	int end = 0;

	if (sscanf(text, "%2hhx:%2hhx:%2hhx:%2hhx:%2hhx:%2hhx%n", &a->gw[0], &a->gw[1], &a->gw[2],
		   &a->gw[3], &a->gw[4], &a->gw[5], &end) != 6 ||
	    text[end])
		return err_set(err, -EINVAL, EXIT_USAGE,
			       "--gw '%.40s' is no Ethernet address: write it as 02:00:00:00:00:01",
			       text);
	a->has_gw = true;
	return 0;
}

static int args_time(struct args *a, const char *text, struct err *err)
{
	char *end;

	errno = 0;
	a->seconds = strtod(text, &end);
	a->has_time = true;
	if (errno || end == text || *end || !isfinite(a->seconds) || a->seconds < 0.001 ||
	    a->seconds > 1e6)
		return err_set(err, -ERANGE, EXIT_USAGE,
			       "--time '%.40s' is no time: give seconds from 0.001 to 1000000",
			       text);
	return 0;
}

/* It stands in one line of a request, and that in one frame. */
static int args_path(struct args *a, const char *text, struct err *err)
{
	a->path = text;
	for (const char *c = text; *c; c++)
		if (*c <= ' ' || *c == 0x7f)
			return err_set(err, -EINVAL, EXIT_USAGE,
				       "--path '%.60s' has a blank or a control character: write "
				       "it as %%20 and so on",
				       text);
	if (text[0] == '/')
		return 0;
	return err_set(err, -EINVAL, EXIT_USAGE, "--path '%.60s' does not begin with '/': add it",
		       text);
}

static int args_number(const char *what, const char *text, __u64 min, __u64 max, __u64 *to,
		       struct err *err)
{
	unsigned long long n = 0;
	int rc = value_number(what, text, min, max, &n, err);

	*to = n;
	return rc;
}

/* --- all of it ------------------------------------------------------------------------------ */

static int args_flag(struct args *a, int key)
{
	switch (key) {
	case ARG_NO_TS:
		a->no_timestamps = true;
		break;
	case ARG_NO_OPTIONS:
		a->no_options = true;
		break;
	case ARG_BAD_CHECKSUM:
		a->bad_checksum = true;
		break;
	case ARG_FORCE:
		a->force = true;
		break;
	case 'j':
		a->json = true;
		break;
	case 'h':
		a->help = true;
		break;
	case 'V':
		a->version = true;
		break;
	}
	return 0;
}

static int args_option(struct args *a, int key, struct err *err)
{
	__u64 n;
	int rc;

	switch (key) {
	case ARG_TO:
		return args_to(a, optarg, err);
	case ARG_FROM:
		return args_from(a, optarg, err);
	case ARG_RATE:
		return args_number("--rate", optarg, 0, ARGS_RATE_MAX, &a->rate, err);
	case ARG_TIME:
		return args_time(a, optarg, err);
	case ARG_COUNT:
		return args_number("--count", optarg, 1, ARGS_COUNT_MAX, &a->count, err);
	case ARG_OPEN:
		rc = args_number("--open", optarg, 1, SL_SLOTS, &n, err);
		a->open = (unsigned)n;
		return rc;
	case ARG_GW:
		return args_gw(a, optarg, err);
	case ARG_PATH:
		return args_path(a, optarg, err);
	case ARG_SIZE:
		rc = args_number("--size", optarg, 1, ARGS_SIZE_MAX, &n, err);
		a->size = (unsigned)n;
		return rc;
	case ARG_SEED:
		a->has_seed = true;
		return args_number("--seed", optarg, 0, ARGS_COUNT_MAX, &a->seed, err);
	}
	return args_flag(a, key);
}

static int args_unknown(int key, char **argv, struct err *err)
{
	const char *word = argv[optind - 1];

	if (key == ':')
		return err_set(err, -EINVAL, EXIT_USAGE, "%.40s needs a value; see: synload --help",
			       word);
	return err_set(err, -EINVAL, EXIT_USAGE, "unknown option '%.40s'; see: synload --help",
		       word);
}

static int args_operands(struct args *a, int argc, char **argv, struct err *err)
{
	int mode;

	if (argc != 2)
		return err_set(err, -EINVAL, EXIT_USAGE,
			       "%s: synload IFACE MODE --to ADDR:PORT; see: synload --help",
			       argc < 2 ? "IFACE or MODE is missing" : "too many arguments");
	a->iface = argv[0];
	if (value_iface(a->iface, err))
		return -EINVAL;
	mode = value_choice("mode", argv[1], args_modes, err);
	if (mode < 0)
		return mode;
	a->mode = (enum sl_mode)mode;
	return 0;
}

static int args_check(struct args *a, struct err *err)
{
	if (!a->to_text)
		return err_set(err, -EINVAL, EXIT_USAGE,
			       "--to is missing: whom to send to, as --to 192.0.2.1:80");
	if (a->open && a->mode != SL_HANDSHAKE && a->mode != SL_REQUEST)
		return err_set(err, -EINVAL, EXIT_USAGE,
			       "--open is for handshake and request: %s opens no connections",
			       args_modes[a->mode]);
	if (!a->has_from && sg_addr_is4(&a->to))
		return args_from(a, "198.18.0.0/15", err);
	if (!a->has_from)
		return args_from(a, "2001:2::/48", err);
	if (!sg_addr_is4(&a->from) != !sg_addr_is4(&a->to))
		return err_set(err, -EINVAL, EXIT_USAGE,
			       "--from is IPv%d and --to is not: take addresses of one kind",
			       sg_addr_is4(&a->from) ? 4 : 6);
	return 0;
}

int args_parse(struct args *a, int argc, char **argv, struct err *err)
{
	int key, rc = 0;

	*a = (struct args){.rate = 1000, .seconds = 10, .size = 64, .path = "/"};
	opterr = 0;
	while (!rc && (key = getopt_long(argc, argv, ":jhV", args_list, NULL)) != -1)
		rc = key == '?' || key == ':' ? args_unknown(key, argv, err)
					      : args_option(a, key, err);
	if (rc || a->help || a->version)
		return rc;
	rc = args_operands(a, argc - optind, argv + optind, err);
	if (!rc)
		rc = args_check(a, err);
	if (a->count && !a->has_time)
		a->seconds = 0;
	return rc;
}
