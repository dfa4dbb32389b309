/* SPDX-License-Identifier: BSD-2-Clause */
/* One request of the control socket: JSON text in, JSON text out. */
#ifndef DAEMON_ANSWER_H
#define DAEMON_ANSWER_H

#include <jansson.h>
#include <stddef.h>

#include "app/proxy_config.h"
#include "io/err.h"

struct daemon;

/* The answer with its newline, the caller's to free; NULL: no memory. */
char *answer_request(struct daemon *d, const char *text, size_t len, size_t *answer_len);

/* The answer that is an error. */
char *answer_error(const struct err *err, size_t *answer_len);

/* --- arguments of requests -------------------------------------------------------------------- */

/* NULL when it is not there. */
int answer_string(const json_t *req, const char *name, const char **value, struct err *err);

/* `value` is left alone when it is not there. */
int answer_number(const json_t *req, const char *name, long min, long *value, struct err *err);

/* The servers behind a listener and what is said of them; it may be nothing. */
int answer_proxy(const json_t *req, struct proxy_config *p, struct err *err);

#endif
