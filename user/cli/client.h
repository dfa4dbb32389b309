/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The control socket from the asking side: docs/control-protocol.md. A socket nobody
 * listens on counts as no daemon. Functions return 0 or a negative errno with `err`
 * filled; -ESRCH is "no daemon" (EXIT_NODAEMON).
 */
#ifndef CLI_CLIENT_H
#define CLI_CLIENT_H

#include <jansson.h>

#include "io/err.h"

#ifndef CLIENT_DIR
#define CLIENT_DIR "/run/syngate"
#endif
#define CLIENT_PATH    108 /* sun_path */
#define CLIENT_NAME    80
#define CLIENT_TIMEOUT 30 /* seconds a daemon may take to answer */

/*
 * Ask the one daemon that is meant: `instance`'s if given, else the one named like
 * `iface`, else syngated, else the only one that runs. The reference to `request` is taken;
 * `result` is the caller's.
 */
int client_ask(const char *instance, const char *iface, json_t *request, json_t **result,
	       struct err *err);

struct client_answer {
	char name[CLIENT_NAME]; /* the instance */
	json_t *result;
};

struct client_answers {
	int n;
	struct client_answer *at; /* by name */
};

/* Ask `instance`'s daemon if given, else every live one. The reference to `request` is taken. */
int client_ask_all(const char *instance, json_t *request, struct client_answers *out,
		   struct err *err);

/* Remove the socket that a dead daemon left. */
void client_forget(const char *name);

void client_answers_free(struct client_answers *a);

#endif
