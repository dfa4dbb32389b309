/* SPDX-License-Identifier: BSD-2-Clause */
/* The application's calls, RFC 9293 3.10.1 to 3.10.3: none blocks. */
#include <errno.h>
#include <string.h>

#include "tcp/stack.h"

tcp_id conn_id(const struct tcp_stack *s, const struct tcp *t)
{
	return (tcp_id)t->gen << 32 | conn_index(s, t);
}

struct tcp *conn_get(const struct tcp_stack *s, tcp_id id)
{
	__u32 i = (__u32)id;
	struct tcp *t;

	if (i == NIL || i > s->conns.high)
		return NULL;
	t = conn_at(s, i);
	if (t->gen != (__u32)(id >> 32) || !(t->gen & 1) || !(t->flags & T_OWNED))
		return NULL;
	return t;
}

/* RFC 9293 3.9.1.1: from one host to one host, or it is refused (MUST-46). */
static int user_hosts(const struct sg_tuple *t)
{
	if (!sg_addr_is_host(&t->local))
		return -EADDRNOTAVAIL;
	if (sg_addr_is_group(&t->peer))
		return -ENETUNREACH; /* as Linux says it */
	return sg_addr_is_host(&t->peer) ? 0 : -EINVAL;
}

/* The pair's flow, ours from now on. 0, -EADDRINUSE or -ENOBUFS. */
static int user_claim(struct tcp_stack *s, const struct sg_hash *h, const struct sg_tuple *tuple)
{
	int owner;

	if (handshake_has(s, h, tuple))
		return -EADDRINUSE;
	owner = sg_flow_claim(&s->cfg.flows, h->table, tuple, s->cfg.worker);
	if (owner < 0)
		return -ENOBUFS;
	return owner == s->cfg.worker ? 0 : -EADDRINUSE;
}

/* The new block; `old` is 0, or the pair's in TIME_WAIT, which then makes room and has the flow. */
static struct tcp *user_conn(struct tcp_stack *s, const struct sg_hash *h,
			     const struct sg_tuple *tuple, __u32 old, sg_time now)
{
	struct tcp *t;

	if (old)
		flowtable_del(s, h->table, old);
	t = conn_new(s, tuple, h, now);
	if (t && old)
		timewait_reuse(s, old & ~FLOW_TIMEWAIT, t);
	else if (t)
		t->iss = sg_iss(h, time_ms(now));
	else if (old)
		flowtable_add(s, h->table, old);
	else
		sg_flow_release(&s->cfg.flows, h->table, tuple);
	return t;
}

static void user_syn_sent(struct tcp_stack *s, struct tcp *t, const __u8 mac[6], __u16 mss,
			  sg_time now)
{
	memcpy(t->mac, mac, 6);
	t->flags |= T_OWNED;
	t->our_mss = t->mss = mss;
	t->rcv_mss = rcv_mss_guess(mss);
	mtu_init(s, t, now);
	t->rcv_wscale = knobs(s)->tcp_window_scaling ? SG_RMEM_WSCALE : 0;
	t->snd_una = t->snd_nxt = t->snd_max = t->iss;
	state_set(t, TCP_SYN_SENT);
	s->cfg.mib->ActiveOpens++;
	output_ready(s, t);
}

int tcp_connect(struct tcp_stack *s, const struct sg_tuple *tuple, const __u8 mac[6], __u16 mss,
		sg_time now, tcp_id *conn)
{
	struct sg_hash h = sg_tuple_hash(&s->cfg.key, tuple);
	__u32 old = flowtable_find(s, h.table, tuple);
	struct tcp *t;
	int rc = user_hosts(tuple);

	if (rc)
		return rc;
	if (!old)
		rc = user_claim(s, &h, tuple);
	else if (!(old & FLOW_TIMEWAIT) || !timewait_reusable(s, old & ~FLOW_TIMEWAIT, now))
		rc = -EADDRINUSE;
	if (rc)
		return rc;
	t = user_conn(s, &h, tuple, old, now);
	if (!t)
		return -ENOBUFS;
	user_syn_sent(s, t, mac, mss, now);
	step_end(s);
	*conn = conn_id(s, t);
	return 0;
}

