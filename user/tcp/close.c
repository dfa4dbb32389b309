/* SPDX-License-Identifier: BSD-2-Clause */
/* How connections end: RFC 9293 3.6 and 3.10.4 to 3.10.5, and who still holds the block. */
#include <errno.h>

#include "tcp/flight.h"

void close_unhash(struct tcp_stack *s, struct tcp *t)
{
	if (!(t->flags & T_HASHED))
		return;
	t->flags &= ~(__u32)T_HASHED;
	flowtable_del(s, t->hash, conn_index(s, t));
}

void close_reap(struct tcp_stack *s, struct tcp *t)
{
	if (t->state != TCP_CLOSED || t->flags & (T_OWNED | T_RST | T_READY) || t->events)
		return;
	conn_free(s, t);
}

void close_done(struct tcp_stack *s, struct tcp *t, int error)
{
	timer_stop(s, t);
	if (t->state == TCP_ESTABLISHED || t->state == TCP_CLOSE_WAIT)
		s->cfg.mib->EstabResets++; /* RFC 4022: whoever resets it */
	close_uncount(s, t);
	if (t->flags & T_HASHED)
		sg_flow_release(&s->cfg.flows, t->hash, &t->tuple);
	close_unhash(s, t);
	syn_leave(s, t);
	t->flags &= ~(__u32)T_PROBE;
	if (t->state != TCP_TIME_WAIT) /* the peer's FIN may still be to be acknowledged */
		t->flags &= ~(__u32)T_ACK_NOW;
	buf_clear(s, &t->snd);
	flight_close(s, t);
	reasm_clear(s, t);
	t->error = (__s16)error;
	state_set(t, TCP_CLOSED);
	if (t->flags & T_OWNED && !(t->flags & T_WAITING))
		event_post(s, t, error ? TCP_EV_CLOSED : TCP_EV_READ);
	close_reap(s, t);
}

void close_uncount(struct tcp_stack *s, struct tcp *t)
{
	if (t->flags & T_UNOWNED)
		s->orphans--;
	t->flags &= ~(__u32)T_UNOWNED;
}

/* Work goes on without an application: so many may, and who comes too many is reset. */
static bool close_may_go_on(struct tcp_stack *s, struct tcp *t)
{
	if (s->orphans >= knobs(s)->tcp_max_orphans) {
		s->cfg.mib->TCPAbortOnMemory++;
		close_reset(s, t, -ECONNRESET);
		return false;
	}
	t->flags |= T_UNOWNED;
	s->orphans++;
	return true;
}

void close_in_order(struct tcp_stack *s, const struct tcp *t)
{
	__u64 mark;

	if (!t->srtt || t->backoff) /* Linux's tcp_update_metrics */
		return;
	mark = sg_proven_mark(&s->cfg.key.sip, &t->tuple, SG_PROVEN_CLOSED);
	sg_proven_add(&s->cfg.proven[sg_proven_bucket(mark)], mark, t->iss.v);
}

void close_reset(struct tcp_stack *s, struct tcp *t, int error)
{
	t->flags |= T_RST;
	output_ready(s, t);
	close_done(s, t, error);
}

void close_fin(struct tcp_stack *s, struct tcp *t)
{
	t->flags |= T_FIN_QUEUED;
	state_set(t, t->state == TCP_CLOSE_WAIT ? TCP_LAST_ACK : TCP_FIN_WAIT_1);
	output_ready(s, t);
}

/* In SYN-SENT either way of it is the end, without a segment: Linux's inet_shutdown. */
int tcp_shutdown(struct tcp_stack *s, tcp_id id, sg_time now)
{
	struct tcp *t = conn_get(s, id);

	(void)now;
	if (!t)
		return -EBADF;
	if (t->state == TCP_CLOSED)
		return -ENOTCONN;
	step_begin(s, t);
	if (t->state == TCP_SYN_SENT)
		close_done(s, t, -ECONNRESET);
	else if (t->state == TCP_ESTABLISHED || t->state == TCP_CLOSE_WAIT)
		close_fin(s, t);
	else
		t->flags |= T_FIN_QUEUED; /* SYN-RECEIVED: it waits for the handshake (3.10.4) */
	step_end(s);
	return 0;
}

