// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/* Says, and asks for, what Noise XX leaves open: that M3 was taken. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/base.h"
#include "core/clock.h"
#include "core/daemon.h"
#include "core/log.h"
#include "core/loop.h"
#include "core/worker.h"
#include "handshake/carrier.h"
#include "handshake/confirm.h"
#include "nl.h"

#define WORKER		"ockamd.confirmed"
#define AGAIN_MS	500	/* doubled each time */
#define TRIES		5
#define PENDING_MAX	4096
#define AT_ONCE		64	/* messages; then others have their turn */

/* What such a message says. */
enum word {
	WORD_UP = 1,		/* the responder: M3 was taken */
	WORD_HEARD,		/* the initiator: so I have heard */
};

/**
 * struct pending - what is said again until a first message has come
 * @entry: list, in no order
 * @channel: id
 * @to: where it goes: the peer's worker through the channel, or M3's way
 * @own: M3: our decryptor
 * @next: time of the next try, in ms
 * @tries: how many there were
 * @len: length of @m3; 0: it is the responder's word
 * @m3: M3
 */
struct pending {
	LIST_ENTRY(pending) entry;
	uint32_t channel;
	struct ockam_path to;
	struct ockam_path own;
	uint64_t next;
	unsigned int tries;
	size_t len;
	uint8_t m3[];
};

static LIST_HEAD(, pending) all = LIST_HEAD_INITIALIZER(all);
static size_t n_all;

static void readable(struct watch *w, uint32_t events);

static struct watch worker = { .fd = -1, .fn = readable };

/* ---- what is said again ---- */

static void pending_free(struct pending *p)
{
	LIST_REMOVE(p, entry);
	n_all--;
	free(p);
}

static struct pending *pending_new(uint32_t channel, size_t len)
{
	struct pending *p;

	confirm_done(channel);
	if (n_all >= PENDING_MAX)
		return NULL;
	p = malloc(sizeof(*p) + len);
	if (!p)
		return NULL;
	p->channel = channel;
	p->tries = 0;
	p->next = now_ms() + AGAIN_MS;
	p->len = len;
	LIST_INSERT_HEAD(&all, p, entry);
	n_all++;
	return p;
}

static bool say(const struct ockam_path *to, enum word word)
{
	const uint8_t byte = word;

	return ockam_send_path(worker.fd, to, &byte, sizeof(byte)) >= 0;
}

void confirm_channel(uint32_t channel, const struct ockam_path *encryptor,
		     const struct ockam_path *route)
{
	struct ockam_path to = *encryptor, peer;
	struct pending *p;
	bool said;

	if (ockam_path_parse(&peer, WORKER) || ockam_path_join(&to, &peer))
		return;
	said = say(&to, WORD_UP);
	if (said && !carrier_may_lose(route))
		return;
	p = pending_new(channel, 0);
	if (p)
		p->to = to;
}

void confirm_m3(uint32_t channel, const struct ockam_path *own,
		const struct ockam_path *route, const uint8_t *m3, size_t len)
{
	struct pending *p;

	if (!carrier_may_lose(route))
		return;
	p = pending_new(channel, len);
	if (!p)
		return;
	p->to = *route;
	p->own = *own;
	memcpy(p->m3, m3, len);
}

void confirm_done(uint32_t channel)
{
	struct pending *p;

	LIST_FOREACH(p, &all, entry)
		if (p->channel == channel)
			break;
	if (p)
		pending_free(p);
}

void confirm_event(const struct ockam_nl_channel *ch)
{
	if (ch->event == OCKAM_CHANNEL_EVENT_FIRST_MESSAGE)
		confirm_done(ch->id);
}

/* Is there nothing from the peer yet?  Events may have been lost. */
static bool is_awaited(uint32_t channel)
{
	static struct ockam_nl_channel ch;

	memset(&ch, 0, sizeof(ch));
	ch.id = channel;
	ockam_nl_mark(&ch, OCKAM_A_CHANNEL_ID);
	return !ockam_nl_channel_get(the.nl, &ch) && !ch.rx_msgs &&
	       ch.state == OCKAM_CHANNEL_STATE_UP;
}

void confirm_tick(void)
{
	struct pending *p, *next;

	for (p = LIST_FIRST(&all); p; p = next) {
		next = LIST_NEXT(p, entry);
		if (now_ms() < p->next)
			continue;
		if (p->tries++ == TRIES || !is_awaited(p->channel)) {
			pending_free(p);
			continue;
		}
		p->next = now_ms() + ((uint64_t)AGAIN_MS << p->tries);
		if (p->len)
			ockam_send_as(the.tx, &p->to, &p->own, p->m3, p->len);
		else
			say(&p->to, WORD_UP);
	}
}

/* ---- what is heard ---- */

/* That it came at all has confirmed the channel, to the kernel. */
static void hear(const struct ockam_info *info, uint8_t word)
{
	if (word == WORD_UP && info->has_ret && info->has_peer &&
	    info->peer.origin == OCKAM_ORIGIN_CHANNEL && !info->peer.flags)
		say(&info->ret, WORD_HEARD);
}

static void readable(struct watch *w, uint32_t events)
{
	static struct ockam_info info;
	uint8_t word;
	ssize_t n;
	int i;

	(void)events;
	for (i = 0; i < AT_ONCE; i++) {
		n = ockam_recv(w->fd, &word, sizeof(word), &info, 0);
		if (n < 0)
			break;
		if (n == sizeof(word))
			hear(&info, word);
	}
}

/* Without it the daemon works, as others do that do not know of it. */
int confirm_init(void)
{
	int fd = worker_socket(OCKAM_ACCEPT_CHANNELS, 1U << OCKAM_RECV_PEER |
						      1U << OCKAM_RECV_RETURN);

	if (fd < 0)
		return fd;
	worker.fd = fd;
	if (ockam_bind(fd, WORKER))
		log_warn("worker " WORKER ": %s: channels that peers make are not confirmed",
			 ockam_error());
	return loop_add(&worker, EPOLLIN);
}

void confirm_end(void)
{
	struct pending *p;

	while ((p = LIST_FIRST(&all)))
		pending_free(p);
	if (worker.fd < 0)
		return;
	loop_del(&worker);
	close(worker.fd);
	worker.fd = -1;
}
