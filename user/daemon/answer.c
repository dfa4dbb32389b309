/* SPDX-License-Identifier: BSD-2-Clause */
#include "daemon/answer.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/endpoint.h"
#include "daemon/show.h"
#include "daemon/state.h"

/* --- arguments -------------------------------------------------------------------------------- */

int answer_string(const json_t *req, const char *name, const char **value, struct err *err)
{
	json_t *v = json_object_get(req, name);

	*value = NULL;
	if (!v)
		return 0;
	if (!json_is_string(v))
		return err_set(err, -EINVAL, EXIT_USAGE, "'%s' is to be a string", name);
	*value = json_string_value(v);
	return 0;
}

static int answer_need(const json_t *req, const char *name, const char **value, struct err *err)
{
	int rc = answer_string(req, name, value, err);

	if (!rc && !*value)
		return err_set(err, -EINVAL, EXIT_USAGE, "'%s' is missing in the request", name);
	return rc;
}

int answer_number(const json_t *req, const char *name, long min, long *value,
		  struct err *err)
{
	json_t *v = json_object_get(req, name);

	if (!v)
		return 0;
	if (!json_is_integer(v) || json_integer_value(v) < min ||
	    json_integer_value(v) > 0x7fffffff)
		return err_set(err, -EINVAL, EXIT_USAGE, "'%s' is to be a number of %ld or more",
			       name, min);
	*value = (long)json_integer_value(v);
	return 0;
}

static int answer_u32(const json_t *req, const char *name, __u32 *value, struct err *err)
{
	long n = (long)*value;
	int rc = answer_number(req, name, 0, &n, err);

	*value = (__u32)n;
	return rc;
}

static int answer_key(const json_t *req, struct sg_listener_key *key, struct err *err)
{
	const char *addr;
	long port = 0;
	int rc = answer_need(req, "addr", &addr, err);

	memset(key, 0, sizeof(*key));
	if (!rc)
		rc = answer_number(req, "port", 1, &port, err);
	if (rc)
		return rc;
	if (port < 1 || port > 65535)
		return err_set(err, -EINVAL, EXIT_USAGE, "'port' is to be 1 to 65535");
	if (endpoint_read_addr(addr, &key->addr))
		return err_set(err, -EINVAL, EXIT_USAGE,
			       "'%.60s' is no address: 192.0.2.1, 2001:db8::1 or * for all", addr);
	key->port = (__u16)port;
	return 0;
}

/* --- commands ----------------------------------------------------------------------------------
 */

static void answer_put(FILE *out, json_t *result)
{
	json_dumpf(result, out, JSON_ENCODE_ANY);
	json_decref(result);
}

static int answer_mode(const json_t *req, enum front_mode *mode, struct err *err)
{
	const char *text;
	int rc = answer_string(req, "mode", &text, err);

	*mode = FRONT_AUTO;
	if (rc || !text || strcmp(text, "auto") == 0)
		return rc;
	if (strcmp(text, "native") == 0)
		*mode = FRONT_NATIVE;
	else if (strcmp(text, "skb") == 0)
		*mode = FRONT_SKB;
	else
		return err_set(err, -EINVAL, EXIT_USAGE, "mode '%.40s': auto, native or skb", text);
	return 0;
}

static int answer_attach(struct daemon *d, const json_t *req, FILE *out, struct err *err)
{
	struct front_config cfg = {0};
	struct attachment *a;
	bool already;
	int rc = answer_need(req, "iface", &cfg.ifname, err);

	if (!rc)
		rc = answer_string(req, "instance", &cfg.instance, err);
	if (!rc)
		rc = answer_mode(req, &cfg.mode, err);
	if (!rc)
		rc = answer_u32(req, "halfopen_entries", &cfg.halfopen_entries, err);
	if (!rc)
		rc = answer_u32(req, "flow_entries", &cfg.flow_entries, err);
	if (!rc)
		rc = answer_u32(req, "max_listeners", &cfg.max_listeners, err);
	if (rc)
		return rc;
	already = attachment_find(d, cfg.ifname) != NULL;
	rc = daemon_attach(d, &cfg, err);
	a = attachment_find(d, cfg.ifname);
	if (!rc)
		answer_put(out, json_pack("{s:s, s:s, s:b}", "iface", cfg.ifname, "mode",
					  a->front->mode == FRONT_SKB ? "skb" : "native", "already",
					  already));
	return rc;
}

