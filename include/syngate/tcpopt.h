/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * TCP options: one reader and one writer for the driver and for userspace.
 *
 * The reader takes one step a call and always advances or stops, so that the driver can
 * run it under bpf_loop() and userspace in a plain loop. It reads a copy of the options
 * in a 64-byte buffer, with masked indices.
 */
#ifndef SYNGATE_TCPOPT_H
#define SYNGATE_TCPOPT_H

#include "base.h"

#define SG_OPT_MAX 40 /* bytes of options at most, RFC 9293 3.1 */
#define SG_OPT_BUF 64

enum sg_opt_kind { /* RFC 9293 3.2, 7323, 2018 */
	SG_OPT_KIND_EOL = 0,
	SG_OPT_KIND_NOP = 1,
	SG_OPT_KIND_MSS = 2,
	SG_OPT_KIND_WSCALE = 3,
	SG_OPT_KIND_SACK_OK = 4,
	SG_OPT_KIND_SACK = 5,
	SG_OPT_KIND_TS = 8,
};

#define SG_WSCALE_NONE 0xff
#define SG_WSCALE_MAX 14 /* RFC 7323 2.3 */

struct sg_tcpopts {
	__u32 tsval, tsecr;
	__u16 mss;     /* 0: not there */
	__u8 wscale;   /* SG_WSCALE_NONE: not there; never above SG_WSCALE_MAX */
	__u8 sack_ok;
	__u8 has_ts;
	__u8 sack_off; /* where the SACK blocks begin among the options */
	__u8 nsack;    /* how many; 0: not there */
	__u8 zero;
};

enum sg_opt_step { SG_OPT_MORE, SG_OPT_END, SG_OPT_BAD };

struct sg_opt_reader {
	struct sg_tcpopts o;
	__u32 off;
	__u32 len; /* bytes of options, 0..40 */
	__u32 status; /* enum sg_opt_step */
	__u8 buf[SG_OPT_BUF];
};

SG_INLINE void sg_opt_begin(struct sg_opt_reader *r, __u32 len)
{
	sg_memset(&r->o, 0, sizeof(r->o));
	r->o.wscale = SG_WSCALE_NONE;
	r->off = 0;
	r->len = len;
	r->status = SG_OPT_MORE;
}

SG_INLINE enum sg_opt_step sg_opt_stop(struct sg_opt_reader *r, enum sg_opt_step how)
{
	r->status = how;
	return how;
}

/* One option. A well-formed option of unknown kind or odd length is passed over, as Linux does. */
SG_INLINE enum sg_opt_step sg_opt_step(struct sg_opt_reader *r)
{
	__u32 off = r->off;
	__u32 kind, len;

	if (off >= r->len || off >= SG_OPT_MAX)
		return sg_opt_stop(r, SG_OPT_END);
	kind = r->buf[off & (SG_OPT_BUF - 1)];
	if (kind == SG_OPT_KIND_EOL)
		return sg_opt_stop(r, SG_OPT_END);
	if (kind == SG_OPT_KIND_NOP) {
		r->off = off + 1;
		return SG_OPT_MORE;
	}
	if (off + 1 >= r->len)
		return sg_opt_stop(r, SG_OPT_BAD); /* a kind byte and no length byte */
	len = r->buf[(off + 1) & (SG_OPT_BUF - 1)];
	if (len < 2 || off + len > r->len)
		return sg_opt_stop(r, SG_OPT_BAD);
	if (kind == SG_OPT_KIND_MSS && len == 4) {
		r->o.mss = (__u16)(r->buf[(off + 2) & (SG_OPT_BUF - 1)] << 8 |
				   r->buf[(off + 3) & (SG_OPT_BUF - 1)]);
	} else if (kind == SG_OPT_KIND_WSCALE && len == 3) {
		__u8 w = r->buf[(off + 2) & (SG_OPT_BUF - 1)];

		r->o.wscale = w > SG_WSCALE_MAX ? SG_WSCALE_MAX : w;
	} else if (kind == SG_OPT_KIND_SACK_OK && len == 2) {
		r->o.sack_ok = 1;
	} else if (kind == SG_OPT_KIND_TS && len == 10) {
		__u32 v = 0, e = 0;

SG_UNROLL
		for (int i = 0; i < 4; i++) {
			v = v << 8 | r->buf[(off + 2 + i) & (SG_OPT_BUF - 1)];
			e = e << 8 | r->buf[(off + 6 + i) & (SG_OPT_BUF - 1)];
		}
		r->o.tsval = v;
		r->o.tsecr = e;
		r->o.has_ts = 1;
	} else if (kind == SG_OPT_KIND_SACK && len >= 10 && (len - 2) % 8 == 0) {
		r->o.sack_off = (__u8)(off + 2);
		r->o.nsack = (__u8)((len - 2) / 8);
	}
	r->off = off + len;
	return SG_OPT_MORE;
}

#ifndef __bpf__
/* All of them. Returns 0, or -1 when malformed. `len` over 40 is malformed. */
SG_INLINE int sg_opt_read(struct sg_opt_reader *r, const void *opts, __u32 len)
{
	if (len > SG_OPT_MAX)
		return -1;
	sg_opt_begin(r, len);
	memcpy(r->buf, opts, len);
	while (sg_opt_step(r) == SG_OPT_MORE)
		;
	return r->status == SG_OPT_BAD ? -1 : 0;
}
#endif

/*
 * Options of a SYN or SYN-ACK, in Linux's order: MSS; SACK-permitted and timestamps;
 * window scale. `out` has room for 20 bytes. Returns the length, a multiple of 4.
 */
SG_INLINE __u32 sg_opt_write_syn(__u8 out[20], const struct sg_tcpopts *o)
{
	__u32 n = 4;

	sg_put32(out, SG_OPT_KIND_MSS << 24 | 4 << 16 | o->mss);
	if (o->has_ts) {
		sg_put32(out + 4, (o->sack_ok ? SG_OPT_KIND_SACK_OK << 24 | 2 << 16
					      : SG_OPT_KIND_NOP << 24 | SG_OPT_KIND_NOP << 16) |
					  SG_OPT_KIND_TS << 8 | 10);
		sg_put32(out + 8, o->tsval);
		sg_put32(out + 12, o->tsecr);
		n = 16;
	} else if (o->sack_ok) {
		sg_put32(out + 4, SG_OPT_KIND_NOP << 24 | SG_OPT_KIND_NOP << 16 |
					  SG_OPT_KIND_SACK_OK << 8 | 2);
		n = 8;
	}
	if (o->wscale == SG_WSCALE_NONE)
		return n;
	sg_put32(out + (n & 31), SG_OPT_KIND_NOP << 24 | SG_OPT_KIND_WSCALE << 16 | 3 << 8 | o->wscale);
	return n + 4;
}

/* Timestamps of any other segment, as RFC 7323 appendix A lays them out. Returns 12. */
SG_INLINE __u32 sg_opt_write_ts(__u8 *out, __u32 tsval, __u32 tsecr)
{
	sg_put32(out, SG_OPT_KIND_NOP << 24 | SG_OPT_KIND_NOP << 16 | SG_OPT_KIND_TS << 8 | 10);
	sg_put32(out + 4, tsval);
	sg_put32(out + 8, tsecr);
	return 12;
}

#endif
