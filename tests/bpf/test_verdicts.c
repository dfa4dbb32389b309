/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One frame, one verdict: a row for each way that a frame without a past can end.
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

static uint8_t ext[16];

static void set_ext(struct spec *s, int n, ...)
{
	va_list ap;

	va_start(ap, n);
	for (int i = 0; i < n; i++)
		ext[i] = (uint8_t)va_arg(ap, int);
	va_end(ap);
	ext[n] = 255;
	s->ext = ext;
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
CHANGE(three_tags, s->tags = 3)
CHANGE(version5, s->version = 5)
CHANGE(version4in6, six(s); s->version = 4)
CHANGE(ihl4, s->ihl = 4)
CHANGE(udp_fragment, s->proto = 17; s->frag = 100)
CHANGE(ext7, six(s); set_ext(s, 7, 60, 60, 60, 60, 60, 60, 60))
CHANGE(ext_unknown, six(s); set_ext(s, 1, 253))
CHANGE(esp, six(s); s->proto = 50)

CHANGE(other_mac, s->dst_mac[5] ^= 1)
CHANGE(other_mac_first, s->dst_mac[0] ^= 4)
CHANGE(broadcast_mac, memset(s->dst_mac, 0xff, 6))
CHANGE(multicast_mac, s->dst_mac[0] |= 1)
CHANGE(forwarded, s->dst = "10.8.0.1")
CHANGE(forwarded6, six(s); s->dst = "fd08::1")
CHANGE(forwarded_mangled, forwarded(s); s->bad_tcp_sum = true; s->flags = 0)

CHANGE(port22, s->dport = 22)
CHANGE(port0, s->dport = 0)
CHANGE(port65535, s->dport = 65535)
CHANGE(port22_ack, s->dport = 22; s->flags = ACK; s->data = 100)
CHANGE(port22_bad, s->dport = 22; s->doff = 3; s->bad_ip_sum = true)
CHANGE(port22_fragment, s->dport = 22; s->frag = 0x2000)
CHANGE(port22_land, s->dport = 22; s->sport = 22; s->src = s->dst)
CHANGE(exact_other_addr, s->dport = 81; s->dst = "10.9.0.7")
CHANGE(closed, s->dport = 82)
CHANGE(was_open, s->dport = 83)

CHANGE(later_fragment, s->frag = 185)
CHANGE(last_fragment, s->frag = 0x2000 | 185)
CHANGE(later_fragment6, six(s); s->frag = 1448)

static const struct row passed[] = {
	ROW(udp, "UDP to our port", PASS, PASS_NOT_TCP),
	ROW(udp6, "UDP over IPv6", PASS, PASS_NOT_TCP),
	ROW(icmp, "ICMP", PASS, PASS_NOT_TCP),
	ROW(icmp6, "ICMPv6", PASS, PASS_NOT_TCP),
	ROW(sctp, "SCTP", PASS, PASS_NOT_TCP),
	ROW(arp, "ARP", PASS, PASS_NOT_TCP),
	ROW(lldp, "LLDP", PASS, PASS_NOT_TCP),
	ROW(three_tags, "three VLAN tags", PASS, PASS_NOT_TCP),
	ROW(version5, "IPv4 with version 5", PASS, PASS_NOT_TCP),
	ROW(version4in6, "IPv6 with version 4", PASS, PASS_NOT_TCP),
	ROW(ihl4, "IPv4 header of 16 bytes", PASS, PASS_NOT_TCP),
	ROW(udp_fragment, "later fragment of UDP", PASS, PASS_NOT_TCP),
	ROW(ext7, "more extension headers than we look through", PASS, PASS_NOT_TCP),
	ROW(ext_unknown, "unknown extension header", PASS, PASS_NOT_TCP),
	ROW(esp, "ESP", PASS, PASS_NOT_TCP),
	ROW(other_mac, "another host's Ethernet address", PASS, PASS_NOT_LOCAL),
	ROW(other_mac_first, "the same, in the first byte", PASS, PASS_NOT_LOCAL),
	ROW(broadcast_mac, "broadcast", PASS, PASS_NOT_LOCAL),
	ROW(multicast_mac, "multicast", PASS, PASS_NOT_LOCAL),
	ROW(forwarded, "forwarded, to our port number", PASS, PASS_NOT_LOCAL),
	ROW(forwarded6, "forwarded over IPv6", PASS, PASS_NOT_LOCAL),
	ROW(forwarded_mangled, "forwarded and mangled", PASS, PASS_NOT_LOCAL),
	ROW(port22, "SYN to a port of the kernel's", PASS, PASS_NO_LISTENER),
	ROW(port0, "port 0", PASS, PASS_NO_LISTENER),
	ROW(port65535, "port 65535", PASS, PASS_NO_LISTENER),
	ROW(port22_ack, "data to a port of the kernel's", PASS, PASS_NO_LISTENER),
	ROW(port22_bad, "malformed, to a port of the kernel's", PASS, PASS_NO_LISTENER),
	ROW(port22_fragment, "first fragment to a port of the kernel's", PASS, PASS_NO_LISTENER),
	ROW(port22_land, "LAND on a port of the kernel's", PASS, PASS_NO_LISTENER),
	ROW(exact_other_addr, "address that the listener is not on", PASS, PASS_NO_LISTENER),
	ROW(closed, "a listener that is closed", PASS, PASS_NO_LISTENER),
	ROW(was_open, "a listener that was taken out", PASS, PASS_NO_LISTENER),
	ROW(later_fragment, "later fragment", PASS, PASS_LATER_FRAGMENT),
	ROW(last_fragment, "fragment in the middle", PASS, PASS_LATER_FRAGMENT),
	ROW(later_fragment6, "later fragment over IPv6", PASS, PASS_LATER_FRAGMENT),
};

/* --- answered ------------------------------------------------------------------------- */

CHANGE(syn, (void)s)
CHANGE(syn6, six(s))
CHANGE(syn_exact, s->dport = 81)
CHANGE(syn_exact6, six(s); s->dport = 81)
CHANGE(syn_psh, s->flags = SYN | PSH)
CHANGE(syn_ecn, s->flags = SYN | 0xc0)
CHANGE(syn_urg, s->flags = SYN | 0x20)
CHANGE(atomic6, six(s); s->atomic = true)
CHANGE(from_class_e, s->src = "240.0.0.1")
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
	ROW(syn_ecn, "SYN that offers ECN", TX, SYNACK_SENT),
	ROW(syn_urg, "SYN and URG", TX, SYNACK_SENT),
	ROW(atomic6, "atomic fragment (RFC 6946)", TX, SYNACK_SENT),
	ROW(from_class_e, "from 240/4", TX, SYNACK_SENT),
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

CHANGE(ip_long, s->ip_len_add = 1)
CHANGE(ip_long6, six(s); s->ip_len_add = 1)
CHANGE(ip_short, s->ip_len_add = -21)
CHANGE(ip_none6, six(s); s->ip_len_add = -40)
CHANGE(ip_sum, s->bad_ip_sum = true)
CHANGE(ip_sum_options, s->ip_options = 12; s->bad_ip_sum = true)
CHANGE(ip_sum_stray, ack(s); s->bad_ip_sum = true)

CHANGE(doff4, s->doff = 4)
CHANGE(doff15, s->doff = 15)
CHANGE(doff_stray, ack(s); s->doff = 4)

static const uint8_t opt_zero[] = {2, 0, 5, 0xb4};
static const uint8_t opt_one[] = {2, 1, 5, 0xb4};
static const uint8_t opt_cut[] = {1, 1, 1, 8};
static const uint8_t opt_past[] = {1, 1, 8, 10};
static const uint8_t opt_past2[] = {30, 9, 0, 0, 1, 1, 1, 3};
CHANGE(zero_len, s->opts = opt_zero; s->opts_len = 4)
CHANGE(one_len, s->opts = opt_one; s->opts_len = 4)
CHANGE(no_len, s->opts = opt_cut; s->opts_len = 4)
CHANGE(past_end, s->opts = opt_past; s->opts_len = 4)
CHANGE(past_end2, s->opts = opt_past2; s->opts_len = 8)

CHANGE(sum_syn, s->bad_tcp_sum = true)
CHANGE(sum_syn6, six(s); s->bad_tcp_sum = true)
CHANGE(sum_stray, ack_data(s); s->bad_tcp_sum = true)

CHANGE(none, s->flags = 0)
CHANGE(psh, s->flags = PSH)
CHANGE(syn_fin, s->flags = SYN | FIN)
CHANGE(syn_rst, s->flags = SYN | RST)
CHANGE(fin_alone, s->flags = FIN)
CHANGE(xmas, s->flags = 0x29)
CHANGE(all, s->flags = 0xff)
CHANGE(rst_fin, s->flags = RST | FIN)

CHANGE(land, s->src = s->dst; s->sport = s->dport)
CHANGE(land6, six(s); s->src = s->dst; s->sport = s->dport)
CHANGE(from_multicast, s->src = "224.0.0.1")
CHANGE(from_multicast2, s->src = "239.1.2.3")
CHANGE(from_broadcast, s->src = "255.255.255.255")
CHANGE(from_zero, s->src = "0.0.0.0")
CHANGE(from_loopback, s->src = "127.9.9.9")
CHANGE(from_any6, six(s); s->src = "::")
CHANGE(from_loopback6, six(s); s->src = "::1")
CHANGE(from_multicast6, six(s); s->src = "ff02::1")
CHANGE(mapped, s->src = "::ffff:10.9.0.2"; s->dst = "::ffff:10.9.0.1")
CHANGE(from_port0, s->sport = 0)
CHANGE(stray_multicast, ack(s); s->src = "224.0.0.1")

CHANGE(first_fragment, s->frag = 0x2000)
CHANGE(first_fragment6, six(s); s->frag = 1)
CHANGE(acceptq_full, s->dport = 443)

static const struct row dropped[] = {
	ROW(rst, "stray RST", DROP, STRAY),
	ROW(rst_ack, "stray RST with ACK", DROP, STRAY),
	ROW(ip_long, "IP length beyond the frame", DROP, BAD_IP),
	ROW(ip_long6, "IPv6 length beyond the frame", DROP, BAD_IP),
	ROW(ip_short, "IP length too short for a TCP header", DROP, BAD_IP),
	ROW(ip_none6, "IPv6 payload length 0", DROP, BAD_IP),
	ROW(ip_sum, "IP header checksum", DROP, BAD_IP),
	ROW(ip_sum_options, "IP header checksum, with options", DROP, BAD_IP),
	ROW(ip_sum_stray, "IP header checksum of a stray", DROP, BAD_IP),
	ROW(doff4, "TCP header of 16 bytes", DROP, BAD_TCP),
	ROW(doff15, "TCP header longer than the segment", DROP, BAD_TCP),
	ROW(doff_stray, "the same of a stray", DROP, BAD_TCP),
	ROW(zero_len, "option of length 0", DROP, BAD_OPTION),
	ROW(one_len, "option of length 1", DROP, BAD_OPTION),
	ROW(no_len, "option without a length byte", DROP, BAD_OPTION),
	ROW(past_end, "option past the end", DROP, BAD_OPTION),
	ROW(past_end2, "unknown option past the end", DROP, BAD_OPTION),
	ROW(sum_syn, "TCP checksum of a SYN", DROP, BAD_CHECKSUM),
	ROW(sum_syn6, "TCP checksum over IPv6", DROP, BAD_CHECKSUM),
	ROW(sum_stray, "TCP checksum of a stray", DROP, BAD_CHECKSUM),
	ROW(none, "no flags", DROP, BAD_FLAGS),
	ROW(psh, "PSH alone", DROP, BAD_FLAGS),
	ROW(syn_fin, "SYN and FIN", DROP, BAD_FLAGS),
	ROW(syn_rst, "SYN and RST", DROP, BAD_FLAGS),
	ROW(fin_alone, "FIN without ACK", DROP, BAD_FLAGS),
	ROW(xmas, "FIN, PSH, URG", DROP, BAD_FLAGS),
	ROW(all, "all flags", DROP, BAD_FLAGS),
	ROW(rst_fin, "RST and FIN", DROP, BAD_FLAGS),
	ROW(land, "LAND", DROP, BAD_ADDRESS),
	ROW(land6, "LAND over IPv6", DROP, BAD_ADDRESS),
	ROW(from_multicast, "from multicast", DROP, BAD_ADDRESS),
	ROW(from_multicast2, "from multicast, its last prefix", DROP, BAD_ADDRESS),
	ROW(from_broadcast, "from broadcast", DROP, BAD_ADDRESS),
	ROW(from_zero, "from 0.0.0.0", DROP, BAD_ADDRESS),
	ROW(from_loopback, "from loopback", DROP, BAD_ADDRESS),
	ROW(from_any6, "from ::", DROP, BAD_ADDRESS),
	ROW(from_loopback6, "from ::1", DROP, BAD_ADDRESS),
	ROW(from_multicast6, "from IPv6 multicast", DROP, BAD_ADDRESS),
	ROW(mapped, "mapped IPv4 addresses on the wire", DROP, BAD_ADDRESS),
	ROW(from_port0, "from port 0", DROP, BAD_ADDRESS),
	ROW(stray_multicast, "stray from multicast", DROP, BAD_ADDRESS),
	ROW(first_fragment, "first fragment", DROP, FIRST_FRAGMENT),
	ROW(first_fragment6, "first fragment over IPv6", DROP, FIRST_FRAGMENT),
	ROW(acceptq_full, "accept queue full", DROP, ACCEPTQ_FULL),
};

static int listeners_setup(void **state)
{
	struct sg_listener_key k82 = {.port = 82}, k83 = {.port = 83};
	struct sg_listener l82 = {.id = 4, .state = SG_LISTENER_CLOSED};
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
	if (front_set_listener(r->f, &k82, &l82, &r->err) ||
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
