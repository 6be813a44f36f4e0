// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/*
 * Channels after they were installed: those which the peer closed are deleted,
 * and so are those whose permission ends.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#include "ockamd.h"

#define RECHECK_MS	10000

/**
 * struct tracked - a channel that this process made
 * @id: its id
 * @listener: address of the listener, or empty
 * @identity: own identity
 * @policy: what the peer was trusted by
 * @peer: its identifier
 * @rule: rule of @policy that it was trusted by, NULL: its identifier
 * @owner: uid
 * @gid: the one that it asked with
 * @expires: end of the peer's key, or of its credential
 * @kept: keep.c knows what permits it
 */
struct tracked {
	TAILQ_ENTRY(tracked) entry;
	uint32_t id;
	uint8_t listener[2 + OCKAM_ADDR_MAX];
	size_t listener_len;
	char *identity;
	struct policy *policy;
	uint8_t peer[IDENT_ID_LEN];
	const struct trust_rule *rule;
	uid_t owner;
	gid_t gid;
	uint64_t expires;
	bool kept;
};

static TAILQ_HEAD(, tracked) channels = TAILQ_HEAD_INITIALIZER(channels);
static struct ockam_nl *events;
static uint64_t next_check;
static uint64_t refreshes;

static void forget(struct tracked *t)
{
	TAILQ_REMOVE(&channels, t, entry);
	policy_put(t->policy);
	free(t->identity);
	free(t);
}

static void delete_channel(uint32_t id, bool quiet)
{
	struct ockam_nl_channel ch = { .id = id };
	int err;

	ockam_nl_mark(&ch, OCKAM_A_CHANNEL_ID);
	if (quiet)
		ockam_nl_mark(&ch, OCKAM_A_CHANNEL_QUIET);
	err = ockam_nl_channel_del(the.nl, &ch);
	if (err && err != -ENOENT)
		log_error("channel %u cannot be deleted: %s", id,
			  ockam_nl_error(the.nl));
}

void channels_delete(uint32_t id)
{
	delete_channel(id, false);
}

void channels_delete_quiet(uint32_t id)
{
	delete_channel(id, true);
}

void channels_track(uint32_t id, const struct track *from)
{
	struct tracked *t = calloc(1, sizeof(*t));

	if (t)
		t->identity = strdup(from->identity);
	if (!t || !t->identity) {
		free(t);
		log_error("channel %u is not looked after: out of memory", id);
		return;
	}
	t->id = id;
	t->listener_len = path_first(&from->listener);
	memcpy(t->listener, from->listener.hops, t->listener_len);
	t->policy = policy_get(from->policy);
	memcpy(t->peer, from->peer, sizeof(t->peer));
	t->rule = from->rule;
	t->owner = from->owner;
	t->gid = from->gid;
	t->expires = from->expires;
	t->kept = from->kept;
	TAILQ_INSERT_TAIL(&channels, t, entry);
}

/* ---- what the kernel reports ---- */

static void on_channel(const struct ockam_nl_channel *ch, bool gone)
{
	struct tracked *t, *next;

	if (gone) {
		keep_lost(ch->id, "is gone");
		portals_lost(ch->id);
		x3dh_begin_gone(ch->id);
		x3dh_accept_gone(ch->id);
		TAILQ_FOREACH_SAFE(t, &channels, entry, next)
			if (t->id == ch->id)
				forget(t);
		return;
	}
	keep_channel_event(ch);
	switch (ch->event) {
	case OCKAM_CHANNEL_EVENT_NONCE_LIMIT:
	case OCKAM_CHANNEL_EVENT_STALLED:
	case OCKAM_CHANNEL_EVENT_AUTH_FAILURES:
		log_warn("channel %u: %s", ch->id,
			 ockam_nl_value_name(OCKAM_NL_CHANNEL,
					     OCKAM_A_CHANNEL_EVENT,
					     ch->event));
		break;
	case OCKAM_CHANNEL_EVENT_REFRESH_CREDENTIALS:
		/* What is in them stays in the kernel. */
		log_info("channel %u: the peer sent new credentials, %llu times so far on all; they are not read",
			 ch->id, (unsigned long long)++refreshes);
		break;
	case OCKAM_CHANNEL_EVENT_FIRST_MESSAGE:
		x3dh_accept_confirmed(ch->id);
		/* fall through */
	case OCKAM_CHANNEL_EVENT_ROUTE_LEARNED:
		log_debug("channel %u: %s", ch->id,
			  ockam_nl_value_name(OCKAM_NL_CHANNEL,
					      OCKAM_A_CHANNEL_EVENT,
					      ch->event));
		break;
	}
	if (ch->state != OCKAM_CHANNEL_STATE_CLOSED)
		return;
	log_info("channel %u was closed by its peer", ch->id);
	keep_lost(ch->id, "was closed by its peer");
	delete_channel(ch->id, true);
}

