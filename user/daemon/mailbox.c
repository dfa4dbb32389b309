/* SPDX-License-Identifier: BSD-2-Clause */
#include "daemon/mailbox.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

struct mailbox_call {
	struct mailbox_call *next;
	void (*fn)(void *worker, void *arg);
	void *arg;
	int rc;
	bool done;
	bool posted; /* nobody waits: to be freed */
};

int mailbox_init(struct mailbox *m)
{
	m->event = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (m->event < 0)
		return -errno;
	pthread_mutex_init(&m->lock, NULL);
	pthread_cond_init(&m->done, NULL);
	m->first = NULL;
	m->last = &m->first;
	m->waiting = m->closed = false;
	return 0;
}

void mailbox_free(struct mailbox *m)
{
	if (m->event < 0)
		return;
	close(m->event);
	m->event = -1;
	pthread_cond_destroy(&m->done);
	pthread_mutex_destroy(&m->lock);
}

/* Out of the list again, unless the worker has taken it. */
static bool mailbox_withdraw(struct mailbox *m, struct mailbox_call *call)
{
	struct mailbox_call **p = &m->first;

	while (*p && *p != call)
		p = &(*p)->next;
	if (!*p)
		return false;
	*p = call->next;
	if (!*p)
		m->last = p;
	return true;
}

static void mailbox_put(struct mailbox *m, struct mailbox_call *call)
{
	*m->last = call;
	m->last = &call->next;
	__atomic_store_n(&m->waiting, true, __ATOMIC_RELEASE);
	mailbox_wake(m);
}

/* `until` NULL: for as long as it takes. */
static int mailbox_wait(struct mailbox *m, struct mailbox_call *call, const struct timespec *until)
{
	mailbox_put(m, call);
	while (!call->done) {
		if (!until)
			pthread_cond_wait(&m->done, &m->lock);
		else if (pthread_cond_clockwait(&m->done, &m->lock, CLOCK_MONOTONIC, until) ==
				 ETIMEDOUT &&
			 !call->done) {
			if (mailbox_withdraw(m, call))
				return -ETIMEDOUT;
			until = NULL; /* it is at it */
		}
	}
	return call->rc;
}

int mailbox_call(struct mailbox *m, void (*fn)(void *worker, void *arg), void *arg)
{
	struct mailbox_call call = {.fn = fn, .arg = arg};
	int rc = -ESHUTDOWN;

	pthread_mutex_lock(&m->lock);
	if (!m->closed)
		rc = mailbox_wait(m, &call, NULL);
	pthread_mutex_unlock(&m->lock);
	return rc;
}

int mailbox_try(struct mailbox *m, void (*fn)(void *worker, void *arg), void *arg, unsigned ms)
{
	struct mailbox_call call = {.fn = fn, .arg = arg};
	struct timespec until;
	int rc = -ESHUTDOWN;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += ms / 1000;
	until.tv_nsec += ms % 1000 * 1000000L;
	if (until.tv_nsec >= 1000000000L) {
		until.tv_sec++;
		until.tv_nsec -= 1000000000L;
	}
	pthread_mutex_lock(&m->lock);
	if (!m->closed)
		rc = mailbox_wait(m, &call, &until);
	pthread_mutex_unlock(&m->lock);
	return rc;
}

int mailbox_post(struct mailbox *m, void (*fn)(void *worker, void *arg), void *arg)
{
	struct mailbox_call *call = calloc(1, sizeof(*call));
	int rc = 0;

	if (!call)
		return -ENOMEM;
	*call = (struct mailbox_call){.fn = fn, .arg = arg, .posted = true};
	pthread_mutex_lock(&m->lock);
	if (m->closed)
		rc = -ESHUTDOWN;
	else
		mailbox_put(m, call);
	pthread_mutex_unlock(&m->lock);
	if (rc)
		free(call);
	return rc;
}

static struct mailbox_call *mailbox_take(struct mailbox *m)
{
	struct mailbox_call *list;

	pthread_mutex_lock(&m->lock);
	list = m->first;
	m->first = NULL;
	m->last = &m->first;
	__atomic_store_n(&m->waiting, false, __ATOMIC_RELEASE);
	pthread_mutex_unlock(&m->lock);
	return list;
}

/* The caller's stack holds the call: it is not to be touched once `done` is seen. */
static void mailbox_finish(struct mailbox *m, struct mailbox_call *list, int rc)
{
	pthread_mutex_lock(&m->lock);
	while (list) {
		struct mailbox_call *c = list;

		list = c->next;
		c->rc = rc;
		c->done = true;
		if (c->posted)
			free(c);
	}
	pthread_cond_broadcast(&m->done);
	pthread_mutex_unlock(&m->lock);
}

bool mailbox_run(struct mailbox *m, void *worker)
{
	struct mailbox_call *list;

	if (!mailbox_waiting(m))
		return false;
	list = mailbox_take(m);
	for (struct mailbox_call *c = list; c; c = c->next)
		c->fn(worker, c->arg);
	mailbox_finish(m, list, 0);
	return list != NULL;
}

bool mailbox_waiting(const struct mailbox *m)
{
	return __atomic_load_n(&m->waiting, __ATOMIC_ACQUIRE);
}

void mailbox_close(struct mailbox *m)
{
	struct mailbox_call *list;

	pthread_mutex_lock(&m->lock);
	m->closed = true;
	pthread_mutex_unlock(&m->lock);
	list = mailbox_take(m);
	for (struct mailbox_call *c = list; c; c = c->next)
		if (c->posted)
			c->fn(NULL, c->arg);
	mailbox_finish(m, list, -ESHUTDOWN);
}

void mailbox_wake(struct mailbox *m)
{
	eventfd_write(m->event, 1); /* at its maximum it is readable already */
}

void mailbox_awake(struct mailbox *m)
{
	eventfd_t n;

	eventfd_read(m->event, &n);
}
