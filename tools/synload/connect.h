/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What an answer means: counted, timed, and for a connection of ours, what is to be sent. */
#ifndef SYNLOAD_CONNECT_H
#define SYNLOAD_CONNECT_H

#include "answer.h"

/* --- latency -------------------------------------------------------------------------------- */

SG_INLINE void latency_count(struct sl_stats *s, __u32 us)
{
	__u32 i = sl_bucket(us);

	if (i < SL_BUCKETS)
		s->latency[i]++;
	if (us > s->max_us)
		s->max_us = us;
}

/* --- without connections -------------------------------------------------------------------- */

/* The SYN's time is its ISN. */
SG_INLINE void count_synack(struct sl_stats *s, const struct answer_in *in, __u32 now)
{
	__u32 us = now - (in->ack - 1);

	if (us >= SL_LATE_US) {
		s->again++;
		return;
	}
	s->answered++;
	latency_count(s, us);
}

SG_INLINE void count_kind(struct sl_stats *s, const struct answer_in *in)
{
	if (in->flags & SG_RST)
		s->rst++;
	else if (in->flags & SG_SYN)
		s->synack++;
	else if (in->flags & SG_FIN)
		s->fin++;
	else if (in->len)
		s->data++;
	else
		s->ack++;
}

/* --- with ------------------------------------------------------------------------------------ */

SG_INLINE struct sl_slot *connect_find(const struct answer_in *in)
{
	struct sl_slot *c = slot_get((in->ack - 1) >> SL_SLOT_SHIFT);
	__u32 name = (__u32)in->port << 16 | sg_get16(in->us.addr + 14);

	return c && c->state != SL_NONE && c->name == name ? c : NULL;
}

/* What we have sent when the connection is in that state, and the FIN last. */
SG_INLINE __u32 connect_snd_nxt(const struct answer_in *in)
{
	return ((in->ack - 1) & ~((1u << SL_SLOT_SHIFT) - 1)) + 1 + config.request_len;
}

SG_INLINE int connect_synack(struct xdp_md *ctx, struct sl_stats *s, struct sl_slot *c,
			     const struct answer_in *in, __u32 now)
{
	struct answer a = {.seq = in->ack, .ack = in->seq + 1, .flags = SG_ACK};

	if (c->state == SL_SYN_SENT) {
		c->state = SL_OPEN;
		c->rcv_nxt = in->seq + 1;
		s->answered++;
		if (config.mode == SL_HANDSHAKE) {
			s->completed++;
			latency_count(s, now - c->sent_us);
		}
	} else {
		s->again++;
		if (c->state != SL_OPEN)
			return XDP_DROP;
	}
	if (config.mode == SL_REQUEST) {
		a.request = 1;
		a.flags |= SG_PSH;
	}
	return answer_send(ctx, in, &a);
}

SG_INLINE void connect_data(struct sl_stats *s, struct sl_slot *c, const struct answer_in *in)
{
	if (c->state == SL_OPEN)
		c->state = in->class == '4' || in->class == '5' ? SL_BAD : SL_DATA_IN;
	c->rcv_nxt += in->len;
	s->bytes += in->len;
}

SG_INLINE void connect_fin(struct sl_stats *s, struct sl_slot *c, __u32 now)
{
	__u32 state = c->state;

	c->rcv_nxt++;
	c->state = SL_CLOSED;
	if (config.mode != SL_REQUEST)
		return;
	if (state != SL_DATA_IN) {
		s->bad++;
		return;
	}
	s->completed++;
	latency_count(s, now - c->sent_us);
}

/* In order, or not at all: what follows a hole is sent again. */
SG_INLINE int connect_segment(struct xdp_md *ctx, struct sl_stats *s, struct sl_slot *c,
			      const struct answer_in *in, __u32 now)
{
	struct answer a = {.seq = connect_snd_nxt(in), .flags = SG_ACK};

	if (c->state == SL_SYN_SENT || c->state == SL_RESET)
		return XDP_DROP;
	if (in->seq == c->rcv_nxt && c->state != SL_CLOSED) {
		if (in->len)
			connect_data(s, c, in);
		if (in->flags & SG_FIN)
			connect_fin(s, c, now);
	}
	if (in->seq == c->rcv_nxt && !in->len && !(in->flags & SG_FIN))
		return XDP_DROP; /* nothing that wants an acknowledgment */
	a.ack = c->rcv_nxt;
	if (c->state == SL_CLOSED)
		a.flags |= SG_FIN;
	return answer_send(ctx, in, &a);
}

SG_INLINE int connect_reset(struct sl_stats *s, struct sl_slot *c)
{
	if (c->state == SL_SYN_SENT || (config.mode == SL_REQUEST && c->state < SL_CLOSED))
		s->refused++;
	c->state = SL_RESET;
	return XDP_DROP;
}

SG_INLINE int connect_receive(struct xdp_md *ctx, struct sl_stats *s, const struct answer_in *in,
			      __u32 now)
{
	struct sl_slot *c = connect_find(in);

	if (!(in->flags & SG_ACK))
		return XDP_DROP; /* a RST that says nothing of whom it means */
	if (!c) {
		s->stray += !config.most; /* or its slot is another's by now */
		return XDP_DROP;
	}
	if (in->flags & SG_RST)
		return connect_reset(s, c);
	if (in->flags & SG_SYN)
		return connect_synack(ctx, s, c, in, now);
	return connect_segment(ctx, s, c, in, now);
}

#endif
