/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A path between two interfaces of this namespace: frames that arrive at one leave at the other,
 * after a delay and at a rate, in front of which a queue of bounded length waits; TCP segments are
 * lost, sent twice and held back by chance. What is random comes out of a seed.
 *
 *	path DEV DEV [name=value ...]
 *
 *	delay=US rate=MBIT queue=KIB loss=N dup=N reorder=N (of 10,000) hold=US seed=N
 *
 * Prints `ready`, and when it is told to end (SIGTERM) what became of the frames.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define FRAMES	   16384
#define FRAME_SIZE 2048

struct frame {
	uint64_t at; /* when it leaves, ns */
	uint32_t len;
	uint8_t bytes[FRAME_SIZE];
};

struct way { /* one direction */
	int in, out;
	uint64_t free_at; /* when the line has sent what waits */
	unsigned n;
	struct frame *q[FRAMES]; /* the next to leave is the last */
	unsigned long passed, lost, doubled, held, full;
};

static uint64_t delay = 0, rate = 0, queue = 256, loss, twice, reorder, hold = 2000, seed = 1;
static struct way way[2];
static volatile sig_atomic_t over;

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static uint64_t roll(void) /* splitmix64 */
{
	uint64_t z = seed += 0x9e3779b97f4a7c15u;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return z ^ (z >> 31);
}

static int chance(uint64_t of_10000)
{
	return of_10000 && roll() % 10000 < of_10000;
}

static int open_dev(const char *name)
{
	struct sockaddr_ll a = {.sll_family = AF_PACKET,
				.sll_protocol = htons(ETH_P_ALL),
				.sll_ifindex = (int)if_nametoindex(name)};
	struct packet_mreq all = {.mr_ifindex = a.sll_ifindex, .mr_type = PACKET_MR_PROMISC};
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK, htons(ETH_P_ALL)), room = 8 << 20;

	if (fd < 0 || bind(fd, (struct sockaddr *)&a, sizeof(a)) ||
	    setsockopt(fd, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &all, sizeof(all))) {
		fprintf(stderr, "path: %s: %s\n", name, strerror(errno));
		exit(1);
	}
	setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof(room));
	setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &room, sizeof(room));
	return fd;
}

static int is_tcp(const uint8_t *f, size_t len)
{
	if (len < 54)
		return 0;
	return (f[12] == 0x08 && f[13] == 0 && f[23] == 6) ||
	       (f[12] == 0x86 && f[13] == 0xdd && f[20] == 6);
}

static void put(struct way *w, const uint8_t *bytes, uint32_t len, uint64_t at)
{
	struct frame *f = w->n < FRAMES ? malloc(sizeof(*f)) : NULL;
	unsigned i;

	if (!f) {
		w->full++;
		return;
	}
	f->at = at;
	f->len = len;
	memcpy(f->bytes, bytes, len);
	for (i = w->n++; i > 0 && w->q[i - 1]->at <= at; i--)
		w->q[i] = w->q[i - 1];
	w->q[i] = f;
}

static void arrive(struct way *w, const uint8_t *bytes, uint32_t len, uint64_t now)
{
	int tcp = is_tcp(bytes, len);
	uint64_t start = w->free_at > now ? w->free_at : now, late = delay * 1000;

	if (tcp && chance(loss)) {
		w->lost++;
		return;
	}
	if (rate) {
		if ((start - now) * rate / 8000 > queue * 1024) {
			w->full++;
			return;
		}
		w->free_at = start + len * 8000u / rate;
		start = w->free_at;
	}
	if (tcp && chance(reorder)) {
		late += hold * 1000;
		w->held++;
	}
	put(w, bytes, len, start + late);
	if (tcp && chance(twice)) {
		put(w, bytes, len, start + late);
		w->doubled++;
	}
}

static void take(struct way *w)
{
	static uint8_t buf[65536];
	struct sockaddr_ll from;
	socklen_t size = sizeof(from);
	ssize_t n;

	while ((n = recvfrom(w->in, buf, sizeof(buf), 0, (struct sockaddr *)&from, &size)) > 0) {
		if (from.sll_pkttype == PACKET_OUTGOING)
			continue;
		if (n > FRAME_SIZE) {
			fprintf(stderr, "path: a frame of %zd bytes: an offload is on\n", n);
			exit(1);
		}
		arrive(w, buf, (uint32_t)n, now_ns());
	}
}

/* Returns false when the other end takes no more just now. */
static int leave(struct way *w, uint64_t now)
{
	while (w->n && w->q[w->n - 1]->at <= now) {
		struct frame *f = w->q[w->n - 1];

		if (send(w->out, f->bytes, f->len, 0) < 0 && (errno == ENOBUFS || errno == EAGAIN))
			return 0;
		w->passed++;
		w->n--;
		free(f);
	}
	return 1;
}

static void stop(int sig)
{
	(void)sig;
	over = 1;
}

static void argument(const char *a)
{
	static const struct {
		const char *name;
		uint64_t *value;
	} list[] = {{"delay", &delay}, {"rate", &rate},	      {"queue", &queue}, {"loss", &loss},
		    {"dup", &twice},   {"reorder", &reorder}, {"hold", &hold},	 {"seed", &seed}};
	const char *eq = strchr(a, '=');

	for (size_t i = 0; eq && i < sizeof(list) / sizeof(list[0]); i++) {
		if (strlen(list[i].name) == (size_t)(eq - a) &&
		    !memcmp(list[i].name, a, (size_t)(eq - a))) {
			*list[i].value = strtoull(eq + 1, NULL, 10);
			return;
		}
	}
	fprintf(stderr, "path: what is %s?\n", a);
	exit(1);
}

int main(int argc, char **argv)
{
	struct pollfd p[2];

	if (argc < 3) {
		fprintf(stderr, "usage: path DEV DEV [name=value ...]\n");
		return 1;
	}
	for (int i = 3; i < argc; i++)
		argument(argv[i]);
	way[0].in = way[1].out = open_dev(argv[1]);
	way[1].in = way[0].out = open_dev(argv[2]);
	signal(SIGTERM, stop);
	signal(SIGINT, stop);
	puts("ready");
	fflush(stdout);
	while (!over) {
		uint64_t now = now_ns(), next = now + 100000000u;
		struct timespec wait;

		for (int i = 0; i < 2; i++) {
			if (!leave(&way[i], now))
				next = now + 100000;
			else if (way[i].n && way[i].q[way[i].n - 1]->at < next)
				next = way[i].q[way[i].n - 1]->at;
			p[i] = (struct pollfd){.fd = way[i].in, .events = POLLIN};
		}
		wait = (struct timespec){0, (long)(next > now ? next - now : 0)};
		ppoll(p, 2, &wait, NULL);
		for (int i = 0; i < 2; i++)
			take(&way[i]);
	}
	for (int i = 0; i < 2; i++)
		printf("%s: %lu passed, %lu lost, %lu twice, %lu held back, %lu at a full queue\n",
		       argv[1 + i], way[i].passed, way[i].lost, way[i].doubled, way[i].held,
		       way[i].full);
	return 0;
}
