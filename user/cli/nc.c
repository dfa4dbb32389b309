/* SPDX-License-Identifier: BSD-2-Clause */
/* syngate nc: standard input and output over one connection of our own. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "app/session.h"
#include "cli/addr.h"
#include "cli/cli.h"
#include "cli/iface.h"
#include "cli/knob.h"
#include "cli/opts.h"
#include "cli/value.h"
#include "daemon/daemon.h"
#include "daemon/dial.h"
#include "io/clock.h"
#include "io/log.h"

const struct cli_opt nc_opts[] = {
	{"source", OPT_SOURCE, "ADDR[:PORT]", "connect from there (default: as the route says)"},
	{"iface", OPT_IFACE, "IFACE", "go out of this interface (default: as the route says)"},
	{"wait", OPT_WAIT, "SECONDS", "give up when nothing moves for that long (default: never)"},
	{"shutdown", OPT_SHUTDOWN, NULL, "FIN at the end of the input; that is the default"},
	{"keep-open", OPT_KEEP_OPEN, NULL, "no FIN of ours before the other side's"},
	{"verbose", OPT_VERBOSE, NULL, "say what happens, on standard error"},
	{"set", OPT_SET, "NAME=VALUE", "a setting; list them with: syngate help set"},
	{"mode", OPT_MODE, "MODE", "native, skb, or auto: native if the driver can (default)"},
	{"instance", OPT_INSTANCE, "NAME", "name of the pins and the socket (default: IFACE)"},
	{0},
};

#define NC_WAIT_MAX 86400
#define NC_FLOWS    1024 /* room in the tables: one connection, and TIME_WAIT */
#define NC_HALFOPEN 64

struct nc_args {
	struct dial_args to;
	struct front_config front;
	bool keep_open, shutdown, verbose;
	const char **set; /* [sets], each NAME=VALUE and checked */
	int sets;
	const char *text; /* ADDR:PORT as it was given */
};

/* --- the command line ----------------------------------------------------------------------- */

/* 192.0.2.9, 192.0.2.9:1024, 2001:db8::9, [2001:db8::9], [2001:db8::9]:1024 */
static int nc_source(struct nc_args *a, const char *text, struct err *err)
{
	int rc = addr_parse_host(text, &a->to.source);

	if (rc)
		rc = addr_parse_backend(text, &a->to.source, &a->to.source_port, err);
	if (!rc && sg_addr_is_any(&a->to.source))
		rc = err_set(
			err, -EINVAL, EXIT_USAGE,
			"--source '%.60s' is no address: leave it out, and the route says which",
			text);
	return rc;
}

static int nc_set(struct nc_args *a, const char *text, struct err *err)
{
	const char **more = reallocarray(a->set, (size_t)a->sets + 1, sizeof(*more));
	const struct knob *knob;
	char value[KNOB_VALUE];

	if (!more)
		return err_set(err, -ENOMEM, EXIT_KERNEL, "out of memory; stop other programs");
	a->set = more;
	more[a->sets++] = text;
	return knob_parse(text, &knob, value, err);
}

static int nc_wait(struct nc_args *a, const char *text, struct err *err)
{
	unsigned long long n;
	int rc = value_number("--wait", text, 1, NC_WAIT_MAX, &n, err);

	if (!rc)
		a->to.wait = (unsigned)n;
	return rc;
}

static int nc_option(struct nc_args *a, int key, struct err *err)
{
	switch (key) {
	case OPT_SOURCE:
		return nc_source(a, optarg, err);
	case OPT_IFACE:
		a->to.iface = optarg;
		return value_iface(optarg, err);
	case OPT_WAIT:
		return nc_wait(a, optarg, err);
	case OPT_SET:
		return nc_set(a, optarg, err);
	case OPT_SHUTDOWN:
		a->shutdown = true;
		return 0;
	case OPT_KEEP_OPEN:
		a->keep_open = true;
		return 0;
	case OPT_VERBOSE:
		a->verbose = true;
		return 0;
	}
	return iface_option(&a->front, key, optarg, err);
}

