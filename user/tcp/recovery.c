/* SPDX-License-Identifier: BSD-2-Clause */
/* Loss recovery: see recovery.h. */
#include "tcp/recovery.h"

#include "tcp/cc.h"
#include "tcp/rack.h"

#define DUP_THRESH 3 /* RFC 5681 3.2 */

/* --- undoing what was needless -------------------------------------------------------------- */

/* What the window was, should this turn out to have been no loss. */
static void recovery_arm_undo(struct tcp *t, struct flight *f)
{
	__u32 most = t->cwnd / 4 * 3;

	f->undo = 1;
	f->undo_una = t->snd_una;
	f->undo_cwnd = t->cwnd;
	f->undo_ssthresh = t->ssthresh > most ? t->ssthresh : most;
	f->undo_resent = 0;
	f->undo_stamp = 0;
}

static void recovery_undo(struct tcp_stack *s, struct tcp *t, struct flight *f)
{
	if (t->ca == CA_RECOVERY) /* it filled its hole late */
		rack_reordered(s, t);
	flight_lose_none(f);
	if (t->cwnd < f->undo_cwnd)
		t->cwnd = f->undo_cwnd;
	if (t->ssthresh < f->undo_ssthresh)
		t->ssthresh = f->undo_ssthresh;
	cc_undo(t);
	f->undo = f->frto = f->hurry = 0;
	t->ca = CA_OPEN;
	t->backoff = 0;
	rtt_restore(t);
	output_ready(s, t);
}

/* RFC 3522: the ACK is for the original, which had only been slow. */
static bool recovery_was_delayed(const struct tcp *t, const struct flight *f, const struct seg *in)
{
	return t->flags & T_TS && in->opt.has_ts && in->opt.tsecr && f->undo_stamp &&
	       (__s32)(in->opt.tsecr - f->undo_stamp) < 0;
}

static bool recovery_try_undo(struct tcp_stack *s, struct tcp *t, struct flight *f,
			      const struct seg *in, const struct ack_news *news)
{
	if (!f->undo)
		return false;
	if (news->bytes && recovery_was_delayed(t, f, in)) {
		if (t->ca == CA_LOSS)
			s->cfg.mib->TCPLossUndo++;
		else
			s->cfg.mib->TCPFullUndo++;
	} else if (f->undo == 2 && f->undo_resent == 0 && news->dsack) { /* RFC 3708 */
		s->cfg.mib->TCPDSACKUndo++;
	} else {
		return false;
	}
	recovery_undo(s, t, f);
	return true;
}

/* --- states ----------------------------------------------------------------------------------- */

/* A reduction begins: by how much is the congestion control's to say. */
static void recovery_begin(struct tcp_stack *s, struct tcp *t, struct flight *f, enum ca ca,
			   sg_time now)
{
	recovery_arm_undo(t, f);
	f->prr_flight = (__u32)seq_diff(t->snd_max, t->snd_una);
	f->prr_flight -= f->sacked < f->prr_flight ? f->sacked : 0;
	f->prr_out = f->prr_delivered = 0;
	t->ssthresh = cc_loss(s, t, now);
	t->recover = t->snd_max;
	t->ca = (__u8)ca;
	t->flags |= t->flags & T_ECN ? T_ECN_CWR : 0;
	f->tlp = TLP_NONE;
}

static void recovery_enter(struct tcp_stack *s, struct tcp *t, struct flight *f, sg_time now)
{
	if (mtu_lost(s, t))
		return;
	if (t->ca == CA_CWR) { /* has been reduced for this round trip */
		t->recover = t->snd_max;
		t->ca = CA_RECOVERY;
	} else {
		recovery_begin(s, t, f, CA_RECOVERY, now);
	}
	f->hurry = 1;
	if (t->flags & T_SACK)
		s->cfg.mib->TCPSackRecovery++;
	else
		s->cfg.mib->TCPRenoRecovery++;
}

