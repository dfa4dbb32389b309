/* SPDX-License-Identifier: BSD-2-Clause */
/* Tail loss probes, RFC 8985 7: see rack.h. */
#include "tcp/cc.h"
#include "tcp/rack.h"
#include "tcp/recovery.h"

#define TLP_DELACK (200 * SG_MS) /* how long a peer may hold the ACK of a lone segment */

bool tlp_wanted(const struct tcp_stack *s, const struct tcp *t)
{
	const struct flight *f = flight_of(s, t);

	return f && knobs(s)->tcp_early_retrans >= 3 && t->flags & T_SACK && t->srtt &&
	       t->ca <= CA_CWR && f->tlp == TLP_NONE && f->sacked == 0 && f->lost == 0 &&
	       !seq_eq(t->snd_una, t->snd_max);
}

/* 7.2. */
__u64 tlp_timeout(const struct tcp_stack *s, const struct tcp *t)
{
	__u64 pto = 2 * t->srtt + 2 * SG_MS;

	if (flight_pipe(s, t) <= t->mss)
		pto += TLP_DELACK;
	return pto < t->rto ? pto : t->rto;
}

void tlp_fire(struct tcp_stack *s, struct tcp *t)
{
	struct flight *f = flight_of(s, t);

	if (!f || seq_eq(t->snd_una, t->snd_max))
		return;
	f->tlp = TLP_DUE;
	output_ready(s, t);
}

void tlp_acked(struct tcp_stack *s, struct tcp *t, const struct seg *in, sg_time now,
	       const struct ack_news *news)
{
	struct flight *f = flight_of(s, t);

	if (f->tlp == TLP_DUE) { /* it did not get away: no need any more */
		if (news->bytes)
			f->tlp = TLP_NONE;
		return;
	}
	if (f->tlp == TLP_NONE || seq_before(in->ack, f->tlp_end))
		return;
	if (f->tlp == TLP_NEW || news->dsack) {
		f->tlp = TLP_NONE;
	} else if (seq_after(in->ack, f->tlp_end)) {
		f->tlp = TLP_NONE;
		s->cfg.mib->TCPLossProbeRecovery++;
		if (t->ca == CA_OPEN)
			t->cwnd = t->ssthresh = cc_loss(s, t, now);
	} else if (news->duplicate && !news->sacked) {
		f->tlp = TLP_NONE;
	}
}
