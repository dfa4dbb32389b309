/* SPDX-License-Identifier: BSD-2-Clause */
/* The SYN-ACK, field by field, and the entry behind it. */
#include "rig.h"

/* SipHash-2-4, byte by byte after the paper: not our own code. */
static uint64_t rotl(uint64_t x, int b)
{
	return x << b | x >> (64 - b);
}

static void sip_rounds(uint64_t v[4], int n)
{
	while (n--) {
		v[0] += v[1], v[2] += v[3];
		v[1] = rotl(v[1], 13) ^ v[0], v[3] = rotl(v[3], 16) ^ v[2];
		v[0] = rotl(v[0], 32);
		v[2] += v[1], v[0] += v[3];
		v[1] = rotl(v[1], 17) ^ v[2], v[3] = rotl(v[3], 21) ^ v[0];
		v[2] = rotl(v[2], 32);
	}
}

static void sip64(const uint8_t key[16], const uint8_t *in, size_t len, uint8_t out[8])
{
	uint64_t k[2], v[4], m;

	memcpy(k, key, 16);
	v[0] = k[0] ^ 0x736f6d6570736575, v[1] = k[1] ^ 0x646f72616e646f6d;
	v[2] = k[0] ^ 0x6c7967656e657261, v[3] = k[1] ^ 0x7465646279746573;
	for (size_t i = 0; i <= len / 8; i++) {
		m = i == len / 8 ? (uint64_t)len << 56 : 0;
		memcpy(&m, in + 8 * i, i == len / 8 ? len % 8 : 8);
		v[3] ^= m;
		sip_rounds(v, 2);
		v[0] ^= m;
	}
	v[2] ^= 0xff;
	sip_rounds(v, 4);
	m = v[0] ^ v[1] ^ v[2] ^ v[3];
	memcpy(out, &m, 8);
}

/* The published vector (empty input, key 00 01 .. 0f), and ours against the reference. */
static void test_siphash(void **state)
{
	static const uint8_t want[8] = {0x31, 0x0e, 0x0e, 0xdd, 0x47, 0xdb, 0x6f, 0x72};
	uint8_t key[16], in[40], out[8];
	struct sg_key k;
	__u64 m[5], mine;

	(void)state;
	for (int i = 0; i < 16; i++)
		key[i] = (uint8_t)i;
	for (int i = 0; i < 40; i++)
		in[i] = (uint8_t)(i * 31);
	sip64(key, in, 0, out);
	assert_memory_equal(out, want, 8);
	memcpy(&k, key, 16);
	mine = sg_siphash(&k, m, 0);
	assert_memory_equal(&mine, want, 8);
	memcpy(m, in, 40);
	mine = sg_siphash(&k, m, 5);
	sip64(key, in, 40, out);
	assert_memory_equal(&mine, out, 8);
}

/* RFC 6528: ISS = M + F(4-tuple, secret), M a clock that ticks every 4 us. */
static uint32_t iss_expected(const struct rig *r, const struct spec *s, uint32_t when, uint32_t *ts)
{
	struct sg_tuple t = rig_tuple(s);
	uint8_t out[8], v4[16];
	uint32_t f;

	memcpy(v4, t.local.addr + 12, 4);
	memcpy(v4 + 4, t.peer.addr + 12, 4);
	memcpy(v4 + 8, &t.lport, 8);
	if (spec_v6(s))
		sip64((const uint8_t *)&r->f->keys.tuple.sip, (const uint8_t *)&t, sizeof(t), out);
	else
		sip64((const uint8_t *)&r->f->keys.tuple.sip, v4, sizeof(v4), out);
	memcpy(&f, out, 4);
	memcpy(ts, out + 4, 4);
	return f + when * 250;
}

static void check_addresses(const struct rig *r, const struct reply *a, const struct spec *s)
{
	struct frame in;
	size_t n = a->v6 ? 16 : 4, src = a->v6 ? 8 : 12;

	build(s, &in);
	assert_memory_equal(a->eth, s->src_mac, 6);
	assert_memory_equal(a->eth + 6, r->f->settings->mac, 6);
	assert_memory_equal(a->eth + 12, in.b + 12, in.l3 - 12); /* tags and ethertype */
	assert_memory_equal(a->ip + src, in.b + in.l3 + src + n, n);
	assert_memory_equal(a->ip + src + n, in.b + in.l3 + src, n);
	assert_int_equal(a->sport, s->dport);
	assert_int_equal(a->dport, s->sport);
}

