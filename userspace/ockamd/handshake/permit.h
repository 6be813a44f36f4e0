/* SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause */
/*
 * Permits: what makes a channel permitted.  It is asked when the channel is
 * installed, and again after whatever may have changed it: a reload, another key
 * of either side, a listener that is gone, time, a restart.
 */
#ifndef OCKAMD_PERMIT_H
#define OCKAMD_PERMIT_H

#include "config/config.h"
#include "config/policy.h"
#include "core/asker.h"
#include "identity.h"
#include "keystore.h"
#include "peer.h"

#define PERMIT_DIGEST_LEN	16

enum permit_by {
	PERMIT_LISTENER,	/* a listener took the peer */
	PERMIT_REQUEST,		/* a program asked for it */
	PERMIT_KEPT,		/* a section says that it is kept up */
};

/**
 * struct permit - what makes a channel permitted
 * @by: by what it came to be
 * @name: address of the listener or of the kept channel, in flat form
 * @name_len: its length
 * @identity: name of our identity
 * @self: digest of the change history that we have shown
 * @peer: the peer's identifier
 * @known: digest of the change history that the peer has shown
 * @policy: what @rule is part of
 * @rule: the rule for credentials that the peer was trusted by, NULL: by its
 *        identifier
 * @owner: uid that it is for
 * @gid: the one that it was asked for with, -1: none
 * @expires: when the peer's key does, or its credential for @rule
 * @key_expires: when the peer's key does
 */
struct permit {
	enum permit_by by;
	uint8_t name[2 + OCKAM_ADDR_MAX];
	size_t name_len;
	char identity[KEYSTORE_NAME_MAX + 1];
	uint8_t self[PERMIT_DIGEST_LEN];
	uint8_t peer[IDENT_ID_LEN];
	uint8_t known[PERMIT_DIGEST_LEN];
	struct policy *policy;
	const struct trust_rule *rule;
	uid_t owner;
	gid_t gid;
	uint64_t expires;
	uint64_t key_expires;
};

/**
 * permit_begin() - what is known before a handshake
 * @p: the permit; permit_clear() releases it
 * @by: what the channel will be permitted by
 * @name: address of that, NULL for a request
 * @identity: name of @self
 * @self: own identity
 * @policy: what the peer is going to be checked by
 * @who: whom the channel is for
 */
void permit_begin(struct permit *p, enum permit_by by,
		  const struct ockam_path *name, const char *identity,
		  const struct identity *self, struct policy *policy,
		  const struct asker *who);
/* The peer has passed the checks of that policy. */
void permit_peer(struct permit *p, const struct ident_peer *peer);
/* Both have the same policy then. */
void permit_copy(struct permit *to, const struct permit *from);
void permit_clear(struct permit *p);

/* What it is named by: the listener, or the kept channel. */
struct ockam_path permit_address(const struct permit *p);

/**
 * permit_refusal() - is it permitted?
 * @p: the permit
 * @c: configuration in force
 *
 * What the configuration, the listeners, our identities and the clock say now.
 *
 * Return: NULL, or why not.
 */
const char *permit_refusal(const struct permit *p, const struct config *c);

/* What the peer of such a channel has to pass now, or NULL: nothing lets it. */
struct policy *permit_policy(const struct permit *p, const struct config *c);

/* Does the key store know a newer history of the peer?  Reads a file. */
bool permit_is_outdated(const struct permit *p);

#endif /* OCKAMD_PERMIT_H */
