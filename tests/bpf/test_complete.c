/* SPDX-License-Identifier: BSD-2-Clause */
/* What arrives for a half-open entry: Linux's order of checks, and nothing changes but by SYN. */
#include "rig.h"

#include <pthread.h>

#define TS_OPTS 12

struct half {
	struct rig *r;
	struct spec syn;
	struct sg_halfopen *e;
	uint32_t iss, our_ts;
	uint8_t ts[TS_OPTS];
	struct spec ack; /* the good final ACK; `ts` are its options */
};

static void set_ts(struct half *h, uint32_t tsval, uint32_t tsecr)
{
	memcpy(h->ts, "\1\1\x08\x0a", 4);
	put32(h->ts + 4, tsval);
	put32(h->ts + 8, tsecr);
}

/* A client in SYN-SENT that has our SYN-ACK; `old` ms ago. */
static void half_open(struct half *h, struct rig *r, bool v6, bool timestamps, uint32_t old)
{
	struct reply a;

	h->r = r;
	h->syn = v6 ? rig_syn6(r) : rig_syn(r);
	if (!timestamps)
		h->syn.opts_len = 0;
	rig_send(r, &h->syn, XDP_TX, SYNACK_SENT);
	a = rig_reply(r, 0);
	h->e = rig_entry(r, &h->syn, NULL);
	assert_non_null(h->e);
	h->our_ts = timestamps ? get32(a.opts + 8) - old : 0;
	h->iss = a.seq - old * 250;
	h->e->when -= old;
	h->ack = h->syn;
	h->ack.flags = ACK;
	h->ack.seq = h->syn.seq + 1;
	h->ack.ack = h->iss + 1;
	h->ack.opts = h->ts;
	h->ack.opts_len = timestamps ? TS_OPTS : 0;
	set_ts(h, RIG_TSVAL + 1, h->our_ts);
}

static void check_meta(const struct half *h)
{
	struct rig *r = h->r;
	const struct sg_meta *m = &r->meta;
	__u64 word = 0;
	struct frame f;

	assert_ptr_equal(rig_entry(r, &h->syn, &word), h->e);
	build(&h->ack, &f);
	assert_int_equal(m->magic, SG_META_MAGIC);
	assert_int_equal(m->kind, SG_META_HANDSHAKE);
	assert_ptr_equal(sg_synq_entry(&r->f->halfopen, sg_index_bucket(m->slot), sg_index_way(m->slot)), h->e);
	assert_int_equal(m->gen, sg_slot_gen(word));
	assert_int_equal(m->opts, h->e->opts);
	assert_int_equal(m->listener, sg_synq_listener(h->e));
	assert_int_equal(m->irs, h->e->irs);
	assert_int_equal(m->when, h->e->when);
	assert_int_equal(m->tsval, h->e->tsval);
	assert_int_equal(m->mss, h->e->mss);
	assert_int_equal(m->l3_off, f.l3);
	assert_int_equal(m->l4_off, f.l4);
	assert_int_equal(r->out_len, f.len); /* the frame itself as it came */
	assert_memory_equal(r->out, f.b, f.len);
}

static void test_final_ack(void **state)
{
	struct rig *r = *state;
	struct half h;

	rig_socket(r, 0);
	for (int i = 0; i < 4; i++) {
		rig_reset(r);
		half_open(&h, r, i & 1, i & 2, 100);
		rig_send(r, &h.ack, XDP_REDIRECT, STEER_HANDSHAKE);
		check_meta(&h);
		assert_int_equal(r->f->queue[0].halfopen, 1); /* the engine says when it goes */
		rig_send(r, &h.ack, XDP_REDIRECT, STEER_HANDSHAKE);
	}
}

