// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/* Permits: what makes a channel permitted, and whether it still does. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <sodium.h>

#include "config/config.h"
#include "config/names.h"
#include "config/policy.h"
#include "core/asker.h"
#include "core/base.h"
#include "core/clock.h"
#include "core/daemon.h"
#include "handshake/keys.h"
#include "handshake/permit.h"
#include "services/listener.h"
#include "identity.h"
#include "keystore.h"
#include "peer.h"

static void digest(uint8_t out[PERMIT_DIGEST_LEN], const uint8_t *history,
		   size_t len)
{
	crypto_generichash(out, PERMIT_DIGEST_LEN, history, len, NULL, 0);
}

void permit_begin(struct permit *p, enum permit_by by,
		  const struct ockam_path *name, const char *identity,
		  const struct identity *self, struct policy *policy,
		  const struct asker *who)
{
	memset(p, 0, sizeof(*p));
	p->by = by;
	if (name) {
		p->name_len = path_first(name);
		memcpy(p->name, name->hops, p->name_len);
	}
	snprintf(p->identity, sizeof(p->identity), "%s", identity);
	digest(p->self, self->raw, self->raw_len);
	p->policy = policy_get(policy);
	p->owner = who->uid;
	p->gid = who->gid;
}

void permit_peer(struct permit *p, const struct ident_peer *peer)
{
	memcpy(p->peer, peer->identifier, sizeof(p->peer));
	digest(p->known, peer->history, peer->history_len);
	p->rule = peer->rule;
	p->expires = peer->expires;
	p->key_expires = peer->key_expires;
}

void permit_copy(struct permit *to, const struct permit *from)
{
	*to = *from;
	if (to->policy)
		policy_get(to->policy);
}

void permit_clear(struct permit *p)
{
	policy_put(p->policy);
	memset(p, 0, sizeof(*p));
}

/* ---- is it still permitted? ---- */

/* Credentials are not asked for again: the rule that they fitted must stay. */
static bool is_trusted(const struct permit *p, const struct policy *policy)
{
	return trust_policy_allows(&policy->trust, p->peer) ||
	       (p->rule && trust_policy_has(&policy->trust, p->rule));
}

struct ockam_path permit_address(const struct permit *p)
{
	struct ockam_path address = { .nhops = 1, .len = p->name_len };

	memcpy(address.hops, p->name, p->name_len);
	return address;
}

/* One that a program has asked for. */
static const struct listener *asked_listener(const struct permit *p)
{
	const struct ockam_path address = permit_address(p);
	const struct listener *l = listener_find(&address);

	return l && !l->configured ? l : NULL;
}

/* As it will be when the configuration is in force. */
static const char *by_listener(const struct permit *p, const struct config *c,
			       const struct conf_identity *id)
{
	const struct asker owner = { .uid = p->owner, .gid = p->gid };
	const struct ockam_path address = permit_address(p);
	const struct conf_listener *section = config_listener(c, &address);
	const struct listener *l;
	const char *identity;
	struct policy *policy;
	uid_t uid = geteuid();

	if (section) {
		identity = section->identity;
		policy = section->policy;
	} else {
		l = asked_listener(p);
		if (!l)
			return "its listener is gone";
		if (!users_allow(&id->users, &owner))
			return "its listener's owner may not use the identity any more";
		identity = l->identity;
		policy = l->policy;
		uid = l->owner;
	}
	if (uid != p->owner)
		return "its listener is another user's now";
	if (strcmp(identity, p->identity))
		return "its listener shows another identity now";
	return is_trusted(p, policy) ? NULL : "the peer is not trusted any more";
}

/* What its section changes otherwise, the one in its place will have. */
static const char *by_section(const struct permit *p, const struct config *c)
{
	const struct ockam_path address = permit_address(p);
	const struct conf_channel *section = config_channel(c, &address);

	if (!section)
		return "it is not kept any more";
	return is_trusted(p, section->policy) ?
	       NULL : "the peer is not trusted any more";
}

static const char *by_request(const struct permit *p,
			      const struct conf_identity *id)
{
	const struct asker owner = { .uid = p->owner, .gid = p->gid };

	return users_allow(&id->users, &owner) ?
	       NULL : "its owner may not use the identity any more";
}

/* Somebody may have stolen the key before. */
static bool has_rotated(const struct permit *p)
{
	const struct identity *self = keys_peek(p->identity);
	uint8_t now[PERMIT_DIGEST_LEN];

	if (!self)
		return false;
	digest(now, self->raw, self->raw_len);
	return memcmp(now, p->self, sizeof(now));
}

const char *permit_refusal(const struct permit *p, const struct config *c)
{
	const struct conf_identity *id = config_identity(c, p->identity);

	if (!id)
		return "its identity is not there any more";
	if (has_rotated(p))
		return "our identity has another key since";
	if (p->expires <= now_seconds())
		return p->rule ? "the peer's credential has expired" :
				 "the peer's key has expired";
	switch (p->by) {
	case PERMIT_LISTENER:
		return by_listener(p, c, id);
	case PERMIT_KEPT:
		return by_section(p, c);
	case PERMIT_REQUEST:
		return by_request(p, id);
	}
	return "nobody knows what it is for";
}

struct policy *permit_policy(const struct permit *p, const struct config *c)
{
	const struct ockam_path address = permit_address(p);
	const struct conf_listener *listener;
	const struct conf_channel *kept;
	const struct listener *l;

	switch (p->by) {
	case PERMIT_LISTENER:
		listener = config_listener(c, &address);
		if (listener)
			return listener->policy;
		l = asked_listener(p);
		return l ? l->policy : NULL;
	case PERMIT_KEPT:
		kept = config_channel(c, &address);
		return kept ? kept->policy : NULL;
	case PERMIT_REQUEST:
		return p->policy;
	}
	return NULL;
}

bool permit_is_outdated(const struct permit *p)
{
	static uint8_t history[IDENT_HISTORY_MAX];
	uint8_t now[PERMIT_DIGEST_LEN];
	size_t len;

	if (keystore_peer_load(the.keys, p->peer, history, sizeof(history),
			       &len) != 1)
		return false;
	digest(now, history, len);
	return memcmp(now, p->known, sizeof(now));
}
