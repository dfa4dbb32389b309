/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * synload's two programs: `synload_send` makes the frames, `synload_receive` lies on the
 * interface, counts the answers and, where connections are made, answers them.
 */
#include "maps.h"
#include "connect.h"
#include "receive.h"
#include "send.h"

SEC("xdp.frags")
int synload_send(struct xdp_md *ctx)
{
	struct sl_sender *t = &sender;

	if (!send_is_due(t) || send_frame(ctx, t, send_kind(t)))
		return XDP_DROP;
	t->sent++;
	t->last = t->now;
	return XDP_TX;
}

/* What is not from the target to a source of ours is not ours. */
SEC("xdp.frags")
int synload_receive(struct xdp_md *ctx)
{
	__u32 zero = 0, now = clock_us(bpf_ktime_get_ns());
	struct sl_stats *s = bpf_map_lookup_elem(&stats, &zero);
	struct answer_in in = {};

	if (!s || receive(ctx, &in))
		return XDP_PASS;
	count_kind(s, &in);
	if (mode_connects())
		return connect_receive(ctx, s, &in, now);
	if (in.flags & SG_SYN && in.flags & SG_ACK)
		count_synack(s, &in, now);
	return XDP_DROP;
}

char _license[] SEC("license") = "Dual BSD/GPL";
