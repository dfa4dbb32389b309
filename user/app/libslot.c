/* SPDX-License-Identifier: BSD-2-Clause */
#include "app/libslot.h"

#include <limits.h>
#include <linux/futex.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define LIBSLOT_END 0xffffffffu /* of the list of free ones */
#define LIBSLOT_SHARE 1024 /* in one call, or so: others are to have their turn */
#define LIBSLOT_WORDS (SG_CHANNEL_CHUNK / 64)

struct libslot_chunk {
	struct libslot *of[SG_CHANNEL_CHUNK]; /* NULL: free */
	__u32 next[SG_CHANNEL_CHUNK];	      /* of the free ones */
	__u32 gen[SG_CHANNEL_CHUNK];	      /* of the last connection */
	__u32 used;
};

static struct libslot libslot_held; /* libslot_hold() */

static struct libslot_chunk *libslot_chunk(const struct libslots *s, __u32 slot)
{
	return s->chunk[slot / SG_CHANNEL_CHUNK];
}

static struct sg_channel_slot *libslot_shared(const struct libslots *s, __u32 slot)
{
	return &s->lib->memory->slot[slot];
}

/* --- which are free -------------------------------------------------------------------------- */

/* Of a descriptor the end is told in its slot, the longer the better; of rings the last ones are in the cache. */
static void libslots_append(struct libslots *s, __u32 slot)
{
	if (s->lib->rings && s->first != LIBSLOT_END) {
		libslot_chunk(s, slot)->next[slot % SG_CHANNEL_CHUNK] = s->first;
		s->first = slot;
		return;
	}
	if (s->first == LIBSLOT_END)
		s->first = slot;
	else
		libslot_chunk(s, s->last)->next[s->last % SG_CHANNEL_CHUNK] = slot;
	libslot_chunk(s, slot)->next[slot % SG_CHANNEL_CHUNK] = LIBSLOT_END;
	s->last = slot;
}

/* Generations go on where another worker's ended. */
static bool libslots_grow(struct libslots *s)
{
	int number = library_chunk(s->lib, s->source);
	struct libslot_chunk *c;

	if (number < 0)
		return false;
	c = calloc(1, sizeof(*c));
	if (!c) {
		library_chunk_back(s->lib, (__u32)number);
		return false;
	}
	s->chunk[number] = c;
	for (__u32 n = 0; n < SG_CHANNEL_CHUNK; n++) {
		__u32 i = s->lib->rings ? SG_CHANNEL_CHUNK - 1 - n : n; /* the first is to be used first */
		__u32 slot = (__u32)number * SG_CHANNEL_CHUNK + i;

		c->gen[i] = (__u32)(SG_READ_ONCE(libslot_shared(s, slot)->error) >> 32);
		libslots_append(s, slot);
	}
	return true;
}

void libslots_init(struct libslots *s, struct library *lib, __u32 source)
{
	*s = (struct libslots){
		.lib = lib, .source = source, .first = LIBSLOT_END, .last = LIBSLOT_END};
}

void libslots_free(struct libslots *s)
{
	for (__u32 i = 0; i < SG_CHANNEL_CHUNKS; i++) {
		if (!s->chunk[i])
			continue;
		free(s->chunk[i]);
		library_chunk_back(s->lib, i);
	}
}

/* The list of free slots without those of chunk `number`. */
static void libslots_without(struct libslots *s, __u32 number)
{
	__u32 slot = s->first, next;

	s->first = LIBSLOT_END;
	for (; slot != LIBSLOT_END; slot = next) {
		next = libslot_chunk(s, slot)->next[slot % SG_CHANNEL_CHUNK];
		if (slot / SG_CHANNEL_CHUNK != number)
			libslots_append(s, slot);
	}
}

