/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The path MTUs that ICMP errors told, by peer, for mtu_expires seconds: connections to come
 * begin with them. A small table in the stack; when a bucket is full the oldest goes.
 */
#include "tcp/stack.h"

static struct pmtu *pmtu_bucket(const struct tcp_stack *s, __u64 peer)
{
	return (struct pmtu *)(size_t)s->pmtu[(peer >> 1) % PMTU_BUCKETS];
}

/* The entry of `peer`, or the one that gives way to it. */
static struct pmtu *pmtu_place(const struct tcp_stack *s, __u64 peer)
{
	struct pmtu *b = pmtu_bucket(s, peer), *old = b;

	for (int i = 0; i < PMTU_WAYS; i++) {
		if (b[i].peer == peer)
			return &b[i];
		if (b[i].until < old->until)
			old = &b[i];
	}
	return old;
}

void pmtu_learn(struct tcp_stack *s, const struct sg_tuple *t, __u32 mtu, sg_time now)
{
	__u64 peer = sg_proven_mark(&s->cfg.key.sip, t, SG_PROVEN_CLOSED);
	struct pmtu *p = pmtu_place(s, peer);

	if (p->peer == peer && p->until > now && p->mtu < mtu)
		return;
	*p = (struct pmtu){peer, now + knobs(s)->mtu_expires * SG_SEC, mtu};
	if (p->until > s->pmtu_until)
		s->pmtu_until = p->until;
}

__u32 pmtu_find(const struct tcp_stack *s, const struct sg_tuple *t, sg_time now)
{
	const struct pmtu *p;
	__u64 peer;

	if (s->pmtu_until <= now)
		return 0;
	peer = sg_proven_mark(&s->cfg.key.sip, t, SG_PROVEN_CLOSED);
	p = pmtu_place(s, peer);
	return p->peer == peer && p->until > now ? p->mtu : 0;
}
