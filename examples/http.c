/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A web server of one page on libsyngate: one process, epoll, keep-alive. Its twin on the kernel's
 * sockets is http_kernel.c: what differs is what begins with syngate_.
 *
 *	http '*:80'
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>

#include "syngate.h"

static const char page[] = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 6\r\n\r\nhello\n";
static volatile sig_atomic_t over;

static void stop(int sig)
{
	(void)sig;
	over = 1;
}

/* All that wait. False: the listener is no more. */
static int take(int ep, struct syngate_listener *l)
{
	struct syngate_conn *c;
	int rc;

	while ((rc = syngate_accept(l, &c, SYNGATE_NOWAIT | SOCK_NONBLOCK | SOCK_CLOEXEC)) == 0) {
		struct epoll_event ev = {.events = EPOLLIN, .data.ptr = c};

		if (epoll_ctl(ep, EPOLL_CTL_ADD, syngate_fd(c), &ev))
			syngate_abort(c);
	}
	return rc == -EAGAIN;
}

/* One request in one piece, which is what clients send; anything else is not for an example. */
static void serve(struct syngate_conn *c)
{
	char buf[4096];
	ssize_t n = syngate_recv(c, buf, sizeof(buf) - 1, 0);

	if (n == -EAGAIN)
		return;
	if (n > 0) {
		buf[n] = 0;
		if (!strncmp(buf, "GET ", 4) && strstr(buf, "\r\n\r\n") &&
		    syngate_send(c, page, sizeof(page) - 1, 0) == sizeof(page) - 1) {
			if (strcasestr(buf, "\r\nconnection: close"))
				syngate_close(c);
			return;
		}
		n = -1;
	}
	if (n == 0)
		syngate_close(c);
	else
		syngate_abort(c);
}

int main(int argc, char **argv)
{
	struct sigaction sa = {.sa_handler = stop};
	int ep = epoll_create1(EPOLL_CLOEXEC), ok = 1;
	struct epoll_event ev[64] = {{.events = EPOLLIN}};
	struct syngate_listen_options o = {
		.size = sizeof(o), .backlog = -1, .syn_backlog = -1, .flags = SG_OPT_BATCH};
	struct syngate_listener *l;

	if (syngate_listen(&l, argc > 1 ? argv[1] : "*:80", &o)) {
		fprintf(stderr, "http: %s\n", syngate_why());
		return 1;
	}
	sigaction(SIGTERM, &sa, NULL);
	sigaction(SIGINT, &sa, NULL);
	epoll_ctl(ep, EPOLL_CTL_ADD, syngate_listener_fd(l), ev);
	puts("ready");
	fflush(stdout);
	while (!over && ok) {
		int n = epoll_wait(ep, ev, 64, -1);

		for (int i = 0; i < n && ok; i++) {
			if (ev[i].data.ptr)
				serve(ev[i].data.ptr);
			else
				ok = take(ep, l);
		}
	}
	if (!ok)
		fprintf(stderr, "http: %s\n", syngate_why());
	syngate_listener_close(l);
	return !ok;
}
