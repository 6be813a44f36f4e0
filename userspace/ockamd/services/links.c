// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/*
 * Links, hops and forwarding switches of the configuration.  What the kernel
 * has already under the same name is left alone, so that a restart or a reload
 * interrupts nothing; what an earlier configuration of this process named and
 * the new one does not is deleted.
 */
#include <errno.h>
#include <string.h>

#include "config/config.h"
#include "core/base.h"
#include "core/daemon.h"
#include "core/log.h"
#include "services/links.h"
#include "nl.h"

static void link_key(const struct conf_link *l, struct ockam_nl_link *nl)
{
	memset(nl, 0, sizeof(*nl));
	ockam_nl_mark(nl, OCKAM_A_LINK_NAME);
	nl->name.len = l->address.len;
	memcpy(nl->name.data, l->address.hops, l->address.len);
}

static bool same_ip(const struct ockam_nl_ip *a, const struct ockam_nl_ip *b)
{
	return a->len == b->len && !memcmp(a->data, b->data, a->len);
}

static bool same_link(const struct conf_link *l, const struct ockam_nl_link *nl)
{
	if (nl->kind != (l->udp ? OCKAM_LINK_KIND_UDP : OCKAM_LINK_KIND_TCP))
		return false;
	if (l->listen)
		return nl->mode == OCKAM_LINK_MODE_LISTEN &&
		       same_ip(&nl->local_ip, &l->ip) &&
		       nl->local_port == l->port;
	return nl->mode == OCKAM_LINK_MODE_CONNECT &&
	       same_ip(&nl->remote_ip, &l->ip) && nl->remote_port == l->port;
}

static void set_limits(const struct conf_link *l, struct ockam_nl_link *nl)
{
	if (l->reconnect_min_ms >= 0) {
		nl->reconnect_min_ms = l->reconnect_min_ms;
		ockam_nl_mark(nl, OCKAM_A_LINK_RECONNECT_MIN_MS);
	}
	if (l->reconnect_max_ms >= 0) {
		nl->reconnect_max_ms = l->reconnect_max_ms;
		ockam_nl_mark(nl, OCKAM_A_LINK_RECONNECT_MAX_MS);
	}
	if (l->max_accepted >= 0) {
		nl->max_accepted = l->max_accepted;
		ockam_nl_mark(nl, OCKAM_A_LINK_MAX_ACCEPTED);
	}
	if (l->dead_ms >= 0) {
		nl->dead_ms = l->dead_ms;
		ockam_nl_mark(nl, OCKAM_A_LINK_DEAD_MS);
	}
}

static bool has_senders(const struct conf_link *l)
{
	return l->send_uids.n || l->send_gids.n;
}

static void set_senders(const struct conf_link *l, struct ockam_nl_link *nl)
{
	nl->send_uids = l->send_uids;
	nl->send_gids = l->send_gids;
	ockam_nl_mark(nl, OCKAM_A_LINK_SEND_UIDS);
	ockam_nl_mark(nl, OCKAM_A_LINK_SEND_GIDS);
}

/* What the configuration was for this link, or NULL. */
static const struct conf_link *old_link(const struct config *old,
					const struct conf_link *l)
{
	size_t i;

	for (i = 0; old && i < old->n_link; i++)
		if (path_equal(&old->link[i].address, &l->address))
			return &old->link[i];
	return NULL;
}

static int make_link(const struct conf_link *l)
{
	struct ockam_nl_link nl;

	link_key(l, &nl);
	ockam_nl_mark(&nl, OCKAM_A_LINK_KIND);
	ockam_nl_mark(&nl, OCKAM_A_LINK_MODE);
	nl.kind = l->udp ? OCKAM_LINK_KIND_UDP : OCKAM_LINK_KIND_TCP;
	if (l->listen) {
		nl.mode = OCKAM_LINK_MODE_LISTEN;
		nl.local_ip = l->ip;
		nl.local_port = l->port;
		ockam_nl_mark(&nl, OCKAM_A_LINK_LOCAL_IP);
		ockam_nl_mark(&nl, OCKAM_A_LINK_LOCAL_PORT);
		if (l->scope_id) {
			nl.local_scope_id = l->scope_id;
			ockam_nl_mark(&nl, OCKAM_A_LINK_LOCAL_SCOPE_ID);
		}
	} else {
		nl.mode = OCKAM_LINK_MODE_CONNECT;
		nl.remote_ip = l->ip;
		nl.remote_port = l->port;
		ockam_nl_mark(&nl, OCKAM_A_LINK_REMOTE_IP);
		ockam_nl_mark(&nl, OCKAM_A_LINK_REMOTE_PORT);
		if (l->scope_id) {
			nl.remote_scope_id = l->scope_id;
			ockam_nl_mark(&nl, OCKAM_A_LINK_REMOTE_SCOPE_ID);
		}
	}
	set_limits(l, &nl);
	if (has_senders(l))
		set_senders(l, &nl);
	return ockam_nl_link_new(the.nl, &nl);
}

