// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/*
 * Room for the channels that peers make at listeners.
 *
 * A source has shares, one for each identifier that its channels are of; a share has
 * channels, those first that have been quiet for longest as far as it is known: the
 * kernel is asked now and then.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "core/base.h"
#include "core/clock.h"
#include "core/daemon.h"
#include "core/log.h"
#include "core/source.h"
#include "handshake/room.h"
#include "identity.h"
#include "nl.h"

#define BUCKETS		8192U
#define GRACE_MS	10000	/* to confirm a channel by a message */
#define IDLE_MS		60000
#define LOOKS		16	/* channels that one newcomer has looked at */
#define TICK_LOOKS	128
#define LIMIT_MS	1000	/* between questions for the node's limit */
#define RESERVE		8	/* one part of so many is not for peers */

/**
 * struct guest - a channel
 * @entry: of its share
 * @by_id: others whose id falls together with it
 * @share: whose it is
 * @id: the channel
 * @msgs: that it had received when it was looked at
 * @quiet_since: it may have received the last one then, in ms
 */
struct guest {
	TAILQ_ENTRY(guest) entry;
	LIST_ENTRY(guest) by_id;
	struct share *share;
	uint32_t id;
	uint64_t msgs;
	uint64_t quiet_since;
};

/**
 * struct share - the channels that one source has of one identifier
 * @entry: of the source
 * @host: that
 * @peer: the identifier
 * @guests: the channels
 * @n: how many
 */
struct share {
	TAILQ_ENTRY(share) entry;
	struct host *host;
	uint8_t peer[IDENT_ID_LEN];
	TAILQ_HEAD(, guest) guests;
	size_t n;
};

/**
 * struct host - the channels of one source
 * @entry: list
 * @source: the source
 * @shares: by identifier
 * @n: how many channels
 */
struct host {
	TAILQ_ENTRY(host) entry;
	struct source source;
	TAILQ_HEAD(, share) shares;
	size_t n;
};

LIST_HEAD(bucket, guest);

static TAILQ_HEAD(, host) hosts = TAILQ_HEAD_INITIALIZER(hosts);
static struct bucket ids[BUCKETS];
static size_t n_guests;
static size_t configured = SIZE_MAX;
static size_t limit = SIZE_MAX;
static uint64_t next_limit;

size_t room_used(void)
{
	return n_guests;
}

size_t room_max(void)
{
	return configured < limit ? configured : limit;
}

/* An administrator may change it at any time. */
static void ask_limit(void)
{
	static struct ockam_nl_node node;

	if (now_ms() < next_limit)
		return;
	next_limit = now_ms() + LIMIT_MS;
	memset(&node, 0, sizeof(node));
	if (ockam_nl_node_get(the.nl, &node))
		return;
	limit = node.max_channels - node.max_channels / RESERVE;
	if (limit && limit == node.max_channels)
		limit--;
}

void room_apply(size_t max)
{
	configured = max;
}

/* ---- what there is ---- */

static struct host *find_host(const struct source *src)
{
	struct host *h;

	TAILQ_FOREACH(h, &hosts, entry)
		if (source_same(&h->source, src))
			return h;
	return NULL;
}

static struct share *find_share(const struct host *h, const uint8_t *peer)
{
	struct share *s;

	if (!h)
		return NULL;
	TAILQ_FOREACH(s, &h->shares, entry)
		if (!memcmp(s->peer, peer, sizeof(s->peer)))
			return s;
	return NULL;
}

static struct guest *find_guest(uint32_t id)
{
	struct guest *g;

	LIST_FOREACH(g, &ids[id % BUCKETS], by_id)
		if (g->id == id)
			return g;
	return NULL;
}

static void drop_empty(struct host *h, struct share *s)
{
	if (s && !s->n) {
		TAILQ_REMOVE(&h->shares, s, entry);
		free(s);
	}
	if (h && !h->n) {
		TAILQ_REMOVE(&hosts, h, entry);
		free(h);
	}
}

static struct share *get_share(const struct source *src, const uint8_t *peer)
{
	struct host *h = find_host(src);
	struct share *s = find_share(h, peer);

	if (s)
		return s;
	if (!h) {
		h = calloc(1, sizeof(*h));
		if (!h)
			return NULL;
		h->source = *src;
		TAILQ_INIT(&h->shares);
		TAILQ_INSERT_TAIL(&hosts, h, entry);
	}
	s = calloc(1, sizeof(*s));
	if (!s) {
		drop_empty(h, NULL);
		return NULL;
	}
	s->host = h;
	memcpy(s->peer, peer, sizeof(s->peer));
	TAILQ_INIT(&s->guests);
	TAILQ_INSERT_TAIL(&h->shares, s, entry);
	return s;
}

void room_add(uint32_t channel, const struct source *src, const uint8_t *peer)
{
	struct guest *g = calloc(1, sizeof(*g));
	struct share *s = g ? get_share(src, peer) : NULL;

	if (!s) {
		log_error("channel %u is not counted: out of memory", channel);
		free(g);
		return;
	}
	room_gone(channel);
	g->share = s;
	g->id = channel;
	g->quiet_since = now_ms();
	TAILQ_INSERT_TAIL(&s->guests, g, entry);
	LIST_INSERT_HEAD(&ids[channel % BUCKETS], g, by_id);
	s->n++;
	s->host->n++;
	n_guests++;
}

