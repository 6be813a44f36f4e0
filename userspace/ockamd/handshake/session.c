// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/*
 * Handshakes.  Each has a socket of its own in handshake mode, whose address
 * becomes the channel's decryptor: the kernel takes address and queue over when
 * the channel is installed.
 *
 *	initiator  M1 ->, <- M2, all checks, install, M3 ->, answer the caller
 *	responder  -> M1 (at the listener), M2 ->, <- M3, all checks, install
 *
 * M3 goes out when the socket has no address any more, so it is sent from
 * another socket with the decryptor as its return route.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <sodium.h>

#include "core/asker.h"
#include "core/base.h"
#include "core/clock.h"
#include "core/daemon.h"
#include "core/log.h"
#include "core/loop.h"
#include "core/source.h"
#include "core/turns.h"
#include "core/who.h"
#include "core/worker.h"
#include "handshake/amplify.h"
#include "handshake/carrier.h"
#include "handshake/channels.h"
#include "handshake/confirm.h"
#include "handshake/install.h"
#include "handshake/keys.h"
#include "handshake/permit.h"
#include "handshake/session.h"
#include "handshake/way.h"
#include "services/keep.h"
#include "services/listener.h"
#include "services/requests.h"
#include "ident_err.h"
#include "request.h"
#include "xx.h"

#define HALF_OPEN_MS	10000
#define INITIATE_MAX	256	/* of ours at once */
#define INITIATE_USER	64	/* of them for one uid */

/**
 * struct arrived - a message of a handshake that waits for its turn
 * @info: what is known about it
 * @len: its length
 * @data: its bytes
 */
struct arrived {
	struct ockam_info info;
	size_t len;
	uint8_t data[];
};

/**
 * struct first - M1 that waits for its turn
 * @entry: list
 * @job: for it
 * @listener: where it came to
 * @local: a message from this node said so
 * @open: anybody may have written its address
 * @ret: where M2 goes
 * @len: its length
 * @m1: its bytes
 */
struct first {
	TAILQ_ENTRY(first) entry;
	struct job job;
	struct listener *listener;
	bool local;
	bool open;
	struct ockam_path ret;
	size_t len;
	uint8_t m1[];
};

/**
 * struct session - one handshake
 * @entry: list, in order of creation
 * @watch: its socket
 * @role: our side
 * @source: who is charged for it
 * @deadline: when it is given up
 * @secrets: its state
 * @permit: what permits the channel
 * @listener: where M1 came to; NULL at the initiator
 * @ask: who waits for it, or NULL
 * @keep: the kept channel that it is for, or NULL
 * @shared: the channel is for everybody on this node
 * @garbage: messages that were no M2 or M3
 * @job: for @in
 * @in: M2 or M3, if it is
 * @own: our decryptor
 * @to: where @out goes
 * @local: a message from this node said so
 * @out: message that is still to be sent
 * @out_len: its length
 * @installed: the channel exists, @out is M3
 * @channel: its id
 * @encryptor: its address
 */
struct session {
	TAILQ_ENTRY(session) entry;
	struct watch watch;
	enum ockam_role role;
	struct source source;
	uint64_t deadline;
	struct secrets *secrets;
	struct permit permit;
	struct listener *listener;
	struct ask *ask;
	struct keep *keep;
	bool shared;
	unsigned int garbage;
	struct job job;
	struct arrived *in;
	struct ockam_path own;
	struct ockam_path to;
	bool local;
	uint8_t *out;
	size_t out_len;
	bool installed;
	uint32_t channel;
	struct ockam_path encryptor;
};

static TAILQ_HEAD(, session) sessions = TAILQ_HEAD_INITIALIZER(sessions);
static TAILQ_HEAD(, first) firsts = TAILQ_HEAD_INITIALIZER(firsts);
static size_t max_half_open;
static size_t n_half_open;
static size_t n_initiated;

static struct {
	uint64_t admitted;
	uint64_t full;
	uint64_t too_long;
	uint64_t refused;
	uint64_t expired;
	uint64_t done;
} count;

static uint8_t inbox[NOISE_MSG_MAX + 1];
static uint8_t outbox[NOISE_MSG_MAX];

int sessions_init(size_t max)
{
	max_half_open = max;
	return vault_init(max + INITIATE_MAX);
}

