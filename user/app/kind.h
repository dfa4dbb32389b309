/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef APP_KIND_H
#define APP_KIND_H

/* Who takes accepted connections. */
enum app_kind { APP_HTTP, APP_ECHO, APP_DISCARD, APP_HOLD, APP_PROXY };
#define APP_KINDS (APP_PROXY + 1)

#endif
