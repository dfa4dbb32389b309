/* SPDX-License-Identifier: BSD-2-Clause */
/* Descriptors that are copied, closed and watched. */
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <unistd.h>

#include "exec/shim.h"

SHIM int dup(int fd)
{
	int new = shim_real()->dup(fd);

	if (new >= 0)
		shim_copy(fd, new);
	return new;
}

SHIM int dup2(int fd, int to)
{
	int new = shim_real()->dup2(fd, to);

	if (new >= 0 && fd != to)
		shim_copy(fd, to);
	return new;
}

SHIM int dup3(int fd, int to, int flags)
{
	int new = shim_real()->dup3(fd, to, flags);

	if (new >= 0)
		shim_copy(fd, to);
	return new;
}

static int descriptors_fcntl(int fd, int cmd, void *arg)
{
	int rc = shim_real()->fcntl(fd, cmd, arg);

	if (rc >= 0 && (cmd == F_DUPFD || cmd == F_DUPFD_CLOEXEC))
		shim_copy(fd, rc);
	return rc;
}

/* Whatever the argument is, it comes in one register. */
SHIM int fcntl(int fd, int cmd, ...)
{
	va_list ap;
	void *arg;

	va_start(ap, cmd);
	arg = va_arg(ap, void *);
	va_end(ap);
	return descriptors_fcntl(fd, cmd, arg);
}

SHIM int fcntl64(int fd, int cmd, ...)
{
	va_list ap;
	void *arg;

	va_start(ap, cmd);
	arg = va_arg(ap, void *);
	va_end(ap);
	return descriptors_fcntl(fd, cmd, arg);
}

SHIM int close(int fd)
{
	struct shim_sock *s = shim_hold(fd);
	bool hidden = s && s->kind == SHIM_HIDDEN;

	if (hidden && !shim_inside) {
		shim_put(s);
		return shim_fail(EBADF);
	}
	if (s) /* first: the number may be another's as soon as it is closed */
		shim_set(fd, NULL);
	shim_put(s);
	return shim_real()->close(fd);
}

SHIM int close_range(unsigned first, unsigned last, int flags)
{
	return shim_close_from(first, last, flags);
}

SHIM void closefrom(int first)
{
	shim_close_from(first < 0 ? 0 : (unsigned)first, UINT_MAX, 0);
}

SHIM int fclose(FILE *f)
{
	int fd = fileno(f);
	struct shim_sock *s = shim_hold(fd);

	if (s)
		shim_set(fd, NULL);
	shim_put(s);
	return shim_real()->fclose(f);
}

/* --- who watches a socket that may become ours --------------------------------------------------- */

static void descriptors_watch(struct shim_sock *s, int epoll, int op, const struct epoll_event *ev)
{
	int i = 0;

	while (i < s->epolls && s->epoll[i].epoll != epoll)
		i++;
	if (op == EPOLL_CTL_DEL && i < s->epolls)
		s->epoll[i] = s->epoll[--s->epolls];
	else if (op != EPOLL_CTL_DEL && i < SHIM_EPOLLS) {
		s->epoll[i] = (struct shim_epoll){epoll, *ev};
		s->epolls += i == s->epolls;
	}
}

SHIM int epoll_ctl(int epoll, int op, int fd, struct epoll_event *ev)
{
	int rc = shim_real()->epoll_ctl(epoll, op, fd, ev);
	struct shim_sock *s = rc ? NULL : shim_hold(fd);

	if (s && s->kind == SHIM_SOCKET)
		descriptors_watch(s, epoll, op, ev);
	shim_put(s);
	return rc;
}

int shim_replace(int fd, int from, struct shim_sock *was)
{
	const struct shim_real *real = shim_real();
	int fl = real->fcntl(fd, F_GETFL), fdfl = real->fcntl(fd, F_GETFD);

	if (real->fcntl(from, F_SETFL, O_RDWR | (fl & (O_NONBLOCK | O_ASYNC))) ||
	    real->dup3(from, fd, fdfl & FD_CLOEXEC ? O_CLOEXEC : 0) < 0)
		return -errno;
	real->close(from);
	for (int i = 0; i < was->epolls; i++) /* the old one has left them */
		real->epoll_ctl(was->epoll[i].epoll, EPOLL_CTL_ADD, fd, &was->epoll[i].event);
	return 0;
}