void sessions_list(char *text, size_t size)
{
	snprintf(text, size, "handshakes: %llu done, %llu refused, %llu expired, %llu of %llu not begun because of limits, %llu messages too long, %zu half open",
		 (unsigned long long)count.done,
		 (unsigned long long)count.refused,
		 (unsigned long long)count.expired,
		 (unsigned long long)count.full,
		 (unsigned long long)(count.full + count.admitted),
		 (unsigned long long)count.too_long,
		 n_half_open);
}

void sessions_log(void)
{
	char text[256];

	sessions_list(text, sizeof(text));
	log_info("%s", text);
}

static void log_refusal(const struct source *src, const char *what,
			const char *why)
{
	if (may_log_of(why))
		log_info("%s from %s refused: %s", what, source_text(src),
			 why);
}

/* ---- life ---- */

static void session_free(struct session *s)
{
	TAILQ_REMOVE(&sessions, s, entry);
	if (s->role == OCKAM_ROLE_RESPONDER)
		n_half_open--;
	else
		n_initiated--;
	if (s->watch.fd >= 0) {
		loop_del(&s->watch);
		close(s->watch.fd);
	}
	turns_cancel(&s->job);
	vault_give(s->secrets);
	permit_clear(&s->permit);
	free(s->in);
	free(s->ask);
	free(s->out);
	free(s);
	if (TAILQ_EMPTY(&sessions))
		loop_busy(false);
}

static void session_readable(struct watch *w, uint32_t events);

/* Its address is known to nobody before M1 or M2 is sent. */
static int open_socket(struct session *s)
{
	const unsigned int want = 1U << OCKAM_RECV_RETURN |
				  1U << OCKAM_RECV_PEER;
	unsigned int scope = OCKAM_ACCEPT_LINKS | OCKAM_ACCEPT_CHANNELS;
	socklen_t len = sizeof(s->own.hops);
	int on = 1, fd;

	/* An initiator on this very node sends M3 with a return route. */
	if (s->role == OCKAM_ROLE_RESPONDER)
		scope |= OCKAM_ACCEPT_FORWARDED;
	fd = worker_socket(scope, want);
	if (fd < 0)
		return fd;
	s->watch.fd = fd;
	s->watch.fn = session_readable;
	if (ockam_bind(fd, NULL) ||
	    setsockopt(fd, SOL_OCKAM, OCKAM_HANDSHAKE, &on, sizeof(on)) ||
	    getsockopt(fd, SOL_OCKAM, OCKAM_BIND, s->own.hops, &len))
		return -errno;
	s->own.nhops = 1;
	s->own.len = len;
	return loop_add(&s->watch, EPOLLIN);
}

static struct session *session_new(enum ockam_role role,
				   const struct source *src, uint64_t ms)
{
	struct session *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	s->watch.fd = -1;
	s->role = role;
	s->source = *src;
	s->deadline = now_ms() + ms;
	s->secrets = vault_take();
	if (role == OCKAM_ROLE_RESPONDER)
		n_half_open++;
	else
		n_initiated++;
	TAILQ_INSERT_TAIL(&sessions, s, entry);
	loop_busy(true);
	if (s->secrets && !open_socket(s))
		return s;
	session_free(s);
	return NULL;
}

/* ---- limits ---- */

static size_t count_source(const struct source *src, enum ockam_role role)
{
	struct session *s;
	size_t n = 0;

	TAILQ_FOREACH(s, &sessions, entry)
		if (s->role == role && source_same(&s->source, src))
			n++;
	return n;
}

static size_t count_way(const struct source *src)
{
	struct session *s;
	size_t n = 0;

	TAILQ_FOREACH(s, &sessions, entry)
		if (s->role == OCKAM_ROLE_RESPONDER &&
		    source_same_way(&s->source, src))
			n++;
	return n;
}

/* The source with the most half-open handshakes, and its oldest one. */
static struct session *oldest_of_largest(size_t *largest)
{
	struct session *s, *found = NULL;
	size_t n;

	*largest = 0;
	TAILQ_FOREACH(s, &sessions, entry) {
		if (s->role != OCKAM_ROLE_RESPONDER ||
		    (found && source_same(&s->source, &found->source)))
			continue;
		n = count_source(&s->source, s->role);
		if (n > *largest) {
			*largest = n;
			found = s;
		}
		/* None can be larger. */
		if (2 * n > n_half_open)
			break;
	}
	return found;
}

/* The oldest one of a source; @share: how many the way that it came by has. */
static struct session *oldest_of(const struct source *src, size_t *share)
{
	struct session *s;

