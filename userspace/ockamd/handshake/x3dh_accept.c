// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/*
 * X3DH, the responder: bundles for who asks at a listener, first messages from
 * there and out of mailboxes.
 *
 * A first message makes two channels: one for what comes under the final keys,
 * which also sends, and one for early data.  The daemon hands the data part of
 * early messages to the latter's decryptor; that it is good, and new, is for the
 * kernel to see.
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
#include "core/rate.h"
#include "core/source.h"
#include "core/who.h"
#include "handshake/channels.h"
#include "handshake/install.h"
#include "handshake/keys.h"
#include "handshake/permit.h"
#include "handshake/session.h"
#include "handshake/way.h"
#include "handshake/x3dh_accept.h"
#include "handshake/x3dh_keys.h"
#include "handshake/x3dh_left.h"
#include "handshake/x3dh_socket.h"
#include "services/listener.h"
#include "ident_err.h"
#include "identity.h"
#include "nl.h"
#include "ocbor.h"
#include "postbox.h"

#define GIVE_UP_MS	60000
#define AGAIN_MS	5000	/* between answers along the same way */
#define AGAIN_WAYS	4
/* From the first message under final keys to the end of early data: */
#define LATE_MS		10000	/* on the way from the initiator */
#define LATE_MAIL_MS	60000	/* in a mailbox */
#define LATE_EMPTY_MS	5000	/* until an empty mailbox means that none comes */
#define WAITING_MAX	64	/* without room for their channels, at once */
#define FEEDS		64
#define DIGEST_LEN	32

/**
 * struct feed - where early data is handed to decryptors from
 * @fd: socket
 * @own: its address
 * @users: channels that it feeds, 0: @fd is closed
 *
 * What a slow worker has not taken, and what the kernel sets aside, is charged to
 * the socket that it was sent from.  So that is none that anything else needs, and
 * up to FEEDS channels have one each.
 */
struct feed {
	int fd;
	struct ockam_path own;
	unsigned int users;
};

/**
 * struct again - an answer that went once more
 * @way: hash of the route
 * @when: in ms
 */
struct again {
	uint8_t way[16];
	uint64_t when;
};

/**
 * struct accepted - a channel that a first message made
 * @entry: list
 * @record: what its messages are known by
 * @digest: of the data in the first one, which was seen to be good
 * @channel: id
 * @early: id of the one for early data
 * @decryptor: of the channel
 * @early_decryptor: of the other one
 * @feed: what feeds that, or NULL
 * @reply: where the answer goes
 * @local: a program of this node said so
 * @permit: what permits the channel
 * @source: who is charged for it
 * @answer: the answer
 * @answered: when it was sent, in ms, 0: not yet
 * @again: other ways that it went later, and when
 * @why_not: errno of the last attempt that the log has
 * @data: early data that could not be delivered yet, or NULL
 * @data_len: its length
 * @until: when both are given up, in ms
 * @mailbox: of which listener it came out of the mailbox, or empty
 * @confirmed: first message under final keys, in ms, 0: none yet
 * @waiting: its keys, in guarded memory, while there was no room for its
 *           channels; NULL when these are there
 */
struct accepted {
	TAILQ_ENTRY(accepted) entry;
	uint8_t record[PREKEYS_RECORD_LEN];
	uint8_t digest[DIGEST_LEN];
	uint32_t channel;
	uint32_t early;
	struct ockam_path decryptor;
	struct ockam_path early_decryptor;
	struct feed *feed;
	struct ockam_path reply;
	bool local;
	struct permit permit;
	struct source source;
	uint8_t answer[X3DH_ANSWER_LEN];
	uint64_t answered;
	struct again again[AGAIN_WAYS];
	int why_not;
	uint8_t *data;
	size_t data_len;
	uint64_t until;
	struct ockam_path mailbox;
	uint64_t confirmed;
	struct x3dh_accept *waiting;
};

static TAILQ_HEAD(, accepted) all = TAILQ_HEAD_INITIALIZER(all);
static struct feed feeds[FEEDS];

