/* SPDX-License-Identifier: BSD-2-Clause */
/* The engine's memory, its packets and its time: syngate_engine.h. */
#include "engine/engine.h"

#include <errno.h>
#include <string.h>

#include "wire/wire.h"

/* --- memory --------------------------------------------------------------------------------- */

struct plan {
	size_t queues, halfopen, entries, flows, tuples, homes, proven, pool, end;
	__u32 halfopen_buckets, flow_buckets;
	struct tcp_config tcp;
};

static size_t plan_take(size_t *at, size_t size, size_t align)
{
	size_t start = (*at + align - 1) / align * align;

	*at = start + size;
	return start;
}

static bool plan_make(const struct sge_config *c, struct plan *p)
{
	size_t at = sizeof(struct sge);
	struct sg_key secret;

	if (c->max_conns < 1 || c->max_conns > 1u << 24 || c->max_buffers < 16 ||
	    c->max_buffers > 1u << 28 || c->max_halfopen < 1 || c->max_halfopen > 1u << 24 ||
	    c->max_listeners < 1 || c->max_listeners > SG_MAX_LISTENERS || c->mtu < 576)
		return false;
	/* a full bucket is rare: docs/decisions/0002 */
	p->halfopen_buckets = c->max_halfopen / SG_BUCKET_ENTRIES + 2;
	p->flow_buckets = 2 * (c->max_conns / SG_BUCKET_ENTRIES) + 2; /* and TIME_WAIT */
	p->tcp = (struct tcp_config){
		.max_conns = c->max_conns,
		.max_timewait = c->max_conns,
		.max_chunks = c->max_buffers,
		.max_listeners = c->max_listeners,
		.halfopen.buckets = p->halfopen_buckets,
		.flows.buckets = p->flow_buckets,
	};
	memcpy(&secret, c->key, sizeof(secret));
	sg_tuple_key_make(&p->tcp.key, &secret);
	p->queues = plan_take(&at, c->max_listeners * sizeof(struct sg_queue), SG_CACHELINE);
	p->halfopen = plan_take(&at, p->halfopen_buckets * sizeof(struct sg_ways),
				SG_CACHELINE);
	p->entries = plan_take(&at, p->halfopen_buckets * SG_WAYS * sizeof(struct sg_halfopen),
			       SG_CACHELINE);
	p->flows = plan_take(&at, p->flow_buckets * sizeof(struct sg_ways), SG_CACHELINE);
	p->tuples = plan_take(&at, p->flow_buckets * sizeof(struct sg_flow_tuples), SG_CACHELINE);
	p->homes = plan_take(&at, p->flow_buckets, SG_CACHELINE);
	p->proven = plan_take(&at, SG_PROVEN_BUCKETS * sizeof(struct sg_proven_bucket),
			      SG_CACHELINE);
	p->pool = plan_take(&at, tcp_pool_size(&p->tcp), TCP_CHUNK);
	p->end = at;
	return true;
}

size_t sge_size(const struct sge_config *cfg)
{
	struct plan p;

	return plan_make(cfg, &p) ? p.end : 0;
}

/* Where everything lies in `mem`; false: it does not fit. Nothing is written. */
static bool engine_plan(void *mem, size_t size, const struct sge_config *cfg, struct plan *p)
{
	struct sge *e = mem;
	__u8 *base = mem;

	if (!plan_make(cfg, p) || size < p->end || (size_t)mem % TCP_CHUNK)
		return false;
	p->tcp.settings = &e->settings;
	p->tcp.halfopen.ways = (void *)(base + p->halfopen);
	p->tcp.halfopen.entry = (void *)(base + p->entries);
	p->tcp.proven = (void *)(base + p->proven);
	p->tcp.flows.ways = (void *)(base + p->flows);
	p->tcp.flows.tuples = (void *)(base + p->tuples);
	p->tcp.flows.homes = (void *)(base + p->homes);
	p->tcp.queues = (void *)(base + p->queues);
	p->tcp.timewaits = &e->timewaits;
	p->tcp.cookies = &e->cookies;
	p->tcp.mib = &e->mib;
	return true;
}

static void engine_place(struct sge *e, const struct plan *p)
{
	e->queues = p->tcp.queues;
	e->halfopen = p->tcp.halfopen;
	e->driver.stack = e->stack;
}

int sge_init(void *mem, size_t size, const struct sge_config *cfg, uint64_t now, struct sge **out)
{
	struct sge *e = mem;
	struct plan p;
	int rc;

	if (!engine_plan(mem, size, cfg, &p))
		return -EINVAL;
	e->cfg = *cfg;
	memcpy(&e->cookies.key[0], cfg->cookie_key, sizeof(cfg->cookie_key));
	sge_knobs_init(&e->settings);
	rc = tcp_init((__u8 *)mem + p.pool, size - p.pool, &p.tcp, now, &e->stack);
	if (rc)
		return rc;
	engine_place(e, &p);
	e->sweep_at = now;
	*out = e;
	return 0;
}

/* --- the memory of an engine that is gone --------------------------------------------------- */

/* What tcp_adopt() wants of the shared tables; a claim that was never finished is freed. */
static void engine_recount(struct sge *e, const struct plan *p)
{
	e->timewaits = 0;
	for (__u32 i = 0; i < e->cfg.max_listeners; i++)
		p->tcp.queues[i].acceptq = p->tcp.queues[i].halfopen = p->tcp.queues[i].young = 0;
	for (__u32 i = 0; i < p->halfopen_buckets * SG_WAYS; i++) {
		__u64 *slot = &p->tcp.halfopen.ways[i / SG_WAYS].slot[i % SG_WAYS];
		__u32 id = sg_synq_listener(&p->tcp.halfopen.entry[i]);

		if (sg_slot_state(*slot) == SG_SLOT_FREE)
			continue;
		if (sg_slot_state(*slot) == SG_SLOT_BUSY || id >= e->cfg.max_listeners) {
			sg_synq_free(&p->tcp.halfopen, i / SG_WAYS, i % SG_WAYS, *slot);
			continue;
		}
		p->tcp.queues[id].halfopen++;
		p->tcp.queues[id].young += !sg_slot_retries(*slot);
	}
}

