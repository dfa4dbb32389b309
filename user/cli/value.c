/* SPDX-License-Identifier: BSD-2-Clause */
#include "cli/value.h"

#include <ctype.h>
#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/nearest.h"

int value_number(const char *what, const char *text, unsigned long long min, unsigned long long max,
		 unsigned long long *out, struct err *err)
{
	size_t digits = strspn(text, "0123456789");
	unsigned long long v;

	if (!digits || text[digits])
		return err_set(err, -EINVAL, EXIT_USAGE,
			       "%s '%.40s' is not a number; give one from %llu to %llu", what, text,
			       min, max);
	errno = 0;
	v = strtoull(text, NULL, 10);
	if (errno || v < min || v > max)
		return err_set(err, -ERANGE, EXIT_USAGE,
			       "%s %.40s is out of range; give a number from %llu to %llu", what,
			       text, min, max);
	*out = v;
	return 0;
}

int value_iface(const char *text, struct err *err)
{
	size_t n = strlen(text);
	int bad = !n || n >= IF_NAMESIZE || !strcmp(text, ".") || !strcmp(text, "..");

	for (size_t i = 0; i < n && !bad; i++)
		bad = text[i] == '/' || text[i] == ':' || isspace((unsigned char)text[i]);
	if (bad)
		return err_set(
			err, -EINVAL, EXIT_USAGE,
			"'%.40s' cannot be the name of an interface; list them with: ip -br link",
			text);
	return 0;
}

int value_instance(const char *text, struct err *err)
{
	static const char ok[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
				 "._@-";
	size_t n = strspn(text, ok);

	if (!n || text[n] || n > VALUE_INSTANCE_MAX || text[0] == '.')
		return err_set(err, -EINVAL, EXIT_USAGE,
			       "'%.80s' cannot be the name of an instance; use up to %d letters, "
			       "digits, '-', '_', '.', '@', such as: --instance web1",
			       text, VALUE_INSTANCE_MAX);
	return 0;
}

/* "a, b or c" */
static void choice_list(const char *const *list, char *buf, size_t size)
{
	size_t n = 0;

	buf[0] = '\0';
	for (int i = 0; list[i] && n < size; i++) {
		const char *sep = !i ? "" : list[i + 1] ? ", " : " or ";

		n += (size_t)snprintf(buf + n, size - n, "%s%s", sep, list[i]);
	}
}

int value_choice(const char *what, const char *text, const char *const *list, struct err *err)
{
	struct nearest near;
	char hint[NEAREST_HINT], all[200];

	nearest_begin(&near, text);
	for (int i = 0; list[i]; i++) {
		if (!strcmp(text, list[i]))
			return i;
		nearest_offer(&near, list[i]);
	}
	choice_list(list, all, sizeof(all));
	return err_set(err, -EINVAL, EXIT_USAGE, "unknown %s '%.40s'%s; known: %s", what, text,
		       nearest_hint(&near, hint), all);
}
