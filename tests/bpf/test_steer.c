/* SPDX-License-Identifier: BSD-2-Clause */
/* Known flows, and ICMP errors that quote them. */
#include "rig.h"

static struct spec flow_segment(const struct rig *r)
{
	struct spec s = rig_syn(r);

	s.flags = ACK;
	s.data = 10;
	return s;
}

static void claim(struct rig *r, const struct spec *s, __u16 owner)
{
	struct sg_tuple t = rig_tuple(s);

	assert_int_equal(sg_flow_claim(&r->f->flows, rig_hash(r, &t).table, &t, owner), owner);
}

static void release(struct rig *r, const struct spec *s)
{
	struct sg_tuple t = rig_tuple(s);

	assert_int_equal(sg_flow_release(&r->f->flows, rig_hash(r, &t).table, &t), 0);
}

static void check_flow(struct rig *r, const struct spec *s, __u16 owner)
{
	struct frame f;

	rig_send(r, s, XDP_REDIRECT, STEER_FLOW);
	build(s, &f);
	assert_int_equal(r->meta.magic, SG_META_MAGIC);
	assert_int_equal(r->meta.kind, SG_META_FLOW);
	assert_int_equal(r->meta.owner, owner);
	assert_int_equal(r->meta.l3_off, f.l3);
	assert_int_equal(r->meta.l4_off, f.l4);
	assert_int_equal(r->out_len, f.len);
	assert_memory_equal(r->out, f.b, f.len);
}

/* Anything of a flow goes to the worker: the engine judges it, in whichever state. */
static void test_flow(void **state)
{
	static const uint8_t flags[] = {ACK, SYN, SYN | ACK, RST, FIN | ACK, FIN, 0, 0xff};
	struct rig *r = *state;
	struct spec s = flow_segment(r);

	rig_socket(r, 0);
	rig_socket(r, 1);
	claim(r, &s, 1);
	for (size_t i = 0; i < SG_ARRAY_SIZE(flags); i++) {
		s.flags = flags[i];
		check_flow(r, &s, 1);
	}
	s.bad_tcp_sum = true; /* the worker sums up all of it anyway */
	check_flow(r, &s, 1);
	s = flow_segment(r);
	release(r, &s);
	rig_send(r, &s, XDP_TX, RST_SENT);
}

static void test_flow_shapes(void **state)
{
	static const uint8_t ext[] = {0, 60, 255};
	struct rig *r = *state;
	struct spec s = rig_syn6(r);

	rig_socket(r, 0);
	s.flags = ACK;
	s.tags = 2;
	s.tpid[0] = 0x88a8;
	s.tci[0] = 100;
	s.tci[1] = 200;
	s.ext = ext;
	claim(r, &s, 0);
	check_flow(r, &s, 0);
	s.tci[1] = 201; /* another network */
	rig_send(r, &s, XDP_TX, RST_SENT);
}

/* Without a listener too: after unlisten, and for connections that we opened. */
static void test_flow_without_listener(void **state)
{
	struct rig *r = *state;
	struct spec s = flow_segment(r);

	rig_socket(r, 0);
	s.dport = 5555;
	claim(r, &s, 0);
	rig_send(r, &s, XDP_PASS, PASS_NO_LISTENER); /* nobody said the port may be ours */
	front_own_port(r->f, 5555);
	check_flow(r, &s, 0);
	release(r, &s);
	rig_send(r, &s, XDP_PASS, PASS_NO_LISTENER);
}

/* Dropped, never passed: the kernel would reset the connection. */
static void test_flow_without_socket(void **state)
{
	struct rig *r = *state;
	struct spec s = flow_segment(r);

	rig_socket(r, 1);
	claim(r, &s, 1);
	rig_send(r, &s, XDP_DROP, NO_SOCKET);
	rig_run_on(r, &s, 1);
	rig_expect(r, "queue 1", XDP_REDIRECT, SG_V_STEER_FLOW);
}

static void test_flow_malformed(void **state)
{
	struct rig *r = *state;
	struct spec s = flow_segment(r);

	rig_socket(r, 0);
	claim(r, &s, 0);
	s.doff = 4;
	rig_send(r, &s, XDP_DROP, BAD_TCP);
	s = flow_segment(r);
	s.frag = 0x2000;
	rig_send(r, &s, XDP_DROP, FIRST_FRAGMENT);
	s = flow_segment(r);
	s.dst_mac[5] ^= 1;
	rig_send(r, &s, XDP_PASS, PASS_NOT_LOCAL);
}

/* A flow comes before a half-open entry and before the listener. */
static void test_flow_first(void **state)
{
	struct rig *r = *state;
	struct spec s = rig_syn(r);

	rig_socket(r, 0);
	rig_send(r, &s, XDP_TX, SYNACK_SENT);
	claim(r, &s, 0);
	check_flow(r, &s, 0);
	r->f->worker[0].heartbeat = 0; /* no worker: still nobody else's business */
	check_flow(r, &s, 0);
}

