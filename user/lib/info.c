/* SPDX-License-Identifier: BSD-2-Clause */
/* What the daemon knows of a connection: as struct syngate_info, and as Linux's struct tcp_info. */
#include <errno.h>
#include <linux/tcp.h>
#include <string.h>
#include <sys/ioctl.h>

#include "lib/lib.h"

#define INFO_CLOSE 7 /* TCP_CLOSE, which linux/tcp.h has not */

/* In the descriptor: the daemon has let go of it. */
static __u32 info_ahead(const struct syngate_conn *c)
{
	int n;

	if (c->ring)
		return ring_unread(c);
	return ioctl(c->fd, FIONREAD, &n) ? 0 : (__u32)n;
}

int syngate_info(const struct syngate_conn *c, struct syngate_info *info)
{
	struct sg_channel_facts f;
	int rc;

	if (info->size != sizeof(*info))
		return why_set(-EINVAL, "struct syngate_info of another size: set .size, and build "
					"against this library's syngate.h");
	*info = (struct syngate_info){
		.size = sizeof(*info),
		.admitted = c->admitted,
		.handshake_us = c->handshake_us,
		.state = INFO_CLOSE,
		.unread = info_ahead(c),
	};
	rc = slot_facts(c, &f);
	if (rc)
		return rc == -ECONNRESET ? 0 : rc;
	info->state = (int)f.state;
	info->rtt_us = f.rtt_us;
	info->rttvar_us = f.rttvar_us;
	info->min_rtt_us = f.min_rtt_us;
	info->rto_ms = f.rto_ms;
	info->backoff = f.backoff;
	info->mss = f.mss;
	info->cwnd = f.cwnd;
	info->ssthresh = f.ssthresh;
	info->snd_wnd = f.snd_wnd;
	info->rcv_wnd = f.rcv_wnd;
	info->unread += f.recv_q;
	info->unacked = f.send_q;
	info->retransmits = f.retransmits;
	info->bytes_in = f.bytes_in;
	info->bytes_out = f.bytes_out;
	memcpy(info->congestion, f.cc, sizeof(info->congestion));
	info->congestion[sizeof(info->congestion) - 1] = 0;
	return 0;
}

static __u32 info_segments(__u32 bytes, const struct sg_channel_facts *f)
{
	return f->mss ? (bytes + f->mss - 1) / f->mss : 0;
}

void info_tcp(const struct sg_channel_facts *f, struct tcp_info *t)
{
	memset(t, 0, sizeof(*t));
	t->tcpi_state = INFO_CLOSE;
	if (!f)
		return;
	t->tcpi_state = (__u8)f->state;
	t->tcpi_ca_state = (__u8)f->ca;
	t->tcpi_retransmits = t->tcpi_backoff = (__u8)f->backoff;
	t->tcpi_rto = f->rto_ms * 1000;
	t->tcpi_snd_mss = t->tcpi_rcv_mss = t->tcpi_advmss = f->mss;
	t->tcpi_unacked = info_segments(f->send_q, f);
	t->tcpi_rtt = f->rtt_us;
	t->tcpi_rttvar = f->rttvar_us;
	t->tcpi_snd_ssthresh = info_segments(f->ssthresh, f);
	t->tcpi_snd_cwnd = info_segments(f->cwnd, f);
	t->tcpi_rcv_space = f->rcv_wnd;
	t->tcpi_total_retrans = (__u32)f->retransmits;
	t->tcpi_bytes_acked = f->bytes_out > f->send_q ? f->bytes_out - f->send_q : 0;
	t->tcpi_bytes_sent = f->bytes_out;
	t->tcpi_bytes_received = f->bytes_in;
	t->tcpi_min_rtt = f->min_rtt_us;
	t->tcpi_snd_wnd = f->snd_wnd;
}
