/* SPDX-License-Identifier: BSD-2-Clause */
#include "cli/table.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

void table_begin(struct table *t)
{
	memset(t, 0, sizeof(*t));
}

static void table_put(struct table *t, char *text)
{
	if (t->cells == t->room) {
		size_t room = t->room ? 2 * t->room : 64;
		char **cell = reallocarray(t->cell, room, sizeof(*cell));

		if (!cell) {
			t->failed = true;
			free(text);
			return;
		}
		t->cell = cell;
		t->room = room;
	}
	t->cell[t->cells++] = text;
}

static void table_clean(char *text)
{
	for (; *text; text++)
		if ((unsigned char)*text < 0x20 || *text == 0x7f)
			*text = '?';
}

void table_cell(struct table *t, const char *fmt, ...)
{
	char *text;
	va_list ap;
	int n;

	if (t->failed)
		return;
	va_start(ap, fmt);
	n = vasprintf(&text, fmt, ap);
	va_end(ap);
	if (n < 0) {
		t->failed = true;
		return;
	}
	table_clean(text);
	table_put(t, text);
}

void table_column(struct table *t, const char *title, bool right)
{
	t->right[t->columns++] = right;
	table_cell(t, "%s", title);
}

static void table_widths(const struct table *t, size_t width[TABLE_COLUMNS])
{
	memset(width, 0, TABLE_COLUMNS * sizeof(*width));
	for (size_t i = 0; i < t->cells; i++) {
		size_t n = strlen(t->cell[i]);

		if (n > width[i % t->columns])
			width[i % t->columns] = n;
	}
}

static void table_free(struct table *t)
{
	for (size_t i = 0; i < t->cells; i++)
		free(t->cell[i]);
	free(t->cell);
	table_begin(t);
}

static void table_row(const struct table *t, size_t row, const size_t *width, FILE *out)
{
	size_t owed = 0; /* spaces, written only when something follows */

	for (size_t i = 0; i < t->columns && row + i < t->cells; i++) {
		const char *text = t->cell[row + i];
		size_t pad = width[i] - strlen(text);

		if (*text) {
			fprintf(out, "%*s%s", (int)(owed + (t->right[i] ? pad : 0)), "", text);
			owed = t->right[i] ? 0 : pad;
		} else {
			owed += width[i];
		}
		owed += 2;
	}
	fputc('\n', out);
}

int table_print(struct table *t, FILE *out)
{
	size_t width[TABLE_COLUMNS];
	int rc = t->failed ? -ENOMEM : 0;

	table_widths(t, width);
	for (size_t row = 0; !rc && row < t->cells; row += t->columns)
		table_row(t, row, width, out);
	table_free(t);
	return rc;
}
