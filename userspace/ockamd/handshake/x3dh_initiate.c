// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/*
 * X3DH, the initiator: a channel that sends before its peer has said a word.
 *
 *	ask for the bundle, check it, install the early channel, answer the
 *	caller; what that channel encrypts comes to a worker of ours ("pipe"),
 *	gets the header in front and goes to the peer's listener or into its
 *	mailbox; with the peer's answer another channel succeeds the early one.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <sodium.h>

#include "config/policy.h"
#include "core/asker.h"
#include "core/base.h"
#include "core/clock.h"
#include "core/daemon.h"
#include "core/log.h"
#include "core/loop.h"
#include "core/who.h"
#include "handshake/amplify.h"
#include "handshake/channels.h"
#include "handshake/install.h"
#include "handshake/keys.h"
#include "handshake/permit.h"
#include "handshake/session.h"
#include "handshake/way.h"
#include "handshake/x3dh_initiate.h"
#include "handshake/x3dh_left.h"
#include "handshake/x3dh_socket.h"
#include "services/requests.h"
#include "ident_err.h"
#include "identity.h"
#include "keystore.h"
#include "nl.h"
#include "ocbor.h"
#include "postbox.h"
#include "request.h"

#define BEGUN_MAX	256	/* not answered yet, at once */
#define BEGUN_USER	64	/* of them for one uid */
#define DRAIN_MS	3000
/* Messages in a row: whoever fills the pipe must not keep the daemon to himself. */
#define PUMP_AT_ONCE	16
#define PUMP_AT_END	1024

/* Bounds what a bundle may promise: the mailbox keeps nothing for longer. */
#define ANSWER_SECONDS	POSTBOX_LETTER_SECONDS
/* An answer to what was fetched just before the bundle ended may take this. */
#define LATE_SECONDS	3600
/* Without an answer the first message goes again, ever more seldom. */
#define AGAIN_MIN_MS	5000
#define AGAIN_DIRECT_MS	2000
#define AGAIN_MAX_MS	600000
/* Who is there answers within so many times what the bundle may take. */
#define PATIENCE	4

enum step {
	STEP_FETCH,		/* waits for the bundle */
	STEP_EARLY,		/* early data may go, waits for the answer */
	STEP_DRAIN,		/* succeeded; what was encrypted before goes */
};

/* In guarded memory. */
struct begun_secrets {
	struct x3dh x;
	struct x3dh_start start;
	struct x3dh_keys keys;
};

/**
 * struct begun - a channel that is being made
 * @entry: list
 * @step: how far it is
 * @mailbox: @route leads to a prekey service
 * @one_time: a one-time prekey is required
 * @line: socket that talks with the other side; the final decryptor
 * @pipe: worker that the early channel sends to
 * @pipe_path: its address
 * @route: to the peer's listener or the prekey service
 * @target: whom it is for, if @mailbox
 * @number: of the request for the bundle, and of the first message
 * @cookie: what the other side wants to see with that request
 * @has_cookie: it does
 * @first: the first message as it was sent, until the service or the peer answers
 * @first_len: its length
 * @again: when it goes once more, in ms
 * @pause: until the time after that, in ms
 * @begun: the first message was made
 * @broken: errno: there will be none, so nothing else can be read; for the tick
 * @patience: how long to wait for the answer of a peer that is there, in ms
 * @identity: name of our identity
 * @policy: whom to trust
 * @permit: what permits the channel, once the peer is known
 * @owner: whom it is for
 * @shared: mode of the channel
 * @ask: who waits for it, or NULL
 * @deadline: of this step, in ms
 * @secrets: secrets
 * @header: header of the early messages
 * @header_len: its length
 * @own: address of @line
 * @decryptor: of the early channel
 * @channel: id
 * @old: after the answer, what the early channel is called
 * @out: message that could not be sent yet, or NULL
 * @out_len: its length
 */
