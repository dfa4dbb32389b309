/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Two hosts and a link in virtual time. Frames are real frames (wire_encode, wire_decode),
 * the server's driver is user/engine/driver.c, and everything random
 * comes out of one seed: the same seed replays the same run.
 *
 *	client engine ── link (loss, reordering, duplication, corruption, delay, rate and queue, ECN
 *	                 marks, each way) ── driver ── engine
 */
#ifndef SIM_SIM_H
#define SIM_SIM_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/driver.h"
#include "wire/wire.h"

/*
 * Every call into an engine that changes something: true when it returned. test_crash.c has it
 * that some do not.
 */
#ifndef SIM_DO
#define SIM_DO(m, at, call) ((call), true)
#define SIM_BEGIN(m, pairs) ((void)0)
#define SIM_END(m)	    ((void)0)
#endif

#define SIM_FRAME 2048
#define SIM_BUCKETS 64
#define SIM_LISTENERS 4
#define SIM_PORT 80
#define SIM_MSS 1460

struct sim_link { /* per mille, and nanoseconds */
	unsigned loss, dup, reorder, corrupt;
	sg_time delay, jitter;
	__u64 rate;    /* bytes a second, each way; 0: any */
	__u32 queue;   /* bytes in front of that; what does not fit is dropped */
	bool marks;    /* half full, it marks what is capable of ECN */
	sg_time free_at[2]; /* when all that waits has left */
};

struct sim_frame {
	sg_time at;
	unsigned to;
	__u32 len;
	__u8 bytes[SIM_FRAME];
};

struct sim_host {
	__u32 timewaits;
	struct tcp_stack *stack;
	struct tcp_config cfg;
	struct driver driver;
	void *mem;
	struct sg_settings settings;
	struct sg_cookie_keys cookies;
	struct sg_queue *queues;
	struct sg_halfopen_table halfopen;
	struct sg_flow_table flows;
	struct sg_proven_bucket *proven;
	struct sg_tcp_counters mib;
	__u8 mac[6];
	bool listens;
	struct sg_listener listener;
};

struct sim {
	__u64 seed, rng;
	sg_time now;
	struct sim_link link;
	struct sim_host host[2]; /* 0: client, 1: server */
	struct sim_frame **frame;
	unsigned frames, room;
	struct sg_tuple_key key;
	FILE *pcap; /* NULL, or where every frame is written to */
	unsigned long sent;
	unsigned long died; /* test_crash.c: calls that did not return */
};

static __u64 sim_rand(struct sim *m)
{
	__u64 z = m->rng += 0x9e3779b97f4a7c15ULL; /* splitmix64 */

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
	return z ^ (z >> 31);
}

static unsigned sim_below(struct sim *m, unsigned n)
{
	return n ? (unsigned)(sim_rand(m) % n) : 0;
}

static bool sim_chance(struct sim *m, unsigned per_mille)
{
	return sim_below(m, 1000) < per_mille;
}

static void sim_defaults(struct sg_settings *set)
{
#define X(name, def, min, max, text) set->name = def;
	SG_SETTINGS(X)
#undef X
}

/* --- hosts ------------------------------------------------------------------------------------ */

static void sim_host_open(struct sim *m, struct sim_host *h, __u8 number, __u32 conns, __u32 chunks)
{
	struct tcp_config cfg = {
		.worker = 0,
		.max_conns = conns,
		.max_timewait = conns * 4,
		.max_chunks = chunks,
		.key = m->key,
		.settings = &h->settings,
		.max_listeners = SIM_LISTENERS,
		.cookies = &h->cookies,
		.timewaits = &h->timewaits,
		.mib = &h->mib,
	};
	size_t size = tcp_pool_size(&cfg);

	sim_defaults(&h->settings);
	h->cookies.key[0] = m->key.sip;
	h->queues = aligned_alloc(64, SIM_LISTENERS * sizeof(*h->queues));
	h->halfopen.buckets = SIM_BUCKETS;
	h->halfopen.ways = aligned_alloc(64, SIM_BUCKETS * sizeof(*h->halfopen.ways));
	h->halfopen.entry = aligned_alloc(64, SIM_BUCKETS * SG_WAYS * sizeof(*h->halfopen.entry));
	h->flows.buckets = SIM_BUCKETS;
	h->flows.ways = aligned_alloc(64, SIM_BUCKETS * sizeof(*h->flows.ways));
	h->flows.tuples = calloc(SIM_BUCKETS, sizeof(*h->flows.tuples));
	h->flows.homes = calloc(SIM_BUCKETS, 1);
	h->proven = aligned_alloc(64, SG_PROVEN_BUCKETS * sizeof(*h->proven));
	memset(h->proven, 0, SG_PROVEN_BUCKETS * sizeof(*h->proven));
	memset(h->queues, 0, SIM_LISTENERS * sizeof(*h->queues));
	memset(h->halfopen.ways, 0, SIM_BUCKETS * sizeof(*h->halfopen.ways));
	memset(h->halfopen.entry, 0, SIM_BUCKETS * SG_WAYS * sizeof(*h->halfopen.entry));
	memset(h->flows.ways, 0, SIM_BUCKETS * sizeof(*h->flows.ways));
	cfg.queues = h->queues;
	cfg.halfopen = h->halfopen;
	cfg.proven = h->proven;
	cfg.flows = h->flows;
	h->mem = aligned_alloc(TCP_CHUNK, (size + TCP_CHUNK - 1) / TCP_CHUNK * TCP_CHUNK);
	memset(h->mem, 0, size);
	memset(h->mac, number, 6);
	h->mac[0] = 2;
	if (tcp_init(h->mem, size, &cfg, m->now, &h->stack))
		abort();
	h->cfg = cfg;
	h->driver.stack = h->stack;
}

