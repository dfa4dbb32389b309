/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One frame, one verdict: a row for each way that a frame without a past can end, if it is
 * not malformed (malformed.h has those).
 * Listeners: *:80, 10.9.0.1:81, [fd09::1]:81, *:443 where the accept queue is full.
 * Whatever passes must pass untouched.
 */
#include "rig.h"

struct row {
	const char *name;
	void (*change)(struct spec *);
	int action;
	enum sg_verdict verdict;
};

/* What makes a row's frame of a good SYN over IPv4. */
#define CHANGE(name, ...)                                                                          \
	static void name(struct spec *s)                                                           \
	{                                                                                          \
		__VA_ARGS__;                                                                       \
	}

#define ROW(fn, text, act, v)                                                                      \
	{                                                                                          \
		text, fn, XDP_##act, SG_V_##v                                                      \
	}

static void six(struct spec *s)
{
	s->src = "fd09::2";
	s->dst = "fd09::1";
}

/* --- passed ------------------------------------------------------------------------- */

CHANGE(udp, s->proto = 17)
CHANGE(udp6, six(s); s->proto = 17)
CHANGE(icmp, s->proto = 1)
CHANGE(icmp6, six(s); s->proto = 58)
CHANGE(sctp, s->proto = 132)
CHANGE(arp, s->ethertype = 0x0806)
CHANGE(lldp, s->ethertype = 0x88cc)
CHANGE(udp_fragment, s->proto = 17; s->frag = 100)

CHANGE(other_mac_first, s->dst_mac[0] ^= 4)
CHANGE(forwarded, s->dst = "10.8.0.1")
CHANGE(forwarded6, six(s); s->dst = "fd08::1")
CHANGE(forwarded_mangled, forwarded(s); s->bad_tcp_sum = true; s->flags = 0)

CHANGE(port22, s->dport = 22)
CHANGE(port65535, s->dport = 65535)
CHANGE(port22_ack, s->dport = 22; s->flags = ACK; s->data = 100)
CHANGE(port22_bad, s->dport = 22; s->doff = 3; s->bad_ip_sum = true)
CHANGE(port22_fragment, s->dport = 22; s->frag = 0x2000)
CHANGE(port22_land, s->dport = 22; s->sport = 22; s->src = s->dst)
CHANGE(exact_other_addr, s->dport = 81; s->dst = "10.9.0.7")
CHANGE(closed, s->dport = 82)
CHANGE(was_open, s->dport = 83)

static const struct row passed[] = {
	ROW(udp, "UDP to our port", PASS, PASS_NOT_TCP),
	ROW(udp6, "UDP over IPv6", PASS, PASS_NOT_TCP),
	ROW(icmp, "ICMP", PASS, PASS_NOT_TCP),
	ROW(icmp6, "ICMPv6", PASS, PASS_NOT_TCP),
	ROW(sctp, "SCTP", PASS, PASS_NOT_TCP),
	ROW(arp, "ARP", PASS, PASS_NOT_TCP),
	ROW(lldp, "LLDP", PASS, PASS_NOT_TCP),
	ROW(udp_fragment, "later fragment of UDP", PASS, PASS_NOT_TCP),
	ROW(other_mac_first, "to a MAC that differs in its first byte", PASS, PASS_NOT_LOCAL),
	ROW(forwarded, "forwarded, to our port number", PASS, PASS_NOT_LOCAL),
	ROW(forwarded6, "forwarded over IPv6", PASS, PASS_NOT_LOCAL),
	ROW(forwarded_mangled, "forwarded and mangled", PASS, PASS_NOT_LOCAL),
	ROW(port22, "SYN to a port of the kernel's", PASS, PASS_NO_LISTENER),
	ROW(port65535, "port 65535", PASS, PASS_NO_LISTENER),
	ROW(port22_ack, "data to a port of the kernel's", PASS, PASS_NO_LISTENER),
	ROW(port22_bad, "malformed, to a port of the kernel's", PASS, PASS_NO_LISTENER),
	ROW(port22_fragment, "first fragment to a port of the kernel's", PASS, PASS_NO_LISTENER),
	ROW(port22_land, "LAND on a port of the kernel's", PASS, PASS_NO_LISTENER),
	ROW(exact_other_addr, "address that the listener is not on", PASS, PASS_NO_LISTENER),
	ROW(closed, "a listener that is closed", PASS, PASS_NO_LISTENER),
	ROW(was_open, "a listener that was taken out", PASS, PASS_NO_LISTENER),
};

