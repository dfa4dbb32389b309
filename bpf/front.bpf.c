/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The XDP program: every frame of the interface comes through here, one stage a header,
 * and ends in exactly one verdict (syngate/verdict.h).
 *
 *	parse -> flow -> listener -> half-open entry -> admit -> synack
 *	                                             \-> complete -> steer
 */
#include "complete.h"

/* To a listener, of no known flow. */
SG_INLINE enum sg_verdict request(struct xdp_md *ctx, const struct packet *p,
				  const struct sg_settings *set, struct request *rq)
{
	int syn = (p->flags & (SG_SYN | SG_ACK | SG_RST | SG_FIN)) == SG_SYN;
	int at, bad;

	rq->now_ms = clock_ms();
	rq->now = (__u32)rq->now_ms;
	at = halfopen_find(&p->tuple, rq->h.table);
	if (at < 0 && flow_now(p, rq))
		return SG_V_STEER_FLOW;
	if (at < 0 && syn && fail_open(ctx, set, rq->now_ms))
		return SG_V_PASS_FAIL_POLICY;
	if (at < 0 && (!syn || ask_kernel_on_syn) && kernel_has(ctx, p))
		return SG_V_PASS_KERNEL_FLOW;
	if (at < 0 && !syn && fail_open(ctx, set, rq->now_ms))
		return SG_V_PASS_FAIL_POLICY; /* the ACK of a cookie of the kernel's, perhaps */
	bad = verify(ctx, p, &rq->r, set->verify_checksum);
	if (bad)
		return bad;
	if (at < 0 && !syn)
		return other(ctx, p, rq, set);
	if (options_read(&rq->r))
		return SG_V_BAD_OPTION;
	return at < 0 ? admit(ctx, p, rq) : complete(ctx, p, rq, (__u32)at);
}

SG_INLINE enum sg_verdict tcp(struct xdp_md *ctx, const struct packet *p,
			      const struct sg_settings *set, struct request *rq)
{
	enum sg_verdict why = SG_V_PASS_NO_LISTENER;
	const struct sg_listener *l;
	int owner;

	if (!port_is_ours(p) || tuple_hash(&p->tuple, &rq->h))
		return SG_V_PASS_NO_LISTENER;
	owner = flow_find(&p->tuple, rq->h.table);
	if (owner >= 0) {
		steer_flow(&rq->m, p, owner, SG_META_FLOW);
		return p->fault ? p->fault : SG_V_STEER_FLOW;
	}
	l = listener_find(p, &why);
	if (!l)
		return why; /* not ours: the kernel sees it untouched */
	if (p->fault)
		return p->fault;
	rq->l = *l;
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
