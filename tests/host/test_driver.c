/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Is the host's build of the XDP program fenced as it says, and do its helpers keep the
 * kernel's rules? And what BPF_PROG_TEST_RUN cannot show: a NIC driver without metadata, a
 * short first page, a socket of the kernel's.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_ether.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../bpf/frame.h"
#include "driver.h"
#include "bpf/bpf_helpers.h" /* wants linux/bpf.h before it */
#include "syngate/flow.h"

#define BUCKETS 2

static struct spec syn(void)
{
	static const uint8_t opts[] = {2, 4, 5, 0xb4, 4, 2, 8, 10, 1, 2,
				       3, 4, 0, 0,    0, 0, 1, 3,  3, 7};

	return (struct spec){
		.dst_mac = {2, 0, 0, 0, 0, 1},
		.src_mac = {2, 0, 0, 0, 0, 2},
		.src = "10.9.0.2",
		.dst = "10.9.0.1",
		.sport = 40000,
		.dport = 80,
		.seq = 1000,
		.flags = SYN,
		.window = 64240,
		.opts = opts,
		.opts_len = sizeof(opts),
	};
}

static void make_tables(void)
{
	struct sg_settings *set;
	struct sg_queue *q;

	maps_make("settings", BPF_MAP_TYPE_ARRAY, 4, sizeof(*set), 1);
	set = maps_array("settings", 0);
#define X(name, def, min, max, text) set->name = def;
	SG_SETTINGS(X)
#undef X
	memcpy(set->mac, "\x02\0\0\0\0\x01", 6);
	maps_make("queues", BPF_MAP_TYPE_ARRAY, 4, sizeof(*q), 1);
	q = maps_array("queues", 0);
	memset(q, 0xff, sizeof(*q)); /* limits that nothing reaches */
	q->halfopen = q->acceptq = 0;
	maps_make("halfopen", BPF_MAP_TYPE_ARRAY, 4, sizeof(struct sg_ways), BUCKETS);
	maps_make("halfopen_entries", BPF_MAP_TYPE_ARRAY, 4, sizeof(struct sg_halfopen),
		  BUCKETS * SG_WAYS);
	maps_make("flows", BPF_MAP_TYPE_ARRAY, 4, sizeof(struct sg_ways), BUCKETS);
	maps_make("flow_tuples", BPF_MAP_TYPE_ARRAY, 4, sizeof(struct sg_flow_tuples), BUCKETS);
	maps_make("flow_homes", BPF_MAP_TYPE_ARRAY, 4, 8, BUCKETS / 8 + 1);
	maps_make("budgets", BPF_MAP_TYPE_ARRAY, 4, sizeof(struct sg_budget), SG_BUDGET_CELLS);
	maps_make("ports", BPF_MAP_TYPE_ARRAY, 4, 8, 65536 / 32);
	*(__u64 *)maps_array("ports", 80 / 32) = (__u64)(SG_PORT_OURS | SG_PORT_KERNEL) << 80 % 32 * 2;
	maps_make("xsks", BPF_MAP_TYPE_XSKMAP, 4, 4, 1);
	*(__u32 *)maps_array("xsks", 0) = 1;
}

static int setup(void **state)
{
	struct sg_listener_key k = {.port = 80};
	struct sg_listener l = {.state = SG_LISTENER_OPEN, .mss4 = 1460, .mss6 = 1440};
	struct sg_prefix own = {.prefix = 96 + 8};
	struct sg_worker *w;
	__u8 yes = 1;

	(void)state;
	driver_reset(BUCKETS, BUCKETS);
	driver.now_ns = 3600 * 1000000000ULL;
	make_tables();
	maps_make("listeners", BPF_MAP_TYPE_HASH, sizeof(k), sizeof(l), 1);
	maps_put("listeners", &k, &l);
	maps_make("locals", BPF_MAP_TYPE_LPM_TRIE, sizeof(own), 1, 1);
	sg_addr_from4(&own.addr, "\x0a\0\0\0");
	maps_put("locals", &own, &yes);
	maps_make("workers", BPF_MAP_TYPE_ARRAY, 4, sizeof(*w), 1);
	w = maps_array("workers", 0);
	w->heartbeat = driver.now_ns / 1000000;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	maps_reset();
	return 0;
}

static void run(const struct spec *s)
{
	struct frame f;

	build(s, &f);
	driver_run(f.b, f.len, 0);
}

