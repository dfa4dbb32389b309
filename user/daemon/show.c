/* SPDX-License-Identifier: BSD-2-Clause */
#include "daemon/show.h"

#include <errno.h>
#include <unistd.h>

#include "app/endpoint.h"
#include "daemon/rows.h"
#include "daemon/state.h"
#include "daemon/watch.h"
#include "io/clock.h"

void show_begin(struct show_array *s, FILE *out)
{
	s->out = out;
	s->rows = 0;
	fputc('[', out);
}

void show_row(struct show_array *s, json_t *row)
{
	if (s->rows++)
		fputs(",\n", s->out);
	json_dumpf(row, s->out, 0);
	json_decref(row);
}

void show_end(struct show_array *s)
{
	fputc(']', s->out);
}

/* --- listeners ---------------------------------------------------------------------------------
 */

/* The servers behind it: an array, and all in one word. */
static void show_servers(json_t *row, const struct backends *s)
{
	json_t *list = json_array();
	char one[ENDPOINT_SERVER_TEXT], all[PROXY_BACKENDS * ENDPOINT_SERVER_TEXT] = "";
	size_t len = 0;

	for (unsigned i = 0; s && i < s->n; i++) {
		endpoint_print_server(one, &s->backend[i].at);
		len += (size_t)sprintf(all + len, "%s%s", i ? "," : "", one);
		json_array_append_new(list, json_string(one));
	}
	json_object_set_new(row, "backend", json_string(all));
	json_object_set_new(row, "backends", list);
}

static json_t *show_listener(const struct attachment *a, __u32 id)
{
	const struct listening *l = &a->listening[id];
	const struct sg_queue *q = &a->front->queue[id];
	const struct proxy_config *p = &l->args.proxy;
	enum proxy_version v = p->version;
	char addr[ENDPOINT_TEXT];
	json_t *row = json_pack("{s:s, s:s, s:i, s:s}", "iface", a->front->ifname, "addr",
				endpoint_addr(addr, &l->args.key.addr), "port", l->args.key.port,
				"app", app_ops_of(l->args.app)->name);

	show_servers(row, l->backends);
	json_object_update_new(
		row, json_pack("{s:s, s:I, s:I, s:I, s:I, s:s, s:I, s:I, s:I, s:I, s:I, s:I}",
			       "proxy_protocol", v ? proxy_versions[v - PROXY_V1] : "",
			       "backend_limit", (json_int_t)p->limit, "connect_timeout",
			       (json_int_t)(l->backends ? p->connect_s : 0),
			       "idle_timeout", (json_int_t)p->idle_s, "health_check",
			       (json_int_t)(l->backends ? proxy_check_s(p) : 0), "mode",
			       modes_name(modes_of(&l->modes.track)), "syn_backlog",
			       (json_int_t)q->syn_backlog, "strangers", (json_int_t)q->strangers,
			       "backlog", (json_int_t)q->backlog, "halfopen",
			       (json_int_t)SG_READ_ONCE(q->halfopen), "young",
			       (json_int_t)SG_READ_ONCE(q->young), "acceptq",
			       (json_int_t)SG_READ_ONCE(q->acceptq)));
	json_object_update_new(
		row, json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "ListenOverflows",
			       (json_int_t)q->ListenOverflows, "ListenDrops",
			       (json_int_t)q->ListenDrops, "TCPReqQFullDrop",
			       (json_int_t)q->TCPReqQFullDrop, "PassiveOpens",
			       (json_int_t)q->PassiveOpens, "SyncookiesSent",
			       (json_int_t)q->SyncookiesSent, "SyncookiesRecv",
			       (json_int_t)q->SyncookiesRecv, "SyncookiesFailed",
			       (json_int_t)q->SyncookiesFailed));
	return row;
}

static void show_listeners(struct show_array *s, const struct attachment *a)
{
	for (__u32 i = 0; i < a->front->max_listeners; i++)
		if (a->listening[i].used)
			show_row(s, show_listener(a, i));
}

