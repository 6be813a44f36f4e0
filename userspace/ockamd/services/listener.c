// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/* Listeners: workers at which every message begins a handshake. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "config/config.h"
#include "config/names.h"
#include "config/policy.h"
#include "core/asker.h"
#include "core/base.h"
#include "core/clock.h"
#include "core/daemon.h"
#include "core/log.h"
#include "core/loop.h"
#include "core/privileges.h"
#include "core/wanted.h"
#include "core/worker.h"
#include "handshake/session.h"
#include "handshake/way.h"
#include "handshake/x3dh_accept.h"
#include "services/asked.h"
#include "services/listener.h"
#include "services/reserve.h"
#include "noise.h"
#include "x3dh.h"

#define AT_ONCE		256	/* messages; then others have their turn */

static TAILQ_HEAD(, listener) listeners = TAILQ_HEAD_INITIALIZER(listeners);

/* False: nothing has come, or something that has taken its time. */
static bool take_one(struct listener *l)
{
	static uint8_t m1[NOISE_MSG_MAX + 1];
	const struct asker owner = { .uid = l->owner, .gid = l->gid };
	static struct ockam_info info;
	const char *why;
	ssize_t n;

	n = ockam_recv(l->watch.fd, m1, sizeof(m1), &info, 0);
	if (n < 0) {
		if (errno != EAGAIN && errno != EINTR)
			log_error("listener %s: %s", route_text(&l->address),
				  strerror(errno));
		return false;
	}
	if (!info.has_peer || info.flags & MSG_CTRUNC)
		return true;
	if (info.flags & MSG_TRUNC || n > NOISE_MSG_MAX) {
		handshake_too_long(l, &info);
	} else if (way_came(&info, &owner, &why)) {
		handshake_refused(l, &info, why);
	} else if (x3dh_is_first(m1, n) && l->handshakes & LISTEN_X3DH) {
		x3dh_at_listener(l, &info, m1, n);
		return false;
	} else if (l->handshakes & LISTEN_XX) {
		session_respond(l, &info, m1, n);
	} else {
		handshake_refused(l, &info,
				  "not the handshake of this listener");
	}
	return true;
}

/*
 * In here it is first come, first served.  So what has come is taken out, to where
 * each source has its turn.
 */
static void listener_readable(struct watch *w, uint32_t events)
{
	struct listener *l = (struct listener *)((char *)w -
						 offsetof(struct listener,
							  watch));
	int i;

	(void)events;
	for (i = 0; i < AT_ONCE && take_one(l); i++)
		;
}

struct listener *listener_find(const struct ockam_path *address)
{
	struct listener *l;

	TAILQ_FOREACH(l, &listeners, entry)
		if (path_equal(&l->address, address))
			return l;
	return NULL;
}

size_t listeners_of(uid_t owner)
{
	struct listener *l;
	size_t n = 0;

	TAILQ_FOREACH(l, &listeners, entry)
		if (!l->configured && l->owner == owner)
			n++;
	return n;
}

static int bind_socket(const struct listener *l, bool any_name)
{
	if (!any_name)
		return bind_as_anyone(l->watch.fd, &l->address);
	return setsockopt(l->watch.fd, SOL_OCKAM, OCKAM_BIND, l->address.hops,
			  l->address.len) ? -errno : 0;
}

static int open_socket(struct listener *l, bool any_name)
{
	const unsigned int want = 1U << OCKAM_RECV_RETURN |
				  1U << OCKAM_RECV_PEER;
	int fd, err;

	fd = worker_socket(OCKAM_ACCEPT_LINKS | OCKAM_ACCEPT_CHANNELS, want);
	if (fd < 0)
		return fd;
	l->watch.fd = fd;
	l->watch.fn = listener_readable;
	err = bind_socket(l, any_name);
	if (err)
		return err;
	return loop_add(&l->watch, EPOLLIN);
}

static void listener_free(struct listener *l)
{
	if (l->watch.fd >= 0) {
		loop_del(&l->watch);
		close(l->watch.fd);
	}
	policy_put(l->policy);
	free(l->identity);
	free(l->why);
	free(l);
}

