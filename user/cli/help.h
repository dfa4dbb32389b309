/* SPDX-License-Identifier: BSD-2-Clause */
/* Help, out of the table of commands. */
#ifndef CLI_HELP_H
#define CLI_HELP_H

#include <stdio.h>

#include "cli/cli.h"

void help_version(void);
void help_all(FILE *out);
void help_command(const struct command *cmd);

#endif
