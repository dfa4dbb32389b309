/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Stage 2: whose segment is this? Flows first, then listeners, exact before wildcard. And: is its
 * peer one that is allowed or denied?
 */
#ifndef BPF_LISTENER_H
#define BPF_LISTENER_H

#include "parse.h"
#include "syngate/flow.h"

/* SG_PORT_*: one cached word, for all the traffic that is not ours. */
SG_INLINE __u32 port_bits(const struct packet *p)
{
	__u32 word = p->tuple.lport / 32;
	__u64 *bits = bpf_map_lookup_elem(&ports, &word);

	return bits ? (__u32)(SG_READ_ONCE(*bits) >> p->tuple.lport % 32 * 2) & 3 : 0;
}

SG_INLINE int port_is_ours(const struct packet *p)
{
	return port_bits(p) & SG_PORT_OURS;
}

/* The kernel gets a SYN to this port: what follows is to be asked for. */
SG_INLINE void port_is_kernels(const struct packet *p)
{
	__u32 word = p->tuple.lport / 32;
	__u64 bit = (__u64)SG_PORT_KERNEL << p->tuple.lport % 32 * 2;
	__u64 *bits = bpf_map_lookup_elem(&ports, &word);

	if (bits && !(SG_READ_ONCE(*bits) & bit))
		__sync_fetch_and_or(bits, bit);
}

/* The numbers that go with it, when they are asked for. */
SG_INLINE void tuple_numbers(const struct sg_tuple *t, struct sg_hash *h)
{
	__u32 zero = 0;
	struct sg_keys *k = bpf_map_lookup_elem(&keys, &zero);

	if (k)
		sg_tuple_numbers(&k->tuple, t, h);
}

/* Its place in tables. 0, or -1: no key, which cannot be. */
SG_INLINE int tuple_hash(const struct sg_tuple *t, struct sg_hash *h)
{
	__u32 zero = 0;
	struct sg_keys *k = bpf_map_lookup_elem(&keys, &zero);

	if (!k || !t || !h)
		return -1;
	h->table = sg_tuple_table(&k->tuple, t);
	return 0;
}

/* Is way `way` of this bucket this tuple's? */
SG_INLINE int flow_is(__u32 bucket, __u32 way, const struct sg_tuple *t)
{
	struct sg_flow_tuples *f = bpf_map_lookup_elem(&flow_tuples, &bucket);

	return f && way < SG_WAYS && sg_tuple_eq(&f->tuple[way], t);
}

SG_INLINE int flow_find_in(const struct sg_ways *w, __u32 bucket, __u32 tag,
			   const struct sg_tuple *t)
{
	int owner = -1;

	SG_UNROLL
	for (__u32 i = 0; i < SG_WAYS; i++) {
		__u64 word = SG_READ_ONCE(w->slot[i]);

		if (sg_slot_hit(word, tag) && flow_is(bucket, i, t)) {
			owner = sg_slot_info(word);
			break;
		}
	}
	return owner;
}

/* The worker that has this flow, if its first bucket is anybody's, or -1. */
STAGE int flow_find_at(const struct sg_tuple *t, __u32 tag)
{
	__u32 bucket = sg_bucket_first(tag, flow_buckets);
	struct sg_ways *w = bpf_map_lookup_elem(&flows, &bucket);
	int owner;

	if (!t || !w)
		return -1;
	owner = flow_find_in(w, bucket, tag, t);
	if (owner >= 0 || !SG_READ_ONCE(w->spilled))
		return owner;
	bucket = sg_bucket_second(tag, flow_buckets);
	w = bpf_map_lookup_elem(&flows, &bucket);
	return w ? flow_find_in(w, bucket, tag, t) : -1;
}

/*
 * The worker that has this flow, or -1. A table that is not nearly full is asked by one byte, which is
 * in a cache.
 */