	TAILQ_FOREACH(s, &sessions, entry)
		if (s->role == OCKAM_ROLE_RESPONDER &&
		    source_same(&s->source, src))
			break;
	*share = s ? count_way(&s->source) : 0;
	return s;
}

/*
 * One source gets at most a quarter; of that, who came by a link or channel with less
 * than the one that the oldest came by displaces it.  When all is taken, a source that has less
 * than the largest one displaces the oldest of that.
 */
static bool admit(const struct source *src)
{
	size_t mine = count_source(src, OCKAM_ROLE_RESPONDER);
	struct session *victim;
	size_t largest;

	if (mine >= (max_half_open + 3) / 4) {
		victim = oldest_of(src, &largest);
		mine = count_way(src);
	} else if (n_half_open < max_half_open) {
		return true;
	} else {
		victim = oldest_of_largest(&largest);
	}
	if (!victim || largest <= mine + 1)
		return false;
	count.expired++;
	if (victim->listener)
		victim->listener->expired++;
	session_free(victim);
	return true;
}

/* ---- ends ---- */

static void fail(struct session *s, int err, const char *why)
{
	count.refused++;
	if (s->ask)
		answer_error(s->ask, err, "%s", why);
	if (s->keep)
		keep_failed(s->keep, why);
	else if (s->role == OCKAM_ROLE_INITIATOR) {
		if (may_log())
			log_user(s->permit.owner,
				 "handshake for uid %u failed: %s",
				 s->permit.owner, why);
	} else {
		log_refusal(&s->source, "handshake", why);
		if (s->listener)
			listener_refused(s->listener, why);
	}
	session_free(s);
}

/* Nobody on the way says why there is no answer: what it can be. */
static const char *silence_of(const struct session *s)
{
	static char text[400];

	if (s->garbage)
		return "the peer answered nothing that could be used";
	if (s->role != OCKAM_ROLE_INITIATOR)
		return "the peer did not answer in time";
	snprintf(text, sizeof(text), "the peer did not answer in time along %s: is its listener called so, and does the way there work (ockamctl trace)?",
		 route_text(&s->to));
	return text;
}

static void expire(struct session *s)
{
	const char *why = silence_of(s);

	count.expired++;
	if (s->listener)
		s->listener->expired++;
	if (s->installed)
		channels_delete_quiet(s->channel);
	if (s->ask)
		answer_error(s->ask, ETIMEDOUT, "%s", why);
	if (s->keep)
		keep_failed(s->keep, why);
	if (s->listener && s->garbage)
		log_refusal(&s->source, "handshake", why);
	else
		log_debug("handshake with %s expired", source_text(&s->source));
	session_free(s);
}

static void tell_keep(const struct session *s)
{
	struct made made = {
		.channel = s->channel,
		.encryptor = s->encryptor,
		.policy = s->permit.policy,
		.rule = s->permit.rule,
		.expires = s->permit.expires,
	};

	memcpy(made.peer, s->permit.peer, sizeof(made.peer));
	keep_done(s->keep, &made);
}

static void done(struct session *s)
{
	struct answer ans = { 0 };

	count.done++;
	log_user(s->permit.owner, "channel %u to %s is up: %s, identity %s",
		 s->channel, who_text(s->permit.peer),
		 s->listener ? "responder" : "initiator", s->permit.identity);
	if (s->listener)
		s->listener->accepted++;
	if (s->ask) {
		ans.id = s->ask->id;
		ans.channel = s->channel;
		ans.encryptor = s->encryptor;
		memcpy(ans.peer, s->permit.peer, sizeof(ans.peer));
		answer_ask(s->ask, &ans);
	}
	if (s->keep)
		tell_keep(s);
	if (s->role == OCKAM_ROLE_RESPONDER) {
		amplify_confirmed(&s->source);
		confirm_channel(s->channel, &s->encryptor, &s->to);
	}
	session_free(s);
}

/* ---- sending ---- */

static struct asker owner_of(const struct session *s)
{
	return (struct asker){
		.uid = s->permit.owner,
		.gid = s->permit.gid,
	};
}

/* 0, -EAGAIN or why it cannot be sent. */
static int send_now(struct session *s)
{
	const struct asker owner = owner_of(s);
	ssize_t n;
	int err;

	/* Who asked may have had a hand in what the names are of by now. */
	err = way_asked(&s->to, &owner);
	if (err)
		return err;
	if (s->installed)
		n = ockam_send_as(the.tx, &s->to, &s->own, s->out, s->out_len);
	else
		n = ockam_send_path(s->watch.fd, &s->to, s->out, s->out_len);
	return n < 0 ? -errno : 0;
}

