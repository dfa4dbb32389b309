/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Every malformed frame of the table to a running syngate, from a raw socket on the client's
 * interface: to nobody yet, to a half-open entry, to a connection, to TIME_WAIT, over IPv4
 * and IPv6; and good frames cut at every byte. After each one the driver's and the worker's
 * counters must have moved as the table says, and by nothing else. Run by hostile.sh.
 *
 *	inject IFACE SERVER-MAC PINS
 *
 * Ports: 80 hold, 82 echo, 83 http. Prints, as JSON, by how much each counter has moved.
 */
#include <bpf/bpf.h>
#include <errno.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <poll.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "../bpf/malformed.h"
#include "syngate/mib.h"

#define DEADLINE_MS 10000
#define MAX_CPUS    1024

static const char *const names[] = {
#define X(id, name, text) #name,
	SG_VERDICTS(X)
#undef X
};

static const char *const past_names[] = {"no past", "half-open", "established", "TIME_WAIT"};

/* What is counted of each frame: in the driver all of it, in the engine what a frame does. */
struct counts {
	unsigned long long verdict[SG_VERDICT_COUNT];
	unsigned long long InSegs, InErrs, InCsumErrors, EstabResets, PassiveOpens;
};

static struct {
	int sock, counters, engine;
	uint8_t mac[6], server[6];
	uint16_t port;	      /* of the last tuple: each has its own */
	struct counts sum;    /* what must have been counted since we began */
	struct counts at;     /* what was counted when we began */
	const char *doing[3]; /* for the message when something is wrong */
} inj;

static void die(const char *fmt, ...)
{
	va_list ap;

	fprintf(stderr, "inject: %s, %s, %s: ", inj.doing[0], inj.doing[1], inj.doing[2]);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fprintf(stderr, "\n");
	exit(1);
}

static long long now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (long long)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/* --- counters ------------------------------------------------------------------------------ */

static void count_driver(struct counts *c)
{
	static struct sg_counters cpu[MAX_CPUS]; /* one each of all that are possible */
	__u32 zero = 0;

	memset(cpu, 0, sizeof(cpu));
	if (bpf_map_lookup_elem(inj.counters, &zero, cpu))
		die("counters: %s", strerror(errno));
	memset(c, 0, sizeof(*c));
	for (int i = 0; i < MAX_CPUS; i++)
		for (int v = 0; v < SG_VERDICT_COUNT; v++)
			c->verdict[v] += ((const unsigned long long *)&cpu[i])[v];
}

static void count(struct counts *c)
{
	struct sg_tcp_counters t;

	count_driver(c);
	for (__u32 worker = 0; !bpf_map_lookup_elem(inj.engine, &worker, &t); worker++) {
		c->InSegs += t.InSegs;
		c->InErrs += t.InErrs;
		c->InCsumErrors += t.InCsumErrors;
		c->EstabResets += t.EstabResets;
		c->PassiveOpens += t.PassiveOpens;
	}
}

/* Other traffic of the client's kernel ends here too. */
static bool noisy(int verdict)
{
	return verdict == SG_V_PASS_NOT_TCP || verdict == SG_V_PASS_NOT_LOCAL;
}

/* What was counted, against what must be: 0 as it must be, less: not yet, more: too much. */
static int differ(unsigned long long got, unsigned long long at, unsigned long long want)
{
	return got - at < want ? -1 : got - at > want;
}

static int driver_differs(const struct counts *c, int *which)
{
	int all = 0;

	for (int v = 0; v < SG_VERDICT_COUNT; v++) {
		int d = differ(c->verdict[v], inj.at.verdict[v], inj.sum.verdict[v]);

		if (!d || (d > 0 && noisy(v)))
			continue;
		*which = v;
		if (d > 0)
			return 1;
		all = -1;
	}
	return all;
}

