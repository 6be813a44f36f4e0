// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/*
 * Channels after they were installed: what the kernel reports of them.  Those that
 * the peer closed are deleted.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#include "core/base.h"
#include "core/clock.h"
#include "core/daemon.h"
#include "core/log.h"
#include "core/loop.h"
#include "core/service.h"
#include "handshake/channels.h"
#include "nl.h"

#define EVENTS_AT_ONCE	64	/* then others have their turn */
#define RETRY_MS	1000

static struct ockam_nl *events;
static bool incomplete;		/* the last comparison, or what a message asked for */
static uint64_t next_try;

static int delete_channel(uint32_t id, bool quiet)
{
	struct ockam_nl_channel ch = { .id = id };
	int err;

	ockam_nl_mark(&ch, OCKAM_A_CHANNEL_ID);
	if (quiet)
		ockam_nl_mark(&ch, OCKAM_A_CHANNEL_QUIET);
	err = ockam_nl_channel_del(the.nl, &ch);
	if (!err || err == -ENOENT)
		return 0;
	log_error("channel %u cannot be deleted: %s", id,
		  ockam_nl_error(the.nl));
	return err;
}

int channels_delete(uint32_t id)
{
	return delete_channel(id, false);
}

int channels_delete_quiet(uint32_t id)
{
	return delete_channel(id, true);
}

static void try_again(void)
{
	incomplete = true;
	next_try = now_ms() + RETRY_MS;
}

/* ---- what the kernel reports ---- */

static void on_channel(const struct ockam_nl_channel *ch, bool gone)
{
	if (gone) {
		services_channel_gone(ch->id);
		return;
	}
	services_channel_event(ch);
	switch (ch->event) {
	case OCKAM_CHANNEL_EVENT_NONCE_LIMIT:
	case OCKAM_CHANNEL_EVENT_STALLED:
	case OCKAM_CHANNEL_EVENT_AUTH_FAILURES:
		log_warn("channel %u: %s", ch->id,
			 ockam_nl_value_name(OCKAM_NL_CHANNEL,
					     OCKAM_A_CHANNEL_EVENT,
					     ch->event));
		break;
	/* They come as a message besides. */
	case OCKAM_CHANNEL_EVENT_REFRESH_CREDENTIALS:
	case OCKAM_CHANNEL_EVENT_FIRST_MESSAGE:
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
	services_channel_lost(ch->id, "was closed by its peer");
	if (delete_channel(ch->id, true))
		try_again();
}

static int on_event(const struct ockam_nl_event *ev, void *arg)
{
	(void)arg;
	if (ev->kind == OCKAM_NL_CHANNEL)
		on_channel(ev->object, ev->gone);
	else
		services_object_event(ev);
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
static int sweep(void)
{
	struct ockam_nl_channel filter = {
		.state = OCKAM_CHANNEL_STATE_CLOSED,
	};
	bool failed = false;
	struct closed c;
	size_t i;
	int err;

	ockam_nl_mark(&filter, OCKAM_A_CHANNEL_STATE);
	do {
		c.n = 0;
		err = ockam_nl_dump(the.nl, OCKAM_NL_CHANNEL, &filter,
				    collect_closed, &c);
		for (i = 0; i < c.n; i++) {
			services_channel_lost(c.id[i], "was closed by its peer");
			if (delete_channel(c.id[i], true))
				failed = true;
		}
	} while (err == 1 && !failed);
	if (err < 0)
		log_error("channels: %s", ockam_nl_error(the.nl));
	if (!err && failed)
		err = -EIO;
	return err < 0 ? err : 0;
}

static void compare(void)
{
	int err;

	incomplete = false;
	err = sweep();
	if (services_check() || err)
		try_again();
}

/*
 * Once the kernel has lost one it says so again only after all others were read,
 * whatever else it loses until then.  So these come first.
 */
static void events_readable(struct watch *w, uint32_t revents)
{
	static bool lost;
	unsigned int i;
	int err = 0;

	(void)w;
	(void)revents;
	for (i = 0; i < EVENTS_AT_ONCE && (!err || err == -ENOBUFS); i++) {
		err = ockam_nl_events(events, on_event, NULL);
		lost |= err == -ENOBUFS;
	}
	if (err && err != -ENOBUFS && err != -EAGAIN && err != -EINTR)
		log_error("events: %s", ockam_nl_error(events));
	if (err != -EAGAIN || !lost)
		return;
	lost = false;
	compare();
}

void channels_tick(void)
{
	if (incomplete && now_ms() >= next_try)
		compare();
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
	if (!err)
		err = ockam_nl_subscribe(events, OCKAM_MCGRP_HOP);
	if (!err)
		err = ockam_nl_subscribe(events, OCKAM_MCGRP_NODE);
	if (err) {
		log_error("events: %s", ockam_nl_error(events));
		return err;
	}
	watch.fd = ockam_nl_fd(events);
	/* From here on it is only listened to. */
	if (fcntl(watch.fd, F_SETFL, O_NONBLOCK))
		return -errno;
	err = loop_add(&watch, EPOLLIN);
	if (!err && sweep())
		try_again();
	return err;
}

void channels_end(void)
{
	if (watch.fd >= 0)
		loop_del(&watch);
	ockam_nl_close(events);
}