/* May free the session. */
static void flush(struct session *s)
{
	char why[160];
	int err = send_now(s);

	if (err == -EAGAIN || err == -EINTR || err == -ENOBUFS)
		return;
	if (err) {
		snprintf(why, sizeof(why), "sending to %.80s: %s",
			 route_text(&s->to), strerror(-err));
		if (s->installed)
			channels_delete_quiet(s->channel);
		fail(s, -err, why);
		return;
	}
	if (s->installed)
		confirm_m3(s->channel, &s->own, &s->to, s->out, s->out_len);
	free(s->out);
	s->out = NULL;
	if (s->installed)
		done(s);
}

static int set_out(struct session *s, size_t len)
{
	s->out = malloc(len);
	if (!s->out)
		return -ENOMEM;
	memcpy(s->out, outbox, len);
	s->out_len = len;
	return 0;
}

/* ---- the channel ---- */

/* Keys and peer are in the scratch memory. */
static int install_channel(struct session *s, const char **why)
{
	const struct install in = {
		.permit = &s->permit,
		.role = s->role,
		.fd = s->watch.fd,
		.decryptor = &s->own,
		.route = &s->to,
		.local = s->local,
		.tx = scratch->keys.tx,
		.rx = scratch->keys.rx,
		.shared = s->shared,
		.source = &s->source,
	};
	struct installed out;
	int err;

	permit_peer(&s->permit, &scratch->keys.peer);
	err = install(&in, &out, why);
	if (err)
		return err;
	s->installed = true;
	s->channel = out.id;
	s->encryptor = out.encryptor;
	/* Its address is the channel's now. */
	loop_del(&s->watch);
	close(s->watch.fd);
	s->watch.fd = -1;
	return 0;
}

/* ---- the messages ---- */

/* Something that was no message of the handshake; the real one may follow. */
static void take_next(struct session *s, int err)
{
	int ignored = 0;

	s->garbage++;
	log_debug("no handshake message at %s: %s", source_text(&s->source),
		  ident_strerror(err));
	if (setsockopt(s->watch.fd, SOL_OCKAM, OCKAM_NEXT, &ignored,
		       sizeof(ignored)))
		fail(s, errno, strerror(errno));
}

static void refuse_peer(struct session *s, int err)
{
	fail(s, handshake_errno(err), policy_error(s->permit.policy, err));
}

/* Did the handshake end with the error, or is it as it was before? */
static bool is_over(const struct session *s)
{
	return !s->secrets->xx.cfg.self;
}

/* What came of the peer's message; if it was not taken nothing is left to be done. */
static bool was_taken(struct session *s, int err)
{
	if (err && is_over(s))
		refuse_peer(s, err);
	else if (err)
		take_next(s, err);
	return !err;
}

static void got_m2(struct session *s, const struct arrived *in)
{
	const struct ockam_info *info = &in->info;
	const struct asker owner = owner_of(s);
	const char *why = "out of memory";
	size_t out_len;
	int err;

	err = xx_initiator_m2(&s->secrets->xx, in->data, in->len,
			      now_seconds(), outbox, sizeof(outbox), &out_len,
			      &scratch->keys);
	if (!was_taken(s, err))
		return;
	/* From here on the peer is verified and trusted. */
	s->to = info->ret;
	s->local = way_is_local(info);
	err = set_out(s, out_len);
	if (!err)
		err = way_came(info, &owner, &why);
	if (!err)
		err = install_channel(s, &why);
	xx_keys_wipe(&scratch->keys);
	if (err) {
		fail(s, -err, why);
		return;
	}
	flush(s);
}

static void got_m3(struct session *s, const struct arrived *in)
{
	const char *why;
	int err;

	err = xx_responder_m3(&s->secrets->xx, in->data, in->len,
			      now_seconds(), &scratch->keys);
	if (!was_taken(s, err))
		return;
	err = install_channel(s, &why);
	xx_keys_wipe(&scratch->keys);
	if (err) {
		fail(s, -err, why);
		return;
	}
	done(s);
}

static struct session *of_job(struct job *job)
{
	return (struct session *)((char *)job - offsetof(struct session, job));
}

