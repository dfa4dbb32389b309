/* SPDX-License-Identifier: BSD-2-Clause */
#include "app/library.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

int library_new(struct library **out, int channel)
{
	struct library *l = calloc(1, sizeof(*l));
	int rc = -ENOMEM;

	if (!l) {
		close(channel);
		return rc;
	}
	*l = (struct library){.channel = channel, .bell = -1, .shared = -1};
	l->refs = 1;
	l->memory = MAP_FAILED;
	l->bell = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	l->shared = memfd_create("syngate", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (l->bell < 0 || l->shared < 0 || ftruncate(l->shared, sizeof(*l->memory)) ||
	    fcntl(l->shared, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL))
		goto err_errno;
	l->memory = mmap(NULL, sizeof(*l->memory), PROT_READ | PROT_WRITE, MAP_SHARED, l->shared, 0);
	if (l->memory == MAP_FAILED)
		goto err_errno;
	*out = l;
	return 0;

err_errno:
	rc = -errno;
	library_put(l);
	return rc;
}

void library_put(struct library *l)
{
	if (atomic_fetch_sub(&l->refs, 1) > 1)
		return;
	if (l->memory != MAP_FAILED)
		munmap(l->memory, sizeof(*l->memory));
	if (l->shared >= 0)
		close(l->shared);
	if (l->bell >= 0)
		close(l->bell);
	close(l->channel);
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

int library_chunk(struct library *l, __u32 source)
{
	if (library_bit(&l->chunks[source / 64], source % 64))
		return (int)source;
	for (__u32 i = SG_CHANNEL_SOURCES; i < SG_CHANNEL_CHUNKS; i++)
		if (library_bit(&l->chunks[i / 64], i % 64))
			return (int)i;
	return -ENOSPC;
}

void library_chunk_back(struct library *l, __u32 number)
{
	library_bit_back(&l->chunks[number / 64], number % 64);
}