static void show_prefixes(struct show_array *s, const struct attachment *a)
{
	struct prefix next = {{0}, false};
	struct sg_prefix at;
	char text[PREFIX_TEXT];
	enum sg_list list;

	for (int rc = front_next_listed(a->front, NULL, &next, &list); !rc;
	     rc = front_next_listed(a->front, &at, &next, &list)) {
		show_row(s, json_pack("{s:s, s:s, s:s}", "iface", a->front->ifname, "prefix",
				      prefix_print(text, &next), "list",
				      list == SG_LIST_DENY ? "deny" : "allow"));
		at = next.key;
	}
}

/* --- counters and settings
 * ------------------------------------------------------------------------- */

static void show_driver_counters(const struct daemon *d, struct sg_counters *sum)
{
	struct sg_counters one;

	for (const struct attachment *a = d->first; a; a = a->next) {
		if (front_counters(a->front, &one))
			continue;
#define X(id, name, text) sum->name += one.name;
		SG_VERDICTS(X)
#undef X
	}
}

static void show_engine_counters(const struct daemon *d, struct sg_tcp_counters *sum)
{
	for (const struct attachment *a = d->first; a; a = a->next)
		for (__u32 i = 0; i < a->front->queues; i++) {
			const struct sg_tcp_counters *m = &a->front->tcp_counters[i];
#define X(name, text) sum->name += m->name;
			SG_TCP_COUNTERS(X)
#undef X
		}
}

/* A name that Linux has too is what Linux would have counted: the engine and the driver. */
static void show_counters(const struct daemon *d, FILE *out)
{
	struct sg_counters driver = {0};
	struct sg_tcp_counters engine = {0};
	json_t *o = json_object();

	show_driver_counters(d, &driver);
	show_engine_counters(d, &engine);
#define X(verdict, name) engine.name += driver.verdict;
	SG_VERDICT_MIBS(X)
#undef X
#define X(id, name, text) json_object_set_new(o, #name, json_integer((json_int_t)driver.name));
	SG_VERDICTS(X)
#undef X
#define X(name, text) json_object_set_new(o, #name, json_integer((json_int_t)engine.name));
	SG_TCP_COUNTERS(X)
#undef X
	json_dumpf(o, out, 0);
	json_decref(o);
}

/* As the driver and the engines read them: every interface has the same. */
static void show_settings(const struct daemon *d, FILE *out)
{
	struct sg_settings s = {
#define X(name, def, min, max, text) .name = def,
		SG_SETTINGS(X)
#undef X
	};
	json_t *o = json_object();
	const char *name;
	__u32 value;

	if (d->first)
		s = *d->first->front->settings;
	for (unsigned i = 0; settings_at(&s, i, &name, &value); i++) {
		if (!d->first && d->setting[i].set)
			value = d->setting[i].value;
		json_object_set_new(o, name, json_integer(value));
	}
	json_dumpf(o, out, 0);
	json_decref(o);
}

/* --- status
 * ------------------------------------------------------------------------------------------ */

static void show_usage(struct worker *w, void *arg)
{
	struct tcp_usage *sum = arg, one;

	tcp_usage(w->stack, &one);
	sum->conns += one.conns;
	sum->timewait += one.timewait;
}

static json_t *show_workers(const struct attachment *a)
{
	__u64 now = clock_coarse_ms(), limit = a->front->settings->heartbeat_ms;
	json_t *list = json_array();

	for (__u32 i = 0; i < a->workers; i++) {
		const struct sg_worker *w = &a->front->worker[i];
		__u64 beat = SG_READ_ONCE(w->heartbeat);

		json_array_append_new(list,
				      json_pack("{s:i, s:i, s:b}", "rx_queue", i, "tid", w->tid,
						"alive", beat && now <= beat + limit));
	}
	return list;
}