struct begun {
	TAILQ_ENTRY(begun) entry;
	enum step step;
	bool mailbox;
	bool one_time;
	struct watch line;
	struct watch pipe;
	struct ockam_path pipe_path;
	struct ockam_path route;
	uint8_t target[IDENT_ID_LEN];
	uint64_t number;
	uint8_t cookie[AMPLIFY_COOKIE_LEN];
	bool has_cookie;
	uint8_t *first;
	size_t first_len;
	uint64_t again;
	uint64_t pause;
	bool begun;
	int broken;
	uint64_t patience;
	char *identity;
	struct policy *policy;
	struct permit permit;
	struct asker owner;
	bool shared;
	struct ask *ask;
	uint64_t deadline;
	struct begun_secrets *secrets;
	uint8_t *header;
	size_t header_len;
	struct ockam_path own;
	struct ockam_path decryptor;
	uint32_t channel;
	uint32_t old;
	uint8_t *out;
	size_t out_len;
};

static TAILQ_HEAD(, begun) all = TAILQ_HEAD_INITIALIZER(all);
static uint8_t inbox[X3DH_MESSAGE_MAX];
static uint8_t outbox[X3DH_MESSAGE_MAX + IDENT_HISTORY_MAX];

/* ---- life ---- */

static void secrets_free(struct begun_secrets *s)
{
	if (!s)
		return;
	x3dh_wipe(&s->x);
	x3dh_start_wipe(&s->start);
	sodium_free(s);
}

static void begun_free(struct begun *b)
{
	TAILQ_REMOVE(&all, b, entry);
	left_forget(&b->decryptor);
	x3dh_unwatch(&b->line);
	x3dh_unwatch(&b->pipe);
	secrets_free(b->secrets);
	policy_put(b->policy);
	permit_clear(&b->permit);
	free(b->identity);
	free(b->ask);
	free(b->header);
	free(b->out);
	free(b->first);
	free(b);
}

/* ---- sending ---- */

/*
 * It is ours to send, but he has asked: what the names in his route are of may have
 * changed since.
 */
static int send_for(const struct begun *b, const uint8_t *msg, size_t len)
{
	int err = -way_asked(&b->route, &b->owner);

	if (!err && ockam_send_path(b->line.fd, &b->route, msg, len) < 0)
		err = errno;
	return err;
}

/* 0, or an errno; @out stays when it may go later. */
static int send_out(struct begun *b)
{
	int err = send_for(b, b->out, b->out_len);

	if (x3dh_busy(err))
		return err;
	free(b->out);
	b->out = NULL;
	return err;
}

static int set_out(struct begun *b, const struct ocb_writer *w)
{
	b->out = w->full ? NULL : malloc(w->len);
	if (!b->out)
		return w->full ? EMSGSIZE : ENOMEM;
	memcpy(b->out, w->buf, w->len);
	b->out_len = w->len;
	return 0;
}

/* Without it the peer cannot read the others. */
static int keep_first(struct begun *b, const struct ocb_writer *w)
{
	uint64_t end = now_ms() + b->patience;

	b->first = w->full ? NULL : malloc(w->len);
	if (!b->first)
		return w->full ? EMSGSIZE : ENOMEM;
	memcpy(b->first, w->buf, w->len);
	b->first_len = w->len;
	b->pause = b->mailbox ? AGAIN_MIN_MS : AGAIN_DIRECT_MS;
	b->again = now_ms() + b->pause;
	if (!b->mailbox && end < b->deadline)
		b->deadline = end;
	b->begun = true;
	return 0;
}

static void send_first_again(struct begun *b)
{
	int err;

	b->pause *= 2;
	if (b->pause > AGAIN_MAX_MS)
		b->pause = AGAIN_MAX_MS;
	b->again = now_ms() + b->pause;
	err = send_for(b, b->first, b->first_len);
	if (err)
		log_debug("channel %u: the first message: %s", b->channel,
			  strerror(err));
}

