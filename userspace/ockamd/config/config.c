// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/*
 * The configuration file, read with libconfuse.  Each value is checked while it
 * is parsed, so that complaints name the line; afterwards it is only copied.
 */
#include <errno.h>
#include <grp.h>
#include <netdb.h>
#include <netinet/in.h>
#include <pwd.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <confuse.h>

#include "config/config.h"
#include "config/config_parts.h"
#include "config/names.h"
#include "config/policy.h"
#include "core/asker.h"
#include "core/base.h"
#include "core/log.h"
#include "keystore.h"
#include "nl.h"
#include "peer.h"
#include "postbox.h"

#define STATE_DEFAULT	"/var/lib/ockam"
#define MANY_MAX	1048576
#define HANDSHAKES_MAX	16384

unsigned int listen_to(const char *handshake)
{
	if (!strcmp(handshake, "xx"))
		return LISTEN_XX;
	if (!strcmp(handshake, "x3dh"))
		return LISTEN_X3DH;
	return strcmp(handshake, "both") ? 0 : LISTEN_XX | LISTEN_X3DH;
}

/* ---- values ---- */

static void complain(cfg_t *cfg, const char *fmt, va_list ap)
{
	char text[512];

	vsnprintf(text, sizeof(text), fmt, ap);
	if (cfg && cfg->filename && cfg->line)
		log_error("%s, line %d: %s", cfg->filename, cfg->line, text);
	else
		log_error("%s", text);
}

static bool read_id(const char *text, unsigned long *id)
{
	char *end;

	errno = 0;
	*id = strtoul(text, &end, 10);
	/* The highest one stands for "none". */
	return *text >= '0' && *text <= '9' && !*end && !errno &&
	       *id < UINT32_MAX;
}

bool read_uid(const char *text, uid_t *uid)
{
	const struct passwd *pw;
	unsigned long id;

	if (read_id(text, &id)) {
		*uid = id;
		return true;
	}
	pw = getpwnam(text);
	if (pw)
		*uid = pw->pw_uid;
	return pw;
}

static bool read_gid(const char *text, gid_t *gid)
{
	const struct group *gr;
	unsigned long id;

	if (read_id(text, &id)) {
		*gid = id;
		return true;
	}
	gr = getgrnam(text);
	if (gr)
		*gid = gr->gr_gid;
	return gr;
}

/* "1000", "2000-2999" or a name. */
static bool read_range(const char *text, bool gids, struct ockam_id_range *r)
{
	const char *dash = strchr(text, '-');
	unsigned long first, last;
	char low[16] = "";
	gid_t gid;
	uid_t uid;

	/* Names may have a dash, too. */
	if (dash && (size_t)(dash - text) < sizeof(low)) {
		memcpy(low, text, dash - text);
		if (read_id(low, &first)) {
			if (!read_id(dash + 1, &last) || first > last)
				return false;
			r->first = first;
			r->last = last;
			return true;
		}
	}
	if (gids ? !read_gid(text, &gid) : !read_uid(text, &uid))
		return false;
	r->first = r->last = gids ? gid : uid;
	return true;
}

static bool read_forward(const char *text, uint32_t *bits)
{
	int bit = ockam_nl_value(OCKAM_NL_NODE, OCKAM_A_NODE_FORWARD, text);

	if (bit < 0)
		return false;
	*bits |= 1U << bit;
	return true;
}

static bool read_scope(const char *text, uint32_t *bits)
{
	static const struct {
		const char *name;
		uint32_t bit;
	} scopes[] = {
		{ "local", OCKAM_ACCEPT_LOCAL },
		{ "links", OCKAM_ACCEPT_LINKS },
		{ "channels", OCKAM_ACCEPT_CHANNELS },
		{ "forwarded", OCKAM_ACCEPT_FORWARDED },
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(scopes); i++)
		if (!strcmp(text, scopes[i].name)) {
			*bits |= scopes[i].bit;
			return true;
		}
	return false;
}

/* An address needs nobody who looks it up. */
static bool read_address(const char *host, struct conf_link *l)
{
	const struct addrinfo hints = {
		.ai_socktype = SOCK_STREAM,
		.ai_flags = AI_NUMERICHOST,
	};
	struct addrinfo *ai;

	if (getaddrinfo(host, NULL, &hints, &ai))
		return false;
	if (ai->ai_family == AF_INET) {
		const struct sockaddr_in *in = (void *)ai->ai_addr;

		l->ip.len = 4;
		memcpy(l->ip.data, &in->sin_addr, 4);
	} else {
		const struct sockaddr_in6 *in6 = (void *)ai->ai_addr;

		l->ip.len = 16;
		memcpy(l->ip.data, &in6->sin6_addr, 16);
		l->scope_id = in6->sin6_scope_id;
	}
	freeaddrinfo(ai);
	return true;
}

/*
 * Could it be a name?  One without any letter is an address that is wrong.  An
 * address with an interface that is not there, yet, is looked up like a name.
 */
static bool is_host(const char *host)
{
	static const char all[] = "abcdefghijklmnopqrstuvwxyz"
		"ABCDEFGHIJKLMNOPQRSTUVWXYZ" "0123456789.-_";
	const char *percent = strchr(host, '%');
	struct conf_link l = { 0 };
	char address[64];

	if (percent) {
		snprintf(address, sizeof(address), "%.*s",
			 (int)(percent - host), host);
		return percent[1] && read_address(address, &l) &&
		       l.ip.len == 16;
	}
	return *host != '-' && *host != '.' && !host[strspn(host, all)] &&
	       host[strspn(host, all + 2 * 26)];
}

/*
 * "10.0.0.2:4000", "[::1]:4000", "host:4000"; text for what is wrong.  Who gets
 * @l->host frees it.
 */
