/* SPDX-License-Identifier: BSD-2-Clause */
#include "io/bpf.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#include "front.skel.h"
#include "io/clock.h"
#include "io/front.h"

#define FRONT_HALFOPEN	65536
#define FRONT_FLOWS	262144
#define FRONT_LISTENERS 16

/* What is pinned. `settings` is the last one: without it, what lies there is of no use. */
static const char *const front_pinned[] = {
	"listeners", "locals",	 "queues", "counters", "tcp_counters", "workers",
	"keys",	     "halfopen", "halfopen_entries", "proven", "flows",    "flow_tuples",  "flow_homes",
	"xsks",	     "prefixes", "settings",
};

struct bpf_map *front_map(const struct front *f, const char *name)
{
	return bpf_object__find_map_by_name(f->priv->skel->obj, name);
}

int front_map_fd(const struct front *f, const char *name)
{
	return bpf_map__fd(front_map(f, name));
}

int front_prog_fd(const struct front *f)
{
	return bpf_program__fd(f->priv->skel->progs.front);
}

int front_refused(struct err *err, int code, const char *what)
{
	if (code == -EPERM || code == -EACCES)
		return err_set(err, code, EXIT_KERNEL,
			       "%s: not permitted; run it as root (sudo), with CAP_BPF and "
			       "CAP_NET_ADMIN",
			       what);
	return err_set(err, code, EXIT_KERNEL, "%s: %s", what, strerror(-code));
}

/* libbpf is silent unless asked: what it knows goes into the error message. */
static __thread char front_warning[200];

static int front_print(enum libbpf_print_level level, const char *fmt, va_list ap)
{
	if (level == LIBBPF_WARN)
		vsnprintf(front_warning, sizeof(front_warning), fmt, ap);
	if (level == LIBBPF_WARN && getenv("SYNGATE_LIBBPF"))
		fputs(front_warning, stderr);
	return 0;
}

/* At the limit both buckets of a new entry are full 4 times in 10,000. */
static __u32 front_buckets(__u32 entries)
{
	__u32 buckets = (entries + SG_BUCKET_ENTRIES - 1) / SG_BUCKET_ENTRIES;

	return buckets < 2 ? 2 : buckets;
}

__u32 front_room(__u32 buckets)
{
	return buckets * SG_BUCKET_ENTRIES;
}

bool front_is(const struct front *f, const struct front_config *cfg)
{
	__u32 halfopen = front_buckets(cfg->halfopen_entries);
	__u32 flows = front_buckets(cfg->flow_entries);

	return (cfg->mode == FRONT_AUTO || cfg->mode == f->mode) &&
	       (!cfg->halfopen_entries || halfopen == f->halfopen.buckets) &&
	       (!cfg->flow_entries || flows == f->flows.buckets) &&
	       (!cfg->max_listeners || cfg->max_listeners == f->max_listeners);
}

static int front_check(const struct front_config *cfg, struct err *err)
{
	if (cfg->queues == 0 || cfg->queues > SG_MAX_QUEUES)
		return err_set(
			err, -EINVAL, EXIT_USAGE,
			"%s has %u RX queues; 1 to %d can be served: ethtool -L %s combined N",
			cfg->ifname, cfg->queues, SG_MAX_QUEUES, cfg->ifname);
	if (cfg->max_listeners > SG_MAX_LISTENERS)
		return err_set(err, -EINVAL, EXIT_USAGE, "max_listeners: %d at most",
			       SG_MAX_LISTENERS);
	if (cfg->halfopen_entries > 1 << 24 || cfg->flow_entries > 1 << 26)
		return err_set(err, -EINVAL, EXIT_USAGE,
			       "halfopen_entries: %d at most; flow_entries: %d at most", 1 << 24,
			       1 << 26);
	return 0;
}

