/* SPDX-License-Identifier: BSD-2-Clause */
/* What a worker does, over and over: frames in, timers, applications, frames out, sleep. */
#include "daemon/round.h"

#include <stdlib.h>
#include <sys/epoll.h>

#include "app/library.h"
#include "daemon/forward.h"
#include "daemon/receive.h"
#include "daemon/worker.h"
#include "io/clock.h"

#define ROUND_BEAT_MAX	(50 * SG_MS)
#define ROUND_SWEEP_MIN (16 * SG_MS) /* how often the half-open table is looked through */
#define ROUND_SWEEP_PIECE 2048u	     /* buckets at a time: 30 us */
#define ROUND_SWEEP_MAX 1024u	     /* buckets in one round */
#define ROUND_TX_RETRY	(SG_MS / 5)  /* until a device that is full is asked again */
#define ROUND_TX_TURNS	8	     /* batches in one round, so that ACKs get their turn */
#define ROUND_EVENTS	64
#define ROUND_FAREWELL	(100 * SG_MS) /* for what is still to be sent at the end */

static void round_beat(struct worker *w)
{
	sg_time period = (sg_time)w->front->settings->heartbeat_ms * SG_MS / 4;

	if (w->now < w->beat_at)
		return;
	SG_WRITE_ONCE(w->front->worker[w->queue].heartbeat, clock_coarse_ms());
	w->beat_at = w->now + (period < ROUND_BEAT_MAX ? period : ROUND_BEAT_MAX);
}

static bool round_receive(struct worker *w)
{
	struct xsk_frame f[XSK_RX_BATCH];
	unsigned room = xsk_tx_room(w->xsk) / ACTIONS_PER_INPUT;
	unsigned n = xsk_rx(w->xsk, f, room < XSK_RX_BATCH ? room : XSK_RX_BATCH);

	w->out.max = WORKER_BATCH;
	receive_frames(w, f, n, false);
	xsk_rx_done(w->xsk);
	return n > 0;
}

/* A SYN-ACK goes out up to that much late: a twentieth of its timeout, within reason. */
static sg_time round_sweep_period(const struct worker *w)
{
	sg_time period = (sg_time)w->front->settings->synack_rto_ms * SG_MS / 20;

	period = period < ROUND_BEAT_MAX ? period : ROUND_BEAT_MAX;
	return period > ROUND_SWEEP_MIN ? period : ROUND_SWEEP_MIN;
}

static bool round_halfopen_used(const struct worker *w)
{
	for (__u32 i = 0; i < w->front->max_listeners; i++)
		if (SG_READ_ONCE(w->front->queue[i].halfopen))
			return true;
	return false;
}

/* The next piece, or the next pass. False: it is not time for one, or nobody is half open. */
static bool round_sweep_begin(struct worker *w)
{
	__u64 buckets = w->front->halfopen.buckets;
	sg_time period = round_sweep_period(w);

	if (w->now < w->sweep_at)
		return false;
	if (w->sweep_next == w->sweep_end) {
		w->sweeping = round_halfopen_used(w);
		if (!w->sweeping) {
			w->sweep_at = w->now + period;
			return false;
		}
		w->sweep_next = (__u32)(buckets * w->queue / w->workers);
		w->sweep_end = (__u32)(buckets * (w->queue + 1) / w->workers);
		w->sweep_pieces = (w->sweep_end - w->sweep_next) / ROUND_SWEEP_PIECE + 1;
	}
	w->sweep_at = w->now + period / w->sweep_pieces;
	w->sweep_stop = w->sweep_end - w->sweep_next > ROUND_SWEEP_PIECE
				? w->sweep_next + ROUND_SWEEP_PIECE
				: w->sweep_end;
	return true;
}

/*
 * Our share of the half-open table: SYN-ACKs that are due, entries that have run out. In pieces, spread
 * over the time there is: the driver may need this processor, and its ring is full within a
 * quarter of a millisecond of a flood.
 */
