/* SPDX-License-Identifier: BSD-2-Clause */
/* Prefixes as people write them: 192.0.2.0/24, 2001:db8::/32, one address alone. */
#ifndef IO_PREFIX_H
#define IO_PREFIX_H

#include <stdbool.h>
#include <stddef.h>

#include "io/err.h"
#include "syngate/abi.h"

#define PREFIX_TEXT 64 /* the longest, with its NUL */

struct prefix {
	struct sg_prefix key; /* mapped, if it is IPv4 */
	bool v6;
};

/* 0, or -EINVAL (EXIT_USAGE) with what is wrong with it and how it is written. */
int prefix_read(const char *text, struct prefix *p, struct err *err);

/* The length as it is written: of 32 or 128. */
unsigned prefix_bits(const struct prefix *p);

/* Returns `text`. */
const char *prefix_print(char text[PREFIX_TEXT], const struct prefix *p);

/* Owned by who made it, {0} in the beginning; prefixes_free() may be called at any time. */
struct prefixes {
	struct prefix *at; /* [n] */
	size_t n, room;
};

/*
 * One more, or all of a file: `@PATH`, or `@-` for standard input; one a line, behind '#' a remark. 0,
 * -EINVAL or another negative errno, naming the line; those in front of it have been added.
 */
int prefixes_add(struct prefixes *list, const char *text, struct err *err);
/* One more. 0 or -ENOMEM. */
int prefixes_put(struct prefixes *list, const struct prefix *p, struct err *err);
void prefixes_free(struct prefixes *list);

#endif
