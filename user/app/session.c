/* SPDX-License-Identifier: BSD-2-Clause */
#include "app/session.h"

#include <errno.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

int session_init(struct session *s, int in, int out, int *which)
{
	int rc;

	memset(s, 0, sizeof(*s));
	s->in.flags = s->out.flags = s->over = -1;
	*which = in;
	rc = nonblock_begin(&s->in, in);
	if (rc)
		return rc;
	*which = out;
	rc = nonblock_begin(&s->out, out);
	if (!rc) {
		s->over = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
		rc = s->over < 0 ? -errno : 0;
	}
	if (rc)
		session_free(s);
	return rc;
}

void session_free(struct session *s)
{
	nonblock_end(&s->in);
	nonblock_end(&s->out);
	if (s->over >= 0)
		close(s->over);
	s->over = -1;
}
