/* SPDX-License-Identifier: BSD-2-Clause */
/* What the daemon's files share. All of it belongs to the main thread. */
#ifndef DAEMON_STATE_H
#define DAEMON_STATE_H

#include <signal.h>

#include "app/app.h"
#include "app/backends.h"
#include "daemon/daemon.h"
#include "daemon/modes.h"
#include "daemon/worker.h"
#include "io/keyfile.h"

struct clients;
struct control;
struct programs;
struct forward;
struct locals;

/* A listener as it was asked for; its number is its place in the array. */
struct listening {
	bool used;
	struct listen_args args;
	struct backends *backends; /* APP_PROXY */
	struct sg_listener offer; /* as the driver and the workers know it */
	int held; /* kport_hold(); -1: the kernel has a server there */
	struct modes_listener modes;
};

#define WATCH_EVENTS 16 /* a power of two, so that `events` may wrap */

/* One interface that we are attached to. */
struct attachment {
	struct attachment *next;
	struct front *front;
	struct locals *locals;
	struct forward *forward;
	struct worker **worker; /* [workers], which is the number of RX queues */
	__u32 workers;
	struct listening *listening; /* [front->max_listeners] */
	bool zero_copy;
	bool vanished; /* the interface has gone: to be detached */
	sg_time since;
	sg_time key_since, key_forget_at; /* of SYN cookies; the one before it: SG_NEVER, it stays */
	sg_time kernel_at, kernel_all_at; /* kernel_look() */
	sg_time watch_at;		  /* watch_look() */
	sg_time health_at;		  /* health_look() */
	struct modes_interface modes;
	struct modes_event event[WATCH_EVENTS];
	unsigned events; /* ever; the last ones are kept */
	sg_time forget_at; /* what a dead daemon listened on and nobody asked for; SG_NEVER */
	struct daemon_summary before; /* what a dead daemon's counters say */
};

#define X(name, def, min, max, text) +1
enum { SETTINGS = 0 SG_SETTINGS(X) };
#undef X

struct daemon {
	struct attachment *first;
	struct control *control;
	struct programs *programs;
	struct clients *clients;
	struct {
		bool set;
		__u32 value;
	} setting[SETTINGS];	    /* those that somebody set, for what is attached later */
	struct {
		const char *path; /* --cookie-keys; NULL: none, keys are random */
		struct stat seen;
		struct sg_key key[2];
		int keys; /* in the file: 1 or 2 */
		sg_time at;
	} cookies;
	struct daemon_summary gone; /* of interfaces that are detached again */
	sg_time since;
	int signals; /* signalfd */
	int health;  /* epoll: health checks */
	int signal;  /* the one that ended it; 0: none did */
	int over;    /* readable when a connection of our own is over; -1: there is none */
	sigset_t old_mask;
};

/* --- attachment.c --- */
struct attachment *attachment_find(const struct daemon *d, const char *iface);
/* The same, or an error that says how to get it. */
struct attachment *attachment_need(const struct daemon *d, const char *iface, struct err *err);
/* What a dead daemon had and we have not: listeners, with their half-open entries, and prefixes. */
void attachment_forget(struct attachment *a);
/* The same once their time is over. */
void attachment_forget_late(struct attachment *a);

/* --- listening.c --- */
struct listening *listening_find(const struct attachment *a, const struct sg_listener_key *k);
/* somaxconn changed: the limits follow. */
void listening_limits(struct attachment *a);

/* --- kernel.c --- */
/* Where may the kernel have connections? To be called as often as one likes. */
void kernel_look(struct attachment *a, sg_time now);
/* Nobody listens there any more. */
void kernel_let_go(struct listening *l);

/* --- health.c --- */
/* Begin the checks that are due, give up those that take too long. As often as one likes. */
void health_look(struct daemon *d, struct attachment *a, sg_time now);
/* Some have an answer. */
void health_ready(struct daemon *d, sg_time now);
/* Of these servers no more. NULL is fine. */
void health_forget(struct backends *s);

/* --- cookies.c --- */
void cookies_attach(struct daemon *d, struct attachment *a, sg_time now);
/* New keys, old ones, the clock. To be called as often as one likes. */
void cookies_look(struct daemon *d, sg_time now);
/* Tells keys apart and nothing else of them. */
__u32 cookies_fingerprint(const struct attachment *a);

/* --- offer.c --- */
void offer_make(const struct attachment *a, __u32 id, struct sg_listener *l);
/* tcp_rmem or the MTU may have changed: what listeners offer follows. */
void offer_follow(struct attachment *a);

/* --- settings.c --- */
/* The knobs as they are to be where we attach next: what was set, else the defaults. */
void settings_fill(const struct daemon *d, struct sg_settings *s);
void settings_apply(const struct daemon *d, struct attachment *a);
/* The i-th knob, or false: there is none. */
bool settings_at(const struct sg_settings *s, unsigned i, const char **name, __u32 *value);

/* --- summary.c --- */
void summary_read(const struct attachment *a, struct daemon_summary *s);
void summary_add(struct daemon_summary *to, const struct daemon_summary *s,
		 const struct daemon_summary *before);

#endif
