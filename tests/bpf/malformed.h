/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One table of malformed frames, and of a few that only look it. Each row bends a good
 * segment; which one that is depends on what went before:
 *
 *	PAST_NONE         nothing                a SYN with Linux's options
 *	PAST_HALFOPEN     SYN-ACK was sent       the final ACK, with timestamps
 *	PAST_ESTABLISHED  a connection           the next data, with timestamps
 *	PAST_TIMEWAIT     a connection's end     the same, with a newer timestamp
 *
 * and says how the driver ends each, and what becomes of those that it hands to the worker.
 */
#ifndef TESTS_BPF_MALFORMED_H
#define TESTS_BPF_MALFORMED_H

#include <errno.h>

#include "frame.h"
#include "syngate/verdict.h"

enum past { PAST_NONE, PAST_HALFOPEN, PAST_ESTABLISHED, PAST_TIMEWAIT, PASTS };

enum fate {		/* of a frame that the worker gets */
	    FATE_NONE,	/* it does not get it */
	    FATE_ERRS,	/* not decoded: InErrs */
	    FATE_CSUM,	/* wrong checksum: InErrs and InCsumErrors */
	    FATE_TAKEN, /* a segment like any other */
	    FATE_ACKED, /* answered with an ACK; nothing else moves */
	    FATE_SYN,	/* the same, as a SYN on a connection: InErrs too */
	    FATE_QUIET, /* nothing moves, no answer */
	    FATE_RESET, /* the end of the connection, or of TIME_WAIT */
};

struct malformed {
	const char *name;
	int family;		       /* 4 or 6; 0: both */
	void (*change)(struct spec *); /* either one, or both */
	void (*bend)(struct frame *);
	int decoded;		    /* what wire_decode() says of the bent SYN */
	enum sg_verdict verdict[3]; /* by past; in TIME_WAIT there is a flow, as before */
	enum fate fate[2];	    /* of a flow's: established, TIME_WAIT */
};

/* The row's verdict, and its fate. */
static inline enum sg_verdict malformed_verdict(const struct malformed *m, enum past past)
{
	return m->verdict[past == PAST_TIMEWAIT ? PAST_ESTABLISHED : past];
}

static inline enum fate malformed_fate(const struct malformed *m, enum past past)
{
	enum sg_verdict v = malformed_verdict(m, past);

	if (v == SG_V_STEER_HANDSHAKE)
		return FATE_TAKEN;
	return v == SG_V_STEER_FLOW ? m->fate[past - PAST_ESTABLISHED] : FATE_NONE;
}

static inline bool malformed_is_of(const struct malformed *m, bool v6)
{
	return m->family != (v6 ? 4 : 6);
}

/* The frame of a row out of the good segment `s`, which it changes. */
static inline void malformed_build(const struct malformed *m, struct spec *s, struct frame *f)
{
	if (m->change)
		m->change(s);
	build(s, f);
	if (m->bend)
		m->bend(f);
}

/* The good segment of a past: it follows what went before, as `syn` was the first of it. */
struct good {
	struct spec syn;
	uint32_t ack; /* what came from the other side so far, one up for its SYN */
	uint32_t tsval, tsecr;
	uint8_t opts[12];
};

static inline struct spec good_segment(struct good *g, enum past past)
{
	struct spec s = g->syn;

	if (past == PAST_NONE)
		return s;
	memcpy(g->opts, "\x01\x01\x08\x0a", 4);
	put32(g->opts + 4, g->tsval + (past == PAST_TIMEWAIT));
	put32(g->opts + 8, g->tsecr);
	s.seq++;
	s.ack = g->ack;
	s.flags = past == PAST_HALFOPEN ? ACK : PSH | ACK;
	s.data = past == PAST_HALFOPEN ? 0 : 7;
	s.opts = g->opts;
	s.opts_len = sizeof(g->opts);
	return s;
}

/*
 * A good frame, cut to `len` bytes. Nobody's before the ports are there; then a header too short;
 * then data missing.
 */
static inline enum sg_verdict malformed_cut_verdict(const struct frame *f, size_t len,
						    enum past past)
{
	size_t head = f->l4 + (size_t)(f->b[f->l4 + 12] >> 4) * 4;

