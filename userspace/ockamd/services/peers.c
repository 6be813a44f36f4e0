// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/*
 * Names of peers.  Each is an address of its own, a hop that leads to the channel
 * which the peer's identifier has: one that is kept up, or one that the peer has made
 * at a listener of the configuration.  Channels that users of this node asked for are
 * theirs, and no name follows them: otherwise each could lead it away from the others.
 *
 * Of several channels one that the peer has confirmed goes first, then the newest.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sodium.h>

#include "config/config.h"
#include "config/names.h"
#include "core/base.h"
#include "core/clock.h"
#include "core/daemon.h"
#include "core/log.h"
#include "core/state.h"
#include "core/wanted.h"
#include "handshake/permits.h"
#include "services/keep.h"
#include "services/links.h"
#include "services/peers.h"
#include "identity.h"
#include "nl.h"

#define STATE_FILE	"names"
#define FIX_MAX		64	/* channels whose rights are set at a time */

/**
 * struct way - a channel to a peer
 * @id: 0: there is none
 * @encryptor: its address
 * @confirmed: something has come from the peer
 * @accepted: a listener took it; else it is kept up
 * @owner: as the kernel has it
 * @mode: as the kernel has it
 */
struct way {
	uint32_t id;
	struct ockam_nl_address encryptor;
	bool confirmed;
	bool accepted;
	uid_t owner;
	uint32_t mode;
};

/**
 * struct peer - a name
 * @entry: list
 * @w: its address leads to where it shall
 * @conf: its section, copied
 * @way: that channel
 * @ours: we have made the hop that is its address
 * @taken: somebody else has
 */
struct peer {
	TAILQ_ENTRY(peer) entry;
	struct wanted w;
	struct conf_peer conf;
	struct way way;
	bool ours;
	bool taken;
};

static TAILQ_HEAD(, peer) peers = TAILQ_HEAD_INITIALIZER(peers);
static struct ockam_nl_address nowhere;

static struct peer *peer_of(const uint8_t id[IDENT_ID_LEN])
{
	struct peer *p;

	TAILQ_FOREACH(p, &peers, entry)
		if (!memcmp(p->conf.id, id, IDENT_ID_LEN))
			return p;
	return NULL;
}

/* ---- whose channel it is ---- */

/* Did a listener of the configuration take it? */
static bool is_accepted(const struct ockam_nl_channel *ch)
{
	const struct permit *permit = permits_find(ch->id);
	struct ockam_path at;

	if (!permit || permit->by != PERMIT_LISTENER ||
	    memcmp(permit->peer, ch->identifier, sizeof(permit->peer)))
		return false;
	at = permit_address(permit);
	return config_listener(the.config, &at);
}

/* The one before, and one that is not known to work, are not what is kept up. */
static bool is_kept(const struct ockam_nl_channel *ch)
{
	const struct permit *permit = permits_find(ch->id);

	return permit && permit->by == PERMIT_KEPT &&
	       !memcmp(permit->peer, ch->identifier, sizeof(permit->peer)) &&
	       keep_uses(ch->id);
}

/* ---- who may send through it ---- */

/* Nobody but the daemon's user without a section that says otherwise. */
static void rights_of(const struct conf_peer *conf, uid_t *owner,
		      uint32_t *mode)
{
	*owner = conf && conf->owner != (uid_t)-1 ? conf->owner : geteuid();
	*mode = conf && conf->shared ? 0666 : 0600;
}

static bool give_rights(uint32_t id, uid_t owner, uint32_t mode)
{
	struct ockam_nl_channel ch = {
		.id = id, .owner = owner, .mode = mode,
	};
	int err;

	ockam_nl_mark(&ch, OCKAM_A_CHANNEL_ID);
	ockam_nl_mark(&ch, OCKAM_A_CHANNEL_OWNER);
	ockam_nl_mark(&ch, OCKAM_A_CHANNEL_MODE);
	err = ockam_nl_channel_set(the.nl, &ch);
	if (err && err != -ENOENT)
		log_error("channel %u: who may send: %s", id,
			  ockam_nl_error(the.nl));
	return !err || err == -ENOENT;
}

/**
 * struct fix - channels with rights that no section gives them any more
 * @n: their number
 * @ch: ids and what they shall have
 */
struct fix {
	size_t n;
	struct {
		uint32_t id;
		uid_t owner;
		uint32_t mode;
	} ch[FIX_MAX];
};

