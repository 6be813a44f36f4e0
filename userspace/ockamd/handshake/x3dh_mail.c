// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/*
 * X3DH, the responder's side of a prekey service: bundle and one-time prekeys
 * of a listener's identity go there, first messages come from there.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <sodium.h>

#include "config/config.h"
#include "core/base.h"
#include "core/clock.h"
#include "core/log.h"
#include "core/loop.h"
#include "core/wanted.h"
#include "handshake/keys.h"
#include "handshake/x3dh_accept.h"
#include "handshake/x3dh_keys.h"
#include "handshake/x3dh_mail.h"
#include "handshake/x3dh_socket.h"
#include "services/listener.h"
#include "ident_err.h"
#include "identity.h"
#include "ocbor.h"
#include "postbox.h"
#include "prekeys.h"

#define ANSWER_MS	5000	/* a request gets its answer within */
#define RETRY_MS	1000
#define REFUSED_MS	10000
#define POLL_MS		5000	/* between looks into the mailbox */
#define LINES		64	/* about messages, in a minute, in the log */
#define COUNT_MS	60000	/* between questions for one-time prekeys */
#define BRING_MS	12000	/* between attempts to bring those */
#define ONE_TIME_LOW	16	/* fewer at the service: bring more */
#define ONE_TIME_WANT	48

/**
 * struct mail - a listener with a prekey service
 * @entry: list
 * @watch: its socket
 * @w: for people: the service has our bundle, and answers
 * @name: the listener's, for them
 * @fails: requests in a row that led to nothing
 * @listener: the listener's address
 * @route: to the service
 * @named: the configuration still has it
 * @published: number of the signed prekey that the service has, 0: none
 * @kept: one-time prekeys that it has
 * @count: when to ask for that again, in ms
 * @emptied: messages came since
 * @fresh: number of the first one-time prekey that it has not seen
 * @end: behind the last one that was made for it; others of the identity may be for
 *       another service
 * @bring: when it may be brought these, in ms
 * @unconfirmed: number of their signed prekey, 0: it has all
 * @brought: the request has one-time prekeys
 * @number: of the request that was sent
 * @op: what that was
 * @waiting: for its answer
 * @deadline: of that, in ms
 * @next: when to go on
 * @letter: message that was taken and is to be acknowledged
 * @has_letter: there is one
 * @minute: when lines were counted last
 * @lines: lines in this minute
 */
struct mail {
	TAILQ_ENTRY(mail) entry;
	struct watch watch;
	struct wanted w;
	char *name;
	unsigned int fails;
	struct ockam_path listener;
	struct ockam_path route;
	bool named;
	uint64_t published;
	uint64_t kept;
	uint64_t count;
	bool emptied;
	uint64_t fresh;
	uint64_t end;
	uint64_t bring;
	uint64_t unconfirmed;
	bool brought;
	uint64_t number;
	enum postbox_op op;
	bool waiting;
	uint64_t deadline;
	uint64_t next;
	uint64_t letter;
	bool has_letter;
	uint64_t minute;
	unsigned int lines;
};

static const struct wanted_kind mail_kind = { .word = "mailbox" };
static TAILQ_HEAD(, mail) all = TAILQ_HEAD_INITIALIZER(all);
static uint8_t buf[X3DH_MESSAGE_MAX];

static void step(struct mail *m);

static void mail_free(struct mail *m)
{
	TAILQ_REMOVE(&all, m, entry);
	wanted_remove(&m->w);
	x3dh_unwatch(&m->watch);
	free(m->name);
	free(m);
}

/* ---- requests ---- */

/* One-time prekeys from number @fresh on. */
static int put_one_times(struct ocb_writer *w, const struct own_prekeys *o,
			 struct identity *self, uint64_t fresh, uint64_t end)
{
	const struct prekey_signed *spk = &o->pk->spk[0];
	uint8_t one[ONE_TIME_MAX];
	struct ocb_writer ow;
	unsigned int i, n = 0;
	int err;

	for (i = 0; i < spk->n_one_time; i++)
		n += spk->one_time[i].id >= fresh && spk->one_time[i].id < end;
	ocb_put_array(w, n);
	for (i = 0; i < spk->n_one_time; i++) {
		if (spk->one_time[i].id < fresh || spk->one_time[i].id >= end)
			continue;
		ocb_writer_init(&ow, one, sizeof(one));
		err = prekeys_one_time(o->pk, self, i, &ow);
		if (err)
			return err;
		ocb_put_bytes(w, one, ow.len);
	}
	return 0;
}