static struct reply answered(struct rig *r, const struct spec *s)
{
	uint32_t t0 = rig_ms(), ts;
	struct sg_halfopen *e;
	struct reply a;

	rig_send(r, s, XDP_TX, SYNACK_SENT);
	a = rig_reply(r, s->tags);
	check_addresses(r, &a, s);
	e = rig_entry(r, s, NULL);
	assert_non_null(e);
	assert_true(e->when - (t0 - 20) <= 40); /* now, by a clock that lags by a tick */
	assert_int_equal(a.seq, iss_expected(r, s, e->when, &ts));
	assert_int_equal(a.ack, s->seq + 1);
	assert_int_equal(a.flags, SYN | ACK);
	assert_int_equal(a.window, RIG_WINDOW);
	assert_int_equal(a.data_len, 0);
	assert_int_equal(get16(a.tcp + 18), 0); /* urgent pointer */
	return a;
}

static void test_linux_syn(void **state)
{
	struct rig *r = *state;
	struct spec s = rig_syn(r);
	struct reply a = answered(r, &s);
	static const uint8_t fixed[] = {2, 4, 0x05, 0xb4, 4, 2, 8, 10};
	struct sg_halfopen *e = rig_entry(r, &s, NULL);
	uint32_t ts;

	assert_int_equal(a.opts_len, 20);
	assert_memory_equal(a.opts, fixed, sizeof(fixed));
	iss_expected(r, &s, 0, &ts);
	assert_int_equal(get32(a.opts + 8), e->when + ts);
	assert_int_equal(get32(a.opts + 12), RIG_TSVAL);
	assert_memory_equal(a.opts + 16, ((uint8_t[]){1, 3, 3, RIG_WSCALE}), 4);

	assert_int_equal(e->irs, s.seq);
	assert_int_equal(e->tsval, RIG_TSVAL);
	assert_int_equal(e->mss, 1460);
	assert_int_equal(e->opts, SG_OPT_TS | SG_OPT_SACK | 7);
	assert_int_equal(sg_synq_listener(e), 0);
	assert_memory_equal(e->mac, s.src_mac, 6);
	assert_int_equal(r->f->queue[0].halfopen, 1);
}

static void test_ip6_syn(void **state)
{
	struct rig *r = *state;
	struct spec s = rig_syn6(r);
	struct reply a = answered(r, &s);

	assert_true(a.v6);
	assert_int_equal(get32(a.ip), 0x60000000);
	assert_int_equal(a.opts_len, 20);
	assert_int_equal(get16(a.opts + 2), 1440);
}

/* Where the answer is longer, shorter and as long as the SYN; tags, options and headers. */
static void test_shapes(void **state)
{
	static const uint8_t all[] = {0, 43, 60, 51, 255}, many[] = {60, 60, 60, 60, 60, 60, 255};
	struct rig *r = *state;
	struct spec base = rig_syn(r), base6 = rig_syn6(r), s;

	for (int tags = 0; tags <= 2; tags++) {
		for (int i = 0; i < 12; i++) {
			s = i < 6 ? base : base6;
			s.tags = tags;
			s.tpid[0] = tags == 2 ? 0x88a8 : 0x8100;
			s.tci[0] = 0x6005;
			s.tci[1] = 0x0fff;
			s.sport = (uint16_t)(41000 + tags * 100 + i);
			switch (i % 6) {
			case 1:
				s.opts_len = 0;
				s.pad = 6;
				break;
			case 2:
				s.ip_options = i < 6 ? 40 : 0;
				s.ext = all;
				break;
			case 3:
				s.ip_options = i < 6 ? 4 : 0;
				s.ext = many;
				break;
			case 4:
				s.data = 1400;
				break;
			case 5:
				s.data = 1;
				s.atomic = true;
				break;
			}
			answered(r, &s);
		}
	}
	assert_int_equal(r->f->queue[0].halfopen, 36);
}