static int feed_get(struct accepted *a)
{
	struct feed *f = &feeds[0];
	size_t i;

	for (i = 1; i < FEEDS && f->users; i++)
		if (feeds[i].users < f->users)
			f = &feeds[i];
	if (!f->users) {
		f->fd = x3dh_socket(false, 0, &f->own);
		if (f->fd < 0)
			return f->fd;
	}
	f->users++;
	a->feed = f;
	return 0;
}

static void feed_put(struct accepted *a)
{
	/* What it still has on the way is no burden for the next one. */
	if (a->feed && !--a->feed->users)
		close(a->feed->fd);
	a->feed = NULL;
}

static void waiting_free(struct accepted *a)
{
	if (!a->waiting)
		return;
	x3dh_accept_wipe(a->waiting);
	sodium_free(a->waiting);
	a->waiting = NULL;
}

static void accepted_free(struct accepted *a)
{
	waiting_free(a);
	permit_clear(&a->permit);
	feed_put(a);
	free(a->data);
	free(a);
}

/* Its channels are gone, or need this process no more. */
static void accepted_done(struct accepted *a)
{
	TAILQ_REMOVE(&all, a, entry);
	left_forget(&a->decryptor);
	left_forget(&a->early_decryptor);
	accepted_free(a);
}

static struct accepted *find(const uint8_t record[PREKEYS_RECORD_LEN])
{
	struct accepted *a;

	TAILQ_FOREACH(a, &all, entry)
		if (!memcmp(a->record, record, sizeof(a->record)))
			return a;
	return NULL;
}

/* ---- bundles ---- */

/* [number, [0, [bundle, null]]] to whoever asks; it names no one. */
static void give_bundle(struct listener *l, const struct ockam_info *info,
			const uint8_t *msg, size_t len)
{
	static uint8_t out[BUNDLE_MAX + 64];
	struct identity *self = keys_find(l->identity);
	struct ocb_list outer, fields;
	struct own_prekeys *o;
	struct ocb_reader r;
	struct ocb_writer w;
	uint64_t number, op;

	ocb_reader_init(&r, msg, len);
	if (ocb_list_begin(&r, &outer) || ocb_list_need(&r, &outer) ||
	    ocb_get_uint(&r, &number) || ocb_list_need(&r, &outer) ||
	    ocb_enum_begin(&r, &op, &fields) || op != POSTBOX_FETCH)
		return;
	ocb_writer_init(&w, out, sizeof(out));
	if (x3dh_wants_cookie(info, msg, len, &w)) {
		if (w.len)
			ockam_send_path(l->watch.fd, &info->ret, out, w.len);
		return;
	}
	o = self ? own_prekeys(l->identity, self) : NULL;
	ocb_writer_init(&w, out, sizeof(out));
	ocb_put_array(&w, 2);
	ocb_put_uint(&w, number);
	ocb_put_array(&w, 2);
	ocb_put_uint(&w, o ? POSTBOX_OK : POSTBOX_E_UNKNOWN);
	ocb_put_array(&w, o ? 2 : 0);
	if (o) {
		ocb_put_bytes(&w, o->pk->spk[0].bundle,
			      o->pk->spk[0].bundle_len);
		ocb_put_null(&w);
	}
	if (!w.full && ockam_send_path(l->watch.fd, &info->ret, out, w.len) < 0)
		log_debug("a bundle could not be sent: %s", strerror(errno));
}

void x3dh_at_listener(struct listener *l, const struct ockam_info *info,
		      const uint8_t *msg, size_t len)
{
	struct source src;
	const char *why;
	bool is_request;

	if (!info->has_ret || !info->ret.nhops)
		return;
	source_of(info, &src);
	/* A request has two or three parts, the header of a first message four. */
	is_request = msg[X3DH_NAME_LEN] == 0x82 || msg[X3DH_NAME_LEN] == 0x83;
	if (is_request && !rate_allows(&src, 1))
		handshake_refused(l, info, "too many requests");
	else if (is_request)
		give_bundle(l, info, msg + X3DH_NAME_LEN, len - X3DH_NAME_LEN);
	else if (x3dh_take(l, &info->ret, way_is_local(info), msg, len, &src,
			   &why))
		handshake_refused(l, info, why);
}

/* ---- channels ---- */

