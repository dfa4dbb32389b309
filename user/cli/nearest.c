/* SPDX-License-Identifier: BSD-2-Clause */
#include "cli/nearest.h"

#include <stdio.h>
#include <string.h>

#define NEAREST_MAX 48 /* longer words are compared by their beginning */

static size_t least(size_t a, size_t b)
{
	return a < b ? a : b;
}

size_t nearest_distance(const char *a, const char *b)
{
	size_t d[3][NEAREST_MAX + 1]; /* rows i - 2, i - 1 and i, in turn */
	size_t n = strnlen(a, NEAREST_MAX), m = strnlen(b, NEAREST_MAX);

	for (size_t j = 0; j <= m; j++)
		d[0][j] = j;
	for (size_t i = 1; i <= n; i++) {
		size_t *row = d[i % 3], *up = d[(i - 1) % 3], *up2 = d[(i + 1) % 3];

		row[0] = i;
		for (size_t j = 1; j <= m; j++) {
			row[j] = least(up[j - 1] + (a[i - 1] != b[j - 1]),
				       1 + least(up[j], row[j - 1]));
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
				row[j] = least(row[j], up2[j - 2] + 1);
		}
	}
	return d[n % 3][m];
}

void nearest_begin(struct nearest *n, const char *word)
{
	n->word = word;
	n->best = NULL;
	n->distance = 0;
}

/* Near is: about a quarter of the letters wrong, or one the beginning of the other. */
static int is_near(const char *word, const char *known, size_t distance)
{
	size_t n = strnlen(word, NEAREST_MAX), m = strnlen(known, NEAREST_MAX);

	if (n >= 2 && m >= 2 && !strncmp(word, known, least(n, m)))
		return 1;
	return distance <= 1 + (m > n ? m : n) / 4;
}

void nearest_offer(struct nearest *n, const char *known)
{
	size_t d = nearest_distance(n->word, known);

	if (!is_near(n->word, known, d) || (n->best && d >= n->distance))
		return;
	n->best = known;
	n->distance = d;
}

const char *nearest_hint(const struct nearest *n, char buf[NEAREST_HINT])
{
	if (n->best)
		snprintf(buf, NEAREST_HINT, " (did you mean '%s'?)", n->best);
	else
		buf[0] = '\0';
	return buf;
}
