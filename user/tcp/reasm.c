/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reassembly: data lies at its place in the receive buffer whenever it comes; the ranges
 * that came out of order are listed, sorted, in a chunk that is there only as long as
 * there are any.
 */
#include <string.h>

#include "tcp/stack.h"

#define REASM_MAX 64 /* ranges; a peer that makes more holes has its data dropped */

struct reasm_range {
	sg_seq left, right;
	__u32 stamp; /* the higher, the later */
};

struct reasm {
	__u32 n;
	__u32 stamp;
	struct reasm_range r[REASM_MAX];
};

_Static_assert(sizeof(struct reasm) <= TCP_CHUNK, "the ranges fit a chunk");

static struct reasm *reasm_at(const struct tcp_stack *s, const struct tcp *t)
{
	return (struct reasm *)(void *)chunk_at(s, t->reasm);
}

static void reasm_remove(struct reasm *m, __u32 from, __u32 to)
{
	memmove(&m->r[from], &m->r[to], (m->n - to) * sizeof(m->r[0]));
	m->n -= to - from;
}

void reasm_clear(struct tcp_stack *s, struct tcp *t)
{
	if (!(t->flags & T_OOO))
		return;
	chunk_free(s, t->reasm);
	t->reasm = NIL;
	t->flags &= ~(__u32)T_OOO;
}

static bool reasm_open(struct tcp_stack *s, struct tcp *t)
{
	if (t->flags & T_OOO)
		return true;
	t->reasm = chunk_new(s);
	if (t->reasm == NIL)
		return false;
	memset(reasm_at(s, t), 0, 2 * sizeof(__u32));
	t->flags |= T_OOO;
	return true;
}

const char *reasm_check(const struct tcp_stack *s, const struct tcp *t)
{
	const struct reasm *m;
	sg_seq last = t->rcv_nxt;

	if (!(t->flags & T_OOO))
		return t->reasm == NIL ? NULL : "a chunk for ranges that there are not";
	if (t->reasm == NIL)
		return "ranges without a chunk";
	m = reasm_at(s, t);
	if (m->n == 0 || m->n > REASM_MAX)
		return "ranges out of bounds";
	for (__u32 i = 0; i < m->n; i++) {
		if (!seq_after(m->r[i].left, last) || !seq_after(m->r[i].right, m->r[i].left))
			return "ranges out of order";
		last = m->r[i].right;
	}
	if (t->rcv.off + t->rcv.len + (__u32)seq_diff(last, t->rcv_nxt) > t->rcv.span * TCP_CHUNK)
		return "a range behind the buffer";
	return NULL;
}

/* Note [left, right), joined with what it touches. False: no room for one more range. */
static bool reasm_note(struct reasm *m, sg_seq left, sg_seq right)
{
	__u32 from = 0, to;

	while (from < m->n && seq_before(m->r[from].right, left))
		from++;
	for (to = from; to < m->n && !seq_after(m->r[to].left, right); to++) {
		if (seq_before(m->r[to].left, left))
			left = m->r[to].left;
		right = seq_max(right, m->r[to].right);
	}
	if (from == to) {
		if (m->n == REASM_MAX)
			return false;
		memmove(&m->r[from + 1], &m->r[from], (m->n - from) * sizeof(m->r[0]));
		m->n++;
	} else {
		reasm_remove(m, from + 1, to);
	}
	m->r[from] = (struct reasm_range){left, right, ++m->stamp};
	return true;
}

static sg_seq reasm_least(sg_seq a, sg_seq b)
{
	return seq_before(a, b) ? a : b;
}

/* rcv_nxt moved: take over what now touches it, and tell of what came both ways. */
static void reasm_advance(struct tcp_stack *s, struct tcp *t)
{
	struct reasm *m = reasm_at(s, t);
	sg_seq high = t->rcv_nxt;

	while (m->n > 0 && !seq_after(m->r[0].left, t->rcv_nxt)) {
		if (seq_before(m->r[0].left, high))
			dsack_extend(s, t, m->r[0].left, reasm_least(m->r[0].right, high));
		if (seq_after(m->r[0].right, t->rcv_nxt)) {
			t->rcv.len += (__u32)seq_diff(m->r[0].right, t->rcv_nxt);
			t->rcv_nxt = m->r[0].right;
		}
		reasm_remove(m, 0, 1);
	}
	if (m->n == 0)
		reasm_clear(s, t);
}