int listener_create(const struct ockam_path *address, const char *identity,
		    struct policy *policy, unsigned int handshakes,
		    const struct asker *owner, bool shared, bool configured,
		    bool any_name, const char **why)
{
	struct listener *l;
	int err;

	*why = "no trust policy";
	if (policy->trust.kind == TRUST_UNSET)
		return -EINVAL;
	*why = "the address is taken, or kept for who had it";
	if (!configured && !any_name && reserve_is_held(address, owner->uid))
		return -EADDRINUSE;
	*why = "out of memory";
	l = calloc(1, sizeof(*l));
	if (!l)
		return -ENOMEM;
	l->watch.fd = -1;
	l->address = *address;
	l->policy = policy_get(policy);
	l->handshakes = handshakes;
	l->owner = owner->uid;
	l->gid = owner->gid;
	l->shared = shared;
	l->configured = configured;
	l->identity = strdup(identity);
	err = l->identity ? open_socket(l, any_name) : -ENOMEM;
	if (err) {
		*why = strerror(-err);
		if (err == -EADDRINUSE)
			*why = "the address is taken, or kept for who had it";
		if (err == -EACCES)
			*why = "the address is reserved";
		listener_free(l);
		return err;
	}
	TAILQ_INSERT_TAIL(&listeners, l, entry);
	log_user(l->owner, "listener %s: identity %s, owner uid %u, trusts %s",
		 route_text(address), identity, l->owner,
		 policy->trust.kind == TRUST_ANYONE ? "anyone" : "a list");
	return 0;
}

int listener_change(struct listener *l, const char *identity,
		    struct policy *policy, unsigned int handshakes,
		    const struct asker *owner, bool shared)
{
	char *copy = strdup(identity);

	if (!copy)
		return -ENOMEM;
	free(l->identity);
	l->identity = copy;
	policy_get(policy);
	policy_put(l->policy);
	l->policy = policy;
	l->handshakes = handshakes;
	l->gid = owner->gid;
	l->shared = shared;
	log_user(l->owner, "listener %s: asked for again, identity %s",
		 route_text(&l->address), identity);
	return 0;
}

void listener_delete(struct listener *l)
{
	log_user(l->owner, "listener %s is gone", route_text(&l->address));
	sessions_forget(l);
	if (!l->configured)
		reserve_hold(&l->address, l->owner);
	TAILQ_REMOVE(&listeners, l, entry);
	listener_free(l);
}

const char *listener_refusal(const struct config *c,
			     const struct ockam_path *address,
			     const char *identity, const struct asker *owner,
			     bool *any_name)
{
	const struct conf_identity *id = config_identity(c, identity);

	if (!id || !users_allow(&id->users, owner))
		return "its owner may not use the identity";
	if (config_gives(c, address))
		return "the configuration gives its address to something else";
	if (!may_listen(c, address, owner, any_name))
		return "its owner may not listen there";
	return NULL;
}

void listeners_release(const struct config *c)
{
	struct listener *l, *next;
	struct asker owner;
	const char *why;
	bool any_name;

	TAILQ_FOREACH_SAFE(l, &listeners, entry, next) {
		if (l->configured || config_listener(c, &l->address))
			continue;
		owner = (struct asker){ .uid = l->owner, .gid = l->gid };
		why = listener_refusal(c, &l->address, l->identity, &owner,
				       &any_name);
		if (!why)
			continue;
		log_warn("listener %s of uid %u ends: %s",
			 route_text(&l->address), l->owner, why);
		listener_delete(l);
	}
}

static void update(struct listener *l, const struct conf_listener *conf)
{
	char *identity = strdup(conf->identity);

	if (!identity)
		return;
	free(l->identity);
	l->identity = identity;
	policy_put(l->policy);
	l->policy = policy_get(conf->policy);
	l->handshakes = conf->handshakes;
	/* It may have been somebody's, and is ours from now on. */
	if (!l->configured) {
		l->owner = geteuid();
		l->gid = getegid();
		l->shared = false;
	}
	l->configured = true;
}

