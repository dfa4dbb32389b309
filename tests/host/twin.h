/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The XDP program twice: in the kernel (rig.h) and compiled for the host (driver.h), from
 * the same state, at the same time, on the same frame. Both must come to the same verdict,
 * the same bytes, the same metadata and leave the same tables behind.
 */
#ifndef TESTS_HOST_TWIN_H
#define TESTS_HOST_TWIN_H

#define RIG_ENTRIES 16 /* few buckets: all of them are compared after each frame */

#include <linux/if_ether.h>

#include "../bpf/rig.h"
#include "driver.h"
#include "front.skel.h"
#include "io/front.h"

/* What the program changes, apart from its counters. */
struct twin_table {
	const char *name;
	void *kernel; /* mapped */
	__u32 size, n;
	__u8 *saved; /* as it was before the frame */
};

#define TWIN_TABLES 7

struct twin {
	struct rig r;
	struct twin_table table[TWIN_TABLES];
};

/* --- maps -------------------------------------------------------------------------------- */

/* Every element of a map, into the host's map of that name. */
static inline void twin_copy(const struct bpf_map *map)
{
	const char *name = bpf_map__name(map);
	__u32 i, size = bpf_map__value_size(map);
	bool array = bpf_map__type(map) == BPF_MAP_TYPE_ARRAY;
	void *key = calloc(2, bpf_map__key_size(map)), *value = calloc(1, size);
	void *last = NULL;

	assert_true(key && value);
	while (!bpf_map_get_next_key(bpf_map__fd(map), last, key)) {
		assert_int_equal(bpf_map_lookup_elem(bpf_map__fd(map), key, value), 0);
		memcpy(&i, key, sizeof(i));
		if (array)
			memcpy(maps_array(name, i), value, size);
		else
			maps_put(name, key, value);
		last = key;
	}
	free(key);
	free(value);
}

static inline void twin_maps(struct twin *t)
{
	static const char *const copied[] = {"listeners", "locals", "settings", "keys", "ports"};
	const struct bpf_map *map;

	driver_reset(t->r.f->halfopen.buckets, t->r.f->flows.buckets);
	bpf_object__for_each_map(map, t->r.f->priv->skel->obj)
	{
		if (!bpf_map__is_internal(map))
			maps_make(bpf_map__name(map), bpf_map__type(map), bpf_map__key_size(map),
				  bpf_map__value_size(map), bpf_map__max_entries(map));
	}
	for (size_t i = 0; i < SG_ARRAY_SIZE(copied); i++)
		twin_copy(front_map(t->r.f, copied[i]));
	for (__u32 q = 0; q < RIG_QUEUES; q++)
		*(__u32 *)maps_array("xsks", q) = t->r.xsk[q] >= 0;
}

static inline void twin_table(struct twin_table *t, const char *name, void *kernel, size_t size,
			      __u32 n)
{
	*t = (struct twin_table){name, kernel, (__u32)size, n, calloc(n, size)};
	assert_non_null(t->saved);
}

/* A kernel's front with sockets on both queues, and its double. */
static inline int twin_setup(void **state)
{
	static struct twin t;
	struct front *f;

	rig_open(&t.r);
	f = t.r.f;
	for (__u32 q = 0; q < RIG_QUEUES; q++)
		rig_socket(&t.r, q);
	twin_table(&t.table[0], "halfopen", f->halfopen.ways, sizeof(*f->halfopen.ways),
		   f->halfopen.buckets);
	twin_table(&t.table[6], "halfopen_entries", f->halfopen.entry, sizeof(*f->halfopen.entry),
		   f->halfopen.buckets * SG_WAYS);
	twin_table(&t.table[1], "flows", f->flows.ways, sizeof(*f->flows.ways),
		   f->flows.buckets);
	twin_table(&t.table[4], "flow_tuples", f->flows.tuples, sizeof(*f->flows.tuples),
		   f->flows.buckets);
	twin_table(&t.table[5], "flow_homes", f->flows.homes, 8, f->flows.buckets / 8 + 1);
	twin_table(&t.table[2], "queues", f->queue, sizeof(*f->queue), f->max_listeners);
	twin_table(&t.table[3], "workers", f->worker, sizeof(*f->worker), f->queues);
	twin_maps(&t);
	*state = &t;
	return 0;
}

static inline int twin_teardown(void **state)
{
	struct twin *t = *state;

	for (int i = 0; i < TWIN_TABLES; i++)
		free(t->table[i].saved);
	maps_reset();
	rig_close(&t->r);
	return 0;
}

/* --- one frame --------------------------------------------------------------------------- */

/* The clock that the program reads. */
static inline __u64 twin_clock(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC_COARSE, &ts);
	return (__u64)ts.tv_sec * 1000000000 + (__u64)ts.tv_nsec;
}

