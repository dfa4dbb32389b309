/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Timers are data: a few times in the connection, moved by named events, and one place
 * for the connection on a hierarchical wheel (Varghese, Lauck 1987). The wheel is lazy:
 * a timer that is put off stays where it is and finds a new place when the old comes due.
 */
#include "tcp/rack.h"

/* --- the wheel ---------------------------------------------------------------------------- */

static __u64 wheel_tick(sg_time at)
{
	return (at + (1u << WHEEL_SHIFT) - 1) >> WHEEL_SHIFT;
}

static void wheel_link(struct tcp_stack *s, struct tcp *t, unsigned level, unsigned slot)
{
	__u32 *head = &s->wheel.head[level][slot];

	t->wheel_slot = (__u16)(1 + level * WHEEL_SLOTS + slot);
	t->wheel_prev = NIL;
	t->wheel_next = *head;
	if (*head != NIL)
		conn_at(s, *head)->wheel_prev = conn_index(s, t);
	*head = conn_index(s, t);
	s->wheel.busy[level] |= 1ULL << slot;
}

static void wheel_unlink(struct tcp_stack *s, struct tcp *t)
{
	unsigned at = t->wheel_slot - 1u;
	unsigned level = at / WHEEL_SLOTS, slot = at % WHEEL_SLOTS;

	if (t->wheel_slot == 0)
		return;
	if (t->wheel_next != NIL)
		conn_at(s, t->wheel_next)->wheel_prev = t->wheel_prev;
	if (t->wheel_prev != NIL)
		conn_at(s, t->wheel_prev)->wheel_next = t->wheel_next;
	else
		s->wheel.head[level][slot] = t->wheel_next;
	if (s->wheel.head[level][slot] == NIL)
		s->wheel.busy[level] &= ~(1ULL << slot);
	t->wheel_slot = 0;
}

/* Not before `first`, a tick whose slot is still to be fired. */
static void wheel_add(struct tcp_stack *s, struct tcp *t, __u64 tick, __u64 first)
{
	__u64 delta;
	unsigned level = 0;

	if (tick < first)
		tick = first;
	delta = tick - s->wheel.tick;
	if (delta >> (6 * WHEEL_LEVELS)) {
		delta = (1ULL << (6 * WHEEL_LEVELS)) - 1;
		tick = s->wheel.tick + delta;
	}
	while (level < WHEEL_LEVELS - 1 && delta >> (6 * (level + 1)))
		level++;
	wheel_link(s, t, level, tick >> (6 * level) & (WHEEL_SLOTS - 1));
}

/* After any change of a timer: an earlier deadline moves the connection, a later one does not. */
static void wheel_arm(struct tcp_stack *s, struct tcp *t, sg_time at)
{
	unsigned slot;

	if (at == SG_NEVER)
		return;
	slot = t->wheel_slot;
	if (slot != 0) {
		__u64 tick = wheel_tick(at);
		unsigned level = (slot - 1) / WHEEL_SLOTS;
		__u64 then = tick >> (6 * level);
		__u64 base = s->wheel.tick >> (6 * level);
		__u64 placed = base + (((slot - 1) % WHEEL_SLOTS - base) & (WHEEL_SLOTS - 1));

		if (placed == base)
			placed += WHEEL_SLOTS;
		if (then >= placed)
			return;
		wheel_unlink(s, t);
	}
	wheel_add(s, t, wheel_tick(at), s->wheel.tick + 1);
}

/*
 * Empty a slot of a higher level into the ones below. The wheel stands at the first tick of
 * the slot's span, which is still to be fired: so all of the span lies below this level.
 */
static void wheel_cascade(struct tcp_stack *s, unsigned level, unsigned slot)
{
	__u32 i = s->wheel.head[level][slot];

	s->wheel.head[level][slot] = NIL;
	s->wheel.busy[level] &= ~(1ULL << slot);
	while (i != NIL) {
		struct tcp *t = conn_at(s, i);

		i = t->wheel_next;
		t->wheel_slot = 0;
		if (timer_next(t) != SG_NEVER)
			wheel_add(s, t, wheel_tick(timer_next(t)), s->wheel.tick);
	}
}

static void wheel_fire(struct tcp_stack *s, unsigned slot, sg_time now)
{
	while (s->wheel.head[0][slot] != NIL) {
		struct tcp *t = conn_at(s, s->wheel.head[0][slot]);

		step_begin(s, t);
		wheel_unlink(s, t);
		if (timer_next(t) <= now)
			timeout_fire(s, t, timer_take(t, now), now);
		wheel_arm(s, t, timer_next(t)); /* also a timer that did not fire */
		step_end(s);
	}
}

/* The first tick at which a slot has its turn, never too late, perhaps too early. */
static __u64 wheel_first(const struct tcp_stack *s)
{
	__u64 best = (__u64)-1;

	for (unsigned level = 0; level < WHEEL_LEVELS; level++) {
		__u64 at = s->wheel.tick >> (6 * level);
		unsigned turn = (at + 1) & (WHEEL_SLOTS - 1);
		__u64 busy = s->wheel.busy[level];

		if (busy == 0)
			continue;
		busy = turn ? busy >> turn | busy << (WHEEL_SLOTS - turn) : busy;
		at = (at + 1 + (unsigned)__builtin_ctzll(busy)) << (6 * level);
		if (at < best)
			best = at;
	}
	return best;
}

