// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/*
 * Names that this node has at relays of other nodes.  A relay keeps the way that a
 * registration came by: so a name is registered again when the channel or link that its
 * route begins with is another one, and now and then.
 *
 * Who registers is told the whole name.  A relay that refuses says nothing, nor does a
 * stock one of whom a name is asked that it has given already, to whomever.
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
#include "core/base.h"
#include "core/clock.h"
#include "core/daemon.h"
#include "core/log.h"
#include "core/loop.h"
#include "core/state.h"
#include "core/wanted.h"
#include "core/worker.h"
#include "handshake/permits.h"
#include "services/keep.h"
#include "services/relay_at.h"
#include "nl.h"

#define SERVICE		"static_forwarding_service"
#define STATE_FILE	"relays-at"
#define ANSWER_MS	10000	/* then it is asked again */
#define REFRESH_MS	3600000	/* a relay may forget a name after some time */
#define LOOK_MS		60000	/* at the way to it */
#define CARRIER_LEN	16
#define ALIAS_MAX	127

/**
 * struct relay_at - a name at a relay
 * @entry: list
 * @w: it is registered
 * @conf: its section, copied
 * @watch: the worker that asks, and hears the answer
 * @carrier: what the route began with when it was registered
 * @asked_by: the same when it was asked for last
 * @asked: when that was, in ms, 0: not since that has changed
 * @given: when it was registered, in ms
 * @full: the whole name there, as text; "": it is not registered
 */
struct relay_at {
	TAILQ_ENTRY(relay_at) entry;
	struct wanted w;
	struct conf_relay_at conf;
	struct watch watch;
	uint8_t carrier[CARRIER_LEN];
	uint8_t asked_by[CARRIER_LEN];
	uint64_t asked;
	uint64_t given;
	char full[OCKAM_ADDR_MAX * 4 + 8];
};

static TAILQ_HEAD(, relay_at) relays = TAILQ_HEAD_INITIALIZER(relays);

static struct relay_at *of_watch(struct watch *w)
{
	return (struct relay_at *)((char *)w -
				   offsetof(struct relay_at, watch));
}

/* ---- what its route begins with ---- */

static void first_key(const struct relay_at *r, struct ockam_nl_address *key)
{
	key->len = path_first(&r->conf.route);
	memcpy(key->data, r->conf.route.hops, key->len);
}

/* The channel behind a name, or a link and how often it has come up. */
static void find_carrier(const struct relay_at *r,
			 uint8_t carrier[CARRIER_LEN])
{
	static struct ockam_nl_hop hop;
	crypto_generichash_state st;
	struct ockam_nl_link link;

	crypto_generichash_init(&st, NULL, 0, CARRIER_LEN);
	memset(&hop, 0, sizeof(hop));
	first_key(r, &hop.address);
	crypto_generichash_update(&st, hop.address.data, hop.address.len);
	ockam_nl_mark(&hop, OCKAM_A_HOP_ADDRESS);
	memset(&link, 0, sizeof(link));
	first_key(r, &link.name);
	ockam_nl_mark(&link, OCKAM_A_LINK_NAME);
	if (!ockam_nl_hop_get(the.nl, &hop)) {
		crypto_generichash_update(&st, hop.route.data, hop.route.len);
	} else if (!ockam_nl_link_get(the.nl, &link)) {
		crypto_generichash_update(&st, (const uint8_t *)&link.id,
					  sizeof(link.id));
		crypto_generichash_update(&st, (const uint8_t *)&link.connects,
					  sizeof(link.connects));
	}
	crypto_generichash_final(&st, carrier, CARRIER_LEN);
}

static bool is_first(const struct relay_at *r,
		     const struct ockam_nl_address *name)
{
	struct ockam_nl_address key;

	first_key(r, &key);
	return key.len == name->len && !memcmp(key.data, name->data, key.len);
}

/* ---- the file ---- */

