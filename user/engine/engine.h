/* SPDX-License-Identifier: BSD-2-Clause */
/* Inside the engine's library: what lies in the memory of struct sge. */
#ifndef ENGINE_ENGINE_H
#define ENGINE_ENGINE_H

#include "engine/driver.h"
#include "syngate_engine.h"

#define SGE_PENDING 64 /* answers that wait for sge_output() */
#define SGE_SWEEP   (16 * SG_MS)

struct sge {
	struct sge_config cfg;
	struct sg_settings settings;
	struct sg_tcp_counters mib;
	__u32 timewaits;
	struct sg_cookie_keys cookies;
	struct sg_queue *queues;
	struct sg_halfopen_table halfopen;
	struct driver driver;
	struct tcp_stack *stack;
	sg_time sweep_at; /* when SYN-ACKs are looked through next */
	__u32 sweep_next; /* the bucket to go on with; 0: a new round */
	__u32 first, n;   /* pending[first] ... */
	struct seg pending[SGE_PENDING];
};

/* Both by the lists of syngate/settings.h and mib.h. */
void sge_knobs_init(struct sg_settings *set);

/* Who uses this library polls; events only keep blocks from being freed. */
void sge_forget_events(struct sge *e);

#endif
