/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a listener's SYN-ACKs offer: MSS, window and window scale. It follows the MTU and
 * tcp_rmem while the listener is there. Half-open entries that exist still fit: their window
 * scale never changes, and a window that was promised and is smaller now costs a
 * retransmission at most.
 */
#include "daemon/state.h"
#include "io/log.h"
#include "wire/wire.h"

static __u16 offer_mss(const struct attachment *a, __u32 headers)
{
	__u32 mss = a->front->settings->mtu > headers + 1 ? a->front->settings->mtu - headers : 1;
	__u32 most = UMEM_FRAME_ROOM - WIRE_HEADROOM;

	return (__u16)(mss < most ? mss : most);
}

void offer_make(const struct attachment *a, __u32 id, struct sg_listener *l)
{
	__u32 rmem = a->front->settings->tcp_rmem;

	*l = (struct sg_listener){
		.id = id,
		.state = SG_LISTENER_OPEN,
		.mss4 = offer_mss(a, 20 + 20),
		.mss6 = offer_mss(a, 40 + 20),
		.wscale = SG_RMEM_WSCALE,
		.window = (__u16)(rmem < 65535 ? rmem : 65535),
	};
}

static bool offer_same(const struct sg_listener *a, const struct sg_listener *b)
{
	return a->mss4 == b->mss4 && a->mss6 == b->mss6 && a->window == b->window;
}

static void offer_to_worker(struct worker *w, void *arg)
{
	const struct sg_listener *l = arg;

	worker_offer(w, l->id, l);
}

/* The workers first: what the driver then promises, they keep. */
static void offer_change(struct attachment *a, struct listening *l, struct sg_listener *now)
{
	struct sg_listener_key key = l->args.key;
	struct err err;

	key.zero = 0;
	for (__u32 i = 0; i < a->workers; i++)
		worker_call(a->worker[i], offer_to_worker, now);
	if (front_set_listener(a->front, &key, now, &err))
		log_warn("%s", err.msg); /* and once more with the next change */
	else
		l->offer = *now;
}

void offer_follow(struct attachment *a)
{
	struct sg_listener now;

	for (__u32 i = 0; i < a->front->max_listeners; i++) {
		struct listening *l = &a->listening[i];

		if (!l->used)
			continue;
		offer_make(a, i, &now);
		if (!offer_same(&now, &l->offer))
			offer_change(a, l, &now);
	}
}
