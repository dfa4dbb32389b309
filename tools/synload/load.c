/* SPDX-License-Identifier: BSD-2-Clause */
#include "load.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/if_link.h>
#include <math.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "frame.h"
#include "io/clock.h"
#include "tools/synload/synload.skel.h"

#define LOAD_BATCH   64 /* frames in a row, after which what is to go goes */
#define LOAD_REPEAT  (1 << 30)
#define LOAD_POLL_MS 10
#define LOAD_WAKE    SIGUSR1

/* --- opening -------------------------------------------------------------------------------- */

static void load_config(struct sl_config *c, const struct args *a, const struct way *w)
{
	c->to = a->to;
	c->from = a->from;
	memset(&c->mask, 0, sizeof(c->mask));
	for (unsigned i = 0; i < a->from_bits; i++)
		c->mask.addr[i / 8] |= (__u8)(0x80 >> i % 8);
	c->port = a->port;
	c->v6 = !sg_addr_is4(&a->to);
	c->bits = (__u8)(128 - a->from_bits < 48 ? 128 - a->from_bits : 48);
	c->mode = (__u8)a->mode;
	c->bad_checksum = a->bad_checksum;
	c->ifindex = w->nif.ifindex;
	c->seed = a->seed;
	if (!a->has_seed && getrandom(&c->seed, sizeof(c->seed), 0) < 0)
		c->seed = clock_now();
	if (a->rate)
		c->gap = (__u64)llround(ldexp(1e9, SL_NS_SHIFT) / (double)a->rate);
	c->time = (__u64)llround(a->seconds * 1e9);
	c->count = a->count;
	c->most = a->open;
}

/* Which kinds of frame does the mode send? Connections begin with SYNs. */
static bool load_sends(const struct args *a, int kind)
{
	if (a->mode == SL_MIXED)
		return true;
	return kind == (a->mode < SL_KINDS ? (int)a->mode : SL_SYN);
}

static int load_templates(struct load *l, struct sl_template *t, struct err *err)
{
	unsigned room = l->way->nif.mtu + 14u;

	for (int kind = 0; kind < SL_KINDS; kind++) {
		if (!load_sends(l->args, kind))
			continue;
		frame_make(&t[kind], l->args, (enum sl_mode)kind, l->way->nif.mac, l->way->dst);
		if (t[kind].len > l->frame_len)
			l->frame_len = t[kind].len;
	}
	return l->frame_len <= room
		       ? 0
		       : err_set(err, -EMSGSIZE, EXIT_USAGE,
				 "the frames would have %u bytes, and %s takes %u: make --size "
				 "smaller",
				 l->frame_len, l->args->iface, room);
}

static int load_silent(enum libbpf_print_level level, const char *fmt, va_list ap)
{
	(void)level;
	(void)fmt;
	(void)ap;
	return 0;
}

/* All that the programs are told, before the kernel looks at them. */
static int load_prepare(struct load *l, struct err *err)
{
	struct sl_config *c = (struct sl_config *)&l->skel->rodata->config;
	int rc = load_templates(l, l->skel->bss->templates, err);

	load_config(c, l->args, l->way);
	if (!rc && l->args->mode == SL_REQUEST)
		rc = frame_request(c, l->args, err);
	return rc;
}

static int load_program(struct load *l, struct err *err)
{
	int rc;

	libbpf_set_print(load_silent);
	l->skel = synload_bpf__open();
	if (!l->skel)
		return err_set(err, -errno, EXIT_KERNEL,
			       "cannot read the XDP programs: %s; build synload anew",
			       strerror(errno));
	rc = load_prepare(l, err);
	if (rc)
		return rc;
	rc = synload_bpf__load(l->skel);
	return rc ? err_set(err, rc, EXIT_KERNEL,
			    "the kernel does not take the XDP programs (%s): it must be Linux 6.1 "
			    "or later, with BPF allowed",
			    strerror(-rc))
		  : 0;
}

