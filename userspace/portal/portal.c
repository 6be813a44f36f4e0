// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/* One connection through a portal: its messages, and what happens to it. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "portal.h"

#define LENGTH_BYTES	10	/* most of an unsigned LEB128 */

/* ---- messages ---- */

/* Bytes used, 0 if it is none. */
static size_t read_length(const uint8_t *buf, size_t len, uint64_t *value)
{
	size_t i;

	*value = 0;
	for (i = 0; i < len && i < LENGTH_BYTES; i++) {
		/* The tenth byte has one bit left. */
		if (i == LENGTH_BYTES - 1 && buf[i] > 1)
			return 0;
		*value |= (uint64_t)(buf[i] & 0x7f) << (7 * i);
		if (!(buf[i] & 0x80))
			return i + 1;
	}
	return 0;
}

int portal_read(const uint8_t *buf, size_t len, struct portal_msg *msg)
{
	uint64_t n;
	size_t used;

	memset(msg, 0, sizeof(*msg));
	if (!len || buf[0] > PORTAL_PAYLOAD)
		return -EBADMSG;
	msg->kind = buf[0];
	if (msg->kind < PORTAL_DISCONNECT)
		return 0;
	buf++;
	len--;
	if (msg->kind == PORTAL_PAYLOAD) {
		used = read_length(buf, len, &n);
		if (!used || n > len - used)
			return -EBADMSG;
		msg->data = buf + used;
		msg->len = n;
		buf += used + n;
		len -= used + n;
	}
	/* Not everybody sends them; a 0 says so. */
	if (len < PORTAL_TAIL || buf[0] != 1)
		return 0;
	msg->has_counter = true;
	msg->counter = buf[1] | buf[2] << 8;
	return 0;
}

static size_t put_counter(uint8_t *to, uint16_t counter)
{
	to[0] = 1;
	to[1] = counter & 0xff;
	to[2] = counter >> 8;
	return PORTAL_TAIL;
}

size_t portal_wrap(uint8_t *data, size_t len, const uint16_t *counter,
		   uint8_t **msg)
{
	uint8_t head[PORTAL_HEAD_MAX];
	size_t left = len, n = 0;

	head[n++] = PORTAL_PAYLOAD;
	for (; left > 0x7f; left >>= 7)
		head[n++] = (left & 0x7f) | 0x80;
	head[n++] = left;
	*msg = data - n;
	memcpy(*msg, head, n);
	if (!counter)
		return n + len;
	return n + len + put_counter(data + len, *counter);
}

/* ---- ends ---- */

static void drop_rest(struct portal *p)
{
	free(p->rest);
	p->rest = NULL;
}

static void drop_out(struct portal *p)
{
	free(p->out);
	p->out = NULL;
}

bool portal_resets(const struct portal *p)
{
	return p->torn ||
	       (p->end != PORTAL_BY_PEER && p->end != PORTAL_BY_TCP);
}

void portal_abort(struct portal *p)
{
	if (p->rest)
		p->torn = true;
	drop_rest(p);
	drop_out(p);
	p->owed = -1;
	if (p->end == PORTAL_NOT_YET)
		p->end = PORTAL_STOPPED;
	p->state = PORTAL_OVER;
}

static bool is_live(const struct portal *p)
{
	return p->state < PORTAL_LEAVING;
}

static void leave_if_done(struct portal *p)
{
	if (p->state == PORTAL_LEAVING && !p->rest && !p->out && p->owed < 0)
		p->state = PORTAL_OVER;
}

/* ---- to the peer ---- */

static void keep_out(struct portal *p, const uint8_t *msg, size_t len)
{
	p->out = malloc(len);
	if (!p->out) {
		/* The payload is missing, so none may follow it. */
		portal_finish(p, PORTAL_NO_MEMORY);
		return;
	}
	memcpy(p->out, msg, len);
	p->out_len = len;
}

/* A way that is broken may be whole later: the peer should hear of the end then. */
static void lose_way(struct portal *p)
{
	const bool known = !p->inlet || p->state == PORTAL_OPEN;

	p->hold = PORTAL_WANT_LATER;
	if (!is_live(p))
		return;
	p->end = PORTAL_LOST;
	p->state = PORTAL_LEAVING;
	drop_rest(p);
	drop_out(p);
	/* Pong, if it is still owed, comes first, as in portal_finish(). */
	if (!known)
		p->owed = -1;
	else if (p->owed != PORTAL_PONG)
		p->owed = PORTAL_DISCONNECT;
	leave_if_done(p);
}