static int install_final(const struct listener *l,
			 const struct x3dh_accept *acc, struct accepted *a,
			 const char **why)
{
	struct install in = {
		.permit = &a->permit,
		.role = OCKAM_ROLE_RESPONDER,
		.decryptor = &a->decryptor,
		.route = &a->reply,
		.local = a->local,
		.tx = acc->keys.tx,
		.rx = acc->keys.rx,
		.shared = l->shared,
		.source = &a->source,
	};
	struct installed out;
	int err;

	in.fd = x3dh_socket(true, OCKAM_ACCEPT_LINKS | OCKAM_ACCEPT_CHANNELS |
			    OCKAM_ACCEPT_FORWARDED, &a->decryptor);
	*why = "no socket";
	if (in.fd < 0)
		return in.fd;
	left_note(&a->decryptor);
	err = install(&in, &out, why);
	if (!err)
		a->channel = out.id;
	close(in.fd);
	return err;
}

/*
 * What it would be encrypted with is never used.  Its ciphertexts come from us,
 * and it takes them from where its route leads only.
 */
static int install_early(const struct listener *l,
			 const struct x3dh_accept *acc, struct accepted *a,
			 const char **why)
{
	struct install in = {
		.permit = &a->permit,
		.role = OCKAM_ROLE_RESPONDER,
		.decryptor = &a->early_decryptor,
		.inner = true,
		.rx = acc->early,
		.shared = l->shared,
		.early_of = a->channel,
	};
	struct installed out;
	int err;

	*why = "no socket";
	err = a->feed ? 0 : feed_get(a);
	if (err)
		return err;
	in.route = &a->feed->own;
	in.fd = x3dh_socket(true, 0, &a->early_decryptor);
	if (in.fd < 0)
		return in.fd;
	left_note(&a->early_decryptor);
	err = install(&in, &out, why);
	if (!err)
		a->early = out.id;
	close(in.fd);
	return err;
}

/* ---- delivery ---- */

static void send_answer(struct accepted *a)
{
	struct ockam_path to = a->reply;

	if (a->answered)
		return;
	x3dh_unfold(&to);
	if (ockam_send_as(the.tx, &to, &a->decryptor, a->answer,
			  sizeof(a->answer)) >= 0) {
		a->answered = now_ms();
		left_forget(&a->decryptor);
	} else if (!x3dh_busy(errno) && errno != a->why_not) {
		/* A channel or link on the way may come up again. */
		a->why_not = errno;
		log_info("channel %u: the answer cannot be sent now: %s",
			 a->channel, strerror(errno));
	}
}

/* 0, or EAGAIN when it is kept for later. */
static int deliver(struct accepted *a, const uint8_t *data, size_t len)
{
	if (ockam_send_path(a->feed->fd, &a->early_decryptor, data, len) >= 0)
		return 0;
	if (!x3dh_busy(errno)) {
		if (may_log())
			log_info("channel %u: early data is lost: %s", a->channel,
				 strerror(errno));
		return 0;
	}
	if (!a->data) {
		a->data = malloc(len);
		if (!a->data)
			return EAGAIN;
		memcpy(a->data, data, len);
		a->data_len = len;
		a->until = now_ms() + GIVE_UP_MS;
	}
	return EAGAIN;
}

static void deliver_kept(struct accepted *a)
{
	uint8_t *data = a->data;

	if (!data || deliver(a, data, a->data_len))
		return;
	a->data = NULL;
	free(data);
}

/* Of the last answer along @way, or the oldest one; NULL: it is too early. */
static struct again *again_of(struct accepted *a, const uint8_t way[16])
{
	struct again *oldest = &a->again[0];
	struct again *g = NULL;
	size_t i;

	for (i = 0; i < AGAIN_WAYS && !g; i++) {
		if (!memcmp(a->again[i].way, way, sizeof(a->again[i].way)))
			g = &a->again[i];
		else if (a->again[i].when < oldest->when)
			oldest = &a->again[i];
	}
	/* More ways in turn bring no more answers. */
	if (!g)
		g = oldest;
	if (g->when && now_ms() < g->when + AGAIN_MS)
		return NULL;
	memcpy(g->way, way, sizeof(g->way));
	return g;
}

