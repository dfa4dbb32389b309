/* SPDX-License-Identifier: BSD-2-Clause */
#include "frame.h"

#include <errno.h>
#include <linux/if_ether.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include "cli/addr.h"
#include "syngate/csum.h"

#define FRAME_TTL    64
#define FRAME_MIN    60 /* Ethernet's, without the checksum */
#define FRAME_MORE   0x2000
#define FRAME_DONT   0x4000
#define FRAME_WINDOW 64240 /* Linux's first one, with an MSS of 1460 */
#define FRAME_WSCALE 7

static const __u8 frame_flags[SL_KINDS] = {
	[SL_SYN] = SG_SYN,
	[SL_ACK] = SG_ACK,
	[SL_RST] = SG_RST,
	[SL_FIN] = SG_FIN | SG_ACK,
	[SL_SYNACK] = SG_SYN | SG_ACK,
	[SL_DATA] = SG_PSH | SG_ACK,
	[SL_FRAGMENT] = SG_PSH | SG_ACK,
	[SL_LAND] = SG_SYN,
	[SL_BOGUS] = 0, /* the sender's */
};

/* --- TCP ------------------------------------------------------------------------------------ */

/* In Linux's order; `*ts` becomes the offset of TSval. Returns the length. */
static unsigned frame_syn_options(__u8 *o, const struct args *a, unsigned *ts)
{
	__u8 *begin = o;

	*o++ = 2; /* MSS */
	*o++ = 4;
	sg_put16(o, sg_addr_is4(&a->to) ? 1460 : 1440);
	o += 2;
	if (a->no_timestamps) {
		memcpy(o, "\1\1\4\2", 4); /* NOP, NOP, SACK-permitted */
		o += 4;
	} else {
		memcpy(o, "\4\2\10\12", 4);
		*ts = (unsigned)(o + 4 - begin);
		o += 12;
	}
	memcpy(o, "\1\3\3", 3); /* NOP, window scale */
	o[3] = FRAME_WSCALE;
	return (unsigned)(o + 4 - begin);
}

static unsigned frame_options(__u8 *o, const struct args *a, enum sl_mode kind, unsigned *ts)
{
	*ts = 0;
	if (a->no_options || kind == SL_RST) /* Linux's RSTs to strangers have none either */
		return 0;
	if (kind == SL_SYN || kind == SL_SYNACK || kind == SL_LAND)
		return frame_syn_options(o, a, ts);
	if (a->no_timestamps)
		return 0;
	memcpy(o, "\1\1\10\12", 4);
	*ts = 4;
	return 12;
}

static int frame_has_data(enum sl_mode kind)
{
	return kind == SL_DATA || kind == SL_FRAGMENT;
}

/* Header, options and data, which is zero. Returns the length. */
static unsigned frame_tcp(struct sl_template *t, const struct args *a, enum sl_mode kind)
{
	__u8 *h = t->frame + t->l4_off;
	unsigned ts, len = 20 + frame_options(h + 20, a, kind, &ts);

	sg_put16(h + 2, a->port);
	h[12] = (__u8)(len / 4 << 4);
	h[13] = frame_flags[kind];
	sg_put16(h + 14, kind == SL_RST ? 0 : FRAME_WINDOW);
	t->ts_off = ts ? (__u8)(t->l4_off + 20 + ts) : 0;
	if (frame_has_data(kind))
		len += a->size;
	if (kind == SL_FRAGMENT) /* all but the last are multiples of eight */
		len = (len + 7) & ~7u;
	return len;
}

/* --- IP ------------------------------------------------------------------------------------- */

static void frame_ip4(__u8 *h, const struct args *a, enum sl_mode kind, unsigned len)
{
	h[0] = 0x45;
	sg_put16(h + 2, (__u16)(20 + len));
	sg_put16(h + 6, kind == SL_FRAGMENT ? FRAME_MORE : FRAME_DONT);
	h[8] = FRAME_TTL;
	h[9] = IPPROTO_TCP;
	memcpy(h + 16, a->to.addr + 12, 4);
}

static void frame_ip6(__u8 *h, const struct args *a, enum sl_mode kind, unsigned len)
{
	h[0] = 0x60;
	h[6] = IPPROTO_TCP;
	h[7] = FRAME_TTL;
	memcpy(h + 24, a->to.addr, 16);
	if (kind == SL_FRAGMENT) { /* RFC 8200 4.5 */
		h[6] = IPPROTO_FRAGMENT;
		h[40] = IPPROTO_TCP;
		h[43] = 1; /* offset 0, and more of them */
		len += 8;
	}
	sg_put16(h + 4, (__u16)len);
}

/* --- all of it ------------------------------------------------------------------------------ */

void frame_make(struct sl_template *t, const struct args *a, enum sl_mode kind, const __u8 src[6],
		const __u8 dst[6])
{
	const struct sg_addr zero4 = {.addr = {[10] = 0xff, [11] = 0xff}}, zero6 = {0};
	int is4 = sg_addr_is4(&a->to);
	unsigned len;

	memset(t, 0, sizeof(*t));
	memcpy(t->frame, dst, 6);
	memcpy(t->frame + 6, src, 6);
	sg_put16(t->frame + 12, is4 ? ETH_P_IP : ETH_P_IPV6);
	t->l4_off = (__u8)(ETH_HLEN + (is4 ? 20 : 40) + (!is4 && kind == SL_FRAGMENT ? 8 : 0));
	len = frame_tcp(t, a, kind);
	if (is4) {
		frame_ip4(t->frame + ETH_HLEN, a, kind, len);
		t->ip_sum = sg_csum_words(0, t->frame + ETH_HLEN, 5);
	} else {
		frame_ip6(t->frame + ETH_HLEN, a, kind, len);
	}
	t->l4_sum = sg_csum_pseudo(is4 ? &zero4 : &zero6, &a->to, len, IPPROTO_TCP);
	t->l4_sum = sg_csum_bytes(t->l4_sum, t->frame + t->l4_off, len);
	len += t->l4_off;
	t->len = (__u16)(len < FRAME_MIN ? FRAME_MIN : len);
}

int frame_request(struct sl_config *c, const struct args *a, struct err *err)
{
	char text[SL_REQUEST_MAX + 1], host[ADDR_TEXT];
	int n = snprintf(text, sizeof(text),
			 "GET %s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n", a->path,
			 addr_format(&a->to, a->port, host));

	if (n > SL_REQUEST_MAX)
		return err_set(err, -ENAMETOOLONG, EXIT_USAGE,
			       "--path is %d bytes too long: the request must fit into %d bytes",
			       n - SL_REQUEST_MAX, SL_REQUEST_MAX);
	c->request_len = (__u16)n;
	memcpy(c->request, text, (size_t)n);
	c->request_sum = sg_csum_bytes(0, text, (__u32)n);
	return 0;
}
