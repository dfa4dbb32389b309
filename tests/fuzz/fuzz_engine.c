/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Anything at any time: the input is a program of segments, calls and times against one engine
 * with small pools. Segments lie around the edges of what the connection really has. After each
 * step everything that must hold is looked at, and what is sent and read are the right bytes.
 */
#include <errno.h>

#include "engine/engine.h"
#include "fuzz.h"
#include "tcp/flight.h"
#include "wire/wire.h"

#define PEERS	  3
#define HANDLES	  6
#define STEPS_MAX 600
#define DRAIN_MAX 5000

struct handle {
	sge_conn c;
	__u64 sent, got; /* bytes of the stream so far */
};

struct world {
	const uint8_t *p, *end; /* the program */
	struct sge *e;
	sg_time now;
	struct sge_addr local, peer[PEERS];
	sg_seq isn[PEERS];
	__u32 tick; /* of the peers' timestamps */
	struct handle h[HANDLES];
	int listener;
};

/* --- the program -------------------------------------------------------------------------- */

static unsigned byte(struct world *w)
{
	return w->p < w->end ? *w->p++ : 0;
}

static unsigned word(struct world *w)
{
	unsigned hi = byte(w);

	return hi << 8 | byte(w);
}

static __u32 number(struct world *w)
{
	__u32 hi = word(w);

	return hi << 16 | word(w);
}

/* What a stream has at a position: another for each direction. */
static __u8 pattern(int ours, __u64 at)
{
	return (__u8)(at * 31 + (at >> 8) * 7 + (ours ? 1 : 129));
}

/* --- the connection that a peer has --------------------------------------------------------- */

static void tuple_of(const struct world *w, unsigned i, struct sg_tuple *t)
{
	*t = (struct sg_tuple){.lport = w->local.port, .pport = w->peer[i].port};
	memcpy(t->local.addr, w->local.ip, 16);
	memcpy(t->peer.addr, w->peer[i].ip, 16);
}

static struct tcp *conn_of(const struct world *w, unsigned i, struct sg_tuple *t)
{
	struct sg_hash h;
	__u32 what;

	tuple_of(w, i, t);
	h = sg_tuple_hash(&w->e->stack->cfg.key, t);
	what = flowtable_find(w->e->stack, h.table, t);
	return what && !(what & FLOW_TIMEWAIT) ? conn_at(w->e->stack, what) : NULL;
}

static struct timewait *timewait_of(const struct world *w, unsigned i, struct sg_tuple *t)
{
	struct sg_hash h;
	__u32 what;

	tuple_of(w, i, t);
	h = sg_tuple_hash(&w->e->stack->cfg.key, t);
	what = flowtable_find(w->e->stack, h.table, t);
	return what & FLOW_TIMEWAIT ? &w->e->stack->timewait[what & ~FLOW_TIMEWAIT] : NULL;
}

static struct sg_halfopen *entry_of(const struct world *w, const struct sg_tuple *t)
{
	struct sg_hash h = sg_tuple_hash(&w->e->stack->cfg.key, t);
	__u64 word;
	__s64 at = sg_synq_where(&w->e->halfopen, h.table, t, &word);

	return at < 0 ? NULL
		      : sg_synq_entry(&w->e->halfopen, sg_index_bucket((__u32)at),
				      sg_index_way((__u32)at));
}

/* --- segments -------------------------------------------------------------------------------- */

/* A sequence number near one that matters, or any. */
static sg_seq choose_seq(struct world *w, const struct tcp *t, const struct timewait *tw,
			 const struct sg_halfopen *e, unsigned i)
{
	unsigned how = byte(w);
	__s32 off = (__s8)byte(w);
	sg_seq at = w->isn[i];

	if (e)
		at = sg_seq_of(e->irs + (how & 1));
	else if (tw)
		at = tw->rcv_nxt;
	else if (t)
		switch (how & 7) {
		case 0:
		case 1:
		case 2:
			at = t->rcv_nxt;
			break;
		case 3:
			at = t->rcv_adv;
			break;
		case 4:
			at = t->irs;
			break;
		case 5:
			at = seq_add(t->rcv_nxt, 1448u * (how >> 3 & 15));
			break;
		case 6:
			at = t->flags & T_FIN_SEEN ? t->fin_seq : t->last_ack_sent;
			break;
		case 7:
			return sg_seq_of(number(w));
		}
	return how & 0x80 ? seq_add(at, (__u32)off) : at;
}

