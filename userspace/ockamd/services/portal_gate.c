// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/*
 * Inlets and outlets of the configuration.  An inlet listens for TCP connections
 * and opens one through its route for each; an outlet is a worker that opens one
 * to its target for each Ping, for those who may.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "config/config.h"
#include "core/base.h"
#include "core/clock.h"
#include "core/host.h"
#include "core/log.h"
#include "core/loop.h"
#include "core/resolve.h"
#include "core/wanted.h"
#include "core/who.h"
#include "services/portal_gate.h"
#include "services/portal_who.h"
#include "services/portals.h"
#include "peer.h"
#include "portal.h"

#define BACKLOG		128
#define PING_MAX	16	/* bytes; there is one that counts */

static TAILQ_HEAD(, gate) gates = TAILQ_HEAD_INITIALIZER(gates);

static struct gate *gate_of(struct watch *w)
{
	return (struct gate *)((char *)w - offsetof(struct gate, watch));
}

static socklen_t ip_len(const struct sockaddr_in6 *ip)
{
	return ip->sin6_family == AF_INET ? sizeof(struct sockaddr_in) :
					    sizeof(*ip);
}

/* What only waits to tell its peer of the end makes room for a new one. */
static bool make_room(struct gate *g)
{
	return g->open < g->conf.max || streams_spare(g);
}

/* ---- inlets ---- */

/* Without descriptors; those who come wait in the kernel. */
static void set_closed(struct gate *g, bool closed)
{
	if (g->closed == closed || g->watch.fd < 0)
		return;
	if (!loop_change(&g->watch, closed ? 0 : EPOLLIN))
		g->closed = closed;
}

/* At once, so that it need not find out by waiting. */
static void refuse(struct gate *g, int fd)
{
	const struct linger reset = { .l_onoff = 1 };

	setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
	close(fd);
	g->refused++;
	if (may_log())
		log_info("inlet %s: refused: %zu connections are open, no more may be",
			 g->conf.name, g->open);
}

static void inlet_ready(struct watch *w, uint32_t events)
{
	struct gate *g = gate_of(w);
	int fd;

	(void)events;
	fd = accept4(w->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (fd >= 0 && make_room(g)) {
		stream_accepted(g, fd);
		return;
	}
	if (fd >= 0) {
		refuse(g, fd);
		return;
	}
	/* It would be reported again at once; the next tick tries. */
	if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS ||
	    errno == ENOMEM) {
		log_error("inlet %s: %s", g->conf.name, strerror(errno));
		set_closed(g, true);
	}
}

