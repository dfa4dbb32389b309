/* SPDX-License-Identifier: BSD-2-Clause */
#include "app/library.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

/* Memory of a size that the program cannot change. */
static int library_memory(int *fd, void **at, size_t size)
{
	void *p;

	*fd = memfd_create("syngate", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (*fd < 0 || ftruncate(*fd, (off_t)size) ||
	    fcntl(*fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL))
		return -errno;
	p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, *fd, 0);
	if (p == MAP_FAILED)
		return -errno;
	*at = p;
	return 0;
}

int library_new(struct library **out, int channel)
{
	struct library *l = calloc(1, sizeof(*l));
	int rc = -ENOMEM;

	if (!l) {
		close(channel);
		return rc;
	}
	*l = (struct library){.channel = channel, .bell = -1, .shared = -1, .batch = 1,
			     .ring_shared = -1, .ring_bell = -1,
			     .sure = SG_CHANNEL_SOURCES, .most_chunks = SG_CHANNEL_CHUNKS};
	l->refs = 1;
	l->bell = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (l->bell < 0)
		rc = -errno;
	else
		rc = library_memory(&l->shared, (void **)&l->memory, sizeof(*l->memory));
	if (rc)
		library_put(l);
	else
		*out = l;
	return rc;
}

int library_rings(struct library *l, __u32 conns, __u32 size, __u32 sources)
{
	void *rings = NULL;
	int rc = library_memory(&l->ring_shared, &rings, sg_ring_bytes(conns, size));

	if (rc)
		return rc;
	l->rings = rings;
	l->ring_conns = conns;
	l->ring_size = size;
	l->most_chunks = conns / SG_CHANNEL_CHUNK;
	l->sure = sources;
	l->ring_bell = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	return l->ring_bell < 0 ? -errno : 0;
}

void library_put(struct library *l)
{
	const int fd[] = {l->channel, l->bell, l->shared, l->ring_shared, l->ring_bell};

	if (atomic_fetch_sub(&l->refs, 1) > 1)
		return;
	if (l->memory)
		munmap(l->memory, sizeof(*l->memory));
	if (l->rings)
		munmap(l->rings, sg_ring_bytes(l->ring_conns, l->ring_size));
	for (size_t i = 0; i < SG_ARRAY_SIZE(fd); i++)
		if (fd[i] >= 0)
			close(fd[i]);
	free(l);
}

bool library_is_dead(const struct library *l)
{
	char byte;
	ssize_t n;

	if (atomic_load(&l->bye))
		return false;
	n = recv(l->channel, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
	return n == 0 || (n < 0 && errno == ECONNRESET); /* that, if connections were in it */
}

/* --- what ports share ------------------------------------------------------------------------ */

static bool library_bit(__u64 *word, __u32 bit)
{
	return !(__atomic_fetch_or(word, 1ULL << bit, __ATOMIC_ACQ_REL) & 1ULL << bit);
}

static void library_bit_back(__u64 *word, __u32 bit)
{
	__atomic_fetch_and(word, ~(1ULL << bit), __ATOMIC_ACQ_REL);
}

int library_source(struct library *l)
{
	for (__u32 i = 0; i < SG_CHANNEL_SOURCES; i++)
		if (library_bit(&l->sources, i))
			return (int)i;
	return -ENOSPC;
}

void library_source_back(struct library *l, __u32 source)
{
	library_bit_back(&l->sources, source);
}

static void library_ring(const struct library *l)
{
	const __u64 one = 1;

	if (write(l->bell, &one, sizeof(one)) < 0)
		return; /* EAGAIN: it has been ringing for long */
}

void library_chunk_back(struct library *l, __u32 number)
{
	library_bit_back(&l->chunks[number / 64], number % 64);
	if (atomic_exchange(&l->hungry, false))
		library_ring(l);
}

/* A worker that has gone may have left connections in rings, of which the program has not let go yet. */
static bool library_chunk_is_held(const struct library *l, __u32 number)
{
	const struct sg_channel_slot *slot = &l->memory->slot[(size_t)number * SG_CHANNEL_CHUNK];

	for (__u32 i = 0; l->rings && i < SG_CHANNEL_CHUNK; i++) {
		__u64 word = __atomic_load_n(&slot[i].state, __ATOMIC_ACQUIRE);

		if (word >> 32 && !(word & (SG_CHANNEL_CLOSED | SG_CHANNEL_RESET)))
			return true;
	}
	return false;
}

static bool library_chunk_take(struct library *l, __u32 number)
{
	if (!library_bit(&l->chunks[number / 64], number % 64))
		return false;
	if (!library_chunk_is_held(l, number))
		return true;
	library_bit_back(&l->chunks[number / 64], number % 64);
	return false;
}

int library_chunk(struct library *l, __u32 source)
{
	if (source < l->sure && library_chunk_take(l, source))
		return (int)source;
	for (__u32 i = l->sure; i < l->most_chunks; i++)
		if (library_chunk_take(l, i))
			return (int)i;
	atomic_store(&l->hungry, true);
	return -ENOSPC;
}