const char *read_endpoint(const char *text, bool listen, struct conf_link *l)
{
	const char *colon = strrchr(text, ':');
	unsigned long port;
	char host[256];
	size_t n;

	l->host = NULL;
	if (!colon || colon == text || !colon[1])
		return "HOST:PORT is wanted";
	n = colon - text;
	if (text[0] == '[') {
		if (text[n - 1] != ']')
			return "']' is missing";
		text++;
		n -= 2;
	}
	if (!n || n >= sizeof(host))
		return "HOST:PORT is wanted";
	memcpy(host, text, n);
	host[n] = 0;
	if (!read_id(colon + 1, &port) || port > UINT16_MAX)
		return "the port is not a number up to 65535";
	if (!port && !listen)
		return "there is no port 0 to connect to";
	l->port = port;
	/* Whatever a resolver says of that name. */
	if (!strcmp(host, "localhost"))
		strcpy(host, "127.0.0.1");
	if (read_address(host, l))
		return NULL;
	if (!is_host(host))
		return "neither an address nor the name of a host";
	l->host = must(strdup(host));
	return NULL;
}

/* ---- checks while parsing ---- */

static const char *last(cfg_opt_t *opt)
{
	return cfg_opt_getnstr(opt, cfg_opt_size(opt) - 1);
}

int check_users(cfg_t *cfg, cfg_opt_t *opt)
{
	const char *v = last(opt);
	uid_t uid;

	if (!v || read_uid(v, &uid))
		return 0;
	cfg_error(cfg, "no user \"%s\"", v);
	return -1;
}

static int check_groups(cfg_t *cfg, cfg_opt_t *opt)
{
	const char *v = last(opt);
	gid_t gid;

	if (!v || read_gid(v, &gid))
		return 0;
	cfg_error(cfg, "no group \"%s\"", v);
	return -1;
}

static int check_senders(cfg_t *cfg, cfg_opt_t *opt)
{
	bool gids = !strcmp(opt->name, "send-gids");
	struct ockam_id_range range;
	const char *v = last(opt);

	if (cfg_opt_size(opt) > OCKAM_NL_RANGES_MAX) {
		cfg_error(cfg, "%s: more than %d", opt->name,
			  OCKAM_NL_RANGES_MAX);
		return -1;
	}
	if (!v || read_range(v, gids, &range))
		return 0;
	cfg_error(cfg, "%s: \"%s\" is neither a %s nor a range of ids",
		  opt->name, v, gids ? "group" : "user");
	return -1;
}

/* No identifier: it stands for some. */
static bool is_invited(const char *option, const char *word)
{
	return !strcmp(option, "trust") && !strcmp(word, TRUST_INVITED);
}

static int check_trust(cfg_t *cfg, cfg_opt_t *opt)
{
	struct trust_policy p = { 0 };
	unsigned int i;
	int err = 0;

	for (i = 0; i < cfg_opt_size(opt) && !err; i++)
		err = is_invited(opt->name, cfg_opt_getnstr(opt, i)) ? 0 :
		      trust_policy_add(&p, cfg_opt_getnstr(opt, i));
	trust_policy_clear(&p);
	if (!err)
		return 0;
	cfg_error(cfg, "trust: \"%s\" is neither an identifier, \"authority IDENTIFIER NAME=VALUE\" nor the only word \"anyone\"",
		  last(opt));
	return -1;
}

/* Beside them, who was invited. */
static int check_listener_trust(cfg_t *cfg, cfg_opt_t *opt)
{
	bool anyone = false, invited = false;
	unsigned int i;

	for (i = 0; i < cfg_opt_size(opt); i++) {
		anyone |= !strcmp(cfg_opt_getnstr(opt, i), "anyone");
		invited |= !strcmp(cfg_opt_getnstr(opt, i), TRUST_INVITED);
	}
	if (!anyone || !invited)
		return check_trust(cfg, opt);
	cfg_error(cfg, "trust: \"" TRUST_INVITED "\" beside \"anyone\"");
	return -1;
}

/* The relay service sees identifiers only. */
int check_allow(cfg_t *cfg, cfg_opt_t *opt)
{
	if (!last(opt) || !is_rule(last(opt)))
		return check_trust(cfg, opt);
	cfg_error(cfg, "allow: credentials do not count here, name identifiers");
	return -1;
}

static int check_forward(cfg_t *cfg, cfg_opt_t *opt)
{
	const char *v = last(opt);
	uint32_t bits = 0;

	if (!v || read_forward(v, &bits))
		return 0;
	cfg_error(cfg, "forward: \"%s\" is none of link-link, channel-link, link-channel, channel-channel",
		  v);
	return -1;
}

static int check_scope(cfg_t *cfg, cfg_opt_t *opt)
{
	const char *v = last(opt);
	uint32_t bits = 0;

	if (!v || read_scope(v, &bits))
		return 0;
	cfg_error(cfg, "scope: \"%s\" is none of local, links, channels, forwarded",
		  v);
	return -1;
}

/* Where a blank is that does not belong to "=>", or NULL. */
static const char *stray_blank(const char *text)
{
	const char *p = text + strspn(text, " ");

	for (p += strcspn(p, " "); *p; p += strcspn(p, " ")) {
		const char *next = p + strspn(p, " ");

		if (*next && strncmp(next, "=>", 2) &&
		    (p < text + 2 || strncmp(p - 2, "=>", 2)))
			return p;
		p = next;
	}
	return NULL;
}

int check_route(cfg_t *cfg, cfg_opt_t *opt)
{
	struct ockam_path path;
	const char *v = last(opt);

	if (!v)
		return 0;
	if (ockam_path_parse(&path, v)) {
		cfg_error(cfg, "%s", ockam_error());
		return -1;
	}
	/* It would be one address with a blank in it, which hardly is meant. */
	if (!stray_blank(v))
		return 0;
	cfg_error(cfg, "%s = \"%s\": there is a blank in an address: between two of them there is \"=>\", and a blank that belongs to one is written \\\\x20",
		  opt->name, v);
	return -1;
}