static bool send_request(struct mail *m, enum postbox_op op,
			 const struct ocb_writer *w)
{
	m->op = op;
	if (!w->full && ockam_send_path(m->watch.fd, &m->route, w->buf,
					w->len) >= 0) {
		m->waiting = true;
		m->deadline = now_ms() + ANSWER_MS;
		return true;
	}
	m->fails++;
	wanted_fail(&m->w, "sending to %.80s: %s", route_text(&m->route),
		    w->full ? "too long" : strerror(errno));
	m->next = now_ms() + RETRY_MS;
	return false;
}

static void begin_request(struct mail *m, struct ocb_writer *w,
			  enum postbox_op op, size_t fields)
{
	randombytes_buf(&m->number, sizeof(m->number));
	ocb_writer_init(w, buf, sizeof(buf));
	x3dh_ask(w, m->number, op, fields);
}

/* The bundle alone first: the answer says how many one-time prekeys it needs. */
static void publish(struct mail *m, const struct own_prekeys *o,
		    struct identity *self, uint64_t fresh)
{
	struct ocb_writer w;

	m->brought = fresh != UINT64_MAX;
	begin_request(m, &w, POSTBOX_PUBLISH, 2);
	ocb_put_bytes(&w, o->pk->spk[0].bundle, o->pk->spk[0].bundle_len);
	if (put_one_times(&w, o, self, fresh, m->end)) {
		m->next = now_ms() + REFUSED_MS;
		return;
	}
	send_request(m, POSTBOX_PUBLISH, &w);
}

static void ask_number(struct mail *m, enum postbox_op op, uint64_t number)
{
	struct ocb_writer w;

	begin_request(m, &w, op, 1);
	ocb_put_uint(&w, number);
	send_request(m, op, &w);
}

/*
 * New ones, on disk before anybody else has them; or those of the last time, until
 * the service is known to have them.
 */
static bool make_one_times(struct mail *m, struct own_prekeys *o,
			   struct identity *self)
{
	struct prekey_signed *spk = &o->pk->spk[0];
	unsigned int want = spk->n_one_time + ONE_TIME_WANT - m->kept;
	bool changed = false;

	if (m->unconfirmed == spk->id)
		return true;
	m->fresh = spk->next_one_time;
	if (want > PREKEYS_ONE_TIME_MAX)
		want = PREKEYS_ONE_TIME_MAX;
	if (want == spk->n_one_time) {
		/* All are out with somebody who did not use them. */
		if (now_seconds() > spk->created + 86400)
			own_prekeys_renew(o, self);
		return false;
	}
	if (prekeys_refill(o->pk, want, &changed) || !changed)
		return false;
	if (!own_prekeys_save(o)) {
		m->unconfirmed = spk->id;
		m->end = spk->next_one_time;
		return true;
	}
	/* What is not on disk is not used: as it was there. */
	own_prekeys_forget(o);
	return false;
}

/* While it does not take them, what is in the mailbox is fetched all the same. */
static bool bring(struct mail *m, struct own_prekeys *o, struct identity *self)
{
	if (now_ms() < m->bring || !make_one_times(m, o, self))
		return false;
	m->bring = now_ms() + BRING_MS;
	publish(m, o, self, m->fresh);
	return true;
}

static void step(struct mail *m)
{
	struct listener *l = listener_find(&m->listener);
	struct identity *self = l ? keys_find(l->identity) : NULL;
	struct own_prekeys *o;

	o = self ? own_prekeys(l->identity, self) : NULL;
	if (!o) {
		m->fails++;
		wanted_fail(&m->w, "its listener is not there, or the identity has no usable key");
		m->next = now_ms() + REFUSED_MS;
		return;
	}
	if (m->has_letter)
		ask_number(m, POSTBOX_ACKNOWLEDGE, m->letter);
	else if (m->published != o->pk->spk[0].id || now_ms() >= m->count)
		publish(m, o, self, UINT64_MAX);
	else if (m->kept < ONE_TIME_LOW && bring(m, o, self))
		return;
	else
		ask_number(m, POSTBOX_COLLECT, 0);
}