static int front_interface(struct front *f, const struct front_config *cfg, struct err *err)
{
	struct netif *nif = &f->priv->nif;
	int ret = netif_read(nif, cfg->ifname);

	if (ret == -ENODEV)
		return err_set(err, ret, EXIT_USAGE,
			       "no interface '%s' in this network namespace: see ip link",
			       cfg->ifname);
	if (ret)
		return front_refused(err, ret, cfg->ifname);
	if (!nif->ethernet)
		return err_set(err, -EINVAL, EXIT_USAGE,
			       "%s has no Ethernet header (a tunnel?): use the Ethernet interface "
			       "below it",
			       cfg->ifname);
	f->ifindex = nif->ifindex;
	return 0;
}

static int front_names(struct front *f, const struct front_config *cfg, struct err *err)
{
	const char *instance = cfg->instance ? cfg->instance : cfg->ifname;
	int ret = front_check(cfg, err);

	if (ret)
		return ret;
	if (pins_name(&f->priv->pins, instance))
		return err_set(err, -EINVAL, EXIT_USAGE,
			       "instance '%s': 1 to 63 characters, no '/', no '.' in front",
			       instance);
	snprintf(f->ifname, sizeof(f->ifname), "%s", cfg->ifname);
	snprintf(f->instance, sizeof(f->instance), "%s", instance);
	f->mode = f->priv->asked = cfg->mode;
	f->queues = cfg->queues;
	f->max_listeners = cfg->max_listeners ? cfg->max_listeners : FRONT_LISTENERS;
	f->halfopen.buckets =
		front_buckets(cfg->halfopen_entries ? cfg->halfopen_entries : FRONT_HALFOPEN);
	f->flows.buckets = front_buckets(cfg->flow_entries ? cfg->flow_entries : FRONT_FLOWS);
	return front_interface(f, cfg, err);
}

/* Load the program, with maps as big as asked for, and those of a dead daemon where they fit. */
static int front_load(struct front *f, struct err *err)
{
	const struct {
		const char *name;
		__u32 entries;
	} sizes[] = {
		{"listeners", f->max_listeners},
		{"queues", f->max_listeners},
		{"tcp_counters", f->queues},
		{"workers", f->queues},
		{"xsks", f->queues},
		{"budgets", f->queues * SG_BUDGET_CELLS},
		{"halfopen", f->halfopen.buckets},
		{"halfopen_entries", f->halfopen.buckets * SG_WAYS},
		{"flows", f->flows.buckets},
		{"flow_tuples", f->flows.buckets},
		{"flow_homes", f->flows.buckets / 8 + 1},
	};
	int ret;

	f->priv->skel = front_bpf__open();
	if (!f->priv->skel)
		return front_refused(err, -errno, "opening the XDP program");
	for (size_t i = 0; i < SG_ARRAY_SIZE(sizes); i++)
		bpf_map__set_max_entries(front_map(f, sizes[i].name), sizes[i].entries);
	f->priv->skel->rodata->halfopen_buckets = f->halfopen.buckets;
	f->priv->skel->rodata->flow_buckets = f->flows.buckets;
	ret = f->took_over ? takeover_reuse(f, err) : 0;
	if (ret)
		return ret;
	front_warning[0] = 0;
	ret = front_bpf__load(f->priv->skel);
	if (ret && ret != -EPERM && ret != -EACCES)
		return err_set(err, ret, EXIT_KERNEL,
			       "the kernel refused the XDP program (%s): %.180s", strerror(-ret),
			       front_warning);
	return ret ? front_refused(err, ret, "loading the XDP program") : 0;
}

static void *front_mmap(struct front *f, const char *name)
{
	struct bpf_map *map = front_map(f, name);
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	size_t value = (bpf_map__value_size(map) + 7) / 8 * 8;
	size_t len = (value * bpf_map__max_entries(map) + page - 1) / page * page;
	void *mem = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED, bpf_map__fd(map), 0);

	if (mem == MAP_FAILED)
		return NULL;
	f->priv->mapping[f->priv->mappings++] = (struct front_mapping){mem, len};
	return mem;
}

