/* SPDX-License-Identifier: BSD-2-Clause */
/* Bytes to a segment: IEEE 802.1Q, RFC 791, 8200, 4302, 792, 4443, 9293, 7323, 2018, 1071. */
#include <string.h>

#include "model.h"

enum { HOP = 0, ICMP4 = 1, TCP = 6, ROUTING = 43, FRAGMENT = 44, AH = 51, ICMP6 = 58, DST = 60 };

#define MODEL_EXTENSIONS 6 /* IPv6 extension headers looked through, at most */

uint32_t model_number(const uint8_t *p, int n)
{
	uint32_t v = 0;

	while (n-- > 0)
		v = v << 8 | *p++;
	return v;
}

/* How far headers may reach. */
static size_t room(const struct model *m, const struct model_segment *s)
{
	return s->len < m->linear ? s->len : m->linear;
}

static bool tpid_is_tag(uint32_t type)
{
	return type == 0x8100 || type == 0x88a8;
}

/* Up to two tags. Returns the EtherType behind them, and in `s->l3` where the packet begins. */
static uint32_t parse_ethernet(const struct model *m, struct model_segment *s)
{
	uint32_t type = model_number(s->frame + 12, 2);

	s->l3 = 14;
	for (int i = 0; i < 2 && tpid_is_tag(type); i++) {
		if (s->l3 + 4 > room(m, s))
			return 0;
		s->pair.tag[i] = type << 16 | (model_number(s->frame + s->l3, 2) & 0xfff);
		type = model_number(s->frame + s->l3 + 2, 2);
		s->l3 += 4;
	}
	return type;
}

static void map4(uint8_t *to, const uint8_t *from)
{
	memset(to, 0, 10);
	memset(to + 10, 0xff, 2);
	memcpy(to + 12, from, 4);
}

static bool is_mapped(const uint8_t *a)
{
	static const uint8_t prefix[12] = {[10] = 0xff, [11] = 0xff};

	return !memcmp(a, prefix, sizeof(prefix));
}

static enum model_kind kind_of(const struct model_segment *s)
{
	if (s->proto == TCP)
		return MODEL_TCP;
	return s->proto == (s->v6 ? ICMP6 : ICMP4) ? MODEL_ICMP : MODEL_OTHER;
}

/* `total` and `head` count from the IP header on. A TCP header has 20 bytes at least. */
static void set_length(struct model_segment *s, size_t total, size_t head)
{
	if (total < head + 20 && !s->fault)
		s->fault = "BadIp";
	s->l4_len = total > head ? total - head : 0;
}

/* RFC 791 3.1, of the packet at `at`. */
static enum model_kind parse_ip4(const struct model *m, struct model_segment *s, size_t at)
{
	const uint8_t *ip = s->frame + at;
	uint32_t frag, head;

	if (at + 20 > room(m, s) || ip[0] >> 4 != 4 || (ip[0] & 15) < 5)
		return MODEL_OTHER;
	s->v6 = false;
	s->proto = ip[9];
	if (kind_of(s) == MODEL_OTHER)
		return MODEL_OTHER;
	frag = model_number(ip + 6, 2);
	if (frag & 0x1fff)
		return s->proto == TCP ? MODEL_FRAGMENT : MODEL_OTHER;
	if (frag & 0x2000)
		s->fault = "FirstFragment";
	head = (ip[0] & 15) * 4u;
	set_length(s, model_number(ip + 2, 2), head);
	map4(s->pair.peer, ip + 12);
	map4(s->pair.local, ip + 16);
	s->l4 = at + head;
	return kind_of(s);
}

/* RFC 8200 4: one extension header. 1: go on behind it; 0: it is none; -1: not for us. */
static int parse_extension(const struct model *m, struct model_segment *s)
{
	const uint8_t *x = s->frame + s->l4;
	uint8_t type = s->proto;

	if (type != HOP && type != ROUTING && type != FRAGMENT && type != AH && type != DST)
		return 0;
	if (s->l4 + 8 > room(m, s))
		return -1;
	if (type == ROUTING && x[3] != 0) /* segments left: not at its end yet */
		return -1;
	s->proto = x[0];
	if (type == FRAGMENT && model_number(x + 2, 2) & 0xfff8)
		return s->proto == TCP ? 2 : -1;
	if (type == FRAGMENT && x[3] & 1) /* more to come; RFC 6946 else */
		s->fault = "FirstFragment";
	s->l4 += type == FRAGMENT ? 8u : type == AH ? (x[1] + 2u) * 4 : (x[1] + 1u) * 8;
	return 1;
}

static enum model_kind parse_ip6(const struct model *m, struct model_segment *s, size_t at)
{
	const uint8_t *ip = s->frame + at;
	int more = 1;

	if (at + 40 > room(m, s) || ip[0] >> 4 != 6)
		return MODEL_OTHER;
	s->v6 = true;
	s->proto = ip[6];
	memcpy(s->pair.peer, ip + 8, 16);
	memcpy(s->pair.local, ip + 24, 16);
	if (is_mapped(s->pair.peer) || is_mapped(s->pair.local)) /* never on the wire, RFC 4038 */
		s->fault = "BadAddress";
	s->l4 = at + 40;
	for (int i = 0; i < MODEL_EXTENSIONS && more == 1; i++)
		more = parse_extension(m, s);
	if (more < 0)
		return MODEL_OTHER;
	if (more == 2)
		return MODEL_FRAGMENT;
	set_length(s, 40 + model_number(ip + 4, 2), s->l4 - at);
	return kind_of(s);
}

