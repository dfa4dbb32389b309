/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The kernel beside us: at which of our ports may it have connections? The driver asks it there for
 * every stranger's segment. At first it may anywhere: connections from before we came. A port that we
 * hold, where the kernel neither listens nor has any, is ours alone, until somebody starts a server
 * there, or the driver gives the kernel a SYN because no worker lives.
 */
#include <errno.h>
#include <unistd.h>

#include "daemon/state.h"
#include "io/kport.h"

#define KERNEL_LOOK SG_SEC	 /* for a new server of the kernel's */
#define KERNEL_ALL  (5 * SG_SEC) /* for the end of its last connection: looks at every socket */

static bool kernel_may_have(struct attachment *a, struct listening *l, bool all)
{
	__u16 port = l->args.key.port;

	if (l->held < 0)
		l->held = kport_hold(port);
	if (l->held < 0 || kport_listens(port) != 0)
		return true;
	if (!front_kernel_asked(a->front, port))
		return false;
	return !all || kport_used(port) != 0;
}

void kernel_look(struct attachment *a, sg_time now)
{
	bool all = now >= a->kernel_all_at;

	if (now < a->kernel_at)
		return;
	a->kernel_at = now + KERNEL_LOOK;
	if (all)
		a->kernel_all_at = now + KERNEL_ALL;
	for (__u32 i = 0; i < a->front->max_listeners; i++) {
		struct listening *l = &a->listening[i];

		if (l->used)
			front_kernel_port(a->front, l->args.key.port, kernel_may_have(a, l, all));
	}
}

void kernel_let_go(struct listening *l)
{
	if (l->held >= 0)
		close(l->held);
	l->held = -1;
}
