/* SPDX-License-Identifier: BSD-2-Clause */
/* The engine's socket-like calls: syngate_engine.h. */
#include <errno.h>
#include <string.h>

#include "engine/engine.h"

/* --- addresses -------------------------------------------------------------------------------- */

static void sock_tuple(const struct sge_addr *local, const struct sge_addr *peer,
		       struct sg_tuple *t)
{
	*t = (struct sg_tuple){.lport = local->port, .pport = peer->port};
	memcpy(t->local.addr, local->ip, 16);
	memcpy(t->peer.addr, peer->ip, 16);
}

static void sock_addr(const struct sg_addr *ip, __u16 port, struct sge_addr *addr)
{
	memcpy(addr->ip, ip->addr, 16);
	addr->port = port;
}

/* MSS for a packet of the interface's MTU (RFC 9293 3.7.1, RFC 6691). */
static __u16 sock_mss(const struct sge *e, bool v4)
{
	return (__u16)(e->cfg.mtu - (v4 ? 40 : 60));
}

/* --- listeners ---------------------------------------------------------------------------------- */

static int sock_free_id(const struct sge *e, const struct sge_addr *at)
{
	int id = -ENOBUFS;

	for (__u32 i = 0; i < e->cfg.max_listeners; i++) {
		const struct sg_queue *q = &e->queues[i];

		if (!q->in_use && id < 0)
			id = (int)i;
		if (q->in_use && q->port == at->port && !memcmp(q->addr.addr, at->ip, 16))
			return -EADDRINUSE;
	}
	return id;
}

int sge_listen(struct sge *e, const struct sge_addr *at, uint32_t backlog)
{
	__u32 most = e->settings.somaxconn;
	struct sg_listener l = {
		.state = SG_LISTENER_OPEN,
		.mss4 = sock_mss(e, true),
		.mss6 = sock_mss(e, false),
		.wscale = SG_RMEM_WSCALE,
		.window = (__u16)(e->settings.tcp_rmem < 65535 ? e->settings.tcp_rmem : 65535),
	};
	struct sg_queue *q;
	struct sg_addr addr;
	int id;

	memcpy(addr.addr, at->ip, 16);
	if (at->port == 0)
		return -EINVAL;
	if (!sg_addr_is_any(&addr) && !sg_addr_is_host(&addr))
		return -EADDRNOTAVAIL;
	id = sock_free_id(e, at);
	if (id < 0)
		return id;
	l.id = (__u32)id;
	q = &e->queues[id];
	memset(q, 0, sizeof(*q));
	q->addr = addr;
	q->port = at->port;
	q->backlog = q->syn_backlog = backlog < most ? backlog : most;
	q->strangers = e->settings.tcp_max_syn_backlog - e->settings.tcp_max_syn_backlog / 4;
	q->in_use = 1;
	tcp_listen(e->stack, l.id, &l);
	return id;
}

static bool sock_is_listener(const struct sge *e, int id)
{
	return id >= 0 && (__u32)id < e->cfg.max_listeners && e->queues[id].in_use;
}

int sge_unlisten(struct sge *e, int listener, uint64_t now)
{
	if (!sock_is_listener(e, listener))
		return -EBADF;
	tcp_unlisten(e->stack, (__u32)listener, now);
	e->queues[listener].in_use = 0;
	sge_forget_events(e);
	return 0;
}

int sge_accept(struct sge *e, int listener, sge_conn *conn)
{
	tcp_id id;
	int rc;

	if (!sock_is_listener(e, listener))
		return -EBADF;
	rc = tcp_accept(e->stack, (__u32)listener, &id);
	if (!rc)
		*conn = id;
	return rc;
}

/* --- connections --------------------------------------------------------------------------------- */

int sge_connect(struct sge *e, const struct sge_addr *local, const struct sge_addr *peer,
		uint64_t now, sge_conn *conn)
{
	static const __u8 none[6];
	struct sg_tuple t;
	tcp_id id;
	int rc;

	sock_tuple(local, peer, &t);
	if (!t.lport || !t.pport || sg_addr_is4(&t.local) != sg_addr_is4(&t.peer))
		return -EINVAL;
	rc = tcp_connect(e->stack, &t, none, sock_mss(e, sg_addr_is4(&t.peer)), now, &id);
	if (!rc)
		*conn = id;
	return rc;
}

ssize_t sge_recv(struct sge *e, sge_conn c, void *buf, size_t len, int flags, uint64_t now)
{
	struct iovec iov[16];
	size_t done = 0;
	int n;

	if (!(flags & SGE_PEEK))
		return tcp_recv(e->stack, c, buf, len, now);
	n = tcp_recv_peek(e->stack, c, iov, 16);
	for (int i = 0; i < n && done < len; i++) {
		size_t k = iov[i].iov_len < len - done ? iov[i].iov_len : len - done;

		memcpy((char *)buf + done, iov[i].iov_base, k);
		done += k;
	}
	return n <= 0 ? n : (ssize_t)done;
}

ssize_t sge_send(struct sge *e, sge_conn c, const void *buf, size_t len, uint64_t now)
{
	return tcp_send(e->stack, c, buf, len, now);
}

int sge_shutdown(struct sge *e, sge_conn c, int how, uint64_t now)
{
	const struct tcp *t = conn_get(e->stack, c);
	int rc = 0;

	if (how & ~SGE_RDWR || how == 0)
		return -EINVAL;
	if (!t)
		return -EBADF;
	if (t->state == TCP_SYN_SENT)
		how = SGE_WR; /* either way it is over: once is enough */
	if (how & SGE_RD)
		rc = tcp_shutdown_read(e->stack, c);
	if (how & SGE_WR)
		rc = tcp_shutdown(e->stack, c, now);
	return rc;
}

