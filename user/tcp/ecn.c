/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Explicit congestion notification, RFC 3168: agreed on with the SYNs; a mark that arrives is
 * echoed (ECE) until the peer has cut its window (CWR); an echo cuts ours. New data is marked as
 * capable (ECT(0)); what is sent again and what bears no data is not (6.1.4, 6.1.5).
 */
#include "tcp/stack.h"

#define ECN_ECT0 2
#define ECN_CE	 3

/* A SYN asks once: who drops it for that gets the next one without (6.1.1.1). */
__u8 ecn_syn_flags(const struct tcp_stack *s, struct tcp *t)
{
	if (t->state != TCP_SYN_SENT)
		return sg_synack_flags(t->flags & T_ECN ? SG_OPT_ECN : 0);
	t->flags &= ~(__u32)T_ECN;
	if (knobs(s)->tcp_ecn != 1 || !seq_eq(t->snd_max, t->iss))
		return SG_SYN;
	t->flags |= T_ECN;
	return SG_SYN | SG_ECE | SG_CWR;
}

/* ECE alone agrees, both bits are the SYN of a simultaneous open that asks too. */
void ecn_synack(struct tcp *t, __u8 flags)
{
	__u8 want = flags & SG_ACK ? SG_ECE : SG_ECE | SG_CWR;

	if ((flags & (SG_ECE | SG_CWR)) != want)
		t->flags &= ~(__u32)T_ECN;
}

void ecn_input(struct tcp_stack *s, struct tcp *t, const struct seg *in)
{
	if (!(t->flags & T_ECN) || in->len == 0)
		return;
	if (in->flags & SG_CWR) { /* its window may be one segment now: no delay */
		t->flags &= ~(__u32)T_ECN_CE;
		output_ack_now(s, t);
	}
	if (in->ecn == ECN_CE) {
		s->cfg.mib->InCEPkts++;
		if (!(t->flags & T_ECN_CE)) {
			delack_quick(s, t, 2);
			output_ack_now(s, t);
		}
		t->flags |= T_ECN_CE;
	}
}

void ecn_echo(struct tcp_stack *s, struct tcp *t, const struct seg *in, sg_time now)
{
	if (!(t->flags & T_ECN) || (in->flags & (SG_ECE | SG_SYN)) != SG_ECE)
		return;
	s->cfg.mib->EcnEchoes++;
	if (!seq_eq(t->snd_una, t->snd_max) || t->snd.len)
		cc_ece(s, t, now);
}

void ecn_new_data(struct tcp *t, struct seg *a)
{
	if (!(t->flags & T_ECN) || a->len == 0)
		return;
	a->ecn = ECN_ECT0;
	if (t->flags & T_ECN_CWR)
		a->flags |= SG_CWR;
	t->flags &= ~(__u32)T_ECN_CWR;
}