void libslots_spare(struct libslots *s)
{
	__u32 chunks = 0;

	for (__u32 i = 0; i < s->lib->most_chunks; i++)
		chunks += s->chunk[i] != NULL;
	for (__u32 i = s->lib->sure; i < s->lib->most_chunks && chunks > 1; i++) {
		if (!s->chunk[i] || s->chunk[i]->used)
			continue;
		libslots_without(s, i);
		free(s->chunk[i]);
		s->chunk[i] = NULL;
		library_chunk_back(s->lib, i);
		chunks--;
	}
}

bool libslots_room(struct libslots *s)
{
	return s->first != LIBSLOT_END || libslots_grow(s);
}

void libslot_take(struct libslots *s, struct libslot *l, tcp_id id)
{
	struct libslot_chunk *c;
	__u32 i;

	*l = (struct libslot){.id = id, .from = s, .slot = SG_CHANNEL_NO_SLOT};
	if (s->first == LIBSLOT_END && !libslots_grow(s))
		return;
	l->slot = s->first;
	c = libslot_chunk(s, l->slot);
	i = l->slot % SG_CHANNEL_CHUNK;
	s->first = c->next[i];
	c->of[i] = l;
	c->used++;
	l->gen = ++c->gen[i];
	/* in this order: a handle of the last generation finds the end in the first */
	__atomic_store_n(&libslot_shared(s, l->slot)->error, (__u64)l->gen << 32, __ATOMIC_RELEASE);
	__atomic_store_n(&libslot_shared(s, l->slot)->state, (__u64)l->gen << 32, __ATOMIC_RELEASE);
}

static void libslot_free(struct libslots *s, __u32 slot)
{
	struct libslot_chunk *c = libslot_chunk(s, slot);

	c->of[slot % SG_CHANNEL_CHUNK] = NULL;
	c->used--;
	libslots_append(s, slot);
}

void libslot_give(struct libslot *l)
{
	if (l->slot == SG_CHANNEL_NO_SLOT)
		return;
	libslot_free(l->from, l->slot);
}

void libslot_hold(struct libslot *l)
{
	libslot_chunk(l->from, l->slot)->of[l->slot % SG_CHANNEL_CHUNK] = &libslot_held;
}

/* The program has done something with one that was held. */
static void libslot_held_look(struct libslots *s, __u32 slot)
{
	__u32 gen = libslot_chunk(s, slot)->gen[slot % SG_CHANNEL_CHUNK];
	__u64 word = __atomic_load_n(&libslot_shared(s, slot)->state, __ATOMIC_ACQUIRE);

	if (word >> 32 != gen || !(word & (SG_CHANNEL_CLOSED | SG_CHANNEL_RESET)))
		return;
	libslot_free(s, slot);
}

void libslot_tell(const struct libslot *l, int error)
{
	if (l->slot != SG_CHANNEL_NO_SLOT)
		__atomic_store_n(&libslot_shared(l->from, l->slot)->error,
				 (__u64)l->gen << 32 | (__u32)error, __ATOMIC_RELEASE);
}

/* --- options --------------------------------------------------------------------------------- */

static const struct {
	__u32 flag;
	enum tcp_opt opt;
} libslot_flag[] = {
	{SG_CHANNEL_NODELAY, TCP_OPT_NODELAY},
	{SG_CHANNEL_CORK, TCP_OPT_CORK},
	{SG_CHANNEL_QUICKACK, TCP_OPT_QUICKACK},
};

static const enum tcp_opt libslot_option[SG_CHANNEL_OPTIONS] = {
	[SG_CHANNEL_KEEPALIVE] = TCP_OPT_KEEPALIVE,
	[SG_CHANNEL_KEEPIDLE] = TCP_OPT_KEEPIDLE,
	[SG_CHANNEL_KEEPINTVL] = TCP_OPT_KEEPINTVL,
	[SG_CHANNEL_KEEPCNT] = TCP_OPT_KEEPCNT,
	[SG_CHANNEL_LINGER2] = TCP_OPT_LINGER2,
	[SG_CHANNEL_USER_TIMEOUT] = TCP_OPT_USER_TIMEOUT,
	[SG_CHANNEL_TOS] = TCP_OPT_TOS,
	[SG_CHANNEL_TTL] = TCP_OPT_TTL,
};

