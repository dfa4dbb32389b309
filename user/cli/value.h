/* SPDX-License-Identifier: BSD-2-Clause */
/* Numbers and names that come from a command line. Errors are EXIT_USAGE. */
#ifndef CLI_VALUE_H
#define CLI_VALUE_H

#include "io/err.h"

/* A decimal number in min..max. `what` names it in the error. 0 or -EINVAL, -ERANGE. */
int value_number(const char *what, const char *text, unsigned long long min, unsigned long long max,
		 unsigned long long *out, struct err *err);

/* An interface's name as the kernel would take it. 0 or -EINVAL. */
int value_iface(const char *text, struct err *err);

/* An instance's name: it becomes a file name. 0 or -EINVAL. */
#define VALUE_INSTANCE_MAX 63
int value_instance(const char *text, struct err *err);

/* One word of a list that ends with NULL: its index, or -EINVAL with the nearest named. */
int value_choice(const char *what, const char *text, const char *const *list, struct err *err);

#endif
