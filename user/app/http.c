/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A small HTTP/1.1 server: `/` says who we are, `/bytes/N` sends N bytes of a known
 * pattern, PUT and POST to anywhere answer with the length and CRC-32 of what came.
 * A request's head is parsed where it lies in the receive buffer; nothing is kept of it.
 */
#include <errno.h>
#include <stdio.h>
#include <zlib.h>

#include "app/http.h"
#include "app/pattern.h"

#define HTTP_SHARE	(256u << 10) /* bytes in one call */
#define HTTP_LINGER_MAX (1u << 20)   /* bytes of an upload we refused that are read and dropped */
#define HTTP_PIECES	16

enum http_step {
	STEP_ON,   /* go on */
	STEP_WAIT, /* for an event */
	STEP_END,  /* the connection is no more */
};

static enum http_step http_end(struct app *a, struct http *h)
{
	app_end(a, &h->c);
	return STEP_END;
}

/* --- requests ----------------------------------------------------------------------------- */

static void http_upload(struct http *h, const struct request *r)
{
	static const char go_on[] = "HTTP/1.1 100 Continue\r\n\r\n";

	h->body = h->body_left = r->length;
	h->crc = crc32(0, NULL, 0);
	h->phase = HTTP_BODY;
	if (!r->expect_continue || r->length == 0)
		return;
	memcpy(h->text, go_on, sizeof(go_on));
	h->text_len = sizeof(go_on) - 1;
	h->text_at = 0;
	h->phase = HTTP_CONTINUE;
}

static void http_request(struct app *a, struct http *h, const struct request *r)
{
	bool upload = r->method == REQUEST_PUT || r->method == REQUEST_POST;

	h->keep = r->keep_alive;
	h->gen_at = h->gen_end = 0;
	if (r->method == REQUEST_OTHER)
		http_refuse(h, 405, h->keep && r->length == 0);
	else if (r->length > HTTP_BODY_MAX || (r->length && !upload))
		http_refuse(h, 413, false); /* nobody here wants a body with a GET */
	else if (upload)
		http_upload(h, r);
	else
		http_get(a, h, r);
}

/* --- steps -------------------------------------------------------------------------------- */

static size_t http_gather(char *to, size_t max, const struct iovec *iov, int n)
{
	size_t len = 0;

	for (int i = 0; i < n && len < max; i++) {
		size_t part = iov[i].iov_len < max - len ? iov[i].iov_len : max - len;

		memcpy(to + len, iov[i].iov_base, part);
		len += part;
	}
	return len;
}

/* A head that is not complete: can it still become so? */
static bool http_may_grow(const struct app *a, const struct http *h, size_t have)
{
	struct tcp_facts f;

	if (have >= REQUEST_MAX || have >= a->settings->tcp_rmem / 2)
		return false;
	return !tcp_info(a->stack, h->c.id, a->now, &f) && f.state == TCP_ESTABLISHED;
}

static enum http_step http_read_head(struct app *a, struct http *h)
{
	char flat[REQUEST_MAX];
	struct iovec iov[HTTP_PIECES];
	struct request r;
	int n = tcp_recv_peek(a->stack, h->c.id, iov, HTTP_PIECES), got;
	size_t len;

	if (n == -EAGAIN)
		return STEP_WAIT;
	if (n <= 0)
		return http_end(a, h);
	len = iov[0].iov_len;
	got = request_parse(iov[0].iov_base, len, &r);
	if (got == 0 && n > 1) {
		len = http_gather(flat, sizeof(flat), iov, n);
		got = request_parse(flat, len, &r);
	}
	if (got == 0 && http_may_grow(a, h, len))
		return STEP_WAIT;
	app_touch(a, &h->c, APP_IDLE);
	if (got <= 0) {
		http_refuse(h, got ? -got : len >= a->settings->tcp_rmem / 2 ? 431 : 400, false);
		return STEP_ON;
	}
	http_request(a, h, &r); /* looks into the buffer: before it is given back */
	tcp_recv_done(a->stack, h->c.id, (size_t)got, a->now);
	return STEP_ON;
}

static enum http_step http_read_body(struct app *a, struct http *h, size_t *share)
{
	struct iovec iov[HTTP_PIECES];
	char body[64];
	size_t used = 0;
	int n;

	if (h->body_left == 0) {
		snprintf(body, sizeof(body), "%llu bytes, crc32 %08lx\n",
			 (unsigned long long)h->body, h->crc);
		http_text(h, 200, body, false);
		return STEP_ON;
	}
	n = tcp_recv_peek(a->stack, h->c.id, iov, HTTP_PIECES);
	if (n == -EAGAIN)
		return STEP_WAIT;
	if (n <= 0)
		return http_end(a, h);
	for (int i = 0; i < n && h->body_left; i++) {
		size_t len = iov[i].iov_len < h->body_left ? iov[i].iov_len : h->body_left;

		h->crc = crc32_z(h->crc, iov[i].iov_base, len);
		h->body_left -= len;
		used += len;
	}
	tcp_recv_done(a->stack, h->c.id, used, a->now);
	app_touch(a, &h->c, APP_IDLE);
	*share -= used < *share ? used : *share;
	return STEP_ON;
}

