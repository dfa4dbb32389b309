/* SPDX-License-Identifier: BSD-2-Clause */
#include "cli/filter.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "cli/addr.h"
#include "cli/nearest.h"
#include "cli/value.h"

enum {
	F_ESTAB = 1 << 0,
	F_SYN_SENT = 1 << 1,
	F_SYN_RECV = 1 << 2,
	F_FIN_WAIT_1 = 1 << 3,
	F_FIN_WAIT_2 = 1 << 4,
	F_TIME_WAIT = 1 << 5,
	F_CLOSE_WAIT = 1 << 6,
	F_LAST_ACK = 1 << 7,
	F_CLOSING = 1 << 8,
	F_LISTEN = 1 << 9,
	F_CLOSED = 1 << 10,
	F_ALL = (1 << 11) - 1,
	F_CONNECTED = F_ALL & ~(F_LISTEN | F_CLOSED),
	F_BUCKET = F_SYN_RECV | F_TIME_WAIT,
};

/* The names that ss takes; the first of each state is the one that it prints. */
static const struct {
	const char *name;
	unsigned states;
} filter_states[] = {
	{"ESTAB", F_ESTAB},	      {"SYN-SENT", F_SYN_SENT},
	{"SYN-RECV", F_SYN_RECV},     {"FIN-WAIT-1", F_FIN_WAIT_1},
	{"FIN-WAIT-2", F_FIN_WAIT_2}, {"TIME-WAIT", F_TIME_WAIT},
	{"CLOSE-WAIT", F_CLOSE_WAIT}, {"LAST-ACK", F_LAST_ACK},
	{"CLOSING", F_CLOSING},	      {"LISTEN", F_LISTEN},
	{"CLOSED", F_CLOSED},	      {"established", F_ESTAB},
	{"listening", F_LISTEN},      {"all", F_ALL},
	{"connected", F_CONNECTED},   {"synchronized", F_CONNECTED & ~(F_SYN_SENT | F_SYN_RECV)},
	{"bucket", F_BUCKET},	      {"big", F_ALL & ~F_BUCKET},
};

static unsigned filter_state(const char *name)
{
	for (size_t i = 0; i < SG_ARRAY_SIZE(filter_states); i++)
		if (!strcasecmp(name, filter_states[i].name))
			return filter_states[i].states;
	return 0;
}

static int filter_bad_state(const char *name, struct err *err)
{
	char hint[NEAREST_HINT], upper[64];
	struct nearest near;

	snprintf(upper, sizeof(upper), "%s", name);
	for (char *c = upper; *c; c++)
		*c = *c >= 'a' && *c <= 'z' ? (char)(*c - 32) : *c;
	nearest_begin(&near, upper);
	for (size_t i = 0; i < SG_ARRAY_SIZE(filter_states); i++)
		nearest_offer(&near, filter_states[i].name);
	return err_set(err, -EINVAL, EXIT_USAGE,
		       "unknown state '%.40s'%s; they are named as ss does, such as: state ESTAB",
		       name, nearest_hint(&near, hint));
}

/* --- the words ------------------------------------------------------------------------- */

/*
 * The command line as one list of words: `sport=:80` and `sport = :80` are the same.
 * `at` is the next word.
 */
struct filter_words {
	char text[1024];
	char *word[128];
	int n, at;
};

static int filter_is_operator(char c)
{
	return c == '=' || c == '!';
}

static int filter_split(struct filter_words *w, int argc, char **argv, struct err *err)
{
	size_t used = 0;

	w->n = w->at = 0;
	for (int i = 0; i < argc; i++) {
		const char *c = argv[i];

		while (*c) {
			size_t len = strspn(c, " \t");

			c += len;
			len = filter_is_operator(*c) ? strspn(c, "=!") : strcspn(c, " \t=!");
			if (!len)
				break;
			if (w->n == (int)SG_ARRAY_SIZE(w->word) || used + len >= sizeof(w->text))
				return err_set(err, -E2BIG, EXIT_USAGE,
					       "the filter is too long; use up to %d terms",
					       FILTER_TERMS);
			w->word[w->n++] = memcpy(w->text + used, c, len);
			w->text[used + len] = '\0';
			used += len + 1;
			c += len;
		}
	}
	return 0;
}

static const char *filter_next(struct filter_words *w)
{
	return w->at < w->n ? w->word[w->at++] : NULL;
}

/* An optional operator in front of a value. 0 equal, 1 not, or -EINVAL. */
static int filter_operator(struct filter_words *w)
{
	const char *op = w->at < w->n ? w->word[w->at] : "";

	if (!strcmp(op, "=") || !strcmp(op, "==") || !strcmp(op, "eq")) {
		w->at++;
		return 0;
	}
	if (!strcmp(op, "!=") || !strcmp(op, "ne") || !strcmp(op, "neq")) {
		w->at++;
		return 1;
	}
	return filter_is_operator(op[0]) ? -EINVAL : 0;
}

/* --- terms ----------------------------------------------------------------------------- */

static int filter_port(struct filter_term *t, const char *text, struct err *err)
{
	unsigned long long n;
	int rc = value_number("port", text + (text[0] == ':'), 1, 65535, &n, err);

	if (!rc)
		t->port = (unsigned)n;
	return rc;
}

/* The colon before a port, or NULL: an IPv6 address without brackets has none. */
static char *filter_colon(char *text)
{
	char *end = text[0] == '[' ? strchr(text, ']') : text;
	char *colon = end ? strchr(end, ':') : NULL;

	return colon && (text[0] == '[' || !strchr(colon + 1, ':')) ? colon : NULL;
}

