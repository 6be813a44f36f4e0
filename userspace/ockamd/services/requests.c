// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/* The worker "ockamd": what programs of this node ask for. */
#include <errno.h>
#include <stdarg.h>
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
#include "core/daemon.h"
#include "core/log.h"
#include "core/loop.h"
#include "core/wanted.h"
#include "handshake/keys.h"
#include "handshake/permits.h"
#include "handshake/room.h"
#include "handshake/session.h"
#include "handshake/way.h"
#include "handshake/x3dh_initiate.h"
#include "services/asked.h"
#include "services/keep.h"
#include "services/listener.h"
#include "services/peers.h"
#include "services/portal_gate.h"
#include "services/relay.h"
#include "services/relay_at.h"
#include "services/requests.h"
#include "ident_err.h"
#include "identity.h"
#include "nl.h"
#include "peer.h"
#include "request.h"

#define LISTENERS_USER	64	/* for one uid */
#define TIMEOUT_MAX_MS	600000

static void request_readable(struct watch *w, uint32_t events);

static void (*on_reload)(const struct ask *ask);
static void (*on_change)(const struct ask *ask, const char *section, bool add);

static struct watch worker = { .fd = -1, .fn = request_readable };

/* ---- answers ---- */

void answer_ask(const struct ask *ask, const struct answer *ans)
{
	uint8_t buf[REQUEST_MAX];
	int n = answer_write(ans, buf, sizeof(buf));

	if (n < 0 || ockam_send_path(worker.fd, &ask->to, buf, n) < 0)
		log_debug("uid %u did not wait for its answer", ask->who.uid);
}

void answer_error(const struct ask *ask, int err, const char *fmt, ...)
{
	struct answer ans = { .id = ask->id, .err = err };
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(ans.text, sizeof(ans.text), fmt, ap);
	va_end(ap);
	answer_ask(ask, &ans);
}

static void answer_ok(const struct ask *ask)
{
	answer_error(ask, 0, "%s", "");
}

/* ---- rights ---- */

/* The policy that a request spells out. */
static struct policy *policy_of(const struct request *req)
{
	struct policy *p = policy_new();
	char text[IDENT_ID_TEXT_LEN + 1];
	int err = 0;
	size_t i;

	if (!p)
		return NULL;
	if (req->anyone)
		err = trust_policy_add(&p->trust, "anyone");
	for (i = 0; i < req->n_ids && !err; i++) {
		ident_id_print(req->ids[i], text);
		err = trust_policy_add(&p->trust, text);
	}
	for (i = 0; i < req->n_rules && !err; i++)
		err = is_rule(req->rules[i]) ?
		      trust_policy_add(&p->trust, req->rules[i]) :
		      IDENT_E_INVALID;
	if (!err)
		return p;
	policy_put(p);
	return NULL;
}

/* The identity that a request names, if it may be used; else NULL, answered. */
static struct identity *identity_of(struct request *req, const struct ask *ask)
{
	const struct conf_identity *conf;
	struct identity *self;

	if (!req->identity[0])
		strcpy(req->identity, "default");
	conf = config_identity(the.config, req->identity);
	/* The same words, so that nobody learns which ones there are. */
	if (!conf ? !asker_is_admin(&ask->who) :
		    !users_allow(&conf->users, &ask->who)) {
		answer_error(ask, EACCES, "uid %u may not use identity \"%s\"",
			     ask->who.uid, req->identity);
		return NULL;
	}
	self = conf ? keys_find(req->identity) : NULL;
	if (!self)
		answer_error(ask, ENOENT, conf ?
			     "identity \"%s\" has no usable key" :
			     "ockamd's configuration has no identity \"%s\"",
			     req->identity);
	return self;
}

/* ---- operations ---- */

static void create_channel(struct request *req, const struct ask *ask)
{
	struct initiate in = {
		.route = req->route,
		.identity = req->identity,
		.owner = ask->who.uid,
		.gid = ask->who.gid,
		.shared = req->shared,
		.timeout_ms = req->timeout_ms,
		.ask = ask,
	};
	const char *why;
	int err;

	if (!req->route.nhops) {
		answer_error(ask, EINVAL, "no route");
		return;
	}
	if (!req->timeout_ms || req->timeout_ms > TIMEOUT_MAX_MS) {
		answer_error(ask, EINVAL, "timeout out of range");
		return;
	}
	in.self = identity_of(req, ask);
	if (!in.self)
		return;
	err = way_asked(&req->route, &ask->who);
	if (err) {
		answer_error(ask, -err, "the route leads through a channel of another user");
		return;
	}
	in.policy = policy_of(req);
	if (!in.policy) {
		answer_error(ask, EINVAL, "trust policy not understood");
		return;
	}
	if (!strcmp(req->handshake, "xx"))
		err = session_initiate(&in, &why);
	else
		err = x3dh_begin(&in, req->handshake, &why);
	if (err)
		answer_error(ask, -err, "%s", why);
	policy_put(in.policy);
}

