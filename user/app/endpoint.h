/* SPDX-License-Identifier: BSD-2-Clause */
/* An address and a port as text: 192.0.2.1:80, [2001:db8::1]:80, *:80. */
#ifndef APP_ENDPOINT_H
#define APP_ENDPOINT_H

#include "syngate/addr.h"

#define ENDPOINT_TEXT 64 /* the longest, with its NUL */

/* Both return `text`. The zero address is `*`. */
const char *endpoint_addr(char text[ENDPOINT_TEXT], const struct sg_addr *a);
const char *endpoint_print(char text[ENDPOINT_TEXT], const struct sg_addr *a, __u16 port);

/* `*`, IPv4 or IPv6 (brackets or not) alone; and with a port. 0 or -EINVAL. */
int endpoint_read_addr(const char *text, struct sg_addr *a);
int endpoint_read(const char *text, struct sg_addr *a, __u16 *port);

#endif