/* An early message with @data at its end. */
static int wrap(struct begun *b, const uint8_t *data, size_t len)
{
	size_t whole = b->header_len + len;
	struct ocb_writer w;
	uint8_t *msg;
	int err = 0;

	if (whole > POSTBOX_MESSAGE_MAX)
		return EMSGSIZE;
	msg = malloc(whole);
	if (!msg)
		return ENOMEM;
	memcpy(msg, b->header, b->header_len);
	memcpy(msg + b->header_len, data, len);
	ocb_writer_init(&w, outbox, sizeof(outbox));
	if (b->mailbox) {
		x3dh_ask(&w, b->number + b->begun, POSTBOX_DEPOSIT, 2);
		ocb_put_bytes(&w, b->target, sizeof(b->target));
		ocb_put_bytes(&w, msg, whole);
	} else {
		ocb_put_raw(&w, msg, whole);
	}
	free(msg);
	if (!b->begun)
		err = keep_first(b, &w);
	if (!err)
		err = set_out(b, &w);
	return err ? err : send_out(b);
}

/* Until there is nothing, no more can be sent now, or @most have gone. */
static void pump(struct begun *b, unsigned int most)
{
	ssize_t n;
	bool first;
	int err;

	if (b->out && x3dh_busy(send_out(b)))
		return;
	while (!b->out && !b->broken && most--) {
		n = ockam_recv(b->pipe.fd, inbox, sizeof(inbox), NULL, 0);
		if (n < 0)
			return;
		first = !b->begun;
		err = wrap(b, inbox, n);
		if (first && (!b->begun || err == EMSGSIZE))
			b->broken = err;
		if (err && !x3dh_busy(err) && may_log())
			log_info("channel %u: early data is lost: %s",
				 b->channel, strerror(err));
	}
}

static void fail(struct begun *b, int err, const char *why)
{
	log_user(b->owner.uid, "x3dh for uid %u failed: %s", b->owner.uid, why);
	if (b->ask)
		answer_error(b->ask, err, "%s", why);
	if (b->channel)
		channels_delete(b->channel);
	/* The peer may have accepted: it shall hear of the end. */
	if (b->step == STEP_EARLY && b->begun)
		pump(b, PUMP_AT_END);
	begun_free(b);
}

static struct begun *of_pipe(struct watch *w)
{
	return (struct begun *)((char *)w - offsetof(struct begun, pipe));
}

static void pipe_readable(struct watch *w, uint32_t events)
{
	(void)events;
	pump(of_pipe(w), PUMP_AT_ONCE);
	/* What waits is for the tick; until then nothing more is read. */
	if (of_pipe(w)->out || of_pipe(w)->broken)
		loop_change(w, 0);
}

/* ---- channels ---- */

/* Nothing is ever decrypted there: only the key to encrypt with is known. */
static int install_early(struct begun *b, struct ockam_path *encryptor,
			 const char **why)
{
	struct install in = {
		.permit = &b->permit,
		.role = OCKAM_ROLE_INITIATOR,
		.decryptor = &b->decryptor,
		.route = &b->pipe_path,
		.inner = true,
		.tx = b->secrets->start.early,
		.shared = b->shared,
	};
	struct installed out;
	int err;

	in.fd = x3dh_socket(true, 0, &b->decryptor);
	*why = "no socket";
	if (in.fd < 0)
		return in.fd;
	left_note(&b->decryptor);
	err = install(&in, &out, why);
	if (!err) {
		b->channel = out.id;
		*encryptor = out.encryptor;
	}
	close(in.fd);
	return err;
}

