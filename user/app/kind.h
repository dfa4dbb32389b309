/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef APP_KIND_H
#define APP_KIND_H

/* Who takes connections: accepted ones, and (APP_STDIO) one of our own. */
enum app_kind { APP_HTTP, APP_ECHO, APP_DISCARD, APP_HOLD, APP_PROXY, APP_STDIO, APP_LIBRARY, APP_RING };
#define APP_KINDS (APP_RING + 1)

#endif
