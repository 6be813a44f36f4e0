// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/*
 * Channels that are kept up.  Each has an address of its own, a hop whose
 * route is the encryptor in use: a new channel is made beside the old one, the
 * hop is turned to it in one step, and the old one ends when the new one has
 * verified something from the peer.
 *
 *	fresh	handshake done, a probe is under way
 *	now	what the address leads to
 *	old	the one before, for what is still under way
 *
 * What a later process needs to go on with them is in a file: nothing secret.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <sodium.h>

#include "config/config.h"
#include "config/policy.h"
#include "core/base.h"
#include "core/clock.h"
#include "core/daemon.h"
#include "core/log.h"
#include "core/loop.h"
#include "core/service.h"
#include "core/state.h"
#include "core/wanted.h"
#include "core/who.h"
#include "handshake/channels.h"
#include "handshake/keys.h"
#include "handshake/permits.h"
#include "handshake/session.h"
#include "services/keep.h"
#include "services/links.h"
#include "identity.h"
#include "nl.h"
#include "peer.h"

#define STATE_FILE	"channels"
#define FP_LEN		16	/* bytes of a section's fingerprint */
#define CHECK_MS	10000
#define PROBE_MS	1000	/* until a probe is sent again */
#define SILENT_MAX	3	/* checks with a probe and nothing received */
#define LINGER_MS	10000	/* of the old one: its answers may be on their way */
#define CONFIRM_MS	5000	/* for something from the peer of a new one */
#define CONFIRM_STEPS	8	/* to the longest pause between those without it */
#define CLAIM_MS	1000	/* until an address that is taken is tried again */
#define RENEW_EARLY	60	/* seconds before the peer's key expires */
#define BACKOFF_STEPS	20
#define BACK_STEPS	6
#define NEST_MAX	8
#define LINE_MAX_LEN	2048

/**
 * struct held - a channel of a kept one
 * @id: of the kernel's, 0: there is none
 * @encryptor: its address
 * @peer: the peer's identifier
 * @policy: what the peer was trusted by
 * @rule: rule of @policy, NULL: its identifier
 * @expires: end of that trust
 * @made: when, by age_seconds()
 * @verified: something from the peer has verified
 * @short_lived: that end was near when it was made
 * @suspect: what is sent into it may get nowhere
 * @via: number of the route that it was made by
 */
struct held {
	uint32_t id;
	struct ockam_path encryptor;
	uint8_t peer[IDENT_ID_LEN];
	struct policy *policy;
	const struct trust_rule *rule;
	uint64_t expires;
	uint64_t made;
	bool verified;
	bool short_lived;
	bool suspect;
	unsigned int via;
};

/**
 * struct keep - a channel that is kept up
 * @entry: list
 * @conf: its section, copied
 * @fresh: see above
 * @now: see above
 * @old: see above
 * @link: link that @now goes over in the end, 0: not known
 * @connects: how often that had come up
 * @rx_msgs: what @now had received at the last check
 * @silent: checks without anything received
 * @ours: we have made the hop that is its address
 * @taken: somebody else has its address
 * @claim_at: when it is tried again
 * @wanted: a new channel is to be made
 * @trying: a handshake is under way
 * @at: number of the route that is tried, or will be
 * @first: the route that is tried first when a new one is wanted
 * @back_at: when a route before the one in use is tried again
 * @backs: how often such a one was taken, since the first one has lasted
 * @hurry: it is in vain, and the next one need not wait
 * @given_up: it is not made again
 * @next_try: when, milliseconds
 * @probe_at: when a probe for @fresh is sent again
 * @probe_until: when @fresh is given up
 * @probe_next: when @now is probed again at the earliest
 * @confirm_at: when something of the peer's has to have come in @now
 * @unconfirmed: channels in a row in which nothing did
 * @old_until: when @old ends, 0: not before @now has verified something
 * @stale: @now was made for another route or identity than the section's
 * @fails: attempts in a row that led to nothing lasting
 * @attempts: handshakes begun
 * @made: channels made
 * @why: the last attempt led to nothing
 * @w: for people
 */
struct keep {
	TAILQ_ENTRY(keep) entry;
	struct wanted w;
	struct conf_channel conf;
	struct held fresh;
	struct held now;
	struct held old;
	uint32_t link;
	uint64_t connects;
	uint64_t rx_msgs;
	unsigned int silent;
	bool ours;
	bool taken;
	uint64_t claim_at;
	bool wanted;
	bool trying;
	unsigned int at;
	unsigned int first;
	uint64_t back_at;
	unsigned int backs;
	bool hurry;
	bool given_up;
	uint64_t next_try;
	uint64_t probe_at;
	uint64_t probe_until;
	uint64_t probe_next;
	uint64_t confirm_at;
	unsigned int unconfirmed;
	uint64_t old_until;
	bool stale;
	unsigned int fails;
	uint64_t attempts;
	uint64_t made;
	char *why;
};

static const struct wanted_kind keep_kind = { .word = "channel" };
static TAILQ_HEAD(, keep) keeps = TAILQ_HEAD_INITIALIZER(keeps);
static struct ockam_path nowhere;
static uint64_t next_check;

static void probe_readable(struct watch *w, uint32_t events);
static struct keep *find(const struct ockam_path *address);

static struct watch probe = { .fd = -1, .fn = probe_readable };

/* ---- the address ---- */

/* Nobody can bind such a name, so nobody gets what is meant for the peer. */
static void make_nowhere(void)
{
	uint8_t raw[OCKAM_RANDOM_LEN / 2];

	randombytes_buf(raw, sizeof(raw));
	nowhere.nhops = 1;
	nowhere.len = 2 + OCKAM_RANDOM_LEN;
	nowhere.hops[0] = OCKAM_TYPE_LOCAL;
	nowhere.hops[1] = OCKAM_RANDOM_LEN;
	sodium_bin2hex((char *)nowhere.hops + 2, sizeof(nowhere.hops) - 2,
		       raw, sizeof(raw));
}

