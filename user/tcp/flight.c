/* SPDX-License-Identifier: BSD-2-Clause */
/* The scoreboard: see flight.h. */
#include "tcp/flight.h"

#include <string.h>

#include "tcp/rack.h"

/* --- the chunk ---------------------------------------------------------------------------- */

bool flight_open(struct tcp_stack *s, struct tcp *t)
{
	struct flight *f;

	if (t->flight != NIL)
		return true;
	if (!seq_eq(t->snd_una, t->snd_max))
		return false;
	t->flight = chunk_new(s);
	f = flight_of(s, t);
	if (!f)
		return false;
	memset(f, 0, sizeof(*f));
	f->fack = t->snd_una;
	f->dsack_round = t->snd_una;
	return true;
}

void flight_close(struct tcp_stack *s, struct tcp *t)
{
	if (t->flight != NIL)
		chunk_free(s, t->flight);
	t->flight = NIL;
}

__u32 flight_pipe(const struct tcp_stack *s, const struct tcp *t)
{
	const struct flight *f = flight_of(s, t);
	__u32 out = (__u32)seq_diff(t->snd_max, t->snd_una);

	if (!f)
		return (__u32)seq_diff(t->snd_nxt, t->snd_una);
	return out > f->sacked + f->lost ? out - f->sacked - f->lost : 0;
}

/* --- runs --------------------------------------------------------------------------------- */

static sg_seq flight_start(const struct flight *f, sg_seq una, __u32 i)
{
	return i == 0 ? una : f->run[f->first + i - 1].end;
}

/* Room for one more, by joining neighbours that fared alike: as if sent when the later was. */
static void flight_compact(struct flight *f)
{
	__u32 to = 0;

	for (__u32 i = 0; i < f->n; i++) {
		struct run r = *flight_run(f, i);

		if (i + 1 < f->n && flight_run(f, i + 1)->flags == r.flags) {
			r = *flight_run(f, ++i);
			if ((__s32)(flight_run(f, i - 1)->at - r.at) > 0)
				r.at = flight_run(f, i - 1)->at;
		}
		f->run[to++] = r;
	}
	f->first = 0;
	f->n = to;
}

/* Room behind the last run: `spare` of it is kept. */
static bool flight_room(struct flight *f, __u32 spare)
{
	if (f->first + f->n + spare < FLIGHT_RUNS)
		return true;
	if (f->first > 0) {
		memmove(f->run, flight_run(f, 0), f->n * sizeof(f->run[0]));
		f->first = 0;
	}
	if (f->n + spare >= FLIGHT_RUNS)
		flight_compact(f);
	return f->n + spare < FLIGHT_RUNS;
}

/* Let run `i` end at `at`, inside it, and another one follow. False: no room. Moves runs. */
static bool flight_split(struct flight *f, __u32 i, sg_seq at)
{
	__u32 n = f->n;

	if (!flight_room(f, 1) || f->n != n)
		return false;
	memmove(flight_run(f, i + 1), flight_run(f, i), (f->n - i) * sizeof(f->run[0]));
	flight_run(f, i)->end = at;
	f->n++;
	return true;
}

void flight_sent(struct tcp_stack *s, struct tcp *t, sg_seq end, sg_time now)
{
	struct flight *f = flight_of(s, t);
	bool room = flight_room(f, 0);
	struct run *last = f->n ? flight_run(f, f->n - 1) : NULL;
	__u32 at = flight_clock(now);

	if (last && ((last->flags == 0 && last->at == at) || !room)) {
		last->end = end;
		last->at = at;
		return;
	}
	*flight_run(f, f->n++) = (struct run){end, at, 0};
}

/* --- marks -------------------------------------------------------------------------------- */

void flight_lose(struct flight *f, struct run *r, __u32 bytes)
{
	r->flags |= RUN_LOST;
	f->lost += bytes;
}

void flight_lose_first(struct tcp_stack *s, struct tcp *t, __u32 max)
{
	struct flight *f = flight_of(s, t);
	struct run *r = flight_run(f, 0);
	__u32 len;

	if (f->n == 0 || r->flags & (RUN_LOST | RUN_SACKED))
		return;
	len = (__u32)seq_diff(r->end, t->snd_una);
	if (len > max && flight_split(f, 0, seq_add(t->snd_una, max)))
		len = max;
	flight_lose(f, flight_run(f, 0), len);
}

