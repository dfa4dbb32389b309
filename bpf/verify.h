/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What a segment must be before the driver admits it or answers it: whole, with right checksums. */
#ifndef BPF_VERIFY_H
#define BPF_VERIFY_H

#include "parse.h"
#include "syngate/csum.h"
#include "syngate/tcpopt.h"

#define VERIFY_PIECE 64 /* bytes of data summed up in one step */

/* Is the whole packet there, and is the IPv4 header's checksum right? */
SG_INLINE int verify_ip(struct xdp_md *ctx, const struct packet *p)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	__u8 *ip = data + (p->l3_off & 31), *w = ip + 20;
	__u32 head = (__u32)p->l4_off - p->l3_off;
	__u64 sum;

	if ((__u64)p->l4_off + p->l4_len > (__u64)(end - data) &&
	    (__u64)p->l4_off + p->l4_len > bpf_xdp_get_buff_len(ctx))
		return 0;
	if (p->v6)
		return 1;
	if ((void *)(ip + 20) > end)
		return 0;
	sum = sg_csum_words(0, ip, 5);
	if (head == 20)
		return sg_csum_fold(sum) == 0;
	for (int i = 0; i < 10; i++, w += 4) {
		if (20 + 4 * (__u32)i >= head)
			break;
		if ((void *)(w + 4) > end)
			return 0;
		sum = sg_csum_words(sum, w, 1);
	}
	return sg_csum_fold(sum) == 0;
}

/* Copy the options into `r`, padded with zero. Those that Linux sends are copied on the spot. */
SG_INLINE int verify_load_options(struct xdp_md *ctx, const struct packet *p,
				  struct sg_opt_reader *r)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	void *opt = data + (p->l4_off & PARSE_MAX_L4_OFF) + sizeof(struct tcphdr);
	__u32 len = p->hdr_len - sizeof(struct tcphdr);

	sg_memset(r->buf, 0, sizeof(r->buf));
	sg_opt_begin(r, len);
	if (len == 0)
		return 0;
	if (len == 20 && opt + 20 <= end) {
		sg_memcpy(r->buf, opt, 20);
		return 0;
	}
	if (len == 12 && opt + 12 <= end) {
		sg_memcpy(r->buf, opt, 12);
		return 0;
	}
	__asm__ volatile("" : "+r"(len)); /* the verifier wants both bounds of one register */
	if (len == 0 || len > SG_OPT_MAX)
		return -1;
	return bpf_xdp_load_bytes(ctx, p->l4_off + sizeof(struct tcphdr), r->buf, len);
}

struct verify_data {
	struct xdp_md *ctx;
	__u32 off, len;
	__u64 sum;
	__u8 buf[VERIFY_PIECE];
};

static long verify_piece(__u32 i, void *arg)
{
	struct verify_data *d = arg;
	__u32 n = d->len;

	(void)i;
	if (n == 0)
		return 1;
	if (n > VERIFY_PIECE)
		n = VERIFY_PIECE;
	else
		sg_memset(d->buf, 0, sizeof(d->buf));
	if (bpf_xdp_load_bytes(d->ctx, d->off, d->buf, n))
		return 1;
	d->sum = sg_csum_words(d->sum, d->buf, VERIFY_PIECE / 4);
	d->off += n;
	d->len -= n;
	return 0;
}

/* Add up the data. Returns 0, or -1 when not all of it can be read. */
STAGE int verify_add_data(struct xdp_md *ctx, __u32 off, __u32 len, __u64 *sum)
{
	struct verify_data d = {.ctx = ctx, .off = off, .len = len};

	if (!sum)
		return -1;
	bpf_loop(65536 / VERIFY_PIECE, verify_piece, &d, 0);
	*sum += d.sum;
	return d.len ? -1 : 0;
}

/* The TCP checksum over pseudo header, header, options (in `r`) and data. */
SG_INLINE int verify_tcp_sum(struct xdp_md *ctx, const struct packet *p,
			     const struct sg_opt_reader *r)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	void *tcp = data + (p->l4_off & PARSE_MAX_L4_OFF);
	__u64 sum;

	if (tcp + sizeof(struct tcphdr) > end)
		return 0;
	sum = sg_csum_pseudo(&p->tuple.local, &p->tuple.peer, p->l4_len, IPPROTO_TCP);
	sum = sg_csum_words(sum, tcp, 5);
	sum = sg_csum_words(sum, r->buf, SG_OPT_MAX / 4);
	if (p->l4_len > p->hdr_len &&
	    verify_add_data(ctx, p->l4_off + p->hdr_len, p->l4_len - p->hdr_len, &sum))
		return 0;
	return sg_csum_fold(sum) == 0;
}

/* All of it. Returns 0 with the options loaded into `r`, or the verdict to drop it with. */
STAGE int verify(struct xdp_md *ctx, const struct packet *p, struct sg_opt_reader *r, __u32 sums)
{
	if (!p || !r)
		return SG_V_BAD_TCP;
	if (!verify_ip(ctx, p))
		return SG_V_BAD_IP;
	if (verify_load_options(ctx, p, r))
		return SG_V_BAD_TCP;
	if (sums && !verify_tcp_sum(ctx, p, r))
		return SG_V_BAD_CHECKSUM;
	return 0;
}

struct options_loop { /* bpf_loop() wants its argument on the caller's stack */
	struct sg_opt_reader *r;
};

static long options_step(__u32 i, void *arg)
{
	struct options_loop *loop = arg;

	(void)i;
	return sg_opt_step(loop->r) != SG_OPT_MORE;
}

/* What nearly every SYN and every ACK looks like: Linux's layout, known by its words. */
SG_INLINE int options_common(struct sg_opt_reader *r)
{
	const __u8 *b = r->buf;
	__u32 ts = 0;

	if (r->len == 0)
		return 1;
	if (r->len == 12 && sg_get32(b) == 0x0101080a) {
		ts = 4;
	} else if (r->len == 20 && sg_get16(b) == 0x0204 && sg_get32(b + 4) == 0x0402080a &&
		   sg_get32(b + 16) >> 8 == 0x010303) {
		ts = 8;
		r->o.mss = sg_get16(b + 2);
		r->o.sack_ok = 1;
		r->o.wscale = b[19] > SG_WSCALE_MAX ? SG_WSCALE_MAX : b[19];
	} else {
		return 0;
	}
	r->o.has_ts = 1;
	r->o.tsval = ts == 4 ? sg_get32(b + 4) : sg_get32(b + 8);
	r->o.tsecr = ts == 4 ? sg_get32(b + 8) : sg_get32(b + 12);
	return 1;
}

/* Read the options that verify() loaded. Returns 0, or -1: malformed. */
STAGE int options_read(struct sg_opt_reader *r)
{
	struct options_loop loop = {r};

	if (!r)
		return -1;
	if (options_common(r))
		return 0;
	bpf_loop(SG_OPT_MAX + 1, options_step, &loop, 0);
	return r->status == SG_OPT_END ? 0 : -1;
}

#endif
