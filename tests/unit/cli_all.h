/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The whole command line in one translation unit, with a daemon that writes down what it
 * is told. For tests that look at the table of commands or run a command.
 */
#ifndef TESTS_UNIT_CLI_ALL_H
#define TESTS_UNIT_CLI_ALL_H

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/session.h"
#include "daemon/daemon.h"
#include "daemon/dial.h"

/* What was asked of the daemon, one word after the other; `fake_fails`: the one to refuse. */
static char fake_log[2048];
static const char *fake_fails = "";
static int fake_daemons; /* made and not freed */
static int fake_left;	 /* a dead daemon left something */

struct daemon {
	int nothing;
};

static int fake_note(struct err *err, const char *what, const char *detail)
{
	size_t n = strlen(fake_log);

	snprintf(fake_log + n, sizeof(fake_log) - n, "%s(%s) ", what, detail);
	if (strcmp(what, fake_fails))
		return 0;
	if (err)
		err_set(err, -EINVAL, EXIT_KERNEL, "%s refused", what);
	return -EINVAL;
}

int daemon_new(struct daemon **out, const char *name, struct err *err)
{
	int rc = fake_note(err, "new", name);

	if (rc)
		return rc;
	*out = calloc(1, sizeof(**out));
	fake_daemons++;
	return 0;
}

int daemon_app_group(struct daemon *d, const char *group, struct err *err)
{
	(void)d;
	return fake_note(err, "app_group", group);
}

int front_remove(const char *ifname, const char *instance, struct err *err)
{
	(void)err;
	(void)ifname;
	(void)instance;
	return fake_left;
}

int daemon_attach(struct daemon *d, const struct front_config *c, struct err *err)
{
	char text[128];

	(void)d;
	snprintf(text, sizeof(text), "%s %s %d %u %u", c->ifname, c->instance ? c->instance : "-",
		 c->mode, c->halfopen_entries, c->flow_entries);
	return fake_note(err, "attach", text);
}

int daemon_listen(struct daemon *d, const char *iface, const struct listen_args *a, struct err *err)
{
	char text[128];

	(void)d;
	snprintf(text, sizeof(text), "%s %u %d %u %ld %ld", iface, a->key.port, a->app,
		 a->proxy.backend[0].port, a->backlog, a->syn_backlog);
	return fake_note(err, "listen", text);
}

int daemon_set(struct daemon *d, const char *name, const char *value, struct err *err)
{
	char text[128];

	(void)d;
	snprintf(text, sizeof(text), "%s=%s", name, value);
	return fake_note(err, "set", text);
}

int daemon_cookie_keys(struct daemon *d, const char *path, struct err *err)
{
	(void)d;
	return fake_note(err, "cookie_keys", path);
}

int daemon_list(struct daemon *d, const char *iface, enum sg_list list, const struct prefixes *what,
		struct err *err)
{
	char text[256], prefix[PREFIX_TEXT];
	size_t n = (size_t)snprintf(text, sizeof(text), "%s %d", iface, list);

	(void)d;
	for (size_t i = 0; i < what->n && n < sizeof(text); i++)
		n += (size_t)snprintf(text + n, sizeof(text) - n, " %s",
				      prefix_print(prefix, &what->at[i]));
	return what->n ? fake_note(err, "list", text) : 0;
}

int daemon_serve(struct daemon *d, void (*ready)(void *), void *arg)
{
	int rc = fake_note(NULL, "serve", "");

	(void)d;
	if (!rc && ready)
		ready(arg);
	return rc;
}

void daemon_summary(const struct daemon *d, struct daemon_summary *s)
{
	(void)d;
	memset(s, 0, sizeof(*s));
	s->accepted = 7;
	s->bytes_in = 999;
	s->bytes_out = 1500000;
}

void daemon_free(struct daemon *d)
{
	fake_note(NULL, "free", "");
	fake_daemons--;
	free(d);
}

/* How the next connection of our own ends. */
static enum session_end fake_end = SESSION_DONE;
static int fake_error;
static int fake_dials; /* found and not closed */

int dial_find(struct dial *d, const struct dial_args *a, struct err *err)
{
	char text[128], from[64];
	int rc;

	inet_ntop(AF_INET6, a->source.addr, from, sizeof(from));
	snprintf(text, sizeof(text), "%u %s %u %s %u", a->peer_port, from, a->source_port,
		 a->iface ? a->iface : "-", a->wait);
	rc = fake_note(err, "dial", text);
	if (rc)
		return rc;
	memset(d, 0, sizeof(*d));
	strcpy(d->iface, "eth0");
	fake_dials++;
	return 0;
}

void dial_close(struct dial *d)
{
	(void)d;
	fake_dials--;
}

int daemon_connect(struct daemon *d, const struct dial *to, struct session *s, struct err *err)
{
	char text[64];

	(void)d;
	snprintf(text, sizeof(text), "%s %d %llu", to->iface, s->keep_open, s->wait / SG_SEC);
	s->end = fake_end;
	s->error = fake_error;
	return fake_note(err, "connect", text);
}

int daemon_signal(const struct daemon *d)
{
	(void)d;
	return 0;
}

#include "app/endpoint.c"
#include "app/proxy_header.c"
#include "app/session.c"
#include "cli/addr.c"
#include "cli/ask.c"
#include "cli/attach.c"
#include "cli/client.c"
#include "cli/detach.c"
#include "cli/exec.c"
#include "cli/filter.c"
#include "cli/flat.c"
#include "cli/help.c"
#include "cli/iface.c"
#include "cli/knob.c"
#include "cli/list.c"
#include "cli/listen.c"
#include "cli/listener.c"
#define main syngate_main
int syngate_main(int argc, char **argv);
#include "cli/main.c"
#undef main
#include "cli/nc.c"
#include "cli/nearest.c"
#include "cli/opts.c"
#include "cli/output.c"
#include "cli/run.c"
#include "cli/set.c"
#include "cli/show.c"
#include "cli/status.c"
#include "cli/table.c"
#include "cli/unlisten.c"
#include "cli/value.c"
#include "cli/view.c"
#include "io/clock.c"
#include "io/err.c"
#include "io/log.c"
#include "io/nonblock.c"
#include "io/prefix.c"
#include "lib/channel.c"
#include "lib/why.c"

#endif
