/* SPDX-License-Identifier: BSD-2-Clause */
/* What `show` and `status` print for people: rows of the control protocol as a table. */
#ifndef CLI_VIEW_H
#define CLI_VIEW_H

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>

enum view_format {
	VIEW_TEXT, /* a string as it is */
	VIEW_NUMBER,
	VIEW_MS,       /* a duration */
	VIEW_SECONDS,  /* likewise, of a number of seconds */
	VIEW_US,       /* likewise, of microseconds */
	VIEW_YES,      /* true: the column's title in small letters; false: nothing */
	VIEW_TIMER,    /* {"name", "ms", "retrans"} as ss prints it */
	VIEW_ENDPOINT, /* the row's `addr` and `port` */
	VIEW_OF,       /* "key/key2": a length and its limit */
	VIEW_LIMITED,  /* the same, but no limit if that is 0 */
	VIEW_COPY,     /* zero_copy */
	VIEW_WORKERS,  /* alive ones, of all */
};

struct view_column { /* title NULL ends the list */
	const char *title;
	const char *key;
	enum view_format format;
	const char *limit; /* VIEW_OF, VIEW_LIMITED: the second key */
};

/* Print an array of objects. 0 or -ENOMEM. */
int view_rows(const struct view_column *columns, const json_t *rows, FILE *out);

/* "204ms", "1.2s", "56s", "1m02s", "2h03m", "5d01h". Returns `buf`. */
#define VIEW_DURATION 24
char *view_duration(unsigned long long ms, char buf[VIEW_DURATION]);

#endif
