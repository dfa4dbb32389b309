/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which verdict a frame gets: docs/how-it-works.md, the-queues.md, counters.md, settings.md;
 * RFC 9293 3.10.7, 7323 5, 5961 3 and 4.
 */
#include "model.h"

#include <string.h>

enum { FIN = 1, SYN = 2, RST = 4, ACK = 16, ECE = 64, CWR = 128 };

/* --- whose ----------------------------------------------------------------------------------- */

static bool is_kernels(const struct model *m, const struct model_pair *p)
{
	struct model_pair bare = *p;

	memset(bare.tag, 0, sizeof(bare.tag)); /* its sockets know of no tags */
	for (int i = 0; i < m->kernels; i++)
		if (!memcmp(&m->kernel[i], &bare, sizeof(bare)))
			return true;
	return false;
}

static bool is_proven(const struct model *m, const struct model_pair *p, bool closed)
{
	for (int i = 0; i < m->provens; i++)
		if (m->proven[i].closed == closed && !memcmp(m->proven[i].pair.peer, p->peer, 16) &&
		    !memcmp(m->proven[i].pair.tag, p->tag, sizeof(p->tag)))
			return true;
	return false;
}

static bool is_within(const uint8_t *addr, const uint8_t *prefix, unsigned n)
{
	return !memcmp(addr, prefix, n / 8) &&
	       (n % 8 == 0 || (addr[n / 8] ^ prefix[n / 8]) >> (8 - n % 8) == 0);
}

static bool is_local(const struct model *m, const uint8_t *addr)
{
	for (int i = 0; i < m->locals; i++)
		if (is_within(addr, m->local[i].addr, m->local[i].prefix))
			return true;
	return false;
}

/* The longest prefix counts, and says nothing of the other family. */
static bool is_listed(const struct model *m, const struct model_segment *s, bool deny)
{
	int best = -1;

	for (int i = 0; i < m->listeds; i++)
		if (is_within(s->pair.peer, m->listed[i].addr, m->listed[i].prefix) &&
		    (best < 0 || m->listed[i].prefix > m->listed[best].prefix))
			best = i;
	return best >= 0 && m->listed[best].v6 == s->v6 && m->listed[best].deny == deny;
}

/* One address before all of them; all of them are those that the host has. */
static int listener_of(const struct model *m, const struct model_pair *p, const char **why)
{
	*why = "PassNoListener";
	for (int i = 0; i < MODEL_LISTENERS; i++) {
		const struct model_listener *l = &m->listener[i];

		if (l->open && !l->any && l->port == p->lport && !memcmp(l->addr, p->local, 16))
			return i;
	}
	for (int i = 0; i < MODEL_LISTENERS; i++) {
		const struct model_listener *l = &m->listener[i];

		if (!l->open || !l->any || l->port != p->lport)
			continue;
		if (is_local(m, p->local))
			return i;
		*why = "PassNotLocal";
	}
	return -1;
}

/* RFC 9293 3.1, 3.10.7: the sets that a TCP makes; ACK is in all but the first SYN and some RSTs.
 */
static bool flags_are_good(uint8_t flags)
{
	bool syn = flags & SYN, fin = flags & FIN, rst = flags & RST, ack = flags & ACK;

	if (syn + fin + rst > 1)
		return false;
	return ack || syn || rst;
}

/* RFC 1122 3.2.1.3, RFC 4291 2.5.2, 2.5.3, 2.7: one host's, and not our own (RFC 9293 MUST-63). */
static bool peer_is_good(const struct model_segment *s)
{
	static const uint8_t zero[16];
	const uint8_t *a = s->pair.peer, *a4 = a + 12;

	if (s->pair.pport == 0)
		return false;
	if (s->pair.pport == s->pair.lport && !memcmp(a, s->pair.local, 16))
		return false; /* LAND */
	if (!s->v6)
		return a4[0] != 0 && a4[0] != 127 && a4[0] >> 4 != 14 &&
		       (a4[0] & a4[1] & a4[2] & a4[3]) != 255;
	return a[0] != 0xff && !(!memcmp(a, zero, 15) && a[15] <= 1);
}

/* --- verdicts -------------------------------------------------------------------------------- */

static void pass(struct model_outcome *o, const char *verdict)
{
	o->verdict = verdict;
	o->action = MODEL_PASS;
}

static void drop(struct model_outcome *o, const char *verdict)
{
	o->verdict = verdict;
	o->action = MODEL_DROP;
}

