/* SPDX-License-Identifier: BSD-2-Clause */
/* An interface on the command line: its name and the options of `run` and `attach`. */
#ifndef CLI_IFACE_H
#define CLI_IFACE_H

#include <jansson.h>

#include "io/bpf.h"

/* clang-format off */
#define IFACE_OPTS                                                                          \
	{"mode", OPT_MODE, "MODE", "native, skb, or auto: native if the driver can (default)"}, \
	{"halfopen-entries", OPT_HALFOPEN_ENTRIES, "N", "room in the half-open table (65536)"}, \
	{"flow-entries", OPT_FLOW_ENTRIES, "N", "room in the flow table (262144)"},         \
	{"max-listeners", OPT_MAX_LISTENERS, "N", "addresses served at a time (16)"}
/* clang-format on */

#define IFACE_ENTRIES_MAX 16777216

/* One of IFACE_OPTS or OPT_INSTANCE. 0 done, 1 another option, or a negative errno. */
int iface_option(struct front_config *c, int key, const char *arg, struct err *err);

/* Arguments of `attach` (docs/control-protocol.md), put into `request`. 0 or -ENOMEM. */
int iface_request(const struct front_config *c, json_t *request);

#endif