static int answer_detach(struct daemon *d, const json_t *req, FILE *out, struct err *err)
{
	const char *iface;
	bool already;
	int rc = answer_need(req, "iface", &iface, err);

	if (rc)
		return rc;
	already = attachment_find(d, iface) == NULL;
	rc = daemon_detach(d, iface, err);
	if (!rc)
		answer_put(out, json_pack("{s:s, s:b}", "iface", iface, "already", already));
	return rc;
}

/* `backend` alone says proxy; else `app` names one that needs none. */
static int answer_app(const json_t *req, struct listen_args *l, struct err *err)
{
	const char *app;
	int rc = answer_string(req, "app", &app, err);

	if (!rc)
		rc = answer_proxy(req, &l->proxy, err);
	if (rc)
		return rc;
	if (l->proxy.backends && (!app || strcmp(app, "proxy") == 0)) {
		l->app = APP_PROXY;
		return 0;
	}
	for (enum app_kind k = 0; app && !l->proxy.backends && k < APP_PROXY; k++)
		if (strcmp(app_ops_of(k)->name, app) == 0) {
			l->app = k;
			return 0;
		}
	return err_set(err, -EINVAL, EXIT_USAGE,
		       "give either a backend (ADDR:PORT) or an app: http, echo, discard or hold");
}

static int answer_listen(struct daemon *d, const json_t *req, FILE *out, struct err *err)
{
	struct listen_args l = {.backlog = -1, .syn_backlog = -1, .proxy = PROXY_DEFAULTS};
	const char *iface;
	struct attachment *a;
	int rc = answer_need(req, "iface", &iface, err);

	if (!rc)
		rc = answer_key(req, &l.key, err);
	if (!rc)
		rc = answer_app(req, &l, err);
	if (!rc)
		rc = answer_number(req, "backlog", -1, &l.backlog, err);
	if (!rc)
		rc = answer_number(req, "syn_backlog", -1, &l.syn_backlog, err);
	if (!rc)
		rc = daemon_listen(d, iface, &l, err);
	if (rc)
		return rc;
	a = attachment_find(d, iface);
	answer_put(out, json_pack("{s:i}", "id", (int)(listening_find(a, &l.key) - a->listening)));
	return 0;
}

static int answer_unlisten(struct daemon *d, const json_t *req, FILE *out, struct err *err)
{
	struct sg_listener_key key;
	const char *iface;
	int rc = answer_need(req, "iface", &iface, err);

	if (!rc)
		rc = answer_key(req, &key, err);
	if (!rc)
		rc = daemon_unlisten(d, iface, &key, err);
	if (!rc)
		fputs("{}", out);
	return rc;
}

/* `prefixes`: an array of strings. */
static int answer_prefixes(const json_t *req, struct prefixes *list, struct err *err)
{
	json_t *array = json_object_get(req, "prefixes"), *text;
	int rc = 0;
	size_t i;

	if (!json_is_array(array))
		return err_set(err, -EINVAL, EXIT_USAGE, "'prefixes' is to be an array of strings");
	json_array_foreach(array, i, text) {
		struct prefix p;

		if (!json_is_string(text))
			return err_set(err, -EINVAL, EXIT_USAGE,
				       "'prefixes' is to be an array of strings");
		rc = prefix_read(json_string_value(text), &p, err);
		if (!rc)
			rc = prefixes_put(list, &p, err);
		if (rc)
			return rc;
	}
	return 0;
}

static int answer_list(struct daemon *d, const json_t *req, enum sg_list list, FILE *out,
		       struct err *err)
{
	struct prefixes what = {0};
	const char *iface;
	size_t n;
	int rc = answer_need(req, "iface", &iface, err);

	if (!rc && list == SG_LIST_NONE && json_is_true(json_object_get(req, "all"))) {
		rc = daemon_unlist_all(d, iface, &n, err);
	} else if (!rc) {
		rc = answer_prefixes(req, &what, err);
		if (!rc)
			rc = daemon_list(d, iface, list, &what, err);
		n = what.n;
	}
	if (!rc)
		answer_put(out, json_pack("{s:I}", "prefixes", (json_int_t)n));
	prefixes_free(&what);
	return rc;
}

static int answer_allow(struct daemon *d, const json_t *req, FILE *out, struct err *err)
{
	return answer_list(d, req, SG_LIST_ALLOW, out, err);
}

static int answer_deny(struct daemon *d, const json_t *req, FILE *out, struct err *err)
{
	return answer_list(d, req, SG_LIST_DENY, out, err);
}