static void hop_key(const struct keep *k, struct ockam_nl_hop *hop)
{
	memset(hop, 0, sizeof(*hop));
	ockam_nl_mark(hop, OCKAM_A_HOP_ADDRESS);
	hop->address.len = k->conf.address.len;
	memcpy(hop->address.data, k->conf.address.hops, hop->address.len);
}

static const struct ockam_path *target(const struct keep *k)
{
	return k->now.id ? &k->now.encryptor : &nowhere;
}

/* Errors that say that there is something else at the address. */
static bool is_taken(int err)
{
	return err == -EADDRINUSE || err == -EEXIST;
}

/*
 * A hop that we have not made is somebody's, and stays as it is: what its users
 * send is not for our peer.
 */
static int point(struct keep *k)
{
	const struct ockam_path *to = target(k);
	static struct ockam_nl_hop hop;
	bool told = k->taken;
	int err = -ENOENT;

	hop_key(k, &hop);
	ockam_nl_mark(&hop, OCKAM_A_HOP_SCOPE);
	ockam_nl_mark(&hop, OCKAM_A_HOP_ROUTE);
	hop.scope = OCKAM_ACCEPT_LOCAL;
	hop.route.len = to->len;
	memcpy(hop.route.data, to->hops, to->len);
	if (k->ours)
		err = ockam_nl_hop_set(the.nl, &hop);
	if (err == -ENOENT)
		err = ockam_nl_hop_new(the.nl, &hop);
	k->ours = !err || (k->ours && !is_taken(err));
	k->taken = is_taken(err);
	if (k->taken)
		k->claim_at = now_ms() + CLAIM_MS;
	if (err)
		wanted_fail(&k->w, "its address%s: %s",
			    k->taken ? " is somebody else's" : "",
			    ockam_nl_error(the.nl));
	if (err && !told)
		log_error("channel %s: its address%s: %s", k->conf.name,
			  k->taken ? " is somebody else's" : "",
			  ockam_nl_error(the.nl));
	else if (!err && told)
		log_info("channel %s: its address is free", k->conf.name);
	return err;
}

static bool is_pointed(const struct keep *k)
{
	const struct ockam_path *to = target(k);
	static struct ockam_nl_hop hop;

	hop_key(k, &hop);
	return !ockam_nl_hop_get(the.nl, &hop) &&
	       hop.scope == OCKAM_ACCEPT_LOCAL && hop.route.len == to->len &&
	       !memcmp(hop.route.data, to->hops, to->len);
}

static void remove_address(const struct keep *k)
{
	static struct ockam_nl_hop hop;

	if (!k->ours)
		return;
	hop_key(k, &hop);
	ockam_nl_hop_del(the.nl, &hop);
}

/* ---- channels ---- */

static void held_clear(struct held *h)
{
	policy_put(h->policy);
	memset(h, 0, sizeof(*h));
}

static void held_move(struct held *to, struct held *from)
{
	held_clear(to);
	*to = *from;
	memset(from, 0, sizeof(*from));
}

/* Ends it, and tells the peer. */
static void held_end(struct held *h)
{
	if (h->id)
		channels_delete(h->id);
	held_clear(h);
}

static int get_channel(uint32_t id, struct ockam_nl_channel *ch)
{
	memset(ch, 0, sizeof(*ch));
	ch->id = id;
	ockam_nl_mark(ch, OCKAM_A_CHANNEL_ID);
	return ockam_nl_channel_get(the.nl, ch);
}

static int get_link(uint32_t id, struct ockam_nl_link *link)
{
	memset(link, 0, sizeof(*link));
	link->id = id;
	ockam_nl_mark(link, OCKAM_A_LINK_ID);
	return ockam_nl_link_get(the.nl, link);
}

/* The link that carries a channel, through those that it is nested in. */
static uint32_t carrier_of(uint32_t id)
{
	static struct ockam_nl_channel ch;
	int i;

	for (i = 0; i < NEST_MAX; i++) {
		if (get_channel(id, &ch))
			return 0;
		if (ch.carrier_kind == OCKAM_ORIGIN_LINK)
			return ch.carrier;
		if (ch.carrier_kind != OCKAM_ORIGIN_CHANNEL)
			return 0;
		id = ch.carrier;
	}
	return 0;
}

static void note_link(struct keep *k)
{
	struct ockam_nl_link link;

	k->link = k->now.id ? carrier_of(k->now.id) : 0;
	k->connects = 0;
	if (k->link && !get_link(k->link, &link))
		k->connects = link.connects;
}

/* ---- the file ---- */

/* What a channel was made for; another section needs another channel. */
static void fingerprint(const struct conf_channel *conf, uint8_t fp[FP_LEN])
{
	const struct trust_policy *p = &conf->policy->trust;
	crypto_generichash_state st;
	size_t i;

	crypto_generichash_init(&st, NULL, 0, FP_LEN);
	crypto_generichash_update(&st, (const uint8_t *)conf->identity,
				  strlen(conf->identity) + 1);
	for (i = 0; i < conf->n_route; i++) {
		const struct ockam_path *r = &conf->route[i];

		crypto_generichash_update(&st, (const uint8_t *)&r->len,
					  sizeof(r->len));
		crypto_generichash_update(&st, r->hops, r->len);
	}
	crypto_generichash_update(&st, (const uint8_t *)&conf->owner,
				  sizeof(conf->owner));
	crypto_generichash_update(&st, (const uint8_t *)&conf->shared, 1);
	crypto_generichash_update(&st, (const uint8_t *)&p->kind,
				  sizeof(p->kind));
	for (i = 0; i < p->n; i++)
		crypto_generichash_update(&st, p->ids[i], sizeof(p->ids[i]));
	for (i = 0; i < p->n_rules; i++) {
		const struct trust_rule *r = &p->rules[i];

		crypto_generichash_update(&st, r->authority,
					  sizeof(r->authority));
		crypto_generichash_update(&st, (const uint8_t *)&r->attr.name_len,
					  sizeof(r->attr.name_len));
		crypto_generichash_update(&st, r->attr.name, r->attr.name_len);
		crypto_generichash_update(&st, (const uint8_t *)&r->attr.value_len,
					  sizeof(r->attr.value_len));
		crypto_generichash_update(&st, r->attr.value,
					  r->attr.value_len);
	}
	crypto_generichash_final(&st, fp, FP_LEN);
}

