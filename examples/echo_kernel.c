/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The echo server of echo.c on the kernel's sockets, to compare it with.
 *
 *	echo_kernel 7
 */
#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

static int ep;
static volatile sig_atomic_t over;

static void stop(int sig)
{
	(void)sig;
	over = 1;
}

static void take(int l)
{
	int c;

	while ((c = accept4(l, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
		struct epoll_event ev = {.events = EPOLLIN, .data.fd = c};

		if (epoll_ctl(ep, EPOLL_CTL_ADD, c, &ev))
			close(c);
	}
	if (errno != EAGAIN) {
		perror("echo_kernel");
		exit(1);
	}
}

/* What is there, back. An echo that does not fit waits for room: here that is the client's fault. */
static void echo(int c)
{
	char buf[65536];
	ssize_t n = recv(c, buf, sizeof(buf), 0), sent = 0;

	if (n < 0 && errno == EAGAIN)
		return;
	while (sent < n) {
		ssize_t m = send(c, buf + sent, (size_t)(n - sent), MSG_NOSIGNAL);

		if (m < 0 && errno != EAGAIN)
			n = m;
		sent += m > 0 ? m : 0;
	}
	if (n <= 0)
		close(c);
}

int main(int argc, char **argv)
{
	struct sockaddr_in6 any = {
		.sin6_family = AF_INET6,
		.sin6_port = htons((uint16_t)(argc > 1 ? atoi(argv[1]) : 7)),
	};
	int l = socket(AF_INET6, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), one = 1;
	struct sigaction sa = {.sa_handler = stop};
	struct epoll_event ev[64];

	setsockopt(l, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (bind(l, (struct sockaddr *)&any, sizeof(any)) || listen(l, 4096)) {
		perror("echo_kernel");
		return 1;
	}
	sigaction(SIGTERM, &sa, NULL);
	sigaction(SIGINT, &sa, NULL);
	ep = epoll_create1(EPOLL_CLOEXEC);
	ev[0] = (struct epoll_event){.events = EPOLLIN, .data.fd = l};
	epoll_ctl(ep, EPOLL_CTL_ADD, l, &ev[0]);
	puts("ready");
	fflush(stdout);
	while (!over) {
		int n = epoll_wait(ep, ev, 64, -1);

		for (int i = 0; i < n; i++) {
			if (ev[i].data.fd == l)
				take(l);
			else
				echo(ev[i].data.fd);
		}
	}
	return 0;
}
