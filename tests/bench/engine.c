/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The engine alone, without a kernel: what a connection costs in memory, with a million of them
 * idle and with the flow table sized as the daemon does it, and what a segment of 1448 bytes in
 * order costs (taken in, read by the application, acknowledged), among a thousand connections and
 * among a million, each next one chosen at random: medians of five rounds in turns.
 *
 *	engine [CONNECTIONS]            prints name=value lines
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "engine/driver.h"

#define MSS   1460
#define BATCH 64 /* segments that arrive together, as from a ring */
#define TURNS 2000000u
#define ROUNDS 5

struct bench {
	struct sg_settings set;
	struct sg_tcp_counters mib;
	struct tcp_config cfg;
	struct sg_queue *queue;
	__u32 timewaits;
	struct driver driver;
	sg_time now;
	struct client {
		tcp_id id;
		__u32 tuple; /* which of the tuples it has */
		sg_seq seq, ack;
		__u32 echo;
	} * client;
	__u32 n, tried;
};

static double seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static size_t resident(void)
{
	unsigned long size, rss = 0;
	FILE *f = fopen("/proc/self/statm", "r");

	if (!f || fscanf(f, "%lu %lu", &size, &rss) != 2)
		abort();
	fclose(f);
	return rss * (size_t)sysconf(_SC_PAGESIZE);
}

static void *pages(size_t size)
{
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (p == MAP_FAILED)
		abort();
	madvise(p, size, MADV_HUGEPAGE); /* as the daemon does it */
	return p;
}

static void open_stack(struct bench *b, __u32 conns)
{
	struct tcp_config *c = &b->cfg;
	__u32 buckets = conns / SG_BUCKET_ENTRIES + 2;
	struct sg_listener l = {.state = SG_LISTENER_OPEN,
				.mss4 = MSS,
				.mss6 = MSS - 20,
				.wscale = SG_RMEM_WSCALE,
				.window = 65535};

	memset(b, 0, sizeof(*b));
#define X(name, def, min, max, text) b->set.name = def;
	SG_SETTINGS(X)
#undef X
	b->now = 1000 * SG_SEC;
	b->client = pages((conns + 1ull) * sizeof(*b->client));
	b->queue = pages(sizeof(*b->queue));
	*c = (struct tcp_config){
		.max_conns = conns,
		.max_timewait = conns,
		.max_chunks = 65536,
		.settings = &b->set,
		.halfopen = {pages(256 * sizeof(struct sg_ways)),
			     pages(256 * SG_WAYS * sizeof(struct sg_halfopen)), 256},
		.proven = pages(SG_PROVEN_BUCKETS * sizeof(struct sg_proven_bucket)),
		.flows = {pages(buckets * sizeof(struct sg_ways)),
			  pages(buckets * sizeof(struct sg_flow_tuples)), pages(buckets), buckets},
		.queues = b->queue,
		.max_listeners = 1,
		.timewaits = &b->timewaits,
		.mib = &b->mib,
	};
	sg_tuple_key_make(&c->key, &(struct sg_key){{1, 2}});
	if (tcp_init(pages(tcp_pool_size(c)), tcp_pool_size(c), c, b->now, &b->driver.stack))
		abort();
	b->queue->port = 80;
	b->queue->in_use = 1;
	b->queue->backlog = b->queue->syn_backlog = 64;
	b->queue->strangers = (__u32)-1;
	tcp_listen(b->driver.stack, 0, &l);
}

static void peer(struct sg_tuple *t, __u32 i)
{
	const __u8 local[4] = {10, 9, 0, 1};
	__u8 addr[4] = {10, 10, (__u8)(i >> 22), (__u8)(i >> 14)};

	memset(t, 0, sizeof(*t));
	sg_addr_from4(&t->local, local);
	sg_addr_from4(&t->peer, addr);
	t->lport = 80;
	t->pport = (__u16)(1024 + (i & 16383));
}

/* False: neither bucket of the flow table has a place for this tuple. */
static bool connect_one(struct bench *b, __u32 i)
{
	struct client *c = &b->client[i];
	struct seg room[ACTIONS_PER_INPUT], in = {.flags = SG_SYN, .wnd = 65535};
	struct actions a = {0, ACTIONS_PER_INPUT, room};

	peer(&in.tuple, b->tried);
	c->tuple = b->tried++;
	in.opt =
		(struct sg_tcpopts){.mss = MSS, .wscale = 7, .sack_ok = 1, .has_ts = 1, .tsval = 1};
	driver_input(&b->driver, &in, b->now, &a);
	if (a.n != 1)
		abort();
	in.flags = SG_ACK;
	in.seq = sg_seq_of(1);
	in.ack = seq_add(room[0].seq, 1);
	c->seq = in.seq;
	c->ack = in.ack;
	c->echo = room[0].opt.tsval;
	in.opt = (struct sg_tcpopts){
		.wscale = SG_WSCALE_NONE, .has_ts = 1, .tsval = 2, .tsecr = room[0].opt.tsval};
	a.n = 0;
	driver_input(&b->driver, &in, b->now, &a);
	if (tcp_accept(b->driver.stack, 0, &c->id) == 0)
		return tcp_set_opt(b->driver.stack, c->id, TCP_OPT_QUICKACK, 1, b->now) == 0;
	in.flags = SG_RST; /* it waits no longer */
	a.n = 0;
	driver_input(&b->driver, &in, b->now, &a);
	return false;
}

