/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The XDP program and the model of it (model.h), side by side: what a daemon and its workers do
 * happens to both, and both have the same settings, listeners, limits and flows.
 */
#ifndef TESTS_BPF_BOTH_H
#define TESTS_BPF_BOTH_H

#define RIG_ENTRIES 128 /* few, so that buckets spill and are full */
#include "rig.h"

#include <bpf/btf.h>
#include <sys/mman.h>

#include "io/front.h"
#include "traffic_frame.h"

#define ACTORS	 20000 /* pairs of a seed */
#define ON_STAGE 250   /* of these, in a round at most */

struct both {
	struct rig r;
	struct model m;
	struct dice dice;
	uint64_t seed, index;
	struct actor stage[ON_STAGE];
	uint32_t actors;
	struct sg_counters before;
	uint64_t count[SG_VERDICT_COUNT];
	uint64_t guesses; /* ACKs that hit a cookie by luck */
	void *budgets;	  /* of the prefixes, the driver's */
	size_t budgets_len;
	int scratch; /* the driver's map of that name */
	int cpus;
	size_t scratch_size, clock_at;
};

/* --- the driver's memory --------------------------------------------------------------------- */

static inline __u16 both_tag(uint32_t tag)
{
	if (!tag)
		return 0;
	return (__u16)(SG_VLAN_PRESENT | (tag & 0xfff) |
		       (tag >> 16 == 0x88a8 ? SG_VLAN_8021AD : 0));
}

static inline struct sg_tuple both_tuple(const struct model_pair *p)
{
	struct sg_tuple t = {.lport = p->lport, .pport = p->pport};

	memcpy(t.local.addr, p->local, 16);
	memcpy(t.peer.addr, p->peer, 16);
	t.vlan[0] = both_tag(p->tag[0]);
	t.vlan[1] = both_tag(p->tag[1]);
	return t;
}

/* Slot of its half-open entry, sg_index(). */
static inline __s64 both_where(const struct both *t, const struct model_pair *p, __u64 *word)
{
	const struct front *f = t->r.f;
	struct sg_tuple tuple = both_tuple(p);

	return sg_synq_where(&f->halfopen, sg_tuple_table(&f->keys.tuple, &tuple), &tuple, word);
}

/* Is there no slot for another entry of this pair? */
static inline bool both_is_full(const struct both *t, const struct model_pair *p)
{
	const struct sg_halfopen_table *h = &t->r.f->halfopen;
	struct sg_tuple tuple = both_tuple(p);
	__u32 tag = sg_tuple_table(&t->r.f->keys.tuple, &tuple);

	return !sg_ways_free(&h->ways[sg_bucket_first(tag, h->buckets)]) &&
	       !sg_ways_free(&h->ways[sg_bucket_second(tag, h->buckets)]);
}

/* As bpf/budget.h has it. */
static inline uint32_t both_cell(const void *arg, const struct model_segment *s)
{
	const struct both *t = arg;
	const struct sg_key *k = &t->r.f->keys.tuple.sip;
	const uint8_t *a = s->pair.peer;
	uint64_t x = (uint64_t)a[12] << 16 | a[13] << 8 | a[14];
	uint32_t w[2];

	memcpy(w, a, sizeof(w));
	if (s->v6)
		x = (uint64_t)w[0] << 32 | w[1];
	x = (x ^ both_tag(s->pair.tag[0]) ^ k->k[0]) * 0x9e3779b97f4a7c15u;
	x = (x ^ x >> 32) * (k->k[1] | 1);
	return (uint32_t)(x >> 32) % SG_BUDGET_CELLS;
}

/*
 * What did the clock say to the driver, for the last frame that made it look? Only asked when
 * the clock went on while a frame was under way.
 */
static inline uint64_t both_driver_clock(const struct both *t)
{
	uint8_t value[64][512]; /* one for each CPU */
	uint64_t clock, last = 0;
	__u32 zero = 0;

	assert_int_equal(bpf_map_lookup_elem(t->scratch, &zero, value), 0);
	for (int i = 0; i < t->cpus; i++) {
		memcpy(&clock, (uint8_t *)value + i * t->scratch_size + t->clock_at, sizeof(clock));
		last = clock > last ? clock : last;
	}
	return last;
}

