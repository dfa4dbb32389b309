/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * TCP options: our reader beside one written from RFC 9293 3.2, 7323, 2018 and nothing else, and
 * what our writer makes, read again.
 */
#include "fuzz.h"

#include "syngate/tcpopt.h"

struct plain {
	int bad, has_mss, has_ws, has_sack_ok, has_ts, nsack;
	unsigned mss, ws, sack_at;
	uint32_t tsval, tsecr;
};

static uint32_t number(const uint8_t *p, int n)
{
	uint32_t v = 0;

	while (n-- > 0)
		v = v << 8 | *p++;
	return v;
}

static void plain_read(struct plain *o, const uint8_t *p, size_t len)
{
	memset(o, 0, sizeof(*o));
	o->bad = len > 40;
	for (size_t i = 0; !o->bad && i < len && p[i] != 0; i += p[i] == 1 ? 1 : p[i + 1]) {
		if (p[i] == 1)
			continue;
		if (i + 1 >= len || p[i + 1] < 2 || i + p[i + 1] > len) {
			o->bad = 1;
			return;
		}
		if (p[i] == 2 && p[i + 1] == 4) {
			o->has_mss = 1;
			o->mss = number(p + i + 2, 2);
		} else if (p[i] == 3 && p[i + 1] == 3) {
			o->has_ws = 1;
			o->ws = p[i + 2] > 14 ? 14 : p[i + 2];
		} else if (p[i] == 4 && p[i + 1] == 2) {
			o->has_sack_ok = 1;
		} else if (p[i] == 8 && p[i + 1] == 10) {
			o->has_ts = 1;
			o->tsval = number(p + i + 2, 4);
			o->tsecr = number(p + i + 6, 4);
		} else if (p[i] == 5 && p[i + 1] >= 10 && (p[i + 1] - 2) % 8 == 0) {
			o->nsack = (p[i + 1] - 2) / 8;
			o->sack_at = (unsigned)i + 2;
		}
	}
}

static void compare(const uint8_t *p, size_t len)
{
	struct sg_opt_reader r;
	struct plain o;
	int rc = sg_opt_read(&r, p, (__u32)len);

	plain_read(&o, p, len);
	CHECK(!rc == !o.bad, "len %zu", len);
	if (rc)
		return;
	CHECK(r.o.mss == (o.has_mss ? o.mss : 0));
	CHECK(r.o.wscale == (o.has_ws ? o.ws : SG_WSCALE_NONE));
	CHECK(r.o.sack_ok == o.has_sack_ok);
	CHECK(r.o.has_ts == o.has_ts);
	if (o.has_ts)
		CHECK(r.o.tsval == o.tsval && r.o.tsecr == o.tsecr);
	CHECK(r.o.nsack == o.nsack);
	if (o.nsack)
		CHECK(r.o.sack_off == o.sack_at && r.o.sack_off + 8u * r.o.nsack <= len);
}

static void round_trip(const uint8_t *p, size_t len)
{
	struct sg_tcpopts o = {0};
	struct sg_opt_reader r;
	uint8_t out[20];
	__u32 n;

	if (len < 12)
		return;
	o.mss = (__u16)number(p, 2);
	o.sack_ok = p[2] & 1;
	o.has_ts = p[2] >> 1 & 1;
	o.wscale = p[2] & 4 ? p[3] % 15 : SG_WSCALE_NONE;
	o.tsval = o.has_ts ? number(p + 4, 4) : 0;
	o.tsecr = o.has_ts ? number(p + 8, 4) : 0;
	n = sg_opt_write_syn(out, &o);
	CHECK(n % 4 == 0 && n <= 20);
	CHECK(sg_opt_read(&r, out, n) == 0);
	CHECK(memcmp(&r.o, &o, sizeof(o)) == 0, "%u bytes", n);
	n = sg_opt_write_ts(out, o.tsval, o.tsecr);
	CHECK(n == 12 && sg_opt_read(&r, out, n) == 0);
	CHECK(r.o.has_ts && r.o.tsval == o.tsval && r.o.tsecr == o.tsecr);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t *copy = malloc(size ? size : 1); /* its end is watched */

	memcpy(copy, data, size);
	compare(copy, size);
	round_trip(copy, size);
	free(copy);
	return 0;
}