/* Two networks with the same addresses, told apart by their tag. */
static void test_vlan_is_in_the_key(void **state)
{
	struct rig *r = *state;
	struct spec s = rig_syn(r);

	answered(r, &s);
	s.tags = 1;
	s.tci[0] = 5;
	answered(r, &s);
	s.tci[0] = 6;
	answered(r, &s);
	assert_int_equal(r->f->queue[0].halfopen, 3);
	s.tci[0] = 0xe006; /* priority bits make no other network */
	rig_send(r, &s, XDP_TX, SYNACK_REPEATED);
}

struct offer {
	const char *name;
	const char *opts; /* what the SYN has */
	int opts_len;
	const char *want; /* what the SYN-ACK has, timestamps zeroed */
	int want_len;
	int mss; /* what we remember */
	int flags;
};

#define BYTES(x) x, sizeof(x) - 1

static const struct offer offers[] = {
	{"nothing", "", 0, BYTES("\2\4\5\xb4"), 536, SG_OPT_NO_WSCALE},
	{"MSS", BYTES("\2\4\3\xe8"), BYTES("\2\4\5\xb4"), 1000, SG_OPT_NO_WSCALE},
	{"MSS 0", BYTES("\2\4\0\0"), BYTES("\2\4\5\xb4"), 536, SG_OPT_NO_WSCALE},
	{"MSS 1", BYTES("\2\4\0\1"), BYTES("\2\4\5\xb4"), SG_MSS_MIN, SG_OPT_NO_WSCALE},
	{"MSS 65535", BYTES("\2\4\xff\xff"), BYTES("\2\4\5\xb4"), 65535, SG_OPT_NO_WSCALE},
	{"SACK", BYTES("\2\4\5\xb4\4\2\1\1"), BYTES("\2\4\5\xb4\1\1\4\2"), 1460,
	 SG_OPT_SACK | SG_OPT_NO_WSCALE},
	{"scale", BYTES("\1\3\3\x0e"), BYTES("\2\4\5\xb4\1\3\3\7"), 536, 14},
	{"scale 15 counts as 14", BYTES("\1\3\3\x0f"), BYTES("\2\4\5\xb4\1\3\3\7"), 536, 14},
	{"scale 0", BYTES("\3\3\0\0"), BYTES("\2\4\5\xb4\1\3\3\7"), 536, 0},
	{"SACK, scale", BYTES("\4\2\3\3\1\0\0\0"), BYTES("\2\4\5\xb4\1\1\4\2\1\3\3\7"), 536,
	 SG_OPT_SACK | 1},
	{"timestamps", BYTES("\1\1\x08\x0a\1\2\3\4\0\0\0\0"),
	 BYTES("\2\4\5\xb4\1\1\x08\x0a\0\0\0\0\0\0\0\0"), 536, SG_OPT_TS | SG_OPT_NO_WSCALE},
	{"timestamps, SACK, in an odd order",
	 BYTES("\x08\x0a\1\2\3\4\0\0\0\0\4\2\2\4\5\xb4\0\0\0\0"),
	 BYTES("\2\4\5\xb4\4\2\x08\x0a\0\0\0\0\0\0\0\0"), 1460,
	 SG_OPT_TS | SG_OPT_SACK | SG_OPT_NO_WSCALE},
	{"unknown ones are passed over",
	 BYTES("\x22\x0a"
	       "fastopen\2\4\2\x58\3\3\2\1\1\1"),
	 BYTES("\2\4\5\xb4\1\3\3\7"), 600, 2},
	{"wrong lengths are passed over", BYTES("\2\6\5\xb4\0\0\3\4\7\7\4\3\1\1\1\0"),
	 BYTES("\2\4\5\xb4"), 536, SG_OPT_NO_WSCALE},
	{"behind the end of options", BYTES("\0\1\4\2\2\4\5\xb4"), BYTES("\2\4\5\xb4"), 536,
	 SG_OPT_NO_WSCALE},
	{"40 bytes",
	 BYTES("\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\2\4\5\0"),
	 BYTES("\2\4\5\xb4"), 1280, SG_OPT_NO_WSCALE},
};