static void test_second_bucket(void **state)
{
	struct rig *r = *state;
	struct spec s = flow_segment(r);
	struct sg_tuple t = rig_tuple(&s);
	__u32 tag = rig_hash(r, &t).table;
	struct sg_ways *b = &r->f->flows.ways[sg_bucket_first(tag, r->f->flows.buckets)];

	rig_socket(r, 0);
	for (int i = 0; i < SG_WAYS; i++)
		b->slot[i] = sg_slot_make(SG_SLOT_LIVE, 0, 0, tag + 1);
	claim(r, &s, 0);
	for (int i = 0; i < SG_WAYS; i++)
		b->slot[i] = sg_slot_make(SG_SLOT_LIVE, 0, 0, tag); /* same tag, other tuple */
	check_flow(r, &s, 0);
}

/* --- ICMP ------------------------------------------------------------------------------ */

/* An ICMP error from 10.9.0.254 that quotes our segment to the peer of `s`. */
static void icmp_error(const struct rig *r, const struct spec *s, uint8_t type, int quoted,
		       struct frame *f)
{
	bool v6 = spec_v6(s);
	struct spec ours = *s, outer = *s;
	struct frame q;
	uint8_t *icmp;

	ours.src = s->dst;
	ours.dst = s->src;
	ours.sport = s->dport;
	ours.dport = s->sport;
	ours.tags = 0;
	build(&ours, &q);
	outer.src = v6 ? "fd09::fe" : "10.9.0.254";
	outer.proto = v6 ? 58 : 1;
	outer.opts_len = 0;
	outer.data = 200;
	outer.ext = NULL;
	memcpy(outer.dst_mac, r->f->settings->mac, 6);
	build(&outer, f);
	icmp = f->b + f->l4;
	memset(icmp, 0, 220);
	icmp[0] = type;
	memcpy(icmp + 8, q.b + q.l3, (size_t)quoted);
	f->len = f->l4 + 8 + (size_t)quoted;
}

static void test_icmp(void **state)
{
	static const uint8_t errors[2][5] = {{3, 11, 12}, {1, 2, 3, 4}};
	struct rig *r = *state;
	struct spec s;
	struct frame f;

	rig_socket(r, 0);
	for (int v6 = 0; v6 < 2; v6++) {
		s = v6 ? rig_syn6(r) : rig_syn(r);
		s.tags = v6;
		claim(r, &s, 1);
		for (int i = 0; errors[v6][i]; i++) {
			icmp_error(r, &s, errors[v6][i], v6 ? 48 : 28, &f);
			rig_run_bytes(r, f.b, f.len, 0);
			rig_expect(r, "error", XDP_REDIRECT, SG_V_STEER_ICMP);
			assert_int_equal(r->meta.kind, SG_META_ICMP);
			assert_int_equal(r->meta.owner, 1);
			assert_int_equal(r->meta.l3_off, f.l3);
			assert_int_equal(r->meta.l4_off, f.l4);
			assert_memory_equal(r->out, f.b, f.len);
		}
	}
}

static void pass_icmp(struct rig *r, const struct frame *f, const char *what)
{
	rig_run_bytes(r, f->b, f->len, 0);
	rig_expect(r, what, XDP_PASS, SG_V_PASS_NOT_TCP);
}

static void test_icmp_of_others(void **state)
{
	struct rig *r = *state;
	struct spec s = rig_syn(r), other;
	struct frame f;

	rig_socket(r, 0);
	claim(r, &s, 0);
	icmp_error(r, &s, 8, 28, &f);
	pass_icmp(r, &f, "echo request");
	icmp_error(r, &s, 5, 28, &f);
	pass_icmp(r, &f, "redirect");
	icmp_error(r, &s, 4, 28, &f);
	pass_icmp(r, &f, "source quench");
	other = s;
	other.sport++;
	icmp_error(r, &other, 3, 28, &f);
	pass_icmp(r, &f, "another tuple");
	other = s;
	other.proto = 17;
	icmp_error(r, &other, 3, 28, &f);
	pass_icmp(r, &f, "quotes UDP");
	other = s;
	other.frag = 185;
	icmp_error(r, &other, 3, 28, &f);
	pass_icmp(r, &f, "quotes a later fragment");
	for (int n = 0; n < 24; n++) {
		icmp_error(r, &s, 3, n, &f);
		pass_icmp(r, &f, "quotes too little");
	}
	icmp_error(r, &s, 3, 28, &f);
	f.b[5] ^= 1;
	rig_run_bytes(r, f.b, f.len, 0);
	rig_expect(r, "to another host", XDP_PASS, SG_V_PASS_NOT_LOCAL);
}

int main(void)
{
#define T(x) cmocka_unit_test_setup_teardown(x, rig_setup, rig_teardown)
	const struct CMUnitTest tests[] = {
		T(test_flow),
		T(test_flow_shapes),
		T(test_flow_without_listener),
		T(test_flow_without_socket),
		T(test_flow_malformed),
		T(test_flow_first),
		T(test_second_bucket),
		T(test_icmp),
		T(test_icmp_of_others),
	};

	rig_namespace();
	return cmocka_run_group_tests_name("steer", tests, NULL, NULL);
}
