/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The web server of http.c on the kernel's sockets, to compare it with.
 *	http_kernel 80			or http_kernel /run/http.sock, for a proxy
 */
#include <err.h>
#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/un.h>
#include <unistd.h>

static const char page[] = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 6\r\n\r\nhello\n";
static volatile sig_atomic_t over;

static void stop(int sig)
{
	over = sig;
}

/* All that wait. */
static int take(int ep, int l)
{
	int c;

	while ((c = accept4(l, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
		struct epoll_event ev = {.events = EPOLLIN, .data.fd = c};

		if (epoll_ctl(ep, EPOLL_CTL_ADD, c, &ev))
			close(c);
	}
	return errno == EAGAIN;
}

/* One request in one piece, which is what clients send; anything else is not for an example. */
static void serve(int c)
{
	char buf[4096];
	ssize_t n = recv(c, buf, sizeof(buf) - 1, 0);

	if (n < 0 && errno == EAGAIN)
		return;
	if (n > 0) {
		buf[n] = 0;
		if (!strncmp(buf, "GET ", 4) && strstr(buf, "\r\n\r\n") &&
		    send(c, page, sizeof(page) - 1, MSG_NOSIGNAL) == sizeof(page) - 1) {
			if (strcasestr(buf, "\r\nconnection: close"))
				close(c);
			return;
		}
	}
	close(c);
}

/* A port, or the path of a Unix socket. */
static int begin(const char *where)
{
	struct sockaddr_in6 any = {.sin6_family = AF_INET6, .sin6_port = htons((uint16_t)atoi(where))};
	struct sockaddr_un un = {.sun_family = AF_UNIX};
	int local = *where == '/';
	int l = socket(local ? AF_UNIX : AF_INET6, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	snprintf(un.sun_path, sizeof(un.sun_path), "%s", where);
	setsockopt(l, SOL_SOCKET, SO_REUSEADDR, &(int){1}, sizeof(int));
	return bind(l, local ? (void *)&un : &any, local ? sizeof(un) : sizeof(any)) ? -1 : l;
}

int main(int argc, char **argv)
{
	struct sigaction sa = {.sa_handler = stop};
	int ep = epoll_create1(EPOLL_CLOEXEC), ok = 1;
	struct epoll_event ev[64] = {{.events = EPOLLIN, .data.fd = -1}};
	int l = begin(argc > 1 ? argv[1] : "80");

	if (l < 0 || listen(l, 4096))
		err(1, "http_kernel");
	sigaction(SIGTERM, &sa, NULL);
	sigaction(SIGINT, &sa, NULL);
	epoll_ctl(ep, EPOLL_CTL_ADD, l, ev);
	puts("ready");
	fflush(stdout);
	while (!over && ok) {
		int n = epoll_wait(ep, ev, 64, -1);

		for (int i = 0; i < n && ok; i++) {
			if (ev[i].data.fd >= 0)
				serve(ev[i].data.fd);
			else
				ok = take(ep, l);
		}
	}
	if (!ok)
		perror("http_kernel");
	return !ok;
}
