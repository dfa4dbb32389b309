/* SPDX-License-Identifier: BSD-2-Clause */
/* A listener on the command line: its address and the options that belong to it. */
#ifndef CLI_LISTENER_H
#define CLI_LISTENER_H

#include <jansson.h>

#include "daemon/daemon.h"

struct listener_spec {
	const char *text;    /* ADDR:PORT as it was given */
	const char *app;     /* NULL: none was given */
	const char *needs;   /* an option that is of use with a backend alone */
	struct listen_args args;
};

/* clang-format off */
#define LISTENER_OPTS                                                                       \
	{"backend", OPT_BACKEND, "SERVER", "a server: ADDR:PORT or unix:PATH; may be repeated"}, \
	{"proxy-protocol", OPT_PROXY_PROTOCOL, "VERSION", "tell it the client's address: v1 or v2"}, \
	{"backend-limit", OPT_BACKEND_LIMIT, "N", "connections that each backend gets at most"}, \
	{"connect-timeout", OPT_CONNECT_TIMEOUT, "SECONDS", "until the next one is tried (5)"},    \
	{"idle-timeout", OPT_IDLE_TIMEOUT, "SECONDS", "reset a connection that is silent for so long"}, \
	{"health-check", OPT_HEALTH_CHECK, "SECONDS", "try each backend so often; 0: never"}, \
	{"app", OPT_APP, "NAME", "or take them here: http, echo, discard, hold (never accepts)"}, \
	{"backlog", OPT_BACKLOG, "N", "limit of the accept queue (default: somaxconn)"},    \
	{"syn-backlog", OPT_SYN_BACKLOG, "N", "limit of the half-open queue (the backlog)"}
/* clang-format on */

#define LISTENER_BACKLOG_MAX 1048576

void listener_defaults(struct listener_spec *l);

/* Begin with its ADDR:PORT. 0 or a negative errno with `err` filled, as below. */
int listener_begin(struct listener_spec *l, const char *text, struct err *err);

/* One of LISTENER_OPTS. 0 done, 1 another option, or a negative errno. */
int listener_option(struct listener_spec *l, int key, const char *arg, struct err *err);

/* Is it whole? An application or a backend, not both. */
int listener_check(const struct listener_spec *l, struct err *err);

/* Two listeners of one port and address. */
bool listener_same(const struct listener_spec *a, const struct listener_spec *b);

/* Arguments of `listen` and `unlisten` (docs/control-protocol.md), put into `request`. */
int listener_request(const struct listener_spec *l, json_t *request);

#endif
