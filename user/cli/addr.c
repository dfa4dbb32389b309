/* SPDX-License-Identifier: BSD-2-Clause */
#include "cli/addr.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cli/value.h"

#define ADDR_EXAMPLES "192.0.2.1:80 or [2001:db8::1]:80"

static int addr_fail(struct err *err, const char *text, const char *why, const char *write)
{
	return err_set(err, -EINVAL, EXIT_USAGE, "malformed address '%.80s': %s; write it as %s",
		       text, why, write);
}

int addr_parse_host(const char *text, struct sg_addr *a)
{
	char host[INET6_ADDRSTRLEN];
	size_t n = strlen(text);
	struct in_addr v4;

	if (n >= 2 && text[0] == '[' && text[n - 1] == ']') {
		text++;
		n -= 2;
	} else if (inet_pton(AF_INET, text, &v4) == 1) {
		sg_addr_from4(a, &v4);
		return 0;
	}
	if (n >= sizeof(host))
		return -EINVAL;
	memcpy(host, text, n);
	host[n] = '\0';
	return inet_pton(AF_INET6, host, a->addr) == 1 ? 0 : -EINVAL;
}

/*
 * Where "host" ends and ":port" begins, or NULL with the reason why there is no such
 * place.
 */
static const char *addr_split(const char *text, const char **why)
{
	const char *colon = strrchr(text, ':');

	if (text[0] == '[') {
		const char *end = strchr(text, ']');

		if (!end)
			*why = "']' is missing";
		else if (end[1] != ':')
			*why = "':' and the port are missing after ']'";
		else
			return end + 1;
		return NULL;
	}
	if (!colon) {
		*why = "the port is missing";
		return NULL;
	}
	if (strchr(text, ':') != colon) {
		*why = "an IPv6 address stands in brackets";
		return NULL;
	}
	return colon;
}

/* What is wrong with a host part that inet_pton() does not take. */
static const char *addr_blame(const char *host)
{
	if (strchr(host, '%'))
		return "a zone (%...) has no meaning here, leave it out";
	if (host[0] == '[')
		return "that is no IPv6 address between the brackets";
	if (!host[strspn(host, "0123456789.")])
		return "an IPv4 address is four numbers from 0 to 255";
	return "that is no IP address (names are not looked up)";
}

/* `host` is empty for ":80" and "*:80". */
static int addr_parse(const char *text, const char *example, char *host, size_t room,
		      struct sg_addr *a, __u16 *port, struct err *err)
{
	const char *why, *colon = addr_split(text, &why);
	unsigned long long n;
	struct err bad;

	if (!colon)
		return addr_fail(err, text, why, example);
	if (value_number("port", colon + 1, 1, 65535, &n, &bad))
		return addr_fail(err, text, "a port is a number from 1 to 65535", example);
	*port = (__u16)n;
	if ((size_t)(colon - text) >= room)
		return addr_fail(err, text, "it is too long", example);
	memcpy(host, text, (size_t)(colon - text));
	host[colon - text] = '\0';
	if (!strcmp(host, "*"))
		host[0] = '\0';
	memset(a, 0, sizeof(*a));
	if (host[0] && addr_parse_host(host, a))
		return addr_fail(err, text, addr_blame(host), example);
	return 0;
}

static int addr_is_multicast(const struct sg_addr *a)
{
	return sg_addr_is4(a) ? a->addr[12] >= 224 : a->addr[0] == 0xff;
}

static int addr_is_any4(const struct sg_addr *a)
{
	return sg_addr_is4(a) && !(a->addr[12] | a->addr[13] | a->addr[14] | a->addr[15]);
}

int addr_parse_listen(const char *text, struct sg_addr *a, __u16 *port, struct err *err)
{
	static const char example[] = ADDR_EXAMPLES ", or *:80 for every local address";
	char host[64];
	int rc = addr_parse(text, example, host, sizeof(host), a, port, err);

	if (rc)
		return rc;
	if (addr_is_any4(a))
		return addr_fail(err, text, "a wildcard takes IPv4 and IPv6 alike", "*:80");
	if (addr_is_multicast(a))
		return addr_fail(err, text, "TCP has no multicast or broadcast", example);
	return 0;
}

int addr_parse_backend(const char *text, struct sg_addr *a, __u16 *port, struct err *err)
{
	static const char example[] = "127.0.0.1:8080 or [::1]:8080";
	char host[64];
	int rc = addr_parse(text, example, host, sizeof(host), a, port, err);

	if (rc)
		return rc;
	if (sg_addr_is_any(a) || addr_is_any4(a))
		return addr_fail(err, text, "a backend is one host", example);
	if (addr_is_multicast(a))
		return addr_fail(err, text, "TCP has no multicast or broadcast", example);
	return 0;
}

char *addr_format_host(const struct sg_addr *a, char buf[ADDR_TEXT])
{
	if (sg_addr_is_any(a))
		strcpy(buf, "*");
	else if (sg_addr_is4(a))
		inet_ntop(AF_INET, a->addr + 12, buf, ADDR_TEXT);
	else
		inet_ntop(AF_INET6, a->addr, buf, ADDR_TEXT);
	return buf;
}

char *addr_format(const struct sg_addr *a, __u16 port, char buf[ADDR_TEXT])
{
	char host[ADDR_TEXT];
	int v6 = !sg_addr_is_any(a) && !sg_addr_is4(a);

	addr_format_host(a, host);
	snprintf(buf, ADDR_TEXT, v6 ? "[%.45s]:%u" : "%.45s:%u", host, port);
	return buf;
}
