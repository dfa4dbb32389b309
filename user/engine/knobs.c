/* SPDX-License-Identifier: BSD-2-Clause */
/* Knobs and counters by name: the lists of syngate/settings.h and syngate/mib.h. */
#include <errno.h>
#include <string.h>

#include "engine/engine.h"

struct knob {
	const char *name;
	size_t offset;
	__u32 def, least, most;
};

static const struct knob knobs_list[] = {
#define X(name, def, min, max, text) {#name, offsetof(struct sg_settings, name), def, min, max},
	SG_SETTINGS(X)
#undef X
};

static const struct {
	const char *name;
	size_t offset;
} counters_list[] = {
#define X(name, text) {#name, offsetof(struct sg_tcp_counters, name)},
	SG_TCP_COUNTERS(X)
#undef X
};

void sge_knobs_init(struct sg_settings *set)
{
	for (size_t i = 0; i < SG_ARRAY_SIZE(knobs_list); i++)
		memcpy((__u8 *)set + knobs_list[i].offset, &knobs_list[i].def, sizeof(__u32));
}

static const struct knob *knobs_find(const char *name)
{
	for (size_t i = 0; i < SG_ARRAY_SIZE(knobs_list); i++)
		if (!strcmp(knobs_list[i].name, name))
			return &knobs_list[i];
	return NULL;
}

int sge_sysctl_set(struct sge *e, const char *name, uint32_t value)
{
	const struct knob *k = knobs_find(name);

	if (!k)
		return -ENOENT;
	if (value < k->least || value > k->most)
		return -ERANGE;
	memcpy((__u8 *)&e->settings + k->offset, &value, sizeof(value));
	return 0;
}

int sge_sysctl_get(const struct sge *e, const char *name, uint32_t *value)
{
	const struct knob *k = knobs_find(name);

	if (!k)
		return -ENOENT;
	memcpy(value, (const __u8 *)&e->settings + k->offset, sizeof(*value));
	return 0;
}

int sge_counter(const struct sge *e, const char *name, uint64_t *value)
{
	for (size_t i = 0; i < SG_ARRAY_SIZE(counters_list); i++) {
		if (strcmp(counters_list[i].name, name))
			continue;
		memcpy(value, (const __u8 *)&e->mib + counters_list[i].offset, sizeof(*value));
		return 0;
	}
	return -ENOENT;
}
