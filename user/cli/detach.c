/* SPDX-License-Identifier: BSD-2-Clause */
/* syngate detach: take the driver's program off an interface, and leave nothing behind. */
#include <errno.h>
#include <stdio.h>

#include "cli/ask.h"
#include "cli/cli.h"
#include "cli/client.h"
#include "io/bpf.h"

const struct cli_opt detach_opts[] = {
	ASK_OPTS,
	{0},
};

static void detach_tell(const struct ask *a, const json_t *result)
{
	bool already = json_is_true(json_object_get(result, "already"));

	printf("%s: %s\n", a->iface, already ? "was not attached" : "detached");
}

/* A daemon that was killed takes nothing off: then we do. `rc`, `err`: what asking came to. */
static int detach_dead(const struct ask *a, int rc, struct err *err)
{
	struct err why = {0};
	int left = front_remove(a->iface, a->instance, &why);

	if (left == 0 || left == -ENODEV)
		return rc;
	if (left < 0) {
		*err = why;
		return left;
	}
	client_forget(a->instance ? a->instance : a->iface);
	if (a->out.json) {
		json_t *result = json_pack("{s:s, s:b}", "iface", a->iface, "already", 0);

		rc = output_json(&a->out, result, err);
		json_decref(result);
		return rc;
	}
	printf("%s: detached; its daemon was dead\n", a->iface);
	return 0;
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
	rc = ask_daemon(&a, json_pack("{s:s, s:s}", "cmd", "detach", "iface", a.iface),
			detach_tell, err);
	return rc == -ESRCH ? detach_dead(&a, rc, err) : rc;
}
