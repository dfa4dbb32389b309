/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The sender. BPF_PROG_TEST_RUN calls it over and over with frames that it recycles, changed as
 * they come back; so each is written whole.
 */
#ifndef SYNLOAD_SEND_H
#define SYNLOAD_SEND_H

#include "maps.h"
#include "source.h"
#include "syngate/csum.h"

#define SEND_LAG   (1000000000ull << SL_NS_SHIFT) /* what is later is given up */
#define SEND_DEPTH (30000ull << SL_NS_SHIFT)

/* --- the schedule --------------------------------------------------------------------------- */

/* Unpaced, a clock that is read every 16 frames is good enough, and they go out faster. */
SG_INLINE __u64 send_clock(struct sl_sender *t)
{
	if (config.gap || (t->drawn++ & 15) == 0)
		t->now = bpf_ktime_get_ns();
	if (!t->begin)
		t->begin = t->now;
	return t->now - t->begin;
}

/*
 * Frames that are late follow each other by three quarters of the gap, reckoned over the last
 * 30 us: so long does a receiver that shares our processor take it away.
 */
SG_INLINE int send_is_early(struct sl_sender *t, __u64 at)
{
	__u64 since = at > SEND_DEPTH ? at - SEND_DEPTH : 0;

	if (at < t->due || at < t->earliest)
		return 1;
	if (at - t->due > SEND_LAG)
		t->due = at - SEND_LAG;
	t->due += config.gap;
	t->earliest = (t->earliest > since ? t->earliest : since) + config.gap / 4 * 3;
	return 0;
}

/* Of the connections that may be under way, one that is not: its slot is the next one's. */
SG_INLINE int send_has_place(struct sl_sender *t)
{
	__u32 ended = config.mode == SL_HANDSHAKE ? SL_OPEN : SL_CLOSED;
	const struct sl_slot *s;

	if (++t->slot >= config.most)
		t->slot = 0;
	s = slot_get(t->slot);
	return s && (s->state == SL_NONE || s->state >= ended ||
		     clock_us(t->now) - s->sent_us >= SL_LOST_US);
}

/* May a frame go out? */
SG_INLINE int send_is_due(struct sl_sender *t)
{
	__u64 at;

	if (t->done)
		return 0;
	at = send_clock(t);
	if ((config.time && at >= config.time) || (config.count && t->sent >= config.count)) {
		t->done = 1;
		return 0;
	}
	if (config.most && !send_has_place(t))
		return 0;
	return !config.gap || !send_is_early(t, at << SL_NS_SHIFT);
}

/* --- the frame ------------------------------------------------------------------------------ */

struct numbers { /* network order */
	__u32 seq, ack, tsval, tsecr;
};

/* A SYN's ISN leads back from its answer: to the slot, or to the time at which it was sent. */
SG_INLINE int send_syn_numbers(const struct sl_sender *t, const struct source *s, struct numbers *n)
{
	__u32 us = clock_us(t->now), i = config.most ? t->slot : (__u32)t->sent & (SL_SLOTS - 1);
	struct sl_slot *slot;

	n->ack = 0;
	n->tsecr = 0;
	n->tsval = bpf_htonl(us);
	n->seq = bpf_htonl(us);
	if (!mode_connects())
		return 0;
	n->seq = bpf_htonl(i << SL_SLOT_SHIFT);
	slot = slot_get(i);
	if (!slot)
		return -1;
	slot->name = (__u32)s->port << 16 | sg_get16(s->addr.addr + 14);
	slot->sent_us = us;
	slot->rcv_nxt = 0;
	slot->state = SL_SYN_SENT;
	return 0;
}

SG_INLINE int send_numbers(const struct sl_sender *t, __u32 kind, const struct source *s,
			   struct numbers *n)
{
	__u64 r;

	if (kind == SL_SYN || kind == SL_LAND)
		return send_syn_numbers(t, s, n);
	r = sl_mix(t->sent ^ config.seed);
	n->seq = (__u32)r;
	n->ack = kind == SL_RST ? 0 : (__u32)(r >> 32);
	n->tsval = bpf_htonl(clock_us(t->now));
	n->tsecr = (__u32)(r >> 16);
	return 0;
}

/* LAND: from the target itself. */
SG_INLINE void send_source(struct source *s, __u32 kind, __u64 n)
{
	if (kind != SL_LAND) {
		source_make(s, n);
		return;
	}
	config_addr(s->addr.addr, &config.to);
	s->port = config.port;
}

/* Fragments of one number would be put together: RFC 791 3.2, RFC 8200 4.5. */
SG_INLINE __u16 send_fragment_id(void *data, __u32 id)
{
	if (config.v6) {
		sg_memcpy(data + 14 + 40 + 4, &id, 4);
		return 0;
	}
	sg_memcpy(data + 14 + 4, &id, 2);
	return (__u16)id;
}

