/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a frame costs in the XDP program, in ns: BPF_PROG_TEST_RUN with repeat, so
 * without driver, and with warm caches but where it says otherwise. Not a test.
 */
#include "rig.h"

#define REPEAT 200000

static uint32_t cost(struct rig *r, const struct spec *s, int action)
{
	struct frame f;
	struct xdp_md in = {.ingress_ifindex = r->ifindex};
	uint32_t best = ~0u;

	build(s, &f);
	for (int i = 0; i < 5; i++) {
		LIBBPF_OPTS(bpf_test_run_opts, o, .data_in = f.b, .data_size_in = (__u32)f.len,
			    .ctx_in = &in, .ctx_size_in = sizeof(in), .repeat = REPEAT);

		in.data_end = (__u32)f.len;
		rig_beat(r);
		if (bpf_prog_test_run_opts(front_prog_fd(r->f), &o) || (int)o.retval != action) {
			fprintf(stderr, "action %u: %s\n", o.retval, strerror(errno));
			exit(1);
		}
		best = o.duration < best ? o.duration : best;
	}
	return best;
}

/* The first run of each is not in the repeat loop's rhythm: the program changes the frame. */
static uint32_t cost_each(struct rig *r, struct spec *s, int action, int n)
{
	struct xdp_md in = {.ingress_ifindex = r->ifindex};
	uint64_t sum = 0;
	struct frame f;

	for (int i = 0; i < n; i++) {
		LIBBPF_OPTS(bpf_test_run_opts, o, .data_in = f.b, .ctx_in = &in,
			    .ctx_size_in = sizeof(in), .repeat = 1);

		s->sport = (uint16_t)(1024 + i);
		build(s, &f);
		o.data_size_in = in.data_end = (__u32)f.len;
		rig_beat(r);
		if (bpf_prog_test_run_opts(front_prog_fd(r->f), &o) || (int)o.retval != action)
			exit(1);
		sum += o.duration;
	}
	return (uint32_t)(sum / (uint64_t)n);
}

int main(void)
{
	struct spec s;
	struct rig r;

	rig_namespace();
	rig_open(&r);
	r.f->settings->rst_limit = 0;
	rig_listen(&r, 0, NULL, RIG_PORT, 100000, 100000);
	s = rig_syn(&r);
	s.proto = 17;
	printf("%-44s %4u ns\n", "UDP: passed", cost(&r, &s, XDP_PASS));
	s = rig_syn(&r);
	s.dport = 22;
	printf("%-44s %4u ns\n", "TCP to another port: passed", cost(&r, &s, XDP_PASS));
	s = rig_syn(&r);
	s.flags = ACK;
	printf("%-44s %4u ns\n", "stray ACK over the RST limit: dropped", cost(&r, &s, XDP_DROP));
	s = rig_syn(&r);
	rig_run(&r, &s);
	rig_run(&r, &s); /* the first repeat is answered */
	printf("%-44s %4u ns\n", "repeated SYN, limited: dropped", cost(&r, &s, XDP_DROP));
	s.sport++;
	r.f->queue[0].acceptq = 200000;
	printf("%-44s %4u ns\n", "new SYN, accept queue full: dropped", cost(&r, &s, XDP_DROP));
	r.f->queue[0].acceptq = 0;
	s.flags = ACK;
	{
		struct sg_tuple t = rig_tuple(&s);

		sg_flow_claim(&r.f->flows, rig_hash(&r, &t).table, &t, 0);
		printf("%-44s %4u ns\n", "known flow, no socket: dropped", cost(&r, &s, XDP_DROP));
	}
	s = rig_syn(&r);
	s.dport = 22;
	printf("%-44s %4u ns\n", "one run by itself, passed: the overhead",
	       cost_each(&r, &s, XDP_PASS, 3000));
	s = rig_syn(&r);
	printf("%-44s %4u ns\n", "one run by itself: new SYN, answered",
	       cost_each(&r, &s, XDP_TX, 3000));
	r.f->settings->tcp_invalid_ratelimit = 0;
	printf("%-44s %4u ns\n", "one run by itself: the same again, answered",
	       cost_each(&r, &s, XDP_TX, 3000));
	rig_close(&r);
	return 0;
}