void wheel_run(struct tcp_stack *s, sg_time now)
{
	__u64 target = now >> WHEEL_SHIFT;
	__u64 tick;

	while ((tick = wheel_first(s)) <= target) {
		/* done before it fires: what is armed meanwhile belongs to a later tick */
		s->wheel.tick = tick;
		for (unsigned level = WHEEL_LEVELS - 1; level > 0; level--)
			if ((tick & ((1ULL << (6 * level)) - 1)) == 0)
				wheel_cascade(s, level, tick >> (6 * level) & (WHEEL_SLOTS - 1));
		wheel_fire(s, tick & (WHEEL_SLOTS - 1), now);
	}
	if (s->wheel.tick < target)
		s->wheel.tick = target;
}

sg_time wheel_next(const struct tcp_stack *s)
{
	__u64 tick = wheel_first(s);

	return tick == (__u64)-1 ? SG_NEVER : tick << WHEEL_SHIFT;
}

/* --- events that move a timer ---------------------------------------------------------------- */

sg_time timer_next(const struct tcp *t)
{
	sg_time at = t->rexmit_at;

	if (t->delack_at < at)
		at = t->delack_at;
	return t->life_at < at ? t->life_at : at;
}

void timer_init(struct tcp *t)
{
	t->rexmit_at = t->delack_at = t->life_at = SG_NEVER;
	t->stalled_at = SG_NEVER;
}

__u64 timer_user_timeout(const struct tcp_stack *s, const struct tcp *t)
{
	if (t->flags & T_SYN_QUEUED) /* nobody's yet */
		return 0;
	return t->user_timeout ? t->user_timeout : knobs(s)->user_timeout_ms;
}

/* After `span`, or when user_timeout_ms is over (RFC 5482). */
static void timer_rexmit(struct tcp_stack *s, struct tcp *t, enum timer_kind kind, __u64 span,
			 sg_time now)
{
	__u64 user = timer_user_timeout(s, t) * SG_MS;

	if (t->stalled_at == SG_NEVER)
		t->stalled_at = now;
	t->timer = (__u8)kind;
	t->rexmit_at = now + span;
	if (user && t->rexmit_at > t->stalled_at + user)
		t->rexmit_at = t->stalled_at + user > now ? t->stalled_at + user : now;
	wheel_arm(s, t, t->rexmit_at);
}

/* RFC 6298 5.1; a tail loss probe waits from what was sent last (RFC 8985 7.2). */
void timer_sent_data(struct tcp_stack *s, struct tcp *t, sg_time now)
{
	bool armed = t->rexmit_at != SG_NEVER;

	if (armed && t->timer != TIMER_PERSIST && t->timer != TIMER_TLP)
		return;
	if (tlp_wanted(s, t))
		timer_rexmit(s, t, TIMER_TLP, tlp_timeout(s, t), now);
	else
		timer_rexmit(s, t, TIMER_REXMIT, t->rto, now);
}

void timer_acked(struct tcp_stack *s, struct tcp *t, sg_time now) /* RFC 6298 5.2, 5.3 */
{
	t->stalled_at = SG_NEVER;
	if (t->timer != TIMER_PERSIST)
		t->rexmit_at = SG_NEVER;
	if (!seq_eq(t->snd_una, t->snd_max))
		timer_sent_data(s, t, now);
}

void timer_reorder(struct tcp_stack *s, struct tcp *t, __u32 us, sg_time now)
{
	if (us)
		timer_rexmit(s, t, TIMER_REORDER, (__u64)us * 1000, now);
	else if (t->timer == TIMER_REORDER && t->rexmit_at != SG_NEVER)
		timer_rexmit(s, t, TIMER_REXMIT, t->rto, now);
}

void timer_persist(struct tcp_stack *s, struct tcp *t, sg_time now) /* RFC 9293 3.8.6.1 */
{
	if (t->rexmit_at == SG_NEVER)
		timer_rexmit(s, t, TIMER_PERSIST, t->rto, now);
}

void timer_delack(struct tcp_stack *s, struct tcp *t, sg_time at) /* RFC 9293 3.8.6.3 */
{
	if (at >= t->delack_at)
		return;
	t->delack_at = at;
	wheel_arm(s, t, at);
}

void timer_ack_sent(struct tcp *t)
{
	t->delack_at = SG_NEVER;
}

void timer_life(struct tcp_stack *s, struct tcp *t, sg_time at)
{
	t->life_at = at;
	wheel_arm(s, t, at);
}

/* Which timers are due; they are no longer armed. */
unsigned timer_take(struct tcp *t, sg_time now)
{
	unsigned due = 0;

	if (t->rexmit_at <= now) {
		due |= 1u << t->timer;
		t->rexmit_at = SG_NEVER;
	}
	if (t->delack_at <= now) {
		due |= DUE_DELACK;
		t->delack_at = SG_NEVER;
	}
	if (t->life_at <= now) {
		due |= DUE_LIFE;
		t->life_at = SG_NEVER;
	}
	return due;
}

void timer_window_open(struct tcp *t)
{
	if (t->timer != TIMER_PERSIST || t->rexmit_at == SG_NEVER)
		return;
	t->rexmit_at = t->stalled_at = SG_NEVER;
	rtt_restore(t); /* unanswered probes would have been the window's doing, not the path's */
}

/* A place on a new wheel; what was due meanwhile is due now. */
void timer_adopt(struct tcp_stack *s, struct tcp *t)
{
	t->rexmit_at = t->rexmit_at < s->now ? s->now : t->rexmit_at;
	t->delack_at = t->delack_at < s->now ? s->now : t->delack_at;
	t->life_at = t->life_at < s->now ? s->now : t->life_at;
	t->wheel_slot = 0;
	wheel_arm(s, t, timer_next(t));
}

void timer_stop(struct tcp_stack *s, struct tcp *t)
{
	timer_init(t);
	wheel_unlink(s, t);
}
