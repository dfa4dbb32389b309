/* SPDX-License-Identifier: BSD-2-Clause */
#include "io/err.h"

#include <stdarg.h>
#include <stdio.h>

int err_set(struct err *e, int code, int exit, const char *fmt, ...)
{
	va_list ap;

	e->exit = exit;
	va_start(ap, fmt);
	vsnprintf(e->msg, sizeof(e->msg), fmt, ap);
	va_end(ap);
	return code;
}
