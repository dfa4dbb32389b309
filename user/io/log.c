/* SPDX-License-Identifier: BSD-2-Clause */
#include "io/log.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>

#include "io/clock.h"

static struct {
	pthread_mutex_t lock;
	enum log_level max;
	__u64 second;
	unsigned lines, lost;
} logger = {.lock = PTHREAD_MUTEX_INITIALIZER, .max = LOG_NOTICE};

static const char *const level_name[] = {"error", "warning", "notice", "info", "debug"};

void log_set_level(enum log_level max)
{
	pthread_mutex_lock(&logger.lock);
	logger.max = max;
	pthread_mutex_unlock(&logger.lock);
}

/* A line a peer can provoke must not fill a disk. */
static int log_allowed(enum log_level level)
{
	__u64 second = clock_coarse_ms() / 1000;

	if (level > logger.max)
		return 0;
	if (second != logger.second) {
		if (logger.lost)
			fprintf(stderr, "syngate: warning: %u messages suppressed\n", logger.lost);
		logger.second = second;
		logger.lines = logger.lost = 0;
	}
	if (logger.lines >= LOG_BURST) {
		logger.lost++;
		return 0;
	}
	logger.lines++;
	return 1;
}

void log_line(enum log_level level, const char *fmt, ...)
{
	char text[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	pthread_mutex_lock(&logger.lock);
	if (log_allowed(level))
		fprintf(stderr, "syngate: %s: %s\n", level_name[level], text);
	pthread_mutex_unlock(&logger.lock);
}
