/* SPDX-License-Identifier: BSD-2-Clause */
/* RACK's side of rack.h, with the step numbers of RFC 8985 6.2. */
#include "tcp/rack.h"

#define RACK_PERSIST 16 /* recoveries */

/* Was (at, end) sent after (at0, end0)? */
static bool rack_after(__u32 at, sg_seq end, __u32 at0, sg_seq end0)
{
	return (__s32)(at - at0) > 0 || (at == at0 && seq_after(end, end0));
}

/*
 * Step 2: an ACK of something that was sent twice may be for the first of the two. What is
 * sacked has no echo of its own: the receiver echoes what moved rcv_nxt last (RFC 7323 4.3).
 */
static bool rack_ambiguous(const struct tcp *t, const struct run *r, sg_seq end, __u32 rtt,
			   const struct seg *in, sg_time now)
{
	__u32 stamp = time_ms(now) + t->ts_off - rtt / 1000;

	if (!(r->flags & RUN_RESENT))
		return false;
	if (t->flags & T_TS && in->opt.has_ts && !seq_after(end, in->ack) &&
	    (__s32)(in->opt.tsecr - stamp) < 0)
		return true;
	return rtt < t->min_rtt;
}

void rack_delivered(const struct tcp *t, struct flight *f, const struct run *r, sg_seq end,
		    const struct seg *in, sg_time now)
{
	__u32 rtt = flight_clock(now) - r->at;
	bool first = f->rack_rtt == 0;

	if (rack_ambiguous(t, r, end, rtt, in, now))
		return;
	f->rack_rtt = rtt ? rtt : 1;
	if (first || rack_after(r->at, end, f->rack_at, f->rack_end)) {
		f->rack_at = r->at;
		f->rack_end = end;
	}
}

void rack_reordered(struct tcp_stack *s, struct tcp *t)
{
	s->cfg.mib->TCPSACKReorder++;
	t->flags |= T_REORDERED;
}

void rack_dsack(struct tcp *t, struct flight *f)
{
	if (seq_before(t->snd_una, f->dsack_round))
		return;
	f->dsack_round = t->snd_max;
	if (t->reo_more < 255)
		t->reo_more++;
	t->reo_persist = RACK_PERSIST;
}

void rack_recovered(struct tcp *t)
{
	if (t->reo_persist > 0 && --t->reo_persist == 0)
		t->reo_more = 0;
}

/* Step 4: a quarter of the round trip, more when it has proved too short, none when in doubt. */
static __u32 rack_window(const struct tcp *t, const struct flight *f)
{
	__u64 wnd = (__u64)t->min_rtt / 4 * (t->reo_more + 1u);

	if (!(t->flags & T_REORDERED) && (t->ca >= CA_RECOVERY || f->sacked > 2u * t->mss))
		return 0;
	return (__u32)(wnd < t->srtt / 1000 ? wnd : t->srtt / 1000);
}

__u32 rack_detect(struct tcp_stack *s, struct tcp *t, sg_time now, bool *lost)
{
	struct flight *f = flight_of(s, t);
	__u32 clock = flight_clock(now), wait = 0, wnd;
	sg_seq left = t->snd_una;

	if (f->rack_rtt == 0)
		return 0;
	wnd = rack_window(t, f);
	for (__u32 i = 0; i < f->n; left = flight_run(f, i)->end, i++) {
		struct run *r = flight_run(f, i);
		__s32 rest;

		if (r->flags & (RUN_SACKED | RUN_LOST))
			continue;
		if (r->flags & RUN_RESENT) { /* in one and the same moment it was not the first */
			if ((__s32)(f->rack_at - r->at) <= 0)
				continue;
		} else if (!rack_after(f->rack_at, f->rack_end, r->at, r->end)) {
			return wait; /* nor were those that follow */
		}
		rest = (__s32)(r->at + f->rack_rtt + wnd - clock);
		if (rest > 0) {
			wait = (__u32)rest > wait ? (__u32)rest : wait;
			continue;
		}
		if (r->flags & RUN_RESENT)
			s->cfg.mib->TCPLostRetransmit++;
		flight_lose(f, r, (__u32)seq_diff(r->end, left));
		*lost = true;
	}
	return wait;
}

void rack_timeout(struct tcp_stack *s, struct tcp *t, sg_time now)
{
	struct flight *f = flight_of(s, t);
	__u32 clock = flight_clock(now);
	sg_seq left = t->snd_una;
	bool whole = f->rack_rtt == 0 || !(t->flags & T_SACK);

	if (f->n && flight_run(f, 0)->flags & RUN_SACKED) {
		s->cfg.mib->TCPSACKReneging++;
		flight_reneged(f);
		whole = true;
	}
	if (whole) {
		flight_lose_all(s, t);
		return;
	}
	for (__u32 i = 0; i < f->n; left = flight_run(f, i)->end, i++) {
		struct run *r = flight_run(f, i);

		if (r->flags & (RUN_SACKED | RUN_LOST))
			continue;
		if (i == 0 || (__s32)(r->at + f->rack_rtt + rack_window(t, f) - clock) <= 0)
			flight_lose(f, r, (__u32)seq_diff(r->end, left));
	}
}