static void sim_listen(struct sim_host *h, __u32 backlog)
{
	__u8 w = 0;

	while (w < SG_WSCALE_MAX && h->settings.tcp_rmem >> w > 65535)
		w++;
	h->listener = (struct sg_listener){
		.id = 0,
		.state = SG_LISTENER_OPEN,
		.mss4 = SIM_MSS,
		.mss6 = SIM_MSS - 20,
		.wscale = w,
		.window = (__u16)(h->settings.tcp_rmem < 65535 ? h->settings.tcp_rmem : 65535),
	};
	h->queues[0].port = SIM_PORT;
	h->queues[0].in_use = 1;
	h->queues[0].backlog = h->queues[0].syn_backlog = backlog;
	h->queues[0].strangers = UINT32_MAX;
	h->listens = true;
	if (tcp_listen(h->stack, 0, &h->listener))
		abort();
}

/* --- the link ------------------------------------------------------------------------------------ */

static void sim_pcap(struct sim *m, const __u8 *bytes, __u32 len)
{
	__u32 rec[4] = {(__u32)(m->now / SG_SEC), (__u32)(m->now % SG_SEC / 1000), len, len};

	if (!m->pcap)
		return;
	fwrite(rec, sizeof(rec), 1, m->pcap);
	fwrite(bytes, len, 1, m->pcap);
}

static void sim_pcap_open(struct sim *m, const char *path)
{
	__u32 head[6] = {0xa1b2c3d4, 2 | 4 << 16, 0, 0, 65535, 1};

	m->pcap = fopen(path, "wb");
	if (m->pcap)
		fwrite(head, sizeof(head), 1, m->pcap);
}

/* How long a frame waits for those in front of it, or SG_NEVER: the queue is full. */
static sg_time sim_queue(struct sim *m, unsigned to, __u32 len)
{
	sg_time *free_at = &m->link.free_at[to];
	sg_time start = *free_at > m->now ? *free_at : m->now;

	if (m->link.rate == 0)
		return 0;
	if ((start - m->now) * m->link.rate / SG_SEC > m->link.queue)
		return SG_NEVER;
	*free_at = start + len * SG_SEC / m->link.rate;
	return *free_at - m->now;
}

static bool sim_is_congested(const struct sim *m, unsigned to)
{
	sg_time free_at = m->link.free_at[to];

	return m->link.marks && free_at > m->now &&
	       (free_at - m->now) * m->link.rate / SG_SEC > m->link.queue / 2;
}

static void sim_put(struct sim *m, unsigned to, const __u8 *bytes, __u32 len)
{
	sg_time wait = sim_queue(m, to, len);
	struct sim_frame *f;
	unsigned i;

	if (wait == SG_NEVER)
		return;
	f = malloc(sizeof(*f));
	f->at = m->now + wait + m->link.delay + (m->link.jitter ? sim_rand(m) % m->link.jitter : 0);
	if (sim_chance(m, m->link.reorder))
		f->at += m->link.delay * 3;
	f->to = to;
	f->len = len;
	memcpy(f->bytes, bytes, len);
	if (sim_chance(m, m->link.corrupt))
		f->bytes[14 + sim_below(m, len - 14)] ^= (__u8)(1 + sim_below(m, 255));
	if (m->frames == m->room) {
		m->room = m->room ? 2 * m->room : 64;
		m->frame = realloc(m->frame, m->room * sizeof(struct sim_frame *));
	}
	for (i = m->frames++; i > 0 && m->frame[i - 1]->at <= f->at; i--)
		m->frame[i] = m->frame[i - 1];
	m->frame[i] = f; /* sorted: the next to arrive is the last */
}

