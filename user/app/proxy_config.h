/* SPDX-License-Identifier: BSD-2-Clause */
/* How a listener's connections are handed to servers, as it was asked for. */
#ifndef APP_PROXY_CONFIG_H
#define APP_PROXY_CONFIG_H

#include "app/endpoint.h"
#include "app/proxy_header.h"

#define PROXY_BACKENDS	    32
#define PROXY_LIMIT_MAX	    1000000
#define PROXY_CONNECT_S	    5
#define PROXY_CONNECT_S_MAX 3600
#define PROXY_IDLE_S_MAX    2592000 /* 30 days */
#define PROXY_CHECK_S	    2
#define PROXY_CHECK_S_MAX   3600
#define PROXY_CHECK_AUTO    0xffffffffu /* if there are several: PROXY_CHECK_S */

struct proxy_config {
	unsigned backends;
	struct endpoint backend[PROXY_BACKENDS];
	enum proxy_version version;
	__u32 limit;	 /* connections of each; 0: any number */
	__u32 connect_s; /* until the next one is tried */
	__u32 idle_s;	 /* silence both ways, until a connection is reset; 0: for ever */
	__u32 check_s;	 /* between two health checks; 0: none; PROXY_CHECK_AUTO */
};

#define PROXY_DEFAULTS {.connect_s = PROXY_CONNECT_S, .check_s = PROXY_CHECK_AUTO}

static inline __u32 proxy_check_s(const struct proxy_config *p)
{
	if (p->check_s != PROXY_CHECK_AUTO)
		return p->check_s;
	return p->backends > 1 ? PROXY_CHECK_S : 0;
}

#endif
