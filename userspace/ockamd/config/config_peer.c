// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/* The sections "peer" of the configuration: names for identifiers. */
#include <stdlib.h>
#include <string.h>

#include "config/config.h"
#include "config/config_parts.h"
#include "core/log.h"
#include "identity.h"

cfg_opt_t peer_options[] = {
	CFG_STR("identifier", NULL, CFGF_NODEFAULT),
	CFG_STR("owner", NULL, CFGF_NODEFAULT),
	CFG_BOOL("shared", cfg_false, CFGF_NONE),
	CFG_STR("invited", NULL, CFGF_NODEFAULT),
	CFG_END()
};

static int check_identifier(cfg_t *cfg, cfg_opt_t *opt)
{
	const char *text = cfg_opt_getnstr(opt, 0);
	uint8_t id[IDENT_ID_LEN];

	if (!text || !ident_id_parse(text, id))
		return 0;
	cfg_error(cfg, "identifier: \"%s\" is not \"I\" and 64 hexadecimal digits, as ockamctl identity show prints it",
		  text);
	return -1;
}

/* Lists and log lines show it as one word. */
bool is_peer_name(const char *name)
{
	uint8_t id[IDENT_ID_LEN];
	const char *p;

	for (p = name; *p; p++)
		if (*p <= ' ' || *p >= 127 || *p == '#' || *p == '\\')
			return false;
	return p > name && strcmp(name, "anyone") &&
	       ident_id_parse(name, id);
}

static int check_peer(cfg_t *cfg, cfg_opt_t *opt)
{
	cfg_t *sec = titled_address(cfg, opt, OCKAM_ADDR_MAX);

	if (!sec)
		return -1;
	if (!is_peer_name(cfg_title(sec))) {
		cfg_error(cfg, "peer \"%s\": a name is wanted, of printable characters other than blanks, '#' and '\\', that is neither \"anyone\" nor an identifier",
			  cfg_title(sec));
		return -1;
	}
	if (!cfg_getstr(sec, "identifier")) {
		cfg_error(cfg, "peer \"%s\" has no identifier",
			  cfg_title(sec));
		return -1;
	}
	return 0;
}

void peers_check_with(cfg_t *cfg)
{
	cfg_set_validate_func(cfg, "peer", check_peer);
	cfg_set_validate_func(cfg, "peer|identifier", check_identifier);
	cfg_set_validate_func(cfg, "peer|owner", check_users);
}

void peers_take(cfg_t *cfg, struct config *c)
{
	size_t i;

	c->n_peer = cfg_size(cfg, "peer");
	c->peer = must(calloc(c->n_peer + 1, sizeof(*c->peer)));
	for (i = 0; i < c->n_peer; i++) {
		cfg_t *sec = cfg_getnsec(cfg, "peer", i);
		struct conf_peer *p = &c->peer[i];

		p->name = must(strdup(cfg_title(sec)));
		p->line = sec->line;
		ockam_path_parse(&p->address, p->name);
		ident_id_parse(cfg_getstr(sec, "identifier"), p->id);
		/* Channels of peers are the daemon's user's. */
		p->owner = -1;
		if (cfg_getstr(sec, "owner"))
			read_uid(cfg_getstr(sec, "owner"), &p->owner);
		p->shared = cfg_getbool(sec, "shared");
		if (cfg_getstr(sec, "invited"))
			p->invited = must(strdup(cfg_getstr(sec, "invited")));
	}
}

/* Of two names for one identifier nobody would know which one is shown. */
int peers_check(const struct config *c, const char *path)
{
	size_t i, k;

	for (i = 0; i < c->n_peer; i++)
		for (k = 0; k < i; k++) {
			if (memcmp(c->peer[i].id, c->peer[k].id, IDENT_ID_LEN))
				continue;
			log_error("%s, line %d: the identifier of peer \"%s\" is that of peer \"%s\", in line %d",
				  path, c->peer[i].line, c->peer[i].name,
				  c->peer[k].name, c->peer[k].line);
			return -1;
		}
	return 0;
}

void conf_peer_copy(struct conf_peer *to, const struct conf_peer *from)
{
	*to = *from;
	to->name = must(strdup(from->name));
	if (from->invited)
		to->invited = must(strdup(from->invited));
}

void conf_peer_clear(struct conf_peer *p)
{
	free(p->name);
	free(p->invited);
	memset(p, 0, sizeof(*p));
}
