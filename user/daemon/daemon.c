/* SPDX-License-Identifier: BSD-2-Clause */
/* The daemon's life: born with its control socket, serves until a signal, leaves nothing. */
#include "daemon/daemon.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "daemon/clients.h"
#include "daemon/control.h"
#include "daemon/programs.h"
#include "daemon/state.h"
#include "daemon/watch.h"
#include "io/clock.h"
#include "io/locals.h"
#include "io/log.h"

/* A backend connection is a descriptor: as many as we are allowed. */
static void daemon_descriptors(void)
{
	struct rlimit r;

	if (getrlimit(RLIMIT_NOFILE, &r))
		return;
	r.rlim_cur = r.rlim_max;
	setrlimit(RLIMIT_NOFILE, &r); /* as it is will do, too */
}

/* Before any thread is made, so that all of them leave the signals to us. */
static int daemon_signals(struct daemon *d, struct err *err)
{
	sigset_t mask;

	sigemptyset(&mask);
	sigaddset(&mask, SIGINT);
	sigaddset(&mask, SIGTERM);
	d->signals = signalfd(-1, &mask, SFD_NONBLOCK | SFD_CLOEXEC);
	if (d->signals < 0)
		return err_set(err, -errno, EXIT_KERNEL, "no signalfd: %s", strerror(errno));
	sigaddset(&mask, SIGPIPE);
	pthread_sigmask(SIG_BLOCK, &mask, &d->old_mask);
	return 0;
}

int daemon_new(struct daemon **out, const char *name, struct err *err)
{
	struct daemon *d = calloc(1, sizeof(*d));
	int rc;

	if (!d)
		return err_set(err, -ENOMEM, EXIT_KERNEL, "no memory");
	d->since = clock_now();
	d->over = -1;
	rc = control_open(&d->control, name, err);
	if (rc)
		goto fail;
	rc = programs_open(&d->programs, name, err);
	if (rc)
		goto fail_control;
	rc = clients_new(&d->clients);
	if (rc) {
		err_set(err, rc, EXIT_KERNEL, "no epoll: %s", strerror(-rc));
		goto fail_programs;
	}
	rc = daemon_signals(d, err);
	if (rc)
		goto fail_clients;
	d->health = epoll_create1(EPOLL_CLOEXEC);
	if (d->health < 0) {
		rc = err_set(err, -errno, EXIT_KERNEL, "no epoll: %s", strerror(errno));
		goto fail_signals;
	}
	daemon_descriptors();
	*out = d;
	return 0;
fail_signals:
	close(d->signals);
	pthread_sigmask(SIG_SETMASK, &d->old_mask, NULL);
fail_clients:
	clients_free(d->clients);
fail_programs:
	programs_close(d->programs);
fail_control:
	control_close(d->control);
fail:
	free(d);
	return rc;
}

int daemon_app_group(struct daemon *d, const char *group, struct err *err)
{
	return programs_group(d->programs, group, err);
}

/* --- serving -------------------------------------------------------------------------------- */

static int daemon_attached(const struct daemon *d)
{
	int n = 0;

	for (const struct attachment *a = d->first; a; a = a->next)
		n++;
	return n;
}

static void daemon_locals(struct attachment *a)
{
	int rc = locals_handle(a->locals);

	a->vanished = rc == -ENODEV;
	if (!a->vanished)
		offer_follow(a); /* of the MTU */
	if (rc && !a->vanished)
		log_warn("%s: its addresses could not be followed: %s", a->front->ifname,
			 strerror(-rc));
}

/* Interfaces that are no more. Returns 0, or -ENODEV when that leaves `run` without any. */
static int daemon_vanished(struct daemon *d, bool foreground)
{
	struct attachment *a = d->first, *next;
	struct err err;

	for (; a; a = next) {
		char iface[IF_NAMESIZE];

		next = a->next;
		if (!a->vanished)
			continue;
		memcpy(iface, a->front->ifname, sizeof(iface));
		log_error("%s has gone: its connections are lost, and nothing is served there",
			  iface);
		if (daemon_detach(d, iface, &err))
			log_warn("%s", err.msg);
		if (!d->first && foreground)
			return -ENODEV;
	}
	return 0;
}

