/* SPDX-License-Identifier: BSD-2-Clause */
#include "io/keyfile.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#define KEYFILE_MAX    4096
#define KEYFILE_DIGITS 32

static int keyfile_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* A line without white space around it. 0, or -1: no key. */
static int keyfile_key(const char *line, struct sg_key *key)
{
	__u8 bytes[sizeof(*key)];

	if (strlen(line) != KEYFILE_DIGITS)
		return -1;
	for (int i = 0; i < KEYFILE_DIGITS / 2; i++) {
		int high = keyfile_digit(line[2 * i]), low = keyfile_digit(line[2 * i + 1]);

		if (high < 0 || low < 0)
			return -1;
		bytes[i] = (__u8)(high << 4 | low);
	}
	memcpy(key, bytes, sizeof(*key));
	explicit_bzero(bytes, sizeof(bytes));
	return key->k[0] | key->k[1] ? 0 : -1; /* all zero stands for none */
}

static char *keyfile_trim(char *line)
{
	line[strcspn(line, "#")] = 0;
	line += strspn(line, " \t\r");
	for (size_t n = strlen(line); n && strchr(" \t\r", line[n - 1]); n--)
		line[n - 1] = 0;
	return line;
}

int keyfile_parse(const char *path, char *text, struct sg_key key[2], struct err *err)
{
	int n = 0, at = 0;
	char *line;

	memset(key, 0, 2 * sizeof(*key));
	while ((line = strsep(&text, "\n"))) {
		at++;
		line = keyfile_trim(line);
		if (!*line)
			continue;
		if (n == 2)
			return err_set(err, -EINVAL, EXIT_USAGE,
				       "%s, line %d: a third key; two are valid at a time, the one that "
				       "makes cookies first",
				       path, at);
		if (keyfile_key(line, &key[n]))
			return err_set(err, -EINVAL, EXIT_USAGE,
				       "%s, line %d: a key is %d hexadecimal digits, not all 0; make one "
				       "with: openssl rand -hex 16",
				       path, at, KEYFILE_DIGITS);
		n++;
	}
	if (n == 2 && !memcmp(&key[0], &key[1], sizeof(key[0])))
		n = 1;
	if (!n)
		return err_set(err, -EINVAL, EXIT_USAGE,
			       "%s has no key; make one with: openssl rand -hex 16 >%s", path, path);
	return n;
}

static int keyfile_check(const char *path, const struct stat *st, struct err *err)
{
	if (!S_ISREG(st->st_mode))
		return err_set(err, -EINVAL, EXIT_USAGE, "%s is no regular file", path);
	if (st->st_uid != 0 && st->st_uid != geteuid())
		return err_set(err, -EPERM, EXIT_USAGE,
			       "%s belongs to somebody else, who knows the keys; chown root %s", path,
			       path);
	if (st->st_mode & 077)
		return err_set(err, -EPERM, EXIT_USAGE,
			       "%s can be read or written by others (mode %03o), and who knows the keys "
			       "can forge connections; chmod 600 %s, and put new keys in it",
			       path, st->st_mode & 0777, path);
	if (st->st_size > KEYFILE_MAX)
		return err_set(err, -EFBIG, EXIT_USAGE, "%s: %d bytes at most", path, KEYFILE_MAX);
	return 0;
}

int keyfile_read(const char *path, struct sg_key key[2], struct stat *st, struct err *err)
{
	char text[KEYFILE_MAX + 1] = "";
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY), rc;
	ssize_t n;

	memset(st, 0, sizeof(*st));
	if (fd < 0 || fstat(fd, st)) {
		rc = err_set(err, -errno, EXIT_USAGE, "%s: %s", path, strerror(errno));
		goto out;
	}
	rc = keyfile_check(path, st, err);
	if (rc)
		goto out;
	n = read(fd, text, KEYFILE_MAX);
	if (n < 0)
		rc = err_set(err, -errno, EXIT_USAGE, "%s: %s", path, strerror(errno));
	else if (memchr(text, 0, (size_t)n))
		rc = err_set(err, -EINVAL, EXIT_USAGE, "%s is no text", path);
	else
		rc = keyfile_parse(path, text, key, err);
	explicit_bzero(text, sizeof(text));
out:
	if (fd >= 0)
		close(fd);
	return rc;
}
