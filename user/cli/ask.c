/* SPDX-License-Identifier: BSD-2-Clause */
#include "cli/ask.h"

#include "cli/client.h"
#include "cli/value.h"

int ask_option(struct ask *a, int key, const char *arg, struct err *err)
{
	if (output_option(&a->out, key))
		return 0;
	if (key != OPT_INSTANCE)
		return 1;
	a->instance = arg;
	return value_instance(arg, err);
}

int ask_operands(struct ask *a, const struct opts *o, int n, struct err *err)
{
	int rc = opts_operands(o, n, n, err);

	if (rc)
		return rc;
	a->iface = o->operand[0];
	return value_iface(a->iface, err);
}

int ask_daemon(const struct ask *a, json_t *request,
	       void (*tell)(const struct ask *a, const json_t *result), struct err *err)
{
	json_t *result;
	int rc = client_ask(a->instance, a->iface, request, &result, err);

	if (rc)
		return rc;
	if (a->out.json)
		rc = output_json(&a->out, result, err);
	else
		tell(a, result);
	json_decref(result);
	return rc;
}