/* Where the program keeps it: `clock` of struct request. */
static inline void both_find_clock(struct both *t)
{
	struct bpf_map_info info = {};
	__u32 len = sizeof(info);
	const struct btf_type *type;
	const struct btf_member *m;
	struct btf *btf;

	t->scratch = front_map_fd(t->r.f, "scratch");
	t->cpus = libbpf_num_possible_cpus();
	assert_int_equal(bpf_obj_get_info_by_fd(t->scratch, &info, &len), 0);
	t->scratch_size = (info.value_size + 7u) & ~7u;
	assert_in_range(t->scratch_size, 1, 512);
	assert_in_range(t->cpus, 1, 64);
	btf = btf__load_from_kernel_by_id(info.btf_id);
	assert_non_null(btf);
	type = btf__type_by_id(btf, info.btf_value_type_id);
	m = btf_members(type);
	for (__u32 i = 0; i < btf_vlen(type); i++)
		if (!strcmp(btf__name_by_offset(btf, m[i].name_off), "clock"))
			t->clock_at = btf_member_bit_offset(type, i) / 8;
	assert_true(t->clock_at > 0);
	btf__free(btf);
}

/* --- what the worker and the daemon do meanwhile, on both sides ------------------------------ */

static inline void both_entry_goes(struct both *t, struct model_peer *p)
{
	struct front *f = t->r.f;
	__u64 word = 0;
	__s64 at = both_where(t, &p->pair, &word);
	__u32 bucket, way;

	assert_true(at >= 0);
	bucket = sg_index_bucket((__u32)at);
	way = sg_index_way((__u32)at);
	sg_synq_leave(&f->queue[sg_synq_listener(sg_synq_entry(&f->halfopen, bucket, way))], word);
	assert_true(sg_synq_free(&f->halfopen, bucket, way, word));
	model_entry_goes(&t->m, p);
}

static inline void both_flow_comes(struct both *t, const struct model_pair *p, __u16 owner)
{
	struct sg_tuple tuple = both_tuple(p);
	int has = sg_flow_claim(&t->r.f->flows, rig_hash(&t->r, &tuple).table, &tuple, owner);

	if (has < 0) /* no room */
		return;
	front_own_port(t->r.f, p->lport);
	model_flow(&t->m, p, has);
}

static inline void both_flow_goes(struct both *t, const struct model_pair *p)
{
	struct sg_tuple tuple = both_tuple(p);

	sg_flow_release(&t->r.f->flows, rig_hash(&t->r, &tuple).table, &tuple);
	model_flow(&t->m, p, -1);
}

static inline void both_prove(struct both *t, const struct model_pair *p)
{
	struct sg_tuple tuple = both_tuple(p);
	bool closed = percent(&t->dice, 50);
	__u64 mark = sg_proven_mark(&t->r.f->keys.tuple.sip, &tuple,
				    closed ? SG_PROVEN_CLOSED : SG_PROVEN_SHOOK);

	if (t->m.provens == MODEL_PROVEN)
		return;
	sg_proven_add(&t->r.f->proven[sg_proven_bucket(mark)], mark, 0);
	t->m.proven[t->m.provens].pair = *p;
	t->m.proven[t->m.provens++].closed = closed;
}

static inline void both_worker(struct both *t, unsigned queue, bool alive)
{
	t->r.f->worker[queue].heartbeat = alive ? rig_ms64() + 600000 : 0;
	t->m.queue[queue].alive = alive;
}