static int front_map_memory(struct front *f, struct err *err)
{
	if (!(f->settings = front_mmap(f, "settings")) || !(f->queue = front_mmap(f, "queues")) ||
	    !(f->worker = front_mmap(f, "workers")) ||
	    !(f->tcp_counters = front_mmap(f, "tcp_counters")) ||
	    !(f->halfopen.ways = front_mmap(f, "halfopen")) ||
	    !(f->halfopen.entry = front_mmap(f, "halfopen_entries")) ||
	    !(f->proven = front_mmap(f, "proven")) ||
	    !(f->flows.ways = front_mmap(f, "flows")) ||
	    !(f->flows.tuples = front_mmap(f, "flow_tuples")) ||
	    !(f->flows.homes = front_mmap(f, "flow_homes")) ||
	    !(f->priv->ports = front_mmap(f, "ports")))
		return front_refused(err, -errno, "mapping the maps");
	return 0;
}

/* The keys, once for the life of the maps. Never all zero, which is what a new map holds. */
static int front_keys(struct front *f, struct err *err)
{
	int fd = front_map_fd(f, "keys");
	__u32 zero = 0;

	if (bpf_map_lookup_elem(fd, &zero, &f->keys))
		return front_refused(err, -errno, "reading the keys");
	while (!(f->keys.tuple.sip.k[0] | f->keys.tuple.sip.k[1])) {
		struct sg_key key[2];

		if (getrandom(key, sizeof(key), 0) != sizeof(key))
			return front_refused(err, -errno, "getrandom");
		sg_tuple_key_make(&f->keys.tuple, &key[0]);
		f->keys.cookie.key[0] = key[1];
		explicit_bzero(key, sizeof(key));
	}
	f->keys.cookie.clock = clock_real_ms() - clock_now() / 1000000;
	if (bpf_map_update_elem(fd, &zero, &f->keys, BPF_ANY))
		return front_refused(err, -errno, "writing the keys");
	return 0;
}

static int front_put_keys(struct front *f)
{
	__u32 zero = 0;

	return bpf_map_update_elem(front_map_fd(f, "keys"), &zero, &f->keys, BPF_ANY) ? -errno : 0;
}

int front_set_cookies(struct front *f, const struct sg_cookie_keys *k)
{
	f->keys.cookie = *k;
	return front_put_keys(f);
}

/*
 * First the key, where nobody looks or nothing is lost; then, once it is there, that it counts. Who
 * makes cookies with the one before has ended then: its place may be written again.
 */
int front_cookie_rotate(struct front *f, const struct sg_key *key)
{
	struct sg_cookie_keys *k = &f->keys.cookie;
	int ret;

	k->key[~k->current & 1] = *key;
	ret = front_put_keys(f);
	if (ret)
		return ret;
	SG_WRITE_ONCE(k->current, ~k->current & 1);
	ret = front_put_keys(f);
	programs_wait();
	return ret;
}

int front_cookie_previous(struct front *f, const struct sg_key *key)
{
	struct sg_cookie_keys *k = &f->keys.cookie;

	k->key[~k->current & 1] = *key;
	return front_put_keys(f);
}

int front_cookie_clock(struct front *f)
{
	__u64 clock = clock_real_ms() - clock_now() / 1000000, was = f->keys.cookie.clock;

	if (clock - was < 100 || was - clock < 100)
		return 0;
	SG_WRITE_ONCE(f->keys.cookie.clock, clock);
	return front_put_keys(f);
}

static void front_settings(struct front *f, const struct sg_settings *knobs)
{
	struct sg_settings *s = f->settings;

	s->abi = SG_ABI;
	/* 0 is what a program has seen nothing of */
	f->priv->since = __sync_add_and_fetch(&s->generation, 1);
	s->ifindex = f->ifindex;
	s->netns = f->priv->nif.netns;
	s->daemon = (__u64)getpid();
	s->started = (__u64)time(NULL);
	memcpy(s->mac, f->priv->nif.mac, sizeof(s->mac));
	s->mtu = f->priv->nif.mtu;
#define X(name, def, min, max, text) SG_WRITE_ONCE(s->name, knobs ? knobs->name : def);
	SG_SETTINGS(X)
#undef X
	for (__u32 i = 0; i < f->queues; i++)
		f->worker[i].rx_queue = i;
}

