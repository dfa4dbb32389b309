/* SPDX-License-Identifier: BSD-2-Clause */
/* The eleven states of RFC 9293 3.3.2 and the moves between them. The one place that moves. */
#include <assert.h>

#include "tcp/stack.h"

#define TO(st) (1u << (st))

/* TIME_WAIT is left by becoming a struct timewait; the block itself then reads CLOSED. */
static const unsigned state_moves[] = {
	[TCP_CLOSED] = TO(TCP_SYN_SENT) | TO(TCP_SYN_RCVD) | TO(TCP_ESTABLISHED),
	[TCP_SYN_SENT] = TO(TCP_SYN_RCVD) | TO(TCP_ESTABLISHED) | TO(TCP_CLOSED),
	[TCP_SYN_RCVD] = TO(TCP_ESTABLISHED) | TO(TCP_FIN_WAIT_1) | TO(TCP_CLOSED),
	[TCP_ESTABLISHED] = TO(TCP_FIN_WAIT_1) | TO(TCP_CLOSE_WAIT) | TO(TCP_CLOSED),
	[TCP_FIN_WAIT_1] =
		TO(TCP_FIN_WAIT_2) | TO(TCP_CLOSING) | TO(TCP_TIME_WAIT) | TO(TCP_CLOSED),
	[TCP_FIN_WAIT_2] = TO(TCP_TIME_WAIT) | TO(TCP_CLOSED),
	[TCP_CLOSE_WAIT] = TO(TCP_LAST_ACK) | TO(TCP_CLOSED),
	[TCP_CLOSING] = TO(TCP_TIME_WAIT) | TO(TCP_CLOSED),
	[TCP_LAST_ACK] = TO(TCP_CLOSED),
	[TCP_TIME_WAIT] = TO(TCP_CLOSED),
};

static const char *const state_names[] = {
	[TCP_CLOSED] = "CLOSED",	 [TCP_LISTEN] = "LISTEN",
	[TCP_SYN_SENT] = "SYN-SENT",	 [TCP_SYN_RCVD] = "SYN-RECV",
	[TCP_ESTABLISHED] = "ESTAB",	 [TCP_FIN_WAIT_1] = "FIN-WAIT-1",
	[TCP_FIN_WAIT_2] = "FIN-WAIT-2", [TCP_CLOSE_WAIT] = "CLOSE-WAIT",
	[TCP_CLOSING] = "CLOSING",	 [TCP_LAST_ACK] = "LAST-ACK",
	[TCP_TIME_WAIT] = "TIME-WAIT",
};

void state_set(struct tcp *t, enum tcp_state to)
{
	assert(state_moves[t->state] & TO(to));
	t->state = (__u8)to;
}

const char *tcp_state_name(enum tcp_state st)
{
	return (unsigned)st < SG_ARRAY_SIZE(state_names) ? state_names[st] : "?";
}
