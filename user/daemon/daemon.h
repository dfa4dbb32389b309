/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The daemon: interfaces, their workers and listeners, one control socket. `syngate run`
 * and `syngated` are two ways to start it. Called from one thread (the main one);
 * workers are asked through their mailboxes. Functions return 0 or a negative errno with
 * `err` filled.
 */
#ifndef DAEMON_DAEMON_H
#define DAEMON_DAEMON_H

#include <stdbool.h>

#include "app/kind.h"
#include "app/proxy_config.h"
#include "io/bpf.h"
#include "io/err.h"

struct daemon;
struct library;

struct listen_args {
	struct sg_listener_key key; /* zero address: every local one */
	enum app_kind app;
	struct proxy_config proxy; /* APP_PROXY */
	struct library *library; /* APP_LIBRARY; borrowed */
	long backlog;	  /* -1: somaxconn */
	long syn_backlog; /* -1: the backlog. Not capped by somaxconn */
};

/* A socket at /run/syngate/<name>.sock, mode 0600. -EADDRINUSE: a live daemon has it. */
int daemon_new(struct daemon **out, const char *name, struct err *err);

int daemon_attach(struct daemon *d, const struct front_config *cfg, struct err *err);
int daemon_detach(struct daemon *d, const char *iface, struct err *err);
int daemon_listen(struct daemon *d, const char *iface, const struct listen_args *a,
		  struct err *err);
int daemon_unlisten(struct daemon *d, const char *iface, const struct sg_listener_key *k,
		    struct err *err);
/*
 * Peers of these prefixes are allowed or denied from now on, or (SG_LIST_NONE) no longer either.
 * -ENOENT: one was not listed; those in front of it are done.
 */
int daemon_list(struct daemon *d, const char *iface, enum sg_list list, const struct prefixes *what,
		struct err *err);
/* No prefix is listed any more; how many were. */
int daemon_unlist_all(struct daemon *d, const char *iface, size_t *n, struct err *err);
/* One knob, by name, on every interface; applies to those attached later too. */
int daemon_set(struct daemon *d, const char *name, const char *value, struct err *err);

/*
 * The keys of SYN cookies from this file, from now on and whenever it changes (io/keyfile.h).
 * Borrowed: `path` must outlive the daemon. Before interfaces are attached.
 */
int daemon_cookie_keys(struct daemon *d, const char *path, struct err *err);

/* Who may listen and connect by libsyngate, beside root: a group's name or number. */
int daemon_app_group(struct daemon *d, const char *group, struct err *err);

/*
 * Serve until SIGINT or SIGTERM, or until a connection of our own (dial.h) is over; calls
 * `ready` once everything is up. A daemon that starts with
 * an interface (`run`) also ends when the last one is detached, and with -ENODEV when it has gone.
 */
int daemon_serve(struct daemon *d, void (*ready)(void *), void *arg);

/* The signal that ended daemon_serve(), or 0. */
int daemon_signal(const struct daemon *d);

/* Detach everything, remove the socket, free. */
void daemon_free(struct daemon *d);

/* Totals for the summary that `run` prints when it ends. */
struct daemon_summary {
	__u64 synacks, accepted, refused, bytes_in, bytes_out;
	double seconds;
};
void daemon_summary(const struct daemon *d, struct daemon_summary *s);

#endif
