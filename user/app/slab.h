/* SPDX-License-Identifier: BSD-2-Clause */
/* Blocks of one size, taken and given back in any order by one thread. */
#ifndef APP_SLAB_H
#define APP_SLAB_H

#include <stddef.h>

struct slab_block;

struct slab {
	size_t size;
	struct slab_block *free;
	struct slab_block *pages; /* all there are, to free them at the end */
	unsigned used;
};

void slab_init(struct slab *s, size_t size);

/* Zeroed, or NULL. */
void *slab_take(struct slab *s);
void slab_give(struct slab *s, void *block);

void slab_free(struct slab *s);

#endif