static int front_pin(struct front *f, struct err *err)
{
	for (size_t i = 0; i < SG_ARRAY_SIZE(front_pinned); i++) {
		int ret =
			pins_put(&f->priv->pins, front_pinned[i], front_map_fd(f, front_pinned[i]));

		if (ret && !(ret == -EEXIST && f->took_over))
			return front_refused(err, ret, f->priv->pins.dir);
	}
	return 0;
}

static int front_claim(struct front *f, struct err *err)
{
	int ret = takeover_lock(f, err);

	if (ret)
		return ret;
	switch (takeover_look(f, err)) {
	case FRONT_LEFT_FOREIGN:
		return -EEXIST;
	case FRONT_LEFT_OURS:
		f->took_over = true;
		return 0;
	case FRONT_LEFT_NOTHING:
		break;
	}
	ret = pins_clear(&f->priv->pins);
	return ret ? front_refused(err, ret, f->priv->pins.dir) : 0;
}

static int front_fill(struct front *f, const struct front_config *cfg, struct err *err)
{
	int ret = front_map_memory(f, err);

	if (!ret)
		ret = front_keys(f, err);
	if (ret)
		return ret;
	if (f->took_over)
		takeover_clean(f);
	front_settings(f, cfg->knobs);
	return front_pin(f, err);
}

static struct front *front_new(struct err *err)
{
	struct front *f = calloc(1, sizeof(*f));

	if (!f || !(f->priv = calloc(1, sizeof(*f->priv)))) {
		free(f);
		err_set(err, -ENOMEM, EXIT_KERNEL, "out of memory");
		return NULL;
	}
	libbpf_set_print(front_print);
	f->priv->link_fd = f->priv->pins.fd = -1;
	return f;
}

int front_open(struct front **out, const struct front_config *cfg, struct err *err)
{
	struct front *f = front_new(err);
	int ret;

	if (!f)
		return -ENOMEM;
	ret = front_names(f, cfg, err);
	if (ret)
		goto err_close;
	ret = front_claim(f, err);
	if (ret)
		goto err_close;
	ret = front_load(f, err);
	if (ret)
		goto err_unpin;
	ret = front_fill(f, cfg, err);
	if (ret)
		goto err_unpin;
	*out = f;
	return 0;

err_unpin:
	if (!f->took_over) /* else what the dead one left stays, for who can use it */
		(void)pins_remove(&f->priv->pins);
err_close:
	front_close(f);
	return ret;
}

void front_close(struct front *f)
{
	struct front_priv *p;

	if (!f)
		return;
	p = f->priv;
	if (f->settings)
		f->settings->daemon = 0;
	for (unsigned i = 0; i < p->mappings; i++)
		munmap(p->mapping[i].mem, p->mapping[i].len);
	if (p->link_fd >= 0)
		close(p->link_fd);
	if (p->skel)
		front_bpf__destroy(p->skel);
	pins_close(&p->pins);
	free(p);
	explicit_bzero(&f->keys, sizeof(f->keys));
	free(f);
}

int front_remove(const char *ifname, const char *instance, struct err *err)
{
	const struct front_config cfg = {.ifname = ifname, .instance = instance, .queues = 1};
	struct front *f = front_new(err);
	bool something, gone;
	int ret;

	if (!f)
		return -ENOMEM;
	ret = front_names(f, &cfg, err);
	gone = ret == -ENODEV; /* without its pins, perhaps */
	if (!ret || gone)
		ret = takeover_lock(f, err);
	if (!ret && takeover_look(f, err) == FRONT_LEFT_FOREIGN)
		ret = -EEXIST;
	if (!ret) {
		something = pins_any(&f->priv->pins);
		ret = front_detach(f, err);
		ret = ret ? ret : something;
		ret = !ret && gone ? -ENODEV : ret;
	}
	front_close(f);
	return ret;
}

