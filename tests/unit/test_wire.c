/* SPDX-License-Identifier: BSD-2-Clause */
/* Frames that are written: right by sums of the test's own, and read back as what they were. */
#include "raw.h"

/* The headers of a frame of ours, with sums of this file's own. Returns where TCP begins. */
static __u32 encoded(const __u8 *p, __u32 len, const struct seg *s)
{
	__u32 ip = 14, tcp;

	assert_memory_equal(p, s->mac, 6);
	assert_memory_equal(p + 6, own_mac, 6);
	for (int i = 0; i < 2 && s->tuple.vlan[i]; i++) {
		assert_int_equal(sg_get16(p + ip - 2),
				 s->tuple.vlan[i] & SG_VLAN_8021AD ? 0x88a8 : 0x8100);
		assert_int_equal(sg_get16(p + ip), s->tuple.vlan[i] & SG_VLAN_VID);
		ip += 4;
	}
	if (sg_get16(p + ip - 2) == 0x0800) {
		tcp = ip + 20;
		assert_int_equal(p[ip], 0x45);
		assert_int_equal(sg_get16(p + ip + 2), len - ip);
		assert_int_equal(sg_get16(p + ip + 6), 0x4000);
		assert_int_equal(p[ip + 1], s->tos | s->ecn);
		assert_int_equal(p[ip + 8], s->ttl);
		assert_int_equal(p[ip + 9], 6);
		assert_int_equal(plain_sum(0, p + ip, 20), 0xffff);
		assert_memory_equal(p + ip + 12, s->tuple.local.addr + 12, 4);
		assert_memory_equal(p + ip + 16, s->tuple.peer.addr + 12, 4);
	} else {
		tcp = ip + 40;
		assert_int_equal(sg_get16(p + ip - 2), 0x86dd);
		assert_int_equal(sg_get32(p + ip), 6u << 28 | (__u32)(s->tos | s->ecn) << 20);
		assert_int_equal(p[ip + 7], s->ttl);
		assert_int_equal(sg_get16(p + ip + 4), len - tcp);
		assert_int_equal(p[ip + 6], 6);
		assert_memory_equal(p + ip + 8, s->tuple.local.addr, 16);
		assert_memory_equal(p + ip + 24, s->tuple.peer.addr, 16);
	}
	assert_int_equal(raw_tcp_sum(p + ip, p + tcp, len - tcp), 0);
	assert_int_equal(p[tcp + 12] & 15, 0); /* reserved */
	return tcp;
}

/* Any segment that the engine may send. `text` is what it carries. */
static void random_seg(struct dice *d, struct seg *s, const __u8 *text, __u32 len)
{
	memset(s, 0, sizeof(*s));
	dice_fill(d, &s->tuple, sizeof(s->tuple));
	s->tuple.vlan[0] = s->tuple.vlan[1] = 0;
	for (__u32 i = 0, n = dice_below(d, 3); i < n; i++)
		s->tuple.vlan[i] =
			(__u16)((dice_roll(d) & (SG_VLAN_VID | SG_VLAN_8021AD)) | SG_VLAN_PRESENT);
	if (dice_below(d, 2)) {
		sg_addr_from4(&s->tuple.local, s->tuple.local.addr);
		sg_addr_from4(&s->tuple.peer, s->tuple.peer.addr);
	}
	memcpy(s->mac, peer_mac, 6);
	s->seq = sg_seq_of(dice_roll(d));
	s->ack = sg_seq_of(dice_roll(d));
	s->wnd = (__u16)dice_roll(d);
	s->urg = (__u16)dice_roll(d);
	s->flags = (__u8)dice_roll(d) & (__u8)~SG_SYN;
	s->ecn = (__u8)dice_below(d, 4);
	s->tos = (__u8)dice_roll(d) & 0xfc;
	s->ttl = (__u8)(1 + dice_below(d, 255));
	s->opt.wscale = SG_WSCALE_NONE;
	s->opt.has_ts = (__u8)dice_below(d, 2);
	if (s->opt.has_ts) {
		s->opt.tsval = dice_roll(d);
		s->opt.tsecr = dice_roll(d);
	}
	s->opt.nsack = (__u8)dice_below(d, s->opt.has_ts ? 4 : 5);
	for (int i = 0; i < s->opt.nsack; i++) {
		s->sack[i].left = sg_seq_of(dice_roll(d));
		s->sack[i].right = sg_seq_of(dice_roll(d));
	}
	s->len = dice_below(d, len + 1);
	s->data[0] = text;
	s->data_len[0] = dice_below(d, s->len + 1); /* odd ones too */
	s->data[1] = text + s->data_len[0];
	s->data_len[1] = s->len - s->data_len[0];
}

