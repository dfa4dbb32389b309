/* SPDX-License-Identifier: BSD-2-Clause */
#include "io/prefix.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PREFIX_FORMS "write it as 192.0.2.0/24, 2001:db8::/32, or one address"

/* --- one ------------------------------------------------------------------------------------- */

/* The address in front of `slash`, or all of it. */
static int prefix_addr(const char *text, const char *slash, struct prefix *p)
{
	size_t len = slash ? (size_t)(slash - text) : strlen(text);
	char addr[INET6_ADDRSTRLEN];
	__u8 v4[4];

	if (len >= sizeof(addr))
		return -EINVAL;
	memcpy(addr, text, len);
	addr[len] = 0;
	if (inet_pton(AF_INET, addr, v4) == 1) {
		sg_addr_from4(&p->key.addr, v4);
		return 0;
	}
	p->v6 = true;
	return inet_pton(AF_INET6, addr, p->key.addr.addr) == 1 ? 0 : -EINVAL;
}

/* One to three digits, at most `max`; or -EINVAL. */
static int prefix_length(const char *text, int max)
{
	int n = 0;

	if (!*text || strlen(text) > 3 || text[strspn(text, "0123456789")])
		return -EINVAL;
	for (; *text; text++)
		n = 10 * n + (*text - '0');
	return n <= max ? n : -EINVAL;
}

/* Clears what lies behind the length; was there anything? */
static bool prefix_clip(struct sg_prefix *k)
{
	bool any = false;

	for (__u32 i = k->prefix / 8; i < sizeof(k->addr.addr); i++) {
		__u8 keep = i == k->prefix / 8 ? (__u8)(0xff00 >> k->prefix % 8) : 0;

		any |= (k->addr.addr[i] & (__u8)~keep) != 0;
		k->addr.addr[i] &= keep;
	}
	return any;
}

int prefix_read(const char *text, struct prefix *p, struct err *err)
{
	const char *slash = strchr(text, '/');
	char meant[PREFIX_TEXT];
	int bits;

	memset(p, 0, sizeof(*p));
	if (prefix_addr(text, slash, p))
		return err_set(err, -EINVAL, EXIT_USAGE, "'%.60s' is no prefix; " PREFIX_FORMS, text);
	if (p->v6 && sg_addr_is4(&p->key.addr))
		return err_set(err, -EINVAL, EXIT_USAGE,
			       "'%.60s' is an IPv4 address in IPv6's clothes; write it as IPv4", text);
	bits = slash ? prefix_length(slash + 1, p->v6 ? 128 : 32) : p->v6 ? 128 : 32;
	if (bits < 0)
		return err_set(err, -EINVAL, EXIT_USAGE,
			       "'%.60s': its length is a number from 0 to %d; " PREFIX_FORMS, text,
			       p->v6 ? 128 : 32);
	p->key.prefix = (__u32)bits + (p->v6 ? 0 : 96);
	if (prefix_clip(&p->key))
		return err_set(err, -EINVAL, EXIT_USAGE,
			       "'%.60s' has bits behind its length; is it %s that is meant?", text,
			       prefix_print(meant, p));
	return 0;
}

unsigned prefix_bits(const struct prefix *p)
{
	return p->key.prefix - (p->v6 ? 0 : 96);
}

const char *prefix_print(char text[PREFIX_TEXT], const struct prefix *p)
{
	char addr[INET6_ADDRSTRLEN];

	inet_ntop(p->v6 ? AF_INET6 : AF_INET, p->key.addr.addr + (p->v6 ? 0 : 12), addr,
		  sizeof(addr));
	snprintf(text, PREFIX_TEXT, "%s/%u", addr, prefix_bits(p));
	return text;
}

/* --- many ------------------------------------------------------------------------------------ */

int prefixes_put(struct prefixes *list, const struct prefix *p, struct err *err)
{
	struct prefix *more;

	if (list->n == list->room) {
		list->room = list->room ? 2 * list->room : 64;
		more = reallocarray(list->at, list->room, sizeof(*more));
		if (!more)
			return err_set(err, -ENOMEM, EXIT_KERNEL, "no memory for so many prefixes");
		list->at = more;
	}
	list->at[list->n++] = *p;
	return 0;
}

static char *prefixes_trim(char *line)
{
	line[strcspn(line, "#\r\n")] = 0;
	line += strspn(line, " \t");
	line[strcspn(line, " \t")] = 0;
	return line;
}

static int prefixes_file(struct prefixes *list, const char *path, FILE *f, struct err *err)
{
	char *line = NULL, *word;
	struct err why;
	struct prefix p;
	size_t room = 0;
	int rc = 0;

	for (unsigned at = 1; !rc && getline(&line, &room, f) >= 0; at++) {
		word = prefixes_trim(line);
		if (!*word)
			continue;
		if (prefix_read(word, &p, &why))
			rc = err_set(err, -EINVAL, EXIT_USAGE, "%.80s, line %u: %.300s", path, at,
				     why.msg);
		else
			rc = prefixes_put(list, &p, err);
	}
	if (!rc && ferror(f))
		rc = err_set(err, -EIO, EXIT_USAGE, "%.80s: %s", path, strerror(errno));
	free(line);
	return rc;
}

int prefixes_add(struct prefixes *list, const char *text, struct err *err)
{
	struct prefix p;
	FILE *f;
	int rc;

	if (text[0] != '@') {
		rc = prefix_read(text, &p, err);
		return rc ? rc : prefixes_put(list, &p, err);
	}
	if (!strcmp(text, "@-"))
		return prefixes_file(list, "standard input", stdin, err);
	f = fopen(text + 1, "re");
	if (!f)
		return err_set(err, -errno, EXIT_USAGE, "%.80s: %s", text + 1, strerror(errno));
	rc = prefixes_file(list, text + 1, f, err);
	fclose(f);
	return rc;
}

void prefixes_free(struct prefixes *list)
{
	free(list->at);
	memset(list, 0, sizeof(*list));
}
