/* SPDX-License-Identifier: BSD-2-Clause */
/* Options of a connection: what they are and within what bounds is in tcp.h. */
#include <errno.h>

#include "tcp/stack.h"

static void opt_flag(struct tcp *t, __u32 flag, bool on)
{
	if (on)
		t->flags |= flag;
	else
		t->flags &= ~flag;
}

static int opt_range(int value, int least, int most)
{
	return value < least || value > most ? -EINVAL : 0;
}

int tcp_set_opt(struct tcp_stack *s, tcp_id id, enum tcp_opt opt, int value, sg_time now)
{
	struct tcp *t = conn_get(s, id);
	int rc = 0;

	if (!t)
		return -EBADF;
	switch (opt) {
	case TCP_OPT_NODELAY:
		opt_flag(t, T_NODELAY, value);
		output_ready(s, t); /* also what waits already */
		break;
	case TCP_OPT_CORK:
		opt_flag(t, T_CORK, value);
		output_ready(s, t);
		break;
	case TCP_OPT_QUICKACK:
		opt_flag(t, T_QUICKACK, value);
		if (value)
			delack_at_once(s, t);
		break;
	case TCP_OPT_KEEPALIVE:
		opt_flag(t, T_KEEPALIVE, value);
		keepalive_arm(s, t, now);
		break;
	case TCP_OPT_KEEPIDLE:
	case TCP_OPT_KEEPINTVL:
		rc = opt_range(value, 1, 32767);
		if (!rc && opt == TCP_OPT_KEEPIDLE)
			t->keep_idle = (__u16)value;
		else if (!rc)
			t->keep_intvl = (__u16)value;
		keepalive_arm(s, t, now);
		break;
	case TCP_OPT_KEEPCNT:
		rc = opt_range(value, 1, 127);
		if (!rc)
			t->keep_cnt = (__u8)value;
		break;
	case TCP_OPT_LINGER:
		opt_flag(t, T_LINGER0, value == 0);
		break;
	case TCP_OPT_LINGER2:
		rc = opt_range(value, -1, 3600);
		if (!rc)
			t->linger2 = (__s16)value;
		break;
	case TCP_OPT_USER_TIMEOUT:
		rc = opt_range(value, 0, 86400000);
		if (!rc)
			t->user_timeout = (__u32)value;
		break;
	case TCP_OPT_TOS:
		rc = opt_range(value, 0, 255);
		if (!rc)
			t->tos = (__u8)(value & ~3); /* the ECN bits are not its to set */
		break;
	case TCP_OPT_TTL:
		rc = value == -1 ? 0 : opt_range(value, 1, 255);
		if (!rc)
			t->ttl = value == -1 ? 0 : (__u8)value;
		break;
	case TCP_OPT_URGENT:
	case TCP_OPT_MAXSEG:
	case TCP_OPT_ERROR:
		rc = -ENOPROTOOPT; /* to be read only */
		break;
	}
	return rc;
}

int tcp_get_opt(struct tcp_stack *s, tcp_id id, enum tcp_opt opt, int *value)
{
	struct tcp *t = conn_get(s, id);

	if (!t)
		return -EBADF;
	switch (opt) {
	case TCP_OPT_NODELAY:
		*value = !!(t->flags & T_NODELAY);
		break;
	case TCP_OPT_CORK:
		*value = !!(t->flags & T_CORK);
		break;
	case TCP_OPT_QUICKACK:
		*value = !!(t->flags & T_QUICKACK);
		break;
	case TCP_OPT_KEEPALIVE:
		*value = !!(t->flags & T_KEEPALIVE);
		break;
	case TCP_OPT_KEEPIDLE:
		*value = (int)keepalive_idle(s, t);
		break;
	case TCP_OPT_KEEPINTVL:
		*value = (int)keepalive_interval(s, t);
		break;
	case TCP_OPT_KEEPCNT:
		*value = (int)keepalive_count(s, t);
		break;
	case TCP_OPT_LINGER:
		*value = t->flags & T_LINGER0 ? 0 : -1;
		break;
	case TCP_OPT_LINGER2:
		*value = t->linger2 ? t->linger2 : (int)knobs(s)->tcp_fin_timeout;
		break;
	case TCP_OPT_USER_TIMEOUT:
		*value = (int)timer_user_timeout(s, t);
		break;
	case TCP_OPT_TOS:
		*value = t->tos;
		break;
	case TCP_OPT_TTL:
		*value = t->ttl ? t->ttl : (int)knobs(s)->ip_default_ttl;
		break;
	case TCP_OPT_URGENT:
		*value = (int)urgent_left(t);
		break;
	case TCP_OPT_MAXSEG:
		*value = t->mss;
		break;
	case TCP_OPT_ERROR:
		*value = -t->error;
		break;
	}
	return 0;
}
