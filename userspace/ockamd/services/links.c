// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/*
 * Links, hops and forwarding switches of the configuration.  What the kernel has
 * already as it shall be is left alone, so that a restart or a reload interrupts
 * nothing; what an earlier configuration of this process named and the new one does
 * not is deleted.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/config.h"
#include "core/base.h"
#include "core/daemon.h"
#include "core/host.h"
#include "core/log.h"
#include "core/wanted.h"
#include "services/links.h"
#include "nl.h"

/* As the kernel has it when nobody says otherwise. */
#define RECONNECT_MIN_MS	500
#define RECONNECT_MAX_MS	30000
#define MAX_ACCEPTED		1024
#define DEAD_MS			0	/* what the node says */

/**
 * struct link - a link that the node shall have
 * @entry: list
 * @w: whether it has
 * @conf: its section; the address is the one in use, if there is a name
 * @host: where it leads to, or listens, if that has a name
 * @moved: the section says another endpoint: what is up is replaced, too
 * @senders: the kernel's list of who may send is ours
 * @down: it was down when it was looked at last
 */
struct link {
	TAILQ_ENTRY(link) entry;
	struct wanted w;
	struct conf_link conf;
	struct host host;
	bool moved;
	bool senders;
	bool down;
};

struct hop {
	TAILQ_ENTRY(hop) entry;
	struct wanted w;
	struct conf_hop conf;
};

static TAILQ_HEAD(, link) links = TAILQ_HEAD_INITIALIZER(links);
static TAILQ_HEAD(, hop) hops = TAILQ_HEAD_INITIALIZER(hops);

#define container(p, type, member)	\
	((type *)((char *)(p) - offsetof(type, member)))

/* ---- the name of its other end ---- */

static bool is_same_ip(const struct ockam_nl_ip *a, const struct ockam_nl_ip *b)
{
	return a->len == b->len && !memcmp(a->data, b->data, a->len);
}

static void take_address(struct link *l, const struct resolved *r, size_t i)
{
	l->conf.ip.len = r->addr[i].len;
	memcpy(l->conf.ip.data, r->addr[i].data, r->addr[i].len);
	l->conf.scope_id = r->addr[i].scope_id;
}

/* The one in use stays; if it leads nowhere, the next one has its turn. */
static size_t which_address(const struct link *l, const struct resolved *r)
{
	size_t i;

	for (i = 0; i < r->n; i++)
		if (r->addr[i].len == l->conf.ip.len &&
		    !memcmp(r->addr[i].data, l->conf.ip.data, l->conf.ip.len))
			return l->down ? (i + 1) % r->n : i;
	return 0;
}

static void link_take(struct host *h, const struct resolved *r)
{
	struct link *l = container(h, struct link, host);

	take_address(l, r, which_address(l, r));
}

/* ---- a link ---- */

static void link_key(const struct conf_link *l, struct ockam_nl_link *nl)
{
	memset(nl, 0, sizeof(*nl));
	ockam_nl_mark(nl, OCKAM_A_LINK_NAME);
	nl->name.len = l->address.len;
	memcpy(nl->name.data, l->address.hops, l->address.len);
}

/* @any: whatever its address is, if it has come from a name. */
static bool is_same_link(const struct conf_link *l,
			 const struct ockam_nl_link *nl, bool any)
{
	if (nl->kind != (l->udp ? OCKAM_LINK_KIND_UDP : OCKAM_LINK_KIND_TCP))
		return false;
	if (l->native != (ockam_nl_has(nl, OCKAM_A_LINK_UDP_FORM) &&
			  nl->udp_form == OCKAM_UDP_FORM_NATIVE))
		return false;
	if (l->listen)
		return nl->mode == OCKAM_LINK_MODE_LISTEN &&
		       (any || (is_same_ip(&nl->local_ip, &l->ip) &&
				nl->local_scope_id == l->scope_id)) &&
		       (!l->port || nl->local_port == l->port);
	return nl->mode == OCKAM_LINK_MODE_CONNECT &&
	       (any || (is_same_ip(&nl->remote_ip, &l->ip) &&
			nl->remote_scope_id == l->scope_id)) &&
	       nl->remote_port == l->port;
}