/* ---- answers ---- */

static void got_published(struct mail *m, struct ocb_reader *r,
			  struct ocb_list *f)
{
	struct listener *l = listener_find(&m->listener);
	struct identity *self = l ? keys_find(l->identity) : NULL;
	struct own_prekeys *o = self ? own_prekeys(l->identity, self) : NULL;
	uint64_t before = m->kept;

	if (!o || ocb_list_need(r, f) || ocb_get_uint(r, &m->kept))
		return;
	m->count = now_ms() + COUNT_MS;
	m->emptied = false;
	if (m->published != o->pk->spk[0].id || m->kept > before)
		log_info("listener %s: the prekey service has bundle %llu and %llu one-time prekeys",
			 route_text(&m->listener),
			 (unsigned long long)o->pk->spk[0].id,
			 (unsigned long long)m->kept);
	m->published = o->pk->spk[0].id;
	/* Or an answer before this one did not come. */
	if (m->brought || m->kept >= ONE_TIME_LOW)
		m->unconfirmed = 0;
	if (m->brought)
		m->bring = 0;
}

/* The service has a later one, so ours were lost; or it has had these prekeys. */
static void got_older(struct mail *m)
{
	struct listener *l = listener_find(&m->listener);
	struct identity *self = l ? keys_find(l->identity) : NULL;
	struct own_prekeys *o = self ? own_prekeys(l->identity, self) : NULL;

	if (m->brought && m->unconfirmed) {
		m->unconfirmed = 0;
		return;
	}
	if (o)
		own_prekeys_renew(o, self);
}

/* The way to the service, and from there that of the answers. */
static bool mail_way_back(const struct mail *m, const uint8_t *route, size_t len,
		     struct ockam_path *path)
{
	struct ockam_path tail;
	size_t used;
	int i;

	*path = m->route;
	for (i = 0, used = 0; i < path->nhops - 1; i++)
		used += 2 + path->hops[used + 1];
	path->len = used;
	path->nhops--;
	return !x3dh_path(&tail, route, len) && tail.nhops &&
	       !ockam_path_join(path, &tail);
}

/* Who fills the mailbox, or keeps it, does not fill the log. */
static bool may_tell(struct mail *m)
{
	uint64_t minute = now_ms() / 60000;

	if (minute != m->minute)
		m->lines = 0;
	m->minute = minute;
	return m->lines++ < LINES;
}

/* Whatever is wrong with it will be wrong next time, unless it is our disk. */
static void got_letter(struct mail *m, struct ocb_reader *r,
		       struct ocb_list *f)
{
	struct listener *l = listener_find(&m->listener);
	const uint8_t *msg, *route;
	struct ockam_path reply;
	size_t len, route_len;
	const char *why;
	int err;

	if (!l || ocb_list_need(r, f) || ocb_get_uint(r, &m->letter) ||
	    ocb_list_need(r, f) || ocb_skip(r) ||
	    ocb_list_need(r, f) || ocb_get_bytes(r, &msg, &len) ||
	    ocb_list_need(r, f) || ocb_get_bytes(r, &route, &route_len)) {
		m->next = now_ms() + REFUSED_MS;
		return;
	}
	if (!mail_way_back(m, route, route_len, &reply))
		memset(&reply, 0, sizeof(reply));
	err = x3dh_take(l, &reply, false, msg, len, NULL, &why);
	if (err == EAGAIN || err == EIO) {
		if (may_tell(m))
			log_info("listener %s: a message stays in the mailbox: %s",
				 route_text(&m->listener), why);
		m->next = now_ms() + RETRY_MS;
		return;
	}
	if (err) {
		listener_refused(l, why);
		if (may_tell(m))
			log_info("listener %s: a message out of the mailbox is refused: %s",
				 route_text(&m->listener), why);
	}
	m->has_letter = true;
	/* Somebody was given a one-time prekey, perhaps. */
	m->emptied = true;
}