int sge_close(struct sge *e, sge_conn c, uint64_t now)
{
	int rc = tcp_close(e->stack, c, now);

	sge_forget_events(e);
	return rc;
}

int sge_abort(struct sge *e, sge_conn c, uint64_t now)
{
	int rc = tcp_abort(e->stack, c, now);

	sge_forget_events(e);
	return rc;
}

int sge_poll(struct sge *e, sge_conn c)
{
	const struct tcp *t = conn_get(e->stack, c);
	int what = 0;

	if (!t)
		return 0;
	if (t->rcv.len || t->flags & (T_FIN_RCVD | T_READ_END) || t->state == TCP_CLOSED)
		what |= SGE_IN;
	if ((t->state == TCP_ESTABLISHED || t->state == TCP_CLOSE_WAIT) &&
	    t->snd.len < window_send_buffer(e->stack, t))
		what |= SGE_OUT;
	if (urgent_left(t))
		what |= SGE_PRI;
	return t->error ? what | SGE_ERR : what;
}

/* --- options and looking ----------------------------------------------------------------------------- */

static const enum tcp_opt sock_opts[] = {
	[SGE_NODELAY] = TCP_OPT_NODELAY,
	[SGE_CORK] = TCP_OPT_CORK,
	[SGE_QUICKACK] = TCP_OPT_QUICKACK,
	[SGE_KEEPALIVE] = TCP_OPT_KEEPALIVE,
	[SGE_KEEPIDLE] = TCP_OPT_KEEPIDLE,
	[SGE_KEEPINTVL] = TCP_OPT_KEEPINTVL,
	[SGE_KEEPCNT] = TCP_OPT_KEEPCNT,
	[SGE_LINGER] = TCP_OPT_LINGER,
	[SGE_LINGER2] = TCP_OPT_LINGER2,
	[SGE_USER_TIMEOUT] = TCP_OPT_USER_TIMEOUT,
	[SGE_MAXSEG] = TCP_OPT_MAXSEG,
	[SGE_ERROR] = TCP_OPT_ERROR,
	[SGE_URGENT] = TCP_OPT_URGENT,
	[SGE_TOS] = TCP_OPT_TOS,
	[SGE_TTL] = TCP_OPT_TTL,
};

int sge_setsockopt(struct sge *e, sge_conn c, enum sge_opt opt, int value, uint64_t now)
{
	if ((unsigned)opt >= SG_ARRAY_SIZE(sock_opts))
		return -ENOPROTOOPT;
	return tcp_set_opt(e->stack, c, sock_opts[opt], value, now);
}

int sge_getsockopt(struct sge *e, sge_conn c, enum sge_opt opt, int *value)
{
	if ((unsigned)opt >= SG_ARRAY_SIZE(sock_opts))
		return -ENOPROTOOPT;
	return tcp_get_opt(e->stack, c, sock_opts[opt], value);
}

void sge_cookie_key(struct sge *e, const uint8_t key[16], uint64_t clock)
{
	struct sg_key next;

	memcpy(&next, key, sizeof(next));
	if (memcmp(sg_cookie_key(&e->cookies, 0), &next, sizeof(next)) != 0)
		sg_cookie_rotate(&e->cookies, &next);
	e->cookies.clock = clock;
}

sge_conn sge_next(const struct sge *e, uint64_t *cursor)
{
	while (*cursor < e->stack->conns.high) {
		const struct tcp *t = conn_at(e->stack, (__u32)++*cursor);

		if (t->gen & 1 && (t->flags & (T_OWNED | T_WAITING)) == T_OWNED)
			return conn_id(e->stack, t);
	}
	return 0;
}

int sge_position(struct sge *e, sge_conn c, uint64_t *received, uint64_t *sent)
{
	const struct tcp *t = conn_get(e->stack, c);

	if (!t)
		return -EBADF;
	*received = t->bytes_in - t->rcv.len;
	*sent = t->bytes_out;
	return 0;
}

int sge_getsockname(struct sge *e, sge_conn c, struct sge_addr *addr)
{
	const struct tcp *t = conn_get(e->stack, c);

	if (!t)
		return -EBADF;
	sock_addr(&t->tuple.local, t->tuple.lport, addr);
	return 0;
}

int sge_getpeername(struct sge *e, sge_conn c, struct sge_addr *addr)
{
	const struct tcp *t = conn_get(e->stack, c);

	if (!t)
		return -EBADF;
	sock_addr(&t->tuple.peer, t->tuple.pport, addr);
	return 0;
}

const char *sge_state(struct sge *e, sge_conn c)
{
	const struct tcp *t = conn_get(e->stack, c);

	return tcp_state_name(t ? (enum tcp_state)t->state : TCP_CLOSED);
}

const char *sge_pair_state(struct sge *e, const struct sge_addr *local,
			   const struct sge_addr *peer)
{
	struct sg_tuple t;
	struct sg_hash h;
	__u32 what;

	sock_tuple(local, peer, &t);
	h = sg_tuple_hash(&e->stack->cfg.key, &t);
	what = flowtable_find(e->stack, h.table, &t);
	if (what & FLOW_TIMEWAIT)
		return tcp_state_name(TCP_TIME_WAIT);
	if (what)
		return tcp_state_name((enum tcp_state)conn_at(e->stack, what)->state);
	return tcp_state_name(driver_has_halfopen(e->stack, &t) ? TCP_SYN_RCVD : TCP_CLOSED);
}

void sge_usage(const struct sge *e, struct sge_usage *u)
{
	struct tcp_usage t;

	tcp_usage(e->stack, &t);
	*u = (struct sge_usage){t.conns, t.timewait, t.chunks, 0};
	for (__u32 i = 0; i < e->cfg.max_listeners; i++)
		u->halfopen += e->queues[i].halfopen;
}
