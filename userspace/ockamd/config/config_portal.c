// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/* The sections "inlet" and "outlet" of the configuration. */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/config.h"
#include "config/config_parts.h"
#include "config/policy.h"

#define CONNECTIONS_MAX	16384

cfg_opt_t inlet_options[] = {
	CFG_STR("listen", NULL, CFGF_NODEFAULT),
	CFG_BOOL("anywhere", cfg_false, CFGF_NONE),
	CFG_STR("route", NULL, CFGF_NODEFAULT),
	CFG_INT("max", 1024, CFGF_NONE),
	CFG_INT("timeout-ms", 30000, CFGF_NONE),
	CFG_BOOL("counters", cfg_true, CFGF_NONE),
	CFG_END()
};

cfg_opt_t outlet_options[] = {
	CFG_STR("connect", NULL, CFGF_NODEFAULT),
	CFG_STR_LIST("allow", NULL, CFGF_NONE),
	CFG_INT("max", 1024, CFGF_NONE),
	CFG_INT("max-peer", 256, CFGF_NONE),
	CFG_INT("rate", 100, CFGF_NONE),
	CFG_INT("timeout-ms", 10000, CFGF_NONE),
	CFG_BOOL("counters", cfg_true, CFGF_NONE),
	CFG_BOOL("proxy-protocol", cfg_false, CFGF_NONE),
	CFG_END()
};

void conf_portal_address(struct conf_portal *p, size_t len, const void *data,
			 uint32_t scope_id)
{
	struct sockaddr_in *in = (void *)&p->ip;

	memset(&p->ip, 0, sizeof(p->ip));
	if (len == 4) {
		in->sin_family = AF_INET;
		in->sin_port = htons(p->port);
		memcpy(&in->sin_addr, data, 4);
	} else if (len == 16) {
		p->ip.sin6_family = AF_INET6;
		p->ip.sin6_port = htons(p->port);
		p->ip.sin6_scope_id = scope_id;
		memcpy(&p->ip.sin6_addr, data, 16);
	}
}

/*
 * Text for what is wrong.  A port alone is one of the loopback address.  Who gets
 * @p->host frees it.
 */
static const char *read_ip(const char *text, bool listen, struct conf_portal *p)
{
	struct conf_link l = { 0 };
	char local[32];
	const char *bad;

	p->host = NULL;
	if (listen && !strchr(text, ':')) {
		snprintf(local, sizeof(local), "127.0.0.1:%.8s", text);
		text = local;
	}
	bad = read_endpoint(text, listen, &l);
	if (bad)
		return bad;
	if (!l.port) {
		free(l.host);
		return "the port is 0";
	}
	p->host = l.host;
	p->port = l.port;
	conf_portal_address(p, l.ip.len, l.ip.data, l.scope_id);
	return NULL;
}

static bool is_loopback(const struct sockaddr_in6 *ip)
{
	const struct sockaddr_in *in = (const void *)ip;

	if (ip->sin6_family == AF_INET)
		return ntohl(in->sin_addr.s_addr) >> 24 == IN_LOOPBACKNET;
	return IN6_IS_ADDR_LOOPBACK(&ip->sin6_addr);
}

static int check_ip(cfg_t *cfg, cfg_opt_t *opt)
{
	const char *text = cfg_opt_getnstr(opt, 0);
	struct conf_portal p = { 0 };
	const char *bad;

	if (!text)
		return 0;
	bad = read_ip(text, !strcmp(opt->name, "listen"), &p);
	free(p.host);
	if (!bad)
		return 0;
	cfg_error(cfg, "%s = \"%s\": %s", opt->name, text, bad);
	return -1;
}

static int check_number(cfg_t *cfg, cfg_opt_t *opt)
{
	long v = cfg_opt_getnint(opt, 0);

	if (v >= 1 && v <= CONNECTIONS_MAX)
		return 0;
	cfg_error(cfg, "%s = %ld is not from 1 to %d", opt->name, v,
		  CONNECTIONS_MAX);
	return -1;
}

