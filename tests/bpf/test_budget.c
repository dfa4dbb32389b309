/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What is answered, and how often: SYN-ACKs and RSTs for each source prefix and in all, on each queue
 * by itself; and who is answered whatever was spent.
 */
#include "rig.h"

#include "io/front.h"

#include "syngate/budget.h"

static struct spec syn_from(struct rig *r, const char *src)
{
	static uint16_t port = 30000;
	struct spec s = strchr(src, ':') ? rig_syn6(r) : rig_syn(r);

	s.src = src;
	s.sport = port++;
	return s;
}

static void answered(struct rig *r, const char *src, int n)
{
	struct spec s;

	for (int i = 0; i < n; i++) {
		s = syn_from(r, src);
		rig_send(r, &s, XDP_TX, SYNACK_SENT);
	}
}

static void limited(struct rig *r, const char *src)
{
	struct spec s = syn_from(r, src);

	rig_send(r, &s, XDP_DROP, SYNACK_LIMITED);
}

static void earlier(__u64 *until, __u64 by)
{
	*until -= *until < by ? *until : by;
}

/* As if so many ms had gone by. */
static void later(struct rig *r, uint32_t ms)
{
	__u64 by = ms * (SG_BUDGET_SECOND / 1000);

	for (uint32_t i = 0; i < RIG_QUEUES * SG_BUDGET_CELLS; i++) {
		struct sg_budget b;

		assert_int_equal(bpf_map_lookup_elem(front_map_fd(r->f, "budgets"), &i, &b), 0);
		if (!b.synack && !b.rst)
			continue;
		earlier(&b.synack, by);
		earlier(&b.rst, by);
		assert_int_equal(bpf_map_update_elem(front_map_fd(r->f, "budgets"), &i, &b, 0), 0);
	}
	for (int i = 0; i < RIG_QUEUES; i++)
		earlier(&r->f->worker[i].synack_until, by);
}

/*
 * The whole /24 has one budget, its neighbours have theirs; half of it comes back in half a second. (So few
 * that none comes back while a busy machine keeps this waiting.)
 */
static void test_prefix4(void **state)
{
	struct rig *r = *state;

	r->f->settings->synack_prefix_limit = 2;
	answered(r, "192.0.2.1", 1);
	answered(r, "192.0.2.254", 1);
	limited(r, "192.0.2.77");
	limited(r, "192.0.2.1");
	answered(r, "192.0.3.1", 2);
	answered(r, "192.0.1.255", 2);
	limited(r, "192.0.3.2");
	assert_int_equal(r->f->queue[0].halfopen, 6);
	assert_int_equal(r->f->queue[0].ListenDrops, 0); /* no matter of the queues */
	later(r, 500);
	answered(r, "192.0.2.9", 1);
	limited(r, "192.0.2.9");
	later(r, 5000);
	answered(r, "192.0.2.9", 2); /* never more than a second's worth at once */
	limited(r, "192.0.2.9");
}

static void test_prefix6(void **state)
{
	struct rig *r = *state;

	r->f->settings->synack_prefix_limit = 4;
	answered(r, "2001:db8:1:2::1", 2);
	answered(r, "2001:db8:1:2:ffff::1", 2);
	limited(r, "2001:db8:1:2:8000::5");
	answered(r, "2001:db8:1:3::1", 4);
	answered(r, "2001:db8:2:2::1", 4);
}

/* A queue's budget is not the other's. */
static void test_queues_apart(void **state)
{
	struct rig *r = *state;
	struct spec s;

	r->f->settings->synack_prefix_limit = 2;
	answered(r, "192.0.2.1", 2);
	limited(r, "192.0.2.1");
	s = syn_from(r, "192.0.2.1");
	rig_run_on(r, &s, 1);
	rig_expect(r, "queue 1", XDP_TX, SG_V_SYNACK_SENT);
}

static void test_in_all(void **state)
{
	struct rig *r = *state;

	r->f->settings->synack_limit = 5;
	answered(r, "192.0.2.1", 3);
	answered(r, "198.51.100.1", 2);
	limited(r, "203.0.113.1");
	later(r, 1000);
	answered(r, "203.0.113.1", 5);
	r->f->settings->synack_limit = 0;
	limited(r, "203.0.113.1");
	r->f->settings->synack_limit = 1000000; /* none */
	answered(r, "203.0.113.1", 50);
}

static void shook_hands(struct rig *r, const char *src)
{
	struct spec s = syn_from(r, src);
	struct sg_tuple t = rig_tuple(&s);
	__u64 mark = sg_proven_mark(&r->f->keys.tuple.sip, &t, SG_PROVEN_SHOOK);

	sg_proven_add(&r->f->proven[sg_proven_bucket(mark)], mark, 0);
}

