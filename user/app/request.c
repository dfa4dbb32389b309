/* SPDX-License-Identifier: BSD-2-Clause */
#include "app/request.h"

#include <stdint.h>
#include <string.h>
#include <strings.h>

/* A piece of the head: neither owned nor ended by NUL. */
struct span {
	const char *p;
	size_t len;
};

/* What the fields said so far. */
struct fields {
	bool host, length, chunked, close, keep_alive, expect, expect_other;
	__u64 value;
};

static bool span_is(struct span s, const char *word)
{
	return s.len == strlen(word) && memcmp(s.p, word, s.len) == 0;
}

static bool span_is_nocase(struct span s, const char *word)
{
	return s.len == strlen(word) && strncasecmp(s.p, word, s.len) == 0;
}

static struct span span_trim(struct span s)
{
	while (s.len && (s.p[0] == ' ' || s.p[0] == '\t')) {
		s.p++;
		s.len--;
	}
	while (s.len && (s.p[s.len - 1] == ' ' || s.p[s.len - 1] == '\t'))
		s.len--;
	return s;
}

/* Cut `s` at the first `at`: what is before it; `s` becomes what is behind. */
static bool span_cut(struct span *s, char at, struct span *before)
{
	const char *q = memchr(s->p, at, s->len);

	if (!q)
		return false;
	*before = (struct span){s->p, (size_t)(q - s->p)};
	s->len -= before->len + 1;
	s->p = q + 1;
	return true;
}

/* The next line without its end: CR LF, or LF alone as RFC 9112 2.2 lets us. */
static bool span_line(struct span *s, struct span *line)
{
	if (!span_cut(s, '\n', line))
		return false;
	if (line->len && line->p[line->len - 1] == '\r')
		line->len--;
	return true;
}

/* RFC 9110 5.6.2 */
static bool request_is_token(struct span s)
{
	static const char extra[] = "!#$%&'*+-.^_`|~";

	for (size_t i = 0; i < s.len; i++) {
		char c = s.p[i];
		bool alnum =
			(c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');

		if (!alnum && (c == 0 || !strchr(extra, c)))
			return false;
	}
	return s.len > 0;
}

static bool request_is_clean(struct span s)
{
	for (size_t i = 0; i < s.len; i++)
		if (((unsigned char)s.p[i] < ' ' && s.p[i] != '\t') || s.p[i] == 0x7f)
			return false;
	return true;
}

static enum request_method request_method(struct span s)
{
	if (span_is(s, "GET"))
		return REQUEST_GET;
	if (span_is(s, "HEAD"))
		return REQUEST_HEAD;
	if (span_is(s, "PUT"))
		return REQUEST_PUT;
	return span_is(s, "POST") ? REQUEST_POST : REQUEST_OTHER;
}

/* METHOD SP target SP HTTP/1.x. Returns 0 or a status. */
static int request_line(struct span line, struct request *r)
{
	struct span method, target;

	if (!request_is_clean(line) || !span_cut(&line, ' ', &method) ||
	    !span_cut(&line, ' ', &target) || !request_is_token(method) || target.len == 0)
		return 400;
	if (line.len != 8 || memcmp(line.p, "HTTP/", 5) != 0 || line.p[6] != '.' ||
	    line.p[7] < '0' || line.p[7] > '9')
		return 400;
	if (line.p[5] != '1')
		return 505;
	r->http_minor = line.p[7] - '0';
	r->method = request_method(method);
	r->target = target.p;
	r->target_len = target.len;
	return 0;
}

/* Digits and nothing else; the same number as before if it comes twice (RFC 9110 8.6). */
static int request_length(struct span v, struct fields *f)
{
	__u64 n = 0;

	if (v.len == 0)
		return 400;
	for (size_t i = 0; i < v.len; i++) {
		if (v.p[i] < '0' || v.p[i] > '9' || n > (UINT64_MAX - 9) / 10)
			return 400;
		n = n * 10 + (__u64)(v.p[i] - '0');
	}
	if (f->length && n != f->value)
		return 400;
	f->length = true;
	f->value = n;
	return 0;
}

static void request_connection(struct span v, struct fields *f)
{
	struct span one;

	while (v.len) {
		if (!span_cut(&v, ',', &one)) {
			one = v;
			v.len = 0;
		}
		one = span_trim(one);
		f->close |= span_is_nocase(one, "close");
		f->keep_alive |= span_is_nocase(one, "keep-alive");
	}
}

/* name: value. Returns 0 or a status. */
static int request_field(struct span line, struct fields *f)
{
	struct span name, v;

	/* no folding, no blank before the colon: RFC 9112 5.1, 5.2 */
	if (!span_cut(&line, ':', &name) || !request_is_token(name) || !request_is_clean(line))
		return 400;
	v = span_trim(line);
	if (span_is_nocase(name, "Content-Length"))
		return request_length(v, f);
	if (span_is_nocase(name, "Host")) {
		if (f->host)
			return 400;
		f->host = true;
	} else if (span_is_nocase(name, "Transfer-Encoding")) {
		f->chunked = true;
	} else if (span_is_nocase(name, "Connection")) {
		request_connection(v, f);
	} else if (span_is_nocase(name, "Expect")) {
		f->expect = span_is_nocase(v, "100-continue");
		f->expect_other = !f->expect;
	}
	return 0;
}

/* Returns 0 or a status. */
static int request_judge(const struct fields *f, struct request *r)
{
	if (r->http_minor >= 1 && !f->host)
		return 400;
	if (f->chunked) /* with a length beside it somebody is smuggling */
		return f->length ? 400 : 501;
	if (f->expect_other)
		return 417;
	r->length = f->value;
	r->expect_continue = f->expect && r->http_minor >= 1;
	r->keep_alive = !f->close && (r->http_minor >= 1 || f->keep_alive);
	return 0;
}

/* Empty lines in front of a request are passed over (RFC 9112 2.2). */
static bool request_first_line(struct span *rest, struct span *line)
{
	do {
		if (!span_line(rest, line))
			return false;
	} while (line->len == 0);
	return true;
}

int request_parse(const char *p, size_t len, struct request *r)
{
	struct span rest = {p, len < REQUEST_MAX ? len : REQUEST_MAX}, line;
	struct fields f = {0};
	int status;

	memset(r, 0, sizeof(*r));
	if (!request_first_line(&rest, &line))
		return len >= REQUEST_MAX ? -431 : 0;
	status = request_line(line, r);
	while (!status) {
		if (!span_line(&rest, &line))
			return len >= REQUEST_MAX ? -431 : 0;
		if (line.len == 0) {
			status = request_judge(&f, r);
			return status ? -status : (int)(rest.p - p);
		}
		status = request_field(line, &f);
	}
	return -status;
}