static sg_seq choose_ack(struct world *w, const struct tcp *t, const struct timewait *tw,
			 const struct sg_halfopen *e, const struct sg_tuple *tuple)
{
	unsigned how = byte(w);
	__s32 off = (__s8)byte(w);
	sg_seq at = sg_seq_of(0);

	if (e) {
		struct sg_hash h = sg_tuple_hash(&w->e->stack->cfg.key, tuple);

		at = seq_add(sg_iss(&h, e->when), 1);
	} else if (tw) {
		at = tw->snd_nxt;
	} else if (t) {
		switch (how & 7) {
		case 0:
		case 1:
			at = t->snd_max;
			break;
		case 2:
		case 3:
			at = t->snd_una;
			break;
		case 4:
			at = seq_add(t->snd_una, t->mss * (how >> 3 & 15));
			break;
		case 5:
			at = t->snd_nxt;
			break;
		case 6:
			at = t->iss;
			break;
		case 7:
			return sg_seq_of(number(w));
		}
	}
	return how & 0x80 ? seq_add(at, (__u32)off) : at;
}

static void choose_sack(struct world *w, const struct tcp *t, struct seg *s)
{
	s->opt.nsack = (__u8)(byte(w) & 3);
	for (int i = 0; i < s->opt.nsack; i++) {
		unsigned a = byte(w), len = byte(w);

		s->sack[i].left = seq_add(t->snd_una, t->mss * (a & 63) - (a >> 6 == 3));
		s->sack[i].right = seq_add(s->sack[i].left, t->mss * (len & 15) + (len >> 7));
	}
}

static void choose_options(struct world *w, const struct tcp *t, const struct sg_halfopen *e,
			   struct seg *s)
{
	unsigned how = byte(w);

	s->opt.wscale = SG_WSCALE_NONE;
	if (s->flags & SG_SYN) {
		s->opt.mss = (__u16)(how & 1 ? 1460 : word(w));
		s->opt.wscale = how & 2 ? (__u8)(how >> 4) % 15 : SG_WSCALE_NONE;
		s->opt.sack_ok = how >> 2 & 1;
	}
	if (how & 8) {
		s->opt.has_ts = 1;
		s->opt.tsval = 1000 + w->tick + (how & 0x40 ? (__u32)(__s8)byte(w) : 0);
		s->opt.tsecr = t ? time_ms(w->now) + t->ts_off - (how & 0x80 ? byte(w) : 0) :
		               e ? 0 : number(w);
	}
	if (t && !(s->flags & SG_SYN) && how & 0x20)
		choose_sack(w, t, s);
}

/* The text: as long as is of interest, and what the stream has there. */
static void choose_text(struct world *w, const struct tcp *t, struct seg *s, __u8 *room,
			const struct sg_tuple *tuple, unsigned i)
{
	unsigned how = byte(w);
	sg_seq first = t ? t->irs : w->isn[i];

	(void)tuple;
	if (how & 0xc0)
		s->len = how & 0x40 ? 1448 : how & 63;
	if (how == 63 && t)
		s->len = (__u32)seq_diff(t->rcv_adv, s->seq) & 2047;
	if (s->len > 1448)
		s->len = 1448;
	for (__u32 k = 0; k < s->len; k++)
		room[k] = pattern(0, seq_add(s->seq, k - 1 + !!(s->flags & SG_SYN)).v - first.v);
	s->data[0] = room;
	s->data_len[0] = s->len;
}

static void drain(struct world *w);

static void step_segment(struct world *w)
{
	static __u8 packet[4096], text[2048];
	unsigned what = byte(w), i = what % PEERS;
	struct sg_tuple t;
	struct tcp *c = conn_of(w, i, &t);
	struct timewait *tw = timewait_of(w, i, &t);
	struct sg_halfopen *e = entry_of(w, &t);
	struct seg s = {.flags = (__u8)byte(w)};
	int len, rc;

	s.tuple = (struct sg_tuple){t.peer, t.local, t.pport, t.lport, {0, 0}};
	s.seq = choose_seq(w, c, tw, e, i);
	if (s.flags & SG_SYN && !c && !tw && !e)
		w->isn[i] = s.seq;
	s.ack = choose_ack(w, c, tw, e, &t);
	s.wnd = (__u16)(what & 0x40 ? 65535 : what & 0x80 ? byte(w) : word(w));
	s.urg = what & 0x20 ? (__u16)word(w) : 0;
	s.ecn = what >> 4 & 3;
	choose_options(w, c, e, &s);
	choose_text(w, c, &s, text, &t, i);
	len = wire_encode_ip(packet, sizeof(packet), &s);
	if (len < 0)
		return;
	rc = sge_input(w->e, packet, (size_t)len, w->now);
	CHECK(rc == 0 || rc == -ENOBUFS, "%d", rc);
	if (rc)
		drain(w);
}