/* For poll(): until a client or a listener of a dead daemon has had its time, or it is time to look. */
static int daemon_timeout(const struct daemon *d)
{
	sg_time at = clients_deadline(d->clients), now = clock_now();
	int wait = control_timeout(d->control), programs = programs_timeout(d->programs);

	wait = wait < 0 || (programs >= 0 && programs < wait) ? programs : wait;
	for (const struct attachment *a = d->first; a; a = a->next) {
		at = a->forget_at < at ? a->forget_at : at;
		at = a->kernel_at < at ? a->kernel_at : at;
		at = a->watch_at < at ? a->watch_at : at;
		at = a->health_at < at ? a->health_at : at;
	}
	if (at != SG_NEVER && (wait < 0 || at < now + (sg_time)wait * SG_MS))
		wait = at > now ? (int)((at - now) / SG_MS) + 1 : 0;
	return wait;
}

static bool daemon_signalled(struct daemon *d)
{
	struct signalfd_siginfo sig;

	if (read(d->signals, &sig, sizeof(sig)) != sizeof(sig))
		return false;
	d->signal = (int)sig.ssi_signo;
	return true;
}

/* What is polled beside the control socket and the interfaces. */
enum { DAEMON_SIGNALS, DAEMON_OVER, DAEMON_HEALTH, DAEMON_CLIENTS, DAEMON_FDS };

/* One wait for everything. Returns 1 when it is to end, 0, or a negative errno. */
static int daemon_wait(struct daemon *d, struct pollfd *p)
{
	struct attachment *a;
	int n = DAEMON_FDS, clients, programs, i;

	p[DAEMON_SIGNALS] = (struct pollfd){.fd = d->signals, .events = POLLIN};
	p[DAEMON_OVER] = (struct pollfd){.fd = d->over, .events = POLLIN};
	p[DAEMON_HEALTH] = (struct pollfd){.fd = d->health, .events = POLLIN};
	p[DAEMON_CLIENTS] = (struct pollfd){.fd = clients_fd(d->clients), .events = POLLIN};
	clients = control_poll(d->control, p + n);
	n += clients;
	programs = programs_poll(d->programs, p + n);
	n += programs;
	for (a = d->first; a; a = a->next)
		p[n++] = (struct pollfd){.fd = locals_fd(a->locals), .events = POLLIN};
	if (poll(p, (nfds_t)n, daemon_timeout(d)) < 0)
		return errno == EINTR ? 0 : -errno;
	i = DAEMON_FDS + clients + programs;
	for (a = d->first; a; a = a->next)
		if (p[i++].revents)
			daemon_locals(a);
	if (p[DAEMON_HEALTH].revents)
		health_ready(d, clock_now());
	for (a = d->first; a; a = a->next) {
		attachment_forget_late(a);
		health_look(d, a, clock_now());
		kernel_look(a, clock_now());
		watch_look(a, clock_now());
	}
	cookies_look(d, clock_now());
	clients_look(d->clients, d, clock_now());
	control_handle(d->control, d, p + DAEMON_FDS, clients); /* may attach and detach */
	programs_handle(d->programs, d, p + DAEMON_FDS + clients, programs);
	return p[DAEMON_OVER].revents || (p[DAEMON_SIGNALS].revents && daemon_signalled(d));
}

int daemon_serve(struct daemon *d, void (*ready)(void *), void *arg)
{
	bool foreground = d->first; /* of use as long as it has an interface */
	struct pollfd *p = NULL, *more;
	int rc = 0;

	for (struct attachment *a = d->first; a; a = a->next)
		attachment_forget(a); /* who was to be listened for is by now */
	if (ready)
		ready(arg);
	while (rc == 0 && (d->first || !foreground)) {
		size_t n = DAEMON_FDS + CONTROL_FDS + PROGRAMS_FDS + (size_t)daemon_attached(d);

		more = reallocarray(p, n, sizeof(*p));
		if (!more)
			rc = -ENOMEM;
		else
			p = more;
		if (!rc)
			rc = daemon_wait(d, p);
		if (!rc)
			rc = daemon_vanished(d, foreground);
	}
	free(p);
	return rc < 0 ? rc : 0;
}

int daemon_signal(const struct daemon *d)
{
	return d->signal;
}

void daemon_free(struct daemon *d)
{
	struct err err;

	if (!d)
		return;
	while (d->first) {
		char iface[IF_NAMESIZE];

		memcpy(iface, d->first->front->ifname, sizeof(iface));
		if (daemon_detach(d, iface, &err))
			log_error("%s", err.msg);
	}
	clients_free(d->clients);
	programs_close(d->programs);
	control_close(d->control);
	explicit_bzero(&d->cookies, sizeof(d->cookies));
	close(d->health);
	close(d->signals);
	pthread_sigmask(SIG_SETMASK, &d->old_mask, NULL);
	free(d);
}