SG_INLINE int flow_find(const struct sg_tuple *t, __u32 tag)
{
	__u32 bucket = sg_bucket_first(tag, flow_buckets), word = bucket / 8;
	struct sg_flow_homes *h = bpf_map_lookup_elem(&flow_homes, &word);

	if (h && !SG_READ_ONCE(h->flows[bucket % 8]))
		return -1;
	return flow_find_at(t, tag);
}

SG_INLINE const struct sg_listener *listener_open(const struct sg_listener_key *k)
{
	const struct sg_listener *l = bpf_map_lookup_elem(&listeners, k);

	return l && l->state == SG_LISTENER_OPEN ? l : 0;
}

SG_INLINE int listener_addr_is_local(const struct sg_addr *a)
{
	struct sg_prefix k = {.prefix = 128, .addr = *a};

	return bpf_map_lookup_elem(&locals, &k) != 0;
}

STAGE enum sg_list peer_list(const struct packet *p)
{
	struct sg_prefix k = {.prefix = 128};
	const struct sg_listed *l;

	if (!p)
		return SG_LIST_NONE;
	k.addr = p->tuple.peer;
	l = bpf_map_lookup_elem(&prefixes, &k);
	return l && !l->v6 == !p->v6 ? l->list : SG_LIST_NONE;
}

SG_INLINE int peer_is_denied(const struct packet *p, const struct sg_settings *set)
{
	return SG_READ_ONCE(set->denied) && peer_list(p) == SG_LIST_DENY;
}

SG_INLINE int peer_is_allowed(const struct packet *p, const struct sg_settings *set)
{
	return SG_READ_ONCE(set->allowed) && peer_list(p) == SG_LIST_ALLOW;
}

#define LISTENERS_SEEN 16

/* What a search found, for the segments to come: they go to few addresses and ports. */
struct listener_seen {
	struct sg_listener_key key;
	__u32 generation; /* sg_settings.generation of that time */
	enum sg_verdict why; /* none, and why */
	__u32 beside;	  /* id of the wildcard one, if there is one: its entries from before count */
	struct sg_listener l;
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, LISTENERS_SEEN);
	__type(key, __u32);
	__type(value, struct listener_seen);
} listeners_seen SEC(".maps");

/* Exact before wildcard; a wildcard one takes what is to the host itself, no more. */
STAGE int listener_search(const struct packet *p, struct listener_seen *s)
{
	const struct sg_listener *l, *any;
	struct sg_listener_key k = {};

	if (!p || !s)
		return 0;
	s->key = (struct sg_listener_key){.addr = p->tuple.local, .port = p->tuple.lport};
	s->why = SG_V_PASS_NO_LISTENER;
	s->l.state = SG_LISTENER_CLOSED;
	k.port = p->tuple.lport;
	l = listener_open(&s->key);
	any = listener_open(&k);
	if (!l && any && !listener_addr_is_local(&p->tuple.local)) {
		s->why = SG_V_PASS_NOT_LOCAL;
		return 0;
	}
	if (!l)
		l = any;
	if (l) {
		s->l = *l;
		s->beside = any ? any->id : l->id;
	}
	return 0;
}

/* The listener, or none and `why`. */
SG_INLINE const struct listener_seen *listener_find(const struct packet *p,
						    const struct sg_settings *set,
						    enum sg_verdict *why)
{
	__u32 at = (p->tuple.lport ^ p->tuple.local.addr[15]) % LISTENERS_SEEN;
	struct listener_seen *s = bpf_map_lookup_elem(&listeners_seen, &at);
	__u32 now = SG_READ_ONCE(set->generation);

	if (!s)
		return 0;
	if (s->generation != now || s->key.port != p->tuple.lport ||
	    !sg_addr_eq(&s->key.addr, &p->tuple.local)) {
		listener_search(p, s);
		s->generation = now; /* read before: what changed meanwhile is seen next time */
	}
	*why = s->why;
	return s->l.state == SG_LISTENER_OPEN ? s : 0;
}

#endif
