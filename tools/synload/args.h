/* SPDX-License-Identifier: BSD-2-Clause */
/* synload's command line. */
#ifndef SYNLOAD_ARGS_H
#define SYNLOAD_ARGS_H

#include <stdbool.h>

#include "io/err.h"
#include "shared.h"

struct args {
	const char *iface, *to_text, *path;
	enum sl_mode mode;
	struct sg_addr to, from;
	__u16 port;
	unsigned from_bits; /* length of the prefix, of an IPv6 address */
	__u64 rate, count, seed;
	double seconds; /* 0: until `count` */
	bool has_from, has_gw, has_seed, has_time;
	__u8 gw[6];
	unsigned size; /* of data */
	unsigned open; /* connections at a time; 0: no limit */
	bool json, force, no_timestamps, no_options, bad_checksum;
	bool help, version; /* asked for, and nothing else is looked at */
};

extern const char *const args_modes[]; /* by enum sl_mode; ends with NULL */

int args_parse(struct args *a, int argc, char **argv, struct err *err);
void args_help(void);

#endif
