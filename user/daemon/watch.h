/* SPDX-License-Identifier: BSD-2-Clause */
/* The daemon notices switches of modes (modes.h): looks, says each once, keeps the last ones. */
#ifndef DAEMON_WATCH_H
#define DAEMON_WATCH_H

#include <jansson.h>

#include "daemon/state.h"

void watch_attach(struct attachment *a, sg_time now);
/* Listener `id`, from now on. */
void watch_listen(struct attachment *a, __u32 id, sg_time now);
/* To be called as often as one likes. */
void watch_look(struct attachment *a, sg_time now);

/*
 * Its heartbeat is late for the driver, which has then looked, or for a whole second, be there
 * frames or not: a busy machine may keep a worker waiting a moment without anybody being harmed.
 */
bool watch_is_late(const struct attachment *a, __u32 worker);

/* For `status`: the modes that the interface is in and ought not to be; the last switches. */
json_t *watch_modes(const struct attachment *a);
json_t *watch_events(const struct attachment *a);

#endif