static void sim_send(struct sim *m, unsigned from, const struct seg *s)
{
	__u8 bytes[SIM_FRAME];
	struct seg seg = *s;
	int len;

	if (seg.ecn == 2 && sim_is_congested(m, !from))
		seg.ecn = 3;
	len = wire_encode(bytes, sizeof(bytes), m->host[from].mac, &seg);
	if (len < 0)
		abort();
	m->sent++;
	sim_pcap(m, bytes, (__u32)len);
	if (sim_chance(m, m->link.loss))
		return;
	sim_put(m, !from, bytes, (__u32)len);
	if (sim_chance(m, m->link.dup))
		sim_put(m, !from, bytes, (__u32)len);
}

static void sim_flush(struct sim *m, unsigned from, struct actions *a)
{
	for (unsigned i = 0; i < a->n; i++)
		sim_send(m, from, &a->send[i]);
	a->n = 0;
}

/* --- what arrives --------------------------------------------------------------------------------- */

static void sim_arrive(struct sim *m, const struct sim_frame *f)
{
	struct seg room[ACTIONS_PER_INPUT];
	struct actions a = {.max = ACTIONS_PER_INPUT, .send = room};
	struct seg in;

	if (wire_decode(f->bytes, f->len, true, &in))
		return;
	if (SIM_DO(m, f->to, driver_input(&m->host[f->to].driver, &in, m->now, &a)))
		sim_flush(m, f->to, &a);
}

/* --- going round ------------------------------------------------------------------------------------ */

/* What both engines want to send now; a small action list, so that it runs full. */
static void sim_output(struct sim *m)
{
	struct seg room[16];
	struct actions a = {.max = 16, .send = room};

	for (unsigned at = 0; at < 2; at++) {
		struct sim_host *h = &m->host[at];

		(void)SIM_DO(m, at, tcp_expire(h->stack, m->now));
		if (h->listens) {
			a.n = 0;
			if (SIM_DO(m, at, tcp_sweep_halfopen(h->stack, 0, SIM_BUCKETS, m->now, &a)))
				sim_flush(m, at, &a);
		}
		do {
			a.n = 0;
			if (SIM_DO(m, at, tcp_output(h->stack, m->now, &a)))
				sim_flush(m, at, &a);
		} while (h->stack->ready.head != NIL);
	}
}

/* On to the next thing that happens. False: nothing ever will. */
static bool sim_step(struct sim *m)
{
	sg_time next = SG_NEVER;

	sim_output(m);
	if (m->frames > 0)
		next = m->frame[m->frames - 1]->at;
	for (unsigned at = 0; at < 2; at++) {
		sg_time d = tcp_deadline(m->host[at].stack);

		if (d < next)
			next = d;
		if (m->host[at].queues[0].halfopen && m->now + 10 * SG_MS < next)
			next = m->now + 10 * SG_MS; /* the sweep */
	}
	if (next == SG_NEVER)
		return false;
	if (next > m->now)
		m->now = next;
	while (m->frames > 0 && m->frame[m->frames - 1]->at <= m->now) {
		struct sim_frame *f = m->frame[--m->frames];

		sim_arrive(m, f);
		free(f);
	}
	return true;
}

static void sim_open(struct sim *m, __u64 seed)
{
	struct sg_key secret;

	memset(m, 0, sizeof(*m));
	m->seed = m->rng = seed;
	m->now = 1000 * SG_SEC;
	secret.k[0] = sim_rand(m);
	secret.k[1] = sim_rand(m);
	sg_tuple_key_make(&m->key, &secret);
	m->link.delay = SG_MS;
}

static void sim_close(struct sim *m)
{
	while (m->frames > 0)
		free(m->frame[--m->frames]);
	free(m->frame);
	for (unsigned at = 0; at < 2; at++) {
		free(m->host[at].mem);
		free(m->host[at].queues);
		free(m->host[at].halfopen.ways);
		free(m->host[at].halfopen.entry);
		free(m->host[at].flows.ways);
		free(m->host[at].flows.tuples);
		free(m->host[at].flows.homes);
		free(m->host[at].proven);
	}
	if (m->pcap)
		fclose(m->pcap);
}

#endif