static void test_what_is_written_is_read(void **state)
{
	__u8 text[1460], frame[WIRE_HEADROOM + 1460];
	struct dice d = {12};
	struct seg s, back;

	(void)state;
	dice_fill(&d, text, sizeof(text));
	for (int i = 0; i < 3000; i++) {
		int len;

		random_seg(&d, &s, text, sizeof(text));
		len = wire_encode(frame, sizeof(frame), own_mac, &s);
		assert_true(len > 0);
		encoded(frame, (__u32)len, &s);
		assert_int_equal(decode(frame, (__u32)len, true, &back), 0);
		assert_true(sg_addr_eq(&back.tuple.peer, &s.tuple.local));
		assert_true(sg_addr_eq(&back.tuple.local, &s.tuple.peer));
		assert_int_equal(back.tuple.pport, s.tuple.lport);
		assert_int_equal(back.tuple.lport, s.tuple.pport);
		assert_memory_equal(back.tuple.vlan, s.tuple.vlan, sizeof(s.tuple.vlan));
		assert_memory_equal(back.mac, own_mac, 6);
		assert_int_equal(back.seq.v, s.seq.v);
		assert_int_equal(back.ack.v, s.ack.v);
		assert_int_equal(back.wnd, s.wnd);
		assert_int_equal(back.urg, s.urg);
		assert_int_equal(back.flags, s.flags);
		assert_int_equal(back.ecn, s.ecn);
		s.opt.sack_off = back.opt.sack_off;
		assert_memory_equal(&back.opt, &s.opt, sizeof(s.opt));
		assert_memory_equal(back.sack, s.sack, s.opt.nsack * sizeof(s.sack[0]));
		assert_int_equal(back.len, s.len);
		assert_memory_equal(back.data[0], text, s.len);
	}
}

static void test_options_of_a_syn(void **state)
{
	static const __u8 wscales[] = {SG_WSCALE_NONE, 0, 14};
	__u8 frame[WIRE_HEADROOM];
	struct dice d = {13};
	struct seg s, back;

	(void)state;
	for (unsigned i = 0; i < 24; i++) {
		int len;

		random_seg(&d, &s, NULL, 0);
		s.flags = i % 2 ? SG_SYN | SG_ACK : SG_SYN;
		s.opt = (struct sg_tcpopts){.mss = 1440,
					    .wscale = wscales[i / 8],
					    .sack_ok = i >> 1 & 1,
					    .has_ts = i >> 2 & 1};
		if (s.opt.has_ts) {
			s.opt.tsval = 1;
			s.opt.tsecr = 0x80000000;
		}
		len = wire_encode(frame, sizeof(frame), own_mac, &s);
		assert_true(len > 0);
		encoded(frame, (__u32)len, &s);
		assert_int_equal(decode(frame, (__u32)len, true, &back), 0);
		assert_memory_equal(&back.opt, &s.opt, sizeof(s.opt));
	}
}

/* Forty bytes is all there is: with timestamps there is room for three blocks (RFC 2018 3). */
static void test_more_sack_blocks_than_fit(void **state)
{
	__u8 frame[WIRE_HEADROOM];
	struct dice d = {14};
	struct seg s, back;
	int len;

	(void)state;
	for (__u8 n = 3; n < 8; n++)
		for (__u8 ts = 0; ts < 2; ts++) {
			random_seg(&d, &s, NULL, 0);
			s.opt.has_ts = ts;
			s.opt.nsack = n;
			len = wire_encode(frame, sizeof(frame), own_mac, &s);
			assert_true(len > 0);
			assert_int_equal(decode(frame, (__u32)len, true, &back), 0);
			assert_int_equal(back.opt.has_ts, ts);
			assert_int_equal(back.opt.nsack, ts || n == 3 ? 3 : 4);
		}
}

static void test_room_is_looked_at(void **state)
{
	static __u8 text[70000];
	__u8 *frame = malloc(WIRE_HEADROOM + sizeof(text));
	struct dice d = {15};
	struct seg s;

	(void)state;
	assert_non_null(frame);
	random_seg(&d, &s, text, 0);
	s.len = s.data_len[0] = 100;
	s.data_len[1] = 0;
	assert_int_equal(wire_encode(frame, 0, own_mac, &s), -EMSGSIZE);
	assert_int_equal(wire_encode(frame, 154, own_mac, &s), -EMSGSIZE);
	assert_true(wire_encode(frame, WIRE_HEADROOM + 100, own_mac, &s) > 0);
	for (__u32 len = 65400; len < 65600; len++) { /* IP can say no more than 65535 */
		int n;

		s.len = s.data_len[0] = len;
		n = wire_encode(frame, WIRE_HEADROOM + sizeof(text), own_mac, &s);
		assert_true(len > 65435 ? n <= 65535 + 14 + 8 + 40 : n > (int)len);
		if (n != -EMSGSIZE)
			encoded(frame, (__u32)n, &s); /* whose length field says it all */
	}
	for (__u32 len = 65516; len; len <<= 1) {
		s.len = len;
		assert_int_equal(wire_encode(frame, 0xffffffff, own_mac, &s), -EMSGSIZE);
	}
	free(frame);
}

/* Nothing of what a frame held before shows through. */
static void test_no_stale_bytes(void **state)
{
	__u8 a[WIRE_HEADROOM + 64], b[WIRE_HEADROOM + 64], text[64] = {1, 2, 3};
	struct dice d = {16};
	struct seg s;

	(void)state;
	for (int i = 0; i < 1000; i++) {
		int len;

		random_seg(&d, &s, text, sizeof(text));
		if (i % 4 == 0)
			s.flags |= SG_SYN;
		memset(a, 0x00, sizeof(a));
		memset(b, 0xff, sizeof(b));
		len = wire_encode(a, sizeof(a), own_mac, &s);
		assert_true(len > 0);
		assert_int_equal(wire_encode(b, sizeof(b), own_mac, &s), len);
		assert_memory_equal(a, b, (size_t)len);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_is_written_is_read),
		cmocka_unit_test(test_options_of_a_syn),
		cmocka_unit_test(test_more_sack_blocks_than_fit),
		cmocka_unit_test(test_room_is_looked_at),
		cmocka_unit_test(test_no_stale_bytes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