/* Number of the same rule in the section's policy, -1: there is none. */
static int rule_number(const struct trust_policy *p,
		       const struct trust_rule *rule)
{
	struct trust_policy one = { .n_rules = 1 };
	size_t i;

	for (i = 0; rule && i < p->n_rules; i++) {
		one.rules = &p->rules[i];
		if (trust_policy_has(&one, rule))
			return i;
	}
	return -1;
}

static void write_encryptor(const struct held *h,
			    char text[2 * OCKAM_ADDR_MAX + 1])
{
	strcpy(text, "-");
	if (h->id)
		sodium_bin2hex(text, 2 * OCKAM_ADDR_MAX + 1,
			       h->encryptor.hops + 2, h->encryptor.hops[1]);
}

static void save_one(FILE *f, const struct keep *k)
{
	char enc[2 * OCKAM_ADDR_MAX + 1], old[2 * OCKAM_ADDR_MAX + 1];
	char name[2 * OCKAM_ADDR_MAX + 1];
	const struct held *h = &k->now;
	uint8_t raw[FP_LEN];
	char fp[2 * FP_LEN + 1];

	/* One that was made for another route or identity is not taken over. */
	memset(raw, 0, sizeof(raw));
	if (!k->stale)
		fingerprint(&k->conf, raw);
	sodium_bin2hex(fp, sizeof(fp), raw, sizeof(raw));
	sodium_bin2hex(name, sizeof(name), k->conf.address.hops + 2,
		       k->conf.address.hops[1]);
	write_encryptor(h, enc);
	write_encryptor(&k->old, old);
	fprintf(f, "%s %s %u %s %s %" PRIu64 " %d %" PRIu64 " %u %" PRIu64 " %u %s %u\n",
		name, fp, h->id, enc, id_text(h->peer), h->expires,
		rule_number(&k->conf.policy->trust, h->rule), h->made,
		k->link, k->connects, k->old.id, old, h->via);
}

static void save(void)
{
	struct keep *k;
	FILE *f;

	if (TAILQ_EMPTY(&keeps)) {
		state_remove(STATE_FILE);
		return;
	}
	f = state_write(STATE_FILE);
	if (!f)
		return;
	/* Addresses in the file are ours. */
	TAILQ_FOREACH(k, &keeps, entry)
		if (!k->taken || k->now.id || k->old.id)
			save_one(f, k);
	state_commit(f, STATE_FILE);
}

/**
 * struct saved - a line of the file
 * @address: of the kept channel
 * @fp: fingerprint of its section
 * @now: the channel in use
 * @rule: number of the rule it was trusted by, -1: its identifier
 * @link: link it goes over
 * @connects: how often that had come up
 * @old: the one before
 */
struct saved {
	struct ockam_path address;
	uint8_t fp[FP_LEN];
	struct held now;
	int rule;
	uint32_t link;
	uint64_t connects;
	struct held old;
};

static bool read_address(const char *hex, struct ockam_path *path)
{
	size_t len;

	if (sodium_hex2bin(path->hops + 2, OCKAM_ADDR_MAX, hex, strlen(hex),
			   NULL, &len, NULL) || !len)
		return false;
	path->hops[0] = OCKAM_TYPE_LOCAL;
	path->hops[1] = len;
	path->len = 2 + len;
	path->nhops = 1;
	return true;
}

static bool read_line(const char *line, struct saved *s)
{
	char name[2 * OCKAM_ADDR_MAX + 1], fp[2 * FP_LEN + 1];
	char enc[2 * OCKAM_ADDR_MAX + 1], old[2 * OCKAM_ADDR_MAX + 1];
	char peer[IDENT_ID_TEXT_LEN + 1];
	size_t len;

	memset(s, 0, sizeof(*s));
	/* Of an earlier version: without the last one. */
	if (sscanf(line, "%510s %32s %u %510s %65s %" SCNu64 " %d %" SCNu64
		   " %u %" SCNu64 " %u %510s %u",
		   name, fp, &s->now.id, enc, peer, &s->now.expires, &s->rule,
		   &s->now.made, &s->link, &s->connects, &s->old.id, old,
		   &s->now.via) < 12)
		return false;
	if (!read_address(name, &s->address) ||
	    sodium_hex2bin(s->fp, FP_LEN, fp, strlen(fp), NULL, &len, NULL) ||
	    len != FP_LEN || ident_id_parse(peer, s->now.peer))
		return false;
	return (!s->now.id || read_address(enc, &s->now.encryptor)) &&
	       (!s->old.id || read_address(old, &s->old.encryptor));
}

/* ---- what leads to a new one ---- */

static uint64_t backoff(const struct keep *k)
{
	unsigned int steps = k->fails < BACKOFF_STEPS ? k->fails :
							BACKOFF_STEPS;
	uint64_t ms = (uint64_t)k->conf.retry_min_ms << steps;

	if (ms > k->conf.retry_max_ms)
		ms = k->conf.retry_max_ms;
	/* Half of it by chance, so that not all come at once. */
	return ms / 2 + randombytes_uniform(ms / 2 + 1);
}

static void attempt(struct keep *k);

/* One that lasted has made up for what it took to get it. */
static bool lasted(const struct keep *k)
{
	uint64_t now = age_seconds();

	return k->now.id && now > k->now.made &&
	       (now - k->now.made) * 1000 >= k->conf.retry_max_ms;
}

