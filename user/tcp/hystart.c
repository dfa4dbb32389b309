/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * HyStart++, RFC 9406: the first slow start ends when round trips grow longer, after a few
 * slower rounds that show that it was no accident.
 */
#include "tcp/cc.h"

#define HYSTART_SAMPLES	   8
#define HYSTART_THRESH_MIN 4000u /* microseconds */
#define HYSTART_THRESH_MAX 16000u
#define HYSTART_DIVISOR	   8
#define HYSTART_BURST	   8 /* segments that one ACK may add: nothing is paced */
#define HYSTART_CSS_SLOWER 4
#define HYSTART_CSS_ROUNDS 5
#define HYSTART_NONE	   0xffffffffu

void hystart_init(struct tcp *t)
{
	t->grow.hystart = (struct hystart){
		.end = t->snd_max, .last_min = HYSTART_NONE, .cur_min = HYSTART_NONE};
}

static __u32 hystart_thresh(__u32 rtt)
{
	__u32 thresh = rtt / HYSTART_DIVISOR;

	if (thresh < HYSTART_THRESH_MIN)
		return HYSTART_THRESH_MIN;
	return thresh < HYSTART_THRESH_MAX ? thresh : HYSTART_THRESH_MAX;
}

/* All that was out when the round began is acknowledged: the next one. */
static void hystart_round(struct tcp *t, struct hystart *h)
{
	h->last_min = h->cur_min;
	h->cur_min = HYSTART_NONE;
	h->samples = 0;
	h->end = t->snd_max;
	if (h->css && ++h->css > HYSTART_CSS_ROUNDS)
		t->ssthresh = t->cwnd;
}

static void hystart_sample(struct hystart *h, __u32 rtt)
{
	if (rtt < h->cur_min)
		h->cur_min = rtt;
	if (h->samples < HYSTART_SAMPLES)
		h->samples++;
	if (h->samples < HYSTART_SAMPLES)
		return;
	if (h->css) {
		if (h->cur_min < h->css_base) /* it was an accident */
			h->css = 0;
	} else if (h->last_min != HYSTART_NONE &&
		   h->cur_min >= h->last_min + hystart_thresh(h->last_min)) {
		h->css_base = h->cur_min;
		h->css = 1;
	}
}

__u32 hystart_acked(struct tcp *t, __u32 bytes, const struct ack_news *news)
{
	struct hystart *h = &t->grow.hystart;
	__u32 most = HYSTART_BURST * t->mss, grow;

	if (news->rtt)
		hystart_sample(h, news->rtt);
	grow = bytes < most ? bytes : most;
	if (h->css)
		grow /= HYSTART_CSS_SLOWER;
	if (!seq_before(t->snd_una, h->end))
		hystart_round(t, h);
	return grow;
}
