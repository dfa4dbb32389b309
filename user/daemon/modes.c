/* SPDX-License-Identifier: BSD-2-Clause */
#include "daemon/modes.h"

#include <string.h>

const char *modes_name(enum modes_mode m)
{
	static const char *const names[] = {
		[MODES_QUEUE] = "queue",	 [MODES_COOKIES] = "cookies",
		[MODES_FULL] = "full",		 [MODES_ANSWERING] = "answering",
		[MODES_BUDGET] = "budget",	 [MODES_WORKERS] = "workers",
		[MODES_NO_WORKER] = "no worker",
	};

	return names[m];
}

/* --- tracks ---------------------------------------------------------------------------------- */

static void track_see(struct modes_track *t, unsigned level, const char *why, sg_time now)
{
	t->until[level] = now + MODES_QUIET;
	t->why[level] = why;
	t->last = now;
}

/* Where it is now. Returns whether that is another level, and then fills in what both are. */
static bool track_step(struct modes_track *t, sg_time now, struct modes_event *e)
{
	unsigned level = MODES_LEVELS - 1;

	while (level && t->until[level] <= now)
		level--;
	if (level == t->level)
		return false;
	memset(e, 0, sizeof(*e));
	e->at = now;
	e->from = modes_of(t);
	e->to = (enum modes_mode)(t->first + level);
	e->still = level < t->level;
	e->reason = level ? t->why[level] : "nothing of it for 10 s";
	e->lasted_ms = (t->last - t->began) / SG_MS;
	t->level = level;
	return true;
}

static __u64 grown(__u64 before, __u64 now)
{
	return now > before ? now - before : 0;
}

static __u64 rate(__u64 before, __u64 now, sg_time elapsed)
{
	__u64 ms = elapsed / SG_MS;

	ms = ms ? ms : 1;
	return (grown(before, now) * 1000 + ms - 1) / ms; /* a single one is not none */
}

/* --- a listener ------------------------------------------------------------------------------ */

void modes_listener_begin(struct modes_listener *m, const struct modes_queue *q, __u32 syncookies,
			  sg_time now)
{
	memset(m, 0, sizeof(*m));
	m->track.first = MODES_QUEUE;
	m->track.level = syncookies > 1 ? MODES_COOKIES : MODES_QUEUE;
	m->track.began = m->track.last = now;
	m->seen = m->base = *q;
	m->at = now;
}

/*
 * The queue may have been full and not be any more. What the driver does not say is whether a
 * cookie was for a queue or for a bucket that was full; buckets are only when the table is.
 */
static const char *listener_why_cookies(const struct modes_queue *q,
					const struct modes_around *around)
{
	if (around->syncookies > 1)
		return "tcp_syncookies=2";
	if (q->halfopen > q->syn_backlog)
		return "half-open queue full";
	return around->dense ? "no slot in the half-open table" : "half-open queue was full";
}

static const char *listener_why_full(const struct modes_listener *m, const struct modes_queue *q,
				     const struct modes_around *around)
{
	__u64 overflows = grown(m->seen.overflows, q->overflows);
	__u64 reqq_full = grown(m->seen.reqq_full, q->reqq_full);
	__u64 others = grown(overflows + reqq_full, grown(m->seen.drops, q->drops));

	if (overflows && overflows >= reqq_full && overflows >= others)
		return q->acceptq > q->backlog ? "accept queue full" : "accept queue was full";
	if (reqq_full >= others)
		return around->syncookies ? "half-open queue full, no worker to take cookies"
					  : "half-open queue full, tcp_syncookies=0";
	return around->dense ? "no slot in the half-open table"
			     : "the rest of the half-open queue is for proven peers";
}

static void listener_evidence(const struct modes_listener *m, const struct modes_queue *q,
			      const struct modes_around *around, sg_time elapsed,
			      struct modes_event *e)
{
	e->halfopen = q->halfopen;
	e->syn_backlog = q->syn_backlog;
	e->acceptq = q->acceptq;
	e->backlog = q->backlog;
	e->syn_rate = around->syn_rate;
	e->cookie_rate = rate(m->seen.cookies, q->cookies, elapsed);
	e->drop_rate = rate(m->seen.drops, q->drops, elapsed);
	e->cookies = grown(m->base.cookies, q->cookies);
	e->cookies_back = grown(m->base.cookies_back, q->cookies_back);
	e->dropped = grown(m->base.drops, q->drops);
}

