/* SPDX-License-Identifier: BSD-2-Clause */
#include "daemon/rows.h"

#include <errno.h>
#include <stdlib.h>

#include "app/endpoint.h"
#include "io/clock.h"
#include "syngate/synq.h"

/* --- half-open ------------------------------------------------------------------------------ */

struct rows_entry {
	struct sg_halfopen e;
	__u64 word;
	__u32 now; /* ms */
};

static __u32 rows_due_ms(const struct rows_entry *r)
{
	__s16 units = (__s16)(sg_slot_info(r->word) - (__u16)(r->now >> SG_DUE_SHIFT));

	return units > 0 ? (__u32)units << SG_DUE_SHIFT : 0;
}

static void rows_endpoints(json_t *row, const struct sg_tuple *t)
{
	char text[ENDPOINT_TEXT];

	json_object_set_new(row, "local", json_string(endpoint_print(text, &t->local, t->lport)));
	json_object_set_new(row, "peer", json_string(endpoint_print(text, &t->peer, t->pport)));
}

static json_t *rows_halfopen_row(const struct attachment *a, const struct rows_entry *r)
{
	int wscale = r->e.opts & SG_OPT_WSCALE;
	json_t *row = json_pack("{s:s}", "iface", a->front->ifname);

	rows_endpoints(row, &r->e.tuple);
	json_object_update_new(row,
			       json_pack("{s:I, s:i, s:I, s:b, s:i, s:i, s:b, s:b}", "age_ms",
					 (json_int_t)(__u32)(r->now - r->e.when), "retries",
					 (int)sg_slot_retries(r->word), "due_ms", (json_int_t)rows_due_ms(r),
					 "acked", r->e.opts & SG_OPT_ACKED, "mss", r->e.mss,
					 "wscale", wscale == SG_OPT_NO_WSCALE ? -1 : wscale, "sack",
					 r->e.opts & SG_OPT_SACK, "ts", r->e.opts & SG_OPT_TS));
	return row;
}

/* It belongs to no worker yet. */
static json_t *rows_synrecv_row(const struct attachment *a, const struct rows_entry *r)
{
	json_t *row = json_pack("{s:s, s:n, s:s}", "iface", a->front->ifname, "worker", "state",
				"SYN-RECV");

	rows_endpoints(row, &r->e.tuple);
	json_object_update_new(row, json_pack("{s:i, s:i, s:{s:s, s:I, s:i}, s:i, s:I}", "recv_q",
					      0, "send_q", 0, "timer", "name", "on", "ms",
					      (json_int_t)rows_due_ms(r), "retrans",
					      (int)sg_slot_retries(r->word), "mss", r->e.mss, "age_ms",
					      (json_int_t)(__u32)(r->now - r->e.when)));
	return row;
}

/* A copy of a live entry. False: there is none, or it changed hands under our eyes. */
static bool rows_copy(const struct sg_halfopen_table *h, __u32 b, __u32 way, struct rows_entry *r)
{
	r->word = SG_READ_ONCE(h->ways[b].slot[way]);
	if (sg_slot_state(r->word) != SG_SLOT_LIVE)
		return false;
	r->e = *sg_synq_entry(h, b, way);
	__atomic_thread_fence(__ATOMIC_ACQUIRE);
	return sg_slot_gen(SG_READ_ONCE(h->ways[b].slot[way])) == sg_slot_gen(r->word);
}

void rows_halfopen(struct show_array *s, const struct attachment *a, bool as_conns)
{
	struct rows_entry r = {.now = (__u32)clock_coarse_ms()};

	for (__u32 i = 0; i < a->front->halfopen.buckets; i++)
		for (__u32 way = 0; way < SG_WAYS; way++)
			if (rows_copy(&a->front->halfopen, i, way, &r))
				show_row(s, as_conns ? rows_synrecv_row(a, &r)
						     : rows_halfopen_row(a, &r));
}

/* --- connections ------------------------------------------------------------------------------ */

struct rows_conn {
	struct tcp_facts facts;
	const struct backend *backend; /* NULL: it has none */
	struct backends *holds;
};

struct rows_gather {
	enum rows_kind kind;
	struct rows_conn *conn;
	size_t n, room;
	bool full; /* no memory for more */
};

static bool rows_wanted(enum rows_kind kind, const struct tcp_facts *f)
{
	switch (kind) {
	case ROWS_ACCEPTQ:
		return f->waiting;
	case ROWS_CONNS:
		return f->state != TCP_TIME_WAIT && f->state != TCP_CLOSED;
	case ROWS_TIMEWAIT:
		return f->state == TCP_TIME_WAIT;
	}
	return false;
}

static bool rows_grow(struct rows_gather *g)
{
	size_t room = g->room ? 2 * g->room : 256;
	struct rows_conn *more = realloc(g->conn, room * sizeof(*more));

	if (!more)
		return false;
	g->conn = more;
	g->room = room;
	return true;
}

