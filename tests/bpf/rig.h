/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where the XDP program is tested: a network namespace of the test's own, which goes
 * with the process, in it a veth pair with two queues; the program loaded through
 * front_open() and run with BPF_PROG_TEST_RUN. Nothing of the host is touched but an
 * instance's directory under /sys/fs/bpf/syngate, which is taken away at the end.
 *
 *	client (10.9.0.2, fd09::2)  rig-c ---- rig-s  10.9.0.1, fd09::1
 */
#ifndef TESTS_BPF_RIG_H
#define TESTS_BPF_RIG_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <bpf/bpf.h>
#include <cmocka.h>
#include <errno.h>
#include <linux/if_xdp.h>
#include <sched.h>
#include <sys/socket.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include "frame.h"
#include "io/bpf.h"
#include "syngate/proven.h"
#include "syngate/siphash.h"
#include "syngate/synq.h"

#ifndef RIG_ENTRIES
#define RIG_ENTRIES 4096 /* room in both tables */
#endif
#define RIG_QUEUES 2
#define RIG_PORT   80
#define RIG_WINDOW 65000
#define RIG_WSCALE 7

struct rig {
	struct front *f;
	struct err err;
	char instance[64];
	unsigned ifindex;
	int xsk[RIG_QUEUES];
	/* the last run */
	int action;
	enum sg_verdict verdict;
	uint8_t out[FRAME_MAX + 64];
	size_t out_len;
	struct sg_meta meta; /* kind 0: there was none */
};

static const char *const rig_verdict_names[] UNUSED = {
#define X(id, name, text) #name,
	SG_VERDICTS(X)
#undef X
};

static const char *const rig_action_names[] UNUSED = {"ABORTED", "DROP", "PASS", "TX", "REDIRECT"};

static inline void rig_sh(const char *cmd)
{
	if (system(cmd)) {
		fprintf(stderr, "failed: %s\n", cmd);
		exit(1);
	}
}

/* A namespace of our own. Only once in a process. */
static inline void rig_namespace(void)
{
	if (unshare(CLONE_NEWNET)) {
		perror("unshare (these tests run as root)");
		exit(1);
	}
	rig_sh("ip link set lo up && "
	       "ip link add rig-s numrxqueues 2 numtxqueues 2 type veth peer name rig-c "
	       "numrxqueues 2 numtxqueues 2 && "
	       "ip addr add 10.9.0.1/24 dev rig-s && ip addr add fd09::1/64 dev rig-s nodad && "
	       "ip link set rig-s up && ip link set rig-c up");
}

static inline uint32_t rig_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint32_t)((uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000);
}