SG_INLINE int send_ip(void *data, void *end, const struct source *s, const struct sl_template *t,
		      __u32 kind, __u32 id)
{
	__u64 sum = t->ip_sum;
	__u32 word;
	__u16 check;

	if (data + 14 + (config.v6 ? 48 : 20) > end)
		return -1;
	if (kind == SL_FRAGMENT)
		sum += send_fragment_id(data, id);
	if (config.v6) {
		sg_memcpy(data + 14 + 8, s->addr.addr, 16);
		return 0;
	}
	sg_memcpy(&word, s->addr.addr + 12, 4);
	sg_memcpy(data + 14 + 12, &word, 4);
	check = sg_csum_fold(sum + word);
	sg_memcpy(data + 14 + 10, &check, 2);
	return 0;
}

/* TSval and TSecr, RFC 7323 3.2. Without them `sum` stays. */
SG_INLINE int send_timestamps(void *data, void *end, const struct sl_template *t,
			      const struct numbers *n, __u64 *sum)
{
	__u32 off = t->ts_off & 127;
	void *ts = data + off;

	if (!off)
		return 0;
	if (ts + 8 > end)
		return -1;
	sg_memcpy(ts, &n->tsval, 4);
	sg_memcpy(ts + 4, &n->tsecr, 4);
	*sum += (__u64)n->tsval + n->tsecr;
	return 0;
}

/* Flags that no TCP sends, one set after another. */
static const __u8 send_bogus[8] = {
	0,
	SG_FIN,
	SG_FIN | SG_PSH | SG_URG,
	SG_SYN | SG_FIN,
	SG_SYN | SG_RST,
	SG_RST | SG_FIN,
	SG_SYN | SG_FIN | SG_ACK,
	SG_SYN | SG_FIN | SG_RST | SG_PSH | SG_ACK | SG_URG,
};

SG_INLINE int send_tcp(void *data, void *end, const struct source *s, const struct sl_template *t,
		       const struct numbers *n, __u8 flags)
{
	const __u32 *a = sg_addr_words(&s->addr);
	__u16 port = bpf_htons(s->port), check;
	__u64 sum = t->l4_sum + port + n->seq + n->ack + a[3];
	void *tcp = data + (t->l4_off & 127);

	if (config.v6)
		sum += (__u64)a[0] + a[1] + a[2];
	if (send_timestamps(data, end, t, n, &sum) || tcp + 20 > end)
		return -1;
	if (flags) { /* the template has none */
		*(__u8 *)(tcp + 13) = flags;
		sum += bpf_htons(flags);
	}
	check = sg_csum_fold(sum) ^ config.bad_checksum;
	sg_memcpy(tcp, &port, 2);
	sg_memcpy(tcp + 4, &n->seq, 4);
	sg_memcpy(tcp + 8, &n->ack, 4);
	sg_memcpy(tcp + 16, &check, 2);
	return 0;
}

/*
 * All of it, as the template has it and at its length. The frame comes longer than any of them:
 * the kernel takes over the length of a recycled frame only if a program changes it, and else
 * sends it as the last one that had it left it.
 */
SG_INLINE int send_copy(struct xdp_md *ctx, const struct sl_template *t)
{
	__u32 len = t->len, have = bpf_xdp_get_buff_len(ctx);

	if (len < 60 || len > SL_FRAME_MAX || len >= have)
		return -1;
	if (bpf_xdp_adjust_tail(ctx, -(int)(have - len)))
		return -1;
	return (int)bpf_xdp_store_bytes(ctx, 0, (void *)t->frame, len);
}

SG_INLINE int send_frame(struct xdp_md *ctx, const struct sl_sender *t, __u32 kind)
{
	const struct sl_template *tmpl;
	void *data, *end;
	struct source s;
	struct numbers n;

	tmpl = &templates[kind & (SL_TEMPLATES - 1)];
	send_source(&s, kind, t->sent);
	if (send_numbers(t, kind, &s, &n) || send_copy(ctx, tmpl))
		return -1;
	data = (void *)(long)ctx->data;
	end = (void *)(long)ctx->data_end;
	if (send_ip(data, end, &s, tmpl, kind, n.seq))
		return -1;
	return send_tcp(data, end, &s, tmpl, &n, kind == SL_BOGUS ? send_bogus[t->sent & 7] : 0);
}

SG_INLINE __u32 send_kind(const struct sl_sender *t)
{
	if (config.mode < SL_KINDS)
		return config.mode;
	return config.mode == SL_MIXED ? (__u32)(t->sent % SL_KINDS) : SL_SYN;
}

#endif
