/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A descriptor that we were given (standard input, say), so that it never blocks. Others may
 * have the same open file: a terminal or a pipe is opened once more for us alone, so that they
 * keep theirs as it is.
 */
#ifndef IO_NONBLOCK_H
#define IO_NONBLOCK_H

struct nonblock {
	int fd;
	int flags; /* what it had, to be given back; -1: nothing */
};

/* Regular files never say that they would block: they stay as they are. 0 or a negative errno. */
int nonblock_begin(struct nonblock *n, int fd);
void nonblock_end(struct nonblock *n);

/* From now on the number leads to nothing, for others and for us. */
void nonblock_drop(struct nonblock *n);

#endif
