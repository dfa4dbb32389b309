/* SPDX-License-Identifier: BSD-2-Clause */
/* Options, as tcp(7), ip(7), ipv6(7) and socket(7) have them. */
#include <errno.h>
#include <limits.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <stddef.h>
#include <string.h>

#include "lib/lib.h"

#define OPTION_DAY_MS 86400000

struct option_row {
	int level, name;
	__u32 flag;			  /* a bit of the slot's state; 0: */
	enum sg_channel_option option;	  /* this one of its values, */
	int least, most;		  /* within these bounds, */
	size_t facts;			  /* and where the daemon says what it is by default */
};

#define OPTION_FLAG(l, n) {l, TCP_##n, .flag = SG_CHANNEL_##n}
#define OPTION_VALUE(l, n, o, least, most, field)                                                  \
	{l, n, 0, SG_CHANNEL_##o, least, most, offsetof(struct sg_channel_facts, field)}

static const struct option_row option_rows[] = {
	OPTION_FLAG(IPPROTO_TCP, NODELAY),
	OPTION_FLAG(IPPROTO_TCP, CORK),
	OPTION_FLAG(IPPROTO_TCP, QUICKACK),
	OPTION_VALUE(SOL_SOCKET, SO_KEEPALIVE, KEEPALIVE, INT_MIN, INT_MAX, keepalive),
	OPTION_VALUE(IPPROTO_TCP, TCP_KEEPIDLE, KEEPIDLE, 1, 32767, keepidle),
	OPTION_VALUE(IPPROTO_TCP, TCP_KEEPINTVL, KEEPINTVL, 1, 32767, keepintvl),
	OPTION_VALUE(IPPROTO_TCP, TCP_KEEPCNT, KEEPCNT, 1, 127, keepcnt),
	OPTION_VALUE(IPPROTO_TCP, TCP_LINGER2, LINGER2, INT_MIN, 3600, linger2),
	OPTION_VALUE(IPPROTO_TCP, TCP_USER_TIMEOUT, USER_TIMEOUT, 0, OPTION_DAY_MS, user_timeout),
	OPTION_VALUE(IPPROTO_IP, IP_TOS, TOS, 0, 255, tos),
	OPTION_VALUE(IPPROTO_IPV6, IPV6_TCLASS, TOS, 0, 255, tos),
	OPTION_VALUE(IPPROTO_IP, IP_TTL, TTL, -1, 255, ttl),
	OPTION_VALUE(IPPROTO_IPV6, IPV6_UNICAST_HOPS, TTL, -1, 255, ttl),
};

static const struct option_row *option_find(int level, int name)
{
	for (size_t i = 0; i < SG_ARRAY_SIZE(option_rows); i++)
		if (option_rows[i].level == level && option_rows[i].name == name)
			return &option_rows[i];
	return NULL;
}

static int option_unknown(int level, int name)
{
	return why_set(-ENOPROTOOPT, "level %d has no option %d for a connection of syngate's", level,
		       name);
}

/* A connection that is over takes what it is told, as Linux's do. */
static int option_unless_over(int rc)
{
	return rc == -ECONNRESET ? 0 : rc;
}

/* --- set ------------------------------------------------------------------------------------- */

/* What is held back goes at once when a cork comes off, or is overruled. */
static int option_set_flag(const struct syngate_conn *c, __u32 flag, bool on)
{
	__u32 state;
	int rc = slot_state(c, &state);

	if (!rc)
		rc = slot_change(c, on ? 0 : flag, on ? flag : 0);
	if (!rc && state & SG_CHANNEL_CORK &&
	    ((flag == SG_CHANNEL_CORK && !on) || (flag == SG_CHANNEL_NODELAY && on)))
		slot_bell(c);
	return rc;
}

static int option_set_row(const struct syngate_conn *c, const struct option_row *r, int value)
{
	if (r->flag)
		return option_set_flag(c, r->flag, value);
	if (value < r->least || value > r->most || (r->option == SG_CHANNEL_TTL && value == 0))
		return why_set(-EINVAL, "%d: option %d of level %d is %d to %d", value, r->name, r->level,
			       r->least, r->most);
	if (r->option == SG_CHANNEL_KEEPALIVE)
		value = !!value;
	if (r->option == SG_CHANNEL_LINGER2 && value < 0)
		value = -1;
	return slot_option(c, r->option, value);
}

/* Seconds above 0 change nothing: the daemon sends what was written, and close() does not wait for it. */
static int option_set_linger(struct syngate_conn *c, const void *value, socklen_t len)
{
	bool reset;

	if (len < sizeof(c->linger))
		return why_set(-EINVAL, "SO_LINGER takes a struct linger");
	memcpy(&c->linger, value, sizeof(c->linger));
	reset = c->linger.l_onoff && !c->linger.l_linger;
	return option_unless_over(
		slot_change(c, reset ? 0 : SG_CHANNEL_LINGER0, reset ? SG_CHANNEL_LINGER0 : 0));
}

int syngate_setsockopt(struct syngate_conn *c, int level, int name, const void *value, socklen_t len)
{
	const struct option_row *r = option_find(level, name);
	int n;

	if (level == SOL_SOCKET && name == SO_LINGER)
		return option_set_linger(c, value, len);
	if (!r && (level != SOL_SOCKET || c->ring))
		return option_unknown(level, name);
	if (!r)
		return setsockopt(c->fd, level, name, value, len)
			       ? why_set(-errno, "setsockopt: %s", strerror(errno))
			       : 0;
	if (len < sizeof(n))
		return why_set(-EINVAL, "option %d of level %d takes an int", name, level);
	memcpy(&n, value, sizeof(n));
	return option_unless_over(option_set_row(c, r, n));
}

/* --- get ------------------------------------------------------------------------------------- */

static int option_give(void *value, socklen_t *len, const void *from, size_t size)
{
	if (size < *len)
		*len = (socklen_t)size;
	memcpy(value, from, *len);
	return 0;
}

static int option_get_row(const struct syngate_conn *c, const struct option_row *r, int *value)
{
	struct sg_channel_facts f;
	__u32 state;
	int rc = slot_state(c, &state);

	if (rc)
		return rc;
	if (r->flag) {
		*value = !!(state & r->flag);
		return 0;
	}
	if (state & SG_CHANNEL_SET(r->option)) {
		*value = slot_option_set(c, r->option);
		if (r->option != SG_CHANNEL_TTL || *value != -1)
			return 0;
	}
	rc = slot_facts(c, &f);
	if (!rc)
		memcpy(value, (const char *)&f + r->facts, sizeof(*value));
	return rc;
}

/* What needs no question. */
static bool option_get_fixed(const struct syngate_conn *c, int level, int name, int *value)
{
	if (level == SOL_SOCKET)
		switch (name) {
		case SO_ERROR:
			*value = -syngate_error(c);
			return true;
		case SO_DOMAIN:
			*value = sg_addr_is4(&c->tuple.peer) ? AF_INET : AF_INET6;
			return true;
		case SO_PROTOCOL:
			*value = IPPROTO_TCP;
			return true;
		}
	*value = 0;
	return level == IPPROTO_IPV6 && name == IPV6_V6ONLY;
}

static int option_get_facts(const struct syngate_conn *c, int name, void *value, socklen_t *len)
{
	struct sg_channel_facts f;
	struct tcp_info info;
	int mss, rc = slot_facts(c, &f);

	if (rc && !(rc == -ECONNRESET && name == TCP_INFO))
		return rc;
	mss = rc ? 0 : (int)f.mss;
	if (name == TCP_MAXSEG)
		return option_give(value, len, &mss, sizeof(mss));
	if (name == TCP_CONGESTION)
		return option_give(value, len, f.cc, sizeof(f.cc));
	info_tcp(rc ? NULL : &f, &info);
	return option_give(value, len, &info, sizeof(info));
}

int syngate_getsockopt(struct syngate_conn *c, int level, int name, void *value, socklen_t *len)
{
	const struct option_row *r = option_find(level, name);
	int n, rc;

	if (level == SOL_SOCKET && name == SO_LINGER)
		return option_give(value, len, &c->linger, sizeof(c->linger));
	if (level == IPPROTO_TCP && (name == TCP_INFO || name == TCP_MAXSEG || name == TCP_CONGESTION))
		return option_get_facts(c, name, value, len);
	if (r) {
		rc = option_get_row(c, r, &n);
		return rc ? rc : option_give(value, len, &n, sizeof(n));
	}
	if (option_get_fixed(c, level, name, &n))
		return option_give(value, len, &n, sizeof(n));
	if (level != SOL_SOCKET || c->ring)
		return option_unknown(level, name);
	return getsockopt(c->fd, level, name, value, len)
		       ? why_set(-errno, "getsockopt: %s", strerror(errno))
		       : 0;
}
