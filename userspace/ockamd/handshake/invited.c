// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/*
 * Who comes by an invitation: the first one, by its identifier, and nobody else.  What
 * the file says counts, as another process may have been killed just after writing it.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "config/config.h"
#include "core/added.h"
#include "core/base.h"
#include "core/clock.h"
#include "core/daemon.h"
#include "core/log.h"
#include "handshake/invited.h"
#include "handshake/permit.h"
#include "identity.h"

static struct conf_invitation *invitation_of(const struct permit *p)
{
	const struct config *c = the.config;
	size_t i;

	for (i = 0; p->rule && i < c->n_invitation; i++)
		if (!memcmp(c->invitation[i].authority, p->rule->authority,
			    IDENT_ID_LEN))
			return &c->invitation[i];
	return NULL;
}

bool invited_is_rule(const struct trust_rule *rule)
{
	const struct permit p = { .rule = rule };

	return invitation_of(&p);
}

/* Names have no character that means anything between quotes but this one. */
static void quote(const char *name, char *text)
{
	for (; *name; name++) {
		if (*name == '\'')
			*text++ = '\\';
		*text++ = *name;
	}
	*text = 0;
}

static int use(const struct conf_invitation *inv, const uint8_t *peer)
{
	char name[2 * OCKAM_ADDR_MAX + 1], listener[2 * OCKAM_ADDR_MAX * 4 + 1];
	char head[sizeof(name) + 32];
	char section[sizeof(name) + sizeof(listener) + 128];

	quote(inv->name, name);
	quote(inv->listener, listener);
	snprintf(head, sizeof(head), "invitation '%s' {", name);
	snprintf(section, sizeof(section),
		 "peer '%s' { identifier = '%s' invited = '%s' }", name,
		 id_text(peer), listener);
	return added_replace(head, section);
}

/* A listener's address is its name, as a section has it. */
static bool is_at(const struct permit *p, const struct conf_invitation *inv)
{
	const struct ockam_path name = permit_address(p);
	struct ockam_path at;

	return p->by == PERMIT_LISTENER &&
	       !ockam_path_parse(&at, inv->listener) && path_equal(&at, &name);
}

const char *invited_refusal(const struct permit *p)
{
	const struct conf_invitation *inv = invitation_of(p);

	if (!inv)
		return NULL;
	if (!is_at(p, inv))
		return "the invitation is to another listener";
	if (inv->used)
		return memcmp(inv->user, p->peer, sizeof(inv->user)) ?
		       "the invitation was used" : NULL;
	return now_seconds() >= inv->expires ? "the invitation has expired" :
					       NULL;
}

const char *invited_use(const struct permit *p)
{
	struct conf_invitation *inv = invitation_of(p);
	int err;

	if (!inv || inv->used)
		return NULL;
	err = use(inv, p->peer);
	/* By a process that was killed, or by this one a moment ago. */
	if (err == -ENOENT)
		return "the invitation was used or withdrawn";
	if (err)
		return "that the invitation is used cannot be written down";
	inv->used = true;
	memcpy(inv->user, p->peer, sizeof(inv->user));
	log_info("invitation %s: %s has come by it, and is called so from now on",
		 inv->name, id_text(p->peer));
	return NULL;
}
