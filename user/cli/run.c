/* SPDX-License-Identifier: BSD-2-Clause */
/* syngate run: the whole thing in the foreground. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/iface.h"
#include "cli/knob.h"
#include "cli/listener.h"
#include "cli/opts.h"
#include "cli/value.h"
#include "daemon/daemon.h"

const struct cli_opt run_opts[] = {
	{"listen", OPT_LISTEN, "ADDR:PORT", "serve here; options up to syn-backlog belong to it"},
	LISTENER_OPTS,
	{"set", OPT_SET, "NAME=VALUE", "a setting; list them with: syngate help set"},
	IFACE_OPTS,
	{"allow", OPT_ALLOW, "PREFIX", "see: syngate help allow"},
	{"deny", OPT_DENY, "PREFIX", "see: syngate help deny"},
	{"cookie-keys", OPT_COOKIE_KEYS, "FILE", "keys of SYN cookies that several hosts share"},
	{"app-group", OPT_APP_GROUP, "GROUP", "who may use libsyngate, beside root"},
	{"instance", OPT_INSTANCE, "NAME", "name of the pins and the socket (default: IFACE)"},
	{0},
};

#define RUN_LISTENERS 16 /* room for them by default (front_config.max_listeners) */
#define RUN_HALFOPEN  65536 /* entries that the table has room for by itself */

struct run_args {
	struct front_config front;
	struct listener_spec *listener; /* [listeners] */
	int listeners;
	const char **set; /* [sets], each NAME=VALUE and checked */
	int sets;
	const char *cookie_keys;
	const char *app_group;
	struct prefixes allowed, denied;
};

static int run_no_memory(struct err *err)
{
	return err_set(err, -ENOMEM, EXIT_KERNEL, "out of memory; stop other programs");
}

static int run_add_listener(struct run_args *a, const char *text, struct err *err)
{
	size_t n = (size_t)a->listeners + 1;
	struct listener_spec *more = reallocarray(a->listener, n, sizeof(*more));
	int rc;

	if (!more)
		return run_no_memory(err);
	a->listener = more;
	rc = listener_begin(&more[n - 1], text, err);
	for (int i = 0; !rc && i < a->listeners; i++)
		if (listener_same(&more[i], &more[n - 1]))
			rc = err_set(err, -EINVAL, EXIT_USAGE,
				     "%s is listened on already by an earlier --listen; take "
				     "one of them out",
				     text);
	if (!rc)
		a->listeners++;
	return rc;
}

static int run_add_set(struct run_args *a, const char *text, struct err *err)
{
	const char **more = reallocarray(a->set, (size_t)a->sets + 1, sizeof(*more));
	const struct knob *knob;
	char value[KNOB_VALUE];

	if (!more)
		return run_no_memory(err);
	a->set = more;
	more[a->sets++] = text;
	return knob_parse(text, &knob, value, err);
}

/* An option that is neither run's own nor the interface's: the last listener's. */
static int run_listener_option(struct run_args *a, const struct opts *o, int key, struct err *err)
{
	if (!a->listeners)
		return err_set(err, -EINVAL, EXIT_USAGE,
			       "--%s belongs to no listener; put --listen ADDR:PORT in front of it",
			       opts_name(o, key));
	return listener_option(&a->listener[a->listeners - 1], key, optarg, err);
}

static int run_option(struct run_args *a, const struct opts *o, int key, struct err *err)
{
	int rc;

	if (key == OPT_LISTEN)
		return run_add_listener(a, optarg, err);
	if (key == OPT_SET)
		return run_add_set(a, optarg, err);
	if (key == OPT_COOKIE_KEYS) {
		a->cookie_keys = optarg;
		return 0;
	}
	if (key == OPT_APP_GROUP) {
		a->app_group = optarg;
		return 0;
	}
	if (key == OPT_ALLOW || key == OPT_DENY)
		return prefixes_add(key == OPT_ALLOW ? &a->allowed : &a->denied, optarg, err);
	rc = iface_option(&a->front, key, optarg, err);
	return rc == 1 ? run_listener_option(a, o, key, err) : rc;
}

/* The half-open table is for all listeners together: no smaller than what they may hold. */
static void run_halfopen(struct run_args *a)
{
	__u64 most = 0;

	for (int i = 0; i < a->listeners; i++) {
		const struct listen_args *l = &a->listener[i].args;

		if (l->syn_backlog > 0)
			most += (__u64)l->syn_backlog + 1;
	}
	if (!a->front.halfopen_entries && most > RUN_HALFOPEN)
		a->front.halfopen_entries = most < 1u << 24 ? (__u32)most : 1u << 24;
}