static int check_inlet(cfg_t *cfg, cfg_opt_t *opt)
{
	cfg_t *sec = cfg_opt_getnsec(opt, cfg_opt_size(opt) - 1);
	const char *missing = NULL;
	struct conf_portal p = { 0 };
	bool others;

	if (strpbrk(cfg_title(sec), " \t\n") || !*cfg_title(sec)) {
		cfg_error(cfg, "inlet \"%s\": a name without blanks is wanted",
			  cfg_title(sec));
		return -1;
	}
	if (!cfg_getstr(sec, "listen"))
		missing = "port to listen at";
	else if (!cfg_getstr(sec, "route"))
		missing = "route to an outlet";
	if (missing) {
		cfg_error(cfg, "inlet \"%s\" has no %s", cfg_title(sec),
			  missing);
		return -1;
	}
	if (read_ip(cfg_getstr(sec, "listen"), true, &p))
		return -1;
	/* What a name stands for is not known here. */
	others = p.host || !is_loopback(&p.ip);
	free(p.host);
	if (others && !cfg_getbool(sec, "anywhere")) {
		cfg_error(cfg, "inlet \"%s\": \"%s\" is no loopback address: other machines could use it; if they shall, write anywhere = true",
			  cfg_title(sec), cfg_getstr(sec, "listen"));
		return -1;
	}
	return 0;
}

static int check_outlet(cfg_t *cfg, cfg_opt_t *opt)
{
	cfg_t *sec = titled_address(cfg, opt, OCKAM_ADDR_MAX);

	if (!sec)
		return -1;
	if (!cfg_getstr(sec, "connect")) {
		cfg_error(cfg, "outlet \"%s\" has no target to connect to",
			  cfg_title(sec));
		return -1;
	}
	if (!cfg_size(sec, "allow")) {
		cfg_error(cfg, "outlet \"%s\": nobody may use it: name identifiers in allow, or write \"anyone\"",
			  cfg_title(sec));
		return -1;
	}
	return 0;
}

void portals_check_with(cfg_t *cfg)
{
	cfg_set_validate_func(cfg, "inlet", check_inlet);
	cfg_set_validate_func(cfg, "inlet|listen", check_ip);
	cfg_set_validate_func(cfg, "inlet|route", check_route);
	cfg_set_validate_func(cfg, "inlet|max", check_number);
	cfg_set_validate_func(cfg, "inlet|timeout-ms", check_some_ms);
	cfg_set_validate_func(cfg, "outlet", check_outlet);
	cfg_set_validate_func(cfg, "outlet|connect", check_ip);
	cfg_set_validate_func(cfg, "outlet|allow", check_allow);
	cfg_set_validate_func(cfg, "outlet|max", check_number);
	cfg_set_validate_func(cfg, "outlet|max-peer", check_number);
	cfg_set_validate_func(cfg, "outlet|rate", check_number);
	cfg_set_validate_func(cfg, "outlet|timeout-ms", check_some_ms);
}

static void take(cfg_t *sec, bool inlet, struct conf_portal *p)
{
	p->inlet = inlet;
	p->name = must(strdup(cfg_title(sec)));
	p->line = sec->line;
	p->endpoint = must(strdup(cfg_getstr(sec, inlet ? "listen" :
						 "connect")));
	read_ip(p->endpoint, inlet, p);
	ockam_path_parse(&p->path, inlet ? cfg_getstr(sec, "route") : p->name);
	p->max = cfg_getint(sec, "max");
	p->timeout_ms = cfg_getint(sec, "timeout-ms");
	p->counters = cfg_getbool(sec, "counters");
	if (inlet)
		return;
	p->policy = take_policy(sec, "allow");
	p->max_peer = cfg_getint(sec, "max-peer");
	p->rate = cfg_getint(sec, "rate");
	p->proxy = cfg_getbool(sec, "proxy-protocol");
}

void portals_take(cfg_t *cfg, struct config *c)
{
	size_t i, inlets = cfg_size(cfg, "inlet");

	c->n_portal = inlets + cfg_size(cfg, "outlet");
	c->portal = must(calloc(c->n_portal + 1, sizeof(*c->portal)));
	for (i = 0; i < c->n_portal; i++)
		take(i < inlets ? cfg_getnsec(cfg, "inlet", i) :
				  cfg_getnsec(cfg, "outlet", i - inlets),
		     i < inlets, &c->portal[i]);
}

void conf_portal_copy(struct conf_portal *to, const struct conf_portal *from)
{
	*to = *from;
	to->name = must(strdup(from->name));
	to->endpoint = must(strdup(from->endpoint));
	if (from->host)
		to->host = must(strdup(from->host));
	if (to->policy)
		policy_get(to->policy);
}

void conf_portal_clear(struct conf_portal *c)
{
	free(c->name);
	free(c->endpoint);
	free(c->host);
	policy_put(c->policy);
	memset(c, 0, sizeof(*c));
}
