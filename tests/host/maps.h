/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The program's maps, as memory of this process. A map that no test made comes to be at its
 * first lookup, with the type and the size that it is declared with.
 */
#ifndef TESTS_HOST_MAPS_H
#define TESTS_HOST_MAPS_H

#include <linux/bpf.h>

/* Forget all of them. */
void maps_reset(void);

void maps_make(const char *name, enum bpf_map_type type, __u32 key_size, __u32 value_size,
	       __u32 max);

/* Element `i` of an array; it stays where it is until maps_reset(). */
void *maps_array(const char *name, __u32 i);

/* Put into a hash or an LPM trie. */
void maps_put(const char *name, const void *key, const void *value);

#endif
