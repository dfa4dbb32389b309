/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A path with a receiver at its end that keeps books as RFC 2018 and 2883 say: what becomes of
 * each segment is the test's to say. Time is virtual; half of the round trip lies in front of
 * the receiver and half behind it.
 */
#ifndef UNIT_PATH_H
#define UNIT_PATH_H

#include "harness.h"
#include "tcp/flight.h"

#define PATH_MSS      1448
#define PATH_SEGMENTS 4096
#define PATH_QUEUE    4096
#define PATH_LOST     ((sg_time)-1)

struct path;

/* How much later than others segment `i` arrives, that is sent for the nth time; or PATH_LOST. */
typedef sg_time (*path_fate)(struct path *w, __u32 i, unsigned nth);

struct path_item {
	sg_time at;
	bool ack;
	__u32 first, last; /* segments */
	struct seg seg;	   /* the ACK */
	__u32 tsval;
	bool ce;
};

struct path {
	struct bed *b;
	struct peer p;
	sg_time half;
	path_fate fate;
	bool dsack;	 /* the receiver tells of what came twice */
	__u32 ack_every; /* segments in order for which it sends one ACK */
	unsigned mark;	 /* mark segment number so many with CE, once; 0: none */

	bool got[PATH_SEGMENTS];
	__u8 sent[PATH_SEGMENTS]; /* how often */
	__u32 next, recent, unacked;
	__u32 blocks[3]; /* first segment of the ranges told of last */
	struct path_item q[PATH_QUEUE];
	unsigned n;
	unsigned segments, resent; /* that left */
	__u32 written, to_write;
};

static inline void path_open(struct path *w, bool sack)
{
	memset(w, 0, sizeof(*w));
	w->b = bed_listening(1, 8);
	w->b->set.tcp_early_retrans = 3;
	w->b->set.tcp_frto = 2;
	w->b->set.tcp_wmem = BUF_MAX;
	peer_init(&w->p, w->b, 1);
	w->p.syn.sack_ok = sack;
	conn_in(&w->p, TCP_ESTABLISHED);
	bed_drain_events(w->b);
	w->half = 10 * SG_MS;
	w->dsack = sack;
	w->ack_every = 1;
}

static inline struct tcp *path_conn(struct path *w)
{
	return peer_conn(&w->p);
}

static inline void path_put(struct path *w, struct path_item it)
{
	unsigned i;

	assert_true(w->n < PATH_QUEUE);
	for (i = w->n++; i > 0 && w->q[i - 1].at <= it.at; i--)
		w->q[i] = w->q[i - 1];
	w->q[i] = it; /* the next to arrive is the last */
}

/* What the engine sends now goes into the path. */
static inline void path_flush(struct path *w)
{
	for (unsigned k = 0; k < w->b->n; k++) {
		const struct seg *s = &w->b->sent[k].s;
		__u32 at = (__u32)seq_diff(s->seq, seq_add(w->p.iss, 1));
		struct path_item it = {.first = at / PATH_MSS, .tsval = s->opt.tsval};
		sg_time late;

		if (s->len == 0)
			continue;
		it.last = (at + s->len - 1) / PATH_MSS;
		assert_true(it.last < PATH_SEGMENTS && at % PATH_MSS == 0);
		assert_memory_equal(w->b->sent[k].data, bytes(at % 10000, s->len), s->len);
		w->segments++;
		w->resent += w->sent[it.first] > 0;
		late = w->fate ? w->fate(w, it.first, ++w->sent[it.first]) : 0;
		w->sent[it.first] += !w->fate;
		it.at = w->b->now + w->half + late;
		it.ce = w->mark && w->segments == w->mark;
		if (late != PATH_LOST)
			path_put(w, it);
	}
	w->b->n = 0;
}

static inline void path_block(struct path *w, struct seg *a, __u32 in)
{
	__u32 left = in, right = in + 1;

	while (left > w->next && w->got[left - 1])
		left--;
	while (w->got[right])
		right++;
	for (unsigned i = 0; i < a->opt.nsack; i++)
		if (a->sack[i].left.v == w->p.iss.v + 1 + left * PATH_MSS)
			return;
	if (a->opt.nsack == 3)
		return;
	a->sack[a->opt.nsack].left = seq_add(w->p.iss, 1 + left * PATH_MSS);
	a->sack[a->opt.nsack++].right = seq_add(w->p.iss, 1 + right * PATH_MSS);
}

