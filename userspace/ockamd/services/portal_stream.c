// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/*
 * Connections through portals: a TCP socket and a worker each.  What may happen
 * to one, userspace/portal/portal.c knows; here it gets its sockets, and only
 * messages that came through the channel it began with.
 */
#include <errno.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <linux/sock_diag.h>

#include "config/policy.h"
#include "core/asker.h"
#include "core/base.h"
#include "core/clock.h"
#include "core/daemon.h"
#include "core/log.h"
#include "core/loop.h"
#include "core/worker.h"
#include "services/portal_who.h"
#include "services/portals.h"
#include "identity.h"
#include "nl.h"
#include "peer.h"
#include "portal.h"

#define LEAVE_MS	300000	/* for the peer and for TCP to take the rest */
#define DRAIN_MS	10000
#define SOON_MS		5
#define LATER_MS	1000

/**
 * struct stream - a connection
 * @entry: list of all
 * @p: where it is
 * @tcp: its TCP socket
 * @msg: its worker
 * @tcp_events: what @tcp is watched for, -1: not at all
 * @msg_events: likewise
 * @gate: inlet or outlet
 * @channel: id of the channel it belongs to, 0 before Pong
 * @peer: the verified identifier of that channel
 * @to: route to the other side; before Pong, to the outlet
 * @deadline: when it is too late for the next step, 0: there is none
 * @paused: since when no message is read, 0: they are
 * @leaving: it is over; what remains is to tell the peer, or to hand TCP the rest
 * @draining: all is said; TCP's own end is waited for
 */
struct stream {
	TAILQ_ENTRY(stream) entry;
	struct portal p;
	struct watch tcp;
	struct watch msg;
	int tcp_events;
	int msg_events;
	struct gate *gate;
	uint32_t channel;
	uint8_t peer[IDENT_ID_LEN];
	struct ockam_path to;
	uint64_t deadline;
	uint64_t paused;
	bool leaving;
	bool draining;
};

static TAILQ_HEAD(, stream) streams = TAILQ_HEAD_INITIALIZER(streams);
static uint8_t room[PORTAL_SCRATCH];

/* ---- sockets, for portal.c ---- */

static ssize_t tcp_read(void *ctx, void *buf, size_t size)
{
	const struct stream *s = ctx;
	ssize_t n = recv(s->tcp.fd, buf, size, MSG_DONTWAIT);

	return n < 0 ? -errno : n;
}

static ssize_t tcp_write(void *ctx, const void *buf, size_t len)
{
	const struct stream *s = ctx;
	ssize_t n = send(s->tcp.fd, buf, len, MSG_DONTWAIT | MSG_NOSIGNAL);

	return n < 0 ? -errno : n;
}

static int send_message(void *ctx, const void *buf, size_t len)
{
	const struct stream *s = ctx;

	return ockam_send_path(s->msg.fd, &s->to, buf, len) < 0 ? -errno : 0;
}

static const struct portal_io io = {
	.tcp_read = tcp_read,
	.tcp_write = tcp_write,
	.send = send_message,
};

/* ---- life ---- */

static void send_soon(void);

static void unwatch(struct watch *w, int *events)
{
	if (*events < 0)
		return;
	loop_del(w);
	*events = -1;
}

static void close_tcp(struct stream *s)
{
	const struct linger now = { .l_onoff = 1, .l_linger = 0 };

	if (s->tcp.fd < 0)
		return;
	unwatch(&s->tcp, &s->tcp_events);
	/* Otherwise what is missing would look like the end. */
	if (portal_resets(&s->p))
		setsockopt(s->tcp.fd, SOL_SOCKET, SO_LINGER, &now,
			   sizeof(now));
	close(s->tcp.fd);
	s->tcp.fd = -1;
}

static void close_worker(struct stream *s)
{
	if (s->msg.fd < 0)
		return;
	unwatch(&s->msg, &s->msg_events);
	close(s->msg.fd);
	s->msg.fd = -1;
}

static void stream_free(struct stream *s)
{
	struct gate *g = s->gate;

	portal_clear(&s->p);
	close_tcp(s);
	close_worker(s);
	TAILQ_REMOVE(&streams, s, entry);
	log_debug("%s %s: a connection has ended: %s, %llu bytes out, %llu in",
		  g->conf.inlet ? "inlet" : "outlet", g->conf.name,
		  portal_end_text(s->p.end),
		  (unsigned long long)s->p.bytes_out,
		  (unsigned long long)s->p.bytes_in);
	free(s);
	gate_leave(g);
}

