/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Fronts that are opened, attached and left: what test_pins.c and test_takeover.c share. Each
 * test has an instance of its own, of which nothing is left behind. A dead daemon is a child
 * that was killed; a live one is a child that waits.
 */
#ifndef TESTS_BPF_PINS_H
#define TESTS_BPF_PINS_H

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

static inline int fresh(void **state)
{
	static int nth;

	memset(&R, 0, sizeof(R));
	R.xsk[0] = R.xsk[1] = -1;
	snprintf(R.instance, sizeof(R.instance), "test-pins-%d-%d", getpid(), nth++);
	*state = &R;
	return 0;
}

/* Whatever became of the test: nothing is left behind. */
static inline int cleanup(void **state)
{
	struct pins p;

	(void)state;
	pins_name(&p, R.instance);
	return pins_remove(&p);
}

static inline int try_open(struct front **f, const struct front_config *cfg)
{
	R.err = (struct err){};
	return front_open(f, cfg, &R.err);
}

static inline struct front *must_open(const struct front_config *cfg)
{
	struct front *f;

	if (try_open(&f, cfg))
		fail_msg("open: %s", R.err.msg);
	return f;
}

static inline void must_attach(struct front *f)
{
	if (front_attach(f, &R.err))
		fail_msg("attach: %s", R.err.msg);
}

static inline void must_detach(struct front *f)
{
	if (front_detach(f, &R.err))
		fail_msg("detach: %s", R.err.msg);
	front_close(f);
}

/* The refusal's number, exit code, and a word of what mends it. */
static inline void refused(int ret, int code, int exit, const char *word)
{
	if (ret != code || R.err.exit != exit || !strstr(R.err.msg, word))
		fail_msg("%d, exit %d, '%s': expected %d, %d, '%s'", ret, R.err.exit, R.err.msg,
			 code, exit, word);
	assert_null(strchr(R.err.msg, '\n'));
}

static inline const char *path(const char *name)
{
	static char p[300];

	snprintf(p, sizeof(p), "%s/%s%s%s", PINS_ROOT, R.instance, name[0] ? "/" : "", name);
	return p;
}

static inline bool exists(const char *name)
{
	return access(path(name), F_OK) == 0;
}

#define PINNED 16 /* maps; and the link, once attached */

static inline int pins_there(void)
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
static inline pid_t daemon_start(const struct front_config *cfg)
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

static inline void daemon_kill(pid_t pid)
{
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
}

#endif
