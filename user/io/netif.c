/* SPDX-License-Identifier: BSD-2-Clause */
#include "io/netif.h"

#include <errno.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

__u64 netif_netns(void)
{
	struct stat st;

	return stat("/proc/thread-self/ns/net", &st) ? 0 : st.st_ino;
}

static int netif_ioctl(int fd, struct ifreq *r, const char *ifname, unsigned long what)
{
	memset(r, 0, sizeof(*r));
	memcpy(r->ifr_name, ifname, strlen(ifname) + 1);
	return ioctl(fd, what, r) ? -errno : 0;
}

static int netif_ask(struct netif *n, int fd, const char *ifname)
{
	struct ifreq r;
	int ret = netif_ioctl(fd, &r, ifname, SIOCGIFINDEX);

	if (ret)
		return ret;
	n->ifindex = (unsigned)r.ifr_ifindex;
	ret = netif_ioctl(fd, &r, ifname, SIOCGIFHWADDR);
	if (ret)
		return ret;
	n->ethernet =
		r.ifr_hwaddr.sa_family == ARPHRD_ETHER || r.ifr_hwaddr.sa_family == ARPHRD_LOOPBACK;
	memcpy(n->mac, r.ifr_hwaddr.sa_data, sizeof(n->mac));
	ret = netif_ioctl(fd, &r, ifname, SIOCGIFMTU);
	if (ret)
		return ret;
	n->mtu = r.ifr_mtu > 0xffff ? 0xffff : (__u16)r.ifr_mtu;
	return 0;
}

int netif_read(struct netif *n, const char *ifname)
{
	int fd, ret;

	memset(n, 0, sizeof(*n));
	n->netns = netif_netns();
	if (!ifname[0] || strlen(ifname) >= IF_NAMESIZE)
		return -ENODEV;
	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	ret = netif_ask(n, fd, ifname);
	close(fd);
	return ret;
}