static bool set_events(struct watch *w, int *is, uint32_t events)
{
	int err;

	if (*is == (int)events)
		return true;
	err = *is < 0 ? loop_add(w, events) : loop_change(w, events);
	if (err)
		return false;
	*is = events;
	return true;
}

/*
 * Closing a TCP connection with bytes that nobody has read resets it, and what the
 * other side has yet to get is lost.  So it gets our end, and what still comes is
 * thrown away until its own.
 */
static bool drain(struct stream *s)
{
	if (s->tcp.fd < 0 || s->p.end != PORTAL_BY_PEER ||
	    portal_resets(&s->p) || shutdown(s->tcp.fd, SHUT_WR) ||
	    !set_events(&s->tcp, &s->tcp_events, EPOLLIN))
		return false;
	close_worker(s);
	s->draining = true;
	s->paused = 0;
	s->deadline = now_ms() + DRAIN_MS;
	return true;
}

static void drained(struct stream *s)
{
	ssize_t n = tcp_read(s, room, sizeof(room));

	if (n <= 0 && n != -EAGAIN && n != -EINTR)
		stream_free(s);
}

static void over(struct stream *s)
{
	if (!drain(s))
		stream_free(s);
}

/* After anything has happened to it; it may be gone then. */
static void settle(struct stream *s)
{
	uint32_t tcp = 0, msg = 0;
	unsigned int want;

	want = portal_wants(&s->p);
	if (s->p.state == PORTAL_OVER) {
		over(s);
		return;
	}
	if (want & PORTAL_WANT_TCP_IN)
		tcp |= EPOLLIN;
	if (want & PORTAL_WANT_TCP_OUT)
		tcp |= EPOLLOUT;
	if (want & PORTAL_WANT_MSG_IN)
		msg |= EPOLLIN;
	if (want & PORTAL_WANT_MSG_OUT)
		msg |= EPOLLOUT;
	if (want & PORTAL_WANT_SOON)
		send_soon();
	if ((s->p.state == PORTAL_LEAVING || s->p.doomed) && !s->leaving) {
		s->leaving = true;
		s->deadline = now_ms() + LEAVE_MS;
	}
	/* Who waits for an end need not wait for ours. */
	if (s->leaving && !tcp)
		close_tcp(s);
	if (s->p.rest && !s->paused)
		s->paused = now_ms();
	else if (!s->p.rest)
		s->paused = 0;
	if (s->tcp.fd >= 0 && s->p.state != PORTAL_NEW &&
	    !set_events(&s->tcp, &s->tcp_events, tcp))
		portal_abort(&s->p);
	if (!set_events(&s->msg, &s->msg_events, msg))
		portal_abort(&s->p);
	if (s->p.state == PORTAL_OVER)
		over(s);
}

/* ---- sending that nothing tells the time for ---- */

static bool is_soon;	/* the timer runs */

static void send_again(unsigned int when)
{
	struct stream *s, *next;

	TAILQ_FOREACH_SAFE(s, &streams, entry, next) {
		if (!(portal_wants(&s->p) & when))
			continue;
		portal_msg_out(&s->p);
		settle(s);
	}
}

static void soon_ready(struct watch *w, uint32_t events)
{
	uint64_t n;

	(void)events;
	if (read(w->fd, &n, sizeof(n)) != (ssize_t)sizeof(n))
		return;
	is_soon = false;
	send_again(PORTAL_WANT_SOON);
}

static struct watch soon = { .fd = -1, .fn = soon_ready };

/* Without a timer the next tick does it. */
static void send_soon(void)
{
	const struct itimerspec it = {
		.it_value.tv_nsec = SOON_MS * 1000000L,
	};

	if (is_soon)
		return;
	if (soon.fd < 0) {
		soon.fd = timerfd_create(CLOCK_MONOTONIC,
					 TFD_CLOEXEC | TFD_NONBLOCK);
		if (soon.fd < 0)
			return;
		if (loop_add(&soon, EPOLLIN)) {
			close(soon.fd);
			soon.fd = -1;
			return;
		}
	}
	is_soon = !timerfd_settime(soon.fd, 0, &it, NULL);
}

