/* SPDX-License-Identifier: BSD-2-Clause */
/* How a listener's connections are handed to servers, as it was asked for. */
#ifndef APP_PROXY_CONFIG_H
#define APP_PROXY_CONFIG_H

#include "app/endpoint.h"
#include "app/proxy_header.h"

#define PROXY_BACKENDS 32

struct proxy_config {
	unsigned backends;
	struct endpoint backend[PROXY_BACKENDS];
	enum proxy_version version;
};

#endif
