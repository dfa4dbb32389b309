/* SPDX-License-Identifier: BSD-2-Clause */
/* The calls that we stand in front of, and what we say. */
#include <dlfcn.h>
#include <stdarg.h>
#include <string.h>
#include <unistd.h>

#include "exec/shim.h"

struct shim_real shim_real_calls;

void shim_find(void)
{
	struct shim_real r;
	void *at;

#define X(type, name, args)                                                                        \
	at = dlsym(RTLD_NEXT, #name);                                                              \
	memcpy(&r.name, &at, sizeof(at));
	SHIM_REAL(X)
#undef X
	shim_real_calls = r; /* threads that find them at once find the same */
}

void shim_say(const char *fmt, ...)
{
	int error = errno, n;
	char line[600];
	va_list ap;

	va_start(ap, fmt);
	n = vsnprintf(line, sizeof(line) - 1, fmt, ap);
	va_end(ap);
	if (n > (int)sizeof(line) - 2)
		n = (int)sizeof(line) - 2;
	line[n++] = '\n';
	if (shim_real()->write(STDERR_FILENO, line, (size_t)n) < 0)
		errno = error; /* nobody listens */
	errno = error;
}
