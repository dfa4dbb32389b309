/* SPDX-License-Identifier: BSD-2-Clause */
/* An address and a port as text: 192.0.2.1:80, [2001:db8::1]:80, *:80; a server: unix:/path too. */
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

/* Where a server listens: one host's address and a port, or a Unix socket. */
struct endpoint {
	struct sg_addr addr;
	__u16 port;	/* 0: `path` it is */
	char path[108]; /* from the root, or @ and an abstract name; printable ASCII */
};

#define ENDPOINT_UNIX	     "unix:"
#define ENDPOINT_SERVER_TEXT (sizeof(ENDPOINT_UNIX) + sizeof(((struct endpoint *)0)->path))

/* 127.0.0.1:80, [::1]:80, unix:/run/app.sock, unix:@app. 0 or -EINVAL; `text` is returned. */
int endpoint_read_server(const char *text, struct endpoint *e);
const char *endpoint_print_server(char text[ENDPOINT_SERVER_TEXT], const struct endpoint *e);

#endif
