/* SPDX-License-Identifier: BSD-2-Clause */
#include "cli/iface.h"

#include <errno.h>

#include "cli/cli.h"
#include "cli/value.h"

static const char *const iface_modes[] = {
	[FRONT_AUTO] = "auto",
	[FRONT_NATIVE] = "native",
	[FRONT_SKB] = "skb",
	NULL,
};

static int iface_mode(struct front_config *c, const char *arg, struct err *err)
{
	int mode = value_choice("mode", arg, iface_modes, err);

	if (mode < 0)
		return mode;
	c->mode = (enum front_mode)mode;
	return 0;
}

static int iface_size(const char *what, const char *arg, unsigned long long max, __u32 *size,
		      struct err *err)
{
	unsigned long long n;
	int rc = value_number(what, arg, 1, max, &n, err);

	if (!rc)
		*size = (__u32)n;
	return rc;
}

int iface_option(struct front_config *c, int key, const char *arg, struct err *err)
{
	switch (key) {
	case OPT_MODE:
		return iface_mode(c, arg, err);
	case OPT_HALFOPEN_ENTRIES:
		return iface_size("--halfopen-entries", arg, IFACE_ENTRIES_MAX,
				  &c->halfopen_entries, err);
	case OPT_FLOW_ENTRIES:
		return iface_size("--flow-entries", arg, IFACE_ENTRIES_MAX, &c->flow_entries, err);
	case OPT_MAX_LISTENERS:
		return iface_size("--max-listeners", arg, SG_MAX_LISTENERS, &c->max_listeners, err);
	case OPT_INSTANCE:
		c->instance = arg;
		return value_instance(arg, err);
	}
	return 1;
}

int iface_request(const struct front_config *c, json_t *request)
{
	int rc = json_object_set_new(request, "iface", json_string(c->ifname));

	rc |= json_object_set_new(request, "mode", json_string(iface_modes[c->mode]));
	if (c->instance)
		rc |= json_object_set_new(request, "instance", json_string(c->instance));
	if (c->halfopen_entries)
		rc |= json_object_set_new(request, "halfopen_entries",
					  json_integer(c->halfopen_entries));
	if (c->flow_entries)
		rc |= json_object_set_new(request, "flow_entries", json_integer(c->flow_entries));
	if (c->max_listeners)
		rc |= json_object_set_new(request, "max_listeners", json_integer(c->max_listeners));
	return rc ? -ENOMEM : 0;
}