static void test_offers(void **state)
{
	struct rig *r = *state;
	struct spec s = rig_syn(r);

	for (size_t i = 0; i < SG_ARRAY_SIZE(offers); i++) {
		const struct offer *o = &offers[i];
		struct sg_halfopen *e;
		struct reply a;
		uint8_t got[40] = {0};

		s.sport = (uint16_t)(42000 + i);
		s.opts = (const uint8_t *)o->opts;
		s.opts_len = o->opts_len;
		a = answered(r, &s);
		memcpy(got, a.opts, a.opts_len);
		for (size_t j = 0; j + 10 <= a.opts_len; j++) {
			if (got[j] == 8 && got[j + 1] == 10) {
				assert_int_equal(get32(got + j + 6), RIG_TSVAL);
				memset(got + j + 2, 0, 8);
			}
		}
		e = rig_entry(r, &s, NULL);
		if ((int)a.opts_len != o->want_len || memcmp(got, o->want, (size_t)o->want_len))
			fail_msg("%s: other options than expected", o->name);
		if (e->mss != o->mss || e->opts != o->flags)
			fail_msg("%s: MSS %d, opts 0x%x", o->name, e->mss, e->opts);
		assert_int_equal(e->tsval, e->opts & SG_OPT_TS ? RIG_TSVAL : 0);
	}
}

static void test_mss_default_ip6(void **state)
{
	struct rig *r = *state;
	struct spec s = rig_syn6(r);

	s.opts_len = 0;
	answered(r, &s);
	assert_int_equal(rig_entry(r, &s, NULL)->mss, 1220);
}

/* What a knob forbids is not echoed, whatever was offered. */
static void test_knobs(void **state)
{
	struct rig *r = *state;
	struct spec s = rig_syn(r);
	struct reply a;

	r->f->settings->tcp_timestamps = 0;
	a = answered(r, &s);
	assert_int_equal(a.opts_len, 12);
	assert_int_equal(rig_entry(r, &s, NULL)->tsval, 0);
	r->f->settings->tcp_sack = 0;
	s.sport++;
	assert_int_equal(answered(r, &s).opts_len, 8);
	r->f->settings->tcp_window_scaling = 0;
	s.sport++;
	assert_int_equal(answered(r, &s).opts_len, 4);
}

/* RFC 3168 6.1.1: who asks with both flags is answered with one, and again with the next. */
static void test_ecn(void **state)
{
	static const struct {
		uint8_t asks;
		uint32_t knob;
		uint8_t answer;
	} row[] = {{SG_ECE | SG_CWR, 2, SG_ECE}, {SG_ECE | SG_CWR, 1, SG_ECE},
		   {SG_ECE | SG_CWR, 0, 0},	 {SG_ECE, 2, 0},
		   {SG_CWR, 2, 0},		 {0, 2, 0}};
	struct rig *r = *state;
	struct spec s = rig_syn(r);

	for (size_t i = 0; i < SG_ARRAY_SIZE(row); i++, s.sport++) {
		r->f->settings->tcp_ecn = row[i].knob;
		s.flags = SG_SYN | row[i].asks;
		rig_send(r, &s, XDP_TX, SYNACK_SENT);
		assert_int_equal(rig_reply(r, 0).flags, SG_SYN | SG_ACK | row[i].answer);
		assert_int_equal(!!(rig_entry(r, &s, NULL)->opts & SG_OPT_ECN), !!row[i].answer);
		rig_send(r, &s, XDP_TX, SYNACK_REPEATED);
		assert_int_equal(rig_reply(r, 0).flags, SG_SYN | SG_ACK | row[i].answer);
	}
}

