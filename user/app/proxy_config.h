/* SPDX-License-Identifier: BSD-2-Clause */
/* How a listener's connections are handed to a server, as it was asked for. */
#ifndef APP_PROXY_CONFIG_H
#define APP_PROXY_CONFIG_H

#include "app/proxy_header.h"

struct proxy_config {
	struct sg_addr backend;
	__u16 backend_port;
	enum proxy_version version;
};

#endif