static void hand_over(const struct model *m, struct model_outcome *o, const char *verdict,
		      enum model_note note, int owner)
{
	o->verdict = verdict;
	o->action = MODEL_REDIRECT;
	o->note = note;
	o->owner = owner;
	if (!m->queue[o->queue].socket)
		drop(o, "NoWorkerSocket");
}

/* Whole, and with right checksums? */
static const char *malformed(const struct model *m, const struct model_segment *s)
{
	if (!model_ip_is_good(s))
		return "BadIp";
	return m->set.verify_checksum && !model_checksum_is_good(s) ? "BadChecksum" : NULL;
}

/*
 * Of nothing that we know: RST, but none for a RST, and so many in a second. That comes first,
 * since a flood is made of these.
 */
static void stray(const struct model *m, struct model_outcome *o)
{
	const char *why;

	o->rst_spent =
		!(o->seg.flags & RST) &&
		model_budget_has(&m->queue[o->queue].rst, o->ns, m->set.rst_limit) &&
		model_budget_has(&model_cell(m, o)->rst, o->ns, m->set.rst_prefix_limit);
	if (!o->rst_spent && (o->seg.flags & RST || !is_listed(m, &o->seg, false))) {
		drop(o, "StrayDropped");
		return;
	}
	why = malformed(m, &o->seg);
	if (why) {
		drop(o, why);
		return;
	}
	o->verdict = "StrayReset";
	model_rst(m, o);
}

/* --- SYN ------------------------------------------------------------------------------------- */

static void agree(const struct model *m, struct model_outcome *o, int listener,
		  struct model_agreed *g)
{
	const struct model_options *opt = &o->seg.opt;

	*g = (struct model_agreed){
		.listener = listener,
		.irs = o->seg.seq,
		.when = o->now,
		.scaled = opt->has_wscale && m->set.window_scaling,
		.sack = opt->sack && m->set.sack,
		.ts = opt->has_ts && m->set.timestamps,
		.ecn = (o->seg.flags & (ECE | CWR)) == (ECE | CWR) && m->set.ecn,
	};
	g->wscale = g->scaled ? opt->wscale : 0;
	g->tsval = g->ts ? opt->tsval : 0;
	g->mss = opt->mss;
	if (!opt->has_mss || opt->mss == 0)
		g->mss = o->seg.v6 ? 1220 : 536; /* RFC 9293 MUST-15 */
	else if (opt->mss < 88)
		g->mss = 88; /* the least that is taken */
}

/* NULL: there is room. By the order of the-queues.md. */
static const char *refused(const struct model *m, const struct model_listener *l,
			   const struct model_segment *s)
{
	bool full = l->halfopen > l->syn_backlog;
	bool accept_full = l->acceptq > l->backlog || l->stopped;

	if (m->set.syncookies) {
		if (accept_full)
			return "AcceptQueueFull";
		return full || m->no_slot || m->set.syncookies == 2 ? "CookieSent" : NULL;
	}
	if (l->stopped)
		return "AcceptQueueFull";
	if (full)
		return "HalfOpenFull";
	if (accept_full)
		return "AcceptQueueFull";
	if (l->halfopen > l->strangers && !is_proven(m, &s->pair, true) && !is_listed(m, s, false))
		return "HalfOpenReserved";
	return m->no_slot ? "HalfOpenBucketFull" : NULL;
}

/* RFC 4987 3.6. The options that timestamps bear, decision 13. */
static void cookie(const struct model *m, struct model_outcome *o, const struct model_peer *p)
{
	const struct model_agreed *g = &o->agreed;

	if (!m->queue[o->queue].alive) { /* nobody would take its ACK */
		drop(o, "HalfOpenFull");
		return;
	}
	o->verdict = "CookieSent";
	o->effect = MODEL_COOKIE_SENT;
	o->isn_free = true;
	model_synack(m, o, p, g);
	if (g->ts) {
		o->tsval_free = true;
		o->tsval_low = (g->scaled ? g->wscale : 15) | g->sack << 4 | g->ecn << 5;
	}
}

static bool may_answer(const struct model *m, const struct model_outcome *o)
{
	return model_budget_has(&m->queue[o->queue].synack, o->ns, m->set.synack_limit) &&
	       model_budget_has(&model_cell(m, o)->synack, o->ns, m->set.synack_prefix_limit);
}