static void got(struct mail *m, uint64_t result, struct ocb_reader *r,
		struct ocb_list *f)
{
	m->waiting = false;
	m->next = now_ms();
	if (result && result != POSTBOX_E_EMPTY) {
		log_info("listener %s: the prekey service says: %s",
			 route_text(&m->listener), postbox_strerror(result));
		m->next += REFUSED_MS;
		m->fails++;
		wanted_fail(&m->w, "the service says: %s",
			    postbox_strerror(result));
	} else {
		m->fails = 0;
	}
	switch (m->op) {
	case POSTBOX_PUBLISH:
		if (result)
			m->published = 0;
		if (result == POSTBOX_E_OLDER)
			got_older(m);
		if (!result)
			got_published(m, r, f);
		break;
	case POSTBOX_COLLECT:
		if (!result)
			got_letter(m, r, f);
		else if (result == POSTBOX_E_UNKNOWN)
			m->published = 0;
		if (result == POSTBOX_E_EMPTY) {
			if (m->emptied)
				m->count = 0;
			else
				m->next += POLL_MS;
			x3dh_accept_empty(&m->listener);
		}
		break;
	default:
		m->has_letter = false;
		break;
	}
	if (m->next <= now_ms())
		step(m);
}

static void mail_readable(struct watch *w, uint32_t events)
{
	struct mail *m = (struct mail *)((char *)w -
					 offsetof(struct mail, watch));
	static uint8_t in[X3DH_MESSAGE_MAX + 4096];
	static struct ockam_info info;
	struct ocb_reader r;
	struct ocb_list f;
	uint64_t result;
	ssize_t n;

	(void)events;
	n = ockam_recv(w->fd, in, sizeof(in), &info, 0);
	if (n <= 0 || info.flags & MSG_TRUNC || !m->waiting ||
	    x3dh_reply(in, n, m->number, &r, &result, &f))
		return;
	got(m, result, &r, &f);
}

/* ---- time and configuration ---- */

void mail_tick(void)
{
	uint64_t now = now_ms();
	struct mail *m;

	TAILQ_FOREACH(m, &all, entry) {
		/* Until the answer is late it is as it was. */
		if (m->waiting && now < m->deadline)
			continue;
		if (m->waiting) {
			m->next = now;
			m->fails++;
			wanted_fail(&m->w, "no answer along %.80s",
				    route_text(&m->route));
		}
		wanted_is(&m->w, m->published && !m->fails, m->fails, m->next);
		/* Did one-time prekeys come there? */
		if (m->waiting && m->op == POSTBOX_PUBLISH)
			m->count = 0;
		m->waiting = false;
		if (now >= m->next)
			step(m);
	}
}

static struct mail *find(const struct conf_listener *conf)
{
	struct mail *m;

	TAILQ_FOREACH(m, &all, entry)
		if (path_equal(&m->listener, &conf->address) &&
		    path_equal(&m->route, &conf->prekeys))
			return m;
	return NULL;
}

static void add(const struct conf_listener *conf)
{
	struct mail *m = calloc(1, sizeof(*m));
	struct ockam_path own;
	int fd;

	if (m)
		m->name = strdup(conf->name);
	if (!m || !m->name) {
		free(m);
		return;
	}
	fd = x3dh_socket(false, OCKAM_ACCEPT_LINKS | OCKAM_ACCEPT_CHANNELS |
			 OCKAM_ACCEPT_FORWARDED, &own);
	x3dh_watch(&m->watch, fd, mail_readable);
	if (m->watch.fd < 0) {
		log_error("listener %s: no socket for its prekey service",
			  conf->name);
		free(m->name);
		free(m);
		return;
	}
	m->listener = conf->address;
	m->route = conf->prekeys;
	m->named = true;
	wanted_add(&m->w, &mail_kind, m->name);
	TAILQ_INSERT_TAIL(&all, m, entry);
}

void mail_apply(const struct config *c)
{
	struct mail *m, *next;
	size_t i;

	TAILQ_FOREACH(m, &all, entry)
		m->named = false;
	for (i = 0; i < c->n_listener; i++) {
		if (!c->listener[i].prekeys.nhops)
			continue;
		m = find(&c->listener[i]);
		if (m)
			m->named = true;
		else
			add(&c->listener[i]);
	}
	TAILQ_FOREACH_SAFE(m, &all, entry, next)
		if (!m->named)
			mail_free(m);
}

void mail_end(void)
{
	struct mail *m, *next;

	TAILQ_FOREACH_SAFE(m, &all, entry, next)
		mail_free(m);
}