/* What a section does not say is the default, whatever was said before. */
static void set_limits(const struct conf_link *l, struct ockam_nl_link *nl)
{
	if (l->udp)
		return;
	nl->dead_ms = l->dead_ms >= 0 ? l->dead_ms : DEAD_MS;
	ockam_nl_mark(nl, OCKAM_A_LINK_DEAD_MS);
	if (l->listen) {
		nl->max_accepted = l->max_accepted >= 0 ? l->max_accepted :
							  MAX_ACCEPTED;
		ockam_nl_mark(nl, OCKAM_A_LINK_MAX_ACCEPTED);
		return;
	}
	nl->reconnect_min_ms = l->reconnect_min_ms >= 0 ?
			       l->reconnect_min_ms : RECONNECT_MIN_MS;
	nl->reconnect_max_ms = l->reconnect_max_ms >= 0 ?
			       l->reconnect_max_ms : RECONNECT_MAX_MS;
	/* One of both alone may be on the other side of the default. */
	if (l->reconnect_max_ms < 0 &&
	    nl->reconnect_max_ms < nl->reconnect_min_ms)
		nl->reconnect_max_ms = nl->reconnect_min_ms;
	if (l->reconnect_min_ms < 0 &&
	    nl->reconnect_min_ms > nl->reconnect_max_ms)
		nl->reconnect_min_ms = nl->reconnect_max_ms;
	ockam_nl_mark(nl, OCKAM_A_LINK_RECONNECT_MIN_MS);
	ockam_nl_mark(nl, OCKAM_A_LINK_RECONNECT_MAX_MS);
}

static bool has_limits(const struct conf_link *l,
		       const struct ockam_nl_link *have)
{
	struct ockam_nl_link want;

	memset(&want, 0, sizeof(want));
	set_limits(l, &want);
	return (!ockam_nl_has(&want, OCKAM_A_LINK_DEAD_MS) ||
		want.dead_ms == have->dead_ms) &&
	       (!ockam_nl_has(&want, OCKAM_A_LINK_MAX_ACCEPTED) ||
		want.max_accepted == have->max_accepted) &&
	       (!ockam_nl_has(&want, OCKAM_A_LINK_RECONNECT_MIN_MS) ||
		(want.reconnect_min_ms == have->reconnect_min_ms &&
		 want.reconnect_max_ms == have->reconnect_max_ms));
}

static bool names_senders(const struct conf_link *l)
{
	return l->send_uids.n || l->send_gids.n;
}

static bool is_same_list(const struct ockam_nl_ranges *a,
			 const struct ockam_nl_ranges *b)
{
	return a->n == b->n &&
	       !memcmp(a->range, b->range, a->n * sizeof(a->range[0]));
}

/* A list of somebody else's is left alone. */
static bool has_senders(const struct link *l, const struct ockam_nl_link *have)
{
	if (!names_senders(&l->conf) && !l->senders)
		return true;
	return is_same_list(&have->send_uids, &l->conf.send_uids) &&
	       is_same_list(&have->send_gids, &l->conf.send_gids);
}

static void set_senders(const struct conf_link *l, struct ockam_nl_link *nl)
{
	nl->send_uids = l->send_uids;
	nl->send_gids = l->send_gids;
	ockam_nl_mark(nl, OCKAM_A_LINK_SEND_UIDS);
	ockam_nl_mark(nl, OCKAM_A_LINK_SEND_GIDS);
}

static void set_end(const struct conf_link *l, struct ockam_nl_link *nl)
{
	if (l->listen) {
		nl->mode = OCKAM_LINK_MODE_LISTEN;
		nl->local_ip = l->ip;
		nl->local_port = l->port;
		ockam_nl_mark(nl, OCKAM_A_LINK_LOCAL_IP);
		ockam_nl_mark(nl, OCKAM_A_LINK_LOCAL_PORT);
		if (l->scope_id) {
			nl->local_scope_id = l->scope_id;
			ockam_nl_mark(nl, OCKAM_A_LINK_LOCAL_SCOPE_ID);
		}
		return;
	}
	nl->mode = OCKAM_LINK_MODE_CONNECT;
	nl->remote_ip = l->ip;
	nl->remote_port = l->port;
	ockam_nl_mark(nl, OCKAM_A_LINK_REMOTE_IP);
	ockam_nl_mark(nl, OCKAM_A_LINK_REMOTE_PORT);
	if (l->scope_id) {
		nl->remote_scope_id = l->scope_id;
		ockam_nl_mark(nl, OCKAM_A_LINK_REMOTE_SCOPE_ID);
	}
}

