/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ICMP errors: RFC 1122 4.2.3.9, with the checks of RFC 5927 and, on established connections,
 * RFC 5461: no error ends one, it is what a timeout will be said to have been. A hard one ends what
 * we have asked for and do not have yet.
 */
#include "tcp/stack.h"

/* RFC 5927 4.1: somebody who does not see the segments has to guess. */
static bool icmp_is_out(const struct tcp *t, sg_seq seq)
{
	return !seq_before(seq, t->snd_una) && !seq_after(seq, t->snd_max);
}

static void icmp_take(struct tcp_stack *s, struct tcp *t, const struct icmp_error *in, sg_time now)
{
	bool opening = t->state == TCP_SYN_SENT || t->state == TCP_SYN_RCVD;

	if (in->kind == ICMP_TOO_BIG && opening) {
		s->cfg.mib->IcmpIgnored++; /* a SYN is not too big for any path */
	} else if (in->kind == ICMP_TOO_BIG) {
		mtu_too_big(s, t, in->mtu, now);
	} else if (in->kind == ICMP_HARD && opening && !(t->flags & T_SYN_QUEUED)) {
		s->cfg.mib->AttemptFails++;
		close_done(s, t, in->error);
	} else {
		t->mtu.soft_error = (__s16)in->error;
	}
}

int tcp_icmp(struct tcp_stack *s, const struct icmp_error *in, sg_time now)
{
	struct sg_hash h = sg_tuple_hash(&s->cfg.key, &in->tuple);
	__u32 what = flowtable_find(s, h.table, &in->tuple);
	struct tcp *t;
	int owner;

	if (!what) {
		owner = sg_flow_owner(&s->cfg.flows, h.table, &in->tuple);
		if (owner >= 0 && owner != s->cfg.worker)
			return owner;
	}
	if (!what || what & FLOW_TIMEWAIT) {
		s->cfg.mib->IcmpIgnored++;
		return -1;
	}
	t = conn_at(s, what);
	step_begin(s, t);
	if (icmp_is_out(t, in->seq))
		icmp_take(s, t, in, now);
	else
		s->cfg.mib->OutOfWindowIcmps++;
	step_end(s);
	return -1;
}
