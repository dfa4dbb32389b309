/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The life of a front: what open, attach, detach and close leave behind, what a dead
 * daemon's pins become, and what is refused by name. A dead daemon is a child that was
 * killed; a live one is a child that waits.
 */
#include "rig.h"

#include <bpf/libbpf.h>
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "io/front.h"
#include "io/pins.h"

static struct rig R;

static int fresh(void **state)
{
	static int nth;

	memset(&R, 0, sizeof(R));
	R.xsk[0] = R.xsk[1] = -1;
	snprintf(R.instance, sizeof(R.instance), "test-pins-%d-%d", getpid(), nth++);
	*state = &R;
	return 0;
}

/* Whatever became of the test: nothing is left behind. */
static int cleanup(void **state)
{
	struct pins p;

	(void)state;
	pins_name(&p, R.instance);
	return pins_remove(&p);
}

static int try_open(struct front **f, const struct front_config *cfg)
{
	R.err = (struct err){};
	return front_open(f, cfg, &R.err);
}

static struct front *must_open(const struct front_config *cfg)
{
	struct front *f;

	if (try_open(&f, cfg))
		fail_msg("open: %s", R.err.msg);
	return f;
}

static void must_attach(struct front *f)
{
	if (front_attach(f, &R.err))
		fail_msg("attach: %s", R.err.msg);
}

static void must_detach(struct front *f)
{
	if (front_detach(f, &R.err))
		fail_msg("detach: %s", R.err.msg);
	front_close(f);
}

/* The refusal's number, exit code, and a word of what mends it. */
static void refused(int ret, int code, int exit, const char *word)
{
	if (ret != code || R.err.exit != exit || !strstr(R.err.msg, word))
		fail_msg("%d, exit %d, '%s': expected %d, %d, '%s'", ret, R.err.exit, R.err.msg,
			 code, exit, word);
	assert_null(strchr(R.err.msg, '\n'));
}

static const char *path(const char *name)
{
	static char p[300];

	snprintf(p, sizeof(p), "%s/%s%s%s", PINS_ROOT, R.instance, name[0] ? "/" : "", name);
	return p;
}

static bool exists(const char *name)
{
	return access(path(name), F_OK) == 0;
}

static int pins_there(void)
{
	DIR *d = opendir(path(""));
	struct dirent *e;
	int n = 0;

	while (d && (e = readdir(d)))
		n += e->d_name[0] != '.';
	if (d)
		closedir(d);
	return n;
}

static __u32 prog_on(const char *ifname)
{
	__u32 id = 0;

	assert_int_equal(bpf_xdp_query_id((int)if_nametoindex(ifname), 0, &id), 0);
	return id;
}

/*
 * A daemon in a process of its own: open, attach, a listener, three half-open entries, a
 * flow. Then it waits to be killed. Returns its pid once all that is done.
 */
static pid_t daemon_start(const struct front_config *cfg)
{
	int fd[2];
	pid_t pid;
	char c;

	assert_int_equal(pipe(fd), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		struct spec s;

		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (front_open(&R.f, cfg, &R.err) || front_attach(R.f, &R.err))
			_exit(1);
		R.ifindex = R.f->ifindex;
		rig_beat(&R);
		rig_local(&R, "10.9.0.1", 128);
		rig_listen(&R, 2, NULL, 80, 100, 100);
		rig_listen(&R, 3, NULL, 81, 100, 100);
		rig_listen(&R, 4, NULL, 82, 100, 100);
		R.f->queue[2].ListenDrops = 77;
		R.f->queue[2].acceptq = 5;
		R.f->settings->rst_limit = 1;
		s = rig_syn(&R);
		for (int i = 0; i < 3; i++, s.sport++)
			rig_run(&R, &s);
		s.dport = 81;
		rig_run(&R, &s);
		{
			struct sg_tuple t = rig_tuple(&s);

			t.pport = 9;
			sg_flow_claim(&R.f->flows, rig_hash(&R, &t).table, &t, 1);
		}
		if (write(fd[1], "x", 1) != 1)
			_exit(1);
		for (;;)
			pause();
	}
	close(fd[1]);
	assert_int_equal(read(fd[0], &c, 1), 1);
	close(fd[0]);
	return pid;
}

