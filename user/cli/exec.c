/* SPDX-License-Identifier: BSD-2-Clause */
/* syngate exec: run a program as it is, with its connections from a running daemon (user/exec/). */
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/addr.h"
#include "cli/cli.h"
#include "cli/opts.h"
#include "exec/env.h"
#include "lib/lib.h"

const struct cli_opt exec_opts[] = {
	{"listen", OPT_LISTEN, "ADDR:PORT", "these listeners of the program alone, each (default: all of TCP)"},
	{"connect", OPT_CONNECT, NULL, "its connections of TCP, too, where the daemon has the way"},
	{"require", OPT_REQUIRE, NULL, "listen() fails where the daemon cannot have it (default: the kernel has it)"},
	{"instance", OPT_INSTANCE, "NAME", "the daemon (default: syngated, or the only one)"},
	{0},
};

#define EXEC_PATH "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

struct exec_args {
	char listen[EXEC_LISTEN_MAX];
	const char *instance;
	bool connect, require;
};

/* --- the library ---------------------------------------------------------------------------- */

/* Beside this binary, as it is built, or where it is installed: sbin/../lib. */
static int exec_library(char path[PATH_MAX], struct err *err)
{
	static const char *const place[] = {"", "../lib/", "../lib/x86_64-linux-gnu/", "../lib/aarch64-linux-gnu/"};
	char self[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	char *slash;

	if (n > 0) {
		self[n] = '\0';
		slash = strrchr(self, '/');
		slash[1] = '\0';
		for (size_t i = 0; i < SG_ARRAY_SIZE(place); i++) {
			if (snprintf(path, PATH_MAX, "%s%s" EXEC_LIBRARY, self, place[i]) < PATH_MAX &&
			    access(path, R_OK) == 0)
				return 0;
		}
	}
	return err_set(err, -ENOENT, EXIT_KERNEL,
		       EXEC_LIBRARY " is not there, beside syngate or in ../lib: make install");
}

/* --- the program ---------------------------------------------------------------------------- */

static int exec_find(const char *name, char path[PATH_MAX], struct err *err)
{
	const char *dirs = getenv("PATH") ?: EXEC_PATH;

	if (strchr(name, '/')) {
		snprintf(path, PATH_MAX, "%s", name);
		if (access(path, X_OK) == 0)
			return 0;
	}
	while (!strchr(name, '/') && *dirs) {
		size_t n = strcspn(dirs, ":");

		snprintf(path, PATH_MAX, "%.*s/%s", (int)n, dirs, name);
		if (n && access(path, X_OK) == 0)
			return 0;
		dirs += n + (dirs[n] == ':');
	}
	return err_set(err, -ENOENT, EXIT_USAGE, "cannot run '%.200s': it is not there, or not executable", name);
}

/* Does a dynamic linker of our kind load it? `why`: if not. */
static bool exec_is_dynamic(int fd, const char **why)
{
	Elf64_Ehdr e;
	Elf64_Phdr p;

	if (read(fd, &e, sizeof(e)) != sizeof(e) || memcmp(e.e_ident, ELFMAG, SELFMAG))
		return true; /* a script: its interpreter counts, which is looked at in its turn */
	*why = "it is of another architecture than syngate";
	if (e.e_ident[EI_CLASS] != ELFCLASS64)
		return false;
	for (unsigned i = 0; i < e.e_phnum; i++)
		if (pread(fd, &p, sizeof(p), (off_t)(e.e_phoff + i * e.e_phentsize)) == sizeof(p) &&
		    p.p_type == PT_INTERP)
			return true;
	*why = "it is linked statically (as Go's are), and loads no library";
	return false;
}

static int exec_check(const char *path, struct err *err)
{
	const char *why;
	struct stat st;
	bool good;
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return 0; /* executable and not readable: let the kernel say */
	good = exec_is_dynamic(fd, &why);
	if (good && fstat(fd, &st) == 0 && st.st_mode & (S_ISUID | S_ISGID) && geteuid() != 0) {
		why = "it is setuid or setgid, and the linker ignores LD_PRELOAD";
		good = false;
	}
	close(fd);
	return !good ? err_set(err, -ENOEXEC, EXIT_USAGE,
			     "%.200s cannot be accelerated: %s; put syngate in front of it with --backend", path, why)
		   : 0;
}

static int exec_daemon(const char *instance, struct err *err)
{
	int fd = channel_open(instance);

	if (fd < 0)
		return err_set(err, fd, EXIT_KERNEL, "%s", syngate_why());
	close(fd);
	return 0;
}

/* --- what it is told ------------------------------------------------------------------------- */

static int exec_listen(struct exec_args *a, const char *text, struct err *err)
{
	size_t n = strlen(a->listen);
	struct sg_addr addr;
	__u16 port;
	int rc = addr_parse_listen(text, &addr, &port, err);
	char one[ADDR_TEXT];

	if (rc)
		return rc;
	addr_format(&addr, port, one);
	if (n + strlen(one) + 2 > sizeof(a->listen))
		return err_set(err, -E2BIG, EXIT_USAGE, "too many --listen: leave them out, and all are taken");
	snprintf(a->listen + n, sizeof(a->listen) - n, "%s%s", n ? " " : "", one);
	return 0;
}

static void exec_say(const char *name, const char *value)
{
	if (value)
		setenv(name, value, 1);
	else
		unsetenv(name);
}

/* In front of what is preloaded already. */
static void exec_preload(const char *library)
{
	const char *had = getenv("LD_PRELOAD");
	char *all;

	if (had && *had && asprintf(&all, "%s:%s", library, had) > 0)
		library = all;
	setenv("LD_PRELOAD", library, 1);
}

static int exec_option(struct exec_args *a, int key, struct err *err)
{
	switch (key) {
	case OPT_LISTEN:
		return exec_listen(a, optarg, err);
	case OPT_CONNECT:
		a->connect = true;
		return 0;
	case OPT_REQUIRE:
		a->require = true;
		return 0;
	case OPT_INSTANCE:
		a->instance = optarg;
		return 0;
	}
	return key;
}

int cmd_exec(const struct command *cmd, int argc, char **argv, struct err *err)
{
	char library[PATH_MAX], program[PATH_MAX];
	struct exec_args a = {0};
	struct opts o;
	int key, rc = 0;

	opts_begin(&o, cmd, argc, argv);
	opts_up_to_operand(&o);
	while (!rc && (key = opts_next(&o, err)) != OPTS_END)
		rc = exec_option(&a, key, err);
	if (!rc)
		rc = opts_operands(&o, 1, INT_MAX, err);
	if (!rc)
		rc = exec_find(o.operand[0], program, err);
	if (!rc)
		rc = exec_check(program, err);
	if (!rc)
		rc = exec_library(library, err);
	if (!rc)
		rc = exec_daemon(a.instance, err);
	if (rc)
		return rc;
	exec_say(EXEC_LISTEN, a.listen[0] ? a.listen : NULL);
	exec_say(EXEC_CONNECT, a.connect ? "1" : NULL);
	exec_say(EXEC_REQUIRE, a.require ? "1" : NULL);
	if (a.instance)
		exec_say("SYNGATE_INSTANCE", a.instance);
	exec_preload(library);
	execv(program, o.operand);
	return err_set(err, -errno, EXIT_KERNEL, "cannot run %.200s: %s", program, strerror(errno));
}