int sge_adopt(void *mem, size_t size, const struct sge_config *cfg, uint64_t now, struct sge **out)
{
	struct tcp_adopted what;
	struct sge *e = mem;
	struct plan p;
	int rc;

	if (!engine_plan(mem, size, cfg, &p) || e->cfg.mtu != cfg->mtu ||
	    e->cfg.max_halfopen != cfg->max_halfopen ||
	    e->cfg.max_listeners != cfg->max_listeners)
		return -EINVAL;
	engine_recount(e, &p);
	rc = tcp_adopt((__u8 *)mem + p.pool, size - p.pool, &p.tcp, now, &what, &e->stack);
	if (rc)
		return rc;
	engine_place(e, &p);
	e->sweep_at = now;
	e->sweep_next = 0;
	e->first = e->n = 0; /* answers that were to go out are lost on the way */
	sge_forget_events(e);
	*out = e;
	return (int)(what.reset + what.broken);
}

/* --- packets ---------------------------------------------------------------------------------- */

/* Answers wait here: they bear no data, so nothing is borrowed. */
static unsigned engine_room(const struct sge *e)
{
	return SGE_PENDING - e->n;
}

static void engine_keep(struct sge *e, const struct actions *a)
{
	for (unsigned i = 0; i < a->n; i++)
		e->pending[(e->first + e->n++) % SGE_PENDING] = a->send[i];
}

void sge_forget_events(struct sge *e)
{
	struct tcp_event ev;

	while (tcp_next_event(e->stack, &ev))
		;
}

/* What is not TCP may be an ICMP error about a segment of ours. */
static int engine_icmp(struct sge *e, const void *packet, __u32 len, uint64_t now)
{
	struct icmp_error err;
	int rc = wire_decode_icmp_ip(packet, len, e->settings.verify_checksum, &err);

	if (rc == 0)
		tcp_icmp(e->stack, &err, now);
	return rc;
}

int sge_input(struct sge *e, const void *packet, size_t len, uint64_t now)
{
	struct seg room[ACTIONS_PER_INPUT];
	struct actions a = {.max = ACTIONS_PER_INPUT, .send = room};
	__u32 n = len < SGE_PACKET ? (__u32)len : SGE_PACKET;
	struct seg in;
	int rc;

	if (engine_room(e) < ACTIONS_PER_INPUT)
		return -ENOBUFS;
	rc = wire_decode_ip(packet, n, e->settings.verify_checksum, &in);
	if (rc == -EPROTO && !engine_icmp(e, packet, n, now)) {
		sge_forget_events(e);
		return 0;
	}
	if (rc) {
		e->mib.InErrs++;
		e->mib.InCsumErrors += rc == -EBADMSG;
		return rc;
	}
	driver_input(&e->driver, &in, now, &a);
	engine_keep(e, &a);
	sge_forget_events(e);
	return 0;
}

ssize_t sge_output(struct sge *e, void *buf, size_t room, uint64_t now)
{
	struct seg one;
	struct actions a = {.max = 1, .send = &one};
	__u32 space = room < SGE_PACKET ? (__u32)room : SGE_PACKET;
	int len;

	if (e->n > 0) {
		len = wire_encode_ip(buf, space, &e->pending[e->first]);
		if (len < 0)
			return len;
		e->first = (e->first + 1) % SGE_PENDING;
		e->n--;
		return len;
	}
	if (room < e->cfg.mtu)
		return -EMSGSIZE; /* before anything is taken out of the engine */
	tcp_output(e->stack, now, &a);
	sge_forget_events(e);
	return a.n ? wire_encode_ip(buf, space, &one) : 0;
}

/* --- time ---------------------------------------------------------------------------------------- */

static bool engine_halfopen(const struct sge *e)
{
	for (__u32 i = 0; i < e->cfg.max_listeners; i++)
		if (e->queues[i].halfopen)
			return true;
	return false;
}

/* SYN-ACKs that are due again: as many as there is room for, the rest when there is. */
static void engine_sweep(struct sge *e, sg_time now)
{
	struct seg room[SGE_PENDING];
	struct actions a = {.max = engine_room(e), .send = room};

	if (e->sweep_next == 0 && now < e->sweep_at)
		return;
	if (e->sweep_next == 0)
		e->sweep_at = now + SGE_SWEEP;
	e->sweep_next += tcp_sweep_halfopen(e->stack, e->sweep_next,
					    e->halfopen.buckets - e->sweep_next, now, &a);
	if (e->sweep_next == e->halfopen.buckets)
		e->sweep_next = 0;
	engine_keep(e, &a);
}

void sge_expire(struct sge *e, uint64_t now)
{
	tcp_expire(e->stack, now);
	sge_forget_events(e);
	if (engine_halfopen(e) || e->sweep_next)
		engine_sweep(e, now);
}

uint64_t sge_deadline(const struct sge *e)
{
	sg_time wheel = wheel_next(e->stack), tw = timewait_next(e->stack);
	sg_time at = wheel < tw ? wheel : tw;

	if (e->n > 0 || e->stack->ready.head != NIL)
		return e->stack->now;
	return engine_halfopen(e) && e->sweep_at < at ? e->sweep_at : at;
}
