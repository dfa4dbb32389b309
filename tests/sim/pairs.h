/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The applications of a seeded run: up to eight connections, each a stream of known bytes both
 * ways. Every byte arrives intact and in order, each side sees the other's end of stream, every
 * block and buffer is given back.
 */
#ifndef SIM_PAIRS_H
#define SIM_PAIRS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sim.h"

#define CONNS_MAX 8
#define STEPS_MAX 2000000u

struct side {
	tcp_id id;
	bool open, sent_fin, got_fin;
	__u32 to_send, sent, received;
	unsigned read_max; /* bytes a turn; a slow reader shuts the window */
};

struct pair {
	struct side side[2];
	__u16 port;
	bool connected, wait_peer[2]; /* closes only when the other side has closed */
	bool excused;		      /* it may die */
};

static __u8 pattern(unsigned stream, __u32 at)
{
	return (__u8)(at * 7 + at / 251 + stream * 13);
}

static void dump(const struct sim *m)
{
	struct tcp_facts f;

	for (unsigned at = 0; at < 2; at++)
		for (__u64 cursor = 0; tcp_each(m->host[at].stack, &cursor, m->now, &f);)
			fprintf(stderr,
				"  host %u port %u/%u %s recv_q %u send_q %u snd_wnd %u rcv_wnd %u "
				"cwnd %u timer %s %u ms retrans %u%s\n",
				at, f.tuple.lport, f.tuple.pport, tcp_state_name(f.state), f.recv_q,
				f.send_q, f.snd_wnd, f.rcv_wnd, f.snd_cwnd, f.timer, f.timer_ms,
				f.retrans, f.waiting ? " waiting" : "");
}

static void run_seed(__u64 seed, const char *pcap);

/* The same run once more, in a process of its own, with its frames written down. */
static void again_with_pcap(__u64 seed)
{
	char path[64];

	snprintf(path, sizeof(path), "sim-%llu.pcap", (unsigned long long)seed);
	fflush(NULL);
	if (fork() == 0) {
		if (!freopen("/dev/null", "w", stderr))
			_exit(1);
		run_seed(seed, path);
		_exit(0);
	}
	wait(NULL);
	fprintf(stderr, "its frames: %s\n", path);
}

static void broken(const struct sim *m, const char *what)
{
	dump(m);
	fprintf(stderr, "seed %llu: %s at %.3f s; replay: test_sim %llu\n",
		(unsigned long long)m->seed, what, (double)(m->now - 1000 * SG_SEC) / 1e9,
		(unsigned long long)m->seed);
	if (!m->pcap)
		again_with_pcap(m->seed);
	if (m->pcap)
		fclose(m->pcap);
	fail_msg("seed %llu: %s", (unsigned long long)m->seed, what);
}

static void side_read(struct sim *m, struct pair *p, unsigned at)
{
	struct side *me = &p->side[at];
	__u8 buf[8192];
	ssize_t n;

	while (!me->got_fin) {
		size_t room = me->read_max < sizeof(buf) ? me->read_max : sizeof(buf);

		if (!SIM_DO(m, at, n = tcp_recv(m->host[at].stack, me->id, buf, room, m->now)) ||
		    n == -EAGAIN)
			return;
		if (n < 0)
			broken(m, "receive failed");
		if (n == 0) {
			me->got_fin = true;
			return;
		}
		for (ssize_t i = 0; i < n; i++)
			if (buf[i] != pattern(2u * p->port + !at, me->received + (__u32)i))
				broken(m, "wrong byte");
		me->received += (__u32)n;
		if (me->read_max < sizeof(buf))
			return;
	}
}

static void side_write(struct sim *m, struct pair *p, unsigned at)
{
	struct side *me = &p->side[at];
	__u8 buf[4096];
	ssize_t n;

	while (me->sent < me->to_send) {
		__u32 k = me->to_send - me->sent;

		if (k > sizeof(buf))
			k = sizeof(buf);
		for (__u32 i = 0; i < k; i++)
			buf[i] = pattern(2u * p->port + at, me->sent + i);
		if (!SIM_DO(m, at, n = tcp_send(m->host[at].stack, me->id, buf, k, m->now)) ||
		    n == -EAGAIN)
			return;
		if (n <= 0)
			broken(m, "send failed");
		me->sent += (__u32)n;
	}
	if (!me->sent_fin && (!p->wait_peer[at] || me->got_fin)) {
		if (!SIM_DO(m, at, n = tcp_shutdown(m->host[at].stack, me->id, m->now)))
			return;
		if (n)
			broken(m, "shutdown failed");
		me->sent_fin = true;
	}
}