static int answer_unlist(struct daemon *d, const json_t *req, FILE *out, struct err *err)
{
	return answer_list(d, req, SG_LIST_NONE, out, err);
}

static int answer_set(struct daemon *d, const json_t *req, FILE *out, struct err *err)
{
	const char *name, *value;
	int rc = answer_need(req, "name", &name, err);

	if (!rc)
		rc = answer_need(req, "value", &value, err);
	if (!rc)
		rc = daemon_set(d, name, value, err);
	if (!rc)
		answer_put(out, json_pack("{s:s, s:I}", "name", name, "value",
					  (json_int_t)strtoul(value, NULL, 10)));
	return rc;
}

static int answer_status(struct daemon *d, const json_t *req, FILE *out, struct err *err)
{
	(void)req;
	return show_status(d, out, err);
}

static int answer_show(struct daemon *d, const json_t *req, FILE *out, struct err *err)
{
	const char *what;
	int rc = answer_need(req, "what", &what, err);

	return rc ? rc : show_what(d, what, out, err);
}

static const struct {
	const char *cmd;
	int (*fn)(struct daemon *d, const json_t *req, FILE *out, struct err *err);
} answers[] = {
	{"attach", answer_attach},     {"detach", answer_detach}, {"listen", answer_listen},
	{"unlisten", answer_unlisten}, {"set", answer_set},	  {"status", answer_status},
	{"show", answer_show},	       {"allow", answer_allow},	  {"deny", answer_deny},
	{"unlist", answer_unlist},
};

/* --- the request
 * ---------------------------------------------------------------------------------- */

static int answer_command(struct daemon *d, const json_t *req, FILE *out, struct err *err)
{
	const char *cmd;
	int rc;

	if (!json_is_object(req))
		return err_set(
			err, -EINVAL, EXIT_USAGE,
			"a request is one line with a JSON object, as {\"cmd\": \"status\"}");
	rc = answer_need(req, "cmd", &cmd, err);
	for (size_t i = 0; !rc && i < SG_ARRAY_SIZE(answers); i++)
		if (strcmp(answers[i].cmd, cmd) == 0)
			return answers[i].fn(d, req, out, err);
	return rc ? rc : err_set(err, -EINVAL, EXIT_USAGE, "unknown command '%.40s'", cmd);
}

/* A message may quote what it was sent, cut anywhere: what is not ASCII becomes '?'. */
static void answer_plain(char *to, const char *from)
{
	for (; *from; from++)
		*to++ = (char)(*from & 0x80 ? '?' : *from);
	*to = 0;
}

char *answer_error(const struct err *err, size_t *answer_len)
{
	char msg[sizeof(err->msg)], *text, *line = NULL;
	json_t *o;
	int n;

	answer_plain(msg, err->msg);
	o = json_pack("{s:b, s:i, s:s}", "ok", 0, "exit", err->exit, "error", msg);
	text = o ? json_dumps(o, 0) : NULL;
	n = text ? asprintf(&line, "%s\n", text) : -1;
	free(text);
	json_decref(o);
	*answer_len = n > 0 ? (size_t)n : 0;
	return n > 0 ? line : NULL;
}

static int answer_write(struct daemon *d, const json_t *req, char **text, size_t *len,
			struct err *err)
{
	FILE *out = open_memstream(text, len);
	int rc;

	if (!out)
		return err_set(err, -ENOMEM, EXIT_KERNEL, "no memory");
	fputs("{\"ok\": true, \"result\": ", out);
	rc = answer_command(d, req, out, err);
	fputs("}\n", out);
	if ((ferror(out) | fclose(out)) && !rc)
		rc = err_set(err, -ENOMEM, EXIT_KERNEL, "no memory for so long an answer");
	return rc;
}

char *answer_request(struct daemon *d, const char *text, size_t len, size_t *answer_len)
{
	struct err err = {.exit = EXIT_KERNEL};
	json_error_t where;
	json_t *req = json_loadb(text, len, JSON_REJECT_DUPLICATES, &where);
	char *answer = NULL;
	int rc;

	if (req)
		rc = answer_write(d, req, &answer, answer_len, &err);
	else
		rc = err_set(&err, -EINVAL, EXIT_USAGE, "not JSON: %.100s", where.text);
	json_decref(req);
	if (!rc)
		return answer;
	free(answer);
	return answer_error(&err, answer_len);
}
