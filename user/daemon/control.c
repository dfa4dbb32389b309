/* SPDX-License-Identifier: BSD-2-Clause */
#include "daemon/control.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "daemon/answer.h"
#include "daemon/sockfile.h"
#include "io/clock.h"

#define CONTROL_REQUEST	    65536
#define CONTROL_PATIENCE_MS 5000  /* for the request */
#define CONTROL_TAKE_MS	    30000 /* for taking the answer */

struct client {
	int fd; /* -1: free */
	__u64 deadline;
	char *in; /* [CONTROL_REQUEST], while it asks */
	size_t in_len;
	char *out; /* once it has its answer */
	size_t out_len, out_at;
};

struct control {
	struct sockfile sock;
	struct client client[CONTROL_CLIENTS];
};

/* --- clients -------------------------------------------------------------------------------- */

static void client_end(struct client *k)
{
	close(k->fd);
	free(k->in);
	free(k->out);
	memset(k, 0, sizeof(*k));
	k->fd = -1;
}

static void client_answer(struct client *k, char *text, size_t len)
{
	free(k->in);
	k->in = NULL;
	k->out = text;
	k->out_len = len;
	k->deadline = clock_coarse_ms() + CONTROL_TAKE_MS;
	if (!text)
		client_end(k);
}

static void client_refuse(struct client *k, const char *why)
{
	struct err err;
	char *text;
	size_t len;

	err_set(&err, -EINVAL, EXIT_USAGE, "%s", why);
	text = answer_error(&err, &len);
	client_answer(k, text, len);
}

static void client_ask(struct client *k, struct daemon *d, size_t line)
{
	size_t len;
	char *text = answer_request(d, k->in, line, &len);

	client_answer(k, text, len);
}

static void client_read(struct client *k, struct daemon *d)
{
	ssize_t n = recv(k->fd, k->in + k->in_len, CONTROL_REQUEST - k->in_len, 0);
	char *nl;

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n < 0 || (n == 0 && k->in_len == 0)) {
		client_end(k);
		return;
	}
	k->in_len += (size_t)n;
	nl = memchr(k->in, '\n', k->in_len);
	if (nl || n == 0)
		client_ask(k, d, nl ? (size_t)(nl - k->in) : k->in_len);
	else if (k->in_len == CONTROL_REQUEST)
		client_refuse(k, "the request has no end within 64 KiB: one line of JSON, please");
}

static void client_write(struct client *k)
{
	ssize_t n = send(k->fd, k->out + k->out_at, k->out_len - k->out_at, MSG_NOSIGNAL);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n > 0)
		k->out_at += (size_t)n;
	if (n < 0 || k->out_at == k->out_len)
		client_end(k);
}

static void client_handle(struct client *k, struct daemon *d)
{
	if (!k->out)
		client_read(k, d);
	if (k->out)
		client_write(k);
}

static void client_expire(struct client *k, __u64 now)
{
	if (now < k->deadline)
		return;
	if (k->out) {
		client_end(k);
		return;
	}
	client_refuse(k, "no whole request within 5 s: it ends with a newline");
	if (k->out)
		client_write(k);
}

/* --- the socket --------------------------------------------------------------------------------
 */

static bool control_peer_is_root(int fd)
{
	struct ucred cred;
	socklen_t len = sizeof(cred);

	return !getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) && cred.uid == 0;
}

static void control_accept(struct control *c)
{
	struct client *k = NULL;
	int fd = accept4(c->sock.fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

	if (fd < 0)
		return;
	for (int i = 0; i < CONTROL_CLIENTS && !k; i++)
		if (c->client[i].fd < 0)
			k = &c->client[i];
	if (!k || !control_peer_is_root(fd)) {
		close(fd);
		return;
	}
	k->fd = fd;
	k->deadline = clock_coarse_ms() + CONTROL_PATIENCE_MS;
	k->in = malloc(CONTROL_REQUEST);
	if (!k->in)
		client_end(k);
}

static bool control_has_room(const struct control *c)
{
	for (int i = 0; i < CONTROL_CLIENTS; i++)
		if (c->client[i].fd < 0)
			return true;
	return false;
}

int control_poll(const struct control *c, struct pollfd *p)
{
	int n = 0;

	/* with no room left whoever comes waits in the kernel's queue */
	p[n++] = (struct pollfd){.fd = control_has_room(c) ? c->sock.fd : -1, .events = POLLIN};
	for (int i = 0; i < CONTROL_CLIENTS; i++)
		p[n++] = (struct pollfd){.fd = c->client[i].fd,
					 .events = c->client[i].out ? POLLOUT : POLLIN};
	return n;
}

int control_timeout(const struct control *c)
{
	__u64 now = clock_coarse_ms(), first = (__u64)-1;

	for (int i = 0; i < CONTROL_CLIENTS; i++)
		if (c->client[i].fd >= 0 && c->client[i].deadline < first)
			first = c->client[i].deadline;
	if (first == (__u64)-1)
		return -1;
	return first > now ? (int)(first - now) + 1 : 0;
}

void control_handle(struct control *c, struct daemon *d, const struct pollfd *p, int n)
{
	__u64 now = clock_coarse_ms();

	for (int i = 1; i < n; i++)
		if (p[i].fd >= 0 && p[i].revents)
			client_handle(&c->client[i - 1], d);
	for (int i = 0; i < CONTROL_CLIENTS; i++)
		if (c->client[i].fd >= 0)
			client_expire(&c->client[i], now);
	if (p[0].revents)
		control_accept(c);
}

/* --- opening -------------------------------------------------------------------------------------
 */

int control_open(struct control **out, const char *name, struct err *err)
{
	struct control *c = calloc(1, sizeof(*c));
	int rc;

	if (!c)
		return err_set(err, -ENOMEM, EXIT_KERNEL, "no memory");
	for (int i = 0; i < CONTROL_CLIENTS; i++)
		c->client[i].fd = -1;
	rc = sockfile_open(&c->sock, name, ".sock", SOCK_STREAM, err);
	if (rc) {
		free(c);
		return rc;
	}
	*out = c;
	return 0;
}

void control_close(struct control *c)
{
	if (!c)
		return;
	for (int i = 0; i < CONTROL_CLIENTS; i++)
		if (c->client[i].fd >= 0)
			client_end(&c->client[i]);
	sockfile_close(&c->sock);
	free(c);
}