/* ---- TCP ---- */

/* Before anything of the peer's.  A new connection has room for so little. */
static bool introduce(const struct stream *s)
{
	uint8_t header[PROXY_HEADER_MAX];
	size_t len = proxy_header(s->tcp.fd, s->peer, header);

	return len && send(s->tcp.fd, header, len, MSG_DONTWAIT |
			   MSG_NOSIGNAL) == (ssize_t)len;
}

static void connected(struct stream *s)
{
	socklen_t len = sizeof(int);
	int err = 0;

	if (getsockopt(s->tcp.fd, SOL_SOCKET, SO_ERROR, &err, &len) || err) {
		log_info("outlet %s: %s: %s", s->gate->conf.name,
			 s->gate->conf.endpoint, strerror(err));
		s->gate->refused++;
		host_find(&s->gate->host, HOST_FAILED_MS);
		portal_finish(&s->p, PORTAL_TCP_FAILED);
		return;
	}
	s->deadline = 0;
	if (s->gate->conf.proxy && !introduce(s)) {
		log_info("outlet %s: %s: it does not take a PROXY header",
			 s->gate->conf.name, s->gate->conf.endpoint);
		s->gate->refused++;
		portal_finish(&s->p, PORTAL_TCP_FAILED);
		return;
	}
	portal_start(&s->p);
}

static void tcp_ready(struct watch *w, uint32_t events)
{
	struct stream *s = (struct stream *)((char *)w -
					     offsetof(struct stream, tcp));
	const bool dead = events & (EPOLLERR | EPOLLHUP);

	if (s->draining) {
		drained(s);
		return;
	}
	if (s->p.state == PORTAL_NEW) {
		connected(s);
		settle(s);
		return;
	}
	if (events & EPOLLOUT || dead)
		portal_tcp_out(&s->p);
	/* What it has got before it failed can still be read. */
	if (portal_wants(&s->p) & PORTAL_WANT_TCP_IN) {
		if (events & EPOLLIN || dead)
			portal_tcp_in(&s->p);
	} else if (dead) {
		portal_finish(&s->p, PORTAL_TCP_FAILED);
	}
	settle(s);
}

static void tune(int fd)
{
	const int on = 1;

	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
}

/* ---- messages ---- */

/*
 * Only what came through the channel itself: nothing that a program of this node
 * sent or passed on, whatever channel it names as its origin.
 */
static bool is_channel(const struct ockam_info *info)
{
	return info->has_peer && info->has_ret && info->ret.nhops &&
	       info->peer.origin == OCKAM_ORIGIN_CHANNEL &&
	       !info->peer.flags && info->peer.nchannels &&
	       (!info->has_onward || !info->onward.nhops);
}

/* From now on the kernel refuses what comes from others. */
static bool bind_to(struct stream *s, const struct ockam_info *info)
{
	const uint8_t (*id)[OCKAM_IDENTIFIER_LEN] =
		(const void *)info->channels[0].identifier;

	s->channel = info->channels[0].channel;
	memcpy(s->peer, id, sizeof(s->peer));
	s->to = info->ret;
	return !ockam_accept(s->msg.fd, OCKAM_ACCEPT_IDS, id, 1);
}

static bool begin(struct stream *s, const struct ockam_info *info,
		  const uint8_t *buf, size_t len)
{
	struct portal_msg msg;

	if (portal_read(buf, len, &msg) || msg.kind != PORTAL_PONG)
		return true;
	if (!s->leaving) {
		s->deadline = 0;
		s->gate->opened++;
	}
	return bind_to(s, info);
}

static void take(struct stream *s, const struct ockam_info *info,
		 const uint8_t *buf, size_t len)
{
	if (!is_channel(info) ||
	    (s->channel && s->channel != info->channels[0].channel)) {
		s->gate->refused++;
		log_debug("%s: a message of another is refused",
			  s->gate->conf.name);
		return;
	}
	if (info->flags & MSG_TRUNC)
		portal_finish(&s->p, PORTAL_GARBAGE);
	else if (s->p.state == PORTAL_WAIT && !begin(s, info, buf, len))
		portal_finish(&s->p, PORTAL_LOST);
	else
		portal_message(&s->p, buf, len);
}

