/* SPDX-License-Identifier: BSD-2-Clause */
/* Counters and settings: flat objects of names and numbers, of one daemon or of several. */
#ifndef CLI_FLAT_H
#define CLI_FLAT_H

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>

#include "cli/client.h"
#include "io/err.h"

/* All counters added up. `flat` is the caller's. 0 or -ENOMEM. */
int flat_sum(const struct client_answers *answers, json_t **flat);

/* The settings that all daemons agree on; -EINVAL with `err` filled where they do not. */
int flat_same(const struct client_answers *answers, json_t **flat, struct err *err);

/* Keep the names that fit one of the shell patterns (all, without any). -EINVAL: none does. */
int flat_select(json_t *flat, int n, char **pattern, struct err *err);

/* Print with what each one means. 0 or -ENOMEM. */
int flat_print_counters(json_t *flat, bool zeros, FILE *out);
int flat_print_settings(json_t *flat, FILE *out);

/* What a counter counts, or "" for one that this syngate does not know. */
const char *flat_meaning(const char *counter);

#endif
