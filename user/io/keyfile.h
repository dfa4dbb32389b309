/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A file of SYN cookie keys, so that several hosts take each other's cookies: 32 hexadecimal digits a
 * line, the key that makes cookies first, then, if one likes, one more whose cookies are taken. What
 * is behind # is no matter. Only root, or who runs us, may own it, and nobody else read it.
 */
#ifndef IO_KEYFILE_H
#define IO_KEYFILE_H

#include <sys/stat.h>

#include "io/err.h"
#include "syngate/siphash.h"

/* Returns how many keys there are, 1 or 2, or a negative errno; `st` is the file that was read. */
int keyfile_read(const char *path, struct sg_key key[2], struct stat *st, struct err *err);

/* The same from its text. */
int keyfile_parse(const char *path, char *text, struct sg_key key[2], struct err *err);

#endif