static void want(struct keep *k, const char *why)
{
	if (k->wanted || k->given_up)
		return;
	if (lasted(k))
		k->fails = 0;
	k->given_up = !k->conf.recreate && k->made;
	log_info("channel %s: %s%s", k->conf.name, why,
		 k->given_up ? "" : ", a new one is made");
	wanted_fail(&k->w, "%s", why);
	if (k->given_up)
		return;
	k->wanted = true;
	if (!k->trying)
		k->at = k->first;
	k->first = 0;
	k->next_try = now_ms();
	if (k->fails)
		k->next_try += backoff(k);
	if (!k->trying && !k->fresh.id && !k->taken && k->next_try <= now_ms())
		attempt(k);
}

/* Because there is something wrong with the one in use. */
static void suspect(struct keep *k, const char *why)
{
	k->now.suspect = true;
	/* Who makes us do so again and again shall not set the pace. */
	if (!k->wanted && !lasted(k))
		k->fails++;
	want(k, why);
}

static uint64_t back_pause(const struct keep *k)
{
	return (uint64_t)k->conf.retry_max_ms <<
	       (k->backs < BACK_STEPS ? k->backs : BACK_STEPS);
}

/* All of them in a row, then a pause. */
static void back_failed(struct keep *k)
{
	k->at = k->at + 1 < k->now.via ? k->at + 1 : 0;
	k->back_at = now_ms() + (k->at ? 0 : back_pause(k));
}

/* Another one is tried at once; the pause is behind the last. */
static bool next_route(struct keep *k, const char *why)
{
	const struct ockam_path *route = &k->conf.route[k->at];

	k->at = (k->at + 1) % k->conf.n_route;
	if (!k->at)
		return false;
	k->next_try = now_ms();
	log_info("channel %s: attempt %" PRIu64 ", by %s: %s; the next route is tried",
		 k->conf.name, k->attempts, route_text(route), why);
	return true;
}

static void failed(struct keep *k, const char *why)
{
	uint64_t ms;

	/* This was only to have a better way than one that works. */
	if (!k->wanted) {
		back_failed(k);
		return;
	}
	free(k->why);
	k->why = strdup(why);
	wanted_fail(&k->w, "%s", why);
	if (next_route(k, why))
		return;
	k->fails++;
	ms = backoff(k);
	k->next_try = now_ms() + ms;
	log_info("channel %s: attempt %" PRIu64 ": %s; the next one in %" PRIu64 " ms",
		 k->conf.name, k->attempts, why, ms);
}

void keep_failed(struct keep *k, const char *why)
{
	k->trying = false;
	failed(k, why);
	if (k->hurry)
		k->next_try = now_ms();
	k->hurry = false;
}

static void attempt(struct keep *k)
{
	struct initiate in = {
		.route = k->conf.route[k->at],
		.identity = k->conf.identity,
		.policy = k->conf.policy,
		.owner = k->conf.owner,
		.gid = -1,
		.shared = k->conf.shared,
		.timeout_ms = k->conf.timeout_ms,
		.keep = k,
		.name = &k->conf.address,
	};
	const char *why;
	int err;

	if (!k->wanted)
		log_debug("channel %s: is there a better way, by %s?",
			  k->conf.name, route_text(&in.route));
	k->attempts++;
	in.self = keys_find(k->conf.identity);
	if (!in.self) {
		failed(k, "the identity has no usable key");
		return;
	}
	k->trying = true;
	err = session_initiate(&in, &why);
	if (!err)
		return;
	k->trying = false;
	failed(k, why);
}

/* ---- a new one ---- */

static bool send_probe(const struct held *h, const struct keep *k)
{
	struct ockam_path to = h->encryptor;
	uint8_t text[16];

	randombytes_buf(text, sizeof(text));
	return !ockam_path_join(&to, &k->conf.probe) &&
	       ockam_send_path(probe.fd, &to, text, sizeof(text)) >= 0;
}

/* What is sent there is for nobody. */
static void probe_readable(struct watch *w, uint32_t events)
{
	static struct ockam_info info;
	uint8_t buf[16];

	(void)events;
	ockam_recv(w->fd, buf, sizeof(buf), &info, 0);
}

/* Is a route's first address that of another kept channel? */
static bool begins_with(const struct ockam_path *route,
			const struct ockam_path *address)
{
	return path_first(route) == address->len &&
	       !memcmp(route->hops, address->hops, address->len);
}

static bool is_inner(const struct keep *k, const struct ockam_path *address)
{
	size_t i;

	/* What is under way goes its own way. */
	if (k->trying)
		return begins_with(&k->conf.route[k->at], address);
	for (i = 0; i < k->conf.n_route; i++)
		if (begins_with(&k->conf.route[i], address))
			return true;
	return false;
}

/* Those that are reached through the address of this one. */
static void kick_inner(const struct keep *outer)
{
	const struct ockam_path *a = &outer->conf.address;
	struct keep *k;

	TAILQ_FOREACH(k, &keeps, entry) {
		if (k == outer || !is_inner(k, a))
			continue;
		k->back_at = now_ms();
		if (!k->wanted)
			continue;
		/* What is under way went the old way. */
		k->hurry = k->trying;
		sessions_expire_keep(k);
		k->next_try = now_ms();
	}
}

/*
 * The peer may not have got M3, or not have taken it, and what is sent gets nowhere
 * then.  Not each peer says that it has: one that never says anything is asked again
 * and again, less and less often.
 */
static uint64_t patience(const struct keep *k)
{
	unsigned int n = k->unconfirmed < BACKOFF_STEPS ? k->unconfirmed :
							  BACKOFF_STEPS;
	uint64_t ms = (uint64_t)CONFIRM_MS << n;
	uint64_t most = (uint64_t)k->conf.retry_max_ms * CONFIRM_STEPS;

	if (most < CONFIRM_MS)
		most = CONFIRM_MS;
	return ms < most ? ms : most;
}

static void unconfirmed(struct keep *k)
{
	k->unconfirmed++;
	k->confirm_at = now_ms() + patience(k);
	/* Keys were agreed by that route, and nothing else came. */
	k->first = (k->now.via + 1) % k->conf.n_route;
	want(k, "its peer has not confirmed it");
}