static int check_endpoint(cfg_t *cfg, cfg_opt_t *opt)
{
	struct conf_link l = { 0 };
	const char *bad;

	if (!last(opt))
		return 0;
	bad = read_endpoint(last(opt), !strcmp(opt->name, "listen"), &l);
	free(l.host);
	if (!bad)
		return 0;
	cfg_error(cfg, "%s = \"%s\": %s", opt->name, last(opt), bad);
	return -1;
}

int check_positive(cfg_t *cfg, cfg_opt_t *opt)
{
	long v = cfg_opt_getnint(opt, 0);

	if (v >= 0 && v <= 86400000)
		return 0;
	cfg_error(cfg, "%s = %ld is out of range", opt->name, v);
	return -1;
}

static int check_handshakes(cfg_t *cfg, cfg_opt_t *opt)
{
	long v = cfg_opt_getnint(opt, 0);

	if (v >= 1 && v <= HANDSHAKES_MAX)
		return 0;
	cfg_error(cfg, "%s = %ld is not from 1 to %d", opt->name, v,
		  HANDSHAKES_MAX);
	return -1;
}

static int check_many(cfg_t *cfg, cfg_opt_t *opt)
{
	long v = cfg_opt_getnint(opt, 0);

	if (v >= 1 && v <= MANY_MAX)
		return 0;
	cfg_error(cfg, "%s = %ld is not from 1 to %d", opt->name, v, MANY_MAX);
	return -1;
}

/* The section that was just closed; its title is an address. */
cfg_t *titled_address(cfg_t *cfg, cfg_opt_t *opt, size_t max)
{
	cfg_t *sec = cfg_opt_getnsec(opt, cfg_opt_size(opt) - 1);
	struct ockam_path path;

	if (ockam_path_parse(&path, cfg_title(sec))) {
		cfg_error(cfg, "%s", ockam_error());
		return NULL;
	}
	if (path.nhops != 1 || path.hops[0] || !path.hops[1] ||
	    path.hops[1] > max) {
		cfg_error(cfg, "%s \"%s\": one local address is wanted, of at most %zu bytes",
			  opt->name, cfg_title(sec), max);
		return NULL;
	}
	return sec;
}

static int check_listener(cfg_t *cfg, cfg_opt_t *opt)
{
	cfg_t *sec = titled_address(cfg, opt, OCKAM_ADDR_MAX);

	if (!sec)
		return -1;
	if (!cfg_getstr(sec, "identity")) {
		cfg_error(cfg, "listener \"%s\" has no identity",
			  cfg_title(sec));
		return -1;
	}
	if (!cfg_size(sec, "trust")) {
		cfg_error(cfg, "listener \"%s\" has no trust policy: name identifiers, or write \"anyone\"",
			  cfg_title(sec));
		return -1;
	}
	if (cfg_getstr(sec, "prekeys") &&
	    !(listen_to(cfg_getstr(sec, "handshake")) & LISTEN_X3DH)) {
		cfg_error(cfg, "listener \"%s\" has a prekey service, but not handshake x3dh or both",
			  cfg_title(sec));
		return -1;
	}
	return 0;
}

static int check_listen(cfg_t *cfg, cfg_opt_t *opt)
{
	const char *word = cfg_opt_getnstr(opt, 0);

	if (listen_to(word))
		return 0;
	cfg_error(cfg, "handshake: \"%s\" is none of xx, x3dh, both", word);
	return -1;
}

/*
 * Answers go the way to the service and on along a route of the service's.
 * Without a way it would choose where the daemon sends them.
 */
static int check_service(cfg_t *cfg, cfg_opt_t *opt)
{
	struct ockam_path path, own;

	if (check_route(cfg, opt))
		return -1;
	if (ockam_path_parse(&path, cfg_opt_getnstr(opt, 0)) ||
	    ockam_path_parse(&own, PREKEY_WORKER))
		return -1;
	if (path.nhops > 1 || path_equal(&path, &own))
		return 0;
	cfg_error(cfg, "prekeys: \"%s\" is a worker of this node, but only \"%s\" is a prekey service here",
		  cfg_opt_getnstr(opt, 0), PREKEY_WORKER);
	return -1;
}

static int check_prekeys(cfg_t *cfg, cfg_opt_t *opt)
{
	cfg_t *sec = cfg_opt_getnsec(opt, cfg_opt_size(opt) - 1);

	if (cfg_size(sec, "allow"))
		return 0;
	cfg_error(cfg, "prekey-service: nobody may have a box: name identifiers in allow, or write \"anyone\"");
	return -1;
}

static int check_identity(cfg_t *cfg, cfg_opt_t *opt)
{
	cfg_t *sec = cfg_opt_getnsec(opt, cfg_opt_size(opt) - 1);

	if (keystore_name_valid(cfg_title(sec)))
		return 0;
	cfg_error(cfg, "identity \"%s\": %s", cfg_title(sec),
		  keystore_strerror(-EINVAL));
	return -1;
}

static int check_address(cfg_t *cfg, cfg_opt_t *opt)
{
	return titled_address(cfg, opt, OCKAM_ADDR_MAX) ? 0 : -1;
}

/* What says how TCP connects and accepts means nothing to datagrams. */
static int check_udp(cfg_t *cfg, cfg_t *sec)
{
	const char *form = cfg_getstr(sec, "udp-form");
	static const char * const tcp_only[] = {
		"reconnect-min-ms", "reconnect-max-ms", "max-accepted",
		"dead-ms",
	};
	size_t i;

	if (form && strcmp(form, "stock") && strcmp(form, "native")) {
		cfg_error(cfg, "link \"%s\": udp-form is stock or native, not '%s'",
			  cfg_title(sec), form);
		return -1;
	}
	for (i = 0; i < sizeof(tcp_only) / sizeof(tcp_only[0]); i++) {
		if (cfg_getint(sec, tcp_only[i]) < 0)
			continue;
		cfg_error(cfg, "link \"%s\": %s is for TCP only",
			  cfg_title(sec), tcp_only[i]);
		return -1;
	}
	return 0;
}

