/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Stage: to the worker of this RX queue, with what the driver knows in front of the frame. */
#ifndef BPF_STEER_H
#define BPF_STEER_H

#include "listener.h"
#include "syngate/cookie.h"

SG_INLINE void steer_flow(struct sg_meta *m, const struct packet *p, int owner, __u8 kind)
{
	*m = (struct sg_meta){
		.magic = SG_META_MAGIC,
		.kind = kind,
		.owner = (__u16)owner,
		.l3_off = p->l3_off,
		.l4_off = p->l4_off,
	};
}

SG_INLINE void steer_handshake(struct sg_meta *m, const struct packet *p,
			       const struct sg_halfopen *e, __u32 index, __u64 word)
{
	*m = (struct sg_meta){
		.magic = SG_META_MAGIC,
		.kind = SG_META_HANDSHAKE,
		.opts = e->opts,
		.slot = index,
		.gen = sg_slot_gen(word),
		.listener = sg_synq_listener(e),
		.irs = e->irs,
		.when = e->when,
		.tsval = e->tsval,
		.mss = e->mss,
		.l3_off = p->l3_off,
		.l4_off = p->l4_off,
	};
}

SG_INLINE void steer_cookie(struct sg_meta *m, const struct packet *p, __u32 listener,
			    const struct sg_cookie *c)
{
	*m = (struct sg_meta){
		.magic = SG_META_MAGIC,
		.kind = SG_META_COOKIE,
		.opts = c->opts,
		.listener = (__u16)listener,
		.irs = p->seq - 1,
		.mss = c->mss,
		.l3_off = p->l3_off,
		.l4_off = p->l4_off,
	};
}

/*
 * To our own queue's socket only: a redirect to a socket that is bound to another queue
 * delivers nothing. Without a socket the frame is dropped: the kernel would reset the
 * connection. A driver without metadata leaves it to the worker to look the frame up.
 * Returns 0, or -1: no socket.
 */
SG_INLINE int steer(struct xdp_md *ctx, const struct sg_meta *m)
{
	if (!bpf_xdp_adjust_meta(ctx, -(int)sizeof(*m))) {
		struct sg_meta *to = (void *)(long)ctx->data_meta;

		if ((void *)(to + 1) <= (void *)(long)ctx->data)
			*to = *m;
	}
	return bpf_redirect_map(&xsks, ctx->rx_queue_index, XDP_DROP) == XDP_REDIRECT ? 0 : -1;
}

/* Destination unreachable, time exceeded, packet too big, parameter problem. */
SG_INLINE int icmp_is_error(const struct packet *p, __u8 type)
{
	if (p->v6)
		return type >= 1 && type <= 4;
	return type == 3 || type == 11 || type == 12;
}

/* The tuple of the segment that an ICMP error quotes: its source is us. */
SG_INLINE int icmp_quoted(struct xdp_md *ctx, const struct packet *p, struct packet *q)
{
	void *data = (void *)(long)ctx->data;
	struct cursor c = {data + (p->l4_off & PARSE_MAX_L4_OFF), (void *)(long)ctx->data_end};
	__u8 *type = c.pos;
	__u16 *port;

	if (c.pos + 8 > c.end || !icmp_is_error(p, *type))
		return -1;
	c.pos += 8;
	if ((p->v6 ? parse_ip6(&c, q, 1) : parse_ip4(&c, q, 1)) != PARSED_TCP)
		return -1;
	port = c.pos;
	if ((void *)(port + 2) > c.end)
		return -1;
	q->tuple.lport = bpf_ntohs(port[0]);
	q->tuple.pport = bpf_ntohs(port[1]);
	q->tuple.vlan[0] = p->tuple.vlan[0];
	q->tuple.vlan[1] = p->tuple.vlan[1];
	return 0;
}

/* The owner of the flow that an ICMP error is about, or -1: not ours. */
STAGE int icmp_owner(struct xdp_md *ctx, const struct packet *p)
{
	struct packet q = {};
	struct sg_hash h = {};

	if (!p || p->fault || icmp_quoted(ctx, p, &q) || !port_is_ours(&q) ||
	    tuple_hash(&q.tuple, &h))
		return -1;
	return flow_find(&q.tuple, h.table);
}

#endif