static int load_attach_failed(const struct load *l, int code, struct err *err)
{
	const char *dev = l->args->iface;

	switch (code) {
	case -EBUSY:
	case -EEXIST:
		return err_set(
			err, code, EXIT_KERNEL,
			"%s carries another XDP program: take it off, with ip link set dev %s "
			"xdp off if nobody needs it",
			dev, dev);
	case -EOPNOTSUPP:
		return err_set(
			err, code, EXIT_KERNEL,
			"the driver of %s cannot do native XDP: take another interface, such "
			"as a veth",
			dev);
	}
	return err_set(err, code, EXIT_KERNEL,
		       "cannot attach to %s: %s; see ip link show %s, and the kernel's log", dev,
		       strerror(-code), dev);
}

static int load_attach(struct load *l, struct err *err)
{
	LIBBPF_OPTS(bpf_link_create_opts, opts, .flags = XDP_FLAGS_DRV_MODE);
	int prog = bpf_program__fd(l->skel->progs.synload_receive);

	l->link = bpf_link_create(prog, (int)l->way->nif.ifindex, BPF_XDP, &opts);
	return l->link < 0 ? load_attach_failed(l, l->link, err) : 0;
}

int load_open(struct load *l, const struct args *a, const struct way *w, struct err *err)
{
	int rc;

	*l = (struct load){.args = a, .way = w, .link = -1};
	rc = load_program(l, err);
	if (!rc)
		rc = load_attach(l, err);
	if (rc)
		load_close(l);
	return rc;
}

void load_close(struct load *l)
{
	if (l->link >= 0)
		close(l->link);
	l->link = -1;
	synload_bpf__destroy(l->skel);
	l->skel = NULL;
}

/* --- running -------------------------------------------------------------------------------- */

static int load_slice(struct load *l)
{
	__u32 len = l->frame_len + 1u;
	struct xdp_md ctx = {.data_end = len, .ingress_ifindex = l->way->nif.ifindex};
	__u8 frame[SL_FRAME_MAX + 1] = {0}; /* the program writes it, and makes it shorter */
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = frame, .data_size_in = len, .ctx_in = &ctx,
		    .ctx_size_in = sizeof(ctx), .repeat = LOAD_REPEAT,
		    .flags = BPF_F_TEST_XDP_LIVE_FRAMES, .batch_size = LOAD_BATCH, );

	return bpf_prog_test_run_opts(bpf_program__fd(l->skel->progs.synload_send), &opts);
}

/*
 * A thread of its own sends, because a call takes the kernel many milliseconds to begin and to
 * end, in which nothing is sent. So there is one call, and a signal ends it.
 */
static void *load_thread(void *arg)
{
	struct load *l = arg;

	l->rc = load_slice(l);
	if (l->rc == -EINTR || l->rc == -EAGAIN)
		l->rc = 0;
	return NULL;
}

/* All that LOAD_WAKE is for is that a system call ends. */
static void load_wake(int sig)
{
	(void)sig;
}

/* A signal that ends us, or 0 after a while. */
static int load_pause(const sigset_t *ends)
{
	struct timespec t = {.tv_nsec = LOAD_POLL_MS * 1000000};
	int sig = sigtimedwait(ends, NULL, &t);

	return sig < 0 ? 0 : sig;
}

static int load_watch(struct load *l, pthread_t thread)
{
	const volatile struct sl_sender *s = &l->skel->bss->sender;

	while (pthread_tryjoin_np(thread, NULL)) {
		if (!l->stopped)
			l->stopped = load_pause(&l->ends);
		else
			clock_pause(LOAD_POLL_MS);
		if (s->done || l->stopped) /* again and again: it may not have been in the call */
			pthread_kill(thread, LOAD_WAKE);
	}
	return l->rc;
}

