/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What went wrong, for a person: one line that names the cause and the command that
 * mends it. Goes up beside the negative errno; printed once, at the top.
 */
#ifndef IO_ERR_H
#define IO_ERR_H

enum { /* exit codes of every command */
	EXIT_OK = 0,
	EXIT_USAGE = 1,  /* usage or configuration */
	EXIT_KERNEL = 2, /* the kernel refused */
	EXIT_NODAEMON = 3,
};

struct err {
	int exit;
	char msg[400];
};

/* Fill `e` and return `code` (a negative errno), so that `return err_set(...)` reads well. */
int err_set(struct err *e, int code, int exit, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));

#endif
