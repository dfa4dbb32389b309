/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The keys of SYN cookies: made anew every syncookie_key_s, or read from a file that several hosts
 * have, and again when that changes. The key before stays good for as long as its cookies do.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "daemon/state.h"
#include "io/clock.h"
#include "io/log.h"
#include "syngate/cookie.h"

#define COOKIES_LOOK SG_SEC
#define COOKIES_LIFE (2ull * SG_COOKIE_PERIOD_MS * SG_MS)

/* From now on this one makes them. */
static void cookies_rotate(struct attachment *a, const struct sg_key *key, sg_time now)
{
	if (front_cookie_rotate(a->front, key))
		log_warn("%s: the keys of SYN cookies could not be changed", a->front->ifname);
	a->key_since = now;
	a->key_forget_at = now + COOKIES_LIFE;
}

static void cookies_apply(struct daemon *d, struct attachment *a, sg_time now)
{
	const struct sg_cookie_keys *k = &a->front->keys.cookie;

	if (memcmp(&k->key[k->current & 1], &d->cookies.key[0], sizeof(struct sg_key)) != 0)
		cookies_rotate(a, &d->cookies.key[0], now);
	if (d->cookies.keys == 2) {
		front_cookie_previous(a->front, &d->cookies.key[1]);
		a->key_forget_at = SG_NEVER; /* as long as the file says so */
	} else if (a->key_forget_at == SG_NEVER) {
		a->key_forget_at = now + COOKIES_LIFE;
	}
}

void cookies_attach(struct daemon *d, struct attachment *a, sg_time now)
{
	a->key_since = now;
	a->key_forget_at = now + COOKIES_LIFE; /* one of a dead daemon's, perhaps */
	if (d->cookies.path)
		cookies_apply(d, a, now);
}

int daemon_cookie_keys(struct daemon *d, const char *path, struct err *err)
{
	int n = keyfile_read(path, d->cookies.key, &d->cookies.seen, err);

	if (n < 0)
		return n;
	d->cookies.path = path;
	d->cookies.keys = n;
	return 0;
}

static bool cookies_same(const struct stat *a, const struct stat *b)
{
	return a->st_ino == b->st_ino && a->st_dev == b->st_dev && a->st_size == b->st_size &&
	       a->st_mode == b->st_mode && a->st_uid == b->st_uid &&
	       !memcmp(&a->st_mtim, &b->st_mtim, sizeof(a->st_mtim)) &&
	       !memcmp(&a->st_ctim, &b->st_ctim, sizeof(a->st_ctim));
}

/* Has the file changed? What is wrong with it is said once, and the keys stay. */
static void cookies_reread(struct daemon *d, sg_time now)
{
	struct sg_key key[2];
	struct stat st = {0};
	struct err err;
	int n;

	if (stat(d->cookies.path, &st))
		memset(&st, 0, sizeof(st));
	if (cookies_same(&st, &d->cookies.seen))
		return;
	n = keyfile_read(d->cookies.path, key, &d->cookies.seen, &err);
	if (n < 0) {
		explicit_bzero(key, sizeof(key));
		d->cookies.seen = st; /* also where it could not be opened: said once */
		log_warn("%s; the keys of SYN cookies stay as they were", err.msg);
		return;
	}
	memcpy(d->cookies.key, key, sizeof(key));
	d->cookies.keys = n;
	explicit_bzero(key, sizeof(key));
	for (struct attachment *a = d->first; a; a = a->next)
		cookies_apply(d, a, now);
	log_info("%s: the keys of SYN cookies were read again", d->cookies.path);
}

/* Are the cookies of another key good as well, for now? */
static bool cookies_two(const struct attachment *a, sg_time now)
{
	const struct sg_key *before = sg_cookie_key(&a->front->keys.cookie, 1);

	return (before->k[0] | before->k[1]) && now < a->key_forget_at;
}

/* Two are good at a time: the next one waits until the cookies of the one before are no more. */
static void cookies_renew(struct attachment *a, sg_time now)
{
	sg_time every = (sg_time)a->front->settings->syncookie_key_s * SG_SEC;
	struct sg_key key;

	if (!every || now - a->key_since < every || cookies_two(a, now))
		return;
	if (getrandom(&key, sizeof(key), 0) != sizeof(key))
		return;
	cookies_rotate(a, &key, now);
	explicit_bzero(&key, sizeof(key));
}

void cookies_look(struct daemon *d, sg_time now)
{
	if (now < d->cookies.at)
		return;
	d->cookies.at = now + COOKIES_LOOK;
	if (d->cookies.path)
		cookies_reread(d, now);
	for (struct attachment *a = d->first; a; a = a->next) {
		front_cookie_clock(a->front);
		if (!d->cookies.path)
			cookies_renew(a, now);
		if (now >= a->key_forget_at) {
			front_cookie_previous(a->front, &(struct sg_key){{0, 0}});
			a->key_forget_at = SG_NEVER;
		}
	}
}

__u32 cookies_fingerprint(const struct attachment *a)
{
	static const __u64 text[] = {0x7265676e6966ULL}; /* "finger" */
	const struct sg_cookie_keys *k = &a->front->keys.cookie;

	return (__u32)sg_siphash(&k->key[k->current & 1], text, 1);
}
