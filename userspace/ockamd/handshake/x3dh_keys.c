// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/* X3DH: the prekeys of our identities, and their renewal. */
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "config/config.h"
#include "core/base.h"
#include "core/clock.h"
#include "core/daemon.h"
#include "core/log.h"
#include "handshake/keys.h"
#include "handshake/x3dh_keys.h"
#include "ident_err.h"
#include "identity.h"
#include "keystore.h"
#include "prekeys.h"

#define EXPIRE_MS		60000
#define PASS_MS		3600000	/* between looks at all files */
#define SUFFIX		".prekeys"

static TAILQ_HEAD(, own_prekeys) all = TAILQ_HEAD_INITIALIZER(all);

static uint64_t next_tick;
static uint64_t next_pass;

static void own_prekeys_free(struct own_prekeys *o)
{
	prekeys_free(o->pk);
	free(o->name);
	free(o);
}

void own_prekeys_forget(struct own_prekeys *o)
{
	TAILQ_REMOVE(&all, o, entry);
	own_prekeys_free(o);
}

static struct own_prekeys *load(const char *name, const struct identity *self)
{
	struct own_prekeys *o = calloc(1, sizeof(*o));
	int err = -ENOMEM;

	if (!o)
		return NULL;
	o->name = strdup(name);
	if (o->name)
		err = keystore_prekeys_load(the.keys, name, &o->pk);
	if (err == -ENOENT) {
		o->pk = prekeys_new(self->history.identifier);
		err = o->pk ? 0 : -ENOMEM;
	}
	if (!err && memcmp(o->pk->identifier, self->history.identifier,
			   IDENT_ID_LEN))
		err = -EBADMSG;
	/*
	 * Keys and records are lost together: nothing that was accepted is
	 * accepted again, and a new bundle tells everybody.
	 */
	if (err == -EBADMSG) {
		log_error("prekeys of %s: damaged, or of another identity: they are given up, new ones are made",
			  name);
		prekeys_free(o->pk);
		o->pk = prekeys_new(self->history.identifier);
		err = o->pk ? 0 : -ENOMEM;
	}
	if (!err)
		return o;
	log_error("prekeys of %s: %s", name, strerror(-err));
	own_prekeys_free(o);
	return NULL;
}

int own_prekeys_save(struct own_prekeys *o)
{
	int err = keystore_prekeys_save(the.keys, o->name, o->pk);

	if (err)
		log_error("prekeys of %s cannot be saved: %s", o->name,
			  strerror(-err));
	return err;
}

/* What is not on disk is not used: then it is read anew next time. */
static bool refresh(struct own_prekeys *o, struct identity *self, bool force)
{
	bool changed = false;
	int err;

	/* What has ended, and what has not begun, is not known. */
	if (clock_is_wrong())
		return false;
	err = prekeys_refresh(o->pk, self, now_seconds(), force, &changed);
	if (err)
		log_error("prekeys of %s: %s", o->name, ident_strerror(err));
	if (changed && own_prekeys_save(o))
		err = IDENT_E_STORE;
	else if (changed && !err)
		log_info("prekeys of %s: signed prekey %llu", o->name,
			 (unsigned long long)o->pk->spk[0].id);
	if (!err)
		return true;
	own_prekeys_forget(o);
	return false;
}

static struct own_prekeys *find(const char *name)
{
	struct own_prekeys *o;

	TAILQ_FOREACH(o, &all, entry)
		if (!strcmp(o->name, name))
			return o;
	return NULL;
}

struct own_prekeys *own_prekeys(const char *name, struct identity *self)
{
	struct own_prekeys *o = find(name);

	if (!o) {
		o = load(name, self);
		if (!o)
			return NULL;
		TAILQ_INSERT_TAIL(&all, o, entry);
	}
	return refresh(o, self, false) ? o : NULL;
}

void own_prekeys_renew(struct own_prekeys *o, struct identity *self)
{
	refresh(o, self, true);
}

/* ---- time ---- */

/* Those of an identity that nobody uses any more. */
static void expire_file(const char *name)
{
	struct prekeys *pk;
	unsigned int was;
	int err;

	err = keystore_prekeys_load(the.keys, name, &pk);
	if (err) {
		log_error("prekeys of %s: %s", name, strerror(-err));
		return;
	}
	was = pk->n;
	if (prekeys_expire(pk, now_seconds())) {
		err = keystore_prekeys_save(the.keys, name, pk);
		if (err)
			log_error("prekeys of %s cannot be saved: %s", name,
				  strerror(-err));
		else
			log_info("prekeys of %s: %u signed prekeys have ended",
				 name, was - pk->n);
	}
	prekeys_free(pk);
}

static void expire_files(void)
{
	char name[KEYSTORE_NAME_MAX + 1];
	struct dirent *e;
	size_t len;
	DIR *d;

	d = opendir(the.config->state);
	if (!d)
		return;
	while ((e = readdir(d))) {
		len = strlen(e->d_name);
		if (len <= sizeof(SUFFIX) - 1)
			continue;
		len -= sizeof(SUFFIX) - 1;
		if (len >= sizeof(name) || strcmp(e->d_name + len, SUFFIX))
			continue;
		memcpy(name, e->d_name, len);
		name[len] = 0;
		if (!find(name))
			expire_file(name);
	}
	closedir(d);
}

void own_prekeys_tick(void)
{
	struct own_prekeys *o, *next;
	struct identity *self;

	if (now_ms() < next_tick)
		return;
	next_tick = now_ms() + EXPIRE_MS;
	if (clock_is_wrong()) {
		log_error("the clock is wrong: no prekeys are given out or destroyed");
		return;
	}
	keys_note_time();
	TAILQ_FOREACH_SAFE(o, &all, entry, next) {
		self = keys_find(o->name);
		if (self)
			refresh(o, self, false);
		else if (prekeys_expire(o->pk, now_seconds()) &&
			 own_prekeys_save(o))
			own_prekeys_forget(o);
	}
	if (now_ms() < next_pass)
		return;
	next_pass = now_ms() + PASS_MS;
	expire_files();
}

void own_prekeys_end(void)
{
	struct own_prekeys *o, *next;

	TAILQ_FOREACH_SAFE(o, &all, entry, next)
		own_prekeys_forget(o);
}