/* In the kernel, within one tick of its clock; returns which. */
static inline __u64 twin_kernel(struct twin *t, const uint8_t *b, size_t len, __u32 queue)
{
	__u64 now;

	for (int i = 0; i < TWIN_TABLES; i++)
		memcpy(t->table[i].saved, t->table[i].kernel, t->table[i].size * t->table[i].n);
	for (;;) {
		now = twin_clock();
		rig_run_bytes(&t->r, b, len, queue);
		if (twin_clock() == now)
			return now;
		for (int i = 0; i < TWIN_TABLES; i++)
			memcpy(t->table[i].kernel, t->table[i].saved,
			       t->table[i].size * t->table[i].n);
	}
}

static inline void twin_host(struct twin *t, const uint8_t *b, size_t len, __u32 queue)
{
	for (int i = 0; i < TWIN_TABLES; i++)
		for (__u32 n = 0; n < t->table[i].n; n++)
			memcpy(maps_array(t->table[i].name, n),
			       t->table[i].saved + t->table[i].size * n, t->table[i].size);
	driver_run(b, len, queue);
}

static inline void twin_same_tables(const struct twin *t, const char *what)
{
	for (int i = 0; i < TWIN_TABLES; i++) {
		const struct twin_table *k = &t->table[i];

		for (__u32 n = 0; n < k->n; n++)
			if (memcmp(maps_array(k->name, n), (char *)k->kernel + k->size * n,
				   k->size))
				fail_msg("%s: %s[%u] differs", what, k->name, n);
	}
}

static inline void twin_same(const struct twin *t, const char *what)
{
	const struct rig *r = &t->r;

	if (driver.action != r->action || driver.verdict != r->verdict)
		fail_msg("%s: kernel %s %s, host %s %s", what, rig_action_names[r->action],
			 rig_verdict_names[r->verdict], rig_action_names[driver.action],
			 rig_verdict_names[driver.verdict]);
	if (driver.len != r->out_len || memcmp(driver.out, r->out, driver.len))
		fail_msg("%s: other bytes come out (%zu, host %zu)", what, r->out_len, driver.len);
	if (memcmp(&driver.meta, &r->meta, sizeof(driver.meta)))
		fail_msg("%s: other metadata", what);
	twin_same_tables(t, what);
}

static inline int twin_tags(const uint8_t *b)
{
	int n = 0;

	while (n < 2 && (get16(b + 12 + 4 * n) == 0x8100 || get16(b + 12 + 4 * n) == 0x88a8))
		n++;
	return n;
}

/* What must hold of any frame: untouched unless it is answered, and then a good answer. */
static inline void twin_sound(const struct twin *t, const uint8_t *b, size_t len, const char *what)
{
	const struct rig *r = &t->r;
	const char *wrong;
	struct reply a;

	if (r->action == XDP_TX) {
		wrong = reply_read(&a, r->out, r->out_len, twin_tags(b));
		if (wrong || memcmp(a.eth, b + 6, 6) || memcmp(a.eth + 6, b, 6) || a.data_len)
			fail_msg("%s: answer: %s", what, wrong ? wrong : "addresses, or data");
	} else if (r->out_len != len || memcmp(r->out, b, len)) {
		fail_msg("%s: not answered, but changed", what);
	}
	if ((r->action == XDP_REDIRECT) != (r->meta.kind != SG_META_NONE))
		fail_msg("%s: metadata", what);
}

/* One frame through both; the host's twice, to see either end of the frame overrun. */
static inline void twin_run(struct twin *t, const uint8_t *b, size_t len, __u32 queue,
			    const char *what)
{
	driver.now_ns = twin_kernel(t, b, len, queue);
	twin_sound(t, b, len, what);
	for (int fence = FENCE_END; fence <= FENCE_START; fence++) {
		driver.fence = (enum driver_fence)fence;
		twin_host(t, b, len, queue);
		twin_same(t, what);
	}
}

/* --- what went before -------------------------------------------------------------------- */

/* Bring the tuple of g->syn there, and `g` to where it is then. */
static inline void twin_past(struct twin *t, struct good *g, enum past past)
{
	struct rig *r = &t->r;
	struct sg_tuple tuple = rig_tuple(&g->syn);
	struct reply a;

	rig_reset(r);
	g->ack = g->tsecr = 0;
	g->tsval = RIG_TSVAL + 1;
	if (past == PAST_HALFOPEN) {
		rig_run(r, &g->syn);
		rig_expect(r, "SYN", XDP_TX, SG_V_SYNACK_SENT);
		a = rig_reply(r, g->syn.tags);
		g->ack = a.seq + 1;
		g->tsecr = get32(a.opts + 8);
	} else if (past != PAST_NONE) {
		assert_int_equal(sg_flow_claim(&r->f->flows, rig_hash(r, &tuple).table, &tuple, 1),
				 1);
	}
}

#endif
