/* SPDX-License-Identifier: BSD-2-Clause */
/* Allowed and denied prefixes. The driver's map is where they are, nothing else knows of them. */
#include <errno.h>

#include "daemon/state.h"

int daemon_list(struct daemon *d, const char *iface, enum sg_list list, const struct prefixes *what,
		struct err *err)
{
	struct attachment *a = attachment_need(d, iface, err);
	int rc = a ? 0 : -ENODEV;

	for (size_t i = 0; !rc && i < what->n; i++)
		rc = front_list(a->front, &what->at[i], list, err);
	return rc;
}

int daemon_unlist_all(struct daemon *d, const char *iface, size_t *n, struct err *err)
{
	struct attachment *a = attachment_need(d, iface, err);
	enum sg_list list;
	struct prefix p;
	int rc = a ? 0 : -ENODEV;

	for (*n = 0; !rc && !front_next_listed(a->front, NULL, &p, &list); (*n)++)
		rc = front_list(a->front, &p, SG_LIST_NONE, err);
	return rc;
}