__u32 libslot_look(struct app *a, struct libslot *l)
{
	__u32 was = l->state;
	__u64 word;

	if (l->slot == SG_CHANNEL_NO_SLOT)
		return 0;
	word = __atomic_load_n(&libslot_shared(l->from, l->slot)->state, __ATOMIC_ACQUIRE);
	if (word == ((__u64)l->gen << 32 | was) || word >> 32 != l->gen)
		return was;
	l->state = (__u32)word;
	for (size_t i = 0; i < SG_ARRAY_SIZE(libslot_flag); i++)
		if ((l->state ^ was) & libslot_flag[i].flag)
			tcp_set_opt(a->stack, l->id, libslot_flag[i].opt,
				    !!(l->state & libslot_flag[i].flag), a->now);
	return l->state;
}

static void libslot_options(struct app *a, struct libslot *l)
{
	__u32 state = libslot_look(a, l);

	for (int o = 0; o < SG_CHANNEL_OPTIONS; o++)
		if (state & SG_CHANNEL_SET(o) &&
		    tcp_set_opt(a->stack, l->id, libslot_option[o],
				SG_READ_ONCE(libslot_shared(l->from, l->slot)->option[o]),
				a->now) == -EINVAL)
			a->mib->ProgramRefused++;
}

/* --- facts ----------------------------------------------------------------------------------- */

static const __u8 libslot_states[] = { /* Linux's numbers */
	[TCP_ESTABLISHED] = 1, [TCP_SYN_SENT] = 2,   [TCP_SYN_RCVD] = 3,  [TCP_FIN_WAIT_1] = 4,
	[TCP_FIN_WAIT_2] = 5,  [TCP_TIME_WAIT] = 6,  [TCP_CLOSED] = 7,	  [TCP_CLOSE_WAIT] = 8,
	[TCP_LAST_ACK] = 9,    [TCP_LISTEN] = 10,    [TCP_CLOSING] = 11,
};

static __u32 libslot_ca(const char *name)
{
	static const char *const linux_order[] = {"open", "disorder", "cwr", "recovery", "loss"};

	for (__u32 i = 0; i < SG_ARRAY_SIZE(linux_order); i++)
		if (!strcmp(name, linux_order[i]))
			return i;
	return 0;
}

static int libslot_get(const struct app *a, tcp_id id, enum tcp_opt opt)
{
	int value = 0;

	tcp_get_opt(a->stack, id, opt, &value);
	return value;
}

static void libslot_fill(const struct app *a, const struct libslot *l, struct sg_channel_facts *to)
{
	struct tcp_facts f;

	if (tcp_info(a->stack, l->id, a->now, &f))
		return;
	to->gen = l->gen;
	to->state = libslot_states[f.state];
	to->rtt_us = f.srtt_us;
	to->rttvar_us = f.rttvar_us;
	to->min_rtt_us = f.min_rtt_us;
	to->rto_ms = f.rto_ms;
	to->mss = f.mss;
	to->cwnd = f.snd_cwnd;
	to->ssthresh = f.snd_ssthresh;
	to->snd_wnd = f.snd_wnd;
	to->rcv_wnd = f.rcv_wnd;
	to->recv_q = f.recv_q;
	to->send_q = f.send_q;
	to->ca = libslot_ca(f.ca);
	to->backoff = f.retrans;
	to->retransmits = f.total_retrans;
	to->bytes_in = f.bytes_in;
	to->bytes_out = f.bytes_out;
	strncpy(to->cc, f.cc, sizeof(to->cc) - 1);
	to->keepalive = (__u32)libslot_get(a, l->id, TCP_OPT_KEEPALIVE);
	to->keepidle = (__u32)libslot_get(a, l->id, TCP_OPT_KEEPIDLE);
	to->keepintvl = (__u32)libslot_get(a, l->id, TCP_OPT_KEEPINTVL);
	to->keepcnt = (__u32)libslot_get(a, l->id, TCP_OPT_KEEPCNT);
	to->linger2 = libslot_get(a, l->id, TCP_OPT_LINGER2);
	to->user_timeout = (__u32)libslot_get(a, l->id, TCP_OPT_USER_TIMEOUT);
	to->tos = (__u32)libslot_get(a, l->id, TCP_OPT_TOS);
	to->ttl = (__u32)libslot_get(a, l->id, TCP_OPT_TTL);
}

