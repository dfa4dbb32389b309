/* SPDX-License-Identifier: BSD-2-Clause */
/* The program onto the interface, through a pinned link, and off again. */
#include <errno.h>
#include <linux/if_link.h>
#include <string.h>
#include <unistd.h>

#include "io/front.h"

static __u32 mode_flags(enum front_mode mode)
{
	return mode == FRONT_SKB ? XDP_FLAGS_SKB_MODE : XDP_FLAGS_DRV_MODE;
}

static int attach_as(struct front *f, enum front_mode mode)
{
	LIBBPF_OPTS(bpf_link_create_opts, opts, .flags = mode_flags(mode));
	int fd = bpf_link_create(front_prog_fd(f), (int)f->ifindex, BPF_XDP, &opts);

	if (fd < 0)
		return -errno;
	f->priv->link_fd = fd;
	f->mode = mode;
	return 0;
}

/* In which mode is the interface's XDP program? FRONT_AUTO: there is none, or it is offloaded. */
static enum front_mode attached_mode(const struct front *f, __u32 *prog_id)
{
	LIBBPF_OPTS(bpf_xdp_query_opts, q);

	*prog_id = 0;
	if (bpf_xdp_query((int)f->ifindex, 0, &q))
		return FRONT_AUTO;
	*prog_id = q.prog_id;
	if (q.attach_mode == XDP_ATTACHED_DRV)
		return FRONT_NATIVE;
	return q.attach_mode == XDP_ATTACHED_SKB ? FRONT_SKB : FRONT_AUTO;
}

static int attach_busy(struct front *f, struct err *err)
{
	struct bpf_prog_info info = {};
	__u32 len = sizeof(info), id;
	enum front_mode mode = attached_mode(f, &id);
	int fd = bpf_prog_get_fd_by_id(id);

	if (fd >= 0) {
		(void)bpf_obj_get_info_by_fd(fd, &info, &len);
		close(fd);
	}
	return err_set(err, -EBUSY, EXIT_KERNEL,
		       "%s has another XDP program (id %u, '%s'): take it off first, with its own "
		       "tool or: ip link set dev %s %s off",
		       f->ifname, id, info.name, f->ifname,
		       mode == FRONT_SKB ? "xdpgeneric" : "xdp");
}

static int attach_failed(struct front *f, int code, struct err *err)
{
	switch (code) {
	case -EBUSY:
	case -EEXIST:
		return attach_busy(f, err);
	case -EPERM:
	case -EACCES:
		return front_refused(err, code, "attaching the XDP program");
	case -ENODEV:
		return err_set(err, code, EXIT_USAGE, "%s has gone: see ip link", f->ifname);
	}
	if (f->priv->asked == FRONT_NATIVE)
		return err_set(
			err, code, EXIT_KERNEL,
			"%s: its driver does not run XDP natively (%s; MTU %u): use --mode skb",
			f->ifname, strerror(-code), f->settings->mtu);
	return err_set(err, code, EXIT_KERNEL, "%s: the kernel refused the XDP program: %s",
		       f->ifname, strerror(-code));
}

/* Native if that is possible; what stands in the way of both modes is an error at once. */
static int attach_new(struct front *f, struct err *err)
{
	int ret = attach_as(f, f->priv->asked == FRONT_SKB ? FRONT_SKB : FRONT_NATIVE);

	if (ret && f->priv->asked == FRONT_AUTO && ret != -EBUSY && ret != -EEXIST &&
	    ret != -EPERM && ret != -EACCES && ret != -ENODEV) {
		f->native_errno = -ret;
		ret = attach_as(f, FRONT_SKB);
	}
	if (ret)
		return attach_failed(f, ret, err);
	ret = pins_put(&f->priv->pins, FRONT_LINK, f->priv->link_fd);
	if (!ret)
		return 0;
	(void)bpf_link_detach(f->priv->link_fd);
	close(f->priv->link_fd);
	f->priv->link_fd = -1;
	return front_refused(err, ret, f->priv->pins.dir);
}

static int attach_drop_link(struct front *f)
{
	int ret = 0;

	if (f->priv->link_fd < 0)
		return 0;
	/* detach now: closing the last descriptor would do it some time later */
	if (bpf_link_detach(f->priv->link_fd) && errno != ENOLINK)
		ret = -errno;
	close(f->priv->link_fd);
	f->priv->link_fd = -1;
	return ret;
}

/* A dead daemon's link: swap the program in place, so that no frame meets none. */
static int attach_swap(struct front *f)
{
	__u32 id;
	enum front_mode mode = attached_mode(f, &id);

	if (mode == FRONT_AUTO || (f->priv->asked != FRONT_AUTO && f->priv->asked != mode))
		return -ENOLINK;
	if (bpf_link_update(f->priv->link_fd, front_prog_fd(f), NULL))
		return -errno;
	f->mode = mode;
	return 0;
}

int front_attach(struct front *f, struct err *err)
{
	int ret = f->priv->link_fd >= 0 ? attach_swap(f) : -ENOLINK;

	if (ret) {
		(void)attach_drop_link(f);
		ret = pins_drop(&f->priv->pins, FRONT_LINK);
		ret = ret ? front_refused(err, ret, f->priv->pins.dir) : attach_new(f, err);
	}
	f->attached = !ret;
	return ret;
}

int front_detach(struct front *f, struct err *err)
{
	int ret = attach_drop_link(f);
	int r = pins_remove(&f->priv->pins);

	f->attached = false;
	if (ret)
		return front_refused(err, ret, "taking the XDP program off");
	return r ? front_refused(err, r, f->priv->pins.dir) : 0;
}
