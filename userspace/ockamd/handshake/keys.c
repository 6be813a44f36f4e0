// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/* The daemon's identities, and locked memory for what handshakes derive. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/mman.h>
#include <time.h>

#include <sodium.h>

#include "config/config.h"
#include "config/policy.h"
#include "core/clock.h"
#include "core/daemon.h"
#include "core/log.h"
#include "handshake/keys.h"
#include "identity.h"
#include "keystore.h"
#include "xx.h"

#define CLAIM_TRIES	20

/**
 * struct named - an identity of the configuration
 * @name: its name
 * @self: it
 * @fresh_creds: it has other credentials than the one before
 */
struct named {
	char *name;
	struct identity *self;
	bool fresh_creds;
};

static struct named *all;
static size_t n_all;

static bool names(const struct policy *policy, const uint8_t *id)
{
	const struct trust_policy *p;
	size_t i;

	if (!policy)
		return false;
	p = &policy->trust;
	for (i = 0; i < p->n_rules; i++)
		if (!memcmp(p->rules[i].authority, id, IDENT_ID_LEN))
			return true;
	return p->kind == TRUST_LIST && trust_policy_allows(p, id);
}

/* Does the configuration name a peer, or an authority? */
static bool is_named(const uint8_t id[IDENT_ID_LEN])
{
	const struct config *c = the.config;
	size_t i;

	for (i = 0; i < c->n_listener; i++)
		if (names(c->listener[i].policy, id))
			return true;
	for (i = 0; i < c->n_channel; i++)
		if (names(c->channel[i].policy, id))
			return true;
	for (i = 0; i < c->n_portal; i++)
		if (names(c->portal[i].policy, id))
			return true;
	return names(c->relay.policy, id) || names(c->prekeys.policy, id);
}

/*
 * Two daemons would use each other's prekeys, and take what the kernel has for theirs.
 * The one before may be about to end.
 */
static int claim(void)
{
	const struct timespec pause = { .tv_nsec = 100000000 };
	int i, err = -EWOULDBLOCK;

	for (i = 0; i < CLAIM_TRIES && err == -EWOULDBLOCK; i++) {
		if (i)
			nanosleep(&pause, NULL);
		err = keystore_claim(the.keys);
	}
	return err;
}

int keys_init(const char *dir)
{
	int err = keystore_open(dir, true, 0, &the.keys);

	if (err) {
		log_error("key store %s: %s", dir, strerror(-err));
		return err;
	}
	err = claim();
	if (err) {
		log_error("key store %s: %s", dir, err == -EWOULDBLOCK ?
			  "another ockamd works with it; each needs its own (state = ...)" :
			  strerror(-err));
		return err;
	}
	clock_known(keystore_last_time(the.keys));
	keystore_peer_store(the.keys, &the.store);
	return 0;
}

static int load(const struct conf_identity *want, struct identity **out)
{
	int err = keystore_load(the.keys, want->name, now_seconds(), out);

	if (err == -ENOENT && want->create && clock_is_wrong()) {
		log_error("identity %s: not made before the clock is right",
			  want->name);
		return -ETIME;
	}
	if (err == -ENOENT && want->create) {
		err = keystore_create(the.keys, want->name, now_seconds(),
				      out);
		if (!err)
			log_info("identity %s: new", want->name);
	}
	if (err)
		log_error("identity %s: %s", want->name,
			  keystore_strerror(err));
	else
		log_info("identity %s is %s", want->name,
			 id_text((*out)->history.identifier));
	return err;
}

static void drop(struct named *list, size_t n)
{
	while (n--) {
		free(list[n].name);
		identity_put(list[n].self);
	}
	free(list);
}

void keys_note_time(void)
{
	clock_known(now_seconds());
	keystore_note_time(the.keys, now_seconds());
}

/* Who trusts an authority's word, and has nothing to check it by. */
static void warn_authorities(struct keystore *ks, const struct policy *p,
			     const char *kind, const char *name)
{
	static uint8_t history[IDENT_HISTORY_MAX];
	const uint8_t *id;
	size_t i, len;

	for (i = 0; p && i < p->trust.n_rules; i++) {
		id = p->trust.rules[i].authority;
		if (ks && keystore_peer_load(ks, id, history, sizeof(history),
					     &len))
			continue;
		log_warn("%s \"%s\": authority %s is not known, so nobody is trusted by its word: see 'ockamctl identity import-peer'",
			 kind, name, id_text(id));
	}
}

