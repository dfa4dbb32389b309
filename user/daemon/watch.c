/* SPDX-License-Identifier: BSD-2-Clause */
#include "daemon/watch.h"

#include "app/endpoint.h"
#include "io/clock.h"
#include "io/log.h"

#define WATCH_LOOK SG_SEC

/* --- what there is to see -------------------------------------------------------------------- */

static void watch_queue(const struct attachment *a, __u32 id, struct modes_queue *m)
{
	const struct sg_queue *q = &a->front->queue[id];

	m->halfopen = SG_READ_ONCE(q->halfopen);
	m->syn_backlog = q->syn_backlog;
	m->acceptq = SG_READ_ONCE(q->acceptq);
	m->backlog = q->backlog;
	m->cookies = SG_READ_ONCE(q->SyncookiesSent);
	m->cookies_back = SG_READ_ONCE(q->SyncookiesRecv);
	m->drops = SG_READ_ONCE(q->ListenDrops); /* before its parts, which are counted first */
	m->overflows = SG_READ_ONCE(q->ListenOverflows);
	m->reqq_full = SG_READ_ONCE(q->TCPReqQFullDrop);
}

bool watch_is_late(const struct attachment *a, __u32 worker)
{
	__u64 limit = a->front->settings->heartbeat_ms, now = clock_coarse_ms();
	const struct sg_worker *w = &a->front->worker[worker];
	__u64 beat = SG_READ_ONCE(w->heartbeat);

	if (!SG_READ_ONCE(w->dead) && limit < WATCH_LOOK / SG_MS)
		limit = WATCH_LOOK / SG_MS;
	return !beat || now > beat + limit;
}

/* Returns 0, or a negative errno of the counters'. */
static int watch_iface(const struct attachment *a, struct modes_iface *m)
{
	struct sg_counters c;
	int rc = front_counters(a->front, &c);

	if (rc)
		return rc;
	memset(m, 0, sizeof(*m));
	m->syns = c.SynAckSent + c.SynAckRepeated + c.CookieSent + c.SynAckLimited +
		  c.HalfOpenFull + c.HalfOpenReserved + c.HalfOpenBucketFull + c.AcceptQueueFull;
	m->synacks = c.SynAckLimited;
	m->acks = c.CookieLimited;
	m->passed = c.PassFailPolicy;
	m->no_socket = c.NoWorkerSocket;
	m->workers = a->workers;
	for (__u32 i = 0; i < a->workers; i++) {
		m->rsts += SG_READ_ONCE(a->front->worker[i].rsts_limited);
		m->late += watch_is_late(a, i);
	}
	return 0;
}

/* May a bucket be full? The table is made for fewer entries than it has slots; half of them fit
 * always. */
static bool watch_is_dense(const struct attachment *a)
{
	__u64 entries = 0;

	for (__u32 i = 0; i < a->front->max_listeners; i++)
		entries += SG_READ_ONCE(a->front->queue[i].halfopen);
	return entries >= front_room(a->front->halfopen.buckets) / 2;
}

/* --- noticing -------------------------------------------------------------------------------- */

static void watch_event(struct attachment *a, const struct modes_event *e)
{
	struct modes_event *kept = &a->event[a->events++ % WATCH_EVENTS];
	bool better = e->to < e->from;
	char text[MODES_TEXT];

	*kept = *e;
	kept->real_ms = clock_real_ms();
	modes_text(kept, a->front->ifname, text);
	log_line(better ? LOG_NOTICE : LOG_WARN, "%s", text);
}

static void watch_listener(struct attachment *a, __u32 id, const struct modes_around *around,
			   sg_time now)
{
	struct listening *l = &a->listening[id];
	struct modes_queue q;
	struct modes_event e;

	watch_queue(a, id, &q);
	if (!modes_listener_look(&l->modes, &q, around, now, &e))
		return;
	e.addr = l->args.key.addr;
	e.port = l->args.key.port;
	watch_event(a, &e);
}

void watch_look(struct attachment *a, sg_time now)
{
	struct modes_around around = {.syncookies = a->front->settings->tcp_syncookies};
	struct modes_event e[MODES_INTERFACE_EVENTS];
	struct modes_iface i;
	int n;

	if (now < a->watch_at)
		return;
	a->watch_at = now + WATCH_LOOK;
	if (watch_iface(a, &i))
		return;
	n = modes_interface_look(&a->modes, &i, now, e);
	for (int k = 0; k < n; k++)
		watch_event(a, &e[k]);
	around.dense = watch_is_dense(a);
	around.syn_rate = a->modes.syn_rate;
	for (__u32 id = 0; id < a->front->max_listeners; id++)
		if (a->listening[id].used)
			watch_listener(a, id, &around, now);
}

void watch_attach(struct attachment *a, sg_time now)
{
	struct modes_iface i = {0};

	watch_iface(a, &i);
	modes_interface_begin(&a->modes, &i, now);
	a->watch_at = now + WATCH_LOOK;
}

void watch_listen(struct attachment *a, __u32 id, sg_time now)
{
	struct modes_queue q;

	watch_queue(a, id, &q);
	modes_listener_begin(&a->listening[id].modes, &q, a->front->settings->tcp_syncookies, now);
}

/* --- showing --------------------------------------------------------------------------------- */

json_t *watch_modes(const struct attachment *a)
{
	json_t *list = json_array();

	if (a->modes.budget.level)
		json_array_append_new(list, json_string(modes_name(modes_of(&a->modes.budget))));
	if (a->modes.worker.level)
		json_array_append_new(list, json_string(modes_name(modes_of(&a->modes.worker))));
	return list;
}

static json_t *watch_row(const struct attachment *a, const struct modes_event *e, sg_time now)
{
	char text[MODES_TEXT], addr[ENDPOINT_TEXT];
	json_t *row =
		json_pack("{s:I, s:I, s:s, s:s, s:s, s:s, s:s}", "at", (json_int_t)e->real_ms,
			  "age_ms", (json_int_t)((now - e->at) / SG_MS), "iface", a->front->ifname,
			  "from", modes_name(e->from), "to", modes_name(e->to), "reason", e->reason,
			  "text", modes_text(e, a->front->ifname, text));

	json_object_set_new(row, "addr",
			    e->port ? json_string(endpoint_addr(addr, &e->addr)) : json_null());
	json_object_set_new(row, "port", e->port ? json_integer(e->port) : json_null());
#define NUMBER(name) json_object_set_new(row, #name, json_integer((json_int_t)e->name))
	NUMBER(halfopen);
	NUMBER(syn_backlog);
	NUMBER(acceptq);
	NUMBER(backlog);
	NUMBER(workers);
	NUMBER(late);
	NUMBER(syn_rate);
	NUMBER(cookie_rate);
	NUMBER(drop_rate);
	NUMBER(limited_rate);
	NUMBER(pass_rate);
	NUMBER(cookies);
	NUMBER(cookies_back);
	NUMBER(dropped);
	NUMBER(limited);
	NUMBER(passed);
	NUMBER(lasted_ms);
#undef NUMBER
	return row;
}

json_t *watch_events(const struct attachment *a)
{
	unsigned first = a->events > WATCH_EVENTS ? a->events - WATCH_EVENTS : 0;
	json_t *list = json_array();
	sg_time now = clock_now();

	for (unsigned i = first; i != a->events; i++)
		json_array_append_new(list, watch_row(a, &a->event[i % WATCH_EVENTS], now));
	return list;
}
