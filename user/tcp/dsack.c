/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * D-SACK, RFC 2883: the first block of the next ACK tells of data that came twice, so that the
 * sender learns which of its retransmissions were needless.
 */
#include "tcp/stack.h"

void dsack_note(struct tcp_stack *s, struct tcp *t, sg_seq left, sg_seq right)
{
	if (!(t->flags & T_SACK) || !seq_before(left, right))
		return;
	if (seq_before(left, t->rcv_nxt))
		s->cfg.mib->TCPDSACKOldSent++;
	else
		s->cfg.mib->TCPDSACKOfoSent++;
	t->flags |= T_DSACK;
	t->dsack_left = left;
	t->dsack_right = right;
}

void dsack_extend(struct tcp_stack *s, struct tcp *t, sg_seq left, sg_seq right)
{
	if (!(t->flags & T_DSACK)) {
		dsack_note(s, t, left, right);
	} else if (!seq_after(left, t->dsack_right) && !seq_after(t->dsack_left, right)) {
		t->dsack_left = seq_before(left, t->dsack_left) ? left : t->dsack_left;
		t->dsack_right = seq_max(t->dsack_right, right);
	}
}

void dsack_note_old(struct tcp_stack *s, struct tcp *t, const struct seg *in)
{
	sg_seq end = seq_add(in->seq, seg_space(in));

	if (seq_before(in->seq, t->rcv_nxt))
		dsack_note(s, t, in->seq, seq_after(end, t->rcv_nxt) ? t->rcv_nxt : end);
}

void dsack_block(struct tcp *t, struct seg *out)
{
	t->flags &= ~(__u32)T_DSACK;
	out->sack[0].left = t->dsack_left;
	out->sack[0].right = t->dsack_right;
	out->opt.nsack = 1;
}