int modes_listener_look(struct modes_listener *m, const struct modes_queue *q,
			const struct modes_around *around, sg_time now, struct modes_event *e)
{
	bool switched;

	if (!m->track.level) {
		m->base = m->seen;
		m->track.began = m->at;
	}
	if (around->syncookies > 1 || q->cookies > m->seen.cookies)
		track_see(&m->track, MODES_COOKIES - MODES_QUEUE, listener_why_cookies(q, around),
			  now);
	if (q->drops > m->seen.drops)
		track_see(&m->track, MODES_FULL - MODES_QUEUE, listener_why_full(m, q, around),
			  now);
	switched = track_step(&m->track, now, e);
	if (switched)
		listener_evidence(m, q, around, now - m->at, e);
	m->seen = *q;
	m->at = now;
	return switched;
}

/* --- an interface ---------------------------------------------------------------------------- */

void modes_interface_begin(struct modes_interface *m, const struct modes_iface *i, sg_time now)
{
	memset(m, 0, sizeof(*m));
	m->budget.first = MODES_ANSWERING;
	m->worker.first = MODES_WORKERS;
	m->seen = m->budget_base = m->worker_base = *i;
	m->at = now;
}

static __u64 iface_limited(const struct modes_iface *i)
{
	return i->synacks + i->rsts + i->acks;
}

static __u64 iface_lost(const struct modes_iface *i)
{
	return i->passed + i->no_socket;
}

/* That of the three there was most of. */
static const char *iface_why_budget(const struct modes_iface *before, const struct modes_iface *i)
{
	__u64 synacks = grown(before->synacks, i->synacks);
	__u64 rsts = grown(before->rsts, i->rsts), acks = grown(before->acks, i->acks);

	if (synacks >= rsts && synacks >= acks)
		return "SYN-ACKs limited";
	return rsts >= acks ? "RSTs limited" : "ACKs that answer no cookie limited";
}

static const char *iface_why_no_worker(const struct modes_iface *before,
				       const struct modes_iface *i)
{
	if (i->late)
		return "heartbeat late";
	return i->no_socket > before->no_socket ? "frames without a worker's socket"
						: "heartbeat was late";
}

static bool iface_budget(struct modes_interface *m, const struct modes_iface *i, sg_time now,
			 struct modes_event *e)
{
	if (!m->budget.level) {
		m->budget_base = m->seen;
		m->budget.began = m->at;
	}
	if (iface_limited(i) > iface_limited(&m->seen))
		track_see(&m->budget, 1, iface_why_budget(&m->seen, i), now);
	if (!track_step(&m->budget, now, e))
		return false;
	e->limited_rate = rate(iface_limited(&m->seen), iface_limited(i), now - m->at);
	e->limited = grown(iface_limited(&m->budget_base), iface_limited(i));
	return true;
}

static bool iface_worker(struct modes_interface *m, const struct modes_iface *i, sg_time now,
			 struct modes_event *e)
{
	if (!m->worker.level) {
		m->worker_base = m->seen;
		m->worker.began = m->at;
	}
	if (i->late || iface_lost(i) > iface_lost(&m->seen))
		track_see(&m->worker, 1, iface_why_no_worker(&m->seen, i), now);
	if (!track_step(&m->worker, now, e))
		return false;
	e->pass_rate = rate(m->seen.passed, i->passed, now - m->at);
	e->passed = grown(m->worker_base.passed, i->passed);
	e->dropped = grown(m->worker_base.no_socket, i->no_socket);
	return true;
}

int modes_interface_look(struct modes_interface *m, const struct modes_iface *i, sg_time now,
			 struct modes_event e[MODES_INTERFACE_EVENTS])
{
	int n = 0;

	m->syn_rate = rate(m->seen.syns, i->syns, now - m->at);
	n += iface_budget(m, i, now, &e[n]);
	n += iface_worker(m, i, now, &e[n]);
	for (int k = 0; k < n; k++) {
		e[k].syn_rate = m->syn_rate;
		e[k].workers = i->workers;
		e[k].late = i->late;
	}
	m->seen = *i;
	m->at = now;
	return n;
}