/* Data, FIN, tags, options and extension headers do not keep it from fitting. */
static void test_final_ack_shapes(void **state)
{
	static const uint8_t ext[] = {0, 43, 60, 255};
	struct rig *r = *state;
	struct half h;

	rig_socket(r, 0);
	half_open(&h, r, false, true, 100);
	h.ack.data = 1000;
	h.ack.flags = ACK | PSH;
	rig_send(r, &h.ack, XDP_REDIRECT, STEER_HANDSHAKE);
	check_meta(&h);
	h.ack.flags = ACK | FIN;
	rig_send(r, &h.ack, XDP_REDIRECT, STEER_HANDSHAKE);
	h.ack.ip_options = 40;
	rig_send(r, &h.ack, XDP_REDIRECT, STEER_HANDSHAKE);
	check_meta(&h);
	rig_reset(r);
	half_open(&h, r, true, true, 100);
	h.ack.ext = ext;
	rig_send(r, &h.ack, XDP_REDIRECT, STEER_HANDSHAKE);
	check_meta(&h);
	rig_run_on(r, &h.ack, 1);
	rig_expect(r, "queue 1 has no socket", XDP_DROP, SG_V_NO_SOCKET);
}

static void test_no_socket(void **state)
{
	struct rig *r = *state;
	struct half h;

	half_open(&h, r, false, true, 100);
	rig_send(r, &h.ack, XDP_DROP, NO_SOCKET);
	assert_ptr_equal(rig_entry(r, &h.syn, NULL), h.e);
}

/* It acknowledges what we never sent: RST with its own number, whatever else is in it. */
static void test_bad_ack(void **state)
{
	static const uint32_t off[] = {1, -1u, 0x80000000, 12345};
	struct rig *r = *state;
	struct half h;
	struct reply a;

	half_open(&h, r, false, true, 100);
	for (size_t i = 0; i < SG_ARRAY_SIZE(off); i++) {
		h.ack.ack = h.iss + 1 + off[i];
		h.ack.data = (int)i;
		rig_send(r, &h.ack, XDP_TX, RST_SENT);
		a = rig_reply(r, 0);
		assert_int_equal(a.flags, RST);
		assert_int_equal(a.seq, h.iss + 1 + off[i]);
		assert_int_equal(a.opts_len + a.data_len, 0);
	}
	assert_ptr_equal(rig_entry(r, &h.syn, NULL), h.e);
}

/* Old timestamp or outside the window: one ACK, then silence for half a second. */
static void check_challenged(struct half *h, const char *what, enum sg_verdict v,
			     enum sg_verdict limited)
{
	struct rig *r = h->r;
	bool ts = h->e->opts & SG_OPT_TS, scaled = (h->e->opts & 15) != 15;
	struct reply a;

	rig_run(r, &h->ack);
	rig_expect(r, what, XDP_TX, v);
	a = rig_reply(r, 0);
	assert_int_equal(a.flags, ACK);
	assert_int_equal(a.seq, h->iss + 1);
	assert_int_equal(a.ack, h->syn.seq + 1);
	assert_int_equal(a.window, scaled ? RIG_WINDOW >> RIG_WSCALE : RIG_WINDOW);
	assert_int_equal(a.opts_len, ts ? 12 : 0);
	if (ts) {
		assert_memory_equal(a.opts, "\1\1\x08\x0a", 4);
		assert_true(get32(a.opts + 4) - h->our_ts < 60000);
		assert_int_equal(get32(a.opts + 8), RIG_TSVAL);
	}
	rig_run(r, &h->ack);
	if (h->ack.data) { /* data is always answered, and does not count */
		rig_expect(r, what, XDP_TX, v);
		return;
	}
	rig_expect(r, what, XDP_DROP, limited);
	sg_synq_answered(h->e, rig_ms() - 1000); /* as if it had been a second ago */
}

static void check_challenge(struct half *h, const char *what)
{
	check_challenged(h, what, SG_V_ACK_CHALLENGED, SG_V_SYN_LIMITED);
}

