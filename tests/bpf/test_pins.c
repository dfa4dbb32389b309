/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The life of a front: what open, attach, detach and close leave behind, and what is refused by
 * name. (What a dead daemon leaves: test_takeover.c.)
 */
#include "pins.h"

/* --- a life without trouble ---------------------------------------------------------- */

static void test_life(void **state)
{
	static const char *const names[] = {"listeners",    "locals",	"queues",  "counters",
					    "tcp_counters", "settings", "workers", "keys",
					    "halfopen",	    "proven",	"flows",   "xsks",
					    "link"};
	struct front_config cfg = rig_config(&R);
	struct front *f = must_open(&cfg);

	(void)state;
	assert_false(f->took_over);
	assert_int_equal(prog_on("rig-s"), 0);
	assert_int_equal(pins_there(), PINNED);
	must_attach(f);
	assert_true(f->attached);
	assert_int_equal(f->mode, FRONT_NATIVE);
	for (size_t i = 0; i < SG_ARRAY_SIZE(names); i++)
		assert_true(exists(names[i]));
	assert_int_equal(pins_there(), PINNED + 1);
	assert_int_not_equal(prog_on("rig-s"), 0);
	must_detach(f);
	assert_int_equal(prog_on("rig-s"), 0);
	assert_false(exists(""));
}

static void test_settings(void **state)
{
	struct front_config cfg = rig_config(&R);
	struct front *f = must_open(&cfg);
	struct stat st;
	struct sg_keys zero = {};

	(void)state;
	assert_int_equal(stat("/proc/self/ns/net", &st), 0);
	assert_int_equal(f->settings->abi, SG_ABI);
	assert_int_equal(f->settings->ifindex, if_nametoindex("rig-s"));
	assert_int_equal(f->settings->netns, st.st_ino);
	assert_int_equal(f->settings->daemon, getpid());
	assert_int_equal(f->settings->mtu, 1500);
	assert_true(f->settings->started > 1600000000);
	assert_int_not_equal(f->settings->mac[5] | f->settings->mac[4] | f->settings->mac[3], 0);
#define X(name, def, min, max, text) assert_int_equal(f->settings->name, def);
	SG_SETTINGS(X)
#undef X
	assert_memory_not_equal(&f->keys, &zero, sizeof(zero));
	/* 8 ways, 1.5 slots an entry */
	assert_int_equal(f->halfopen.buckets, 1024);
	assert_int_equal(f->flows.buckets, 1024);
	must_detach(f);
	cfg.halfopen_entries = cfg.flow_entries = cfg.max_listeners = 0;
	f = must_open(&cfg);
	assert_int_equal(f->halfopen.buckets, 16384);
	assert_int_equal(f->flows.buckets, 65536);
	assert_int_equal(f->max_listeners, 16);
	must_detach(f);
}

/* Closing lets go, no more: the program stays, and the next one takes over. */
static void test_close_keeps(void **state)
{
	struct front_config cfg = rig_config(&R);
	struct front *f = must_open(&cfg);
	__u32 id;

	(void)state;
	must_attach(f);
	id = prog_on("rig-s");
	front_close(f);
	assert_int_equal(prog_on("rig-s"), id);
	f = must_open(&cfg);
	assert_true(f->took_over);
	must_detach(f);
	assert_int_equal(prog_on("rig-s"), 0);
}

static void test_skb(void **state)
{
	struct front_config cfg = rig_config(&R);
	struct front *f;

	(void)state;
	cfg.mode = FRONT_SKB;
	f = must_open(&cfg);
	must_attach(f);
	assert_int_equal(f->mode, FRONT_SKB);
	front_close(f);
	f = must_open(&cfg); /* taken over in the mode it is in */
	must_attach(f);
	assert_int_equal(f->mode, FRONT_SKB);
	front_close(f);
	cfg.mode = FRONT_NATIVE; /* asked for another: attached anew */
	f = must_open(&cfg);
	must_attach(f);
	assert_true(f->took_over);
	assert_int_equal(f->mode, FRONT_NATIVE);
	must_detach(f);
}