static inline uint64_t rig_ms64(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

/* Workers that are alive, for the next minute of the test at least. */
static inline void rig_beat(struct rig *r)
{
	for (int i = 0; i < RIG_QUEUES; i++)
		r->f->worker[i].heartbeat = rig_ms64() + 60000;
}

/* Room in the tables. */
static __u32 rig_halfopen UNUSED = RIG_ENTRIES, rig_flows UNUSED = RIG_ENTRIES;

static inline struct front_config rig_config(const struct rig *r)
{
	return (struct front_config){
		.ifname = "rig-s",
		.instance = r->instance,
		.queues = RIG_QUEUES,
		.halfopen_entries = rig_halfopen,
		.flow_entries = rig_flows,
		.max_listeners = 8,
	};
}

static inline void rig_listen(struct rig *r, __u32 id, const char *addr, __u16 port,
			      __u32 syn_backlog, __u32 backlog)
{
	struct sg_listener_key k = {.port = port};
	struct sg_listener l = {
		.id = id,
		.state = SG_LISTENER_OPEN,
		.mss4 = 1460,
		.mss6 = 1440,
		.wscale = RIG_WSCALE,
		.window = RIG_WINDOW,
	};
	__u8 a4[4];

	if (addr && strchr(addr, ':')) {
		inet_pton(AF_INET6, addr, k.addr.addr);
	} else if (addr) {
		inet_pton(AF_INET, addr, a4);
		sg_addr_from4(&k.addr, a4);
	}
	memset(&r->f->queue[id], 0, sizeof(r->f->queue[id]));
	r->f->queue[id].addr = k.addr;
	r->f->queue[id].port = port;
	r->f->queue[id].in_use = 1;
	r->f->queue[id].syn_backlog = syn_backlog;
	r->f->queue[id].strangers = UINT32_MAX;
	r->f->queue[id].backlog = backlog;
	if (front_set_listener(r->f, &k, &l, &r->err))
		fail_msg("%s", r->err.msg);
}

static inline void rig_local(struct rig *r, const char *addr, __u32 prefix)
{
	struct sg_addr a = {};
	__u8 a4[4];

	if (strchr(addr, ':')) {
		inet_pton(AF_INET6, addr, a.addr);
	} else {
		inet_pton(AF_INET, addr, a4);
		sg_addr_from4(&a, a4);
	}
	assert_int_equal(front_set_local(r->f, &a, prefix), 0);
}

/* A front on rig-s: a wildcard listener on port 80 with roomy limits, workers alive. */
static inline void rig_open(struct rig *r)
{
	static int nth;
	struct front_config cfg;

	memset(r, 0, sizeof(*r));
	for (int i = 0; i < RIG_QUEUES; i++)
		r->xsk[i] = -1;
	snprintf(r->instance, sizeof(r->instance), "test-%d-%d", getpid(), nth++);
	cfg = rig_config(r);
	if (front_open(&r->f, &cfg, &r->err)) {
		fprintf(stderr, "%s\n", r->err.msg);
		exit(1);
	}
	r->ifindex = r->f->ifindex;
	r->f->settings->tcp_syncookies = 0; /* but where they are tested, as are budgets */
	r->f->settings->synack_prefix_limit = r->f->settings->rst_prefix_limit = 1000000;
	rig_beat(r);
	rig_local(r, "10.9.0.1", 128);
	rig_local(r, "fd09::1", 128);
	rig_listen(r, 0, NULL, RIG_PORT, 1024, 1024);
}

static inline void rig_close(struct rig *r)
{
	for (int i = 0; i < RIG_QUEUES; i++) {
		if (r->xsk[i] >= 0)
			close(r->xsk[i]);
	}
	if (front_detach(r->f, &r->err))
		fprintf(stderr, "%s\n", r->err.msg);
	front_close(r->f);
	r->f = NULL;
}

static inline int rig_setup(void **state)
{
	static struct rig r;

	rig_open(&r);
	*state = &r;
	return 0;
}

static inline int rig_teardown(void **state)
{
	rig_close(*state);
	return 0;
}

/* An AF_XDP socket in the map, as far as the map cares: it has an RX ring. */
static inline void rig_socket(struct rig *r, __u32 queue)
{
	int size = 64, fd = socket(AF_XDP, SOCK_RAW | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	assert_int_equal(setsockopt(fd, SOL_XDP, XDP_RX_RING, &size, sizeof(size)), 0);
	if (front_set_xsk(r->f, queue, fd, &r->err))
		fail_msg("%s", r->err.msg);
	r->xsk[queue] = fd;
}

/* A SYN as Linux sends it: MSS 1460, SACK, timestamps, window scale 7. */
#define RIG_TSVAL 0x01020304
static const uint8_t rig_linux_opts[20] UNUSED = {2, 4, 5, 0xb4, 4, 2, 8, 10, 1, 2,
						  3, 4, 0, 0,	 0, 0, 1, 3,  3, 7};

static inline struct spec rig_syn(const struct rig *r)
{
	struct spec s = {
		.src_mac = {2, 0, 0, 0, 0, 0xcc},
		.src = "10.9.0.2",
		.dst = "10.9.0.1",
		.sport = 40000,
		.dport = RIG_PORT,
		.seq = 0xfffffff0,
		.flags = SYN,
		.window = 64240,
		.opts = rig_linux_opts,
		.opts_len = 20,
	};

	memcpy(s.dst_mac, r->f->settings->mac, 6);
	return s;
}

static inline struct spec rig_syn6(const struct rig *r)
{
	struct spec s = rig_syn(r);

	s.src = "fd09::2";
	s.dst = "fd09::1";
	return s;
}

/* One frame through the program, on RX queue `queue`; exactly one counter must move. */
static inline void rig_run_bytes(struct rig *r, const uint8_t *b, size_t len, __u32 queue)
{
	struct sg_counters before, after;
	const __u64 *x = (const void *)&before, *y = (const void *)&after;
	struct xdp_md in = {
		.data_end = (__u32)len,
		.ingress_ifindex = r->ifindex,
		.rx_queue_index = queue,
	};
	struct xdp_md ctx = {};
	LIBBPF_OPTS(bpf_test_run_opts, o, .data_in = b, .data_size_in = (__u32)len,
		    .data_out = r->out, .data_size_out = sizeof(r->out), .ctx_in = &in,
		    .ctx_size_in = sizeof(in), .ctx_out = &ctx, .ctx_size_out = sizeof(ctx));
	size_t meta;
	int moved = 0;

	assert_int_equal(front_counters(r->f, &before), 0);
	if (bpf_prog_test_run_opts(front_prog_fd(r->f), &o))
		fail_msg("test run of %zu bytes: %s", len, strerror(errno));
	assert_int_equal(front_counters(r->f, &after), 0);
	for (int i = 0; i < SG_VERDICT_COUNT; i++) {
		moved += (int)(y[i] - x[i]);
		if (y[i] != x[i])
			r->verdict = (enum sg_verdict)i;
	}
	if (moved != 1)
		fail_msg("one frame, %d verdicts", moved);
	r->action = (int)o.retval;
	meta = ctx.data; /* what lies in front of the frame, counted from its metadata */
	memset(&r->meta, 0, sizeof(r->meta));
	if (meta == sizeof(r->meta))
		memcpy(&r->meta, r->out, sizeof(r->meta));
	r->out_len = o.data_size_out - meta;
	memmove(r->out, r->out + meta, r->out_len);
}

static inline void rig_run_on(struct rig *r, const struct spec *s, __u32 queue)
{
	struct frame f;

	build(s, &f);
	rig_run_bytes(r, f.b, f.len, queue);
}

static inline void rig_run(struct rig *r, const struct spec *s)
{
	rig_run_on(r, s, 0);
}

static inline void rig_expect(const struct rig *r, const char *what, int action, enum sg_verdict v)
{
	if (r->action != action || r->verdict != v)
		fail_msg("%s: %s %s, expected %s %s", what, rig_action_names[r->action],
			 rig_verdict_names[r->verdict], rig_action_names[action],
			 rig_verdict_names[v]);
}

#define rig_send(r, s, action, verdict)                                                            \
	do {                                                                                       \
		rig_run(r, s);                                                                     \
		rig_expect(r, __func__, action, SG_V_##verdict);                                   \
	} while (0)

static inline struct reply rig_reply(const struct rig *r, int tags)
{
	struct reply a;
	const char *wrong = reply_read(&a, r->out, r->out_len, tags);

	if (wrong)
		fail_msg("answer: %s", wrong);
	return a;
}

/* The tuple of a frame, as the tables have it. */
static inline struct sg_tuple rig_tuple(const struct spec *s)
{
	struct sg_tuple t = {.lport = s->dport, .pport = s->sport};
	__u8 a[16];

	if (spec_v6(s)) {
		inet_pton(AF_INET6, s->dst, t.local.addr);
		inet_pton(AF_INET6, s->src, t.peer.addr);
	} else {
		inet_pton(AF_INET, s->dst, a);
		sg_addr_from4(&t.local, a);
		inet_pton(AF_INET, s->src, a);
		sg_addr_from4(&t.peer, a);
	}
	for (int i = 0; i < s->tags && i < 2; i++)
		t.vlan[i] =
			(__u16)(0x1000 | (s->tci[i] & 0xfff) | (s->tpid[i] == 0x88a8 ? 0x2000 : 0));
	return t;
}

static inline struct sg_hash rig_hash(const struct rig *r, const struct sg_tuple *t)
{
	return sg_tuple_hash(&r->f->keys.tuple, t);
}

/* Its half-open entry, or NULL. */
static inline struct sg_halfopen *rig_entry(const struct rig *r, const struct spec *s, __u64 *word)
{
	struct sg_tuple t = rig_tuple(s);

	for (__u32 i = 0; i < r->f->halfopen.buckets * SG_WAYS; i++) {
		struct sg_halfopen *e = &r->f->halfopen.entry[i];
		__u64 w = r->f->halfopen.ways[i / SG_WAYS].slot[i % SG_WAYS];

		if ((w & 3) == SG_SLOT_LIVE && !memcmp(&e->tuple, &t, sizeof(t))) {
			if (word)
				*word = w;
			return e;
		}
	}
	return NULL;
}

/* The word of the slot that has this entry. */
static inline __u64 *rig_slot(const struct rig *r, const struct sg_halfopen *e)
{
	size_t at = (size_t)(e - r->f->halfopen.entry);

	return &r->f->halfopen.ways[at / SG_WAYS].slot[at % SG_WAYS];
}

/* Forget all half-open entries, as if nothing had been. */
static inline void rig_reset(struct rig *r)
{
	memset(r->f->halfopen.ways, 0, r->f->halfopen.buckets * sizeof(*r->f->halfopen.ways));
	memset(r->f->flows.homes, 0, r->f->flows.buckets);
	memset(r->f->flows.ways, 0, r->f->flows.buckets * sizeof(*r->f->flows.ways));
	for (__u32 i = 0; i < r->f->max_listeners; i++)
		r->f->queue[i].halfopen = r->f->queue[i].acceptq = 0;
}

#endif
