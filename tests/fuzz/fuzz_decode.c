/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Frames and packets into segments: nothing is read beyond the end, what comes out lies inside
 * what went in, and written again it means the same.
 */
#include "fuzz.h"

#include "wire/wire.h"

static void inside(const struct seg *s, const uint8_t *p, size_t len)
{
	CHECK(s->len == s->data_len[0] && s->data_len[1] == 0 && !s->handshake);
	CHECK(s->data[0] >= p && s->data[0] + s->len <= p + len);
	CHECK(s->opt.nsack <= SEG_SACK_MAX);
	CHECK(s->opt.wscale <= SG_WSCALE_MAX || s->opt.wscale == SG_WSCALE_NONE);
}

static void same(const struct seg *a, const struct seg *b)
{
	CHECK(sg_tuple_eq(&a->tuple, &b->tuple));
	CHECK(a->seq.v == b->seq.v && a->ack.v == b->ack.v && a->len == b->len);
	CHECK(a->wnd == b->wnd && a->urg == b->urg && a->flags == b->flags && a->ecn == b->ecn);
	CHECK(memcmp(a->data[0], b->data[0], a->len) == 0);
	if (a->flags & SG_SYN)
		CHECK(b->opt.mss == a->opt.mss && b->opt.wscale == a->opt.wscale &&
		      b->opt.sack_ok == a->opt.sack_ok);
	CHECK(b->opt.has_ts == a->opt.has_ts);
	if (a->opt.has_ts)
		CHECK(b->opt.tsval == a->opt.tsval && b->opt.tsecr == a->opt.tsecr);
	for (int i = 0; i < b->opt.nsack; i++)
		CHECK(a->sack[i].left.v == b->sack[i].left.v &&
		      a->sack[i].right.v == b->sack[i].right.v);
}

/* From us to the peer becomes from the peer to us. */
static void turn(struct seg *s)
{
	struct sg_addr a = s->tuple.local;
	__u16 port = s->tuple.lport;

	s->tuple.local = s->tuple.peer;
	s->tuple.peer = a;
	s->tuple.lport = s->tuple.pport;
	s->tuple.pport = port;
}

static void write_again(struct seg *s, bool frame)
{
	static const __u8 own[6] = {2, 2, 2, 2, 2, 2};
	static uint8_t out[70000];
	struct seg back;
	int len;

	turn(s);
	len = frame ? wire_encode(out, sizeof(out), own, s) : wire_encode_ip(out, sizeof(out), s);
	turn(s);
	if (len < 0) /* extension headers left no room for the same again */
		return;
	CHECK((frame ? wire_decode(out, (__u32)len, true, &back) :
		       wire_decode_ip(out, (__u32)len, true, &back)) == 0);
	same(s, &back);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t *copy;
	bool verify;
	struct seg s;

	if (size < 1 || size > 65536)
		return 0;
	verify = data[0] & 1;
	copy = malloc(size);
	memcpy(copy, data + 1, size - 1);
	if (data[0] & 2) {
		if (wire_decode(copy, (__u32)size - 1, verify, &s) == 0) {
			inside(&s, copy, size - 1);
			write_again(&s, true);
		}
	} else if (wire_decode_ip(copy, (__u32)size - 1, verify, &s) == 0) {
		inside(&s, copy, size - 1);
		write_again(&s, false);
	}
	free(copy);
	return 0;
}