/*
 * Nothing says yet that the message is the initiator's.  So where the answer goes
 * otherwise, and when, does not depend on it.
 */
static void answer_again(struct accepted *a, const struct ockam_path *reply)
{
	struct ockam_path to = *reply;
	struct again *g;
	uint8_t way[16];

	if (!reply->nhops ||
	    (a->answered && now_ms() < a->answered + AGAIN_MS) ||
	    crypto_generichash(way, sizeof(way), reply->hops, reply->len,
			       NULL, 0))
		return;
	g = again_of(a, way);
	if (!g)
		return;
	g->when = now_ms();
	x3dh_unfold(&to);
	if (ockam_send_as(the.tx, &to, &a->decryptor, a->answer,
			  sizeof(a->answer)) >= 0)
		left_forget(&a->decryptor);
	else
		log_debug("channel %u: the answer cannot be sent again: %s",
			  a->channel, strerror(errno));
}

static void digest_of(const struct x3dh_first *f, uint8_t digest[DIGEST_LEN])
{
	crypto_generichash(digest, DIGEST_LEN, f->data, f->data_len, NULL, 0);
}

/* Is it the very data that was accepted?  Anybody on the way can write other. */
static bool is_same(const struct accepted *a, const struct x3dh_first *f)
{
	uint8_t digest[DIGEST_LEN];

	digest_of(f, digest);
	return !memcmp(digest, a->digest, sizeof(digest));
}

/*
 * Another one with the header of one that was accepted: the initiator may not
 * have our answer, perhaps because its way to the mailbox is another one now.
 */
static int take_more(struct accepted *a, const struct x3dh_first *f,
		     const struct ockam_path *reply, const char **why)
{
	if (!f->nonce) {
		if (is_same(a, f))
			answer_again(a, reply);
		*why = ident_strerror(IDENT_E_REPLAY);
		return EKEYREJECTED;
	}
	deliver_kept(a);
	*why = "early data is still waiting";
	if (a->data)
		return EAGAIN;
	answer_again(a, reply);
	deliver(a, f->data, f->data_len);
	return 0;
}

/* ---- first messages ---- */

static int commit(void *ctx)
{
	return own_prekeys_save(ctx);
}

/* Nothing of the message's, and it may be over soon. */
static bool is_ours(int err)
{
	return x3dh_busy(err) || err == ENOMEM || err == ENOSPC ||
	       err == EMFILE || err == ENFILE || err == EUSERS || err == EIO;
}

/*
 * Its keys were in the kernel, whose nonces begin anew with each channel: they are
 * never installed again.  The peer has not heard of it, and a Close is a nonce.
 */
static void drop_final(struct accepted *a)
{
	if (a->channel)
		channels_delete_quiet(a->channel);
	a->channel = 0;
	left_forget(&a->decryptor);
}

static int install_both(struct listener *l, const struct x3dh_accept *acc,
			struct accepted *a, const char **why)
{
	int err;

	if (!a->channel) {
		err = install_final(l, acc, a, why);
		if (err) {
			left_forget(&a->decryptor);
			return err;
		}
	}
	err = install_early(l, acc, a, why);
	if (err)
		left_forget(&a->early_decryptor);
	return err;
}

/*
 * The prekey is used up, so from here on there is no way back: EAGAIN if it can
 * be tried again, with the same keys and what is there already.
 */
static int set_up(struct listener *l, const struct x3dh_accept *acc,
		  const struct x3dh_first *f, struct accepted *a,
		  const char **why)
{
	int err;

	err = install_both(l, acc, a, why);
	if (err) {
		if (is_ours(-err))
			return EAGAIN;
		drop_final(a);
		return -err;
	}
	a->until = now_ms() + GIVE_UP_MS;
	memcpy(a->answer, acc->answer, sizeof(a->answer));
	l->accepted++;
	log_info("channel %u to %s is up: responder, x3dh %s a one-time prekey, identity %s",
		 a->channel, who_text(acc->peer.identifier),
		 f->has_one_time ? "with" : "without", l->identity);
	send_answer(a);
	deliver(a, f->data, f->data_len);
	return 0;
}