static int link_new(struct link *l)
{
	struct ockam_nl_link nl;
	int err;

	link_key(&l->conf, &nl);
	ockam_nl_mark(&nl, OCKAM_A_LINK_KIND);
	ockam_nl_mark(&nl, OCKAM_A_LINK_MODE);
	nl.kind = l->conf.udp ? OCKAM_LINK_KIND_UDP : OCKAM_LINK_KIND_TCP;
	if (l->conf.native) {
		nl.udp_form = OCKAM_UDP_FORM_NATIVE;
		ockam_nl_mark(&nl, OCKAM_A_LINK_UDP_FORM);
	}
	set_end(&l->conf, &nl);
	set_limits(&l->conf, &nl);
	if (names_senders(&l->conf))
		set_senders(&l->conf, &nl);
	err = ockam_nl_link_new(the.nl, &nl);
	if (!err)
		log_info("link %s: %s %s", l->conf.name,
			 l->conf.listen ? "listens on" : "connects to",
			 l->conf.endpoint);
	return err;
}

static int link_set(struct link *l, const struct ockam_nl_link *have)
{
	struct ockam_nl_link nl;

	if (has_limits(&l->conf, have) && has_senders(l, have))
		return 0;
	link_key(&l->conf, &nl);
	set_limits(&l->conf, &nl);
	if (!has_senders(l, have))
		set_senders(&l->conf, &nl);
	return ockam_nl_link_set(the.nl, &nl);
}

static int link_replace(struct link *l)
{
	struct ockam_nl_link nl;
	int err;

	log_info("link %s leads elsewhere now", l->conf.name);
	link_key(&l->conf, &nl);
	err = ockam_nl_link_del(the.nl, &nl);
	return err && err != -ENOENT ? err : link_new(l);
}

static int link_put(struct link *l)
{
	struct ockam_nl_link have;
	bool up;
	int err;

	link_key(&l->conf, &have);
	err = ockam_nl_link_get(the.nl, &have);
	if (err)
		return err == -ENOENT ? link_new(l) : err;
	up = have.state == OCKAM_LINK_STATE_UP;
	l->down = !up && have.attempts;
	/* What works is not interrupted because a name means something else. */
	if (is_same_link(&l->conf, &have, up && !l->conf.udp &&
			 l->conf.host && !l->moved))
		return link_set(l, &have);
	return link_replace(l);
}

static int link_make(struct wanted *w)
{
	struct link *l = container(w, struct link, w);
	int err;

	err = host_find(&l->host, l->down ? HOST_FAILED_MS : HOST_AGE_MS);
	if (err)
		return err;
	err = link_put(l);
	if (err) {
		wanted_fail(w, "%s", ockam_nl_error(the.nl));
		return err;
	}
	l->moved = false;
	l->senders = names_senders(&l->conf);
	return 0;
}

static const struct wanted_kind link_kind = { "link", link_make };

static void link_host(struct link *l)
{
	host_set(&l->host, l->conf.host);
	l->host.passive = l->conf.listen;
	l->w.again_ms = l->conf.host ? HOST_FAILED_MS : 0;
}

static void link_add(const struct conf_link *conf)
{
	struct link *l = calloc(1, sizeof(*l));

	if (!l) {
		log_error("link %s: out of memory", conf->name);
		return;
	}
	conf_link_copy(&l->conf, conf);
	l->host.w = &l->w;
	l->host.take = link_take;
	link_host(l);
	TAILQ_INSERT_TAIL(&links, l, entry);
	wanted_add(&l->w, &link_kind, l->conf.name);
	wanted_now(&l->w);
}

static bool is_same_end(const struct conf_link *a, const struct conf_link *b)
{
	return a->listen == b->listen && a->udp == b->udp &&
	       !strcmp(a->endpoint, b->endpoint);
}

