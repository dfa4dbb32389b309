/* SPDX-License-Identifier: BSD-2-Clause */
/* syngate detach: take the driver's program off an interface, and leave nothing behind. */
#include <stdio.h>

#include "cli/ask.h"
#include "cli/cli.h"

const struct cli_opt detach_opts[] = {
	ASK_OPTS,
	{0},
};

static void detach_tell(const struct ask *a, const json_t *result)
{
	bool already = json_is_true(json_object_get(result, "already"));

	printf("%s: %s\n", a->iface, already ? "was not attached" : "detached");
}

int cmd_detach(const struct command *cmd, int argc, char **argv, struct err *err)
{
	struct ask a = {0};
	struct opts o;
	int key, rc = 0;

	opts_begin(&o, cmd, argc, argv);
	while (!rc && (key = opts_next(&o, err)) != OPTS_END)
		rc = key < 0 ? key : ask_option(&a, key, optarg, err);
	if (!rc)
		rc = ask_operands(&a, &o, 1, err);
	if (rc)
		return rc;
	return ask_daemon(&a, json_pack("{s:s, s:s}", "cmd", "detach", "iface", a.iface),
			  detach_tell, err);
}