static bool check_address(const struct request *req, const struct ask *ask)
{
	if (req->address.nhops == 1 &&
	    req->address.hops[0] == OCKAM_TYPE_LOCAL && req->address.hops[1])
		return true;
	answer_error(ask, EINVAL, "a listener has one local address");
	return false;
}

/*
 * Nobody tells us when a program ends.  Its listener stays, and when it comes
 * back it asks for what it has already.
 */
static struct listener *own_listener(const struct request *req,
				     const struct ask *ask)
{
	struct listener *l = listener_find(&req->address);

	return l && !l->configured && l->owner == ask->who.uid ? l : NULL;
}

static void create_listener(struct request *req, const struct ask *ask)
{
	const char *why = "out of memory";
	struct policy *policy;
	struct listener *own;
	bool any_name;
	int err;

	if (!check_address(req, ask) || !identity_of(req, ask))
		return;
	if (!may_listen(the.config, &req->address, &ask->who, &any_name)) {
		answer_error(ask, EACCES, "uid %u may not listen at this address",
			     ask->who.uid);
		return;
	}
	own = own_listener(req, ask);
	if (!own && listeners_of(ask->who.uid) >= LISTENERS_USER) {
		answer_error(ask, EMFILE, "uid %u has %d listeners",
			     ask->who.uid, LISTENERS_USER);
		return;
	}
	policy = policy_of(req);
	if (!policy) {
		answer_error(ask, EINVAL, "trust policy not understood");
		return;
	}
	if (own)
		err = listener_change(own, req->identity, policy,
				      listen_to(req->handshake), &ask->who,
				      req->shared);
	else
		err = listener_create(&req->address, req->identity, policy,
				      listen_to(req->handshake), &ask->who,
				      req->shared, false, any_name, &why);
	policy_put(policy);
	if (err) {
		answer_error(ask, -err, "listener: %s", why);
		return;
	}
	if (own)
		permits_recheck_listener(&req->address);
	asked_save();
	answer_ok(ask);
}

static void delete_listener(const struct request *req, const struct ask *ask)
{
	struct listener *l;

	if (!check_address(req, ask))
		return;
	l = listener_find(&req->address);
	if (!l || (l->owner != ask->who.uid && !asker_is_admin(&ask->who))) {
		answer_error(ask, ENOENT, "uid %u has no such listener",
			     ask->who.uid);
		return;
	}
	listener_delete(l);
	permits_recheck_listener(&req->address);
	asked_save();
	answer_ok(ask);
}

static bool is_accepted(uint32_t channel)
{
	const struct permit *p = permits_find(channel);

	return p && p->by == PERMIT_LISTENER;
}

static void delete_channel(const struct request *req, const struct ask *ask)
{
	static struct ockam_nl_channel ch;
	int err;

	memset(&ch, 0, sizeof(ch));
	ch.id = req->channel;
	ockam_nl_mark(&ch, OCKAM_A_CHANNEL_ID);
	err = ockam_nl_channel_get(the.nl, &ch);
	/* Who may send through a peer's channel has not asked for it. */
	if (!err && is_accepted(ch.id))
		ch.owner = permits_find(ch.id)->owner;
	if (err || (ch.owner != ask->who.uid && !asker_is_admin(&ask->who))) {
		answer_error(ask, ENOENT, "uid %u has no channel %u",
			     ask->who.uid, req->channel);
		return;
	}
	memset(&ch, 0, sizeof(ch));
	ch.id = req->channel;
	ockam_nl_mark(&ch, OCKAM_A_CHANNEL_ID);
	err = ockam_nl_channel_del(the.nl, &ch);
	if (err)
		answer_error(ask, -err, "%s", ockam_nl_error(the.nl));
	else
		answer_ok(ask);
}

/* Whole lines from the one after @skip on; true if there are more. */
static bool page(const char *text, uint32_t skip, char to[REQUEST_TEXT_MAX + 1])
{
	size_t used = 0, len;

	for (; *text; text += len) {
		len = strcspn(text, "\n");
		len += text[len] == '\n';
		if (skip) {
			skip--;
			continue;
		}
		if (len > REQUEST_TEXT_MAX - used)
			break;
		memcpy(to + used, text, len);
		used += len;
	}
	to[used] = 0;
	return *text;
}