static int check_link(cfg_t *cfg, cfg_opt_t *opt)
{
	cfg_t *sec = titled_address(cfg, opt, OCKAM_NAME_LEN);

	if (!sec)
		return -1;
	if (!cfg_getstr(sec, "connect") == !cfg_getstr(sec, "listen")) {
		cfg_error(cfg, "link \"%s\" needs either connect or listen",
			  cfg_title(sec));
		return -1;
	}
	if (!strcmp(cfg_getstr(sec, "kind"), "udp"))
		return check_udp(cfg, sec);
	if (cfg_getstr(sec, "udp-form")) {
		cfg_error(cfg, "link \"%s\": udp-form is for UDP only",
			  cfg_title(sec));
		return -1;
	}
	if (strcmp(cfg_getstr(sec, "kind"), "tcp")) {
		cfg_error(cfg, "link \"%s\": kind is tcp or udp, not \"%s\"",
			  cfg_title(sec), cfg_getstr(sec, "kind"));
		return -1;
	}
	return 0;
}

static int check_relay(cfg_t *cfg, cfg_opt_t *opt)
{
	cfg_t *sec = cfg_opt_getnsec(opt, cfg_opt_size(opt) - 1);

	/* Some names have to fit behind it. */
	if (strlen(cfg_getstr(sec, "prefix")) > OCKAM_ADDR_MAX / 2) {
		cfg_error(cfg, "relay: prefix has more than %d bytes",
			  OCKAM_ADDR_MAX / 2);
		return -1;
	}
	if (cfg_size(sec, "allow") || cfg_getbool(sec, "plain-links"))
		return 0;
	cfg_error(cfg, "relay: nobody may register: name identifiers in allow, or write \"anyone\"");
	return -1;
}

static int check_hop(cfg_t *cfg, cfg_opt_t *opt)
{
	return titled_address(cfg, opt, OCKAM_ADDR_MAX) ? 0 : -1;
}

/* A channel cannot do without these three. */
static int check_channel(cfg_t *cfg, cfg_opt_t *opt)
{
	cfg_t *sec = titled_address(cfg, opt, OCKAM_ADDR_MAX);
	const char *missing = NULL;
	size_t i;

	if (!sec)
		return -1;
	if (!cfg_getstr(sec, "identity"))
		missing = "identity";
	else if (!cfg_size(sec, "route"))
		missing = "route to a listener";
	else if (!cfg_size(sec, "trust"))
		missing = "trust policy: name identifiers, or write \"anyone\"";
	if (missing) {
		cfg_error(cfg, "channel \"%s\" has no %s", cfg_title(sec),
			  missing);
		return -1;
	}
	for (i = 0; i < cfg_size(sec, "trust"); i++) {
		if (!is_invited("trust", cfg_getnstr(sec, "trust", i)))
			continue;
		cfg_error(cfg, "channel \"%s\": \"" TRUST_INVITED "\" is for listeners",
			  cfg_title(sec));
		return -1;
	}
	if (cfg_size(sec, "route") > ROUTES_MAX) {
		cfg_error(cfg, "channel \"%s\" has more than %d routes",
			  cfg_title(sec), ROUTES_MAX);
		return -1;
	}
	if (cfg_getint(sec, "retry-min-ms") > cfg_getint(sec, "retry-max-ms")) {
		cfg_error(cfg, "channel \"%s\": retry-min-ms is more than retry-max-ms",
			  cfg_title(sec));
		return -1;
	}
	return 0;
}

int check_some_ms(cfg_t *cfg, cfg_opt_t *opt)
{
	long v = cfg_opt_getnint(opt, 0);

	if (v >= 10 && v <= 86400000)
		return 0;
	cfg_error(cfg, "%s = %ld is not from 10 to 86400000", opt->name, v);
	return -1;
}

/* ---- copying what was checked ---- */

/* Memory is all that can still be missing. */
void *must(void *p)
{
	if (!p) {
		log_error("out of memory");
		exit(1);
	}
	return p;
}

static void take_users(cfg_t *sec, struct users *u)
{
	size_t i;

	u->n_uids = cfg_size(sec, "allow-uid");
	u->n_gids = cfg_size(sec, "allow-gid");
	u->uids = must(calloc(u->n_uids + 1, sizeof(*u->uids)));
	u->gids = must(calloc(u->n_gids + 1, sizeof(*u->gids)));
	for (i = 0; i < u->n_uids; i++)
		read_uid(cfg_getnstr(sec, "allow-uid", i), &u->uids[i]);
	for (i = 0; i < u->n_gids; i++)
		read_gid(cfg_getnstr(sec, "allow-gid", i), &u->gids[i]);
}

struct policy *take_policy(cfg_t *sec, const char *name)
{
	struct policy *p = must(policy_new());
	size_t i;

	for (i = 0; i < cfg_size(sec, name); i++)
		if (!is_invited(name, cfg_getnstr(sec, name, i)) &&
		    trust_policy_add(&p->trust, cfg_getnstr(sec, name, i)))
			must(NULL);
	return p;
}

static void take_identities(cfg_t *cfg, struct config *c)
{
	size_t i;

	c->n_identity = cfg_size(cfg, "identity");
	c->identity = must(calloc(c->n_identity + 1, sizeof(*c->identity)));
	for (i = 0; i < c->n_identity; i++) {
		cfg_t *sec = cfg_getnsec(cfg, "identity", i);

		c->identity[i].name = must(strdup(cfg_title(sec)));
		c->identity[i].create = cfg_getbool(sec, "create");
		take_users(sec, &c->identity[i].users);
	}
}

static void take_listeners(cfg_t *cfg, struct config *c)
{
	size_t i, k;

	c->n_listener = cfg_size(cfg, "listener");
	c->listener = must(calloc(c->n_listener + 1, sizeof(*c->listener)));
	for (i = 0; i < c->n_listener; i++) {
		cfg_t *sec = cfg_getnsec(cfg, "listener", i);
		struct conf_listener *l = &c->listener[i];

		l->name = must(strdup(cfg_title(sec)));
		l->line = sec->line;
		l->identity = must(strdup(cfg_getstr(sec, "identity")));
		l->policy = take_policy(sec, "trust");
		for (k = 0; k < cfg_size(sec, "trust"); k++)
			l->invited |= is_invited("trust",
				cfg_getnstr(sec, "trust", k));
		ockam_path_parse(&l->address, l->name);
		l->handshakes = listen_to(cfg_getstr(sec, "handshake"));
		if (cfg_getstr(sec, "prekeys"))
			ockam_path_parse(&l->prekeys,
					 cfg_getstr(sec, "prekeys"));
	}
}

