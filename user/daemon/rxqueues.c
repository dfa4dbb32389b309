/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How many RX queues there are: what ethtool says is in use; what rtnetlink says was
 * made, for drivers that know no channels. (sysfs shows another network namespace's.)
 */
#include "daemon/rxqueues.h"

#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/ethtool.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

static int rxqueues_ethtool(const char *ifname)
{
	struct ethtool_channels ch = {.cmd = ETHTOOL_GCHANNELS};
	struct ifreq ifr = {.ifr_data = (void *)&ch};
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), rc;

	if (fd < 0)
		return -errno;
	snprintf(ifr.ifr_name, sizeof(ifr.ifr_name), "%s", ifname);
	rc = ioctl(fd, SIOCETHTOOL, &ifr) ? -errno : (int)(ch.rx_count + ch.combined_count);
	close(fd);
	return rc;
}

static int rxqueues_link(const struct nlmsghdr *nlh, void *arg)
{
	struct nlattr *attr;

	mnl_attr_for_each(attr, nlh, sizeof(struct ifinfomsg)) if (mnl_attr_get_type(attr) ==
								   IFLA_NUM_RX_QUEUES) *
		(int *)arg = (int)mnl_attr_get_u32(attr);
	return MNL_CB_OK;
}

static int rxqueues_ask(struct mnl_socket *nl, unsigned ifindex)
{
	char buf[16384]; /* one link, with its statistics */
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buf);
	struct ifinfomsg *ifi;
	int count = -ENODATA, n;

	nlh->nlmsg_type = RTM_GETLINK;
	nlh->nlmsg_flags = NLM_F_REQUEST;
	ifi = mnl_nlmsg_put_extra_header(nlh, sizeof(*ifi));
	ifi->ifi_index = (int)ifindex;
	if (mnl_socket_bind(nl, 0, MNL_SOCKET_AUTOPID) ||
	    mnl_socket_sendto(nl, nlh, nlh->nlmsg_len) < 0)
		return -errno;
	n = (int)mnl_socket_recvfrom(nl, buf, sizeof(buf));
	if (n < 0 || mnl_cb_run(buf, (size_t)n, 0, 0, rxqueues_link, &count) < 0)
		return -errno;
	return count;
}

static int rxqueues_netlink(const char *ifname)
{
	unsigned ifindex = if_nametoindex(ifname);
	struct mnl_socket *nl;
	int rc;

	if (!ifindex)
		return -ENODEV;
	nl = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);
	if (!nl)
		return -errno;
	rc = rxqueues_ask(nl, ifindex);
	mnl_socket_close(nl);
	return rc;
}

int rxqueues_count(const char *ifname)
{
	int n = rxqueues_ethtool(ifname);

	return n > 0 ? n : rxqueues_netlink(ifname);
}
