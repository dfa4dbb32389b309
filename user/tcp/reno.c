/* SPDX-License-Identifier: BSD-2-Clause */
/* Reno's window, RFC 5681: half of what was out, then a segment a round trip. */
#include "tcp/cc.h"

static __u32 reno_loss(struct tcp_stack *s, struct tcp *t)
{
	(void)s;
	return (__u32)seq_diff(t->snd_max, t->snd_una) / 2;
}

static void reno_avoid(struct tcp *t, __u32 bytes, sg_time now)
{
	(void)now;
	t->cwnd_acked += bytes;
	if (t->cwnd_acked >= t->cwnd) {
		t->cwnd_acked -= t->cwnd;
		t->cwnd += t->mss;
	}
}

static void reno_undo(struct tcp *t)
{
	t->cwnd_acked = 0;
}

const struct cc_ops cc_reno = {"reno", reno_loss, reno_avoid, reno_undo};