static void forget_events(struct bench *b)
{
	struct tcp_event ev;

	while (tcp_next_event(b->driver.stack, &ev))
		;
}

static void open_all(struct bench *b, __u32 conns)
{
	while (b->n < conns) {
		b->n += connect_one(b, b->n);
		b->now += 1000;
		if (b->n % 64 == 0)
			forget_events(b);
	}
	forget_events(b);
}

/* --- memory --------------------------------------------------------------------------------- */

static void memory(__u32 conns)
{
	static struct bench b;
	size_t before = resident(), flows;
	double bytes;

	open_stack(&b, conns);
	open_all(&b, conns);
	bytes = (double)(resident() - before - conns * sizeof(*b.client));
	flows = b.cfg.flows.buckets *
		(sizeof(struct sg_ways) + sizeof(struct sg_flow_tuples) + 1);
	printf("connections=%u\n", b.driver.stack->conns.used);
	printf("refused_by_full_buckets=%u\n", b.tried - b.n);
	printf("conn_bytes=%zu\n", sizeof(struct tcp));
	printf("timewait_bytes=%zu\n", sizeof(struct timewait));
	printf("idle_bytes=%.0f\n", (bytes - (double)flows) / conns);
	printf("idle_bytes_with_flow=%.0f\n", bytes / conns);
	printf("idle_mib=%.0f\n", bytes / (1 << 20));
	munmap(b.driver.stack, tcp_pool_size(&b.cfg));
}

/* --- time ------------------------------------------------------------------------------------ */

static __u64 rng = 88172645463325252ull;

static __u32 next(void)
{
	rng ^= rng << 13;
	rng ^= rng >> 7;
	rng ^= rng << 17;
	return (__u32)(rng >> 32);
}

/* A batch as it comes out of the decoder: in order, each on a connection chosen at random. */
static void arrive(struct bench *b, struct seg in[BATCH], tcp_id id[BATCH])
{
	static const __u8 data[1448];

	for (int k = 0; k < BATCH; k++) {
		struct client *c = &b->client[(__u64)next() * b->n >> 32];

		in[k] = (struct seg){.flags = SG_ACK, .wnd = 65535, .len = 1448};
		peer(&in[k].tuple, c->tuple);
		in[k].opt = (struct sg_tcpopts){
			.wscale = SG_WSCALE_NONE, .has_ts = 1, .tsval = 3, .tsecr = c->echo};
		in[k].data[0] = data;
		in[k].data_len[0] = 1448;
		in[k].seq = c->seq;
		in[k].ack = c->ack;
		c->seq = seq_add(c->seq, 1448);
		id[k] = c->id;
	}
}

/* What a worker does with a batch: taken in, read, acknowledged. */
static void serve(struct bench *b, struct seg in[BATCH], const tcp_id id[BATCH])
{
	struct seg room[256];
	struct actions a = {0, 256, room};
	static __u8 sink[4096];

	tcp_prepare(b->driver.stack, in, BATCH);
	for (int k = 0; k < BATCH; k++) {
		tcp_input(b->driver.stack, &in[k], b->now, &a);
		if (tcp_recv(b->driver.stack, id[k], sink, sizeof(sink), b->now) != 1448)
			abort();
	}
	forget_events(b);
	tcp_output(b->driver.stack, b->now, &a);
}

/* In order, on so many connections; nanoseconds a segment. The clients' part is not counted. */
static double in_order(__u32 conns)
{
	static struct bench b;
	double spent = 0;

	open_stack(&b, conns);
	open_all(&b, conns);
	for (__u32 turn = 0; turn < TURNS; turn += BATCH) {
		struct seg in[BATCH];
		tcp_id id[BATCH];

		arrive(&b, in, id);
		spent -= seconds();
		serve(&b, in, id);
		spent += seconds();
		b.now += 20000;
	}
	munmap(b.driver.stack, tcp_pool_size(&b.cfg));
	return spent * 1e9 / TURNS;
}

static int by_size(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double median(double v[ROUNDS])
{
	qsort(v, ROUNDS, sizeof(v[0]), by_size);
	return v[ROUNDS / 2];
}

int main(int argc, char **argv)
{
	__u32 conns = argc > 1 ? (__u32)strtoul(argv[1], NULL, 0) : 1000000;
	double few[ROUNDS], many[ROUNDS], ratio[ROUNDS];

	memory(conns);
	for (int i = 0; i < ROUNDS; i++) { /* in turns: the machine is not the same all the time */
		few[i] = in_order(1000);
		many[i] = in_order(conns);
		ratio[i] = many[i] / few[i];
	}
	printf("segment_ns_1k=%.0f\n", median(few));
	printf("segment_ns_1m=%.0f\n", median(many));
	printf("segment_ratio=%.2f\n", median(ratio));
	return 0;
}
