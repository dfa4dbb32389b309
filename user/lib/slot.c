/* SPDX-License-Identifier: BSD-2-Clause */
/* A connection's slot in the memory that is shared with the daemon (syngate/channel.h). */
#include <errno.h>
#include <linux/futex.h>
#include <sched.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "lib/lib.h"

#define SLOT_PATIENCE_MS 2000 /* for an answer */
#define SLOT_LOOK_MS	 50   /* is the connection over meanwhile? */
#define SLOT_READS	 1000 /* of facts that are just being written */

static struct sg_channel_slot *slot_of(const struct syngate_conn *c)
{
	return &c->l->memory->slot[c->slot];
}

int slot_state(const struct syngate_conn *c, __u32 *state)
{
	__u64 word;

	*state = 0;
	if (rings_check(c->l))
		return -EPERM;
	if (c->slot == SG_CHANNEL_NO_SLOT)
		return why_set(-EOPNOTSUPP, "too many connections at a time: this one has no options");
	word = __atomic_load_n(&slot_of(c)->state, __ATOMIC_ACQUIRE);
	if (word >> 32 != c->gen)
		return why_set(-ECONNRESET, "the connection is over");
	*state = (__u32)word;
	return 0;
}

int slot_change(const struct syngate_conn *c, __u32 clear, __u32 set)
{
	__u64 old, new;
	__u32 state;
	int rc;

	do {
		rc = slot_state(c, &state);
		if (rc)
			return rc;
		old = (__u64)c->gen << 32 | state;
		new = (old & ~(__u64)clear) | set;
	} while (!__atomic_compare_exchange_n(&slot_of(c)->state, &old, new, false,
					      __ATOMIC_RELEASE, __ATOMIC_RELAXED));
	return 0;
}

void slot_bell(const struct syngate_conn *c)
{
	const __u64 one = 1;

	__atomic_fetch_or(&c->l->memory->ask[c->slot / 64], 1ULL << c->slot % 64, __ATOMIC_SEQ_CST);
	if (write(c->l->bell, &one, sizeof(one)) < 0)
		return; /* EAGAIN: it has been ringing for long */
}

int slot_option(const struct syngate_conn *c, enum sg_channel_option option, int value)
{
	__u32 state;
	int rc = slot_state(c, &state);

	if (rc)
		return rc;
	SG_WRITE_ONCE(slot_of(c)->option[option], value);
	rc = slot_change(c, 0, SG_CHANNEL_SET(option));
	if (!rc)
		slot_bell(c);
	return rc;
}

int slot_option_set(const struct syngate_conn *c, enum sg_channel_option option)
{
	return SG_READ_ONCE(slot_of(c)->option[option]);
}

/* --- facts ----------------------------------------------------------------------------------- */

static __u64 slot_now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (__u64)ts.tv_sec * 1000 + (__u64)ts.tv_nsec / 1000000;
}

static int slot_await(const struct syngate_conn *c, __u32 *answered, __u32 want)
{
	const struct timespec look = {.tv_nsec = SLOT_LOOK_MS * 1000000L};
	__u64 until = slot_now_ms() + SLOT_PATIENCE_MS;
	__u32 seen;

	while ((seen = __atomic_load_n(answered, __ATOMIC_ACQUIRE)), (__s32)(seen - want) < 0) {
		if (syngate_error(c))
			return why_set(-ECONNRESET, "the connection is over");
		if (slot_now_ms() >= until)
			return why_set(-ETIMEDOUT, "the syngate daemon does not answer: is it stopped?");
		syscall(SYS_futex, answered, FUTEX_WAIT, seen, &look, NULL, 0);
	}
	return 0;
}

static int slot_read(const struct syngate_conn *c, struct sg_channel_facts *f)
{
	const struct sg_channel_facts *from = &c->l->memory->facts[c->slot];

	for (int i = 0; i < SLOT_READS; i++) {
		__u32 version = __atomic_load_n(&from->version, __ATOMIC_ACQUIRE);

		*f = *(const volatile struct sg_channel_facts *)from;
		__atomic_thread_fence(__ATOMIC_ACQUIRE);
		if (!(version & 1) && version == SG_READ_ONCE(from->version))
			return f->gen == c->gen ? 0 : why_set(-ECONNRESET, "the connection is over");
		sched_yield();
	}
	return why_set(-ETIMEDOUT, "the syngate daemon does not finish its answer: is it stopped?");
}

int slot_facts(const struct syngate_conn *c, struct sg_channel_facts *f)
{
	__u32 state, want;
	int rc = slot_state(c, &state);

	if (rc)
		return rc;
	want = __atomic_add_fetch(&slot_of(c)->asked, 1, __ATOMIC_ACQ_REL);
	slot_bell(c);
	rc = slot_await(c, &c->l->memory->facts[c->slot].answered, want);
	return rc ? rc : slot_read(c, f);
}
