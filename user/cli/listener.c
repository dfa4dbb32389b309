/* SPDX-License-Identifier: BSD-2-Clause */
#include "cli/listener.h"

#include <errno.h>
#include <string.h>

#include "cli/addr.h"
#include "cli/cli.h"
#include "cli/value.h"

static const char *const listener_apps[] = {
	[APP_HTTP] = "http",
	[APP_ECHO] = "echo",
	[APP_DISCARD] = "discard",
	[APP_HOLD] = "hold",
	NULL,
};

void listener_defaults(struct listener_spec *l)
{
	*l = (struct listener_spec){
		.args = {.backlog = -1, .syn_backlog = -1, .proxy = PROXY_DEFAULTS},
	};
}

int listener_begin(struct listener_spec *l, const char *text, struct err *err)
{
	listener_defaults(l);
	l->text = text;
	return addr_parse_listen(text, &l->args.key.addr, &l->args.key.port, err);
}

static int listener_limit(const char *what, const char *arg, long *limit, struct err *err)
{
	unsigned long long n;
	int rc = value_number(what, arg, 0, LISTENER_BACKLOG_MAX, &n, err);

	if (!rc)
		*limit = (long)n;
	return rc;
}

static int listener_app(struct listener_spec *l, const char *arg, struct err *err)
{
	int app = value_choice("application", arg, listener_apps, err);

	if (app < 0)
		return app;
	l->app = arg;
	l->args.app = (enum app_kind)app;
	return 0;
}

static int listener_backend(struct listener_spec *l, const char *arg, struct err *err)
{
	struct proxy_config *p = &l->args.proxy;
	struct endpoint *e = &p->backend[p->backends];

	if (p->backends == PROXY_BACKENDS)
		return err_set(err, -E2BIG, EXIT_USAGE,
			       "--backend %.60s is one too many; give a listener up to %d", arg,
			       PROXY_BACKENDS);
	l->args.app = APP_PROXY;
	p->backends++;
	memset(e, 0, sizeof(*e));
	if (strncmp(arg, ENDPOINT_UNIX, strlen(ENDPOINT_UNIX)))
		return addr_parse_backend(arg, &e->addr, &e->port, err);
	if (!endpoint_read_server(arg, e))
		return 0;
	return err_set(err, -EINVAL, EXIT_USAGE,
		       "malformed backend '%.80s'; write it as unix:/run/app.sock or, if its name is "
		       "abstract, unix:@app: up to %zu printable characters",
		       arg, sizeof(e->path) - 1);
}

static int listener_proxy(struct listener_spec *l, const char *arg, struct err *err)
{
	int v = value_choice("version of the PROXY protocol", arg, proxy_versions, err);

	l->needs = "--proxy-protocol";
	if (v < 0)
		return v;
	l->args.proxy.version = PROXY_V1 + (enum proxy_version)v;
	return 0;
}

static int listener_number(struct listener_spec *l, const char *what, const char *arg, unsigned min,
			   unsigned max, __u32 *value, struct err *err)
{
	unsigned long long n;
	int rc = value_number(what, arg, min, max, &n, err);

	l->needs = what;
	if (!rc)
		*value = (__u32)n;
	return rc;
}

int listener_option(struct listener_spec *l, int key, const char *arg, struct err *err)
{
	struct proxy_config *p = &l->args.proxy;

	switch (key) {
	case OPT_APP:
		return listener_app(l, arg, err);
	case OPT_BACKEND:
		return listener_backend(l, arg, err);
	case OPT_PROXY_PROTOCOL:
		return listener_proxy(l, arg, err);
	case OPT_BACKEND_LIMIT:
		return listener_number(l, "--backend-limit", arg, 0, PROXY_LIMIT_MAX, &p->limit,
				       err);
	case OPT_CONNECT_TIMEOUT:
		return listener_number(l, "--connect-timeout", arg, 1, PROXY_CONNECT_S_MAX,
				       &p->connect_s, err);
	case OPT_IDLE_TIMEOUT:
		return listener_number(l, "--idle-timeout", arg, 0, PROXY_IDLE_S_MAX, &p->idle_s,
				       err);
	case OPT_HEALTH_CHECK:
		return listener_number(l, "--health-check", arg, 0, PROXY_CHECK_S_MAX, &p->check_s,
				       err);
	case OPT_BACKLOG:
		return listener_limit("--backlog", arg, &l->args.backlog, err);
	case OPT_SYN_BACKLOG:
		return listener_limit("--syn-backlog", arg, &l->args.syn_backlog, err);
	}
	return 1;
}

