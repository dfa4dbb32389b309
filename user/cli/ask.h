/* SPDX-License-Identifier: BSD-2-Clause */
/* What the commands have in common that put one question to one daemon. */
#ifndef CLI_ASK_H
#define CLI_ASK_H

#include <jansson.h>

#include "cli/opts.h"
#include "cli/output.h"

struct ask {
	const char *iface;
	const char *instance; /* NULL: IFACE's daemon, else syngated */
	struct output out;
};

/* clang-format off */
#define ASK_OPTS                                                                            \
	{"instance", OPT_INSTANCE, "NAME", "the daemon (IFACE's, syngated, the only one)"}, \
	OUTPUT_OPTS
/* clang-format on */

/* One of ASK_OPTS. 0 done, 1 another option, or -EINVAL. */
int ask_option(struct ask *a, int key, const char *arg, struct err *err);

/* `n` operands, the first of which is the interface. 0 or -EINVAL. */
int ask_operands(struct ask *a, const struct opts *o, int n, struct err *err);

/* Ask, and print the result: as JSON, or by `tell`. The reference to `request` is taken. */
int ask_daemon(const struct ask *a, json_t *request,
	       void (*tell)(const struct ask *a, const json_t *result), struct err *err);

#endif
