/* SPDX-License-Identifier: BSD-2-Clause */
/* What the HTTP application says to whom. */
#include <stdio.h>

#include "app/endpoint.h"
#include "app/http.h"

static const char *http_reason(int status)
{
	switch (status) {
	case 200:
		return "OK";
	case 400:
		return "Bad Request";
	case 404:
		return "Not Found";
	case 405:
		return "Method Not Allowed";
	case 413:
		return "Content Too Large";
	case 417:
		return "Expectation Failed";
	case 431:
		return "Request Header Fields Too Large";
	case 501:
		return "Not Implemented";
	case 505:
		return "HTTP Version Not Supported";
	}
	return "Error";
}

/* The head of an answer; a body of `len` bytes follows. */
static void http_head(struct http *h, int status, const char *type, __u64 len)
{
	h->text_len = (__u16)snprintf(h->text, sizeof(h->text),
				      "HTTP/1.1 %d %s\r\n"
				      "Server: syngate\r\n"
				      "Content-Type: %s\r\n"
				      "Content-Length: %llu\r\n"
				      "%sConnection: %s\r\n\r\n",
				      status, http_reason(status), type, (unsigned long long)len,
				      status == 405 ? "Allow: GET, HEAD, PUT, POST\r\n" : "",
				      h->keep ? "keep-alive" : "close");
	h->text_at = 0;
	h->phase = HTTP_ANSWER;
}

void http_text(struct http *h, int status, const char *body, bool head_only)
{
	size_t len = strlen(body);

	http_head(h, status, "text/plain", len);
	if (!head_only && h->text_len + len <= sizeof(h->text)) {
		memcpy(h->text + h->text_len, body, len);
		h->text_len += (__u16)len;
	}
}

void http_refuse(struct http *h, int status, bool keep)
{
	char body[64];

	h->keep = keep;
	h->drain = !keep;
	snprintf(body, sizeof(body), "%d %s\n", status, http_reason(status));
	http_text(h, status, body, false);
}

static void http_hello(struct app *a, struct http *h, bool head_only)
{
	char peer[ENDPOINT_TEXT] = "?", body[128];
	struct tcp_facts f;

	if (!tcp_info(a->stack, h->c.id, a->now, &f))
		endpoint_print(peer, &f.tuple.peer, f.tuple.pport);
	snprintf(body, sizeof(body), "syngate: hello, %s\n", peer);
	http_text(h, 200, body, head_only);
}

/* Digits, at most HTTP_BODY_MAX. */
static bool http_number(const char *p, size_t len, __u64 *n)
{
	*n = 0;
	for (size_t i = 0; i < len; i++) {
		if (p[i] < '0' || p[i] > '9')
			return false;
		*n = *n * 10 + (__u64)(p[i] - '0');
		if (*n > HTTP_BODY_MAX)
			return false;
	}
	return len > 0;
}

/* The path alone: no scheme and authority (RFC 9112 3.2.2), no query. */
static size_t http_path(const struct request *r, const char **path)
{
	const char *p = r->target, *end = p + r->target_len, *q;

	if (r->target_len > 7 && memcmp(p, "http://", 7) == 0) {
		p = memchr(p + 7, '/', r->target_len - 7);
		if (!p) {
			*path = "/";
			return 1;
		}
	}
	*path = p;
	q = memchr(p, '?', (size_t)(end - p));
	return (size_t)((q ? q : end) - p);
}

void http_get(struct app *a, struct http *h, const struct request *r)
{
	bool head_only = r->method == REQUEST_HEAD;
	const char *path;
	size_t len = http_path(r, &path);
	__u64 n;

	if (len == 1 && path[0] == '/') {
		http_hello(a, h, head_only);
	} else if (len > 7 && memcmp(path, "/bytes/", 7) == 0 &&
		   http_number(path + 7, len - 7, &n)) {
		http_head(h, 200, "application/octet-stream", n);
		h->gen_at = 0;
		h->gen_end = head_only ? 0 : n;
	} else if (head_only) {
		http_text(h, 404, "404 Not Found\n", true);
	} else {
		http_refuse(h, 404, h->keep);
	}
}
