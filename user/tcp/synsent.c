/* SPDX-License-Identifier: BSD-2-Clause */
/* SEGMENT ARRIVES in SYN-SENT, RFC 9293 3.10.7.3. */
#include <errno.h>

#include "tcp/stack.h"

static void synsent_take(struct tcp_stack *s, struct tcp *t, const struct seg *in)
{
	__u32 rmem = knobs(s)->tcp_rmem;

	t->mss = mss_between(t->our_mss, seg_mss(in));
	t->irs = in->seq;
	t->rcv_nxt = t->last_ack_sent = seq_add(in->seq, 1);
	t->rcv_adv = seq_add(t->rcv_nxt, rmem < 65535 ? rmem : 65535);
	t->ts_recent = 0;
	if (in->opt.has_ts && knobs(s)->tcp_timestamps) {
		t->flags |= T_TS;
		t->ts_recent = in->opt.tsval;
		t->mss -= 12;
	}
	if (in->opt.sack_ok && knobs(s)->tcp_sack)
		t->flags |= T_SACK;
	if (in->opt.wscale == SG_WSCALE_NONE || !knobs(s)->tcp_window_scaling) {
		t->snd_wscale = t->rcv_wscale = 0;
	} else {
		t->flags |= T_WSCALE;
		t->snd_wscale = in->opt.wscale;
	}
	ecn_synack(t, in->flags);
	t->snd_wnd = t->max_wnd = seg_window(t, in);
	t->snd_wl1 = in->seq;
	t->snd_wl2 = in->ack;
}

/* A SYN out of the life that the pair had before it was used again (timewait_reuse): PAWS. */
static bool synsent_is_old(const struct tcp *t, const struct seg *in)
{
	return t->ts_recent && in->opt.has_ts && (__s32)(in->opt.tsval - t->ts_recent) < 0;
}

void synsent_input(struct tcp_stack *s, struct tcp *t, const struct seg *in, sg_time now,
		   struct actions *out)
{
	bool acked = in->flags & SG_ACK;

	if (acked && (!seq_after(in->ack, t->iss) || seq_after(in->ack, t->snd_max))) {
		input_reset(s, in, out);
		return;
	}
	if (in->flags & SG_RST) {
		if (acked) {
			s->cfg.mib->AttemptFails++;
			close_done(s, t, -ECONNREFUSED);
		}
		return;
	}
	if (!(in->flags & SG_SYN) || (!acked && synsent_is_old(t, in)))
		return;
	synsent_take(s, t, in);
	mtu_init(s, t, now);
	cc_init(s, t, t->backoff);
	if (!acked) { /* simultaneous open */
		state_set(t, TCP_SYN_RCVD);
		t->snd_nxt = t->iss;
		output_ready(s, t);
		return;
	}
	state_set(t, TCP_ESTABLISHED);
	ack_input(s, t, in, now);
	rtt_syn_lost(t);
	output_ack_now(s, t);
	event_post(s, t, TCP_EV_WRITE);
}
