/* SPDX-License-Identifier: BSD-2-Clause */
/* What follows when a timer has fired. */
#include <errno.h>

#include "tcp/rack.h"
#include "tcp/recovery.h"

/* How many timeouts in a row this connection may have. */
static __u32 timeout_limit(const struct tcp_stack *s, const struct tcp *t)
{
	if (t->state == TCP_SYN_SENT)
		return knobs(s)->tcp_syn_retries;
	if (t->flags & T_SYN_QUEUED)
		return sg_synq_retries(&s->cfg.queues[t->listener], knobs(s)->tcp_synack_retries);
	if (t->state == TCP_SYN_RCVD)
		return knobs(s)->tcp_synack_retries;
	if (!(t->flags & T_OWNED)) /* Linux: 0 is 8 for a peer that was just there */
		return knobs(s)->tcp_orphan_retries ? knobs(s)->tcp_orphan_retries : 8;
	return knobs(s)->tcp_retries2;
}

/* How long so many timeouts take that begin at RTO_MIN (Linux's tcp_model_timeout). */
static sg_time timeout_model(__u32 retries)
{
	const __u32 doubling = 9; /* from RTO_MIN to RTO_MAX */

	if (retries <= doubling)
		return ((2ull << retries) - 1) * RTO_MIN;
	return ((2ull << doubling) - 1) * RTO_MIN + (retries - doubling) * RTO_MAX;
}

/*
 * A limit on retransmissions is a time, so that a short RTO does not give up sooner than a
 * long one (RFC 1122 4.2.3.5, Linux's retransmits_timed_out). It runs from the first of them.
 */
static bool timeout_rexmit_over(const struct tcp *t, __u32 retries, sg_time now)
{
	sg_time first = t->stalled_at + (t->backoff < 64 ? t->rto >> t->backoff : 0);

	return t->backoff > 0 && now >= first + timeout_model(retries);
}

static bool timeout_over(const struct tcp_stack *s, const struct tcp *t, unsigned due, sg_time now)
{
	__u64 user = timer_user_timeout(s, t) * SG_MS;

	/*
	 * Linux: nobody waits for an orphan whose peer keeps its window shut. But it is probed, also
	 * when a bad path had the RTO at its most before.
	 */
	if (due & DUE_PERSIST && !(t->flags & T_OWNED) && t->rto >= RTO_MAX &&
	    now - t->stalled_at > RTO_MAX + RTO_MAX / 2)
		return true;
	if (user && t->stalled_at != SG_NEVER && now - t->stalled_at >= user)
		return true;
	if (due & DUE_REXMIT && t->state != TCP_SYN_SENT && t->state != TCP_SYN_RCVD)
		return timeout_rexmit_over(t, timeout_limit(s, t), now);
	return t->backoff >= timeout_limit(s, t);
}

static void timeout_give_up(struct tcp_stack *s, struct tcp *t)
{
	if (t->flags & T_SYN_QUEUED) { /* as an entry of the half-open table */
		s->cfg.mib->TCPTimeouts++;
		s->cfg.mib->TCPReqExpired++;
		close_done(s, t, -ETIMEDOUT);
		return;
	}
	s->cfg.mib->TCPAbortOnTimeout++;
	if (t->state == TCP_SYN_SENT || t->state == TCP_SYN_RCVD)
		s->cfg.mib->AttemptFails++;
	close_done(s, t, t->mtu.soft_error ? t->mtu.soft_error : -ETIMEDOUT);
}

/* RFC 6298 5.4 to 5.6. */
static void timeout_rexmit(struct tcp_stack *s, struct tcp *t, sg_time now)
{
	s->cfg.mib->TCPTimeouts++;
	syn_grow_old(s, t);
	if (t->backoff == 0) /* a probe came before it: giving up counts from this timeout */
		t->stalled_at = now - t->rto;
	if (timeout_rexmit_over(t, knobs(s)->tcp_retries1, now))
		mtu_black_hole(s, t, now);
	recovery_timeout(s, t, now);
	rtt_backoff(t);
	output_ready(s, t);
}

static void timeout_persist(struct tcp_stack *s, struct tcp *t, sg_time now)
{
	rtt_backoff(t);
	t->flags |= T_PROBE;
	timer_persist(s, t, now);
	output_ready(s, t);
}

void timeout_fire(struct tcp_stack *s, struct tcp *t, unsigned due, sg_time now)
{
	if (due & DUE_LIFE && !(t->flags & T_OWNED)) { /* tcp_fin_timeout */
		close_done(s, t, -ETIMEDOUT);
		return;
	}
	if (due & DUE_LIFE) {
		keepalive_fire(s, t, now);
		if (t->state == TCP_CLOSED)
			return;
	}
	if (due & (DUE_REXMIT | DUE_PERSIST) && timeout_over(s, t, due, now)) {
		timeout_give_up(s, t);
		return;
	}
	if (due & DUE_REXMIT)
		timeout_rexmit(s, t, now);
	if (due & DUE_PERSIST)
		timeout_persist(s, t, now);
	if (due & DUE_REORDER)
		recovery_reorder(s, t, now);
	if (due & DUE_TLP)
		tlp_fire(s, t);
	if (due & (DUE_REORDER | DUE_TLP) && t->rexmit_at == SG_NEVER)
		timer_sent_data(s, t, now); /* the timeout itself is still to come */
	if (due & DUE_DELACK)
		delack_fired(s, t);
}