/* The same SYN again: the same answer but for the clock, and no second entry. */
static void test_repeated(void **state)
{
	struct rig *r = *state;
	struct spec s = rig_syn(r);
	struct reply a = answered(r, &s), b;
	struct sg_halfopen *e;
	__u64 w0, w1;
	uint8_t first[40];
	uint32_t seq = a.seq;

	memcpy(first, a.opts, 20);
	e = rig_entry(r, &s, &w0);
	rig_send(r, &s, XDP_TX, SYNACK_REPEATED); /* the first time, at once */
	rig_send(r, &s, XDP_DROP, SYN_LIMITED);	  /* then at most every 500 ms */
	sg_synq_answered(e, rig_ms() - 600);
	e->when -= 1000;
	rig_send(r, &s, XDP_TX, SYNACK_REPEATED);
	b = rig_reply(r, 0);
	check_addresses(r, &b, &s);
	assert_int_equal(b.seq, seq - 250000);
	assert_int_equal(b.ack, s.seq + 1);
	assert_int_equal(b.window, RIG_WINDOW);
	assert_int_equal(b.opts_len, 20);
	assert_memory_equal(b.opts, first, 8);
	assert_true(get32(b.opts + 8) - get32(first + 8) < 60000);
	assert_memory_equal(b.opts + 12, first + 12, 8);
	assert_ptr_equal(rig_entry(r, &s, &w1), e);
	assert_int_equal(r->f->queue[0].halfopen, 1);
	assert_int_equal(sg_slot_gen(w0), sg_slot_gen(w1));
	rig_send(r, &s, XDP_DROP, SYN_LIMITED);
}

/* The timer starts anew with each answer, as long as it was for that many retries. */
static void test_repeated_rearms(void **state)
{
	struct rig *r = *state;
	struct spec s = rig_syn(r);
	struct sg_halfopen *e;
	__u64 w;
	int left;

	answered(r, &s);
	e = rig_entry(r, &s, &w);
	left = (__s16)(sg_slot_info(w) - (__u16)(rig_ms() >> SG_DUE_SHIFT)) * 8;
	assert_in_range(left, 900, 1016);
	*rig_slot(r, e) = w | 3ull << SG_SLOT_RETRIES_SHIFT;
	rig_send(r, &s, XDP_TX, SYNACK_REPEATED);
	rig_entry(r, &s, &w);
	left = (__s16)(sg_slot_info(w) - (__u16)(rig_ms() >> SG_DUE_SHIFT)) * 8;
	assert_in_range(left, 7900, 8016);
}

/* On another RX queue it is the same connection. */
static void test_other_queue(void **state)
{
	struct rig *r = *state;
	struct spec s = rig_syn(r);
	uint32_t seq = answered(r, &s).seq;

	rig_run_on(r, &s, 1);
	rig_expect(r, "queue 1", XDP_TX, SG_V_SYNACK_REPEATED);
	assert_int_equal(rig_reply(r, 0).seq, seq);
}

static void test_iss_moves(void **state)
{
	struct rig *r = *state;
	struct spec s = rig_syn(r);
	uint32_t a = answered(r, &s).seq, b;

	s.sport++;
	b = answered(r, &s).seq;
	assert_true((b - a) + 1000000 > 2000000); /* another tuple: nowhere near (1 in 2,000) */
}

/* All of a SYN's data is in the sum, in a jumbo frame of several buffers too. */
static void test_data_is_summed(void **state)
{
	static const int lengths[] = {1, 2, 63, 64, 65, 1399, 3000, 8900};
	struct rig *r = *state;
	struct spec s = rig_syn(r);
	struct frame f;

	for (size_t i = 0; i < SG_ARRAY_SIZE(lengths); i++) {
		s.data = lengths[i];
		s.sport++;
		for (int at = 0; at < s.data; at += s.data / 29 + 1) {
			build(&s, &f);
			f.b[f.l4 + 40 + (size_t)at] ^= 0x40;
			rig_run_bytes(r, f.b, f.len, 0);
			rig_expect(r, "one bit", XDP_DROP, SG_V_BAD_CHECKSUM);
		}
		answered(r, &s);
	}
}

int main(void)
{
#define T(x) cmocka_unit_test_setup_teardown(x, rig_setup, rig_teardown)
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_siphash),
		T(test_linux_syn),
		T(test_ip6_syn),
		T(test_shapes),
		T(test_vlan_is_in_the_key),
		T(test_offers),
		T(test_mss_default_ip6),
		T(test_knobs),
		T(test_ecn),
		T(test_repeated),
		T(test_repeated_rearms),
		T(test_other_queue),
		T(test_iss_moves),
		T(test_data_is_summed),
	};

	rig_namespace();
	return cmocka_run_group_tests_name("synack", tests, NULL, NULL);
}
