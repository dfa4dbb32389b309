/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * In place of libbpf's header when bpf/front.bpf.c is compiled for the host: each helper
 * that the program calls is a function of tests/host/driver.c. A helper that is missing
 * here does not compile: write it there, with the kernel's own rules.
 */
#ifndef TESTS_HOST_BPF_HELPERS_H
#define TESTS_HOST_BPF_HELPERS_H

#define SEC(name)
#define __uint(name, val) int(*name)[val]
#define __type(name, val) __typeof__(val) *name

/* What the declaration of a map says of it; the object itself is only its address. */
struct driver_decl {
	const void *at;
	const char *name; /* with a '&' in front */
	__u32 type, key_size, value_size, max;
};

#define DRIVER_NUMBER(field) (__u32)(sizeof(*(field)) / sizeof(int))
#define DRIVER_DECL(m)                                                                             \
	(&(struct driver_decl){m, #m, DRIVER_NUMBER((m)->type), sizeof(*(m)->key),                 \
			       sizeof(*(m)->value), DRIVER_NUMBER((m)->max_entries)})

#define bpf_map_lookup_elem(m, key)	driver_lookup(DRIVER_DECL(m), key)
#define bpf_redirect_map(m, key, flags) driver_redirect(DRIVER_DECL(m), key, flags)

void *driver_lookup(const struct driver_decl *m, const void *key);
long driver_redirect(const struct driver_decl *m, __u32 key, __u64 flags);

__u64 bpf_ktime_get_coarse_ns(void);
long bpf_loop(__u32 n, long (*step)(__u32, void *), void *arg, __u64 flags);
__u64 bpf_xdp_get_buff_len(struct xdp_md *ctx);
long bpf_xdp_load_bytes(struct xdp_md *ctx, __u32 off, void *to, __u32 len);
long bpf_xdp_adjust_head(struct xdp_md *ctx, int by);
long bpf_xdp_adjust_meta(struct xdp_md *ctx, int by);
long bpf_xdp_adjust_tail(struct xdp_md *ctx, int by);
struct bpf_sock *bpf_skc_lookup_tcp(void *ctx, struct bpf_sock_tuple *t, __u32 size, __u64 netns,
				    __u64 flags);
long bpf_sk_release(void *sk);

#endif