/* The ACK that a good peer would send now, of all that is out. */
static void step_good_ack(struct world *w)
{
	__u8 packet[128];
	unsigned i = byte(w) % PEERS;
	struct sg_tuple t;
	struct tcp *c = conn_of(w, i, &t);
	struct sg_halfopen *e = entry_of(w, &t);
	struct seg s = {.flags = SG_ACK, .wnd = 65535};
	int len;

	if (!c && !e)
		return;
	s.tuple = (struct sg_tuple){t.peer, t.local, t.pport, t.lport, {0, 0}};
	s.opt.wscale = SG_WSCALE_NONE;
	s.opt.has_ts = c ? !!(c->flags & T_TS) : !!(e->opts & SG_OPT_TS);
	s.opt.tsval = 1000 + w->tick;
	if (c) {
		s.seq = c->rcv_nxt;
		s.ack = c->snd_max;
		s.opt.tsecr = time_ms(w->now) + c->ts_off;
	} else {
		struct sg_hash h = sg_tuple_hash(&w->e->stack->cfg.key, &t);

		s.seq = sg_seq_of(e->irs + 1);
		s.ack = seq_add(sg_iss(&h, e->when), 1);
		s.opt.tsval = e->tsval + 1;
		s.opt.tsecr = sg_ts_clock(&h, e->when);
	}
	len = wire_encode_ip(packet, sizeof(packet), &s);
	if (sge_input(w->e, packet, (size_t)len, w->now) == -ENOBUFS)
		drain(w);
}

/* An ICMP error about a segment near what is out. */
static void step_icmp(struct world *w)
{
	static const enum icmp_kind kinds[] = {ICMP_TOO_BIG, ICMP_HARD, ICMP_SOFT};
	struct icmp_error e = {.kind = kinds[byte(w) % 3], .error = -EHOSTUNREACH};
	unsigned i = byte(w) % PEERS, how;
	struct tcp *c = conn_of(w, i, &e.tuple);

	how = byte(w);
	e.seq = c ? seq_add(how & 1 ? c->snd_una : c->snd_max, (__u32)(__s8)byte(w)) :
		    sg_seq_of(number(w));
	e.mtu = how & 2 ? word(w) : 1280;
	tcp_icmp(w->e->stack, &e, w->now);
}

/* Bytes that are no segment at all. */
static void step_garbage(struct world *w)
{
	__u8 packet[256];
	unsigned n = byte(w);

	for (unsigned i = 0; i < n; i++)
		packet[i] = (__u8)byte(w);
	if (sge_input(w->e, packet, n, w->now) == -ENOBUFS)
		drain(w);
}

/* --- what comes out ---------------------------------------------------------------------------- */

static void look_at(struct world *w, const __u8 *packet, size_t len)
{
	struct seg s;
	struct sg_tuple t;
	const struct tcp *c;

	CHECK(len <= w->e->cfg.mtu, "a packet of %zu", len);
	CHECK(wire_decode_ip(packet, (__u32)len, true, &s) == 0);
	for (unsigned i = 0; i < PEERS; i++) {
		c = conn_of(w, i, &t);
		if (!c || t.pport != s.tuple.lport || !sg_addr_eq(&t.peer, &s.tuple.local) ||
		    s.flags & (SG_SYN | SG_RST) || seg_space(&s) == 0)
			continue;
		CHECK(s.len <= (c->mtu.probe ? c->mtu.top : c->mss),
		      "%u bytes in a segment, MSS %u", s.len, c->mss);
		CHECK(!seq_after(seq_add(s.seq, seg_space(&s)), c->snd_max),
		      "flags %x, %u bytes, %d beyond what was sent; state %u", s.flags, s.len,
		      seq_diff(seq_add(s.seq, seg_space(&s)), c->snd_max), c->state);
		for (__u32 k = 0; k < s.len; k++)
			CHECK(s.data[0][k] == pattern(1, seq_add(s.seq, k - 1).v - c->iss.v),
			      "the wrong byte was sent");
	}
}

/* All that may be sent now; a bounded number of packets, or it would never end. */
static void drain(struct world *w)
{
	static __u8 packet[65536];
	ssize_t len;
	int n = 0;

	while ((len = sge_output(w->e, packet, sizeof(packet), w->now)) > 0) {
		look_at(w, packet, (size_t)len);
		CHECK(++n < DRAIN_MAX, "it sends for ever");
	}
	CHECK(len == 0, "%zd", len);
}