int tcp_recv_peek(struct tcp_stack *s, tcp_id id, struct iovec *iov, int max)
{
	struct tcp *t = conn_get(s, id);

	if (!t)
		return -EBADF;
	if (t->rcv.len > 0)
		return buf_read(s, &t->rcv, 0, t->rcv.len, iov, max);
	if (t->flags &
	    T_FIN_RCVD) /* its stream is whole, whatever came after (Linux's SOCK_DONE) */
		return 0;
	if (t->error)
		return t->error;
	if (t->flags & T_READ_END || t->state == TCP_CLOSED)
		return 0;
	return -EAGAIN;
}

int tcp_recv_done(struct tcp_stack *s, tcp_id id, size_t n, sg_time now)
{
	struct tcp *t = conn_get(s, id);

	if (!t)
		return -EBADF;
	if (n > t->rcv.len)
		return -EINVAL;
	step_begin(s, t);
	window_read(s, t, (__u32)n, now);
	buf_drop(s, &t->rcv, (__u32)n, t->flags & T_OOO);
	if (t->flags & T_URGENT)
		urgent_read(t);
	if (t->state != TCP_CLOSED && !(t->flags & T_FIN_RCVD) && window_grew(s, t))
		output_ack_now(s, t);
	if (t->state != TCP_CLOSED && n > 0)
		delack_read(s, t);
	step_end(s);
	return 0;
}

int tcp_send_room(struct tcp_stack *s, tcp_id id, struct iovec *iov, int max)
{
	struct tcp *t = conn_get(s, id);
	__u32 wmem;
	int n = 0;

	if (!t)
		return -EBADF;
	wmem = window_send_buffer(s, t);
	if (t->error)
		return t->error;
	if (t->flags & T_FIN_QUEUED || t->state == TCP_CLOSED)
		return -EPIPE;
	if (t->state == TCP_ESTABLISHED || t->state == TCP_CLOSE_WAIT) {
		if (t->snd.len < wmem) {
			step_begin(s, t);
			n = buf_room(s, &t->snd, t->snd.len, wmem - t->snd.len, iov, max);
			step_end(s);
			s->starved |= n == 0;
		}
	}
	if (n == 0) {
		t->flags |= T_WANT_WRITE;
		return -EAGAIN;
	}
	return n;
}

int tcp_send_done(struct tcp_stack *s, tcp_id id, size_t n, sg_time now)
{
	struct tcp *t = conn_get(s, id);

	(void)now;
	if (!t)
		return -EBADF;
	if (t->error)
		return t->error;
	step_begin(s, t);
	t->snd.len += (__u32)n;
	t->bytes_out += n;
	buf_trim(s, &t->snd);
	if (n > 0)
		output_ready(s, t);
	step_end(s);
	return 0;
}

/* Copy between `buf` and pieces, out of them or into them. Returns bytes copied. */
static size_t user_copy(const struct iovec *iov, int n, char *buf, size_t len, bool into)
{
	size_t done = 0;

	for (int i = 0; i < n && done < len; i++) {
		size_t k = iov[i].iov_len < len - done ? iov[i].iov_len : len - done;

		if (into)
			memcpy(iov[i].iov_base, buf + done, k);
		else
			memcpy(buf + done, iov[i].iov_base, k);
		done += k;
	}
	return done;
}

ssize_t tcp_recv(struct tcp_stack *s, tcp_id id, void *buf, size_t len, sg_time now)
{
	struct iovec iov[8];
	size_t done = 0, round;

	while (done < len) {
		int n = tcp_recv_peek(s, id, iov, 8);

		if (n <= 0)
			return done ? (ssize_t)done : n;
		round = user_copy(iov, n, (char *)buf + done, len - done, false);
		tcp_recv_done(s, id, round, now);
		done += round;
	}
	return (ssize_t)done;
}

ssize_t tcp_send(struct tcp_stack *s, tcp_id id, const void *buf, size_t len, sg_time now)
{
	struct iovec iov[8];
	size_t done = 0, round;

	while (done < len) {
		int n = tcp_send_room(s, id, iov, 8);

		if (n <= 0)
			return done ? (ssize_t)done : n;
		round = user_copy(iov, n, (char *)(size_t)buf + done, len - done, true);
		tcp_send_done(s, id, round, now);
		done += round;
	}
	return (ssize_t)done;
}

int tcp_set_user(struct tcp_stack *s, tcp_id id, __u64 user)
{
	struct tcp *t = conn_get(s, id);

	if (!t)
		return -EBADF;
	t->user = user;
	return 0;
}
