/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a connection does about losses, by the state of its congestion control (struct tcp.ca):
 *
 *	CA_OPEN      all is well
 *	CA_CWR       the path said that it is congested (ECN): less is sent, nothing again
 *	CA_RECOVERY  something was lost: sent again while less is sent (RFC 6675, 6937, 6582)
 *	CA_LOSS      a timeout: all over from one segment on, unless it was spurious (RFC 5682)
 *
 * The last three end when all has been acknowledged that was out when they began (t->recover).
 */
#ifndef TCP_RECOVERY_H
#define TCP_RECOVERY_H

#include "tcp/flight.h"

/* An ACK has been taken in, and the scoreboard knows it. */
void recovery_acked(struct tcp_stack *s, struct tcp *t, const struct seg *in, sg_time now,
		    struct ack_news *news);
/* The retransmission timer, and the one that asks RACK again. */
void recovery_timeout(struct tcp_stack *s, struct tcp *t, sg_time now);
void recovery_reorder(struct tcp_stack *s, struct tcp *t, sg_time now);
/* `bytes` left, new or again. */
void recovery_sent(struct tcp_stack *s, struct tcp *t, __u32 bytes, bool again, __u32 stamp);
/* What is out is too large for the path: all of it again in other sizes, which is no congestion. */
void recovery_resize(struct tcp_stack *s, struct tcp *t);
/* What is marked lost goes again, and the window stays as it is. */
void recovery_without_cut(struct tcp_stack *s, struct tcp *t);

#endif
