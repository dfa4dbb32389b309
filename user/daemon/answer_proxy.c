/* SPDX-License-Identifier: BSD-2-Clause */
/* What a request to listen says of the servers behind. */
#include <errno.h>
#include <string.h>

#include "daemon/answer.h"

static int answer_proxy_server(const json_t *v, struct proxy_config *p, struct err *err)
{
	const char *text = json_string_value(v);

	if (!text)
		return err_set(err, -EINVAL, EXIT_USAGE,
			       "'backend' is to be a string, or an array of strings");
	if (p->backends == PROXY_BACKENDS)
		return err_set(err, -EINVAL, EXIT_USAGE, "a listener has %d backends at most",
			       PROXY_BACKENDS);
	if (endpoint_read_server(text, &p->backend[p->backends++]))
		return err_set(err, -EINVAL, EXIT_USAGE,
			       "backend '%.120s': as 127.0.0.1:8080, [::1]:8080 or unix:/run/app.sock",
			       text);
	return 0;
}

/* One, or an array of them. */
static int answer_proxy_servers(const json_t *v, struct proxy_config *p, struct err *err)
{
	size_t i;
	json_t *one;
	int rc = 0;

	if (!json_is_array(v))
		return v ? answer_proxy_server(v, p, err) : 0;
	json_array_foreach(v, i, one)
	{
		rc = rc ? rc : answer_proxy_server(one, p, err);
	}
	return rc;
}

static int answer_proxy_range(const json_t *req, const char *name, long min, long max, __u32 *value,
			struct err *err)
{
	long n = (long)*value;
	int rc = answer_number(req, name, min, &n, err);

	if (!rc && n > max)
		return err_set(err, -EINVAL, EXIT_USAGE, "'%s' is to be %ld to %ld", name, min, max);
	*value = (__u32)n;
	return rc;
}

static int answer_proxy_version(const json_t *req, struct proxy_config *p, struct err *err)
{
	const char *text;
	int rc = answer_string(req, "proxy_protocol", &text, err);

	if (rc || !text)
		return rc;
	for (int i = 0; proxy_versions[i]; i++)
		if (strcmp(proxy_versions[i], text) == 0)
			p->version = PROXY_V1 + (enum proxy_version)i;
	if (p->version == PROXY_NONE)
		return err_set(err, -EINVAL, EXIT_USAGE, "proxy_protocol '%.40s': v1 or v2", text);
	return 0;
}

int answer_proxy(const json_t *req, struct proxy_config *p, struct err *err)
{
	int rc = answer_proxy_servers(json_object_get(req, "backend"), p, err);

	if (!rc)
		rc = answer_proxy_version(req, p, err);
	if (!rc)
		rc = answer_proxy_range(req, "backend_limit", 0, PROXY_LIMIT_MAX, &p->limit, err);
	if (!rc)
		rc = answer_proxy_range(req, "connect_timeout", 1, PROXY_CONNECT_S_MAX, &p->connect_s,
				  err);
	if (!rc)
		rc = answer_proxy_range(req, "idle_timeout", 0, PROXY_IDLE_S_MAX, &p->idle_s, err);
	if (!rc && json_object_get(req, "health_check"))
		rc = answer_proxy_range(req, "health_check", 0, PROXY_CHECK_S_MAX, &p->check_s,
					err);
	return rc;
}