static bool round_sweep(struct worker *w)
{
	__u32 left = ROUND_SWEEP_MAX, done;

	if (w->sweep_next == w->sweep_stop && !round_sweep_begin(w))
		return false;
	while (w->sweep_next < w->sweep_stop && left) {
		__u32 n = w->sweep_stop - w->sweep_next;
		unsigned room = xsk_tx_room(w->xsk);

		if (room < WORKER_BATCH) /* a bucket alone may need seven */
			break;
		w->out.max = WORKER_BATCH;
		done = tcp_sweep_halfopen(w->stack, w->sweep_next, n < left ? n : left, w->now,
					  &w->out);
		apply_actions(&w->apply, &w->out);
		w->sweep_next += done;
		left -= done;
	}
	return w->sweep_next < w->sweep_stop;
}

/* As much as there is to send and the device takes. True: there is more. */
static bool round_transmit(struct worker *w)
{
	bool more = true;

	w->tx_stuck = !xsk_tx_kick(w->xsk); /* answers of this round */
	for (int i = 0; more && !w->tx_stuck && i < ROUND_TX_TURNS; i++) {
		unsigned room = xsk_tx_room(w->xsk);

		w->out.max = room < WORKER_BATCH ? room : WORKER_BATCH;
		if (w->out.max == 0) {
			w->tx_stuck = true;
			break;
		}
		tcp_output(w->stack, w->now, &w->out);
		more = w->out.n == w->out.max;
		apply_actions(&w->apply, &w->out);
		w->tx_stuck = !xsk_tx_kick(w->xsk);
	}
	return more && !w->tx_stuck;
}

/* Wait, at most `wait` ns, and take what epoll has. */
bool round_events(struct worker *w, sg_time wait)
{
	struct timespec ts = {(time_t)(wait / SG_SEC), (long)(wait % SG_SEC)};
	struct epoll_event ev[ROUND_EVENTS];
	int n = epoll_pwait2(w->epoll, ev, ROUND_EVENTS, &ts, NULL);

	if (n > 0)
		w->now = clock_now();
	for (int i = 0; i < n; i++) {
		if (ev[i].data.ptr == &w->mailbox)
			mailbox_awake(&w->mailbox);
		else if (ev[i].data.ptr != w->xsk)
			app_ready(&w->app, ev[i].data.ptr, ev[i].events, w->now);
	}
	return n > 0;
}

static sg_time round_wait(const struct worker *w)
{
	sg_time now = clock_now(), at = w->beat_at;
	sg_time tcp = tcp_deadline(w->stack), app = app_deadline(&w->app);

	at = tcp < at ? tcp : at;
	at = app < at ? app : at;
	if (w->tx_stuck) /* what the engine has to send cannot go anyway */
		at = now + ROUND_TX_RETRY;
	else if (w->sweeping && w->sweep_at < at)
		at = w->sweep_at;
	return at > now ? at - now : 0;
}

void round_sleep(struct worker *w)
{
	sg_time wait = round_wait(w);

	__atomic_store_n(&w->sleeping, true, __ATOMIC_RELAXED);
	__atomic_thread_fence(__ATOMIC_SEQ_CST); /* pairs with forward_wake() */
	if (library_sleeps(&w->app) || forward_waiting(w))
		wait = 0;
	round_events(w, wait);
	library_wakes(&w->app);
	__atomic_store_n(&w->sleeping, false, __ATOMIC_RELAXED);
}

bool round_once(struct worker *w)
{
	bool busy;

	w->now = clock_now();
	round_beat(w);
	busy = round_receive(w);
	busy |= forward_receive(w, XSK_RX_BATCH) > 0;
	busy |= round_sweep(w);
	tcp_expire(w->stack, w->now);
	busy |= app_run(&w->app, w->now);
	busy |= round_transmit(w);
	busy |= mailbox_run(&w->mailbox, w);
	return busy;
}

/* Let go of everybody, and give the RSTs a moment to leave. */
void round_farewell(struct worker *w)
{
	sg_time until = clock_now() + ROUND_FAREWELL;

	w->now = clock_now();
	app_free(&w->app);
	for (__u32 i = 0; i < w->front->max_listeners; i++)
		tcp_unlisten(w->stack, i, w->now);
	while (w->now < until && (round_transmit(w) || w->tx_stuck)) {
		if (w->tx_stuck)
			clock_pause(1);
		w->now = clock_now();
	}
}
