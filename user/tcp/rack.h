/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * RACK-TLP, RFC 8985: losses are told by time. What was sent a round trip and a reordering
 * window before something that has arrived, and is not there, is lost; and when a tail of
 * segments goes quiet, one probe asks for an acknowledgment before the timeout has to.
 */
#ifndef TCP_RACK_H
#define TCP_RACK_H

#include "tcp/flight.h"

/* Run `r` up to `end` has arrived (RACK_update, 6.2 step 2). */
void rack_delivered(const struct tcp *t, struct flight *f, const struct run *r, sg_seq end,
		    const struct seg *in, sg_time now);
/* Something arrived behind what was sent after it (step 3), or twice (step 4). */
void rack_reordered(struct tcp_stack *s, struct tcp *t);
void rack_dsack(struct tcp *t, struct flight *f);
/* A recovery is over: a wider reordering window lasts for sixteen of them. */
void rack_recovered(struct tcp *t);
/* Step 5. Returns microseconds until there may be more to tell; 0: nothing is doubtful. */
__u32 rack_detect(struct tcp_stack *s, struct tcp *t, sg_time now, bool *lost);
/* 6.3: what a timeout may take for lost. */
void rack_timeout(struct tcp_stack *s, struct tcp *t, sg_time now);

/* tlp.c, section 7. Is the tail to be probed rather than the timeout awaited, and after how long? */
bool tlp_wanted(const struct tcp_stack *s, const struct tcp *t);
__u64 tlp_timeout(const struct tcp_stack *s, const struct tcp *t);
void tlp_fire(struct tcp_stack *s, struct tcp *t);
/* 7.4: did the probe mend a loss? Then the window is cut as for any other. */
void tlp_acked(struct tcp_stack *s, struct tcp *t, const struct seg *in, sg_time now,
	       const struct ack_news *news);

#endif
