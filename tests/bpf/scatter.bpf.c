/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * In front of the XDP program in a test run: each turn makes the frame anew, from a source that
 * was not seen before, and goes on in the program under test. So what a flood costs is measured
 * with the misses that it has: BPF_PROG_TEST_RUN by itself repeats one frame.
 */
#include <linux/bpf.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "scatter.h"

struct scatter scatter SEC(".data.scatter");
__u32 turn;

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 1);
	__uint(key_size, 4);
	__uint(value_size, 4);
} next SEC(".maps");

static __always_inline __u32 mix(__u32 x)
{
	x ^= x >> 16;
	x *= 0x7feb352d;
	x ^= x >> 15;
	x *= 0x846ca68b;
	return x ^ x >> 16;
}

/* Put `v` where 32 bits are zero in the template; `sum` was taken with them zero. */
static __always_inline __u16 patched(__u16 sum, __u64 more)
{
	more += (__u16)~sum;
	more = (more & 0xffffffff) + (more >> 32);
	more = (more & 0xffff) + (more >> 16);
	more = (more & 0xffff) + (more >> 16);
	return (__u16)~((more & 0xffff) + (more >> 16));
}

SEC("xdp.frags")
int scatter_run(struct xdp_md *ctx)
{
	__u8 *data = (void *)(long)ctx->data;
	__u32 n = mix(turn++), addr, port;

	if ((void *)(data + SCATTER_LEN) > (void *)(long)ctx->data_end)
		return XDP_ABORTED;
	__builtin_memcpy(data, scatter.frame, SCATTER_LEN);
	addr = bpf_htonl(scatter.net | (n & scatter.mask));
	port = bpf_htonl((1024 + mix(turn) % 60000) << 16) & 0xffff;
	*(__u32 *)(data + 26) = addr;
	*(__u16 *)(data + 34) = (__u16)port;
	*(__u16 *)(data + 24) = patched(*(__u16 *)(scatter.frame + 24), addr);
	*(__u16 *)(data + 50) = patched(*(__u16 *)(scatter.frame + 50), (__u64)addr + port);
	if (scatter.go_on)
		bpf_tail_call(ctx, &next, 0);
	return XDP_DROP;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