static int collect_wrong(const void *object, void *arg)
{
	const struct ockam_nl_channel *ch = object;
	const struct peer *p = peer_of(ch->identifier);
	struct fix *fix = arg;
	uint32_t mode;
	uid_t owner;

	rights_of(p ? &p->conf : NULL, &owner, &mode);
	if ((ch->owner == owner && ch->mode == mode) || !is_accepted(ch))
		return 0;
	fix->ch[fix->n].id = ch->id;
	fix->ch[fix->n].owner = owner;
	fix->ch[fix->n++].mode = mode;
	return fix->n == FIX_MAX;
}

/* Of all that listeners took: a section is gone, or says something else. */
static bool fix_rights(void)
{
	struct fix fix;
	bool good = true;
	size_t i;
	int err;

	do {
		fix.n = 0;
		err = ockam_nl_dump(the.nl, OCKAM_NL_CHANNEL, NULL,
				    collect_wrong, &fix);
		for (i = 0; i < fix.n; i++)
			good &= give_rights(fix.ch[i].id, fix.ch[i].owner,
					    fix.ch[i].mode);
	} while (err == 1 && good);
	if (err < 0)
		log_error("rights of peers' channels: %s",
			  ockam_nl_error(the.nl));
	return good && !err;
}

/* ---- which channel it is ---- */

/* Ids are given in order. */
static int collect_way(const void *object, void *arg)
{
	const struct ockam_nl_channel *ch = object;
	bool accepted, confirmed = ch->rx_msgs;
	struct way *best = arg;

	if (ch->state != OCKAM_CHANNEL_STATE_UP ||
	    confirmed < best->confirmed ||
	    (confirmed == best->confirmed && ch->id < best->id))
		return 0;
	accepted = is_accepted(ch);
	if (!accepted && !is_kept(ch))
		return 0;
	best->id = ch->id;
	best->encryptor = ch->encryptor;
	best->confirmed = confirmed;
	best->accepted = accepted;
	best->owner = ch->owner;
	best->mode = ch->mode;
	return 0;
}

static int choose(const struct peer *p, struct way *best)
{
	static struct ockam_nl_channel filter;

	memset(best, 0, sizeof(*best));
	memset(&filter, 0, sizeof(filter));
	memcpy(filter.identifier, p->conf.id, sizeof(filter.identifier));
	ockam_nl_mark(&filter, OCKAM_A_CHANNEL_IDENTIFIER);
	return ockam_nl_dump(the.nl, OCKAM_NL_CHANNEL, &filter, collect_way,
			     best);
}

/* ---- the address ---- */

/* Nobody can bind such a name, so nobody gets what is meant for the peer. */
static void make_nowhere(void)
{
	uint8_t raw[OCKAM_RANDOM_LEN / 2];

	randombytes_buf(raw, sizeof(raw));
	nowhere.len = 2 + OCKAM_RANDOM_LEN;
	nowhere.data[0] = OCKAM_TYPE_LOCAL;
	nowhere.data[1] = OCKAM_RANDOM_LEN;
	sodium_bin2hex((char *)nowhere.data + 2, sizeof(nowhere.data) - 2,
		       raw, sizeof(raw));
}

static void hop_key(const struct ockam_path *address, struct ockam_nl_hop *hop)
{
	memset(hop, 0, sizeof(*hop));
	ockam_nl_mark(hop, OCKAM_A_HOP_ADDRESS);
	hop->address.len = address->len;
	memcpy(hop->address.data, address->hops, address->len);
}

static const struct ockam_nl_address *target(const struct peer *p)
{
	return p->way.id ? &p->way.encryptor : &nowhere;
}

static bool leads_there(const struct ockam_nl_hop *hop, const struct peer *p)
{
	const struct ockam_nl_address *to = target(p);

	return hop->scope == OCKAM_ACCEPT_LOCAL && hop->route.len == to->len &&
	       !memcmp(hop->route.data, to->data, to->len);
}

static int point(struct peer *p)
{
	const struct ockam_nl_address *to = target(p);
	static struct ockam_nl_hop hop;
	int err;

	hop_key(&p->conf.address, &hop);
	err = ockam_nl_hop_get(the.nl, &hop);
	if (!err && p->ours && leads_there(&hop, p))
		return 0;
	/* Another's is not ours to change: its users mean somebody else. */
	if (!err && !p->ours) {
		p->taken = true;
		wanted_fail(&p->w, "its address is somebody else's");
		return -EADDRINUSE;
	}
	hop_key(&p->conf.address, &hop);
	ockam_nl_mark(&hop, OCKAM_A_HOP_SCOPE);
	ockam_nl_mark(&hop, OCKAM_A_HOP_ROUTE);
	hop.scope = OCKAM_ACCEPT_LOCAL;
	hop.route.len = to->len;
	memcpy(hop.route.data, to->data, to->len);
	err = err ? ockam_nl_hop_new(the.nl, &hop) :
		    ockam_nl_hop_set(the.nl, &hop);
	p->taken = err == -EADDRINUSE || err == -EEXIST;
	if (err)
		wanted_fail(&p->w, "its address: %s", ockam_nl_error(the.nl));
	else
		p->ours = true;
	return err;
}