static void admit(const struct model *m, struct model_outcome *o, const struct model_peer *p,
		  int listener)
{
	const char *why = refused(m, &m->listener[listener], &o->seg);

	agree(m, o, listener, &o->agreed);
	o->synack_spent = may_answer(m, o);
	if (!o->synack_spent && !is_proven(m, &o->seg.pair, false) &&
	    !is_listed(m, &o->seg, false)) {
		drop(o, "SynAckLimited");
		return;
	}
	if (why && !strcmp(why, "CookieSent")) {
		cookie(m, o, p);
		return;
	}
	if (why) {
		drop(o, why);
		return;
	}
	o->verdict = "SynAckSent";
	o->effect = MODEL_NEW_ENTRY;
	o->agreed.isn = model_isn_at(p, o->now, &o->isn_free);
	model_synack(m, o, p, &o->agreed);
}

/* --- what arrives for a half-open entry ------------------------------------------------------ */

static bool is_limited(const struct model *m, const struct model_peer *p, uint64_t now)
{
	return p->is_answered && now / 16 - p->answered < (m->set.ratelimit + 15) / 16;
}

/* Data is answered always. */
static void say(const struct model *m, struct model_outcome *o, const struct model_peer *p,
		const char *verdict, const char *limited)
{
	bool bare = model_space(&o->seg) == 0 || o->seg.flags & SYN;

	if (bare && is_limited(m, p, o->now)) {
		drop(o, limited);
		return;
	}
	o->verdict = verdict;
	o->effect = bare ? MODEL_ANSWERED : MODEL_NOTHING;
	model_challenge(m, o, p);
}

static void repeat(const struct model *m, struct model_outcome *o, const struct model_peer *p)
{
	if (is_limited(m, p, o->now)) {
		drop(o, "RepeatedSynLimited");
		return;
	}
	o->verdict = "SynAckRepeated";
	o->effect = MODEL_ANSWERED;
	model_synack(m, o, p, &p->half);
}

/* RFC 9293 3.4, table 6, but what is empty may lie at the right edge. */
static bool is_in_window(uint32_t seq, uint32_t len, uint32_t nxt, uint32_t window)
{
	int64_t first = (int32_t)(seq - nxt), last = first + (len ? len - 1 : 0);

	if (first == 0 || (len == 0 && first == window))
		return true;
	return (first >= 0 && first < window) || (first < 0 && last >= 0);
}

/* Does it echo a time at which no SYN-ACK can have left? RFC 7323 3.2; 16 ms of slack. */
static bool echo_is_good(const struct model_peer *p, const struct model_segment *s, uint64_t now)
{
	uint32_t first = p->off + (uint32_t)p->half.when;

	if (!(s->flags & ACK) || s->opt.tsecr == 0)
		return true;
	return s->opt.tsecr - first <= now - p->half.when + 16;
}

static void half_open(const struct model *m, struct model_outcome *o, const struct model_peer *p)
{
	const struct model_segment *s = &o->seg;
	const struct model_agreed *g = &p->half;
	uint32_t window = m->listener[g->listener].window;
	bool ts = g->ts && s->opt.has_ts;
	bool old = ts && g->tsval != 0 && (int32_t)(s->opt.tsval - g->tsval) < 0;
	bool is_rst = s->flags & RST;

	if ((s->flags & (SYN | ACK)) == SYN && s->seq == g->irs && !old) {
		repeat(m, o, p);
	} else if (!is_rst && s->flags & ACK && s->ack != g->isn + 1) {
		stray(m, o);
	} else if (old && is_rst) {
		drop(o, "HalfOpenOldReset");
	} else if (old) { /* RFC 7323 5.3 R1 */
		say(m, o, p, "HalfOpenOldAckSent", "HalfOpenOldLimited");
	} else if (!is_in_window(s->seq, model_space(s), g->irs + 1, window) ||
		   (ts && !echo_is_good(p, s, o->now))) {
		if (is_rst)
			drop(o, "HalfOpenBadSegment");
		else
			say(m, o, p, "HalfOpenAckSent", "RepeatedSynLimited");
	} else if (is_rst && s->seq != g->irs + 1) { /* RFC 5961 3.2 */
		say(m, o, p, "HalfOpenRstChallenged", "RepeatedSynLimited");
	} else if (is_rst || s->flags & ACK || (s->flags & SYN && s->seq != g->irs)) {
		o->agreed = *g;
		hand_over(m, o, "SteerHandshake", MODEL_HANDSHAKE, 0);
	} else {
		drop(o, "HalfOpenBadSegment");
	}
}

/* --- of no known connection ------------------------------------------------------------------ */

static bool is_cookies(const struct model_peer *p, const struct model_segment *s)
{
	const struct model_agreed *g = &p->cookie;
	bool echo = s->opt.has_ts && s->opt.tsecr != 0;

	if (!p->has_cookie || s->seq != g->irs + 1 || s->ack != g->isn + 1 || echo != g->ts)
		return false;
	return !echo || (s->opt.tsecr & 63) == p->cookie_low;
}