/* --- answered ------------------------------------------------------------------------- */

CHANGE(syn, (void)s)
CHANGE(syn6, six(s))
CHANGE(syn_exact, s->dport = 81)
CHANGE(syn_exact6, six(s); s->dport = 81)
CHANGE(syn_psh, s->flags = SYN | PSH)
CHANGE(df, s->frag = 0x4000)
CHANGE(anyip, s->dst = "10.77.200.3")
CHANGE(anyip6, six(s); s->dst = "fd77:1::5")

CHANGE(ack, s->flags = ACK; s->ack = 77)
CHANGE(ack_data, ack(s); s->data = 500)
CHANGE(syn_ack, s->flags = SYN | ACK; s->ack = 77)
CHANGE(fin_ack6, six(s); s->flags = FIN | ACK; s->ack = 77)

static const struct row answers[] = {
	ROW(syn, "SYN", TX, SYNACK_SENT),
	ROW(syn6, "SYN over IPv6", TX, SYNACK_SENT),
	ROW(syn_exact, "SYN to the very address", TX, SYNACK_SENT),
	ROW(syn_exact6, "SYN to the very address over IPv6", TX, SYNACK_SENT),
	ROW(syn_psh, "SYN and PSH", TX, SYNACK_SENT),
	ROW(df, "with DF", TX, SYNACK_SENT),
	ROW(anyip, "to an address within a local prefix", TX, SYNACK_SENT),
	ROW(anyip6, "to an IPv6 address within a local prefix", TX, SYNACK_SENT),
	ROW(ack, "stray ACK", TX, RST_SENT),
	ROW(ack_data, "stray data", TX, RST_SENT),
	ROW(syn_ack, "stray SYN-ACK", TX, RST_SENT),
	ROW(fin_ack6, "stray FIN over IPv6", TX, RST_SENT),
};

/* --- dropped -------------------------------------------------------------------------- */

CHANGE(rst, s->flags = RST)
CHANGE(rst_ack, s->flags = RST | ACK)
CHANGE(ip_sum_stray, ack(s); s->bad_ip_sum = true)
CHANGE(doff_stray, ack(s); s->doff = 4)
CHANGE(sum_stray, ack_data(s); s->bad_tcp_sum = true)
CHANGE(acceptq_full, s->dport = 443)
CHANGE(denied, s->src = "10.66.1.2")

static const struct row dropped[] = {
	ROW(rst, "stray RST", DROP, STRAY),
	ROW(rst_ack, "stray RST with ACK", DROP, STRAY),
	ROW(ip_sum_stray, "IP header checksum of a stray", DROP, BAD_IP),
	ROW(doff_stray, "TCP header of 16 bytes of a stray", DROP, BAD_TCP),
	ROW(sum_stray, "TCP checksum of a stray", DROP, BAD_CHECKSUM),
	ROW(acceptq_full, "accept queue full", DROP, ACCEPTQ_FULL),
	ROW(denied, "from a denied prefix", DROP, DENIED),
};