void flight_lose_all(struct tcp_stack *s, struct tcp *t)
{
	struct flight *f = flight_of(s, t);
	sg_seq left = t->snd_una;

	for (__u32 i = 0; i < f->n; i++) {
		struct run *r = flight_run(f, i);

		if (!(r->flags & (RUN_LOST | RUN_SACKED)))
			flight_lose(f, r, (__u32)seq_diff(r->end, left));
		left = r->end;
	}
	if (!(t->flags & T_SACK))
		f->sacked = 0;
}

void flight_lose_to(struct tcp_stack *s, struct tcp *t, sg_seq end)
{
	struct flight *f = flight_of(s, t);
	sg_seq left = t->snd_una;

	for (__u32 i = 0; i < f->n && seq_before(left, end); i++) {
		if (seq_after(flight_run(f, i)->end, end))
			flight_split(f, i, end);
		if (!(flight_run(f, i)->flags & (RUN_LOST | RUN_SACKED)))
			flight_lose(f, flight_run(f, i), (__u32)seq_diff(flight_run(f, i)->end, left));
		left = flight_run(f, i)->end;
	}
}

void flight_lose_none(struct flight *f)
{
	for (__u32 i = 0; i < f->n; i++)
		flight_run(f, i)->flags &= ~(__u32)RUN_LOST;
	f->lost = 0;
}

void flight_reneged(struct flight *f)
{
	for (__u32 i = 0; i < f->n; i++)
		flight_run(f, i)->flags &= ~(__u32)RUN_SACKED;
	f->sacked = 0;
}

__u32 flight_lost(struct flight *f, sg_seq una, __u32 max, sg_seq *from)
{
	for (__u32 i = 0; f->lost && i < f->n; i++) {
		__u32 len;

		if (!(flight_run(f, i)->flags & RUN_LOST))
			continue;
		*from = flight_start(f, una, i);
		len = (__u32)seq_diff(flight_run(f, i)->end, *from);
		return len < max ? len : max;
	}
	return 0;
}

void flight_resent(struct tcp_stack *s, struct tcp *t, sg_seq from, sg_seq end, sg_time now)
{
	struct flight *f = flight_of(s, t);
	__u32 i = 0;
	struct run *r;

	while (i < f->n && !seq_after(flight_run(f, i)->end, from))
		i++;
	if (i < f->n && seq_before(flight_start(f, t->snd_una, i), from) && flight_split(f, i, from))
		i++;
	if (i < f->n && seq_before(end, flight_run(f, i)->end))
		flight_split(f, i, end);
	if (i >= f->n)
		return;
	r = flight_run(f, i);
	if (r->flags & RUN_LOST)
		f->lost -= (__u32)seq_diff(r->end, flight_start(f, t->snd_una, i));
	r->flags = (r->flags & ~(__u32)RUN_LOST) | RUN_RESENT;
	r->at = flight_clock(now);
}

/* --- what arrived ------------------------------------------------------------------------- */

/* `bytes` of run `r` that ends at `end` are there, which was not known. */
static void flight_arrived(struct tcp_stack *s, struct tcp *t, const struct run *r, sg_seq end,
			   __u32 bytes, const struct seg *in, sg_time now, struct ack_news *news)
{
	struct flight *f = flight_of(s, t);

	if (r->flags & RUN_LOST)
		f->lost -= bytes;
	news->delivered += bytes;
	if (!(r->flags & RUN_RESENT)) {
		news->rtt = flight_clock(now) - r->at;
		news->rtt += !news->rtt;
		news->orig |= !seq_after(end, t->recover);
		if (seq_before(end, f->fack))
			rack_reordered(s, t);
	}
	rack_delivered(t, f, r, end, in, now);
}

void flight_acked(struct tcp_stack *s, struct tcp *t, const struct seg *in, sg_time now,
		  struct ack_news *news)
{
	struct flight *f = flight_of(s, t);
	sg_seq left = t->snd_una;

	while (f->n > 0 && seq_before(left, in->ack)) {
		struct run *r = flight_run(f, 0);
		bool whole = !seq_after(r->end, in->ack);
		sg_seq end = whole ? r->end : in->ack;
		__u32 bytes = (__u32)seq_diff(end, left);

		if (r->flags & RUN_SACKED)
			f->sacked -= bytes;
		else
			flight_arrived(s, t, r, end, bytes, in, now, news);
		if (!whole)
			break;
		left = end;
		f->first++;
		f->n--;
	}
	if (f->n == 0)
		f->first = 0;
	f->fack = seq_max(f->fack, in->ack);
	if (!(t->flags & T_SACK) && t->ca < CA_RECOVERY)
		f->sacked = 0; /* the duplicates told of segments that had overtaken others */
	else if (!(t->flags & T_SACK) && news->bytes > t->mss) /* they told of the rest of these */
		f->sacked -= news->bytes - t->mss < f->sacked ? news->bytes - t->mss : f->sacked;
}

