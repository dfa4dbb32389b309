/* SPDX-License-Identifier: BSD-2-Clause */
/* What bpf.c, attach.c, listed.c and takeover.c share. Nobody else's business. */
#ifndef IO_FRONT_H
#define IO_FRONT_H

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "io/bpf.h"
#include "io/netif.h"
#include "io/pins.h"

struct front_bpf; /* the skeleton */

struct front_mapping {
	void *mem;
	size_t len;
};

struct front_priv {
	struct front_bpf *skel;
	struct pins pins;
	struct netif nif;
	enum front_mode asked;
	int link_fd;  /* the pinned link; -1: not attached */
	__u64 *ports; /* SG_PORT_* of the local ports, two bits each */
	__u32 since;  /* settings->generation when this daemon came */
	struct front_mapping mapping[12];
	unsigned mappings;
};

#define FRONT_LINK "link"

struct bpf_map *front_map(const struct front *f, const char *name);
int front_map_fd(const struct front *f, const char *name);

/* -EPERM and -EACCES into words; `what` names what was tried. */
int front_refused(struct err *err, int code, const char *what);

/* --- listed.c --- */

/* Count what is in `prefixes`, as a dead daemon may not have. */
void listed_count_all(struct front *f);

/* --- takeover.c --- */

/* What lies in the directory, now that it is ours alone? */
enum front_left {
	FRONT_LEFT_NOTHING, /* or what is of no use and bound to nothing: start fresh */
	FRONT_LEFT_OURS,    /* to take over */
	FRONT_LEFT_FOREIGN, /* of an interface that is not ours and lives: refuse */
};
/* Lock the directory, or say who has it. */
int takeover_lock(struct front *f, struct err *err);

enum front_left takeover_look(struct front *f, struct err *err);

/* Let the maps that lie there be used where they fit; unpin those that do not. Before load. */
int takeover_reuse(struct front *f, struct err *err);

/* Programs that saw what was just taken out of a map have ended: an RCU grace period. */
void programs_wait(void);

/* Put the reused maps in order. After the maps are mapped. */
void takeover_clean(struct front *f);

#endif