static void msg_ready(struct watch *w, uint32_t events)
{
	struct stream *s = (struct stream *)((char *)w -
					     offsetof(struct stream, msg));
	static uint8_t buf[PORTAL_MSG_MAX];
	static struct ockam_info info;
	ssize_t n;

	if (events & EPOLLOUT)
		portal_msg_out(&s->p);
	if (events & EPOLLIN && portal_wants(&s->p) & PORTAL_WANT_MSG_IN) {
		n = ockam_recv(w->fd, buf, sizeof(buf), &info, MSG_DONTWAIT);
		if (n >= 0)
			take(s, &info, buf, n);
		else if (errno != EAGAIN && errno != EINTR)
			portal_finish(&s->p, PORTAL_LOST);
	}
	settle(s);
}

static int open_worker(struct stream *s)
{
	const unsigned int want = 1U << OCKAM_RECV_ONWARD |
				  1U << OCKAM_RECV_RETURN |
				  1U << OCKAM_RECV_PEER;

	s->msg.fd = worker_socket(0, want);
	if (s->msg.fd < 0)
		return s->msg.fd;
	return ockam_bind(s->msg.fd, NULL) ? -errno : 0;
}

static struct stream *stream_new(struct gate *g, int tcp)
{
	struct stream *s = calloc(1, sizeof(*s));

	if (!s) {
		close(tcp);
		return NULL;
	}
	s->gate = g;
	s->tcp.fd = tcp;
	s->tcp.fn = tcp_ready;
	s->tcp_events = -1;
	s->msg.fd = -1;
	s->msg.fn = msg_ready;
	s->msg_events = -1;
	s->deadline = now_ms() + g->conf.timeout_ms;
	portal_init(&s->p, &io, s, room, g->conf.inlet, g->conf.counters);
	TAILQ_INSERT_TAIL(&streams, s, entry);
	g->open++;
	tune(tcp);
	if (!open_worker(s))
		return s;
	log_error("%s: no worker: %s", g->conf.name, strerror(errno));
	portal_finish(&s->p, PORTAL_NO_MEMORY);
	stream_free(s);
	return NULL;
}

bool stream_accepted(struct gate *g, int tcp)
{
	struct stream *s = stream_new(g, tcp);

	if (!s)
		return false;
	s->to = g->conf.path;
	portal_start(&s->p);
	if (s->p.end == PORTAL_LOST) {
		g->refused++;
		log_info("inlet %s: the outlet cannot be reached: %s",
			 g->conf.name, ockam_error());
	}
	settle(s);
	return true;
}