static int on_event(const struct ockam_nl_event *ev, void *arg)
{
	(void)arg;
	if (ev->kind == OCKAM_NL_CHANNEL)
		on_channel(ev->object, ev->gone);
	else if (ev->kind == OCKAM_NL_LINK)
		keep_link_event(ev->object, ev->gone);
	return 0;
}

struct closed {
	uint32_t id[256];
	size_t n;
};

static int collect_closed(const void *object, void *arg)
{
	const struct ockam_nl_channel *ch = object;
	struct closed *c = arg;

	if (ch->state == OCKAM_CHANNEL_STATE_CLOSED)
		c->id[c->n++] = ch->id;
	return c->n == ARRAY_SIZE(c->id);
}

/* Events were lost, or nobody listened to them. */
static void sweep(void)
{
	struct ockam_nl_channel filter = {
		.state = OCKAM_CHANNEL_STATE_CLOSED,
	};
	struct closed c;
	size_t i;
	int err;

	ockam_nl_mark(&filter, OCKAM_A_CHANNEL_STATE);
	do {
		c.n = 0;
		err = ockam_nl_dump(the.nl, OCKAM_NL_CHANNEL, &filter,
				    collect_closed, &c);
		for (i = 0; i < c.n; i++) {
			keep_lost(c.id[i], "was closed by its peer");
			delete_channel(c.id[i], true);
		}
	} while (err == 1);
	if (err)
		log_error("channels: %s", ockam_nl_error(the.nl));
}

static void events_readable(struct watch *w, uint32_t revents)
{
	int err = ockam_nl_events(events, on_event, NULL);

	(void)w;
	(void)revents;
	if (err == -ENOBUFS) {
		sweep();
		keeps_check();
		portals_check();
		x3dh_begin_check();
		x3dh_accept_check();
	} else if (err && err != -EAGAIN && err != -EINTR) {
		log_error("events: %s", ockam_nl_error(events));
	}
}

static struct watch watch = { .fd = -1, .fn = events_readable };

int channels_init(void)
{
	int err;

	err = ockam_nl_open(&events);
	if (err)
		return err;
	err = ockam_nl_subscribe(events, OCKAM_MCGRP_CHANNEL);
	if (!err)
		err = ockam_nl_subscribe(events, OCKAM_MCGRP_LINK);
	if (err) {
		log_error("events: %s", ockam_nl_error(events));
		return err;
	}
	watch.fd = ockam_nl_fd(events);
	err = loop_add(&watch, EPOLLIN);
	if (!err)
		sweep();
	return err;
}

void channels_end(void)
{
	struct tracked *t, *next;

	TAILQ_FOREACH_SAFE(t, &channels, entry, next)
		forget(t);
	if (watch.fd >= 0)
		loop_del(&watch);
	ockam_nl_close(events);
}

/* ---- permission that ends ---- */

static void end_channel(struct tracked *t, const char *why)
{
	log_info("channel %u to %s is closed: %s", t->id, id_text(t->peer),
		 why);
	keep_lost(t->id, why);
	delete_channel(t->id, false);
	forget(t);
}

static const struct conf_listener *
find_listener(const struct config *c, const struct tracked *t)
{
	size_t i;

	for (i = 0; i < c->n_listener; i++)
		if (c->listener[i].address.len == t->listener_len &&
		    !memcmp(c->listener[i].address.hops, t->listener,
			    t->listener_len))
			return &c->listener[i];
	return NULL;
}

/* Credentials are not asked for again: the rule that they fitted must stay. */
static bool still_trusted(const struct trust_policy *p, const struct tracked *t)
{
	return trust_policy_allows(p, t->peer) ||
	       (t->rule && trust_policy_has(p, t->rule));
}

void channels_recheck(const struct config *c)
{
	const struct conf_listener *l;
	const struct conf_identity *id;
	struct tracked *t, *next;
	struct asker owner;

	TAILQ_FOREACH_SAFE(t, &channels, entry, next) {
		if (t->kept)
			continue;
		id = config_identity(c, t->identity);
		if (!id) {
			end_channel(t, "its identity is not there any more");
			continue;
		}
		l = t->listener_len ? find_listener(c, t) : NULL;
		if (l && !still_trusted(&l->policy->trust, t)) {
			end_channel(t, "the peer is not trusted any more");
			continue;
		}
		if (l)
			continue;
		owner = (struct asker){ .uid = t->owner, .gid = t->gid };
		if (!users_allow(&id->users, &owner))
			end_channel(t, "its owner may not use the identity any more");
	}
}

void channels_tick(void)
{
	struct tracked *t, *next;
	uint64_t seconds;

	if (now_ms() < next_check)
		return;
	next_check = now_ms() + RECHECK_MS;
	seconds = now_seconds();
	TAILQ_FOREACH_SAFE(t, &channels, entry, next)
		if (t->expires <= seconds)
			end_channel(t, t->rule ?
				    "the peer's credential has expired" :
				    "the peer's key has expired");
}
