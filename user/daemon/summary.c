/* SPDX-License-Identifier: BSD-2-Clause */
/* The totals that are printed when `run` ends. */
#include "daemon/state.h"
#include "io/clock.h"

/* As the maps say: they may be older than this daemon. */
void summary_read(const struct attachment *a, struct daemon_summary *s)
{
	struct sg_counters c = {0};

	memset(s, 0, sizeof(*s));
	if (!front_counters(a->front, &c)) {
		s->synacks = c.SynAckSent + c.SynAckRepeated + c.CookieSent;
		s->refused = c.HalfOpenFull + c.HalfOpenReserved + c.HalfOpenBucketFull +
			     c.AcceptQueueFull;
	}
	for (__u32 i = 0; i < a->front->queues; i++) {
		const struct sg_tcp_counters *m = &a->front->tcp_counters[i];

		s->synacks += m->TCPSynRetrans + m->SynAckByWorker;
		s->accepted += m->PassiveOpens;
		s->refused += m->ListenOverflows;
	}
	for (__u32 i = 0; i < a->workers; i++) {
		s->bytes_in += SG_READ_ONCE(a->worker[i]->bytes_in);
		s->bytes_out += SG_READ_ONCE(a->worker[i]->apply.bytes_out);
	}
}

void summary_add(struct daemon_summary *to, const struct daemon_summary *s,
		 const struct daemon_summary *before)
{
	to->synacks += s->synacks - before->synacks;
	to->accepted += s->accepted - before->accepted;
	to->refused += s->refused - before->refused;
	to->bytes_in += s->bytes_in - before->bytes_in;
	to->bytes_out += s->bytes_out - before->bytes_out;
}

void daemon_summary(const struct daemon *d, struct daemon_summary *s)
{
	*s = d->gone;
	for (const struct attachment *a = d->first; a; a = a->next) {
		struct daemon_summary now;

		summary_read(a, &now);
		summary_add(s, &now, &a->before);
	}
	s->seconds = (double)(clock_now() - d->since) / (double)SG_SEC;
}
