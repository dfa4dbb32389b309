/* SPDX-License-Identifier: BSD-2-Clause */
/* Sleep, a worker's and a program's, when they share rings (syngate/channel_ring.h). */
#include <unistd.h>

#include "app/libport.h"

void ringport_wake(struct library_port *p)
{
	const __u64 one = 1;
	__u32 sleep;

	p->news = false;
	__atomic_thread_fence(__ATOMIC_SEQ_CST); /* the bits first */
	sleep = SG_READ_ONCE(p->lib->rings->program_sleeps);
	if (!sleep || sleep == p->rung)
		return;
	p->rung = sleep;
	if (write(p->lib->ring_bell, &one, sizeof(one)) < 0)
		return; /* EAGAIN: it has been ringing for long */
}

static bool ringport_has_taken(const struct library_port *p)
{
	return !p->closed && libport_ahead(p) &&
	       SG_READ_ONCE(p->lib->memory->taken[p->source]) != p->seen;
}

/* It says what it did first and looks who sleeps then: the other way round here. */
bool library_sleeps(struct app *a)
{
	bool busy = false, rings = false;

	for (struct library_port *p = a->ports; p; p = p->next) {
		busy |= p->slots.more;
		if (!p->lib->rings)
			continue;
		p->lib->sleep[p->source] = sg_ring_sleep(p->lib->sleep[p->source]);
		SG_WRITE_ONCE(p->lib->rings->daemon_sleeps[p->source], p->lib->sleep[p->source]);
		rings = true;
	}
	if (!rings)
		return busy;
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	for (struct library_port *p = a->ports; p; p = p->next)
		busy |= p->lib->rings && (p->news || ringport_has_taken(p) || libslots_asked(&p->slots));
	return busy;
}

void library_wakes(struct app *a)
{
	for (struct library_port *p = a->ports; p; p = p->next)
		if (p->lib->rings)
			SG_WRITE_ONCE(p->lib->rings->daemon_sleeps[p->source], 0);
}
