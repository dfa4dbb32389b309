/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Peers that are denied or allowed: what is dropped of the former and what not, what the latter are
 * spared, whose prefix counts, and what becomes of a dead daemon's list.
 */
#include "rig.h"

static struct prefix prefix(const char *text)
{
	struct prefix p;
	struct err err;

	if (prefix_read(text, &p, &err))
		fail_msg("%s", err.msg);
	return p;
}

static void list(struct rig *r, const char *text, enum sg_list as)
{
	struct prefix p = prefix(text);

	if (front_list(r->f, &p, as, &r->err))
		fail_msg("%s", r->err.msg);
}

static void deny(struct rig *r, const char *text)
{
	list(r, text, SG_LIST_DENY);
}

static void allow(struct rig *r, const char *text)
{
	list(r, text, SG_LIST_ALLOW);
}

static void counts(const struct rig *r, __u32 allowed, __u32 denied)
{
	assert_int_equal(r->f->settings->allowed, allowed);
	assert_int_equal(r->f->settings->denied, denied);
}

/* A SYN from there, each from another port. */
static struct spec from(const struct rig *r, const char *src)
{
	static uint16_t port = 20000;
	struct spec s = strchr(src, ':') ? rig_syn6(r) : rig_syn(r);

	s.src = src;
	s.sport = port++;
	return s;
}

static void is_denied(struct rig *r, const char *src)
{
	struct spec s = from(r, src);

	rig_send(r, &s, XDP_DROP, DENIED);
}

static void is_answered(struct rig *r, const char *src)
{
	struct spec s = from(r, src);

	rig_send(r, &s, XDP_TX, SYNACK_SENT);
}

/* All that a denied peer sends us is dropped, whatever it is a part of, and nothing else. */
static void test_denied(void **state)
{
	struct rig *r = *state;
	struct spec half = rig_syn(r), flow = rig_syn(r), s;
	struct sg_tuple t;

	rig_socket(r, 0);
	rig_send(r, &half, XDP_TX, SYNACK_SENT);
	flow.sport++;
	flow.flags = ACK;
	t = rig_tuple(&flow);
	assert_int_equal(sg_flow_claim(&r->f->flows, rig_hash(r, &t).table, &t, 0), 0);
	rig_send(r, &flow, XDP_REDIRECT, STEER_FLOW);
	deny(r, "10.9.0.0/24");
	rig_send(r, &half, XDP_DROP, DENIED);
	half.flags = ACK;
	rig_send(r, &half, XDP_DROP, DENIED);
	rig_send(r, &flow, XDP_DROP, DENIED);
	s = from(r, "10.9.0.2");
	for (int flags = 0; flags < 256; flags++) {
		s.flags = (uint8_t)flags;
		rig_send(r, &s, XDP_DROP, DENIED);
	}
	s.frag = 0x2000;
	rig_send(r, &s, XDP_DROP, DENIED);
	s = from(r, "10.9.0.2");
	s.bad_tcp_sum = s.bad_ip_sum = true;
	rig_send(r, &s, XDP_DROP, DENIED);
	s.dport = 22; /* the kernel's */
	rig_send(r, &s, XDP_PASS, PASS_NO_LISTENER);
	s.dport = RIG_PORT;
	s.dst = "10.8.0.1"; /* somebody else's */
	rig_send(r, &s, XDP_PASS, PASS_NOT_LOCAL);
	s.proto = 17;
	rig_send(r, &s, XDP_PASS, PASS_NOT_TCP);
	list(r, "10.9.0.0/24", SG_LIST_NONE);
	rig_send(r, &flow, XDP_REDIRECT, STEER_FLOW);
	is_answered(r, "10.9.0.2");
}

/* Nor does the kernel get it while no worker lives. */
static void test_denied_without_worker(void **state)
{
	struct rig *r = *state;

	deny(r, "10.9.0.2");
	r->f->worker[0].heartbeat = 0;
	is_denied(r, "10.9.0.2");
}

static void test_longest(void **state)
{
	struct rig *r = *state;

	deny(r, "192.0.2.0/24");
	allow(r, "192.0.2.128/25");
	deny(r, "192.0.2.200");
	deny(r, "2001:db8::/32");
	allow(r, "2001:db8:1::/48");
	counts(r, 2, 3);
	is_denied(r, "192.0.2.1");
	is_denied(r, "192.0.2.127");
	is_answered(r, "192.0.2.128");
	is_denied(r, "192.0.2.200");
	is_answered(r, "192.0.2.201");
	is_answered(r, "192.0.3.1");
	is_denied(r, "2001:db8:2::1");
	is_answered(r, "2001:db8:1:ffff::1");
	is_answered(r, "2001:db9::1");
	allow(r, "192.0.2.0/24"); /* otherwise now */
	counts(r, 3, 2);
	is_answered(r, "192.0.2.1");
	list(r, "192.0.2.200", SG_LIST_NONE);
	is_answered(r, "192.0.2.200");
	counts(r, 3, 1);
}

/* All of one family is none of the other, although IPv4 addresses lie within ::/0. */
static void test_families(void **state)
{
	struct rig *r = *state;

	deny(r, "::/0");
	is_denied(r, "fd09::2");
	is_denied(r, "2001:db8::1");
	is_answered(r, "192.0.2.1");
	list(r, "::/0", SG_LIST_NONE);
	is_answered(r, "fd09::2");
	deny(r, "0.0.0.0/0");
	is_denied(r, "192.0.2.1");
	is_answered(r, "fd09::2");
	deny(r, "::/0");
	is_denied(r, "fd09::2");
	is_denied(r, "192.0.2.1");
	counts(r, 0, 2);
}