static inline void both_limits(struct both *t, int id)
{
	struct model_listener *l = &t->m.listener[id];
	struct sg_queue *q = &t->r.f->queue[id];
	struct dice *d = &t->dice;

	l->syn_backlog = q->syn_backlog = PICK(d, 0, 1, 5, 30, 100, 1000, 1000, 1000);
	l->strangers = q->strangers = percent(d, 50) ? q->syn_backlog * 3 / 4 : UINT32_MAX;
	l->backlog = q->backlog = PICK(d, 0u, 5u, 128u);
	l->stopped = percent(d, 2);
	l->acceptq = percent(d, 80) ? 0 : PICK(d, l->backlog, l->backlog + 1, 200u);
	q->acceptq = l->stopped ? SG_QUEUE_STOPPED : l->acceptq;
}

/* So many a second: in a second there are 300,000 frames. */
static inline uint32_t both_budget(struct dice *d)
{
	if (percent(d, 70))
		return 1000000;
	return PICK(d, 0, 1, 20, 300, 3000, 50000, 999999);
}

static inline void both_knobs(struct both *t)
{
	struct model_settings *m = &t->m.set;
	struct sg_settings *s = t->r.f->settings;
	struct dice *d = &t->dice;

	memcpy(m->mac, s->mac, 6);
	s->ip_default_ttl = m->ttl = PICK(d, 64, 64, 1, 255);
	s->tcp_window_scaling = m->window_scaling = percent(d, 85);
	s->tcp_sack = m->sack = percent(d, 85);
	s->tcp_timestamps = m->timestamps = percent(d, 85);
	s->tcp_ecn = below(d, 3);
	m->ecn = s->tcp_ecn != 0;
	s->verify_checksum = m->verify_checksum = percent(d, 90);
	s->fail_policy = m->hold = percent(d, 50);
	s->tcp_syncookies = m->syncookies = PICK(d, 0u, 0u, 0u, 1u, 1u, 2u);
	s->syncookie_limit = m->cookie_limit = both_budget(d);
	s->synack_limit = m->synack_limit = both_budget(d);
	s->synack_prefix_limit = m->synack_prefix_limit = both_budget(d);
	s->rst_limit = m->rst_limit = both_budget(d);
	s->rst_prefix_limit = m->rst_prefix_limit = both_budget(d);
	s->tcp_invalid_ratelimit = m->ratelimit = PICK(d, 0u, 0u, 1u, 5u, 16u, 17u, 40u, 500u);
}

static inline void both_listen(struct both *t, int id, const char *addr, uint16_t port, bool open)
{
	struct model_listener *m = &t->m.listener[id];
	struct sg_listener_key k = {.port = port};
	struct sg_listener l = {.id = (__u32)id, .state = open};
	struct dice *d = &t->dice;

	memset(m, 0, sizeof(*m));
	l.mss4 = m->mss4 = (uint16_t)(500 + below(d, 9000));
	l.mss6 = m->mss6 = (uint16_t)(500 + below(d, 9000));
	l.wscale = m->wscale = (uint8_t)below(d, 15);
	l.window = m->window = (uint16_t)(1 + below(d, 65535));
	if (id == 1) { /* beside 0, with the same numbers: a daemon's listeners all have the same */
		m->mss4 = l.mss4 = t->m.listener[0].mss4;
		m->mss6 = l.mss6 = t->m.listener[0].mss6;
		m->wscale = l.wscale = t->m.listener[0].wscale;
		m->window = l.window = t->m.listener[0].window;
	}
	m->open = open;
	m->any = !addr;
	m->port = port;
	if (addr) {
		text_addr(addr, m->addr);
		memcpy(k.addr.addr, m->addr, 16);
	}
	memset(&t->r.f->queue[id], 0, sizeof(t->r.f->queue[id]));
	t->r.f->queue[id].in_use = 1;
	if (front_set_listener(t->r.f, &k, &l, &t->r.err))
		fail_msg("%s", t->r.err.msg);
	both_limits(t, id);
}

/* One that is before another comes, and goes with its entries. */
static inline void both_toggle(struct both *t)
{
	if (!t->m.listener[1].open) {
		both_listen(t, 1, "10.9.0.1", 80, true);
		return;
	}
	if (front_forget(t->r.f, 1, &t->r.err))
		fail_msg("%s", t->r.err.msg);
	model_listener_goes(&t->m, 1);
}

