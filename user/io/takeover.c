/* SPDX-License-Identifier: BSD-2-Clause */
/* Who has these pins, and what of a dead daemon's maps can be used. */
#include <errno.h>
#include <linux/membarrier.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "io/clock.h"
#include "io/front.h"
#include "syngate/synq.h"

#define TAKEOVER_DYING_MS 300 /* grace for a process that is being killed */
#define TAKEOVER_RUN_MS	  10  /* no program runs for so long */

/* What `settings` begins with, whatever the ABI. */
struct left {
	bool there;
	struct sg_settings s;
};

static void left_read(const struct pins *p, struct left *left)
{
	struct bpf_map_info info = {};
	__u32 len = sizeof(info), zero = 0;
	__u8 value[4096] = {0};
	int fd = pins_get(p, "settings");

	memset(left, 0, sizeof(*left));
	if (fd < 0)
		return;
	if (!bpf_obj_get_info_by_fd(fd, &info, &len) && info.key_size == 4 &&
	    info.value_size >= 16 && info.value_size <= sizeof(value) &&
	    !bpf_map_lookup_elem(fd, &zero, value)) {
		memcpy(&left->s, value, sizeof(left->s));
		left->there = true;
		if (info.value_size != sizeof(left->s))
			left->s.abi = 0;
	}
	close(fd);
}

/* Wait a moment for the end of a process, if it ends. */
static void process_wait(__u64 pid)
{
	struct pollfd p = {.events = POLLIN};

	p.fd = pid ? (int)syscall(SYS_pidfd_open, (pid_t)pid, 0) : -1;
	if (p.fd < 0)
		return;
	poll(&p, 1, TAKEOVER_DYING_MS);
	close(p.fd);
}

int takeover_lock(struct front *f, struct err *err)
{
	struct pins *p = &f->priv->pins;
	struct left left;
	int ret = pins_open(p);

	if (ret == -EBUSY) {
		left_read(p, &left);
		process_wait(left.s.daemon);
		ret = pins_open(p);
	}
	if (ret != -EBUSY)
		return ret ? front_refused(err, ret, p->dir) : 0;
	left_read(p, &left);
	if (left.there && left.s.netns != f->priv->nif.netns)
		return err_set(
			err, ret, EXIT_USAGE,
			"instance '%s' belongs to a live syngate (pid %llu) in another network "
			"namespace: choose another name with --instance",
			f->instance, (unsigned long long)left.s.daemon);
	return err_set(err, ret, EXIT_USAGE,
		       "%s is served by a live syngate (pid %llu): stop it first, or ask it: "
		       "syngate detach %s",
		       f->instance, (unsigned long long)left.s.daemon, f->ifname);
}

/*
 * The interface that the pinned link is on, 0: there is no link. Keeps it open. `gone`: there
 * is one, but its interface has gone.
 */
static __u32 left_link(struct front *f, bool *gone)
{
	struct bpf_link_info info = {};
	__u32 len = sizeof(info);
	int fd = pins_get(&f->priv->pins, FRONT_LINK);

	*gone = false;
	if (fd < 0)
		return 0;
	if (bpf_obj_get_info_by_fd(fd, &info, &len) || info.type != BPF_LINK_TYPE_XDP ||
	    !info.xdp.ifindex) {
		*gone = true;
		close(fd);
		return 0;
	}
	f->priv->link_fd = fd;
	return info.xdp.ifindex;
}

/* Nobody has the lock: the daemon is dead. Its program may live on, without anybody. */
enum front_left takeover_look(struct front *f, struct err *err)
{
	struct left left;
	bool same, gone;
	__u32 on = left_link(f, &gone);