/* Run `i`, or what of it lies in [left, right). Returns how many runs it has become. */
static __u32 flight_sack_run(struct tcp_stack *s, struct tcp *t, __u32 i, sg_seq left, sg_seq right,
			     const struct seg *in, sg_time now, struct ack_news *news)
{
	struct flight *f = flight_of(s, t);
	sg_seq start = flight_start(f, t->snd_una, i);
	struct run *r = flight_run(f, i);
	__u32 more = 0, bytes;

	if (r->flags & RUN_SACKED)
		return 1;
	if (seq_before(start, left)) {
		if (!flight_split(f, i, left))
			return 1;
		start = left;
		r = flight_run(f, ++i);
		more++;
	}
	if (seq_before(right, r->end)) {
		if (!flight_split(f, i, right))
			return 1 + more;
		r = flight_run(f, i);
		more++;
	}
	bytes = (__u32)seq_diff(r->end, start);
	flight_arrived(s, t, r, r->end, bytes, in, now, news);
	r->flags = (r->flags & ~(__u32)RUN_LOST) | RUN_SACKED;
	f->sacked += bytes;
	news->sacked = true;
	return 1 + more;
}

static void flight_sack_block(struct tcp_stack *s, struct tcp *t, sg_seq left, sg_seq right,
			      const struct seg *in, sg_time now, struct ack_news *news)
{
	struct flight *f = flight_of(s, t);
	__u32 i = 0;

	while (i < f->n && !seq_after(flight_run(f, i)->end, left))
		i++;
	while (i < f->n && seq_before(flight_start(f, t->snd_una, i), right))
		i += flight_sack_run(s, t, i, left, right, in, now, news);
}

/* RFC 2883: of what is acknowledged, or inside the second block. */
static bool flight_is_dsack(const struct seg *in)
{
	return !seq_after(in->sack[0].right, in->ack) ||
	       (in->opt.nsack > 1 && !seq_before(in->sack[0].left, in->sack[1].left) &&
		!seq_after(in->sack[0].right, in->sack[1].right));
}

static void flight_dsack(struct tcp_stack *s, struct tcp *t, const struct seg *in,
			 struct ack_news *news)
{
	struct flight *f = flight_of(s, t);
	__u32 bytes = (__u32)seq_diff(in->sack[0].right, in->sack[0].left);

	if (!seq_after(in->sack[0].right, in->ack))
		s->cfg.mib->TCPDSACKRecv++;
	else
		s->cfg.mib->TCPDSACKOfoRecv++;
	news->dsack = true;
	if (f->undo && !seq_before(in->sack[0].left, f->undo_una))
		f->undo_resent -= bytes < f->undo_resent ? bytes : f->undo_resent;
	rack_dsack(t, f);
}

void flight_sacked(struct tcp_stack *s, struct tcp *t, const struct seg *in, sg_time now,
		   struct ack_news *news)
{
	struct flight *f = flight_of(s, t);
	sg_seq fack = f->fack; /* the blocks of one ACK arrived together, in whatever order they stand */

	for (int i = 0; i < in->opt.nsack; i++) {
		sg_seq left = in->sack[i].left, right = in->sack[i].right;

		if (!seq_before(left, right) || seq_after(right, t->snd_max)) {
			s->cfg.mib->TCPSACKDiscard++;
			continue;
		}
		if (i == 0 && flight_is_dsack(in))
			flight_dsack(s, t, in, news);
		if (seq_after(right, t->snd_una))
			flight_sack_block(s, t, seq_max(left, t->snd_una), right, in, now, news);
		fack = seq_max(fack, right);
	}
	f->fack = fack;
}

void flight_guess(struct tcp_stack *s, struct tcp *t, struct ack_news *news)
{
	struct flight *f = flight_of(s, t);
	__u32 out = (__u32)seq_diff(t->snd_max, t->snd_una);
	__u32 missing = f->lost > t->mss ? f->lost : t->mss; /* the first one at least */

	f->sacked += t->mss;
	if (f->sacked + missing > out)
		f->sacked = out > missing ? out - missing : 0;
	news->delivered += t->mss;
}