static int run_parse(struct run_args *a, struct opts *o, struct err *err)
{
	int key, rc = 0;

	while (!rc && (key = opts_next(o, err)) != OPTS_END)
		rc = key < 0 ? key : run_option(a, o, key, err);
	if (!rc)
		rc = opts_operands(o, 1, 1, err);
	if (!rc)
		rc = value_iface(o->operand[0], err);
	if (!rc && !a->listeners)
		rc = err_set(
			err, -EINVAL, EXIT_USAGE,
			"no address to serve; add --listen ADDR:PORT, such as: --listen '*:80' "
			"--app http");
	for (int i = 0; !rc && i < a->listeners; i++)
		rc = listener_check(&a->listener[i], err);
	if (!rc)
		a->front.ifname = o->operand[0];
	if (!a->front.max_listeners && a->listeners > RUN_LISTENERS)
		a->front.max_listeners = (__u32)a->listeners + RUN_LISTENERS;
	run_halfopen(a);
	return rc;
}

static int run_setup(struct daemon *d, const struct run_args *a, struct err *err)
{
	const struct knob *knob;
	char value[KNOB_VALUE];
	int rc = 0;

	for (int i = 0; !rc && i < a->sets; i++) {
		rc = knob_parse(a->set[i], &knob, value, err);
		if (!rc)
			rc = daemon_set(d, knob->name, value, err);
	}
	if (!rc && a->cookie_keys)
		rc = daemon_cookie_keys(d, a->cookie_keys, err);
	if (!rc && a->app_group)
		rc = daemon_app_group(d, a->app_group, err);
	if (!rc)
		rc = daemon_attach(d, &a->front, err);
	if (!rc)
		rc = daemon_list(d, a->front.ifname, SG_LIST_DENY, &a->denied, err);
	if (!rc)
		rc = daemon_list(d, a->front.ifname, SG_LIST_ALLOW, &a->allowed, err);
	for (int i = 0; !rc && i < a->listeners; i++)
		rc = daemon_listen(d, a->front.ifname, &a->listener[i].args, err);
	return rc;
}

static void run_ready(void *arg)
{
	(void)arg;
	puts("ready");
	fflush(stdout);
}

/* 999 bytes, 1.5 kB, 2.0 MB, ... Returns `buf`. */
static const char *run_bytes(__u64 bytes, char buf[32])
{
	static const char *const unit[] = {"kB", "MB", "GB", "TB"};
	double n = (double)bytes / 1000;
	size_t i = 0;

	for (; n >= 1000 && i + 1 < SG_ARRAY_SIZE(unit); i++)
		n /= 1000;
	if (bytes < 1000)
		snprintf(buf, 32, "%llu bytes", bytes);
	else
		snprintf(buf, 32, "%.1f %s", n, unit[i]);
	return buf;
}

static void run_summary(const struct daemon_summary *s)
{
	char in[32], out[32];

	printf("served %.1f s: %llu SYNs answered, %llu connections accepted, %llu refused, "
	       "%s in, %s out\n",
	       s->seconds, s->synacks, s->accepted, s->refused, run_bytes(s->bytes_in, in),
	       run_bytes(s->bytes_out, out));
}

static int run_serve(const struct run_args *a, struct err *err)
{
	const char *name = a->front.instance ? a->front.instance : a->front.ifname;
	struct daemon_summary summary;
	struct daemon *d;
	int rc;

	rc = daemon_new(&d, name, err);
	if (rc)
		return rc;
	rc = run_setup(d, a, err);
	if (!rc) {
		rc = daemon_serve(d, run_ready, NULL);
		daemon_summary(d, &summary);
		if (rc)
			err_set(err, rc, EXIT_KERNEL, "serving ended: %s; start it again",
				strerror(-rc));
	}
	daemon_free(d);
	if (!rc)
		run_summary(&summary);
	return rc;
}

int cmd_run(const struct command *cmd, int argc, char **argv, struct err *err)
{
	struct run_args a = {0};
	struct opts o;
	int rc;

	if (geteuid() != 0)
		return err_set(err, -EPERM, EXIT_KERNEL, "needs root: run it with sudo");
	opts_begin(&o, cmd, argc, argv);
	rc = run_parse(&a, &o, err);
	if (!rc) {
		signal(SIGPIPE, SIG_IGN); /* a reader of ours that goes away is no reason to end */
		rc = run_serve(&a, err);
	}
	prefixes_free(&a.allowed);
	prefixes_free(&a.denied);
	free(a.listener);
	free(a.set);
	return rc;
}
