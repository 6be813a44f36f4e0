// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/* Ways: who may have us send along which route. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "core/asker.h"
#include "core/base.h"
#include "core/daemon.h"
#include "handshake/way.h"
#include "nl.h"

#define WALK_MAX	64

/* What the first address of a route is. */
enum first {
	FIRST_OTHER,
	FIRST_HOP,
	FIRST_CHANNEL,
};

/**
 * struct walk - over the hops of this node that a route begins with
 * @path: what is left of the route
 * @owner: FIRST_CHANNEL: uid of the channel
 * @shared: FIRST_CHANNEL: everybody may send through it
 * @hops: how many there were
 */
struct walk {
	struct ockam_path path;
	uid_t owner;
	bool shared;
	unsigned int hops;
};

static bool pop_first(struct ockam_path *path)
{
	size_t n = path_first(path);

	if (!n || n > path->len)
		return false;
	memmove(path->hops, path->hops + n, path->len - n);
	path->len -= n;
	path->nhops--;
	return true;
}

/* An encryptor's address? 1, 0, or a negative errno. */
static int at_channel(struct walk *w)
{
	static struct ockam_nl_channel ch;
	size_t n = path_first(&w->path);
	int err;

	if (n > 2 + OCKAM_NAME_LEN)
		return 0;
	memset(&ch, 0, sizeof(ch));
	ockam_nl_mark(&ch, OCKAM_A_CHANNEL_ENCRYPTOR);
	ch.encryptor.len = n;
	memcpy(ch.encryptor.data, w->path.hops, n);
	err = ockam_nl_channel_get(the.nl, &ch);
	if (err)
		return err == -ENOENT ? 0 : err;
	w->owner = ch.owner;
	w->shared = ch.mode & 0002;
	return 1;
}

/* What a hop puts in its place; it stays as it is if it only forwards. */
static int unfold(struct walk *w, const struct ockam_nl_hop *hop)
{
	struct ockam_path rest;
	size_t n;

	if (!pop_first(&w->path))
		return -EINVAL;
	if (!ockam_nl_has(hop, OCKAM_A_HOP_ROUTE))
		return 0;
	rest = w->path;
	w->path.len = hop->route.len;
	memcpy(w->path.hops, hop->route.data, hop->route.len);
	for (n = 0, w->path.nhops = 0; n < w->path.len; w->path.nhops++)
		n += 2 + w->path.hops[n + 1];
	return ockam_path_join(&w->path, &rest) ? -EMSGSIZE : 0;
}

static int at_hop(struct walk *w)
{
	static struct ockam_nl_hop hop;
	size_t n = path_first(&w->path);
	int err;

	if (w->path.hops[0] != OCKAM_TYPE_LOCAL)
		return 0;
	memset(&hop, 0, sizeof(hop));
	ockam_nl_mark(&hop, OCKAM_A_HOP_ADDRESS);
	hop.address.len = n;
	memcpy(hop.address.data, w->path.hops, n);
	err = ockam_nl_hop_get(the.nl, &hop);
	if (err)
		return err == -ENOENT ? 0 : err;
	err = unfold(w, &hop);
	return err ? err : 1;
}

/* To the first address that is no hop: an enum first, or a negative errno. */
static int walk(struct walk *w)
{
	int got;

	for (w->hops = 0; w->hops < WALK_MAX && w->path.nhops; w->hops++) {
		got = at_channel(w);
		if (got)
			return got < 0 ? got : FIRST_CHANNEL;
		got = at_hop(w);
		if (got <= 0)
			return got < 0 ? got : FIRST_OTHER;
	}
	return w->path.nhops ? -ELOOP : FIRST_HOP;
}

static bool may_use(const struct walk *w, const struct asker *who)
{
	return asker_is_admin(who) || w->shared || w->owner == who->uid;
}

int way_asked(const struct ockam_path *path, const struct asker *who)
{
	static struct walk w;
	int got;

	if (asker_is_admin(who))
		return 0;
	w.path = *path;
	got = walk(&w);
	if (got < 0)
		return got;
	return got == FIRST_CHANNEL && !may_use(&w, who) ? -EACCES : 0;
}

bool way_is_astray(const struct ockam_path *path, const struct asker *who)
{
	static struct walk w;

	if (asker_is_admin(who))
		return false;
	w.path = *path;
	return walk(&w) == FIRST_CHANNEL && w.hops && !may_use(&w, who);
}

static bool is_random(const struct ockam_path *path)
{
	size_t i;

	if (path->hops[1] != OCKAM_RANDOM_LEN)
		return false;
	for (i = 2; i < 2 + OCKAM_RANDOM_LEN; i++)
		if (!strchr("0123456789abcdef", path->hops[i]) ||
		    !path->hops[i])
			return false;
	return true;
}

static bool is_link(const struct ockam_path *path)
{
	size_t n = path_first(path);
	struct ockam_nl_link link;

	if (path->hops[0] != OCKAM_TYPE_LOCAL)
		return true;
	memset(&link, 0, sizeof(link));
	if (n > sizeof(link.name.data))
		return false;
	ockam_nl_mark(&link, OCKAM_A_LINK_NAME);
	link.name.len = n;
	memcpy(link.name.data, path->hops, n);
	return !ockam_nl_link_get(the.nl, &link);
}

static bool is_own_worker(const struct ockam_path *path,
			  const struct asker *who)
{
	struct ockam_nl_worker w = { 0 };
	size_t n = path_first(path);

	ockam_nl_mark(&w, OCKAM_A_WORKER_ADDRESS);
	w.address.len = n;
	memcpy(w.address.data, path->hops, n);
	return !ockam_nl_worker_get(the.nl, &w) && w.uid == who->uid;
}

int way_back(const struct ockam_path *path, bool local,
	     const struct asker *who, const char **why)
{
	static struct walk w;
	int got;

	*why = "the way back cannot be followed";
	w.path = *path;
	got = walk(&w);
	if (got < 0)
		return got;
	*why = "the way back leads through a channel of another user";
	if (got == FIRST_CHANNEL)
		return may_use(&w, who) ? 0 : -EACCES;
	*why = "the way back begins at a program of another user";
	if (local && got == FIRST_OTHER && !is_random(&w.path) &&
	    !is_link(&w.path) && !is_own_worker(&w.path, who))
		return -EACCES;
	return 0;
}

int way_came(const struct ockam_info *info, const struct asker *who,
	     const char **why)
{
	const struct ockam_sender *p = &info->peer;
	bool ours = p->origin == OCKAM_ORIGIN_LOCAL && p->uid == geteuid();

	*why = "it came through another user's socket";
	if (p->flags & OCKAM_PEER_LENT)
		return -EACCES;
	/* Our own answers of X3DH come from another socket than they name. */
	*why = "a program of this node wrote the way back";
	if (p->flags & OCKAM_PEER_FORWARDED && !ours)
		return -EACCES;
	/* Where it really came from it may be answered. */
	if (!way_is_local(info))
		return 0;
	return way_back(&info->ret, way_is_local(info), who, why);
}
