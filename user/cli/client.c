/* SPDX-License-Identifier: BSD-2-Clause */
#include "cli/client.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "syngate/base.h"

#define CLIENT_ANSWER_MAX (1UL << 30)
#define CLIENT_START	  "start one with: syngate run IFACE --listen ADDR:PORT"

/* --- one socket ------------------------------------------------------------------------ */

static int client_refused(const char *name, int code, struct err *err)
{
	if (geteuid() != 0)
		return err_set(err, -EPERM, EXIT_KERNEL, "needs root: run it with sudo");
	if (code == -ENOENT || code == -ECONNREFUSED || code == -ENOTDIR)
		return err_set(err, -ESRCH, EXIT_NODAEMON, "no daemon is running; " CLIENT_START);
	return err_set(err, code, EXIT_KERNEL,
		       "cannot reach the daemon at " CLIENT_DIR "/%s.sock: %s", name,
		       strerror(-code));
}

static int client_no_memory(struct err *err)
{
	return err_set(err, -ENOMEM, EXIT_KERNEL, "out of memory; stop other programs");
}

/* A connected socket, or a negative errno with `err` filled. */
static int client_connect(const char *name, struct err *err)
{
	struct timeval patience = {.tv_sec = CLIENT_TIMEOUT};
	struct sockaddr_un sun = {.sun_family = AF_UNIX};
	int n = snprintf(sun.sun_path, sizeof(sun.sun_path), "%s/%s.sock", CLIENT_DIR, name);
	int fd, rc;

	if (n < 0 || (size_t)n >= sizeof(sun.sun_path))
		return client_refused(name, -ENAMETOOLONG, err);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return client_refused(name, -errno, err);
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
	if (connect(fd, (struct sockaddr *)&sun, sizeof(sun))) {
		rc = client_refused(name, -errno, err);
		close(fd);
		return rc;
	}
	return fd;
}

void client_forget(const char *name)
{
	char path[CLIENT_PATH];
	static const char *const tails[] = {".sock", ".app"};

	for (size_t i = 0; i < SG_ARRAY_SIZE(tails); i++) {
		int n = snprintf(path, sizeof(path), "%s/%s%s", CLIENT_DIR, name, tails[i]);

		if (n > 0 && (size_t)n < sizeof(path))
			unlink(path);
	}
	rmdir(CLIENT_DIR); /* stays while another socket is in it */
}

static int client_lost(const char *name, int code, struct err *err)
{
	if (code == -EAGAIN)
		return err_set(err, -ETIMEDOUT, EXIT_NODAEMON,
			       "daemon '%s' has not answered for %d s; if it hangs, end it and "
			       "start it again: it takes over what it finds",
			       name, CLIENT_TIMEOUT);
	return err_set(err, code, EXIT_NODAEMON,
		       "daemon '%s' went away before it answered (%s); start it again: it takes "
		       "over what it finds",
		       name, strerror(-code));
}

