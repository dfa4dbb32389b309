/* SPDX-License-Identifier: BSD-2-Clause */
/* What `syngate exec` tells the library that it puts in front of a program. */
#ifndef EXEC_ENV_H
#define EXEC_ENV_H

#define EXEC_LIBRARY	"libsyngate-exec.so"
#define EXEC_LISTEN	"SYNGATE_EXEC_LISTEN" /* addresses, a space between: those alone */
#define EXEC_LISTEN_MAX 4096
#define EXEC_CONNECT	"SYNGATE_EXEC_CONNECT" /* set: connect() goes through the daemon */
#define EXEC_REQUIRE	"SYNGATE_EXEC_REQUIRE" /* set: what cannot be ours fails */

#endif