static void save(void)
{
	char carrier[2 * CARRIER_LEN + 1];
	struct relay_at *r;
	FILE *f;

	if (TAILQ_EMPTY(&relays)) {
		state_remove(STATE_FILE);
		return;
	}
	f = state_write(STATE_FILE);
	if (!f)
		return;
	TAILQ_FOREACH(r, &relays, entry) {
		if (!r->full[0])
			continue;
		sodium_bin2hex(carrier, sizeof(carrier), r->carrier,
			       sizeof(r->carrier));
		fprintf(f, "%s %s %s %s\n", r->conf.name, carrier,
			r->conf.alias, r->full);
	}
	state_commit(f, STATE_FILE);
}

/* What an earlier process has registered by the same way is still there. */
static void load(void)
{
	char line[2048], *rest, *name, *carrier, *alias;
	struct relay_at *r;
	size_t len;
	FILE *f;

	f = state_read(STATE_FILE);
	if (!f)
		return;
	if (!state_same_boot(f))
		goto out;
	while (fgets(line, sizeof(line), f)) {
		rest = line;
		line[strcspn(line, "\n")] = 0;
		name = strsep(&rest, " ");
		carrier = strsep(&rest, " ");
		alias = strsep(&rest, " ");
		if (!rest)
			continue;
		TAILQ_FOREACH(r, &relays, entry)
			if (!strcmp(r->conf.name, name) &&
			    !strcmp(r->conf.alias, alias))
				break;
		if (!r || sodium_hex2bin(r->carrier, CARRIER_LEN, carrier,
					 strlen(carrier), NULL, &len, NULL) ||
		    len != CARRIER_LEN)
			continue;
		snprintf(r->full, sizeof(r->full), "%s", rest);
		r->given = now_ms();
	}
out:
	fclose(f);
}

/* ---- asking ---- */

/* A string in BARE: one byte of length is enough. */
static int ask(struct relay_at *r)
{
	size_t len = strlen(r->conf.alias);
	struct ockam_path to = r->conf.route, service;
	uint8_t buf[1 + ALIAS_MAX];

	buf[0] = len;
	memcpy(buf + 1, r->conf.alias, len);
	if (ockam_path_parse(&service, SERVICE) ||
	    ockam_path_join(&to, &service))
		return -EINVAL;
	if (ockam_send_path(r->watch.fd, &to, buf, 1 + len) < 0)
		return -errno;
	return 0;
}

/* It ends with what was asked for; what is in front is the relay's choice. */
static bool is_answer(const struct relay_at *r, const struct ockam_info *info,
		      const uint8_t *buf, size_t len)
{
	const size_t alias = strlen(r->conf.alias);
	size_t n, head = 1;

	if (!info->has_peer || info->peer.flags || !info->has_ret ||
	    !info->ret.nhops || info->flags & MSG_TRUNC ||
	    (info->peer.origin != OCKAM_ORIGIN_CHANNEL &&
	     info->peer.origin != OCKAM_ORIGIN_LINK) ||
	    (info->has_onward && info->onward.nhops) || !len)
		return false;
	n = buf[0] & 0x7f;
	if (buf[0] & 0x80) {
		if (len < 2 || buf[1] > 1)
			return false;
		n |= (size_t)buf[1] << 7;
		head = 2;
	}
	return len == head + n && n >= alias &&
	       !memcmp(buf + len - alias, r->conf.alias, alias);
}

/* The name to tell others is where the answer comes from. */
static void take_name(struct relay_at *r, const struct ockam_path *ret)
{
	struct ockam_path last = { .nhops = 1 };
	size_t at = 0;
	int i;

	for (i = 0; i < ret->nhops - 1; i++)
		at += 2 + ret->hops[at + 1];
	last.len = 2 + ret->hops[at + 1];
	memcpy(last.hops, ret->hops + at, last.len);
	snprintf(r->full, sizeof(r->full), "%s", route_text(&last));
}