static int engine_differs(const struct counts *c, const char **which)
{
#define LOOK(name)                                                                                 \
	do {                                                                                       \
		int d = differ(c->name, inj.at.name, inj.sum.name);                                \
		if (d)                                                                             \
			*which = #name;                                                            \
		if (d > 0)                                                                         \
			return 1;                                                                  \
		all = d ? d : all;                                                                 \
	} while (0)
	int all = 0;

	LOOK(InSegs);
	LOOK(InErrs);
	LOOK(InCsumErrors);
	LOOK(EstabResets);
	LOOK(PassiveOpens);
	return all;
}

/* Until all that was sent is counted, and nothing else. */
static void settle(void)
{
	static const struct timespec moment = {.tv_nsec = 50000};
	long long end = now_ms() + DEADLINE_MS;
	const char *name = "";
	int verdict = 0;
	struct counts c;

	for (;;) {
		int driver, engine;

		count(&c);
		driver = driver_differs(&c, &verdict);
		engine = engine_differs(&c, &name);
		if (!driver && !engine)
			return;
		if (driver > 0)
			die("%s was counted", names[verdict]);
		if (engine > 0)
			die("%s was counted", name);
		if (now_ms() > end)
			die("%s was not counted", driver ? names[verdict] : name);
		nanosleep(&moment, NULL);
	}
}

/* --- frames out and in ---------------------------------------------------------------------- */

static void send_frame(const struct frame *f, enum sg_verdict v, enum fate fate)
{
	inj.sum.verdict[v]++;
	inj.sum.InErrs += fate == FATE_ERRS || fate == FATE_CSUM || fate == FATE_SYN;
	inj.sum.InCsumErrors += fate == FATE_CSUM;
	inj.sum.InSegs += fate >= FATE_TAKEN;
	if (send(inj.sock, f->b, f->len, 0) != (ssize_t)f->len)
		die("send: %s", strerror(errno));
}

static void send_spec(const struct spec *s, enum sg_verdict v, enum fate fate)
{
	struct frame f;

	build(s, &f);
	send_frame(&f, v, fate);
}

/* The next segment to our port; the frame is in `b`. */
static void receive(struct reply *r, uint8_t *b, size_t room, uint16_t port)
{
	long long end = now_ms() + DEADLINE_MS;
	struct pollfd p = {.fd = inj.sock, .events = POLLIN};

	for (long long left = DEADLINE_MS; left > 0; left = end - now_ms()) {
		ssize_t n;

		if (poll(&p, 1, (int)left) <= 0)
			break;
		n = recv(inj.sock, b, room, 0);
		if (n < ETH_HLEN)
			continue;
		r->v6 = get16(b + 12) == 0x86dd;
		r->ip = b + ETH_HLEN;
		r->tcp = r->ip + (r->v6 ? 40 : 20);
		if (r->tcp + 20 > b + n || (r->v6 ? r->ip[6] : r->ip[9]) != 6 ||
		    get16(r->tcp + 2) != port || (!r->v6 && get16(b + 12) != 0x0800))
			continue;
		r->head = (size_t)(r->tcp[12] >> 4) * 4;
		r->data_len = (r->v6 ? 40u + get16(r->ip + 4) : get16(r->ip + 2)) -
			      (size_t)(r->tcp - r->ip) - r->head;
		r->opts = r->tcp + 20;
		r->seq = get32(r->tcp + 4);
		r->ack = get32(r->tcp + 8);
		r->flags = r->tcp[13];
		return;
	}
	die("no answer");
}

/* --- what goes before --------------------------------------------------------------------------
 */

static struct good begin(bool v6, uint16_t dport)
{
	static const uint8_t opts[20] = {2, 4, 5, 0xb4, 4, 2, 8, 10, 1, 2,
					 3, 4, 0, 0,	0, 0, 1, 3,  3, 7};
	struct good g = {
		.tsval = 0x01020304,
		.syn =
			{
				.src = v6 ? "fd09::77" : "10.9.0.77",
				.dst = v6 ? "fd09::1" : "10.9.0.1",
				.sport = ++inj.port,
				.dport = dport,
				.seq = 0xfffffff0,
				.flags = SYN,
				.window = 64240,
				.opts = opts,
				.opts_len = sizeof(opts),
			},
	};