static void run_session(struct job *job)
{
	struct session *s = of_job(job);
	struct arrived *in = s->in;

	/* It may be gone when this returns. */
	s->in = NULL;
	if (s->role == OCKAM_ROLE_INITIATOR)
		got_m2(s, in);
	else
		got_m3(s, in);
	free(in);
}

/* There is no other one before OCKAM_NEXT. */
static bool keep_for_later(struct session *s, const struct ockam_info *info,
			   size_t len)
{
	s->in = malloc(sizeof(*s->in) + len);
	if (!s->in)
		return false;
	s->in->info = *info;
	s->in->len = len;
	memcpy(s->in->data, inbox, len);
	s->job.source = s->source;
	s->job.run = run_session;
	s->job.drop = run_session;
	return true;
}

static void session_readable(struct watch *w, uint32_t events)
{
	struct session *s = (struct session *)((char *)w -
					       offsetof(struct session, watch));
	static struct ockam_info info;
	ssize_t n;

	(void)events;
	n = ockam_recv(w->fd, inbox, sizeof(inbox), &info, 0);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n < 0) {
		fail(s, errno, "the socket of the handshake failed");
		return;
	}
	/* Nobody knows the address before our message went out. */
	if (info.flags & MSG_TRUNC || n > NOISE_MSG_MAX) {
		count.too_long++;
		if (s->listener)
			s->listener->too_long++;
	}
	if (s->out || !info.has_ret || !info.ret.nhops ||
	    info.flags & (MSG_TRUNC | MSG_CTRUNC)) {
		take_next(s, NOISE_E_LENGTH);
		return;
	}
	if (keep_for_later(s, &info, n))
		turns_add(&s->job);
	else
		take_next(s, IDENT_E_NOMEM);
}

/* ---- beginnings ---- */

int session_initiate(const struct initiate *in, const char **why)
{
	const struct xx_config cfg = {
		.self = in->self,
		.check = &in->policy->check,
	};
	const struct asker owner = { .uid = in->owner, .gid = in->gid };
	struct source src = { .kind = SOURCE_SELF };
	struct session *s;
	size_t len, want = 0;
	int err;

	/* Kept ones leave those who ask their share. */
	if (!in->keep)
		source_of_user(in->owner, &src);
	*why = "too many handshakes at once";
	if (n_initiated >= INITIATE_MAX ||
	    count_source(&src, OCKAM_ROLE_INITIATOR) >= INITIATE_USER)
		return -EAGAIN;
	*why = "no socket or no memory for a handshake";
	s = session_new(OCKAM_ROLE_INITIATOR, &src, in->timeout_ms);
	if (!s)
		return -ENOMEM;
	permit_begin(&s->permit, in->keep ? PERMIT_KEPT : PERMIT_REQUEST,
		     in->name, in->identity, in->self, in->policy, &owner);
	s->shared = in->shared;
	s->to = in->route;
	if (carrier_may_lose(&in->route))
		want = AMPLIFY_M1_LEN;
	err = xx_initiator_start_long(&s->secrets->xx, &cfg, now_seconds(),
				      want, outbox, sizeof(outbox), &len);
	if (err) {
		*why = ident_strerror(err);
		session_free(s);
		return -handshake_errno(err);
	}
	if (in->ask)
		s->ask = malloc(sizeof(*s->ask));
	if ((in->ask && !s->ask) || set_out(s, len)) {
		session_free(s);
		return -ENOMEM;
	}
	if (in->ask)
		*s->ask = *in->ask;
	s->keep = in->keep;
	flush(s);
	return 0;
}

void handshake_refused(struct listener *l, const struct ockam_info *info,
		       const char *why)
{
	struct source src;

	source_of(info, &src);
	count.refused++;
	listener_refused(l, why);
	log_refusal(&src, "handshake", why);
}

void handshake_too_long(struct listener *l, const struct ockam_info *info)
{
	struct source src;

	source_of(info, &src);
	count.too_long++;
	l->too_long++;
	log_refusal(&src, "handshake", "longer than any first message");
}

static struct first *first_of(struct job *job)
{
	return (struct first *)((char *)job - offsetof(struct first, job));
}

static void first_free(struct first *f)
{
	TAILQ_REMOVE(&firsts, f, entry);
	free(f);
}

static void no_room(struct listener *l, const struct source *src,
		    const char *why)
{
	count.full++;
	l->full++;
	log_refusal(src, "handshake", why);
}

