/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a frame costs in the XDP program, in ns: BPF_PROG_TEST_RUN with repeat, so without driver.
 * First one frame over and over, with all caches warm; then floods, each frame from a source of
 * its own (scatter.bpf.c). Not a test.
 *
 *	cost [SCATTER.bpf.o ["CASES "]]
 */
#include <bpf/libbpf.h>
#include <sys/mman.h>

#include "rig.h"
#include "scatter.h"

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

static void one_frame(void)
{
	struct spec s;
	struct rig r;

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
}

/* --- floods ---------------------------------------------------------------------------------- */

struct flood {
	struct bpf_object *obj;
	struct scatter *conf;
	int prog;
};

static void flood_open(struct flood *fl, const char *path, struct rig *r)
{
	int zero = 0, fd = front_prog_fd(r->f);

	fl->obj = bpf_object__open_file(path, NULL);
	if (!fl->obj || bpf_object__load(fl->obj)) {
		fprintf(stderr, "%s: %s\n", path, strerror(errno));
		exit(1);
	}
	fl->conf = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED,
			bpf_map__fd(bpf_object__find_map_by_name(fl->obj, ".data.scatter")), 0);
	fl->prog = bpf_program__fd(bpf_object__find_program_by_name(fl->obj, "scatter_run"));
	if (fl->conf == MAP_FAILED ||
	    bpf_map_update_elem(bpf_map__fd(bpf_object__find_map_by_name(fl->obj, "next")), &zero,
				&fd, BPF_ANY)) {
		perror("scatter");
		exit(1);
	}
}

/* ns a frame, of `n`. */
static double flood_run(struct flood *fl, struct rig *r, uint32_t n)
{
	uint8_t room[SCATTER_LEN] = {0};
	struct xdp_md in = {.ingress_ifindex = r->ifindex, .data_end = SCATTER_LEN};
	LIBBPF_OPTS(bpf_test_run_opts, o, .data_in = room, .data_size_in = SCATTER_LEN, .ctx_in = &in,
		    .ctx_size_in = sizeof(in), .repeat = (int)n);

	rig_beat(r);
	if (bpf_prog_test_run_opts(fl->prog, &o)) {
		perror("test run");
		exit(1);
	}
	return o.duration;
}

/* Frames like `s`, which is of IPv4 and has 20 bytes of options, from all over 16.0.0.0/4. */
static void flood_of(struct flood *fl, const struct spec *s)
{
	struct spec from_zero = *s;
	struct frame f;

	from_zero.src = "0.0.0.0";
	from_zero.sport = 0;
	build(&from_zero, &f);
	assert_int_equal(f.len, SCATTER_LEN);
	memcpy(fl->conf->frame, f.b, SCATTER_LEN);
	fl->conf->net = 16u << 24;
	fl->conf->mask = (1u << 28) - 1;
}

static double flood_cost(struct flood *fl, struct rig *r, uint32_t n)
{
	double making, all;

	fl->conf->go_on = 0;
	making = flood_run(fl, r, n);
	fl->conf->go_on = 1;
	all = flood_run(fl, r, n);
	return all - making;
}

static void flood_flows(struct rig *r, uint32_t n)
{
	struct spec s = rig_syn(r);
	struct sg_tuple t = rig_tuple(&s);

	for (uint32_t i = 0, made = 0; made < n; i++) {
		memcpy(t.peer.addr + 12, &i, 4);
		made += sg_flow_claim(&r->f->flows, sg_tuple_hash(&r->f->keys.tuple, &t).table, &t,
				      0) == 0;
	}
}

static void flood_acks(const char *path, uint32_t flows)
{
	struct rig r;
	struct flood fl;
	struct spec s;

	rig_flows = 524288;
	rig_halfopen = 65536;
	rig_open(&r);
	r.f->settings->rst_limit = 0;
	front_kernel_port(r.f, RIG_PORT, false);
	flood_open(&fl, path, &r);
	s = rig_syn(&r);
	s.flags = ACK;
	flood_of(&fl, &s);
	flood_flows(&r, flows);
	for (int i = 0; i < 3; i++)
		printf("flood of ACKs, %u flows: dropped %26.0f ns\n", flows,
		       flood_cost(&fl, &r, 1000000));
	rig_close(&r);
}

static void queue_empty(struct rig *r)
{
	for (uint32_t b = 0; b < r->f->halfopen.buckets; b++)
		memset(&r->f->halfopen.ways[b], 0, sizeof(r->f->halfopen.ways[b]));
	r->f->queue[0].halfopen = r->f->queue[0].young = 0;
}

/* SYNs into a queue that is filled to 0.8 of what it takes, and emptied between the turns. */
static void flood_syns(const char *path, uint32_t entries, uint32_t cookies)
{
	uint32_t turns = 1048576 / entries + 4;
	struct sg_counters c;
	struct flood fl;
	struct spec s;
	double sum = 0;
	struct rig r;

	rig_flows = 524288;
	rig_halfopen = entries;
	rig_open(&r);
	r.f->settings->tcp_syncookies = cookies;
	rig_listen(&r, 0, NULL, RIG_PORT, entries, 100000);
	front_kernel_port(r.f, RIG_PORT, false);
	flood_open(&fl, path, &r);
	s = rig_syn(&r);
	flood_of(&fl, &s);
	for (uint32_t i = 0; i < turns; i++) {
		fl.conf->go_on = 1;
		flood_run(&fl, &r, entries / 10 * 6);
		sum += flood_cost(&fl, &r, entries / 10 * 2);
		queue_empty(&r);
	}
	front_counters(r.f, &c);
	printf("flood of SYNs, %7u entries, cookies %u %20.0f ns (%llu %llu %llu)\n", entries, cookies,
	       sum / turns, c.SynAckSent, c.CookieSent, c.HalfOpenBucketFull);
	rig_close(&r);
}

int main(int argc, char **argv)
{
	const char *which = argc > 2 ? argv[2] : "acks acks500k syns syns1m cookies ";

	cpu_set_t one;

	CPU_ZERO(&one);
	CPU_SET(0, &one);
	sched_setaffinity(0, sizeof(one), &one);
	rig_namespace();
	if (argc < 2) {
		one_frame();
		return 0;
	}
	if (strstr(which, "acks "))
		flood_acks(argv[1], 0);
	if (strstr(which, "acks500k"))
		flood_acks(argv[1], 500000);
	if (strstr(which, "syns "))
		flood_syns(argv[1], 65536, 0);
	if (strstr(which, "syns1m"))
		flood_syns(argv[1], 1048576, 0);
	if (strstr(which, "cookies"))
		flood_syns(argv[1], 65536, 2);
	return 0;
}
