/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef TESTS_BPF_SCATTER_H
#define TESTS_BPF_SCATTER_H

#define SCATTER_LEN 74 /* Ethernet, IPv4, TCP, 20 bytes of options */

struct scatter {
	unsigned char frame[80]; /* source address and port are zero in it */
	unsigned net, mask;	 /* sources, host order */
	unsigned go_on;		 /* 0: measure the making of frames alone */
};

#endif