static void side_turn(struct sim *m, struct pair *p, unsigned at)
{
	struct side *me = &p->side[at];
	struct tcp_facts f;

	if (!me->open)
		return;
	if (p->excused) {
		tcp_abort(m->host[at].stack, me->id, m->now);
		me->open = false;
		return;
	}
	tcp_info(m->host[at].stack, me->id, m->now, &f);
	if (f.error)
		broken(m, "connection died");
	if (f.state == TCP_SYN_SENT || f.state == TCP_SYN_RCVD)
		return;
	side_read(m, p, at);
	if (!p->excused)
		side_write(m, p, at);
	if (!p->excused && me->sent_fin && me->got_fin)
		me->open = !SIM_DO(m, at, tcp_close(m->host[at].stack, me->id, m->now));
}

static void take_accepted(struct sim *m, struct pair *pairs, unsigned n)
{
	struct tcp_facts f;
	tcp_id id;
	int rc;

	while (SIM_DO(m, 1, rc = tcp_accept(m->host[1].stack, 0, &id)) && rc == 0) {
		tcp_info(m->host[1].stack, id, m->now, &f);
		for (unsigned i = 0; i < n; i++) {
			if (pairs[i].port != f.tuple.pport)
				continue;
			if (pairs[i].side[1].open)
				broken(m, "accepted twice");
			pairs[i].side[1].open = true;
			pairs[i].side[1].id = id;
		}
	}
}

static bool pair_done(const struct pair *p)
{
	return p->connected && !p->side[0].open && !p->side[1].open &&
	       (p->excused || (p->side[0].got_fin && p->side[1].got_fin));
}

/* Changes whenever an application gets on. */
static __u64 progress(const struct pair *pairs, unsigned n)
{
	__u64 sum = 0;

	for (unsigned i = 0; i < n; i++)
		for (unsigned at = 0; at < 2; at++) {
			const struct side *d = &pairs[i].side[at];

			sum += d->sent + d->received + d->open + d->sent_fin + d->got_fin;
		}
	return sum;
}

static void drain_events(struct sim *m)
{
	struct tcp_event ev;
	bool more;

	for (unsigned at = 0; at < 2; at++)
		while (SIM_DO(m, at, more = tcp_next_event(m->host[at].stack, &ev)) && more)
			;
}

static void connect_pair(struct sim *m, struct pair *p)
{
	static const __u8 a[4] = {10, 9, 0, 2}, b[4] = {10, 9, 0, 1};
	struct sg_tuple t = {.lport = p->port, .pport = SIM_PORT};

	int rc;

	sg_addr_from4(&t.local, a);
	sg_addr_from4(&t.peer, b);
	p->connected = true;
	if (!SIM_DO(m, 0,
		    rc = tcp_connect(m->host[0].stack, &t, m->host[1].mac, SIM_MSS, m->now,
				     &p->side[0].id))) {
		p->excused |= !p->side[0].open; /* it never came to be */
		return;
	}
	if (rc)
		broken(m, "connect failed");
	p->side[0].open = true;
}

