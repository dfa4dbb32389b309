/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A program's listener (syngate/channel.h). What it accepts are ends of socket pairs, whose other ends are
 * ours. Shared by the main thread and all workers; each worker has a port (libport.h) of its own to it.
 */
#ifndef APP_LIBRARY_H
#define APP_LIBRARY_H

#include <stdatomic.h>

#include "app/app.h"
#include "syngate/channel_ring.h"

struct library {
	int channel;			  /* to the program; owned */
	int bell;			  /* it rings when it has taken one; owned */
	int shared;			  /* `memory` as a descriptor; owned */
	struct sg_channel_memory *memory; /* it writes here, too: believe nothing */
	atomic_uint refs;
	atomic_bool bye; /* it said that it closes the listener: its connections go on */
	/* sources and chunks of slots that a worker's port has; changed by atomic operations */
	__u32 batch; /* connections in one message */
	__u64 sources, chunks[SG_CHANNEL_CHUNKS / 64];
	__u32 sure, most_chunks; /* sources that are sure of a chunk; chunks that there are */
	atomic_bool hungry;	 /* one wanted a chunk and there was none */
	/* NULL: it has descriptors; else rings, for so many connections of so many bytes each way */
	struct sg_ring_memory *rings;
	__u32 ring_conns, ring_size;
	__u32 sleep[SG_CHANNEL_SOURCES]; /* numbers of workers' last sleeps; each is its worker's */
	int ring_shared, ring_bell; /* `rings` as a descriptor; the program's bell; owned */
};

/* `channel` is taken over, also when it fails. -errno. */
int library_new(struct library **out, int channel);
/* Rings for it, before anybody has a port; `sources` are sure of a share. -errno. */
int library_rings(struct library *l, __u32 conns, __u32 size, __u32 sources);
void library_put(struct library *l);

/* Hung up, without a word? Whatever it said before is for the main thread to read. */
bool library_is_dead(const struct library *l);

/* A source that is free, or -ENOSPC; it is to be given back. */
int library_source(struct library *l);
void library_source_back(struct library *l, __u32 source);
/* Likewise a chunk of slots. */
int library_chunk(struct library *l, __u32 source);
void library_chunk_back(struct library *l, __u32 number);

/* Instead of a listener's number: connections that the program has asked for. */
#define LIBRARY_OWN 0xffffffffu

/* The rest is a worker's, in its thread. A port for a listener's connections; NULL: no memory. */
struct library_port *library_port(struct app *a, struct library *l, __u32 listener);

/*
 * In each round: what programs have done without ringing, first; and last, what is to go to them, and a bell for those
 * that sleep.
 */
void library_look(struct app *a);
void library_flush(struct app *a);

/* We are about to sleep; true: not now, there is something to look at. And when we no longer do. */
bool library_sleeps(struct app *a);
void library_wakes(struct app *a);

/*
 * No more connections for it (NULL: for any): those that the program has not taken are reset, the
 * others go on. `all`: they are reset as well.
 */
void library_close(struct app *a, const struct library *l, bool all);

#endif
