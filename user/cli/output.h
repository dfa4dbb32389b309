/* SPDX-License-Identifier: BSD-2-Clause */
/* Text for people, JSON for programs: `-j` and `-p`, the same for every command. */
#ifndef CLI_OUTPUT_H
#define CLI_OUTPUT_H

#include <jansson.h>
#include <stdbool.h>

#include "io/err.h"

struct output {
	bool json;
	bool pretty; /* implies json */
};

/* clang-format off */
#define OUTPUT_OPTS                                                                         \
	{"json", OPT_JSON, NULL, "the result as JSON, on one line"},                        \
	{"pretty", OPT_PRETTY, NULL, "the result as JSON, indented"}
/* clang-format on */

/* Takes OPT_JSON and OPT_PRETTY; false: another option. */
bool output_option(struct output *o, int key);

/* Print `result` as asked for. 0, or -ENOMEM with `err` filled. */
int output_json(const struct output *o, const json_t *result, struct err *err);

/* Everything printed so far has arrived, or `err` says why not. For the end of main(). */
int output_finish(struct err *err);

#endif