/* RFC 9293 3.2. Options of a kind or a length that is not known are passed over. */
static void parse_options(struct model_options *o, const uint8_t *p, size_t len)
{
	for (size_t i = 0; i < len && p[i] != 0; i += p[i] == 1 ? 1 : p[i + 1]) {
		if (p[i] == 1)
			continue;
		if (i + 1 >= len || p[i + 1] < 2 || i + p[i + 1] > len) {
			o->bad = true;
			return;
		}
		if (p[i] == 2 && p[i + 1] == 4) {
			o->has_mss = true;
			o->mss = (uint16_t)model_number(p + i + 2, 2);
		} else if (p[i] == 3 && p[i + 1] == 3) { /* RFC 7323 2.3: 14 at most */
			o->has_wscale = true;
			o->wscale = p[i + 2] > 14 ? 14 : p[i + 2];
		} else if (p[i] == 4 && p[i + 1] == 2) {
			o->sack = true;
		} else if (p[i] == 8 && p[i + 1] == 10) {
			o->has_ts = true;
			o->tsval = model_number(p + i + 2, 4);
			o->tsecr = model_number(p + i + 6, 4);
		}
	}
}

static enum model_kind parse_tcp(const struct model *m, struct model_segment *s)
{
	const uint8_t *t = s->frame + s->l4;

	if (s->l4 + 4 > room(m, s))
		return MODEL_OTHER;
	s->pair.pport = (uint16_t)model_number(t, 2);
	s->pair.lport = (uint16_t)model_number(t + 2, 2);
	if (s->fault)
		return MODEL_TCP;
	s->fault = "BadTcp";
	if (s->l4 + 20 > room(m, s))
		return MODEL_TCP;
	s->head = (t[12] >> 4) * 4u;
	if (s->head < 20 || s->head > s->l4_len || s->l4 + s->head > room(m, s))
		return MODEL_TCP;
	s->fault = NULL;
	s->seq = model_number(t + 4, 4);
	s->ack = model_number(t + 8, 4);
	s->flags = t[13];
	parse_options(&s->opt, t + 20, s->head - 20);
	return MODEL_TCP;
}

/*
 * RFC 792, 4443: does this ICMP message tell of an error, and of which pair's segment? The packet
 * that it quotes went the other way.
 */
static enum model_kind parse_icmp(const struct model *m, struct model_segment *s)
{
	struct model_segment q = {.frame = s->frame, .len = s->len};
	uint8_t type;
	size_t at = s->l4 + 8;
	bool error;

	if (s->fault || at > room(m, s))
		return MODEL_OTHER;
	type = s->frame[s->l4];
	error = s->v6 ? type >= 1 && type <= 4 : type == 3 || type == 11 || type == 12;
	if (!error || (s->v6 ? parse_ip6 : parse_ip4)(m, &q, at) != MODEL_TCP ||
	    q.l4 + 4 > room(m, s))
		return MODEL_OTHER;
	memcpy(s->pair.local, q.pair.peer, 16);
	memcpy(s->pair.peer, q.pair.local, 16);
	s->pair.lport = (uint16_t)model_number(s->frame + q.l4, 2);
	s->pair.pport = (uint16_t)model_number(s->frame + q.l4 + 2, 2);
	return MODEL_ICMP;
}

enum model_kind model_parse(const struct model *m, const uint8_t *frame, size_t len,
			    struct model_segment *s)
{
	enum model_kind kind;
	uint32_t type;

	memset(s, 0, sizeof(*s));
	s->frame = frame;
	s->len = len;
	type = parse_ethernet(m, s);
	if (type != 0x0800 && type != 0x86dd)
		return MODEL_OTHER;
	if (memcmp(frame, m->set.mac, 6) != 0)
		return MODEL_NOT_LOCAL;
	if (frame[6] & 1) /* from a group */
		s->fault = "BadAddress";
	kind = type == 0x0800 ? parse_ip4(m, s, s->l3) : parse_ip6(m, s, s->l3);
	if (kind == MODEL_TCP)
		return parse_tcp(m, s);
	return kind == MODEL_ICMP ? parse_icmp(m, s) : kind;
}

/* RFC 1071, a byte at a time. */
uint32_t model_sum(uint32_t sum, const uint8_t *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		sum += i % 2 ? p[i] : (uint32_t)p[i] << 8;
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return sum;
}

uint32_t model_pseudo(const struct model_pair *p, bool v6, size_t l4_len)
{
	uint32_t sum = TCP + (uint32_t)(l4_len >> 16) + (uint32_t)(l4_len & 0xffff);

	sum = model_sum(sum, p->local + (v6 ? 0 : 12), v6 ? 16 : 4);
	return model_sum(sum, p->peer + (v6 ? 0 : 12), v6 ? 16 : 4);
}

/* Is all of it there, and is the IPv4 header's checksum right? */
bool model_ip_is_good(const struct model_segment *s)
{
	if (s->l4 + s->l4_len > s->len)
		return false;
	return s->v6 || model_sum(0, s->frame + s->l3, s->l4 - s->l3) == 0xffff;
}

bool model_checksum_is_good(const struct model_segment *s)
{
	uint32_t sum = model_pseudo(&s->pair, s->v6, s->l4_len);

	return model_sum(sum, s->frame + s->l4, s->l4_len) == 0xffff;
}

uint32_t model_space(const struct model_segment *s)
{
	return (uint32_t)(s->l4_len - s->head) + (s->flags >> 1 & 1) + (s->flags & 1);
}
