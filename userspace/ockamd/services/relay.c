// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/*
 * The relay service: a node that registers gets an address here, a hop in the
 * kernel whose route leads back to it.  A name belongs to the identifier that
 * registered it first; who owns which is kept in a file, since the hops outlive
 * the daemon.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <sodium.h>

#include "config/config.h"
#include "config/names.h"
#include "config/policy.h"
#include "core/base.h"
#include "core/clock.h"
#include "core/daemon.h"
#include "core/log.h"
#include "core/loop.h"
#include "core/privileges.h"
#include "core/rate.h"
#include "core/source.h"
#include "core/state.h"
#include "core/wanted.h"
#include "core/who.h"
#include "services/links.h"
#include "services/relay.h"
#include "services/reserve.h"
#include "identity.h"
#include "nl.h"
#include "peer.h"

#define STATE_FILE	"relays"
#define NAME_RANDOM	8	/* bytes, printed as hex */

/**
 * struct relay - a registered name
 * @name: address of the hop
 * @len: its bytes
 * @owner: identifier that registered it; zeros for a plain link
 * @expires: by age_seconds()
 * @ours: we have made the hop; of another start of the machine only the name is left
 */
struct relay {
	TAILQ_ENTRY(relay) entry;
	uint8_t name[OCKAM_ADDR_MAX];
	uint8_t len;
	uint8_t owner[IDENT_ID_LEN];
	uint64_t expires;
	bool ours;
};

static TAILQ_HEAD(, relay) relays = TAILQ_HEAD_INITIALIZER(relays);
static size_t n_relays;
static uint64_t n_accepted, n_refused;

static void service_readable(struct watch *w, uint32_t events);

static struct watch by_random = { .fd = -1, .fn = service_readable };
static struct watch by_name = { .fd = -1, .fn = service_readable };

/* ---- the file ---- */

static void save(void)
{
	char hex[2 * OCKAM_ADDR_MAX + 1];
	struct relay *r;
	FILE *f;

	f = state_write(STATE_FILE);
	if (!f)
		return;
	TAILQ_FOREACH(r, &relays, entry) {
		sodium_bin2hex(hex, sizeof(hex), r->name, r->len);
		fprintf(f, "%s %s %" PRIu64 "\n", hex, id_text(r->owner),
			r->expires);
	}
	state_commit(f, STATE_FILE);
}

static void load_line(const char *hex, const char *owner, uint64_t expires,
		      bool ours)
{
	struct relay *r = calloc(1, sizeof(*r));
	size_t len;

	if (r && !sodium_hex2bin(r->name, sizeof(r->name), hex, strlen(hex),
				 NULL, &len, NULL) && len &&
	    !ident_id_parse(owner, r->owner)) {
		r->len = len;
		r->expires = ours ? expires :
				    age_seconds() + the.config->relay.lifetime;
		r->ours = ours;
		TAILQ_INSERT_TAIL(&relays, r, entry);
		n_relays++;
		return;
	}
	free(r);
}

static void load(void)
{
	char hex[2 * OCKAM_ADDR_MAX + 1], owner[IDENT_ID_TEXT_LEN + 1];
	uint64_t expires;
	bool ours;
	FILE *f;

	f = state_read(STATE_FILE);
	if (!f)
		return;
	ours = state_same_boot(f);
	/* More than the new limit, perhaps: they have hops in the kernel. */
	while (fscanf(f, "%510s %65s %" SCNu64, hex, owner, &expires) == 3)
		load_line(hex, owner, expires, ours);
	fclose(f);
}

/* ---- hops ---- */

static void hop_key(const struct relay *r, struct ockam_nl_hop *hop)
{
	memset(hop, 0, sizeof(*hop));
	ockam_nl_mark(hop, OCKAM_A_HOP_ADDRESS);
	hop->address.len = 2 + r->len;
	hop->address.data[0] = OCKAM_TYPE_LOCAL;
	hop->address.data[1] = r->len;
	memcpy(hop->address.data + 2, r->name, r->len);
}

static void drop_hop(const struct relay *r)
{
	static struct ockam_nl_hop hop;

	if (!r->ours)
		return;
	hop_key(r, &hop);
	ockam_nl_hop_del(the.nl, &hop);
}

/* Nobody can have the name in between. */
static int put_hop(struct relay *r, const struct ockam_path *route)
{
	static struct ockam_nl_hop hop;
	int err = -ENOENT;

	hop_key(r, &hop);
	ockam_nl_mark(&hop, OCKAM_A_HOP_SCOPE);
	ockam_nl_mark(&hop, OCKAM_A_HOP_ROUTE);
	hop.scope = OCKAM_ACCEPT_LOCAL | OCKAM_ACCEPT_LINKS |
		    OCKAM_ACCEPT_CHANNELS;
	hop.route.len = route->len;
	memcpy(hop.route.data, route->hops, route->len);
	if (r->ours)
		err = ockam_nl_hop_set(the.nl, &hop);
	if (err == -ENOENT)
		err = ockam_nl_hop_new(the.nl, &hop);
	r->ours |= !err;
	return err;
}

