/* SPDX-License-Identifier: BSD-2-Clause */
#include "daemon/receive.h"

#include <errno.h>

#include "daemon/forward.h"
#include "daemon/lookup.h"
#include "daemon/worker.h"
#include "wire/wire.h"

static void receive_handshake(struct seg_handshake *hs, const struct sg_meta *m)
{
	hs->cookie = m->kind == SG_META_COOKIE;
	hs->slot = m->slot;
	hs->irs = m->irs;
	hs->when = m->when;
	hs->tsval = m->tsval;
	hs->gen = m->gen;
	hs->listener = m->listener;
	hs->mss = m->mss;
	hs->opts = m->opts;
}

/* What the driver decided, or what we find ourselves. Returns 1 when `hs` is filled in. */
static int receive_meta(struct worker *w, const struct sg_meta *m, const struct seg *seg,
			struct seg_handshake *hs)
{
	if (m->magic != SG_META_MAGIC)
		return lookup_handshake(w, seg, hs);
	if (m->kind != SG_META_HANDSHAKE && m->kind != SG_META_COOKIE)
		return 0;
	receive_handshake(hs, m);
	if (hs->cookie)
		return hs->listener < w->front->max_listeners;
	return sg_index_bucket(hs->slot) < w->front->halfopen.buckets &&
	       hs->listener < w->front->max_listeners;
}

bool receive_ready(struct worker *w)
{
	w->out.max = WORKER_BATCH;
	return xsk_tx_room(w->xsk) >= ACTIONS_PER_INPUT;
}

static int receive_decode(struct worker *w, const struct xsk_frame *f, struct seg *seg)
{
	int rc = wire_decode(f->data, f->len, w->front->settings->verify_checksum, seg);

	if (rc == -EBADMSG)
		w->mib->InCsumErrors++;
	if (rc)
		w->mib->InErrs++;
	return rc;
}

/* An error about a flow of ours: the driver found its owner, or we do. */
static void receive_icmp(struct worker *w, const struct xsk_frame *f, bool forwarded)
{
	struct icmp_error e;
	int owner;

	if (wire_decode_icmp(f->data, f->len, w->front->settings->verify_checksum, &e)) {
		w->mib->IcmpIgnored++;
		return;
	}
	owner = tcp_icmp(w->stack, &e, w->now);
	if (owner < 0 || (__u32)owner == w->queue)
		return;
	if (forwarded)
		w->mib->ForwardDropped++;
	else
		forward_send(w, (__u32)owner, f);
}

static bool receive_is_icmp(const struct xsk_frame *f, bool known)
{
	return known ? f->meta->kind == SG_META_ICMP : wire_is_icmp(f->data, f->len);
}

/* Is it a segment for our engine? Then it is decoded behind those of the batch. */
static void receive_sort(struct worker *w, const struct xsk_frame *f, bool forwarded)
{
	bool known = f->meta->magic == SG_META_MAGIC;
	struct receive *r = &w->receive;

	if (receive_is_icmp(f, known)) {
		receive_icmp(w, f, forwarded);
		return;
	}
	if (known && f->meta->kind == SG_META_FLOW && f->meta->owner != w->queue && !forwarded) {
		forward_send(w, f->meta->owner, f);
		return;
	}
	if (receive_decode(w, f, &r->seg[r->n]))
		return;
	if (receive_meta(w, f->meta, &r->seg[r->n], &r->handshake[r->n]))
		r->seg[r->n].handshake = &r->handshake[r->n];
	r->frame[r->n++] = f;
}

static void receive_segment(struct worker *w, const struct seg *seg, const struct xsk_frame *f,
			    bool forwarded)
{
	int owner = tcp_input(w->stack, seg, w->now, &w->out);

	if (w->out.n)
		apply_actions(&w->apply, &w->out);
	if (owner < 0 || (__u32)owner == w->queue)
		w->bytes_in += seg->len;
	else if (forwarded) /* it changed hands on the way: the peer sends it again */
		w->mib->ForwardDropped++;
	else
		forward_send(w, (__u32)owner, f);
}

void receive_frames(struct worker *w, const struct xsk_frame *f, unsigned n, bool forwarded)
{
	struct receive *r = &w->receive;

	r->n = 0;
	for (unsigned i = 0; i < n; i++)
		receive_sort(w, &f[i], forwarded);
	tcp_prepare(w->stack, r->seg, r->n);
	for (unsigned i = 0; i < r->n; i++)
		receive_segment(w, &r->seg[i], r->frame[i], forwarded);
}
