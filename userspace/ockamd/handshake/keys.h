/* SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause */
/* Our identities, and locked memory for secrets. */
#ifndef OCKAMD_KEYS_H
#define OCKAMD_KEYS_H

#include <stdbool.h>
#include <stddef.h>

#include "keystore.h"
#include "nl.h"
#include "xx.h"

struct config;
struct identity;

int keys_init(const char *dir);
/* The clock is right now, for the next process, too. */
void keys_note_time(void);
/* Loads what the configuration names; 0 or -1 when one is missing. */
int keys_reload(const struct config *c);
/* For "ockamd -t": what it would warn of. */
void keys_test(const struct config *c);
/* The identity, good for a handshake now, or NULL. No reference is taken. */
struct identity *keys_find(const char *name);
/* Were others of its credentials loaded since the last call? */
bool keys_fresh_creds(const char *name);
/* Whether or not it is good for one. */
const struct identity *keys_peek(const char *name);

/**
 * struct secrets - locked memory for the secrets of one handshake
 * @xx: its state
 * @next: when free
 */
struct secrets {
	struct xx xx;
	struct secrets *next;
};

/* Locked and left out of core dumps; NULL when all are in use. */
int vault_init(size_t n);
struct secrets *vault_take(void);
void vault_give(struct secrets *s);

/**
 * struct scratch - locked memory for a step of a handshake
 */
struct scratch {
	struct xx_keys keys;
	struct x3dh_accept accept;
	struct ockam_nl_channel channel;
};

extern struct scratch *scratch;

#endif /* OCKAMD_KEYS_H */