static void respond(struct first *f, struct session *s, struct identity *self)
{
	struct listener *l = f->listener;
	const struct asker owner = { .uid = l->owner, .gid = l->gid };
	const struct xx_config cfg = {
		.self = self,
		.check = &l->policy->check,
	};
	size_t len;
	int err;

	permit_begin(&s->permit, PERMIT_LISTENER, &l->address, l->identity,
		     self, l->policy, &owner);
	s->listener = l;
	s->shared = l->shared;
	s->to = f->ret;
	s->local = f->local;
	err = xx_responder_m1(&s->secrets->xx, &cfg, f->m1, f->len,
			      now_seconds(), outbox, sizeof(outbox), &len);
	if (err) {
		refuse_peer(s, err);
		return;
	}
	if (f->open && !amplify_allows(&s->source, f->len, len)) {
		fail(s, EACCES, "so much is not sent to an address that nothing has confirmed");
		return;
	}
	if (set_out(s, len)) {
		fail(s, ENOMEM, "out of memory");
		return;
	}
	flush(s);
}

static void run_first(struct job *job)
{
	struct first *f = first_of(job);
	struct listener *l = f->listener;
	struct identity *self;
	struct session *s;

	if (!admit(&job->source)) {
		no_room(l, &job->source, "too many half open");
		first_free(f);
		return;
	}
	count.admitted++;
	self = keys_find(l->identity);
	s = self ? session_new(OCKAM_ROLE_RESPONDER, &job->source,
			       HALF_OPEN_MS) : NULL;
	if (s) {
		respond(f, s, self);
	} else {
		const char *why = self ? "no socket or no memory" :
					 "our identity is not usable";

		count.refused++;
		listener_refused(l, why);
		log_refusal(&job->source, "handshake", why);
	}
	first_free(f);
}

static void drop_first(struct job *job)
{
	struct first *f = first_of(job);

	no_room(f->listener, &job->source, "too many half open or waiting");
	first_free(f);
}

void session_respond(struct listener *l, const struct ockam_info *info,
		     const uint8_t *m1, size_t len)
{
	struct first *f;

	if (!info->has_ret || !info->ret.nhops) {
		handshake_refused(l, info, "no return route");
		return;
	}
	f = malloc(sizeof(*f) + len);
	if (!f) {
		handshake_refused(l, info, "no memory");
		return;
	}
	f->listener = l;
	f->local = way_is_local(info);
	f->open = amplify_is_open(info);
	f->ret = info->ret;
	f->len = len;
	memcpy(f->m1, m1, len);
	f->job = (struct job){
		.bytes = sizeof(*f) + len,
		.run = run_first,
		.drop = drop_first,
	};
	source_of(info, &f->job.source);
	TAILQ_INSERT_TAIL(&firsts, f, entry);
	turns_add(&f->job);
}

/* ---- time ---- */

void sessions_tick(void)
{
	uint64_t now = now_ms();
	struct session *s, *next;

	TAILQ_FOREACH_SAFE(s, &sessions, entry, next) {
		if (now >= s->deadline)
			expire(s);
		else if (s->out)
			flush(s);
	}
}

void sessions_forget(const struct listener *l)
{
	struct first *f, *next_first;
	struct session *s, *next;

	TAILQ_FOREACH_SAFE(f, &firsts, entry, next_first) {
		if (f->listener != l)
			continue;
		turns_cancel(&f->job);
		first_free(f);
	}
	TAILQ_FOREACH_SAFE(s, &sessions, entry, next)
		if (s->listener == l)
			session_free(s);
}

void sessions_forget_keep(const struct keep *k)
{
	struct session *s, *next;

	TAILQ_FOREACH_SAFE(s, &sessions, entry, next) {
		if (s->keep != k)
			continue;
		if (s->installed)
			channels_delete_quiet(s->channel);
		session_free(s);
	}
}

void sessions_expire_keep(const struct keep *k)
{
	struct session *s;

	TAILQ_FOREACH(s, &sessions, entry)
		if (s->keep == k)
			s->deadline = 0;
}

void sessions_end(void)
{
	struct session *s, *next;
	struct first *f;

	while ((f = TAILQ_FIRST(&firsts))) {
		turns_cancel(&f->job);
		first_free(f);
	}
	TAILQ_FOREACH_SAFE(s, &sessions, entry, next) {
		if (s->ask)
			answer_error(s->ask, ECANCELED, "ockamd is stopping");
		if (s->installed)
			channels_delete_quiet(s->channel);
		session_free(s);
	}
}
