/* SPDX-License-Identifier: BSD-2-Clause */
/* A listener whose connections are in rings (syngate/channel_ring.h): who has news, and sleep until somebody has. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/rings.h"

/* --- beginning and end ----------------------------------------------------------------------- */

/* A page that a child finds empty. */
static const bool *rings_ours(void)
{
	bool *p = mmap(NULL, SG_RING_PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		return NULL;
	if (madvise(p, SG_RING_PAGE, MADV_WIPEONFORK)) {
		munmap(p, SG_RING_PAGE);
		return NULL;
	}
	*p = true;
	return p;
}

static void rings_list_init(struct rings_list *l)
{
	l->first = NULL;
	l->last = &l->first;
}

static int rings_watch(struct rings *r, int fd, unsigned events)
{
	struct epoll_event ev = {.events = events, .data.fd = fd};

	return epoll_ctl(r->epoll, EPOLL_CTL_ADD, fd, &ev) ? -errno : 0;
}

static int rings_failed(struct syngate_listener *l, int code)
{
	rings_close(l);
	l->rings = NULL;
	return why_set(code, "rings cannot be set up: %s", strerror(-code));
}

int rings_open(struct syngate_listener *l, const struct sg_channel_request *r, int memory, int bell)
{
	struct stat st = {0};
	__u32 conns = fstat(memory, &st) ? 0 : sg_ring_conns((__u64)st.st_size, r->ring_size);
	struct rings *g = conns ? calloc(1, sizeof(*g) + conns * sizeof(g->conn[0])) : NULL;
	void *p;
	int rc;

	if (!g)
		return why_set(-ENOMEM, "no memory");
	*g = (struct rings){.conns = conns, .size = r->ring_size, .bell = -1};
	l->rings = g;
	rings_list_init(&g->news);
	rings_list_init(&g->waiting);
	g->epoll = epoll_create1(EPOLL_CLOEXEC);
	g->ours = rings_ours();
	p = mmap(NULL, sg_ring_bytes(g->conns, g->size), PROT_READ | PROT_WRITE, MAP_SHARED, memory, 0);
	if (p == MAP_FAILED)
		return rings_failed(l, -errno);
	g->memory = p;
	rc = g->epoll < 0 || !g->ours ? -ENOMEM : rings_watch(g, bell, EPOLLIN | EPOLLET);
	if (!rc)
		rc = rings_watch(g, l->channel, EPOLLRDHUP);
	if (rc)
		return rings_failed(l, rc);
	g->bell = bell;
	return 0;
}

void rings_close(struct syngate_listener *l)
{
	struct rings *g = l->rings;

	if (g->memory)
		munmap(g->memory, sg_ring_bytes(g->conns, g->size));
	if (g->ours)
		munmap((void *)g->ours, SG_RING_PAGE);
	if (g->bell >= 0)
		close(g->bell);
	if (g->epoll >= 0)
		close(g->epoll);
	free(g);
}

int rings_fd(const struct syngate_listener *l)
{
	return l->rings->epoll;
}

bool rings_daemon_is_gone(const struct syngate_listener *l)
{
	return l->rings->gone;
}

int rings_check(const struct syngate_listener *l)
{
	if (!l->rings || SG_READ_ONCE(*l->rings->ours))
		return 0;
	return why_set(-EPERM, "rings are of the process that made them: listen anew after fork()");
}

__u8 *rings_bytes(const struct syngate_conn *c, __u32 *size)
{
	const struct rings *g = c->l->rings;

	*size = g->size;
	return sg_ring_rx(g->memory, g->conns, g->size, c->slot);
}

/* --- to the daemon --------------------------------------------------------------------------- */

/* A worker that sleeps and was not woken. */
static bool rings_asleep(struct rings *g, __u32 source)
{
	__u32 sleep = SG_READ_ONCE(g->memory->daemon_sleeps[source]);

	if (!sleep || sleep == g->rung[source])
		return false;
	g->rung[source] = sleep;
	return true;
}

void syngate_flush(struct syngate_listener *l)
{
	const __u64 one = 1;
	bool asleep = false;

	if (!l->rings || rings_check(l))
		return;
	__atomic_thread_fence(__ATOMIC_SEQ_CST); /* the bits first */
	for (__u64 s = l->rings->said; s; s &= s - 1)
		asleep |= rings_asleep(l->rings, (__u32)__builtin_ctzll(s));
	l->rings->said = 0;
	if (asleep && write(l->bell, &one, sizeof(one)) < 0)
		return; /* EAGAIN: it has been ringing for long */
}

void rings_say(struct syngate_conn *c)
{
	__atomic_fetch_or(&c->l->memory->ask[c->slot / 64], 1ULL << c->slot % 64, __ATOMIC_SEQ_CST);
	c->l->rings->said |= 1ULL << c->source;
	if (c->l->closed) /* nobody waits with it any more */
		syngate_flush(c->l);
}

/* --- from the daemon ------------------------------------------------------------------------- */

void rings_append(struct rings_list *list, struct syngate_conn *c)
{
	c->next = NULL;
	*list->last = c;
	list->last = &c->next;
}

struct syngate_conn *rings_take(struct rings_list *list)
{
	struct syngate_conn *c = list->first;

	if (!c)
		return NULL;
	list->first = c->next;
	if (!list->first)
		list->last = &list->first;
	return c;
}

static bool rings_is_before(const struct syngate_conn *a, const struct syngate_conn *b)
{
	return a->source == b->source && (__s32)(a->turn - b->turn) < 0;
}

/* Bits come in the order of their numbers, connections are accepted in that in which they came. */
static void rings_queue(struct rings_list *list, struct syngate_conn *c)
{
	struct syngate_conn **at = &list->first;

	while (*at && !rings_is_before(c, *at))
		at = &(*at)->next;
	c->next = *at;
	*at = c;
	if (!c->next)
		list->last = &c->next;
}

/* A connection that has not been here before. */
static void rings_meet(struct syngate_listener *l, __u32 slot, __u32 gen)
{
	struct rings *g = l->rings;
	struct syngate_conn *c = calloc(1, sizeof(*c));
	struct sg_ring *r = &g->memory->ring[slot];
	const struct sg_channel_conn m = {
		.slot = slot,
		.gen = gen,
		.tuple = r->tuple,
		.handshake_us = r->handshake_us,
		.admitted = (__u8)r->admitted,
	};

	if (!c)
		return; /* it waits for ever: there is no memory for anything */
	conn_begin(c, l, &m, -1);
	c->ring = r;
	c->waits = true;
	c->source = r->source % SG_CHANNEL_SOURCES;
	c->turn = r->turn;
	g->conn[slot] = c;
	rings_queue(&g->waiting, c);
	g->told = false;
}

static void rings_look(struct syngate_listener *l, __u32 slot)
{
	struct rings *g = l->rings;
	struct syngate_conn *c = slot < g->conns ? g->conn[slot] : NULL;
	__u32 gen;

	if (slot >= g->conns)
		return;
	gen = __atomic_load_n(&g->memory->ring[slot].gen, __ATOMIC_ACQUIRE);
	if (!c) {
		__u64 state = __atomic_load_n(&l->memory->slot[slot].state, __ATOMIC_ACQUIRE);

		/* not one that we have just let go of */
		if (state >> 32 == gen && !(state & (SG_CHANNEL_CLOSED | SG_CHANNEL_RESET)))
			rings_meet(l, slot, gen);
	} else if (!c->waits && !c->news) {
		c->news = true;
		rings_append(&g->news, c);
	}
}

static bool rings_collect_word(struct syngate_listener *l, __u32 w)
{
	__u64 bits = __atomic_exchange_n(&l->rings->memory->ready[w], 0, __ATOMIC_SEQ_CST), some = bits;

	for (; bits; bits &= bits - 1)
		rings_look(l, w * 64 + (__u32)__builtin_ctzll(bits));
	return some;
}

bool rings_collect(struct syngate_listener *l)
{
	struct sg_ring_memory *m = l->rings->memory;
	bool any = false;

	for (__u32 i = 0; i < SG_ARRAY_SIZE(m->some) && i * 4096 < l->rings->conns; i++) {
		__u64 some = SG_READ_ONCE(m->some[i]);

		if (some)
			some = __atomic_exchange_n(&m->some[i], 0, __ATOMIC_SEQ_CST);
		for (; some; some &= some - 1)
			any |= rings_collect_word(l, i * 64 + (__u32)__builtin_ctzll(some));
	}
	return any;
}

/* --- waiting --------------------------------------------------------------------------------- */

static void rings_awake(struct syngate_listener *l, const struct epoll_event *ev, int n)
{
	struct rings *g = l->rings;

	SG_WRITE_ONCE(g->memory->program_sleeps, 0);
	for (int i = 0; i < n; i++)
		g->gone |= ev[i].data.fd == l->channel; /* nothing else comes through it */
	rings_collect(l);
}

int rings_sleep(struct syngate_listener *l, int timeout_ms)
{
	struct epoll_event ev[2];
	int n;

	l->rings->sleep = sg_ring_sleep(l->rings->sleep);
	SG_WRITE_ONCE(l->rings->memory->program_sleeps, l->rings->sleep);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (rings_collect(l)) {
		rings_awake(l, NULL, 0);
		return 1;
	}
	n = epoll_wait(l->rings->epoll, ev, 2, timeout_ms);
	if (n < 0)
		return why_set(-errno, "wait: %s", strerror(errno));
	if (n)
		rings_awake(l, ev, n);
	return n > 0;
}

int rings_await(struct syngate_listener *l)
{
	int rc = rings_check(l);

	if (rc)
		return rc;
	syngate_flush(l);
	if (l->rings->gone)
		return why_set(-ECONNRESET, "the syngate daemon has gone");
	rc = rings_sleep(l, -1);
	return rc < 0 ? rc : 0;
}