static void daemon_kill(pid_t pid)
{
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
}

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
	assert_int_equal(pins_there(), 12);
	must_attach(f);
	assert_true(f->attached);
	assert_int_equal(f->mode, FRONT_NATIVE);
	for (size_t i = 0; i < SG_ARRAY_SIZE(names); i++)
		assert_true(exists(names[i]));
	assert_int_equal(pins_there(), 13);
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
	assert_int_equal(f->halfopen_buckets, 768);
	assert_int_equal(f->flows.buckets, 768);
	must_detach(f);
	cfg.halfopen_entries = cfg.flow_entries = cfg.max_listeners = 0;
	f = must_open(&cfg);
	assert_int_equal(f->halfopen_buckets, 12288);
	assert_int_equal(f->flows.buckets, 49152);
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

/* --- takeover -------------------------------------------------------------------------- */

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
	assert_int_equal(R.f->settings->rst_limit, 10000);
	assert_int_equal(R.f->settings->daemon, getpid());
	assert_int_equal(R.f->worker[0].heartbeat, 0);
	for (__u32 i = 0; i < R.f->flows.buckets * SG_WAYS; i++)
		assert_int_equal(R.f->flows.bucket[i / SG_WAYS].slot[i % SG_WAYS], 0);
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

	for (__u32 i = 0; i < f->halfopen_buckets * SG_WAYS; i++)
		n += sg_slot_state(f->halfopen[i / SG_WAYS].slot[i % SG_WAYS]) != SG_SLOT_FREE;
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
	f->halfopen[5].slot[0] = sg_slot_make(SG_SLOT_BUSY, 4, 1, 1);
	f->halfopen[5].slot[1] = sg_slot_make(SG_SLOT_LIVE, 4, 1, 1);
	f->halfopen[5].entry[1].tail = 1;
	f->halfopen[5].entry[1].when = rig_ms();
	f->halfopen[5].slot[2] = sg_slot_make(SG_SLOT_LIVE, 4, 1, 1);
	f->halfopen[5].entry[2].tail = 4095;
	f->halfopen[5].slot[3] = sg_slot_make(SG_SLOT_LIVE, 4, 1, 1);
	f->halfopen[5].entry[3].tail = 2;
	front_close(f);
	f = must_open(&cfg);
	assert_true(f->took_over);
	assert_int_equal(f->queue[1].halfopen, 1);
	assert_int_equal(f->queue[1].young, 1);
	assert_int_equal(live_entries(f), 1);
	assert_int_equal(sg_slot_gen(f->halfopen[5].slot[0]), 4); /* generations go on */
	must_detach(f);
}

static void left_entry(struct front *f, __u32 way, __u32 age_ms)
{
	f->halfopen[5].slot[way] = sg_slot_make(SG_SLOT_LIVE, 4, 1, 1);
	f->halfopen[5].entry[way].tail = 1;
	f->halfopen[5].entry[way].when = rig_ms() - age_ms;
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
	assert_int_equal(sg_slot_state(f->halfopen[5].slot[0]), SG_SLOT_LIVE);
	assert_int_equal(sg_slot_state(f->halfopen[5].slot[1]), SG_SLOT_FREE);
	assert_int_equal(sg_slot_state(f->halfopen[5].slot[2]), SG_SLOT_FREE);
	assert_int_equal(sg_slot_state(f->halfopen[5].slot[3]), SG_SLOT_LIVE);
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
	assert_int_equal(f->settings->rst_limit, 10000);
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
	assert_int_equal(R.f->halfopen_buckets, 188);
	assert_int_equal(live_entries(R.f), 0);
	assert_int_equal(R.f->queue[2].in_use, 0);
	must_attach(R.f);
	assert_int_equal(pins_there(), 13);
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
	assert_int_equal(pins_there(), 13);
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
		T(test_takeover),
		T(test_forget),
		T(test_takeover_repairs),
		T(test_takeover_after_long),
		T(test_takeover_listeners),
		T(test_knobs),
		T(test_takeover_resized),
		T(test_dying),
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
