/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * FIN_WAIT_2 that no application has any more: nobody will read, all that is missing is the
 * peer's FIN. Linux keeps these with its TIME_WAIT blocks, counts them there and takes what
 * comes by rules of their own (the first half of tcp_timewait_state_process).
 */
#include <errno.h>
#include <string.h>

#include "tcp/stack.h"

/* tcp_fin_timeout, but long enough for a lost FIN to come again (Linux's tcp_fin_time). */
static __u64 orphan_time(const struct tcp_stack *s, const struct tcp *t)
{
	__u64 knob = knobs(s)->tcp_fin_timeout;
	__u64 set = (t->linger2 > 0 ? (__u64)t->linger2 : knob) * SG_SEC, least = 7 * t->rto / 2;

	return set > least ? set : least;
}

void orphan_timer(struct tcp_stack *s, struct tcp *t, sg_time now)
{
	timer_life(s, t, now + orphan_time(s, t));
}

void orphan_enter(struct tcp_stack *s, struct tcp *t, sg_time now)
{
	close_uncount(s, t);
	if (t->linger2 < 0) { /* Linux's TCP_LINGER2: nothing is waited for */
		s->cfg.mib->TCPAbortOnLinger++;
		close_reset(s, t, -ECONNRESET);
		return;
	}
	t->flags |= T_ORPHAN;
	t->oow_at = 0; /* as in a block of its own */
	timewait_counted(s, orphan_time(s, t) / SG_MS);
	orphan_timer(s, t, now);
}

static bool orphan_in_window(const struct tcp *t, sg_seq seq, sg_seq end)
{
	sg_seq edge = seq_max(t->rcv_adv, t->rcv_nxt);

	return seq_eq(seq, t->rcv_nxt) || (seq_after(end, t->rcv_nxt) && seq_before(seq, edge)) ||
	       (seq_eq(seq, edge) && seq_eq(seq, end));
}

/* What does not fit: an ACK, limited as in TIME_WAIT. A RST gets none (RFC 9293 3.10.7.4). */
static void orphan_oow(struct tcp_stack *s, struct tcp *t, const struct seg *in, sg_time now)
{
	bool always = seg_space(in) != 0 && !(in->flags & SG_SYN);

	if (in->flags & SG_RST)
		return;
	if (!always && !input_oow_allowed(s, t, now)) {
		s->cfg.mib->TCPACKSkippedFinWait2++;
		return;
	}
	output_ack_now(s, t);
}

/* The FIN that was waited for. */
static void orphan_fin(struct tcp_stack *s, struct tcp *t, const struct seg *in, sg_time now,
		       struct actions *out)
{
	t->rcv_nxt = seq_add(t->rcv_nxt, 1);
	t->flags |= T_FIN_RCVD;
	if (t->flags & T_TS && in->opt.has_ts)
		t->ts_recent = in->opt.tsval;
	memcpy(t->mac, in->mac, 6);
	output_ack(s, t, now, out);
	timewait_enter(s, t, now);
}

void orphan_input(struct tcp_stack *s, struct tcp *t, const struct seg *in, sg_time now,
		  struct actions *out)
{
	sg_seq end = seq_add(in->seq, seg_space(in));

	if (input_is_old(t, in, now) || !orphan_in_window(t, in->seq, end)) {
		orphan_oow(s, t, in, now);
		return;
	}
	if (in->flags & SG_RST) {
		close_done(s, t, -ECONNRESET);
		return;
	}
	if (in->flags & SG_SYN && !seq_before(in->seq, t->rcv_nxt)) {
		input_abort(s, t, in, out);
		return;
	}
	if (!(in->flags & SG_ACK) || !seq_after(end, t->rcv_nxt) || seg_space(in) == 0)
		return;
	if (!(in->flags & SG_FIN) || !seq_eq(end, seq_add(t->rcv_nxt, 1)))
		input_abort(s, t, in, out);
	else
		orphan_fin(s, t, in, now, out);
}
