/* SPDX-License-Identifier: BSD-2-Clause */
/* Aligned columns of text, like ss and ip: two spaces between, nothing at a line's end. */
#ifndef CLI_TABLE_H
#define CLI_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#define TABLE_COLUMNS 16

struct table {
	size_t columns, cells, room;
	char **cell; /* row by row, the titles first; owned */
	bool right[TABLE_COLUMNS];
	bool failed; /* out of memory */
};

void table_begin(struct table *t);

/* One more column; all of them before the first cell. */
void table_column(struct table *t, const char *title, bool right);

/* The next cell, row by row. Bytes that a terminal would obey are replaced by '?'. */
void table_cell(struct table *t, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Print and free. 0 or -ENOMEM. */
int table_print(struct table *t, FILE *out);

#endif