static int install_final(struct begun *b, const struct ockam_info *info,
			 const char **why)
{
	const struct install in = {
		.permit = &b->permit,
		.role = OCKAM_ROLE_INITIATOR,
		.fd = b->line.fd,
		.decryptor = &b->own,
		.route = &info->ret,
		.local = way_is_local(info),
		.tx = b->secrets->keys.tx,
		.rx = b->secrets->keys.rx,
		.shared = b->shared,
		.succeeds = b->channel,
	};
	struct installed out;
	int err;

	err = way_came(info, &b->owner, why);
	if (!err)
		err = install(&in, &out, why);
	if (!err)
		b->old = out.old;
	return err;
}

/* ---- the bundle ---- */

static void answer_caller(struct begun *b, const struct ockam_path *encryptor)
{
	struct answer ans = { .id = b->ask->id, .channel = b->channel };

	ans.encryptor = *encryptor;
	memcpy(ans.peer, b->permit.peer, sizeof(ans.peer));
	answer_ask(b->ask, &ans);
	free(b->ask);
	b->ask = NULL;
}

/* After it the first message is worth nothing. */
static uint64_t answer_ms(const uint8_t *bundle, size_t len)
{
	uint64_t now = now_seconds(), most = ANSWER_SECONDS;
	struct bundle b;

	if (!bundle_read(bundle, len, &b) && b.expires < now + most)
		most = (b.expires > now ? b.expires - now : 0) + LATE_SECONDS;
	return most * 1000;
}

/* @one_time: NULL if there is none. */
static void begin_early(struct begun *b, const uint8_t *bundle, size_t len,
			const uint8_t *one_time, size_t one_time_len)
{
	struct begun_secrets *s = b->secrets;
	struct ockam_path encryptor;
	struct x3dh_known known;
	struct x3dh_config cfg = {
		.self = keys_find(b->identity),
		.check = &b->policy->check,
		.known = &known,
		.expected = b->mailbox ? b->target : NULL,
		.need_one_time = b->one_time,
	};
	const char *why;
	size_t cap;
	int err;

	if (!cfg.self) {
		fail(b, ENOENT, "our identity is not usable");
		return;
	}
	keystore_known_bundles(the.keys, &known);
	cap = x3dh_header_max(cfg.self);
	b->header = malloc(cap);
	if (!b->header) {
		fail(b, ENOMEM, "out of memory");
		return;
	}
	err = x3dh_initiate(&s->x, &cfg, bundle, len, one_time, one_time_len,
			    now_seconds(), b->header, cap, &b->header_len,
			    &s->start);
	if (err) {
		fail(b, handshake_errno(err),
		     policy_error(b->policy, err));
		return;
	}
	permit_begin(&b->permit, PERMIT_REQUEST, NULL, b->identity, cfg.self,
		     b->policy, &b->owner);
	permit_peer(&b->permit, &s->start.peer);
	err = install_early(b, &encryptor, &why);
	if (err) {
		fail(b, -err, why);
		return;
	}
	x3dh_start_wipe(&s->start);
	b->step = STEP_EARLY;
	b->deadline = now_ms() + answer_ms(bundle, len);
	x3dh_watch(&b->pipe, b->pipe.fd, pipe_readable);
	log_user(b->owner.uid, "channel %u to %s may send early data: initiator, x3dh %s a one-time prekey, identity %s",
		 b->channel, who_text(b->permit.peer), one_time ? "with" : "without",
		 b->identity);
	if (b->ask)
		answer_caller(b, &encryptor);
}

static int fetch(struct begun *b)
{
	struct ocb_writer w;
	size_t start;
	int err;

	ocb_writer_init(&w, outbox, sizeof(outbox));
	/* At a listener it has to be told from M1 of XX. */
	if (!b->mailbox)
		ocb_put_raw(&w, X3DH_NAME, X3DH_NAME_LEN);
	start = w.len;
	x3dh_ask(&w, b->number, POSTBOX_FETCH, 1);
	ocb_put_bytes(&w, b->target, sizeof(b->target));
	if (b->has_cookie)
		x3dh_add_cookie(&w, start, b->cookie);
	err = set_out(b, &w);
	return err ? err : send_out(b);
}