static void verified(struct keep *k)
{
	k->now.verified = true;
	k->unconfirmed = 0;
	if (k->old.id && !k->old_until)
		k->old_until = now_ms() + LINGER_MS;
}

/* @fresh is good: what is sent from now on goes through it. */
static void promote(struct keep *k)
{
	struct held victim = { 0 };

	/* Of two, the one that is known to work is the one to keep. */
	if (k->old.id && !k->now.verified) {
		held_move(&victim, &k->now);
	} else if (k->now.id) {
		held_move(&victim, &k->old);
		held_move(&k->old, &k->now);
	}
	/* Better ones that do not last are taken less and less often. */
	if (k->old.id && k->fresh.via < k->old.via)
		k->backs++;
	held_move(&k->now, &k->fresh);
	k->back_at = now_ms() + back_pause(k);
	k->old_until = 0;
	k->wanted = false;
	k->stale = false;
	k->silent = 0;
	k->rx_msgs = 0;
	k->made++;
	k->confirm_at = now_ms() + patience(k);
	if (k->now.verified)
		verified(k);
	note_link(k);
	/* The address first: nothing is sent to a name that is free. */
	point(k);
	held_end(&victim);
	save();
	kick_inner(k);
	services_channel_used(k->now.id);
	log_info("channel %s: leads to channel %u now%s%s", k->conf.name,
		 k->now.id, k->conf.n_route > 1 ? ", by " : "",
		 k->conf.n_route > 1 ?
		 route_text(&k->conf.route[k->now.via]) : "");
}

/* So a new one need not be used before it is known to work. */
static bool now_works(const struct keep *k)
{
	return k->now.id && k->now.verified && !k->now.suspect && !k->stale;
}

void keep_done(struct keep *k, const struct made *made)
{
	struct held *h = &k->fresh;
	struct ockam_nl_channel ch;

	k->trying = false;
	k->hurry = false;
	held_end(h);
	h->id = made->channel;
	h->encryptor = made->encryptor;
	memcpy(h->peer, made->peer, sizeof(h->peer));
	h->policy = policy_get(made->policy);
	h->rule = made->rule;
	h->expires = made->expires;
	h->made = age_seconds();
	h->via = k->at;
	h->short_lived = h->expires <= now_seconds() + 2 * RENEW_EARLY;
	/* It may have been quick. */
	if (!get_channel(h->id, &ch) && ch.rx_msgs)
		h->verified = true;
	if (h->verified || (!k->conf.probe.nhops && !now_works(k))) {
		promote(k);
		return;
	}
	k->probe_until = now_ms() + (k->conf.probe.nhops ? k->conf.timeout_ms :
							   CONFIRM_MS);
	k->probe_at = now_ms() + PROBE_MS;
	if (k->conf.probe.nhops)
		send_probe(h, k);
}

/* ---- what happens to those that there are ---- */

static struct keep *keep_of(uint32_t id, struct held **h)
{
	struct keep *k;

	TAILQ_FOREACH(k, &keeps, entry) {
		if (k->now.id == id)
			*h = &k->now;
		else if (k->old.id == id)
			*h = &k->old;
		else if (k->fresh.id == id)
			*h = &k->fresh;
		else
			continue;
		return k;
	}
	return NULL;
}

uint32_t keep_channel(const struct ockam_path *address)
{
	const struct keep *k = find(address);

	return k ? k->now.id : 0;
}

bool keep_uses(uint32_t id)
{
	struct held *h;
	struct keep *k = id ? keep_of(id, &h) : NULL;

	return k && h == &k->now;
}

/* To the one before, if that may still work; if not, to nowhere. */
static void fall_back(struct keep *k)
{
	if (k->old.id && !k->old.suspect)
		held_move(&k->now, &k->old);
	k->old_until = 0;
}

void keeps_lost(uint32_t id, const char *why)
{
	struct held *h;
	struct keep *k;

	k = id ? keep_of(id, &h) : NULL;
	if (!k)
		return;
	if (h == &k->fresh) {
		held_clear(h);
		failed(k, why);
		return;
	}
	if (h == &k->old) {
		held_clear(h);
		save();
		return;
	}
	/* One that is lost again and again is not made without a pause. */
	k->fails = lasted(k) ? 0 : k->fails + 1;
	held_clear(h);
	fall_back(k);
	note_link(k);
	point(k);
	save();
	if (k->now.id)
		services_channel_used(k->now.id);
	want(k, why);
}

void keeps_gone(uint32_t id)
{
	keeps_lost(id, "is gone");
}

/* After a check nothing but a message from the peer has changed. */
static void on_first(struct keep *k, struct held *h)
{
	h->verified = true;
	if (h == &k->fresh)
		promote(k);
	else if (h == &k->now)
		verified(k);
}

void keep_channel_event(const struct ockam_nl_channel *ch)
{
	struct held *h;
	struct keep *k = keep_of(ch->id, &h);

	if (!k)
		return;
	if (ch->event == OCKAM_CHANNEL_EVENT_FIRST_MESSAGE)
		on_first(k, h);
	if (h != &k->now)
		return;
	if (ch->state == OCKAM_CHANNEL_STATE_STALLED)
		suspect(k, "stalled");
	else if (ch->state == OCKAM_CHANNEL_STATE_EXHAUSTED)
		suspect(k, "no nonce is left");
	else if (ch->event == OCKAM_CHANNEL_EVENT_NONCE_LIMIT)
		want(k, "few nonces are left");
}

/*
 * How many ciphertexts a dead link has taken along is not known, nor whether
 * the peer is still the one it was.  A channel that is made in vain costs one
 * handshake; one that the peer cannot follow, everything that is sent.
 */
static void on_link(const struct ockam_nl_link *link, bool gone)
{
	bool up = !gone && link->state == OCKAM_LINK_STATE_UP;
	struct keep *k;

	TAILQ_FOREACH(k, &keeps, entry) {
		if (k->now.id && k->link == link->id &&
		    (!up || link->connects != k->connects))
			suspect(k, "its link went down");
		/* No attempts at the pace of strangers who connect to us. */
		if (!up || link->mode != OCKAM_LINK_MODE_CONNECT)
			continue;
		/* Not each time that one comes up which does not last. */
		if (!k->backs)
			k->back_at = now_ms();
		if (k->wanted)
			k->next_try = now_ms();
	}
}

