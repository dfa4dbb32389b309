/* SPDX-License-Identifier: BSD-2-Clause */
/* What the two files of the HTTP application share. */
#ifndef APP_HTTP_H
#define APP_HTTP_H

#include "app/app.h"
#include "app/request.h"

#define HTTP_BODY_MAX (1ull << 30) /* of an upload, and of /bytes/N */

enum http_phase {
	HTTP_HEAD,     /* waiting for a request */
	HTTP_CONTINUE, /* telling the client to go on */
	HTTP_BODY,     /* reading an upload */
	HTTP_ANSWER,
	HTTP_LINGER, /* all said: the peer may finish */
};

struct http {
	struct app_conn c;
	enum http_phase phase;
	bool keep;  /* the connection, after this answer */
	bool drain; /* a body that we refused is on its way */
	unsigned long crc;
	__u64 body, body_left;
	__u64 gen_at, gen_end; /* of /bytes/N, not yet sent */
	__u32 lingered;
	__u16 text_len, text_at;
	char text[600];
};

/* The answer, into the connection's state; what it says is sent from there. */
void http_text(struct http *h, int status, const char *body, bool head_only);
/* `keep`: the connection goes on all the same. */
void http_refuse(struct http *h, int status, bool keep);
/* GET and HEAD. */
void http_get(struct app *a, struct http *h, const struct request *r);

#endif