	if (len < f->l4 + 4)
		return SG_V_PASS_NOT_TCP;
	if (len < head)
		return SG_V_BAD_TCP;
	return past < PAST_ESTABLISHED ? SG_V_BAD_IP : SG_V_STEER_FLOW;
}

/* --- tools ------------------------------------------------------------------------------ */

#define CHANGE(name, ...)                                                                          \
	static inline void name(struct spec *s)                                                    \
	{                                                                                          \
		__VA_ARGS__;                                                                       \
	}

/* `ip` and `tcp` are where the headers begin. */
#define BEND(name, ...)                                                                            \
	static inline void name(struct frame *f)                                                   \
	{                                                                                          \
		uint8_t *ip = f->b + f->l3, *tcp = f->b + f->l4;                                   \
                                                                                                   \
		(void)ip, (void)tcp;                                                               \
		__VA_ARGS__;                                                                       \
	}

/* The length in the IP header, with a header checksum that is right. */
static inline void bend_ip_len(struct frame *f, uint32_t l4_len)
{
	uint8_t *ip = f->b + f->l3;
	uint32_t head = (uint32_t)(f->l4 - f->l3);

	if (ip[0] >> 4 == 6) {
		put16(ip + 4, head - 40 + l4_len);
		return;
	}
	put16(ip + 2, head + l4_len);
	put16(ip + 10, 0);
	put16(ip + 10, (uint16_t)~sum16(0, ip, head));
}

static inline void bend_ip_len_to(struct frame *f, uint32_t len)
{
	bend_ip_len(f, len - (uint32_t)(f->l4 - f->l3) + (f->b[f->l3] >> 4 == 6 ? 40 : 0));
}

/* Cut the frame, and let the IP header know. */
static inline void bend_cut(struct frame *f, uint32_t l4_len)
{
	f->len = f->l4 + l4_len;
	bend_ip_len(f, l4_len);
}

/* --- IP ----------------------------------------------------------------------------------- */

CHANGE(ip_one_over, s->ip_len_add = 1)
CHANGE(ip_one_short, s->ip_len_add = -1)
CHANGE(ip_bad_sum, s->bad_ip_sum = true)
CHANGE(ip_bad_sum_options, s->ip_options = 12; s->bad_ip_sum = true)
CHANGE(ip_options, s->ip_options = 40)
CHANGE(ip_version5, s->version = 5)
CHANGE(ip_version4_in6, s->version = 4)
CHANGE(ip_ihl4, s->ihl = 4)
CHANGE(ip_ihl15, s->ihl = 15)
CHANGE(ip_evil_bit, s->frag = 0x8000)
CHANGE(ip_padding, s->pad = 18)
BEND(ip_short_of_tcp, bend_ip_len(f, 19))
BEND(ip_only_header, bend_ip_len(f, 0))
BEND(ip_zero, bend_ip_len_to(f, 0))
BEND(ip_inside_header, bend_ip_len_to(f, 19))
BEND(ip_most, bend_ip_len_to(f, 65535))

CHANGE(frag_first, s->frag = spec_v6(s) ? 1 : 0x2000)
CHANGE(frag_second, s->frag = spec_v6(s) ? 8 : 1)
CHANGE(frag_last, s->frag = spec_v6(s) ? 0xfff8 : 0x1fff)
CHANGE(frag_middle, s->frag = spec_v6(s) ? 1449 : 0x2000 | 181)
CHANGE(frag_atomic, s->atomic = true)
CHANGE(frag_reserved_bits, s->frag = 6)
BEND(frag_tiny, bend_cut(f, 8))

static const uint8_t ext_44[] = {44, 255};
static const uint8_t ext_unknown[] = {253, 255};
static const uint8_t ext_six[] = {0, 60, 43, 60, 51, 60, 255};
static const uint8_t ext_seven[] = {0, 60, 43, 60, 51, 60, 60, 255};
static const uint8_t ext_twelve[] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255};
static const uint8_t ext_60[] = {60, 255};
static const uint8_t ext_0[] = {0, 255};
static const uint8_t ext_43[] = {43, 255};
CHANGE(ext_frag_twice, s->ext = ext_44; s->frag = 1)
CHANGE(ext_not_known, s->ext = ext_unknown)
CHANGE(ext_most, s->ext = ext_six)
CHANGE(ext_too_many, s->ext = ext_seven)
CHANGE(ext_no_end, s->ext = ext_twelve)
CHANGE(ext_one, s->ext = ext_60)
CHANGE(ext_hop, s->ext = ext_0)
CHANGE(ext_routing, s->ext = ext_43)
CHANGE(ext_esp, s->proto = 50)
CHANGE(ext_none, s->proto = 59)
BEND(ext_past_end, ip[41] = 255)
BEND(ext_to_end, ip[41] = (uint8_t)((f->len - f->l3 - 40 + 7) / 8 - 1))
BEND(ext_cut, f->len = f->l3 + 44)
BEND(ext_cut_clean, f->len = f->l3 + 44; put16(ip + 4, 4))
BEND(ext_segments_left, ip[43] = 1)
BEND(ext_jumbo, ip[42] = 0xc2; ip[43] = 4; put32(ip + 44, 70000); put16(ip + 4, 0))

