/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The web server of http.c on libsyngate's rings: memory shared with the daemon instead of descriptors, no epoll, and
 * a few system calls for all connections of a moment together.
 *
 *	http_ring '*:80'
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "syngate.h"

static const char page[] = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 6\r\n\r\nhello\n";
static volatile sig_atomic_t over;

static void stop(int sig)
{
	(void)sig;
	over = 1;
}

/* One request in one piece, which is what clients send; anything else is not for an example. */
static void serve(struct syngate_conn *c)
{
	char buf[4096];
	ssize_t n;

	while ((n = syngate_recv(c, buf, sizeof(buf) - 1, 0)) > 0) {
		buf[n] = 0;
		if (strncmp(buf, "GET ", 4) || !strstr(buf, "\r\n\r\n") ||
		    syngate_send(c, page, sizeof(page) - 1, 0) != sizeof(page) - 1) {
			syngate_abort(c);
			return;
		}
		if (strcasestr(buf, "\r\nconnection: close")) {
			syngate_close(c);
			return;
		}
	}
	if (n == 0)
		syngate_close(c);
	else if (n != -EAGAIN)
		syngate_abort(c);
}

/* All that wait. False: the listener is no more. */
static int take(struct syngate_listener *l)
{
	struct syngate_conn *c;
	int rc;

	while ((rc = syngate_accept(l, &c, SYNGATE_NOWAIT | SOCK_NONBLOCK)) == 0)
		serve(c); /* its request may be there already */
	return rc == -EAGAIN;
}

int main(int argc, char **argv)
{
	struct syngate_listen_options o = {
		.size = sizeof(o),
		.backlog = -1,
		.syn_backlog = -1,
		.flags = SG_OPT_RING,
	};
	struct sigaction sa = {.sa_handler = stop};
	struct syngate_event ev[64];
	struct syngate_listener *l;
	int ok = 1;

	if (syngate_listen(&l, argc > 1 ? argv[1] : "*:80", &o)) {
		fprintf(stderr, "http_ring: %s\n", syngate_why());
		return 1;
	}
	sigaction(SIGTERM, &sa, NULL);
	sigaction(SIGINT, &sa, NULL);
	puts("ready");
	fflush(stdout);
	while (!over && ok) {
		int n = syngate_wait(l, ev, 64, -1);

		for (int i = 0; i < n && ok; i++) {
			if (ev[i].conn)
				serve(ev[i].conn);
			else
				ok = take(l);
		}
	}
	if (!ok)
		fprintf(stderr, "http_ring: %s\n", syngate_why());
	syngate_listener_close(l);
	return !ok;
}
