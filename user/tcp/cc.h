/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Congestion control: how large the window may be. What is lost, and when a window is cut, is
 * recovery.c's to say; an algorithm says by how much, and how it grows again. Bytes throughout.
 */
#ifndef TCP_CC_H
#define TCP_CC_H

#include "tcp/flight.h"

struct cc_ops {
	const char *name; /* as in tcp_congestion_control */
	/* The window is to be cut: what is ssthresh then? */
	__u32 (*loss)(struct tcp_stack *s, struct tcp *t);
	/* Above ssthresh: `bytes` more have arrived. */
	void (*avoid)(struct tcp *t, __u32 bytes, sg_time now);
	/* The cut was needless and has been taken back. */
	void (*undo)(struct tcp *t);
};

extern const struct cc_ops cc_cubic, cc_reno;

/* `resent`: SYNs or SYN-ACKs sent again. Two of them are a loss (RFC 5681 3.1, and Linux). */
void cc_init(struct tcp_stack *s, struct tcp *t, __u32 resent);
__u32 cc_loss(struct tcp_stack *s, struct tcp *t, sg_time now);
void cc_acked(struct tcp_stack *s, struct tcp *t, sg_time now, const struct ack_news *news);
void cc_undo(struct tcp *t);
/* Something is about to be sent after nothing was out. */
void cc_restart(struct tcp_stack *s, struct tcp *t, sg_time now);
const char *cc_name(const struct tcp *t);

/* hystart.c: is the first slow start to go on as it is? RFC 9406. Returns by how much to grow. */
void hystart_init(struct tcp *t);
__u32 hystart_acked(struct tcp *t, __u32 bytes, const struct ack_news *news);

#endif
