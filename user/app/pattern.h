/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What /bytes/N is made of: byte i is (7 * i + i / 251) mod 256, so that a byte lost,
 * doubled or moved shows, and anybody can compute it again. It repeats every 32,128.
 */
#ifndef APP_PATTERN_H
#define APP_PATTERN_H

#include <linux/types.h>
#include <stddef.h>

#define PATTERN_PERIOD 32128 /* 251 * 128 */

/* Bytes `at` and on. Any thread. */
void pattern_fill(void *p, size_t len, __u64 at);

#endif
