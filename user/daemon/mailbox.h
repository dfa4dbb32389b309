/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How another thread has something done in a worker's own thread. The caller waits
 * until it is done, or posts it; what waits when the worker ends is refused, not forgotten.
 */
#ifndef DAEMON_MAILBOX_H
#define DAEMON_MAILBOX_H

#include <pthread.h>
#include <stdbool.h>

struct mailbox_call;

struct mailbox {
	pthread_mutex_t lock;
	pthread_cond_t done;
	struct mailbox_call *first, **last;
	bool waiting; /* a hint that may be read without the lock */
	bool closed;
	int event; /* eventfd: wakes the worker */
};

int mailbox_init(struct mailbox *m);
void mailbox_free(struct mailbox *m);

/* Any thread. 0, or -ESHUTDOWN: the worker is gone, `fn` was not called. */
int mailbox_call(struct mailbox *m, void (*fn)(void *worker, void *arg), void *arg);

/* The same, for a worker that may hang. -ETIMEDOUT: it did not begin within `ms`, and will not. */
int mailbox_try(struct mailbox *m, void (*fn)(void *worker, void *arg), void *arg, unsigned ms);

/*
 * The same, but nobody waits. When the worker ends before, `fn` is called all the same, with worker NULL. -ESHUTDOWN
 * or -ENOMEM: it is not.
 */
int mailbox_post(struct mailbox *m, void (*fn)(void *worker, void *arg), void *arg);

/* The worker's thread: do what waits. Returns whether there was something. */
bool mailbox_run(struct mailbox *m, void *worker);
bool mailbox_waiting(const struct mailbox *m);

/* The worker's thread: the last thing it does. */
void mailbox_close(struct mailbox *m);

/* Wake the worker; the worker forgets about it. */
void mailbox_wake(struct mailbox *m);
void mailbox_awake(struct mailbox *m);

#endif
