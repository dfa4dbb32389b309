/* SPDX-License-Identifier: BSD-2-Clause */
#include "driver.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "maps.h"
#include "memory.h"

int front(struct xdp_md *ctx);

/* Functions that are global for the verifier's sake, and the arithmetic of BPF programs. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wmissing-prototypes"
#pragma GCC diagnostic ignored "-Wpointer-arith"
#pragma GCC diagnostic ignored "-Wshadow" /* of a map by an argument */
#include "../../bpf/front.bpf.c"
#pragma GCC diagnostic pop

struct driver driver = {.linear = DRIVER_LINEAR};

static struct {
	struct bpf_sock *held; /* looked up and not yet given back */
	bool redirected;
} run;

static void must(bool holds, const char *what, const char *name)
{
	if (holds)
		return;
	fprintf(stderr, "driver: %s: %s\n", name, what);
	abort();
}

/* --- helpers -------------------------------------------------------------------------------- */

long driver_redirect(const struct driver_decl *d, __u32 key, __u64 flags)
{
	const __u32 *socket = driver_lookup(d, &key);

	must(d->type == BPF_MAP_TYPE_XSKMAP && flags <= XDP_TX, "EINVAL", "bpf_redirect_map");
	if (!socket || !*socket)
		return (long)flags;
	run.redirected = true;
	return XDP_REDIRECT;
}

__u64 bpf_ktime_get_coarse_ns(void)
{
	return driver.now_ns;
}

long bpf_loop(__u32 n, long (*step)(__u32, void *), void *arg, __u64 flags)
{
	__u32 i = 0;

	must(n <= 1 << 23 && !flags, "E2BIG or EINVAL", "bpf_loop");
	while (i < n)
		if (step(i++, arg))
			break;
	return i;
}

struct bpf_sock *bpf_skc_lookup_tcp(void *ctx, struct bpf_sock_tuple *t, __u32 size, __u64 netns,
				    __u64 flags)
{
	must(ctx && (__s64)netns == BPF_F_CURRENT_NETNS && !flags && !run.held &&
		     (size == sizeof(t->ipv4) || size == sizeof(t->ipv6)),
	     "arguments, or a socket not given back", "bpf_skc_lookup_tcp");
	run.held = driver.socket ? driver.socket(t, size) : NULL;
	return run.held;
}

long bpf_sk_release(void *sk)
{
	must(sk && sk == run.held, "not the socket that was looked up", "bpf_sk_release");
	run.held = NULL;
	return 0;
}

/* --- a run --------------------------------------------------------------------------------- */

static void driver_sized(const volatile __u32 *at, __u32 value)
{
	*(volatile __u32 *)(unsigned long)at = value; /* const for the verifier's sake: in .data */
	must(*at == value, "cannot be set", "a size that is fixed at load");
}

void driver_reset(__u32 halfopens, __u32 flow_count)
{
	maps_reset();
	driver = (struct driver){.linear = DRIVER_LINEAR};
	driver_sized(&halfopen_buckets, halfopens);
	driver_sized(&flow_buckets, flow_count);
}

static void driver_counters(__u64 c[SG_VERDICT_COUNT])
{
	__u32 zero = 0;

	memcpy(c, bpf_map_lookup_elem(&counters, &zero), SG_VERDICT_COUNT * sizeof(*c));
}

static void driver_verdict(const __u64 *before, const __u64 *after)
{
	__u64 moved = 0;

	for (int i = 0; i < SG_VERDICT_COUNT; i++) {
		moved += after[i] - before[i];
		if (after[i] != before[i])
			driver.verdict = (enum sg_verdict)i;
	}
	must(moved == 1, "did not move by one", "counters");
}

void driver_place(const void *frame, size_t len, struct xdp_md *ctx)
{
	must(driver.linear >= ETH_HLEN && driver.linear <= DRIVER_LINEAR && len <= DRIVER_FRAME,
	     "too long", "frame");
	memory_place(frame, len, driver.linear, driver.fence == FENCE_START);
	memory_show(ctx);
}

void driver_run(const void *frame, size_t len, __u32 queue)
{
	struct xdp_md ctx = {.rx_queue_index = queue};
	__u64 before[SG_VERDICT_COUNT], after[SG_VERDICT_COUNT];

	memset(&run, 0, sizeof(run));
	driver_counters(before);
	driver_place(frame, len, &ctx);
	memory_no_meta(driver.no_meta);
	driver.action = front(&ctx);
	must(!run.held, "a socket not given back", "bpf_skc_lookup_tcp");
	must(run.redirected == (driver.action == XDP_REDIRECT), "for nothing", "redirect");
	driver_counters(after);
	driver_verdict(before, after);
	memset(&driver.meta, 0, sizeof(driver.meta));
	if (memory_meta(&driver.meta, sizeof(driver.meta)) == 0)
		must(driver.meta.magic == SG_META_MAGIC, "without the magic", "metadata");
	driver.len = memory_read(driver.out);
}
