/* SPDX-License-Identifier: BSD-2-Clause */
/* What `status` and `show` answer, written as JSON (docs/control-protocol.md). */
#ifndef DAEMON_SHOW_H
#define DAEMON_SHOW_H

#include <jansson.h>
#include <stdio.h>

#include "daemon/daemon.h"

int show_status(struct daemon *d, FILE *out, struct err *err);
int show_what(struct daemon *d, const char *what, FILE *out, struct err *err);

/* An array that is written row by row: there may be very many. */
struct show_array {
	FILE *out;
	unsigned long rows;
};

void show_begin(struct show_array *s, FILE *out);
void show_row(struct show_array *s, json_t *row); /* takes the row */
void show_end(struct show_array *s);

#endif
