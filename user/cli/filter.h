/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The part of ss(8)'s filters that one needs at a prompt, over the rows of `show`:
 *
 *	state NAME        ESTAB, established, syn-recv, connected, ... ; several: any of them
 *	exclude NAME
 *	sport = :80       dport != 1234; sport is our side
 *	src ADDR[/LEN][:PORT]    dst != ADDR
 *
 * joined with `and`, or just one behind the other.
 */
#ifndef CLI_FILTER_H
#define CLI_FILTER_H

#include <jansson.h>
#include <stdbool.h>

#include "io/err.h"
#include "syngate/addr.h"

#define FILTER_TERMS 16

struct filter_term {
	bool peer;     /* dst, dport */
	bool differ;   /* != */
	unsigned bits; /* of `addr` that count; 0: any address */
	unsigned port; /* 0: any port */
	struct sg_addr addr;
};

struct filter {
	unsigned states; /* bit set */
	int terms;
	struct filter_term term[FILTER_TERMS];
};

/* Words of a command line. 0, or -EINVAL with `err` filled (EXIT_USAGE). */
int filter_parse(struct filter *f, int argc, char **argv, struct err *err);

/* Does a row of `show` fit? Rows without a state are `state`'s. */
bool filter_match(const struct filter *f, const json_t *row, const char *state);

#endif