static void save(void)
{
	char hex[2 * OCKAM_ADDR_MAX + 1];
	struct peer *p;
	FILE *f;

	if (TAILQ_EMPTY(&peers)) {
		state_remove(STATE_FILE);
		return;
	}
	f = state_write(STATE_FILE);
	if (!f)
		return;
	TAILQ_FOREACH(p, &peers, entry) {
		if (p->taken)
			continue;
		sodium_bin2hex(hex, sizeof(hex), p->conf.address.hops + 2,
			       p->conf.address.hops[1]);
		fprintf(f, "%s\n", hex);
	}
	state_commit(f, STATE_FILE);
}

static int peer_make(struct wanted *w)
{
	struct peer *p = (struct peer *)((char *)w - offsetof(struct peer, w));
	uint32_t before = p->way.id, mode;
	bool taken = p->taken;
	uid_t owner;
	int err;

	err = choose(p, &p->way);
	if (err) {
		wanted_fail(w, "%s", ockam_nl_error(the.nl));
		return err;
	}
	rights_of(&p->conf, &owner, &mode);
	if (p->way.accepted && (p->way.owner != owner || p->way.mode != mode))
		give_rights(p->way.id, owner, mode);
	err = point(p);
	if (p->taken != taken)
		save();
	if (err || before == p->way.id)
		return err;
	if (p->way.id)
		log_info("peer %s: leads to channel %u now", p->conf.name,
			 p->way.id);
	else
		log_info("peer %s: has no channel any more", p->conf.name);
	return 0;
}

static const struct wanted_kind peer_kind = { "peer", peer_make };

/* ---- configuration ---- */

static struct peer *find(const struct ockam_path *address)
{
	struct peer *p;

	TAILQ_FOREACH(p, &peers, entry)
		if (path_equal(&p->conf.address, address))
			return p;
	return NULL;
}

static const struct conf_peer *section(const struct config *c,
				       const struct ockam_path *address)
{
	size_t i;

	for (i = 0; i < c->n_peer; i++)
		if (path_equal(&c->peer[i].address, address))
			return &c->peer[i];
	return NULL;
}

static void delete_hop(const struct ockam_path *address)
{
	static struct ockam_nl_hop hop;

	hop_key(address, &hop);
	ockam_nl_hop_del(the.nl, &hop);
}

static void peer_free(struct peer *p)
{
	wanted_remove(&p->w);
	TAILQ_REMOVE(&peers, p, entry);
	conf_peer_clear(&p->conf);
	free(p);
}

static struct peer *add(const struct conf_peer *conf, bool ours)
{
	static struct ockam_nl_hop hop;
	struct peer *p = calloc(1, sizeof(*p));

	if (!p) {
		log_error("peer %s: out of memory", conf->name);
		return NULL;
	}
	conf_peer_copy(&p->conf, conf);
	p->ours = ours;
	hop_key(&conf->address, &hop);
	p->taken = !ours && !ockam_nl_hop_get(the.nl, &hop);
	TAILQ_INSERT_TAIL(&peers, p, entry);
	wanted_add(&p->w, &peer_kind, p->conf.name);
	return p;
}

static bool same_rights(const struct conf_peer *a, const struct conf_peer *b)
{
	return a->owner == b->owner && a->shared == b->shared &&
	       !memcmp(a->id, b->id, sizeof(a->id));
}

static bool rights_changed = true;	/* what another process gave is not known */

void peers_release(const struct config *c)
{
	struct peer *p, *next;

	TAILQ_FOREACH_SAFE(p, &peers, entry, next) {
		if (section(c, &p->conf.address))
			continue;
		log_info("peer %s has no name any more", p->conf.name);
		if (p->ours && !links_has_hop(c, &p->conf.address))
			delete_hop(&p->conf.address);
		rights_changed = true;
		peer_free(p);
	}
}

void peers_apply(const struct config *c)
{
	const struct conf_peer *conf;
	struct peer *p, *next;
	size_t i;

	for (i = 0; i < c->n_peer; i++) {
		conf = &c->peer[i];
		p = find(&conf->address);
		if (!p) {
			add(conf, false);
			rights_changed = true;
			continue;
		}
		rights_changed |= !same_rights(&p->conf, conf);
		conf_peer_clear(&p->conf);
		conf_peer_copy(&p->conf, conf);
		p->w.name = p->conf.name;
	}
	/* First the file, so that the next process knows the hops as its own. */
	save();
	if (rights_changed)
		rights_changed = !fix_rights();
	TAILQ_FOREACH_SAFE(p, &peers, entry, next)
		wanted_now(&p->w);
}

