/* SPDX-License-Identifier: BSD-2-Clause */
/* syngate unlisten: stop serving an address. */
#include <stdio.h>

#include "cli/ask.h"
#include "cli/cli.h"
#include "cli/listener.h"

const struct cli_opt unlisten_opts[] = {
	ASK_OPTS,
	{0},
};

static void unlisten_tell(const struct ask *a, const json_t *result)
{
	(void)result;
	printf("%s: no longer listening\n", a->iface);
}

int cmd_unlisten(const struct command *cmd, int argc, char **argv, struct err *err)
{
	struct listener_spec l;
	struct ask a = {0};
	json_t *request;
	struct opts o;
	int key, rc = 0;

	opts_begin(&o, cmd, argc, argv);
	while (!rc && (key = opts_next(&o, err)) != OPTS_END)
		rc = key < 0 ? key : ask_option(&a, key, optarg, err);
	if (!rc)
		rc = ask_operands(&a, &o, 2, err);
	if (!rc)
		rc = listener_begin(&l, o.operand[1], err);
	if (rc)
		return rc;
	request = json_pack("{s:s, s:s}", "cmd", "unlisten", "iface", a.iface);
	listener_request(&l, request);
	return ask_daemon(&a, request, unlisten_tell, err);
}