/* In the worker's thread: copy, and let it go on. */
static void rows_collect(struct worker *w, void *arg)
{
	struct rows_gather *g = arg;
	struct tcp_facts f;
	__u64 cursor = 0;

	while (tcp_each(w->stack, &cursor, w->now, &f)) {
		if (f.state == TCP_TIME_WAIT && g->kind != ROWS_TIMEWAIT)
			return; /* they come last */
		if (!rows_wanted(g->kind, &f))
			continue;
		if (g->n == g->room && !rows_grow(g)) {
			g->full = true;
			return;
		}
		g->conn[g->n] = (struct rows_conn){.facts = f};
		g->conn[g->n].backend = app_backend(f.user, &g->conn[g->n].holds);
		g->n++;
	}
}

static json_t *rows_conn_row(const struct attachment *a, __u32 worker, const struct rows_conn *c,
			     sg_time now)
{
	const struct tcp_facts *f = &c->facts;
	char backend[ENDPOINT_SERVER_TEXT] = "";
	json_t *row = json_pack("{s:s, s:I, s:s}", "iface", a->front->ifname, "worker",
				(json_int_t)worker, "state", tcp_state_name(f->state));

	rows_endpoints(row, &f->tuple);
	json_object_update_new(
		row, json_pack("{s:I, s:I, s:{s:s, s:I, s:I}}", "recv_q", (json_int_t)f->recv_q,
			       "send_q", (json_int_t)f->send_q, "timer", "name", f->timer, "ms",
			       (json_int_t)f->timer_ms, "retrans", (json_int_t)f->retrans));
	if (f->state == TCP_TIME_WAIT)
		return row;
	if (c->backend)
		endpoint_print_server(backend, &c->backend->at);
	json_object_update_new(
		row, json_pack("{s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:b, s:s, s:s, s:I}",
			       "backend", backend,
			       "mss", (json_int_t)f->mss, "cwnd", (json_int_t)f->snd_cwnd,
			       "ssthresh", (json_int_t)f->snd_ssthresh, "rto_ms",
			       (json_int_t)f->rto_ms, "srtt_us", (json_int_t)f->srtt_us, "snd_wnd",
			       (json_int_t)f->snd_wnd, "rcv_wnd", (json_int_t)f->rcv_wnd,
			       "retrans_total", (json_int_t)f->total_retrans, "bytes_in",
			       (json_int_t)f->bytes_in, "bytes_out", (json_int_t)f->bytes_out,
			       "age_ms", (json_int_t)(now > f->born ? (now - f->born) / SG_MS : 0),
			       "orphan", f->orphan, "cc", f->cc, "ca", f->ca, "min_rtt_us",
			       (json_int_t)f->min_rtt_us));
	return row;
}

static json_t *rows_backend(const struct attachment *a, const struct listening *l,
			    const struct backend *b)
{
	char addr[ENDPOINT_TEXT], backend[ENDPOINT_SERVER_TEXT];
	sg_time now = clock_now(), since = SG_READ_ONCE(b->since);
	__u32 error = SG_READ_ONCE(b->error);

	return json_pack("{s:s, s:s, s:i, s:s, s:s, s:I, s:I, s:I, s:I, s:I, s:s}", "iface",
			 a->front->ifname, "addr", endpoint_addr(addr, &l->args.key.addr), "port", l->args.key.port,
			 "backend", endpoint_print_server(backend, &b->at), "health",
			 SG_READ_ONCE(b->down) ? "down" : "up", "since_ms",
			 (json_int_t)(now > since ? (now - since) / SG_MS : 0), "active",
			 (json_int_t)SG_READ_ONCE(b->active), "limit",
			 (json_int_t)l->args.proxy.limit, "connected",
			 (json_int_t)SG_READ_ONCE(b->connected), "failed",
			 (json_int_t)SG_READ_ONCE(b->failed), "error",
			 error ? strerror((int)error) : "");
}

void rows_backends(struct show_array *s, const struct attachment *a)
{
	for (__u32 i = 0; i < a->front->max_listeners; i++) {
		const struct listening *l = &a->listening[i];

		for (unsigned k = 0; l->used && l->backends && k < l->backends->n; k++)
			show_row(s, rows_backend(a, l, &l->backends->backend[k]));
	}
}

int rows_conns(struct show_array *s, const struct attachment *a, enum rows_kind kind)
{
	struct rows_gather g = {.kind = kind};

	for (__u32 i = 0; i < a->workers && !g.full; i++) {
		sg_time now = clock_now();

		g.n = 0;
		worker_call(a->worker[i], rows_collect, &g);
		for (size_t k = 0; k < g.n; k++) {
			show_row(s, rows_conn_row(a, i, &g.conn[k], now));
			backends_drop(g.conn[k].holds);
		}
	}
	free(g.conn);
	return g.full ? -ENOMEM : 0;
}