static void got_bundle(struct begun *b, size_t len)
{
	const uint8_t *bundle, *one_time = NULL;
	size_t bundle_len, one_time_len = 0;
	struct ocb_reader r;
	struct ocb_list l;
	uint64_t result;
	int err;

	if (x3dh_reply(inbox, len, b->number, &r, &result, &l))
		return;
	if (result == POSTBOX_E_COOKIE && !b->has_cookie &&
	    !ocb_list_need(&r, &l) &&
	    !ocb_get_fixed(&r, b->cookie, sizeof(b->cookie))) {
		b->has_cookie = true;
		err = fetch(b);
		if (err && !x3dh_busy(err))
			fail(b, err, "the request for a bundle cannot be sent again");
		return;
	}
	if (result) {
		fail(b, ENOENT, postbox_strerror(result));
		return;
	}
	if (ocb_list_need(&r, &l) || ocb_get_bytes(&r, &bundle, &bundle_len) ||
	    ocb_list_need(&r, &l) ||
	    (!ocb_take_null(&r) &&
	     ocb_get_bytes(&r, &one_time, &one_time_len))) {
		fail(b, EBADMSG, "the answer to the request for a bundle is not understood");
		return;
	}
	begin_early(b, bundle, bundle_len, one_time, one_time_len);
}

/* ---- the answer ---- */

/* False if it was none; then the real one can still come. */
static bool got_answer(struct begun *b, const struct ockam_info *info,
		       size_t len)
{
	struct begun_secrets *s = b->secrets;
	const char *why;
	int err;

	err = x3dh_finish(&s->x, inbox, len, &s->keys);
	if (err) {
		log_debug("channel %u: no answer: %s", b->channel,
			  ident_strerror(err));
		return false;
	}
	err = install_final(b, info, &why);
	sodium_memzero(&s->keys, sizeof(s->keys));
	if (err) {
		fail(b, -err, why);
		return true;
	}
	log_user(b->owner.uid, "channel %u to %s is up: initiator, x3dh, identity %s",
		 b->channel, who_text(b->permit.peer), b->identity);
	b->step = STEP_DRAIN;
	b->deadline = now_ms() + DRAIN_MS;
	/* The address is the channel's; what is in the pipe goes another way. */
	loop_del(&b->line);
	close(b->line.fd);
	b->line.fd = dup(the.tx);
	pump(b, PUMP_AT_ONCE);
	loop_change(&b->pipe, b->out ? 0 : EPOLLIN);
	return true;
}

/* May free @b: nothing can come of it when the first message is refused. */
static void got_result(struct begun *b, size_t len)
{
	struct ocb_reader r;
	struct ocb_list l;
	uint64_t result;

	if (b->mailbox && b->first &&
	    !x3dh_reply(inbox, len, b->number, &r, &result, &l)) {
		if (result == POSTBOX_E_STORE)
			return;
		/* The one before may be in the box, and the rest fills it. */
		if (b->pause > AGAIN_MIN_MS && (result == POSTBOX_E_QUOTA ||
						result == POSTBOX_E_FULL))
			return;
		free(b->first);
		b->first = NULL;
		if (result && b->step == STEP_EARLY) {
			fail(b, ECONNREFUSED, postbox_strerror(result));
			return;
		}
	}
	if (!x3dh_reply(inbox, len, b->number + 1, &r, &result, &l) &&
	    result && may_log())
		log_info("channel %u: the prekey service refused early data: %s",
			 b->channel, postbox_strerror(result));
}