/* The receiver's answer to segments [first, last]. */
static inline void path_receive(struct path *w, const struct path_item *it)
{
	struct path_item a = {.at = w->b->now + w->half, .ack = true};
	bool twice = w->got[it->first], gap = false;

	for (__u32 i = it->first; i <= it->last; i++)
		w->got[i] = true;
	if (it->first == w->next)
		w->p.tsecr = it->tsval;
	while (w->got[w->next])
		w->next++;
	for (__u32 i = w->next; i < PATH_SEGMENTS && !gap; i++)
		gap = w->got[i];
	if (!twice && !gap && ++w->unacked < w->ack_every)
		return;
	w->unacked = 0;
	w->p.ack = seq_add(w->p.iss, 1 + w->next * PATH_MSS);
	a.seg = peer_seg(&w->p, SG_ACK | (it->ce ? SG_ECE : 0), NULL, 0);
	if (w->p.syn.sack_ok) {
		if (twice && w->dsack) {
			a.seg.sack[0].left = seq_add(w->p.iss, 1 + it->first * PATH_MSS);
			a.seg.sack[0].right = seq_add(a.seg.sack[0].left, PATH_MSS);
			a.seg.opt.nsack = 1;
		}
		if (it->first > w->next) {
			w->blocks[2] = w->blocks[1];
			w->blocks[1] = w->blocks[0];
			w->blocks[0] = it->first;
		}
		for (int i = 0; i < 3; i++)
			if (w->blocks[i] > w->next && w->got[w->blocks[i]])
				path_block(w, &a.seg, w->blocks[i]);
	}
	path_put(w, a);
}

static inline void path_arrive(struct path *w)
{
	struct path_item it = w->q[--w->n];

	if (it.ack) {
		bed_input(w->b, 0, &it.seg);
		path_flush(w);
	} else {
		path_receive(w, &it);
	}
}

/* As much as the send buffer takes. */
static inline void path_fill(struct path *w)
{
	while (w->written < w->to_write) {
		const __u8 *data = bytes(w->written * PATH_MSS % 10000, PATH_MSS);
		struct iovec iov[64];
		__u32 room = 0;
		int n = tcp_send_room(w->b->s[0], w->p.id, iov, 64);

		for (int i = 0; i < n; i++)
			room += (__u32)iov[i].iov_len;
		tcp_send_done(w->b->s[0], w->p.id, 0, w->b->now);
		if (room < PATH_MSS)
			return;
		assert_int_equal(tcp_send(w->b->s[0], w->p.id, data, PATH_MSS, w->b->now), PATH_MSS);
		w->written++;
	}
}

/* Time goes by until all that was written is acknowledged, or `span` is over. */
static inline void path_run(struct path *w, sg_time span)
{
	sg_time end = w->b->now + span;

	while (w->b->now < end && (w->n || w->written < w->to_write ||
				   !seq_eq(path_conn(w)->snd_una, path_conn(w)->snd_max))) {
		sg_time at = w->n ? w->q[w->n - 1].at : end, d = bed_deadline(w->b);

		at = d < at ? d : at;
		if (at > end)
			at = end;
		if (at > w->b->now)
			w->b->now = at;
		w->b->n = 0;
		bed_drain_events(w->b);
		path_fill(w);
		tcp_expire(w->b->s[0], w->b->now);
		bed_output(w->b);
		path_flush(w);
		while (w->n && w->q[w->n - 1].at <= w->b->now)
			path_arrive(w);
	}
}

/* Write segments [from, from + segments): what the buffer does not take follows in path_run(). */
static inline void path_write(struct path *w, __u32 from, __u32 segments)
{
	assert_int_equal(from, w->written);
	w->to_write = from + segments;
	path_fill(w);
	w->b->n = 0;
	bed_output(w->b);
	path_flush(w);
}

static inline __u32 path_out(struct path *w)
{
	return (__u32)seq_diff(path_conn(w)->snd_max, path_conn(w)->snd_una) / PATH_MSS;
}

/* All has arrived, and the engine knows. */
static inline void path_end(struct path *w, __u32 segments)
{
	assert_int_equal(w->next, segments);
	assert_int_equal(path_conn(w)->snd.len, 0);
	assert_int_equal(path_conn(w)->flight, NIL);
	assert_int_equal(path_conn(w)->ca, CA_OPEN);
	bed_end(w->b);
}

#endif