static void test_outside(void **state)
{
	struct rig *r = *state;
	struct half h;

	for (int ts = 0; ts < 2; ts++) {
		rig_reset(r);
		half_open(&h, r, false, ts, 1000);
		h.ack.seq = h.syn.seq + 1 + RIG_WINDOW + 1;
		check_challenge(&h, "right of the window");
		h.ack.seq = h.syn.seq;
		check_challenge(&h, "left of the window, no data");
		h.ack.seq = h.syn.seq - 9;
		h.ack.data = 10;
		check_challenge(&h, "left of the window, with data");
	}
	rig_socket(r, 0);
	h.ack.seq = h.syn.seq - 9;
	h.ack.data = 11;
	rig_send(r, &h.ack, XDP_REDIRECT, STEER_HANDSHAKE); /* its last byte is inside */
	h.ack.seq = h.syn.seq + RIG_WINDOW;
	rig_send(r, &h.ack, XDP_REDIRECT, STEER_HANDSHAKE); /* so is its first one */
}

static void test_paws(void **state)
{
	struct rig *r = *state;
	struct half h;

	half_open(&h, r, false, true, 1000);
	set_ts(&h, RIG_TSVAL - 1, h.our_ts);
	check_challenged(&h, "TSval from before the SYN", SG_V_OLD_ACKED, SG_V_OLD_LIMITED);
	set_ts(&h, RIG_TSVAL + 1, h.our_ts - 1);
	check_challenge(&h, "TSecr from before the SYN-ACK");
	set_ts(&h, RIG_TSVAL + 1, h.our_ts + 1000 + 200);
	check_challenge(&h, "TSecr from the future");
	rig_socket(r, 0);
	set_ts(&h, RIG_TSVAL, h.our_ts);
	rig_send(r, &h.ack, XDP_REDIRECT, STEER_HANDSHAKE);
	set_ts(&h, RIG_TSVAL + 9, h.our_ts + 1000);
	rig_send(r, &h.ack, XDP_REDIRECT, STEER_HANDSHAKE);
	h.ack.opts_len = 0; /* without: as Linux takes it */
	rig_send(r, &h.ack, XDP_REDIRECT, STEER_HANDSHAKE);
}

static void test_rst_and_no_ack(void **state)
{
	struct rig *r = *state;
	struct half h;

	rig_socket(r, 0);
	half_open(&h, r, false, true, 1000);
	h.ack.flags = RST;
	rig_send(r, &h.ack, XDP_REDIRECT, STEER_HANDSHAKE); /* the worker ends the entry */
	assert_int_equal(r->meta.kind, SG_META_HANDSHAKE);
	h.ack.ack += 5; /* is not looked at */
	h.ack.flags = RST | ACK;
	rig_send(r, &h.ack, XDP_REDIRECT, STEER_HANDSHAKE);
	h.ack.seq += RIG_WINDOW;
	check_challenged(&h, "RST in the window", SG_V_RST_CHALLENGED, SG_V_SYN_LIMITED);
	h.ack.seq++;
	rig_send(r, &h.ack, XDP_DROP, HALFOPEN_BAD);
	h.ack.seq = h.syn.seq;
	rig_send(r, &h.ack, XDP_DROP, HALFOPEN_BAD);
	h.ack.seq++;
	set_ts(&h, RIG_TSVAL - 1, h.our_ts);
	rig_send(r, &h.ack, XDP_DROP, OLD_RST);
	set_ts(&h, RIG_TSVAL, h.our_ts);
	h.ack.flags = ACK | FIN;
	rig_send(r, &h.ack, XDP_TX, RST_SENT); /* but here it is */
}