static void line_readable(struct watch *w, uint32_t events)
{
	struct begun *b = (struct begun *)((char *)w -
					   offsetof(struct begun, line));
	static struct ockam_info info;
	bool usable;
	int zero = 0;
	ssize_t n;

	(void)events;
	n = ockam_recv(w->fd, inbox, sizeof(inbox), &info, 0);
	if (n < 0) {
		if (!x3dh_busy(errno))
			fail(b, errno, "the socket failed");
		return;
	}
	usable = info.has_ret && info.ret.nhops &&
		 !(info.flags & (MSG_TRUNC | MSG_CTRUNC));
	/* What comes behind the answer is for the channel. */
	if (usable && b->step == STEP_EARLY && n == X3DH_ANSWER_LEN &&
	    got_answer(b, &info, n))
		return;
	/* In handshake mode each further message has to be asked for. */
	if (setsockopt(w->fd, SOL_OCKAM, OCKAM_NEXT, &zero, sizeof(zero))) {
		fail(b, errno, strerror(errno));
		return;
	}
	if (!usable)
		return;
	if (b->step == STEP_FETCH)
		got_bundle(b, n);
	else
		got_result(b, n);
}

/* ---- the beginning ---- */

static size_t count_user(uid_t uid, size_t *whole)
{
	struct begun *b;
	size_t n = 0;

	*whole = 0;
	TAILQ_FOREACH(b, &all, entry) {
		++*whole;
		n += b->owner.uid == uid;
	}
	return n;
}

static void drained(struct begun *b)
{
	channels_delete_quiet(b->old);
	begun_free(b);
}

/* The oldest one of the user who has the most. */
static struct begun *oldest_of_largest(size_t *largest)
{
	struct begun *b, *found = NULL;
	size_t n, whole;

	*largest = 0;
	TAILQ_FOREACH(b, &all, entry) {
		if (found && found->owner.uid == b->owner.uid)
			continue;
		n = count_user(b->owner.uid, &whole);
		if (n > *largest) {
			*largest = n;
			found = b;
		}
	}
	return found;
}

/*
 * One user gets at most a quarter.  When all is taken, who has less than the
 * one with the most displaces the oldest of that one's.
 */
static bool admit(uid_t uid)
{
	size_t whole, largest, mine = count_user(uid, &whole);
	struct begun *victim;

	if (mine >= BEGUN_USER)
		return false;
	if (whole < BEGUN_MAX)
		return true;
	victim = oldest_of_largest(&largest);
	if (!victim || largest <= mine + 1)
		return false;
	/* An answered one would go by itself soon. */
	if (victim->step == STEP_DRAIN)
		drained(victim);
	else
		fail(victim, EAGAIN,
		     "too many channels whose peer has not answered");
	return true;
}

static int open_sockets(struct begun *b)
{
	int fd;

	fd = x3dh_socket(true, OCKAM_ACCEPT_LINKS | OCKAM_ACCEPT_CHANNELS |
			 OCKAM_ACCEPT_FORWARDED, &b->own);
	x3dh_watch(&b->line, fd, line_readable);
	b->pipe.fd = x3dh_socket(false, 0, &b->pipe_path);
	return b->line.fd < 0 || b->pipe.fd < 0 ? -1 : 0;
}

static struct begun *begun_new(const struct initiate *in, const char *how)
{
	struct begun *b = calloc(1, sizeof(*b));

	if (!b)
		return NULL;
	b->line.fd = -1;
	b->pipe.fd = -1;
	TAILQ_INSERT_TAIL(&all, b, entry);
	b->one_time = !strcmp(how, "x3dh-one-time");
	b->mailbox = b->one_time || !strcmp(how, "x3dh-mailbox");
	b->route = in->route;
	b->policy = policy_get(in->policy);
	b->owner = (struct asker){ .uid = in->owner, .gid = in->gid };
	b->shared = in->shared;
	b->deadline = now_ms() + in->timeout_ms;
	b->patience = (uint64_t)PATIENCE * in->timeout_ms;
	randombytes_buf(&b->number, sizeof(b->number));
	if (b->mailbox)
		memcpy(b->target, in->policy->trust.ids[0], IDENT_ID_LEN);
	b->identity = strdup(in->identity);
	b->secrets = sodium_malloc(sizeof(*b->secrets));
	b->ask = in->ask ? malloc(sizeof(*b->ask)) : NULL;
	if (b->secrets)
		sodium_memzero(b->secrets, sizeof(*b->secrets));
	if (b->identity && b->secrets && (b->ask || !in->ask) &&
	    !open_sockets(b))
		return b;
	begun_free(b);
	return NULL;
}