/* As much of a list as an answer holds: who asks has the rest by asking again. */
static void answer_list(const struct request *req, const struct ask *ask,
			void (*list)(const struct ask *ask, FILE *f))
{
	struct answer ans = { .id = ask->id };
	char *text = NULL;
	size_t size;
	FILE *f = open_memstream(&text, &size);

	if (f)
		list(ask, f);
	if (!f || fclose(f)) {
		answer_error(ask, ENOMEM, "out of memory");
	} else {
		ans.more = page(text, req->skip, ans.text);
		answer_ask(ask, &ans);
	}
	free(text);
}

static void list_listeners(const struct ask *ask, FILE *f)
{
	char text[256];

	listeners_list(ask->who.uid, asker_is_admin(&ask->who), f);
	/* Beside those of listeners, for whom it may concern. */
	if (!asker_is_admin(&ask->who))
		return;
	relay_list(f);
	fprintf(f, "channels of peers %zu of %zu\n", room_used(), room_max());
	sessions_list(text, sizeof(text));
	fputs(text, f);
}

static void list_channels(const struct ask *ask, FILE *f)
{
	keeps_list(ask->who.uid, asker_is_admin(&ask->who), f);
}

static void list_peers(const struct ask *ask, FILE *f)
{
	peers_list(ask->who.uid, asker_is_admin(&ask->who), f);
}

static void list_portals(const struct ask *ask, FILE *f)
{
	(void)ask;
	portals_list(f);
}

static void list_relays_at(const struct ask *ask, FILE *f)
{
	(void)ask;
	relays_at_list(f);
}

static void list_wanted(const struct ask *ask, FILE *f)
{
	(void)ask;
	wanted_list(f);
}

/* Of the node, not of a user: where its programs are, what its configuration says. */
static void answer_admin(const struct request *req, const struct ask *ask,
			 const char *what,
			 void (*list)(const struct ask *ask, FILE *f))
{
	if (asker_is_admin(&ask->who))
		answer_list(req, ask, list);
	else
		answer_error(ask, EACCES, "uid %u may not see %s",
			     ask->who.uid, what);
}

static void whois(const struct request *req, const struct ask *ask)
{
	struct answer ans = { .id = ask->id };

	if (!portals_whois(req->endpoint, &ask->who, ans.text,
			   sizeof(ans.text)))
		answer_error(ask, ENOENT, "no connection of an outlet comes from %s (or not to a program of uid %u)",
			     req->endpoint, ask->who.uid);
	else
		answer_ask(ask, &ans);
}

static void reload(const struct ask *ask)
{
	if (asker_is_admin(&ask->who))
		on_reload(ask);
	else
		answer_error(ask, EACCES, "uid %u may not have the configuration read again",
			     ask->who.uid);
}