static void test_other_syn(void **state)
{
	struct rig *r = *state;
	struct spec s;
	struct half h;

	rig_socket(r, 0);
	half_open(&h, r, false, true, 1000);
	s = h.syn;
	s.seq = h.syn.seq + 100; /* in the window: the worker ends the entry */
	rig_send(r, &s, XDP_REDIRECT, STEER_HANDSHAKE);
	h.ack.flags = SYN;
	h.ack.opts_len = 0;
	h.ack.seq = h.syn.seq + 1 + RIG_WINDOW;
	check_challenge(&h, "another SYN, outside");
	s = h.syn;
	s.opts_len = 0; /* the same SYN without its timestamp: the same answer */
	rig_send(r, &s, XDP_TX, SYNACK_REPEATED);
	assert_int_equal(rig_reply(r, 0).opts_len, 20);
	assert_int_equal(r->f->queue[0].halfopen, 1);
}

/* With our ack, but at the IRS: no client sends that. Linux says where it is, and so do we. */
static void test_syn_ack_is_outside(void **state)
{
	struct rig *r = *state;
	struct half h;

	half_open(&h, r, false, true, 1000);
	h.ack.flags = SYN | ACK;
	h.ack.seq = h.syn.seq;
	rig_send(r, &h.ack, XDP_TX, ACK_CHALLENGED);
	h.ack.ack++;
	rig_send(r, &h.ack, XDP_TX, RST_SENT);
}

/* Damage is looked for before anything else. */
static void test_damaged(void **state)
{
	static const uint8_t cut[4] = {1, 1, 1, 8};
	struct rig *r = *state;
	struct half h;
	struct spec s;

	rig_socket(r, 0);
	half_open(&h, r, false, true, 1000);
	s = h.ack;
	s.bad_tcp_sum = true;
	rig_send(r, &s, XDP_DROP, BAD_CHECKSUM);
	s = h.ack;
	s.bad_ip_sum = true;
	rig_send(r, &s, XDP_DROP, BAD_IP);
	s = h.ack;
	s.doff = 15;
	rig_send(r, &s, XDP_DROP, BAD_TCP);
	s = h.ack;
	s.opts = cut;
	s.opts_len = 4;
	rig_send(r, &s, XDP_DROP, BAD_OPTION);
	s = h.ack;
	s.flags = ACK | SYN | FIN;
	rig_send(r, &s, XDP_DROP, BAD_FLAGS);
	s = h.ack;
	s.frag = 0x2000;
	rig_send(r, &s, XDP_DROP, FIRST_FRAGMENT);
	rig_send(r, &h.ack, XDP_REDIRECT, STEER_HANDSHAKE);
}

/* A worker that completes the handshake again and again: claims the flow, frees the entry. */
struct handover {
	struct rig *r;
	struct sg_tuple t;
	__u64 *slot;
	int stop;
	unsigned rounds;
};

static void pause_us(unsigned us)
{
	struct timespec a, b;

	clock_gettime(CLOCK_MONOTONIC, &a);
	do {
		clock_gettime(CLOCK_MONOTONIC, &b);
	} while ((b.tv_sec - a.tv_sec) * 1000000000LL + b.tv_nsec - a.tv_nsec < us * 1000LL);
}

static void *handover_run(void *arg)
{
	struct handover *h = arg;
	__u32 tag = rig_hash(h->r, &h->t).table;
	__u64 live = *h->slot;

	for (; !__atomic_load_n(&h->stop, __ATOMIC_ACQUIRE); h->rounds++) {
		pause_us(5);
		if (sg_flow_claim(&h->r->f->flows, tag, &h->t, 1) != 1 ||
		    !sg_slot_free(h->slot, live))
			return (void *)1;
		pause_us(5);
		__atomic_store_n(h->slot, live, __ATOMIC_SEQ_CST);
		if (sg_flow_release(&h->r->f->flows, tag, &h->t))
			return (void *)1;
	}
	return NULL;
}

