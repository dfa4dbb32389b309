/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The directory of one instance's pins, /sys/fs/bpf/syngate/<instance>/. Whoever has it
 * open holds its lock, which ends with the process: that is how a dead daemon's pins are
 * told from a live one's. Functions return 0 or a descriptor, or a negative errno.
 */
#ifndef IO_PINS_H
#define IO_PINS_H

#include <stdbool.h>
#include <stddef.h>

#define PINS_ROOT "/sys/fs/bpf/syngate"

struct pins {
	int fd; /* the directory, locked; -1: not open */
	char dir[128];
};

/* 0 when `name` can name an instance, else -EINVAL. */
int pins_name(struct pins *p, const char *name);

/* Mount bpffs if it is not, make the directory, lock it. -EBUSY: a live process has it. */
int pins_open(struct pins *p);
void pins_close(struct pins *p);

/* bpf_obj_get() and bpf_obj_pin() in the directory. They work unlocked too. */
int pins_get(const struct pins *p, const char *name);
int pins_put(const struct pins *p, const char *name, int fd);

/* Take out one (0 also when it is not there), or all. */
int pins_drop(const struct pins *p, const char *name);
int pins_clear(const struct pins *p);

/* Is anything pinned here? */
bool pins_any(const struct pins *p);

/* All of them, the directory, and PINS_ROOT when that was the last one. Closes. */
int pins_remove(struct pins *p);

#endif