	memcpy(g.syn.dst_mac, inj.server, 6);
	memcpy(g.syn.src_mac, inj.mac, 6);
	return g;
}

static void half_open(struct good *g)
{
	uint8_t b[2048];
	struct reply r = {};

	send_spec(&g->syn, SG_V_SYNACK_SENT, FATE_NONE);
	receive(&r, b, sizeof(b), g->syn.sport);
	if (r.flags != (SYN | ACK) || r.ack != g->syn.seq + 1)
		die("no SYN-ACK");
	g->ack = r.seq + 1;
	g->tsval++;
	g->tsecr = get32(r.opts + 8); /* MSS, SACK-permitted, timestamps: as Linux lays it out */
	settle();
}

static void established(struct good *g)
{
	struct spec s;

	half_open(g);
	s = good_segment(g, PAST_HALFOPEN);
	inj.sum.PassiveOpens++;
	send_spec(&s, SG_V_STEER_HANDSHAKE, FATE_TAKEN);
	settle();
}

/* Take what comes until its FIN; returns when all of it has come. */
static void take_all(struct good *g)
{
	struct reply r = {};
	uint8_t b[2048];
	bool fin = false;

	while (!fin) {
		receive(&r, b, sizeof(b), g->syn.sport);
		if (r.flags & RST)
			die("the server reset the connection");
		if (r.seq != g->ack)
			continue;
		fin = r.flags & FIN;
		g->ack += (uint32_t)r.data_len + fin;
		g->tsecr = get32(r.opts + 4);
	}
}

/* A request, its answer with the server's FIN, and our FIN. */
static void time_wait(struct good *g)
{
	static const char request[] =
		"GET /bytes/1 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
	struct reply r = {};
	struct spec s;
	struct frame f;
	uint8_t b[2048];

	established(g);
	s = good_segment(g, PAST_ESTABLISHED);
	s.data = sizeof(request) - 1;
	build(&s, &f);
	memcpy(f.b + f.len - s.data, request, (size_t)s.data);
	mend(&f);
	send_frame(&f, SG_V_STEER_FLOW, FATE_TAKEN);
	g->syn.seq += (uint32_t)s.data;
	take_all(g);
	s = good_segment(g, PAST_HALFOPEN);
	s.flags = FIN | ACK;
	send_spec(&s, SG_V_STEER_FLOW, FATE_TAKEN);
	g->syn.seq++;
	do
		receive(&r, b, sizeof(b), g->syn.sport);
	while (r.flags != ACK || r.ack != g->syn.seq + 1);
	settle();
}

static struct good bring(bool v6, enum past past)
{
	static const uint16_t ports[] = {80, 80, 82, 83};
	struct good g = begin(v6, ports[past]);

	if (past == PAST_HALFOPEN)
		half_open(&g);
	if (past == PAST_ESTABLISHED)
		established(&g);
	if (past == PAST_TIMEWAIT)
		time_wait(&g);
	return g;
}

/* --- the table ------------------------------------------------------------------------------- */

static void inject_row(const struct malformed *m, bool v6, enum past past)
{
	enum fate fate = malformed_fate(m, past);
	struct good g;
	struct spec s;
	struct frame f;

	inj.doing[0] = m->name;
	g = bring(v6, past);
	s = good_segment(&g, past);
	malformed_build(m, &s, &f);
	inj.sum.EstabResets += past == PAST_ESTABLISHED && fate == FATE_RESET;
	inj.sum.PassiveOpens += past == PAST_HALFOPEN && fate == FATE_TAKEN;
	send_frame(&f, malformed_verdict(m, past), fate);
	settle();
}

