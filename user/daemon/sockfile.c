/* SPDX-License-Identifier: BSD-2-Clause */
#include "daemon/sockfile.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define SOCKFILE_DIR "/run/syngate"

static int sockfile_name(struct sockfile *c, const char *name, const char *tail, struct err *err)
{
	int n = snprintf(c->addr.sun_path, sizeof(c->addr.sun_path), SOCKFILE_DIR "/%s%s", name, tail);

	if (name[0] == 0 || name[0] == '.' || strchr(name, '/') || n < 0 ||
	    (size_t)n >= sizeof(c->addr.sun_path))
		return err_set(err, -EINVAL, EXIT_USAGE,
			       "instance '%.70s': 1 to 63 characters, no '/', no '.' in front",
			       name);
	c->addr.sun_family = AF_UNIX;
	return 0;
}

/* Does a live daemon answer there? */
static bool sockfile_alive(const struct sockfile *c, int type, pid_t *pid)
{
	int fd = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);
	struct ucred cred = {0};
	socklen_t len = sizeof(cred);
	bool alive;

	if (fd < 0)
		return true; /* not to be thrown out on a guess */
	alive = !connect(fd, (const struct sockaddr *)&c->addr, sizeof(c->addr)) || errno == EAGAIN;
	if (!getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len))
		*pid = cred.pid;
	close(fd);
	return alive;
}

static int sockfile_bind(struct sockfile *c, const char *name, int type, struct err *err)
{
	const struct sockaddr *sa = (const struct sockaddr *)&c->addr;
	pid_t pid = 0;
	int rc = bind(c->fd, sa, sizeof(c->addr));

	if (rc && errno == EADDRINUSE) {
		if (sockfile_alive(c, type, &pid))
			return err_set(
				err, -EADDRINUSE, EXIT_USAGE,
				"a daemon named '%s' is already running (pid %d): stop it, or "
				"take another name with --instance",
				name, (int)pid);
		unlink(c->addr.sun_path); /* a dead one's */
		rc = bind(c->fd, sa, sizeof(c->addr));
	}
	if (rc || chmod(c->addr.sun_path, 0600) || listen(c->fd, 64))
		return err_set(err, -errno, EXIT_KERNEL, "cannot make %s: %s", c->addr.sun_path,
			       strerror(errno));
	return 0;
}

/* The lock keeps two daemons that start at once from taking each other for dead. */
static int sockfile_lock(struct err *err)
{
	int fd;

	if (mkdir(SOCKFILE_DIR, 0711) && errno != EEXIST)
		return err_set(err, -errno, EXIT_KERNEL, "cannot make %s: %s; run as root",
			       SOCKFILE_DIR, strerror(errno));
	fd = open(SOCKFILE_DIR, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0 || fchown(fd, 0, 0) || fchmod(fd, 0711) || flock(fd, LOCK_EX)) {
		err_set(err, -errno, EXIT_KERNEL, "cannot use %s: %s; run as root", SOCKFILE_DIR,
			strerror(errno));
		if (fd >= 0)
			close(fd);
		return -EACCES;
	}
	return fd;
}

int sockfile_open(struct sockfile *s, const char *name, const char *tail, int type, struct err *err)
{
	int lock, rc = sockfile_name(s, name, tail, err);

	s->fd = -1;
	if (rc)
		return rc;
	lock = sockfile_lock(err);
	if (lock < 0)
		return lock;
	s->fd = socket(AF_UNIX, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	rc = s->fd < 0 ? err_set(err, -errno, EXIT_KERNEL, "no socket: %s", strerror(errno))
		       : sockfile_bind(s, name, type, err);
	close(lock);
	if (!rc)
		return 0;
	if (s->fd >= 0)
		close(s->fd);
	s->fd = -1;
	rmdir(SOCKFILE_DIR); /* fails when others live there */
	return rc;
}

static int sockfile_gid(const char *group, gid_t *gid)
{
	const struct group *g;
	char *end;
	unsigned long n;

	errno = 0;
	n = strtoul(group, &end, 10);
	if (group[0] >= '0' && group[0] <= '9' && !*end && !errno && n < (gid_t)-1) {
		*gid = (gid_t)n;
		return 0;
	}
	g = getgrnam(group);
	if (g)
		*gid = g->gr_gid;
	return g ? 0 : -ENOENT;
}

int sockfile_group(const struct sockfile *s, const char *group, struct err *err)
{
	gid_t gid;

	if (sockfile_gid(group, &gid))
		return err_set(err, -ENOENT, EXIT_USAGE,
			       "there is no group '%.60s': see getent group, or make it: groupadd %.60s",
			       group, group);
	if (chown(s->addr.sun_path, (uid_t)-1, gid) || chmod(s->addr.sun_path, 0660))
		return err_set(err, -errno, EXIT_KERNEL, "cannot give %s to group %.60s: %s",
			       s->addr.sun_path, group, strerror(errno));
	return 0;
}

void sockfile_close(struct sockfile *s)
{
	if (s->fd < 0)
		return;
	unlink(s->addr.sun_path);
	close(s->fd);
	rmdir(SOCKFILE_DIR);
	s->fd = -1;
}
