/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The XDP program: every frame of the interface comes through here, one stage a header,
 * and ends in exactly one verdict (syngate/verdict.h).
 *
 *	parse -> flow -> listener -> half-open entry -> admit -> synack
 *	                                             \-> complete -> steer
 */
#include "complete.h"

/* No live worker, and the kernel is to have what is new. */
SG_INLINE int pass_instead(struct xdp_md *ctx, const struct packet *p, const struct sg_settings *set,
			   const struct request *rq)
{
	if (!fail_open(ctx, set, rq->now_ms))
		return 0;
	port_is_kernels(p);
	return 1;
}

/* To a listener, of no known flow and without an entry. */
SG_INLINE enum sg_verdict newcomer(struct xdp_md *ctx, const struct packet *p,
				   const struct sg_settings *set, struct request *rq)
{
	int syn = (p->flags & (SG_SYN | SG_ACK | SG_RST | SG_FIN)) == SG_SYN;
	int bad;

	if (flow_now(p, rq))
		return SG_V_STEER_FLOW;
	if (syn && pass_instead(ctx, p, set, rq))
		return SG_V_PASS_FAIL_POLICY;
	if (port_bits(p) & SG_PORT_KERNEL && kernel_has(ctx, p))
		return SG_V_PASS_KERNEL_FLOW;
	if (!syn && pass_instead(ctx, p, set, rq))
		return SG_V_PASS_FAIL_POLICY; /* the ACK of a cookie of the kernel's, perhaps */
	if (!sg_flags_are_valid(p->flags))
		return SG_V_BAD_FLAGS;
	if (!sg_tuple_is_valid(&p->tuple))
		return SG_V_BAD_ADDRESS;
	if (!syn)
		return other(ctx, p, rq, set);
	bad = verify(ctx, p, &rq->r, set->verify_checksum);
	if (bad)
		return bad;
	return options_read(&rq->r) ? SG_V_BAD_OPTION : admit(ctx, p, rq);
}

SG_INLINE int queue_has_entries(__u32 listener)
{
	struct sg_queue *q = bpf_map_lookup_elem(&queues, &listener);

	return q && SG_READ_ONCE(q->halfopen);
}

/* To a listener, of no known flow. */
SG_INLINE enum sg_verdict request(struct xdp_md *ctx, const struct packet *p,
				  const struct sg_settings *set, struct request *rq)
{
	int at = -1, bad;

	if (p->flags == SG_SYN && set->tcp_syncookies < 2)
		halfopen_expect(rq->h.table);
	request_clock(rq);
	if (queue_has_entries(rq->l.id) ||
	    (rq->beside != rq->l.id && queue_has_entries(rq->beside)))
		at = halfopen_find(&p->tuple, rq->h.table);
	if (at < 0)
		return newcomer(ctx, p, set, rq);
	if (!sg_flags_are_valid(p->flags))
		return SG_V_BAD_FLAGS;
	bad = verify(ctx, p, &rq->r, set->verify_checksum);
	if (bad)
		return bad;
	return options_read(&rq->r) ? SG_V_BAD_OPTION : complete(ctx, p, rq, (__u32)at);
}

SG_INLINE enum sg_verdict tcp(struct xdp_md *ctx, const struct packet *p,
			      const struct sg_settings *set, struct request *rq)
{
	enum sg_verdict why = SG_V_PASS_NO_LISTENER;
	const struct listener_seen *l;
	int owner;

	if (!port_is_ours(p) || tuple_hash(&p->tuple, &rq->h))
		return SG_V_PASS_NO_LISTENER;
	owner = flow_find(&p->tuple, rq->h.table);
	if (owner >= 0) {
		if (peer_is_denied(p, set))
			return SG_V_DENIED;
		steer_flow(&rq->m, p, owner, SG_META_FLOW);
		return p->fault ? p->fault : SG_V_STEER_FLOW;
	}
	l = listener_find(p, set, &why);
	if (!l)
		return why; /* not ours: the kernel sees it untouched */
	if (peer_is_denied(p, set))
		return SG_V_DENIED;
	if (p->fault)
		return p->fault;
	rq->l = l->l;
	rq->beside = l->beside;
	return request(ctx, p, set, rq);
}

SG_INLINE enum sg_verdict icmp(struct xdp_md *ctx, const struct packet *p, struct request *rq)
{
	int owner = icmp_owner(ctx, p);

	if (owner < 0)
		return SG_V_PASS_NOT_TCP;
	steer_flow(&rq->m, p, owner, SG_META_ICMP);
	return SG_V_STEER_ICMP;
}

SG_INLINE enum sg_verdict decide(struct xdp_md *ctx, struct packet *p, struct request *rq)
{
	const struct sg_settings *set = settings_get();

	if (!set)
		return SG_V_PASS_NO_LISTENER;
	switch (parse(ctx, set, p)) {
	case PARSED_TCP:
		return tcp(ctx, p, set, rq);
	case PARSED_ICMP:
		return icmp(ctx, p, rq);
	case PARSED_OTHER:
		return SG_V_PASS_NOT_TCP;
	case PARSED_NOT_LOCAL:
		return SG_V_PASS_NOT_LOCAL;
	case PARSED_FRAGMENT:
		return SG_V_PASS_LATER_FRAGMENT;
	}
	return SG_V_PASS_NOT_TCP;
}

SG_INLINE void verdict_count(enum sg_verdict v)
{
	__u32 zero = 0;
	__u64 *c = bpf_map_lookup_elem(&counters, &zero);

	if (c && v < SG_VERDICT_COUNT)
		c[v]++;
}

SG_INLINE int finish(enum sg_verdict v, int action)
{
	verdict_count(v);
	return action;
}

/* The list of verdicts is in this order: passed, answered, handed over, dropped. */
SEC("xdp.frags")
int front(struct xdp_md *ctx)
{
	struct request *rq = request_get();
	struct packet p = {};
	enum sg_verdict v;

	if (!rq)
		return XDP_PASS;
	v = decide(ctx, &p, rq);
	if (v <= SG_V_PASS_FAIL_POLICY)
		return finish(v, XDP_PASS);
	if (v <= SG_V_ACK_CHALLENGED)
		return answer(ctx, &p, &rq->a) ? finish(SG_V_TX_FAILED, XDP_DROP)
					       : finish(v, XDP_TX);
	if (v <= SG_V_STEER_ICMP)
		return steer(ctx, &rq->m) ? finish(SG_V_NO_SOCKET, XDP_DROP)
					  : finish(v, XDP_REDIRECT);
	return finish(v, XDP_DROP);
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