/* A run's conditions, out of the seed. */
static void choose(struct sim *m, struct pair *pairs, unsigned n)
{
	static const __u32 sizes[] = {0, 1, 100, 1448, 20000, 150000, 400000};
	static const __u32 bufs[] = {4096, 20000, 65535, 262144, 1048576};
	bool bad = sim_chance(m, 800), cookies = sim_chance(m, 200);

	m->link.delay = SG_MS / 10 + sim_rand(m) % (30 * SG_MS);
	m->link.jitter = sim_chance(m, 500) ? m->link.delay / 4 : 0;
	m->link.loss = bad ? sim_below(m, 80) : 0;
	m->link.dup = bad ? sim_below(m, 40) : 0;
	m->link.reorder = bad ? sim_below(m, 100) : 0;
	m->link.corrupt = bad ? sim_below(m, 20) : 0;
	if (sim_chance(m, 500)) { /* 80 kbit/s to 80 Mbit/s, a queue of 3 to 200 packets */
		m->link.rate = 10000ull << sim_below(m, 11);
		m->link.queue = 1500 * (3 + sim_below(m, 200));
		m->link.marks = sim_chance(m, 500);
	}
	for (unsigned at = 0; at < 2; at++) {
		struct sg_settings *set = &m->host[at].settings;

		set->tcp_timestamps = sim_chance(m, 700);
		set->tcp_sack = sim_chance(m, 800);
		set->tcp_window_scaling = sim_chance(m, 800);
		set->tcp_ecn = sim_below(m, 3);
		set->tcp_congestion_control = sim_below(m, 2);
		set->tcp_early_retrans = sim_chance(m, 800) ? 3 : 0;
		set->tcp_frto = sim_chance(m, 800) ? 2 : 0;
		set->tcp_moderate_rcvbuf = sim_chance(m, 800);
		set->tcp_rmem = bufs[sim_below(m, 5)];
		set->tcp_wmem = bufs[sim_below(m, 5)];
		set->tcp_syn_retries = set->tcp_synack_retries = 12; /* nobody gives up */
		set->tcp_retries2 = set->tcp_orphan_retries = 40;
	}
	m->host[1].settings.tcp_syncookies = cookies ? 2 : 0;
	for (unsigned i = 0; i < n; i++) {
		struct pair *p = &pairs[i];

		p->port = (__u16)(20000 + i);
		p->side[0].to_send = sizes[sim_below(m, 7)];
		p->side[1].to_send = sizes[sim_below(m, 7)];
		p->side[0].read_max = sim_chance(m, 250) ? 500 : 8192;
		p->side[1].read_max = sim_chance(m, 250) ? 500 : 8192;
		p->wait_peer[sim_below(m, 2)] = sim_chance(m, 600);
		/* a cookie's SYN-ACK does not come again: whoever loses his ACK has to say something */
		if (cookies && p->side[0].to_send == 0)
			p->side[0].to_send = 1;
	}
}

static void check_rest(struct sim *m)
{
	struct tcp_usage u;
	sg_time end = m->now + 600 * SG_SEC;
	unsigned left = STEPS_MAX;

	while (m->now < end && left-- && sim_step(m))
		drain_events(m);
	for (unsigned at = 0; at < 2; at++) {
		tcp_usage(m->host[at].stack, &u);
		if (u.conns || u.timewait || u.chunks)
			broken(m, "blocks not given back");
		for (unsigned i = 0; i < SIM_BUCKETS; i++)
			if (sg_ways_free(&m->host[at].flows.ways[i]) != SG_WAYS ||
			    m->host[at].flows.homes[i])
				broken(m, "flow not given back");
	}
	if (m->host[1].queues[0].halfopen || m->host[1].queues[0].acceptq)
		broken(m, "queue length not back to zero");
}

static void run_seed(__u64 seed, const char *pcap)
{
	static struct pair pairs[CONNS_MAX];
	unsigned n, done = 0, steps = 0;
	bool stalled;
	__u64 before;
	struct sim m;

	memset(pairs, 0, sizeof(pairs));
	sim_open(&m, seed);
	SIM_BEGIN(&m, pairs);
	if (pcap)
		sim_pcap_open(&m, pcap);
	n = 1 + sim_below(&m, CONNS_MAX);
	sim_host_open(&m, &m.host[0], 1, 64, 2048);
	sim_host_open(&m, &m.host[1], 2, 64, 2048);
	choose(&m, pairs, n);
	sim_listen(&m.host[1], 128);
	while (done < n) {
		if (steps++ > STEPS_MAX)
			broken(&m, "no progress");
		if (steps % 50 == 1 && steps / 50 < n)
			connect_pair(&m, &pairs[steps / 50]);
		before = progress(pairs, n) + m.died;
		stalled = !sim_step(&m);
		drain_events(&m);
		take_accepted(&m, pairs, n);
		done = 0;
		for (unsigned i = 0; i < n; i++) {
			side_turn(&m, &pairs[i], 0);
			side_turn(&m, &pairs[i], 1);
			done += pair_done(&pairs[i]);
		}
		if (stalled && steps / 50 >= n && done < n && progress(pairs, n) + m.died == before)
			broken(&m, "stalled: nothing will ever happen");
	}
	for (unsigned i = 0; i < n; i++)
		for (unsigned at = 0; at < 2; at++)
			if (!pairs[i].excused &&
			    pairs[i].side[at].received != pairs[i].side[!at].to_send)
				broken(&m, "bytes missing");
	check_rest(&m);
	SIM_END(&m);
	sim_close(&m);
}

#endif
