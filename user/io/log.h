/* SPDX-License-Identifier: BSD-2-Clause */
/* One-line messages to stderr, from any thread. At most LOG_BURST lines a second. */
#ifndef IO_LOG_H
#define IO_LOG_H

enum log_level { LOG_ERROR, LOG_WARN, LOG_NOTICE, LOG_INFO, LOG_DEBUG };

#define LOG_BURST 20

/* What is above this level is not printed. Starts as LOG_NOTICE. */
void log_set_level(enum log_level max);

void log_line(enum log_level level, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#define log_error(...) log_line(LOG_ERROR, __VA_ARGS__)
#define log_warn(...)  log_line(LOG_WARN, __VA_ARGS__)
#define log_info(...)  log_line(LOG_INFO, __VA_ARGS__)
#define log_debug(...) log_line(LOG_DEBUG, __VA_ARGS__)

#endif
