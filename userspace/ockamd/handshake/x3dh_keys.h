/* SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause */
/* Prekeys of our identities. */
#ifndef OCKAMD_X3DH_KEYS_H
#define OCKAMD_X3DH_KEYS_H

#include <sys/queue.h>

struct identity;
struct prekeys;

/**
 * struct own_prekeys - the prekeys of one identity
 * @entry: list
 * @name: the identity's
 * @pk: the prekeys; who changes them calls own_prekeys_save()
 */
struct own_prekeys {
	TAILQ_ENTRY(own_prekeys) entry;
	char *name;
	struct prekeys *pk;
};

/*
 * Loaded or made, renewed if it is time, and saved; NULL after the log says
 * why.  @self may be used until the next call of keys_find().
 */
struct own_prekeys *own_prekeys(const char *name, struct identity *self);
/* 0, or a negative errno; from then on nothing comes back. */
int own_prekeys_save(struct own_prekeys *o);
/* They are read anew from disk next time. */
void own_prekeys_forget(struct own_prekeys *o);
/* A new signed prekey before its time, at most one a day. */
void own_prekeys_renew(struct own_prekeys *o, struct identity *self);
/* Destroys prekeys that have ended, also those that nobody asks for. */
void own_prekeys_tick(void);
void own_prekeys_end(void);

#endif /* OCKAMD_X3DH_KEYS_H */