static void warn(struct keystore *ks, const struct config *c)
{
	size_t i;

	for (i = 0; i < c->n_listener; i++)
		warn_authorities(ks, c->listener[i].policy, "listener",
				 c->listener[i].name);
	for (i = 0; i < c->n_channel; i++)
		warn_authorities(ks, c->channel[i].policy, "channel",
				 c->channel[i].name);
}

void keys_test(const struct config *c)
{
	struct keystore *ks = NULL;
	struct stat st;
	int err;

	/* Nothing is made for a test. */
	err = stat(c->state, &st) ? -errno :
	      keystore_open(c->state, false, 0, &ks);
	if (err && err != -ENOENT)
		log_warn("key store %s: %s: authorities are not checked",
			 c->state, strerror(-err));
	else
		warn(ks, c);
	if (ks)
		keystore_close(ks);
}

static struct named *find(const char *name)
{
	size_t i;

	for (i = 0; i < n_all; i++)
		if (!strcmp(all[i].name, name))
			return &all[i];
	return NULL;
}

/* The process before may have shown others, too. */
static bool has_other_creds(const struct named *n)
{
	const struct named *before = find(n->name);
	const struct identity *a = n->self, *b;

	if (!before)
		return a->n_creds;
	b = before->self;
	return before->fresh_creds || a->creds_len != b->creds_len ||
	       (a->creds_len && memcmp(a->creds, b->creds, a->creds_len));
}

bool keys_fresh_creds(const char *name)
{
	struct named *n = find(name);
	bool fresh = n && n->fresh_creds;

	if (n)
		n->fresh_creds = false;
	return fresh;
}

int keys_reload(const struct config *c)
{
	struct named *list;
	size_t i;
	int err;

	/* Names of the one before count until the new one is in force. */
	keystore_peers_bound(the.keys, c->max_peers, is_named);
	err = keystore_check(the.keys, the.config->state);
	if (err) {
		log_error("key store %s: %s", the.config->state,
			  strerror(-err));
		return err;
	}
	if (clock_is_wrong())
		log_error("the clock is wrong, or far from when this key store was used last: no handshakes until it is synchronized, or for ten minutes");
	else
		keys_note_time();
	list = calloc(c->n_identity + 1, sizeof(*list));
	if (!list)
		return -ENOMEM;
	for (i = 0; i < c->n_identity; i++) {
		list[i].name = strdup(c->identity[i].name);
		err = list[i].name ? load(&c->identity[i], &list[i].self) :
				     -ENOMEM;
		if (err) {
			drop(list, i + 1);
			return err;
		}
		list[i].fresh_creds = has_other_creds(&list[i]);
	}
	drop(all, n_all);
	all = list;
	n_all = c->n_identity;
	warn(the.keys, c);
	return 0;
}

const struct identity *keys_peek(const char *name)
{
	const struct named *n = find(name);

	return n ? n->self : NULL;
}

struct identity *keys_find(const char *name)
{
	struct named *n = find(name);
	struct identity *fresh;

	if (!n)
		return NULL;
	if (identity_ready(n->self, now_seconds()))
		return n->self;
	/* Its channel key has ended; loading makes another one. */
	if (keystore_load(the.keys, name, now_seconds(), &fresh))
		return NULL;
	if (!identity_ready(fresh, now_seconds())) {
		identity_put(fresh);
		return NULL;
	}
	identity_put(n->self);
	n->self = fresh;
	return fresh;
}

/* ---- locked memory ---- */

struct scratch *scratch;
static struct secrets *vault;

static void *locked(size_t len)
{
	void *p = mmap(NULL, len, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		return NULL;
	/* Also keeps it out of core dumps. */
	if (sodium_mlock(p, len))
		log_warn("%zu bytes for secrets cannot be locked in memory",
			 len);
	madvise(p, len, MADV_DONTDUMP);
	madvise(p, len, MADV_DONTFORK);
	return p;
}

int vault_init(size_t n)
{
	struct secrets *s;
	size_t i;

	scratch = locked(sizeof(*scratch));
	s = locked(n * sizeof(*s));
	if (!scratch || !s)
		return -ENOMEM;
	for (i = 0; i < n; i++) {
		s[i].next = vault;
		vault = &s[i];
	}
	return 0;
}

struct secrets *vault_take(void)
{
	struct secrets *s = vault;

	if (!s)
		return NULL;
	vault = s->next;
	sodium_memzero(s, sizeof(*s));
	return s;
}

void vault_give(struct secrets *s)
{
	if (!s)
		return;
	xx_wipe(&s->xx);
	sodium_memzero(s, sizeof(*s));
	s->next = vault;
	vault = s;
}
