// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/*
 * Invitations, which are sections that are made at run time, and the listeners that
 * trust who was invited to them.
 *
 * The word of an invitation has the key of an authority that exists for it alone: who
 * has it issues himself a credential, once.  Who has come by it is a peer from then on.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "config/config.h"
#include "config/config_parts.h"
#include "config/policy.h"
#include "core/log.h"
#include "identity.h"
#include "request.h"

cfg_opt_t invitation_options[] = {
	CFG_STR("authority", NULL, CFGF_NODEFAULT),
	CFG_STR("listener", NULL, CFGF_NODEFAULT),
	CFG_INT("expires", 0, CFGF_NONE),
	CFG_END()
};

static int check_invitation(cfg_t *cfg, cfg_opt_t *opt)
{
	cfg_t *sec = titled_address(cfg, opt, OCKAM_ADDR_MAX);
	const char *id = sec ? cfg_getstr(sec, "authority") : NULL;
	uint8_t raw[IDENT_ID_LEN];

	if (!sec)
		return -1;
	if (is_peer_name(cfg_title(sec)) && id && !ident_id_parse(id, raw) &&
	    cfg_getstr(sec, "listener") && cfg_getint(sec, "expires") > 0)
		return 0;
	cfg_error(cfg, "invitation \"%s\": it needs a name that a peer may have, authority, listener and expires",
		  cfg_title(sec));
	return -1;
}

void invitations_check_with(cfg_t *cfg)
{
	cfg_set_validate_func(cfg, "invitation", check_invitation);
}

void invitations_take(cfg_t *cfg, struct config *c)
{
	size_t i;

	c->n_invitation = cfg_size(cfg, "invitation");
	c->invitation = must(calloc(c->n_invitation + 1,
				    sizeof(*c->invitation)));
	for (i = 0; i < c->n_invitation; i++) {
		cfg_t *sec = cfg_getnsec(cfg, "invitation", i);
		struct conf_invitation *inv = &c->invitation[i];

		inv->name = must(strdup(cfg_title(sec)));
		inv->line = sec->line;
		ockam_path_parse(&inv->address, inv->name);
		inv->listener = must(strdup(cfg_getstr(sec, "listener")));
		inv->expires = cfg_getint(sec, "expires");
		ident_id_parse(cfg_getstr(sec, "authority"), inv->authority);
	}
}

void conf_invitation_clear(struct conf_invitation *i)
{
	free(i->name);
	free(i->listener);
	memset(i, 0, sizeof(*i));
}

static void trust_rule(struct conf_listener *l,
		       const struct conf_invitation *inv)
{
	char id[IDENT_ID_TEXT_LEN + 1], rule[REQUEST_RULE_MAX + 1];

	ident_id_print(inv->authority, id);
	snprintf(rule, sizeof(rule), REQUEST_RULE_WORD "%s invitation=%s", id,
		 inv->name);
	if (trust_policy_add(&l->policy->trust, rule))
		log_warn("listener \"%s\": the invitation \"%s\" has to wait: there are too many",
			 l->name, inv->name);
}

static void trust_peer(struct conf_listener *l, const struct conf_peer *p)
{
	char id[IDENT_ID_TEXT_LEN + 1];

	ident_id_print(p->id, id);
	if (trust_policy_add(&l->policy->trust, id))
		must(NULL);
}

void invitations_trust(struct config *c)
{
	const uint64_t now = time(NULL);
	struct conf_listener *l;
	size_t i, k;

	for (i = 0; i < c->n_listener; i++) {
		l = &c->listener[i];
		if (!l->invited)
			continue;
		/* Nobody yet is not the same as nothing said. */
		l->policy->trust.kind = TRUST_LIST;
		for (k = 0; k < c->n_peer; k++)
			if (c->peer[k].invited &&
			    !strcmp(c->peer[k].invited, l->name))
				trust_peer(l, &c->peer[k]);
		for (k = 0; k < c->n_invitation; k++)
			if (!strcmp(c->invitation[k].listener, l->name) &&
			    c->invitation[k].expires > now)
				trust_rule(l, &c->invitation[k]);
	}
}