static int inlet_open(struct gate *g)
{
	const struct sockaddr_in6 *ip = &g->conf.ip;
	const int on = 1;
	int fd;

	fd = socket(ip->sin6_family,
		    SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	g->watch.fd = fd;
	g->watch.fn = inlet_ready;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (bind(fd, (const struct sockaddr *)ip, ip_len(ip)) ||
	    listen(fd, BACKLOG))
		return -errno;
	return loop_add(&g->watch, EPOLLIN);
}

/* ---- outlets ---- */

static uint64_t refilled(const struct gate *g, const struct bucket *b,
			 uint64_t now)
{
	const uint64_t most = (uint64_t)g->conf.rate * 1000;
	uint64_t left = b->left + (now - b->at) * g->conf.rate;

	return left > most ? most : left;
}

/*
 * A full bucket says no more than none does, so it may be another's; when all are
 * in use, those who have none wait.
 */
static struct bucket *bucket_for(struct gate *g, const uint8_t *id,
				 uint64_t now)
{
	struct bucket *spare = NULL;
	struct bucket *b;
	size_t i;

	for (i = 0; i < BUCKETS; i++) {
		b = &g->bucket[i];
		if (b->at && !memcmp(b->id, id, sizeof(b->id)))
			return b;
		if (!spare && (!b->at || refilled(g, b, now) >=
					 (uint64_t)g->conf.rate * 1000))
			spare = b;
	}
	if (!spare)
		return NULL;
	memcpy(spare->id, id, sizeof(spare->id));
	spare->at = now;
	spare->left = (uint64_t)g->conf.rate * 1000;
	return spare;
}

static bool is_in_time(struct gate *g, const uint8_t *id)
{
	uint64_t now = now_ms();
	struct bucket *b = bucket_for(g, id, now);

	if (!b)
		return false;
	b->left = refilled(g, b, now);
	b->at = now;
	if (b->left < 1000)
		return false;
	b->left -= 1000;
	return true;
}

/* NULL if the Ping is good, otherwise what is wrong. */
static const char *check_ping(struct gate *g, const struct ockam_info *info,
			      const uint8_t *buf, size_t len)
{
	const uint8_t *id = info->channels[0].identifier;
	struct portal_msg msg;

	/* The flags: a program of this node may have written it. */
	if (!info->has_peer || info->peer.flags ||
	    info->peer.origin != OCKAM_ORIGIN_CHANNEL ||
	    !info->peer.nchannels ||
	    !trust_policy_allows(&g->conf.policy->trust, id))
		return "not allowed";
	if (!info->has_ret || info->ret.nhops < 2)
		return "no route back";
	if (info->flags & MSG_TRUNC || portal_read(buf, len, &msg) ||
	    msg.kind != PORTAL_PING)
		return "no Ping";
	if (!is_in_time(g, id))
		return "too many in a second";
	if (streams_of(g, id) >= g->conf.max_peer)
		return "too many connections of this identifier";
	if (!make_room(g))
		return "too many connections";
	return NULL;
}

static void outlet_ready(struct watch *w, uint32_t events)
{
	struct gate *g = gate_of(w);
	static struct ockam_info info;
	uint8_t buf[PING_MAX];
	const char *why;
	ssize_t n;

	(void)events;
	n = ockam_recv(w->fd, buf, sizeof(buf), &info, 0);
	if (n < 0)
		return;
	why = check_ping(g, &info, buf, n);
	if (!why && stream_connect(g, &info))
		return;
	g->refused++;
	/* Silence is the answer; strangers shall not fill the log either. */
	log_debug("outlet %s: refused: %s", g->conf.name,
		  why ? why : strerror(errno));
}

/* More identifiers than the kernel takes are looked at here only. */
static int outlet_scope(const struct gate *g)
{
	const struct trust_policy *p = &g->conf.policy->trust;

	if (p->kind != TRUST_LIST || !p->n || p->n > OCKAM_ACCEPT_MAX_IDS)
		return ockam_accept(g->watch.fd, OCKAM_ACCEPT_CHANNELS,
				    NULL, 0);
	return ockam_accept(g->watch.fd, OCKAM_ACCEPT_IDS,
			    (const void *)p->ids, p->n);
}

static int outlet_open(struct gate *g)
{
	int fd;

	if (!g->bucket)
		g->bucket = calloc(BUCKETS, sizeof(*g->bucket));
	if (!g->bucket)
		return -ENOMEM;
	fd = socket(ockam_family(),
		    SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	g->watch.fd = fd;
	g->watch.fn = outlet_ready;
	if (outlet_scope(g) || ockam_want(fd, 1U << OCKAM_RECV_RETURN |
					      1U << OCKAM_RECV_PEER) ||
	    setsockopt(fd, SOL_OCKAM, OCKAM_BIND, g->conf.path.hops,
		       g->conf.path.len))
		return -errno;
	return loop_add(&g->watch, EPOLLIN);
}

/* ---- both ---- */

void gate_leave(struct gate *g)
{
	g->open--;
	set_closed(g, false);
}

static void gate_shut(struct gate *g)
{
	if (g->watch.fd < 0)
		return;
	loop_del(&g->watch);
	close(g->watch.fd);
	g->watch.fd = -1;
	g->closed = false;
}

/* Connections that there are stay where they are. */
static void gate_take(struct host *h, const struct resolved *r)
{
	struct gate *g = (struct gate *)((char *)h -
					 offsetof(struct gate, host));
	const struct sockaddr_in6 old = g->conf.ip;

	conf_portal_address(&g->conf, r->addr[0].len, r->addr[0].data,
			    r->addr[0].scope_id);
	if (g->conf.inlet && memcmp(&old, &g->conf.ip, sizeof(old)))
		gate_shut(g);
}

static int gate_make(struct wanted *w)
{
	struct gate *g = (struct gate *)((char *)w - offsetof(struct gate, w));
	int err;

	err = host_find(&g->host, HOST_AGE_MS);
	if (err || g->watch.fd >= 0)
		return err;
	err = g->conf.inlet ? inlet_open(g) : outlet_open(g);
	if (err) {
		/* What it needs may be somebody else's now, and free later. */
		gate_shut(g);
		return err;
	}
	log_info("%s %s: %s %s", w->kind->word, g->conf.name,
		 g->conf.inlet ? "listens at" : "to", g->conf.endpoint);
	return 0;
}

static const struct wanted_kind inlet_kind = { "inlet", gate_make };
static const struct wanted_kind outlet_kind = { "outlet", gate_make };

static void gate_free(struct gate *g)
{
	gate_shut(g);
	streams_stop(g, NULL);
	host_end(&g->host);
	wanted_remove(&g->w);
	TAILQ_REMOVE(&gates, g, entry);
	conf_portal_clear(&g->conf);
	free(g->bucket);
	free(g);
}

static struct gate *gate_find(const struct conf_portal *c)
{
	struct gate *g;

	TAILQ_FOREACH(g, &gates, entry)
		if (g->conf.inlet == c->inlet &&
		    (c->inlet ? !strcmp(g->conf.name, c->name) :
				path_equal(&g->conf.path, &c->path)))
			return g;
	return NULL;
}

static void gate_host(struct gate *g)
{
	host_set(&g->host, g->conf.host);
	g->host.passive = g->conf.inlet;
	g->w.again_ms = g->conf.host ? HOST_AGE_MS : 0;
}

/* Connections stay, but for those of identifiers that may not have any now. */
static void gate_change(struct gate *g, const struct conf_portal *c)
{
	struct conf_portal old = g->conf;

	conf_portal_copy(&g->conf, c);
	if (strcmp(old.endpoint, c->endpoint)) {
		gate_host(g);
	} else {
		/* What was found of a name is as good as it was. */
		g->host.name = g->conf.host;
		g->conf.ip = old.ip;
	}
	conf_portal_clear(&old);
	g->w.name = g->conf.name;
	if (g->watch.fd >= 0 && !c->inlet && outlet_scope(g)) {
		log_error("outlet %s: %s", c->name, ockam_error());
		gate_shut(g);
	}
	if (!c->inlet)
		streams_stop(g, c->policy);
	wanted_now(&g->w);
}

static void gate_add(const struct conf_portal *c)
{
	struct gate *g = calloc(1, sizeof(*g));

	if (!g) {
		log_error("%s: out of memory", c->name);
		return;
	}
	g->watch.fd = -1;
	conf_portal_copy(&g->conf, c);
	g->host.w = &g->w;
	g->host.take = gate_take;
	gate_host(g);
	TAILQ_INSERT_TAIL(&gates, g, entry);
	wanted_add(&g->w, c->inlet ? &inlet_kind : &outlet_kind, g->conf.name);
	wanted_now(&g->w);
}

static const struct conf_portal *section(const struct config *c,
					 const struct gate *g)
{
	size_t i;

	for (i = 0; i < c->n_portal; i++)
		if (gate_find(&c->portal[i]) == g)
			return &c->portal[i];
	return NULL;
}

/* Ports and addresses are free then; those of gates that move likewise. */
void portals_release(const struct config *c)
{
	const struct conf_portal *conf;
	struct gate *g, *next;

	TAILQ_FOREACH_SAFE(g, &gates, entry, next) {
		conf = section(c, g);
		if (!conf)
			gate_free(g);
		else if (g->conf.inlet &&
			 strcmp(g->conf.endpoint, conf->endpoint))
			gate_shut(g);
	}
}

void portals_apply(const struct config *c)
{
	struct gate *g;
	size_t i;

	for (i = 0; i < c->n_portal; i++) {
		g = gate_find(&c->portal[i]);
		if (g)
			gate_change(g, &c->portal[i]);
		else
			gate_add(&c->portal[i]);
	}
}

void portals_tick(void)
{
	struct gate *g;

	streams_tick();
	TAILQ_FOREACH(g, &gates, entry) {
		if (g->conf.inlet && g->closed)
			set_closed(g, false);
	}
}

void portals_lost(uint32_t channel)
{
	streams_lost(channel);
}

int portals_check(void)
{
	streams_check();
	return 0;
}

size_t portals_files(const struct config *c)
{
	size_t i, n = 0;

	for (i = 0; i < c->n_portal; i++)
		n += 1 + 2 * c->portal[i].max;
	return n;
}

void portals_list(FILE *f)
{
	const struct gate *g;
	size_t ending;

	TAILQ_FOREACH(g, &gates, entry) {
		ending = streams_ending(g);
		fprintf(f,
			"%s kind %s %s %s state %s open %zu ending %zu opened %llu refused %llu%s\n",
			g->conf.inlet ? g->conf.name :
					     route_text(&g->conf.path),
			g->conf.inlet ? "inlet" : "outlet",
			g->conf.inlet ? "listen" : "connect",
			g->conf.endpoint,
			g->watch.fd < 0 ? "failed" : "up",
			g->open - ending, ending,
			(unsigned long long)g->opened,
			(unsigned long long)g->refused,
			g->conf.added ? " added yes" : "");
	}
}

bool portals_whois(const char *address, const struct asker *who, char *text,
		   size_t size)
{
	struct sockaddr_storage ip;
	uint8_t id[IDENT_ID_LEN];
	const struct gate *g;
	const char *name;
	uint32_t channel;

	if (!address_parse(address, &ip))
		return false;
	g = streams_whois(&ip, who, id, &channel);
	name = g ? who_name(id) : NULL;
	if (g)
		snprintf(text, size, "%s channel %u outlet %s connect %s%s%s\n",
			 id_text(id), channel, route_text(&g->conf.path),
			 g->conf.endpoint, name ? " name " : "",
			 name ? name : "");
	return g;
}

void portals_end(void)
{
	struct gate *g, *next;

	TAILQ_FOREACH_SAFE(g, &gates, entry, next)
		gate_free(g);
}