static void take_addresses(cfg_t *cfg, struct config *c)
{
	size_t i;

	c->n_address = cfg_size(cfg, "address");
	c->address = must(calloc(c->n_address + 1, sizeof(*c->address)));
	for (i = 0; i < c->n_address; i++) {
		cfg_t *sec = cfg_getnsec(cfg, "address", i);

		c->address[i].name = must(strdup(cfg_title(sec)));
		ockam_path_parse(&c->address[i].address, cfg_title(sec));
		take_users(sec, &c->address[i].users);
	}
}

static void take_ranges(cfg_t *sec, const char *name, bool gids,
			struct ockam_nl_ranges *list)
{
	for (list->n = 0; list->n < cfg_size(sec, name); list->n++)
		read_range(cfg_getnstr(sec, name, list->n), gids,
			   &list->range[list->n]);
}

static void take_links(cfg_t *cfg, struct config *c)
{
	size_t i;

	c->n_link = cfg_size(cfg, "link");
	c->link = must(calloc(c->n_link + 1, sizeof(*c->link)));
	for (i = 0; i < c->n_link; i++) {
		cfg_t *sec = cfg_getnsec(cfg, "link", i);
		struct conf_link *l = &c->link[i];

		l->name = must(strdup(cfg_title(sec)));
		l->line = sec->line;
		ockam_path_parse(&l->address, l->name);
		l->listen = cfg_getstr(sec, "listen");
		l->udp = !strcmp(cfg_getstr(sec, "kind"), "udp");
		l->native = cfg_getstr(sec, "udp-form") &&
			    !strcmp(cfg_getstr(sec, "udp-form"), "native");
		l->endpoint = must(strdup(cfg_getstr(sec, l->listen ?
						     "listen" : "connect")));
		read_endpoint(l->endpoint, l->listen, l);
		l->reconnect_min_ms = cfg_getint(sec, "reconnect-min-ms");
		l->reconnect_max_ms = cfg_getint(sec, "reconnect-max-ms");
		l->max_accepted = cfg_getint(sec, "max-accepted");
		l->dead_ms = cfg_getint(sec, "dead-ms");
		take_ranges(sec, "send-uids", false, &l->send_uids);
		take_ranges(sec, "send-gids", true, &l->send_gids);
	}
}

static void take_hops(cfg_t *cfg, struct config *c)
{
	size_t i, k;

	c->n_hop = cfg_size(cfg, "hop");
	c->hop = must(calloc(c->n_hop + 1, sizeof(*c->hop)));
	for (i = 0; i < c->n_hop; i++) {
		cfg_t *sec = cfg_getnsec(cfg, "hop", i);
		struct conf_hop *h = &c->hop[i];

		h->name = must(strdup(cfg_title(sec)));
		h->line = sec->line;
		ockam_path_parse(&h->address, h->name);
		if (cfg_getstr(sec, "route"))
			ockam_path_parse(&h->route, cfg_getstr(sec, "route"));
		h->scope = OCKAM_ACCEPT_LOCAL;
		for (k = 0; k < cfg_size(sec, "scope"); k++)
			read_scope(cfg_getnstr(sec, "scope", k), &h->scope);
	}
}

static void take_channel_routes(cfg_t *sec, struct conf_channel *ch)
{
	size_t i;

	ch->n_route = cfg_size(sec, "route");
	ch->route = must(calloc(ch->n_route, sizeof(*ch->route)));
	for (i = 0; i < ch->n_route; i++)
		ockam_path_parse(&ch->route[i], cfg_getnstr(sec, "route", i));
}

static void take_channels(cfg_t *cfg, struct config *c)
{
	size_t i;

	c->n_channel = cfg_size(cfg, "channel");
	c->channel = must(calloc(c->n_channel + 1, sizeof(*c->channel)));
	for (i = 0; i < c->n_channel; i++) {
		cfg_t *sec = cfg_getnsec(cfg, "channel", i);
		struct conf_channel *ch = &c->channel[i];

		ch->name = must(strdup(cfg_title(sec)));
		ch->line = sec->line;
		ockam_path_parse(&ch->address, ch->name);
		ch->identity = must(strdup(cfg_getstr(sec, "identity")));
		take_channel_routes(sec, ch);
		ch->policy = take_policy(sec, "trust");
		/* The daemon's user, which it has yet to become. */
		ch->owner = -1;
		if (cfg_getstr(sec, "owner"))
			read_uid(cfg_getstr(sec, "owner"), &ch->owner);
		ch->shared = cfg_getbool(sec, "shared");
		ch->recreate = cfg_getbool(sec, "recreate");
		ch->timeout_ms = cfg_getint(sec, "timeout-ms");
		ch->retry_min_ms = cfg_getint(sec, "retry-min-ms");
		ch->retry_max_ms = cfg_getint(sec, "retry-max-ms");
		ch->max_age = cfg_getint(sec, "max-age");
		if (cfg_getstr(sec, "probe"))
			ockam_path_parse(&ch->probe, cfg_getstr(sec, "probe"));
	}
}

void conf_link_copy(struct conf_link *to, const struct conf_link *from)
{
	*to = *from;
	to->name = must(strdup(from->name));
	to->endpoint = must(strdup(from->endpoint));
	if (from->host)
		to->host = must(strdup(from->host));
}

void conf_link_clear(struct conf_link *l)
{
	free(l->name);
	free(l->endpoint);
	free(l->host);
	memset(l, 0, sizeof(*l));
}