/* --- calls ------------------------------------------------------------------------------------ */

static struct handle *a_handle(struct world *w)
{
	return &w->h[byte(w) % HANDLES];
}

static void call_accept(struct world *w)
{
	struct handle *h = a_handle(w);
	sge_conn c;

	if (h->c || w->listener < 0 || sge_accept(w->e, w->listener, &c))
		return;
	*h = (struct handle){.c = c};
}

static void call_connect(struct world *w)
{
	struct handle *h = a_handle(w);
	sge_conn c;

	if (h->c || sge_connect(w->e, &w->local, &w->peer[byte(w) % PEERS], w->now, &c))
		return;
	*h = (struct handle){.c = c};
}

static void call_send(struct world *w)
{
	static __u8 buf[40000];
	struct handle *h = a_handle(w);
	unsigned n = word(w) % sizeof(buf);
	ssize_t took;

	for (unsigned i = 0; i < n; i++)
		buf[i] = pattern(1, h->sent + i);
	took = sge_send(w->e, h->c, buf, n, w->now);
	CHECK(took <= (ssize_t)n);
	if (took > 0)
		h->sent += (__u64)took;
}

static void call_recv(struct world *w)
{
	static __u8 buf[70000];
	struct handle *h = a_handle(w);
	unsigned n = word(w), peek = byte(w) & 1;
	ssize_t got = sge_recv(w->e, h->c, buf, n, peek ? SGE_PEEK : 0, w->now);

	CHECK(got <= (ssize_t)n);
	for (ssize_t i = 0; i < got; i++)
		CHECK(buf[i] == pattern(0, h->got + (__u64)i), "the wrong byte was read");
	if (got > 0 && !peek)
		h->got += (__u64)got;
}

static void call_close(struct world *w)
{
	struct handle *h = a_handle(w);

	if (byte(w) & 1)
		sge_close(w->e, h->c, w->now);
	else
		sge_abort(w->e, h->c, w->now);
	CHECK(sge_poll(w->e, h->c) == 0);
	h->c = 0;
}

static void call_option(struct world *w)
{
	struct handle *h = a_handle(w);
	enum sge_opt opt = (enum sge_opt)(byte(w) % 16);
	int value = (int)(__s16)word(w), was;

	if (byte(w) & 1)
		value &= 1;
	if (!sge_setsockopt(w->e, h->c, opt, value, w->now))
		CHECK(sge_getsockopt(w->e, h->c, opt, &was) == 0);
}

static void call_listen(struct world *w)
{
	struct sge_addr any = {.port = w->local.port};

	if (byte(w) & 1 && w->listener >= 0) {
		sge_unlisten(w->e, w->listener, w->now);
		w->listener = -1;
	} else if (w->listener < 0) {
		w->listener = sge_listen(w->e, &any, byte(w) & 7);
	}
}

static void call_knob(struct world *w)
{
	static const char *const names[] = {
		"tcp_abort_on_overflow", "tcp_timestamps", "tcp_sack", "tcp_window_scaling",
		"tcp_congestion_control", "tcp_early_retrans", "tcp_frto", "tcp_rfc1337",
		"tcp_moderate_rcvbuf", "tcp_ecn", "tcp_slow_start_after_idle", "keepalive",
		"tcp_rmem", "tcp_wmem", "tcp_retries2", "tcp_orphan_retries", "delack_ms",
		"user_timeout_ms", "timewait_ms", "tcp_max_tw_buckets", "tcp_max_orphans",
		"tcp_keepalive_time", "tcp_rmem_default", "tcp_syn_retries", "tcp_synack_retries",
		"tcp_tw_reuse", "tcp_tw_reuse_delay", "ip_default_ttl",
	};

	sge_sysctl_set(w->e, names[byte(w) % SG_ARRAY_SIZE(names)],
		       byte(w) & 1 ? byte(w) & 3 : word(w));
}

static void call_shutdown(struct world *w)
{
	struct handle *h = a_handle(w);

	sge_shutdown(w->e, h->c, 1 + (int)(byte(w) % 3), w->now);
}

static void step_call(struct world *w)
{
	static void (*const call[])(struct world *) = {
		call_accept, call_send,	  call_recv,   call_accept, call_send,	  call_recv,
		call_close,  call_option, call_listen, call_knob,   call_connect, call_shutdown,
	};

	call[byte(w) % SG_ARRAY_SIZE(call)](w);
}

/* --- dying --------------------------------------------------------------------------------------- */

static const struct sge_config cfg = {.max_conns = 5,
				      .max_buffers = 60,
				      .max_halfopen = 8,
				      .max_listeners = 2,
				      .mtu = 1500,
				      .key = {1, 2, 3}};