/* Its address is ours; who else changes it has not asked for that. */
static void on_hop(const struct ockam_nl_hop *hop)
{
	struct keep *k;

	TAILQ_FOREACH(k, &keeps, entry)
		if (k->ours && !k->taken &&
		    k->conf.address.len == hop->address.len &&
		    !memcmp(k->conf.address.hops, hop->address.data,
			    hop->address.len) && !is_pointed(k))
			point(k);
}

void keeps_object_event(const struct ockam_nl_event *ev)
{
	if (ev->kind == OCKAM_NL_LINK)
		on_link(ev->object, ev->gone);
	else if (ev->kind == OCKAM_NL_HOP)
		on_hop(ev->object);
}

/* Its peer may have shown credentials that last longer. */
static void note_trust(struct keep *k)
{
	const struct permit *p = permits_find(k->now.id);
	struct held *h = &k->now;
	struct policy *before = h->policy;

	if (!p || p->expires <= h->expires)
		return;
	/* One of the process before that has no rule has no policy either. */
	h->policy = policy_get(p->policy ? p->policy : k->conf.policy);
	h->rule = p->rule;
	h->expires = p->expires;
	h->short_lived = false;
	policy_put(before);
	save();
}

/* Events may have been lost, and not everything is one. */
static void check_channel(struct keep *k)
{
	static struct ockam_nl_channel ch;
	struct ockam_nl_link link;
	uint32_t carrier;
	int err;

	err = get_channel(k->now.id, &ch);
	if (err == -ENOENT || (!err &&
			       ch.state == OCKAM_CHANNEL_STATE_CLOSED)) {
		keeps_lost(k->now.id, "is gone");
		return;
	}
	if (err)
		return;
	if (ch.rx_msgs && !k->now.verified)
		verified(k);
	if (ch.state != OCKAM_CHANNEL_STATE_UP)
		suspect(k, "cannot be used any more");
	carrier = carrier_of(k->now.id);
	if (k->link && carrier &&
	    (carrier != k->link || get_link(k->link, &link) ||
	     link.connects != k->connects))
		suspect(k, "its link went down");
	else if (carrier && !k->link)
		note_link(k);
	if (k->conf.max_age && age_seconds() >= k->now.made + k->conf.max_age)
		want(k, "is old");
	note_trust(k);
	/* A peer that only has this key left gives no longer-lived channel. */
	if (!k->now.short_lived &&
	    now_seconds() + RENEW_EARLY >= k->now.expires)
		want(k, "the trust in its peer is about to expire");
	if (!k->conf.probe.nhops)
		return;
	if (ch.rx_msgs != k->rx_msgs) {
		k->rx_msgs = ch.rx_msgs;
		k->silent = 0;
		return;
	}
	/* Not each time that events were lost, or with each reload. */
	if (now_ms() < k->probe_next)
		return;
	k->probe_next = now_ms() + CHECK_MS / 2;
	if (k->silent++ >= SILENT_MAX)
		suspect(k, "the peer does not answer");
	send_probe(&k->now, k);
}

static void check(struct keep *k)
{
	static struct ockam_nl_channel ch;

	if (k->old.id && get_channel(k->old.id, &ch) == -ENOENT)
		held_clear(&k->old);
	if (k->fresh.id && !get_channel(k->fresh.id, &ch) && ch.rx_msgs)
		on_first(k, &k->fresh);
	if (k->now.id)
		check_channel(k);
	if (!k->taken && !is_pointed(k))
		point(k);
}

int keeps_check(void)
{
	struct keep *k;

	TAILQ_FOREACH(k, &keeps, entry)
		check(k);
	return 0;
}

static void tick_fresh(struct keep *k, uint64_t now)
{
	/* A better way is one that is known to work: what there is does. */
	if (now >= k->probe_until && !k->wanted && now_works(k)) {
		held_end(&k->fresh);
		failed(k, "the peer has not confirmed it");
		return;
	}
	/* Its peer may be one that confirms nothing. */
	if (now >= k->probe_until && !k->conf.probe.nhops) {
		promote(k);
		return;
	}
	if (now >= k->probe_until) {
		held_end(&k->fresh);
		failed(k, "the probe was not answered");
		return;
	}
	if (now < k->probe_at || !k->conf.probe.nhops)
		return;
	k->probe_at = now + PROBE_MS;
	send_probe(&k->fresh, k);
}

/*
 * The one in use works, by a route that is not the preferred one.  Those before it are
 * tried, one after another; what comes of that is used when it is known to work.
 */
static void look_back(struct keep *k, uint64_t now)
{
	if (!k->now.via) {
		if (k->backs && lasted(k))
			k->backs = 0;
		return;
	}
	if (now < k->back_at || !k->conf.recreate)
		return;
	if (k->at >= k->now.via)
		k->at = 0;
	attempt(k);
}

static void tell(struct keep *k)
{
	wanted_is(&k->w, k->now.id && !k->taken, k->fails,
		  k->taken ? k->claim_at :
		  k->wanted && !k->trying ? k->next_try : 0);
}

void keeps_tick(void)
{
	uint64_t now = now_ms();
	struct keep *k;

	if (now >= next_check) {
		next_check = now + CHECK_MS;
		keeps_check();
	}
	TAILQ_FOREACH(k, &keeps, entry) {
		if (k->taken && now >= k->claim_at && !point(k))
			save();
		if (k->now.id && !k->now.verified && now >= k->confirm_at)
			unconfirmed(k);
		if (k->fresh.id)
			tick_fresh(k, now);
		else if (k->wanted && !k->trying && !k->taken &&
			 now >= k->next_try)
			attempt(k);
		else if (k->now.id && !k->wanted && !k->trying && !k->taken)
			look_back(k, now);
		if (k->old.id && k->old_until && now >= k->old_until) {
			log_info("channel %s: channel %u ends", k->conf.name,
				 k->old.id);
			held_end(&k->old);
			save();
		}
		tell(k);
	}
}