void conf_hop_copy(struct conf_hop *to, const struct conf_hop *from)
{
	*to = *from;
	to->name = must(strdup(from->name));
}

void conf_hop_clear(struct conf_hop *h)
{
	free(h->name);
	memset(h, 0, sizeof(*h));
}

void conf_channel_copy(struct conf_channel *to,
		       const struct conf_channel *from)
{
	*to = *from;
	to->name = must(strdup(from->name));
	to->identity = must(strdup(from->identity));
	to->route = must(calloc(from->n_route, sizeof(*to->route)));
	memcpy(to->route, from->route, from->n_route * sizeof(*to->route));
	policy_get(to->policy);
}

void conf_channel_clear(struct conf_channel *c)
{
	free(c->name);
	free(c->identity);
	free(c->route);
	policy_put(c->policy);
	memset(c, 0, sizeof(*c));
}

static void take_relay(cfg_t *cfg, struct config *c)
{
	struct conf_relay *r = &c->relay;
	cfg_t *sec;

	if (!cfg_size(cfg, "relay"))
		return;
	sec = cfg_getnsec(cfg, "relay", 0);
	r->enabled = true;
	r->policy = take_policy(sec, "allow");
	r->plain_links = cfg_getbool(sec, "plain-links");
	r->prefix = must(strdup(cfg_getstr(sec, "prefix")));
	r->max = cfg_getint(sec, "max");
	r->lifetime = cfg_getint(sec, "lifetime");
}

static void take_prekeys(cfg_t *cfg, struct config *c)
{
	cfg_t *sec;

	if (!cfg_size(cfg, "prekey-service"))
		return;
	sec = cfg_getnsec(cfg, "prekey-service", 0);
	c->prekeys.enabled = true;
	c->prekeys.policy = take_policy(sec, "allow");
	c->prekeys.max = cfg_getint(sec, "max");
}

/* A service manager may have made one for us. */
static const char *state_default(void)
{
	const char *dir = getenv("STATE_DIRECTORY");

	return dir && dir[0] == '/' && !strchr(dir, ':') ? dir : STATE_DEFAULT;
}

static struct config *take(cfg_t *cfg)
{
	struct config *c = must(calloc(1, sizeof(*c)));
	size_t i;

	c->state = must(strdup(cfg_getstr(cfg, "state") ? : state_default()));
	if (cfg_getstr(cfg, "user"))
		c->user = must(strdup(cfg_getstr(cfg, "user")));
	if (cfg_getstr(cfg, "group"))
		c->group = must(strdup(cfg_getstr(cfg, "group")));
	c->max_handshakes = cfg_getint(cfg, "max-handshakes");
	c->max_channels = cfg_getint(cfg, "max-channels");
	c->max_peers = cfg_getint(cfg, "max-peers");
	/* An empty list switches all off; without one they stay. */
	c->has_forward = cfg_getopt(cfg, "forward")->flags & CFGF_MODIFIED;
	for (i = 0; i < cfg_size(cfg, "forward"); i++)
		read_forward(cfg_getnstr(cfg, "forward", i), &c->forward);
	take_identities(cfg, c);
	take_listeners(cfg, c);
	take_addresses(cfg, c);
	take_links(cfg, c);
	take_hops(cfg, c);
	take_channels(cfg, c);
	take_relay(cfg, c);
	portals_take(cfg, c);
	peers_take(cfg, c);
	relays_at_take(cfg, c);
	invitations_take(cfg, c);
	take_prekeys(cfg, c);
	return c;
}

/**
 * struct titles - addresses seen so far
 * @path: the file
 * @n: their number
 * @seen: they
 */
struct titles {
	const char *path;
	size_t n;
	struct named_address *seen;
};

static bool is_double(void *ctx, const struct named_address *a)
{
	struct titles *t = ctx;
	size_t i;

	for (i = 0; i < t->n; i++) {
		if (!path_equal(a->address, t->seen[i].address))
			continue;
		log_error("%s, line %d: the address \"%s\" is that of another section, in line %d",
			  t->path, a->line, a->name, t->seen[i].line);
		return true;
	}
	t->seen = must(reallocarray(t->seen, t->n + 1, sizeof(*t->seen)));
	t->seen[t->n++] = *a;
	return false;
}

/* Titles that are spelled differently may be one address. */
static int check_addresses(const struct config *c, const char *path)
{
	struct titles t = { .path = path };
	bool doubled = config_each_address(c, is_double, &t);

	free(t.seen);
	return doubled ? -1 : 0;
}

static int check_channels(const struct config *c, const char *path)
{
	size_t i;

	for (i = 0; i < c->n_channel; i++) {
		const struct conf_channel *ch = &c->channel[i];

		if (!config_identity(c, ch->identity)) {
			log_error("%s, line %d: channel \"%s\" names identity \"%s\", for which there is no section",
				  path, ch->line, ch->name, ch->identity);
			return -1;
		}
	}
	return 0;
}

/* Is there something of that address, as far as the configuration says? */
static bool is_made(const struct config *c, const struct ockam_path *route)
{
	const struct ockam_path first = path_begin(route);

	/* Another node's, of a link that the kernel finds by its endpoint. */
	return !route->nhops || route->hops[0] != OCKAM_TYPE_LOCAL ||
	       config_has(c, &first) || address_is_reserved(&first);
}

/* A program may make it yet: no error. */
static void warn_route(const struct config *c, const char *path, int line,
		       const char *kind, const char *name,
		       const struct ockam_path *route)
{
	if (!is_made(c, route))
		log_warn("%s, line %d: %s \"%s\": no section makes the first address of the route %s",
			 path, line, kind, name, route_text(route));
}

