/* SPDX-License-Identifier: BSD-2-Clause */
/* The programs: loaded, attached, run, and what they counted. */
#ifndef SYNLOAD_LOAD_H
#define SYNLOAD_LOAD_H

#include <signal.h>

#include "args.h"
#include "way.h"

struct synload_bpf;

struct load {
	const struct args *args;
	const struct way *way;
	struct synload_bpf *skel;
	int link;
	__u16 frame_len; /* of the longest frame that is sent */
	sigset_t ends;	 /* what ends a run, */
	int stopped;	 /* which of it came, */
	int rc;		 /* and how the sending thread ended */
};

struct result {
	struct sl_stats stats;	 /* of all processors */
	__u64 sent, transmitted; /* by our count, by the interface's */
	double seconds;
};

/* 0, or a negative errno with `err` filled; then there is nothing to close. */
int load_open(struct load *l, const struct args *a, const struct way *w, struct err *err);
int load_run(struct load *l, struct result *r, struct err *err);
void load_close(struct load *l);

#endif
