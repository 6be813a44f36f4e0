// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/* X3DH: the prekeys of our identities, and their renewal. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "ident_err.h"
#include "x3dh.h"

#define RENEW_MS	60000

static TAILQ_HEAD(, own_prekeys) all = TAILQ_HEAD_INITIALIZER(all);

static void forget(struct own_prekeys *o)
{
	prekeys_free(o->pk);
	free(o->name);
	free(o);
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
	forget(o);
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

	err = prekeys_refresh(o->pk, self, now_seconds(), force, &changed);
	if (err)
		log_error("prekeys of %s: %s", o->name, ident_strerror(err));
	else if (changed && !own_prekeys_save(o))
		log_info("prekeys of %s: signed prekey %llu", o->name,
			 (unsigned long long)o->pk->spk[0].id);
	else if (changed)
		err = IDENT_E_STORE;
	if (!err)
		return true;
	TAILQ_REMOVE(&all, o, entry);
	forget(o);
	return false;
}

struct own_prekeys *own_prekeys(const char *name, struct identity *self)
{
	struct own_prekeys *o;

	TAILQ_FOREACH(o, &all, entry)
		if (!strcmp(o->name, name))
			break;
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
	if (o->renewed && now_ms() < o->renewed + RENEW_MS)
		return;
	o->renewed = now_ms();
	refresh(o, self, true);
}

void own_prekeys_end(void)
{
	struct own_prekeys *o, *next;

	TAILQ_FOREACH_SAFE(o, &all, entry, next) {
		TAILQ_REMOVE(&all, o, entry);
		forget(o);
	}
}