/* --- Ethernet ------------------------------------------------------------------------------ */

CHANGE(eth_broadcast, memset(s->dst_mac, 0xff, 6))
CHANGE(eth_multicast, s->dst_mac[0] = 1; s->dst_mac[1] = 0; s->dst_mac[2] = 0x5e)
CHANGE(eth_other, s->dst_mac[5] ^= 1)
CHANGE(eth_from_group, s->src_mac[0] |= 1)
CHANGE(eth_from_broadcast, memset(s->src_mac, 0xff, 6))
CHANGE(eth_length, s->ethertype = 64)
CHANGE(tag_one, s->tags = 1; s->tci[0] = 5)
CHANGE(tag_priority, s->tags = 1; s->tci[0] = 0xe000)
CHANGE(tag_two, s->tags = 2; s->tpid[0] = 0x88a8; s->tci[0] = 5; s->tci[1] = 6)
CHANGE(tag_three, s->tags = 3)
CHANGE(tag_other, s->tags = 1; s->tpid[0] = 0x9100)
BEND(tag_cut, f->len = 16)
BEND(tag_cut_behind, f->len = 18)

/* --- TCP ------------------------------------------------------------------------------------ */

CHANGE(tcp_bad_sum, s->bad_tcp_sum = true)
CHANGE(tcp_doff4, s->doff = 4)
CHANGE(tcp_doff15, s->doff = 15)
BEND(tcp_doff0, tcp[12] = 0; mend(f))
BEND(tcp_sum_zero, put16(tcp + 16, 0))
BEND(tcp_sum_ones, put16(tcp + 16, 0xffff))
BEND(tcp_reserved, tcp[12] |= 0x0e; mend(f))
BEND(tcp_urgent, tcp[13] |= 0x20; put16(tcp + 18, 0xffff); mend(f))

CHANGE(flags_none, s->flags = 0)
CHANGE(flags_psh, s->flags = PSH)
CHANGE(flags_urg, s->flags = 0x20)
CHANGE(flags_fin, s->flags = FIN)
CHANGE(flags_xmas, s->flags = FIN | PSH | 0x20)
CHANGE(flags_syn_fin, s->flags = SYN | FIN)
CHANGE(flags_syn_fin_ack, s->flags = SYN | FIN | ACK)
CHANGE(flags_syn_rst, s->flags = SYN | RST)
CHANGE(flags_rst_fin, s->flags = RST | FIN)
CHANGE(flags_all, s->flags = 0xff)
CHANGE(flags_ecn, s->flags |= 0xc0)

#define OPTS(name, ...)                                                                            \
	static inline void name(struct spec *s)                                                    \
	{                                                                                          \
		static const uint8_t bytes_[] = {__VA_ARGS__};                                     \
                                                                                                   \
		s->opts = bytes_;                                                                  \
		s->opts_len = sizeof(bytes_);                                                      \
	}