static void inject_cuts(bool v6, enum past past)
{
	struct good g;
	struct spec s;
	struct frame f;
	size_t whole;

	inj.doing[0] = "cut";
	g = bring(v6, past);
	s = good_segment(&g, past);
	build(&s, &f);
	whole = f.len;
	for (f.len = ETH_HLEN; f.len < whole; f.len++) {
		enum sg_verdict v = malformed_cut_verdict(&f, f.len, past);

		send_frame(&f, v, v == SG_V_STEER_FLOW ? FATE_ERRS : FATE_NONE);
		settle();
	}
}

static void inject_all(bool v6)
{
	inj.doing[1] = v6 ? "IPv6" : "IPv4";
	for (int past = 0; past < PASTS; past++) {
		inj.doing[2] = past_names[past];
		for (size_t i = 0; i < MALFORMED; i++)
			if (malformed_is_of(&malformed[i], v6))
				inject_row(&malformed[i], v6, (enum past)past);
		inject_cuts(v6, (enum past)past);
	}
}

/* --- beginning and end -------------------------------------------------------------------------
 */

static int pin(const char *dir, const char *name)
{
	char path[256];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	fd = bpf_obj_get(path);
	if (fd < 0)
		die("%s: %s", path, strerror(errno));
	return fd;
}

static void open_socket(const char *ifname)
{
	struct sockaddr_ll at = {.sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL)};
	struct ifreq ifr = {};
	int one = 1;

	snprintf(ifr.ifr_name, sizeof(ifr.ifr_name), "%s", ifname);
	inj.sock = socket(AF_PACKET, SOCK_RAW, 0);
	at.sll_ifindex = (int)if_nametoindex(ifname);
	if (inj.sock < 0 || ioctl(inj.sock, SIOCGIFHWADDR, &ifr) ||
	    setsockopt(inj.sock, SOL_PACKET, PACKET_IGNORE_OUTGOING, &one, sizeof(one)) ||
	    bind(inj.sock, (struct sockaddr *)&at, sizeof(at)))
		die("%s: %s", ifname, strerror(errno));
	memcpy(inj.mac, ifr.ifr_hwaddr.sa_data, 6);
}

/*
 * In the names of `syngate show counters`, which adds what ended in the driver: to InSegs what
 * Linux's TCP would have seen, to InErrs what it would have found wrong.
 */
static void print_counts(void)
{
	const unsigned long long *v = inj.sum.verdict;

	inj.sum.InSegs += v[SG_V_SYNACK_SENT] + v[SG_V_RST_SENT] + v[SG_V_BAD_TCP] +
			  v[SG_V_BAD_OPTION] + v[SG_V_BAD_CHECKSUM] + v[SG_V_BAD_FLAGS];
	inj.sum.InErrs += v[SG_V_BAD_TCP] + v[SG_V_BAD_CHECKSUM];
	inj.sum.InCsumErrors += v[SG_V_BAD_CHECKSUM];
	printf("{");
	for (int i = 0; i < SG_VERDICT_COUNT; i++)
		printf("\"%s\":%llu,", names[i], v[i]);
	printf("\"InSegs\":%llu,\"InErrs\":%llu,\"InCsumErrors\":%llu,\"EstabResets\":%llu,"
	       "\"PassiveOpens\":%llu}\n",
	       inj.sum.InSegs, inj.sum.InErrs, inj.sum.InCsumErrors, inj.sum.EstabResets,
	       inj.sum.PassiveOpens);
}

int main(int argc, char **argv)
{
	inj.doing[0] = inj.doing[1] = inj.doing[2] = "start";
	if (argc != 4 ||
	    sscanf(argv[2], "%hhx:%hhx:%hhx:%hhx:%hhx:%hhx", &inj.server[0], &inj.server[1],
		   &inj.server[2], &inj.server[3], &inj.server[4], &inj.server[5]) != 6)
		die("usage: inject IFACE SERVER-MAC PINS");
	inj.port = 20000;
	open_socket(argv[1]);
	inj.counters = pin(argv[3], "counters");
	inj.engine = pin(argv[3], "tcp_counters");
	count(&inj.at);
	inject_all(false);
	inject_all(true);
	print_counts();
	return 0;
}