static int nc_check(const struct nc_args *a, struct err *err)
{
	if (a->keep_open && a->shutdown)
		return err_set(err, -EINVAL, EXIT_USAGE,
			       "--shutdown and --keep-open exclude each other; keep one of them");
	if (!sg_addr_is_any(&a->to.source) &&
	    !sg_addr_is4(&a->to.source) != !sg_addr_is4(&a->to.peer))
		return err_set(err, -EINVAL, EXIT_USAGE,
			       "--source is IPv%d and %s is not; take an address of the same kind",
			       sg_addr_is4(&a->to.source) ? 4 : 6, a->text);
	return 0;
}

static int nc_parse(struct nc_args *a, struct opts *o, struct err *err)
{
	int key, rc = 0;

	while (!rc && (key = opts_next(o, err)) != OPTS_END)
		rc = key < 0 ? key : nc_option(a, key, err);
	if (!rc)
		rc = opts_operands(o, 1, 1, err);
	if (rc)
		return rc;
	a->text = o->operand[0];
	rc = addr_parse_backend(a->text, &a->to.peer, &a->to.peer_port, err);
	return rc ? rc : nc_check(a, err);
}

/* --- what is said --------------------------------------------------------------------------- */

static void nc_say_way(const struct dial *to)
{
	char from[ADDR_TEXT], next[ADDR_TEXT];
	const __u8 *m = to->mac;

	log_info("from %s out of %s to %s, %02x:%02x:%02x:%02x:%02x:%02x",
		 addr_format(&to->tuple.local, to->tuple.lport, from), to->iface,
		 addr_format_host(&to->next, next), m[0], m[1], m[2], m[3], m[4], m[5]);
}

static void nc_say_end(const struct session *s, __u64 began)
{
	log_info("%llu bytes sent, %llu received in %.3f s, %llu segments sent again, rtt %.3f ms",
		 s->sent, s->received, (double)(clock_now() - began) / 1e9, s->last.total_retrans,
		 s->last.srtt_us / 1e3);
	if (s->end == SESSION_IDLE)
		log_info("nothing moved for %llu s: closed", s->wait / SG_SEC);
}

static int nc_lost(const struct nc_args *a, const struct session *s, struct err *err)
{
	switch (s->error) {
	case ECONNREFUSED:
		return err_set(err, -ECONNREFUSED, EXIT_KERNEL,
			       "%s refused the connection: does a server listen there?", a->text);
	case ECONNRESET:
	case EPIPE:
		return err_set(err, -ECONNRESET, EXIT_KERNEL,
			       "%s reset the connection: its log may say why", a->text);
	case ETIMEDOUT:
		return err_set(err, -ETIMEDOUT, EXIT_KERNEL,
			       "%s does not answer%s: is it up, and does a firewall drop this?",
			       a->text, s->connected ? " any more" : "");
	}
	return err_set(err, -s->error, EXIT_KERNEL, "the connection to %s is lost: %s; try again",
		       a->text, strerror(s->error));
}

/* How it ended, in words and as an exit code. */
static int nc_outcome(const struct nc_args *a, const struct session *s, struct err *err)
{
	switch (s->end) {
	case SESSION_DONE:
	case SESSION_IDLE:
		return 0;
	case SESSION_LOST:
		return nc_lost(a, s, err);
	case SESSION_UNANSWERED:
		return err_set(err, -ETIMEDOUT, EXIT_KERNEL,
			       "%s did not answer within %u s: is it up, and does a firewall drop "
			       "this?",
			       a->text, a->to.wait);
	case SESSION_STUCK:
		return err_set(err, -ETIMEDOUT, EXIT_KERNEL,
			       "%s took no data for %u s: reset, and what was under way is lost",
			       a->text, a->to.wait);
	case SESSION_INPUT:
		return err_set(err, -s->error, EXIT_KERNEL,
			       "cannot read standard input (%s): the connection was reset",
			       strerror(s->error));
	case SESSION_OUTPUT:
		return err_set(err, -s->error, EXIT_KERNEL,
			       "cannot write to standard output (%s): the connection was reset",
			       strerror(s->error));
	case SESSION_RUNS:
	case SESSION_CUT:
		break;
	}
	return err_set(err, -ECONNABORTED, EXIT_KERNEL,
		       "the interface was detached, and the connection reset; connect again");
}

