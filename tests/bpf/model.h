/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the driver has to do with a frame, once more: plain C, written from the RFCs and from
 * docs/, with none of its code and none of include/syngate. A verdict is a name of
 * docs/counters.md. test_model.c runs it beside the XDP program.
 *
 * model_decide() changes nothing; model_commit() makes the change that goes with what was
 * decided. Numbers that are keyed (ISN, timestamp offset) the model cannot know: it learns them
 * from the first answer to a pair, with model_learn(), and insists on them from then on.
 *
 * Times are nanoseconds of the driver's clock where they go in, milliseconds inside.
 */
#ifndef TESTS_BPF_MODEL_H
#define TESTS_BPF_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MODEL_LISTENERS 8
#define MODEL_QUEUES	2
#define MODEL_LOCALS	8
#define MODEL_KERNELS	8
#define MODEL_PROVEN	64
#define MODEL_LISTED	16

/* A connection's name. IPv4 addresses are mapped, RFC 4291 2.5.5.2. */
struct model_pair {
	uint8_t local[16], peer[16];
	uint16_t lport, pport;
	uint32_t tag[2]; /* TPID and VLAN id; 0: no tag */
};

struct model_settings {
	uint8_t mac[6];
	uint8_t ttl;
	bool window_scaling, sack, timestamps, ecn, verify_checksum;
	bool hold; /* fail_policy */
	uint32_t syncookies, ratelimit;
	uint32_t cookie_limit, synack_limit, synack_prefix_limit, rst_limit, rst_prefix_limit;
};

struct model_listener {
	bool open, any;
	uint8_t addr[16];
	uint16_t port;
	uint16_t mss4, mss6, window;
	uint8_t wscale;
	uint32_t syn_backlog, strangers, backlog;
	uint32_t halfopen, acceptq;
	bool stopped; /* a new daemon is counting */
	bool sent_cookie;
	uint64_t cookie_at;
};

/*
 * So many a second, a second's worth of them at once: a leaky bucket. Until when what was spent is
 * being paid off, in units of 1024 ns.
 */
struct model_budget {
	uint64_t until;
};

struct model_cell { /* of a source prefix, and of all that share it by chance */
	struct model_budget synack, rst;
};

struct model_segment;

struct model_queue { /* an RX queue and its worker */
	bool alive, socket;
	struct model_budget synack, rst, cookie;
	struct model_cell *cell;
};

struct model_options { /* of a segment */
	bool bad, has_mss, has_wscale, sack, has_ts;
	uint16_t mss;
	uint8_t wscale;
	uint32_t tsval, tsecr;
};

struct model_agreed { /* by SYN and SYN-ACK */
	int listener;
	uint32_t irs, isn;
	uint64_t when;
	uint16_t mss;
	bool scaled, sack, ts, ecn;
	uint8_t wscale;
	uint32_t tsval; /* the SYN's */
};

/* All that is known of a pair. */
struct model_peer {
	struct model_peer *next;
	struct model_pair pair;
	bool has_f, has_off;
	uint32_t f;   /* RFC 6528: ISN = M + F(pair); M counts 4 us */
	uint32_t off; /* RFC 7323 5.4: TSval = ms + offset */
	int owner;    /* of its flow; -1: no flow */
	bool is_half; /* in the half-open queue: */
	struct model_agreed half;
	bool is_answered;
	uint64_t answered; /* when a repeat was: units of 16 ms */
	bool has_cookie;   /* or answered with a cookie: */
	struct model_agreed cookie;
	uint8_t cookie_low; /* what our TSval said of the options */
};

struct model {
	size_t linear; /* no header lies behind so many bytes of a frame */
	struct model_settings set;
	struct model_listener listener[MODEL_LISTENERS];
	struct model_queue queue[MODEL_QUEUES];
	struct {
		uint8_t addr[16];
		unsigned prefix;
	} local[MODEL_LOCALS];
	struct model_pair kernel[MODEL_KERNELS]; /* connections of the kernel's */
	struct {
		struct model_pair pair; /* its `peer` and `tag` count */
		bool closed;		/* a connection ended in good order; else: a handshake */
	} proven[MODEL_PROVEN];
	struct {
		uint8_t addr[16];
		unsigned prefix; /* of 128 */
		bool v6, deny;	 /* else allowed */
	} listed[MODEL_LISTED];
	int locals, kernels, provens, listeds;
	bool no_slot; /* in the table for the pair of the next frame: keyed, likewise */
	/* which cell of `cells`: keyed, so that somebody else must tell */
	uint32_t (*cell_of)(const void *arg, const struct model_segment *s);
	const void *cell_arg;
	uint32_t cells;
	struct model_peer **bucket;
};

