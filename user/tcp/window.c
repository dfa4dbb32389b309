/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The window that we offer, and how large the buffers behind both directions may become. The
 * receive buffer follows what the application reads in a round trip (dynamic right-sizing, as
 * Linux's tcp_rcv_space_adjust), the send buffer follows the congestion window.
 */
#include "tcp/flight.h"

#define WINDOW_RTT 100000u /* microseconds, while none is known */
#define WINDOW_SND_MIN 131072u

/* --- the receive buffer ------------------------------------------------------------------- */

static __u32 window_buffer(const struct tcp_stack *s, const struct tcp *t)
{
	__u32 most = knobs(s)->tcp_rmem, now;

	if (!knobs(s)->tcp_moderate_rcvbuf)
		return most;
	now = t->rcv_buf ? t->rcv_buf : knobs(s)->tcp_rmem_default;
	return now < most ? now : most;
}

static __u32 window_rtt(const struct tcp *t)
{
	if (t->rcv_rtt)
		return t->rcv_rtt;
	return t->srtt ? (__u32)(t->srtt / 1000) : WINDOW_RTT;
}

/* A segment of data: its echo tells the round trip also to one that only receives (RFC 7323). */
void window_arrived(struct tcp *t, const struct seg *in, sg_time now)
{
	__u32 ms = time_ms(now) + t->ts_off - in->opt.tsecr, us;

	if (!(t->flags & T_TS) || !in->opt.has_ts || !in->opt.tsecr || in->len < t->rcv_mss ||
	    ms > time_ms(now) - t->born)
		return;
	us = ms ? ms * 1000 : 1000;
	t->rcv_rtt = t->rcv_rtt ? t->rcv_rtt - t->rcv_rtt / 8 + us / 8 : us;
}

/*
 * The application has read. What it read in a round trip, twice, keeps a sender going; while
 * the rate rises, room for what it will be in the next round trip and the one behind it.
 */
void window_read(struct tcp_stack *s, struct tcp *t, __u32 n, sg_time now)
{
	__u32 clock = flight_clock(now);
	__u64 want;

	t->drs_copied += n;
	if (clock - t->drs_at < window_rtt(t))
		return;
	want = 2ull * t->drs_copied + 16u * t->our_mss;
	if (t->drs_copied > t->drs_before)
		want += 4ull * (t->drs_copied - t->drs_before);
	if (want > knobs(s)->tcp_rmem)
		want = knobs(s)->tcp_rmem;
	if (want > window_buffer(s, t) && s->chunks.used < s->chunks.max / 4 * 3)
		t->rcv_buf = (__u32)want;
	t->drs_before = t->drs_copied;
	t->drs_copied = 0;
	t->drs_at = clock;
}

/* --- the window --------------------------------------------------------------------------- */

static __u32 window_room(const struct tcp_stack *s, const struct tcp *t)
{
	__u32 buffer = window_buffer(s, t);

	return t->rcv.len < buffer ? buffer - t->rcv.len : 0;
}

/* What is left of the window that we last offered: nothing behind a FIN at its edge. */
static __u32 window_offered(const struct tcp *t)
{
	__s32 left = seq_diff(t->rcv_adv, t->rcv_nxt);

	return left > 0 ? (__u32)left : 0;
}

static __u32 window_step(const struct tcp_stack *s, const struct tcp *t)
{
	__u32 half = window_buffer(s, t) / 2;

	return t->our_mss < half ? t->our_mss : half;
}

/*
 * RFC 9293 3.8.6.2.2: its right edge never moves back, and forward only in steps worth it.
 * Scaling rounds down, and rcv_adv remembers the edge (RFC 7323 2.4): rounding up would
 * let small segments push the edge on and on.
 */
__u16 window_offer(const struct tcp_stack *s, struct tcp *t)
{
	__u32 room = window_room(s, t);
	__u32 now = window_offered(t);
	__u32 raw;

	if (t->flags & T_RCV_SHUT || room < now + window_step(s, t))
		room = now;
	raw = room >> t->rcv_wscale;
	if (raw > 65535)
		raw = 65535;
	t->rcv_adv = seq_max(t->rcv_adv, seq_add(t->rcv_nxt, raw << t->rcv_wscale));
	return (__u16)raw;
}

bool window_grew(const struct tcp_stack *s, const struct tcp *t)
{
	return window_room(s, t) >= 2 * window_offered(t) + window_step(s, t);
}

/* --- the send buffer ------------------------------------------------------------------------ */

/* Twice the congestion window: one that is out, and one to follow it (Linux's sndbuf). */
__u32 window_send_buffer(const struct tcp_stack *s, const struct tcp *t)
{
	__u32 most = knobs(s)->tcp_wmem, want = t->cwnd < BUF_MAX / 2 ? 2 * t->cwnd : BUF_MAX;

	if (want < WINDOW_SND_MIN)
		want = WINDOW_SND_MIN;
	return want < most ? want : most;
}
