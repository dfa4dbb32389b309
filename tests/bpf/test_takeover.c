/* SPDX-License-Identifier: BSD-2-Clause */
/* What a dead daemon's pins become for the next one. */
#include "pins.h"

static void test_takeover(void **state)
{
	struct front_config cfg = rig_config(&R);
	pid_t pid = daemon_start(&cfg);
	__u32 id = prog_on("rig-s");
	struct sg_listener_key k;
	struct spec s;

	(void)state;
	daemon_kill(pid);
	assert_int_equal(prog_on("rig-s"), id); /* it lives on by itself */
	R.f = must_open(&cfg);
	R.ifindex = R.f->ifindex;
	assert_true(R.f->took_over);
	/* what is kept */
	assert_int_equal(R.f->queue[2].halfopen, 3);
	assert_int_equal(R.f->queue[2].in_use, 1);
	assert_int_equal(R.f->queue[2].port, 80);
	assert_int_equal(R.f->queue[2].ListenDrops, 77);
	assert_int_equal(R.f->queue[3].halfopen, 1);
	assert_int_equal(R.f->queue[3].in_use, 1);
	assert_int_equal(R.f->queue[4].in_use, 1); /* listened on, nobody half-open */
	assert_int_equal(R.f->queue[4].halfopen, 0);
	assert_int_equal(R.f->queue[5].in_use, 0);
	/* what is not */
	assert_int_equal(R.f->queue[2].acceptq, 0);
	assert_int_equal(R.f->settings->rst_limit, 1000000);
	assert_int_equal(R.f->settings->daemon, getpid());
	assert_int_equal(R.f->worker[0].heartbeat, 0);
	for (__u32 i = 0; i < R.f->flows.buckets * SG_WAYS; i++)
		assert_int_equal(R.f->flows.ways[i / SG_WAYS].slot[i % SG_WAYS], 0);
	assert_int_equal(prog_on("rig-s"), id);
	must_attach(R.f); /* swapped in place */
	assert_int_not_equal(prog_on("rig-s"), id);
	/* nobody listens yet: all the same the very entries are there, by either listener */
	rig_beat(&R);
	s = rig_syn(&R);
	rig_send(&R, &s, XDP_TX, SYNACK_REPEATED);
	s.dport = 82;
	rig_send(&R, &s, XDP_TX, SYNACK_SENT);
	s.dport = 80;
	memset(&k, 0, sizeof(k));
	k.port = 80;
	if (front_set_listener(R.f, &k, &(struct sg_listener){.id = 2, .state = 1, .window = 100},
			       &R.err))
		fail_msg("%s", R.err.msg);
	rig_send(&R, &s, XDP_DROP, SYN_LIMITED);
	assert_int_equal(R.f->queue[2].halfopen, 3);
	/* what nobody listens on any more is the kernel's, SYNs and all */
	assert_int_equal(front_forget(R.f, 4, &R.err), 0);
	s.dport = 82;
	rig_send(&R, &s, XDP_PASS, PASS_NO_LISTENER);
	assert_int_equal(R.f->queue[4].halfopen, 0);
	must_detach(R.f);
	assert_false(exists(""));
}

static __u32 live_entries(const struct front *f)
{
	__u32 n = 0;

	for (__u32 i = 0; i < f->halfopen.buckets * SG_WAYS; i++)
		n += sg_slot_state(f->halfopen.ways[i / SG_WAYS].slot[i % SG_WAYS]) != SG_SLOT_FREE;
	return n;
}

static void test_forget(void **state)
{
	struct front_config cfg = rig_config(&R);

	(void)state;
	daemon_kill(daemon_start(&cfg));
	R.f = must_open(&cfg);
	assert_int_equal(live_entries(R.f), 4);
	assert_int_equal(front_forget(R.f, 3, &R.err), 0);
	assert_int_equal(live_entries(R.f), 3);
	assert_int_equal(R.f->queue[3].in_use, 0);
	assert_int_equal(R.f->queue[3].halfopen, 0);
	assert_int_equal(R.f->queue[2].halfopen, 3);
	assert_int_equal(front_forget(R.f, 3, &R.err), 0);
	refused(front_forget(R.f, 8, &R.err), -EINVAL, EXIT_USAGE, "8 at most");
	must_detach(R.f);
}

/* A claim that died half-way, and an entry of a listener that never was, are freed. */
static void test_takeover_repairs(void **state)
{
	struct front_config cfg = rig_config(&R);
	struct front *f = must_open(&cfg);

	(void)state;
	f->queue[1].in_use = 1;
	f->queue[1].halfopen = 99;
	f->halfopen.ways[5].slot[0] = sg_slot_make(SG_SLOT_BUSY, 4, 1, 1);
	f->halfopen.ways[5].slot[1] = sg_slot_make(SG_SLOT_LIVE, 4, 1, 1);
	sg_synq_entry(&f->halfopen, 5, 1)->tail = 1;
	sg_synq_entry(&f->halfopen, 5, 1)->when = rig_ms();
	f->halfopen.ways[5].slot[2] = sg_slot_make(SG_SLOT_LIVE, 4, 1, 1);
	sg_synq_entry(&f->halfopen, 5, 2)->tail = 4095;
	f->halfopen.ways[5].slot[3] = sg_slot_make(SG_SLOT_LIVE, 4, 1, 1);
	sg_synq_entry(&f->halfopen, 5, 3)->tail = 2;
	front_close(f);
	f = must_open(&cfg);
	assert_true(f->took_over);
	assert_int_equal(f->queue[1].halfopen, 1);
	assert_int_equal(f->queue[1].young, 1);
	assert_int_equal(live_entries(f), 1);
	assert_int_equal(sg_slot_gen(f->halfopen.ways[5].slot[0]), 4); /* generations go on */
	must_detach(f);
}