static void answer_readable(struct watch *w, uint32_t events)
{
	struct relay_at *r = of_watch(w);
	uint8_t buf[OCKAM_ADDR_MAX + 2];
	static struct ockam_info info;
	ssize_t n;

	(void)events;
	n = ockam_recv(w->fd, buf, sizeof(buf), &info, 0);
	if (n < 0 || !r->asked || !is_answer(r, &info, buf, n))
		return;
	take_name(r, &info.ret);
	memcpy(r->carrier, r->asked_by, sizeof(r->carrier));
	r->asked = 0;
	r->given = now_ms();
	save();
	log_info("relay-at %s: this node is reached there by %s", r->conf.name,
		 r->full);
	wanted_now(&r->w);
}

/* A name belongs to who asks first: that has to be who the section says. */
static bool is_shown(const struct relay_at *r)
{
	const struct ockam_path first = path_begin(&r->conf.route);
	const struct permit *permit;
	uint32_t id;

	if (!r->conf.identity)
		return true;
	id = keep_channel(&first);
	permit = id ? permits_find(id) : NULL;
	return permit && !strcmp(permit->identity, r->conf.identity);
}

static int open_worker(struct relay_at *r)
{
	int fd, err;

	if (r->watch.fd >= 0)
		return 0;
	/* Who may answer is who was asked: the kernel sees to that. */
	fd = worker_socket(0, 1U << OCKAM_RECV_PEER | 1U << OCKAM_RECV_RETURN |
			      1U << OCKAM_RECV_ONWARD);
	if (fd < 0)
		return fd;
	r->watch.fd = fd;
	r->watch.fn = answer_readable;
	if (!ockam_bind(fd, NULL) && !loop_add(&r->watch, EPOLLIN))
		return 0;
	err = -errno;
	close(fd);
	r->watch.fd = -1;
	return err;
}

static int register_again(struct relay_at *r, const uint8_t *carrier)
{
	int err;

	memcpy(r->asked_by, carrier, sizeof(r->asked_by));
	r->asked = 0;
	if (!is_shown(r)) {
		wanted_fail(&r->w, "the relay is out of reach: no channel shows identity %s there",
			    r->conf.identity);
		return -ENOTCONN;
	}
	err = open_worker(r) ? : ask(r);
	if (err) {
		wanted_fail(&r->w, "the relay is out of reach: %s",
			    strerror(-err));
		return err;
	}
	r->asked = now_ms();
	return -EINPROGRESS;
}

/* Not known to be wrong, if it was given by the same way. */
static bool is_given(const struct relay_at *r, const uint8_t *carrier)
{
	return r->full[0] && !memcmp(r->carrier, carrier, CARRIER_LEN);
}

static int relay_at_make(struct wanted *w)
{
	struct relay_at *r = (struct relay_at *)((char *)w -
						 offsetof(struct relay_at, w));
	uint8_t carrier[CARRIER_LEN];
	const uint64_t now = now_ms();
	bool same;

	find_carrier(r, carrier);
	same = !memcmp(r->asked_by, carrier, sizeof(carrier));
	if (is_given(r, carrier)) {
		if (now >= r->given + REFRESH_MS &&
		    (!r->asked || now >= r->asked + ANSWER_MS)) {
			register_again(r, carrier);
			r->given = now;
		}
		return 0;
	}
	if (!r->asked || !same)
		return register_again(r, carrier);
	if (now < r->asked + ANSWER_MS)
		return -EINPROGRESS;
	r->asked = 0;
	wanted_fail(w, "no answer: the relay may not take it from us, or has given the name away");
	return -ETIMEDOUT;
}

static const struct wanted_kind relay_at_kind = { "relay-at", relay_at_make };

/* ---- configuration ---- */

static struct relay_at *find(const char *name)
{
	struct relay_at *r;

	TAILQ_FOREACH(r, &relays, entry)
		if (!strcmp(r->conf.name, name))
			return r;
	return NULL;
}