static void recovery_end(struct tcp *t, struct flight *f)
{
	if (t->ca != CA_LOSS && t->cwnd != t->ssthresh)
		t->cwnd = t->ssthresh;
	if (t->ca >= CA_RECOVERY)
		rack_recovered(t);
	t->ca = CA_OPEN;
	f->undo = f->frto = f->hurry = 0;
	if (!(t->flags & T_SACK))
		f->sacked = 0;
}

/* Without SACK the first segment is what three duplicates tell of, or a partial ACK (RFC 6582). */
static void recovery_newreno(struct tcp_stack *s, struct tcp *t, struct ack_news *news)
{
	struct flight *f = flight_of(s, t);
	__u32 before = f->lost;

	if (t->ca == CA_RECOVERY ? news->bytes > 0 : t->dupacks >= DUP_THRESH &&
						     seq_after(t->snd_una, t->recover))
		flight_lose_first(s, t, t->mss);
	if (f->lost > before && t->ca == CA_RECOVERY)
		f->hurry = 1; /* RFC 6582 3.2, step 3: a partial ACK's goes out with it */
	news->lost |= f->lost > before;
}

/* Is it, or was it, a loss? */
static void recovery_detect(struct tcp_stack *s, struct tcp *t, sg_time now, struct ack_news *news)
{
	if (t->flags & T_SACK)
		news->wait = rack_detect(s, t, now, &news->lost);
	else if (t->ca != CA_LOSS)
		recovery_newreno(s, t, news);
}

/*
 * After a timeout. F-RTO: before more is sent again the first ACK lets new data go; if that or
 * what was out before is acknowledged, though it was never sent again, nothing had been lost.
 */
static void recovery_loss(struct tcp_stack *s, struct tcp *t, struct flight *f,
			  const struct ack_news *news)
{
	bool fresh = seq_after(t->snd_max, t->recover);

	if (!f->frto)
		return;
	if (news->orig && f->undo) {
		s->cfg.mib->TCPSpuriousRTOs++;
		recovery_undo(s, t, f);
		return;
	}
	f->frto = 1;
	if (fresh) {
		if (news->sacked || news->duplicate)
			f->frto = 0;
	} else if (news->bytes && seq_before(t->snd_una, t->recover)) {
		t->recover = t->snd_max;
		f->frto = output_has_new(t) ? 2 : 0;
	}
}

/* --- the window ---------------------------------------------------------------------------------- */

/* RFC 6937: as much leaves as arrives, in proportion, down to ssthresh. */
static void recovery_window(struct tcp_stack *s, struct tcp *t, struct flight *f,
			    const struct ack_news *news)
{
	__u32 pipe = flight_pipe(s, t);
	__s64 may;

	f->prr_delivered += news->delivered;
	if (pipe > t->ssthresh) {
		may = ((__s64)f->prr_delivered * t->ssthresh + f->prr_flight - 1) /
			      (f->prr_flight ? f->prr_flight : 1) -
		      f->prr_out;
	} else {
		may = (__s64)f->prr_delivered - f->prr_out;
		if (may < news->delivered)
			may = news->delivered;
		if (news->bytes && !news->lost)
			may += t->mss;
		if (may > t->ssthresh - pipe)
			may = t->ssthresh - pipe;
	}
	if (may < 0)
		may = 0;
	if (f->hurry && may < t->mss)
		may = t->mss;
	t->cwnd = pipe + (__u32)may;
	if (t->cwnd < t->mss)
		t->cwnd = t->mss;
}

void recovery_sent(struct tcp_stack *s, struct tcp *t, __u32 bytes, bool again, __u32 stamp)
{
	struct flight *f = flight_of(s, t);

	f->prr_out += bytes;
	if (!again)
		return;
	f->hurry = 0;
	f->undo_resent += bytes;
	if (f->undo == 1) {
		f->undo = 2;
		f->undo_stamp = stamp;
	}
	if (t->ca == CA_RECOVERY)
		s->cfg.mib->TCPFastRetrans++;
	else if (t->ca == CA_LOSS && t->backoff == 0)
		s->cfg.mib->TCPSlowStartRetrans++;
}

