/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * `syngate exec`: a library that is loaded in front of the C library and takes over the calls of a program that has
 * never heard of us. Its listening sockets become channels to the daemon (lib/lib.h), its connections ends of socket
 * pairs, under the numbers that the program knows; what is not ours goes where it always went.
 */
#ifndef EXEC_SHIM_H
#define EXEC_SHIM_H

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "lib/lib.h"

#define SHIM __attribute__((visibility("default")))

/* --- the C library's own ------------------------------------------------------------------------ */

#define SHIM_REAL(X)                                                                               \
	X(int, socket, (int, int, int))                                                            \
	X(int, listen, (int, int))                                                                 \
	X(int, accept, (int, struct sockaddr *, socklen_t *))                                      \
	X(int, accept4, (int, struct sockaddr *, socklen_t *, int))                                \
	X(int, connect, (int, const struct sockaddr *, socklen_t))                                 \
	X(int, getsockname, (int, struct sockaddr *, socklen_t *))                                 \
	X(int, getpeername, (int, struct sockaddr *, socklen_t *))                                 \
	X(int, setsockopt, (int, int, int, const void *, socklen_t))                               \
	X(int, getsockopt, (int, int, int, void *, socklen_t *))                                   \
	X(ssize_t, read, (int, void *, size_t))                                                    \
	X(ssize_t, readv, (int, const struct iovec *, int))                                        \
	X(ssize_t, recv, (int, void *, size_t, int))                                               \
	X(ssize_t, recvfrom, (int, void *, size_t, int, struct sockaddr *, socklen_t *))           \
	X(ssize_t, recvmsg, (int, struct msghdr *, int))                                           \
	X(ssize_t, write, (int, const void *, size_t))                                             \
	X(ssize_t, writev, (int, const struct iovec *, int))                                       \
	X(ssize_t, send, (int, const void *, size_t, int))                                         \
	X(ssize_t, sendto, (int, const void *, size_t, int, const struct sockaddr *, socklen_t))   \
	X(ssize_t, sendmsg, (int, const struct msghdr *, int))                                     \
	X(ssize_t, sendfile, (int, int, off_t *, size_t))                                          \
	X(ssize_t, splice, (int, off64_t *, int, off64_t *, size_t, unsigned))                     \
	X(int, dup, (int))                                                                         \
	X(int, dup2, (int, int))                                                                   \
	X(int, dup3, (int, int, int))                                                              \
	X(int, fcntl, (int, int, ...))                                                             \
	X(int, epoll_ctl, (int, int, int, struct epoll_event *))                                   \
	X(int, close, (int))                                                                       \
	X(int, close_range, (unsigned, unsigned, int))                                             \
	X(int, fclose, (FILE *))

struct shim_real {
#define X(type, name, args) type(*name) args;
	SHIM_REAL(X)
#undef X
};

extern struct shim_real shim_real_calls;
void shim_find(void);

/* Some are called before our turn to be set up comes. */
static inline const struct shim_real *shim_real(void)
{
	if (__builtin_expect(!shim_real_calls.fclose, 0))
		shim_find();
	return &shim_real_calls;
}

/* --- descriptors -------------------------------------------------------------------------------- */

enum shim_kind {
	SHIM_SOCKET,	/* of the kernel's TCP, which may come to listen or connect */
	SHIM_LISTENER,
	SHIM_CONN,
	SHIM_HIDDEN,	/* our own, which the program knows nothing of */
};

#define SHIM_EPOLLS  4
#define SHIM_OPTIONS 8

struct shim_epoll {
	int epoll;
	struct epoll_event event;
};

struct shim_option {
	int level, name, value;
};

/* What one or more descriptors are; this process' own copy after a fork. */
struct shim_sock {
	enum shim_kind kind;
	atomic_uint refs;	/* descriptors, connections of a listener, calls that are at it */
	atomic_uint fds;	/* descriptors */
	int family;		/* AF_INET, AF_INET6: what the program made it as */
	struct sockaddr_storage local;
	socklen_t local_len;
	atomic_bool told;	/* the program knows that the connection died */
	struct shim_sock *next;	/* listener that is open */
	struct shim_sock *of;	/* a connection's listener; held */
	struct syngate_listener *listener;
	struct syngate_conn *conn;
	struct linger linger;	/* a listener's: its connections begin so */
	struct shim_option option[SHIM_OPTIONS];
	int options;
	struct shim_epoll epoll[SHIM_EPOLLS]; /* of a socket: to be repeated when it becomes ours */
	int epolls;
};

/* Whose `fd` is, held; NULL: it is none of ours. */
struct shim_sock *shim_hold(int fd);
void shim_put(struct shim_sock *s);
/* A new one, held once; NULL: no memory. */
struct shim_sock *shim_new(enum shim_kind kind);
/* `fd` is `s` (NULL: nothing of ours) from now on. */
void shim_set(int fd, struct shim_sock *s);
/* The same as another descriptor. */
void shim_copy(int from, int to);
/* May the table be changed? Not in a child that still has its parent's memory, as vfork(2) makes them. */
bool shim_is_ours(void);
/* Out of the way of what the program opens; the new number, or `fd` if that is not to be had. */
int shim_hide(int fd);
/* Descriptors from there on were closed, but for hidden ones: closes them. */
int shim_close_from(unsigned first, unsigned last, int flags);

/* A call of our own: hidden descriptors may be closed, and options are the kernel's. */
extern __thread int shim_inside;

/* --- the rest ----------------------------------------------------------------------------------- */

/* A line on standard error; with the program's errno as it was. */
void shim_say(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* errno, and -1. */
static inline int shim_fail(int code)
{
	errno = code;
	return -1;
}

/* Why the connection died, once, as a positive errno; 0: it did not, or the program knows. */
int shim_died(struct shim_sock *s);

/* Its last descriptor in this process was closed. */
void shim_unlisten(struct shim_sock *s);

/* What a listener was told holds for its connections. */
void shim_inherit(struct shim_sock *listener, int fd);
void shim_remember(struct shim_sock *listener, int level, int name, int value);

/* `a` as the program sees it: IPv4 in a socket of IPv6 is mapped. */
void shim_address(int family, const struct sg_addr *a, __u16 port, struct sockaddr *to, socklen_t *len);

/* `from` takes the place of the program's `fd`, with its flags and where it is watched; `from` is closed. -errno. */
int shim_replace(int fd, int from, struct shim_sock *was);

#endif
