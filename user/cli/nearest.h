/* SPDX-License-Identifier: BSD-2-Clause */
/* The known word that a mistyped one most likely meant. */
#ifndef CLI_NEAREST_H
#define CLI_NEAREST_H

#include <stddef.h>

struct nearest {
	const char *word; /* what was typed */
	const char *best; /* NULL: nothing comes near */
	size_t distance;
};

void nearest_begin(struct nearest *n, const char *word);
void nearest_offer(struct nearest *n, const char *known);

/* " (did you mean 'best'?)", or "" when nothing comes near. */
#define NEAREST_HINT 96
const char *nearest_hint(const struct nearest *n, char buf[NEAREST_HINT]);

/* Letters to insert, delete, replace or swap with their neighbour to get from a to b. */
size_t nearest_distance(const char *a, const char *b);

#endif