void recovery_acked(struct tcp_stack *s, struct tcp *t, const struct seg *in, sg_time now,
		    struct ack_news *news)
{
	struct flight *f = flight_of(s, t);

	tlp_acked(s, t, in, now, news);
	if (t->ca >= CA_RECOVERY)
		recovery_try_undo(s, t, f, in, news);
	if (t->ca == CA_LOSS)
		recovery_loss(s, t, f, news);
	if (t->ca != CA_OPEN && !seq_before(t->snd_una, t->recover))
		recovery_end(t, f);
	recovery_detect(s, t, now, news);
	if (f->lost && t->ca < CA_RECOVERY)
		recovery_enter(s, t, f, now);
	if (t->ca == CA_CWR || t->ca == CA_RECOVERY)
		recovery_window(s, t, f, news);
	else if (news->bytes)
		cc_acked(s, t, now, news);
	if (t->ca != CA_OPEN)
		output_ready(s, t);
}

/* --- timers, and what others tell ------------------------------------------------------------------ */

void recovery_timeout(struct tcp_stack *s, struct tcp *t, sg_time now)
{
	struct flight *f = flight_of(s, t);
	bool fresh = t->ca < CA_RECOVERY || !seq_after(t->recover, t->snd_una);

	if (!f) { /* go back to snd_una */
		if (t->backoff == 0)
			t->ssthresh = cc_loss(s, t, now);
		t->cwnd = t->mss;
		t->snd_nxt = t->snd_una;
		return;
	}
	if (fresh || (t->ca == CA_LOSS && t->backoff == 0)) {
		recovery_arm_undo(t, f);
		t->ssthresh = cc_loss(s, t, now);
		t->flags |= t->flags & T_ECN ? T_ECN_CWR : 0;
	}
	f->frto = knobs(s)->tcp_frto && t->flags & T_SACK && (t->ca < CA_RECOVERY || t->backoff);
	rack_timeout(s, t, now);
	t->ca = CA_LOSS;
	t->cwnd = flight_pipe(s, t) + t->mss;
	t->recover = t->snd_max;
	t->dupacks = 0;
	f->tlp = TLP_NONE;
	f->hurry = 1;
}

void recovery_reorder(struct tcp_stack *s, struct tcp *t, sg_time now)
{
	struct flight *f = flight_of(s, t);
	struct ack_news news = {.before = t->snd_una};

	if (!f)
		return;
	recovery_detect(s, t, now, &news);
	if (f->lost && t->ca < CA_RECOVERY)
		recovery_enter(s, t, f, now);
	if (t->ca == CA_RECOVERY)
		recovery_window(s, t, f, &news);
	timer_reorder(s, t, news.wait, now);
	output_ready(s, t);
}

void recovery_without_cut(struct tcp_stack *s, struct tcp *t)
{
	struct flight *f = flight_of(s, t);

	f->undo = f->frto = 0;
	f->hurry = 1;
	t->recover = t->snd_max;
	t->ca = CA_LOSS;
	output_ready(s, t);
}

void recovery_resize(struct tcp_stack *s, struct tcp *t)
{
	if (t->flight != NIL) {
		flight_lose_all(s, t);
		recovery_without_cut(s, t);
		return;
	}
	t->snd_nxt = t->snd_una;
	output_ready(s, t);
}

/* RFC 3168 6.1.2: as a loss of one segment, once a round trip. */
void cc_ece(struct tcp_stack *s, struct tcp *t, sg_time now)
{
	struct flight *f = flight_of(s, t);

	if (!f || t->ca != CA_OPEN)
		return;
	recovery_begin(s, t, f, CA_CWR, now);
	f->undo = 0; /* there is nothing to take back */
}
