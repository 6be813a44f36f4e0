// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/* Credentials that are shown in channels which are up: the peers' and ours. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <linux/ockam.h>

#include "config/config.h"
#include "core/base.h"
#include "core/clock.h"
#include "core/daemon.h"
#include "core/log.h"
#include "core/loop.h"
#include "core/source.h"
#include "core/turns.h"
#include "core/wanted.h"
#include "core/worker.h"
#include "handshake/invited.h"
#include "handshake/keys.h"
#include "handshake/permits.h"
#include "handshake/refresh.h"
#include "ident_err.h"
#include "identity.h"
#include "nl.h"
#include "peer.h"

#define ITEM_MAX	(IDENT_HISTORY_MAX + IDENT_OWN_CREDS_MAX + 16)
#define AT_ONCE		64	/* messages; then others have their turn */
#define ROUNDS		3	/* a datagram may be lost, a link may be down */
#define ROUND_MS	5000

/**
 * struct shown - credentials of a peer that wait for their turn
 * @entry: list
 * @job: for them
 * @channel: what they came by
 * @len: their length
 * @item: change history and credentials
 */
struct shown {
	TAILQ_ENTRY(shown) entry;
	struct job job;
	uint32_t channel;
	size_t len;
	uint8_t item[];
};

/**
 * struct round - channels whose peers are told
 * @id: the channels
 * @n: how many
 * @size: room there
 * @next: the next one
 * @left: times that all of them are told again
 * @at: when, in ms
 */
static struct round {
	uint32_t *id;
	size_t n;
	size_t size;
	size_t next;
	unsigned int left;
	uint64_t at;
} round;

static TAILQ_HEAD(, shown) waiting = TAILQ_HEAD_INITIALIZER(waiting);
static uint8_t item[ITEM_MAX + 1];

static void readable(struct watch *w, uint32_t events);

static struct watch worker = { .fd = -1, .fn = readable };

/* ---- the peers' ---- */

static struct shown *of_job(struct job *job)
{
	return (struct shown *)((char *)job - offsetof(struct shown, job));
}

static void drop(struct job *job)
{
	struct shown *s = of_job(job);

	TAILQ_REMOVE(&waiting, s, entry);
	free(s);
}

static void refuse(uint32_t channel, int err)
{
	if (may_log())
		log_info("channel %u: new credentials of its peer are refused: %s",
			 channel, ident_strerror(err));
}

/*
 * The channel's key is the one of its handshake: a history that is newer than that is
 * stored, and ends the channel as it ends others.
 */
static void check(const struct shown *s)
{
	const struct permit *p = permits_find(s->channel);
	struct policy *policy = p ? permit_policy(p, the.config) : NULL;
	struct ident_refresh r = { .item = s->item, .len = s->len };
	struct ident_peer peer;
	int err;

	if (!policy)
		return;
	r.identifier = p->peer;
	r.key_expires = p->key_expires;
	err = identity_check_refresh(&r, &policy->check, now_seconds(), &peer);
	if (err) {
		refuse(s->channel, err);
		return;
	}
	/* That lets him in, once, by a key agreement. */
	if (invited_is_rule(peer.rule)) {
		ident_peer_clear(&peer);
		return;
	}
	if (permits_extend(s->channel, policy, &peer))
		log_info("channel %u to %s: its peer has shown new credentials, it is permitted for %llu s",
			 s->channel, id_text(peer.identifier),
			 (unsigned long long)(peer.expires - now_seconds()));
	ident_peer_clear(&peer);
}

static void run(struct job *job)
{
	check(of_job(job));
	drop(job);
}

/* Only what the peer itself sent in that channel is its word. */
static bool is_own_word(const struct ockam_info *info)
{
	return info->has_peer && info->peer.origin == OCKAM_ORIGIN_CHANNEL &&
	       !info->peer.flags && info->peer.nchannels &&
	       !(info->flags & (MSG_TRUNC | MSG_CTRUNC));
}

static void take(const struct ockam_info *info, size_t len)
{
	struct shown *s;

	if (!is_own_word(info) || !permits_find(info->channels[0].channel))
		return;
	s = malloc(sizeof(*s) + len);
	if (!s)
		return;
	s->channel = info->channels[0].channel;
	s->len = len;
	memcpy(s->item, item, len);
	s->job = (struct job){
		.bytes = sizeof(*s) + len,
		.run = run,
		.drop = drop,
	};
	source_of(info, &s->job.source);
	TAILQ_INSERT_TAIL(&waiting, s, entry);
	turns_add(&s->job);
}