/* Answers to what it has asked are for nobody then. */
static void close_worker(struct relay_at *r)
{
	if (r->watch.fd < 0)
		return;
	loop_del(&r->watch);
	close(r->watch.fd);
	r->watch.fd = -1;
}

static void relay_at_free(struct relay_at *r)
{
	close_worker(r);
	wanted_remove(&r->w);
	TAILQ_REMOVE(&relays, r, entry);
	conf_relay_at_clear(&r->conf);
	free(r);
}

static void add(const struct conf_relay_at *conf)
{
	struct relay_at *r = calloc(1, sizeof(*r));

	if (!r) {
		log_error("relay-at %s: out of memory", conf->name);
		return;
	}
	conf_relay_at_copy(&r->conf, conf);
	r->watch.fd = -1;
	r->w.again_ms = LOOK_MS;
	TAILQ_INSERT_TAIL(&relays, r, entry);
	wanted_add(&r->w, &relay_at_kind, r->conf.name);
}

static void change(struct relay_at *r, const struct conf_relay_at *conf)
{
	if (strcmp(r->conf.alias, conf->alias) ||
	    !path_equal(&r->conf.route, &conf->route)) {
		r->full[0] = 0;
		r->asked = 0;
		close_worker(r);
	}
	conf_relay_at_clear(&r->conf);
	conf_relay_at_copy(&r->conf, conf);
	r->w.name = r->conf.name;
}

/* No word tells a relay that a name is not needed any more: it forgets it. */
void relays_at_release(const struct config *c)
{
	struct relay_at *r, *next;
	size_t i;

	TAILQ_FOREACH_SAFE(r, &relays, entry, next) {
		for (i = 0; i < c->n_relay_at; i++)
			if (!strcmp(c->relay_at[i].name, r->conf.name))
				break;
		if (i == c->n_relay_at)
			relay_at_free(r);
	}
}

void relays_at_apply(const struct config *c)
{
	struct relay_at *r, *next;
	static bool loaded;
	size_t i;

	for (i = 0; i < c->n_relay_at; i++) {
		r = find(c->relay_at[i].name);
		if (r)
			change(r, &c->relay_at[i]);
		else
			add(&c->relay_at[i]);
	}
	if (!loaded)
		load();
	loaded = true;
	save();
	TAILQ_FOREACH_SAFE(r, &relays, entry, next)
		wanted_now(&r->w);
}

/* ---- what happens to the way ---- */

void relays_at_channel_used(uint32_t id)
{
	struct relay_at *r, *next;

	(void)id;
	TAILQ_FOREACH_SAFE(r, &relays, entry, next)
		wanted_now(&r->w);
}

void relays_at_object_event(const struct ockam_nl_event *ev)
{
	const struct ockam_nl_link *link = ev->object;
	const struct ockam_nl_hop *hop = ev->object;
	struct relay_at *r, *next;

	TAILQ_FOREACH_SAFE(r, &relays, entry, next)
		if (!ev->gone &&
		    ((ev->kind == OCKAM_NL_HOP && is_first(r, &hop->address)) ||
		     (ev->kind == OCKAM_NL_LINK && is_first(r, &link->name) &&
		      link->state == OCKAM_LINK_STATE_UP)))
			wanted_now(&r->w);
}

/* ---- from outside ---- */

void relays_at_list(FILE *f)
{
	const struct relay_at *r;

	TAILQ_FOREACH(r, &relays, entry)
		fprintf(f, "%s state %s name %s since-s %" PRIu64 "\n",
			r->conf.name, r->w.there ? "registered" : "wanted",
			r->w.there ? r->full : "-",
			(now_ms() - r->w.since) / 1000);
}

/* The names stay there, for whoever comes next. */
void relays_at_end(void)
{
	struct relay_at *r, *next;

	TAILQ_FOREACH_SAFE(r, &relays, entry, next)
		relay_at_free(r);
}
