/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The echo server of echo.c through rings (SG_OPT_RING). An echo that does not fit waits in the ring that it came
 * in, until there is room.
 *
 *	echo_ring '*:7'
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>

#include "syngate.h"

static volatile sig_atomic_t over;

static void stop(int sig)
{
	(void)sig;
	over = 1;
}

/* What is there, back, as far as there is room: SYNGATE_OUT tells when there is more. */
static void echo(struct syngate_conn *c)
{
	char buf[16384];
	ssize_t n, sent;

	for (;;) {
		n = syngate_recv(c, buf, sizeof(buf), MSG_PEEK);
		if (n <= 0)
			break;
		sent = syngate_send(c, buf, (size_t)n, 0);
		if (sent == -EAGAIN)
			return;
		if (sent < 0) {
			syngate_abort(c);
			return;
		}
		syngate_recv(c, buf, (size_t)sent, 0); /* that much of it is done */
	}
	if (n == 0)
		syngate_close(c);
	else if (n != -EAGAIN)
		syngate_abort(c); /* reset, or timed out */
}

/* All that wait. False: the listener is no more. */
static int take(struct syngate_listener *l)
{
	struct syngate_conn *c;
	int rc;

	while ((rc = syngate_accept(l, &c, SYNGATE_NOWAIT | SOCK_NONBLOCK)) == 0)
		echo(c);
	return rc == -EAGAIN;
}

int main(int argc, char **argv)
{
	struct syngate_listen_options o = {
		.size = sizeof(o), .backlog = -1, .syn_backlog = -1, .flags = SG_OPT_RING};
	struct sigaction sa = {.sa_handler = stop};
	struct syngate_listener *l;
	struct syngate_event ev[64];
	int ok = 1;

	if (syngate_listen(&l, argc > 1 ? argv[1] : "*:7", &o)) {
		fprintf(stderr, "echo_ring: %s\n", syngate_why());
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
				echo(ev[i].conn);
			else
				ok = take(l);
		}
	}
	if (!ok)
		fprintf(stderr, "echo_ring: %s\n", syngate_why());
	syngate_listener_close(l);
	return !ok;
}
