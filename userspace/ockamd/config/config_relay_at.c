// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/* The sections "relay-at" of the configuration: relays that this node is reached by. */
#include <stdlib.h>
#include <string.h>

#include "config/config.h"
#include "config/config_parts.h"
#include "config/names.h"
#include "core/base.h"
#include "core/log.h"

#define ALIAS_MAX	127	/* a relay has something to put in front */

cfg_opt_t relay_at_options[] = {
	CFG_STR("route", NULL, CFGF_NODEFAULT),
	CFG_STR("name", NULL, CFGF_NODEFAULT),
	CFG_STR("identity", NULL, CFGF_NODEFAULT),
	CFG_END()
};

static const char *alias_of(cfg_t *sec)
{
	return cfg_getstr(sec, "name") ? : cfg_getstr(sec, "identity");
}

static int check_relay_at(cfg_t *cfg, cfg_opt_t *opt)
{
	cfg_t *sec = cfg_opt_getnsec(opt, cfg_opt_size(opt) - 1);
	const char *missing = NULL;

	if (!*cfg_title(sec) || strpbrk(cfg_title(sec), " \t\n")) {
		cfg_error(cfg, "relay-at \"%s\": a name without blanks is wanted",
			  cfg_title(sec));
		return -1;
	}
	if (!cfg_getstr(sec, "route"))
		missing = "route to the relay's node";
	else if (!alias_of(sec))
		missing = "name to be reached by, nor an identity that has one";
	if (missing) {
		cfg_error(cfg, "relay-at \"%s\" has no %s", cfg_title(sec),
			  missing);
		return -1;
	}
	if (*alias_of(sec) && strlen(alias_of(sec)) <= ALIAS_MAX)
		return 0;
	cfg_error(cfg, "relay-at \"%s\": a name of 1 to %d bytes is wanted",
		  cfg_title(sec), ALIAS_MAX);
	return -1;
}

/* The service's own address comes behind it. */
static int check_way(cfg_t *cfg, cfg_opt_t *opt)
{
	struct ockam_path path;

	if (check_route(cfg, opt))
		return -1;
	if (!ockam_path_parse(&path, cfg_opt_getnstr(opt, 0)) && path.nhops &&
	    path.nhops < OCKAM_HOPS_MAX)
		return 0;
	cfg_error(cfg, "route: between 1 and %d addresses are wanted",
		  OCKAM_HOPS_MAX - 1);
	return -1;
}

void relays_at_check_with(cfg_t *cfg)
{
	cfg_set_validate_func(cfg, "relay-at", check_relay_at);
	cfg_set_validate_func(cfg, "relay-at|route", check_way);
}

void relays_at_take(cfg_t *cfg, struct config *c)
{
	size_t i;

	c->n_relay_at = cfg_size(cfg, "relay-at");
	c->relay_at = must(calloc(c->n_relay_at + 1, sizeof(*c->relay_at)));
	for (i = 0; i < c->n_relay_at; i++) {
		cfg_t *sec = cfg_getnsec(cfg, "relay-at", i);
		struct conf_relay_at *r = &c->relay_at[i];

		r->name = must(strdup(cfg_title(sec)));
		r->line = sec->line;
		r->alias = must(strdup(alias_of(sec)));
		if (cfg_getstr(sec, "identity"))
			r->identity = must(strdup(cfg_getstr(sec, "identity")));
		ockam_path_parse(&r->route, cfg_getstr(sec, "route"));
	}
}

/* A relay gives a name to who registers it first: that has to be who is meant. */
int relays_at_check(const struct config *c, const char *path)
{
	const struct conf_channel *ch;
	struct ockam_path first;
	size_t i;

	for (i = 0; i < c->n_relay_at; i++) {
		const struct conf_relay_at *r = &c->relay_at[i];

		if (!r->identity)
			continue;
		first = path_begin(&r->route);
		ch = config_channel(c, &first);
		if (ch && !strcmp(ch->identity, r->identity))
			continue;
		log_error("%s, line %d: relay-at \"%s\": its route does not begin with a channel that shows identity \"%s\"",
			  path, r->line, r->name, r->identity);
		return -1;
	}
	return 0;
}

void conf_relay_at_copy(struct conf_relay_at *to,
			const struct conf_relay_at *from)
{
	*to = *from;
	to->name = must(strdup(from->name));
	to->alias = must(strdup(from->alias));
	if (from->identity)
		to->identity = must(strdup(from->identity));
}

void conf_relay_at_clear(struct conf_relay_at *r)
{
	free(r->name);
	free(r->alias);
	free(r->identity);
	memset(r, 0, sizeof(*r));
}