	left_read(&f->priv->pins, &left);
	same = left.there && left.s.netns == f->priv->nif.netns && left.s.ifindex == f->ifindex;
	if (on && left.there && !same) {
		err_set(err, -EEXIST, EXIT_USAGE,
			"pins of instance '%s' belong to interface %u of network namespace %llu "
			"and "
			"are in use there: choose another name with --instance, or rm -r %s",
			f->instance, left.s.ifindex, (unsigned long long)left.s.netns,
			f->priv->pins.dir);
		return FRONT_LEFT_FOREIGN;
	}
	/* the number of a namespace that has gone is given to another one, as is an interface's */
	if (same && !gone && left.s.abi == SG_ABI && (!on || on == f->ifindex))
		return FRONT_LEFT_OURS;
	if (on) /* a program of another ABI, without a daemon: off with it */
		(void)bpf_link_detach(f->priv->link_fd);
	if (f->priv->link_fd >= 0)
		close(f->priv->link_fd);
	f->priv->link_fd = -1;
	return FRONT_LEFT_NOTHING;
}

static bool map_fits(const struct bpf_map *map, int fd)
{
	struct bpf_map_info info = {};
	__u32 len = sizeof(info);

	return !bpf_obj_get_info_by_fd(fd, &info, &len) && info.type == bpf_map__type(map) &&
	       info.key_size == bpf_map__key_size(map) &&
	       info.value_size == bpf_map__value_size(map) &&
	       info.max_entries == bpf_map__max_entries(map) &&
	       (info.map_flags & ~BPF_F_NUMA_NODE) == bpf_map__map_flags(map);
}

/* Does the pinned map fit the one that we would make? */
static bool left_fits(const struct front *f, const char *name)
{
	int fd = pins_get(&f->priv->pins, name);
	bool fits = fd >= 0 && map_fits(front_map(f, name), fd);

	if (fd >= 0)
		close(fd);
	return fits;
}

static int left_use(struct front *f, const char *name, bool fits, struct err *err)
{
	int fd, ret;

	if (!fits) {
		ret = pins_drop(&f->priv->pins, name);
		return ret ? front_refused(err, ret, f->priv->pins.dir) : 0;
	}
	fd = pins_get(&f->priv->pins, name);
	if (fd < 0)
		return front_refused(err, fd, f->priv->pins.dir);
	ret = bpf_map__reuse_fd(front_map(f, name), fd); /* keeps a copy */
	close(fd);
	return ret ? front_refused(err, ret, "reusing a map") : 0;
}

void programs_wait(void)
{
	if (syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0)) /* nohz_full kernels have none */
		clock_pause(TAKEOVER_RUN_MS);
}

int takeover_reuse(struct front *f, struct err *err)
{
	/* an entry names its listener by id, and hashes need the key: all or nothing */
	static const char *const together[] = {"halfopen", "halfopen_entries", "queues", "keys",
					      "proven"};
	static const char *const single[] = {"listeners", "locals",  "counters", "tcp_counters",
					     "settings",  "workers", "flows",	 "xsks",
					     "prefixes"};
	bool fits = true;
	int ret = 0;

	for (size_t i = 0; i < SG_ARRAY_SIZE(together); i++)
		fits &= left_fits(f, together[i]);
	for (size_t i = 0; !ret && i < SG_ARRAY_SIZE(together); i++)
		ret = left_use(f, together[i], fits, err);
	for (size_t i = 0; !ret && i < SG_ARRAY_SIZE(single); i++)
		ret = left_use(f, single[i], left_fits(f, single[i]), err);
	return ret;
}

/*
 * The old program stays on until ours replaces it, and with `hold` it goes on admitting. It
 * must not while we count.
 */
static void admission_stop(struct front *f)
{
	for (__u32 i = 0; i < f->max_listeners; i++)
		SG_WRITE_ONCE(f->queue[i].acceptq, SG_QUEUE_STOPPED);
	programs_wait();
}

static void admission_go(struct front *f)
{
	for (__u32 i = 0; i < f->max_listeners; i++)
		SG_WRITE_ONCE(f->queue[i].acceptq, 0);
}

/*
 * Would the worker, had it lived, long have given the entry up? Twice the schedule, since a
 * SYN that came again put the timer off.
 */
static bool entry_is_stale(const struct front *f, const struct sg_halfopen *e, __u32 now)
{
	__u64 life = 0;

	for (__u32 i = 0; i <= f->settings->tcp_synack_retries; i++)
		life += 2 * sg_synack_timeout(f->settings->synack_rto_ms, i);
	return now - e->when > life && (__s32)(now - e->when) > 0;
}

