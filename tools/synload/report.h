/* SPDX-License-Identifier: BSD-2-Clause */
/* What came of it, for people and as JSON. */
#ifndef SYNLOAD_REPORT_H
#define SYNLOAD_REPORT_H

#include "load.h"

/* 0, or a negative errno: it could not be written. */
int report_print(const struct args *a, const struct result *r);

#endif