/* --- the connection ------------------------------------------------------------------------- */

static int nc_settings(struct daemon *d, const struct nc_args *a, struct err *err)
{
	const struct knob *knob;
	char value[KNOB_VALUE];
	int rc = 0;

	for (int i = 0; !rc && i < a->sets; i++) {
		rc = knob_parse(a->set[i], &knob, value, err);
		if (!rc)
			rc = daemon_set(d, knob->name, value, err);
	}
	return rc;
}

static int nc_serve(struct daemon *d, const struct nc_args *a, const struct dial *to,
		    struct session *s, int *signal, struct err *err)
{
	int rc = nc_settings(d, a, err);

	if (!rc)
		rc = daemon_attach(d, &a->front, err);
	if (!rc)
		rc = daemon_connect(d, to, s, err);
	if (rc)
		return rc;
	rc = daemon_serve(d, NULL, NULL);
	*signal = daemon_signal(d);
	return rc ? err_set(err, rc, EXIT_KERNEL, "serving ended: %s; connect again", strerror(-rc))
		  : 0;
}

static int nc_new(struct daemon **d, const struct nc_args *a, struct err *err)
{
	const char *name = a->front.instance ? a->front.instance : a->front.ifname;
	int rc = daemon_new(d, name, err);

	if (rc == -EADDRINUSE)
		err_set(err, rc, EXIT_USAGE,
			"a syngate named '%s' serves already, and an interface takes one: end it, "
			"or go out of another interface with --iface",
			name);
	return rc;
}

/* From here on the session is the worker's, until the daemon is freed. */
static int nc_connect(const struct nc_args *a, const struct dial *to, struct session *s,
		      int *signal, struct err *err)
{
	__u64 began = clock_now();
	struct daemon *d;
	int rc;

	rc = nc_new(&d, a, err);
	if (rc)
		return rc;
	rc = nc_serve(d, a, to, s, signal, err);
	daemon_free(d);
	nc_say_end(s, began);
	return rc ? rc : nc_outcome(a, s, err);
}

static int nc_run(struct nc_args *a, struct err *err)
{
	int rc, which, signal = 0;
	struct session s;
	struct dial to;

	rc = dial_find(&to, &a->to, err);
	if (rc)
		return rc;
	nc_say_way(&to);
	a->front.ifname = to.iface;
	rc = session_init(&s, STDIN_FILENO, STDOUT_FILENO, &which);
	if (rc) {
		err_set(err, rc, EXIT_KERNEL, "cannot use standard %s: %s; give it one",
			which == STDIN_FILENO ? "input" : "output", strerror(-rc));
	} else {
		s.keep_open = a->keep_open;
		s.wait = (sg_time)a->to.wait * SG_SEC;
		rc = nc_connect(a, &to, &s, &signal, err);
		session_free(&s);
	}
	dial_close(&to);
	if (signal) /* nothing is left: now as everybody dies of it, so that our parent sees it */
		raise(signal);
	return rc;
}

/* A number that is free would be given to the next file that is opened. */
static int nc_streams(struct err *err)
{
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
		if (fcntl(fd, F_GETFD) < 0)
			return err_set(
				err, -EBADF, EXIT_USAGE,
				"descriptor %d (0 input, 1 output, 2 errors) is closed: give "
				"/dev/null instead",
				fd);
	return 0;
}

int cmd_nc(const struct command *cmd, int argc, char **argv, struct err *err)
{
	struct nc_args a = {
		.front = {.flow_entries = NC_FLOWS, .halfopen_entries = NC_HALFOPEN},
	};
	struct opts o;
	int rc;

	opts_begin(&o, cmd, argc, argv);
	rc = nc_parse(&a, &o, err);
	if (!rc && geteuid() != 0)
		rc = err_set(err, -EPERM, EXIT_KERNEL, "needs root: run it with sudo");
	if (!rc)
		rc = nc_streams(err);
	if (!rc) {
		if (a.verbose)
			log_set_level(LOG_INFO);
		rc = nc_run(&a, err);
	}
	free(a.set);
	return rc;
}