/* True if it is sent; otherwise it waits, or the connection ends. */
static bool try_send(struct portal *p, const uint8_t *msg, size_t len)
{
	int err = p->io->send(p->ctx, msg, len);

	p->hold = 0;
	if (!err)
		return true;
	/* The others are told by nobody when there is room. */
	if (err == -ENOBUFS)
		p->hold = PORTAL_WANT_SOON;
	else if (err != -EAGAIN && err != -EINTR)
		lose_way(p);
	return false;
}

static void pay_owed(struct portal *p)
{
	uint8_t msg[1 + PORTAL_TAIL] = { p->owed };
	size_t len = 1;

	if (p->owed < 0 || p->out)
		return;
	if (p->owed == PORTAL_DISCONNECT && p->counters)
		len += put_counter(msg + 1, p->next_out);
	if (!try_send(p, msg, len))
		return;
	p->owed = -1;
	if (msg[0] == PORTAL_PONG && p->state == PORTAL_LEAVING) {
		p->owed = PORTAL_DISCONNECT;
		pay_owed(p);
	}
}

static void owe(struct portal *p, enum portal_kind kind)
{
	p->owed = kind;
	pay_owed(p);
}

void portal_msg_out(struct portal *p)
{
	if (p->out && try_send(p, p->out, p->out_len))
		drop_out(p);
	pay_owed(p);
	leave_if_done(p);
}

void portal_finish(struct portal *p, enum portal_end end)
{
	enum portal_state was = p->state;
	bool pong;

	if (!is_live(p))
		return;
	p->end = end;
	if (p->state == PORTAL_WAIT && p->owed < 0 &&
	    (end == PORTAL_TCP_FAILED || end == PORTAL_TIMEOUT)) {
		/* Whom to tell is known when Pong comes. */
		p->doomed = true;
		return;
	}
	p->state = PORTAL_LEAVING;
	if (portal_resets(p))
		drop_rest(p);
	/* What was read from TCP comes before its end; else nothing matters. */
	if (end != PORTAL_BY_TCP && end != PORTAL_TCP_FAILED)
		drop_out(p);
	/* Ockam's inlets take no other first word, and would wait for ever. */
	pong = !p->inlet && (was == PORTAL_NEW || p->owed == PORTAL_PONG);
	p->owed = -1;
	/* An inlet that waits has no peer yet. */
	if (end != PORTAL_LOST && end != PORTAL_BY_PEER &&
	    !(p->inlet && was != PORTAL_OPEN))
		owe(p, pong ? PORTAL_PONG : PORTAL_DISCONNECT);
	leave_if_done(p);
}

/* ---- to TCP ---- */

/* True if all of it was taken. */
static bool write_some(struct portal *p, const uint8_t **data, size_t *len)
{
	ssize_t n;

	while (*len) {
		n = p->io->tcp_write(p->ctx, *data, *len);
		if (n == -EINTR)
			continue;
		if (n == -EAGAIN || n == 0)
			return false;
		if (n < 0) {
			drop_rest(p);
			portal_finish(p, PORTAL_TCP_FAILED);
			return false;
		}
		p->bytes_in += n;
		*data += n;
		*len -= n;
	}
	return true;
}

static void give_tcp(struct portal *p, const uint8_t *data, size_t len)
{
	if (write_some(p, &data, &len) || p->state != PORTAL_OPEN)
		return;
	p->rest = malloc(len);
	if (!p->rest) {
		portal_finish(p, PORTAL_NO_MEMORY);
		return;
	}
	memcpy(p->rest, data, len);
	p->rest_len = len;
	p->rest_off = 0;
}

void portal_tcp_out(struct portal *p)
{
	const uint8_t *data;
	size_t len;

	if (!p->rest)
		return;
	data = p->rest + p->rest_off;
	len = p->rest_len - p->rest_off;
	if (write_some(p, &data, &len))
		drop_rest(p);
	p->rest_off = p->rest_len - len;
	/* Also when writing failed, which drops it. */
	leave_if_done(p);
}

/* ---- what comes ---- */

static void take_pong(struct portal *p)
{
	p->state = PORTAL_OPEN;
	if (p->doomed)
		portal_finish(p, p->end);
}

/* Who counts counts all. */
static bool is_next(struct portal *p, const struct portal_msg *msg)
{
	if (!msg->has_counter)
		return !p->counted;
	p->counted = true;
	return msg->counter == p->next_in;
}

