/* SPDX-License-Identifier: BSD-2-Clause */
#include "maps.h"

#include <linux/bpf.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bpf/bpf_helpers.h"
#include "memory.h"

#define MAP_ALIGN 64 /* the kernel aligns values to 8; buckets want a cache line */

struct map {
	char name[32];
	__u32 type, key_size, value_size, max;
	__u32 n;      /* elements there are: `max` in an array */
	void **key;   /* not in an array */
	void **value; /* each in memory of its own, so that a byte beyond it is seen */
};

static struct map maps[32];
static unsigned map_count;

static void map_must(bool holds, const char *what, const char *name)
{
	if (holds)
		return;
	fprintf(stderr, "map %s: %s\n", name, what);
	abort();
}

static void *map_element(size_t size)
{
	size_t room = (size + MAP_ALIGN - 1) / MAP_ALIGN * MAP_ALIGN;
	void *p = aligned_alloc(MAP_ALIGN, room);

	map_must(p, "no memory", "maps");
	memset(p, 0, size);
	memory_close((char *)p + size, room - size);
	return p;
}

static bool map_is_array(const struct map *m)
{
	return m->type != BPF_MAP_TYPE_HASH && m->type != BPF_MAP_TYPE_LPM_TRIE;
}

static struct map *map_named(const char *name)
{
	for (unsigned i = 0; i < map_count; i++)
		if (!strcmp(maps[i].name, name))
			return &maps[i];
	return NULL;
}

void maps_make(const char *name, enum bpf_map_type type, __u32 key_size, __u32 value_size,
	       __u32 max)
{
	struct map *m = &maps[map_count];

	map_must(!map_named(name) && ++map_count <= sizeof(maps) / sizeof(*maps), "cannot be made",
		 name);
	*m = (struct map){.type = type, .key_size = key_size, .value_size = value_size, .max = max};
	snprintf(m->name, sizeof(m->name), "%s", name);
	m->key = calloc(max, sizeof(*m->key));
	m->value = calloc(max, sizeof(*m->value));
	map_must(m->key && m->value, "no memory", name);
	for (; map_is_array(m) && m->n < max; m->n++)
		m->value[m->n] = map_element(value_size);
}

void *maps_array(const char *name, __u32 i)
{
	struct map *m = map_named(name);

	map_must(m && map_is_array(m) && i < m->n, "no such element", name);
	return m->value[i];
}

void maps_put(const char *name, const void *key, const void *value)
{
	struct map *m = map_named(name);

	map_must(m && !map_is_array(m) && m->n < m->max, "no room", name);
	m->key[m->n] = map_element(m->key_size);
	m->value[m->n] = map_element(m->value_size);
	memcpy(m->key[m->n], key, m->key_size);
	memcpy(m->value[m->n++], value, m->value_size);
}

void maps_reset(void)
{
	while (map_count) {
		struct map *m = &maps[--map_count];

		for (__u32 i = 0; i < m->n; i++) {
			free(m->key[i]);
			free(m->value[i]);
		}
		free(m->key);
		free(m->value);
	}
}

static struct map *map_of(const struct driver_decl *d)
{
	struct map *m = map_named(d->name + 1);

	if (!m) {
		maps_make(d->name + 1, d->type, d->key_size, d->value_size, d->max);
		m = map_named(d->name + 1);
	}
	map_must(m->type == d->type && m->key_size == d->key_size && m->value_size == d->value_size,
		 "the test made it of another type", m->name);
	return m;
}

/* --- what the program sees --------------------------------------------------------------- */

static void *map_hash_find(const struct map *m, const void *key)
{
	for (__u32 i = 0; i < m->n; i++)
		if (!memcmp(m->key[i], key, m->key_size))
			return m->value[i];
	return NULL;
}

/* A key is its length in bits and then the bits; the longest prefix wins. */
static void *map_lpm_find(const struct map *m, const void *key)
{
	const __u8 *want = (const __u8 *)key + sizeof(__u32);
	__u32 best = 0, bits, limit;
	void *found = NULL;

	memcpy(&limit, key, sizeof(limit));
	for (__u32 i = 0; i < m->n; i++) {
		const __u8 *have = (const __u8 *)m->key[i] + sizeof(__u32);

		memcpy(&bits, m->key[i], sizeof(bits));
		if (bits > limit || (found && bits < best) || memcmp(have, want, bits / 8) ||
		    (bits % 8 && (have[bits / 8] ^ want[bits / 8]) >> (8 - bits % 8)))
			continue;
		best = bits;
		found = m->value[i];
	}
	return found;
}

void *driver_lookup(const struct driver_decl *d, const void *key)
{
	const struct map *m = map_of(d);
	__u32 i;

	if (m->type == BPF_MAP_TYPE_HASH)
		return map_hash_find(m, key);
	if (m->type == BPF_MAP_TYPE_LPM_TRIE)
		return map_lpm_find(m, key);
	memcpy(&i, key, sizeof(i));
	return i < m->n ? m->value[i] : NULL;
}