/* Count the entries of each listener; free those of none, and claims that died half-way. */
static void halfopen_recount(struct front *f)
{
	__u32 now = (__u32)clock_coarse_ms();

	for (__u32 i = 0; i < f->max_listeners; i++)
		f->queue[i].halfopen = f->queue[i].young = 0;
	for (__u32 i = 0; i < f->halfopen.buckets * SG_WAYS; i++) {
		__u64 w = SG_READ_ONCE(f->halfopen.ways[i / SG_WAYS].slot[i % SG_WAYS]);
		__u32 id = sg_synq_listener(&f->halfopen.entry[i]);

		if (sg_slot_state(w) == SG_SLOT_FREE)
			continue;
		if (sg_slot_state(w) == SG_SLOT_LIVE && id < f->max_listeners &&
		    f->queue[id].in_use && !entry_is_stale(f, &f->halfopen.entry[i], now)) {
			f->queue[id].halfopen++;
			f->queue[id].young += !sg_slot_retries(w);
		} else {
			sg_synq_free(&f->halfopen, i / SG_WAYS, i % SG_WAYS, w);
		}
	}
	for (__u32 i = 0; i < f->max_listeners; i++)
		f->queue[i].in_use = f->queue[i].halfopen != 0;
}

static bool listener_fits(const struct front *f, const struct sg_listener_key *k, __u32 id)
{
	return id < f->max_listeners && f->queue[id].port == k->port &&
	       sg_addr_eq(&f->queue[id].addr, &k->addr);
}

/*
 * The listeners stay, so that no client meets the kernel, which would reset it, between the
 * dead daemon and this one. Whoever listens takes them over one by one.
 */
static void listeners_keep(struct front *f)
{
	int fd = front_map_fd(f, "listeners");
	struct sg_listener_key k, next;
	struct sg_listener l;
	bool more = !bpf_map_get_next_key(fd, NULL, &next);

	while (more) {
		k = next;
		more = !bpf_map_get_next_key(fd, &k, &next);
		if (!bpf_map_lookup_elem(fd, &k, &l) && listener_fits(f, &k, l.id)) {
			f->queue[l.id].in_use = 1;
			front_own_port(f, k.port);
		} else {
			bpf_map_delete_elem(fd, &k);
		}
	}
}

/* Out of `listeners`, by number. */
static void listener_drop(struct front *f, __u32 id)
{
	int fd = front_map_fd(f, "listeners");
	struct sg_listener_key k, next;
	struct sg_listener l;
	bool more = !bpf_map_get_next_key(fd, NULL, &next);

	while (more) {
		k = next;
		more = !bpf_map_get_next_key(fd, &k, &next);
		if (!bpf_map_lookup_elem(fd, &k, &l) && l.id == id)
			bpf_map_delete_elem(fd, &k);
	}
	__sync_fetch_and_add(&f->settings->generation, 1);
}

void takeover_clean(struct front *f)
{
	admission_stop(f);
	halfopen_recount(f);
	listeners_keep(f);
	admission_go(f);
	listed_count_all(f);
	memset(f->flows.homes, 0, f->flows.buckets);
	memset(f->flows.ways, 0, (size_t)f->flows.buckets * sizeof(*f->flows.ways));
	memset(f->worker, 0, f->queues * sizeof(*f->worker));
}

int front_forget(struct front *f, __u32 id, struct err *err)
{
	if (id >= f->max_listeners)
		return err_set(err, -EINVAL, EXIT_USAGE, "listener %u: %u at most", id,
			       f->max_listeners);
	listener_drop(f, id);
	programs_wait();
	for (__u32 i = 0; i < f->halfopen.buckets * SG_WAYS; i++) {
		__u64 w = SG_READ_ONCE(f->halfopen.ways[i / SG_WAYS].slot[i % SG_WAYS]);

		if (sg_slot_state(w) != SG_SLOT_LIVE ||
		    sg_synq_listener(&f->halfopen.entry[i]) != id)
			continue;
		if (sg_synq_free(&f->halfopen, i / SG_WAYS, i % SG_WAYS, w))
			sg_synq_leave(&f->queue[id], w); /* else an engine did it */
	}
	f->queue[id].in_use = 0;
	return 0;
}