static void readable(struct watch *w, uint32_t events)
{
	static struct ockam_info info;
	ssize_t n;
	int i;

	(void)events;
	for (i = 0; i < AT_ONCE; i++) {
		n = ockam_recv(w->fd, item, sizeof(item), &info, 0);
		if (n < 0)
			break;
		take(&info, n);
	}
}

/* ---- ours ---- */

/* Without credentials there is nothing to say. */
static size_t write_item(const struct identity *self)
{
	struct ocb_writer w;

	ocb_writer_init(&w, item, ITEM_MAX);
	if (!self || !self->n_creds ||
	    ident_refresh_write(self->raw, self->raw_len, self->creds,
				self->creds_len, self->n_creds, &w))
		return 0;
	return w.len;
}

static void tell(uint32_t id)
{
	const struct permit *p = permits_find(id);
	static struct ockam_nl_channel ch;
	int err;

	memset(&ch, 0, sizeof(ch));
	if (p)
		ch.credentials.len = write_item(keys_peek(p->identity));
	if (!ch.credentials.len)
		return;
	ch.id = id;
	ch.credentials.data = item;
	ockam_nl_mark(&ch, OCKAM_A_CHANNEL_ID);
	ockam_nl_mark(&ch, OCKAM_A_CHANNEL_CREDENTIALS);
	err = ockam_nl_channel_set(the.nl, &ch);
	if (err)
		log_debug("channel %u: our new credentials: %s", id,
			  ockam_nl_error(the.nl));
}

static void note(uint32_t id, const struct permit *p, void *arg)
{
	uint32_t *more;

	if (strcmp(p->identity, arg))
		return;
	if (round.n == round.size) {
		round.size = 2 * round.size + 64;
		more = reallocarray(round.id, round.size, sizeof(*more));
		if (!more) {
			round.size = round.n;
			return;
		}
		round.id = more;
	}
	round.id[round.n++] = id;
}

void refresh_apply(const struct config *c)
{
	size_t i;

	/* Of an earlier reload some may still have to be told. */
	if (!round.left)
		round.n = 0;
	for (i = 0; i < c->n_identity; i++) {
		if (!keys_fresh_creds(c->identity[i].name))
			continue;
		permits_each(note, c->identity[i].name);
		round.next = 0;
		round.left = ROUNDS;
		round.at = now_ms();
	}
}

void refresh_tick(void)
{
	int i;

	if (!round.left || now_ms() < round.at)
		return;
	for (i = 0; i < AT_ONCE && round.next < round.n; i++)
		tell(round.id[round.next++]);
	if (round.next < round.n)
		return;
	round.next = 0;
	round.left--;
	round.at = now_ms() + ROUND_MS;
}

/* Without the name the daemon works: channels end with what was shown first. */
static int worker_make(struct wanted *w)
{
	static bool bound;
	int err;

	if (bound)
		return 0;
	err = ockam_bind(worker.fd, OCKAM_CREDENTIALS_WORKER) ? -errno :
	      loop_add(&worker, EPOLLIN);
	if (err)
		wanted_fail(w, "new credentials that peers show are not seen: %s",
			    strerror(-err));
	bound = !err;
	return err;
}

static const struct wanted_kind worker_kind = { "worker", worker_make };
static struct wanted wanted;

int refresh_init(void)
{
	int fd = worker_socket(OCKAM_ACCEPT_CHANNELS, 1U << OCKAM_RECV_PEER |
						      1U << OCKAM_RECV_RETURN);

	if (fd < 0)
		return fd;
	worker.fd = fd;
	wanted_add(&wanted, &worker_kind, OCKAM_CREDENTIALS_WORKER);
	wanted_now(&wanted);
	return 0;
}

void refresh_end(void)
{
	struct shown *s;

	while ((s = TAILQ_FIRST(&waiting))) {
		turns_cancel(&s->job);
		drop(&s->job);
	}
	free(round.id);
	memset(&round, 0, sizeof(round));
	if (worker.fd < 0)
		return;
	wanted_remove(&wanted);
	loop_del(&worker);
	close(worker.fd);
	worker.fd = -1;
}
