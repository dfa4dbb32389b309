/* SPDX-License-Identifier: BSD-2-Clause */
#include "app/pattern.h"

#include <pthread.h>
#include <string.h>

static __u8 pattern_block[PATTERN_PERIOD];

static void pattern_make(void)
{
	for (unsigned i = 0; i < PATTERN_PERIOD; i++)
		pattern_block[i] = (__u8)(7 * i + i / 251);
}

void pattern_fill(void *p, size_t len, __u64 at)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	size_t off = at % PATTERN_PERIOD;
	__u8 *b = p;

	pthread_once(&once, pattern_make);
	while (len) {
		size_t n = PATTERN_PERIOD - off;

		if (n > len)
			n = len;
		memcpy(b, pattern_block + off, n);
		b += n;
		len -= n;
		off = 0;
	}
}