/* --- what is refused -------------------------------------------------------------------- */

static void test_live_daemon(void **state)
{
	struct front_config cfg = rig_config(&R);
	pid_t pid = daemon_start(&cfg);
	struct front *f;
	char who[32];

	(void)state;
	snprintf(who, sizeof(who), "(pid %d)", pid);
	refused(try_open(&f, &cfg), -EBUSY, EXIT_USAGE, who);
	daemon_kill(pid);
	f = must_open(&cfg);
	refused(try_open(&(struct front *){NULL}, &cfg), -EBUSY, EXIT_USAGE, "syngate detach");
	must_detach(f);
}

static void test_bad_config(void **state)
{
	struct front_config cfg = rig_config(&R);
	struct front *f;

	(void)state;
	cfg.ifname = "nosuch0";
	refused(try_open(&f, &cfg), -ENODEV, EXIT_USAGE, "ip link");
	cfg.ifname = "a-name-that-is-far-too-long";
	refused(try_open(&f, &cfg), -ENODEV, EXIT_USAGE, "ip link");
	cfg.ifname = "";
	refused(try_open(&f, &cfg), -ENODEV, EXIT_USAGE, "ip link");
	cfg = rig_config(&R);
	cfg.instance = "../up";
	refused(try_open(&f, &cfg), -EINVAL, EXIT_USAGE, "instance");
	cfg.instance = "";
	refused(try_open(&f, &cfg), -EINVAL, EXIT_USAGE, "instance");
	cfg = rig_config(&R);
	cfg.queues = 0;
	refused(try_open(&f, &cfg), -EINVAL, EXIT_USAGE, "ethtool -L");
	cfg.queues = SG_MAX_QUEUES + 1;
	refused(try_open(&f, &cfg), -EINVAL, EXIT_USAGE, "ethtool -L");
	cfg = rig_config(&R);
	cfg.max_listeners = SG_MAX_LISTENERS + 1;
	refused(try_open(&f, &cfg), -EINVAL, EXIT_USAGE, "4096");
	assert_false(exists(""));
}

static void test_too_many_listeners(void **state)
{
	struct front_config cfg = rig_config(&R);
	struct sg_listener_key k = {.port = 1};
	struct sg_listener l = {.state = SG_LISTENER_OPEN};
	struct front *f = must_open(&cfg);

	(void)state;
	for (; k.port <= 8; k.port++)
		assert_int_equal(front_set_listener(f, &k, &l, &R.err), 0);
	refused(front_set_listener(f, &k, &l, &R.err), -E2BIG, EXIT_USAGE, "max_listeners");
	l.id = 8;
	refused(front_set_listener(f, &k, &l, &R.err), -EINVAL, EXIT_USAGE, "8 at most");
	must_detach(f);
}

static void test_other_program(void **state)
{
	struct front_config cfg = rig_config(&R), other = cfg;
	struct front *a = must_open(&cfg), *b;

	(void)state;
	must_attach(a);
	other.instance = "test-pins-other";
	b = must_open(&other);
	refused(front_attach(b, &R.err), -EBUSY, EXIT_KERNEL, "'front'");
	assert_non_null(strstr(R.err.msg, "rig-s has another XDP program"));
	assert_false(b->attached);
	assert_int_equal(front_detach(b, &R.err), 0);
	front_close(b);
	assert_int_not_equal(prog_on("rig-s"), 0); /* the other one is not touched */
	must_detach(a);
}

