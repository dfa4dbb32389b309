/* SPDX-License-Identifier: BSD-2-Clause */
/* synload: TCP traffic of every kind, from sources without number, evenly paced. */
#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "args.h"
#include "cli/cli.h"
#include "load.h"
#include "report.h"
#include "way.h"

static int main_load(const struct args *a, struct err *err)
{
	struct result r;
	struct load l;
	struct way w;
	int rc;

	if (geteuid() != 0)
		return err_set(err, -EPERM, EXIT_KERNEL, "needs root: run it with sudo");
	rc = way_find(&w, a, err);
	if (!rc)
		rc = load_open(&l, a, &w, err);
	if (rc)
		return rc;
	rc = load_run(&l, &r, err);
	load_close(&l);
	if (!rc && report_print(a, &r))
		rc = err_set(err, -EIO, EXIT_KERNEL,
			     "cannot write to standard output: is the disk full?");
	return rc;
}

int main(int argc, char **argv)
{
	struct err err = {.exit = EXIT_USAGE};
	struct args a;
	int rc = args_parse(&a, argc, argv, &err);

	if (!rc && a.help)
		args_help();
	else if (!rc && a.version)
		printf("synload %s\n", CLI_VERSION);
	else if (!rc)
		rc = main_load(&a, &err);
	if (!rc)
		return EXIT_OK;
	fprintf(stderr, "synload: %s\n", err.msg);
	return err.exit;
}