static void take_payload(struct portal *p, const struct portal_msg *msg)
{
	if (!is_next(p, msg)) {
		portal_finish(p, PORTAL_GAP);
		return;
	}
	p->next_in += msg->has_counter;
	give_tcp(p, msg->data, msg->len);
}

/* It may have overtaken payloads, or they are lost: no end but a reset. */
static void take_disconnect(struct portal *p, const struct portal_msg *msg)
{
	p->torn = msg->has_counter && msg->counter != p->next_in;
	portal_finish(p, PORTAL_BY_PEER);
	if (p->torn)
		p->end = PORTAL_GAP;
}

void portal_message(struct portal *p, const uint8_t *buf, size_t len)
{
	struct portal_msg msg;

	if (p->state != PORTAL_WAIT && p->state != PORTAL_OPEN)
		return;
	/* There is no room for another one, and the caller knows. */
	if (p->rest)
		return;
	if (portal_read(buf, len, &msg)) {
		/* Before the first word it says nothing about the peer. */
		if (p->state == PORTAL_OPEN)
			portal_finish(p, PORTAL_GARBAGE);
		return;
	}
	if (msg.kind == PORTAL_DISCONNECT)
		take_disconnect(p, &msg);
	else if (p->state == PORTAL_WAIT && msg.kind == PORTAL_PONG)
		take_pong(p);
	else if (p->state == PORTAL_OPEN && msg.kind == PORTAL_PAYLOAD)
		take_payload(p, &msg);
	/* Whatever else it is, it means nothing now. */
}

void portal_tcp_in(struct portal *p)
{
	uint8_t *data = p->scratch + PORTAL_HEAD_MAX;
	uint8_t *msg;
	ssize_t n;

	if (p->state != PORTAL_OPEN || p->out || p->owed >= 0)
		return;
	n = p->io->tcp_read(p->ctx, data, PORTAL_DATA_MAX);
	if (n == -EAGAIN || n == -EINTR)
		return;
	if (n <= 0) {
		portal_finish(p, n ? PORTAL_TCP_FAILED : PORTAL_BY_TCP);
		return;
	}
	n = portal_wrap(data, n, p->counters ? &p->next_out : NULL, &msg);
	p->next_out++;
	p->bytes_out += n;
	if (!try_send(p, msg, n) && p->state == PORTAL_OPEN)
		keep_out(p, msg, n);
}

void portal_start(struct portal *p)
{
	if (p->state != PORTAL_NEW)
		return;
	p->state = p->inlet ? PORTAL_WAIT : PORTAL_OPEN;
	owe(p, p->inlet ? PORTAL_PING : PORTAL_PONG);
}

unsigned int portal_wants(const struct portal *p)
{
	unsigned int want = 0;

	if (p->state == PORTAL_OVER)
		return 0;
	if (p->rest)
		want |= PORTAL_WANT_TCP_OUT;
	if (p->out || p->owed >= 0)
		want |= p->hold ? p->hold : PORTAL_WANT_MSG_OUT;
	else if (p->state == PORTAL_OPEN)
		want |= PORTAL_WANT_TCP_IN;
	if (!p->rest && (p->state == PORTAL_WAIT || p->state == PORTAL_OPEN))
		want |= PORTAL_WANT_MSG_IN;
	return want;
}

void portal_init(struct portal *p, const struct portal_io *io, void *ctx,
		 uint8_t *scratch, bool inlet, bool counters)
{
	memset(p, 0, sizeof(*p));
	p->io = io;
	p->ctx = ctx;
	p->scratch = scratch;
	p->inlet = inlet;
	p->counters = counters;
	p->owed = -1;
}

void portal_clear(struct portal *p)
{
	portal_abort(p);
}

const char *portal_end_text(enum portal_end end)
{
	switch (end) {
	case PORTAL_BY_PEER:
		return "the peer has closed it";
	case PORTAL_BY_TCP:
		return "the end of the TCP stream";
	case PORTAL_TCP_FAILED:
		return "the TCP connection failed";
	case PORTAL_GAP:
		return "a message is missing";
	case PORTAL_GARBAGE:
		return "the peer sent no portal message";
	case PORTAL_LOST:
		return "there is no way to the peer any more";
	case PORTAL_STALLED:
		return "the TCP side takes nothing";
	case PORTAL_TIMEOUT:
		return "no answer";
	case PORTAL_NO_MEMORY:
		return "out of memory";
	case PORTAL_STOPPED:
		return "stopped";
	case PORTAL_NOT_YET:
		break;
	}
	return "open";
}