static void left_entry(struct front *f, __u32 way, __u32 age_ms)
{
	f->halfopen.ways[5].slot[way] = sg_slot_make(SG_SLOT_LIVE, 4, 1, 1);
	sg_synq_entry(&f->halfopen, 5, way)->tail = 1;
	sg_synq_entry(&f->halfopen, 5, way)->when = rig_ms() - age_ms;
}

/* A worker would have given up after 63 s, or twice that if the SYN came again: so do we. */
static void test_takeover_after_long(void **state)
{
	struct front_config cfg = rig_config(&R);
	struct front *f = must_open(&cfg);

	(void)state;
	f->queue[1].in_use = 1;
	left_entry(f, 0, 125000);
	left_entry(f, 1, 127000);
	left_entry(f, 2, 400000000);
	left_entry(f, 3, 0);
	front_close(f);
	f = must_open(&cfg);
	assert_int_equal(f->queue[1].halfopen, 2);
	assert_int_equal(sg_slot_state(f->halfopen.ways[5].slot[0]), SG_SLOT_LIVE);
	assert_int_equal(sg_slot_state(f->halfopen.ways[5].slot[1]), SG_SLOT_FREE);
	assert_int_equal(sg_slot_state(f->halfopen.ways[5].slot[2]), SG_SLOT_FREE);
	assert_int_equal(sg_slot_state(f->halfopen.ways[5].slot[3]), SG_SLOT_LIVE);
	must_detach(f);
}

/* `listeners` and `queues` that do not agree: a listener without its queue is taken out. */
static void test_takeover_listeners(void **state)
{
	struct sg_listener_key k = {.port = 80}, other = {.port = 81};
	struct sg_listener l = {.id = 1, .state = SG_LISTENER_OPEN};
	struct front_config cfg = rig_config(&R);
	struct front *f = must_open(&cfg);

	(void)state;
	f->queue[1].port = 80;
	assert_int_equal(front_set_listener(f, &k, &l, &R.err), 0);
	assert_int_equal(front_set_listener(f, &other, &l, &R.err), 0);
	front_close(f);
	f = must_open(&cfg);
	assert_int_equal(f->queue[1].in_use, 1);
	assert_int_equal(bpf_map_lookup_elem(front_map_fd(f, "listeners"), &k, &l), 0);
	assert_int_equal(bpf_map_lookup_elem(front_map_fd(f, "listeners"), &other, &l), -ENOENT);
	must_detach(f);
}

/* The knobs come with the configuration; without one they are the defaults. */
static void test_knobs(void **state)
{
	struct sg_settings knobs = {.rst_limit = 3, .fail_policy = SG_FAIL_HOLD};
	struct front_config cfg = rig_config(&R);
	struct front *f;

	(void)state;
	cfg.knobs = &knobs;
	f = must_open(&cfg);
	assert_int_equal(f->settings->rst_limit, 3);
	assert_int_equal(f->settings->fail_policy, SG_FAIL_HOLD);
	front_close(f);
	cfg.knobs = NULL;
	f = must_open(&cfg);
	assert_int_equal(f->settings->rst_limit, 1000000);
	assert_int_equal(f->settings->fail_policy, SG_FAIL_PASS);
	must_detach(f);
}

/* Other sizes: what fits is used, a half-open table of another size is not. */
static void test_takeover_resized(void **state)
{
	struct front_config cfg = rig_config(&R);

	(void)state;
	daemon_kill(daemon_start(&cfg));
	cfg.halfopen_entries = 1000;
	cfg.queues = 1;
	R.f = must_open(&cfg);
	assert_true(R.f->took_over);
	assert_int_equal(R.f->halfopen.buckets, 250);
	assert_int_equal(live_entries(R.f), 0);
	assert_int_equal(R.f->queue[2].in_use, 0);
	must_attach(R.f);
	assert_int_equal(pins_there(), PINNED + 1);
	must_detach(R.f);
	assert_int_equal(prog_on("rig-s"), 0);
}

/* A daemon that is being killed just now is waited for. */
static void test_dying(void **state)
{
	struct front_config cfg = rig_config(&R);
	pid_t pid = daemon_start(&cfg);
	struct front *f;

	(void)state;
	assert_int_equal(kill(pid, SIGKILL), 0);
	f = must_open(&cfg);
	assert_true(f->took_over);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	must_detach(f);
}

int main(void)
{
#define T(x) cmocka_unit_test_setup_teardown(x, fresh, cleanup)
	const struct CMUnitTest tests[] = {
		T(test_takeover),
		T(test_forget),
		T(test_takeover_repairs),
		T(test_takeover_after_long),
		T(test_takeover_listeners),
		T(test_knobs),
		T(test_takeover_resized),
		T(test_dying),
	};

	rig_namespace();
	return cmocka_run_group_tests_name("takeover", tests, NULL, NULL);
}
