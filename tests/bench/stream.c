/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One bulk stream, and the small server that it is measured with on the kernel's sockets: the
 * same work a byte as `--app http` (/bytes/N) and `--app discard` do behind syngate.
 *
 *	stream serve PORT DISCARD-PORT
 *	stream down HOST PORT BYTES      prints bytes a second, as do
 *	stream up HOST PORT BYTES
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define PIECE (64 << 10)

static char buf[PIECE];

static void die(const char *what)
{
	fprintf(stderr, "stream: %s: %s\n", what, strerror(errno));
	exit(1);
}

static double seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static int send_all(int fd, size_t left)
{
	while (left > 0) {
		ssize_t n = send(fd, buf, left < PIECE ? left : PIECE, MSG_NOSIGNAL);

		if (n <= 0)
			return -1;
		left -= (size_t)n;
	}
	return 0;
}

/* --- the server: one connection after another, as one bulk stream needs it -------------------- */

static int listen_on(const char *port)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(port))};
	int fd = socket(AF_INET, SOCK_STREAM, 0), on = 1;

	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (bind(fd, (struct sockaddr *)&a, sizeof(a)) || listen(fd, 16))
		die(port);
	return fd;
}

static void answer(int fd)
{
	char head[256];
	ssize_t got = recv(fd, buf, sizeof(buf) - 1, 0);
	unsigned long long n;
	int len;

	if (got <= 0)
		return;
	buf[got] = 0;
	if (sscanf(buf, "GET /bytes/%llu", &n) != 1)
		return;
	len = snprintf(head, sizeof(head), "HTTP/1.1 200 OK\r\nContent-Length: %llu\r\n\r\n", n);
	if (send(fd, head, (size_t)len, MSG_MORE | MSG_NOSIGNAL) != len)
		return;
	send_all(fd, n); /* a client has all it wants before it has read the head's worth of it */
}

static void discard(int fd)
{
	while (recv(fd, buf, sizeof(buf), 0) > 0)
		;
}

static void serve(const char *port, void (*one)(int fd))
{
	int fd = listen_on(port), c;

	while ((c = accept(fd, NULL, NULL)) >= 0) {
		one(c);
		close(c);
	}
	die("accept");
}

/* --- the client --------------------------------------------------------------------------------- */

static int connect_to(const char *host, const char *port)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(port))};
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	if (inet_pton(AF_INET, host, &a.sin_addr) != 1 ||
	    connect(fd, (struct sockaddr *)&a, sizeof(a)))
		die(host);
	return fd;
}

static void down(int fd, unsigned long long bytes)
{
	unsigned long long got = 0;
	int len = snprintf(buf, sizeof(buf),
			   "GET /bytes/%llu HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", bytes);
	ssize_t n;

	if (send(fd, buf, (size_t)len, 0) != len)
		die("send");
	while (got < bytes && (n = recv(fd, buf, sizeof(buf), 0)) > 0)
		got += (unsigned long long)n;
	if (got < bytes)
		die("cut short");
}

static void up(int fd, unsigned long long bytes)
{
	if (send_all(fd, bytes))
		die("send");
	shutdown(fd, SHUT_WR);
	if (recv(fd, buf, 1, 0) != 0)
		die("no end");
}

int main(int argc, char **argv)
{
	unsigned long long bytes;
	double start;
	int fd;

	if (argc == 4 && !strcmp(argv[1], "serve")) {
		if (fork() == 0) {
			prctl(PR_SET_PDEATHSIG, SIGKILL); /* it goes when the other one does */
			serve(argv[2], answer);
		}
		serve(argv[3], discard);
	}
	if (argc != 5) {
		fprintf(stderr, "usage: stream serve PORT PORT | down|up HOST PORT BYTES\n");
		return 1;
	}
	bytes = strtoull(argv[4], NULL, 0);
	start = seconds();
	fd = connect_to(argv[2], argv[3]);
	if (!strcmp(argv[1], "down"))
		down(fd, bytes);
	else
		up(fd, bytes);
	printf("%.0f\n", (double)bytes / (seconds() - start));
	return 0;
}