static void warn_routes(const struct config *c, const char *path)
{
	size_t i, r;

	for (i = 0; i < c->n_listener; i++)
		warn_route(c, path, c->listener[i].line, "listener",
			   c->listener[i].name, &c->listener[i].prekeys);
	for (i = 0; i < c->n_hop; i++)
		warn_route(c, path, c->hop[i].line, "hop", c->hop[i].name,
			   &c->hop[i].route);
	for (i = 0; i < c->n_channel; i++)
		for (r = 0; r < c->channel[i].n_route; r++)
			warn_route(c, path, c->channel[i].line, "channel",
				   c->channel[i].name,
				   &c->channel[i].route[r]);
	for (i = 0; i < c->n_relay_at; i++)
		warn_route(c, path, c->relay_at[i].line, "relay-at",
			   c->relay_at[i].name, &c->relay_at[i].route);
	for (i = 0; i < c->n_portal; i++)
		if (c->portal[i].inlet)
			warn_route(c, path, c->portal[i].line, "inlet",
				   c->portal[i].name, &c->portal[i].path);
}

/* What can only be seen when everything is known. */
static int check_whole(const struct config *c, const char *path)
{
	size_t i;

	for (i = 0; i < c->n_listener; i++)
		if (!config_identity(c, c->listener[i].identity)) {
			log_error("%s, line %d: listener \"%s\" names identity \"%s\", for which there is no section",
				  path, c->listener[i].line,
				  c->listener[i].name,
				  c->listener[i].identity);
			return -1;
		}
	return check_channels(c, path) ?: check_addresses(c, path) ?:
	       peers_check(c, path) ?: relays_at_check(c, path);
}

/* What an option may be is asked while it is read, so that the line is known. */
static const struct {
	const char *option;
	int (*fn)(cfg_t *cfg, cfg_opt_t *opt);
} checks[] = {
	{ "user", check_users },
	{ "group", check_groups },
	{ "forward", check_forward },
	{ "max-handshakes", check_handshakes },
	{ "max-channels", check_many },
	{ "max-peers", check_many },
	{ "identity", check_identity },
	{ "identity|allow-uid", check_users },
	{ "identity|allow-gid", check_groups },
	{ "address", check_address },
	{ "address|allow-uid", check_users },
	{ "address|allow-gid", check_groups },
	{ "listener", check_listener },
	{ "listener|trust", check_listener_trust },
	{ "link", check_link },
	{ "link|connect", check_endpoint },
	{ "link|listen", check_endpoint },
	{ "link|reconnect-min-ms", check_positive },
	{ "link|reconnect-max-ms", check_positive },
	{ "link|max-accepted", check_positive },
	{ "link|dead-ms", check_positive },
	{ "link|send-uids", check_senders },
	{ "link|send-gids", check_senders },
	{ "hop", check_hop },
	{ "hop|route", check_route },
	{ "hop|scope", check_scope },
	{ "channel", check_channel },
	{ "channel|route", check_route },
	{ "channel|probe", check_route },
	{ "channel|trust", check_trust },
	{ "channel|owner", check_users },
	{ "channel|timeout-ms", check_some_ms },
	{ "channel|retry-min-ms", check_some_ms },
	{ "channel|retry-max-ms", check_some_ms },
	{ "channel|max-age", check_positive },
	{ "relay", check_relay },
	{ "relay|allow", check_allow },
	{ "relay|max", check_positive },
	{ "relay|lifetime", check_positive },
	{ "listener|handshake", check_listen },
	{ "listener|prekeys", check_service },
	{ "prekey-service", check_prekeys },
	{ "prekey-service|allow", check_allow },
	{ "prekey-service|max", check_positive },
};

/* What may be in a file. */
static cfg_t *new_grammar(void)
{
	cfg_opt_t identity[] = {
		CFG_BOOL("create", cfg_false, CFGF_NONE),
		CFG_STR_LIST("allow-uid", NULL, CFGF_NONE),
		CFG_STR_LIST("allow-gid", NULL, CFGF_NONE),
		CFG_END()
	};
	cfg_opt_t address[] = {
		CFG_STR_LIST("allow-uid", NULL, CFGF_NONE),
		CFG_STR_LIST("allow-gid", NULL, CFGF_NONE),
		CFG_END()
	};
	cfg_opt_t listener[] = {
		CFG_STR("identity", NULL, CFGF_NODEFAULT),
		CFG_STR("handshake", "xx", CFGF_NONE),
		CFG_STR("prekeys", NULL, CFGF_NODEFAULT),
		CFG_STR_LIST("trust", NULL, CFGF_NONE),
		CFG_END()
	};
	cfg_opt_t link[] = {
		CFG_STR("kind", "tcp", CFGF_NONE),
		CFG_STR("connect", NULL, CFGF_NODEFAULT),
		CFG_STR("listen", NULL, CFGF_NODEFAULT),
		CFG_INT("reconnect-min-ms", -1, CFGF_NONE),
		CFG_INT("reconnect-max-ms", -1, CFGF_NONE),
		CFG_STR("udp-form", NULL, CFGF_NODEFAULT),
		CFG_INT("max-accepted", -1, CFGF_NONE),
		CFG_INT("dead-ms", -1, CFGF_NONE),
		CFG_STR_LIST("send-uids", NULL, CFGF_NONE),
		CFG_STR_LIST("send-gids", NULL, CFGF_NONE),
		CFG_END()
	};
	cfg_opt_t hop[] = {
		CFG_STR("route", NULL, CFGF_NODEFAULT),
		CFG_STR_LIST("scope", NULL, CFGF_NONE),
		CFG_END()
	};
	cfg_opt_t channel[] = {
		CFG_STR("identity", NULL, CFGF_NODEFAULT),
		CFG_STR_LIST("route", NULL, CFGF_NODEFAULT),
		CFG_STR_LIST("trust", NULL, CFGF_NONE),
		CFG_STR("owner", NULL, CFGF_NODEFAULT),
		CFG_BOOL("shared", cfg_false, CFGF_NONE),
		CFG_BOOL("recreate", cfg_true, CFGF_NONE),
		CFG_INT("timeout-ms", 10000, CFGF_NONE),
		CFG_INT("retry-min-ms", 500, CFGF_NONE),
		CFG_INT("retry-max-ms", 60000, CFGF_NONE),
		CFG_INT("max-age", 0, CFGF_NONE),
		CFG_STR("probe", NULL, CFGF_NODEFAULT),
		CFG_END()
	};
	cfg_opt_t relay[] = {
		CFG_STR_LIST("allow", NULL, CFGF_NONE),
		CFG_BOOL("plain-links", cfg_false, CFGF_NONE),
		CFG_STR("prefix", "forward_to_", CFGF_NONE),
		CFG_INT("max", 256, CFGF_NONE),
		CFG_INT("lifetime", 86400, CFGF_NONE),
		CFG_END()
	};
	cfg_opt_t prekeys[] = {
		CFG_STR_LIST("allow", NULL, CFGF_NONE),
		CFG_INT("max", POSTBOX_OWNERS_DEFAULT, CFGF_NONE),
		CFG_END()
	};
	const cfg_flag_t titled = CFGF_MULTI | CFGF_TITLE |
				  CFGF_NO_TITLE_DUPES;
	cfg_opt_t top[] = {
		CFG_STR("state", NULL, CFGF_NONE),
		CFG_STR("user", NULL, CFGF_NODEFAULT),
		CFG_STR("group", NULL, CFGF_NODEFAULT),
		CFG_INT("max-handshakes", 1024, CFGF_NONE),
		CFG_INT("max-channels", 65536, CFGF_NONE),
		CFG_INT("max-peers", KEYSTORE_PEERS_DEFAULT, CFGF_NONE),
		CFG_STR_LIST("forward", NULL, CFGF_NODEFAULT),
		CFG_SEC("identity", identity, titled),
		CFG_SEC("address", address, titled),
		CFG_SEC("listener", listener, titled),
		CFG_SEC("link", link, titled),
		CFG_SEC("hop", hop, titled),
		CFG_SEC("channel", channel, titled),
		CFG_SEC("relay", relay, CFGF_NODEFAULT),
		CFG_SEC("inlet", inlet_options, titled),
		CFG_SEC("outlet", outlet_options, titled),
		CFG_SEC("prekey-service", prekeys, CFGF_NODEFAULT),
		CFG_SEC("peer", peer_options, titled),
		CFG_SEC("invitation", invitation_options, titled),
		CFG_SEC("relay-at", relay_at_options, titled),
		CFG_END()
	};
	cfg_t *cfg = must(cfg_init(top, CFGF_NONE));
	size_t i;

	cfg_set_error_function(cfg, complain);
	for (i = 0; i < ARRAY_SIZE(checks); i++)
		cfg_set_validate_func(cfg, checks[i].option, checks[i].fn);
	portals_check_with(cfg);
	peers_check_with(cfg);
	invitations_check_with(cfg);
	relays_at_check_with(cfg);
	return cfg;
}