/* Beyond the MTU that veth takes natively: auto goes to skb, native says how to mend it. */
static void test_no_native(void **state)
{
	struct front_config cfg = rig_config(&R);
	struct front *f;

	(void)state;
	rig_sh("ip link add rig-d type bridge && ip link set rig-d up");
	cfg.ifname = "rig-d"; /* a driver without native XDP */
	f = must_open(&cfg);
	must_attach(f);
	assert_int_equal(f->mode, FRONT_SKB);
	assert_int_not_equal(f->native_errno, 0);
	must_detach(f);
	cfg.mode = FRONT_NATIVE;
	f = must_open(&cfg);
	refused(front_attach(f, &R.err), -EOPNOTSUPP, EXIT_KERNEL, "--mode skb");
	must_detach(f);
	assert_false(exists(""));
	rig_sh("ip link del rig-d");
}

/* Pins of an interface that lives elsewhere are refused by name; and nothing is touched. */
static void test_foreign(void **state)
{
	struct front_config cfg = rig_config(&R);
	struct front *f;

	(void)state;
	rig_sh("ip link add rig-e type veth peer name rig-g && ip link set rig-e up");
	cfg.ifname = "rig-e";
	f = must_open(&cfg);
	must_attach(f);
	front_close(f);
	cfg.ifname = "rig-s";
	refused(try_open(&f, &cfg), -EEXIST, EXIT_USAGE, "--instance");
	assert_int_not_equal(prog_on("rig-e"), 0);
	assert_int_equal(pins_there(), PINNED + 1);
	rig_sh("ip link del rig-e");
	/* its interface has gone: they are nobody's now */
	f = must_open(&cfg);
	assert_false(f->took_over);
	must_attach(f);
	must_detach(f);
}

