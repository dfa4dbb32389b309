/* SPDX-License-Identifier: BSD-2-Clause */
#include "app/slab.h"

#include <stdlib.h>
#include <string.h>

#define SLAB_PAGE 64 /* blocks that are got at once */

struct slab_block {
	struct slab_block *next;
};

void slab_init(struct slab *s, size_t size)
{
	memset(s, 0, sizeof(*s));
	s->size = (size + 63) & ~(size_t)63; /* no two blocks on one cache line */
}

static void slab_grow(struct slab *s)
{
	char *page = aligned_alloc(64, 64 + SLAB_PAGE * s->size);

	if (!page)
		return;
	((struct slab_block *)page)->next = s->pages;
	s->pages = (struct slab_block *)page;
	for (int i = SLAB_PAGE - 1; i >= 0; i--) {
		struct slab_block *b = (struct slab_block *)(page + 64 + (size_t)i * s->size);

		b->next = s->free;
		s->free = b;
	}
}

void *slab_take(struct slab *s)
{
	struct slab_block *b;

	if (!s->free)
		slab_grow(s);
	b = s->free;
	if (!b)
		return NULL;
	s->free = b->next;
	s->used++;
	return memset(b, 0, s->size);
}

void slab_give(struct slab *s, void *block)
{
	struct slab_block *b = block;

	b->next = s->free;
	s->free = b;
	s->used--;
}

void slab_free(struct slab *s)
{
	while (s->pages) {
		struct slab_block *page = s->pages;

		s->pages = page->next;
		free(page);
	}
	s->free = NULL;
}