/* ADDR[/LEN][:PORT]; the length may stand before or behind a closing bracket. */
static int filter_addr(struct filter_term *t, const char *text, struct err *err)
{
	char host[96], *colon, *slash, *tail;
	unsigned long long bits;
	int rc = 0, v4;

	snprintf(host, sizeof(host), "%s", text);
	colon = filter_colon(host);
	if (colon) {
		rc = filter_port(t, colon, err);
		*colon = '\0';
	}
	if (rc || (colon && !host[0]) || !strcmp(host, "*"))
		return rc;
	slash = strchr(host, '/');
	tail = slash ? strchr(slash, ']') : NULL;
	if (slash)
		*slash++ = '\0';
	if (tail) { /* [2001:db8::/32] */
		*tail = '\0';
		memmove(host, host + 1, strlen(host));
	}
	if (addr_parse_host(host, &t->addr))
		return err_set(err, -EINVAL, EXIT_USAGE,
			       "malformed address '%.60s'; write it as 192.0.2.1, 192.0.2.0/24, "
			       "192.0.2.1:80 or [2001:db8::1]:80",
			       text);
	v4 = sg_addr_is4(&t->addr);
	bits = v4 ? 32 : 128;
	if (slash)
		rc = value_number("prefix length", slash, 0, bits, &bits, err);
	t->bits = (unsigned)bits + (v4 ? 96 : 0);
	return rc;
}

static int filter_add(struct filter *f, const char *what, struct filter_words *w, struct err *err)
{
	struct filter_term *t = &f->term[f->terms];
	int port = !strcmp(what, "sport") || !strcmp(what, "dport");
	int op = filter_operator(w);
	const char *value = filter_next(w);

	if (op < 0 || !value)
		return err_set(err, -EINVAL, EXIT_USAGE, "'%s' is not complete; write it as: %s %s",
			       what, what, port ? "= :80" : "192.0.2.1");
	if (f->terms == FILTER_TERMS)
		return err_set(err, -E2BIG, EXIT_USAGE,
			       "the filter is too long; use up to %d terms", FILTER_TERMS);
	memset(t, 0, sizeof(*t));
	t->peer = what[0] == 'd';
	t->differ = op == 1;
	f->terms++;
	return port ? filter_port(t, value, err) : filter_addr(t, value, err);
}

static int filter_one(struct filter *f, const char *word, struct filter_words *w, unsigned *any,
		      unsigned *none, struct err *err)
{
	if (!strcmp(word, "state") || !strcmp(word, "exclude")) {
		const char *name = filter_next(w);
		unsigned states = name ? filter_state(name) : 0;

		if (!states)
			return filter_bad_state(name ? name : "", err);
		*(word[0] == 's' ? any : none) |= states;
		return 0;
	}
	if (!strcmp(word, "sport") || !strcmp(word, "dport") || !strcmp(word, "src") ||
	    !strcmp(word, "dst"))
		return filter_add(f, word, w, err);
	return err_set(
		err, -EINVAL, EXIT_USAGE,
		"'%.40s' is no filter; known are, joined with 'and': state ESTAB, exclude ESTAB, "
		"sport = :80, dport = :80, src ADDR, dst ADDR",
		word);
}

int filter_parse(struct filter *f, int argc, char **argv, struct err *err)
{
	unsigned any = 0, none = 0;
	struct filter_words w;
	const char *word;
	int rc = filter_split(&w, argc, argv, err);

	f->terms = 0;
	while (!rc && (word = filter_next(&w))) {
		rc = filter_one(f, word, &w, &any, &none, err);
		if (rc || w.at == w.n || strcmp(w.word[w.at], "and"))
			continue;
		if (++w.at == w.n)
			rc = err_set(err, -EINVAL, EXIT_USAGE,
				     "nothing follows the last 'and'; leave it out");
	}
	f->states = (any ? any : F_ALL) & ~none;
	return rc;
}

/* --- rows ------------------------------------------------------------------------------ */

static bool filter_same_prefix(const struct sg_addr *a, const struct sg_addr *b, unsigned bits)
{
	unsigned bytes = bits / 8, rest = bits % 8;

	if (memcmp(a->addr, b->addr, bytes))
		return false;
	return !rest || !((a->addr[bytes] ^ b->addr[bytes]) >> (8 - rest));
}

static bool filter_fits(const struct filter_term *t, const char *text)
{
	const char *colon = text ? strrchr(text, ':') : NULL;
	char host[ADDR_TEXT];
	struct sg_addr a;

	if (!colon || (size_t)(colon - text) >= sizeof(host))
		return false;
	if (t->port && strtoul(colon + 1, NULL, 10) != t->port)
		return false;
	if (!t->bits)
		return true;
	snprintf(host, sizeof(host), "%.*s", (int)(colon - text), text);
	return !addr_parse_host(host, &a) && filter_same_prefix(&a, &t->addr, t->bits);
}

/* Where a row says which side it is: `listeners` has the two halves apart. */
static const char *filter_side(const json_t *row, bool peer, char buf[ADDR_TEXT])
{
	const char *whole = json_string_value(json_object_get(row, peer ? "peer" : "local"));
	const char *host = json_string_value(json_object_get(row, "addr"));

	if (whole || peer || !host)
		return whole;
	snprintf(buf, ADDR_TEXT, strchr(host, ':') ? "[%.45s]:%d" : "%.45s:%d", host,
		 (int)json_integer_value(json_object_get(row, "port")));
	return buf;
}

bool filter_match(const struct filter *f, const json_t *row, const char *state)
{
	const char *own = json_string_value(json_object_get(row, "state"));
	char buf[ADDR_TEXT];

	if (!(filter_state(own ? own : state) & f->states))
		return false;
	for (int i = 0; i < f->terms; i++) {
		const struct filter_term *t = &f->term[i];

		if (filter_fits(t, filter_side(row, t->peer, buf)) == t->differ)
			return false;
	}
	return true;
}
