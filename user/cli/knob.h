/* SPDX-License-Identifier: BSD-2-Clause */
/* The knobs of include/syngate/settings.h as the command line knows them. */
#ifndef CLI_KNOB_H
#define CLI_KNOB_H

#include "io/err.h"

struct knob {
	const char *name; /* NULL ends the list */
	unsigned long long def, min, max;
	const char *text;
};

extern const struct knob knobs[];

const struct knob *knob_find(const char *name);

/* The word for this value, as "hold"; NULL: it has none. */
const char *knob_word(const struct knob *k, const char *value);

/*
 * NAME=VALUE: the knob, and its value as a decimal number in `value`. fail_policy takes
 * its words as well. 0, or -EINVAL, -ERANGE with `err` filled (EXIT_USAGE).
 */
#define KNOB_VALUE 24
int knob_parse(const char *text, const struct knob **knob, char value[KNOB_VALUE], struct err *err);

#endif