/* Other kinds are the configuration's alone. */
static bool is_addable(const char *section)
{
	static const char * const kinds[] = {
		"inlet '", "outlet '", "link '", "channel '", "peer '",
		"invitation '",
	};
	size_t i;

	for (i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (!strncmp(section, kinds[i], strlen(kinds[i])))
			return true;
	return false;
}

static void change_section(const struct request *req, const struct ask *ask)
{
	if (!asker_is_admin(&ask->who))
		answer_error(ask, EACCES, "uid %u may not make or delete anything at run time",
			     ask->who.uid);
	else if (!is_addable(req->section))
		answer_error(ask, EINVAL, "that is not made at run time");
	else
		on_change(ask, req->section, req->op == REQUEST_ADD);
}

static bool knows_handshake(const struct request *req)
{
	if (req->op == REQUEST_CREATE_LISTENER)
		return listen_to(req->handshake);
	return req->op != REQUEST_CREATE_CHANNEL ||
	       !strcmp(req->handshake, "xx") ||
	       !strcmp(req->handshake, "x3dh") ||
	       !strcmp(req->handshake, "x3dh-mailbox") ||
	       !strcmp(req->handshake, "x3dh-one-time");
}

static void serve(struct request *req, const struct ask *ask)
{
	if (!knows_handshake(req)) {
		answer_error(ask, EOPNOTSUPP, "unknown handshake");
		return;
	}
	switch (req->op) {
	case REQUEST_CREATE_CHANNEL:
		create_channel(req, ask);
		break;
	case REQUEST_CREATE_LISTENER:
		create_listener(req, ask);
		break;
	case REQUEST_DELETE_LISTENER:
		delete_listener(req, ask);
		break;
	case REQUEST_DELETE_CHANNEL:
		delete_channel(req, ask);
		break;
	case REQUEST_LIST_LISTENERS:
		answer_list(req, ask, list_listeners);
		break;
	case REQUEST_LIST_CHANNELS:
		answer_list(req, ask, list_channels);
		break;
	case REQUEST_LIST_PEERS:
		answer_list(req, ask, list_peers);
		break;
	case REQUEST_LIST_RELAYS_AT:
		answer_admin(req, ask, "the node's names at relays",
			     list_relays_at);
		break;
	case REQUEST_LIST_PORTALS:
		answer_admin(req, ask, "inlets and outlets", list_portals);
		break;
	case REQUEST_LIST_WANTED:
		answer_admin(req, ask, "what is wanted", list_wanted);
		break;
	case REQUEST_WHOIS:
		whois(req, ask);
		break;
	case REQUEST_ADD:
	case REQUEST_DELETE:
		change_section(req, ask);
		break;
	case REQUEST_RELOAD:
		reload(ask);
		break;
	case REQUEST_HELLO:
		answer_ok(ask);
		break;
	default:
		answer_error(ask, EOPNOTSUPP, "unknown request");
	}
}

/*
 * The kernel's word on who asks counts only when the message came straight from
 * a socket of this node: what a program passed on carries the credentials of
 * another one, and a payload of its own.
 */
static bool is_direct(const struct ockam_info *info)
{
	return info->has_peer && info->has_ret && info->ret.nhops == 1 &&
	       info->peer.origin == OCKAM_ORIGIN_LOCAL && !info->peer.flags;
}

/*
 * A program that was handed a socket, as its standard error perhaps, does not
 * know that it asks us.
 */
static bool is_lent(const struct ockam_info *info)
{
	return info->has_peer && info->has_ret && info->ret.nhops == 1 &&
	       info->peer.origin == OCKAM_ORIGIN_LOCAL &&
	       info->peer.flags == OCKAM_PEER_LENT;
}

static void request_readable(struct watch *w, uint32_t events)
{
	static uint8_t buf[REQUEST_MAX];
	static struct ockam_info info;
	static struct request req;
	struct ask ask;
	ssize_t n;
	int err;

	(void)events;
	n = ockam_recv(w->fd, buf, sizeof(buf), &info, 0);
	if (n < 0) {
		if (errno != EAGAIN && errno != EINTR)
			log_error("worker " REQUEST_WORKER ": %s",
				  strerror(errno));
		return;
	}
	ask.to = info.ret;
	ask.who.uid = info.peer.uid;
	ask.who.gid = info.peer.gid;
	ask.who.pid = info.peer.pid;
	if (is_lent(&info)) {
		ask.id = 0;
		log_user(ask.who.uid, "a request of uid %u through another user's socket is refused",
			 ask.who.uid);
		answer_error(&ask, EACCES, "the socket was opened by another user or group");
		return;
	}
	if (!is_direct(&info)) {
		log_user(info.has_peer &&
			 info.peer.origin == OCKAM_ORIGIN_LOCAL ?
			 info.peer.uid : (uid_t)-1,
			 "a request that was passed on is refused");
		return;
	}
	err = info.flags & MSG_TRUNC ? -EMSGSIZE : request_read(buf, n, &req);
	ask.id = req.id;
	if (err) {
		answer_error(&ask, -err, "request not understood: %s",
			     strerror(-err));
		return;
	}
	log_debug("request %d of uid %u, pid %d", req.op, ask.who.uid,
		  ask.who.pid);
	serve(&req, &ask);
}

static void report_squatter(void)
{
	struct ockam_nl_worker w = { 0 };
	const size_t len = strlen(REQUEST_WORKER);

	w.address.len = 2 + len;
	w.address.data[1] = len;
	memcpy(w.address.data + 2, REQUEST_WORKER, len);
	ockam_nl_mark(&w, OCKAM_A_WORKER_ADDRESS);
	if (!ockam_nl_worker_get(the.nl, &w))
		log_error("the address \"" REQUEST_WORKER "\" is held by uid %u: another ockamd serves this node already, or a program has taken the name",
			  w.uid);
}

void requests_on_reload(void (*reload)(const struct ask *ask),
			void (*change)(const struct ask *ask,
				       const char *section, bool add))
{
	on_reload = reload;
	on_change = change;
}

int requests_init(void)
{
	int fd = socket(ockam_family(),
			SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0) {
		log_error("no AF_OCKAM socket: %s", strerror(errno));
		return -errno;
	}
	worker.fd = fd;
	if (ockam_want(fd, 1U << OCKAM_RECV_PEER | 1U << OCKAM_RECV_RETURN) ||
	    ockam_bind(fd, REQUEST_WORKER)) {
		log_error("%s", ockam_error());
		if (errno == EADDRINUSE)
			report_squatter();
		return -1;
	}
	return loop_add(&worker, EPOLLIN);
}

void requests_end(void)
{
	if (worker.fd < 0)
		return;
	loop_del(&worker);
	close(worker.fd);
	worker.fd = -1;
}
