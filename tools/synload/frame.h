/* SPDX-License-Identifier: BSD-2-Clause */
/* The frames as far as they do not change, and their checksums as far as those do not. */
#ifndef SYNLOAD_FRAME_H
#define SYNLOAD_FRAME_H

#include "args.h"

/* Of `kind`, from Ethernet address `src` to `dst`. */
void frame_make(struct sl_template *t, const struct args *a, enum sl_mode kind, const __u8 src[6],
		const __u8 dst[6]);

/* The request of HTTP, into `c`. -ENAMETOOLONG: --path makes it too long. */
int frame_request(struct sl_config *c, const struct args *a, struct err *err);

#endif