OPTS(opt_len0, 2, 0, 5, 0xb4)
OPTS(opt_len1, 2, 1, 5, 0xb4)
OPTS(opt_unknown_len0, 254, 0, 1, 1)
OPTS(opt_no_len, 1, 1, 1, 8)
OPTS(opt_past, 1, 1, 8, 10)
OPTS(opt_past_by_one, 1, 2, 4, 5)
OPTS(opt_past_far, 30, 255, 0, 0, 1, 1, 1, 3)
OPTS(opt_sack_past, 1, 1, 5, 34, 0, 0, 0, 1, 0, 0, 0, 2)
OPTS(opt_mss2, 2, 2, 1, 1)
OPTS(opt_mss3, 2, 3, 5, 1)
OPTS(opt_mss6, 2, 6, 5, 0xb4, 5, 0xb4, 1, 1)
OPTS(opt_mss0, 2, 4, 0, 0)
OPTS(opt_wscale2, 3, 2, 1, 1)
OPTS(opt_wscale4, 3, 4, 7, 7)
OPTS(opt_wscale255, 3, 3, 255, 1)
OPTS(opt_sack_ok3, 4, 3, 0, 1)
OPTS(opt_ts9, 8, 9, 0, 0, 0, 1, 0, 0, 0, 1, 1, 1)
OPTS(opt_ts2, 8, 2, 1, 1)
OPTS(opt_sack9, 5, 9, 0, 0, 0, 1, 0, 0, 0, 1, 1, 1)
OPTS(opt_sack2, 5, 2, 1, 1)
OPTS(opt_end_first, 0, 2, 0, 9)
OPTS(opt_nops, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,
     1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1)

/* --- addresses ------------------------------------------------------------------------------ */

CHANGE(addr_land, s->src = s->dst; s->sport = s->dport)
CHANGE(addr_port0, s->sport = 0)
CHANGE(addr_to_port0, s->dport = 0)
CHANGE(addr_multicast, s->src = "224.0.0.1")
CHANGE(addr_multicast_last, s->src = "239.255.255.255")
CHANGE(addr_broadcast, s->src = "255.255.255.255")
CHANGE(addr_any, s->src = "0.0.0.0")
CHANGE(addr_this_net, s->src = "0.1.2.3")
CHANGE(addr_loopback, s->src = "127.0.0.1")
CHANGE(addr_class_e, s->src = "240.0.0.1")
CHANGE(addr_to_multicast, s->dst = "224.0.0.1")
CHANGE(addr_to_broadcast, s->dst = "255.255.255.255")
CHANGE(addr_to_net_broadcast, s->dst = "10.9.0.255")
CHANGE(addr_any6, s->src = "::")
CHANGE(addr_loopback6, s->src = "::1")
CHANGE(addr_multicast6, s->src = "ff02::1")
CHANGE(addr_mapped, s->src = "::ffff:10.9.0.2"; s->dst = "::ffff:10.9.0.1")
CHANGE(addr_mapped_peer, s->src = "::ffff:10.9.0.2")
CHANGE(addr_to_multicast6, s->dst = "ff02::1")

/* --- the table ------------------------------------------------------------------------------- */

