/* SPDX-License-Identifier: BSD-2-Clause */
/* One request of the control socket: JSON text in, JSON text out. */
#ifndef DAEMON_ANSWER_H
#define DAEMON_ANSWER_H

#include <stddef.h>

#include "io/err.h"

struct daemon;

/* The answer with its newline, the caller's to free; NULL: no memory. */
char *answer_request(struct daemon *d, const char *text, size_t len, size_t *answer_len);

/* The answer that is an error. */
char *answer_error(const struct err *err, size_t *answer_len);

#endif