/* An ACK, while cookies are about. */
static void cookie_ack(const struct model *m, struct model_outcome *o, const struct model_peer *p,
		       int listener)
{
	const char *why = malformed(m, &o->seg);

	if (!why && o->seg.opt.bad)
		why = "BadOption";
	if (!model_budget_has(&m->queue[o->queue].cookie, o->ns, m->set.cookie_limit))
		why = "CookieLimited";
	if (why) {
		drop(o, why);
	} else if (p && is_cookies(p, &o->seg)) {
		o->agreed = p->cookie;
		o->agreed.listener = listener; /* it does not bear its own */
		hand_over(m, o, "SteerCookie", MODEL_COOKIE, 0);
	} else {
		o->cookie_spent = true;
		hand_over(m, o, "SteerNoCookie", MODEL_NOTE_NONE, 0);
	}
}

static void unknown(const struct model *m, struct model_outcome *o, const struct model_peer *p,
		    int listener)
{
	const struct model_listener *l = &m->listener[listener];

	if (m->set.syncookies && l->sent_cookie && o->now - l->cookie_at < 120000 &&
	    (o->seg.flags & (SYN | RST | ACK)) == ACK)
		cookie_ack(m, o, p, listener);
	else
		stray(m, o);
}

/* --- all of it ------------------------------------------------------------------------------- */

/* Has the kernel it, or should it get it? What has an entry is ours. */
static const char *kernels(const struct model *m, const struct model_outcome *o, bool syn)
{
	bool away = !m->set.hold && !m->queue[o->queue].alive;

	if (away && syn)
		return "PassFailPolicy";
	if (is_kernels(m, &o->seg.pair))
		return "PassKernelFlow";
	return away ? "PassFailPolicy" : NULL;
}

static void to_listener(const struct model *m, struct model_outcome *o, const struct model_peer *p,
			int listener)
{
	bool half = p && p->is_half;
	bool syn = (o->seg.flags & (SYN | ACK | RST | FIN)) == SYN;
	const char *why = half ? NULL : kernels(m, o, syn);

	if (why) {
		pass(o, why);
		return;
	}
	if (!flags_are_good(o->seg.flags))
		why = "BadFlags";
	else if (!peer_is_good(&o->seg))
		why = "BadAddress";
	if (!why && (half || syn))
		why = malformed(m, &o->seg);
	if (!why && (half || syn) && o->seg.opt.bad)
		why = "BadOption";
	if (why)
		drop(o, why);
	else if (half)
		half_open(m, o, p);
	else if (syn)
		admit(m, o, p, listener);
	else
		unknown(m, o, p, listener);
}

static void tcp(const struct model *m, struct model_outcome *o)
{
	const struct model_peer *p = model_peer(m, &o->seg.pair);
	const char *why;
	int listener;

	listener = listener_of(m, &o->seg.pair, &why);
	if ((listener >= 0 || (p && p->owner >= 0)) && is_listed(m, &o->seg, true))
		drop(o, "Denied");
	else if (p && p->owner >= 0 && !o->seg.fault)
		hand_over(m, o, "SteerFlow", MODEL_FLOW, p->owner);
	else if (o->seg.fault && (listener >= 0 || (p && p->owner >= 0)))
		drop(o, o->seg.fault);
	else if (listener < 0)
		pass(o, why);
	else
		to_listener(m, o, p, listener);
}

static void icmp(const struct model *m, struct model_outcome *o)
{
	const struct model_peer *p = model_peer(m, &o->seg.pair);

	if (p && p->owner >= 0)
		hand_over(m, o, "SteerIcmp", MODEL_QUOTED, p->owner);
	else
		pass(o, "PassNotTcp");
}

void model_decide(const struct model *m, const uint8_t *frame, size_t len, unsigned queue,
		  uint64_t ns, struct model_outcome *o)
{
	memset(o, 0, sizeof(*o));
	o->queue = queue;
	o->ns = ns;
	o->now = ns / 1000000;
	o->tsval_low = -1;
	switch (model_parse(m, frame, len, &o->seg)) {
	case MODEL_TCP:
		tcp(m, o);
		break;
	case MODEL_ICMP:
		icmp(m, o);
		break;
	case MODEL_OTHER:
		pass(o, "PassNotTcp");
		break;
	case MODEL_NOT_LOCAL:
		pass(o, "PassNotLocal");
		break;
	case MODEL_FRAGMENT:
		pass(o, "PassLaterFragment");
		break;
	}
}