void room_gone(uint32_t channel)
{
	struct guest *g = find_guest(channel);
	struct share *s;

	if (!g)
		return;
	s = g->share;
	TAILQ_REMOVE(&s->guests, g, entry);
	LIST_REMOVE(g, by_id);
	free(g);
	s->n--;
	s->host->n--;
	n_guests--;
	drop_empty(s->host, s);
}

/* ---- which ones are idle ---- */

/* Has it received anything since it was looked at?  Then it is the last one again. */
static bool is_active(struct guest *g)
{
	static struct ockam_nl_channel ch;

	memset(&ch, 0, sizeof(ch));
	ch.id = g->id;
	ockam_nl_mark(&ch, OCKAM_A_CHANNEL_ID);
	if (ockam_nl_channel_get(the.nl, &ch) || ch.rx_msgs == g->msgs)
		return false;
	g->msgs = ch.rx_msgs;
	g->quiet_since = now_ms();
	TAILQ_REMOVE(&g->share->guests, g, entry);
	TAILQ_INSERT_TAIL(&g->share->guests, g, entry);
	return true;
}

static bool is_quiet(const struct guest *g)
{
	return now_ms() >= g->quiet_since + (g->msgs ? IDLE_MS : GRACE_MS);
}

/*
 * The one that gives way: never confirmed by a message, or else quiet for longest.
 * @any: not only one that is really quiet.
 */
static struct guest *quietest(struct share *s, bool any, unsigned int *looks)
{
	struct guest *g;

	while ((g = TAILQ_FIRST(&s->guests)) && *looks) {
		--*looks;
		if (!is_active(g))
			break;
	}
	return g && (any || is_quiet(g)) ? g : NULL;
}

/* ---- who gives way ---- */

static struct host *largest_host(void)
{
	struct host *h, *found = NULL;

	TAILQ_FOREACH(h, &hosts, entry)
		if (!found || h->n > found->n)
			found = h;
	return found;
}

static struct share *largest_share(const struct host *h)
{
	struct share *s, *found = NULL;

	TAILQ_FOREACH(s, &h->shares, entry)
		if (!found || s->n > found->n)
			found = s;
	return found;
}

/* Of all shares of a source, each of which may have one only, in turn. */
static struct guest *any_quiet(struct host *h, unsigned int *looks)
{
	struct share *s, *next;
	struct guest *g = NULL;
	size_t n = 0;

	TAILQ_FOREACH(s, &h->shares, entry)
		n++;
	for (s = TAILQ_FIRST(&h->shares); s && n-- && *looks && !g; s = next) {
		next = TAILQ_NEXT(s, entry);
		g = quietest(s, false, looks);
		if (g)
			break;
		TAILQ_REMOVE(&h->shares, s, entry);
		TAILQ_INSERT_TAIL(&h->shares, s, entry);
	}
	return g;
}

/* The next search begins where this one ends. */
static struct guest *any_quiet_of_all(void)
{
	struct host *h = TAILQ_FIRST(&hosts), *next;
	unsigned int looks = LOOKS;
	struct guest *g = NULL;

	for (; h && looks; h = next) {
		next = TAILQ_NEXT(h, entry);
		g = any_quiet(h, &looks);
		if (g)
			break;
		TAILQ_REMOVE(&hosts, h, entry);
		TAILQ_INSERT_TAIL(&hosts, h, entry);
	}
	return g;
}

/*
 * Who has at least two more than the newcomer gives way, whatever his channels do;
 * among those who have the same, only channels that are quiet.
 */
int room_none(const struct source *src, const uint8_t *peer, uint32_t *victim)
{
	const struct host *mine = find_host(src), *h = largest_host();
	const struct share *own = find_share(mine, peer);
	unsigned int looks = LOOKS;
	struct share *s = NULL;
	struct guest *g;

	if (h && h->n > (mine ? mine->n : 0) + 1)
		s = largest_share(h);
	else if (mine)
		s = largest_share(mine);
	if (s && s->host == mine && s->n <= (own ? own->n : 0) + 1)
		s = NULL;
	g = s ? quietest(s, true, &looks) : any_quiet_of_all();
	*victim = g ? g->id : 0;
	return g ? 0 : -ENOSPC;
}

int room_for(const struct source *src, const uint8_t *peer, uint32_t *victim)
{
	*victim = 0;
	ask_limit();
	return n_guests < room_max() ? 0 : room_none(src, peer, victim);
}

/* ---- time ---- */

/* All in turn, a few at a time. */
static void look_at_some(void)
{
	static size_t bucket;
	unsigned int looks = TICK_LOOKS;
	struct guest *g;
	size_t n;

	for (n = 0; n < BUCKETS && looks; n++) {
		LIST_FOREACH(g, &ids[bucket], by_id) {
			is_active(g);
			if (looks)
				looks--;
		}
		bucket = (bucket + 1) % BUCKETS;
	}
}

void room_tick(void)
{
	static uint64_t next;

	if (now_ms() < next)
		return;
	next = now_ms() + 1000;
	if (n_guests && n_guests >= room_max() / 2)
		look_at_some();
}