bool stream_connect(struct gate *g, const struct ockam_info *ping)
{
	const struct sockaddr_in6 *ip = &g->conf.ip;
	struct stream *s;
	int fd;

	fd = socket(ip->sin6_family,
		    SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return false;
	s = stream_new(g, fd);
	if (!s)
		return false;
	if (!bind_to(s, ping)) {
		portal_finish(&s->p, PORTAL_LOST);
	} else if (connect(fd, (const struct sockaddr *)ip,
			   ip->sin6_family == AF_INET ?
			   sizeof(struct sockaddr_in) : sizeof(*ip)) &&
		   errno != EINPROGRESS) {
		log_info("outlet %s: %s: %s", g->conf.name, g->conf.endpoint,
			 strerror(errno));
		g->refused++;
		portal_finish(&s->p, PORTAL_TCP_FAILED);
	} else if (!set_events(&s->tcp, &s->tcp_events, EPOLLOUT)) {
		portal_finish(&s->p, PORTAL_NO_MEMORY);
	} else {
		g->opened++;
	}
	settle(s);
	return true;
}

/* ---- all of them ---- */

size_t streams_of(const struct gate *g, const uint8_t id[IDENT_ID_LEN])
{
	const struct stream *s;
	size_t n = 0;

	TAILQ_FOREACH(s, &streams, entry)
		if (s->gate == g && !s->draining &&
		    !memcmp(s->peer, id, sizeof(s->peer)))
			n++;
	return n;
}

const struct gate *streams_whois(const struct sockaddr_storage *address,
				 const struct asker *who,
				 uint8_t id[IDENT_ID_LEN], uint32_t *channel)
{
	const struct stream *s;

	TAILQ_FOREACH(s, &streams, entry) {
		if (s->gate->conf.inlet || s->tcp.fd < 0 || !s->channel ||
		    !is_own_address(s->tcp.fd, address))
			continue;
		if (!asker_is_admin(who) && !is_target_of(s->tcp.fd, who->uid))
			continue;
		memcpy(id, s->peer, IDENT_ID_LEN);
		*channel = s->channel;
		return s->gate;
	}
	return NULL;
}

/* Nobody uses it any more. */
static bool is_ending(const struct stream *s)
{
	return s->tcp.fd < 0 || s->draining;
}

size_t streams_ending(const struct gate *g)
{
	const struct stream *s;
	size_t n = 0;

	TAILQ_FOREACH(s, &streams, entry)
		n += s->gate == g && is_ending(s);
	return n;
}

bool streams_spare(struct gate *g)
{
	struct stream *s;

	TAILQ_FOREACH(s, &streams, entry) {
		if (s->gate == g && is_ending(s)) {
			stream_free(s);
			return true;
		}
	}
	return false;
}

/* The peer is told if that is possible at once. */
static void stop(struct stream *s, enum portal_end end)
{
	portal_finish(&s->p, end);
	stream_free(s);
}

void streams_stop(struct gate *g, const struct policy *policy)
{
	struct stream *s, *next;

	TAILQ_FOREACH_SAFE(s, &streams, entry, next)
		if (s->gate == g &&
		    !(policy && trust_policy_allows(&policy->trust, s->peer)))
			stop(s, PORTAL_STOPPED);
}

void streams_lost(uint32_t channel)
{
	struct stream *s, *next;

	TAILQ_FOREACH_SAFE(s, &streams, entry, next)
		if (s->channel == channel && !s->draining)
			stop(s, PORTAL_LOST);
}

void streams_check(void)
{
	static struct ockam_nl_channel ch;
	struct stream *s, *next;

	TAILQ_FOREACH_SAFE(s, &streams, entry, next) {
		if (!s->channel || s->draining)
			continue;
		memset(&ch, 0, sizeof(ch));
		ch.id = s->channel;
		ockam_nl_mark(&ch, OCKAM_A_CHANNEL_ID);
		if (ockam_nl_channel_get(the.nl, &ch) == -ENOENT)
			stop(s, PORTAL_LOST);
	}
}

/*
 * The kernel drops what waits for a worker that reads nothing for so long, once
 * its queue is full: bytes would be missing.  We are earlier.
 */
static uint64_t patience(void)
{
	struct ockam_nl_node node = { 0 };

	if (ockam_nl_node_get(the.nl, &node) ||
	    !ockam_nl_has(&node, OCKAM_A_NODE_STALL_MS))
		return 0;
	return (uint64_t)node.stall_ms * 3 / 4;
}

/* It is too late for what it was waiting for. */
static void expire(struct stream *s)
{
	s->deadline = 0;
	if (s->draining) {
		stream_free(s);
		return;
	}
	if (s->leaving) {
		portal_abort(&s->p);
	} else {
		s->gate->refused++;
		portal_finish(&s->p, PORTAL_TIMEOUT);
	}
	settle(s);
}

static bool is_full(int fd)
{
	uint32_t info[SK_MEMINFO_VARS] = { 0 };
	socklen_t len = sizeof(info);

	/* When in doubt it is. */
	if (getsockopt(fd, SOL_SOCKET, SO_MEMINFO, info, &len))
		return true;
	return info[SK_MEMINFO_RMEM_ALLOC] >= info[SK_MEMINFO_RCVBUF];
}

void streams_tick(void)
{
	struct stream *s, *next;
	uint64_t now = now_ms();
	static uint64_t later;
	uint64_t limit = 0;
	bool asked = false;

	send_again(PORTAL_WANT_SOON);
	if (now >= later) {
		send_again(PORTAL_WANT_LATER);
		later = now + LATER_MS;
	}
	TAILQ_FOREACH_SAFE(s, &streams, entry, next) {
		if (s->deadline && now >= s->deadline) {
			expire(s);
			continue;
		}
		if (!s->paused || s->leaving)
			continue;
		if (!asked)
			limit = patience();
		asked = true;
		if (now - s->paused < limit || !is_full(s->msg.fd))
			continue;
		log_info("%s %s: the TCP side has taken nothing for %llu ms",
			 s->gate->conf.inlet ? "inlet" : "outlet",
			 s->gate->conf.name,
			 (unsigned long long)(now - s->paused));
		portal_finish(&s->p, PORTAL_STALLED);
		settle(s);
	}
}