int front_set_xsk(struct front *f, __u32 queue, int fd, struct err *err)
{
	if (bpf_map_update_elem(front_map_fd(f, "xsks"), &queue, &fd, BPF_ANY))
		return front_refused(err, -errno, "xsks: putting in the AF_XDP socket");
	return 0;
}

static __u64 front_port(__u16 port, __u64 bits)
{
	return bits << port % 32 * 2;
}

void front_own_port(struct front *f, __u16 port)
{
	__sync_fetch_and_or(&f->priv->ports[port / 32],
			    front_port(port, SG_PORT_OURS | SG_PORT_KERNEL));
}

void front_kernel_port(struct front *f, __u16 port, bool may_have)
{
	__u64 bit = front_port(port, SG_PORT_KERNEL);

	if (may_have)
		__sync_fetch_and_or(&f->priv->ports[port / 32], bit);
	else
		__sync_fetch_and_and(&f->priv->ports[port / 32], ~bit);
}

bool front_kernel_asked(const struct front *f, __u16 port)
{
	return SG_READ_ONCE(f->priv->ports[port / 32]) & front_port(port, SG_PORT_KERNEL);
}

/* Programs forget what they found before. */
static void front_changed(struct front *f)
{
	__sync_fetch_and_add(&f->settings->generation, 1);
}

int front_set_listener(struct front *f, const struct sg_listener_key *k,
		       const struct sg_listener *l, struct err *err)
{
	if (l->id >= f->max_listeners)
		return err_set(err, -EINVAL, EXIT_USAGE, "listener %u: %u at most", l->id,
			       f->max_listeners);
	front_own_port(f, k->port);
	if (!bpf_map_update_elem(front_map_fd(f, "listeners"), k, l, BPF_ANY)) {
		front_changed(f);
		return 0;
	}
	if (errno == E2BIG)
		return err_set(err, -E2BIG, EXIT_USAGE,
			       "%s has %u listeners already: attach it with a higher max_listeners",
			       f->ifname, f->max_listeners);
	return front_refused(err, -errno, "listeners: putting in the listener");
}

int front_del_listener(struct front *f, const struct sg_listener_key *k, struct err *err)
{
	if (bpf_map_delete_elem(front_map_fd(f, "listeners"), k) && errno != ENOENT)
		return front_refused(err, -errno, "listeners: taking out the listener");
	front_changed(f);
	return 0;
}

int front_set_local(struct front *f, const struct sg_addr *a, __u32 prefix)
{
	struct sg_prefix k = {.prefix = prefix, .addr = *a};
	__u8 one = 1;

	if (bpf_map_update_elem(front_map_fd(f, "locals"), &k, &one, BPF_ANY))
		return -errno;
	front_changed(f);
	return 0;
}

int front_del_local(struct front *f, const struct sg_addr *a, __u32 prefix)
{
	struct sg_prefix k = {.prefix = prefix, .addr = *a};

	if (bpf_map_delete_elem(front_map_fd(f, "locals"), &k) && errno != ENOENT)
		return -errno;
	front_changed(f);
	return 0;
}

int front_next_local(struct front *f, const struct sg_prefix *k, struct sg_prefix *next)
{
	return bpf_map_get_next_key(front_map_fd(f, "locals"), k, next) ? -errno : 0;
}

int front_counters(const struct front *f, struct sg_counters *sum)
{
	int cpus = libbpf_num_possible_cpus();
	__u64 *each, *total = (__u64 *)sum;
	__u32 zero = 0;
	int ret = 0;

	if (cpus < 0)
		return cpus;
	each = calloc((size_t)cpus, sizeof(*sum));
	if (!each)
		return -ENOMEM;
	if (bpf_map_lookup_elem(front_map_fd(f, "counters"), &zero, each))
		ret = -errno;
	memset(sum, 0, sizeof(*sum));
	for (size_t i = 0; !ret && i < (size_t)cpus * SG_VERDICT_COUNT; i++)
		total[i % SG_VERDICT_COUNT] += each[i];
	free(each);
	return ret;
}