static int client_send(int fd, const char *text, size_t len)
{
	while (len) {
		ssize_t n = send(fd, text, len, MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		text += n;
		len -= (size_t)n;
	}
	return 0;
}

/* All until the daemon closes. `*text` is the caller's to free. */
static int client_read(int fd, char **text, size_t *len)
{
	size_t room = 65536, have = 0;
	char *buf = malloc(room);
	int rc = buf ? 0 : -ENOMEM;

	while (!rc) {
		ssize_t n = recv(fd, buf + have, room - have, 0);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			rc = -errno;
		if (n <= 0)
			break;
		have += (size_t)n;
		if (have == room) {
			char *more = room < CLIENT_ANSWER_MAX ? realloc(buf, 2 * room) : NULL;

			if (!more)
				rc = -ENOMEM;
			else
				buf = more;
			room *= 2;
		}
	}
	if (!rc && !have)
		rc = -ECONNRESET;
	if (rc) {
		free(buf);
		return rc;
	}
	*text = buf;
	*len = have;
	return 0;
}

/* --- one question ---------------------------------------------------------------------- */

static int client_verdict(const char *name, json_t *answer, json_t **result, struct err *err)
{
	const char *why = json_string_value(json_object_get(answer, "error"));
	json_int_t code = json_integer_value(json_object_get(answer, "exit"));

	if (json_is_true(json_object_get(answer, "ok"))) {
		*result = json_incref(json_object_get(answer, "result"));
		if (!*result)
			*result = json_object();
		return 0;
	}
	if (why)
		return err_set(err, -EREMOTEIO, code > 0 && code < 256 ? (int)code : EXIT_USAGE,
			       "%s", why);
	return err_set(
		err, -EPROTO, EXIT_NODAEMON,
		"daemon '%s' answers in a way that this syngate does not understand; restart "
		"it, so that both are of one version",
		name);
}

static int client_talk(int fd, const char *name, const json_t *request, json_t **result,
		       struct err *err)
{
	char *line = json_dumps(request, JSON_COMPACT), *text = NULL;
	json_t *answer;
	size_t len;
	int rc;

	rc = line ? client_send(fd, line, strlen(line)) : -ENOMEM;
	if (!rc)
		rc = client_send(fd, "\n", 1);
	if (!rc)
		rc = client_read(fd, &text, &len);
	free(line);
	if (rc)
		return client_lost(name, rc, err);
	answer = json_loadb(text, len, 0, NULL);
	free(text);
	rc = client_verdict(name, answer, result, err);
	json_decref(answer);
	return rc;
}

static int client_call(const char *name, const json_t *request, json_t **result, struct err *err)
{
	int fd = client_connect(name, err), rc;

	if (fd < 0)
		return fd;
	rc = client_talk(fd, name, request, result, err);
	close(fd);
	return rc;
}

/* --- which daemon ---------------------------------------------------------------------- */

static int client_is_socket(const struct dirent *d)
{
	size_t n = strlen(d->d_name);

	return n > 5 && n - 5 < CLIENT_NAME && !strcmp(d->d_name + n - 5, ".sock");
}

static void client_name_of(const struct dirent *d, char name[CLIENT_NAME])
{
	snprintf(name, CLIENT_NAME, "%.*s", (int)strlen(d->d_name) - 5, d->d_name);
}

/* Who answers at all: their number, the first one's name, and all names for a message. */
struct client_live {
	int n;
	char first[CLIENT_NAME];
	char names[160];
	char dead[CLIENT_NAME]; /* one that was killed: its socket is there; or empty */
};

static void client_look(struct client_live *live)
{
	char name[CLIENT_NAME];
	struct dirent **d;
	struct err quiet;
	int n = scandir(CLIENT_DIR, &d, client_is_socket, alphasort);

	memset(live, 0, sizeof(*live));
	for (int i = 0; i < n; i++) {
		size_t used = strlen(live->names);
		int fd;

		client_name_of(d[i], name);
		free(d[i]);
		fd = client_connect(name, &quiet);
		if (fd == -ESRCH)
			strcpy(live->dead, name);
		if (fd < 0)
			continue;
		close(fd);
		if (!live->n++)
			strcpy(live->first, name);
		snprintf(live->names + used, sizeof(live->names) - used, "%s%s", used ? ", " : "",
			 name);
	}
	if (n >= 0)
		free(d);
}

/* Say which daemons there are, since the one that was asked for is not. */
static int client_nobody(const char *wanted, const struct client_live *live, struct err *err)
{
	if (!live->n && live->dead[0])
		return err_set(err, -ESRCH, EXIT_NODAEMON,
			       "no daemon is running: '%s' was killed; start it again, it takes "
			       "over what it finds, or take that off: syngate detach IFACE",
			       live->dead);
	if (!live->n)
		return client_refused(wanted, -ENOENT, err);
	return err_set(err, -ESRCH, EXIT_NODAEMON,
		       "no daemon '%s' is running, but there is: %s; name it with: --instance %s",
		       wanted, live->names, live->first);
}

int client_ask(const char *instance, const char *iface, json_t *request, json_t **result,
	       struct err *err)
{
	const char *first = instance ? instance : iface;
	int rc = client_call(first, request, result, err);
	struct client_live live;

	if (rc == -ESRCH && !instance)
		rc = client_call("syngated", request, result, err);
	if (rc == -ESRCH) {
		client_look(&live);
		if (!instance && live.n == 1)
			rc = client_call(live.first, request, result, err);
		else
			rc = client_nobody(first, &live, err);
	}
	json_decref(request);
	return rc;
}

/* A daemon that is not there is passed over; what another one says about it is not. */
static int client_add(struct client_answers *out, const char *name, const json_t *request,
		      struct err *err)
{
	struct client_answer *a = &out->at[out->n];
	int rc = client_call(name, request, &a->result, err);

	if (rc == -ESRCH)
		return 0;
	if (rc)
		return rc;
	snprintf(a->name, sizeof(a->name), "%s", name);
	out->n++;
	return 0;
}

static int client_scan(const json_t *request, struct client_answers *out, struct err *err)
{
	struct client_live live;
	struct dirent **d;
	char name[CLIENT_NAME];
	int n = scandir(CLIENT_DIR, &d, client_is_socket, alphasort), rc = 0;

	if (n < 0)
		return client_refused("*", -errno, err);
	out->at = calloc((size_t)n + 1, sizeof(*out->at));
	if (!out->at)
		rc = client_no_memory(err);
	for (int i = 0; i < n; i++) {
		client_name_of(d[i], name);
		if (!rc)
			rc = client_add(out, name, request, err);
		free(d[i]);
	}
	free(d);
	if (rc || out->n)
		return rc;
	client_look(&live);
	return client_nobody("*", &live, err);
}

static int client_ask_named(const char *instance, const json_t *request, struct client_answers *out,
			    struct err *err)
{
	struct client_live live;
	int rc;

	out->at = calloc(1, sizeof(*out->at));
	if (!out->at)
		return client_no_memory(err);
	rc = client_add(out, instance, request, err);
	if (rc || out->n)
		return rc;
	client_look(&live);
	return client_nobody(instance, &live, err);
}

int client_ask_all(const char *instance, json_t *request, struct client_answers *out,
		   struct err *err)
{
	int rc;

	memset(out, 0, sizeof(*out));
	rc = instance ? client_ask_named(instance, request, out, err)
		      : client_scan(request, out, err);
	json_decref(request);
	if (rc)
		client_answers_free(out);
	return rc;
}

void client_answers_free(struct client_answers *a)
{
	for (int i = 0; i < a->n; i++)
		json_decref(a->at[i].result);
	free(a->at);
	memset(a, 0, sizeof(*a));
}
