/* SPDX-License-Identifier: BSD-2-Clause */
/* The rows of `show halfopen`, `acceptq`, `conns`, `timewait` and `backends`. */
#ifndef DAEMON_ROWS_H
#define DAEMON_ROWS_H

#include "daemon/show.h"
#include "daemon/state.h"

enum rows_kind { ROWS_ACCEPTQ, ROWS_CONNS, ROWS_TIMEWAIT };

/* What the half-open table has; `as_conns`: in the shape of connections, as SYN-RECV. */
void rows_halfopen(struct show_array *s, const struct attachment *a, bool as_conns);

/* What the engines have, asked of each worker. -ENOMEM. */
int rows_conns(struct show_array *s, const struct attachment *a, enum rows_kind kind);

void rows_backends(struct show_array *s, const struct attachment *a);

#endif
