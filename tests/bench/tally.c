/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What happened on the server's core within so many seconds: all is read at one moment, and once
 * more at another one, without a process that would take the generator's core meanwhile.
 *
 *	tally SECONDS CPU PIDS CLIENT-NETNS CLIENT-IFACE WHAT
 *
 * To be run in the server's network namespace. PIDS: whose threads' time counts as ours, with
 *commas. WHAT: runs=PINNED-MAP, one 64-bit number for each CPU; front=PINNED-MAP, syngate's
 *`counters`; netstat; synproxy. Prints a JSON object of differences: seconds; ours, idle and steal,
 *parts of the core's time; delivered, frames that met the XDP program of the client's interface;
 *and what was counted.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "syngate/verdict.h"

#define TALLY_COUNTS 64

struct sample {
	uint64_t at, ours;	   /* ns */
	uint64_t idle, steal, all; /* ticks */
	uint64_t delivered;
	uint64_t count[TALLY_COUNTS];
};

static const char *const verdict_names[] = {
#define X(id, name, text) #name,
	SG_VERDICTS(X)
#undef X
};
_Static_assert(SG_VERDICT_COUNT <= TALLY_COUNTS, "all of them have a place");

static struct {
	const char *cpu, *what, *iface;
	char *pids;
	int map, client; /* a socket of the client's namespace */
	unsigned counts;
	const char *const *names;
} me;

static void die(const char *what)
{
	fprintf(stderr, "tally: %s: %s\n", what, strerror(errno));
	exit(1);
}

/* --- the core -------------------------------------------------------------------------------- */

static void read_cpu(struct sample *s)
{
	unsigned long long t[8];
	char line[256];
	FILE *f = fopen("/proc/stat", "r");
	size_t n = strlen(me.cpu);

	while (f && fgets(line, sizeof(line), f)) {
		if (strncmp(line, "cpu", 3) || strncmp(line + 3, me.cpu, n) || line[3 + n] != ' ')
			continue;
		if (sscanf(line + 4 + n, "%llu %llu %llu %llu %llu %llu %llu %llu", &t[0], &t[1],
			   &t[2], &t[3], &t[4], &t[5], &t[6], &t[7]) != 8)
			break;
		s->idle = t[3] + t[4];
		s->steal = t[7];
		for (int i = 0; i < 8; i++)
			s->all += t[i];
		fclose(f);
		return;
	}
	die("/proc/stat");
}

static uint64_t thread_ns(const char *pid, const char *tid)
{
	unsigned long long ns = 0;
	char path[600];
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%s/task/%s/schedstat", pid, tid);
	f = fopen(path, "r");
	if (!f || fscanf(f, "%llu", &ns) != 1)
		die(path);
	fclose(f);
	return ns;
}

static uint64_t process_ns(const char *pid)
{
	struct dirent *d;
	uint64_t sum = 0;
	char path[64];
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%s/task", pid);
	dir = opendir(path);
	if (!dir)
		die(path);
	while ((d = readdir(dir)))
		if (d->d_name[0] != '.')
			sum += thread_ns(pid, d->d_name);
	closedir(dir);
	return sum;
}

static uint64_t ours_ns(void)
{
	char list[200], *rest = list, *pid;
	uint64_t sum = 0;

	snprintf(list, sizeof(list), "%s", me.pids);
	while ((pid = strsep(&rest, ",")))
		sum += process_ns(pid);
	return sum;
}

/* --- what came back -------------------------------------------------------------------------- */

static int client_open(const char *netns)
{
	int ours = open("/proc/self/ns/net", O_RDONLY), theirs = open(netns, O_RDONLY), fd;

	if (ours < 0 || theirs < 0 || setns(theirs, CLONE_NEWNET))
		die(netns);
	fd = socket(AF_INET, SOCK_DGRAM, 0);
	if (fd < 0 || setns(ours, CLONE_NEWNET))
		die(netns);
	close(ours);
	close(theirs);
	return fd;
}

static void client_ioctl(void *cmd)
{
	struct ifreq r = {.ifr_data = cmd};

	snprintf(r.ifr_name, sizeof(r.ifr_name), "%s", me.iface);
	if (ioctl(me.client, SIOCETHTOOL, &r))
		die(me.iface);
}

static uint32_t client_counts(void)
{
	struct {
		struct ethtool_sset_info head;
		uint32_t n;
	} info = {.head = {.cmd = ETHTOOL_GSSET_INFO, .sset_mask = 1ull << ETH_SS_STATS}};

	client_ioctl(&info);
	return info.n;
}