/* Is all of [left, right) there? */
static bool reasm_has(const struct reasm *m, sg_seq left, sg_seq right)
{
	for (__u32 i = 0; i < m->n; i++)
		if (!seq_before(left, m->r[i].left) && !seq_after(right, m->r[i].right))
			return true;
	return false;
}

/* [left, right) has come: what of it was there already? */
static void reasm_twice(struct tcp_stack *s, struct tcp *t, sg_seq left, sg_seq right)
{
	const struct reasm *m = reasm_at(s, t);

	for (__u32 i = 0; i < m->n; i++) {
		if (!seq_after(m->r[i].right, left) || !seq_before(m->r[i].left, right))
			continue;
		if (seq_before(m->r[i].left, left))
			dsack_note(s, t, left, reasm_least(m->r[i].right, right));
		else
			dsack_extend(s, t, m->r[i].left, reasm_least(m->r[i].right, right));
	}
}

/* Out of order: only while memory is not short, for it may never become of use. */
static void reasm_out_of_order(struct tcp_stack *s, struct tcp *t, sg_seq seq, const __u8 *data,
			       __u32 len)
{
	__u32 pos = t->rcv.len + (__u32)seq_diff(seq, t->rcv_nxt);
	__u32 done = 0;

	if (t->flags & T_OOO && reasm_has(reasm_at(s, t), seq, seq_add(seq, len)))
		dsack_note(s, t, seq, seq_add(seq, len));
	else if (t->flags & T_OOO)
		reasm_twice(s, t, seq, seq_add(seq, len));
	if (s->chunks.used < s->chunks.max / 4 * 3 && reasm_open(s, t))
		done = buf_write(s, &t->rcv, pos, data, len);
	if (done > 0 && reasm_note(reasm_at(s, t), seq, seq_add(seq, done)))
		s->cfg.mib->TCPOFOQueue++;
	else
		s->cfg.mib->TCPOFODrop++;
	if (t->flags & T_OOO && reasm_at(s, t)->n == 0)
		reasm_clear(s, t);
}

__u32 reasm_input(struct tcp_stack *s, struct tcp *t, sg_seq seq, const __u8 *data, __u32 len)
{
	sg_seq before = t->rcv_nxt;
	__u32 done;

	if (!seq_eq(seq, t->rcv_nxt)) {
		reasm_out_of_order(s, t, seq, data, len);
		return 0;
	}
	done = buf_write(s, &t->rcv, t->rcv.len, data, len);
	if (done < len)
		s->cfg.mib->TCPRcvQDrop++;
	t->rcv.len += done;
	t->rcv_nxt = seq_add(t->rcv_nxt, done);
	if (t->flags & T_OOO)
		reasm_advance(s, t);
	return (__u32)seq_diff(t->rcv_nxt, before);
}

static void reasm_block(struct seg *out, sg_seq left, sg_seq right)
{
	out->sack[out->opt.nsack].left = left;
	out->sack[out->opt.nsack].right = right;
	out->opt.nsack++;
}

/*
 * The SACK blocks of an ACK, RFC 2018 4: the latest range first. A FIN that waits behind a hole is
 * in them as well, alone or at the end of its data.
 */
void reasm_sack(const struct tcp_stack *s, const struct tcp *t, struct seg *out)
{
	static const struct reasm none;
	const struct reasm *m = t->flags & T_OOO ? reasm_at(s, t) : &none;
	bool fin = reasm_fin_waits(t);
	unsigned max = t->flags & T_TS ? 3 : 4;
	__u32 below = (__u32)-1;

	for (__u32 i = 0; i < m->n; i++)
		fin = fin && !seq_eq(m->r[i].right, t->fin_seq);
	if (fin && out->opt.nsack < max)
		reasm_block(out, t->fin_seq, seq_add(t->fin_seq, 1));
	while (out->opt.nsack < max) {
		const struct reasm_range *best = NULL;

		for (__u32 i = 0; i < m->n; i++)
			if (m->r[i].stamp < below && (!best || m->r[i].stamp > best->stamp))
				best = &m->r[i];
		if (!best)
			return;
		below = best->stamp;
		reasm_block(out, best->left,
			    seq_add(best->right,
				    reasm_fin_waits(t) && seq_eq(best->right, t->fin_seq)));
	}
}
