/* SPDX-License-Identifier: BSD-2-Clause */
#include "cli/output.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"

bool output_option(struct output *o, int key)
{
	if (key != OPT_JSON && key != OPT_PRETTY)
		return false;
	o->json = true;
	o->pretty |= key == OPT_PRETTY;
	return true;
}

int output_json(const struct output *o, const json_t *result, struct err *err)
{
	size_t flags = JSON_ENCODE_ANY | (o->pretty ? JSON_INDENT(2) : JSON_COMPACT);

	if (json_dumpf(result, stdout, flags) && !ferror(stdout))
		return err_set(err, -ENOMEM, EXIT_KERNEL, "out of memory; stop other programs");
	putchar('\n');
	return 0;
}

int output_finish(struct err *err)
{
	if (!fflush(stdout) && !ferror(stdout))
		return 0;
	return err_set(err, -EIO, EXIT_USAGE, "cannot write the result: %s; look where stdout goes",
		       strerror(errno));
}