static int errno_of(int err)
{
	switch (err) {
	case IDENT_E_NOMEM:
	case IDENT_E_OWN_KEY:
		return EAGAIN;
	case IDENT_E_STORE:
		return EIO;
	case IDENT_E_UNTRUSTED:
		return EACCES;
	default:
		return EKEYREJECTED;
	}
}

static int respond(struct listener *l, struct accepted *a,
		   const uint8_t *msg, size_t len, struct x3dh_accept *acc,
		   const char **why)
{
	const struct asker owner = { .uid = l->owner, .gid = l->gid };
	struct identity *self = keys_find(l->identity);
	struct x3dh_own own = {
		.self = self,
		.check = &l->policy->check,
		.commit = commit,
	};
	struct own_prekeys *o;
	int err;

	*why = "our identity is not usable";
	o = self ? own_prekeys(l->identity, self) : NULL;
	if (!o)
		return EAGAIN;
	*why = "no return route";
	if (!a->reply.nhops)
		return EINVAL;
	own.prekeys = o->pk;
	own.ctx = o;
	err = x3dh_respond(&own, msg, len, now_seconds(), acc);
	if (!err) {
		permit_begin(&a->permit, PERMIT_LISTENER, &l->address,
			     l->identity, self, l->policy, &owner);
		permit_peer(&a->permit, &acc->peer);
		return 0;
	}
	/* What is in memory and what is on disk may differ. */
	if (err == IDENT_E_STORE)
		own_prekeys_forget(o);
	*why = policy_error(l->policy, err);
	return errno_of(err);
}

static bool keep_waiting(struct accepted *a, const struct x3dh_accept *acc)
{
	struct accepted *other;
	unsigned int n = 0;

	TAILQ_FOREACH(other, &all, entry)
		n += !!other->waiting;
	if (n >= WAITING_MAX)
		return false;
	a->waiting = sodium_malloc(sizeof(*a->waiting));
	if (!a->waiting)
		return false;
	*a->waiting = *acc;
	return true;
}

/* It was accepted, but there was no room for its channels. */
static int try_again(struct listener *l, const struct x3dh_first *f,
		     struct accepted *a, const char **why)
{
	int err;

	*why = "its first message came to another listener";
	if (a->permit.name_len != path_first(&l->address) ||
	    memcmp(a->permit.name, l->address.hops, a->permit.name_len))
		return EKEYREJECTED;
	*why = "its first message is waiting";
	if (f->nonce)
		return EAGAIN;
	*why = ident_strerror(IDENT_E_REPLAY);
	if (!is_same(a, f))
		return EKEYREJECTED;
	err = set_up(l, a->waiting, f, a, why);
	if (err == EAGAIN)
		return err;
	waiting_free(a);
	if (err)
		accepted_done(a);
	return err;
}

int x3dh_take(struct listener *l, const struct ockam_path *reply, bool local,
	      const uint8_t *msg, size_t len, const struct source *src,
	      const char **why)
{
	uint8_t record[PREKEYS_RECORD_LEN];
	struct x3dh_accept *acc = &scratch->accept;
	struct accepted *a;
	struct x3dh_first f;
	int err;

	err = x3dh_first_read(msg, len, &f);
	if (!err)
		err = x3dh_record(&f, record);
	if (err) {
		*why = ident_strerror(err);
		return errno_of(err);
	}
	a = find(record);
	if (a && a->waiting)
		return try_again(l, &f, a, why);
	if (a)
		return take_more(a, &f, reply, why);
	/* What follows is dear, further early messages are not. */
	*why = "too many first messages";
	if (src && !rate_allows(src, 1))
		return EBUSY;
	*why = "out of memory";
	a = calloc(1, sizeof(*a));
	if (!a)
		return EAGAIN;
	memcpy(a->record, record, sizeof(a->record));
	digest_of(&f, a->digest);
	a->reply = *reply;
	a->local = local;
	if (src)
		a->source = *src;
	else
		a->source.kind = SOURCE_PASSED_ON;
	a->until = now_ms() + GIVE_UP_MS;
	if (!src)
		a->mailbox = l->address;
	err = respond(l, a, msg, len, acc, why);
	if (err) {
		accepted_free(a);
		return err;
	}
	err = set_up(l, acc, &f, a, why);
	/* The peer in it is taken over. */
	if (err == EAGAIN && keep_waiting(a, acc))
		sodium_memzero(acc, sizeof(*acc));
	else
		x3dh_accept_wipe(acc);
	if (err && !a->waiting) {
		drop_final(a);
		accepted_free(a);
	} else {
		TAILQ_INSERT_TAIL(&all, a, entry);
	}
	return err;
}