static int listeners_setup(void **state)
{
	struct sg_listener_key k82 = {.port = 82}, k83 = {.port = 83};
	struct sg_listener l82 = {.id = 4, .state = SG_LISTENER_CLOSED};
	struct prefix mean = {.key = {.prefix = 96 + 16}};
	struct rig *r;

	rig_setup(state);
	r = *state;
	rig_local(r, "10.77.0.0", 96 + 16);
	rig_local(r, "fd77:1::", 64);
	rig_listen(r, 1, "10.9.0.1", 81, 100, 100);
	rig_listen(r, 2, "fd09::1", 81, 100, 100);
	rig_listen(r, 3, NULL, 443, 100, 0);
	r->f->queue[3].acceptq = 1;
	rig_listen(r, 5, NULL, 83, 100, 100);
	sg_addr_from4(&mean.key.addr, "\x0a\x42\0\0"); /* 10.66.0.0 */
	if (front_list(r->f, &mean, SG_LIST_DENY, &r->err) ||
	    front_set_listener(r->f, &k82, &l82, &r->err) ||
	    front_del_listener(r->f, &k83, &r->err) || front_del_listener(r->f, &k83, &r->err))
		fail_msg("%s", r->err.msg);
	return 0;
}

static void run_rows(struct rig *r, const struct row *rows, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct spec s = rig_syn(r);
		struct frame f;

		rig_reset(r);
		r->f->queue[3].acceptq = 1;
		rows[i].change(&s);
		build(&s, &f);
		rig_run_bytes(r, f.b, f.len, 0);
		rig_expect(r, rows[i].name, rows[i].action, rows[i].verdict);
		if (rows[i].action != XDP_PASS)
			continue;
		if (r->out_len != f.len || memcmp(r->out, f.b, f.len))
			fail_msg("%s: passed, but not untouched", rows[i].name);
		for (__u32 q = 0; q < 6; q++)
			assert_int_equal(r->f->queue[q].halfopen, 0);
	}
}

static void test_passed(void **state)
{
	run_rows(*state, passed, SG_ARRAY_SIZE(passed));
}

static void test_answered(void **state)
{
	run_rows(*state, answers, SG_ARRAY_SIZE(answers));
}

static void test_dropped(void **state)
{
	run_rows(*state, dropped, SG_ARRAY_SIZE(dropped));
}

/* With verify_checksum = 0 (a veth peer with checksum offload) wrong sums are taken. */
static void test_checksums_off(void **state)
{
	struct rig *r = *state;
	struct spec s = rig_syn(r);

	s.bad_tcp_sum = true;
	rig_send(r, &s, XDP_DROP, BAD_CHECKSUM);
	r->f->settings->verify_checksum = 0;
	rig_send(r, &s, XDP_TX, SYNACK_SENT);
}

/* The exact listener has precedence, whichever came first. */
static void test_exact_before_wildcard(void **state)
{
	struct rig *r = *state;
	struct spec s = rig_syn(r);

	rig_listen(r, 6, "10.9.0.1", RIG_PORT, 100, 100);
	rig_send(r, &s, XDP_TX, SYNACK_SENT);
	assert_int_equal(sg_synq_listener(rig_entry(r, &s, NULL)), 6);
	assert_int_equal(r->f->queue[6].halfopen, 1);
	assert_int_equal(r->f->queue[0].halfopen, 0);
	s.dst = "10.77.1.1";
	rig_send(r, &s, XDP_TX, SYNACK_SENT);
	assert_int_equal(sg_synq_listener(rig_entry(r, &s, NULL)), 0);
}

/* An address that goes is no longer ours; an exact listener does not ask. */
static void test_local_address_goes(void **state)
{
	struct rig *r = *state;
	struct spec s = rig_syn(r);
	struct sg_tuple t = rig_tuple(&s);

	assert_int_equal(front_del_local(r->f, &t.local, 128), 0);
	assert_int_equal(front_del_local(r->f, &t.local, 128), 0);
	rig_send(r, &s, XDP_PASS, PASS_NOT_LOCAL);
	s.dport = 81;
	rig_send(r, &s, XDP_TX, SYNACK_SENT);
}

int main(void)
{
#undef T
#define T(x) cmocka_unit_test_setup_teardown(x, listeners_setup, rig_teardown)
	const struct CMUnitTest tests[] = {
		T(test_passed),
		T(test_answered),
		T(test_dropped),
		T(test_checksums_off),
		T(test_exact_before_wildcard),
		T(test_local_address_goes),
	};

	rig_namespace();
	return cmocka_run_group_tests_name("verdicts", tests, NULL, NULL);
}