int x3dh_begin(const struct initiate *in, const char *how, const char **why)
{
	struct begun *b;
	int err;

	*why = "a mailbox is one peer's: trust exactly one identifier";
	if (strcmp(how, "x3dh") &&
	    (in->policy->trust.kind != TRUST_LIST || in->policy->trust.n != 1 ||
	     in->policy->trust.n_rules))
		return -EINVAL;
	*why = "too many channels whose peer has not answered";
	if (!admit(in->owner))
		return -EAGAIN;
	*why = "no socket or no memory";
	b = begun_new(in, how);
	if (!b)
		return -ENOMEM;
	err = fetch(b);
	if (err && !x3dh_busy(err)) {
		*why = strerror(err);
		begun_free(b);
		return -err;
	}
	if (b->ask)
		*b->ask = *in->ask;
	return 0;
}

/* ---- time and ends ---- */

static void expire(struct begun *b)
{
	switch (b->step) {
	case STEP_FETCH:
		fail(b, ETIMEDOUT, "nobody answered the request for a bundle in time");
		break;
	case STEP_EARLY:
		fail(b, ETIMEDOUT, "the peer never answered");
		break;
	case STEP_DRAIN:
		drained(b);
		break;
	}
}

void x3dh_begin_tick(void)
{
	struct begun *b, *next;

	TAILQ_FOREACH_SAFE(b, &all, entry, next) {
		if (b->broken && b->step == STEP_EARLY) {
			fail(b, b->broken, b->broken == EMSGSIZE ?
			     "its first message is too long" :
			     "its first message is lost");
		} else if (now_ms() >= b->deadline) {
			expire(b);
		} else if (b->first && b->step == STEP_EARLY && !b->out &&
			   now_ms() >= b->again) {
			send_first_again(b);
		} else if (b->out && b->step == STEP_FETCH) {
			send_out(b);
		} else if (b->out) {
			pump(b, PUMP_AT_ONCE);
			if (!b->out)
				loop_change(&b->pipe, EPOLLIN);
		}
	}
}

/* A channel is gone: what it encrypted last, a Close perhaps, still goes. */
void x3dh_begin_gone(uint32_t channel)
{
	struct begun *b, *next;

	TAILQ_FOREACH_SAFE(b, &all, entry, next) {
		if (!b->channel || b->channel != channel)
			continue;
		pump(b, PUMP_AT_END);
		begun_free(b);
	}
}

int x3dh_begin_check(void)
{
	struct ockam_nl_channel ch;
	struct begun *b, *next;

	TAILQ_FOREACH_SAFE(b, &all, entry, next) {
		if (!b->channel)
			continue;
		memset(&ch, 0, sizeof(ch));
		ch.id = b->channel;
		ockam_nl_mark(&ch, OCKAM_A_CHANNEL_ID);
		if (ockam_nl_channel_get(the.nl, &ch) == -ENOENT)
			x3dh_begin_gone(b->channel);
	}
	return 0;
}

/* Without their secrets these channels would wait for ever. */
void x3dh_begin_end(void)
{
	struct begun *b, *next;

	TAILQ_FOREACH_SAFE(b, &all, entry, next) {
		if (b->ask)
			answer_error(b->ask, ECANCELED, "ockamd is stopping");
		if (b->step == STEP_EARLY) {
			channels_delete(b->channel);
			pump(b, PUMP_AT_END);
		} else if (b->step == STEP_DRAIN) {
			channels_delete_quiet(b->old);
		}
		begun_free(b);
	}
}