static void link_change(struct link *l, const struct conf_link *conf)
{
	struct conf_link old = l->conf;

	conf_link_copy(&l->conf, conf);
	if (is_same_end(&old, conf)) {
		/* What was found of a name is as good as it was. */
		l->host.name = l->conf.host;
		if (l->conf.host) {
			l->conf.ip = old.ip;
			l->conf.scope_id = old.scope_id;
		}
	} else {
		link_host(l);
		l->moved = true;
	}
	l->w.name = l->conf.name;
	conf_link_clear(&old);
	wanted_now(&l->w);
}

static void link_free(struct link *l)
{
	host_end(&l->host);
	wanted_remove(&l->w);
	TAILQ_REMOVE(&links, l, entry);
	conf_link_clear(&l->conf);
	free(l);
}

static struct link *link_find(const struct ockam_path *address)
{
	struct link *l;

	TAILQ_FOREACH(l, &links, entry)
		if (path_equal(&l->conf.address, address))
			return l;
	return NULL;
}

static const struct conf_link *link_section(const struct config *c,
					    const struct ockam_path *address)
{
	size_t i;

	for (i = 0; i < c->n_link; i++)
		if (path_equal(&c->link[i].address, address))
			return &c->link[i];
	return NULL;
}

static void link_delete(struct link *l)
{
	struct ockam_nl_link nl;
	int err;

	link_key(&l->conf, &nl);
	err = ockam_nl_link_del(the.nl, &nl);
	if (!err)
		log_info("link %s is gone", l->conf.name);
	else if (err != -ENOENT)
		log_error("link %s stays: %s", l->conf.name,
			  ockam_nl_error(the.nl));
	link_free(l);
}

/* ---- a hop ---- */

static void hop_key(const struct conf_hop *h, struct ockam_nl_hop *nl)
{
	memset(nl, 0, sizeof(*nl));
	ockam_nl_mark(nl, OCKAM_A_HOP_ADDRESS);
	nl->address.len = h->address.len;
	memcpy(nl->address.data, h->address.hops, h->address.len);
}

/* Nobody can have the name in between. */
static int hop_put(const struct conf_hop *h, bool there)
{
	static struct ockam_nl_hop nl;

	hop_key(h, &nl);
	ockam_nl_mark(&nl, OCKAM_A_HOP_SCOPE);
	nl.scope = h->scope;
	if (there || h->route.nhops)
		ockam_nl_mark(&nl, OCKAM_A_HOP_ROUTE);
	nl.route.len = h->route.len;
	memcpy(nl.route.data, h->route.hops, h->route.len);
	return there ? ockam_nl_hop_set(the.nl, &nl) :
		       ockam_nl_hop_new(the.nl, &nl);
}

static int hop_make(struct wanted *w)
{
	const struct conf_hop *h = &container(w, struct hop, w)->conf;
	static struct ockam_nl_hop have;
	int err;

	hop_key(h, &have);
	err = ockam_nl_hop_get(the.nl, &have);
	if (!err && have.scope == h->scope && have.route.len == h->route.len &&
	    !memcmp(have.route.data, h->route.hops, h->route.len))
		return 0;
	if (!err || err == -ENOENT)
		err = hop_put(h, !err);
	if (err)
		wanted_fail(w, "%s", ockam_nl_error(the.nl));
	return err;
}

static const struct wanted_kind hop_kind = { "hop", hop_make };

static struct hop *hop_find(const struct ockam_path *address)
{
	struct hop *h;

	TAILQ_FOREACH(h, &hops, entry)
		if (path_equal(&h->conf.address, address))
			return h;
	return NULL;
}

static void hop_apply(const struct conf_hop *conf)
{
	struct hop *h = hop_find(&conf->address);

	if (!h) {
		h = calloc(1, sizeof(*h));
		if (!h) {
			log_error("hop %s: out of memory", conf->name);
			return;
		}
		conf_hop_copy(&h->conf, conf);
		TAILQ_INSERT_TAIL(&hops, h, entry);
		wanted_add(&h->w, &hop_kind, h->conf.name);
	} else {
		conf_hop_clear(&h->conf);
		conf_hop_copy(&h->conf, conf);
		h->w.name = h->conf.name;
	}
	wanted_now(&h->w);
}

