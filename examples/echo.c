/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An echo server on libsyngate: one process, epoll.
 *
 *	echo '*:7'          and see its twin on the kernel's sockets, echo_kernel.c
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>

#include "syngate.h"

static int ep;
static volatile sig_atomic_t over;

static void stop(int sig)
{
	(void)sig;
	over = 1;
}

static void take(struct syngate_listener *l)
{
	struct syngate_conn *c;
	int rc;

	while ((rc = syngate_accept(l, &c, SYNGATE_NOWAIT | SOCK_NONBLOCK | SOCK_CLOEXEC)) == 0) {
		struct epoll_event ev = {.events = EPOLLIN, .data.ptr = c};

		if (epoll_ctl(ep, EPOLL_CTL_ADD, syngate_fd(c), &ev))
			syngate_abort(c);
	}
	if (rc != -EAGAIN) {
		fprintf(stderr, "echo: %s\n", syngate_why());
		exit(1);
	}
}

/* What is there, back. An echo that does not fit waits for room: here that is the client's fault. */
static void echo(struct syngate_conn *c)
{
	char buf[65536];
	ssize_t n = syngate_recv(c, buf, sizeof(buf), 0), sent = 0;

	while (sent < n) {
		ssize_t m = syngate_send(c, buf + sent, (size_t)(n - sent), 0);

		if (m < 0 && m != -EAGAIN)
			n = m;
		sent += m > 0 ? m : 0;
	}
	if (n == 0)
		syngate_close(c);
	else if (n < 0 && n != -EAGAIN)
		syngate_abort(c); /* reset, or timed out */
}

int main(int argc, char **argv)
{
	struct sigaction sa = {.sa_handler = stop};
	struct syngate_listen_options o = {
		.size = sizeof(o), .backlog = -1, .syn_backlog = -1, .flags = SG_OPT_BATCH};
	struct syngate_listener *l;
	struct epoll_event ev[64];

	if (syngate_listen(&l, argc > 1 ? argv[1] : "*:7", &o)) {
		fprintf(stderr, "echo: %s\n", syngate_why());
		return 1;
	}
	sigaction(SIGTERM, &sa, NULL);
	sigaction(SIGINT, &sa, NULL);
	ep = epoll_create1(EPOLL_CLOEXEC);
	ev[0] = (struct epoll_event){.events = EPOLLIN, .data.ptr = NULL};
	epoll_ctl(ep, EPOLL_CTL_ADD, syngate_listener_fd(l), &ev[0]);
	puts("ready");
	fflush(stdout);
	while (!over) {
		int n = epoll_wait(ep, ev, 64, -1);

		for (int i = 0; i < n; i++) {
			if (ev[i].data.ptr)
				echo(ev[i].data.ptr);
			else
				take(l);
		}
	}
	syngate_listener_close(l);
	return 0;
}