static void forget(struct relay *r)
{
	TAILQ_REMOVE(&relays, r, entry);
	n_relays--;
	free(r);
}

static struct relay *find(const uint8_t *name, size_t len)
{
	struct relay *r;

	TAILQ_FOREACH(r, &relays, entry)
		if (r->len == len && !memcmp(r->name, name, len))
			return r;
	return NULL;
}

/* ---- registration ---- */

/* BARE string: length in groups of seven bits, then the bytes, nothing else. */
static const uint8_t *read_alias(const uint8_t *p, size_t left, size_t *len)
{
	unsigned int shift = 0;
	size_t n = 0;

	do {
		if (!left || shift > 14)
			return NULL;
		n |= (size_t)(*p & 0x7f) << shift;
		shift += 7;
		left--;
	} while (*p++ & 0x80);
	if (n != left || !n)
		return NULL;
	*len = n;
	return p;
}

static size_t write_alias(const struct relay *r, uint8_t *out)
{
	size_t head = 0;

	if (r->len < 0x80) {
		out[head++] = r->len;
	} else {
		out[head++] = (r->len & 0x7f) | 0x80;
		out[head++] = r->len >> 7;
	}
	memcpy(out + head, r->name, r->len);
	return head + r->len;
}

/* An address that the configuration gives to something else, now or later. */
static bool is_configured(const struct config *c,
			  const struct ockam_path *path)
{
	size_t i;

	for (i = 0; i < c->n_address; i++)
		if (path_equal(&c->address[i].address, path))
			return true;
	return config_has(c, path);
}

/*
 * Could a program without rights bind it?  So it is neither taken, reserved on
 * this node, kept for who had it just now, nor of the form of random ones.
 */
static bool is_free(const struct ockam_path *path)
{
	int fd = socket(ockam_family(), SOCK_DGRAM | SOCK_CLOEXEC, 0);
	bool good;

	if (fd < 0)
		return false;
	good = !bind_as_anyone(fd, path);
	close(fd);
	return good;
}

/* prefix + alias, or a random one; 0 if that is no good name. */
static size_t full_name(const uint8_t *alias, size_t len,
			uint8_t name[OCKAM_ADDR_MAX])
{
	const char *prefix = the.config->relay.prefix;
	char hex[2 * NAME_RANDOM + 1];
	uint8_t raw[NAME_RANDOM];
	struct ockam_path path;
	size_t n = strlen(prefix);

	if (!alias) {
		randombytes_buf(raw, sizeof(raw));
		sodium_bin2hex(hex, sizeof(hex), raw, sizeof(raw));
		alias = (const uint8_t *)hex;
		len = sizeof(hex) - 1;
	}
	if (n + len > OCKAM_ADDR_MAX)
		return 0;
	memcpy(name, prefix, n);
	memcpy(name + n, alias, len);
	path.nhops = 1;
	path.len = 2 + n + len;
	path.hops[0] = OCKAM_TYPE_LOCAL;
	path.hops[1] = n + len;
	memcpy(path.hops + 2, name, n + len);
	if (address_is_reserved(&path) || is_configured(the.config, &path))
		return 0;
	return n + len;
}

/* Who registers; false if they may not. */
static bool may_register(const struct ockam_info *info,
			 uint8_t owner[IDENT_ID_LEN])
{
	const struct conf_relay *conf = &the.config->relay;

	memset(owner, 0, IDENT_ID_LEN);
	if (info->peer.flags)
		return false;
	if (info->peer.origin == OCKAM_ORIGIN_LINK)
		return conf->plain_links;
	if (info->peer.origin != OCKAM_ORIGIN_CHANNEL ||
	    !info->peer.nchannels)
		return false;
	memcpy(owner, info->channels[0].identifier, IDENT_ID_LEN);
	return trust_policy_allows(&conf->policy->trust, owner);
}

/* The return route without its last address, which is the registrant's own. */
static bool route_back(const struct ockam_path *ret, struct ockam_path *route)
{
	size_t used = 0;
	int i;

	if (ret->nhops < 2)
		return false;
	for (i = 0; i < ret->nhops - 1; i++)
		used += 2 + ret->hops[used + 1];
	route->len = used;
	route->nhops = ret->nhops - 1;
	memcpy(route->hops, ret->hops, used);
	return true;
}