static __u8 mem[2 << 20] __attribute__((aligned(4096)));

/* Between two calls: nobody was being changed, so everybody goes on. */
static void step_adopt(struct world *w)
{
	size_t size = (sge_size(&cfg) + 4095) & ~(size_t)4095;

	if (w->now >= w->e->stack->now)
		CHECK(sge_adopt(mem, size, &cfg, w->now, &w->e) == 0);
}

/* --- time --------------------------------------------------------------------------------------- */

static void step_time(struct world *w)
{
	unsigned how = byte(w), bits = 10 + (how & 31);
	sg_time at = sge_deadline(w->e);

	if (how == 0x7f) {
		step_adopt(w);
		return;
	}
	if (how & 0x80 && at != SGE_NEVER && at > w->now) {
		w->now = at;
	} else {
		w->now += (1ull << bits) + (__u64)byte(w) * 1000000;
	}
	w->tick += byte(w);
	sge_expire(w->e, w->now);
}

/* When all is sent and every timer has had its turn, the next thing to do lies ahead. */
static void check_ahead(struct world *w)
{
	int n = 0;

	do {
		sge_expire(w->e, w->now);
		drain(w);
		CHECK(++n < 200, "no end of it at one and the same time");
	} while (sge_deadline(w->e) <= w->now);
}

static void check_all(const struct world *w)
{
	const char *why = tcp_check(w->e->stack);

	CHECK(!why, "%s", why);
}

/* --- a run ----------------------------------------------------------------------------------------- */

static void open_world(struct world *w, unsigned v6)
{
	size_t size = (sge_size(&cfg) + 4095) & ~(size_t)4095;

	w->now = 1000 * SG_SEC;
	CHECK(size <= sizeof(mem));
	memset(mem, 0, size);
	CHECK(sge_init(mem, size, &cfg, w->now, &w->e) == 0);
	w->local = sge_addr4(10, 0, 0, 1, 80);
	for (unsigned i = 0; i < PEERS; i++)
		w->peer[i] = sge_addr4(10, 0, 0, (uint8_t)(2 + i), (uint16_t)(1000 + i));
	for (unsigned i = 0; v6 && i < PEERS; i++)
		w->peer[i].ip[0] = w->local.ip[0] = 0xfd;
	w->listener = -1;
	call_listen(w);
}

static void close_world(struct world *w)
{
	struct sge_usage u;

	for (unsigned i = 0; i < HANDLES; i++)
		sge_abort(w->e, w->h[i].c, w->now);
	if (w->listener >= 0)
		sge_unlisten(w->e, w->listener, w->now);
	sge_knobs_init(&w->e->settings);
	for (int i = 0; i < 400 && sge_deadline(w->e) != SGE_NEVER; i++) {
		if (sge_deadline(w->e) > w->now)
			w->now = sge_deadline(w->e);
		sge_expire(w->e, w->now);
		drain(w);
	}
	sge_usage(w->e, &u);
	for (__u32 i = 1; i <= w->e->stack->conns.high; i++)
		if (conn_at(w->e->stack, i)->gen & 1)
			fprintf(stderr, "connection %u: state %u, flags %x, events %x\n", i,
				conn_at(w->e->stack, i)->state, conn_at(w->e->stack, i)->flags,
				conn_at(w->e->stack, i)->events);
	CHECK(u.conns == 0 && u.timewait == 0 && u.buffers == 0 && u.halfopen == 0,
	      "left over: %u connections, %u in TIME_WAIT, %u buffers, %u half open", u.conns,
	      u.timewait, u.buffers, u.halfopen);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct world w = {.p = data, .end = data + size};
	unsigned first = byte(&w);

	open_world(&w, first & 1);
	for (int i = 0; i < STEPS_MAX && w.p < w.end; i++) {
		switch (byte(&w) & 15) {
		case 0:
		case 1:
		case 2:
		case 3:
		case 4:
			step_segment(&w);
			break;
		case 5:
		case 6:
			step_good_ack(&w);
			break;
		case 7:
			if (byte(&w) & 1)
				step_garbage(&w);
			else
				step_icmp(&w);
			break;
		case 8:
		case 9:
		case 10:
		case 11:
			step_call(&w);
			break;
		case 12:
			step_time(&w);
			break;
		case 13:
			drain(&w);
			break;
		case 14:
			check_ahead(&w);
			break;
		case 15:
			sge_expire(w.e, w.now);
			break;
		}
		check_all(&w);
	}
	close_world(&w);
	return 0;
}
