// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/*
 * Sections that were made at run time: in a file of the state directory, in the form
 * of the configuration, a line each.  The configuration comes first: what it has they
 * do not have.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/config.h"
#include "config/config_parts.h"
#include "config/names.h"
#include "core/base.h"
#include "core/log.h"

#define PATH_MAX_LEN	4096

/**
 * struct adding - sections on their way into the configuration
 * @to: the configuration
 * @from: the sections
 * @candidate: they are new, and have to be right
 * @bad: one was not
 */
struct adding {
	struct config *to;
	struct config *from;
	bool candidate;
	bool bad;
};

/* Without a place: who asked for it did not write a file. */
static void left_out(struct adding *a, const char *kind, const char *name,
		     const char *why)
{
	a->bad |= a->candidate;
	if (a->candidate)
		log_error("%s \"%s\": %s", kind, name, why);
	else
		log_warn("%s \"%s\", which was made at run time, is left out: %s",
			 kind, name, why);
}

static const char taken[] = "the configuration has a section of this name";

/* One more at the end; what is there may move. */
#define APPEND(list, n, one) do {					\
	(list) = must(reallocarray(list, (n) + 2, sizeof(*(list))));	\
	(list)[(n)++] = (one);						\
	memset(&(one), 0, sizeof(one));					\
} while (0)

static void add_links(struct adding *a)
{
	size_t i;

	for (i = 0; i < a->from->n_link; i++) {
		struct conf_link *l = &a->from->link[i];

		if (config_has(a->to, &l->address))
			left_out(a, "link", l->name, taken);
		else
			APPEND(a->to->link, a->to->n_link, *l);
	}
}

static void add_channels(struct adding *a)
{
	size_t i;

	for (i = 0; i < a->from->n_channel; i++) {
		struct conf_channel *ch = &a->from->channel[i];

		if (config_has(a->to, &ch->address))
			left_out(a, "channel", ch->name, taken);
		else if (!config_identity(a->to, ch->identity))
			left_out(a, "channel", ch->name,
				 "there is no section for its identity");
		else
			APPEND(a->to->channel, a->to->n_channel, *ch);
	}
}

static bool has_identifier(const struct config *c, const uint8_t *id)
{
	size_t i;

	for (i = 0; i < c->n_peer; i++)
		if (!memcmp(c->peer[i].id, id, sizeof(c->peer[i].id)))
			return true;
	return false;
}

static void add_peers(struct adding *a)
{
	size_t i;

	for (i = 0; i < a->from->n_peer; i++) {
		struct conf_peer *p = &a->from->peer[i];

		if (config_has(a->to, &p->address))
			left_out(a, "peer", p->name, taken);
		else if (has_identifier(a->to, p->id))
			left_out(a, "peer", p->name,
				 "the configuration has another name for its identifier");
		else
			APPEND(a->to->peer, a->to->n_peer, *p);
	}
}

static const struct conf_listener *listener_of(const struct config *c,
					       const char *name)
{
	size_t i;

	for (i = 0; i < c->n_listener; i++)
		if (!strcmp(c->listener[i].name, name))
			return &c->listener[i];
	return NULL;
}

static void add_invitations(struct adding *a)
{
	const struct conf_listener *l;
	size_t i;

	for (i = 0; i < a->from->n_invitation; i++) {
		struct conf_invitation *inv = &a->from->invitation[i];

		l = listener_of(a->to, inv->listener);
		if (config_has(a->to, &inv->address))
			left_out(a, "invitation", inv->name, taken);
		else if (!l || !l->invited)
			left_out(a, "invitation", inv->name,
				 "its listener is not in the configuration, or has no trust = { \"" TRUST_INVITED "\" }");
		else
			APPEND(a->to->invitation, a->to->n_invitation, *inv);
	}
}

static bool has_inlet(const struct config *c, const char *name)
{
	size_t i;

	for (i = 0; i < c->n_portal; i++)
		if (c->portal[i].inlet && !strcmp(c->portal[i].name, name))
			return true;
	return false;
}

static void add_portals(struct adding *a)
{
	size_t i;

	for (i = 0; i < a->from->n_portal; i++) {
		struct conf_portal *p = &a->from->portal[i];

		if (p->inlet ? has_inlet(a->to, p->name) :
			       config_has(a->to, &p->path)) {
			left_out(a, p->inlet ? "inlet" : "outlet", p->name,
				 taken);
			continue;
		}
		p->added = true;
		APPEND(a->to->portal, a->to->n_portal, *p);
	}
}

static bool count_one(void *ctx, const struct named_address *a)
{
	size_t *n = ctx;

	(void)a;
	++*n;
	return false;
}

/* Others could take one that is not reserved. */
static size_t count_names(const struct config *c)
{
	size_t n = c->prekeys.enabled;

	config_each_address(c, count_one, &n);
	return n;
}

int config_add(struct config *c, const char *state, bool candidate)
{
	struct adding a = { .to = c, .candidate = candidate };
	char path[PATH_MAX_LEN];

	snprintf(path, sizeof(path), "%s/" CONFIG_ADDED "%s",
		 state ? : c->state, candidate ? ".new" : "");
	while (c->n_invitation) {
		log_warn("invitation \"%s\" is left out: ockamctl invite makes them",
			 c->invitation[c->n_invitation - 1].name);
		conf_invitation_clear(&c->invitation[--c->n_invitation]);
	}
	a.from = config_parse(path, NULL, true);
	/* One that cannot be read is no reason not to serve. */
	if (!a.from)
		return candidate ? -1 : 0;
	add_links(&a);
	add_channels(&a);
	add_peers(&a);
	add_invitations(&a);
	add_portals(&a);
	config_free(a.from);
	if (candidate && count_names(c) > RESERVED_MAX) {
		log_error("more than %d names cannot be reserved for this node",
			  RESERVED_MAX);
		return -1;
	}
	return a.bad ? -1 : 0;
}