/* ---- what happens to channels ---- */

/* What could not be taken away is not left so. */
int peers_check_rights(void)
{
	if (rights_changed)
		rights_changed = !fix_rights();
	return rights_changed ? -EIO : 0;
}

void peers_channel_event(const struct ockam_nl_channel *ch)
{
	struct peer *p = peer_of(ch->identifier);

	if (p && (ch->id == p->way.id || !p->way.confirmed ||
		  ch->event == OCKAM_CHANNEL_EVENT_FIRST_MESSAGE))
		wanted_now(&p->w);
}

void peers_channel_gone(uint32_t id)
{
	struct peer *p, *next;

	TAILQ_FOREACH_SAFE(p, &peers, entry, next)
		if (p->way.id == id)
			wanted_now(&p->w);
}

void peers_channel_used(uint32_t id)
{
	const struct permit *permit = permits_find(id);
	struct peer *p = permit ? peer_of(permit->peer) : NULL;

	if (p)
		wanted_now(&p->w);
}

void peers_object_event(const struct ockam_nl_event *ev)
{
	const struct ockam_nl_hop *hop = ev->object;
	struct peer *p, *next;

	if (ev->kind != OCKAM_NL_HOP)
		return;
	TAILQ_FOREACH_SAFE(p, &peers, entry, next)
		if (p->conf.address.len == hop->address.len &&
		    !memcmp(p->conf.address.hops, hop->address.data,
			    hop->address.len) &&
		    (ev->gone || !leads_there(hop, p)))
			wanted_now(&p->w);
}

/* ---- from outside ---- */

static const char *state_of(const struct peer *p)
{
	if (p->taken)
		return "address-taken";
	if (!p->way.id)
		return "away";
	return p->way.confirmed ? "up" : "unconfirmed";
}

static bool may_see(const struct peer *p, uid_t uid)
{
	return p->conf.shared || p->conf.owner == uid;
}

/* Of whom only the name is known yet. */
static void list_invitations(FILE *f)
{
	const struct config *c = the.config;
	uint64_t now = now_seconds();
	size_t i;

	for (i = 0; i < c->n_invitation; i++) {
		const struct conf_invitation *inv = &c->invitation[i];

		fprintf(f,
			"%s identifier - state invited channel 0 invited-to %s expires-s %llu\n",
			inv->name, inv->listener, inv->expires > now ?
			(unsigned long long)(inv->expires - now) : 0);
	}
}

void peers_list(uid_t uid, bool all, FILE *f)
{
	const struct peer *p;

	if (all)
		list_invitations(f);
	TAILQ_FOREACH(p, &peers, entry) {
		if (!all && !may_see(p, uid))
			continue;
		fprintf(f, "%s identifier %s state %s channel %u%s%s%s\n",
			p->conf.name, id_text(p->conf.id), state_of(p),
			p->way.id, !p->way.id ? "" :
			p->way.accepted ? " by listener" : " by kept",
			p->conf.invited ? " invited-to " : "",
			p->conf.invited ? p->conf.invited : "");
	}
}

/* The addresses that an earlier process has made. */
int peers_init(void)
{
	char hex[2 * OCKAM_ADDR_MAX + 2];
	const struct conf_peer *conf;
	struct ockam_path address;
	size_t len;
	bool here;
	FILE *f;

	make_nowhere();
	f = state_read(STATE_FILE);
	if (!f)
		return 0;
	/* Of another start of the machine, or another node: there are none. */
	here = state_same_boot(f);
	while (here && fgets(hex, sizeof(hex), f)) {
		if (sodium_hex2bin(address.hops + 2, OCKAM_ADDR_MAX, hex,
				   strcspn(hex, "\n"), NULL, &len, NULL) ||
		    !len)
			continue;
		address.hops[0] = OCKAM_TYPE_LOCAL;
		address.hops[1] = len;
		address.len = 2 + len;
		address.nhops = 1;
		conf = section(the.config, &address);
		if (conf && !find(&address))
			add(conf, true);
		else if (!conf)
			delete_hop(&address);
	}
	fclose(f);
	return 0;
}

/* Addresses and channels stay, for whoever comes next. */
void peers_end(void)
{
	struct peer *p, *next;

	TAILQ_FOREACH_SAFE(p, &peers, entry, next)
		peer_free(p);
}
