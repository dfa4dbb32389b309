/* SPDX-License-Identifier: BSD-2-Clause */
/* Which descriptors are ours. */
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include "exec/shim.h"

#define TABLE_MAX  (1u << 20) /* descriptors; the kernel's own limit, nr_open */
#define TABLE_HIDE 1000	      /* hidden ones are as high as the limit allows, below this or above */

static struct shim_sock **table; /* [TABLE_MAX]; pages that are not used are not there */
static unsigned table_end;	 /* all behind are NULL */
static pid_t table_pid;
static pthread_mutex_t table_lock = PTHREAD_MUTEX_INITIALIZER;
__thread int shim_inside;

static void table_before_fork(void)
{
	pthread_mutex_lock(&table_lock);
}

static void table_in_parent(void)
{
	pthread_mutex_unlock(&table_lock);
}

static void table_in_child(void)
{
	table_pid = getpid();
	pthread_mutex_unlock(&table_lock);
}

__attribute__((constructor)) static void table_begin(void)
{
	void *p;

	if (table)
		return;
	p = mmap(NULL, TABLE_MAX * sizeof(*table), PROT_READ | PROT_WRITE,
		 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (p == MAP_FAILED)
		return; /* nothing will be ours */
	table_pid = getpid();
	pthread_atfork(table_before_fork, table_in_parent, table_in_child);
	table = p;
}

bool shim_is_ours(void)
{
	return table && getpid() == table_pid;
}

struct shim_sock *shim_hold(int fd)
{
	struct shim_sock *s;

	if ((unsigned)fd >= __atomic_load_n(&table_end, __ATOMIC_ACQUIRE) ||
	    !__atomic_load_n(&table[fd], __ATOMIC_ACQUIRE))
		return NULL;
	pthread_mutex_lock(&table_lock);
	s = table[fd];
	if (s)
		atomic_fetch_add(&s->refs, 1);
	pthread_mutex_unlock(&table_lock);
	return s;
}

struct shim_sock *shim_new(enum shim_kind kind)
{
	struct shim_sock *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	s->kind = kind;
	s->refs = 1;
	return s;
}

/* Its descriptors are closed already, or are the program's to close. */
void shim_put(struct shim_sock *s)
{
	if (!s || atomic_fetch_sub(&s->refs, 1) > 1)
		return;
	shim_inside++;
	if (s->conn) {
		listener_put(s->conn->l);
		free(s->conn);
	}
	if (s->listener)
		listener_put(s->listener);
	shim_inside--;
	shim_put(s->of);
	free(s);
}

void shim_set(int fd, struct shim_sock *s)
{
	struct shim_sock *was;

	if ((unsigned)fd >= TABLE_MAX || !shim_is_ours())
		return;
	if (s) {
		atomic_fetch_add(&s->refs, 1);
		atomic_fetch_add(&s->fds, 1);
	}
	pthread_mutex_lock(&table_lock);
	was = table[fd];
	__atomic_store_n(&table[fd], s, __ATOMIC_RELEASE);
	if (s && (unsigned)fd >= table_end)
		__atomic_store_n(&table_end, (unsigned)fd + 1, __ATOMIC_RELEASE);
	pthread_mutex_unlock(&table_lock);
	if (was && atomic_fetch_sub(&was->fds, 1) == 1 && was->kind == SHIM_LISTENER)
		shim_unlisten(was);
	shim_put(was);
}

void shim_copy(int from, int to)
{
	struct shim_sock *s = shim_hold(from);

	if (s || ((unsigned)to < table_end && table[to]))
		shim_set(to, s);
	shim_put(s);
}

int shim_hide(int fd)
{
	struct rlimit r = {TABLE_HIDE, TABLE_HIDE};
	struct shim_sock *s;
	int high;

	getrlimit(RLIMIT_NOFILE, &r);
	high = (int)(r.rlim_cur > TABLE_HIDE ? TABLE_HIDE : r.rlim_cur) * 3 / 4;
	high = shim_real()->fcntl(fd, F_DUPFD_CLOEXEC, high);
	if (high >= 0) {
		shim_real()->close(fd);
		fd = high;
	}
	s = shim_new(SHIM_HIDDEN);
	shim_set(fd, s);
	shim_put(s);
	return fd;
}

static bool table_is_hidden(unsigned fd)
{
	return table[fd] && table[fd]->kind == SHIM_HIDDEN;
}

/* In pieces between those that are hidden. */
int shim_close_from(unsigned first, unsigned last, int flags)
{
	bool ours = shim_is_ours() && !flags;
	int rc = 0;

	while (first <= last) {
		unsigned end = first;

		while (end <= last && end < table_end && !table_is_hidden(end)) {
			if (ours && table[end])
				shim_set((int)end, NULL);
			end++;
		}
		if (end >= table_end || end > last)
			return rc | shim_real()->close_range(first, last, flags);
		if (end > first)
			rc |= shim_real()->close_range(first, end - 1, flags);
		first = end + 1;
	}
	return rc;
}