/**
 * struct section - a listener of the configuration
 * @entry: list
 * @w: whether it is there
 * @address: its address
 * @name: as written
 */
struct section {
	TAILQ_ENTRY(section) entry;
	struct wanted w;
	struct ockam_path address;
	char *name;
};

static TAILQ_HEAD(, section) sections = TAILQ_HEAD_INITIALIZER(sections);

static int section_make(struct wanted *w)
{
	const struct section *s = (struct section *)
		((char *)w - offsetof(struct section, w));
	const struct asker self = { .uid = geteuid(), .gid = getegid() };
	const struct conf_listener *conf = config_listener(the.config, &s->address);
	const char *why = NULL;
	int err;

	if (!conf || listener_find(&s->address))
		return 0;
	err = listener_create(&conf->address, conf->identity, conf->policy,
			      conf->handshakes, &self, false, true, true, &why);
	if (err && why)
		wanted_fail(w, "%s", why);
	return err;
}

static const struct wanted_kind section_kind = { "listener", section_make };

static struct section *section_find(const struct ockam_path *address)
{
	struct section *s;

	TAILQ_FOREACH(s, &sections, entry)
		if (path_equal(&s->address, address))
			return s;
	return NULL;
}

static void section_free(struct section *s)
{
	wanted_remove(&s->w);
	TAILQ_REMOVE(&sections, s, entry);
	free(s->name);
	free(s);
}

static void section_add(const struct conf_listener *conf)
{
	struct section *s = calloc(1, sizeof(*s));

	if (s)
		s->name = strdup(conf->name);
	if (!s || !s->name) {
		free(s);
		log_error("listener %s: out of memory", conf->name);
		return;
	}
	s->address = conf->address;
	TAILQ_INSERT_TAIL(&sections, s, entry);
	wanted_add(&s->w, &section_kind, s->name);
}

static void sections_apply(const struct config *c)
{
	struct section *s, *next;
	size_t i;

	TAILQ_FOREACH_SAFE(s, &sections, entry, next)
		if (!config_listener(c, &s->address))
			section_free(s);
	for (i = 0; i < c->n_listener; i++)
		if (!section_find(&c->listener[i].address))
			section_add(&c->listener[i]);
	TAILQ_FOREACH(s, &sections, entry)
		wanted_now(&s->w);
}

/* The sockets of listeners that stay are not touched. */
void listeners_apply(const struct config *c)
{
	const struct conf_listener *conf;
	struct listener *l, *next;
	static bool loaded;

	TAILQ_FOREACH_SAFE(l, &listeners, entry, next) {
		conf = config_listener(c, &l->address);
		if (conf)
			update(l, conf);
		else if (l->configured)
			listener_delete(l);
	}
	sections_apply(c);
	if (!loaded)
		asked_load();
	else
		asked_save();
	loaded = true;
}

void listeners_asked(void (*fn)(const struct listener *l, void *arg), void *arg)
{
	struct listener *l;

	TAILQ_FOREACH(l, &listeners, entry)
		if (!l->configured)
			fn(l, arg);
}

void listeners_list(uid_t uid, bool all, FILE *f)
{
	struct listener *l;

	TAILQ_FOREACH(l, &listeners, entry) {
		if (!all && l->owner != uid)
			continue;
		fprintf(f,
			"%s identity %s uid %u accepted %llu refused %llu full %llu too-long %llu expired %llu%s%s\n",
			route_text(&l->address), l->identity, l->owner,
			(unsigned long long)l->accepted,
			(unsigned long long)l->refused,
			(unsigned long long)l->full,
			(unsigned long long)l->too_long,
			(unsigned long long)l->expired,
			l->why ? " why " : "", l->why ? l->why : "");
	}
}

void listeners_end(void)
{
	struct listener *l, *next;

	asked_end();
	while (!TAILQ_EMPTY(&sections))
		section_free(TAILQ_FIRST(&sections));
	TAILQ_FOREACH_SAFE(l, &listeners, entry, next) {
		TAILQ_REMOVE(&listeners, l, entry);
		listener_free(l);
	}
}