static void hop_free(struct hop *h)
{
	wanted_remove(&h->w);
	TAILQ_REMOVE(&hops, h, entry);
	conf_hop_clear(&h->conf);
	free(h);
}

bool links_has_hop(const struct config *c, const struct ockam_path *address)
{
	size_t i;

	for (i = 0; i < c->n_hop; i++)
		if (path_equal(&c->hop[i].address, address))
			return true;
	return false;
}

static void hop_delete(struct hop *h)
{
	static struct ockam_nl_hop nl;

	hop_key(&h->conf, &nl);
	ockam_nl_hop_del(the.nl, &nl);
	hop_free(h);
}

/* ---- the switches ---- */

static bool has_switches;

static int switches_make(struct wanted *w)
{
	static struct ockam_nl_node node;
	uint32_t want = the.config->forward;
	int err;

	memset(&node, 0, sizeof(node));
	err = ockam_nl_node_get(the.nl, &node);
	if (!err && node.forward == want)
		return 0;
	memset(&node, 0, sizeof(node));
	node.forward = want;
	ockam_nl_mark(&node, OCKAM_A_NODE_FORWARD);
	if (!err)
		err = ockam_nl_node_set(the.nl, &node);
	if (err)
		wanted_fail(w, "%s", ockam_nl_error(the.nl));
	return err;
}

static const struct wanted_kind switches_kind = { "node", switches_make };
static struct wanted switches;

/* Without a word about them they are somebody else's. */
static void switches_apply(const struct config *c)
{
	if (has_switches && !c->has_forward)
		wanted_remove(&switches);
	else if (!has_switches && c->has_forward)
		wanted_add(&switches, &switches_kind, "forward");
	has_switches = c->has_forward;
	if (has_switches)
		wanted_now(&switches);
}

/* ---- all ---- */

void links_release(const struct config *c)
{
	struct link *l, *next;
	struct hop *h, *next_hop;

	TAILQ_FOREACH_SAFE(l, &links, entry, next)
		if (!link_section(c, &l->conf.address))
			link_delete(l);
	TAILQ_FOREACH_SAFE(h, &hops, entry, next_hop)
		if (!links_has_hop(c, &h->conf.address))
			hop_delete(h);
}

void links_apply(const struct config *c)
{
	struct link *l;
	size_t i;

	switches_apply(c);
	for (i = 0; i < c->n_link; i++) {
		l = link_find(&c->link[i].address);
		if (l)
			link_change(l, &c->link[i]);
		else
			link_add(&c->link[i]);
	}
	for (i = 0; i < c->n_hop; i++)
		hop_apply(&c->hop[i]);
}

static bool is_named(const struct ockam_path *address,
		     const struct ockam_nl_address *name)
{
	return address->len == name->len &&
	       !memcmp(address->hops, name->data, name->len);
}

static void on_link(const struct ockam_nl_link *nl, bool gone)
{
	struct link *l, *next;

	TAILQ_FOREACH_SAFE(l, &links, entry, next) {
		if (!is_named(&l->conf.address, &nl->name))
			continue;
		/* One that is down may lead to where its name was before. */
		if (gone || (l->conf.host && nl->state != OCKAM_LINK_STATE_UP))
			wanted_now(&l->w);
	}
}

void links_event(const struct ockam_nl_event *ev)
{
	const struct ockam_nl_hop *nl = ev->object;
	struct hop *h, *next;

	if (ev->kind == OCKAM_NL_LINK)
		on_link(ev->object, ev->gone);
	if (ev->kind != OCKAM_NL_HOP)
		return;
	TAILQ_FOREACH_SAFE(h, &hops, entry, next)
		if (is_named(&h->conf.address, &nl->address))
			wanted_now(&h->w);
}

/* They stay in the kernel. */
void links_end(void)
{
	while (!TAILQ_EMPTY(&links))
		link_free(TAILQ_FIRST(&links));
	while (!TAILQ_EMPTY(&hops))
		hop_free(TAILQ_FIRST(&hops));
	if (has_switches)
		wanted_remove(&switches);
}
