/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Urgent data, RFC 9293 3.8.5 and RFC 6093: it is read in line, as data like other. What there
 * is beside it is a mark, the place behind it: the application is told when the mark moves on
 * (MUST-32) and can ask how far it is (MUST-33).
 */
#include "tcp/stack.h"

/* The first byte that the application has not read. */
static sg_seq urgent_read_to(const struct tcp *t)
{
	return seq_add(t->rcv_nxt, -(t->rcv.len + !!(t->flags & T_FIN_RCVD)));
}

/* A segment with URG: news, if anything up to its mark is still to come. */
void urgent_arrived(struct tcp_stack *s, struct tcp *t, const struct seg *in)
{
	sg_seq mark = seq_add(in->seq, in->urg);

	if (t->flags & T_FIN_RCVD || !seq_after(mark, t->rcv_nxt))
		return;
	if (t->flags & T_URGENT && !seq_after(mark, t->rcv_up))
		return;
	t->rcv_up = mark;
	t->flags |= T_URGENT;
	event_post(s, t, TCP_EV_URGENT);
}

__u32 urgent_left(const struct tcp *t)
{
	__s32 left = seq_diff(t->rcv_up, urgent_read_to(t));

	return t->flags & T_URGENT && left > 0 ? (__u32)left : 0;
}

/* The application has read: past the mark there is none any more. */
void urgent_read(struct tcp *t)
{
	if (urgent_left(t) == 0)
		t->flags &= ~(__u32)T_URGENT;
}
