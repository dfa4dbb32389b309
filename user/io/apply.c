/* SPDX-License-Identifier: BSD-2-Clause */
#include "io/apply.h"

#include "io/log.h"
#include "wire/wire.h"

static bool apply_knows_mac(const struct seg *s)
{
	static const __u8 none[6];

	return memcmp(s->mac, none, 6) != 0;
}

static void apply_seg(struct apply *ap, const struct seg *s)
{
	__u64 frame;
	int len;

	if (!apply_knows_mac(s)) {
		ap->mib->NeighbourUnknown++;
		return;
	}
	frame = xsk_tx_frame(ap->xsk);
	len = wire_encode(umem_at(ap->xsk->mem, frame), UMEM_FRAME, ap->mac, s);
	if (len < 0) {
		log_error("segment of %u bytes does not fit a frame: not sent", s->len);
		xsk_tx_drop(ap->xsk, frame);
		return;
	}
	xsk_tx_send(ap->xsk, frame, (__u32)len);
	ap->bytes_out += s->len;
}

void apply_actions(struct apply *ap, struct actions *a)
{
	for (unsigned i = 0; i < a->n; i++)
		apply_seg(ap, &a->send[i]);
	a->n = 0;
}
