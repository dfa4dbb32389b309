/* SPDX-License-Identifier: BSD-2-Clause */
#include "io/nonblock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

/* Opening it again gives the same thing. A terminal's master gives a new terminal. */
static bool nonblock_reopens(int fd, mode_t mode)
{
	unsigned number;

	return S_ISFIFO(mode) || (isatty(fd) && ioctl(fd, TIOCGPTN, &number) != 0);
}

static int nonblock_reopen(int fd, int flags)
{
	char path[32];
	int own, ret = 0;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	own = open(path, (flags & O_ACCMODE) | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (own < 0)
		return -errno;
	if (dup2(own, fd) < 0)
		ret = -errno;
	close(own);
	return ret;
}

int nonblock_begin(struct nonblock *n, int fd)
{
	int flags = fcntl(fd, F_GETFL);
	struct stat st;

	*n = (struct nonblock){.fd = fd, .flags = -1};
	if (flags < 0 || fstat(fd, &st))
		return -errno;
	if (flags & O_NONBLOCK || S_ISREG(st.st_mode) || S_ISBLK(st.st_mode))
		return 0;
	if (nonblock_reopens(fd, st.st_mode) && !nonblock_reopen(fd, flags))
		return 0;
	if (fcntl(fd, F_SETFL, flags | O_NONBLOCK))
		return -errno;
	n->flags = flags;
	return 0;
}

void nonblock_end(struct nonblock *n)
{
	if (n->flags >= 0)
		fcntl(n->fd, F_SETFL, n->flags);
	n->flags = -1;
}

void nonblock_drop(struct nonblock *n)
{
	int nothing = open("/dev/null", O_RDWR | O_CLOEXEC);

	nonblock_end(n);
	if (nothing < 0) {
		close(n->fd);
		return;
	}
	dup2(nothing, n->fd); /* a free number would be somebody's next file */
	close(nothing);
}
