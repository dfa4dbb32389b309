/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Clients that nobody has seen before: so many new connections a second of the kernel's own
 * sockets, each from the next address after FIRST, which must be this host's (AnyIP: `ip route add
 * local PREFIX dev lo`). Each sends a GET, reads to the end and closes.
 *
 *	strangers HOST PORT FIRST RATE SECONDS [TIMEOUT]
 *
 * Prints JSON: how many were begun and how many of them got an answer of HTTP's 200 and then the
 * end within TIMEOUT (5 s), and how long those took from connect() to close(), in ms.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#ifndef IP_BIND_ADDRESS_NO_PORT
#define IP_BIND_ADDRESS_NO_PORT 24
#endif

#define GET "GET /page HTTP/1.1\r\nHost: bench\r\nConnection: close\r\n\r\n"
#define OK  "HTTP/1.1 200"

union address {
	struct sockaddr sa;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
};

struct stranger {
	int fd;	       /* -1: it is over */
	int64_t begun; /* ns */
	size_t got;    /* bytes */
	char head[sizeof(OK) - 1];
	bool asked;
};

static struct {
	union address to, from;
	struct stranger *all;
	unsigned count, begun, open, done;
	int64_t start, gap, timeout; /* ns */
	double *took;		     /* [done], ms */
	int epoll, timer;
} me;

static void die(const char *what)
{
	fprintf(stderr, "strangers: %s: %s\n", what, strerror(errno));
	exit(1);
}

static int64_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000ll + t.tv_nsec;
}

/* --- addresses ------------------------------------------------------------------------------- */

static void address_parse(union address *a, const char *text, const char *port)
{
	memset(a, 0, sizeof(*a));
	a->v4.sin_port = htons((uint16_t)atoi(port));
	a->sa.sa_family = strchr(text, ':') ? AF_INET6 : AF_INET;
	if (inet_pton(a->sa.sa_family, text,
		      strchr(text, ':') ? (void *)&a->v6.sin6_addr : &a->v4.sin_addr) == 1)
		return;
	errno = EINVAL;
	die(text);
}

static socklen_t address_len(const union address *a)
{
	return a->sa.sa_family == AF_INET ? sizeof(a->v4) : sizeof(a->v6);
}

/* The i-th after `a`, within 32 bits. */
static union address address_after(const union address *a, uint32_t i)
{
	union address b = *a;
	uint32_t *end =
		a->sa.sa_family == AF_INET ? &b.v4.sin_addr.s_addr : &b.v6.sin6_addr.s6_addr32[3];

	*end = htonl(ntohl(*end) + i);
	return b;
}

/* --- one of them ----------------------------------------------------------------------------- */

static void stranger_end(struct stranger *s, bool good)
{
	close(s->fd);
	s->fd = -1;
	me.open--;
	if (good)
		me.took[me.done++] = (double)(now() - s->begun) / 1e6;
}

static int stranger_socket(const union address *from)
{
	int fd = socket(from->sa.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), on = 1;

	if (fd < 0)
		die("socket");
	setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof(on));
	setsockopt(fd, IPPROTO_IP, IP_FREEBIND, &on, sizeof(on)); /* IPv6 does not ask the routes */
	if (bind(fd, &from->sa, address_len(from)))
		die("bind: is FIRST, and what follows it, an address of this host?");
	return fd;
}

static void stranger_begin(struct stranger *s, uint32_t i)
{
	union address from = address_after(&me.from, i);
	struct epoll_event ev = {.events = EPOLLIN | EPOLLOUT | EPOLLET, .data.ptr = s};

	s->fd = stranger_socket(&from);
	s->begun = now();
	me.open++;
	if (connect(s->fd, &me.to.sa, address_len(&me.to)) && errno != EINPROGRESS)
		stranger_end(s, false);
	else if (epoll_ctl(me.epoll, EPOLL_CTL_ADD, s->fd, &ev))
		die("epoll_ctl");
}

static void stranger_read(struct stranger *s)
{
	char buf[16384];
	ssize_t n;

	while ((n = read(s->fd, buf, sizeof(buf))) > 0) {
		if (s->got < sizeof(s->head)) {
			size_t room = sizeof(s->head) - s->got;

			memcpy(s->head + s->got, buf, (size_t)n < room ? (size_t)n : room);
		}
		s->got += (size_t)n;
	}
	if (n == 0)
		stranger_end(s, s->got >= sizeof(s->head) && !memcmp(s->head, OK, sizeof(s->head)));
	else if (errno != EAGAIN)
		stranger_end(s, false);
}

/* The request is small and the buffer empty: it goes out whole. */
static void stranger_event(struct stranger *s, uint32_t events)
{
	if (!s->asked && events & EPOLLOUT && !(events & EPOLLERR)) {
		s->asked = true;
		if (send(s->fd, GET, sizeof(GET) - 1, MSG_NOSIGNAL) != sizeof(GET) - 1) {
			stranger_end(s, false);
			return;
		}
	}
	if (s->asked || events & (EPOLLERR | EPOLLHUP))
		stranger_read(s);
}

/* --- all of them ----------------------------------------------------------------------------- */

/* Who is late begins at once: the schedule does not wait for answers. */
static void begin_due(void)
{
	while (me.begun < me.count && now() >= me.start + me.begun * me.gap) {
		stranger_begin(&me.all[me.begun], me.begun);
		me.begun++;
	}
}

/* They began in order, so the first one that is open is the next one whose time is over. */
static unsigned give_up(void)
{
	static unsigned first;

	while (first < me.begun) {
		struct stranger *s = &me.all[first];

		if (s->fd >= 0) {
			if (now() < s->begun + me.timeout)
				break;
			stranger_end(s, false);
		}
		first++;
	}
	return first;
}

static void arm(unsigned first)
{
	int64_t at = INT64_MAX;
	struct itimerspec t = {0};

	if (me.begun < me.count)
		at = me.start + me.begun * me.gap;
	if (first < me.begun && me.all[first].begun + me.timeout < at)
		at = me.all[first].begun + me.timeout;
	t.it_value.tv_sec = at / 1000000000;
	t.it_value.tv_nsec = at % 1000000000;
	if (timerfd_settime(me.timer, TFD_TIMER_ABSTIME, &t, NULL))
		die("timerfd_settime");
}

static void wait_once(void)
{
	struct epoll_event ev[64];
	uint64_t times;
	int n = epoll_wait(me.epoll, ev, 64, -1);

	if (n < 0 && errno != EINTR)
		die("epoll_wait");
	for (int i = 0; i < n; i++) {
		struct stranger *s = ev[i].data.ptr;

		if (!s && read(me.timer, &times, sizeof(times)) < 0 && errno != EAGAIN)
			die("timerfd");
		if (s && s->fd >= 0)
			stranger_event(s, ev[i].events);
	}
}

static void run(void)
{
	struct epoll_event ev = {.events = EPOLLIN};

	me.epoll = epoll_create1(EPOLL_CLOEXEC);
	me.timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
	if (me.epoll < 0 || me.timer < 0 || epoll_ctl(me.epoll, EPOLL_CTL_ADD, me.timer, &ev))
		die("epoll");
	me.start = now();
	for (;;) {
		begin_due();
		arm(give_up());
		if (me.begun == me.count && !me.open)
			return;
		wait_once();
	}
}

/* --- the report ------------------------------------------------------------------------------ */

static int smaller(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

/* Of those that succeeded, `part` took at most that long. */
static void print_part(const char *name, double part)
{
	unsigned i = (unsigned)(part * me.done + 0.999999);

	if (!me.done)
		printf(",\"%s\":null", name);
	else
		printf(",\"%s\":%.3f", name, me.took[i ? i - 1 : 0]);
}

static void report(void)
{
	qsort(me.took, me.done, sizeof(*me.took), smaller);
	printf("{\"begun\":%u,\"done\":%u,\"success\":%.4f", me.begun, me.done,
	       (double)me.done / me.begun);
	print_part("p50_ms", 0.5);
	print_part("p99_ms", 0.99);
	print_part("max_ms", 1);
	printf("}\n");
}

int main(int argc, char **argv)
{
	double rate = argc > 4 ? atof(argv[4]) : 0, seconds = argc > 5 ? atof(argv[5]) : 0;
	struct rlimit files;

	if (rate <= 0 || seconds <= 0 || rate * seconds < 1) {
		fputs("usage: strangers HOST PORT FIRST RATE SECONDS [TIMEOUT]\n", stderr);
		return 1;
	}
	getrlimit(RLIMIT_NOFILE, &files);
	files.rlim_cur = files.rlim_max;
	setrlimit(RLIMIT_NOFILE, &files);
	address_parse(&me.to, argv[1], argv[2]);
	address_parse(&me.from, argv[3], "0");
	me.count = (unsigned)(rate * seconds);
	me.gap = (int64_t)(1e9 / rate);
	me.timeout = (int64_t)((argc > 6 ? atof(argv[6]) : 5) * 1e9);
	me.all = calloc(me.count, sizeof(*me.all));
	me.took = calloc(me.count, sizeof(*me.took));
	if (!me.all || !me.took)
		die("memory");
	run();
	report();
	return 0;
}
