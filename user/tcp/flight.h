/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What is out: sent and not yet acknowledged, as runs of bytes that were sent at the same time
 * and fared alike (the scoreboard of RFC 6675, with the times that RACK wants, RFC 8985). It
 * lies in a chunk that a connection has only while something is out, beside what recovery has
 * to remember for as long.
 *
 * Without a chunk (none was free, or only a SYN is out) a connection sends all the same; what
 * it loses then comes back by timeouts alone, from snd_una on.
 */
#ifndef TCP_FLIGHT_H
#define TCP_FLIGHT_H

#include "tcp/stack.h"

enum { /* run.flags */
	RUN_SACKED = 1, /* arrived, says a SACK block */
	RUN_LOST = 2,   /* deemed lost and not sent again since */
	RUN_RESENT = 4, /* sent more than once: Karn */
};

struct run {
	sg_seq end; /* it begins where the one before it ends, the first one at snd_una */
	__u32 at;   /* flight_clock() when it was sent last */
	__u32 flags;
};

enum tlp { TLP_NONE, TLP_DUE, TLP_NEW, TLP_RESENT }; /* tail loss probe, RFC 8985 7 */

struct flight {
	__u32 first, n;      /* runs in use: run[first] to run[first + n - 1] */
	__u32 sacked, lost;  /* bytes. Without SACK `sacked` is guessed from duplicates */
	sg_seq fack;         /* right edge of the highest that arrived */
	/* RACK: the segment that was sent last of those that arrived */
	__u32 rack_at, rack_rtt; /* flight_clock(), microseconds; rack_rtt 0: none yet */
	sg_seq rack_end;
	sg_seq dsack_round;  /* one D-SACK a round trip widens the reordering window */
	/* tail loss probe */
	sg_seq tlp_end;
	__u32 tlp; /* enum tlp */
	/* proportional rate reduction, RFC 6937, bytes */
	__u32 prr_out, prr_delivered, prr_flight;
	__u32 hurry; /* the first retransmission of a recovery goes whatever the window says */
	/* to undo what was needless: RFC 3522, 3708, 4015 */
	sg_seq undo_una;
	__u32 undo;         /* 1: the following are valid */
	__u32 undo_cwnd, undo_ssthresh;
	__u32 undo_resent;  /* bytes sent again of which no D-SACK has told */
	__u32 undo_stamp;   /* TSval of the first retransmission; 0: none yet */
	__u32 frto;         /* F-RTO, RFC 5682: the timeout may have been spurious */
	struct run run[];
};

#define FLIGHT_RUNS ((TCP_CHUNK - sizeof(struct flight)) / sizeof(struct run))

/* What one ACK told. */
struct ack_news {
	sg_seq before;     /* snd_una until then */
	__u32 bytes;       /* acknowledged */
	__u32 delivered;   /* of these or of what was sacked: that is new */
	__u32 pipe;        /* in flight before */
	__u32 rtt;         /* microseconds; 0: none that is certain */
	bool sacked;       /* a block told of something new */
	bool orig;         /* something that was sent once arrived after the timeout */
	bool dsack;        /* something came twice */
	bool duplicate;    /* RFC 5681 2 */
	bool lost;         /* something was marked lost just now */
	__u32 wait;        /* microseconds until RACK wants to look again; 0: it does not */
};

static inline __u32 flight_clock(sg_time now)
{
	return (__u32)(now / 1000);
}

static inline struct flight *flight_of(const struct tcp_stack *s, const struct tcp *t)
{
	return t->flight == NIL ? NULL : (struct flight *)(void *)chunk_at(s, t->flight);
}

static inline struct run *flight_run(struct flight *f, __u32 i)
{
	return &f->run[f->first + i];
}

/* Begin to keep account, if nothing is out that there is none of. False: go without. */
bool flight_open(struct tcp_stack *s, struct tcp *t);
void flight_close(struct tcp_stack *s, struct tcp *t);
/* Bytes that are thought to be in the network. */
__u32 flight_pipe(const struct tcp_stack *s, const struct tcp *t);
/* [from, end) was sent now: new, at snd_max, or again. */
void flight_sent(struct tcp_stack *s, struct tcp *t, sg_seq end, sg_time now);
void flight_resent(struct tcp_stack *s, struct tcp *t, sg_seq from, sg_seq end, sg_time now);
/* Up to `ack` it has arrived; snd_una is still the old one. */
void flight_acked(struct tcp_stack *s, struct tcp *t, const struct seg *in, sg_time now,
		  struct ack_news *news);
/* The SACK blocks of a segment, behind flight_acked(). */
void flight_sacked(struct tcp_stack *s, struct tcp *t, const struct seg *in, sg_time now,
		   struct ack_news *news);
/* A duplicate of a peer without SACK: one more segment has arrived somewhere. */
void flight_guess(struct tcp_stack *s, struct tcp *t, struct ack_news *news);
/* The first stretch that is lost, at most `max` bytes of it. Returns its length; 0: none. */
__u32 flight_lost(struct flight *f, sg_seq una, __u32 max, sg_seq *from);
/* Mark the first run lost, at most `max` bytes of it; all that was not sacked; or nothing. */
void flight_lose_first(struct tcp_stack *s, struct tcp *t, __u32 max);
void flight_lose_all(struct tcp_stack *s, struct tcp *t);
/* The same up to `end`. */
void flight_lose_to(struct tcp_stack *s, struct tcp *t, sg_seq end);
void flight_lose_none(struct flight *f);
void flight_lose(struct flight *f, struct run *r, __u32 bytes);
/* The peer took back what it had sacked. */
void flight_reneged(struct flight *f);

#endif