/* Whatever went before. */
#define ALWAYS(text, fam, v, dec, ...)                                                             \
	{                                                                                          \
		.name = text, .family = fam, .decoded = dec,                                       \
		.verdict = {SG_V_##v, SG_V_##v, SG_V_##v}, __VA_ARGS__                             \
	}

/* Seen by the driver when it would admit or answer; a connection's own go to the worker. */
#define UNFIT(text, fam, v, dec, ...)                                                              \
	{                                                                                          \
		.name = text, .family = fam, .decoded = dec,                                       \
		.verdict = {SG_V_##v, SG_V_##v, SG_V_STEER_FLOW},                                  \
		.fate = {dec == -EBADMSG ? FATE_CSUM : FATE_ERRS,                                  \
			 dec == -EBADMSG ? FATE_CSUM : FATE_ERRS},                                 \
		__VA_ARGS__                                                                        \
	}

#define FLAGS(text, est, tw, ...)                                                                  \
	{                                                                                          \
		.name = text, .verdict = {SG_V_BAD_FLAGS, SG_V_BAD_FLAGS, SG_V_STEER_FLOW},        \
		.fate = {FATE_##est, FATE_##tw}, __VA_ARGS__                                       \
	}

/* Of another tuple than the one that had a past. */
#define OTHER(text, fam, v_syn, v_stray, ...)                                                      \
	{                                                                                          \
		.name = text, .family = fam,                                                       \
		.verdict = {SG_V_##v_syn, SG_V_##v_stray, SG_V_##v_stray}, __VA_ARGS__             \
	}

#define HARMLESS(text, fam, ...)                                                                   \
	{                                                                                          \
		.name = text, .family = fam,                                                       \
		.verdict = {SG_V_SYNACK_SENT, SG_V_STEER_HANDSHAKE, SG_V_STEER_FLOW},              \
		.fate = {FATE_TAKEN, FATE_ACKED}, __VA_ARGS__                                      \
	}

static const struct malformed malformed[] = {
	UNFIT("IP length one over the frame", 0, BAD_IP, -EPROTO, .change = ip_one_over),
	UNFIT("IP length 65535", 0, BAD_IP, -EPROTO, .bend = ip_most),
	{.name = "IP length one short",
	 .change = ip_one_short,
	 .decoded = -EPROTO,
	 .verdict = {SG_V_BAD_TCP, SG_V_BAD_TCP, SG_V_STEER_FLOW},
	 .fate = {FATE_CSUM, FATE_CSUM}},
	ALWAYS("IP length short of a TCP header", 0, BAD_IP, -EPROTO, .bend = ip_short_of_tcp),
	ALWAYS("IP length of the IP header alone", 0, BAD_IP, -EPROTO, .bend = ip_only_header),
	ALWAYS("IP length 0", 0, BAD_IP, -EPROTO, .bend = ip_zero),
	ALWAYS("IP length inside the IP header", 4, BAD_IP, -EPROTO, .bend = ip_inside_header),
	ALWAYS("IPv6 jumbogram", 6, BAD_IP, -EPROTO, .change = ext_hop, .bend = ext_jumbo),
	UNFIT("IPv4 header checksum", 4, BAD_IP, -EBADMSG, .change = ip_bad_sum),
	UNFIT("IPv4 header checksum with options", 4, BAD_IP, -EBADMSG,
	      .change = ip_bad_sum_options),
	HARMLESS("IPv4 options, all of them", 4, .change = ip_options),
	HARMLESS("IPv4's reserved bit", 4, .change = ip_evil_bit),
	HARMLESS("Ethernet padding", 0, .change = ip_padding),
	ALWAYS("version 5", 4, PASS_NOT_TCP, -EPROTO, .change = ip_version5),
	ALWAYS("version 4 in an IPv6 frame", 6, PASS_NOT_TCP, -EPROTO, .change = ip_version4_in6),
	ALWAYS("IPv4 header of 16 bytes", 4, PASS_NOT_TCP, -EPROTO, .change = ip_ihl4),
	ALWAYS("IPv4 header past the end", 4, PASS_NOT_TCP, -EBADMSG, .change = ip_ihl15),

	ALWAYS("first fragment", 0, FIRST_FRAGMENT, -EPROTO, .change = frag_first),
	ALWAYS("first fragment of 8 bytes", 0, FIRST_FRAGMENT, -EPROTO, .change = frag_first,
	       .bend = frag_tiny),
	ALWAYS("second fragment, 8 bytes in", 0, PASS_LATER_FRAGMENT, -EPROTO,
	       .change = frag_second),
	ALWAYS("fragment in the middle", 0, PASS_LATER_FRAGMENT, -EPROTO, .change = frag_middle),
	ALWAYS("last fragment that could be", 0, PASS_LATER_FRAGMENT, -EPROTO, .change = frag_last),
	HARMLESS("atomic fragment", 6, .change = frag_atomic),
	HARMLESS("atomic fragment with reserved bits", 6, .change = frag_reserved_bits),
	ALWAYS("first fragment twice", 6, FIRST_FRAGMENT, -EPROTO, .change = ext_frag_twice),

	HARMLESS("one extension header", 6, .change = ext_one),
	HARMLESS("routing header that has been followed", 6, .change = ext_routing),
	HARMLESS("six extension headers", 6, .change = ext_most),
	ALWAYS("seven extension headers", 6, PASS_NOT_TCP, 0, .change = ext_too_many),
	ALWAYS("extension headers without end", 6, PASS_NOT_TCP, -EPROTO, .change = ext_no_end),
	ALWAYS("unknown extension header", 6, PASS_NOT_TCP, -EPROTO, .change = ext_not_known),
	ALWAYS("encrypted", 6, PASS_NOT_TCP, -EPROTO, .change = ext_esp),
	ALWAYS("no next header", 6, PASS_NOT_TCP, -EPROTO, .change = ext_none),
	ALWAYS("extension header past the end", 6, PASS_NOT_TCP, -EPROTO, .change = ext_one,
	       .bend = ext_past_end),
	ALWAYS("extension header to the end", 6, PASS_NOT_TCP, -EPROTO, .change = ext_one,
	       .bend = ext_to_end),
	ALWAYS("extension header cut", 6, PASS_NOT_TCP, -EPROTO, .change = ext_one,
	       .bend = ext_cut),
	ALWAYS("extension header cut by the IP length too", 6, PASS_NOT_TCP, -EPROTO,
	       .change = ext_one, .bend = ext_cut_clean),
	ALWAYS("routing header with a way to go", 6, PASS_NOT_TCP, -EPROTO, .change = ext_routing,
	       .bend = ext_segments_left),

	ALWAYS("to the broadcast MAC", 0, PASS_NOT_LOCAL, 0, .change = eth_broadcast),
	ALWAYS("to a multicast MAC", 0, PASS_NOT_LOCAL, 0, .change = eth_multicast),
	ALWAYS("to another MAC", 0, PASS_NOT_LOCAL, 0, .change = eth_other),
	ALWAYS("from a multicast MAC", 0, BAD_ADDRESS, -EPROTO, .change = eth_from_group),
	ALWAYS("from the broadcast MAC", 0, BAD_ADDRESS, -EPROTO, .change = eth_from_broadcast),
	ALWAYS("length for a type", 0, PASS_NOT_TCP, -EPROTO, .change = eth_length),
	OTHER("a VLAN tag", 0, SYNACK_SENT, RST_SENT, .change = tag_one),
	OTHER("a priority tag", 0, SYNACK_SENT, RST_SENT, .change = tag_priority),
	OTHER("two VLAN tags", 0, SYNACK_SENT, RST_SENT, .change = tag_two),
	ALWAYS("three VLAN tags", 0, PASS_NOT_TCP, -EPROTO, .change = tag_three),
	ALWAYS("a tag of another kind", 0, PASS_NOT_TCP, -EPROTO, .change = tag_other),
	ALWAYS("VLAN tag cut", 0, PASS_NOT_TCP, -EPROTO, .change = tag_one, .bend = tag_cut),
	ALWAYS("nothing behind the VLAN tag", 0, PASS_NOT_TCP, -EPROTO, .change = tag_one,
	       .bend = tag_cut_behind),

	UNFIT("TCP checksum", 0, BAD_CHECKSUM, -EBADMSG, .change = tcp_bad_sum),
	UNFIT("TCP checksum 0", 0, BAD_CHECKSUM, -EBADMSG, .bend = tcp_sum_zero),
	UNFIT("TCP checksum of all ones", 0, BAD_CHECKSUM, -EBADMSG, .bend = tcp_sum_ones),
	ALWAYS("data offset 0", 0, BAD_TCP, -EPROTO, .bend = tcp_doff0),
	ALWAYS("data offset 4", 0, BAD_TCP, -EPROTO, .change = tcp_doff4),
	ALWAYS("data offset past the end", 0, BAD_TCP, -EPROTO, .change = tcp_doff15),
	HARMLESS("reserved bits of TCP", 0, .bend = tcp_reserved),
	HARMLESS("urgent pointer past the end", 0, .bend = tcp_urgent),
	HARMLESS("ECN's flags", 0, .change = flags_ecn),
	FLAGS("no flags", QUIET, ACKED, .change = flags_none),
	FLAGS("PSH alone", QUIET, ACKED, .change = flags_psh),
	FLAGS("URG alone", QUIET, ACKED, .change = flags_urg),
	FLAGS("FIN without ACK", QUIET, ACKED, .change = flags_fin),
	FLAGS("FIN, PSH, URG", QUIET, ACKED, .change = flags_xmas),
	FLAGS("SYN and FIN", SYN, RESET, .change = flags_syn_fin),
	FLAGS("SYN, FIN and ACK", SYN, ACKED, .change = flags_syn_fin_ack),
	FLAGS("SYN and RST", RESET, RESET, .change = flags_syn_rst),
	FLAGS("RST and FIN", RESET, RESET, .change = flags_rst_fin),
	FLAGS("all flags", RESET, RESET, .change = flags_all),

	UNFIT("option of length 0", 0, BAD_OPTION, -EPROTO, .change = opt_len0),
	UNFIT("option of length 1", 0, BAD_OPTION, -EPROTO, .change = opt_len1),
	UNFIT("unknown option of length 0", 0, BAD_OPTION, -EPROTO, .change = opt_unknown_len0),
	UNFIT("option without a length", 0, BAD_OPTION, -EPROTO, .change = opt_no_len),
	UNFIT("option past the end", 0, BAD_OPTION, -EPROTO, .change = opt_past),
	UNFIT("option past the end by one", 0, BAD_OPTION, -EPROTO, .change = opt_past_by_one),
	UNFIT("option far past the end", 0, BAD_OPTION, -EPROTO, .change = opt_past_far),
	UNFIT("SACK past the end", 0, BAD_OPTION, -EPROTO, .change = opt_sack_past),
	HARMLESS("MSS of length 2", 0, .change = opt_mss2),
	HARMLESS("MSS of length 3", 0, .change = opt_mss3),
	HARMLESS("MSS of length 6", 0, .change = opt_mss6),
	HARMLESS("MSS 0", 0, .change = opt_mss0),
	HARMLESS("window scale of length 2", 0, .change = opt_wscale2),
	HARMLESS("window scale of length 4", 0, .change = opt_wscale4),
	HARMLESS("window scale 255", 0, .change = opt_wscale255),
	HARMLESS("SACK-permitted of length 3", 0, .change = opt_sack_ok3),
	HARMLESS("timestamps of length 9", 0, .change = opt_ts9),
	HARMLESS("timestamps of length 2", 0, .change = opt_ts2),
	HARMLESS("SACK of length 9", 0, .change = opt_sack9),
	HARMLESS("SACK of length 2", 0, .change = opt_sack2),
	HARMLESS("nonsense behind the end of options", 0, .change = opt_end_first),
	HARMLESS("forty bytes of nothing", 0, .change = opt_nops),

	OTHER("LAND", 0, BAD_ADDRESS, BAD_ADDRESS, .change = addr_land),
	OTHER("from port 0", 0, BAD_ADDRESS, BAD_ADDRESS, .change = addr_port0),
	OTHER("to port 0", 0, PASS_NO_LISTENER, PASS_NO_LISTENER, .change = addr_to_port0),
	OTHER("from multicast", 4, BAD_ADDRESS, BAD_ADDRESS, .change = addr_multicast),
	OTHER("from the last multicast", 4, BAD_ADDRESS, BAD_ADDRESS,
	      .change = addr_multicast_last),
	OTHER("from broadcast", 4, BAD_ADDRESS, BAD_ADDRESS, .change = addr_broadcast),
	OTHER("from 0.0.0.0", 4, BAD_ADDRESS, BAD_ADDRESS, .change = addr_any),
	OTHER("from 0/8", 4, BAD_ADDRESS, BAD_ADDRESS, .change = addr_this_net),
	OTHER("from loopback", 4, BAD_ADDRESS, BAD_ADDRESS, .change = addr_loopback),
	OTHER("from 240/4", 4, SYNACK_SENT, RST_SENT, .change = addr_class_e),
	OTHER("to multicast", 4, PASS_NOT_LOCAL, PASS_NOT_LOCAL, .change = addr_to_multicast),
	OTHER("to broadcast", 4, PASS_NOT_LOCAL, PASS_NOT_LOCAL, .change = addr_to_broadcast),
	OTHER("to the net's broadcast", 4, PASS_NOT_LOCAL, PASS_NOT_LOCAL,
	      .change = addr_to_net_broadcast),
	OTHER("from ::", 6, BAD_ADDRESS, BAD_ADDRESS, .change = addr_any6),
	OTHER("from ::1", 6, BAD_ADDRESS, BAD_ADDRESS, .change = addr_loopback6),
	OTHER("from IPv6 multicast", 6, BAD_ADDRESS, BAD_ADDRESS, .change = addr_multicast6),
	OTHER("to IPv6 multicast", 6, PASS_NOT_LOCAL, PASS_NOT_LOCAL, .change = addr_to_multicast6),
	ALWAYS("mapped IPv4 addresses on the wire", 6, BAD_ADDRESS, -EPROTO, .change = addr_mapped),
	ALWAYS("mapped IPv4 source on the wire", 6, BAD_ADDRESS, -EPROTO,
	       .change = addr_mapped_peer),
};

#define MALFORMED (sizeof(malformed) / sizeof(*malformed))

#endif
