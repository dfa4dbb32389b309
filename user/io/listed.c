/* SPDX-License-Identifier: BSD-2-Clause */
/* `prefixes`: peers that are allowed or denied, and how many of either there are. */
#include <errno.h>

#include "io/front.h"

static __u32 *listed_count(struct front *f, enum sg_list list)
{
	static __u32 nobody;

	switch (list) {
	case SG_LIST_ALLOW:
		return &f->settings->allowed;
	case SG_LIST_DENY:
		return &f->settings->denied;
	case SG_LIST_NONE:
		break;
	}
	return &nobody;
}

static void listed_add(struct front *f, enum sg_list list, __u32 n)
{
	__u32 *count = listed_count(f, list);

	SG_WRITE_ONCE(*count, *count + n);
}

/* What this very prefix is listed as: a trie answers with the longest one that fits. */
static enum sg_list listed_as(const struct front *f, const struct prefix *p)
{
	struct sg_listed l;

	if (bpf_map_lookup_elem(front_map_fd(f, "prefixes"), &p->key, &l) ||
	    l.bits != prefix_bits(p) || l.v6 != p->v6)
		return SG_LIST_NONE;
	return l.list;
}

static int listed_delete(struct front *f, const struct sg_prefix *key, enum sg_list list)
{
	if (bpf_map_delete_elem(front_map_fd(f, "prefixes"), key))
		return -errno;
	listed_add(f, list, -1u);
	return 0;
}

int front_list(struct front *f, const struct prefix *p, enum sg_list list, struct err *err)
{
	enum sg_list was = listed_as(f, p);
	struct sg_listed l = {
		.list = list,
		.bits = (__u16)prefix_bits(p),
		.v6 = p->v6,
		.since = f->settings->generation,
	};
	char text[PREFIX_TEXT];

	if (list == SG_LIST_NONE && was != SG_LIST_NONE && !listed_delete(f, &p->key, was))
		return 0;
	if (list == SG_LIST_NONE)
		return err_set(err, -ENOENT, EXIT_USAGE,
			       "%s is not listed at %s: see syngate show prefixes",
			       prefix_print(text, p), f->ifname);
	listed_add(f, list, 1); /* first, so that whoever is there is looked for */
	if (!bpf_map_update_elem(front_map_fd(f, "prefixes"), &p->key, &l, BPF_ANY)) {
		listed_add(f, was, -1u);
		return 0;
	}
	listed_add(f, list, -1u);
	if (errno == ENOSPC)
		return err_set(err, -ENOSPC, EXIT_USAGE,
			       "%s: %d prefixes are listed at %s, and that is all there is room for",
			       prefix_print(text, p), SG_MAX_PREFIXES, f->ifname);
	return front_refused(err, -errno, "prefixes: putting one in");
}

int front_next_listed(const struct front *f, const struct sg_prefix *key, struct prefix *next,
		      enum sg_list *list)
{
	int fd = front_map_fd(f, "prefixes");
	struct sg_listed l;

	if (bpf_map_get_next_key(fd, key, &next->key) || bpf_map_lookup_elem(fd, &next->key, &l))
		return -errno;
	next->v6 = l.v6;
	*list = l.list;
	return 0;
}

void front_unlist_old(struct front *f)
{
	int fd = front_map_fd(f, "prefixes");
	struct sg_prefix k, next;
	struct sg_listed l;
	bool more = !bpf_map_get_next_key(fd, NULL, &next);

	while (more) {
		k = next;
		more = !bpf_map_get_next_key(fd, &k, &next);
		if (!bpf_map_lookup_elem(fd, &k, &l) && (__s32)(l.since - f->priv->since) < 0)
			(void)listed_delete(f, &k, l.list);
	}
}

void listed_count_all(struct front *f)
{
	struct sg_prefix k = {0};
	struct prefix next;
	enum sg_list list;

	f->settings->allowed = f->settings->denied = 0;
	for (int rc = front_next_listed(f, NULL, &next, &list); !rc;
	     rc = front_next_listed(f, &k, &next, &list)) {
		listed_add(f, list, 1);
		k = next.key;
	}
}