/* ---- configuration ---- */

static bool same_trust(const struct held *h, const struct conf_channel *conf)
{
	const struct trust_policy *p = &conf->policy->trust;

	return trust_policy_allows(p, h->peer) ||
	       (h->rule && trust_policy_has(p, h->rule));
}

static void own(const struct held *h, const struct conf_channel *conf)
{
	struct ockam_nl_channel ch = { .id = h->id };

	if (!h->id)
		return;
	ockam_nl_mark(&ch, OCKAM_A_CHANNEL_ID);
	ockam_nl_mark(&ch, OCKAM_A_CHANNEL_OWNER);
	ockam_nl_mark(&ch, OCKAM_A_CHANNEL_MODE);
	ch.owner = conf->owner;
	ch.mode = conf->shared ? 0666 : 0600;
	if (ockam_nl_channel_set(the.nl, &ch))
		log_error("channel %u: %s", h->id, ockam_nl_error(the.nl));
}

static void end_untrusted(struct keep *k, struct held *h,
			  const struct conf_channel *conf)
{
	struct held victim = { 0 };

	if (!h->id || same_trust(h, conf))
		return;
	log_info("channel %s: channel %u is closed: the peer is not trusted any more",
		 k->conf.name, h->id);
	held_move(&victim, h);
	if (h == &k->now) {
		fall_back(k);
		point(k);
	}
	held_end(&victim);
}

static void stop_trying(struct keep *k)
{
	if (k->trying)
		sessions_forget_keep(k);
	k->trying = false;
	held_end(&k->fresh);
}

static bool same_section(const struct conf_channel *a,
			 const struct conf_channel *b)
{
	uint8_t fa[FP_LEN], fb[FP_LEN];

	fingerprint(a, fa);
	fingerprint(b, fb);
	return !memcmp(fa, fb, FP_LEN);
}

static bool same_routes(const struct conf_channel *a,
			const struct conf_channel *b)
{
	size_t i;

	for (i = 0; i < a->n_route && i < b->n_route; i++)
		if (!path_equal(&a->route[i], &b->route[i]))
			return false;
	return a->n_route == b->n_route;
}

static void change(struct keep *k, const struct conf_channel *conf)
{
	bool same = same_section(&k->conf, conf);
	bool way = strcmp(k->conf.identity, conf->identity) ||
		   !same_routes(&k->conf, conf);

	if (!same) {
		stop_trying(k);
		own(&k->now, conf);
		own(&k->old, conf);
		end_untrusted(k, &k->old, conf);
		end_untrusted(k, &k->now, conf);
		/* These numbers are of other routes. */
		k->first = 0;
		k->now.via = 0;
		k->old.via = 0;
		k->at = 0;
	}
	conf_channel_clear(&k->conf);
	conf_channel_copy(&k->conf, conf);
	k->w.name = k->conf.name;
	if (!same || conf->recreate)
		k->given_up = false;
	if (same && (k->now.id || k->given_up))
		return;
	k->fails = 0;
	/* A section that was changed asks for it once more. */
	if (!same)
		k->made = 0;
	if (k->now.id && !way)
		return;
	k->stale = k->now.id;
	k->wanted = false;
	want(k, "the configuration has changed");
}

static void keep_free(struct keep *k)
{
	wanted_remove(&k->w);
	held_clear(&k->fresh);
	held_clear(&k->now);
	held_clear(&k->old);
	conf_channel_clear(&k->conf);
	free(k->why);
	free(k);
}

static struct keep *add(const struct conf_channel *conf)
{
	struct keep *k = calloc(1, sizeof(*k));

	if (!k) {
		log_error("channel %s: out of memory", conf->name);
		return NULL;
	}
	conf_channel_copy(&k->conf, conf);
	wanted_add(&k->w, &keep_kind, k->conf.name);
	TAILQ_INSERT_TAIL(&keeps, k, entry);
	return k;
}

/* @c: what is in force from now on. */
static void end(struct keep *k, const struct config *c)
{
	log_info("channel %s is not kept any more", k->conf.name);
	TAILQ_REMOVE(&keeps, k, entry);
	if (k->trying)
		sessions_forget_keep(k);
	/* The address first: nothing is sent to a name that is free. */
	if (!links_has_hop(c, &k->conf.address))
		remove_address(k);
	held_end(&k->fresh);
	held_end(&k->now);
	held_end(&k->old);
	keep_free(k);
}

static struct keep *find(const struct ockam_path *address)
{
	struct keep *k;

	TAILQ_FOREACH(k, &keeps, entry)
		if (path_equal(&k->conf.address, address))
			return k;
	return NULL;
}

static const struct conf_channel *section(const struct config *c,
					  const struct ockam_path *address)
{
	size_t i;

	for (i = 0; i < c->n_channel; i++)
		if (path_equal(&c->channel[i].address, address))
			return &c->channel[i];
	return NULL;
}

/* ---- those of an earlier process ---- */

/*
 * Is the channel that the file names there, and the one that it was?  One that
 * cannot send any more still receives until there is another one.
 */
static bool is_there(const struct held *h, struct ockam_nl_channel *ch)
{
	return h->id && !get_channel(h->id, ch) &&
	       (ch->state == OCKAM_CHANNEL_STATE_UP ||
		ch->state == OCKAM_CHANNEL_STATE_STALLED ||
		ch->state == OCKAM_CHANNEL_STATE_EXHAUSTED) &&
	       ch->encryptor.len == h->encryptor.len &&
	       !memcmp(ch->encryptor.data, h->encryptor.hops,
		       ch->encryptor.len);
}