static int load_send(struct load *l, struct err *err)
{
	struct sigaction sa = {.sa_handler = load_wake};
	pthread_t thread;
	int rc;

	sigemptyset(&l->ends);
	sigaddset(&l->ends, SIGINT);
	sigaddset(&l->ends, SIGTERM);
	sigaddset(&l->ends, SIGHUP);
	sigaction(LOAD_WAKE, &sa, NULL);
	pthread_sigmask(SIG_BLOCK, &l->ends, NULL);
	rc = pthread_create(&thread, NULL, load_thread, l);
	if (rc)
		return err_set(err, -rc, EXIT_KERNEL, "cannot make a thread: %s", strerror(rc));
	rc = load_watch(l, thread);
	return rc ? err_set(err, rc, EXIT_KERNEL,
			    "the kernel does not send out of %s: %s; is it up? BPF_PROG_TEST_RUN "
			    "with live frames needs Linux 5.18",
			    l->args->iface, strerror(-rc))
		  : 0;
}

static void load_add(struct sl_stats *to, const struct sl_stats *from)
{
	const __u64 *f = (const void *)from;
	__u64 *t = (void *)to, max = to->max_us > from->max_us ? to->max_us : from->max_us;

	for (size_t i = 0; i < sizeof(*to) / sizeof(*t); i++)
		t[i] += f[i];
	to->max_us = max;
}

static int load_stats(const struct load *l, struct sl_stats *sum)
{
	int cpus = libbpf_num_possible_cpus(), rc;
	struct sl_stats *each;
	__u32 zero = 0;

	if (cpus < 0)
		return cpus;
	each = calloc((size_t)cpus, sizeof(*each));
	if (!each)
		return -ENOMEM;
	rc = bpf_map_lookup_elem(bpf_map__fd(l->skel->maps.stats), &zero, each);
	memset(sum, 0, sizeof(*sum));
	for (int i = 0; !rc && i < cpus; i++)
		load_add(sum, &each[i]);
	free(each);
	return rc;
}

/* Has everything come that will? */
static bool load_is_over(const struct load *l, const struct result *r)
{
	switch (l->args->mode) {
	case SL_SYN:
		return r->stats.answered + r->stats.rst >= r->sent;
	case SL_HANDSHAKE:
	case SL_REQUEST:
		return r->stats.completed + r->stats.refused + r->stats.bad >= r->sent;
	default:
		return false;
	}
}

/* So long without news, and we give up. */
static __u64 load_patience(const struct load *l)
{
	return (l->args->mode >= SL_HANDSHAKE ? SL_LOST_US : 200000ull) * 1000;
}

/* The answers that are still under way. A second signal ends that as well. */
static int load_drain(struct load *l, struct result *r)
{
	__u64 since = clock_now();
	struct sl_stats before;
	int rc = load_stats(l, &r->stats);

	while (!rc && !load_is_over(l, r) && clock_now() - since < load_patience(l)) {
		before = r->stats;
		if (load_pause(&l->ends))
			break;
		rc = load_stats(l, &r->stats);
		if (memcmp(&before, &r->stats, sizeof(before)))
			since = clock_now();
	}
	return rc;
}

/* Until its time was over, or the last frame's share of it. */
static double load_seconds(const struct load *l, const struct sl_sender *s)
{
	__u64 gap = l->skel->rodata->config.gap >> SL_NS_SHIFT;
	bool whole = l->args->count && s->sent == l->args->count;

	return (double)((whole ? s->last + gap : s->now) - s->begin) / 1e9;
}

static int load_result(struct load *l, struct result *r, __u64 before, struct err *err)
{
	const struct sl_sender *s = &l->skel->bss->sender;
	int rc;

	r->sent = s->sent;
	r->seconds = load_seconds(l, s);
	rc = load_drain(l, r);
	if (!rc)
		rc = way_sent(l->way, &r->transmitted);
	r->transmitted -= before;
	return rc ? err_set(err, rc, EXIT_KERNEL, "cannot read what was counted: %s", strerror(-rc))
		  : 0;
}

int load_run(struct load *l, struct result *r, struct err *err)
{
	__u64 before;
	int rc = way_sent(l->way, &before);

	if (rc)
		return err_set(err, rc, EXIT_KERNEL, "%s: %s", l->args->iface, strerror(-rc));
	memset(r, 0, sizeof(*r));
	rc = load_send(l, err);
	return rc ? rc : load_result(l, r, before, err);
}
