/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Keep-alive, RFC 9293 3.8.4: off unless asked for. A connection on which nothing has arrived
 * for tcp_keepalive_time is probed with a segment from just left of the window, which must be
 * answered; after tcp_keepalive_probes without an answer it is reset.
 */
#include <errno.h>

#include "tcp/stack.h"

__u32 keepalive_idle(const struct tcp_stack *s, const struct tcp *t)
{
	return t->keep_idle ? t->keep_idle : knobs(s)->tcp_keepalive_time;
}

__u32 keepalive_interval(const struct tcp_stack *s, const struct tcp *t)
{
	return t->keep_intvl ? t->keep_intvl : knobs(s)->tcp_keepalive_intvl;
}

__u32 keepalive_count(const struct tcp_stack *s, const struct tcp *t)
{
	return t->keep_cnt ? t->keep_cnt : knobs(s)->tcp_keepalive_probes;
}

static bool keepalive_applies(const struct tcp *t)
{
	return t->flags & T_KEEPALIVE && !(t->flags & T_ORPHAN) && t->state != TCP_CLOSED &&
	       t->state != TCP_SYN_SENT;
}

void keepalive_arm(struct tcp_stack *s, struct tcp *t, sg_time now)
{
	if (t->flags & T_ORPHAN) /* life_at is FIN_WAIT_2's */
		return;
	timer_life(s, t,
		   keepalive_applies(t) ? now + keepalive_idle(s, t) * SG_SEC : SG_NEVER);
}

/* Is it time to give up? Linux: the user timeout, where there is one, instead of the count. */
static bool keepalive_over(const struct tcp_stack *s, const struct tcp *t, __u64 idle)
{
	__u64 user = timer_user_timeout(s, t) * SG_MS;

	if (user)
		return idle >= user && t->keep_probes > 0;
	return t->keep_probes >= keepalive_count(s, t);
}

void keepalive_fire(struct tcp_stack *s, struct tcp *t, sg_time now)
{
	__u64 after = keepalive_idle(s, t) * SG_SEC;
	__u64 idle = (__u64)(__u32)(time_ms(now) - t->rcv_at) * SG_MS;

	if (!keepalive_applies(t))
		return;
	if (!seq_eq(t->snd_una, t->snd_max) || t->snd.len > 0) { /* another timer looks after it */
		keepalive_arm(s, t, now);
		return;
	}
	if (idle < after) {
		timer_life(s, t, now + after - idle);
		return;
	}
	if (keepalive_over(s, t, idle)) {
		s->cfg.mib->TCPAbortOnTimeout++;
		close_reset(s, t, -ETIMEDOUT);
		return;
	}
	t->keep_probes++;
	t->flags |= T_PROBE;
	output_ready(s, t);
	timer_life(s, t, now + keepalive_interval(s, t) * SG_SEC);
}
