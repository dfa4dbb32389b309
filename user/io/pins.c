/* SPDX-License-Identifier: BSD-2-Clause */
#include "io/pins.h"

#include <bpf/bpf.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#define PINS_BPFFS "/sys/fs/bpf"
#define PINS_PATH  256

int pins_name(struct pins *p, const char *name)
{
	size_t len = strlen(name);

	p->fd = -1;
	if (len == 0 || len >= 64 || name[0] == '.' || strchr(name, '/'))
		return -EINVAL;
	snprintf(p->dir, sizeof(p->dir), "%s/%s", PINS_ROOT, name);
	return 0;
}

static int pins_mount(void)
{
	struct statfs fs;

	if (!statfs(PINS_BPFFS, &fs) && fs.f_type == BPF_FS_MAGIC)
		return 0;
	return mount("bpf", PINS_BPFFS, "bpf", MS_NOSUID | MS_NODEV | MS_NOEXEC, "mode=0700")
		       ? -errno
		       : 0;
}

static int pins_mkdir(const char *path)
{
	return mkdir(path, 0700) && errno != EEXIST ? -errno : 0;
}

/* Is the directory that we locked still the one at that path, or was it removed meanwhile? */
static int pins_same(const struct pins *p, int fd)
{
	struct stat a, b;

	return !fstat(fd, &a) && !stat(p->dir, &b) && a.st_ino == b.st_ino && a.st_dev == b.st_dev;
}

static int pins_lock(struct pins *p)
{
	int fd, ret;

	for (;;) {
		ret = pins_mkdir(PINS_ROOT);
		if (!ret)
			ret = pins_mkdir(p->dir);
		if (ret == -ENOENT)
			continue; /* the root went between the two */
		if (ret)
			return ret;
		fd = open(p->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (fd < 0 && errno == ENOENT)
			continue;
		if (fd < 0)
			return -errno;
		if (flock(fd, LOCK_EX | LOCK_NB)) {
			ret = errno == EWOULDBLOCK ? -EBUSY : -errno;
			close(fd);
			return ret;
		}
		if (pins_same(p, fd))
			break;
		close(fd);
	}
	p->fd = fd;
	return 0;
}

int pins_open(struct pins *p)
{
	int ret = pins_mount();

	return ret ? ret : pins_lock(p);
}

void pins_close(struct pins *p)
{
	if (p->fd >= 0)
		close(p->fd);
	p->fd = -1;
}

static const char *pins_path(const struct pins *p, const char *name, char path[PINS_PATH])
{
	snprintf(path, PINS_PATH, "%s/%s", p->dir, name);
	return path;
}

int pins_get(const struct pins *p, const char *name)
{
	char path[PINS_PATH];
	int fd = bpf_obj_get(pins_path(p, name, path));

	return fd < 0 ? -errno : fd;
}

int pins_put(const struct pins *p, const char *name, int fd)
{
	char path[PINS_PATH];

	return bpf_obj_pin(fd, pins_path(p, name, path)) ? -errno : 0;
}

int pins_drop(const struct pins *p, const char *name)
{
	char path[PINS_PATH];

	return unlink(pins_path(p, name, path)) && errno != ENOENT ? -errno : 0;
}

int pins_clear(const struct pins *p)
{
	DIR *d = opendir(p->dir);
	struct dirent *e;
	int ret = 0;

	if (!d)
		return errno == ENOENT ? 0 : -errno;
	while ((e = readdir(d))) {
		int r = e->d_name[0] == '.' ? 0 : pins_drop(p, e->d_name);

		ret = ret ? ret : r;
	}
	closedir(d);
	return ret;
}

bool pins_any(const struct pins *p)
{
	DIR *d = opendir(p->dir);
	struct dirent *e = NULL;

	while (d && (e = readdir(d)) && e->d_name[0] == '.')
		;
	if (d)
		closedir(d);
	return e != NULL;
}

int pins_remove(struct pins *p)
{
	int ret = pins_clear(p);

	if (!ret && rmdir(p->dir) && errno != ENOENT)
		ret = -errno;
	(void)rmdir(PINS_ROOT); /* stays while another instance is in it */
	pins_close(p);
	return ret;
}