static json_t *show_attachment(const struct attachment *a)
{
	const struct front *f = a->front;
	json_t *workers = show_workers(a); /* before they are asked, which wakes them */
	struct tcp_usage use = {0};
	int listeners = 0;
	char key[16];

	snprintf(key, sizeof(key), "%08x", cookies_fingerprint(a));
	for (__u32 i = 0; i < a->workers; i++)
		if (!watch_is_late(a, i)) /* one that hangs is not to keep this waiting */
			worker_try(a->worker[i], show_usage, &use, 1000);
	for (__u32 i = 0; i < f->max_listeners; i++)
		listeners += a->listening[i].used;
	return json_pack(
		"{s:s, s:s, s:I, s:i, s:s, s:b, s:i, s:o, s:i, s:I, s:b, s:I, s:I, s:s, s:I, s:o, s:o}", "iface",
		f->ifname, "instance", f->instance, "ifindex", (json_int_t)f->ifindex, "pid",
		(int)getpid(), "mode", f->mode == FRONT_SKB ? "skb" : "native", "zero_copy",
		a->zero_copy, "queues", (int)f->queues, "workers", workers, "listeners", listeners,
		"uptime", (json_int_t)((clock_now() - a->since) / SG_SEC), "took_over",
		f->took_over, "conns", (json_int_t)use.conns, "timewait", (json_int_t)use.timewait,
		"cookie_key", key, "cookie_key_age",
		(json_int_t)((clock_now() - a->key_since) / SG_SEC), "modes", watch_modes(a), "events",
		watch_events(a));
}

int show_status(struct daemon *d, FILE *out, struct err *err)
{
	struct show_array s;

	(void)err;
	show_begin(&s, out);
	for (const struct attachment *a = d->first; a; a = a->next)
		show_row(&s, show_attachment(a));
	show_end(&s);
	return 0;
}

/* --- show
 * -------------------------------------------------------------------------------------------- */

enum show_kind {
	SHOW_LISTENERS,
	SHOW_HALFOPEN,
	SHOW_ACCEPTQ,
	SHOW_CONNS,
	SHOW_TIMEWAIT,
	SHOW_PREFIXES,
	SHOW_BACKENDS,
	SHOW_COUNTERS,
	SHOW_SETTINGS,
	SHOW_KINDS,
};

static const char *const show_names[SHOW_KINDS] = {
	[SHOW_LISTENERS] = "listeners", [SHOW_HALFOPEN] = "halfopen", [SHOW_ACCEPTQ] = "acceptq",
	[SHOW_CONNS] = "conns",		[SHOW_TIMEWAIT] = "timewait", [SHOW_COUNTERS] = "counters",
	[SHOW_SETTINGS] = "settings",	[SHOW_PREFIXES] = "prefixes", [SHOW_BACKENDS] = "backends",
};

static int show_attached(struct show_array *s, const struct attachment *a, enum show_kind kind)
{
	switch (kind) {
	case SHOW_LISTENERS:
		show_listeners(s, a);
		return 0;
	case SHOW_HALFOPEN:
		rows_halfopen(s, a, false);
		return 0;
	case SHOW_ACCEPTQ:
		return rows_conns(s, a, ROWS_ACCEPTQ);
	case SHOW_CONNS:
		rows_halfopen(s, a, true);
		return rows_conns(s, a, ROWS_CONNS);
	case SHOW_TIMEWAIT:
		return rows_conns(s, a, ROWS_TIMEWAIT);
	case SHOW_PREFIXES:
		show_prefixes(s, a);
		return 0;
	case SHOW_BACKENDS:
		rows_backends(s, a);
		return 0;
	case SHOW_COUNTERS:
	case SHOW_SETTINGS:
	case SHOW_KINDS:
		break;
	}
	return 0;
}

int show_what(struct daemon *d, const char *what, FILE *out, struct err *err)
{
	enum show_kind kind = 0;
	struct show_array s;
	int rc = 0;

	while (kind < SHOW_KINDS && strcmp(show_names[kind], what) != 0)
		kind++;
	if (kind == SHOW_KINDS)
		return err_set(err, -EINVAL, EXIT_USAGE,
			       "nothing called '%.40s' to show: listeners, halfopen, acceptq, "
			       "conns, timewait, backends, prefixes, counters or settings",
			       what);
	if (kind == SHOW_COUNTERS || kind == SHOW_SETTINGS) {
		(kind == SHOW_COUNTERS ? show_counters : show_settings)(d, out);
		return 0;
	}
	show_begin(&s, out);
	for (const struct attachment *a = d->first; a && !rc; a = a->next)
		rc = show_attached(&s, a, kind);
	show_end(&s);
	return rc ? err_set(err, rc, EXIT_KERNEL, "no memory for so long a list") : 0;
}