static bool can_adopt(const struct saved *s, const struct conf_channel *conf)
{
	static struct ockam_nl_channel ch;
	uint8_t fp[FP_LEN];

	fingerprint(conf, fp);
	return !memcmp(fp, s->fp, FP_LEN) && is_there(&s->now, &ch) &&
	       permits_find(s->now.id) &&
	       !memcmp(ch.identifier, s->now.peer, sizeof(s->now.peer)) &&
	       ch.owner == conf->owner;
}

static void adopt(struct keep *k, const struct saved *s)
{
	const struct trust_policy *p = &k->conf.policy->trust;
	static struct ockam_nl_channel ch;
	struct held *h = &k->now;

	*h = s->now;
	if (h->via >= k->conf.n_route)
		h->via = 0;
	k->back_at = now_ms();
	h->short_lived = h->expires <= now_seconds() + 2 * RENEW_EARLY;
	h->policy = policy_get(k->conf.policy);
	if (s->rule >= 0 && (size_t)s->rule < p->n_rules)
		h->rule = &p->rules[s->rule];
	k->link = s->link;
	k->connects = s->connects;
	k->made = 1;
	k->confirm_at = now_ms() + CONFIRM_MS;
	if (is_there(&s->old, &ch)) {
		k->old = s->old;
		/* It is only waited for: nothing else is known of it. */
		k->old.suspect = true;
		memcpy(k->old.peer, ch.identifier, sizeof(k->old.peer));
		k->old_until = now_ms() + LINGER_MS;
	}
	log_info("channel %s: channel %u is taken over", k->conf.name, h->id);
}

static void resume(const struct saved *s, const struct config *c)
{
	const struct conf_channel *conf = section(c, &s->address);
	char name[] = "of the file";
	struct keep gone = {
		.conf = { .name = name, .address = s->address },
		.ours = true,
	};
	static struct ockam_nl_channel ch;
	struct keep *k = NULL;

	if (conf && !find(&s->address))
		k = add(conf);
	if (k)
		k->ours = true;
	if (k && can_adopt(s, conf)) {
		adopt(k, s);
		return;
	}
	/* Made for something else than what is asked for now. */
	if (k)
		point(k);
	else if (!conf && !links_has_hop(c, &s->address))
		remove_address(&gone);
	if (is_there(&s->now, &ch))
		channels_delete(s->now.id);
	if (is_there(&s->old, &ch))
		channels_delete(s->old.id);
}

static void load(const struct config *c)
{
	char line[LINE_MAX_LEN];
	struct saved s;
	bool there;
	FILE *f;

	f = state_read(STATE_FILE);
	if (!f)
		return;
	/* Hops and channels of another place are not ours here. */
	there = state_same_boot(f);
	while (there && fgets(line, sizeof(line), f)) {
		if (read_line(line, &s))
			resume(&s, c);
		else
			log_warn(STATE_FILE ": a line is not understood");
	}
	fclose(f);
}

/* ---- from outside ---- */

static bool loaded;

void keeps_release(const struct config *c)
{
	struct keep *k, *next;

	TAILQ_FOREACH_SAFE(k, &keeps, entry, next)
		if (!section(c, &k->conf.address))
			end(k, c);
}

void keeps_apply(const struct config *c)
{
	struct keep *k;
	size_t i;

	if (!loaded)
		load(c);
	else
		TAILQ_FOREACH(k, &keeps, entry)
			change(k, section(c, &k->conf.address));
	loaded = true;
	for (i = 0; i < c->n_channel; i++)
		if (!find(&c->channel[i].address))
			add(&c->channel[i]);
	/* First the file, so that the next process knows the hops as its own. */
	save();
	TAILQ_FOREACH(k, &keeps, entry) {
		if (!k->ours || !is_pointed(k))
			point(k);
		if (k->now.id)
			check_channel(k);
		else if (!k->wanted && !k->given_up)
			want(k, "is not there");
	}
	save();
}

int keeps_init(void)
{
	make_nowhere();
	probe.fd = socket(ockam_family(),
			  SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (probe.fd < 0 || ockam_bind(probe.fd, NULL))
		return -errno;
	return loop_add(&probe, EPOLLIN);
}

static const char *state_of(const struct keep *k)
{
	if (k->taken)
		return "address-taken";
	if (k->now.id && !k->now.verified)
		return "unconfirmed";
	if (k->now.id)
		return k->wanted ? "renewing" : "up";
	return k->wanted ? "wanted" : "ended";
}

/* A channel that works needs no reason. */
static bool is_explained(const struct keep *k)
{
	return k->why && !k->now.verified;
}

void keeps_list(uid_t uid, bool all, FILE *f)
{
	const char *name;
	struct keep *k;

	TAILQ_FOREACH(k, &keeps, entry) {
		if (!all && k->conf.owner != uid)
			continue;
		name = k->now.id ? who_name(k->now.peer) : NULL;
		fprintf(f,
			"%s state %s channel %u encryptor %s peer %s%s%s old %u identity %s uid %u verified %s attempts %" PRIu64 " made %" PRIu64 " fails %u route %u routes %zu%s%s\n",
			route_text(&k->conf.address), state_of(k),
			k->now.id,
			k->now.id ? route_text(&k->now.encryptor) : "-",
			k->now.id ? id_text(k->now.peer) : "-",
			name ? " peer-name " : "", name ? name : "",
			k->old.id, k->conf.identity, k->conf.owner,
			k->now.verified ? "yes" : "no", k->attempts,
			k->made, k->fails + k->unconfirmed,
			k->now.id ? k->now.via + 1 : 0, k->conf.n_route,
			is_explained(k) ? " why " : "",
			is_explained(k) ? k->why : "");
	}
}

/* Addresses and channels stay, for whoever comes next. */
void keeps_end(void)
{
	struct keep *k, *next;

	TAILQ_FOREACH_SAFE(k, &keeps, entry, next) {
		/* Nobody would look after it. */
		held_end(&k->fresh);
		TAILQ_REMOVE(&keeps, k, entry);
		keep_free(k);
	}
	if (probe.fd >= 0) {
		loop_del(&probe);
		close(probe.fd);
	}
}