static inline void both_unlist(struct both *t)
{
	struct prefix p;
	enum sg_list list;

	while (!front_next_listed(t->r.f, NULL, &p, &list))
		if (front_list(t->r.f, &p, SG_LIST_NONE, &t->r.err))
			fail_msg("%s", t->r.err.msg);
	assert_int_equal(t->r.f->settings->allowed + t->r.f->settings->denied, 0);
	t->m.listeds = 0;
}

/* Somebody's prefix, short or long; the same one again changes what it is listed as. */
static inline void both_list(struct both *t, const struct actor *a)
{
	struct dice *d = &t->dice;
	bool v6 = !sg_addr_is4((const void *)a->pair.peer), deny = percent(d, 50);
	unsigned n = v6 ? PICK(d, 0u, 13u, 64u, 120u, 128u, 128u)
			: 96 + PICK(d, 0u, 9u, 24u, 30u, 32u, 32u);
	struct prefix p = {.key.prefix = n, .v6 = v6};
	int i = 0;

	for (unsigned bit = 0; bit < n; bit++)
		p.key.addr.addr[bit / 8] |= a->pair.peer[bit / 8] & 0x80 >> bit % 8;
	while (i < t->m.listeds && (t->m.listed[i].prefix != n ||
				    memcmp(t->m.listed[i].addr, p.key.addr.addr, 16) != 0))
		i++;
	if (i == MODEL_LISTED)
		return;
	memcpy(t->m.listed[i].addr, p.key.addr.addr, 16);
	t->m.listed[i].prefix = n;
	t->m.listed[i].v6 = v6;
	t->m.listed[i].deny = deny;
	t->m.listeds += i == t->m.listeds;
	if (front_list(t->r.f, &p, deny ? SG_LIST_DENY : SG_LIST_ALLOW, &t->r.err))
		fail_msg("%s", t->r.err.msg);
}

static inline void both_event(struct both *t)
{
	struct actor *a = &t->stage[below(&t->dice, t->actors)];
	struct model_peer *p = model_peer(&t->m, &a->pair);

	switch (below(&t->dice, 14)) {
	case 0: /* given up, or completed */
	case 1:
	case 2:
		if (p && p->is_half)
			both_entry_goes(t, p);
		if (a->pair.lport && percent(&t->dice, 20))
			both_flow_comes(t, &a->pair, (__u16)below(&t->dice, RIG_QUEUES));
		break;
	case 3:
	case 4:
		both_flow_goes(t, &a->pair);
		break;
	case 5:
		both_prove(t, &a->pair);
		break;
	case 6:
		both_worker(t, below(&t->dice, RIG_QUEUES), percent(&t->dice, 90));
		break;
	case 7:
		both_knobs(t);
		if (percent(&t->dice, 10))
			both_toggle(t);
		break;
	case 8:
		both_unlist(t);
		break;
	case 9:
		both_list(t, a);
		break;
	default:
		both_limits(t, (int)below(&t->dice, 6));
	}
}

/* --- a round --------------------------------------------------------------------------------- */

static inline void both_choose(struct both *t)
{
	t->actors = 30 + below(&t->dice, ON_STAGE - 30);
	for (uint32_t i = 0; i < t->actors; i++)
		actor_make(t->seed, below(&t->dice, ACTORS), &t->stage[i]);
	for (int i = 0; i < t->m.kernels; i++) { /* and some that the kernel has */
		t->stage[i].pair = t->m.kernel[i];
		t->stage[i].v6 = t->m.kernel[i].peer[0] != 0;
		if (percent(&t->dice, 30))
			t->stage[i].pair.tag[0] = random_tag(&t->dice);
	}
}

