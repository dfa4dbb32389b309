/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Data in and out. A pair of Unix sockets shows a reset as the end of the stream, or as EPIPE: what came to an end is
 * looked at once more, so that the program sees what TCP would have shown.
 */
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "exec/shim.h"

int shim_died(struct shim_sock *s)
{
	int error = -syngate_error(s->conn);

	return error && !atomic_exchange(&s->told, true) ? error : 0;
}

/* --- in ----------------------------------------------------------------------------------------- */

static ssize_t data_in(struct shim_sock *s, ssize_t n, bool wanted)
{
	int error = errno, died;

	if (s->kind == SHIM_CONN && wanted && (n == 0 || (n < 0 && errno == ECONNRESET))) {
		died = shim_died(s);
		n = died ? -1 : n;
		error = died ? died : error;
	}
	shim_put(s);
	errno = error;
	return n;
}

SHIM ssize_t read(int fd, void *buf, size_t len)
{
	struct shim_sock *s = shim_hold(fd);
	ssize_t n = shim_real()->read(fd, buf, len);

	return s ? data_in(s, n, len) : n;
}

SHIM ssize_t __read_chk(int fd, void *buf, size_t len, size_t room);
SHIM ssize_t __read_chk(int fd, void *buf, size_t len, size_t room)
{
	if (len > room)
		__builtin_trap();
	return read(fd, buf, len);
}

SHIM ssize_t readv(int fd, const struct iovec *iov, int n)
{
	struct shim_sock *s = shim_hold(fd);
	ssize_t got = shim_real()->readv(fd, iov, n);

	return s ? data_in(s, got, n) : got;
}

SHIM ssize_t recv(int fd, void *buf, size_t len, int flags)
{
	struct shim_sock *s = shim_hold(fd);
	ssize_t n = shim_real()->recv(fd, buf, len, flags);

	return s ? data_in(s, n, len) : n;
}

SHIM ssize_t __recv_chk(int fd, void *buf, size_t len, size_t room, int flags);
SHIM ssize_t __recv_chk(int fd, void *buf, size_t len, size_t room, int flags)
{
	if (len > room)
		__builtin_trap();
	return recv(fd, buf, len, flags);
}

SHIM ssize_t recvfrom(int fd, void *buf, size_t len, int flags, struct sockaddr *addr, socklen_t *addr_len)
{
	struct shim_sock *s = shim_hold(fd);
	ssize_t n = shim_real()->recvfrom(fd, buf, len, flags, addr, addr_len);

	return s ? data_in(s, n, len) : n;
}

SHIM ssize_t __recvfrom_chk(int fd, void *buf, size_t len, size_t room, int flags, struct sockaddr *addr,
			    socklen_t *addr_len);
SHIM ssize_t __recvfrom_chk(int fd, void *buf, size_t len, size_t room, int flags, struct sockaddr *addr,
			    socklen_t *addr_len)
{
	if (len > room)
		__builtin_trap();
	return recvfrom(fd, buf, len, flags, addr, addr_len);
}

SHIM ssize_t recvmsg(int fd, struct msghdr *m, int flags)
{
	struct shim_sock *s = shim_hold(fd);
	ssize_t n = shim_real()->recvmsg(fd, m, flags);

	return s ? data_in(s, n, m->msg_iovlen) : n;
}

/* --- out ---------------------------------------------------------------------------------------- */

/* Nobody has been sent SIGPIPE so far. */
static ssize_t data_out(struct shim_sock *s, ssize_t n, bool signals)
{
	int error = errno, died;

	if (s->kind == SHIM_CONN && n < 0 && (error == EPIPE || error == ECONNRESET)) {
		died = shim_died(s);
		error = died ? died : EPIPE;
		if (!died && signals)
			raise(SIGPIPE);
	}
	shim_put(s);
	errno = error;
	return n;
}

static ssize_t data_sendmsg(struct shim_sock *s, int fd, const struct iovec *iov, size_t n, int flags)
{
	const struct msghdr m = {.msg_iov = (struct iovec *)iov, .msg_iovlen = n};

	return data_out(s, shim_real()->sendmsg(fd, &m, flags | MSG_NOSIGNAL), !(flags & MSG_NOSIGNAL));
}

static bool data_is_conn(const struct shim_sock *s)
{
	return s && s->kind == SHIM_CONN;
}

SHIM ssize_t write(int fd, const void *buf, size_t len)
{
	struct shim_sock *s = shim_hold(fd);
	ssize_t n;

	if (data_is_conn(s))
		return data_sendmsg(s, fd, &(struct iovec){(void *)buf, len}, 1, 0);
	n = shim_real()->write(fd, buf, len);
	shim_put(s);
	return n;
}