/* The sum of all queues' `rx_queue_N_xdp_packets`. */
static uint64_t client_delivered(void)
{
	uint32_t n = client_counts();
	struct ethtool_gstrings *names = calloc(1, sizeof(*names) + n * ETH_GSTRING_LEN);
	struct ethtool_stats *stats = calloc(1, sizeof(*stats) + n * sizeof(uint64_t));
	uint64_t sum = 0;

	if (!names || !stats)
		die("memory");
	names->cmd = ETHTOOL_GSTRINGS;
	names->string_set = ETH_SS_STATS;
	stats->cmd = ETHTOOL_GSTATS;
	names->len = stats->n_stats = n;
	client_ioctl(names);
	client_ioctl(stats);
	for (uint32_t i = 0; i < n; i++) {
		const char *name = (const char *)names->data + (size_t)i * ETH_GSTRING_LEN;
		const char *end = strstr(name, "_xdp_packets");

		if (!strncmp(name, "rx_queue_", 9) && end && !end[12])
			sum += stats->data[i];
	}
	free(names);
	free(stats);
	return sum;
}

/* --- what was counted ------------------------------------------------------------------------ */

static void count_map(struct sample *s)
{
	int cpus = libbpf_num_possible_cpus();
	uint64_t *each = calloc((size_t)cpus * me.counts, sizeof(*each));
	uint32_t zero = 0;

	if (!each || bpf_map_lookup_elem(me.map, &zero, each))
		die(me.what);
	for (size_t i = 0; i < (size_t)cpus * me.counts; i++)
		s->count[i % me.counts] += each[i];
	free(each);
}

/* A line of names and one of numbers. */
static uint64_t netstat_value(const char *want)
{
	static char names[8192], values[8192];
	char *n = names, *v = values, *name, *value;
	FILE *f = fopen("/proc/net/netstat", "r");

	if (!f || !fgets(names, sizeof(names), f) || !fgets(values, sizeof(values), f))
		die("/proc/net/netstat");
	fclose(f);
	while ((name = strsep(&n, " ")) && (value = strsep(&v, " ")))
		if (!strcmp(name, want))
			return strtoull(value, NULL, 10);
	errno = ENOENT;
	die(want);
	return 0;
}

/* A line for each CPU, hexadecimal; the second column. */
static uint64_t synproxy_syns(void)
{
	FILE *f = fopen("/proc/net/stat/synproxy", "r");
	unsigned long long n, sum = 0;
	char line[256];

	if (!f || !fgets(line, sizeof(line), f))
		die("/proc/net/stat/synproxy");
	while (fgets(line, sizeof(line), f))
		if (sscanf(line, "%*x %llx", &n) == 1)
			sum += n;
	fclose(f);
	return sum;
}

static void count(struct sample *s)
{
	if (me.map >= 0)
		count_map(s);
	else if (!strcmp(me.what, "netstat"))
		s->count[0] = netstat_value("SyncookiesSent");
	else
		s->count[0] = synproxy_syns();
}

static void what_open(const char *what)
{
	static const char *const runs[] = {"runs"}, *const cookies[] = {"SyncookiesSent"},
				 *const syns[] = {"syn_received"};
	const char *pinned = strchr(what, '=');

	me.what = what;
	me.map = pinned ? bpf_obj_get(pinned + 1) : -1;
	if (pinned && me.map < 0)
		die(pinned + 1);
	me.counts = 1;
	me.names = pinned ? runs : !strcmp(what, "netstat") ? cookies : syns;
	if (!strncmp(what, "front=", 6)) {
		me.counts = SG_VERDICT_COUNT;
		me.names = verdict_names;
	}
}

/* --- twice ----------------------------------------------------------------------------------- */

static struct sample sample(void)
{
	struct sample s = {0};
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	s.at = (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
	count(&s);
	s.delivered = client_delivered();
	s.ours = ours_ns();
	read_cpu(&s);
	return s;
}

static void report(const struct sample *a, const struct sample *b)
{
	double ns = (double)(b->at - a->at), ticks = (double)(b->all - a->all);

	printf("{\"seconds\":%.6f,\"ours\":%.4f,\"idle\":%.4f,\"steal\":%.4f,\"delivered\":%llu",
	       ns / 1e9, (double)(b->ours - a->ours) / ns, (double)(b->idle - a->idle) / ticks,
	       (double)(b->steal - a->steal) / ticks,
	       (unsigned long long)(b->delivered - a->delivered));
	for (unsigned i = 0; i < me.counts; i++)
		if (me.counts == 1 || b->count[i] != a->count[i])
			printf(",\"%s\":%llu", me.names[i],
			       (unsigned long long)(b->count[i] - a->count[i]));
	printf("}\n");
}

int main(int argc, char **argv)
{
	double seconds = argc == 7 ? atof(argv[1]) : 0;
	struct timespec t = {.tv_sec = (time_t)seconds,
			     .tv_nsec = (long)((seconds - (double)(time_t)seconds) * 1e9)};
	struct sample a, b;

	if (seconds <= 0) {
		fputs("usage: tally SECONDS CPU PIDS CLIENT-NETNS CLIENT-IFACE WHAT\n", stderr);
		return 1;
	}
	me.cpu = argv[2];
	me.pids = argv[3];
	me.client = client_open(argv[4]);
	me.iface = argv[5];
	what_open(argv[6]);
	a = sample();
	while (clock_nanosleep(CLOCK_MONOTONIC, 0, &t, &t) == EINTR)
		;
	b = sample();
	report(&a, &b);
	return 0;
}