/* A flow of worker 0 for a frame's tuple. */
static void make_flow(const struct spec *s)
{
	struct sg_tuple t = {.lport = s->dport, .pport = s->sport};
	struct sg_ways *b;
	struct sg_tuple_key none = {};
	__u32 tag;

	sg_addr_from4(&t.peer, "\x0a\x09\0\x02");
	sg_addr_from4(&t.local, "\x0a\x09\0\x01");
	tag = sg_tuple_hash(&none, &t).table;
	b = maps_array("flows", sg_bucket_first(tag, BUCKETS));
	b->slot[0] = sg_slot_make(SG_SLOT_LIVE, 1, 0, tag);
	((__u8 *)maps_array("flow_homes", sg_bucket_first(tag, BUCKETS) / 8))
		[sg_bucket_first(tag, BUCKETS) % 8] = 1;
	((struct sg_flow_tuples *)maps_array("flow_tuples", sg_bucket_first(tag, BUCKETS)))->tuple[0] =
		t;
}

/* --- the fence ---------------------------------------------------------------------------- */

static bool survives(const struct xdp_md *ctx, long at)
{
	const volatile char *p = (const volatile char *)(unsigned long)ctx->data;
	int status;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0) {
		signal(SIGSEGV, SIG_DFL); /* not cmocka's */
		dup2(open("/dev/null", O_WRONLY), STDERR_FILENO);
		(void)p[at];
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static void test_fence(void **state)
{
	static const size_t lens[] = {1, 14, 59, 60, 61, 1500, DRIVER_LINEAR};
	static __u8 frame[DRIVER_FRAME];
	struct xdp_md ctx;

	(void)state;
	for (size_t i = 0; i < SG_ARRAY_SIZE(lens); i++) {
		driver.fence = FENCE_END;
		driver_place(frame, lens[i], &ctx);
		assert_int_equal(ctx.data_end - ctx.data, lens[i]);
		assert_true(survives(&ctx, 0));
		assert_true(survives(&ctx, (long)lens[i] - 1));
		assert_false(survives(&ctx, (long)lens[i]));
		driver.fence = FENCE_START;
		driver_place(frame, lens[i], &ctx);
		assert_true(survives(&ctx, 0));
		assert_false(survives(&ctx, -1));
	}
}

/* --- the helpers' rules -------------------------------------------------------------------- */

static void test_adjust_head(void **state)
{
	struct xdp_md ctx, was;
	__u8 frame[60] = {1};

	(void)state;
	driver_place(frame, sizeof(frame), &ctx);
	was = ctx;
	assert_int_equal(bpf_xdp_adjust_head(&ctx, -217), -EINVAL); /* 256, less an xdp_frame */
	assert_int_equal(bpf_xdp_adjust_head(&ctx, -216), 0);
	assert_int_equal(ctx.data, was.data - 216);
	assert_int_equal(ctx.data_meta, ctx.data);
	assert_int_equal(ctx.data_end, was.data_end);
	assert_int_equal(bpf_xdp_adjust_head(&ctx, 216 + 60 - 13), -EINVAL);
	assert_int_equal(bpf_xdp_adjust_head(&ctx, 216 + 60 - 14), 0);
	assert_false(survives(&ctx, 14));
}

static void test_adjust_meta(void **state)
{
	struct xdp_md ctx;
	__u8 frame[60] = {1};

	(void)state;
	driver_place(frame, sizeof(frame), &ctx);
	assert_int_equal(bpf_xdp_adjust_meta(&ctx, 4), -EINVAL);
	assert_int_equal(bpf_xdp_adjust_meta(&ctx, -30), -EACCES);
	assert_int_equal(bpf_xdp_adjust_meta(&ctx, -36), -EACCES);
	assert_int_equal(bpf_xdp_adjust_meta(&ctx, -32), 0);
	assert_int_equal(ctx.data_meta, ctx.data - 32);
	assert_true(survives(&ctx, -32));
}

static void test_adjust_tail(void **state)
{
	struct xdp_md ctx;
	__u8 frame[300] = {1}, piece[8] = {};

	(void)state;
	driver.linear = 100;
	for (int i = 0; i < 300; i++)
		frame[i] = (__u8)i;
	driver_place(frame, sizeof(frame), &ctx);
	assert_int_equal(ctx.data_end - ctx.data, 100);
	assert_int_equal(bpf_xdp_get_buff_len(&ctx), 300);
	assert_int_equal(bpf_xdp_load_bytes(&ctx, 96, piece, 8), 0); /* across the edge */
	assert_memory_equal(piece, frame + 96, 8);
	assert_int_equal(bpf_xdp_load_bytes(&ctx, 292, piece, 8), 0);
	assert_memory_equal(piece, frame + 292, 8);
	assert_int_equal(bpf_xdp_load_bytes(&ctx, 293, piece, 8), -EINVAL);
	assert_int_equal(bpf_xdp_adjust_tail(&ctx, 1), -EINVAL);
	assert_int_equal(bpf_xdp_adjust_tail(&ctx, -287), -EINVAL);
	assert_int_equal(bpf_xdp_adjust_tail(&ctx, -150), 0);
	assert_int_equal(ctx.data_end - ctx.data, 100);
	assert_int_equal(bpf_xdp_get_buff_len(&ctx), 150);
	assert_int_equal(bpf_xdp_adjust_tail(&ctx, -90), 0);
	assert_int_equal(ctx.data_end - ctx.data, 60);
	assert_int_equal(bpf_xdp_get_buff_len(&ctx), 60);
}

/* --- the program ---------------------------------------------------------------------------- */

static void test_without_metadata(void **state)
{
	struct spec s = syn();

	(void)state;
	s.flags = ACK;
	make_flow(&s);
	run(&s);
	assert_int_equal(driver.verdict, SG_V_STEER_FLOW);
	assert_int_equal(driver.meta.kind, SG_META_FLOW);
	driver.no_meta = true;
	run(&s);
	assert_int_equal(driver.action, XDP_REDIRECT);
	assert_int_equal(driver.verdict, SG_V_STEER_FLOW);
	assert_int_equal(driver.meta.kind, SG_META_NONE);
	*(__u32 *)maps_array("xsks", 0) = 0;
	run(&s);
	assert_int_equal(driver.action, XDP_DROP);
	assert_int_equal(driver.verdict, SG_V_NO_SOCKET);
}

/* Headers in the first page and data in a fragment; and headers that go over the edge. */
static void test_data_in_a_fragment(void **state)
{
	struct spec s = syn();
	struct frame f;

	(void)state;
	s.data = 1000;
	build(&s, &f);
	for (__u32 linear = ETH_HLEN; linear < f.len; linear++) {
		teardown(state);
		setup(state);
		driver.linear = linear;
		driver_run(f.b, f.len, 0);
		if (linear < f.l4 + 4)
			assert_int_equal(driver.verdict, SG_V_PASS_NOT_TCP);
		else if (linear < f.l4 + 40)
			assert_int_equal(driver.verdict, SG_V_BAD_TCP);
		else
			assert_int_equal(driver.verdict, SG_V_SYNACK_SENT);
		assert_int_equal(driver.len, linear < f.l4 + 40 ? f.len : f.l4 + 40);
	}
}

static struct bpf_sock kernels;

static struct bpf_sock *lookup(const struct bpf_sock_tuple *t, __u32 size)
{
	assert_int_equal(size, sizeof(t->ipv4));
	assert_memory_equal(&t->ipv4.saddr, "\x0a\x09\0\x02", 4);
	assert_memory_equal(&t->ipv4.daddr, "\x0a\x09\0\x01", 4);
	assert_int_equal(t->ipv4.sport, htons(40000));
	assert_int_equal(t->ipv4.dport, htons(80));
	return &kernels;
}

static void test_socket_of_the_kernels(void **state)
{
	struct spec s = syn();

	(void)state;
	driver.socket = lookup;
	kernels.state = BPF_TCP_ESTABLISHED;
	run(&s);
	assert_int_equal(driver.verdict, SG_V_PASS_KERNEL_FLOW);
	kernels.state = BPF_TCP_LISTEN;
	run(&s);
	assert_int_equal(driver.verdict, SG_V_SYNACK_SENT);
}

/* A wildcard listener takes what is to an address of ours. */
static void test_local_prefix(void **state)
{
	struct spec s = syn();

	(void)state;
	s.dst = "10.255.0.1";
	run(&s);
	assert_int_equal(driver.verdict, SG_V_SYNACK_SENT);
	s.dst = "11.0.0.1";
	run(&s);
	assert_int_equal(driver.verdict, SG_V_PASS_NOT_LOCAL);
}

int main(void)
{
#define T(x) cmocka_unit_test_setup_teardown(x, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(test_fence),
		T(test_adjust_head),
		T(test_adjust_meta),
		T(test_adjust_tail),
		T(test_without_metadata),
		T(test_data_in_a_fragment),
		T(test_socket_of_the_kernels),
		T(test_local_prefix),
	};

	return cmocka_run_group_tests_name("driver", tests, NULL, NULL);
}