int listener_check(const struct listener_spec *l, struct err *err)
{
	char backend[ENDPOINT_SERVER_TEXT];

	if (l->app && l->args.proxy.backends)
		return err_set(err, -EINVAL, EXIT_USAGE,
			       "%s has both --app %s and --backend %s; keep one of them", l->text,
			       l->app, endpoint_print_server(backend, &l->args.proxy.backend[0]));
	if (l->app && l->needs)
		return err_set(err, -EINVAL, EXIT_USAGE,
			       "%s is for a --backend, and %s has --app %s; leave it out", l->needs,
			       l->text, l->app);
	if (!l->app && !l->args.proxy.backends)
		return err_set(
			err, -EINVAL, EXIT_USAGE,
			"nobody takes the connections of %s; add --backend ADDR:PORT (a server "
			"of yours) or --app http|echo|discard|hold",
			l->text);
	return 0;
}

bool listener_same(const struct listener_spec *a, const struct listener_spec *b)
{
	return a->args.key.port == b->args.key.port &&
	       sg_addr_eq(&a->args.key.addr, &b->args.key.addr);
}

static int listener_servers(const struct proxy_config *p, json_t *request)
{
	json_t *list = json_array();
	char text[ENDPOINT_SERVER_TEXT];
	int rc = 0;

	for (unsigned i = 0; i < p->backends; i++) {
		endpoint_print_server(text, &p->backend[i]);
		rc |= json_array_append_new(list, json_string(text));
	}
	return rc | json_object_set_new(request, "backend", list);
}

/* What is not the default anyway. */
static int listener_proxied(const struct proxy_config *p, json_t *request)
{
	int rc = listener_servers(p, request);

	if (p->version)
		rc |= json_object_set_new(request, "proxy_protocol",
					  json_string(proxy_versions[p->version - PROXY_V1]));
	if (p->limit)
		rc |= json_object_set_new(request, "backend_limit", json_integer(p->limit));
	if (p->connect_s != PROXY_CONNECT_S)
		rc |= json_object_set_new(request, "connect_timeout", json_integer(p->connect_s));
	if (p->check_s != PROXY_CHECK_AUTO)
		rc |= json_object_set_new(request, "health_check", json_integer(p->check_s));
	if (p->idle_s)
		rc |= json_object_set_new(request, "idle_timeout", json_integer(p->idle_s));
	return rc;
}

int listener_request(const struct listener_spec *l, json_t *request)
{
	char host[ADDR_TEXT];
	int rc;

	addr_format_host(&l->args.key.addr, host);
	rc = json_object_set_new(request, "addr", json_string(host));
	rc |= json_object_set_new(request, "port", json_integer(l->args.key.port));
	if (l->app)
		rc |= json_object_set_new(request, "app", json_string(l->app));
	if (l->args.proxy.backends)
		rc |= listener_proxied(&l->args.proxy, request);
	if (l->args.backlog >= 0)
		rc |= json_object_set_new(request, "backlog", json_integer(l->args.backlog));
	if (l->args.syn_backlog >= 0)
		rc |= json_object_set_new(request, "syn_backlog",
					  json_integer(l->args.syn_backlog));
	return rc ? -ENOMEM : 0;
}
