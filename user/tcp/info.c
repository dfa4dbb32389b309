/* SPDX-License-Identifier: BSD-2-Clause */
/* Looking at the stack without changing it. */
#include <errno.h>
#include <string.h>

#include "tcp/cc.h"

/* As ss names them: FIN_WAIT_2's is "timewait", and it shows no delayed ACKs. */
static const char *info_timer(const struct tcp *t, sg_time *at)
{
	*at = t->life_at < t->rexmit_at ? t->life_at : t->rexmit_at;
	if (*at == SG_NEVER)
		return "";
	if (*at == t->life_at)
		return t->flags & T_ORPHAN ? "timewait" : "keepalive";
	return t->timer == TIMER_PERSIST ? "persist" : "on";
}

static const char *const info_ca[] = {
	[CA_OPEN] = "open", [CA_CWR] = "cwr", [CA_RECOVERY] = "recovery", [CA_LOSS] = "loss"};

static void info_fill(const struct tcp_stack *s, const struct tcp *t, sg_time now,
		      struct tcp_facts *f)
{
	sg_time at;

	*f = (struct tcp_facts){
		.tuple = t->tuple,
		.id = conn_id(s, t),
		.state = (enum tcp_state)t->state,
		.error = t->error,
		.listener = t->listener,
		.waiting = t->flags & T_WAITING,
		.cookie = t->listener != NO_LISTENER && t->state != TCP_SYN_RCVD && !t->shook,
		.handshake_us = t->shook ? (t->shook - 1) * 1000 : 0,
		.orphan = !(t->flags & T_OWNED),
		.recv_q = t->rcv.len,
		.send_q = t->snd.len,
		.snd_cwnd = t->cwnd,
		.snd_ssthresh = t->ssthresh,
		.snd_wnd = t->snd_wnd,
		.rcv_wnd = (__u32)seq_diff(t->rcv_adv, t->rcv_nxt),
		.mss = t->mss,
		.srtt_us = (__u32)(t->srtt / 1000),
		.rttvar_us = (__u32)(t->rttvar / 1000),
		.min_rtt_us = t->min_rtt,
		.cc = cc_name(t),
		.ca = info_ca[t->ca],
		.rto_ms = (__u32)(t->rto / SG_MS),
		.retrans = t->backoff,
		.total_retrans = t->retrans,
		.bytes_in = t->bytes_in,
		.bytes_out = t->bytes_out,
		.user = t->flags & T_OWNED ? t->user : 0,
		.born = now - (time_ms(now) - t->born) * SG_MS,
	};
	f->timer = info_timer(t, &at);
	f->timer_ms = at != SG_NEVER && at > now ? (__u32)((at - now) / SG_MS) : 0;
}

int tcp_info(const struct tcp_stack *s, tcp_id id, sg_time now, struct tcp_facts *info)
{
	const struct tcp *t = conn_get(s, id);

	if (!t)
		return -EBADF;
	info_fill(s, t, now, info);
	return 0;
}

static void info_timewait(const struct tcp_stack *s, __u32 i, sg_time now, struct tcp_facts *f)
{
	__s32 left = timewait_left(s, i, now);

	*f = (struct tcp_facts){
		.tuple = s->timewait[i].tuple,
		.state = TCP_TIME_WAIT,
		.listener = NO_LISTENER,
		.orphan = true,
		.timer = "timewait",
		.timer_ms = left > 0 ? (__u32)left : 0,
	};
}

/* The cursor: connection blocks by index, then TIME_WAIT blocks along their list. */
#define CURSOR_TIMEWAIT (1ULL << 32)
#define CURSOR_END (2ULL << 32)

bool tcp_each(const struct tcp_stack *s, __u64 *cursor, sg_time now, struct tcp_facts *info)
{
	while (*cursor < CURSOR_TIMEWAIT) {
		__u32 i = (__u32)++*cursor;

		if (i > s->conns.high) {
			*cursor = s->tw_order.head ? CURSOR_TIMEWAIT | s->tw_order.head : CURSOR_END;
			break;
		}
		if (!(conn_at(s, i)->gen & 1) || conn_at(s, i)->state == TCP_CLOSED)
			continue;
		info_fill(s, conn_at(s, i), now, info);
		return true;
	}
	if (*cursor >= CURSOR_END)
		return false;
	info_timewait(s, (__u32)*cursor, now, info);
	*cursor = s->timewait[(__u32)*cursor].next;
	*cursor = *cursor ? CURSOR_TIMEWAIT | *cursor : CURSOR_END;
	return true;
}

void tcp_usage(const struct tcp_stack *s, struct tcp_usage *u)
{
	*u = (struct tcp_usage){
		.conns = s->conns.used,
		.timewait = s->timewaits.used,
		.chunks = s->chunks.used,
		.max_conns = s->conns.max,
		.max_timewait = s->timewaits.max,
		.max_chunks = s->chunks.max,
	};
}