/* Whoever has completed a handshake is answered, and costs the others nothing. */
static void test_proven(void **state)
{
	struct rig *r = *state;

	r->f->settings->synack_prefix_limit = 3;
	answered(r, "192.0.2.1", 3);
	limited(r, "192.0.2.5");
	shook_hands(r, "192.0.2.5");
	answered(r, "192.0.2.5", 20);
	limited(r, "192.0.2.6");
	r->f->settings->synack_limit = 0;
	answered(r, "192.0.2.5", 2);
	limited(r, "198.51.100.1");
}

/* The same SYN again costs nothing: tcp_invalid_ratelimit is its limit. Nor does a full queue. */
static void test_what_is_free(void **state)
{
	struct rig *r = *state;
	struct spec s = syn_from(r, "192.0.2.1");

	r->f->settings->synack_prefix_limit = 2;
	r->f->settings->tcp_invalid_ratelimit = 0;
	rig_send(r, &s, XDP_TX, SYNACK_SENT);
	for (int i = 0; i < 5; i++)
		rig_send(r, &s, XDP_TX, SYNACK_REPEATED);
	answered(r, "192.0.2.1", 1);
	limited(r, "192.0.2.1");
}

/* Cookies are SYN-ACKs as well. */
static void test_cookies(void **state)
{
	struct rig *r = *state;
	struct spec s;

	r->f->settings->tcp_syncookies = 2;
	r->f->settings->synack_prefix_limit = 2;
	for (int i = 0; i < 2; i++) {
		s = syn_from(r, "192.0.2.1");
		rig_send(r, &s, XDP_TX, COOKIE_SENT);
	}
	limited(r, "192.0.2.1");
}

/* Strays: so many RSTs for a prefix. What is not answered is not looked at any closer. */
static void test_rst(void **state)
{
	struct rig *r = *state;
	struct spec s;

	r->f->settings->rst_prefix_limit = 3;
	for (int v6 = 0; v6 < 2; v6++) {
		const char *src = v6 ? "2001:db8::7" : "192.0.2.7";

		for (int i = 0; i < 5; i++) {
			s = syn_from(r, src);
			s.flags = ACK;
			if (i < 3)
				rig_send(r, &s, XDP_TX, RST_SENT);
			else
				rig_send(r, &s, XDP_DROP, STRAY);
		}
		shook_hands(r, src);
		rig_send(r, &s, XDP_DROP, STRAY);
		s.bad_tcp_sum = true;
		rig_send(r, &s, XDP_DROP, STRAY);
		s.src = v6 ? "2001:db8:0:1::7" : "192.0.3.7";
		rig_send(r, &s, XDP_DROP, BAD_CHECKSUM); /* it would have been answered */
		s.bad_tcp_sum = false;
		rig_send(r, &s, XDP_TX, RST_SENT);
	}
	assert_int_equal(r->f->worker[0].rsts_limited, 2 * 4);
	answered(r, "192.0.2.7", 50); /* SYN-ACKs have a budget of their own */
}

/* A word from long ago, or that nobody has written yet, is no debt: not after 73 minutes, either. */
static void test_long_ago(void **state)
{
	__u64 until = 0, now = 7;

	(void)state;
	for (int i = 0; i < 100; i++) {
		assert_true(sg_budget_has(until, now, 100));
		sg_budget_spend(&until, now, 100);
	}
	assert_false(sg_budget_has(until, now, 100));
	assert_int_equal(sg_budget_debt(until, now), 100 * (SG_BUDGET_SECOND / 100));
	for (__u64 later = SG_BUDGET_SECOND / 100; later < 1ull << 34; later += SG_BUDGET_SECOND / 3) {
		assert_true(sg_budget_has(until, now + later, 100));
		assert_true(sg_budget_has(0, later, 100));
	}
	assert_false(sg_budget_has(0, 0, 0));
	assert_true(sg_budget_has(until, now, SG_BUDGET_NO_LIMIT));
	sg_budget_spend(&until, now, 0);
	sg_budget_spend(&until, now, SG_BUDGET_NO_LIMIT);
	assert_int_equal(sg_budget_debt(until, now), 100 * (SG_BUDGET_SECOND / 100));
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, rig_setup, rig_teardown)
	const struct CMUnitTest tests[] = {
		T(test_prefix4),      T(test_prefix6), T(test_queues_apart), T(test_in_all),
		T(test_proven),	      T(test_cookies), T(test_what_is_free), T(test_rst),
		cmocka_unit_test(test_long_ago),
	};

	rig_namespace();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