static void address_of(const struct relay *r, struct ockam_path *path)
{
	path->nhops = 1;
	path->len = 2 + r->len;
	path->hops[0] = OCKAM_TYPE_LOCAL;
	path->hops[1] = r->len;
	memcpy(path->hops + 2, r->name, r->len);
}

static void acknowledge(int fd, const struct relay *r,
			const struct ockam_path *to)
{
	uint8_t buf[OCKAM_ADDR_MAX + 2];
	struct ockam_path own;
	size_t len;

	address_of(r, &own);
	len = write_alias(r, buf);
	if (ockam_send_as(fd, to, &own, buf, len) < 0)
		log_info("relay: acknowledgement: %s", strerror(errno));
}

static size_t count_of(const struct relay *r)
{
	const struct relay *o;
	size_t n = 0;

	TAILQ_FOREACH(o, &relays, entry)
		n += !memcmp(o->owner, r->owner, sizeof(o->owner));
	return n;
}

/*
 * When there are as many as there may be, who has at least two more than @owner
 * gives up the one that it has had for longest.
 */
static bool make_room(const uint8_t *owner)
{
	struct relay *r, *found = NULL;
	size_t mine = 0, most = 0, n;

	if (n_relays < the.config->relay.max)
		return true;
	TAILQ_FOREACH(r, &relays, entry) {
		n = count_of(r);
		if (!memcmp(r->owner, owner, sizeof(r->owner)))
			mine = n;
		if (n <= most)
			continue;
		most = n;
		found = r;
	}
	if (most <= mine + 1)
		return false;
	if (may_log())
		log_info("relay: %s has most names, one of them makes room for another's",
			 sodium_is_zero(found->owner, sizeof(found->owner)) ?
			 "plain links" : who_text(found->owner));
	drop_hop(found);
	forget(found);
	return true;
}

/* NULL, with a word on why not. */
static struct relay *enter(const uint8_t *name, size_t len,
			   const uint8_t *owner, const char **why)
{
	struct relay *r = find(name, len);
	struct ockam_path path;

	*why = "the name belongs to another";
	if (r && memcmp(r->owner, owner, sizeof(r->owner)))
		return NULL;
	if (r)
		return r;
	*why = "out of memory";
	r = calloc(1, sizeof(*r));
	if (!r)
		return NULL;
	memcpy(r->name, name, len);
	r->len = len;
	memcpy(r->owner, owner, sizeof(r->owner));
	*why = "the name is taken";
	address_of(r, &path);
	if (!is_free(&path) || reserve_is_held(&path, -1)) {
		free(r);
		return NULL;
	}
	*why = "too many relays";
	if (!make_room(owner)) {
		free(r);
		return NULL;
	}
	TAILQ_INSERT_TAIL(&relays, r, entry);
	n_relays++;
	return r;
}

static const char *serve(struct watch *w, const struct ockam_info *info,
			 const uint8_t *buf, size_t buflen)
{
	static struct ockam_path route;
	uint8_t owner[IDENT_ID_LEN];
	uint8_t name[OCKAM_ADDR_MAX];
	const uint8_t *alias;
	struct source src;
	const char *why;
	struct relay *r;
	size_t len;

	if (!may_register(info, owner))
		return "not allowed";
	/* Each is written to the disk. */
	source_of(info, &src);
	if (!rate_allows(&src, 1))
		return "too many registrations";
	alias = read_alias(buf, buflen, &len);
	if (!alias)
		return "no name";
	len = full_name(w == &by_name ? alias : NULL, len, name);
	if (!len)
		return "not a name for a relay";
	if (!info->has_ret || !route_back(&info->ret, &route))
		return "no route back";
	r = enter(name, len, owner, &why);
	if (!r)
		return why;
	if (put_hop(r, &route)) {
		/* Taken by something that is no relay, for example. */
		forget(r);
		save();
		return ockam_nl_error(the.nl);
	}
	r->expires = age_seconds() + the.config->relay.lifetime;
	save();
	address_of(r, &route);
	log_info("relay %s for %s", route_text(&route),
		 sodium_is_zero(owner, sizeof(owner)) ? "a plain link" :
							who_text(owner));
	acknowledge(w->fd, r, &info->ret);
	return NULL;
}

static void service_readable(struct watch *w, uint32_t events)
{
	static struct ockam_info info;
	uint8_t buf[OCKAM_ADDR_MAX + 8];
	const char *why;
	ssize_t n;

	(void)events;
	n = ockam_recv(w->fd, buf, sizeof(buf), &info, 0);
	if (n < 0 || !info.has_peer)
		return;
	why = info.flags & MSG_TRUNC ? "name too long" :
				       serve(w, &info, buf, n);
	/* Silence is the answer. */
	if (why)
		n_refused++;
	else
		n_accepted++;
	if (why && may_log_of(why))
		log_info("relay: registration refused: %s", why);
}