/* What is to be sent, into the send buffer. 0, bytes, or a negative errno. */
static ssize_t http_write(struct app *a, struct http *h)
{
	__u64 want = (__u64)(h->text_len - h->text_at) + h->gen_end - h->gen_at;
	__u64 pieces = want / TCP_CHUNK + 2;
	struct iovec iov[HTTP_PIECES];
	size_t done = 0;
	int n;

	n = tcp_send_room(a->stack, h->c.id, iov, pieces < HTTP_PIECES ? (int)pieces : HTTP_PIECES);
	if (n < 0)
		return n;
	for (int i = 0; i < n; i++) {
		char *p = iov[i].iov_base;
		size_t room = iov[i].iov_len, text = (size_t)(h->text_len - h->text_at);
		__u64 gen;

		text = text < room ? text : room;
		memcpy(p, h->text + h->text_at, text);
		h->text_at += (__u16)text;
		room -= text;
		gen = h->gen_end - h->gen_at < room ? h->gen_end - h->gen_at : room;
		pattern_fill(p + text, gen, h->gen_at);
		h->gen_at += gen;
		done += text + gen;
	}
	tcp_send_done(a->stack, h->c.id, done, a->now);
	return (ssize_t)done;
}

/*
 * All is said: the next request, or the end. To close over unread data is to reset, and
 * that may cost the peer our answer: read it first.
 */
static enum http_step http_answered(struct app *a, struct http *h)
{
	struct iovec iov;
	int n;

	if (h->phase == HTTP_CONTINUE || h->keep) {
		h->phase = h->phase == HTTP_CONTINUE ? HTTP_BODY : HTTP_HEAD;
		return STEP_ON;
	}
	n = tcp_recv_peek(a->stack, h->c.id, &iov, 1);
	if (n == 0 || (n < 0 && !h->drain))
		return http_end(a, h);
	h->phase = HTTP_LINGER;
	tcp_shutdown(a->stack, h->c.id, a->now);
	app_touch(a, &h->c, APP_LINGER);
	return STEP_ON;
}

static enum http_step http_send(struct app *a, struct http *h, size_t *share)
{
	ssize_t n;

	if (h->text_at == h->text_len && h->gen_at == h->gen_end)
		return http_answered(a, h);
	n = http_write(a, h);
	if (n == -EAGAIN)
		return STEP_WAIT;
	if (n < 0)
		return http_end(a, h);
	app_touch(a, &h->c, APP_IDLE);
	*share -= (size_t)n < *share ? (size_t)n : *share;
	return STEP_ON;
}

static enum http_step http_linger(struct app *a, struct http *h)
{
	struct iovec iov[HTTP_PIECES];
	int n = tcp_recv_peek(a->stack, h->c.id, iov, HTTP_PIECES);
	size_t len = 0;

	if (n == -EAGAIN)
		return STEP_WAIT;
	for (int i = 0; i < n; i++)
		len += iov[i].iov_len;
	h->lingered += (__u32)len;
	if (n <= 0 || h->lingered > HTTP_LINGER_MAX)
		return http_end(a, h);
	tcp_recv_done(a->stack, h->c.id, len, a->now);
	return STEP_ON;
}

static enum http_step http_step(struct app *a, struct http *h, size_t *share)
{
	switch (h->phase) {
	case HTTP_HEAD:
		return http_read_head(a, h);
	case HTTP_BODY:
		return http_read_body(a, h, share);
	case HTTP_CONTINUE:
	case HTTP_ANSWER:
		return http_send(a, h, share);
	case HTTP_LINGER:
		return http_linger(a, h);
	}
	return STEP_WAIT;
}

static void http_event(struct app *a, struct app_conn *c, unsigned events)
{
	struct http *h = (struct http *)c;
	size_t share = HTTP_SHARE;
	enum http_step step = STEP_ON;

	if (events & TCP_EV_CLOSED) {
		http_end(a, h);
		return;
	}
	for (int turns = 0; step == STEP_ON && share && turns < 64; turns++)
		step = http_step(a, h, &share);
	if (step == STEP_ON)
		app_again(a, c);
}

static void http_open(struct app *a, struct app_conn *c, struct app_target *to)
{
	(void)to;
	tcp_set_opt(a->stack, c->id, TCP_OPT_NODELAY, 1, a->now); /* answers are written whole */
	app_touch(a, c, APP_IDLE);
}

const struct app_ops app_http = {
	.name = "http",
	.size = sizeof(struct http),
	.open = http_open,
	.event = http_event,
};