/* `l` NULL: that connection is over. */
static void libslot_answer(struct libslots *s, struct app *a, __u32 slot, const struct libslot *l)
{
	struct sg_channel_facts *shared = &s->lib->memory->facts[slot], f = {0};
	__u32 asked = __atomic_load_n(&libslot_shared(s, slot)->asked, __ATOMIC_ACQUIRE);

	if (asked == SG_READ_ONCE(shared->answered))
		return;
	if (l)
		libslot_fill(a, l, &f);
	f.version = SG_READ_ONCE(shared->version) | 1;
	f.answered = SG_READ_ONCE(shared->answered);
	SG_WRITE_ONCE(shared->version, f.version);
	__atomic_thread_fence(__ATOMIC_RELEASE);
	*(volatile struct sg_channel_facts *)shared = f;
	__atomic_store_n(&shared->version, f.version + 1, __ATOMIC_RELEASE);
	__atomic_store_n(&shared->answered, asked, __ATOMIC_RELEASE);
	syscall(SYS_futex, &shared->answered, FUTEX_WAKE, INT_MAX, NULL, NULL, 0);
}

static void libslot_serve(struct libslots *s, struct app *a, __u32 slot)
{
	struct libslot *l = libslot_chunk(s, slot)->of[slot % SG_CHANNEL_CHUNK];

	if (l == &libslot_held) {
		libslot_held_look(s, slot);
		l = NULL;
	}
	if (l)
		libslot_options(a, l);
	libslot_answer(s, a, slot, l);
	if (l && l->ring) /* last: it may be over then */
		l->ring->ops->event(a, l->ring, 0);
}

/* How many there were. */
static __u32 libslots_serve_chunk(struct libslots *s, struct app *a, __u32 number)
{
	__u64 *ask = &s->lib->memory->ask[(size_t)number * LIBSLOT_WORDS];
	__u32 n = 0;

	for (__u32 w = 0; w < LIBSLOT_WORDS; w++) {
		__u64 bits = SG_READ_ONCE(ask[w]) ? __atomic_exchange_n(&ask[w], 0, __ATOMIC_SEQ_CST) : 0;

		n += (__u32)__builtin_popcountll(bits);
		for (; bits; bits &= bits - 1) {
			__u32 slot = number * SG_CHANNEL_CHUNK + w * 64 + (__u32)__builtin_ctzll(bits);
			libslot_serve(s, a, slot);
		}
	}
	return n;
}

void libslots_serve(struct libslots *s, struct app *a)
{
	__u32 served = 0, looked = 0;

	for (; looked < s->lib->most_chunks && served < LIBSLOT_SHARE; looked++) {
		__u32 i = s->next++ % s->lib->most_chunks;

		if (s->chunk[i])
			served += libslots_serve_chunk(s, a, i);
	}
	s->more = looked < s->lib->most_chunks;
}

bool libslots_asked(const struct libslots *s)
{
	for (__u32 i = 0; i < s->lib->most_chunks; i++)
		for (__u32 w = 0; s->chunk[i] && w < LIBSLOT_WORDS; w++)
			if (SG_READ_ONCE(s->lib->memory->ask[(size_t)i * LIBSLOT_WORDS + w]))
				return true;
	return false;
}