SHIM ssize_t writev(int fd, const struct iovec *iov, int count)
{
	struct shim_sock *s = shim_hold(fd);
	ssize_t n;

	if (data_is_conn(s) && count >= 0)
		return data_sendmsg(s, fd, iov, (size_t)count, 0);
	n = shim_real()->writev(fd, iov, count);
	shim_put(s);
	return n;
}

SHIM ssize_t send(int fd, const void *buf, size_t len, int flags)
{
	struct shim_sock *s = shim_hold(fd);
	ssize_t n;

	if (data_is_conn(s))
		return data_sendmsg(s, fd, &(struct iovec){(void *)buf, len}, 1, flags);
	n = shim_real()->send(fd, buf, len, flags);
	shim_put(s);
	return n;
}

SHIM ssize_t sendto(int fd, const void *buf, size_t len, int flags, const struct sockaddr *to, socklen_t to_len)
{
	struct shim_sock *s = shim_hold(fd);
	ssize_t n;

	if (data_is_conn(s))
		return data_sendmsg(s, fd, &(struct iovec){(void *)buf, len}, 1, flags);
	n = shim_real()->sendto(fd, buf, len, flags, to, to_len);
	shim_put(s);
	return n;
}

SHIM ssize_t sendmsg(int fd, const struct msghdr *m, int flags)
{
	struct shim_sock *s = shim_hold(fd);
	ssize_t n;

	if (data_is_conn(s) && !m->msg_controllen)
		return data_sendmsg(s, fd, m->msg_iov, m->msg_iovlen, flags);
	n = shim_real()->sendmsg(fd, m, flags);
	shim_put(s);
	return n;
}

/* --- out, without a flag that keeps SIGPIPE away -------------------------------------------------- */

static void data_hold_signal(sigset_t *old, bool *pending)
{
	sigset_t pipe, had;

	sigemptyset(&pipe);
	sigaddset(&pipe, SIGPIPE);
	sigpending(&had);
	*pending = sigismember(&had, SIGPIPE);
	pthread_sigmask(SIG_BLOCK, &pipe, old);
}

static void data_drop_signal(const sigset_t *old, bool pending)
{
	const struct timespec now = {0};
	sigset_t pipe;

	sigemptyset(&pipe);
	sigaddset(&pipe, SIGPIPE);
	while (!pending && sigtimedwait(&pipe, NULL, &now) == SIGPIPE)
		;
	pthread_sigmask(SIG_SETMASK, old, NULL);
}

static ssize_t data_quietly(struct shim_sock *s, ssize_t (*call)(void *arg), void *arg)
{
	sigset_t old;
	bool pending;
	ssize_t n;
	int error;

	data_hold_signal(&old, &pending);
	n = call(arg);
	error = errno;
	data_drop_signal(&old, pending);
	errno = error;
	return data_out(s, n, true);
}

struct data_sendfile {
	int out, in;
	off_t *at;
	size_t n;
};

static ssize_t data_call_sendfile(void *arg)
{
	const struct data_sendfile *c = arg;

	return shim_real()->sendfile(c->out, c->in, c->at, c->n);
}

SHIM ssize_t sendfile(int out, int in, off_t *at, size_t n)
{
	struct data_sendfile c = {out, in, at, n};
	struct shim_sock *s = shim_hold(out);

	if (data_is_conn(s))
		return data_quietly(s, data_call_sendfile, &c);
	shim_put(s);
	return data_call_sendfile(&c);
}

SHIM ssize_t sendfile64(int out, int in, off64_t *at, size_t n)
{
	return sendfile(out, in, at, n);
}

struct data_splice {
	int in, out;
	off64_t *in_at, *out_at;
	size_t n;
	unsigned flags;
};

static ssize_t data_call_splice(void *arg)
{
	const struct data_splice *c = arg;

	return shim_real()->splice(c->in, c->in_at, c->out, c->out_at, c->n, c->flags);
}

SHIM ssize_t splice(int in, off64_t *in_at, int out, off64_t *out_at, size_t n, unsigned flags)
{
	struct data_splice c = {in, out, in_at, out_at, n, flags};
	struct shim_sock *s = shim_hold(out);
	ssize_t moved;

	if (data_is_conn(s))
		return data_quietly(s, data_call_splice, &c);
	shim_put(s);
	moved = data_call_splice(&c);
	s = shim_hold(in);
	return s ? data_in(s, moved, n) : moved;
}
