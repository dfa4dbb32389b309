/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Addresses as people write them: 192.0.2.1:80, [2001:db8::1]:80, *:80, :80. IPv4 is
 * mapped here, once. Errors are EXIT_USAGE and show how it is written.
 */
#ifndef CLI_ADDR_H
#define CLI_ADDR_H

#include "io/err.h"
#include "syngate/addr.h"

/* "[" IPv6 "]:" port and the final zero */
#define ADDR_TEXT 56

/* Where to listen. *:80 and :80 give the zero address. 0 or a negative errno. */
int addr_parse_listen(const char *text, struct sg_addr *a, __u16 *port, struct err *err);

/* Where to connect: one host's address. 0 or a negative errno. */
int addr_parse_backend(const char *text, struct sg_addr *a, __u16 *port, struct err *err);

/* An address alone, IPv6 with or without brackets. 0 or -EINVAL. */
int addr_parse_host(const char *text, struct sg_addr *a);

/* 192.0.2.1, 2001:db8::1, * for the zero address. Returns `buf`. */
char *addr_format_host(const struct sg_addr *a, char buf[ADDR_TEXT]);

/* 192.0.2.1:80, [2001:db8::1]:80, *:80. Returns `buf`. */
char *addr_format(const struct sg_addr *a, __u16 port, char buf[ADDR_TEXT]);

#endif
