/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * SEGMENT ARRIVES for a connection that a SYN has opened anew out of TIME-WAIT, until its handshake
 * is complete: RFC 9293 3.10.7.4 for a passive open. The engine holds it, but it is met as an entry
 * of the half-open table is: the order of checks is that of sg_synq_check().
 */
#include <string.h>

#include "tcp/stack.h"

static bool opening_is_repeat(const struct tcp *t, const struct seg *in)
{
	return (in->flags & (SG_SYN | SG_RST | SG_ACK)) == SG_SYN && seq_eq(in->seq, t->irs);
}

/* The same SYN: the same SYN-ACK. */
static void opening_repeat(struct tcp_stack *s, struct tcp *t, const struct seg *in, sg_time now)
{
	if (!input_oow_allowed(s, t, now))
		return;
	memcpy(t->mac, in->mac, 6);
	t->snd_nxt = t->iss;
	output_ready(s, t);
}

/* An exact RST, or another SYN inside the window: back to LISTEN. */
static void opening_end(struct tcp_stack *s, struct tcp *t, const struct seg *in,
			struct actions *out)
{
	s->cfg.mib->EmbryonicRsts++;
	s->cfg.mib->AttemptFails++;
	input_abort(s, t, in, out);
}

/* Neither for its timestamp nor for its place is a RST answered. */
static void opening_refuse(struct tcp_stack *s, struct tcp *t, const struct seg *in, sg_time now,
			   unsigned long long *skipped)
{
	if (!(in->flags & SG_RST))
		input_oow_ack(s, t, in, now, skipped);
}

bool opening_input(struct tcp_stack *s, struct tcp *t, const struct seg *in, sg_time now,
		   struct actions *out)
{
	__u32 window = (__u32)seq_diff(t->rcv_adv, t->rcv_nxt);
	bool old = input_is_old(t, in, now);

	if (!old && opening_is_repeat(t, in)) {
		opening_repeat(s, t, in, now);
	} else if ((in->flags & (SG_ACK | SG_RST)) == SG_ACK &&
		   !seq_eq(in->ack, seq_add(t->iss, 1))) {
		input_reset(s, in, out);
	} else if (old) {
		s->cfg.mib->PAWSEstab++;
		opening_refuse(s, t, in, now, &s->cfg.mib->TCPACKSkippedPAWS);
	} else if (!sg_synq_inside(in->seq, seg_space(in), t->rcv_nxt, window)) {
		opening_refuse(s, t, in, now, &s->cfg.mib->TCPACKSkippedSeq);
	} else if (in->flags & SG_RST && !seq_eq(in->seq, t->rcv_nxt)) {
		input_challenge(s, t, now); /* RFC 5961 3 */
	} else if (in->flags & (SG_RST | SG_SYN)) {
		opening_end(s, t, in, out);
	} else {
		return in->flags & SG_ACK;
	}
	return false;
}