static void in_other_netns(const struct front_config *cfg, bool live)
{
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		struct front *f;
		int ret;

		if (unshare(CLONE_NEWNET))
			_exit(1);
		rig_sh("ip link add rig-s type veth peer name rig-c");
		ret = try_open(&f, cfg);
		if (ret != (live ? -EBUSY : -EEXIST) || !strstr(R.err.msg, "namespace") ||
		    !strstr(R.err.msg, "--instance")) {
			fprintf(stderr, "%d %s\n", ret, R.err.msg);
			_exit(2);
		}
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

static void test_other_namespace(void **state)
{
	struct front_config cfg = rig_config(&R);
	struct front *f = must_open(&cfg);

	(void)state;
	must_attach(f);
	in_other_netns(&cfg, true);
	front_close(f);
	in_other_netns(&cfg, false);
	f = must_open(&cfg);
	assert_true(f->took_over);
	must_detach(f);
}

/* A namespace that went with its interface leaves pins that stop nobody. */
static void test_gone_namespace(void **state)
{
	struct front_config cfg = rig_config(&R);
	struct front *f;
	pid_t pid = fork();
	int status;

	(void)state;
	if (pid == 0) {
		if (unshare(CLONE_NEWNET))
			_exit(1);
		rig_sh("ip link add rig-s numrxqueues 2 numtxqueues 2 type veth peer name rig-c");
		if (front_open(&f, &cfg, &R.err) || front_attach(f, &R.err))
			_exit(2);
		_exit(system("ip link del rig-s") ? 3 : 0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_true(exists("link"));
	f = must_open(&cfg);
	assert_false(f->took_over);
	must_attach(f);
	must_detach(f);
}

/* Pins of another ABI, or half a set of them: off with them, start fresh. */
static void test_other_abi(void **state)
{
	struct front_config cfg = rig_config(&R);
	struct front *f = must_open(&cfg);
	__u32 id;

	(void)state;
	must_attach(f);
	id = prog_on("rig-s");
	f->settings->abi = SG_ABI + 1;
	front_close(f);
	f = must_open(&cfg);
	assert_false(f->took_over);
	assert_int_equal(prog_on("rig-s"), 0);
	must_attach(f);
	assert_int_not_equal(prog_on("rig-s"), id);
	front_close(f);
	assert_int_equal(unlink(path("settings")), 0);
	f = must_open(&cfg);
	assert_false(f->took_over);
	must_attach(f);
	must_detach(f);
	assert_false(exists(""));
}

/* Not root: one line that says so, and nothing left. */
static void test_not_root(void **state)
{
	struct front_config cfg = rig_config(&R);
	struct front *f;
	int status, ret;
	pid_t pid = fork();

	(void)state;
	if (pid == 0) {
		if (setgid(65534) || setuid(65534))
			_exit(1);
		ret = try_open(&f, &cfg);
		_exit(ret && R.err.exit == EXIT_KERNEL && strstr(R.err.msg, "root") ? 0 : 2);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_false(exists(""));
}

/* The interface goes while we are on it: detach still takes everything away. */
static void test_interface_goes(void **state)
{
	struct front_config cfg = rig_config(&R);
	struct front *f;

	(void)state;
	rig_sh("ip link add rig-e type veth peer name rig-g && ip link set rig-e up");
	cfg.ifname = "rig-e";
	f = must_open(&cfg);
	must_attach(f);
	rig_sh("ip link del rig-e");
	must_detach(f);
	assert_false(exists(""));
	f = NULL;
	cfg.ifname = "rig-s";
	f = must_open(&cfg);
	must_detach(f);
}

/* What is left is taken off, also when its interface went first; what lives elsewhere is not. */
static void test_remove(void **state)
{
	struct front_config cfg = rig_config(&R);

	(void)state;
	rig_sh("ip link add rig-e type veth peer name rig-g && ip link set rig-e up");
	cfg.ifname = "rig-e";
	R.f = must_open(&cfg);
	must_attach(R.f);
	refused(front_remove("rig-e", R.instance, &R.err), -EBUSY, EXIT_USAGE, "live syngate");
	front_close(R.f);
	refused(front_remove("rig-s", R.instance, &R.err), -EEXIST, EXIT_USAGE, "--instance");
	refused(front_remove("rig-x", R.instance, &R.err), -EEXIST, EXIT_USAGE, "--instance");
	assert_int_not_equal(prog_on("rig-e"), 0);
	rig_sh("ip link del rig-e");
	assert_true(exists("queues"));
	assert_int_equal(front_remove("rig-e", R.instance, &R.err), 1);
	assert_false(exists(""));
	assert_int_equal(front_remove("rig-e", R.instance, &R.err), -ENODEV);
	assert_int_equal(front_remove("rig-s", R.instance, &R.err), 0);
	assert_false(exists(""));
}

/* Namespace and interface may have the numbers of those that have gone; the link tells. */
static void test_another_of_that_number(void **state)
{
	struct front_config cfg = rig_config(&R);
	char again[100];
	__u32 ifindex;

	(void)state;
	rig_sh("ip link add rig-e type veth peer name rig-g && ip link set rig-e up");
	cfg.ifname = "rig-e";
	ifindex = if_nametoindex("rig-e");
	R.f = must_open(&cfg);
	must_attach(R.f);
	front_close(R.f);
	rig_sh("ip link del rig-e");
	snprintf(again, sizeof(again), "ip link add rig-e index %u type veth peer name rig-g",
		 ifindex);
	rig_sh(again);
	R.f = must_open(&cfg);
	assert_int_equal(R.f->ifindex, ifindex);
	assert_false(R.f->took_over);
	must_detach(R.f);
	rig_sh("ip link del rig-e");
}

int main(void)
{
#define T(x) cmocka_unit_test_setup_teardown(x, fresh, cleanup)
	const struct CMUnitTest tests[] = {
		T(test_life),
		T(test_another_of_that_number),
		T(test_remove),
		T(test_settings),
		T(test_close_keeps),
		T(test_skb),
		T(test_live_daemon),
		T(test_bad_config),
		T(test_too_many_listeners),
		T(test_other_program),
		T(test_no_native),
		T(test_foreign),
		T(test_other_namespace),
		T(test_gone_namespace),
		T(test_other_abi),
		T(test_not_root),
		T(test_interface_goes),
	};

	rig_namespace();
	return cmocka_run_group_tests_name("pins", tests, NULL, NULL);
}
