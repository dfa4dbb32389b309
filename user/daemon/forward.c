/* SPDX-License-Identifier: BSD-2-Clause */
#include "daemon/forward.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "daemon/receive.h"
#include "daemon/ring.h"
#include "daemon/worker.h"

#define FORWARD_RING (256u << 10) /* bytes: about 160 full frames, or 2,000 ACKs */

struct forward {
	__u32 workers;
	struct worker **worker;
	struct ring *ring; /* [from * workers + to] */
	void *mem;
	size_t size;
};

static struct ring *forward_ring(const struct forward *f, __u32 from, __u32 to)
{
	return &f->ring[from * f->workers + to];
}

int forward_new(struct forward **out, __u32 workers)
{
	struct forward *f = calloc(1, sizeof(*f));
	size_t rings = (size_t)workers * workers;

	if (!f)
		return -ENOMEM;
	f->workers = workers;
	f->size = rings * FORWARD_RING; /* pages that are never used cost nothing */
	f->mem = mmap(NULL, f->size, PROT_READ | PROT_WRITE,
		      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	f->worker = calloc(workers, sizeof(struct worker *));
	f->ring = aligned_alloc(64, rings * sizeof(*f->ring));
	if (f->mem == MAP_FAILED || !f->worker || !f->ring) {
		forward_free(f);
		return -ENOMEM;
	}
	for (size_t i = 0; i < rings; i++)
		ring_init(&f->ring[i], (char *)f->mem + i * FORWARD_RING, FORWARD_RING);
	*out = f;
	return 0;
}

void forward_free(struct forward *f)
{
	if (!f)
		return;
	if (f->mem != MAP_FAILED)
		munmap(f->mem, f->size);
	free(f->ring);
	free(f->worker);
	free(f);
}

void forward_join(struct forward *f, struct worker *w)
{
	f->worker[w->queue] = w;
}

/* The fence pairs with the one in round_sleep(): one of the two sees the other. */
static void forward_wake(struct worker *to)
{
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (__atomic_load_n(&to->sleeping, __ATOMIC_RELAXED))
		mailbox_wake(&to->mailbox);
}

void forward_send(struct worker *w, __u32 to, const struct xsk_frame *f)
{
	struct ring *r;
	__u8 *rec;

	if (to >= w->workers || to == w->queue) {
		w->mib->ForwardDropped++;
		return;
	}
	r = forward_ring(w->forward, w->queue, to);
	rec = ring_reserve(r, (__u32)sizeof(*f->meta) + f->len);
	if (!rec) {
		w->mib->ForwardDropped++;
		return;
	}
	memcpy(rec, f->meta, sizeof(*f->meta));
	memcpy(rec + sizeof(*f->meta), f->data, f->len);
	ring_push(r);
	w->mib->Forwarded++;
	forward_wake(w->forward->worker[to]);
}

static unsigned forward_from(struct worker *w, struct ring *r, unsigned max)
{
	unsigned n = 0;
	__u32 len;

	while (n < max) {
		const __u8 *rec = ring_peek(r, &len);
		struct xsk_frame f;

		if (!rec || !receive_ready(w))
			break;
		f.meta = (const void *)rec;
		f.data = rec + sizeof(*f.meta);
		f.len = len - (__u32)sizeof(*f.meta);
		receive_frames(w, &f, 1, true);
		ring_pop(r);
		n++;
	}
	return n;
}

unsigned forward_receive(struct worker *w, unsigned max)
{
	unsigned n = 0;

	for (__u32 i = 0; i < w->workers; i++)
		if (i != w->queue)
			n += forward_from(w, forward_ring(w->forward, i, w->queue), max);
	return n;
}

bool forward_waiting(const struct worker *w)
{
	for (__u32 i = 0; i < w->workers; i++)
		if (i != w->queue && !ring_empty(forward_ring(w->forward, i, w->queue)))
			return true;
	return false;
}