/* ---- the service ---- */

/**
 * struct service_name - a worker that registrations come to
 * @watch: its socket
 * @w: whether it is open
 * @name: its address
 * @wanted: it shall be
 * @scope: who reaches it
 */
struct service_name {
	struct watch *watch;
	struct wanted w;
	const char *name;
	bool wanted;
	uint32_t scope;
};

static struct service_name services[] = {
	{ .watch = &by_random, .name = "forwarding_service" },
	{ .watch = &by_name, .name = "static_forwarding_service" },
};

static void close_service(struct watch *w);

static int service_make(struct wanted *wanted)
{
	const struct service_name *s = (struct service_name *)
		((char *)wanted - offsetof(struct service_name, w));
	struct watch *w = s->watch;

	if (w->fd >= 0)
		return ockam_accept(w->fd, s->scope, NULL, 0) ? -errno : 0;
	w->fd = socket(ockam_family(),
		       SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (w->fd < 0)
		return -errno;
	if (!ockam_accept(w->fd, s->scope, NULL, 0) &&
	    !ockam_want(w->fd, 1U << OCKAM_RECV_PEER |
			       1U << OCKAM_RECV_RETURN) &&
	    !ockam_bind(w->fd, s->name) && !loop_add(w, EPOLLIN))
		return 0;
	wanted_fail(wanted, "%s", ockam_error());
	close(w->fd);
	w->fd = -1;
	return -EADDRINUSE;
}

static const struct wanted_kind service_kind = { "relay", service_make };

static void service_apply(struct service_name *s, bool enabled, uint32_t scope)
{
	if (enabled && !s->wanted)
		wanted_add(&s->w, &service_kind, s->name);
	else if (!enabled && s->wanted)
		wanted_remove(&s->w);
	s->wanted = enabled;
	s->scope = scope;
	if (enabled)
		wanted_now(&s->w);
	else
		close_service(s->watch);
}

static void close_service(struct watch *w)
{
	if (w->fd < 0)
		return;
	loop_del(w);
	close(w->fd);
	w->fd = -1;
}

static bool still_allowed(const struct conf_relay *conf, const struct relay *r)
{
	if (!conf->enabled)
		return false;
	if (sodium_is_zero(r->owner, sizeof(r->owner)))
		return conf->plain_links;
	return trust_policy_allows(&conf->policy->trust, r->owner);
}

static void drop_refused(const struct config *c)
{
	struct relay *r, *next;
	struct ockam_path path;
	bool changed = false;

	TAILQ_FOREACH_SAFE(r, &relays, entry, next) {
		address_of(r, &path);
		if (still_allowed(&c->relay, r) && !is_configured(c, &path))
			continue;
		log_info("relay %s is not allowed any more",
			 route_text(&path));
		if (!links_has_hop(c, &path))
			drop_hop(r);
		forget(r);
		changed = true;
	}
	if (changed)
		save();
}

void relay_list(FILE *f)
{
	if (by_name.fd >= 0)
		fprintf(f, "relay service names %zu of %zu accepted %"
			 PRIu64 " refused %" PRIu64 "\n", n_relays,
			 the.config->relay.max, n_accepted, n_refused);
}

void relay_apply(const struct config *c)
{
	static bool loaded;
	uint32_t scope = 0;
	size_t i;

	if (!loaded)
		load();
	loaded = true;
	drop_refused(c);
	if (c->relay.enabled && c->relay.policy->trust.kind != TRUST_UNSET)
		scope |= OCKAM_ACCEPT_CHANNELS;
	if (c->relay.plain_links)
		scope |= OCKAM_ACCEPT_LINKS;
	for (i = 0; i < ARRAY_SIZE(services); i++)
		service_apply(&services[i], c->relay.enabled, scope);
}

void relay_tick(void)
{
	struct relay *r, *next;
	bool changed = false;
	uint64_t now;

	if (TAILQ_EMPTY(&relays))
		return;
	now = age_seconds();
	TAILQ_FOREACH_SAFE(r, &relays, entry, next) {
		if (r->expires > now)
			continue;
		drop_hop(r);
		forget(r);
		changed = true;
	}
	if (changed)
		save();
}

/* The hops stay. */
void relay_end(void)
{
	struct relay *r, *next;

	close_service(&by_random);
	close_service(&by_name);
	TAILQ_FOREACH_SAFE(r, &relays, entry, next)
		forget(r);
}