/* --- a frame, read --------------------------------------------------------------------------- */

enum model_kind {
	MODEL_OTHER,
	MODEL_NOT_LOCAL,
	MODEL_FRAGMENT, /* of TCP, not the first */
	MODEL_TCP,
	MODEL_ICMP, /* an error; `pair` is the quoted one */
};

struct model_segment {
	const uint8_t *frame;
	size_t len, l3, l4;
	size_t l4_len, head; /* TCP header and data; TCP header */
	bool v6;
	uint8_t proto;
	const char *fault; /* a verdict, should it be for us */
	struct model_pair pair;
	uint32_t seq, ack;
	uint8_t flags;
	struct model_options opt;
};

enum model_kind model_parse(const struct model *m, const uint8_t *frame, size_t len,
			    struct model_segment *s);
bool model_ip_is_good(const struct model_segment *s);
bool model_checksum_is_good(const struct model_segment *s);
/* Sequence space, RFC 9293 3.4. */
uint32_t model_space(const struct model_segment *s);
uint32_t model_sum(uint32_t sum, const uint8_t *p, size_t n);
uint32_t model_pseudo(const struct model_pair *p, bool v6, size_t l4_len);

/* --- what becomes of it ---------------------------------------------------------------------- */

enum model_action { MODEL_PASS, MODEL_DROP, MODEL_TX, MODEL_REDIRECT };

enum model_effect {
	MODEL_NOTHING,
	MODEL_NEW_ENTRY,
	MODEL_ANSWERED, /* a repeat, or what does not fit: the rate limit begins */
	MODEL_COOKIE_SENT,
};

enum model_note { MODEL_NOTE_NONE, MODEL_FLOW, MODEL_HANDSHAKE, MODEL_QUOTED, MODEL_COOKIE };

struct model_outcome {
	const char *verdict;
	enum model_action action;
	enum model_effect effect;
	bool synack_spent, rst_spent, cookie_spent; /* of the budgets */
	struct model_segment seg;
	struct model_agreed agreed; /* by the new entry, the cookie, the one handed over */
	unsigned queue;
	uint64_t now, ns;
	/* handed over: what the worker is told */
	enum model_note note;
	int owner;
	/* sent */
	uint8_t answer[128];
	size_t answer_len, answer_l4;
	bool isn_free; /* to be learned */
	size_t tsval_at;
	bool tsval_free;
	int tsval_low; /* of a cookie: the low six bits; -1: no cookie */
};

void model_init(struct model *m, uint32_t cells);
void model_free(struct model *m);
/* Forget connections, queues and budgets; what is keyed stays known. */
void model_reset(struct model *m);

void model_decide(const struct model *m, const uint8_t *frame, size_t len, unsigned queue,
		  uint64_t ns, struct model_outcome *o);
/* NULL, or what is wrong with the keyed numbers of the answer that was seen. */
const char *model_learn(const struct model *m, struct model_outcome *o, const uint8_t *seen,
			size_t len);
void model_commit(struct model *m, const struct model_outcome *o);

/* How many pairs have a number of another's, of `pairs` whose numbers are known: chance alone. */
size_t model_shared(const struct model *m, size_t *pairs);

/* NULL: nothing is known. */
struct model_peer *model_peer(const struct model *m, const struct model_pair *p);
/* As a worker does: an entry goes, a flow comes (`owner`) or goes (-1). */
void model_entry_goes(struct model *m, struct model_peer *p);
void model_listener_goes(struct model *m, int listener);
void model_flow(struct model *m, const struct model_pair *p, int owner);

/* --- between the files of the model ---------------------------------------------------------- */

uint32_t model_number(const uint8_t *p, int n);
/* One more, of `limit` a second? 1,000,000: no limit. */
bool model_budget_has(const struct model_budget *b, uint64_t ns, uint32_t limit);
struct model_cell *model_cell(const struct model *m, const struct model_outcome *o);
/* Our ISN for this pair at a time; `free`: not known yet. */
uint32_t model_isn_at(const struct model_peer *p, uint64_t when, bool *free);
void model_rst(const struct model *m, struct model_outcome *o);
void model_synack(const struct model *m, struct model_outcome *o, const struct model_peer *p,
		  const struct model_agreed *g);
void model_challenge(const struct model *m, struct model_outcome *o, const struct model_peer *p);

#endif
