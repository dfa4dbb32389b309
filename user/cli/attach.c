/* SPDX-License-Identifier: BSD-2-Clause */
/* syngate attach: put the driver's program on an interface. */
#include <stdio.h>

#include "cli/ask.h"
#include "cli/cli.h"
#include "cli/iface.h"

const struct cli_opt attach_opts[] = {
	IFACE_OPTS,
	ASK_OPTS,
	{0},
};

static void attach_tell(const struct ask *a, const json_t *result)
{
	const char *mode = json_string_value(json_object_get(result, "mode"));
	bool already = json_is_true(json_object_get(result, "already"));

	printf("%s: attached%s, %s mode\n", a->iface, already ? " already" : "", mode ? mode : "?");
}

int cmd_attach(const struct command *cmd, int argc, char **argv, struct err *err)
{
	struct front_config c = {0};
	struct ask a = {0};
	json_t *request;
	struct opts o;
	int key, rc = 0;

	opts_begin(&o, cmd, argc, argv);
	while (!rc && (key = opts_next(&o, err)) != OPTS_END) {
		rc = key < 0 ? key : ask_option(&a, key, optarg, err);
		if (rc == 1)
			rc = iface_option(&c, key, optarg, err);
	}
	if (!rc)
		rc = ask_operands(&a, &o, 1, err);
	if (rc)
		return rc;
	c.ifname = a.iface;
	c.instance = a.instance;
	request = json_pack("{s:s}", "cmd", "attach");
	iface_request(&c, request);
	return ask_daemon(&a, request, attach_tell, err);
}