/* As in Linux: what is buffered and what comes can still be read, and the end comes at once. */
int tcp_shutdown_read(struct tcp_stack *s, tcp_id id)
{
	struct tcp *t = conn_get(s, id);

	if (!t)
		return -EBADF;
	if (t->state == TCP_CLOSED)
		return -ENOTCONN;
	step_begin(s, t);
	if (t->state == TCP_SYN_SENT) {
		close_done(s, t, -ECONNRESET);
	} else {
		t->flags |= T_READ_END;
		event_post(s, t, TCP_EV_READ);
	}
	step_end(s);
	return 0;
}

/* Without an owner; in which states there is still work to do. */
static void close_orphan(struct tcp_stack *s, struct tcp *t, sg_time now)
{
	switch ((enum tcp_state)t->state) {
	case TCP_SYN_RCVD: /* the FIN goes at once (RFC 9293 3.10.4): nothing could be buffered */
	case TCP_ESTABLISHED:
	case TCP_CLOSE_WAIT:
		if (close_may_go_on(s, t))
			close_fin(s, t);
		return;
	case TCP_FIN_WAIT_2:
		orphan_enter(s, t, now);
		return;
	case TCP_SYN_SENT:
		close_done(s, t, 0);
		return;
	case TCP_CLOSED:
		close_reap(s, t);
		return;
	case TCP_FIN_WAIT_1:
	case TCP_CLOSING:
	case TCP_LAST_ACK:
		close_may_go_on(s, t);
		return;
	case TCP_LISTEN:
	case TCP_TIME_WAIT:
		return;
	}
}

/* States in which a connection that is cut off owes its peer a RST (Linux's tcp_need_reset). */
static bool close_needs_reset(const struct tcp *t)
{
	return t->state == TCP_ESTABLISHED || t->state == TCP_CLOSE_WAIT ||
	       t->state == TCP_FIN_WAIT_1 || t->state == TCP_FIN_WAIT_2 ||
	       t->state == TCP_SYN_RCVD;
}

static void close_conn(struct tcp_stack *s, struct tcp *t, sg_time now)
{
	bool unread = t->rcv.len > 0;

	t->flags &= ~(__u32)T_OWNED;
	t->flags |= T_RCV_SHUT;
	buf_clear(s, &t->rcv);
	reasm_clear(s, t);
	if (unread && t->state != TCP_CLOSED) {
		s->cfg.mib->TCPAbortOnClose++;
		close_reset(s, t, -ECONNRESET);
		return;
	}
	if (t->flags & T_LINGER0 && t->state != TCP_CLOSED) {
		s->cfg.mib->TCPAbortOnData++;
		if (close_needs_reset(t))
			close_reset(s, t, -ECONNRESET);
		else
			close_done(s, t, -ECONNRESET);
		return;
	}
	timer_life(s, t, SG_NEVER); /* nobody is left who would want it kept alive */
	close_orphan(s, t, now);
}

int tcp_close(struct tcp_stack *s, tcp_id id, sg_time now)
{
	struct tcp *t = conn_get(s, id);

	if (!t)
		return -EBADF;
	step_begin(s, t);
	close_conn(s, t, now);
	step_end(s);
	return 0;
}

int tcp_abort(struct tcp_stack *s, tcp_id id, sg_time now)
{
	struct tcp *t = conn_get(s, id);

	(void)now;
	if (!t)
		return -EBADF;
	step_begin(s, t);
	t->flags &= ~(__u32)T_OWNED;
	if (t->state == TCP_CLOSED)
		close_reap(s, t);
	else if (close_needs_reset(t))
		close_reset(s, t, -ECONNRESET);
	else /* RFC 9293 3.10.5 */
		close_done(s, t, 0);
	step_end(s);
	return 0;
}
