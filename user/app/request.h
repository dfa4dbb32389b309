/* SPDX-License-Identifier: BSD-2-Clause */
/* The head of an HTTP/1.x request (RFC 9112), read out of bytes. Pure. */
#ifndef APP_REQUEST_H
#define APP_REQUEST_H

#include <linux/types.h>
#include <stdbool.h>
#include <stddef.h>

#define REQUEST_MAX 8192 /* bytes of request line and fields */

enum request_method {
	REQUEST_GET,
	REQUEST_HEAD,
	REQUEST_PUT,
	REQUEST_POST,
	REQUEST_OTHER,
};

struct request {
	enum request_method method;
	const char *target; /* inside what was read: no NUL at its end */
	size_t target_len;
	bool keep_alive;      /* after the answer */
	bool expect_continue; /* the client waits for 100 before it sends the body */
	__u64 length;	      /* of the body */
	int http_minor;
};

/*
 * Returns the length of the head (the body begins there); 0 while it is not complete; or
 * minus the HTTP status that refuses it: 400, 417, 431, 501, 505.
 */
int request_parse(const char *p, size_t len, struct request *r);

#endif
