/* SPDX-License-Identifier: BSD-2-Clause */
/* Messages to and from the daemon (syngate/channel.h). */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

#include "lib/lib.h"

#define CHANNEL_DIR  "/run/syngate"
#define CHANNEL_TAIL ".app"

/* --- which daemon ---------------------------------------------------------------------------- */

static int channel_is_socket(const struct dirent *d)
{
	size_t n = strlen(d->d_name), tail = strlen(CHANNEL_TAIL);

	return n > tail && !strcmp(d->d_name + n - tail, CHANNEL_TAIL);
}

/* The only one there is, or `syngated` among several, or for who may not look. */
static int channel_find(char name[256])
{
	struct dirent **d;
	int n = scandir(CHANNEL_DIR, &d, channel_is_socket, alphasort);

	if (n < 0 && errno == EACCES) {
		strcpy(name, "syngated");
		return 0;
	}
	for (int i = 0; i < n; i++) {
		if (i == 0 || !strcmp(d[i]->d_name, "syngated" CHANNEL_TAIL))
			snprintf(name, 256, "%.*s", (int)(strlen(d[i]->d_name) - strlen(CHANNEL_TAIL)),
				 d[i]->d_name);
		free(d[i]);
	}
	if (n >= 0)
		free(d);
	if (n <= 0)
		return why_set(-ESRCH, "no syngate daemon is running: start syngated, or syngate run");
	if (n > 1 && strcmp(name, "syngated"))
		return why_set(-ESRCH, "several syngate daemons are running: name one, "
				       "as in SYNGATE_INSTANCE=%.60s", name);
	return 0;
}

static int channel_refused(int code, const char *path)
{
	if (code == -ENOENT || code == -ECONNREFUSED)
		return why_set(-ESRCH, "no syngate daemon at %s: start syngated; or name "
				       "another one, as in SYNGATE_INSTANCE=eth0", path);
	if (code == -EACCES || code == -EPERM)
		return why_set(-EACCES, "%s is not for this user: who may open it may listen (chown, chmod)",
			       path);
	return why_set(code, "%s: %s", path, strerror(-code));
}

int channel_open(const char *instance)
{
	struct sockaddr_un sun = {.sun_family = AF_UNIX};
	char name[256];
	int fd, rc;

	if (!instance || !instance[0])
		instance = getenv("SYNGATE_INSTANCE");
	if (!instance || !instance[0]) {
		rc = channel_find(name);
		if (rc)
			return rc;
		instance = name;
	}
	if (snprintf(sun.sun_path, sizeof(sun.sun_path), CHANNEL_DIR "/%s" CHANNEL_TAIL, instance) >=
	    (int)sizeof(sun.sun_path))
		return why_set(-EINVAL, "instance '%.60s...': 63 characters at most", instance);
	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return channel_refused(-errno, "socket");
	if (connect(fd, (struct sockaddr *)&sun, sizeof(sun))) {
		rc = channel_refused(-errno, sun.sun_path);
		close(fd);
		return rc;
	}
	return fd;
}

/* --- messages -------------------------------------------------------------------------------- */

/* The descriptors of a message: `max` at most, the others are closed. */
static void channel_descriptors(struct msghdr *m, int *fd, int max)
{
	int n = 0;

	for (int i = 0; i < max; i++)
		fd[i] = -1;
	for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c; c = CMSG_NXTHDR(m, c)) {
		size_t len = c->cmsg_len - CMSG_LEN(0);
		int got;

		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		for (size_t at = 0; at + sizeof(got) <= len; at += sizeof(got)) {
			memcpy(&got, CMSG_DATA(c) + at, sizeof(got));
			if (n < max)
				fd[n++] = got;
			else
				close(got);
		}
	}
}

/* One message of `len` bytes. Its length, 0: the other side has gone, or a negative errno. */
static ssize_t channel_take(int channel, void *buf, size_t len, int *fd, int max, int flags)
{
	char control[CMSG_SPACE(SG_CHANNEL_BATCH * sizeof(int))] __attribute__((aligned(8)));
	struct iovec iov = {buf, len};
	struct msghdr m = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control,
		.msg_controllen = sizeof(control),
	};
	ssize_t n;

	do
		n = recvmsg(channel, &m, flags);
	while (n < 0 && errno == EINTR && !(flags & MSG_DONTWAIT));
	if (n < 0)
		return -errno;
	channel_descriptors(&m, fd, max);
	return n;
}

static void channel_drop(int *fd, int max)
{
	for (int i = 0; i < max; i++)
		if (fd[i] >= 0)
			close(fd[i]);
}

int channel_ask(int channel, const struct sg_channel_request *r, int *fd, int max)
{
	struct sg_channel_reply reply;
	ssize_t n = send(channel, r, sizeof(*r), MSG_NOSIGNAL);

	n = n < 0 ? -errno : channel_take(channel, &reply, sizeof(reply), fd, max, MSG_CMSG_CLOEXEC);
	if (n == 0 || n == -EPIPE || n == -ECONNRESET)
		return why_set(-ESRCH, "the syngate daemon went away before it answered: start it again");
	if (n < 0)
		return why_set((int)n, "the syngate daemon cannot be asked: %s", strerror((int)-n));
	if (n == sizeof(reply) && reply.magic == SG_CHANNEL_MAGIC && reply.error <= 0) {
		reply.text[sizeof(reply.text) - 1] = 0;
		return reply.error ? why_set(reply.error, "%s", reply.text) : 0;
	}
	channel_drop(fd, max);
	return why_set(-EPROTO, "the syngate daemon is of another version than this library: "
				"install both from one release");
}

int channel_connect(int channel, const struct sg_channel_connect *what, int fd)
{
	char control[CMSG_SPACE(sizeof(int))] __attribute__((aligned(8))) = {0};
	struct iovec iov = {(void *)what, sizeof(*what)};
	struct msghdr m = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control,
		.msg_controllen = sizeof(control),
	};
	struct cmsghdr *c = CMSG_FIRSTHDR(&m);
	ssize_t n;

	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(c), &fd, sizeof(int));
	do
		n = sendmsg(channel, &m, MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : 0;
}

/* Does a message of `n` bytes tell of connections? How many, or 0. */
static int channel_conns_in(const struct sg_channel_conn *c, size_t n, int max)
{
	int conns = (int)(n / sizeof(*c));

	if (n % sizeof(*c) || conns > max)
		return 0;
	for (int i = 0; i < conns; i++)
		if (c[i].magic != SG_CHANNEL_MAGIC || c[i].source >= SG_CHANNEL_SOURCES)
			return 0;
	return conns;
}

int channel_gone(void)
{
	return why_set(-ECONNRESET, "the syngate daemon has gone, and the listener with it: listen anew");
}

int channel_conns(int channel, struct sg_channel_conn *c, int *fd, int max, int flags)
{
	ssize_t n = channel_take(channel, c, (size_t)max * sizeof(*c), fd, max, flags);
	int conns;

	if (n == -EAGAIN)
		return -EAGAIN;
	if (n == 0 || n == -ECONNRESET)
		return channel_gone();
	if (n < 0)
		return why_set((int)n, "accept: %s", strerror((int)-n));
	conns = channel_conns_in(c, (size_t)n, max);
	if (conns)
		return conns;
	channel_drop(fd, max);
	return why_set(-EPROTO, "the syngate daemon is of another version than this library");
}
