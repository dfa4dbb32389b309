/* SPDX-License-Identifier: BSD-2-Clause */
/* syngate listen: serve one more address on an attached interface. */
#include <stdio.h>

#include "cli/ask.h"
#include "cli/cli.h"
#include "cli/listener.h"

const struct cli_opt listen_opts[] = {
	LISTENER_OPTS,
	ASK_OPTS,
	{0},
};

static void listen_tell(const struct ask *a, const json_t *result)
{
	(void)result;
	printf("%s: listening\n", a->iface);
}

/* Options may stand before the address, so the address is read last, into its place. */
static int listen_parse(struct ask *a, struct listener_spec *l, struct opts *o, struct err *err)
{
	struct listener_spec where;
	int key, rc = 0;

	listener_defaults(l);
	while (!rc && (key = opts_next(o, err)) != OPTS_END) {
		rc = key < 0 ? key : ask_option(a, key, optarg, err);
		if (rc == 1)
			rc = listener_option(l, key, optarg, err);
	}
	if (!rc)
		rc = ask_operands(a, o, 2, err);
	if (!rc)
		rc = listener_begin(&where, o->operand[1], err);
	if (rc)
		return rc;
	l->text = where.text;
	l->args.key = where.args.key;
	return listener_check(l, err);
}

int cmd_listen(const struct command *cmd, int argc, char **argv, struct err *err)
{
	struct listener_spec l;
	struct ask a = {0};
	json_t *request;
	struct opts o;
	int rc;

	opts_begin(&o, cmd, argc, argv);
	rc = listen_parse(&a, &l, &o, err);
	if (rc)
		return rc;
	request = json_pack("{s:s, s:s}", "cmd", "listen", "iface", a.iface);
	listener_request(&l, request);
	return ask_daemon(&a, request, listen_tell, err);
}
