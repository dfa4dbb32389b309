/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>

#include "lib/lib.h"

int syngate_connect(struct syngate_conn **out, const char *address,
		    const struct syngate_connect_options *o)
{
	(void)out;
	(void)address;
	(void)o;
	return why_set(-ENOSYS, "not yet");
}