/* A million frames while the connection changes hands; returns how many were not handed over. */
static unsigned long handover_lost(struct rig *r, struct handover *ho, struct frame *f)
{
	struct xdp_md in = {.ingress_ifindex = r->ifindex, .data_end = (__u32)f->len};
	struct sg_counters before, c;
	pthread_t thread;
	void *failed;
	LIBBPF_OPTS(bpf_test_run_opts, o, .data_in = f->b, .data_size_in = (__u32)f->len,
		    .ctx_in = &in, .ctx_size_in = sizeof(in), .repeat = 1000000);

	ho->stop = 0;
	ho->rounds = 0;
	assert_int_equal(front_counters(r->f, &before), 0);
	assert_int_equal(pthread_create(&thread, NULL, handover_run, ho), 0);
	assert_int_equal(bpf_prog_test_run_opts(front_prog_fd(r->f), &o), 0);
	__atomic_store_n(&ho->stop, 1, __ATOMIC_RELEASE);
	assert_int_equal(pthread_join(thread, &failed), 0);
	assert_null(failed);
	assert_true(ho->rounds > 100);
	assert_int_equal(front_counters(r->f, &c), 0);
	c.SteerFlow -= before.SteerFlow;
	c.SteerHandshake -= before.SteerHandshake;
	assert_true(c.SteerFlow > 1000);
	assert_true(c.SteerHandshake > 1000);
	return 1000000 - c.SteerFlow - c.SteerHandshake;
}

/*
 * At each moment the connection is half-open, or a flow, or both: never a stray. A program that
 * is preempted on a busy machine may sleep through a whole turn of the 10 us cycle, which no
 * real connection has: so one clean run of three will do.
 */
static void test_handover(void **state)
{
	struct rig *r = *state;
	struct handover ho = {.r = r};
	unsigned long lost = 1;
	struct frame f;
	struct half h;

	rig_socket(r, 0);
	half_open(&h, r, false, true, 100);
	ho.t = rig_tuple(&h.syn);
	rig_send(r, &h.ack, XDP_REDIRECT, STEER_HANDSHAKE);
	ho.slot = &r->f->halfopen.ways[sg_index_bucket(r->meta.slot)].slot[sg_index_way(r->meta.slot)];
	build(&h.ack, &f);
	r->f->settings->rst_limit = 0;
	for (int i = 0; i < 3 && lost; i++)
		lost = handover_lost(r, &ho, &f);
	assert_int_equal(lost, 0);
}

/* RFC 9293 3.10.7.1, the three shapes of a RST. */
static void test_stray_rst(void **state)
{
	struct rig *r = *state;
	struct spec s = rig_syn(r);
	struct reply a;

	s.flags = ACK;
	s.ack = 0x12345678;
	s.data = 77;
	rig_send(r, &s, XDP_TX, RST_SENT);
	a = rig_reply(r, 0);
	assert_int_equal(a.flags, RST);
	assert_int_equal(a.seq, 0x12345678);
	assert_int_equal(a.ack, 0);
	assert_int_equal(a.window, 0);
	s = rig_syn6(r);
	s.tags = 2;
	s.flags = SYN | ACK;
	s.ack = 9;
	rig_send(r, &s, XDP_TX, RST_SENT);
	a = rig_reply(r, 2);
	assert_int_equal(a.flags, RST);
	assert_int_equal(a.seq, 9);
	assert_int_equal(a.head, 20);
	assert_null(rig_entry(r, &s, NULL));
}

int main(void)
{
#define T(x) cmocka_unit_test_setup_teardown(x, rig_setup, rig_teardown)
	const struct CMUnitTest tests[] = {
		T(test_final_ack),	T(test_final_ack_shapes), T(test_no_socket),
		T(test_bad_ack),	T(test_outside),	  T(test_paws),
		T(test_rst_and_no_ack), T(test_other_syn),	  T(test_syn_ack_is_outside),
		T(test_damaged),	T(test_handover),	  T(test_stray_rst),
	};

	rig_namespace();
	return cmocka_run_group_tests_name("complete", tests, NULL, NULL);
}