struct config *config_parse(const char *path, const char *text, bool ours)
{
	char *raw = text ? must(strdup(text)) : file_text(path, ours);
	int err, unread = raw ? 0 : errno;
	cfg_t *cfg = new_grammar();
	struct config *c = NULL;

	err = raw ? parse_text(cfg, path, raw) : CFG_FILE_ERROR;
	/* That of the file: whatever made the grammar has had its own. */
	if (err == CFG_FILE_ERROR && (!ours || unread != ENOENT))
		log_error("%s: %s", path, strerror(unread ? unread : errno));
	else if (!err)
		c = take(cfg);
	cfg_free(cfg);
	if (c)
		c->text = raw;
	else
		free(raw);
	return c;
}

struct config *config_load(const char *path, const char *text,
			   const char *state, bool candidate)
{
	struct config *c = config_parse(path, text, false);

	if (c && (config_add(c, state, candidate) || check_whole(c, path))) {
		config_free(c);
		c = NULL;
	}
	if (!c)
		return NULL;
	invitations_trust(c);
	warn_routes(c, path);
	return c;
}

void config_own(struct config *c, uid_t uid)
{
	size_t i;

	for (i = 0; i < c->n_channel; i++)
		if (c->channel[i].owner == (uid_t)-1)
			c->channel[i].owner = uid;
}

static void users_free(struct users *u)
{
	free(u->uids);
	free(u->gids);
}

void config_free(struct config *c)
{
	size_t i;

	if (!c)
		return;
	for (i = 0; i < c->n_identity; i++) {
		free(c->identity[i].name);
		users_free(&c->identity[i].users);
	}
	for (i = 0; i < c->n_listener; i++) {
		free(c->listener[i].name);
		free(c->listener[i].identity);
		policy_put(c->listener[i].policy);
	}
	for (i = 0; i < c->n_address; i++) {
		free(c->address[i].name);
		users_free(&c->address[i].users);
	}
	for (i = 0; i < c->n_link; i++)
		conf_link_clear(&c->link[i]);
	for (i = 0; i < c->n_hop; i++)
		conf_hop_clear(&c->hop[i]);
	for (i = 0; i < c->n_channel; i++)
		conf_channel_clear(&c->channel[i]);
	for (i = 0; i < c->n_portal; i++)
		conf_portal_clear(&c->portal[i]);
	free(c->portal);
	for (i = 0; i < c->n_peer; i++)
		conf_peer_clear(&c->peer[i]);
	free(c->peer);
	for (i = 0; i < c->n_relay_at; i++)
		conf_relay_at_clear(&c->relay_at[i]);
	free(c->relay_at);
	for (i = 0; i < c->n_invitation; i++)
		conf_invitation_clear(&c->invitation[i]);
	free(c->invitation);
	policy_put(c->relay.policy);
	policy_put(c->prekeys.policy);
	free(c->relay.prefix);
	free(c->identity);
	free(c->listener);
	free(c->address);
	free(c->link);
	free(c->hop);
	free(c->channel);
	free(c->text);
	free(c->state);
	free(c->user);
	free(c->group);
	free(c);
}

const struct conf_identity *config_identity(const struct config *c,
					    const char *name)
{
	size_t i;

	for (i = 0; i < c->n_identity; i++)
		if (!strcmp(c->identity[i].name, name))
			return &c->identity[i];
	return NULL;
}
