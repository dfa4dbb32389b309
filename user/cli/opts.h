/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A command line against its command's table, by getopt_long(3): options in the order
 * in which they stand, operands anywhere between them. Errors are EXIT_USAGE.
 */
#ifndef CLI_OPTS_H
#define CLI_OPTS_H

#include <getopt.h>

#include "cli/cli.h"

#define OPTS_MAX 32
#define OPTS_END (-1)

struct opts {
	const struct command *cmd;
	int argc;
	char **argv; /* argv[0] is the command's name */
	struct option lng[OPTS_MAX + 1];
	char shorts[2 * OPTS_MAX + 4];
	/* after OPTS_END */
	char **operand;
	int operands;
};

void opts_begin(struct opts *o, const struct command *cmd, int argc, char **argv);

/* Options end with the first operand, whose own may follow. */
void opts_up_to_operand(struct opts *o);

/* The next option's key (its argument in `optarg`), OPTS_END, or -EINVAL. */
int opts_next(struct opts *o, struct err *err);

/* An option's name, without its dashes. */
const char *opts_name(const struct opts *o, int key);

/* After OPTS_END: are there `min` to `max` operands? 0 or -EINVAL. */
int opts_operands(const struct opts *o, int min, int max, struct err *err);

#endif