static inline void both_begin(struct both *t)
{
	dice_seed(&t->dice, t->seed, 2 * t->index);
	rig_reset(&t->r);
	memset(t->r.f->proven, 0, SG_PROVEN_BUCKETS * sizeof(*t->r.f->proven));
	model_reset(&t->m);
	both_unlist(t);
	memset(t->budgets, 0, t->budgets_len);
	both_knobs(t);
	both_listen(t, 0, NULL, 80, true);
	both_listen(t, 1, "10.9.0.1", 80, percent(&t->dice, 50));
	both_listen(t, 2, "fd09::7", 80, true);
	both_listen(t, 3, NULL, 443, true);
	both_listen(t, 4, "10.9.0.1", 81, true);
	both_listen(t, 5, "fd09::1", 81, true);
	both_listen(t, 6, NULL, 82, false);
	t->m.queue[0].socket = true;
	for (unsigned i = 0; i < RIG_QUEUES; i++) {
		struct sg_worker *w = &t->r.f->worker[i];

		w->synack_until = w->rst_until = w->cookie_until = 0;
		both_worker(t, i, true);
	}
	both_choose(t);
}

/* --- the stage ------------------------------------------------------------------------------- */

static inline void both_local(struct both *t, const char *addr, unsigned prefix)
{
	int n = t->m.locals++;

	text_addr(addr, t->m.local[n].addr);
	t->m.local[n].prefix = prefix;
	rig_local(&t->r, addr, prefix);
}

/* A connection within this namespace: client and server are both the kernel's. */
static inline void both_kernel(struct both *t, int family, const char *addr)
{
	union {
		struct sockaddr sa;
		struct sockaddr_in in;
		struct sockaddr_in6 in6;
	} a = {.sa.sa_family = (sa_family_t)family};
	struct model_pair *p = &t->m.kernel[t->m.kernels++];
	int l = socket(family, SOCK_STREAM, 0), c = socket(family, SOCK_STREAM, 0);
	socklen_t len = sizeof(a);

	a.in.sin_port = htons(80); /* where sin6_port lies, too */
	inet_pton(family, addr, family == AF_INET ? (void *)&a.in.sin_addr : &a.in6.sin6_addr);
	text_addr(addr, p->local);
	text_addr(addr, p->peer);
	p->lport = 80;
	p->pport = 40000;
	assert_int_equal(bind(l, &a.sa, len), 0);
	assert_int_equal(listen(l, 1), 0);
	a.in.sin_port = htons(p->pport);
	assert_int_equal(bind(c, &a.sa, len), 0);
	a.in.sin_port = htons(p->lport);
	assert_int_equal(connect(c, &a.sa, len), 0);
	assert_true(accept(l, NULL, NULL) >= 0);
}

static inline int both_setup(void **state)
{
	static struct both t;

	*state = &t;
	model_init(&t.m, SG_BUDGET_CELLS);
	t.m.cell_of = both_cell;
	t.m.cell_arg = &t;
	rig_flows = 24; /* likewise */
	rig_open(&t.r);
	both_find_clock(&t);
	t.budgets_len = RIG_QUEUES * SG_BUDGET_CELLS * sizeof(struct sg_budget);
	t.budgets = mmap(NULL, t.budgets_len, PROT_READ | PROT_WRITE, MAP_SHARED,
			 front_map_fd(t.r.f, "budgets"), 0);
	assert_true(t.budgets != MAP_FAILED);
	rig_socket(&t.r, 0);
	t.m.linear = 3520; /* BPF_PROG_TEST_RUN's first page */
	both_local(&t, "10.9.0.1", 128);
	both_local(&t, "fd09::1", 128);
	both_local(&t, "10.77.0.0", 96 + 16);
	both_local(&t, "fd77:1::", 63);
	both_kernel(&t, AF_INET, "10.9.0.1");
	both_kernel(&t, AF_INET6, "fd09::1");
	assert_int_equal(front_counters(t.r.f, &t.before), 0);
	return 0;
}

static inline int both_teardown(void **state)
{
	struct both *t = *state;

	munmap(t->budgets, t->budgets_len);
	rig_close(&t->r);
	model_free(&t->m);
	return 0;
}

#endif
