/* SPDX-License-Identifier: BSD-2-Clause */
#include "app/endpoint.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

const char *endpoint_addr(char text[ENDPOINT_TEXT], const struct sg_addr *a)
{
	if (sg_addr_is_any(a))
		return strcpy(text, "*");
	if (sg_addr_is4(a))
		return inet_ntop(AF_INET, a->addr + 12, text, ENDPOINT_TEXT);
	return inet_ntop(AF_INET6, a->addr, text, ENDPOINT_TEXT);
}

const char *endpoint_print(char text[ENDPOINT_TEXT], const struct sg_addr *a, __u16 port)
{
	char addr[ENDPOINT_TEXT];
	int v6 = !sg_addr_is_any(a) && !sg_addr_is4(a);

	endpoint_addr(addr, a);
	snprintf(text, ENDPOINT_TEXT, v6 ? "[%.45s]:%u" : "%.45s:%u", addr, port);
	return text;
}

int endpoint_read_addr(const char *text, struct sg_addr *a)
{
	char bare[ENDPOINT_TEXT];
	size_t len = strlen(text);
	__u8 v4[4];

	memset(a, 0, sizeof(*a));
	if (strcmp(text, "*") == 0)
		return 0;
	if (len >= 2 && text[0] == '[' && text[len - 1] == ']') {
		text++;
		len -= 2;
	}
	if (len >= sizeof(bare))
		return -EINVAL;
	memcpy(bare, text, len);
	bare[len] = 0;
	if (inet_pton(AF_INET6, bare, a->addr) == 1)
		return 0;
	if (inet_pton(AF_INET, bare, v4) != 1)
		return -EINVAL;
	sg_addr_from4(a, v4);
	return 0;
}

static int endpoint_read_port(const char *text, __u16 *port)
{
	unsigned n = 0;

	for (const char *p = text; *p; p++) {
		if (*p < '0' || *p > '9' || n > 65535)
			return -EINVAL;
		n = n * 10 + (unsigned)(*p - '0');
	}
	if (n == 0 || n > 65535)
		return -EINVAL;
	*port = (__u16)n;
	return 0;
}

int endpoint_read(const char *text, struct sg_addr *a, __u16 *port)
{
	const char *colon = strrchr(text, ':');
	char addr[ENDPOINT_TEXT];
	size_t len;

	if (!colon)
		return -EINVAL;
	len = (size_t)(colon - text);
	if (len >= sizeof(addr) || endpoint_read_port(colon + 1, port))
		return -EINVAL;
	memcpy(addr, text, len);
	addr[len] = 0;
	if (addr[0] != '[' && memchr(addr, ':', len)) /* IPv6 wants brackets here */
		return -EINVAL;
	return endpoint_read_addr(addr, a);
}

/* --- servers ------------------------------------------------------------------------------- */

static int endpoint_read_path(const char *path, struct endpoint *e)
{
	size_t len = strlen(path);

	if ((path[0] != '/' && path[0] != '@') || len < 2 || len >= sizeof(e->path))
		return -EINVAL;
	for (const char *p = path; *p; p++)
		if (*p < ' ' || *p > '~') /* it goes into JSON, and to terminals */
			return -EINVAL;
	memcpy(e->path, path, len + 1);
	return 0;
}

int endpoint_read_server(const char *text, struct endpoint *e)
{
	size_t prefix = strlen(ENDPOINT_UNIX);

	memset(e, 0, sizeof(*e));
	if (strncmp(text, ENDPOINT_UNIX, prefix) == 0)
		return endpoint_read_path(text + prefix, e);
	if (endpoint_read(text, &e->addr, &e->port) || !sg_addr_is_host(&e->addr))
		return -EINVAL;
	return 0;
}

const char *endpoint_print_server(char text[ENDPOINT_SERVER_TEXT], const struct endpoint *e)
{
	if (e->port)
		return endpoint_print(text, &e->addr, e->port);
	snprintf(text, ENDPOINT_SERVER_TEXT, ENDPOINT_UNIX "%s", e->path);
	return text;
}