/* ---- time and ends ---- */

/*
 * The initiator has our answer, so what it encrypts is for the other channel.
 * The early key goes soon: who steals it could send as the initiator as long as
 * it is there, and read what was recorded of its generation.
 */
static void accept_confirmed(uint32_t channel)
{
	struct accepted *a;

	TAILQ_FOREACH(a, &all, entry)
		if (a->channel == channel && !a->confirmed)
			a->confirmed = now_ms();
}

void x3dh_accept_event(const struct ockam_nl_channel *ch)
{
	if (ch->event == OCKAM_CHANNEL_EVENT_FIRST_MESSAGE)
		accept_confirmed(ch->id);
}

static void end_early(struct accepted *a)
{
	log_info("channel %u: its early data has ended", a->channel);
	channels_delete(a->early);
	accepted_done(a);
}

void x3dh_accept_empty(const struct ockam_path *listener)
{
	struct accepted *a, *next;
	uint64_t now = now_ms();

	TAILQ_FOREACH_SAFE(a, &all, entry, next)
		if (a->confirmed && !a->data &&
		    now >= a->confirmed + LATE_EMPTY_MS &&
		    path_equal(&a->mailbox, listener))
			end_early(a);
}

/* Data that waits is given time, but the key does not live as long as data comes. */
static bool is_over(const struct accepted *a, uint64_t now)
{
	return a->confirmed &&
	       now >= a->confirmed + (a->data ? GIVE_UP_MS : 0) +
		      (a->mailbox.nhops ? LATE_MAIL_MS : LATE_MS);
}

void x3dh_accept_tick(void)
{
	struct accepted *a, *next;
	uint64_t now = now_ms();

	TAILQ_FOREACH_SAFE(a, &all, entry, next) {
		if (is_over(a, now)) {
			end_early(a);
		} else if (a->waiting) {
			if (now < a->until)
				continue;
			drop_final(a);
			accepted_done(a);
		} else if (now < a->until) {
			send_answer(a);
			deliver_kept(a);
		} else if (a->data) {
			log_info("channel %u: early data is lost: it could not be delivered",
				 a->channel);
			free(a->data);
			a->data = NULL;
		}
	}
}

void x3dh_accept_gone(uint32_t channel)
{
	struct accepted *a, *next;

	TAILQ_FOREACH_SAFE(a, &all, entry, next) {
		if (a->channel != channel && a->early != channel)
			continue;
		/*
		 * The initiator ended it before it had our answer.  After that
		 * early data says nothing about the channel any more.
		 */
		if (a->early == channel && !a->confirmed)
			channels_delete(a->channel);
		accepted_done(a);
	}
}

/* Also tells how many messages came, 0 if it is not there. */
static bool is_there(uint32_t channel, uint64_t *msgs)
{
	struct ockam_nl_channel ch = { .id = channel };
	int err;

	ockam_nl_mark(&ch, OCKAM_A_CHANNEL_ID);
	err = ockam_nl_channel_get(the.nl, &ch);
	*msgs = err ? 0 : ch.rx_msgs;
	return err != -ENOENT;
}

int x3dh_accept_check(void)
{
	struct accepted *a, *next;
	uint64_t msgs;

	TAILQ_FOREACH_SAFE(a, &all, entry, next) {
		if (a->waiting && !a->channel)
			continue;
		if (!is_there(a->channel, &msgs))
			x3dh_accept_gone(a->channel);
		else if (msgs)
			accept_confirmed(a->channel);
		else if (!a->waiting && !is_there(a->early, &msgs))
			x3dh_accept_gone(a->early);
	}
	return 0;
}

void x3dh_accept_end(void)
{
	struct accepted *a, *next;

	TAILQ_FOREACH_SAFE(a, &all, entry, next) {
		TAILQ_REMOVE(&all, a, entry);
		accepted_free(a);
	}
}