static int apply_link(const struct conf_link *l, const struct conf_link *old)
{
	struct ockam_nl_link have, key;
	int err;

	link_key(l, &have);
	err = ockam_nl_link_get(the.nl, &have);
	if (!err && same_link(l, &have)) {
		link_key(l, &key);
		set_limits(l, &key);
		/* A list of somebody else's is left alone. */
		if (has_senders(l) || (old && has_senders(old)))
			set_senders(l, &key);
		err = ockam_nl_link_set(the.nl, &key);
		goto out;
	}
	if (!err) {
		log_info("link %s leads elsewhere now", l->name);
		link_key(l, &key);
		err = ockam_nl_link_del(the.nl, &key);
		if (err)
			goto out;
	} else if (err != -ENOENT) {
		goto out;
	}
	err = make_link(l);
	if (!err)
		log_info("link %s: %s %s", l->name,
			 l->listen ? "listens on" : "connects to",
			 l->endpoint);
out:
	if (err)
		log_error("link %s: %s", l->name, ockam_nl_error(the.nl));
	return err;
}

static void hop_key(const struct conf_hop *h, struct ockam_nl_hop *nl)
{
	memset(nl, 0, sizeof(*nl));
	ockam_nl_mark(nl, OCKAM_A_HOP_ADDRESS);
	nl->address.len = h->address.len;
	memcpy(nl->address.data, h->address.hops, h->address.len);
}

/* Nobody can have the name in between. */
static int put_hop(const struct conf_hop *h, bool there)
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

static int apply_hop(const struct conf_hop *h)
{
	static struct ockam_nl_hop have;
	int err;

	hop_key(h, &have);
	err = ockam_nl_hop_get(the.nl, &have);
	if (!err && have.scope == h->scope && have.route.len == h->route.len &&
	    !memcmp(have.route.data, h->route.hops, h->route.len))
		return 0;
	if (!err || err == -ENOENT)
		err = put_hop(h, !err);
	if (err)
		log_error("hop %s: %s", h->name, ockam_nl_error(the.nl));
	return err;
}

static int apply_forward(const struct config *c)
{
	struct ockam_nl_node node = { .forward = c->forward };
	int err;

	if (!c->has_forward)
		return 0;
	ockam_nl_mark(&node, OCKAM_A_NODE_FORWARD);
	err = ockam_nl_node_set(the.nl, &node);
	if (err)
		log_error("forward: %s", ockam_nl_error(the.nl));
	return err;
}

static void drop_links(const struct config *c, const struct config *old)
{
	struct ockam_nl_link nl;
	size_t i, k;

	for (i = 0; i < old->n_link; i++) {
		for (k = 0; k < c->n_link; k++)
			if (path_equal(&old->link[i].address,
				       &c->link[k].address))
				break;
		if (k < c->n_link)
			continue;
		link_key(&old->link[i], &nl);
		if (!ockam_nl_link_del(the.nl, &nl))
			log_info("link %s is gone", old->link[i].name);
	}
}

static void drop_hops(const struct config *c, const struct config *old)
{
	static struct ockam_nl_hop nl;
	size_t i, k;

	for (i = 0; i < old->n_hop; i++) {
		for (k = 0; k < c->n_hop; k++)
			if (path_equal(&old->hop[i].address,
				       &c->hop[k].address))
				break;
		if (k < c->n_hop)
			continue;
		hop_key(&old->hop[i], &nl);
		ockam_nl_hop_del(the.nl, &nl);
	}
}

bool links_has_hop(const struct config *c, const struct ockam_path *address)
{
	size_t i;

	for (i = 0; i < c->n_hop; i++)
		if (path_equal(&c->hop[i].address, address))
			return true;
	return false;
}

/* What was in force before, while the new one is put in force. */
static const struct config *before;

void links_release(const struct config *c)
{
	before = the.config;
	drop_links(c, before);
	drop_hops(c, before);
}

void links_apply(const struct config *c)
{
	size_t i;

	apply_forward(c);
	for (i = 0; i < c->n_link; i++)
		apply_link(&c->link[i], old_link(before, &c->link[i]));
	for (i = 0; i < c->n_hop; i++)
		apply_hop(&c->hop[i]);
	before = NULL;
}