/* No budget keeps an allowed peer from being answered. */
static void test_allowed_budgets(void **state)
{
	struct rig *r = *state;
	struct spec s;

	r->f->settings->synack_prefix_limit = r->f->settings->rst_prefix_limit = 1;
	is_answered(r, "192.0.2.1");
	s = from(r, "192.0.2.2");
	rig_send(r, &s, XDP_DROP, SYNACK_LIMITED);
	allow(r, "192.0.2.2");
	is_answered(r, "192.0.2.2");
	r->f->settings->synack_limit = 0;
	is_answered(r, "192.0.2.2");
	s = from(r, "192.0.2.2");
	s.flags = ACK;
	for (int i = 0; i < 5; i++)
		rig_send(r, &s, XDP_TX, RST_SENT);
	assert_int_equal(r->f->worker[0].rsts_limited, 0);
	s.flags = RST;
	rig_send(r, &s, XDP_DROP, STRAY);
	s = from(r, "192.0.2.3");
	s.flags = ACK;
	rig_send(r, &s, XDP_DROP, STRAY);
}

/* Without cookies the last quarter of the half-open queue is for those that are known. */
static void test_allowed_quarter(void **state)
{
	struct rig *r = *state;
	struct spec s;

	r->f->queue[0].strangers = 1;
	for (int i = 0; i < 2; i++)
		is_answered(r, "192.0.2.1");
	s = from(r, "192.0.2.1");
	rig_send(r, &s, XDP_DROP, HALFOPEN_RESERVED);
	allow(r, "192.0.2.0/24");
	is_answered(r, "192.0.2.1");
	s = from(r, "192.0.3.1");
	rig_send(r, &s, XDP_DROP, HALFOPEN_RESERVED);
}

/* Each is said once, with what it is listed as; none is left over. */
static void test_walk(void **state)
{
	static const char *const text[] = {"0.0.0.0/0", "10.0.0.0/8",	 "10.0.0.0/9", "10.0.0.1/32",
					   "::/0",	"2001:db8::/32", "2001:db8::1/128"};
	struct rig *r = *state;
	bool seen[SG_ARRAY_SIZE(text)] = {false};
	struct sg_prefix at;
	struct prefix p;
	enum sg_list as;
	int n = 0;

	assert_int_equal(front_next_listed(r->f, NULL, &p, &as), -ENOENT);
	for (size_t i = 0; i < SG_ARRAY_SIZE(text); i++)
		list(r, text[i], i % 2 ? SG_LIST_ALLOW : SG_LIST_DENY);
	for (int rc = front_next_listed(r->f, NULL, &p, &as); !rc;
	     rc = front_next_listed(r->f, &at, &p, &as), n++) {
		char back[PREFIX_TEXT];

		prefix_print(back, &p);
		for (size_t i = 0; i < SG_ARRAY_SIZE(text); i++)
			if (!strcmp(back, text[i])) {
				assert_false(seen[i]);
				seen[i] = true;
				assert_int_equal(as, i % 2 ? SG_LIST_ALLOW : SG_LIST_DENY);
			}
		at = p.key;
	}
	assert_int_equal(n, SG_ARRAY_SIZE(text));
	for (size_t i = 0; i < SG_ARRAY_SIZE(text); i++)
		list(r, text[i], SG_LIST_NONE);
	counts(r, 0, 0);
	p = prefix("10.0.0.0/8");
	assert_int_equal(front_list(r->f, &p, SG_LIST_NONE, &r->err), -ENOENT);
	assert_non_null(strstr(r->err.msg, "10.0.0.0/8 is not listed"));
}

/* A prefix of the other family, or one within a listed one, is not that one. */
static void test_not_listed(void **state)
{
	struct rig *r = *state;
	struct prefix p = prefix("10.1.0.0/16");

	deny(r, "10.0.0.0/8");
	deny(r, "::/0");
	assert_int_equal(front_list(r->f, &p, SG_LIST_NONE, &r->err), -ENOENT);
	p = prefix("0.0.0.0/0");
	assert_int_equal(front_list(r->f, &p, SG_LIST_NONE, &r->err), -ENOENT);
	counts(r, 0, 2);
	is_denied(r, "10.1.0.1");
}

/* Whoever comes after a dead daemon keeps its list, until it has listed what it wants. */
static void test_takeover(void **state)
{
	struct rig *r = *state;
	struct front_config cfg = rig_config(r);

	deny(r, "192.0.2.0/24");
	deny(r, "198.51.100.0/24");
	allow(r, "203.0.113.0/24");
	r->f->settings->denied = 77; /* it died just then */
	front_close(r->f);
	assert_int_equal(front_open(&r->f, &cfg, &r->err), 0);
	assert_true(r->f->took_over);
	rig_beat(r);
	counts(r, 1, 2);
	is_denied(r, "192.0.2.1");
	deny(r, "198.51.100.0/24");
	allow(r, "2001:db8::/32");
	front_unlist_old(r->f);
	counts(r, 1, 1);
	is_answered(r, "192.0.2.1");
	is_denied(r, "198.51.100.1");
	front_unlist_old(r->f);
	counts(r, 1, 1);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, rig_setup, rig_teardown)
	const struct CMUnitTest tests[] = {
		T(test_denied),		 T(test_denied_without_worker), T(test_longest),
		T(test_families),	 T(test_allowed_budgets),	T(test_allowed_quarter),
		T(test_walk),		 T(test_not_listed),		T(test_takeover),
	};

	rig_namespace();
	return cmocka_run_group_tests_name("prefixes", tests, NULL, NULL);
}
